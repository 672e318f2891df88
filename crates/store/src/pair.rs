//! One-time challenge-response pairs (paper B: "use up one and then discard").

use crate::Store;
use crate::error::Error;
use crate::vault::Vault;
use bodywire_proto::puf::{Challenge, Response};
use bodywire_proto::wire::{HubId, SensorId};
use sqlx::{Row, Sqlite, SqlitePool, Transaction};
use zeroize::Zeroizing;

pub(crate) async fn insert(
    transaction: &mut Transaction<'_, Sqlite>,
    vault: &Vault,
    hub: i64,
    sensor: i64,
    pairs: &[(Challenge, Response)],
) -> Result<(), Error> {
    for (number, (challenge, response)) in (0i64..).zip(pairs) {
        let sealed = vault.seal("pair.response", &[hub, sensor, number], response.as_bytes())?;
        sqlx::query(
            "INSERT INTO pair (hub, sensor, number, challenge, response) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(hub)
        .bind(sensor)
        .bind(number)
        .bind(challenge.as_bytes())
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

/// The pool of pairs and nothing else of the database: what a hub is given. It cannot open any other column.
#[derive(Clone)]
pub struct PairPool {
    pub(crate) writer: SqlitePool,
    pub(crate) readers: SqlitePool,
    pub(crate) vault: Vault,
}

impl PairPool {
    /// Takes one unused pair of a sensor out of the database for good: any, or the one with the challenge that is
    /// `wanted`. `None` when there is none.
    ///
    /// One statement deletes what it returns. When it fails or its answer is lost, the pair is burnt, never served again.
    pub async fn claim(
        &self,
        hub: HubId,
        sensor: SensorId,
        wanted: Option<&Challenge>,
    ) -> Result<Option<(Challenge, Response)>, Error> {
        let (hub, sensor) = (i64::from(hub.0), i64::from(sensor.0));
        let row = sqlx::query(
            "DELETE FROM pair WHERE (hub, sensor, number) = \
             (SELECT hub, sensor, number FROM pair \
              WHERE hub = $1 AND sensor = $2 AND ($3 IS NULL OR challenge = $3) ORDER BY number LIMIT 1) \
             RETURNING number, challenge, response",
        )
        .bind(hub)
        .bind(sensor)
        .bind(wanted.map(Challenge::as_bytes))
        .fetch_optional(&self.writer)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let number: i64 = row.try_get("number")?;
        let challenge: Vec<u8> = row.try_get("challenge")?;
        let response = self.open_response(hub, sensor, number, row.try_get("response")?)?;
        Ok(Some((challenge_of(&challenge)?, response)))
    }

    fn open_response(&self, hub: i64, sensor: i64, number: i64, sealed: &[u8]) -> Result<Response, Error> {
        let plain = Zeroizing::new(self.vault.open("pair.response", &[hub, sensor, number], sealed)?);
        Response::new(&plain).map_err(|_| Error::Damaged("pair.response"))
    }

    /// Sensors of a hub that were revoked.
    pub async fn revoked(&self, hub: HubId) -> Result<Vec<SensorId>, Error> {
        let sensors: Vec<i64> =
            sqlx::query_scalar("SELECT sensor FROM sensor WHERE hub = $1 AND revoked_ms IS NOT NULL")
                .bind(i64::from(hub.0))
                .fetch_all(&self.readers)
                .await?;
        let number =
            |sensor: i64| sensor.try_into().map(SensorId).map_err(|_| Error::Damaged("sensor.sensor"));
        sensors.into_iter().map(number).collect()
    }

    /// The challenge of the pair that is served next, as a number; `None` when there is none, or it is none of 8 bytes.
    pub async fn lowest_challenge(&self, hub: HubId, sensor: SensorId) -> Result<Option<u64>, Error> {
        let challenge: Option<Vec<u8>> = sqlx::query_scalar(
            "SELECT challenge FROM pair WHERE hub = $1 AND sensor = $2 ORDER BY number LIMIT 1",
        )
        .bind(i64::from(hub.0))
        .bind(i64::from(sensor.0))
        .fetch_optional(&self.readers)
        .await?;
        Ok(challenge.and_then(|bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?))))
    }

    /// How many pairs a sensor was enrolled with and how many are left.
    pub async fn pool(&self, hub: HubId, sensor: SensorId) -> Result<Pool, Error> {
        let left = self.left(hub, sensor).await?;
        let enrolled: Option<i64> =
            sqlx::query_scalar("SELECT pairs FROM sensor WHERE hub = $1 AND sensor = $2")
                .bind(i64::from(hub.0))
                .bind(i64::from(sensor.0))
                .fetch_optional(&self.readers)
                .await?;
        Ok(Pool { enrolled: enrolled.unwrap_or(0).unsigned_abs(), left })
    }

    /// How many pairs a sensor has left.
    pub async fn left(&self, hub: HubId, sensor: SensorId) -> Result<u64, Error> {
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM pair WHERE hub = $1 AND sensor = $2")
            .bind(i64::from(hub.0))
            .bind(i64::from(sensor.0))
            .fetch_one(&self.readers)
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
        .fetch_all(&self.pairs.readers)
        .await?;
        let open = |row: &sqlx::sqlite::SqliteRow| {
            let (hub, sensor, number) = (row.try_get("hub")?, row.try_get("sensor")?, row.try_get("number")?);
            let response = self.pairs.open_response(hub, sensor, number, row.try_get("response")?)?;
            Ok((challenge_of(row.try_get("challenge")?)?, response))
        };
        rows.iter().map(open).collect()
    }
}

fn challenge_of(bytes: &[u8]) -> Result<Challenge, Error> {
    Challenge::new(bytes).map_err(|_| Error::Damaged("pair.challenge"))
}
