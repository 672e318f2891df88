//! Repair of a log directory from another copy: what is intact stays, what is damaged or missing is fetched frame by
//! frame, and nothing is saved before it has been verified.
//!
//! Every frame, kept or fetched, must continue the tree from its first entry and carry the log's own signature over it,
//! so that a peer can withhold and cannot change. Tiles, bundles, checkpoint and head slots are computed anew.

use std::collections::{BTreeMap, HashMap};

use crate::{
    Checkpoint, Disk, Error, Floor, KEY_FILE, KeyId, VerifierKey,
    contents::Contents,
    entry::ENTRY_BYTES,
    head::{self, HEAD_FILE},
    mirror,
    segment::{self, FRAME_ALIGN_BYTES, Frame, SEGMENT_BYTES, SEGMENT_FOLDER},
    snapshot::{SNAPSHOT_FILE, Snapshot},
    stored::Stored,
    tile::{self, CHECKPOINT_FILE, TILE_FOLDER, TILE_WIDTH, TileKind, TilePath},
};

/// Entries between two writes of tiles: 2 MiB of entries wait at most.
const TILES_EVERY: u64 = 1 << 14;

/// What a repair has done. Empty lists: nothing was wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repaired {
    /// Entries in the log now.
    pub entries: u64,
    /// First entries of the frames that came from the peer.
    pub fetched: Vec<u64>,
    /// Files that were written anew.
    pub written: Vec<String>,
    /// Files that did not belong to the log and were removed.
    pub removed: Vec<String>,
}

/// Repairs the log of `key` on `disk`. `fetch` asks a peer for the frame that begins at an entry, `None` where it has
/// none; it is asked for damaged frames, and at the end for what this copy has lost or never had.
///
/// A repair that fails may have repaired a part; intact frames are never replaced, so it can be run again with another
/// peer.
///
/// # Errors
/// [`Error::Damaged`] where the peer cannot help, and names the entry; [`Error::Forked`] when the peer's entries, signed as
/// they are, do not lead to a tree head that is known here; [`Error::BadSignature`] and [`Error::Malformed`] for a frame
/// that is not the log's; [`Error::Disk`]; whatever `fetch` fails with.
pub fn repair<D: Disk>(
    disk: &mut D,
    key: &VerifierKey,
    floor: Floor,
    fetch: impl FnMut(u64) -> Result<Option<Vec<u8>>, Error>,
) -> Result<Repaired, Error> {
    let floors = floors(disk, key, floor);
    let mut work = Work {
        disk,
        key,
        floors,
        fetch,
        contents: Contents::default(),
        bundle: Vec::new(),
        done: Repaired::default(),
    };
    work.segments()?;
    work.erase_again()?;
    work.tiles(true)?;
    work.heads()?;
    work.drop_snapshot()?;
    work.done.entries = work.size();
    Ok(work.done)
}

/// Every tree head that this copy or its caller knows of, unreadable ones left out.
fn floors(disk: &impl Disk, key: &VerifierKey, floor: Floor) -> Vec<Floor> {
    let slots =
        disk.read_all(HEAD_FILE).map(|bytes| head::parse_file(&bytes)).into_iter().flatten().flatten();
    let checkpoint = disk.read_all(CHECKPOINT_FILE).ok().and_then(|bytes| Checkpoint::open(&bytes, key).ok());
    let slots = slots.map(|slot| Floor { size: slot.size, root: Some(slot.root) });
    slots.chain(checkpoint.as_ref().map(Floor::from)).chain([floor]).collect()
}

struct Work<'a, D, F> {
    disk: &'a mut D,
    key: &'a VerifierKey,
    floors: Vec<Floor>,
    fetch: F,
    contents: Contents,
    /// Entries since the last bundle that was written.
    bundle: Vec<[u8; ENTRY_BYTES]>,
    done: Repaired,
}

impl<D: Disk, F: FnMut(u64) -> Result<Option<Vec<u8>>, Error>> Work<'_, D, F> {
    fn size(&self) -> u64 {
        self.contents.frontier.size()
    }

    fn segments(&mut self) -> Result<(), Error> {
        let listed = self.disk.list(SEGMENT_FOLDER).map_err(Error::disk("list", SEGMENT_FOLDER))?;
        let mut files = BTreeMap::new();
        for file in listed {
            match segment::parse_path(&file) {
                Some(first) => files.insert(first, file),
                None => return Err(Error::damaged(&file, 0, "it is not named like a segment; move it away")),
            };
        }
        self.check_floors()?;
        while let Some((first, file)) = files.pop_first() {
            if first < self.size() {
                // An earlier segment has its entries already.
                self.remove(&file)?;
                continue;
            }
            self.fill(first)?;
            let bytes = self.disk.read_all(&file).map_err(Error::disk("read", &file))?;
            let next = files.first_key_value().map(|(first, _)| *first);
            self.segment(&file, bytes, next)?;
        }
        self.fill_to_the_end()
    }

    /// Fetches the segments before the one that begins at `end`.
    fn fill(&mut self, end: u64) -> Result<(), Error> {
        while self.size() < end {
            self.segment(&segment::path(self.size()), Vec::new(), Some(end))?;
        }
        Ok(())
    }

    /// Fetches what the peer has beyond the last segment here.
    fn fill_to_the_end(&mut self) -> Result<(), Error> {
        loop {
            let before = self.size();
            self.segment(&segment::path(before), Vec::new(), None)?;
            if self.size() == before {
                break;
            }
        }
        match self.floors.iter().map(|floor| floor.size).max() {
            Some(floor) if floor > self.size() => {
                Err(self.missing(&format!("{floor} entries are known to exist")))
            }
            _ => Ok(()),
        }
    }

    /// A peer may not have erased yet what is erased here; and nobody may have lost what no entry says was erased.
    fn erase_again(&mut self) -> Result<(), Error> {
        if let Some(index) = self.contents.erasures.first_pending() {
            let what = "a payload is gone, and no entry says that its key was erased; try another peer";
            return Err(Error::damaged(SEGMENT_FOLDER, index, what));
        }
        let keys: Vec<KeyId> = self.contents.erasures.keys.iter().copied().collect();
        if self.done.fetched.is_empty() || keys.is_empty() {
            return Ok(());
        }
        let contents = std::mem::take(&mut self.contents);
        let mut stored = Stored::new(&mut *self.disk, contents, self.key.clone());
        stored.erase(&keys)?;
        self.contents = stored.contents;
        Ok(())
    }

    fn missing(&self, why: &str) -> Error {
        let what = format!("{why}, and the peer does not have the frame either; try another peer");
        Error::damaged(&segment::path(self.size()), self.size(), what)
    }

    /// Brings one segment in order, up to entry `next` where the next one begins, or to what the peer has.
    fn segment(&mut self, file: &str, bytes: Vec<u8>, next: Option<u64>) -> Result<(), Error> {
        let intact = intact_frames(&bytes);
        let first = self.size();
        let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
        while next != Some(self.size()) {
            let here = intact.get(&self.size()).and_then(|(at, len)| bytes.get(*at..at + len));
            if let Some(frame) = here {
                self.take(first, frame)?;
                out.extend_from_slice(frame);
                continue;
            }
            if out.len() as u64 >= SEGMENT_BYTES {
                break;
            }
            let wanted = self.size();
            match (self.fetch)(wanted)? {
                Some(frame) => {
                    let len = self.take(first, &frame)?;
                    self.done.fetched.push(wanted);
                    out.extend_from_slice(frame.get(..len).unwrap_or(&frame));
                }
                None if next.is_some() || intact.range(wanted..).next().is_some() => {
                    return Err(self.missing("later entries are here"));
                }
                None => break,
            }
            if next.is_some_and(|next| self.size() > next) {
                return Err(Error::damaged(file, wanted, "a frame reaches into the next segment"));
            }
        }
        if out.is_empty() {
            return if bytes.is_empty() { Ok(()) } else { self.remove(file) };
        }
        let rest = bytes.strip_prefix(out.as_slice());
        // Zeros after the last frame of the last segment are space for the next one.
        let same = rest
            .is_some_and(|rest| rest.iter().all(|byte| *byte == 0) && (rest.is_empty() || next.is_none()));
        if same { Ok(()) } else { self.replace(file, &out) }
    }

    /// Verifies a frame as the continuation of the tree and takes it over.
    fn take(&mut self, segment: u64, bytes: &[u8]) -> Result<usize, Error> {
        let frame = Frame::parse(bytes)?;
        let first = self.size();
        let step = mirror::check(&self.contents, self.key, &frame)?;
        let contents = &mut self.contents;
        contents.add_frame(segment, first, u64::from(frame.header.len), &step.offsets);
        step.marks.into_iter().for_each(|mark| contents.erasures.take(mark));
        for (node, hash) in step.completed {
            contents.edge.completed(node, hash, 0);
        }
        contents.frontier = step.frontier;
        contents.streams.extend(step.streams);
        contents.signed = Some(step.signed);
        self.bundle.extend(frame.items.iter().map(|item| item.header.entry_bytes));
        self.check_floors()?;
        if self.size() - self.contents.published >= TILES_EVERY {
            self.tiles(false)?;
        }
        Ok(frame.header.len as usize)
    }

    fn check_floors(&self) -> Result<(), Error> {
        let (size, root) = (self.size(), self.contents.frontier.root());
        match self
            .floors
            .iter()
            .find(|floor| floor.size == size && floor.root.is_some_and(|known| known != root))
        {
            Some(_) => Err(Error::Forked { size, witness: "this copy or its caller" }),
            None => Ok(()),
        }
    }

    /// Writes the tiles and bundles that differ; the partial ones at the end only.
    fn tiles(&mut self, end: bool) -> Result<(), Error> {
        let (size, published) = (self.size(), self.contents.published);
        let changed: Vec<_> =
            self.contents.edge.changed(0, size).into_iter().map(|(p, h)| (p, h.to_vec())).collect();
        let start = published / TILE_WIDTH * TILE_WIDTH;
        let mut expected = HashMap::new();
        for (path, hashes) in
            changed.into_iter().filter(|(path, _)| end || u64::from(path.width) == TILE_WIDTH)
        {
            self.write_if_other(&path.to_string(), &tile::emit_hashes(&hashes))?;
            expected.insert(path, ());
            if path.kind == TileKind::Hashes(0) {
                let from = usize::try_from(path.index * TILE_WIDTH - start).unwrap_or(usize::MAX);
                let entries = self.bundle.get(from..from.saturating_add(hashes.len())).unwrap_or(&[]);
                let bundle = TilePath { kind: TileKind::Entries, ..path };
                let bytes = tile::emit_bundle(entries);
                self.write_if_other(&bundle.to_string(), &bytes)?;
                expected.insert(bundle, ());
            }
        }
        self.contents.edge.published();
        let kept = size / TILE_WIDTH * TILE_WIDTH;
        let gone = usize::try_from(kept - start).unwrap_or(usize::MAX);
        self.bundle.drain(..gone.min(self.bundle.len()));
        self.contents.published = size;
        if end { self.remove_other_tiles(&expected) } else { Ok(()) }
    }

    /// Removes partial tiles of earlier sizes, which nobody needs, and files that the tree has no place for.
    fn remove_other_tiles(&mut self, expected: &HashMap<TilePath, ()>) -> Result<(), Error> {
        let size = self.size();
        for file in self.disk.list(TILE_FOLDER).map_err(Error::disk("list", TILE_FOLDER))? {
            let belongs = TilePath::parse(&file).is_ok_and(|path| {
                let items = match path.kind {
                    TileKind::Hashes(level) => tile::level_items(level, size),
                    TileKind::Entries => size,
                };
                let full = u64::from(path.width) == TILE_WIDTH
                    && (path.index + 1).saturating_mul(TILE_WIDTH) <= items;
                full || expected.contains_key(&path)
            });
            if !belongs {
                self.remove(&file)?;
            }
        }
        Ok(())
    }

    /// Writes key, head slots and checkpoint, the checkpoint last, where they do not say what is here.
    fn heads(&mut self) -> Result<(), Error> {
        self.write_if_other(KEY_FILE, format!("{}\n", self.key).as_bytes())?;
        let slots = self.disk.read_all(HEAD_FILE).map(|bytes| head::parse_file(&bytes));
        let (size, root) = (self.size(), self.contents.frontier.root());
        let slots: Vec<_> = slots.into_iter().flatten().collect();
        let newest = slots.iter().flatten().max_by_key(|slot| slot.seq);
        let sound = slots.len() == 2 && slots.iter().all(Result::is_ok);
        if !sound || newest.is_none_or(|slot| (slot.size, slot.root) != (size, root)) {
            // An even number first, so that the two slots lie in their places.
            self.contents.head_seq = newest.map_or(1, |slot| slot.seq | 1);
            let even = self.contents.next_head();
            self.contents.head_seq = even.seq;
            let odd = self.contents.next_head();
            self.replace(HEAD_FILE, &[even.emit(), odd.emit()].concat())?;
        }
        match self.contents.signed.clone() {
            Some(signed) => {
                // Cosignatures of the published checkpoint are worth keeping where it is of this size.
                let published = self.disk.read_all(CHECKPOINT_FILE).ok();
                let head = published.and_then(|bytes| Checkpoint::open(&bytes, self.key).ok());
                if head.is_some_and(|head| (head.size, head.root) == (size, root)) {
                    return Ok(());
                }
                self.replace(CHECKPOINT_FILE, signed.as_bytes())
            }
            // Only the log's key could sign the empty tree's.
            None => match self.disk.read_all(CHECKPOINT_FILE).map(|bytes| Checkpoint::open(&bytes, self.key))
            {
                Ok(Ok(_)) => Ok(()),
                _ => Err(Error::damaged(CHECKPOINT_FILE, 0, "the log is empty here and at the peer")),
            },
        }
    }

    /// A snapshot of what was damaged may be wrong itself. It only saves time, and the next one comes by itself.
    fn drop_snapshot(&mut self) -> Result<(), Error> {
        match self.disk.read_all(SNAPSHOT_FILE) {
            Ok(bytes) if self.done.written.is_empty() && Snapshot::parse(&bytes).is_ok() => Ok(()),
            Ok(_) => self.remove(SNAPSHOT_FILE),
            Err(_) => Ok(()),
        }
    }

    fn write_if_other(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        if self.disk.read_all(path).is_ok_and(|found| found == bytes) {
            Ok(())
        } else {
            self.replace(path, bytes)
        }
    }

    fn replace(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        self.disk.replace(path, bytes).map_err(Error::disk("replace", path))?;
        self.done.written.push(path.to_owned());
        Ok(())
    }

    fn remove(&mut self, path: &str) -> Result<(), Error> {
        self.disk.remove(path).map_err(Error::disk("remove", path))?;
        self.done.removed.push(path.to_owned());
        Ok(())
    }
}

/// The frames of a segment that are whole by their own checksums: first entry, place, length. After damage the next one is
/// searched for at every place where one may stand.
pub(crate) fn intact_frames(bytes: &[u8]) -> BTreeMap<u64, (usize, usize)> {
    let mut out = BTreeMap::new();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        at += match Frame::parse(rest) {
            Ok(frame) => {
                out.insert(frame.header.first, (at, frame.header.len as usize));
                frame.header.len as usize
            }
            Err(_) => FRAME_ALIGN_BYTES,
        };
    }
    out
}
