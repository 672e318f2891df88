//! `bodywire backup verify`: a restore that changes nothing.

use super::manifest::Manifest;
use super::place;
use super::{DATABASE, examine, make};
use crate::args::{BackupVerifyOptions, Output};
use crate::exit::Failure;
use bodywire_store::{LogHead, TableCount};
use data_encoding::HEXLOWER as HEX;
use ed25519_dalek::SigningKey;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A directory that goes when it is dropped.
struct Drill(PathBuf);

impl Drill {
    fn new() -> Result<Self, Failure> {
        let name = format!("bodywire-drill-{}-{}", std::process::id(), crate::now_ms());
        let path = std::env::temp_dir().join(name);
        place::new_directory(&path)
            .map_err(|error| Failure::path(&path, error, "name a directory with room in TMPDIR"))?;
        Ok(Self(path))
    }
}

impl Drop for Drill {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, directory = %self.0.display(), "what the drill restored is still there");
        }
    }
}

/// Restores into a temporary directory and checks everything.
pub fn verify(options: &BackupVerifyOptions) -> Result<(), Failure> {
    let directory = &options.directory;
    let manifest = Manifest::check(directory)?;
    let (secret, ledger) = keys(&options.keys, place::key_name(manifest.role()))?;
    let anchor = examine::anchor(directory, &manifest, ledger.map(|key| key.verifying_key()))?;
    let erasures = examine::list(directory)?.len();
    crate::block_on(async {
        let drill = Drill::new()?;
        let database = drill.0.join(DATABASE);
        place::copy_private(&directory.join(DATABASE), &database)
            .map_err(|error| Failure::path(&database, error, "name a directory with room in TMPDIR"))?;
        let store = examine::open(directory, &database, &place::database_key(secret)).await?;
        let checked = examine::check(directory, &store, anchor.as_ref()).await;
        store.close().await;
        let (counts, head) = checked?;
        let anchor = anchor.map(|anchor| anchor.head);
        crate::print(&match options.output {
            Output::Json => json!({
                "verified": true,
                "role": manifest.role_name(),
                "version": manifest.version,
                "time_ms": manifest.time_ms,
                "tables": tables(&counts),
                "erasures": erasures,
                "anchor": anchor.as_ref().map(make::as_json),
                "head": head.as_ref().map(head_json),
            })
            .to_string(),
            Output::Table => {
                let mut lines: Vec<String> =
                    counts.iter().map(|count| format!("{:<12} {:>10}", count.table, count.rows)).collect();
                lines.extend(
                    anchor.map(|head| format!("anchor       {:>10} entries, root {}", head.size, head.root)),
                );
                lines.extend(head.map(|head| format!("head         {:>10} entries", head.size)));
                lines.push(format!(
                    "made by      bodywire {}, {} ms since 1970",
                    manifest.version, manifest.time_ms
                ));
                lines.push("verified".to_owned());
                lines.join("\n")
            }
        });
        Ok(())
    })
}

/// Rows by table.
pub(super) fn tables(counts: &[TableCount]) -> BTreeMap<&'static str, u64> {
    counts.iter().map(|count| (count.table, count.rows)).collect()
}

/// The head register for programs.
pub(super) fn head_json(head: &LogHead) -> serde_json::Value {
    json!({ "size": head.size, "root": HEX.encode(&head.root) })
}

/// The database's key, and the ledger's when a state was named that has it.
fn keys(named: &Path, name: &str) -> Result<([u8; 32], Option<SigningKey>), Failure> {
    if !named.is_dir() {
        return Ok((place::secret(named)?, None));
    }
    let ledger = named.join("keys/ledger");
    let ledger = if ledger.is_file() { Some(SigningKey::from_bytes(&place::secret(&ledger)?)) } else { None };
    Ok((place::secret(&named.join(name))?, ledger))
}
