//! Alarms and what people did with them.

use crate::Store;
use crate::columns::{number, unsigned, unsigned_or_none};
use crate::error::Error;
use bodywire_proto::wire::{HubId, SensorId};
use sqlx::Row;
use sqlx::any::AnyRow;

/// One alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmRow {
    /// Its number on the console.
    pub alarm: u64,
    /// The hub that raised it.
    pub hub: HubId,
    /// The sensor it came from.
    pub sensor: SensorId,
    /// Code of the condition.
    pub condition: u8,
    /// When it was raised, milliseconds since 1970.
    pub raised_ms: u64,
    /// When the condition ended.
    pub ended_ms: Option<u64>,
    /// When somebody acknowledged it, and who.
    pub acknowledged: Option<(u64, String)>,
}

impl Store {
    /// Records a new alarm.
    pub async fn raise_alarm(&self, row: &AlarmRow) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO alarm (alarm, hub, sensor, condition_code, raised_ms) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(row.alarm.cast_signed())
        .bind(i64::from(row.hub.0))
        .bind(i64::from(row.sensor.0))
        .bind(i64::from(row.condition))
        .bind(row.raised_ms.cast_signed())
        .execute(&self.pools.writer)
        .await?;
        Ok(())
    }

    /// Records that an alarm's condition has ended.
    pub async fn end_alarm(&self, hub: HubId, alarm: u64, at_ms: u64) -> Result<(), Error> {
        sqlx::query("UPDATE alarm SET ended_ms = $3 WHERE hub = $1 AND alarm = $2 AND ended_ms IS NULL")
            .bind(i64::from(hub.0))
            .bind(alarm.cast_signed())
            .bind(at_ms.cast_signed())
            .execute(&self.pools.writer)
            .await?;
        Ok(())
    }

    /// Records who acknowledged an alarm. The first one counts.
    pub async fn acknowledge_alarm(
        &self,
        hub: HubId,
        alarm: u64,
        at_ms: u64,
        who: &str,
    ) -> Result<(), Error> {
        sqlx::query(
            "UPDATE alarm SET acknowledged_ms = $3, acknowledged_by = $4 \
             WHERE hub = $1 AND alarm = $2 AND acknowledged_ms IS NULL",
        )
        .bind(i64::from(hub.0))
        .bind(alarm.cast_signed())
        .bind(at_ms.cast_signed())
        .bind(who.to_owned())
        .execute(&self.pools.writer)
        .await?;
        Ok(())
    }

    /// Alarms of one hub that were raised before `before_ms`, the newest first, at most `limit`.
    pub async fn alarms_of(&self, hub: HubId, before_ms: u64, limit: usize) -> Result<Vec<AlarmRow>, Error> {
        let rows = sqlx::query(
            "SELECT alarm, hub, sensor, condition_code, raised_ms, ended_ms, acknowledged_ms, acknowledged_by \
             FROM alarm WHERE hub = $1 AND raised_ms < $2 ORDER BY raised_ms DESC, alarm DESC LIMIT $3",
        )
        .bind(i64::from(hub.0))
        .bind(i64::try_from(before_ms).unwrap_or(i64::MAX))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pools.readers)
        .await?;
        rows.iter().map(alarm_row).collect()
    }

    /// All alarms, oldest first.
    pub async fn alarms(&self) -> Result<Vec<AlarmRow>, Error> {
        let rows = sqlx::query(
            "SELECT alarm, hub, sensor, condition_code, raised_ms, ended_ms, acknowledged_ms, acknowledged_by \
             FROM alarm ORDER BY raised_ms, hub, alarm",
        )
        .fetch_all(&self.pools.readers)
        .await?;
        rows.iter().map(alarm_row).collect()
    }
}

fn alarm_row(row: &AnyRow) -> Result<AlarmRow, Error> {
    let acknowledged_by: Option<String> = row.try_get("acknowledged_by")?;
    Ok(AlarmRow {
        alarm: unsigned(row, "alarm")?,
        hub: HubId(number(row, "hub")?),
        sensor: SensorId(number(row, "sensor")?),
        condition: number(row, "condition_code")?,
        raised_ms: unsigned(row, "raised_ms")?,
        ended_ms: unsigned_or_none(row, "ended_ms")?,
        acknowledged: unsigned_or_none(row, "acknowledged_ms")?.zip(acknowledged_by),
    })
}
