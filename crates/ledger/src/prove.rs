//! One entry with the proof that it is in the log, in the C2SP tlog-proof text form, and its verification.
//!
//! Proofs are made from published files alone, so that anyone who has a copy of them can make one. No tile is
//! trusted: a proof is returned only after it has been verified against the signed checkpoint.

#![deny(clippy::indexing_slicing)]

use std::{collections::HashMap, io};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    Checkpoint, Disk, Entry, Error, Hash, VerifierKey,
    checkpoint::parse_decimal,
    entry::ENTRY_BYTES,
    merkle::{self, Node},
    note::MAX_NOTE_BYTES,
    tile::{self, CHECKPOINT_FILE, TILE_WIDTH, TileKind, TilePath},
};

/// First line of a proof.
pub const PROOF_LINE: &str = "c2sp.org/tlog-proof@v1";

/// Most hashes in an inclusion proof: one for each level of a tree of 2^64 leaves.
pub const MAX_PROOF_HASHES: usize = 64;

/// Largest proof text in bytes that is parsed: the checkpoint, 64 hashes and an entry.
pub const MAX_PROOF_BYTES: usize = MAX_NOTE_BYTES + 8192;

/// A proof that an entry is in a log. Its `extra` line holds the entry itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Index of the entry.
    pub index: u64,
    /// The entry, 128 bytes.
    pub entry: [u8; ENTRY_BYTES],
    /// Inclusion proof from the leaf's sibling upwards (RFC 6962 section 2.1.1).
    pub hashes: Vec<Hash>,
    /// The signed checkpoint, with whatever cosignatures it carries.
    pub signed_checkpoint: String,
}

impl Proof {
    /// The text form; by C2SP's advice kept in a file with the ending `.tlog-proof`.
    #[must_use]
    pub fn emit(&self) -> String {
        let mut text = format!("{PROOF_LINE}\nextra {}\nindex {}\n", STANDARD.encode(self.entry), self.index);
        for hash in &self.hashes {
            text.push_str(&STANDARD.encode(hash.0));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.signed_checkpoint);
        text
    }

    /// Parses the text form. The `extra` line is required, since it holds the entry.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Limit`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |why| Error::Malformed { what: "a log proof", why };
        if text.len() > MAX_PROOF_BYTES {
            let (got, limit) = (text.len() as u64, MAX_PROOF_BYTES as u64);
            return Err(Error::Limit { what: "a proof's length in bytes", got, limit });
        }
        let (proof, signed_checkpoint) =
            text.split_once("\n\n").ok_or_else(|| bad("it has no checkpoint"))?;
        let mut lines = proof.split('\n');
        if lines.next() != Some(PROOF_LINE) {
            return Err(bad("it does not start with the line of C2SP tlog-proof version 1"));
        }
        let extra = lines
            .next()
            .and_then(|line| line.strip_prefix("extra "))
            .ok_or_else(|| bad("it has no entry"))?;
        let entry = STANDARD.decode(extra).ok().and_then(|bytes| bytes.try_into().ok());
        let entry = entry.ok_or_else(|| bad("its entry is not 128 bytes in base64"))?;
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(parse_decimal);
        let index = index.ok_or_else(|| bad("it has no index"))?;
        let mut hashes = Vec::new();
        for line in lines {
            let hash = STANDARD.decode(line).ok().and_then(|bytes| bytes.try_into().ok());
            hashes.push(Hash(hash.ok_or_else(|| bad("a hash is not 32 bytes in base64"))?));
            if hashes.len() > MAX_PROOF_HASHES {
                return Err(bad("it has more than 64 hashes"));
            }
        }
        Ok(Self { index, entry, hashes, signed_checkpoint: signed_checkpoint.to_owned() })
    }

    /// Verifies the checkpoint's signature and that the entry is in its tree. Needs nothing but the log's public key.
    ///
    /// # Errors
    /// [`Error::BadSignature`], [`Error::ProofRejected`], [`Error::Malformed`].
    pub fn verify(&self, key: &VerifierKey) -> Result<(Entry, Checkpoint), Error> {
        let head = Checkpoint::open(self.signed_checkpoint.as_bytes(), key)?;
        let entry = Entry::parse(&self.entry)?;
        merkle::verify_inclusion(Hash::leaf(&self.entry), self.index, head.size, &self.hashes, &head.root)?;
        Ok((entry, head))
    }

    /// Verifies the proof and that `payload` is what the entry was appended with.
    ///
    /// # Errors
    /// As [`Proof::verify`]; [`Error::ProofRejected`] for another payload.
    pub fn verify_payload(&self, key: &VerifierKey, payload: &[u8]) -> Result<(Entry, Checkpoint), Error> {
        let (entry, head) = self.verify(key)?;
        if Hash::of(payload) == entry.payload_hash {
            Ok((entry, head))
        } else {
            Err(Error::ProofRejected { what: "the payload's hash" })
        }
    }
}

/// Reads published files; keeps the tiles of one proof.
struct Published<'a, D> {
    disk: &'a D,
    size: u64,
    tiles: HashMap<TilePath, Vec<Hash>>,
}

impl<D: Disk> Published<'_, D> {
    fn bytes(&self, path: &TilePath) -> Result<Vec<u8>, Error> {
        let name = path.to_string();
        match self.disk.read_all(&name) {
            // C2SP: where a partial tile is gone, the full one has it as its beginning.
            Err(error) if error.kind() == io::ErrorKind::NotFound && u64::from(path.width) < TILE_WIDTH => {
                let full = TilePath { width: 256, ..*path }.to_string();
                self.disk.read_all(&full).map_err(Error::disk("read", &name))
            }
            other => other.map_err(Error::disk("read", &name)),
        }
    }

    fn node(&mut self, node: Node) -> Result<Hash, Error> {
        let (level, index, range) = tile::locate(node);
        let items = tile::level_items(level, self.size);
        let path = TilePath::holding(TileKind::Hashes(level), index * TILE_WIDTH, items);
        let damaged = |why: String| Error::damaged(&path.to_string(), node.index << node.level, why);
        if !self.tiles.contains_key(&path) {
            let hashes =
                tile::parse_hashes(&self.bytes(&path)?).map_err(|error| damaged(error.to_string()))?;
            self.tiles.insert(path, hashes);
        }
        let hashes = self.tiles.get(&path).and_then(|hashes| hashes.get(range));
        Ok(tile::subtree_root(hashes.ok_or_else(|| damaged("the tile is too short".to_owned()))?))
    }

    fn entry(&self, index: u64) -> Result<[u8; ENTRY_BYTES], Error> {
        let path = TilePath::holding(TileKind::Entries, index, self.size);
        let damaged = |why: String| Error::damaged(&path.to_string(), index, why);
        let bytes = self.bytes(&path)?;
        let entries = tile::parse_bundle(&bytes).map_err(|error| damaged(error.to_string()))?;
        let inside = usize::try_from(index % TILE_WIDTH).unwrap_or(usize::MAX);
        let entry = entries.get(inside).and_then(|entry| (*entry).try_into().ok());
        entry.ok_or_else(|| damaged("the bundle has no whole entry at this place".to_owned()))
    }
}

fn published<'a, D: Disk>(
    disk: &'a D,
    key: &VerifierKey,
) -> Result<(Published<'a, D>, Checkpoint, String), Error> {
    let bytes = match disk.read_all(CHECKPOINT_FILE) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::Unpublished),
        Err(error) => return Err(Error::disk("read", CHECKPOINT_FILE)(error)),
    };
    let head = Checkpoint::open(&bytes, key)?;
    let signed = String::from_utf8(bytes)
        .map_err(|_| Error::Malformed { what: "a signed note", why: "it is not UTF-8" })?;
    Ok((Published { disk, size: head.size, tiles: HashMap::new() }, head, signed))
}

/// Makes the inclusion proof of one entry from the published files of a log.
///
/// # Errors
/// [`Error::NoSuchEntry`] if it is not published; [`Error::Unpublished`]; [`Error::ProofRejected`],
/// [`Error::Damaged`] or [`Error::Disk`] if the files do not give a proof that holds.
pub fn inclusion(disk: &impl Disk, key: &VerifierKey, index: u64) -> Result<Proof, Error> {
    let (mut files, head, signed_checkpoint) = published(disk, key)?;
    if index >= head.size {
        return Err(Error::NoSuchEntry { index, size: head.size });
    }
    let entry = files.entry(index)?;
    let hashes = merkle::inclusion_proof(index, head.size, |node| files.node(node))?;
    let proof = Proof { index, entry, hashes, signed_checkpoint };
    proof.verify(key)?;
    Ok(proof)
}

/// Makes the proof that the published log begins with its own tree of `size` entries, for a witness of which only the
/// size is known (RFC 6962 section 2.1.2); returns it with the published checkpoint as it is signed.
///
/// # Errors
/// As [`inclusion`]; [`Error::NoSuchEntry`] for a size that is not published yet.
pub fn growth(disk: &impl Disk, key: &VerifierKey, size: u64) -> Result<(Vec<Hash>, String), Error> {
    let (mut files, head, signed) = published(disk, key)?;
    if size > head.size {
        return Err(Error::NoSuchEntry { index: size, size: head.size });
    }
    let root = merkle::root(size, |node| files.node(node))?;
    let hashes = merkle::consistency_proof(size, head.size, |node| files.node(node))?;
    merkle::verify_consistency((size, &root), (head.size, &head.root), &hashes)?;
    Ok((hashes, signed))
}

/// Makes the proof that the published log begins with an earlier tree of which size and root are known (RFC 6962
/// section 2.1.2), and returns it with the published checkpoint.
///
/// # Errors
/// As [`inclusion`]; [`Error::ProofRejected`] also means that `root` is not the root this log had: keep both heads,
/// they are the evidence of a fork.
pub fn consistency(
    disk: &impl Disk,
    key: &VerifierKey,
    (size, root): (u64, &Hash),
) -> Result<(Vec<Hash>, Checkpoint), Error> {
    let (mut files, head, _) = published(disk, key)?;
    let hashes = merkle::consistency_proof(size, head.size, |node| files.node(node))?;
    merkle::verify_consistency((size, root), (head.size, &head.root), &hashes)?;
    Ok((hashes, head))
}
