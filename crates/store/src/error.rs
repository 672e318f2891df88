//! The crate's one error, sorted by whose fault it is.

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine failed; what was not committed did not happen. After a lost connection it may have.
    #[error("database: {0}")]
    Backend(#[from] sqlx::Error),
    /// The tables could not be brought up to date.
    #[error("database migration: {0}; restore a backup made by this version or newer")]
    Migration(String),
    /// What should say where the database is says something else.
    #[error("no database: {0}; write a file's name or postgres://user@host/database")]
    Location(String),
    /// The SQLite that this program was linked with can lose data.
    #[error("SQLite {found} can lose committed data; build with 3.51.3 or newer")]
    SqliteTooOld {
        /// Its version.
        found: String,
    },
    /// The PostgreSQL server is older than what is tested.
    #[error("PostgreSQL {found} is too old; use 15 or newer")]
    PostgresTooOld {
        /// Its version as a number, such as 140005.
        found: String,
    },
    /// The PostgreSQL server acknowledges before data is on the disk.
    #[error("PostgreSQL runs with {setting} = {found} and can lose committed data; set it to on")]
    NotDurable {
        /// Which setting.
        setting: &'static str,
        /// Its value.
        found: String,
    },
    /// A secret column does not open: another key, another row, or damage.
    #[error("cannot decrypt {column}: wrong database key, or the row was changed")]
    Undecryptable {
        /// Which column.
        column: &'static str,
    },
    /// A row holds what no version of this program has written.
    #[error("damaged row: {0}")]
    Damaged(&'static str),
    /// The engine's own check found damage.
    #[error("the database is damaged: {0}; restore a backup")]
    Integrity(String),
    /// The row is there already.
    #[error("{0} is enrolled already; choose another number or start with an empty state directory")]
    AlreadyEnrolled(String),
    /// Claims that were committed together failed together. Their pairs may be burnt.
    #[error("pairs were not claimed: {0}")]
    Claim(String),
    /// Somebody else has advanced this ledger.
    #[error("another writer has advanced {origin} to {size}; this one must stop")]
    Fenced {
        /// Which ledger.
        origin: String,
        /// Its size now.
        size: u64,
    },
    /// A head that is smaller than the one before.
    #[error("the head of {origin} cannot go back")]
    HeadGoesBack {
        /// Which ledger.
        origin: String,
    },
    /// The hub stands at a patient's bed already.
    #[error("hub {hub} is at another patient's bed; discharge that patient first")]
    Occupied {
        /// Which hub.
        hub: u16,
    },
    /// No patient with this number, or an erased one.
    #[error("there is no such patient")]
    NoSuchPatient,
    /// No person with this number, or one who has left.
    #[error("there is no such person")]
    NoSuchPerson,
    /// A person's code could not be hashed.
    #[error("a code could not be hashed: {0}")]
    Code(String),
    /// It is done, but readers kept the write-ahead log from being emptied.
    #[error(
        "done, but the write-ahead log still holds what was there because somebody reads; ask for it again"
    )]
    NotWiped,
    /// The engine has its own way to make backups.
    #[error("a PostgreSQL database is saved with pg_dump or pg_basebackup, not by this program")]
    BackupElsewhere,
    /// The backup's file is there, or its name is no text.
    #[error("no backup was written: {0}")]
    Backup(String),
}
