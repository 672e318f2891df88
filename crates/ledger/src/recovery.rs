//! Opening a log: what is stored is read, verified, and compared with the floor. The one decision that can lose data
//! is made here: whether a bad frame at the end is a torn write that was never acknowledged, or damage.

use std::io;

use crate::{
    Checkpoint, Disk, Error, Floor, Hash, VerifierKey,
    disk::TEMPORARY_SUFFIX,
    head::{self, HEAD_FILE, HeadSlot},
    log::KEY_FILE,
    segment::{self, FRAME_ALIGN_BYTES, Frame, FrameHeader, SEGMENT_FOLDER},
    stored::{Contents, SegmentExtent},
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
    /// Entries in them.
    pub entries: u64,
    /// The floor that was applied: the largest of head slots, published checkpoint and the caller's.
    pub floor: u64,
    /// What was cut off, if the last write was torn.
    pub torn_tail: Option<TornTail>,
    /// A head slot was unreadable and has been written anew.
    pub head_slot_repaired: bool,
}

/// A tree head that this log must agree with.
struct Claim {
    size: u64,
    root: Option<Hash>,
    witness: &'static str,
    file: &'static str,
}

pub(crate) fn open<D: Disk>(
    disk: &mut D,
    key: &VerifierKey,
    empty: &str,
    floor: Floor,
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
    scan.contents.published = published.size;
    scan.contents.head_seq = head.seq;
    scan.run(disk)?;
    let Scan { mut contents, frames, torn_tail, .. } = scan;
    settle(disk, &mut contents, torn_tail.as_ref(), &head, bad_slot)?;
    let entries = contents.frontier.size();
    let recovery = Recovery { created, frames, entries, floor, torn_tail, head_slot_repaired: bad_slot };
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

/// Reads the segments in order.
struct Scan<'a> {
    key: &'a VerifierKey,
    claims: Vec<Claim>,
    floor: u64,
    contents: Contents,
    frames: u64,
    torn_tail: Option<TornTail>,
}

impl<'a> Scan<'a> {
    fn new(key: &'a VerifierKey, claims: Vec<Claim>, floor: u64) -> Self {
        Self { key, claims, floor, contents: Contents::default(), frames: 0, torn_tail: None }
    }

    fn size(&self) -> u64 {
        self.contents.frontier.size()
    }

    fn run(&mut self, disk: &impl Disk) -> Result<(), Error> {
        self.check_claims("")?;
        let files = disk.list(SEGMENT_FOLDER).map_err(Error::disk("list", SEGMENT_FOLDER))?;
        let count = files.len();
        for (at, file) in files.iter().enumerate() {
            let first = segment::parse_path(file)
                .ok_or_else(|| Error::damaged(file, self.size(), "it is not named like a segment"))?;
            if first != self.size() {
                let what = format!("the segment of entry {} is missing or cut off", self.size());
                return Err(Error::damaged(&segment::path(self.size()), self.size(), what));
            }
            let bytes = disk.read_all(file).map_err(Error::disk("read", file))?;
            let len = self.segment(file, &bytes, at + 1 == count)?;
            self.contents.segments.push(SegmentExtent { first, len });
        }
        if self.size() < self.floor {
            let what =
                format!("{} entries are known to have been stored, {} are here", self.floor, self.size());
            let file = self.contents.segments.last().map_or(0, |segment| segment.first);
            return Err(Error::damaged(&segment::path(file), self.size(), what));
        }
        // A tree head is signed at the end of a frame only, so every claim has been met at one.
        match self.claims.iter().find(|claim| claim.root.is_some()) {
            Some(claim) if claim.file.is_empty() => {
                Err(Error::Forked { size: claim.size, witness: claim.witness })
            }
            Some(claim) => Err(Error::damaged(claim.file, claim.size, "no frame ends at its size")),
            None => Ok(()),
        }
    }

    /// Compares the claims that are about the present size.
    fn check_claims(&mut self, file: &str) -> Result<(), Error> {
        let (size, root) = (self.size(), self.contents.frontier.root());
        for claim in self.claims.iter_mut().filter(|claim| claim.size == size) {
            match claim.root.take() {
                Some(claimed) if claimed != root && claim.file.is_empty() => {
                    return Err(Error::Forked { size, witness: claim.witness });
                }
                Some(claimed) if claimed != root => {
                    let what = format!("its root contradicts {} at {size} entries", claim.witness);
                    return Err(Error::damaged(file, size, what));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads the frames of one segment and returns where the last one ends.
    fn segment(&mut self, file: &str, bytes: &[u8], last: bool) -> Result<u64, Error> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match Frame::parse(rest) {
                Ok(frame) => {
                    self.frame(file, &frame, at as u64)?;
                    at += frame.header.len as usize;
                }
                // The unused rest of a preallocated segment.
                Err(_) if last && rest.iter().all(|byte| *byte == 0) => break,
                Err(error) => {
                    self.judge_tail(file, rest, last, &error)?;
                    let (offset, bytes) = (at as u64, rest.len() as u64);
                    self.torn_tail = Some(TornTail { file: file.to_owned(), offset, bytes });
                    break;
                }
            }
        }
        Ok(at as u64)
    }

    /// Takes over a whole frame. What is wrong here was not torn: the checksums are right.
    fn frame(&mut self, file: &str, frame: &Frame<'_>, offset: u64) -> Result<(), Error> {
        let first = self.size();
        if frame.header.first != first {
            return Err(Error::damaged(
                file,
                first,
                format!("a frame claims to start at entry {}", frame.header.first),
            ));
        }
        let published = self.contents.published;
        for (index, item) in (first..).zip(&frame.items) {
            let stream = item.header.entry.stream;
            let hash = Hash::of(&item.header.entry_bytes);
            let previous = self.contents.streams.insert(stream, hash).unwrap_or(Hash::ZERO);
            if previous != item.header.entry.previous {
                return Err(Error::damaged(
                    file,
                    index,
                    "the entry does not follow the last one of its stream",
                ));
            }
            let Contents { frontier, edge, offsets, .. } = &mut self.contents;
            frontier.append(Hash::leaf(&item.header.entry_bytes), |node, hash| {
                edge.completed(node, hash, published)
            });
            offsets.push(offset + item.offset as u64);
        }
        let head = Checkpoint::open(frame.note, self.key)
            .map_err(|error| Error::damaged(file, first, format!("checkpoint of the frame: {error}")))?;
        if (head.size, head.root) != (self.size(), self.contents.frontier.root()) {
            return Err(Error::damaged(
                file,
                first,
                "the frame's signed checkpoint is that of other entries",
            ));
        }
        self.contents.signed = String::from_utf8(frame.note.to_vec()).ok();
        self.frames += 1;
        self.check_claims(file)
    }

    /// Accepts a bad frame as torn, or says why it is damage.
    fn judge_tail(&self, file: &str, rest: &[u8], last: bool, error: &Error) -> Result<(), Error> {
        let size = self.size();
        if !last {
            return Err(Error::damaged(file, size, format!("{error}; later segments follow")));
        }
        if size < self.floor {
            let what = format!("{error}; {} entries are known to have been stored", self.floor);
            return Err(Error::damaged(file, size, what));
        }
        if self.frame_follows(rest) {
            return Err(Error::damaged(file, size, format!("{error}; a whole frame follows")));
        }
        Ok(())
    }

    /// Whether a later frame is whole and signed: then the bad one was complete when it was written. A payload that
    /// looks like a frame does not pass, because only the log's key signs.
    fn frame_follows(&self, rest: &[u8]) -> bool {
        (FRAME_ALIGN_BYTES..rest.len()).step_by(FRAME_ALIGN_BYTES).any(|at| {
            let rest = rest.get(at..).unwrap_or(&[]);
            FrameHeader::parse(rest).is_ok_and(|header| header.first > self.size())
                && Frame::parse(rest).is_ok_and(|frame| {
                    Checkpoint::open(frame.note, self.key).is_ok_and(|head| head.size == frame.header.end())
                })
        })
    }
}
