//! Segment files and their frames. A frame is one group commit: it is written with one write and made durable with one
//! sync, and it ends in the signed checkpoint of the tree after it.
//!
//! Two checksums more than a bare commit record would need tell what a damaged byte belongs to: one over the frame's
//! header and one over each entry with its payload length. Layout in `docs/ledger-format.md`, "Segment".

#![deny(clippy::indexing_slicing)]

use crate::{
    Entry, Error, Hash,
    entry::{ENTRY_BYTES, MAX_PAYLOAD_BYTES},
    note::MAX_NOTE_BYTES,
};

/// Folder of the segments.
pub const SEGMENT_FOLDER: &str = "segment";

/// First bytes of a frame; the digit is the format's version.
pub const FRAME_MAGIC: [u8; 8] = *b"BWFRAME1";

/// Bytes of a frame's header.
pub const FRAME_HEADER_BYTES: usize = 32;

/// Bytes before each payload: entry, stored payload length, checksum.
pub const ITEM_HEADER_BYTES: usize = ENTRY_BYTES + 8;

/// Frames start and end at multiples of this many bytes, so that the search for the next one after damage is cheap.
pub const FRAME_ALIGN_BYTES: usize = 8;

/// Largest frame in bytes: what a reader must be ready to hold in memory.
pub const MAX_FRAME_BYTES: usize = 64 << 20;

/// Most entries in a frame: a commit of this many needs tens of milliseconds, so larger batches gain nothing.
pub const MAX_FRAME_ENTRIES: usize = 1 << 16;

/// A segment that has reached this many bytes is closed and the next frame starts a new one.
pub const SEGMENT_BYTES: u64 = 64 << 20;

/// A segment's file grows by this many bytes at once: a few thousand small commits, or a few large ones, between two
/// changes of its length.
pub const RESERVE_BYTES: u64 = 4 << 20;

/// Path of the segment whose first entry is `first`; twenty digits, so that names sort as numbers.
#[must_use]
pub fn path(first: u64) -> String {
    format!("{SEGMENT_FOLDER}/{first:020}.seg")
}

/// First entry of the segment with this path, if the path is one.
#[must_use]
pub fn parse_path(text: &str) -> Option<u64> {
    let digits = text.strip_prefix(SEGMENT_FOLDER)?.strip_prefix('/')?.strip_suffix(".seg")?;
    let first = digits.parse().ok()?;
    (path(first) == text).then_some(first)
}

/// The first bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Bytes of the whole frame, header and checksum included; a multiple of [`FRAME_ALIGN_BYTES`].
    pub len: u32,
    /// Index of the first entry.
    pub first: u64,
    /// Number of entries, at least one.
    pub count: u32,
    /// Bytes of the signed checkpoint.
    pub note_len: u32,
}

fn bad(why: &'static str) -> Error {
    Error::Malformed { what: "a segment frame", why }
}

impl FrameHeader {
    /// Parses the header at the start of `bytes`, which may be longer.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is cut off, its checksum is wrong, or a length is beyond its limit.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let header: &[u8; FRAME_HEADER_BYTES] =
            bytes.first_chunk().ok_or_else(|| bad("its header is cut off"))?;
        let (fields, sum) = header.split_last_chunk::<4>().ok_or_else(|| bad("its header is cut off"))?;
        let Some((&FRAME_MAGIC, fields)) = fields.split_first_chunk::<8>() else {
            return Err(bad("it does not start with the frame mark"));
        };
        if crc32c::crc32c(header.get(..FRAME_HEADER_BYTES - 4).unwrap_or(&[])) != u32::from_be_bytes(*sum) {
            return Err(bad("the checksum of its header is wrong"));
        }
        let mut words = fields.as_chunks::<4>().0.iter().map(|word| u32::from_be_bytes(*word));
        let mut next = || words.next().unwrap_or(0);
        let len = next();
        let first = u64::from(next()) << 32 | u64::from(next());
        let header = Self { len, first, count: next(), note_len: next() };
        if header.fits() { Ok(header) } else { Err(bad("a length in its header is impossible")) }
    }

    fn fits(&self) -> bool {
        let least = FRAME_HEADER_BYTES as u64
            + u64::from(self.count) * ITEM_HEADER_BYTES as u64
            + u64::from(self.note_len)
            + 4;
        (self.len as usize) <= MAX_FRAME_BYTES
            && (self.len as usize).is_multiple_of(FRAME_ALIGN_BYTES)
            && u64::from(self.len) >= least
            && (1..=MAX_FRAME_ENTRIES).contains(&(self.count as usize))
            && (self.note_len as usize) <= MAX_NOTE_BYTES
            && self.first.checked_add(u64::from(self.count)).is_some()
    }

    fn emit(&self) -> [u8; FRAME_HEADER_BYTES] {
        let mut out = FRAME_MAGIC.to_vec();
        out.extend(self.len.to_be_bytes());
        out.extend(self.first.to_be_bytes());
        out.extend(self.count.to_be_bytes());
        out.extend(self.note_len.to_be_bytes());
        out.extend(crc32c::crc32c(&out).to_be_bytes());
        out.try_into().unwrap_or([0; FRAME_HEADER_BYTES])
    }

    /// Index after the last entry of the frame.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first.saturating_add(u64::from(self.count))
    }
}

/// What stands before a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemHeader {
    /// The entry's bytes, the leaf of the tree.
    pub entry_bytes: [u8; ENTRY_BYTES],
    /// The entry.
    pub entry: Entry,
    /// Bytes of payload that follow: as many as the entry says, or none if the payload was erased.
    pub stored_len: u32,
}

impl ItemHeader {
    /// Parses the item header at the start of `bytes`, which may be longer.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is cut off, its checksum is wrong, the entry cannot be parsed, or the stored length
    /// is neither the entry's nor 0. Whether a payload may be gone only the whole log tells.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let header: &[u8; ITEM_HEADER_BYTES] =
            bytes.first_chunk().ok_or_else(|| bad("an entry is cut off"))?;
        let (covered, sum) = header.split_last_chunk::<4>().ok_or_else(|| bad("an entry is cut off"))?;
        if crc32c::crc32c(covered) != u32::from_be_bytes(*sum) {
            return Err(bad("the checksum of an entry is wrong"));
        }
        let (entry_bytes, stored) =
            covered.split_first_chunk::<ENTRY_BYTES>().ok_or_else(|| bad("an entry is cut off"))?;
        let stored = stored.first_chunk::<4>().ok_or_else(|| bad("an entry is cut off"))?;
        let entry = Entry::parse(entry_bytes)?;
        let stored_len = u32::from_be_bytes(*stored);
        if stored_len != entry.payload_len && stored_len != 0 {
            return Err(bad("the stored length of a payload is not that of its entry"));
        }
        Ok(Self { entry_bytes: *entry_bytes, entry, stored_len })
    }

    /// Whether the payload was erased: the entry had one, and none is stored.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.stored_len == 0 && self.entry.payload_len > 0
    }
}

/// An entry with its payload, inside a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// The entry.
    pub header: ItemHeader,
    /// The sealed payload; its hash has been compared with the entry's. Empty if it was erased.
    pub payload: &'a [u8],
    /// Where the item header starts, in bytes from the start of the frame.
    pub offset: usize,
}

/// A frame whose checksums and payload hashes are right. Its checkpoint is not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The header.
    pub header: FrameHeader,
    /// The entries, `header.count` of them.
    pub items: Vec<Item<'a>>,
    /// The signed checkpoint of the tree after this frame.
    pub note: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Parses the frame at the start of `bytes`, which may be longer. Erased payloads are accepted: whether the log
    /// says that their keys were erased is for whoever knows all of it.
    ///
    /// # Errors
    /// [`Error::Malformed`] with the first rule that is broken.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let header = FrameHeader::parse(bytes)?;
        let frame = bytes.get(..header.len as usize).ok_or_else(|| bad("it is cut off"))?;
        let (covered, sum) = frame.split_last_chunk::<4>().ok_or_else(|| bad("it is cut off"))?;
        if crc32c::crc32c(covered) != u32::from_be_bytes(*sum) {
            return Err(bad("its checksum is wrong"));
        }
        let mut items = Vec::new();
        let mut at = FRAME_HEADER_BYTES;
        for _ in 0..header.count {
            let rest = covered.get(at..).unwrap_or(&[]);
            let item = ItemHeader::parse(rest)?;
            let end = ITEM_HEADER_BYTES + item.stored_len as usize;
            let payload = rest.get(ITEM_HEADER_BYTES..end).ok_or_else(|| bad("a payload is cut off"))?;
            if !item.is_erased() && Hash::of(payload) != item.entry.payload_hash {
                return Err(bad("a payload does not have the hash in its entry"));
            }
            items.push(Item { header: item, payload, offset: at });
            at += end;
        }
        let rest = covered.get(at..).unwrap_or(&[]);
        let (note, padding) = rest
            .split_at_checked(header.note_len as usize)
            .ok_or_else(|| bad("its checkpoint is cut off"))?;
        if padding.len() >= FRAME_ALIGN_BYTES || padding.iter().any(|byte| *byte != 0) {
            return Err(bad("its padding is not zero or too long"));
        }
        Ok(Self { header, items, note })
    }
}

/// Builds one frame.
#[derive(Debug)]
pub(crate) struct FrameBuilder {
    bytes: Vec<u8>,
    count: usize,
}

impl FrameBuilder {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        let mut buffer = Vec::with_capacity(bytes.min(MAX_FRAME_BYTES));
        buffer.resize(FRAME_HEADER_BYTES, 0);
        Self { bytes: buffer, count: 0 }
    }

    /// Adds an entry and its payload; returns the offset of the item in the frame.
    pub(crate) fn push(&mut self, entry: &[u8; ENTRY_BYTES], payload: &[u8]) -> Result<usize, Error> {
        let limit =
            |what, got: usize, limit: usize| Error::Limit { what, got: got as u64, limit: limit as u64 };
        let stored = u32::try_from(payload.len())
            .ok()
            .filter(|len| (*len as usize) <= MAX_PAYLOAD_BYTES)
            .ok_or_else(|| limit("a payload's length in bytes", payload.len(), MAX_PAYLOAD_BYTES))?;
        if self.count == MAX_FRAME_ENTRIES {
            return Err(limit("a batch's number of entries", self.count + 1, MAX_FRAME_ENTRIES));
        }
        let offset = self.bytes.len();
        let stored = stored.to_be_bytes();
        let sum = crc32c::crc32c_append(crc32c::crc32c(entry), &stored);
        self.bytes.extend_from_slice(entry);
        self.bytes.extend_from_slice(&stored);
        self.bytes.extend_from_slice(&sum.to_be_bytes());
        self.bytes.extend_from_slice(payload);
        self.count += 1;
        Ok(offset)
    }

    /// Adds the signed checkpoint and closes the frame.
    pub(crate) fn finish(mut self, first: u64, note: &[u8]) -> Result<Vec<u8>, Error> {
        self.bytes.extend_from_slice(note);
        let len = (self.bytes.len() + 4).next_multiple_of(FRAME_ALIGN_BYTES);
        let limit = Error::Limit {
            what: "a batch's length in bytes",
            got: len as u64,
            limit: MAX_FRAME_BYTES as u64,
        };
        self.bytes.resize(len - 4, 0);
        let number = |n: usize| u32::try_from(n).ok();
        let (Some(len), Some(count), Some(note_len)) = (number(len), number(self.count), number(note.len()))
        else {
            return Err(limit);
        };
        let header = FrameHeader { len, first, count, note_len };
        if !header.fits() {
            return Err(limit);
        }
        if let Some(place) = self.bytes.first_chunk_mut::<FRAME_HEADER_BYTES>() {
            *place = header.emit();
        }
        let sum = crc32c::crc32c(&self.bytes);
        self.bytes.extend_from_slice(&sum.to_be_bytes());
        Ok(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Draft, EntryKind, KeyId, StreamId};

    fn frame(payloads: &[Vec<u8>], first: u64, note: &[u8]) -> Vec<u8> {
        let mut builder = FrameBuilder::with_capacity(0);
        for payload in payloads {
            let draft = Draft {
                kind: EntryKind::Telemetry,
                flags: 0,
                time_ms: 1,
                stream: StreamId([1; 16]),
                stream_seq: 1,
                key: KeyId([2; 16]),
                payload: payload.clone(),
            };
            let entry = Entry::from_draft(&draft, Hash::ZERO).unwrap();
            builder.push(&entry.emit(), payload).unwrap();
        }
        builder.finish(first, note).unwrap()
    }

    proptest! {
        #[test]
        fn a_frame_round_trips_and_no_changed_byte_is_accepted(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..5),
            first in 0..u64::MAX / 2,
            note in prop::collection::vec(any::<u8>(), 0..50),
            trailing in prop::collection::vec(any::<u8>(), 0..20),
            at in any::<prop::sample::Index>(),
            mask in 1u8..,
        ) {
            let bytes = frame(&payloads, first, &note);
            prop_assert_eq!(bytes.len() % FRAME_ALIGN_BYTES, 0);
            let longer = [bytes.clone(), trailing].concat();
            let parsed = Frame::parse(&longer).unwrap();
            prop_assert_eq!(parsed.header.first, first);
            prop_assert_eq!(parsed.note, note.as_slice());
            let found: Vec<Vec<u8>> = parsed.items.iter().map(|i| i.payload.to_vec()).collect();
            prop_assert_eq!(found, payloads);
            let mut bad = bytes.clone();
            bad[at.index(bytes.len())] ^= mask;
            prop_assert!(Frame::parse(&bad).is_err());
            prop_assert!(Frame::parse(&bytes[..at.index(bytes.len())]).is_err());
        }

        #[test]
        fn any_bytes_are_refused_or_parsed(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Frame::parse(&bytes);
            let _ = ItemHeader::parse(&bytes);
        }
    }

    #[test]
    fn paths_are_canonical() {
        assert_eq!(path(7), "segment/00000000000000000007.seg");
        assert_eq!(parse_path(&path(u64::MAX)), Some(u64::MAX));
        for text in
            ["segment/7.seg", "segment/00000000000000000007.seg.tmp", "segment/+0000000000000000007.seg"]
        {
            assert_eq!(parse_path(text), None);
        }
    }
}
