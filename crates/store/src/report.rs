//! The index of reports: what lies where in the ledger. Derived from the ledger, and rebuilt from it.

use crate::Store;
use crate::error::Error;
use bodywire_proto::wire::{HubId, SensorId};
use sqlx::Row;

/// One report in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportRow {
    /// The hub that sent it.
    pub hub: HubId,
    /// The hub's running number.
    pub number: u64,
    /// The entry that holds it.
    pub ledger_index: u64,
    /// Whose data it is.
    pub sensor: SensorId,
    /// Kind code of the report.
    pub kind: u8,
    /// The hub's clock, milliseconds since 1970.
    pub hub_time_ms: u64,
}

impl Store {
    /// Adds rows, all or nothing.
    pub async fn index_reports(&self, rows: &[ReportRow]) -> Result<(), Error> {
        let mut transaction = self.writer.begin().await?;
        for row in rows {
            sqlx::query(
                "INSERT INTO report (hub, number, ledger_index, sensor, kind, hub_time_ms) \
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(i64::from(row.hub.0))
            .bind(row.number.cast_signed())
            .bind(row.ledger_index.cast_signed())
            .bind(i64::from(row.sensor.0))
            .bind(i64::from(row.kind))
            .bind(row.hub_time_ms.cast_signed())
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// True when the report is indexed, and so in the ledger.
    pub async fn has_report(&self, hub: HubId, number: u64) -> Result<bool, Error> {
        let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM report WHERE hub = $1 AND number = $2")
            .bind(i64::from(hub.0))
            .bind(number.cast_signed())
            .fetch_optional(&self.readers)
            .await?;
        Ok(found.is_some())
    }

    /// The highest ledger entry that is indexed.
    pub async fn last_indexed(&self) -> Result<Option<u64>, Error> {
        let last: Option<i64> =
            sqlx::query_scalar("SELECT max(ledger_index) FROM report").fetch_one(&self.readers).await?;
        Ok(last.map(i64::cast_unsigned))
    }

    /// The newest report of a kind from a sensor.
    pub async fn last_report(
        &self,
        hub: HubId,
        sensor: SensorId,
        kind: u8,
    ) -> Result<Option<ReportRow>, Error> {
        let row = sqlx::query(
            "SELECT hub, number, ledger_index, sensor, kind, hub_time_ms FROM report \
             WHERE hub = $1 AND sensor = $2 AND kind = $3 ORDER BY number DESC LIMIT 1",
        )
        .bind(i64::from(hub.0))
        .bind(i64::from(sensor.0))
        .bind(i64::from(kind))
        .fetch_optional(&self.readers)
        .await?;
        row.as_ref().map(report_row).transpose()
    }

    /// The highest number of a report of each sensor, leaving out one kind.
    pub async fn newest_reports(&self, without: u8) -> Result<Vec<(HubId, SensorId, u64)>, Error> {
        let rows = sqlx::query(
            "SELECT hub, sensor, max(number) AS number FROM report WHERE kind <> $1 GROUP BY hub, sensor",
        )
        .bind(i64::from(without))
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let get = |column: &'static str| row.try_get::<i64, _>(column).map_err(Error::Backend);
                let damaged = |_| Error::Damaged("report");
                let hub = HubId(get("hub")?.try_into().map_err(damaged)?);
                let sensor = SensorId(get("sensor")?.try_into().map_err(damaged)?);
                Ok((hub, sensor, get("number")?.cast_unsigned()))
            })
            .collect()
    }

    /// All reports of a hub, in the order of their numbers.
    pub async fn reports(&self, hub: HubId) -> Result<Vec<ReportRow>, Error> {
        let rows = sqlx::query(
            "SELECT hub, number, ledger_index, sensor, kind, hub_time_ms FROM report WHERE hub = $1 ORDER BY number",
        )
        .bind(i64::from(hub.0))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(report_row).collect()
    }
}

fn report_row(row: &sqlx::sqlite::SqliteRow) -> Result<ReportRow, Error> {
    let get = |column: &'static str| row.try_get::<i64, _>(column).map_err(Error::Backend);
    let damaged = |_| Error::Damaged("report");
    Ok(ReportRow {
        hub: HubId(get("hub")?.try_into().map_err(damaged)?),
        number: get("number")?.cast_unsigned(),
        ledger_index: get("ledger_index")?.cast_unsigned(),
        sensor: SensorId(get("sensor")?.try_into().map_err(damaged)?),
        kind: get("kind")?.try_into().map_err(damaged)?,
        hub_time_ms: get("hub_time_ms")?.cast_unsigned(),
    })
}
