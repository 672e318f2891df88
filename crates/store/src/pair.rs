//! One-time challenge-response pairs (paper B: "use up one and then discard").

use crate::error::Error;
use crate::vault::Vault;
use bodywire_proto::puf::{Challenge, RESPONSE_BYTES, Response};
use bodywire_proto::wire::{HubId, SensorId};
use sqlx::{Row, Sqlite, SqlitePool, Transaction};

pub(crate) async fn insert(
    transaction: &mut Transaction<'_, Sqlite>,
    vault: &Vault,
    hub: i64,
    sensor: i64,
    pairs: &[(Challenge, Response)],
) -> Result<(), Error> {
    for (number, (challenge, response)) in (0i64..).zip(pairs) {
        let sealed = vault.seal("pair.response", &[hub, sensor, number], &response.0)?;
        sqlx::query(
            "INSERT INTO pair (hub, sensor, number, challenge, response) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(hub)
        .bind(sensor)
        .bind(number)
        .bind(&challenge.0[..])
        .bind(sealed)
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}

/// The pool of pairs and nothing else of the database: what a hub is given. It cannot open any other column.
#[derive(Clone)]
pub struct PairPool {
    pub(crate) writer: SqlitePool,
    pub(crate) readers: SqlitePool,
    pub(crate) vault: Vault,
}

impl PairPool {
    /// Takes one unused pair of a sensor out of the database for good; `None` when the pool is empty.
    ///
    /// One statement deletes what it returns. When it fails or its answer is lost, the pair is burnt, never served again.
    pub async fn claim(&self, hub: HubId, sensor: SensorId) -> Result<Option<(Challenge, Response)>, Error> {
        let (hub, sensor) = (i64::from(hub.0), i64::from(sensor.0));
        let row = sqlx::query(
            "DELETE FROM pair WHERE (hub, sensor, number) = \
             (SELECT hub, sensor, number FROM pair WHERE hub = $1 AND sensor = $2 ORDER BY number LIMIT 1) \
             RETURNING number, challenge, response",
        )
        .bind(hub)
        .bind(sensor)
        .fetch_optional(&self.writer)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let number: i64 = row.try_get("number")?;
        let challenge: Vec<u8> = row.try_get("challenge")?;
        let response: [u8; RESPONSE_BYTES] =
            self.vault.open_array("pair.response", &[hub, sensor, number], row.try_get("response")?)?;
        let challenge = challenge.try_into().map_err(|_| Error::Damaged("pair.challenge"))?;
        Ok(Some((Challenge(challenge), Response(response))))
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
