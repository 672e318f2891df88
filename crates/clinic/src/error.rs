//! What can go wrong, by whose fault.

use crate::board::AlarmId;

/// Errors of the clinic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller named an alarm that is not on the board: it ended, or never was.
    #[error("alarm {0} is not on the board: it has ended or never existed; read the snapshot again")]
    UnknownAlarm(AlarmId),

    /// Somebody else was faster. The first acknowledgement stands.
    #[error("alarm {id} was already acknowledged by {who}; nothing is left to do")]
    AlreadyAcknowledged {
        /// The alarm.
        id: AlarmId,
        /// Who acknowledged it first.
        who: String,
    },

    /// A collection of the board is full; the name is that of the limit.
    #[error(
        "the board is full: {limit} is {max}; end conditions that no longer hold, or report this as a defect"
    )]
    BoardFull {
        /// Name of the constant that was reached.
        limit: &'static str,
        /// Its value.
        max: usize,
    },

    /// A wave chunk whose shape cannot be drawn.
    #[error("wave chunk refused: {0}; send a positive period and scale and between 1 and 4096 samples")]
    MalformedWave(&'static str),
}
