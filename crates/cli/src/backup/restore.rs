//! `bodywire backup restore`.
//!
//! Everything is done to a copy beside the database; the present one is touched last, when the copy has passed every check.
//! Until then a restore that fails or is interrupted has changed nothing, and can be done again.

use super::manifest::Manifest;
use super::place::{self, Place};
use super::{DATABASE, erasures, examine, verify};
use crate::args::{BackupRestoreOptions, Output};
use crate::exit::Failure;
use crate::state::{Holder, State, create_directory};
use bodywire_ledger::prove::consistency;
use bodywire_ledger::tile::CHECKPOINT_FILE;
use bodywire_ledger::{EntryKind, Error, FileDisk, Hash, KeyId, StreamId, VerifierKey, audit};
use bodywire_store::{DatabaseKey, Erasure, Location, LogHead, Store};
use ed25519_dalek::SigningKey;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What SQLite keeps beside a database.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// What was taken from the present database.
#[derive(Default)]
struct Taken {
    erasures: Vec<Erasure>,
    keys: u64,
    /// Why nothing was, when it could not be read.
    trouble: Option<String>,
}

/// How the ledger stands to the restored database.
#[derive(Default)]
struct Ahead {
    entries: u64,
    /// Reports behind the head register: the next start indexes them.
    to_index: u64,
    /// Reports there whose keys, or the names of whose streams, are in no database any more.
    unreadable: u64,
}

/// Puts a backup in the database's place.
pub fn restore(options: &BackupRestoreOptions) -> Result<(), Failure> {
    let manifest = Manifest::check(&options.directory)?;
    let house = Place::of(&options.house)?;
    let role = manifest.role();
    house.has_key(role)?;
    let state = State::open(&house.root, Holder::Restore)?;
    let database = place::database(&state, role);
    let present = database.exists();
    if present && !options.replace {
        return Err(Failure::Denied(format!(
            "{}: there is a database already; to move it aside, say --replace",
            database.display()
        )));
    }
    let mut lists = vec![examine::list(&options.directory)?];
    for file in &options.erasures {
        lists.push(erasures::read(file)?);
    }
    let key = place::database_key(state.secret(place::key_name(role))?);
    let ledger_key = match state.has("keys/ledger") {
        true => Some(SigningKey::from_bytes(&state.secret("keys/ledger")?).verifying_key()),
        false => None,
    };
    let anchor = examine::anchor(&options.directory, &manifest, ledger_key)?;
    let ledger = house.ledger(&state, role);
    crate::block_on(async {
        let draft = place::beside(&database, ".restoring");
        let store = staged(&options.directory, &database, &draft, &key).await?;
        let taken = if present { take(&database, &key, &store).await } else { Taken::default() };
        lists.push(taken.erasures.clone());
        let list = lists.concat();
        let again = store.reapply_erasures(&list).await?;
        let (counts, head) = examine::check(&options.directory, &store, anchor.as_ref()).await?;
        let ahead = match (&ledger, &anchor) {
            (Some(ledger), Some(anchor)) => follow(ledger, &anchor.key, head.as_ref(), &store, &list).await?,
            _ => Ahead::default(),
        };
        // The write-ahead log goes into the file.
        store.close().await;
        let aside = replace(&draft, &database, present)?;
        let store = examine::open(&options.directory, &database, &key).await?;
        let checked = examine::check(&options.directory, &store, anchor.as_ref()).await;
        store.close().await;
        checked?;
        if let Some(trouble) = &taken.trouble {
            crate::logging::say(&format!(
                "the database that was replaced could not be read: {trouble}; if anybody was erased since the backup, \
                 restore again with --erasures FILE"
            ));
        }
        if ahead.unreadable > 0 {
            crate::logging::say(&format!(
                "{} reports in the ledger cannot be read: their keys were drawn after the backup; restore a newer one if \
                 there is any",
                ahead.unreadable
            ));
        }
        crate::print(&match options.output {
            Output::Json => json!({
                "verified": true,
                "role": manifest.role_name(),
                "time_ms": manifest.time_ms,
                "database": database,
                "aside": aside,
                "tables": verify::tables(&counts),
                "erasures": list.len(),
                "erased_again": again,
                "keys_taken": taken.keys,
                "present_read": present && taken.trouble.is_none(),
                "head": head.as_ref().map(verify::head_json),
                "ledger": ledger.as_ref().map(|_| json!({
                    "entries": ahead.entries,
                    "to_index": ahead.to_index,
                    "unreadable": ahead.unreadable,
                })),
            })
            .to_string(),
            Output::Table => {
                let mut lines = vec![
                    format!("{}  restored and checked", database.display()),
                    format!("erased again    {again} keys, by a list of {} lines", list.len()),
                    format!("keys taken      {} from the database that was replaced", taken.keys),
                ];
                lines.extend(aside.map(|aside| format!("kept            {}", aside.display())));
                if ledger.is_some() {
                    lines.push(format!(
                        "ledger          {} entries; the next start indexes {} reports from it, {} cannot be read",
                        ahead.entries, ahead.to_index, ahead.unreadable
                    ));
                }
                lines.push("pairs           the next start of the hub takes out those that its own record names as used".to_owned());
                lines.push("When all is well, delete what was kept.".to_owned());
                lines.join("\n")
            }
        });
        Ok(())
    })
}

/// Copies the backup's database beside the place where it belongs, and opens it there.
async fn staged(
    directory: &Path,
    database: &Path,
    draft: &Path,
    key: &DatabaseKey,
) -> Result<Store, Failure> {
    if let Some(parent) = database.parent() {
        create_directory(parent)?;
    }
    // What an interrupted restore has left.
    remove(draft)?;
    for companion in COMPANIONS {
        remove(&place::beside(draft, companion))?;
    }
    place::copy_private(&directory.join(DATABASE), draft).map_err(Failure::state(draft))?;
    examine::open(directory, draft, key).await
}

/// Takes from the present database what is newer than the backup. One that is damaged has nothing to give.
async fn take(database: &Path, key: &DatabaseKey, restored: &Store) -> Taken {
    let old = match Store::open(&Location::file(database), key).await {
        Ok(old) => old,
        Err(error) => return Taken { trouble: Some(error.to_string()), ..Taken::default() },
    };
    let mut taken = Taken::default();
    match old.erasures().await {
        Ok(list) => taken.erasures = list,
        Err(error) => taken.trouble = Some(error.to_string()),
    }
    match restored.carry_over(&old).await {
        Ok(keys) => taken.keys = keys,
        Err(error) => taken.trouble = Some(error.to_string()),
    }
    // Empties its write-ahead log, so that the file alone is the whole of it.
    old.close().await;
    taken
}

/// Holds the ledger to the restored head register, and counts what lies behind it.
async fn follow(
    ledger: &Path,
    key: &VerifierKey,
    head: Option<&LogHead>,
    store: &Store,
    erased: &[Erasure],
) -> Result<Ahead, Failure> {
    if !ledger.join(CHECKPOINT_FILE).is_file() {
        return Err(Failure::NotVerified(format!(
            "{}: there is no ledger, and the backup has one; bring it back first: bodywire ledger repair {} --from COPY",
            ledger.display(),
            ledger.display()
        )));
    }
    let disk = FileDisk::open_read_only(ledger);
    let from = head.map_or(0, |head| head.size);
    // By data key and stream; each has few.
    let mut sealed: BTreeMap<([u8; 16], [u8; 16]), u64> = BTreeMap::new();
    let (_, published) = audit::entries(&disk, key, |index, entry| {
        let reported = matches!(entry.kind, EntryKind::Telemetry | EntryKind::HomomorphicVector);
        if index >= from && reported {
            let (KeyId(key), StreamId(stream)) = (entry.key, entry.stream);
            *sealed.entry((key, stream)).or_default() += 1;
        }
        false
    })?;
    if let Some(head) = head.filter(|head| head.size > 0) {
        // The register may be ahead of what was published by a moment, if the clinic was killed.
        if head.size <= published.size {
            match consistency(&disk, key, (head.size, &Hash(head.root))) {
                Ok(_) => {}
                Err(Error::ProofRejected { .. }) => {
                    return Err(Failure::NotVerified(format!(
                        "{}: the ledger does not continue the backup's: it was rewritten; keep both, they are the evidence",
                        ledger.display()
                    )));
                }
                Err(error) => return Err(error.into()),
            }
        } else {
            crate::logging::say(&format!(
                "the ledger has published {} entries and the backup knows {}; if the clinic does not start: bodywire ledger \
                 repair {} --from COPY",
                published.size,
                head.size,
                ledger.display()
            ));
        }
    }
    let mut ahead = Ahead { entries: published.size, ..Ahead::default() };
    let streams: BTreeSet<[u8; 16]> = store.streams().await?.into_iter().map(|row| row.stream).collect();
    for ((key, stream), reports) in sealed {
        if store.data_key(key).await?.is_some() && streams.contains(&stream) {
            ahead.to_index += reports;
        } else if !erased.iter().any(|one| one.key == Some(key)) {
            ahead.unreadable += reports;
        }
    }
    Ok(ahead)
}

/// Moves the present database aside and the new one to its place. At every moment there is one under the name, and never
/// a write-ahead log of the other beside it.
fn replace(draft: &Path, database: &Path, present: bool) -> Result<Option<PathBuf>, Failure> {
    let aside = place::beside(database, &format!(".before-restore-{}", crate::now_ms()));
    if present {
        fs::hard_link(database, &aside).map_err(Failure::state(&aside))?;
    }
    for companion in COMPANIONS {
        let from = place::beside(database, companion);
        match fs::rename(&from, place::beside(&aside, companion)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(Failure::state(from)(error)),
            _ => {}
        }
    }
    let sync = || match database.parent() {
        Some(parent) => place::sync_directory(parent),
        None => Ok(()),
    };
    sync().and_then(|()| fs::File::open(draft)?.sync_all()).map_err(Failure::state(draft))?;
    fs::rename(draft, database).and_then(|()| sync()).map_err(Failure::state(database))?;
    Ok(present.then_some(aside))
}

fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Failure::state(path)(error)),
        _ => Ok(()),
    }
}
