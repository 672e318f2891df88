//! What can go wrong, sorted by whose fault it is.

use std::io;

use crate::KeyId;

/// Everything this crate can refuse or fail at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes from outside are not what their format says.
    #[error("{what} cannot be read: {why}")]
    Malformed {
        /// What was being parsed.
        what: &'static str,
        /// The first rule it breaks.
        why: &'static str,
    },
    /// A note carries no valid signature of the expected key.
    #[error(
        "no valid signature by {key}: the text was changed, or another key signed it; check the key you trust"
    )]
    BadSignature {
        /// The expected key, as a C2SP verifier key without its public part (`name+id`).
        key: String,
    },
    /// A proof does not lead to the expected root.
    #[error("{what} does not hold: do not trust the entry or the tree head it was made for")]
    ProofRejected {
        /// Which proof.
        what: &'static str,
    },
    /// Stored bytes that were acknowledged are gone or changed. Nothing was truncated and nothing was signed.
    #[error(
        "the log is damaged in {file} from entry {index} on: {what}; nothing was changed; `bodywire ledger verify` names all damage, `bodywire ledger repair` mends it from another copy"
    )]
    Damaged {
        /// File inside the log directory.
        file: String,
        /// First entry that is affected.
        index: u64,
        /// What was found.
        what: String,
    },
    /// This log and a tree head that is known elsewhere contradict each other.
    #[error(
        "entry {size} and before differ from the tree head known to {witness}: this copy is forked or was restored from another log; do not write to it"
    )]
    Forked {
        /// Tree size at which the roots differ.
        size: u64,
        /// Who knows the other root.
        witness: &'static str,
    },
    /// The directory belongs to another origin or key.
    #[error("the log directory was made with key {found}, but {given} was given: use the matching key")]
    WrongKey {
        /// Key in the directory (`name+id`).
        found: String,
        /// Key of the caller (`name+id`).
        given: String,
    },
    /// Another writer has the directory.
    #[error("{path} is locked by another writer: stop it first; two writers with one key would fork the log")]
    Locked {
        /// The lock file.
        path: String,
    },
    /// A named limit would be exceeded.
    #[error("{what} is {got}, but at most {limit} is allowed")]
    Limit {
        /// What is limited.
        what: &'static str,
        /// What was asked for.
        got: u64,
        /// The limit.
        limit: u64,
    },
    /// There is no such entry.
    #[error("entry {index} does not exist: the tree has {size} entries")]
    NoSuchEntry {
        /// What was asked for.
        index: u64,
        /// Entries in the tree.
        size: u64,
    },
    /// The entry is there, its payload was erased.
    #[error("the payload of entry {index} was erased with its key; the entry and its proof still hold")]
    Erased {
        /// The entry.
        index: u64,
    },
    /// A key's payloads may be erased only after the log says that the key was.
    #[error("no entry says that key {key} was erased: append a `KeyErased` entry with this key id first")]
    NotLogged {
        /// The key id in hexadecimal.
        key: String,
    },
    /// A copy holds erased payloads, and the entry that says why has not arrived.
    #[error(
        "{pending} payloads are erased and no entry of this copy says why: take over the log's later frames before you publish it"
    )]
    ErasurePending {
        /// Payloads that are gone.
        pending: usize,
    },
    /// There is no published checkpoint to prove against.
    #[error("there is no file `checkpoint` here: this is not a log directory, or not a whole copy of one")]
    Unpublished,
    /// The writer has stopped after an earlier disk error.
    #[error(
        "the writer stopped after a disk error and the last batch may or may not be stored: open the log again to learn which"
    )]
    Stopped,
    /// The disk failed.
    #[error("cannot {action} {file}: {source}")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// File inside the log directory.
        file: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn disk(action: &'static str, file: &str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Disk { action, file: file.to_owned(), source }
    }

    pub(crate) fn not_logged(key: &KeyId) -> Self {
        Self::NotLogged { key: key.0.iter().map(|byte| format!("{byte:02x}")).collect() }
    }

    pub(crate) fn damaged(file: &str, index: u64, what: impl Into<String>) -> Self {
        Self::Damaged { file: file.to_owned(), index, what: what.into() }
    }
}
