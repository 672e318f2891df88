//! The crate's one error, sorted by whose fault it is.

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine failed; what was not committed did not happen.
    #[error("database: {0}")]
    Backend(#[from] sqlx::Error),
    /// The tables could not be brought up to date.
    #[error("database migration: {0}; restore a backup made by this version or newer")]
    Migration(String),
    /// The SQLite that this program was linked with can lose data.
    #[error("SQLite {found} can lose committed data; build with 3.51.3 or newer")]
    SqliteTooOld {
        /// Its version.
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
    /// The row is there already.
    #[error("{0} is enrolled already; choose another number or start with an empty state directory")]
    AlreadyEnrolled(String),
}
