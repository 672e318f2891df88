//! One-time challenge-response pairs (paper B: "use up one and then discard").
//!
//! A claim deletes the pair and returns it only after the deletion is committed. When anything fails on the way, or the
//! caller goes away, the pair is burnt at worst; it is never served again.

use crate::Store;
use crate::columns::{number, unsigned};
use crate::engine::{Engine, Pools};
use crate::error::Error;
use crate::group::{self, Group};
use crate::vault::Vault;
use bodywire_proto::puf::{Challenge, Response};
use bodywire_proto::wire::{HubId, SensorId};
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

/// What opens responses.
pub(crate) const RESPONSE: &str = "pair.response";

pub(crate) async fn insert(
    transaction: &mut Transaction<'_, Any>,
    vault: &Vault,
    hub: i64,
    sensor: i64,
    pairs: &[(Challenge, Response)],
) -> Result<(), Error> {
    for (number, (challenge, response)) in (0i64..).zip(pairs) {
        let sealed = vault.seal(RESPONSE, &[hub, sensor, number], response.as_bytes())?;
        sqlx::query(
            "INSERT INTO pair (hub, sensor, number, challenge, response) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(hub)
        .bind(sensor)
        .bind(number)
        .bind(challenge.as_bytes().to_vec())
        .bind(sealed)
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}

/// The pairs of one sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// As many as were enrolled.
    pub enrolled: u64,
    /// As many as are unused.
    pub left: u64,
}

/// A pair that is out of the database for good.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Its number among its sensor's pairs: what a ledger names it by.
    pub number: u64,
    /// What the PUF is asked.
    pub challenge: Challenge,
    /// What it answered at enrolment.
    pub response: Response,
}

/// The pool of pairs and nothing else of the database: what a hub is given. It cannot open any other column.
#[derive(Clone)]
pub struct PairPool {
    pub(crate) pools: Pools,
    pub(crate) vault: Vault,
    /// Commits claims together where there is one writer. A server does that itself.
    group: Option<Group>,
}

impl PairPool {
    pub(crate) fn new(pools: Pools, vault: Vault) -> Self {
        let group = (pools.engine == Engine::Sqlite).then(|| Group::start(pools.clone()));
        Self { pools, vault, group }
    }

    /// Takes one unused pair of a sensor out of the database for good: any, or the one with the challenge that is
    /// `wanted`. `None` when there is none.
    ///
    /// Whoever gets an error or stops waiting may have burnt a pair. It is not served again, and the same one cannot be
    /// asked for again; ask for any.
    pub async fn claim(
        &self,
        hub: HubId,
        sensor: SensorId,
        wanted: Option<&Challenge>,
    ) -> Result<Option<Claimed>, Error> {
        let which = group::Which::new(hub, sensor, wanted);
        let row = match &self.group {
            Some(group) => group.claim(which).await?,
            None => group::delete(Engine::Postgres, &self.pools.writer, &which).await?,
        };
        // Opened after the commit, so that a damaged row is burnt and cannot stop those behind it.
        row.map(|row| self.claimed(hub, sensor, &row)).transpose()
    }

    fn claimed(&self, hub: HubId, sensor: SensorId, row: &AnyRow) -> Result<Claimed, Error> {
        let number: i64 = row.try_get("number")?;
        let sealed: Vec<u8> = row.try_get("response")?;
        Ok(Claimed {
            number: number.cast_unsigned(),
            challenge: challenge_of(&row.try_get::<Vec<u8>, _>("challenge")?)?,
            response: self.open_response(hub.0.into(), sensor.0.into(), number, &sealed)?,
        })
    }

    fn open_response(&self, hub: i64, sensor: i64, number: i64, sealed: &[u8]) -> Result<Response, Error> {
        let plain = self.vault.open(RESPONSE, &[hub, sensor, number], sealed)?;
        Response::new(&plain).map_err(|_| Error::Damaged(RESPONSE))
    }

    /// Deletes pairs that a ledger says were spent: after a restore, an old database would serve them again. Returns how
    /// many were still there.
    pub async fn burn(&self, hub: HubId, sensor: SensorId, numbers: &[u64]) -> Result<u64, Error> {
        let mut transaction = self.pools.begin().await?;
        let mut burnt = 0;
        for number in numbers {
            let done = sqlx::query("DELETE FROM pair WHERE hub = $1 AND sensor = $2 AND number = $3")
                .bind(i64::from(hub.0))
                .bind(i64::from(sensor.0))
                .bind(number.cast_signed())
                .execute(&mut *transaction)
                .await?;
            burnt += done.rows_affected();
        }
        transaction.commit().await?;
        Ok(burnt)
    }

    /// Sensors of a hub that were revoked.
    pub async fn revoked(&self, hub: HubId) -> Result<Vec<SensorId>, Error> {
        let rows = sqlx::query("SELECT sensor FROM sensor WHERE hub = $1 AND revoked_ms IS NOT NULL")
            .bind(i64::from(hub.0))
            .fetch_all(&self.pools.readers)
            .await?;
        rows.iter().map(|row| number(row, "sensor").map(SensorId)).collect()
    }

    /// The challenge of the pair that is served next, as a number; `None` when there is none, or it is none of 8 bytes.
    pub async fn lowest_challenge(&self, hub: HubId, sensor: SensorId) -> Result<Option<u64>, Error> {
        let challenge: Option<Vec<u8>> = sqlx::query_scalar(
            "SELECT challenge FROM pair WHERE hub = $1 AND sensor = $2 ORDER BY number LIMIT 1",
        )
        .bind(i64::from(hub.0))
        .bind(i64::from(sensor.0))
        .fetch_optional(&self.pools.readers)
        .await?;
        Ok(challenge.and_then(|bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?))))
    }

    /// How many pairs a sensor was enrolled with and how many are left.
    pub async fn pool(&self, hub: HubId, sensor: SensorId) -> Result<Pool, Error> {
        let left = self.left(hub, sensor).await?;
        let enrolled = sqlx::query("SELECT pairs FROM sensor WHERE hub = $1 AND sensor = $2")
            .bind(i64::from(hub.0))
            .bind(i64::from(sensor.0))
            .fetch_optional(&self.pools.readers)
            .await?;
        let enrolled = enrolled.map_or(Ok(0), |row| unsigned(&row, "pairs"))?;
        Ok(Pool { enrolled, left })
    }

    /// How many pairs a sensor has left.
    pub async fn left(&self, hub: HubId, sensor: SensorId) -> Result<u64, Error> {
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM pair WHERE hub = $1 AND sensor = $2")
            .bind(i64::from(hub.0))
            .bind(i64::from(sensor.0))
            .fetch_one(&self.pools.readers)
            .await?;
        Ok(left.unsigned_abs())
    }
}

impl Store {
    /// At most `limit` unused pairs of each sensor, for the secure room: it compares a new device with the others. They
    /// stay unused.
    pub async fn peek_pairs(&self, limit: u32) -> Result<Vec<(Challenge, Response)>, Error> {
        let rows = sqlx::query(
            "SELECT hub, sensor, number, challenge, response FROM \
             (SELECT pair.*, row_number() OVER (PARTITION BY hub, sensor ORDER BY number) AS place FROM pair) ranked \
             WHERE place <= $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.pools.readers)
        .await?;
        let open = |row: &AnyRow| {
            let (hub, sensor, number) = (row.try_get("hub")?, row.try_get("sensor")?, row.try_get("number")?);
            let sealed: Vec<u8> = row.try_get("response")?;
            let response = self.pairs.open_response(hub, sensor, number, &sealed)?;
            Ok((challenge_of(&row.try_get::<Vec<u8>, _>("challenge")?)?, response))
        };
        rows.iter().map(open).collect()
    }
}

fn challenge_of(bytes: &[u8]) -> Result<Challenge, Error> {
    Challenge::new(bytes).map_err(|_| Error::Damaged("pair.challenge"))
}
