//! The stored copy of a log: its segments, its published tiles, and what a writer or a mirror knows about them. Both
//! append whole frames; only where the frames come from differs.

use std::{collections::HashMap, io};

use crate::{
    Disk, Entry, Error, Hash, StreamId, VerifierKey,
    contents::Contents,
    entry::ENTRY_BYTES,
    erasures::Mark,
    locate::{Cursor, Found},
    merkle::{Frontier, Node},
    segment::{self, ITEM_HEADER_BYTES, RESERVE_BYTES, SEGMENT_BYTES},
    snapshot::{MAX_SNAPSHOT_BYTES, SNAPSHOT_FILE},
    tile::{self, CHECKPOINT_FILE, TILE_FOLDER, TILE_WIDTH, TileKind, TilePath},
};

/// Tiles and bundles that are made durable together: at most some megabytes.
const FILES_AT_ONCE: usize = 256;

/// What a frame adds to the tree, computed before it is written.
pub(crate) struct Step {
    pub(crate) frontier: Frontier,
    pub(crate) completed: Vec<(Node, Hash)>,
    /// SHA-256 of the last entry of each stream that the frame has entries of.
    pub(crate) streams: HashMap<StreamId, Hash>,
    /// Offset of each item header in the frame.
    pub(crate) offsets: Vec<u64>,
    /// The signed checkpoint at the frame's end.
    pub(crate) signed: String,
    /// What its entries say about erasures.
    pub(crate) marks: Vec<Mark>,
}

/// The files of a log and what is known of them.
#[derive(Debug)]
pub(crate) struct Stored<D> {
    pub(crate) disk: D,
    pub(crate) contents: Contents,
    /// The log's key, to tell a frame of the log from one in a payload.
    pub(crate) key: VerifierKey,
    pub(crate) segment_bytes: u64,
    pub(crate) stopped: bool,
    /// The segment at the end, and up to where space is reserved for it.
    reserved: Option<(u64, u64)>,
}

impl<D: Disk> Stored<D> {
    pub(crate) fn new(disk: D, contents: Contents, key: VerifierKey) -> Self {
        Self { disk, contents, key, segment_bytes: SEGMENT_BYTES, stopped: false, reserved: None }
    }

    pub(crate) fn size(&self) -> u64 {
        self.contents.frontier.size()
    }

    pub(crate) fn root(&self) -> Hash {
        self.contents.frontier.root()
    }

    pub(crate) fn running(&self) -> Result<(), Error> {
        if self.stopped { Err(Error::Stopped) } else { Ok(()) }
    }

    /// Appends one frame: one write and one sync. When this returns, it is durable.
    pub(crate) fn append(&mut self, frame: &[u8], step: Step) -> Result<(), Error> {
        self.running()?;
        let (first, at) = match self.contents.segments.last() {
            Some(last) if last.len == 0 || last.len < self.segment_bytes => (last.first, last.len),
            _ => (self.size(), 0),
        };
        let path = segment::path(first);
        // Until all calls have succeeded the state of the disk is unknown.
        self.stopped = true;
        self.close_before(first)?;
        if let Err(error) = self.reserve(first, at + frame.len() as u64) {
            // Nothing of the frame is written, so what is stored is known and the writer may go on.
            self.stopped = error.kind() != io::ErrorKind::StorageFull;
            return Err(Error::disk("reserve space in", &path)(error));
        }
        self.disk.write(&path, at, frame).map_err(Error::disk("append to", &path))?;
        self.disk.sync(&path).map_err(Error::disk("sync", &path))?;
        self.stopped = false;
        self.commit(frame.len() as u64, step, first);
        Ok(())
    }

    /// Reserves space up to `end` in the segment that begins with entry `first`, in large steps.
    fn reserve(&mut self, first: u64, end: u64) -> io::Result<()> {
        let path = segment::path(first);
        let held = match self.reserved {
            Some((segment, held)) if segment == first => held,
            // The first append since the log was opened or erased.
            _ if self.contents.segments.last().is_some_and(|last| last.first == first) => {
                self.disk.len(&path)?
            }
            _ => 0,
        };
        let step = RESERVE_BYTES.min(self.segment_bytes).max(1);
        let mut reserved = held;
        if end > held {
            reserved = end.next_multiple_of(step);
            self.disk.reserve(&path, reserved)?;
        }
        self.reserved = Some((first, reserved));
        Ok(())
    }

    /// Forgets what was reserved: the segment has been replaced.
    pub(crate) fn forget_reserved(&mut self) {
        self.reserved = None;
    }

    /// Closes the segment before a new one, and writes a snapshot. Cuts its unused rest off, so that bytes after the last frame of a closed segment
    /// are always damage. The rest is zeros: preallocated, or left by a power cut that kept a length and no bytes.
    fn close_before(&mut self, next: u64) -> Result<(), Error> {
        let Some(last) = self.contents.segments.last_mut().filter(|last| last.first != next) else {
            return Ok(());
        };
        last.close();
        let path = segment::path(last.first);
        if self.disk.len(&path).map_err(Error::disk("measure", &path))? > last.len {
            self.disk.truncate(&path, last.len).map_err(Error::disk("truncate", &path))?;
            self.disk.sync(&path).map_err(Error::disk("sync", &path))?;
        }
        self.write_snapshot()
    }

    /// Takes over a frame that is durable.
    fn commit(&mut self, bytes: u64, step: Step, segment: u64) {
        let first = self.size();
        let contents = &mut self.contents;
        contents.add_frame(segment, first, bytes, &step.offsets);
        for (node, hash) in step.completed {
            contents.edge.completed(node, hash, contents.published);
        }
        contents.frontier = step.frontier;
        contents.streams.extend(step.streams);
        step.marks.into_iter().for_each(|mark| contents.erasures.take(mark));
        contents.signed = Some(step.signed);
    }

    /// Reads an entry and its sealed payload, and compares checksum, hash and length.
    ///
    /// # Errors
    /// [`Error::NoSuchEntry`]; [`Error::Damaged`] if the stored bytes are not those that were appended;
    /// [`Error::Disk`].
    pub(crate) fn read(&self, index: u64) -> Result<(Entry, Vec<u8>), Error> {
        self.read_on(&mut Cursor::for_one(), index)
    }

    /// As [`Stored::read`], from where `cursor` stands.
    pub(crate) fn read_on(&self, cursor: &mut Cursor, index: u64) -> Result<(Entry, Vec<u8>), Error> {
        let Found { path, offset, header } = self.seek(cursor, index)?;
        if header.is_erased() {
            return Err(Error::Erased { index });
        }
        let payload = self.payload(cursor, &path, offset + ITEM_HEADER_BYTES as u64, header.stored_len)?;
        if Hash::of(&payload) == header.entry.payload_hash {
            Ok((header.entry, payload))
        } else {
            Err(Error::damaged(&path, index, "the payload does not have the hash in its entry"))
        }
    }

    /// Publishes `signed`, the checkpoint over all entries: tiles, head floor, checkpoint, each durable before the next.
    pub(crate) fn publish(&mut self, signed: &str) -> Result<(), Error> {
        self.running()?;
        self.stopped = true;
        self.publish_tiles()?;
        self.contents.write_head(&mut self.disk)?;
        self.replace(CHECKPOINT_FILE, signed.as_bytes())?;
        (self.contents.published, self.contents.published_root) = (self.size(), self.root());
        self.remove_partials()?;
        if self.contents.since_snapshot >= self.segment_bytes {
            self.write_snapshot()?;
        }
        self.stopped = false;
        Ok(())
    }

    /// Writes a snapshot of everything that is stored.
    pub(crate) fn write_snapshot(&mut self) -> Result<(), Error> {
        let snapshot = self.contents.snapshot().map(|snapshot| snapshot.emit());
        if let Some(bytes) = snapshot.filter(|bytes| bytes.len() <= MAX_SNAPSHOT_BYTES) {
            self.replace(SNAPSHOT_FILE, &bytes)?;
            self.contents.has_snapshot = true;
            self.contents.since_snapshot = 0;
        }
        Ok(())
    }

    /// Makes the snapshot worthless, durably: a file that is only removed may come back after a power cut.
    pub(crate) fn drop_snapshot(&mut self) -> Result<(), Error> {
        if self.contents.has_snapshot {
            self.replace(SNAPSHOT_FILE, &[])?;
            self.contents.has_snapshot = false;
        }
        Ok(())
    }

    fn publish_tiles(&mut self) -> Result<(), Error> {
        let changed: Vec<(TilePath, Vec<Hash>)> = self
            .contents
            .edge
            .changed(self.contents.published, self.size())
            .into_iter()
            .map(|(path, hashes)| (path, hashes.to_vec()))
            .collect();
        let mut files = Vec::new();
        for (path, hashes) in changed {
            if path.kind == TileKind::Hashes(0) {
                let entries = self.bundle(path.index * TILE_WIDTH, &hashes)?;
                let bundle = TilePath { kind: TileKind::Entries, ..path };
                files.push((bundle.to_string(), tile::emit_bundle(&entries)));
            }
            files.push((path.to_string(), tile::emit_hashes(&hashes)));
            if files.len() >= FILES_AT_ONCE {
                self.replace_all(&mut files)?;
            }
        }
        self.replace_all(&mut files)
    }

    /// Reads back the entries of a bundle; each must still have the leaf hash that is in the tree.
    fn bundle(&self, first: u64, leaves: &[Hash]) -> Result<Vec<[u8; ENTRY_BYTES]>, Error> {
        let mut entries = Vec::with_capacity(leaves.len());
        let mut cursor = Cursor::for_many();
        for (index, leaf) in (first..).zip(leaves) {
            let Found { path, header, .. } = self.seek(&mut cursor, index)?;
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

    fn replace_all(&mut self, files: &mut Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        self.disk.replace_all(files).map_err(Error::disk("replace", TILE_FOLDER))?;
        files.clear();
        Ok(())
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
