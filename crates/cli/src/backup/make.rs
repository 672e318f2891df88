//! `bodywire backup make`.

use super::manifest::Manifest;
use super::place::{self, Place};
use super::{DATABASE, ERASURES, erasures};
use crate::args::{BackupMakeOptions, BackupRole, Output};
use crate::exit::Failure;
use crate::state::{Holder, State, write_private};
use bodywire_ledger::note::MAX_NOTE_BYTES;
use bodywire_ledger::tile::CHECKPOINT_FILE;
use bodywire_ledger::{Checkpoint, Disk, FileDisk, KEY_FILE, VerifierKey};
use bodywire_store::{Location, Store};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Copies the database while others may use it.
pub fn make(options: &BackupMakeOptions) -> Result<(), Failure> {
    let house = Place::of(&options.house)?;
    let role = house.role(options.role)?;
    crate::block_on(async {
        let directory = &options.directory;
        place::new_directory(directory).map_err(|error| {
            let next = "name a directory that does not exist yet, in one that does";
            Failure::path(directory, error, next)
        })?;
        let made = fill(directory, &house, role).await;
        if made.is_err() {
            // Half a backup is none.
            let _ = fs::remove_dir_all(directory);
        }
        let (manifest, anchor) = made?;
        crate::print(&match options.output {
            Output::Json => json!({
                "directory": directory,
                "role": manifest.role_name(),
                "time_ms": manifest.time_ms,
                "bytes": manifest.database_bytes(),
                "files": manifest.files,
                "anchor": anchor.as_ref().map(as_json),
            })
            .to_string(),
            Output::Table => format!(
                "{}  database of the {} with {} bytes, {}\nNo keys are in it: keep a copy of keys/ elsewhere and offline.\n\
                 Try it: bodywire backup verify {} --keys {}",
                directory.display(),
                manifest.role_name(),
                manifest.database_bytes(),
                anchor.map_or("no ledger yet".to_owned(), |head| format!("ledger of {} entries", head.size)),
                directory.display(),
                house.root.display(),
            ),
        });
        Ok(())
    })
}

/// A checkpoint for programs.
pub(super) fn as_json(head: &Checkpoint) -> serde_json::Value {
    json!({ "origin": head.origin.to_string(), "size": head.size, "root": head.root.to_string() })
}

async fn fill(
    directory: &Path,
    house: &Place,
    role: BackupRole,
) -> Result<(Manifest, Option<Checkpoint>), Failure> {
    house.has_key(role)?;
    let holder = match role {
        BackupRole::Clinic => Holder::Clinic,
        BackupRole::Hub => Holder::Hub,
    };
    let state = State::open(&house.root, holder)?;
    let database = place::database(&state, role);
    if !database.is_file() {
        return Err(Failure::path(&database, "there is no database", "start the role once, or see --role"));
    }
    let key = place::database_key(state.secret(place::key_name(role))?);
    let store = Store::open(&Location::file(&database), &key).await?;
    let copy = directory.join(DATABASE);
    store.backup_to(&copy).await?;
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).map_err(Failure::state(&copy))?;
    // Read after the copy: whoever is erased in between is on it.
    let list = erasures::to_json(&store.erasures().await?)?;
    write_private(&directory.join(ERASURES), list.as_bytes())?;
    let mut names = vec![DATABASE, ERASURES];
    let ledger = house.ledger(&state, role).filter(|ledger| ledger.join(CHECKPOINT_FILE).is_file());
    let anchor = match ledger {
        Some(ledger) => {
            names.extend([CHECKPOINT_FILE, KEY_FILE]);
            Some(anchor(directory, &ledger, &store).await?)
        }
        None => None,
    };
    store.close().await;
    let manifest = Manifest::write(directory, role, &names)?;
    place::sync_directory(directory).map_err(Failure::state(directory))?;
    Ok((manifest, anchor))
}

/// Writes the newest signed checkpoint and the key. What the database has signed may not be published yet, and the copy's
/// head must not be ahead of its anchor.
async fn anchor(directory: &Path, ledger: &Path, store: &Store) -> Result<Checkpoint, Failure> {
    let key_file = ledger.join(KEY_FILE);
    let next = "see with bodywire ledger verify what is wrong with the ledger";
    let text = fs::read_to_string(&key_file).map_err(|error| Failure::path(&key_file, error, next))?;
    let key = VerifierKey::parse(text.trim_end())?;
    let published = FileDisk::open_read_only(ledger)
        .read_all(CHECKPOINT_FILE)
        .map_err(|error| Failure::path(ledger, error, next))?;
    if published.len() > MAX_NOTE_BYTES {
        return Err(Failure::path(&ledger.join(CHECKPOINT_FILE), "is longer than any checkpoint", next));
    }
    let (mut note, mut head) = (published.clone(), Checkpoint::open(&published, &key)?);
    if let Some(known) = store.head(head.origin.as_str()).await?
        && known.size > head.size
    {
        note = known.note.into_bytes();
        head = Checkpoint::open(&note, &key)?;
    }
    write_private(&directory.join(CHECKPOINT_FILE), &note)?;
    write_private(&directory.join(KEY_FILE), text.as_bytes())?;
    Ok(head)
}
