//! The crate's one error, sorted by whose fault it is.

/// Why something that arrived was refused. Counted and shown to the operator; the sender of it learns nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Refusal {
    /// Not a message of this protocol.
    Malformed,
    /// No session with this pseudonym on this path.
    UnknownSession,
    /// The fragment does not open under the path's key: forged, damaged, or moved from another path.
    BadTag,
    /// Seen before, or older than the window.
    Replayed,
    /// The fragments of one message do not belong together.
    Inconsistent,
    /// The message does not open under the end-to-end key.
    BadMessage,
    /// A signature does not verify.
    BadSignature,
    /// The hub is not known here.
    UnknownHub,
    /// The prekey is unknown or has expired.
    UnknownPrekey,
    /// A limit on memory was reached.
    Limit,
}

/// Why an operation of this crate failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What arrived was refused and changed nothing.
    #[error("refused: {0:?}")]
    Refused(Refusal),
    /// A named limit was reached; try again when something has been acknowledged.
    #[error("limit {limit} ({value}) reached")]
    Limit {
        /// The limit's name.
        limit: &'static str,
        /// Its value.
        value: usize,
    },
    /// The caller broke the contract of a function.
    #[error("misuse: {0}")]
    Misuse(&'static str),
    /// A primitive refused to work, which no input can cause.
    #[error("cryptography failed: {0}")]
    Crypto(&'static str),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
