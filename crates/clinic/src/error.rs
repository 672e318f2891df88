//! What can go wrong, by whose fault.

use crate::board::AlarmId;

/// Errors of the clinic.
#[derive(Debug, thiserror::Error)]
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

    /// The ledger refused or failed.
    #[error(transparent)]
    Ledger(#[from] bodywire_ledger::Error),

    /// The description of a path cannot be used.
    #[error(transparent)]
    Paths(#[from] bodywire_paths::Error),

    /// The database failed.
    #[error(transparent)]
    Store(#[from] bodywire_store::Error),

    /// A topic or key could not be derived.
    #[error(transparent)]
    Channels(#[from] bodywire_channels::Error),

    /// A vector of a single sensor, or without its window.
    #[error("a vector without its window, or one of a single sensor")]
    VectorOfNoWindow,

    /// A vector or a sum of them was refused.
    #[error(transparent)]
    Aggregate(#[from] bodywire_aggregate::Error),

    /// An access cannot be recorded now.
    #[error(transparent)]
    Unrecorded(crate::gate::Unrecorded),

    /// A payload could not be sealed, which no input can cause.
    #[error("a payload could not be sealed; report this as a defect")]
    Sealing,

    /// An entry belongs to a stream that the database does not know.
    #[error(
        "entry {index} belongs to an unknown stream: the database does not belong to this ledger; restore the right one"
    )]
    UnknownStream {
        /// The entry.
        index: u64,
    },

    /// An entry records something else than a sealed report.
    #[error(
        "entry {index} holds no sealed report; bodywire audit list shows what the ledger records beside them"
    )]
    NoReport {
        /// The entry.
        index: u64,
    },

    /// An entry holds something else than an encrypted vector.
    #[error("entry {index} holds no encrypted vector")]
    NoVector {
        /// The entry.
        index: u64,
    },

    /// The key of an entry's payload has been erased, and the payload with it.
    #[error("the payload of entry {index} has been erased")]
    Erased {
        /// The entry.
        index: u64,
    },

    /// A payload does not open under the key that its entry names.
    #[error(
        "the payload of entry {index} does not open: the database key is not the one it was sealed under"
    )]
    Unreadable {
        /// The entry.
        index: u64,
    },
}
