//! The log: one writer that appends batches, reads entries and publishes tiles.

use std::{collections::HashMap, ops::Range};

use ed25519_dalek::SigningKey;

use crate::{
    Checkpoint, Disk, Draft, Entry, Error, Hash, Origin, StreamId, VerifierKey,
    entry::ENTRY_BYTES,
    head::{HEAD_FILE, HeadSlot},
    merkle::{Frontier, Node},
    recovery::{self, Recovery},
    segment::{self, FrameBuilder, ITEM_HEADER_BYTES, ItemHeader, SEGMENT_BYTES},
    tile::{self, CHECKPOINT_FILE, TILE_WIDTH, TileEdge, TileKind, TilePath},
};

/// Name of the file with the log's public key, a C2SP verifier key and a newline.
pub const KEY_FILE: &str = "key.vkey";

/// The least that a log must hold, as known outside of its directory: a row in a database, a witness, a backup. A
/// log that is shorter, or has another root at that size, is not opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Floor {
    /// Entries that were acknowledged.
    pub size: u64,
    /// Root of the tree of that size, where known.
    pub root: Option<Hash>,
}

impl Floor {
    /// Nothing is known outside: only the log's own head slots protect its last entries.
    pub const NONE: Self = Self { size: 0, root: None };
}

impl From<&Checkpoint> for Floor {
    fn from(head: &Checkpoint) -> Self {
        Self { size: head.size, root: Some(head.root) }
    }
}

/// A segment file: its first entry and the bytes of its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentExtent {
    pub(crate) first: u64,
    pub(crate) len: u64,
}

/// What the writer knows about the stored entries; recovery builds it by reading them all.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) frontier: Frontier,
    pub(crate) edge: TileEdge,
    /// Offset of each entry's item header in its segment.
    pub(crate) offsets: Vec<u64>,
    pub(crate) segments: Vec<SegmentExtent>,
    /// SHA-256 of the last entry of each stream.
    pub(crate) streams: HashMap<StreamId, Hash>,
    /// Signed checkpoint of the last frame.
    pub(crate) signed: Option<String>,
    /// Size of the published checkpoint.
    pub(crate) published: u64,
    /// Number of the head slot written last.
    pub(crate) head_seq: u64,
}

impl Contents {
    /// Segment path and offset of an entry.
    pub(crate) fn place(&self, index: u64) -> Option<(String, u64)> {
        let offset = *self.offsets.get(usize::try_from(index).ok()?)?;
        let after = self.segments.partition_point(|segment| segment.first <= index);
        let segment = self.segments.get(after.checked_sub(1)?)?;
        Some((segment::path(segment.first), offset))
    }

    /// The head slot that records these contents.
    pub(crate) fn next_head(&self) -> HeadSlot {
        let segment = self.segments.last().copied().unwrap_or(SegmentExtent { first: 0, len: 0 });
        HeadSlot {
            seq: self.head_seq + 1,
            size: self.frontier.size(),
            root: self.frontier.root(),
            segment_first: segment.first,
            segment_len: segment.len,
        }
    }

    pub(crate) fn write_head(&mut self, disk: &mut impl Disk) -> Result<(), Error> {
        let slot = self.next_head();
        disk.write(HEAD_FILE, slot.offset(), &slot.emit()).map_err(Error::disk("write", HEAD_FILE))?;
        disk.sync(HEAD_FILE).map_err(Error::disk("sync", HEAD_FILE))?;
        self.head_seq = slot.seq;
        Ok(())
    }
}

/// A batch that has been built but not written.
struct Staged {
    frame: Vec<u8>,
    frontier: Frontier,
    completed: Vec<(Node, Hash)>,
    streams: HashMap<StreamId, Hash>,
    offsets: Vec<u64>,
    signed: String,
}

/// An open log. One writer per directory; a [`crate::FileDisk`] sees to that with a lock.
#[derive(Debug)]
pub struct Log<D> {
    disk: D,
    origin: Origin,
    key: SigningKey,
    contents: Contents,
    segment_bytes: u64,
    stopped: bool,
}

impl<D: Disk> Log<D> {
    /// Opens the log on `disk`, or begins one on an empty disk. Every stored frame is read and verified: checksums,
    /// payload hashes, stream links, root and signature. A torn last frame at or after the floor is cut off, since
    /// it was never acknowledged; everything else that is wrong is refused, and then nothing has been changed.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Forked`], [`Error::WrongKey`], [`Error::Disk`].
    pub fn open(
        mut disk: D,
        origin: Origin,
        key: SigningKey,
        floor: Floor,
    ) -> Result<(Self, Recovery), Error> {
        let verifier = VerifierKey::new(origin.as_str(), key.verifying_key())?;
        let empty = Checkpoint { origin: origin.clone(), size: 0, root: Hash::empty_root() }.sign(&key)?;
        let (contents, recovery) = recovery::open(&mut disk, &verifier, &empty, floor)?;
        Ok((Self { disk, origin, key, contents, segment_bytes: SEGMENT_BYTES, stopped: false }, recovery))
    }

    /// Sets the length in bytes at which a segment is closed; [`SEGMENT_BYTES`] otherwise.
    #[must_use]
    pub fn with_segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes;
        self
    }

    /// Number of entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.contents.frontier.size()
    }

    /// Root of the tree over all entries.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.contents.frontier.root()
    }

    /// Checkpoint over all entries, published or not.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { origin: self.origin.clone(), size: self.size(), root: self.root() }
    }

    /// Size of the published checkpoint; a new log begins with that of the empty tree.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.contents.published
    }

    /// SHA-256 of the last entry of a stream.
    #[must_use]
    pub fn stream_head(&self, stream: &StreamId) -> Option<Hash> {
        self.contents.streams.get(stream).copied()
    }

    /// The disk, for reading what was published.
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// Appends a batch as one frame: one write and one sync. When this returns, the entries are durable. The result
    /// is the range of their indices; an empty batch gives an empty range and writes nothing.
    ///
    /// # Errors
    /// [`Error::Limit`] for a batch or payload beyond its limit, with nothing written. [`Error::Disk`] when the disk
    /// failed: whether the batch is stored is then unknown, and every later append fails with [`Error::Stopped`];
    /// open the log again, which reads what is really there. A failed sync is never repeated, because the system may
    /// already have dropped the bytes.
    pub fn append(&mut self, batch: Vec<Draft>) -> Result<Range<u64>, Error> {
        self.running()?;
        let first = self.size();
        if batch.is_empty() {
            return Ok(first..first);
        }
        let staged = self.stage(&batch)?;
        let extent = match self.contents.segments.last() {
            Some(last) if last.len == 0 || last.len < self.segment_bytes => *last,
            _ => SegmentExtent { first, len: 0 },
        };
        let path = segment::path(extent.first);
        // Until all calls have succeeded the state of the disk is unknown.
        self.stopped = true;
        self.close_before(extent)?;
        self.disk.write(&path, extent.len, &staged.frame).map_err(Error::disk("append to", &path))?;
        self.disk.sync(&path).map_err(Error::disk("sync", &path))?;
        self.stopped = false;
        self.commit(staged, extent);
        Ok(first..self.size())
    }

    /// Cuts the unused rest off the segment before a new one, so that bytes after the last frame of a closed segment
    /// are always damage. The rest is zeros: preallocated, or left by a power cut that kept a length and no bytes.
    fn close_before(&mut self, next: SegmentExtent) -> Result<(), Error> {
        let Some(last) = self.contents.segments.last().filter(|last| last.first != next.first) else {
            return Ok(());
        };
        let path = segment::path(last.first);
        if self.disk.len(&path).map_err(Error::disk("measure", &path))? > last.len {
            self.disk.truncate(&path, last.len).map_err(Error::disk("truncate", &path))?;
            self.disk.sync(&path).map_err(Error::disk("sync", &path))?;
        }
        Ok(())
    }

    fn running(&self) -> Result<(), Error> {
        if self.stopped { Err(Error::Stopped) } else { Ok(()) }
    }

    /// Builds the frame and the state after it, without changing anything.
    fn stage(&self, batch: &[Draft]) -> Result<Staged, Error> {
        let first = self.size();
        let bytes = batch.iter().map(|draft| draft.payload.len() + ITEM_HEADER_BYTES).sum::<usize>();
        let mut frame = FrameBuilder::with_capacity(bytes + 512);
        let mut frontier = self.contents.frontier.clone();
        let mut completed = Vec::with_capacity(2 * batch.len());
        let mut streams = HashMap::new();
        let mut offsets = Vec::with_capacity(batch.len());
        for draft in batch {
            let previous = streams.get(&draft.stream).or_else(|| self.contents.streams.get(&draft.stream));
            let entry = Entry::from_draft(draft, previous.copied().unwrap_or(Hash::ZERO))?.emit();
            offsets.push(frame.push(&entry, &draft.payload)? as u64);
            streams.insert(draft.stream, Hash::of(&entry));
            frontier.append(Hash::leaf(&entry), |node, hash| completed.push((node, hash)));
        }
        let head = Checkpoint { origin: self.origin.clone(), size: frontier.size(), root: frontier.root() };
        let signed = head.sign(&self.key)?;
        let frame = frame.finish(first, signed.as_bytes())?;
        Ok(Staged { frame, frontier, completed, streams, offsets, signed })
    }

    /// Takes over a batch that is durable.
    fn commit(&mut self, staged: Staged, extent: SegmentExtent) {
        let contents = &mut self.contents;
        if contents.segments.last().is_none_or(|last| last.first != extent.first) {
            contents.segments.push(extent);
        }
        if let Some(last) = contents.segments.last_mut() {
            last.len = extent.len + staged.frame.len() as u64;
        }
        contents.offsets.extend(staged.offsets.iter().map(|offset| extent.len + offset));
        for (node, hash) in staged.completed {
            contents.edge.completed(node, hash, contents.published);
        }
        contents.frontier = staged.frontier;
        contents.streams.extend(staged.streams);
        contents.signed = Some(staged.signed);
    }

    /// Reads an entry and its sealed payload, and compares checksum, hash and length.
    ///
    /// # Errors
    /// [`Error::NoSuchEntry`]; [`Error::Damaged`] if the stored bytes are not those that were appended;
    /// [`Error::Disk`].
    pub fn read(&self, index: u64) -> Result<(Entry, Vec<u8>), Error> {
        let (path, offset, header) = self.item(index)?;
        let start = offset + ITEM_HEADER_BYTES as u64;
        let payload =
            self.disk.read(&path, start, header.stored_len as usize).map_err(Error::disk("read", &path))?;
        if Hash::of(&payload) == header.entry.payload_hash {
            Ok((header.entry, payload))
        } else {
            Err(Error::damaged(&path, index, "the payload does not have the hash in its entry"))
        }
    }

    fn item(&self, index: u64) -> Result<(String, u64, ItemHeader), Error> {
        let none = || Error::NoSuchEntry { index, size: self.size() };
        let (path, offset) = self.contents.place(index).ok_or_else(none)?;
        let bytes = self.disk.read(&path, offset, ITEM_HEADER_BYTES).map_err(Error::disk("read", &path))?;
        match ItemHeader::parse(&bytes) {
            Ok(header) => Ok((path, offset, header)),
            Err(error) => Err(Error::damaged(&path, index, error.to_string())),
        }
    }

    /// All entries from `index` on, each with its index.
    pub fn entries_from(
        &self,
        index: u64,
    ) -> impl Iterator<Item = Result<(u64, Entry, Vec<u8>), Error>> + '_ {
        (index..self.size()).map(|at| self.read(at).map(|(entry, payload)| (at, entry, payload)))
    }

    /// Publishes all entries: first the tiles and bundles that have changed, then the head floor, then the
    /// checkpoint, each durable before the next; at last the partial tiles that full ones have replaced are removed.
    /// Call it every 100 ms to 1 s, not for every batch, since every checkpoint asks the witnesses for work.
    ///
    /// # Errors
    /// [`Error::Damaged`] if a stored entry no longer has the hash it was appended with, and then no checkpoint is
    /// published; [`Error::Disk`], after which the writer has stopped; [`Error::Stopped`].
    pub fn publish(&mut self) -> Result<Checkpoint, Error> {
        self.running()?;
        let head = self.checkpoint();
        if self.contents.published == head.size {
            return Ok(head);
        }
        let signed = match &self.contents.signed {
            Some(signed) => signed.clone(),
            None => head.sign(&self.key)?,
        };
        self.stopped = true;
        self.publish_tiles()?;
        self.contents.write_head(&mut self.disk)?;
        self.replace(CHECKPOINT_FILE, signed.as_bytes())?;
        self.contents.published = head.size;
        self.remove_partials()?;
        self.stopped = false;
        Ok(head)
    }

    fn publish_tiles(&mut self) -> Result<(), Error> {
        let changed: Vec<(TilePath, Vec<Hash>)> = self
            .contents
            .edge
            .changed(self.contents.published, self.size())
            .into_iter()
            .map(|(path, hashes)| (path, hashes.to_vec()))
            .collect();
        for (path, hashes) in changed {
            if path.kind == TileKind::Hashes(0) {
                let entries = self.bundle(path.index * TILE_WIDTH, &hashes)?;
                let bundle = TilePath { kind: TileKind::Entries, ..path };
                self.replace(&bundle.to_string(), &tile::emit_bundle(&entries))?;
            }
            self.replace(&path.to_string(), &tile::emit_hashes(&hashes))?;
        }
        Ok(())
    }

    /// Reads back the entries of a bundle; each must still have the leaf hash that is in the tree.
    fn bundle(&self, first: u64, leaves: &[Hash]) -> Result<Vec<[u8; ENTRY_BYTES]>, Error> {
        let mut entries = Vec::with_capacity(leaves.len());
        for (index, leaf) in (first..).zip(leaves) {
            let (path, _, header) = self.item(index)?;
            if Hash::leaf(&header.entry_bytes) != *leaf {
                return Err(Error::damaged(&path, index, "the entry is not the one that was appended"));
            }
            entries.push(header.entry_bytes);
        }
        Ok(entries)
    }

    fn replace(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        self.disk.replace(path, bytes).map_err(Error::disk("replace", path))
    }

    fn remove_partials(&mut self) -> Result<(), Error> {
        for full in self.contents.edge.published() {
            let mut paths = vec![full];
            if full.kind == TileKind::Hashes(0) {
                paths.push(TilePath { kind: TileKind::Entries, ..full });
            }
            for path in paths {
                let folder = path.partial_folder();
                for partial in self.disk.list(&folder).map_err(Error::disk("list", &folder))? {
                    self.disk.remove(&partial).map_err(Error::disk("remove", &partial))?;
                }
            }
        }
        Ok(())
    }
}
