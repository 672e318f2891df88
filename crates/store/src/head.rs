//! How far each ledger is: one row a ledger, advanced by compare-and-swap.
//!
//! A ledger has one writer. Where two processes take themselves for it, the one whose swap fails is fenced: it must not
//! publish what it has appended, and stops. When the answer to a swap is lost, nobody knows from it who won: read the
//! head again ([`Store::head`]) and compare.

use crate::Store;
use crate::columns::{array, unsigned};
use crate::error::Error;
use sqlx::{Any, Executor, Row, Transaction};

/// The head of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHead {
    /// Its entries.
    pub size: u64,
    /// The root of their tree.
    pub root: [u8; 32],
    /// The signed checkpoint.
    pub note: String,
}

impl Store {
    /// The head of a ledger; `None` when nobody has written one.
    pub async fn head(&self, origin: &str) -> Result<Option<LogHead>, Error> {
        // The writer's connections: on a server with standbys, a reader elsewhere may be behind.
        read(&self.pools.writer, origin).await
    }

    /// Advances a head from the size that this writer knows. False when it is another one by now: this writer is fenced.
    /// A ledger without a head is at size 0.
    pub async fn advance_head(&self, origin: &str, from_size: u64, to: &LogHead) -> Result<bool, Error> {
        let mut transaction = self.pools.begin().await?;
        let advanced = advance(&mut transaction, origin, from_size, to).await?;
        transaction.commit().await?;
        Ok(advanced)
    }
}

pub(crate) async fn read<'e>(
    executor: impl Executor<'e, Database = Any>,
    origin: &str,
) -> Result<Option<LogHead>, Error> {
    let row = sqlx::query("SELECT size, root, note FROM log_head WHERE origin = $1")
        .bind(origin.to_owned())
        .fetch_optional(executor)
        .await?;
    let head = |row: &sqlx::any::AnyRow| {
        Ok(LogHead { size: unsigned(row, "size")?, root: array(row, "root")?, note: row.try_get("note")? })
    };
    row.as_ref().map(head).transpose()
}

/// The swap, within a transaction.
pub(crate) async fn advance(
    transaction: &mut Transaction<'static, Any>,
    origin: &str,
    from_size: u64,
    to: &LogHead,
) -> Result<bool, Error> {
    if to.size < from_size {
        return Err(Error::HeadGoesBack { origin: origin.to_owned() });
    }
    let update = "UPDATE log_head SET size = $3, root = $4, note = $5 WHERE origin = $1 AND size = $2";
    let insert = "INSERT INTO log_head (origin, size, root, note) VALUES ($1, $3, $4, $5) \
                  ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note \
                  WHERE log_head.size = $2";
    let text = if from_size == 0 { insert } else { update };
    let done = sqlx::query(text)
        .bind(origin.to_owned())
        .bind(from_size.cast_signed())
        .bind(to.size.cast_signed())
        .bind(to.root.to_vec())
        .bind(to.note.clone())
        .execute(&mut **transaction)
        .await?;
    Ok(done.rows_affected() == 1)
}
