//! The database as its users see it, on a SQLite file.

mod suite;

use bodywire_store::{DatabaseKey, Error, Location, Store};
use std::path::{Path, PathBuf};
use suite::{HUB, Place, SENSOR, enrolled, key, open};

struct File(tempfile::TempDir);

impl File {
    fn path(&self) -> PathBuf {
        self.0.path().join("a ward's?#%41.db")
    }
}

impl Place for File {
    fn location(&self) -> Location {
        Location::parse(self.path().to_str().unwrap()).unwrap()
    }
}

fn file(_test: &str) -> Option<File> {
    Some(File(tempfile::tempdir().unwrap()))
}

on_this_engine!(file);

/// Everything in the directory, the log beside the file, too.
fn bytes_below(directory: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.flat_map(|file| std::fs::read(file).unwrap()).collect()
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn secrets_do_not_stand_in_the_file_and_need_the_key() {
    let file = file("").unwrap();
    enrolled(&file, &[SENSOR], 3).await.close().await;
    assert!(file.path().is_file(), "under the name that was said");
    let bytes = bytes_below(file.0.path());
    for secret in [[4u8; 32], [5; 32], [1; 32], [2; 32]] {
        assert!(!holds(&bytes, &secret), "a secret is readable in the file");
    }
    // A path does for a location.
    let store = Store::open(&file.path(), &DatabaseKey::new([8; 32])).await.unwrap();
    assert!(matches!(store.sensors().await, Err(Error::Undecryptable { .. })));
}
