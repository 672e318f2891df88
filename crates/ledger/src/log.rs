//! The log: one writer that appends batches, reads entries and publishes tiles.

use std::{collections::HashMap, ops::Range};

use ed25519_dalek::{SigningKey, VerifyingKey};

use crate::{
    Checkpoint, Disk, Draft, Entry, Error, Hash, KeyId, Origin, StreamId, VerifierKey,
    erase::Erased,
    erasures::Mark,
    locate::Cursor,
    recovery::{self, PendingErasures, Recovery},
    segment::{FrameBuilder, ITEM_HEADER_BYTES},
    stored::{Step, Stored},
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

/// An open log. One writer per directory; a [`crate::FileDisk`] sees to that with a lock.
#[derive(Debug)]
pub struct Log<D> {
    stored: Stored<D>,
    origin: Origin,
    key: SigningKey,
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
        let (contents, recovery) =
            recovery::open(&mut disk, &verifier, &empty, floor, PendingErasures::Refused)?;
        Ok((Self { stored: Stored::new(disk, contents, verifier), origin, key }, recovery))
    }

    /// Sets the length in bytes at which a segment is closed; [`crate::segment::SEGMENT_BYTES`] otherwise.
    #[must_use]
    pub fn with_segment_bytes(mut self, bytes: u64) -> Self {
        self.stored.segment_bytes = bytes;
        self
    }

    /// Number of entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.stored.size()
    }

    /// Root of the tree over all entries.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.stored.root()
    }

    /// Checkpoint over all entries, published or not.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { origin: self.origin.clone(), size: self.size(), root: self.root() }
    }

    /// Size of the published checkpoint; a new log begins with that of the empty tree.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.stored.contents.published
    }

    /// SHA-256 of the last entry of a stream.
    #[must_use]
    pub fn stream_head(&self, stream: &StreamId) -> Option<Hash> {
        self.stored.contents.streams.get(stream).copied()
    }

    /// The public key, for whoever verifies or mirrors the log.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        self.key.verifying_key()
    }

    /// The disk, for reading what was published.
    pub fn disk(&self) -> &D {
        &self.stored.disk
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
        self.stored.running()?;
        let first = self.size();
        if !batch.is_empty() {
            let (frame, step) = self.stage(&batch)?;
            self.stored.append(&frame, step)?;
        }
        Ok(first..self.size())
    }

    /// Builds the frame and the state after it, without changing anything.
    fn stage(&self, batch: &[Draft]) -> Result<(Vec<u8>, Step), Error> {
        let bytes = batch.iter().map(|draft| draft.payload.len() + ITEM_HEADER_BYTES).sum::<usize>();
        let mut frame = FrameBuilder::with_capacity(bytes + 512);
        let mut last: HashMap<StreamId, Hash> = HashMap::new();
        let mut entries = Vec::with_capacity(batch.len());
        let mut marks = Vec::new();
        for draft in batch {
            let previous = last.get(&draft.stream).copied().or_else(|| self.stream_head(&draft.stream));
            let entry = Entry::from_draft(draft, previous.unwrap_or(Hash::ZERO))?;
            marks.extend(Mark::key(&entry));
            let entry = entry.emit();
            last.insert(draft.stream, Hash::of(&entry));
            entries.push((entry, frame.push(&entry, &draft.payload)? as u64));
        }
        let step = self.stored.contents.step(entries, last, marks, |tree| {
            Checkpoint { origin: self.origin.clone(), size: tree.size(), root: tree.root() }.sign(&self.key)
        })?;
        let frame = frame.finish(self.size(), step.signed.as_bytes())?;
        Ok((frame, step))
    }

    /// Reads an entry and its sealed payload, and compares checksum, hash and length.
    ///
    /// # Errors
    /// [`Error::NoSuchEntry`]; [`Error::Erased`] if its payload was erased; [`Error::Damaged`] if the stored bytes are
    /// not those that were appended; [`Error::Disk`].
    pub fn read(&self, index: u64) -> Result<(Entry, Vec<u8>), Error> {
        self.stored.read(index)
    }

    /// Reads an entry without its payload, of which nothing is said but that it was not erased.
    ///
    /// # Errors
    /// [`Error::NoSuchEntry`]; [`Error::Erased`]; [`Error::Damaged`] if the entry's checksum is wrong; [`Error::Disk`].
    pub fn entry(&self, index: u64) -> Result<Entry, Error> {
        let found = self.stored.seek(&mut Cursor::for_one(), index)?;
        if found.header.is_erased() { Err(Error::Erased { index }) } else { Ok(found.header.entry) }
    }

    /// All entries from `index` on, each with its index. One whose payload was erased is an [`Error::Erased`], one that
    /// is damaged an [`Error::Damaged`]; the iterator goes on behind both.
    pub fn entries_from(
        &self,
        index: u64,
    ) -> impl Iterator<Item = Result<(u64, Entry, Vec<u8>), Error>> + '_ {
        let mut cursor = Cursor::for_many();
        (index..self.size())
            .map(move |at| self.stored.read_on(&mut cursor, at).map(|(entry, payload)| (at, entry, payload)))
    }

    /// Removes all payloads that are sealed under `keys`; their entries, and every proof, stay. Log a
    /// [`crate::EntryKind::KeyErased`] entry for each key first. Reading such an entry gives [`Error::Erased`]
    /// afterwards. May be repeated, as after a crash in the middle.
    ///
    /// The segments are rewritten and the old bytes overwritten where the disk can do that, see
    /// [`crate::Disk::replace_wiping`]; copies elsewhere, backups and mirrors, have to be erased for themselves.
    ///
    /// # Errors
    /// [`Error::NotLogged`] with nothing changed; [`Error::Damaged`] for a segment that has to be repaired first, when
    /// all others are done; [`Error::Disk`], after which the writer has stopped; [`Error::Stopped`].
    pub fn erase(&mut self, keys: &[KeyId]) -> Result<Erased, Error> {
        self.stored.erase(keys)
    }

    /// The frame that begins at entry `first`, as it lies on the disk: what a mirror is sent.
    ///
    /// # Errors
    /// [`Error::NoSuchEntry`] if no frame begins there; [`Error::Damaged`]; [`Error::Disk`].
    pub fn frame(&self, first: u64) -> Result<Vec<u8>, Error> {
        self.stored.frame(first)
    }

    /// The signed checkpoint of the empty tree, with which a copy begins.
    ///
    /// # Errors
    /// None for a valid origin.
    pub fn empty_checkpoint(&self) -> Result<String, Error> {
        Checkpoint { origin: self.origin.clone(), size: 0, root: Hash::empty_root() }.sign(&self.key)
    }

    /// Whether an entry says that this key was erased.
    #[must_use]
    pub fn says_erased(&self, key: &KeyId) -> bool {
        self.stored.contents.erasures.keys.contains(key)
    }

    /// The signed checkpoint over all entries, published or not.
    ///
    /// # Errors
    /// None for a valid origin.
    pub fn signed_checkpoint(&self) -> Result<String, Error> {
        match &self.stored.contents.signed {
            Some(signed) => Ok(signed.clone()),
            None => self.checkpoint().sign(&self.key),
        }
    }

    /// Publishes all entries: first the tiles and bundles that have changed, then the head floor, then the
    /// checkpoint, each durable before the next; at last the partial tiles that full ones have replaced are removed.
    /// Call it every 100 ms to 1 s, not for every batch, since every checkpoint asks the witnesses for work.
    ///
    /// # Errors
    /// [`Error::Damaged`] if a stored entry no longer has the hash it was appended with, and then no checkpoint is
    /// published; [`Error::Disk`], after which the writer has stopped; [`Error::Stopped`].
    pub fn publish(&mut self) -> Result<Checkpoint, Error> {
        self.stored.running()?;
        let head = self.checkpoint();
        if self.published() != head.size {
            let signed = self.signed_checkpoint()?;
            self.stored.publish(&signed)?;
        }
        Ok(head)
    }
}
