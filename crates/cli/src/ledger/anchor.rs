//! Anchors: the log's signed checkpoint, kept where whoever has the ledger's machine cannot reach it.

use super::{existing, key_or_own};
use crate::args::{AnchorOptions, Output};
use crate::exit::Failure;
use bodywire_ledger::note::MAX_NOTE_BYTES;
use bodywire_ledger::prove::consistency;
use bodywire_ledger::tile::CHECKPOINT_FILE;
use bodywire_ledger::{Checkpoint, Disk, Error, FileDisk, VerifierKey};
use serde_json::json;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// Writes the published checkpoint, after its signature has been verified, to a file that does not exist yet.
pub fn anchor(options: &AnchorOptions) -> Result<(), Failure> {
    let directory = existing(&options.directory)?;
    let key = key_or_own(options.key.as_deref(), directory)?;
    let disk = FileDisk::open_read_only(directory);
    let bytes = disk.read_all(CHECKPOINT_FILE).map_err(|_| Error::Unpublished)?;
    let head = Checkpoint::open(&bytes, &key)?;
    let write = |file: &Path| {
        let mut file = OpenOptions::new().write(true).create_new(true).open(file)?;
        file.write_all(&bytes)?;
        file.sync_all()
    };
    write(&options.file).map_err(|error| {
        Failure::path(&options.file, error, "name a file that does not exist yet, in a directory that does")
    })?;
    crate::print(&match options.output {
        Output::Json => json!({
            "file": options.file,
            "origin": head.origin.to_string(),
            "size": head.size,
            "root": head.root.to_string(),
        })
        .to_string(),
        Output::Table => format!(
            "{}  {} entries, root {}: keep it elsewhere; bodywire ledger verify --anchor holds the ledger to it",
            options.file.display(),
            head.size,
            head.root
        ),
    });
    Ok(())
}

/// Checks that the published log has grown from an anchor.
pub(super) fn compare(directory: &Path, key: &VerifierKey, file: &Path) -> Result<(), Failure> {
    let next = "name a file that bodywire ledger anchor has written";
    let size = std::fs::metadata(file).map_err(|error| Failure::path(file, error, next))?.len();
    if size > MAX_NOTE_BYTES as u64 {
        return Err(Failure::path(file, "is longer than any checkpoint", next));
    }
    let bytes = std::fs::read(file).map_err(|error| Failure::path(file, error, next))?;
    let before = Checkpoint::open(&bytes, key).map_err(|error| Failure::path(file, error, next))?;
    let disk = FileDisk::open_read_only(directory);
    let now = disk.read_all(CHECKPOINT_FILE).map_err(|_| Error::Unpublished)?;
    let now = Checkpoint::open(&now, key)?;
    let held = now.size >= before.size
        && match before.size {
            0 => true,
            size => consistency(&disk, key, (size, &before.root)).is_ok(),
        };
    if held {
        return Ok(());
    }
    Err(Failure::NotVerified(format!(
        "{} was signed with {} entries and root {}, and the ledger with its {} does not continue that: it was rolled back or \
         rewritten; keep both, they are the evidence",
        file.display(),
        before.size,
        before.root,
        now.size
    )))
}
