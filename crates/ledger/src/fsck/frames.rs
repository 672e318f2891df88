//! Segments: every frame, entry and payload, with the tree replayed frame by frame.

use std::collections::HashMap;
use std::io;

use super::{Check, FindingKind, replay::Replay};
use crate::{
    Disk, Entry, Hash, StreamId,
    entry::ENTRY_BYTES,
    segment::{
        self, FRAME_ALIGN_BYTES, FRAME_HEADER_BYTES, Frame, FrameHeader, ITEM_HEADER_BYTES, ItemHeader,
    },
};

/// Bytes of a segment that are read at once while all is well: enough that reading costs few calls, and little memory
/// beside the clinic's own.
const WINDOW_BYTES: usize = 1 << 20;

/// What is carried from frame to frame.
#[derive(Default)]
struct Walk {
    /// The tree so far; none once an entry is unknown for good.
    tree: Option<Replay>,
    /// Last entry hash of each stream, and how many entries had been lost when it was noted.
    streams: HashMap<StreamId, (Hash, u64)>,
    /// Entries that could be read from nowhere.
    lost: u64,
}

/// A stretch of a segment that was read at once.
#[derive(Default)]
struct Window {
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    /// `len` bytes of the file from `at`, of which `available` follow.
    fn get(
        &mut self,
        disk: &impl Disk,
        file: &str,
        at: u64,
        len: usize,
        available: u64,
    ) -> io::Result<&[u8]> {
        let held = |window: &Self| {
            let from = usize::try_from(at.checked_sub(window.start)?).ok()?;
            let range = from..from.checked_add(len)?;
            window.bytes.get(range.clone()).map(|_| range)
        };
        let range = match held(self) {
            Some(range) => range,
            None => {
                let most = usize::try_from(available).unwrap_or(usize::MAX);
                self.bytes = disk.read(file, at, len.max(WINDOW_BYTES).min(most))?;
                self.start = at;
                0..len
            }
        };
        self.bytes.get(range).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// What one frame's bytes gave.
#[derive(Default)]
struct Contents {
    /// Entry bytes as the segment has them; none where they are damaged.
    entries: Vec<Option<[u8; ENTRY_BYTES]>>,
    /// Offset of the checkpoint in the frame, if the entries led there.
    note_at: Option<usize>,
    /// Offsets of the items in the frame.
    offsets: Vec<usize>,
}

impl<D: Disk> Check<'_, D> {
    pub(super) fn read_segments(&mut self, files: &[String]) {
        let segments: Vec<(u64, &String)> =
            files.iter().filter_map(|file| Some((segment::parse_path(file)?, file))).collect();
        let mut walk = Walk { tree: Some(Replay::default()), ..Walk::default() };
        let mut before: Option<&str> = None;
        for (place, (first, file)) in segments.iter().enumerate() {
            let last = place + 1 == segments.len();
            if *first > self.size() {
                self.gap(*first, before, &mut walk);
            } else if *first < self.size() {
                let what =
                    format!("its name says entry {first}, but the segments before it reach {}", self.size());
                self.find(FindingKind::Damage, file, None, what);
            }
            let next = segments.get(place + 1).map(|(first, _)| *first);
            match self.segment(file, next, &mut walk) {
                Ok(0) if !last => {
                    let what = "the file is empty though a later segment exists";
                    self.find(FindingKind::Missing, file, None, what);
                }
                Ok(_) => {}
                Err(error) => self.unreadable(file, &error),
            }
            before = Some(file);
        }
        self.entries = self.size() - self.filled;
        if self.size() < self.floor {
            self.shortfall(&segments, before);
            if self.floor <= self.most_entries {
                self.fill(self.size()..self.floor, &mut walk);
            }
        }
        self.root = walk.tree.map(|tree| tree.root());
        if let Some(root) = self.root
            && !self.roots.contains_key(&self.size())
        {
            self.note_root(self.size(), root);
        }
    }

    /// Entries between the last frame and the next segment.
    fn gap(&mut self, first: u64, before: Option<&str>, walk: &mut Walk) {
        let range = self.size()..first;
        let reported = self.findings.iter().any(|f| {
            f.entries.as_ref().is_some_and(|entries| entries.end >= range.end && entries.start <= range.start)
        });
        if !reported {
            let cut = before.map_or(String::new(), |file| format!(", or the end of {file} was cut off"));
            let what = format!("the segment is missing{cut}");
            self.find(FindingKind::Missing, &segment::path(range.start), Some(range.clone()), what);
        }
        if first > self.most_entries {
            walk.tree = None;
            return;
        }
        self.fill(range, walk);
    }

    /// Lets the published files stand in for entries that no segment holds.
    fn fill(&mut self, range: core::ops::Range<u64>, walk: &mut Walk) {
        for index in range {
            self.filled += 1;
            self.take_entry(index, None, walk);
            // Not a frame, but as good a place to let go of what is held.
            self.settle();
        }
    }

    /// Fewer entries than are known to have been stored.
    fn shortfall(&mut self, segments: &[(u64, &String)], before: Option<&str>) {
        let range = self.size()..self.floor;
        let reported = self.findings.iter().any(|f| {
            f.kind.is_failure()
                && f.entries
                    .as_ref()
                    .is_some_and(|entries| entries.end > range.start && f.file.ends_with(".seg"))
        });
        if reported {
            return;
        }
        // The head slot knows which segment held the last entry.
        let holder =
            self.heads.iter().filter(|slot| slot.size == self.floor).map(|slot| slot.segment_first).next();
        let cut = holder.and_then(|first| segments.iter().find(|(name, _)| *name == first));
        match (cut, holder) {
            (Some((_, file)), _) => {
                self.find(FindingKind::Missing, file, Some(range), "the end of the file was cut off");
            }
            (None, Some(first)) => {
                self.find(FindingKind::Missing, &segment::path(first), Some(range), "the segment is missing");
            }
            (None, None) => {
                let file = before.map_or_else(|| segment::path(0), str::to_owned);
                let what = "entries are missing that are known to have been stored";
                self.find(FindingKind::Missing, &file, Some(range), what);
            }
        }
    }

    /// Checks a segment frame by frame and returns its length. Only from the first frame on that is not whole is the
    /// rest of the file held in memory.
    fn segment(&mut self, file: &str, next: Option<u64>, walk: &mut Walk) -> io::Result<u64> {
        let len = self.disk.len(file)?;
        let (mut window, mut at) = (Window::default(), 0u64);
        while let Some(taken) = self.whole_frame(file, &mut window, at, len, walk)? {
            at += taken;
        }
        if at < len
            && !(next.is_none() && self.size() >= self.floor && self.is_unused(file, &mut window, at, len)?)
        {
            drop(window);
            let rest = self.disk.read(file, at, usize::try_from(len - at).unwrap_or(usize::MAX))?;
            self.damaged(file, &rest, next, walk);
        }
        Ok(len)
    }

    /// Takes the frame at `at` if it is the next one, and whole by its length and checksum; returns its length.
    fn whole_frame(
        &mut self,
        file: &str,
        window: &mut Window,
        at: u64,
        len: u64,
        walk: &mut Walk,
    ) -> io::Result<Option<u64>> {
        let available = len.saturating_sub(at);
        if available < FRAME_HEADER_BYTES as u64 {
            return Ok(None);
        }
        let head = window.get(self.disk, file, at, FRAME_HEADER_BYTES, available)?;
        let Some(header) = FrameHeader::parse(head)
            .ok()
            .filter(|header| header.first == self.size() && u64::from(header.len) <= available)
        else {
            return Ok(None);
        };
        let frame = window.get(self.disk, file, at, header.len as usize, available)?;
        if !has_checksum(frame) {
            return Ok(None);
        }
        self.frame(file, frame, header, Some(at), walk);
        Ok(Some(u64::from(header.len)))
    }

    /// Whether nothing but zeros follow: the unused rest of a preallocated segment.
    fn is_unused(&self, file: &str, window: &mut Window, from: u64, len: u64) -> io::Result<bool> {
        let mut at = from;
        while at < len {
            let part = (len - at).min(WINDOW_BYTES as u64);
            let bytes = window.get(self.disk, file, at, part as usize, len - at)?;
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at += part;
        }
        Ok(true)
    }

    /// The rest of a segment from a frame on that is not whole.
    fn damaged(&mut self, file: &str, bytes: &[u8], next: Option<u64>, walk: &mut Walk) {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if next.is_none() && rest.iter().all(|byte| *byte == 0) && self.size() >= self.floor {
                // The unused rest of a preallocated segment.
                return;
            }
            let header = FrameHeader::parse(rest).ok().filter(|header| header.first == self.size());
            let frame = header.and_then(|header| Some((header, rest.get(..header.len as usize)?)));
            let could_be_torn = next.is_none() && self.size() >= self.floor;
            match frame {
                Some((header, frame))
                    if !could_be_torn || has_checksum(frame) || self.follower(rest).is_some() =>
                {
                    self.frame(file, frame, header, None, walk);
                    at += frame.len();
                }
                _ => at += self.broken(file, rest, next, header, walk),
            }
        }
    }

    /// Offset and first entry of the next frame in `rest` that can be believed in: within the floor a sound header is
    /// enough, beyond it the frame must be whole and signed, since a payload may look like a frame.
    fn follower(&self, rest: &[u8]) -> Option<(usize, u64)> {
        (FRAME_ALIGN_BYTES..rest.len()).step_by(FRAME_ALIGN_BYTES).find_map(|at| {
            let bytes = rest.get(at..)?;
            let header = FrameHeader::parse(bytes).ok().filter(|header| header.first > self.size())?;
            let believed = header.first <= self.floor
                || Frame::parse(bytes).is_ok_and(|frame| {
                    self.open_note(frame.note).is_ok_and(|head| head.size == header.end())
                });
            believed.then_some((at, header.first))
        })
    }

    /// A frame whose header or end is damaged. Returns how many bytes it takes.
    fn broken(
        &mut self,
        file: &str,
        rest: &[u8],
        next: Option<u64>,
        header: Option<FrameHeader>,
        walk: &mut Walk,
    ) -> usize {
        let first = self.size();
        let follower = self.follower(rest);
        let len = follower.map_or(rest.len(), |(at, _)| at);
        let end = follower.map(|(_, first)| first).or(next).unwrap_or_else(|| self.floor.max(first));
        if follower.is_none() && next.is_none() && first >= self.floor {
            let what = format!("the last {} bytes are a write that was never finished", rest.len());
            self.find(FindingKind::TornTail, file, None, what);
            return len;
        }
        let damaged = rest.get(..len).unwrap_or(rest);
        // With a good header the frame was cut off; otherwise the header itself is damaged, or a whole frame before
        // this place is gone.
        let (kind, what) = match (header, FrameHeader::parse(rest)) {
            (Some(_), _) => (FindingKind::Missing, "the frame is cut off".to_owned()),
            (None, Ok(header)) => (
                FindingKind::Damage,
                format!("a frame starts at entry {} where {first} is expected", header.first),
            ),
            (None, Err(error)) => (FindingKind::Damage, error.to_string()),
        };
        let entries = (end > first).then_some(first..end);
        let place = self.findings.len();
        self.find(kind, file, entries, what);
        if end > first && end <= self.floor.max(next.unwrap_or(0)) {
            let count = usize::try_from(end - first).unwrap_or(usize::MAX);
            let contents = self.items(file, damaged, count, false);
            for (index, entry) in
                (first..end).zip(contents.entries.into_iter().chain(core::iter::repeat(None)))
            {
                self.take_entry(index, entry, walk);
            }
            // One finding is enough for what a cut or a damaged header took with it.
            self.findings.truncate(place + 1);
            self.settle();
        } else if end > first {
            walk.tree = None;
        }
        len
    }

    /// A frame with a sound header; `at` is its place in a segment that is sound up to there.
    fn frame(&mut self, file: &str, frame: &[u8], header: FrameHeader, at: Option<u64>, walk: &mut Walk) {
        let before = self.findings.len();
        let first = header.first;
        let range = first..header.end();
        let contents = self.items(file, frame, header.count as usize, true);
        if let (Some(snapshot), Some(at), Some(segment)) = (&mut self.snapshot, at, segment::parse_path(file))
        {
            snapshot.frame(segment, at, header, &contents.offsets);
        }
        let signed = self.frame_note(file, frame, header, contents.note_at);
        let saved = walk.tree.clone();
        let entries =
            contents.entries.into_iter().chain(core::iter::repeat(None)).take(header.count as usize);
        for (index, entry) in range.clone().zip(entries) {
            self.take_entry(index, entry, walk);
        }
        let replayed = walk.tree.as_ref().map(Replay::root);
        if let Some(root) = signed {
            if replayed.is_some_and(|replayed| replayed != root) {
                self.root_differs(file, range.clone(), root, saved, walk);
            }
            self.note_root(header.end(), root);
        } else if let Some(root) = replayed {
            self.note_root(header.end(), root);
        }
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.reached(header, replayed, &walk.streams, &self.erasures, &self.roots);
        }
        self.settle();
        if self.findings.len() == before && !is_closed(frame, header, contents.note_at) {
            let what = "the frame's checksum or padding is wrong; its entries and checkpoint are right";
            self.find(FindingKind::Damage, file, Some(range), what);
        }
    }

    /// Reads the entries of a frame one after the other.
    fn items(&mut self, file: &str, frame: &[u8], count: usize, sound_header: bool) -> Contents {
        let first = self.size();
        let mut contents = Contents::default();
        let mut at = FRAME_HEADER_BYTES;
        for place in 0..count {
            let index = first + place as u64;
            let rest = frame.get(at..).unwrap_or(&[]);
            let (entry, len) = match ItemHeader::parse(rest) {
                Ok(item) => (Some(item.entry_bytes), Some(item.stored_len as usize)),
                Err(error) if sound_header => {
                    self.find(FindingKind::Damage, file, Some(index..index + 1), error.to_string());
                    (None, payload_len_of_damaged(rest))
                }
                Err(_) => return contents,
            };
            let payload =
                len.and_then(|len| rest.get(ITEM_HEADER_BYTES..ITEM_HEADER_BYTES.checked_add(len)?));
            contents.entries.push(entry);
            contents.offsets.push(at);
            let Some(payload) = payload else {
                let end = first + count as u64;
                if sound_header && index + 1 < end {
                    let what = "these entries cannot be found behind the damaged one";
                    self.find(FindingKind::Damage, file, Some(index + 1..end), what);
                }
                return contents;
            };
            if let Some(entry) = entry.as_ref().and_then(|bytes| Entry::parse(bytes).ok()) {
                if payload.is_empty() && entry.payload_len > 0 {
                    self.erasures.payload(index, entry.key);
                } else if Hash::of(payload) == entry.payload_hash {
                    self.payloads += 1;
                } else if sound_header {
                    let what = "the payload does not have the hash in its entry";
                    self.find(FindingKind::Damage, file, Some(index..index + 1), what);
                }
            }
            at += ITEM_HEADER_BYTES + payload.len();
        }
        contents.note_at = Some(at);
        contents
    }

    /// The root that the frame's checkpoint is signed for.
    fn frame_note(
        &mut self,
        file: &str,
        frame: &[u8],
        header: FrameHeader,
        at: Option<usize>,
    ) -> Option<Hash> {
        let range = header.first..header.end();
        let note = at.and_then(|at| frame.get(at..at.checked_add(header.note_len as usize)?))?;
        match self.open_note(note) {
            Ok(head) if head.size == header.end() => Some(head.root),
            Ok(head) => {
                let what =
                    format!("the frame's checkpoint is about {} entries, not {}", head.size, header.end());
                self.find(FindingKind::Damage, file, Some(range), what);
                None
            }
            Err(error) => {
                self.find(FindingKind::Damage, file, Some(range), format!("the frame's checkpoint: {error}"));
                None
            }
        }
    }

    /// Adds an entry to the tree and to its stream. Where the segment's bytes are damaged, the published bundle and
    /// tile stand in, so that one damaged entry does not put all later ones under suspicion.
    fn take_entry(&mut self, index: u64, entry: Option<[u8; ENTRY_BYTES]>, walk: &mut Walk) {
        let known = entry.or_else(|| self.bundle_entry(index));
        let leaf = known.as_ref().map(|bytes| Hash::leaf(bytes)).or_else(|| self.tile_leaf(index));
        self.leaves.push(leaf);
        match (leaf, &mut walk.tree) {
            (Some(leaf), Some(tree)) => tree.add(leaf),
            _ => walk.tree = None,
        }
        let Some((bytes, entry)) = known.and_then(|bytes| Some((bytes, Entry::parse(&bytes).ok()?))) else {
            walk.lost += 1;
            return;
        };
        self.erasures.entry(&entry);
        let (previous, lost) = walk.streams.get(&entry.stream).copied().unwrap_or((Hash::ZERO, 0));
        if previous != entry.previous && lost == walk.lost {
            let file = segment_of(self.disk, index);
            let what = "the entry does not follow the last one of its stream";
            self.find(FindingKind::Damage, &file, Some(index..index + 1), what);
        }
        walk.streams.insert(entry.stream, (Hash::of(&bytes), walk.lost));
    }

    /// The entries are sound in themselves, but not those that were signed. The published tiles tell which.
    fn root_differs(
        &mut self,
        file: &str,
        range: core::ops::Range<u64>,
        root: Hash,
        saved: Option<Replay>,
        walk: &mut Walk,
    ) {
        let mut repaired = saved;
        let mut differing = Vec::new();
        for index in range.clone() {
            let own = self.leaves.get(index);
            let leaf = self.tile_leaf(index).or(own);
            if leaf != own {
                differing.push((index, leaf));
            }
            match (leaf, &mut repaired) {
                (Some(leaf), Some(tree)) => tree.add(leaf),
                _ => repaired = None,
            }
        }
        if repaired.as_ref().is_some_and(|tree| tree.root() == root) {
            for (index, leaf) in differing {
                let what = "the entry is not the one that was signed";
                self.find(FindingKind::Damage, file, Some(index..index + 1), what);
                self.leaves.correct(index, leaf);
            }
            walk.tree = repaired;
        } else {
            let what = "the frame's checkpoint is signed for another root than its entries give";
            self.find(FindingKind::Damage, file, Some(range), what);
            walk.tree = None;
        }
    }
}

/// Whether a frame ends as it must: short zero padding and the checksum over all before it.
fn is_closed(frame: &[u8], header: FrameHeader, note_at: Option<usize>) -> bool {
    let covered = frame.get(..frame.len().saturating_sub(4)).unwrap_or(&[]);
    let padding = note_at.and_then(|at| covered.get(at.checked_add(header.note_len as usize)?..));
    has_checksum(frame)
        && padding.is_some_and(|bytes| bytes.len() < FRAME_ALIGN_BYTES && bytes.iter().all(|byte| *byte == 0))
}

/// Whether the last four bytes are the checksum of all before them.
fn has_checksum(frame: &[u8]) -> bool {
    let parts = frame.split_last_chunk::<4>();
    parts.is_some_and(|(covered, sum)| crc32c::crc32c(covered) == u32::from_be_bytes(*sum))
}

/// Payload length of an item whose header is damaged, if it can still be told: the two lengths agree, or the payload
/// behind one of them has the hash in the entry, or an item header follows it.
fn payload_len_of_damaged(rest: &[u8]) -> Option<usize> {
    let number = |at: usize| Some(u32::from_be_bytes(*rest.get(at..)?.first_chunk()?) as usize);
    let (in_entry, stored) = (number(52)?, number(ENTRY_BYTES)?);
    if in_entry == stored {
        return Some(stored);
    }
    let hash = rest.get(56..)?.first_chunk().map(|hash| Hash(*hash))?;
    [in_entry, stored].into_iter().find(|len| {
        let end = ITEM_HEADER_BYTES.saturating_add(*len);
        let payload = rest.get(ITEM_HEADER_BYTES..end);
        payload.is_some_and(|payload| Hash::of(payload) == hash)
            || rest.get(end..).is_some_and(|next| ItemHeader::parse(next).is_ok())
    })
}

/// The segment file that holds an entry.
pub(super) fn segment_of(disk: &impl Disk, index: u64) -> String {
    let files = disk.list(segment::SEGMENT_FOLDER).unwrap_or_default();
    let firsts = files.iter().filter_map(|file| segment::parse_path(file)).filter(|first| *first <= index);
    segment::path(firsts.max().unwrap_or(0))
}
