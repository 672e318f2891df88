//! Copies of the database, and whether it is whole.

use crate::Store;
use crate::engine::Engine;
use crate::error::Error;
use crate::sealed::{self, SEALED};
use sqlx::AssertSqlSafe;
use std::path::Path;

/// Every table, and what is counted there: nothing that one index alone could answer, so that the rows are read.
const TABLES: [(&str, &str); 20] = [
    ("hub", "verify_key"),
    ("sensor", "kind"),
    ("pair", "response"),
    ("patient", "admitted_ms"),
    ("stay", "coalesce(to_ms, 0)"),
    ("report", "kind"),
    ("vector", "length(stream) + length_ms"),
    ("act", "kind"),
    ("alarm", "condition_code"),
    ("person", "name"),
    ("relation", "relation + from_ms"),
    ("access_policy", "policy"),
    ("invitation", "certificate"),
    ("alarm_limit", "enabled + changed_ms"),
    ("review", "state + opened_ms"),
    ("data_key", "secret"),
    ("stream", "length(stream) + hub"),
    ("erasure", "asked_ms"),
    ("log_head", "root"),
    ("shard_lease", "owner"),
];

/// How many rows a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableCount {
    /// Which table.
    pub table: &'static str,
    /// Its rows.
    pub rows: u64,
}

impl Store {
    /// Writes a copy of a SQLite database into a new file while others go on. Its secrets stay encrypted, so that the copy
    /// needs the same key.
    ///
    /// A restored copy is old: burn the pairs that the ledger names as spent ([`crate::PairPool::burn`]) and apply the
    /// erasure list ([`Store::reapply_erasures`]) before anybody uses it.
    pub async fn backup_to(&self, path: &Path) -> Result<(), Error> {
        if self.pools.engine == Engine::Postgres {
            return Err(Error::BackupElsewhere);
        }
        let Some(name) = path.to_str() else {
            return Err(Error::Backup("the file's name is no UTF-8".to_owned()));
        };
        // SQLite would write into an empty file that is there; a backup never replaces anything.
        if path.exists() {
            return Err(Error::Backup(format!("{name} is there already")));
        }
        sqlx::query("VACUUM INTO $1").bind(name).execute(&self.pools.readers).await?;
        let failed = |error: std::io::Error| Error::Backup(error.to_string());
        // SQLite does not wait for the disk here, and a backup is for when the power goes.
        std::fs::File::open(path).and_then(|file| file.sync_all()).map_err(failed)?;
        let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
        let directory = std::fs::File::open(directory.unwrap_or(Path::new(".")));
        directory.and_then(|directory| directory.sync_all()).map_err(failed)
    }

    /// Reads everything: the engine's own check, every table, and every encrypted column with the key. Returns how many
    /// rows there are.
    pub async fn check_integrity(&self) -> Result<Vec<TableCount>, Error> {
        if self.pools.engine == Engine::Sqlite {
            let found: Vec<String> =
                sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&self.pools.readers).await?;
            if found != ["ok"] {
                return Err(Error::Integrity(found.into_iter().next().unwrap_or_default()));
            }
        }
        self.open_everything().await?;
        let mut counts = Vec::with_capacity(TABLES.len());
        for (table, read) in TABLES {
            let text = format!("SELECT count({read}) FROM {table}");
            let rows: i64 = sqlx::query_scalar(AssertSqlSafe(text)).fetch_one(&self.pools.readers).await?;
            counts.push(TableCount { table, rows: rows.unsigned_abs() });
        }
        Ok(counts)
    }

    async fn open_everything(&self) -> Result<(), Error> {
        for column in &SEALED {
            let vault = if column.group == sealed::PAIRS { &self.pairs.vault } else { &self.vault };
            let mut at = column.start();
            loop {
                let rows = column.page(&self.pools.readers, &at).await?;
                if rows.is_empty() {
                    break;
                }
                for row in &rows {
                    let (place, identity, value) = column.read(row)?;
                    vault.open(column.name, &identity, &value)?;
                    at = place;
                }
            }
        }
        Ok(())
    }
}
