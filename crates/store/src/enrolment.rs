//! Hubs and sensors that were enrolled in the secure room.

use crate::columns::{array, number};
use crate::error::Error;
use crate::{Store, pair};
use bodywire_proto::RiskClass;
use bodywire_proto::handshake::Profile;
use bodywire_proto::observation::Signal;
use bodywire_proto::prf::Key;
use bodywire_proto::puf::{Challenge, Response};
use bodywire_proto::wire::{HubId, SensorId};
use sqlx::Row;
use sqlx::any::AnyRow;

/// Stands for a uniqueness that is missing: outside its range, and turned into NULL on the way.
const NO_UNIQUENESS: f64 = -1.0;

/// An enrolled hub.
#[derive(Debug, Clone)]
pub struct HubRow {
    /// Its number.
    pub hub: HubId,
    /// Its Ed25519 verification key.
    pub verify_key: [u8; 32],
    /// The secret behind its topic names.
    pub rendezvous: [u8; 32],
}

/// What was measured of a PUF at enrolment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PufQuality {
    /// Share of bits that read the same again, 0 to 1.
    pub reliability: f64,
    /// Share of ones, 0 to 1; one half is best.
    pub uniformity: f64,
    /// Share of bits in which it differs from the devices enrolled before, 0 to 1; one half is best. `None` for the
    /// first one, and when it was asked other challenges.
    pub uniqueness: Option<f64>,
}

/// An enrolled sensor.
#[derive(Debug, Clone)]
pub struct SensorRow {
    /// The hub it belongs to.
    pub hub: HubId,
    /// Its number there.
    pub sensor: SensorId,
    /// What it measures.
    pub kind: Signal,
    /// Its risk class.
    pub class: RiskClass,
    /// The protocol it speaks.
    pub profile: Profile,
    /// Opens its consents (class III). `None` in a hub's database, which must not open them, and for other classes.
    pub wrapping_key: Option<Key>,
    /// When it was enrolled, milliseconds since 1970.
    pub enrolled_ms: i64,
    /// Its PUF.
    pub quality: PufQuality,
    /// When it was revoked, milliseconds since 1970.
    pub revoked_ms: Option<i64>,
}

impl Store {
    /// Enrols a hub.
    pub async fn enroll_hub(&self, row: &HubRow) -> Result<(), Error> {
        let hub = i64::from(row.hub.0);
        let rendezvous = self.vault.seal("hub.rendezvous", &[hub], &row.rendezvous)?;
        sqlx::query("INSERT INTO hub (hub, verify_key, rendezvous) VALUES ($1, $2, $3)")
            .bind(hub)
            .bind(row.verify_key.to_vec())
            .bind(rendezvous)
            .execute(&self.pools.writer)
            .await
            .map_err(|error| already(error, || format!("hub {hub}")))?;
        Ok(())
    }

    /// All enrolled hubs.
    pub async fn hubs(&self) -> Result<Vec<HubRow>, Error> {
        let rows = sqlx::query("SELECT hub, verify_key, rendezvous FROM hub ORDER BY hub")
            .fetch_all(&self.pools.readers)
            .await?;
        let hub_row = |row: &AnyRow| {
            let (hub, sealed): (i64, Vec<u8>) = (row.try_get("hub")?, row.try_get("rendezvous")?);
            Ok(HubRow {
                hub: HubId(number(row, "hub")?),
                verify_key: array(row, "verify_key")?,
                rendezvous: self.vault.open_array("hub.rendezvous", &[hub], &sealed)?,
            })
        };
        rows.iter().map(hub_row).collect()
    }

    /// Enrols a sensor with its pairs, all or nothing.
    pub async fn enroll_sensor(&self, row: &SensorRow, pairs: &[(Challenge, Response)]) -> Result<(), Error> {
        let (hub, sensor) = (i64::from(row.hub.0), i64::from(row.sensor.0));
        let wrapping_key = self.sealed_wrapping_key(hub, sensor, row)?;
        let mut transaction = self.pools.begin().await?;
        sqlx::query(
            "INSERT INTO sensor (hub, sensor, kind, class, wrapping_key, enrolled_ms, reliability, uniformity, pairs, \
             profile, uniqueness) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NULLIF($11, -1.0))",
        )
        .bind(hub)
        .bind(sensor)
        .bind(i64::from(row.kind.code()))
        .bind(i64::from(row.class.code()))
        .bind(wrapping_key)
        .bind(row.enrolled_ms)
        .bind(row.quality.reliability)
        .bind(row.quality.uniformity)
        .bind(pairs.len() as i64)
        .bind(i64::from(row.profile.code()))
        .bind(row.quality.uniqueness.unwrap_or(NO_UNIQUENESS))
        .execute(&mut *transaction)
        .await
        .map_err(|error| already(error, || format!("sensor {sensor}")))?;
        pair::insert(&mut transaction, &self.pairs.vault, hub, sensor, pairs).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Takes in what a hub's card says, all or nothing: the hub, and its sensors without pairs, which only the hub needs.
    /// What was admitted before is brought up to date; nothing is removed, nor is a wrapping key that the card has no more.
    pub async fn admit(&self, row: &HubRow, sensors: &[SensorRow]) -> Result<(), Error> {
        let hub = i64::from(row.hub.0);
        let rendezvous = self.vault.seal("hub.rendezvous", &[hub], &row.rendezvous)?;
        let mut transaction = self.pools.begin().await?;
        sqlx::query(
            "INSERT INTO hub (hub, verify_key, rendezvous) VALUES ($1, $2, $3) ON CONFLICT (hub) DO UPDATE \
             SET verify_key = excluded.verify_key, rendezvous = excluded.rendezvous",
        )
        .bind(hub)
        .bind(row.verify_key.to_vec())
        .bind(rendezvous)
        .execute(&mut *transaction)
        .await?;
        for row in sensors.iter().filter(|sensor| sensor.hub == row.hub) {
            let sensor = i64::from(row.sensor.0);
            let wrapping_key = self.sealed_wrapping_key(hub, sensor, row)?;
            sqlx::query(
                "INSERT INTO sensor (hub, sensor, kind, class, wrapping_key, enrolled_ms, reliability, uniformity, \
                 pairs, profile, uniqueness, revoked_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, \
                 NULLIF($10, -1.0), $11) \
                 ON CONFLICT (hub, sensor) DO UPDATE SET kind = excluded.kind, class = excluded.class, \
                 wrapping_key = CASE WHEN length(excluded.wrapping_key) = 0 THEN sensor.wrapping_key \
                 ELSE excluded.wrapping_key END, enrolled_ms = excluded.enrolled_ms, \
                 reliability = excluded.reliability, uniformity = excluded.uniformity, profile = excluded.profile, \
                 uniqueness = excluded.uniqueness, revoked_ms = excluded.revoked_ms",
            )
            .bind(hub)
            .bind(sensor)
            .bind(i64::from(row.kind.code()))
            .bind(i64::from(row.class.code()))
            .bind(wrapping_key)
            .bind(row.enrolled_ms)
            .bind(row.quality.reliability)
            .bind(row.quality.uniformity)
            .bind(i64::from(row.profile.code()))
            .bind(row.quality.uniqueness.unwrap_or(NO_UNIQUENESS))
            .bind(row.revoked_ms)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Removes all wrapping keys of a hub's sensors, as a hub does whose database was made when they still stood there.
    /// Gives how many there were.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn forget_wrapping_keys(&self, hub: HubId) -> Result<u64, Error> {
        let forgotten =
            sqlx::query("UPDATE sensor SET wrapping_key = $2 WHERE hub = $1 AND length(wrapping_key) > 0")
                .bind(i64::from(hub.0))
                .bind(Vec::<u8>::new())
                .execute(&self.pools.writer)
                .await?;
        Ok(forgotten.rows_affected())
    }

    /// Nothing for a key that is not here.
    fn sealed_wrapping_key(&self, hub: i64, sensor: i64, row: &SensorRow) -> Result<Vec<u8>, Error> {
        match &row.wrapping_key {
            Some(key) => self.vault.seal("sensor.wrapping_key", &[hub, sensor], key.as_bytes()),
            None => Ok(Vec::new()),
        }
    }

    /// All enrolled sensors.
    pub async fn sensors(&self) -> Result<Vec<SensorRow>, Error> {
        let rows = sqlx::query(
            "SELECT hub, sensor, kind, class, wrapping_key, enrolled_ms, reliability, uniformity, profile, uniqueness, \
             revoked_ms FROM sensor ORDER BY hub, sensor",
        )
        .fetch_all(&self.pools.readers)
        .await?;
        rows.iter().map(|row| self.sensor_row(row)).collect()
    }

    /// Revokes a sensor: its pairs are gone, and its hub ends the session it has. False when there is no such sensor,
    /// or it was revoked before.
    pub async fn revoke_sensor(&self, hub: HubId, sensor: SensorId, now_ms: i64) -> Result<bool, Error> {
        let (hub, sensor) = (i64::from(hub.0), i64::from(sensor.0));
        let mut transaction = self.pools.begin().await?;
        let revoked = sqlx::query(
            "UPDATE sensor SET revoked_ms = $3 WHERE hub = $1 AND sensor = $2 AND revoked_ms IS NULL",
        )
        .bind(hub)
        .bind(sensor)
        .bind(now_ms)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("DELETE FROM pair WHERE hub = $1 AND sensor = $2")
            .bind(hub)
            .bind(sensor)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(revoked.rows_affected() == 1)
    }

    fn sensor_row(&self, row: &AnyRow) -> Result<SensorRow, Error> {
        let (hub, sensor): (i64, i64) = (row.try_get("hub")?, row.try_get("sensor")?);
        let sealed: Vec<u8> = row.try_get("wrapping_key")?;
        let wrapping_key = match sealed.as_slice() {
            [] => None,
            sealed => Some(Key::new(self.vault.open_array("sensor.wrapping_key", &[hub, sensor], sealed)?)),
        };
        Ok(SensorRow {
            hub: HubId(number(row, "hub")?),
            sensor: SensorId(number(row, "sensor")?),
            kind: Signal::from_code(number(row, "kind")?).ok_or(Error::Damaged("sensor.kind"))?,
            class: RiskClass::from_code(number(row, "class")?).ok_or(Error::Damaged("sensor.class"))?,
            profile: Profile::from_code(number(row, "profile")?).ok_or(Error::Damaged("sensor.profile"))?,
            wrapping_key,
            enrolled_ms: row.try_get("enrolled_ms")?,
            quality: PufQuality {
                reliability: row.try_get("reliability")?,
                uniformity: row.try_get("uniformity")?,
                uniqueness: row.try_get("uniqueness")?,
            },
            revoked_ms: row.try_get("revoked_ms")?,
        })
    }
}

fn already(error: sqlx::Error, what: impl FnOnce() -> String) -> Error {
    match &error {
        sqlx::Error::Database(inner) if inner.is_unique_violation() => Error::AlreadyEnrolled(what()),
        _ => Error::Backend(error),
    }
}
