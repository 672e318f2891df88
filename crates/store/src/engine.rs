//! The two engines behind one set of statements: how they are opened, and the few words in which they differ.
//!
//! Everything else goes through sqlx's `Any` driver with `$1` placeholders and four types: 64-bit integers, doubles, text
//! and bytes. Two of its habits decide how statements are written here:
//!
//! * On PostgreSQL its `fetch_optional` returns with the first row, before the server has committed. A statement that
//!   changes something and returns rows is therefore read to its end (`fetch_all`), or a crash could bring back what was
//!   already handed out.
//! * A missing double is announced as another type than a double, and a prepared statement keeps its first types. Doubles
//!   that may be missing are bound as a number outside their range and turned into NULL by `NULLIF`.

use crate::error::Error;
use crate::location::{Location, Place};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Any, AnyPool, AssertSqlSafe, Row, SqlSafeStr, Transaction};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

/// Connections that read a SQLite file. It has one writer, and that is not among them.
const SQLITE_READERS_MAX: u32 = 4;
/// Connections to a PostgreSQL server. Commits wait for the disk together, so that more bring more claims a second; 16 reach
/// what a small server can do, and leave its usual 100 to others.
const POSTGRES_CONNECTIONS_MAX: u32 = 16;
/// How long somebody waits for a connection before it is an error: longer than the longest transaction, the enrolment of a
/// sensor with all its pairs.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// SQLite releases before this one can lose committed pages when the write-ahead log is reset.
const SQLITE_VERSION_MIN: [u32; 3] = [3, 51, 3];
/// The oldest PostgreSQL that is tested, as the server numbers it.
const POSTGRES_VERSION_MIN: u32 = 150_000;

/// Set on every SQLite connection.
///
/// * `busy_timeout`, milliseconds: longer than any checkpoint of the write-ahead log takes.
/// * `cache_size`, KiB with a minus: rows are read by their keys, a few pages each; SQLite's own 2 MiB for every connection
///   would only be memory that grows for a day.
const SQLITE_PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
     PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA cache_size = -512;";

/// Every migration, oldest first.
const MIGRATIONS: [(i64, &str, &str); 1] = [(1, "first", include_str!("../migrations/0001_first.sql"))];

/// Which engine it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// Connections to the database. On PostgreSQL both names are one pool.
#[derive(Clone)]
pub(crate) struct Pools {
    pub(crate) engine: Engine,
    pub(crate) writer: AnyPool,
    pub(crate) readers: AnyPool,
}

impl Pools {
    pub(crate) async fn open(location: &Location) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        let (engine, options) = match &location.0 {
            Place::File(path) => (Engine::Sqlite, sqlite_options(path)?),
            Place::Server(options) => (Engine::Postgres, options.clone()),
        };
        let pool = |most: u32| {
            AnyPoolOptions::new()
                .max_connections(most)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                // A file does not hang up; asking it first would only cost a turn.
                .test_before_acquire(engine == Engine::Postgres)
                .after_connect(move |connection, _| {
                    Box::pin(async move {
                        if engine == Engine::Sqlite {
                            sqlx::raw_sql(SQLITE_PRAGMAS).execute(connection).await?;
                        }
                        Ok(())
                    })
                })
        };
        match engine {
            Engine::Sqlite => {
                let writer = pool(1).connect_with(options.clone()).await?;
                check_sqlite(&writer).await?;
                migrate(engine, &writer).await?;
                let readers = pool(SQLITE_READERS_MAX).connect_with(options).await?;
                Ok(Self { engine, writer, readers })
            }
            Engine::Postgres => {
                let writer = pool(POSTGRES_CONNECTIONS_MAX).connect_with(options).await?;
                check_postgres(&writer).await?;
                migrate(engine, &writer).await?;
                Ok(Self { engine, readers: writer.clone(), writer })
            }
        }
    }

    /// Begins a transaction that writes.
    ///
    /// SQLite must say at once that it will: a transaction that begins as a reader and finds that another process has
    /// written cannot go on.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Any>, Error> {
        let statement = match self.engine {
            Engine::Sqlite => "BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN",
        };
        Ok(self.writer.begin_with(statement).await?)
    }

    /// The clock that decides about leases: the server's, or the caller's where there is no server.
    pub(crate) async fn now(
        &self,
        transaction: &mut Transaction<'static, Any>,
        caller_ms: u64,
    ) -> Result<i64, Error> {
        match self.engine {
            Engine::Sqlite => Ok(caller_ms.cast_signed()),
            Engine::Postgres => {
                let text = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";
                Ok(sqlx::query_scalar(text).fetch_one(&mut **transaction).await?)
            }
        }
    }

    /// Empties the write-ahead log of SQLite, where a copy of what was deleted may still stand.
    pub(crate) async fn wipe(&self) -> Result<(), Error> {
        if self.engine == Engine::Postgres {
            return Ok(());
        }
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&self.writer).await?;
        let busy: i64 = row.try_get(0)?;
        if busy == 0 { Ok(()) } else { Err(Error::NotWiped) }
    }

    pub(crate) async fn close(self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

fn sqlite_options(path: &Path) -> Result<AnyConnectOptions, Error> {
    let Some(path) = path.to_str() else {
        return Err(Error::Location("the file's name is no UTF-8".to_owned()));
    };
    // What a URL could take for something else is written as %XX.
    let mut url = String::from("sqlite://");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(&byte) {
            url.push(byte.into());
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url.push_str("?mode=rwc");
    AnyConnectOptions::from_str(&url).map_err(Error::Backend)
}

async fn check_sqlite(pool: &AnyPool) -> Result<(), Error> {
    let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(pool).await?;
    let parts: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
    if parts.as_slice() < SQLITE_VERSION_MIN.as_slice() {
        return Err(Error::SqliteTooOld { found: version });
    }
    Ok(())
}

async fn check_postgres(pool: &AnyPool) -> Result<(), Error> {
    let setting = async |name: &'static str| -> Result<String, Error> {
        Ok(sqlx::query_scalar("SELECT current_setting($1)").bind(name).fetch_one(pool).await?)
    };
    let version = setting("server_version_num").await?;
    if version.parse().unwrap_or(0) < POSTGRES_VERSION_MIN {
        return Err(Error::PostgresTooOld { found: version });
    }
    // `local` does not wait for standbys: a failover would serve again what was served.
    for (name, bad) in [("fsync", &["off"][..]), ("synchronous_commit", &["off", "local"])] {
        let found = setting(name).await?;
        if bad.contains(&found.as_str()) {
            return Err(Error::NotDurable { setting: name, found });
        }
    }
    Ok(())
}

async fn migrate(engine: Engine, pool: &AnyPool) -> Result<(), Error> {
    let migrations = MIGRATIONS.map(|(version, name, text)| {
        let text = match engine {
            Engine::Sqlite => text.replace("BYTEA", "BLOB"),
            Engine::Postgres => text.to_owned(),
        };
        let text = AssertSqlSafe(text).into_sql_str();
        Migration::new(version, name.into(), MigrationType::Simple, text, false)
    });
    let migrator = Migrator::with_migrations(migrations.into());
    migrator.run(pool).await.map_err(|error| Error::Migration(error.to_string()))
}
