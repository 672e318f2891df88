//! Opening a log: what is stored is read, verified, and compared with the floor.

use std::io;

use crate::{
    Checkpoint, Disk, Error, Floor, Hash, VerifierKey,
    contents::Contents,
    disk::TEMPORARY_SUFFIX,
    head::{self, HEAD_FILE, HeadSlot},
    log::KEY_FILE,
    resume,
    scan::{Claim, Scan},
    segment::{self, SEGMENT_FOLDER},
    snapshot::SNAPSHOT_FILE,
    tile::CHECKPOINT_FILE,
};

/// A last frame that a power cut left unfinished and that was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// Segment file.
    pub file: String,
    /// Where it was cut, in bytes.
    pub offset: u64,
    /// Bytes that were cut off.
    pub bytes: u64,
}

/// What opening a log has found and done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// The disk was empty and a log was begun.
    pub created: bool,
    /// Whole frames that were read.
    pub frames: u64,
    /// Entries that the log holds.
    pub entries: u64,
    /// Entries of them that were taken over from the snapshot and not read: their segments are there and have the right
    /// lengths. [`crate::fsck::check`] reads them.
    pub from_snapshot: u64,
    /// The floor that was applied: the largest of head slots, published checkpoint and the caller's.
    pub floor: u64,
    /// What was cut off, if the last write was torn.
    pub torn_tail: Option<TornTail>,
    /// A head slot was unreadable and has been written anew.
    pub head_slot_repaired: bool,
}

/// What to do about payloads that are gone though no entry says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PendingErasures {
    /// Damage: a writer erases after it has logged.
    Refused,
    /// The entry may still arrive: a mirror is sent old frames as they are now.
    Accepted,
}

pub(crate) fn open<D: Disk>(
    disk: &mut D,
    key: &VerifierKey,
    empty: &str,
    floor: Floor,
    erasures: PendingErasures,
) -> Result<(Contents, Recovery), Error> {
    let created = check_key(disk, key, empty)?;
    if created {
        begin(disk, key, empty)?;
    }
    remove_temporaries(disk)?;
    let (head, bad_slot) = read_head(disk)?;
    let published = read_checkpoint(disk, key)?;
    let claims = vec![
        Claim { size: floor.size, root: floor.root, witness: "the caller", file: "" },
        Claim { size: head.size, root: Some(head.root), witness: "the head slots", file: HEAD_FILE },
        Claim {
            size: published.size,
            root: Some(published.root),
            witness: "the published checkpoint",
            file: CHECKPOINT_FILE,
        },
    ];
    let floor = claims.iter().map(|claim| claim.size).max().unwrap_or(0);
    let mut scan = Scan::new(key, claims, floor);
    scan.contents.has_snapshot = disk.len(SNAPSHOT_FILE).is_ok_and(|len| len > 0);
    if let Some(contents) = resume::contents(disk, key, &published, &mut scan.claims) {
        scan.contents = contents;
    }
    let from_snapshot = scan.size();
    (scan.contents.published, scan.contents.published_root) = (published.size, published.root);
    scan.contents.head_seq = head.seq;
    scan.contents.head = (head.size, head.root);
    scan.run(disk)?;
    if erasures == PendingErasures::Refused
        && let Some(index) = scan.contents.erasures.first_pending()
    {
        let after = scan.contents.segments.partition_point(|segment| segment.first <= index);
        let segment = after.checked_sub(1).and_then(|at| scan.contents.segments.get(at));
        let file = segment::path(segment.map_or(0, |segment| segment.first));
        return Err(Error::damaged(
            &file,
            index,
            "its payload is gone, but no entry says that its key was erased",
        ));
    }
    let Scan { mut contents, frames, torn_tail, .. } = scan;
    settle(disk, &mut contents, torn_tail.as_ref(), &head, bad_slot)?;
    let entries = contents.frontier.size();
    let recovery =
        Recovery { created, frames, entries, from_snapshot, floor, torn_tail, head_slot_repaired: bad_slot };
    Ok((contents, recovery))
}

fn read_if_present(disk: &impl Disk, path: &str) -> Result<Option<Vec<u8>>, Error> {
    match disk.read_all(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::disk("read", path)(error)),
    }
}

/// Whether the log has to be begun; an error if the directory belongs to another key or has lost its head.
fn check_key(disk: &impl Disk, key: &VerifierKey, empty: &str) -> Result<bool, Error> {
    let stored = read_if_present(disk, KEY_FILE)?;
    let has_head = read_if_present(disk, HEAD_FILE)?.is_some();
    let has_data = !disk.list(SEGMENT_FOLDER).map_err(Error::disk("list", SEGMENT_FOLDER))?.is_empty()
        || read_if_present(disk, CHECKPOINT_FILE)?.is_some_and(|bytes| bytes != empty.as_bytes());
    if let Some(bytes) = &stored
        && *bytes != key_file(key)
    {
        let text = String::from_utf8_lossy(bytes);
        return match VerifierKey::parse(text.trim_end_matches('\n')) {
            Ok(found) if found != *key => Err(Error::WrongKey { found: found.label(), given: key.label() }),
            _ => Err(Error::damaged(KEY_FILE, 0, "it is not a verifier key")),
        };
    }
    // A log is begun when its head is there; key, checkpoint and head are durable before the first segment is made.
    let lost = [(KEY_FILE, stored.is_none()), (HEAD_FILE, !has_head)].into_iter().find(|(_, gone)| *gone);
    match lost {
        Some((file, _)) if has_data => Err(Error::damaged(file, 0, "the file is missing")),
        Some((KEY_FILE, _)) if has_head => Err(Error::damaged(KEY_FILE, 0, "the file is missing")),
        Some(_) => Ok(true),
        None => Ok(false),
    }
}

fn key_file(key: &VerifierKey) -> Vec<u8> {
    format!("{key}\n").into_bytes()
}

fn begin(disk: &mut impl Disk, key: &VerifierKey, empty: &str) -> Result<(), Error> {
    disk.replace(KEY_FILE, &key_file(key)).map_err(Error::disk("replace", KEY_FILE))?;
    disk.replace(CHECKPOINT_FILE, empty.as_bytes()).map_err(Error::disk("replace", CHECKPOINT_FILE))?;
    let slot = |seq| HeadSlot { seq, size: 0, root: Hash::empty_root(), segment_first: 0, segment_len: 0 };
    let both = [slot(0).emit(), slot(1).emit()].concat();
    disk.replace(HEAD_FILE, &both).map_err(Error::disk("replace", HEAD_FILE))
}

fn remove_temporaries(disk: &mut impl Disk) -> Result<(), Error> {
    for path in disk.list("").map_err(Error::disk("list", "the log directory"))? {
        if path.ends_with(TEMPORARY_SUFFIX) {
            disk.remove(&path).map_err(Error::disk("remove", &path))?;
        }
    }
    Ok(())
}

/// The newer readable slot, and whether the other one is unreadable.
fn read_head(disk: &impl Disk) -> Result<(HeadSlot, bool), Error> {
    let bytes = disk.read_all(HEAD_FILE).map_err(Error::disk("read", HEAD_FILE))?;
    match head::parse_file(&bytes) {
        [Ok(even), Ok(odd)] => Ok((if even.seq > odd.seq { even } else { odd }, false)),
        [Ok(slot), Err(_)] | [Err(_), Ok(slot)] => Ok((slot, true)),
        [Err(error), Err(_)] => {
            Err(Error::damaged(HEAD_FILE, 0, format!("both slots are unreadable: {error}")))
        }
    }
}

fn read_checkpoint(disk: &impl Disk, key: &VerifierKey) -> Result<Checkpoint, Error> {
    let bytes = read_if_present(disk, CHECKPOINT_FILE)?
        .ok_or_else(|| Error::damaged(CHECKPOINT_FILE, 0, "the file is missing"))?;
    Checkpoint::open(&bytes, key).map_err(|error| Error::damaged(CHECKPOINT_FILE, 0, error.to_string()))
}

/// Cuts the torn tail off and makes what was found durable, before the floor is raised to it.
fn settle(
    disk: &mut impl Disk,
    contents: &mut Contents,
    torn: Option<&TornTail>,
    head: &HeadSlot,
    bad_slot: bool,
) -> Result<(), Error> {
    if let Some(torn) = torn {
        disk.truncate(&torn.file, torn.offset).map_err(Error::disk("truncate", &torn.file))?;
    }
    if let Some(last) = contents.segments.last() {
        // After a killed process the last frame may be in the system's cache only.
        let path = segment::path(last.first);
        disk.sync(&path).map_err(Error::disk("sync", &path))?;
    }
    if bad_slot || contents.frontier.size() > head.size {
        contents.write_head(disk)?;
    }
    Ok(())
}
