//! From an entry's number to its bytes: from the nearest known place over frame headers, and in the frame over item
//! headers. Damage on the way is gone around, so that it does not hide an entry that is intact.

#![deny(clippy::indexing_slicing)]

use crate::{
    Checkpoint, Disk, Entry, Error, Hash,
    chart::{Stretch, Witness},
    entry::ENTRY_BYTES,
    hash::HASH_BYTES,
    index::{Known, Segment},
    segment::{
        self, FRAME_ALIGN_BYTES, FRAME_HEADER_BYTES, Frame, FrameHeader, ITEM_HEADER_BYTES, ItemHeader,
        MAX_FRAME_BYTES,
    },
    stored::Stored,
    tile::{TILE_WIDTH, TileKind, TilePath},
    window::{RANDOM_BYTES, SEQUENTIAL_BYTES, Window},
};

/// Bytes of an entry in a bundle: its length and the entry.
const BUNDLE_ITEM_BYTES: usize = 2 + ENTRY_BYTES;

/// A frame, as far as it is known.
#[derive(Clone, Copy, Debug)]
struct Span {
    /// First entry of the segment.
    segment: u64,
    at: u64,
    first: u64,
    end: u64,
    /// Where its bytes end.
    limit: u64,
    /// Bytes of its checkpoint; none if the frame's header is damaged.
    note_len: Option<u32>,
}

/// Where a reader is: reading on from there costs no search.
#[derive(Debug)]
pub(crate) struct Cursor {
    window: Window,
    frame: Option<Span>,
    next: Option<Known>,
}

impl Cursor {
    /// For one entry.
    pub(crate) fn for_one() -> Self {
        Self { window: Window::new(RANDOM_BYTES), frame: None, next: None }
    }

    /// For entries one after the other.
    pub(crate) fn for_many() -> Self {
        Self { window: Window::new(SEQUENTIAL_BYTES), ..Self::for_one() }
    }
}

/// An entry's place and header.
pub(crate) struct Found {
    pub(crate) path: String,
    pub(crate) offset: u64,
    pub(crate) header: ItemHeader,
}

impl<D: Disk> Stored<D> {
    fn none(&self, index: u64) -> Error {
        Error::NoSuchEntry { index, size: self.size() }
    }

    /// The segment of an entry, and the entry after its last.
    fn segment_of(&self, index: u64) -> Option<(&Segment, u64)> {
        let segments = &self.contents.segments;
        let after = segments.partition_point(|segment| segment.first <= index);
        let end = segments.get(after).map_or(self.size(), |next| next.first);
        Some((segments.get(after.checked_sub(1)?)?, end)).filter(|_| index < end)
    }

    /// Finds an entry.
    ///
    /// # Errors
    /// [`Error::NoSuchEntry`]; [`Error::Damaged`] if its header is damaged or cannot be found; [`Error::Disk`].
    pub(crate) fn seek(&self, cursor: &mut Cursor, index: u64) -> Result<Found, Error> {
        let (segment, end) = self.segment_of(index).ok_or_else(|| self.none(index))?;
        let path = segment::path(segment.first);
        let before = cursor.frame.map(|span| (span.segment, span.at));
        let span = self.frame_span(cursor, segment, end, index)?;
        let same_frame = before == Some((span.segment, span.at));
        let behind = cursor.next.filter(|(entry, _)| same_frame && *entry <= index);
        let point = segment.item_before(index, span.first);
        let start = (span.first, span.at + FRAME_HEADER_BYTES as u64);
        let (mut entry, mut at) = [Some(start), point, behind].into_iter().flatten().max().unwrap_or(start);
        let item = |window: &mut Window, at| {
            let bytes = window.get(&self.disk, &path, at, ITEM_HEADER_BYTES, span.limit);
            bytes.map(ItemHeader::parse).map_err(Error::disk("read", &path))
        };
        cursor.frame = Some(span);
        cursor.next = None;
        while entry < index {
            match item(&mut cursor.window, at)? {
                Ok(header) => at += ITEM_HEADER_BYTES as u64 + u64::from(header.stored_len),
                Err(_) => {
                    at = self.behind_damage(segment, span, (entry, at), index)?;
                    break;
                }
            }
            entry += 1;
        }
        let header =
            item(&mut cursor.window, at)?.map_err(|error| Error::damaged(&path, index, error.to_string()))?;
        cursor.next = Some((index + 1, at + ITEM_HEADER_BYTES as u64 + u64::from(header.stored_len)));
        Ok(Found { path, offset: at, header })
    }

    /// The bytes of a payload, by way of what the cursor holds.
    pub(crate) fn payload(
        &self,
        cursor: &mut Cursor,
        path: &str,
        at: u64,
        len: u32,
    ) -> Result<Vec<u8>, Error> {
        let end = cursor.frame.map_or(at, |span| span.limit);
        let bytes = cursor.window.get(&self.disk, path, at, len as usize, end);
        bytes.map(<[u8]>::to_vec).map_err(Error::disk("read", path))
    }

    /// The frame that holds an entry.
    fn frame_span(
        &self,
        cursor: &mut Cursor,
        segment: &Segment,
        segment_end: u64,
        index: u64,
    ) -> Result<Span, Error> {
        let path = segment::path(segment.first);
        let near = cursor.frame.filter(|span| span.segment == segment.first && span.first <= index);
        if let Some(span) = near.filter(|span| index < span.end) {
            return Ok(span);
        }
        let behind = near.map(|span| (span.end, span.limit));
        let point = segment.frame_before(index);
        let (mut first, mut at) = behind.map_or(point, |behind| behind.max(point));
        loop {
            let bytes = cursor.window.get(&self.disk, &path, at, FRAME_HEADER_BYTES, segment.len);
            let header = FrameHeader::parse(bytes.map_err(Error::disk("read", &path))?).ok();
            let fits =
                |header: &FrameHeader| header.first == first && at + u64::from(header.len) <= segment.len;
            let (end, limit, note_len) = match header.filter(fits) {
                Some(header) => (header.end(), at + u64::from(header.len), Some(header.note_len)),
                None => {
                    let (end, limit) = self.next_frame(segment, segment_end, (first, at), index)?;
                    (end, limit, None)
                }
            };
            if index < end {
                return Ok(Span { segment: segment.first, at, first, end, limit, note_len });
            }
            (first, at) = (end, limit);
        }
    }

    /// The next frame that can be believed in, behind one with a damaged header: a known one, or one whose checkpoint
    /// is signed for the entries that its header claims, since a payload may look like a frame.
    fn next_frame(
        &self,
        segment: &Segment,
        segment_end: u64,
        (first, at): Known,
        index: u64,
    ) -> Result<Known, Error> {
        let path = segment::path(segment.first);
        let stop = segment.frame_after(index).unwrap_or((segment_end, segment.len));
        let mut window = Window::new(SEQUENTIAL_BYTES);
        let mut place = at + FRAME_ALIGN_BYTES as u64;
        while place + FRAME_HEADER_BYTES as u64 <= stop.1 {
            let bytes = window.get(&self.disk, &path, place, FRAME_HEADER_BYTES, stop.1);
            let header = FrameHeader::parse(bytes.map_err(Error::disk("read", &path))?).ok();
            if let Some(header) = header
                && header.first > first
                && header.end() <= segment_end
                && place + u64::from(header.len) <= segment.len
                && self.is_signed(&path, place, &header)?
            {
                return Ok((header.first, place));
            }
            place += FRAME_ALIGN_BYTES as u64;
        }
        Ok(stop)
    }

    /// Whether a frame's checkpoint is the log's own, for the size that its header gives.
    fn is_signed(&self, path: &str, at: u64, header: &FrameHeader) -> Result<bool, Error> {
        let len = header.note_len as usize + FRAME_ALIGN_BYTES - 1 + 4;
        let start = at + u64::from(header.len).saturating_sub(len as u64);
        let bytes = self.disk.read(path, start, len).map_err(Error::disk("read", path))?;
        Ok((0..FRAME_ALIGN_BYTES).any(|padding| {
            let note = bytes.get(padding..).and_then(|rest| rest.get(..header.note_len as usize));
            note.filter(|note| note.last() == Some(&b'\n'))
                .and_then(|note| Checkpoint::open(note, &self.key).ok())
                .is_some_and(|head| head.size == header.end())
        }))
    }

    /// Where an entry's item starts, when the item `entry` at `at` before it in the same frame is damaged.
    fn behind_damage(
        &self,
        segment: &Segment,
        span: Span,
        (entry, at): Known,
        index: u64,
    ) -> Result<u64, Error> {
        let path = segment::path(segment.first);
        let lost = || Error::damaged(&path, index, "its place cannot be found behind a damaged entry");
        let (end, ends, limit) = match (segment.item_after(index, span.end), span.note_len) {
            (Some((entry, place)), _) => (entry, place..=place, place),
            (None, Some(note_len)) => {
                let last = span.limit.saturating_sub(u64::from(note_len) + 4);
                (span.end, last.saturating_sub(FRAME_ALIGN_BYTES as u64 - 1)..=last, last)
            }
            (None, None) => (span.end, at..=span.limit, span.limit),
        };
        let relative = |place: u64| usize::try_from(place.saturating_sub(at)).unwrap_or(usize::MAX);
        let len = relative(limit).min(MAX_FRAME_BYTES);
        let bytes = self.disk.read(&path, at, len).map_err(Error::disk("read", &path))?;
        let ends = relative(*ends.start())..=relative(*ends.end());
        let stretch = Stretch { bytes: &bytes, first: entry, end, ends, witness: self };
        Ok(at + stretch.place(index).ok_or_else(lost)? as u64)
    }

    /// The frame that begins at entry `first`, as it lies on the disk.
    pub(crate) fn frame(&self, first: u64) -> Result<Vec<u8>, Error> {
        let (segment, end) = self.segment_of(first).ok_or_else(|| self.none(first))?;
        let span = self.frame_span(&mut Cursor::for_one(), segment, end, first)?;
        if span.first != first {
            return Err(self.none(first));
        }
        let path = segment::path(segment.first);
        let len = usize::try_from(span.limit - span.at).unwrap_or(usize::MAX).min(MAX_FRAME_BYTES);
        let bytes = self.disk.read(&path, span.at, len).map_err(Error::disk("read", &path))?;
        match Frame::parse(&bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(Error::damaged(&path, first, error.to_string())),
        }
    }

    fn published_item(&self, kind: TileKind, index: u64, bytes: usize) -> Option<Vec<u8>> {
        let size = Some(self.contents.published).filter(|size| index < *size)?;
        let path = TilePath::holding(kind, index, size).to_string();
        self.disk.read(&path, (index % TILE_WIDTH) * bytes as u64, bytes).ok()
    }
}

impl<D: Disk> Witness for Stored<D> {
    fn payload_len(&self, index: u64) -> Option<usize> {
        let bytes = self.published_item(TileKind::Entries, index, BUNDLE_ITEM_BYTES)?;
        let entry = bytes.get(2..)?;
        let known = Some(Hash::leaf(entry)) == self.leaf(index);
        known.then(|| Entry::parse(entry).ok()).flatten().map(|entry| entry.payload_len as usize)
    }

    fn leaf(&self, index: u64) -> Option<Hash> {
        let bytes = self.published_item(TileKind::Hashes(0), index, HASH_BYTES)?;
        Some(Hash(bytes.try_into().ok()?))
    }
}
