//! The crate's one error, sorted by whose fault it is.

/// Why the hub cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The spool's file failed. What was acknowledged to a sensor may be in it: keep the file.
    #[error("spool: {0}; check that the state directory is writable and the disk not full")]
    Spool(#[from] redb::Error),
    /// Another process has the spool.
    #[error("the spool {0} is open in another process; stop that one first")]
    SpoolTaken(String),
    /// The spool is full: the clinic has not acknowledged anything for a long time.
    #[error("the spool holds {bytes} bytes, its limit; restore a path to the clinic")]
    SpoolFull {
        /// The limit.
        bytes: u64,
    },
    /// The database of pairs failed.
    #[error(transparent)]
    Store(#[from] bodywire_store::Error),
    /// The record of used pairs failed or is damaged.
    #[error(transparent)]
    Ledger(#[from] bodywire_ledger::Error),
    /// A stored record of the link does not parse.
    #[error("stored state of the link: {0}; enrol the sensor again")]
    Link(#[from] bodywire_proto::Error),
    /// The description of a path cannot be used.
    #[error(transparent)]
    Paths(#[from] bodywire_paths::Error),
    /// Dispersal failed.
    #[error(transparent)]
    Channels(#[from] bodywire_channels::Error),
    /// A window of vital signs could not be encrypted.
    #[error(transparent)]
    Aggregate(#[from] bodywire_aggregate::Error),
    /// The PUF is not good enough to be enrolled.
    #[error("the PUF is refused: {what} is {found:.3}, needed {needed}; use another device")]
    PoorPuf {
        /// Which measure.
        what: &'static str,
        /// What was measured.
        found: f64,
        /// What is needed.
        needed: String,
    },
}

macro_rules! from_redb {
    ($($kind:ident),*) => {$(
        impl From<redb::$kind> for Error {
            fn from(error: redb::$kind) -> Self {
                Self::Spool(error.into())
            }
        }
    )*};
}

from_redb!(TransactionError, TableError, StorageError, CommitError, SetDurabilityError);
