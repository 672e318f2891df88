//! Another copy of a log, as a directory, to repair from: its frames by their first entries. Nothing here is trusted;
//! whoever takes a frame verifies it.

use std::collections::BTreeMap;

use crate::{
    Disk, Error,
    repair::intact_frames,
    segment::{self, SEGMENT_FOLDER},
};

/// The intact frames of a copy. Holds one segment in memory, since a repair asks in order.
#[derive(Debug)]
pub struct Peer<D> {
    disk: D,
    segments: BTreeMap<u64, String>,
    open: Option<Segment>,
}

/// A segment that was read: its bytes, and place and length of its frames by their first entries.
#[derive(Debug)]
struct Segment {
    first: u64,
    bytes: Vec<u8>,
    frames: BTreeMap<u64, (usize, usize)>,
}

impl<D: Disk> Peer<D> {
    /// Lists the segments of the copy on `disk`.
    ///
    /// # Errors
    /// [`Error::Disk`].
    pub fn open(disk: D) -> Result<Self, Error> {
        let files = disk.list(SEGMENT_FOLDER).map_err(Error::disk("list", SEGMENT_FOLDER))?;
        let segments =
            files.into_iter().filter_map(|file| Some((segment::parse_path(&file)?, file))).collect();
        Ok(Self { disk, segments, open: None })
    }

    /// The frame that begins at entry `first`; `None` where there is none that is whole.
    ///
    /// # Errors
    /// [`Error::Disk`].
    pub fn frame(&mut self, first: u64) -> Result<Option<Vec<u8>>, Error> {
        let Some((segment, file)) = self.segments.range(..=first).next_back() else { return Ok(None) };
        if self.open.as_ref().is_none_or(|open| open.first != *segment) {
            let bytes = self.disk.read_all(file).map_err(Error::disk("read", file))?;
            let frames = intact_frames(&bytes);
            self.open = Some(Segment { first: *segment, bytes, frames });
        }
        let found = self.open.as_ref().and_then(|open| {
            let (at, len) = open.frames.get(&first)?;
            open.bytes.get(*at..at + len).map(<[u8]>::to_vec)
        });
        Ok(found)
    }
}
