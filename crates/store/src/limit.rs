//! Alarm limits that somebody has set at a bed. A new patient begins with the house's own.

use crate::Store;
use crate::columns::{array, number, unsigned};
use crate::error::Error;
use bodywire_proto::access::Person;
use bodywire_proto::observation::Signal;
use bodywire_proto::wire::HubId;
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

/// Stands for "no limit" in a statement; no vital sign has it.
const NO_LIMIT: f64 = -1e300;

/// The limits of one signal at one bed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LimitRow {
    /// The bed.
    pub hub: HubId,
    /// The signal.
    pub signal: Signal,
    /// Below it there is an alarm, in the signal's unit; nothing: never.
    pub low: Option<f64>,
    /// Above it there is an alarm.
    pub high: Option<f64>,
    /// Code of the alarm's priority, as the clinic numbers them.
    pub priority: u8,
    /// False is alarm off.
    pub enabled: bool,
    /// Who set it.
    pub changed_by: Person,
    /// When, milliseconds since 1970.
    pub changed_ms: u64,
}

impl Store {
    /// What was set at a bed, by signal.
    pub async fn limits(&self, hub: HubId) -> Result<Vec<LimitRow>, Error> {
        let rows = sqlx::query(
            "SELECT hub, signal, low, high, priority, enabled, changed_by, changed_ms FROM alarm_limit \
             WHERE hub = $1 ORDER BY signal",
        )
        .bind(i64::from(hub.0))
        .fetch_all(&self.pools.readers)
        .await?;
        rows.iter().map(limit_row).collect()
    }

    /// Sets the limits of a signal, in place of those before.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a limit that is no finite number.
    pub async fn put_limit(&self, row: &LimitRow) -> Result<(), Error> {
        let given = [row.low, row.high];
        if given.into_iter().flatten().any(|limit| !limit.is_finite()) {
            return Err(Error::Damaged("alarm_limit.low"));
        }
        let [low, high] = given.map(|limit| limit.unwrap_or(NO_LIMIT));
        sqlx::query(
            "INSERT INTO alarm_limit (hub, signal, low, high, priority, enabled, changed_by, changed_ms) \
             VALUES ($1, $2, NULLIF($3, -1e300), NULLIF($4, -1e300), $5, $6, $7, $8) \
             ON CONFLICT (hub, signal) DO UPDATE SET low = excluded.low, high = excluded.high, \
             priority = excluded.priority, enabled = excluded.enabled, changed_by = excluded.changed_by, \
             changed_ms = excluded.changed_ms",
        )
        .bind(i64::from(row.hub.0))
        .bind(i64::from(row.signal.code()))
        .bind(low)
        .bind(high)
        .bind(i64::from(row.priority))
        .bind(i64::from(row.enabled))
        .bind(row.changed_by.0.to_vec())
        .bind(row.changed_ms.cast_signed())
        .execute(&self.pools.writer)
        .await?;
        Ok(())
    }
}

/// Forgets all limits of a bed.
pub(crate) async fn forget(transaction: &mut Transaction<'static, Any>, hub: HubId) -> Result<(), Error> {
    erase(transaction, hub, i64::MIN, i64::MAX).await
}

/// Forgets those that were set in a stay.
pub(crate) async fn erase(
    transaction: &mut Transaction<'static, Any>,
    hub: HubId,
    from_ms: i64,
    to_ms: i64,
) -> Result<(), Error> {
    sqlx::query("DELETE FROM alarm_limit WHERE hub = $1 AND changed_ms >= $2 AND changed_ms < $3")
        .bind(i64::from(hub.0))
        .bind(from_ms)
        .bind(to_ms)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

fn limit_row(row: &AnyRow) -> Result<LimitRow, Error> {
    Ok(LimitRow {
        hub: HubId(number(row, "hub")?),
        signal: Signal::from_code(number(row, "signal")?).ok_or(Error::Damaged("alarm_limit.signal"))?,
        low: row.try_get("low")?,
        high: row.try_get("high")?,
        priority: number(row, "priority")?,
        enabled: number::<i64>(row, "enabled")? != 0,
        changed_by: Person(array(row, "changed_by")?),
        changed_ms: unsigned(row, "changed_ms")?,
    })
}
