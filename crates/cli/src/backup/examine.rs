//! The checks of a restored database: of a drill, and of a restore before and after the database is put in place.

use super::manifest::{self, Manifest};
use super::{DATABASE, ERASURES, erasures};
use crate::exit::Failure;
use bodywire_ledger::note::MAX_NOTE_BYTES;
use bodywire_ledger::tile::CHECKPOINT_FILE;
use bodywire_ledger::{Checkpoint, KEY_FILE, VerifierKey};
use bodywire_store::{DatabaseKey, Erasure, Location, LogHead, Store, TableCount};
use ed25519_dalek::VerifyingKey;
use std::path::Path;

/// The backup's ledger: who signs it and how far it was.
pub(super) struct Anchor {
    pub(super) key: VerifierKey,
    pub(super) head: Checkpoint,
}

/// Reads the backup's erasure list.
pub(super) fn list(directory: &Path) -> Result<Vec<Erasure>, Failure> {
    let bytes = manifest::read(directory, ERASURES, erasures::ERASURES_BYTES_MAX)?;
    erasures::parse(&bytes).map_err(|why| manifest::damaged(directory, ERASURES, why))
}

/// Verifies the signature of the backup's checkpoint; with the ledger's own public key, when it is known.
pub(super) fn anchor(
    directory: &Path,
    manifest: &Manifest,
    own: Option<VerifyingKey>,
) -> Result<Option<Anchor>, Failure> {
    if !manifest.files.contains_key(CHECKPOINT_FILE) {
        return Ok(None);
    }
    let damaged = |name: &str, why: &dyn std::fmt::Display| manifest::damaged(directory, name, why);
    let text = manifest::read(directory, KEY_FILE, MAX_NOTE_BYTES as u64)?;
    let key = std::str::from_utf8(&text).map_err(|error| damaged(KEY_FILE, &error))?;
    let key = VerifierKey::parse(key.trim_end()).map_err(|error| damaged(KEY_FILE, &error))?;
    let note = manifest::read(directory, CHECKPOINT_FILE, MAX_NOTE_BYTES as u64)?;
    let head = Checkpoint::open(&note, &key).map_err(|error| damaged(CHECKPOINT_FILE, &error))?;
    if let Some(own) = own {
        let own = VerifierKey::new(head.origin.as_str(), own)?;
        if own != key {
            return Err(damaged(KEY_FILE, &"is not the key of this state's ledger"));
        }
    }
    Ok(Some(Anchor { key, head }))
}

/// Opens a database that was copied from a backup.
pub(super) async fn open(directory: &Path, database: &Path, key: &DatabaseKey) -> Result<Store, Failure> {
    Store::open(&Location::file(database), key)
        .await
        .map_err(|error| manifest::damaged(directory, DATABASE, error))
}

/// Reads everything in the database, and holds its head register to the anchor.
pub(super) async fn check(
    directory: &Path,
    store: &Store,
    anchor: Option<&Anchor>,
) -> Result<(Vec<TableCount>, Option<LogHead>), Failure> {
    let damaged = |why: &dyn std::fmt::Display| manifest::damaged(directory, DATABASE, why);
    let counts = store.check_integrity().await.map_err(|error| damaged(&error))?;
    let Some(anchor) = anchor else { return Ok((counts, None)) };
    let Some(head) = store.head(anchor.head.origin.as_str()).await.map_err(|error| damaged(&error))? else {
        return Ok((counts, None));
    };
    let signed = Checkpoint::open(head.note.as_bytes(), &anchor.key)
        .map_err(|error| damaged(&format!("the head register: {error}")))?;
    if (signed.size, signed.root.0) != (head.size, head.root) {
        return Err(damaged(&"the head register is not what was signed"));
    }
    if head.size > anchor.head.size {
        return Err(damaged(&"the head register is ahead of the checkpoint"));
    }
    if head.size == anchor.head.size && head.root != anchor.head.root.0 {
        return Err(damaged(&"the head register and the checkpoint are of two histories"));
    }
    Ok((counts, Some(head)))
}
