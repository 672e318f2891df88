//! The database as its users see it, on a SQLite file.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod suite;

use bodywire_store::{DatabaseKey, Error, Location, ReportRow, Store, VectorRow};
use std::collections::HashSet;
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

/// The sealed values of keys, as they stand in the file.
async fn sealed_keys(file: &File, names: std::ops::Range<u16>) -> Vec<Vec<u8>> {
    sqlx::any::install_default_drivers();
    let place = file.path().to_str().unwrap().replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    let pool = sqlx::AnyPool::connect(&format!("sqlite://{place}")).await.unwrap();
    let mut sealed = Vec::new();
    for name in names {
        let row = sqlx::query_scalar("SELECT secret FROM data_key WHERE key_id = $1");
        sealed.push(row.bind(name_of(name).to_vec()).fetch_one(&pool).await.unwrap());
    }
    pool.close().await;
    sealed
}

/// Spread like random names, so that rows go between others and pages are split.
fn name_of(number: u16) -> [u8; 16] {
    let mut name = [0; 16];
    name[..2].copy_from_slice(&number.wrapping_mul(40_503).to_be_bytes());
    name
}

#[tokio::test(flavor = "multi_thread")]
async fn erased_secrets_do_not_stand_in_any_file() {
    let file = file("").unwrap();
    let store = open(&file).await;
    let patient = store.admit_patient(b"attributes", HUB, 10).await.unwrap();
    let other = store.admit_patient(b"others", bodywire_proto::wire::HubId(2), 10).await.unwrap();
    for number in 0..600 {
        let whose = if number % 2 == 0 { patient } else { other };
        store.add_data_key(name_of(number), &[number as u8; 32], None, Some(whose), 10).await.unwrap();
    }
    let sealed = sealed_keys(&file, 0..600).await;
    let before = bytes_below(file.0.path());
    assert!(sealed.iter().all(|value| holds(&before, value)), "the test sees what stands there");
    store.erase_patient(patient, 20).await.unwrap();
    let after = bytes_below(file.0.path());
    for (number, value) in sealed.iter().enumerate() {
        assert_eq!(holds(&after, value), number % 2 == 1, "key {number}");
    }
    // Rotation leaves nothing of the old key's, either.
    let mut store = store;
    store.rotate_key(&DatabaseKey::new([9; 32]), |_| {}).await.unwrap();
    let after = bytes_below(file.0.path());
    assert!(!sealed.iter().any(|value| holds(&after, value)));
    assert_eq!(store.data_key(name_of(1)).await.unwrap(), Some([1; 32]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_serves_nothing_again_and_forgets_what_was_erased() {
    let file = file("").unwrap();
    let store = enrolled(&file, &[SENSOR], 400).await;
    let patient = store.admit_patient(b"first", HUB, 10).await.unwrap();
    store.add_data_key([1; 16], &[1; 32], Some(HUB), Some(patient), 10).await.unwrap();
    let row = ReportRow { hub: HUB, number: 1, ledger_index: 0, sensor: SENSOR, kind: 1, hub_time_ms: 15 };
    let vector = |number, patient| VectorRow {
        hub: HUB,
        number,
        ledger_index: number,
        stream: [number as u8; 16],
        patient,
        start_ms: 10,
        length_ms: 5,
        simulated: true,
    };
    let vectors = [vector(1, Some(patient)), vector(2, None)];
    store.index_reports(&[row], &vectors, None).await.unwrap();
    let backup = file.0.path().join("backup's.db");
    store.backup_to(&backup).await.unwrap();
    assert!(matches!(store.backup_to(&backup).await, Err(Error::Backup(_))), "nothing is replaced");
    // Life goes on: what is spent stands in the ledger.
    let mut spent = Vec::new();
    for _ in 0..100 {
        spent.push(store.pairs().claim(HUB, SENSOR, None).await.unwrap().unwrap().number);
    }
    store.erase_patient(patient, 20).await.unwrap();
    let list = store.erasures().await.unwrap();
    store.close().await;

    let restored = Store::open(&backup, &key()).await.unwrap();
    assert_eq!(restored.pairs().left(HUB, SENSOR).await.unwrap(), 400, "it is an old one");
    assert_eq!(restored.pairs().burn(HUB, SENSOR, &spent).await.unwrap(), 100);
    assert_eq!(restored.vectors(&[HUB], 0, 15).await.unwrap(), vectors, "the copy has them");
    assert_eq!(restored.reapply_erasures(&list).await.unwrap(), 1);
    assert_eq!(restored.data_key([1; 16]).await.unwrap(), None);
    assert!(restored.reports(HUB).await.unwrap().is_empty());
    assert_eq!(restored.vectors(&[HUB], 0, 15).await.unwrap(), [vectors[1]]);
    assert!(restored.patients().await.unwrap()[0].attributes.is_none());
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let pool = restored.pairs();
            tokio::spawn(async move {
                let mut got = Vec::new();
                while let Some(claimed) = pool.claim(HUB, SENSOR, None).await.unwrap() {
                    got.push(claimed.number);
                }
                got
            })
        })
        .collect();
    let mut served: HashSet<u64> = spent.into_iter().collect();
    for task in tasks {
        for number in task.await.unwrap() {
            assert!(served.insert(number), "{number} was served twice");
        }
    }
    assert_eq!(served.len(), 400);
}

#[tokio::test]
async fn a_damaged_file_is_found() {
    let file = file("").unwrap();
    enrolled(&file, &[SENSOR], 300).await.close().await;
    let mut bytes = std::fs::read(file.path()).unwrap();
    let at = bytes.windows(8).rposition(|window| window == 200u64.to_be_bytes()).unwrap();
    bytes[at + 20] ^= 1;
    std::fs::write(file.path(), bytes).unwrap();
    let store = open(&file).await;
    let found = store.check_integrity().await;
    assert!(matches!(found, Err(Error::Undecryptable { .. } | Error::Integrity(_))), "{found:?}");
}
