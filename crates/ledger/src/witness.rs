//! A witness of logs (C2SP tlog-witness): it cosigns a checkpoint only if it continues the last one that it has cosigned
//! of the same log. Without a clock, a socket or a file: the caller keeps what [`Seen`] says, and must have made it
//! durable before a cosignature leaves.
//!
//! A rollback, a fork and a second root for one size are refused. What the log has signed against itself comes back as
//! [`Evidence`], which nobody but the log could have made.

#![deny(clippy::indexing_slicing)]

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    Checkpoint, Disk, Error, Hash, VerifierKey,
    checkpoint::parse_decimal,
    hash::HASH_BYTES,
    merkle,
    note::{MAX_NOTE_BYTES, Note},
    prove,
};

/// Most lines of a consistency proof in a request (C2SP tlog-witness).
pub const MAX_PROOF_LINES: usize = 63;

/// Largest request in bytes: the old size, 63 hashes of 45 bytes each, an empty line and a note.
pub const MAX_REQUEST_BYTES: usize = MAX_NOTE_BYTES + 4096;

/// Content type of the body of a 409 (C2SP tlog-witness).
pub const SIZE_CONTENT_TYPE: &str = "text/x.tlog.size";

/// A parsed `add-checkpoint` request. Nothing in it is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    old: u64,
    proof: Vec<Hash>,
    note: Note,
    head: Checkpoint,
}

impl Request {
    /// Parses the body of a request.
    ///
    /// # Errors
    /// [`Error::Malformed`] or [`Error::Limit`]: the answer is 400.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let bad = |why| Error::Malformed { what: "a witness request", why };
        if body.len() > MAX_REQUEST_BYTES {
            let (got, limit) = (body.len() as u64, MAX_REQUEST_BYTES as u64);
            return Err(Error::Limit { what: "a witness request's length in bytes", got, limit });
        }
        let text = str::from_utf8(body).map_err(|_| bad("it is not UTF-8"))?;
        let (proof, signed) = text.split_once("\n\n").ok_or_else(|| bad("no empty line ends the proof"))?;
        let mut lines = proof.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(parse_decimal);
        let old = old.ok_or_else(|| bad("it does not begin with the old size"))?;
        let mut proof = Vec::new();
        for line in lines {
            if proof.len() == MAX_PROOF_LINES {
                return Err(bad("its proof has more than 63 lines"));
            }
            let hash: Option<[u8; HASH_BYTES]> =
                STANDARD.decode(line).ok().and_then(|bytes| bytes.try_into().ok());
            proof.push(Hash(hash.ok_or_else(|| bad("a line of its proof is not a hash in base64"))?));
        }
        let note = Note::parse(signed.as_bytes())?;
        let head = Checkpoint::parse(note.text())?;
        Ok(Self { old, proof, note, head })
    }

    /// Which log it claims to come from; without one that is known the answer is 404.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.head.origin.as_str()
    }
}

/// The request that asks a witness to cosign `signed`, whose log had `old` entries when the witness last cosigned it.
#[must_use]
pub fn request(old: u64, proof: &[Hash], signed: &str) -> String {
    let mut body = format!("old {old}\n");
    for hash in proof {
        body.push_str(&STANDARD.encode(hash.0));
        body.push('\n');
    }
    format!("{body}\n{signed}")
}

/// The request for the published checkpoint of the log on `disk`, with the proof from its own tree of `old` entries.
///
/// # Errors
/// As [`prove::growth`].
pub fn request_of(disk: &impl Disk, key: &VerifierKey, old: u64) -> Result<String, Error> {
    let (proof, signed) = prove::growth(disk, key, old)?;
    Ok(request(old, &proof, &signed))
}

/// What a log has signed against itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// Two roots for one size: the two notes alone prove it.
    Equivocation,
    /// A larger tree that was not shown to begin with the smaller one. Whoever sends a true checkpoint with a wrong
    /// proof can make this, too, so the notes are to be compared with the log.
    Fork,
}

/// Two checkpoints of one log, each signed by it, that do not belong to one history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What they show.
    pub charge: Charge,
    /// The signed checkpoint that was cosigned.
    pub held: String,
    /// The signed checkpoint that was refused.
    pub refused: String,
}

impl Evidence {
    /// Two different roots of one size, if these are two signed checkpoints that say so. For whoever is shown
    /// evidence by somebody else.
    ///
    /// # Errors
    /// As [`Checkpoint::open`], for either note.
    pub fn equivocation(one: &str, other: &str, key: &VerifierKey) -> Result<Option<Self>, Error> {
        let heads = (Checkpoint::open(one.as_bytes(), key)?, Checkpoint::open(other.as_bytes(), key)?);
        let differ = heads.0.size == heads.1.size && heads.0.root != heads.1.root;
        let (held, refused) = (one.to_owned(), other.to_owned());
        Ok(differ.then_some(Self { charge: Charge::Equivocation, held, refused }))
    }
}

/// Why a checkpoint is not cosigned.
#[derive(Debug)]
pub enum Refusal {
    /// 400: the old size is larger than the checkpoint's.
    OldSize,
    /// 403: the log has not signed it.
    Unsigned,
    /// 409: another size was cosigned last.
    Conflict {
        /// The size that was cosigned last.
        size: u64,
        /// The checkpoint is of just that size and has another root.
        evidence: Option<Box<Evidence>>,
    },
    /// 422: it does not continue what was cosigned last.
    Inconsistent {
        /// The notes, unless the request was only ill made.
        evidence: Option<Box<Evidence>>,
    },
}

impl Refusal {
    /// Status of the answer (C2SP tlog-witness).
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::OldSize => 400,
            Self::Unsigned => 403,
            Self::Conflict { .. } => 409,
            Self::Inconsistent { .. } => 422,
        }
    }

    /// What is to be kept for ever.
    #[must_use]
    pub fn evidence(&self) -> Option<&Evidence> {
        match self {
            Self::Conflict { evidence, .. } | Self::Inconsistent { evidence } => evidence.as_deref(),
            Self::OldSize | Self::Unsigned => None,
        }
    }
}

/// The last checkpoint of a log that a witness has cosigned; at first that of nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    size: u64,
    root: Hash,
    signed: Option<String>,
}

impl Default for Seen {
    fn default() -> Self {
        Self { size: 0, root: Hash::empty_root(), signed: None }
    }
}

impl Seen {
    /// What was kept before: the signed checkpoint that was cosigned last.
    ///
    /// # Errors
    /// As [`Checkpoint::open`]: then what was kept is damaged, and nothing may be cosigned.
    pub fn open(signed: &str, key: &VerifierKey) -> Result<Self, Error> {
        let head = Checkpoint::open(signed.as_bytes(), key)?;
        Ok(Self { size: head.size, root: head.root, signed: Some(signed.to_owned()) })
    }

    /// Size of that checkpoint.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its root.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.root
    }

    /// The checkpoint with the log's signature and no other; `None` before the first.
    #[must_use]
    pub fn signed(&self) -> Option<&str> {
        self.signed.as_deref()
    }

    /// What is to be kept instead when the checkpoint of `request` is cosigned. `key` is the log's.
    ///
    /// # Errors
    /// [`Refusal`], with which nothing changes.
    pub fn advance(&self, request: &Request, key: &VerifierKey) -> Result<Self, Refusal> {
        let Request { old, proof, note, head } = request;
        if note.verify(key).is_err() || head.origin.as_str() != key.name() {
            return Err(Refusal::Unsigned);
        }
        let signed = own_lines(note, key);
        if *old > head.size {
            return Err(Refusal::OldSize);
        }
        let charge = |charge| {
            let held = self.signed.clone()?;
            Some(Box::new(Evidence { charge, held, refused: signed.clone() }))
        };
        let equivocates = head.size == self.size && head.root != self.root;
        let equivocation = || equivocates.then(|| charge(Charge::Equivocation)).flatten();
        if *old != self.size {
            return Err(Refusal::Conflict { size: self.size, evidence: equivocation() });
        }
        if head.size == 0 && head.root != Hash::empty_root() {
            return Err(Refusal::Inconsistent { evidence: equivocation() });
        }
        if merkle::verify_consistency((self.size, &self.root), (head.size, &head.root), proof).is_ok() {
            return Ok(Self { size: head.size, root: head.root, signed: Some(signed) });
        }
        // A proof from nothing is never needed, and one too many says nothing of the log.
        let fork = || (self.size != 0 && head.size > self.size).then(|| charge(Charge::Fork)).flatten();
        Err(Refusal::Inconsistent { evidence: equivocation().or_else(fork) })
    }
}

/// The note with the lines of the log's key alone: what strangers have added is not kept.
fn own_lines(note: &Note, key: &VerifierKey) -> String {
    let own = note.signatures().iter().filter(|line| key.is_of(line));
    // Ed25519 is deterministic and verified strictly; one line is as good as several.
    own.take(1).fold(format!("{}\n", note.text()), |text, line| text + &line.to_string())
}
