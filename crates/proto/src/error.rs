//! The crate's one error, sorted by whose fault it is.

/// What a peer did that an honest peer never does. Only the operator sees it; on the wire there is silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misbehaviour {
    /// A handshake tag or confirmation does not verify.
    BadTag,
    /// A record does not open under the session's key.
    BadRecord,
    /// A record counter or an attempt number that was already seen.
    Replayed,
    /// The epoch is neither the current one nor the next: rolled back state, or a clone.
    WrongEpoch,
    /// The message belongs to another sensor.
    WrongSensor,
    /// The message is of another suite than the sensor was enrolled with.
    WrongSuite,
    /// The proof opens to no response near the enrolled one.
    Undecodable,
    /// A challenge that is not above all the sensor has answered: somebody with its key asks the PUF twice.
    AskedTwice,
    /// The peer says that it refuses us (paper profile only).
    Refused,
}

/// Why an operation of this crate was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not a message of this protocol.
    #[error("malformed {what}: {why}")]
    Malformed {
        /// Which message or field.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The bytes are well formed, but no honest peer sends them now.
    #[error("peer misbehaved: {0:?}")]
    PeerMisbehaved(Misbehaviour),
    /// A named limit of this crate was reached.
    #[error("limit reached: {limit} ({value})")]
    Limit {
        /// The limit's name.
        limit: &'static str,
        /// Its value.
        value: u64,
    },
    /// The caller broke the contract of a function.
    #[error("misuse: {0}")]
    Misuse(&'static str),
    /// No answer came in time; the next attempt is scheduled.
    #[error("no answer within {after_ms} ms")]
    Timeout {
        /// How long was waited, in milliseconds.
        after_ms: u64,
    },
}

impl Error {
    /// Shorthand for the parsers of this crate.
    pub(crate) const fn malformed(what: &'static str, why: &'static str) -> Self {
        Self::Malformed { what, why }
    }
}
