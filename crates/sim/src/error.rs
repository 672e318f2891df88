//! The crate's one error.

/// Why a simulated part cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The ECG model or the recording refused its settings.
    #[error(transparent)]
    Ecg(#[from] bodywire_ecg::Error),
    /// The protocol refused what the sensor did.
    #[error(transparent)]
    Proto(#[from] bodywire_proto::Error),
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
}
