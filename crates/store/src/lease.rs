//! Who serves which shard: leases that run out by themselves, with a term that fences those who held it before.
//!
//! The clock that decides is the server's; on SQLite, which one machine has to itself, the caller's.

use crate::Store;
use crate::columns::unsigned;
use crate::error::Error;
use sqlx::Row;
use sqlx::any::AnyRow;
use std::time::Duration;

/// A shard, held for some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Which shard.
    pub shard: String,
    /// By whom: a name of the process.
    pub owner: String,
    /// Higher for each time the lease was given: what is written under a lower one comes too late.
    pub term: u64,
    /// Until when, milliseconds since 1970 by the clock that decides.
    pub expires_ms: u64,
}

impl Store {
    /// Takes the lease of a shard when nobody has it. Who asks again under the same name waits like anybody else: it may be
    /// another process.
    pub async fn acquire_lease(
        &self,
        shard: &str,
        owner: &str,
        ttl: Duration,
        now_ms: u64,
    ) -> Result<Option<Lease>, Error> {
        let mut transaction = self.pools.begin().await?;
        let now = self.pools.now(&mut transaction, now_ms).await?;
        let rows = sqlx::query(
            "INSERT INTO shard_lease (shard, owner, term, expires_ms) VALUES ($1, $2, 1, $3) \
             ON CONFLICT (shard) DO UPDATE SET owner = excluded.owner, term = shard_lease.term + 1, \
             expires_ms = excluded.expires_ms WHERE shard_lease.expires_ms <= $4 \
             RETURNING shard, owner, term, expires_ms",
        )
        .bind(shard.to_owned())
        .bind(owner.to_owned())
        .bind(after(now, ttl))
        .bind(now)
        .fetch_all(&mut *transaction)
        .await?;
        transaction.commit().await?;
        rows.first().map(lease).transpose()
    }

    /// Holds a lease for longer. False when it has run out or is somebody else's: then stop serving the shard at once.
    ///
    /// The lease itself stays as it was; its `expires_ms` is when it would have ended without this.
    pub async fn renew_lease(&self, held: &Lease, ttl: Duration, now_ms: u64) -> Result<bool, Error> {
        let mut transaction = self.pools.begin().await?;
        let now = self.pools.now(&mut transaction, now_ms).await?;
        let done = sqlx::query(
            "UPDATE shard_lease SET expires_ms = $4 WHERE shard = $1 AND owner = $2 AND term = $3 AND expires_ms > $5",
        )
        .bind(held.shard.clone())
        .bind(held.owner.clone())
        .bind(held.term.cast_signed())
        .bind(after(now, ttl))
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Gives a lease back, so that the next one need not wait. False when it was lost already.
    pub async fn release_lease(&self, held: &Lease) -> Result<bool, Error> {
        let done = sqlx::query(
            "UPDATE shard_lease SET owner = '', expires_ms = 0 WHERE shard = $1 AND owner = $2 AND term = $3",
        )
        .bind(held.shard.clone())
        .bind(held.owner.clone())
        .bind(held.term.cast_signed())
        .execute(&self.pools.writer)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// All leases that were not given back, those that have run out, too.
    pub async fn leases(&self) -> Result<Vec<Lease>, Error> {
        let rows = sqlx::query(
            "SELECT shard, owner, term, expires_ms FROM shard_lease WHERE owner <> '' ORDER BY shard",
        )
        .fetch_all(&self.pools.readers)
        .await?;
        rows.iter().map(lease).collect()
    }
}

fn after(now: i64, ttl: Duration) -> i64 {
    now.saturating_add(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX))
}

fn lease(row: &AnyRow) -> Result<Lease, Error> {
    Ok(Lease {
        shard: row.try_get("shard")?,
        owner: row.try_get("owner")?,
        term: unsigned(row, "term")?,
        expires_ms: unsigned(row, "expires_ms")?,
    })
}
