//! The crate's one error.

use crate::schemes::Refusal;

/// Why a simulated part cannot be made, or why a scheme stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The ECG model or the recording refused its settings.
    #[cfg(feature = "std")]
    #[error(transparent)]
    Ecg(#[from] bodywire_ecg::Error),
    /// The protocol refused what the sensor did.
    #[cfg(feature = "std")]
    #[error(transparent)]
    Proto(#[from] bodywire_proto::Error),
    /// A hub of a world cannot begin.
    #[cfg(feature = "std")]
    #[error(transparent)]
    Hub(#[from] bodywire_hub::Error),
    /// The channels refused what a world wanted.
    #[cfg(feature = "std")]
    #[error(transparent)]
    Channels(#[from] bodywire_channels::Error),
    /// A recording has no signal with this number.
    #[error("the recording has {signals} signals, so there is no signal {signal}; choose a smaller number")]
    NoSuchSignal {
        /// What was asked for.
        signal: usize,
        /// What there is.
        signals: usize,
    },
    /// The recording cannot be played as an ECG.
    #[error("the recording cannot be played: {0}")]
    Unplayable(&'static str),
    /// The bytes are not a message of this scheme.
    #[error("malformed {what}: {why}")]
    Malformed {
        /// Which message or field.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The message is well formed, but the scheme does not accept it.
    #[error("refused: {0:?}")]
    Refused(Refusal),
    /// A measurement could not be made, or what came out was not what went in.
    #[cfg(feature = "std")]
    #[error("{what} could not be measured: {why}")]
    Measured {
        /// What was measured.
        what: &'static str,
        /// What went wrong.
        why: std::string::String,
    },
    /// The caller broke the contract of a function.
    #[error("misuse: {0}")]
    Misuse(&'static str),
    /// A named limit of this crate was reached.
    #[error("limit reached: {limit} ({value})")]
    Limit {
        /// The limit's name.
        limit: &'static str,
        /// Its value.
        value: u64,
    },
}
