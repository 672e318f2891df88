//! The index of reports: what lies where in the ledger. Derived from the ledger, and rebuilt from it.

use crate::Store;
use crate::columns::{number, unsigned};
use crate::error::Error;
use crate::head::{self, LogHead};
use crate::vector::{self, VectorRow};
use bodywire_proto::wire::{HubId, SensorId};
use sqlx::any::AnyRow;
use std::collections::HashSet;

/// Numbers that lie further apart are asked for apart: the rows between them would be read for nothing.
const GAP_MAX: u64 = 16;

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
    /// Adds rows of reports, and of the vectors among them, all or nothing. With a head - the ledger's name, its size before, and the new head - the rows stand when
    /// this writer was the one to advance it; otherwise nothing is indexed and the error is [`Error::Fenced`].
    ///
    /// The rows of vectors of a patient who was erased since are left out.
    ///
    /// When the answer is lost, read the head again ([`Store::head`]): it is the new one exactly when the rows stand, too.
    pub async fn index_reports(
        &self,
        rows: &[ReportRow],
        vectors: &[VectorRow],
        head: Option<(&str, u64, &LogHead)>,
    ) -> Result<(), Error> {
        let mut transaction = self.pools.begin().await?;
        // First the head: it is the row that other writers wait for.
        if let Some((origin, from_size, to)) = head
            && !head::advance(&mut transaction, origin, from_size, to).await?
        {
            let now = head::read(&mut *transaction, origin).await?;
            let size = now.map_or(0, |head| head.size);
            return Err(Error::Fenced { origin: origin.to_owned(), size });
        }
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
        vector::insert(&mut transaction, vectors).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Which of these reports are indexed, and so in the ledger. Numbers of a hub that lie close together are one question: a
    /// batch is, as a rule, a run of them.
    pub async fn stored(&self, reports: &[(HubId, u64)]) -> Result<HashSet<(HubId, u64)>, Error> {
        let mut sorted = reports.to_vec();
        sorted.sort_unstable();
        let mut found = HashSet::new();
        for run in sorted.chunk_by(|a, b| a.0 == b.0 && b.1 - a.1 <= GAP_MAX) {
            let (Some((hub, first)), Some((_, last))) = (run.first(), run.last()) else { continue };
            let numbers: Vec<i64> =
                sqlx::query_scalar("SELECT number FROM report WHERE hub = $1 AND number BETWEEN $2 AND $3")
                    .bind(i64::from(hub.0))
                    .bind(first.cast_signed())
                    .bind(last.cast_signed())
                    .fetch_all(&self.pools.readers)
                    .await?;
            found.extend(numbers.into_iter().map(|number| (*hub, number.cast_unsigned())));
        }
        found.retain(|report| sorted.binary_search(report).is_ok());
        Ok(found)
    }

    /// The highest ledger entry that is indexed, or was before it was erased.
    pub async fn last_indexed(&self) -> Result<Option<u64>, Error> {
        let last: Option<i64> = sqlx::query_scalar(
            "SELECT max(ledger_index) FROM (SELECT max(ledger_index) AS ledger_index FROM report \
             UNION ALL SELECT max(ledger_index) FROM erased_index) AS both_of_them",
        )
        .fetch_one(&self.pools.readers)
        .await?;
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
        .fetch_optional(&self.pools.readers)
        .await?;
        row.as_ref().map(report_row).transpose()
    }

    /// The highest number of a report of each sensor, leaving out one kind.
    pub async fn newest_reports(&self, without: u8) -> Result<Vec<(HubId, SensorId, u64)>, Error> {
        let rows = sqlx::query(
            "SELECT hub, sensor, max(number) AS number FROM report WHERE kind <> $1 GROUP BY hub, sensor",
        )
        .bind(i64::from(without))
        .fetch_all(&self.pools.readers)
        .await?;
        let newest = |row: &AnyRow| {
            Ok((HubId(number(row, "hub")?), SensorId(number(row, "sensor")?), unsigned(row, "number")?))
        };
        rows.iter().map(newest).collect()
    }

    /// Reports of a hub that were made in a time, behind a number and in the order of their numbers; at most `limit`.
    pub async fn reports_between(
        &self,
        hub: HubId,
        (from_ms, to_ms): (u64, u64),
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<ReportRow>, Error> {
        let rows = sqlx::query(
            "SELECT hub, number, ledger_index, sensor, kind, hub_time_ms FROM report \
             WHERE hub = $1 AND number > $2 AND hub_time_ms >= $3 AND hub_time_ms < $4 ORDER BY number LIMIT $5",
        )
        .bind(i64::from(hub.0))
        .bind(after.map_or(-1, u64::cast_signed))
        .bind(i64::try_from(from_ms).unwrap_or(i64::MAX))
        .bind(i64::try_from(to_ms).unwrap_or(i64::MAX))
        .bind(i64::from(limit))
        .fetch_all(&self.pools.readers)
        .await?;
        rows.iter().map(report_row).collect()
    }

    /// The newest reports of a kind from a sensor that were made from a time on, newest first; at most `limit`.
    pub async fn reports_since(
        &self,
        (hub, sensor): (HubId, SensorId),
        kind: u8,
        from_ms: u64,
        limit: u32,
    ) -> Result<Vec<ReportRow>, Error> {
        let rows = sqlx::query(
            "SELECT hub, number, ledger_index, sensor, kind, hub_time_ms FROM report \
             WHERE hub = $1 AND sensor = $2 AND kind = $3 AND hub_time_ms >= $4 ORDER BY number DESC LIMIT $5",
        )
        .bind(i64::from(hub.0))
        .bind(i64::from(sensor.0))
        .bind(i64::from(kind))
        .bind(i64::try_from(from_ms).unwrap_or(i64::MAX))
        .bind(i64::from(limit))
        .fetch_all(&self.pools.readers)
        .await?;
        rows.iter().map(report_row).collect()
    }

    /// All reports of a hub, in the order of their numbers.
    pub async fn reports(&self, hub: HubId) -> Result<Vec<ReportRow>, Error> {
        let rows = sqlx::query(
            "SELECT hub, number, ledger_index, sensor, kind, hub_time_ms FROM report WHERE hub = $1 ORDER BY number",
        )
        .bind(i64::from(hub.0))
        .fetch_all(&self.pools.readers)
        .await?;
        rows.iter().map(report_row).collect()
    }
}

fn report_row(row: &AnyRow) -> Result<ReportRow, Error> {
    Ok(ReportRow {
        hub: HubId(number(row, "hub")?),
        number: unsigned(row, "number")?,
        ledger_index: unsigned(row, "ledger_index")?,
        sensor: SensorId(number(row, "sensor")?),
        kind: number(row, "kind")?,
        hub_time_ms: unsigned(row, "hub_time_ms")?,
    })
}
