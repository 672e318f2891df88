//! What a writer or a mirror knows about the stored entries.

use std::collections::HashMap;

use crate::{
    Disk, Error, Hash, StreamId,
    entry::ENTRY_BYTES,
    erasures::{Erasures, Mark},
    head::{HEAD_FILE, HeadSlot},
    index::Segment,
    merkle::Frontier,
    snapshot::{Snapshot, full_tiles},
    stored::Step,
    tile::TileEdge,
};

/// Full tiles that are not published and may still go into a snapshot: those of a million entries, half the bytes of a
/// segment. A log that is published as it should be has a few.
const MAX_SNAPSHOT_TILES: usize = 4096;

/// What the writer knows about the stored entries; recovery builds it by reading them all.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) frontier: Frontier,
    pub(crate) edge: TileEdge,
    pub(crate) segments: Vec<Segment>,
    /// SHA-256 of the last entry of each stream.
    pub(crate) streams: HashMap<StreamId, Hash>,
    /// What the entries say about erased keys.
    pub(crate) erasures: Erasures,
    /// Signed checkpoint of the last frame.
    pub(crate) signed: Option<String>,
    /// Size of the published checkpoint, and its root.
    pub(crate) published: u64,
    pub(crate) published_root: Hash,
    /// Size and root in the head slot written last.
    pub(crate) head: (u64, Hash),
    /// Bytes of frames that the last snapshot does not cover.
    pub(crate) since_snapshot: u64,
    /// Whether there is a snapshot file with anything in it.
    pub(crate) has_snapshot: bool,
    /// Number of the head slot written last.
    pub(crate) head_seq: u64,
}

impl Contents {
    /// The step after `entries` are appended to the tree, each with its place in the frame; `streams`
    /// are the last entries of their streams, `signed` makes or checks the checkpoint.
    pub(crate) fn step(
        &self,
        entries: Vec<([u8; ENTRY_BYTES], u64)>,
        streams: HashMap<StreamId, Hash>,
        marks: Vec<Mark>,
        signed: impl FnOnce(&Frontier) -> Result<String, Error>,
    ) -> Result<Step, Error> {
        let mut frontier = self.frontier.clone();
        let mut completed = Vec::with_capacity(2 * entries.len());
        let mut offsets = Vec::with_capacity(entries.len());
        for (entry, offset) in entries {
            offsets.push(offset);
            frontier.append(Hash::leaf(&entry), |node, hash| completed.push((node, hash)));
        }
        let signed = signed(&frontier)?;
        Ok(Step { frontier, completed, streams, offsets, signed, marks })
    }

    /// The head slot that records these contents.
    pub(crate) fn next_head(&self) -> HeadSlot {
        let (segment_first, segment_len) =
            self.segments.last().map_or((0, 0), |segment| (segment.first, segment.len));
        HeadSlot {
            seq: self.head_seq + 1,
            size: self.frontier.size(),
            root: self.frontier.root(),
            segment_first,
            segment_len,
        }
    }

    /// Takes over the place of a frame: its segment, first entry and length, and the offsets of its items.
    pub(crate) fn add_frame(&mut self, segment: u64, first: u64, bytes: u64, items: &[u64]) {
        if self.segments.last().is_none_or(|last| last.first != segment) {
            self.segments.push(Segment::new(segment));
        }
        if let Some(last) = self.segments.last_mut() {
            last.add_frame(first, bytes, items);
        }
        self.since_snapshot += bytes;
    }

    /// A snapshot of these contents; none of an empty log, and none that would be too large.
    pub(crate) fn snapshot(&self) -> Option<Snapshot> {
        let (size, published) = (self.frontier.size(), self.published);
        let mut full = self.edge.full().iter().collect::<Vec<_>>();
        full.sort_by_key(|(path, _)| *path);
        if full.len() > MAX_SNAPSHOT_TILES
            || !full.iter().map(|(path, _)| *path).eq(full_tiles(published, size))
        {
            return None;
        }
        let mut streams: Vec<_> = self.streams.iter().map(|(stream, hash)| (*stream, *hash)).collect();
        streams.sort_unstable();
        let mut erased_keys: Vec<_> = self.erasures.keys.iter().copied().collect();
        erased_keys.sort_unstable();
        Some(Snapshot {
            size,
            published: (published, self.published_root),
            head: self.head,
            signed: self.signed.clone()?,
            rows: self.edge.rows().to_vec(),
            tiles: full.into_iter().map(|(_, hashes)| hashes.clone()).collect(),
            segments: self.segments.clone(),
            streams,
            erased_keys,
            pending: self.erasures.pending.iter().map(|(key, pending)| (*key, *pending)).collect(),
        })
    }

    pub(crate) fn write_head(&mut self, disk: &mut impl Disk) -> Result<(), Error> {
        let slot = self.next_head();
        disk.write(HEAD_FILE, slot.offset(), &slot.emit()).map_err(Error::disk("write", HEAD_FILE))?;
        disk.sync(HEAD_FILE).map_err(Error::disk("sync", HEAD_FILE))?;
        self.head_seq = slot.seq;
        self.head = (slot.size, slot.root);
        Ok(())
    }
}

impl Default for Contents {
    fn default() -> Self {
        Self {
            frontier: Frontier::new(),
            edge: TileEdge::default(),
            segments: Vec::new(),
            streams: HashMap::new(),
            erasures: Erasures::default(),
            signed: None,
            published: 0,
            published_root: Hash::empty_root(),
            head: (0, Hash::empty_root()),
            since_snapshot: 0,
            has_snapshot: false,
            head_seq: 0,
        }
    }
}
