//! A mirror: another node's copy of a log, in the same files. It has no signing key of the log; every frame that it takes
//! over is verified, and what is verified is stored with one write and one sync, as the writer does it.

use std::collections::HashMap;

use crate::{
    Checkpoint, Disk, Entry, Error, Floor, Hash, KeyId, StreamId, VerifierKey,
    contents::Contents,
    erase::Erased,
    erasures::Mark,
    recovery::{self, PendingErasures, Recovery},
    segment::Frame,
    stored::{Step, Stored},
};

/// A verified copy of a log. One process per directory.
#[derive(Debug)]
pub struct Mirror<D> {
    stored: Stored<D>,
}

impl<D: Disk> Mirror<D> {
    /// Opens the copy on `disk`, or begins one on an empty disk with `empty`, the log's signed checkpoint of size 0.
    /// What is stored is read and verified as by [`crate::Log::open`].
    ///
    /// # Errors
    /// As [`crate::Log::open`]; [`Error::Malformed`] or [`Error::BadSignature`] for an `empty` that is none.
    pub fn open(mut disk: D, key: VerifierKey, empty: &str, floor: Floor) -> Result<(Self, Recovery), Error> {
        if Checkpoint::open(empty.as_bytes(), &key)?.size != 0 {
            return Err(Error::Malformed { what: "the checkpoint of a new log", why: "its size is not 0" });
        }
        let (contents, recovery) = recovery::open(&mut disk, &key, empty, floor, PendingErasures::Accepted)?;
        Ok((Self { stored: Stored::new(disk, contents, key) }, recovery))
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

    /// The log's key.
    #[must_use]
    pub fn key(&self) -> &VerifierKey {
        &self.stored.key
    }

    /// The log's signed checkpoint over all entries; `None` for an empty log.
    #[must_use]
    pub fn signed_checkpoint(&self) -> Option<&str> {
        self.stored.contents.signed.as_deref()
    }

    /// The disk, for reading what was published.
    pub fn disk(&self) -> &D {
        &self.stored.disk
    }

    /// Verifies the frame at the start of `bytes` and appends it; returns its length in bytes. When this returns, its
    /// entries and payloads are durable. A frame that is refused changes nothing.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a frame that is none, does not begin at this copy's end, or links or counts wrongly;
    /// [`Error::BadSignature`]; [`Error::Forked`] when the log has signed other entries than these;
    /// [`Error::Disk`] and [`Error::Stopped`] as for the writer.
    pub fn append(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let frame = Frame::parse(bytes)?;
        let step = check(&self.stored.contents, &self.stored.key, &frame)?;
        let len = frame.header.len as usize;
        self.stored.append(bytes.get(..len).unwrap_or(bytes), step)?;
        Ok(len)
    }

    /// Reads an entry and its sealed payload, and compares checksum, hash and length.
    ///
    /// # Errors
    /// As [`crate::Log::read`].
    pub fn read(&self, index: u64) -> Result<(Entry, Vec<u8>), Error> {
        self.stored.read(index)
    }

    /// The frame that begins at entry `first`, as it lies on the disk.
    ///
    /// # Errors
    /// As [`crate::Log::frame`].
    pub fn frame(&self, first: u64) -> Result<Vec<u8>, Error> {
        self.stored.frame(first)
    }

    /// Payloads that are gone though no entry here says that their keys were erased: a log that has erased them sends
    /// its old frames without them, and the entry comes in a later one. While there are any, the copy is not published
    /// and must not be cosigned.
    #[must_use]
    pub fn pending_erasures(&self) -> usize {
        self.stored.contents.erasures.pending()
    }

    /// Removes all payloads that are sealed under `keys`.
    ///
    /// # Errors
    /// As [`crate::Log::erase`].
    pub fn erase(&mut self, keys: &[KeyId]) -> Result<Erased, Error> {
        self.stored.erase(keys)
    }

    /// Publishes the tiles and the checkpoint of all entries.
    ///
    /// # Errors
    /// As [`crate::Log::publish`]; [`Error::ErasurePending`].
    pub fn publish(&mut self) -> Result<(), Error> {
        if self.pending_erasures() > 0 {
            return Err(Error::ErasurePending { pending: self.pending_erasures() });
        }
        match self.stored.contents.signed.clone() {
            Some(signed) if self.stored.contents.published != self.size() => self.stored.publish(&signed),
            _ => Ok(()),
        }
    }
}

/// What the tree is after `frame`, if that continues `contents` and the log has signed it.
pub(crate) fn check(contents: &Contents, key: &VerifierKey, frame: &Frame<'_>) -> Result<Step, Error> {
    let bad = |why| Error::Malformed { what: "a mirrored frame", why };
    if frame.header.first != contents.frontier.size() {
        return Err(bad("it does not begin where this copy ends"));
    }
    let mut last: HashMap<StreamId, Hash> = HashMap::new();
    let mut entries = Vec::with_capacity(frame.items.len());
    let mut marks = Vec::new();
    let mut follows = true;
    for (index, item) in (frame.header.first..).zip(&frame.items) {
        marks.extend(Mark::of(index, &item.header));
        let Entry { stream, previous, .. } = item.header.entry;
        let before = last.get(&stream).or_else(|| contents.streams.get(&stream));
        follows &= before.copied().unwrap_or(Hash::ZERO) == previous;
        last.insert(stream, Hash::of(&item.header.entry_bytes));
        entries.push((item.header.entry_bytes, item.offset as u64));
    }
    contents.step(entries, last, marks, |tree| {
        let head = Checkpoint::open(frame.note, key)?;
        if head.size != tree.size() {
            return Err(bad("its checkpoint is of another size"));
        }
        if head.root != tree.root() {
            return Err(Error::Forked { size: head.size, witness: "this copy" });
        }
        // Last: entries of another history break their streams, too, and that the log has signed one weighs more.
        if !follows {
            return Err(bad("an entry does not follow the last one of its stream"));
        }
        String::from_utf8(frame.note.to_vec()).map_err(|_| bad("its checkpoint is not text"))
    })
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::{Draft, EntryKind, KeyId, Log, MemDisk, Origin};

    fn draft(stream: u8, payload: &[u8]) -> Draft {
        Draft {
            kind: EntryKind::Telemetry,
            flags: 0,
            time_ms: 1,
            stream: StreamId([stream; 16]),
            stream_seq: 0,
            key: KeyId([9; 16]),
            payload: payload.to_vec(),
        }
    }

    fn log(seed: u8) -> Log<MemDisk> {
        let origin = Origin::new("ward.example/log").unwrap();
        Log::open(MemDisk::new(), origin, SigningKey::from_bytes(&[seed; 32]), Floor::NONE).unwrap().0
    }

    fn mirror(of: &Log<MemDisk>) -> Mirror<MemDisk> {
        let key = VerifierKey::new("ward.example/log", of.verifying_key()).unwrap();
        let empty = String::from_utf8(of.disk().read_all("checkpoint").unwrap()).unwrap();
        Mirror::open(MemDisk::new(), key, &empty, Floor::NONE).unwrap().0
    }

    #[test]
    fn a_mirror_holds_the_same_bytes_and_opens_again() {
        let mut log = log(1);
        let mut mirror = mirror(&log);
        for n in 0..20u8 {
            let first = log.append(vec![draft(n % 3, &[n; 40]), draft(7, &[n])]).unwrap().start;
            mirror.append(&log.frame(first).unwrap()).unwrap();
        }
        log.publish().unwrap();
        mirror.publish().unwrap();
        for path in log.disk().list("").unwrap() {
            assert_eq!(log.disk().read_all(&path).unwrap(), mirror.disk().read_all(&path).unwrap(), "{path}");
        }
        assert_eq!(mirror.read(6).unwrap(), log.read(6).unwrap());
    }

    #[test]
    fn what_does_not_continue_the_log_changes_nothing() {
        let (mut log, mut other) = (log(1), log(1));
        let mut mirror = mirror(&log);
        log.append(vec![draft(1, b"one")]).unwrap();
        log.append(vec![draft(1, b"two")]).unwrap();
        other.append(vec![draft(1, b"eins")]).unwrap();
        other.append(vec![draft(2, b"two")]).unwrap();
        let [one, two] = [0, 1].map(|first| log.frame(first).unwrap());
        assert!(matches!(mirror.append(&two), Err(Error::Malformed { .. })), "a gap");
        mirror.append(&one).unwrap();
        assert!(matches!(mirror.append(&one), Err(Error::Malformed { .. })), "again");
        // The same key has signed another history: every entry links, the root does not.
        let fork = other.frame(1).unwrap();
        assert!(matches!(mirror.append(&fork), Err(Error::Forked { size: 2, .. })));
        // An entry of that history that follows one which is not here says the same.
        other.append(vec![draft(1, b"drei")]).unwrap();
        let mut further = self::mirror(&log);
        for frame in [&one, &two] {
            further.append(frame).unwrap();
        }
        let fork = other.frame(2).unwrap();
        assert!(matches!(further.append(&fork), Err(Error::Forked { size: 3, .. })));
        let mut stranger = self::log(2);
        stranger.append(vec![draft(1, b"one")]).unwrap();
        stranger.append(vec![draft(1, b"two")]).unwrap();
        assert!(matches!(mirror.append(&stranger.frame(1).unwrap()), Err(Error::BadSignature { .. })));
        let mut bent = two.clone();
        bent[200] ^= 1;
        assert!(mirror.append(&bent).is_err());
        assert_eq!(mirror.append(&two).unwrap(), two.len());
        assert_eq!((mirror.size(), mirror.root()), (2, log.root()));
    }
}
