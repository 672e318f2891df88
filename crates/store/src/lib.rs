//! Everything BodyWire keeps in SQL; no other crate speaks it.
//!
//! SQLite in one file, write-ahead log, synchronous FULL. Challenge-response pairs are claimed by one statement that
//! deletes what it returns, so that no pair is ever served twice, whatever runs at once or crashes in between. Secret
//! columns are encrypted under a key that is not in the database ([`DatabaseKey`]).

mod alarm;
mod enrolment;
mod error;
mod ledger_names;
mod pair;
mod report;
mod vault;

pub use alarm::AlarmRow;
pub use enrolment::{HubRow, PufQuality, SensorRow};
pub use error::Error;
pub use ledger_names::StreamRow;
pub use pair::{PairPool, Pool};
pub use report::ReportRow;
pub use vault::DatabaseKey;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use std::path::Path;
use std::time::Duration;
use vault::Vault;

/// Connections that read. SQLite has one writer, and it is not among them.
const READERS_MAX: u32 = 4;
/// Pages that each connection keeps. Rows are read by their keys, a few pages each; SQLite's own 2 MiB for every connection
/// would only be memory that grows for a day.
const CACHE_KIB: u32 = 512;
/// How long a statement waits for the file: longer than any checkpoint of the write-ahead log takes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// SQLite releases before this one can lose committed pages when the write-ahead log is reset.
const SQLITE_VERSION_MIN: [u32; 3] = [3, 51, 3];

/// The database.
#[derive(Clone)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
    vault: Vault,
    pairs: PairPool,
}

impl Store {
    /// Opens or creates the database file and brings its tables up to date.
    pub async fn open(file: &Path, key: &DatabaseKey) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .pragma("secure_delete", "ON")
            .pragma("cache_size", format!("-{CACHE_KIB}"));
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        check_version(&writer).await?;
        sqlx::migrate!().run(&writer).await.map_err(|error| Error::Migration(error.to_string()))?;
        let readers = SqlitePoolOptions::new().max_connections(READERS_MAX).connect_with(options).await?;
        let pairs =
            PairPool { writer: writer.clone(), readers: readers.clone(), vault: Vault::new(key, "pairs")? };
        Ok(Self { writer, readers, vault: Vault::new(key, "clinic")?, pairs })
    }

    /// The pool of challenge-response pairs, for a hub.
    pub fn pairs(&self) -> PairPool {
        self.pairs.clone()
    }

    /// Writes the log back into the file and closes it.
    pub async fn close(self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

async fn check_version(pool: &SqlitePool) -> Result<(), Error> {
    let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(pool).await?;
    let parts: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
    if parts.as_slice() < SQLITE_VERSION_MIN.as_slice() {
        return Err(Error::SqliteTooOld { found: version });
    }
    Ok(())
}
