//! The index of encrypted vectors: whose they are, and of which window. Derived from the ledger, and rebuilt from it.

use crate::Store;
use crate::columns::{array, number, unsigned, unsigned_or_none};
use crate::error::Error;
use crate::patient::{PatientId, hold};
use bodywire_proto::wire::HubId;
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};
use std::collections::BTreeSet;

/// One encrypted vector in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VectorRow {
    /// The hub that sent it.
    pub hub: HubId,
    /// The hub's number of its report.
    pub number: u64,
    /// The entry that holds it.
    pub ledger_index: u64,
    /// The name of its stream in the ledger.
    pub stream: [u8; 16],
    /// Whose readings it is made of.
    pub patient: Option<PatientId>,
    /// Where its window begins, by the hub's clock, milliseconds since 1970.
    pub start_ms: u64,
    /// How long the window is.
    pub length_ms: u32,
    /// Some reading in it was simulated.
    pub simulated: bool,
}

impl Store {
    /// The vectors of these hubs whose windows lie within `from_ms` and `to_ms`, which is not in it any more, in the order of
    /// their entries.
    pub async fn vectors(&self, hubs: &[HubId], from_ms: u64, to_ms: u64) -> Result<Vec<VectorRow>, Error> {
        let hubs: BTreeSet<u16> = hubs.iter().map(|hub| hub.0).collect();
        // The end of a window is not computed: a hub may name one that the columns cannot hold.
        let rows = sqlx::query(
            "SELECT hub, number, ledger_index, stream, patient, start_ms, length_ms, simulated FROM vector \
             WHERE start_ms >= $1 AND start_ms < $2 AND start_ms <= $2 - length_ms \
             ORDER BY ledger_index, hub, number",
        )
        .bind(i64::try_from(from_ms).unwrap_or(i64::MAX))
        .bind(i64::try_from(to_ms).unwrap_or(i64::MAX))
        .fetch_all(&self.pools.readers)
        .await?;
        let mut found = Vec::new();
        for row in &rows {
            let row = vector_row(row)?;
            if hubs.contains(&row.hub.0) {
                found.push(row);
            }
        }
        Ok(found)
    }
}

/// Adds rows, but for those of patients who were erased: nothing of theirs comes back. Erasures of the others wait until the
/// transaction ends.
pub(crate) async fn insert(
    transaction: &mut Transaction<'static, Any>,
    rows: &[VectorRow],
) -> Result<(), Error> {
    // In their order, so that two writers do not wait for each other.
    let patients: BTreeSet<PatientId> = rows.iter().filter_map(|row| row.patient).collect();
    let mut erased = BTreeSet::new();
    for patient in patients {
        match hold(transaction, patient).await {
            Err(Error::NoSuchPatient) => {
                erased.insert(patient);
            }
            other => other?,
        }
    }
    for row in rows.iter().filter(|row| row.patient.is_none_or(|patient| !erased.contains(&patient))) {
        sqlx::query(
            "INSERT INTO vector (hub, number, ledger_index, stream, patient, start_ms, length_ms, simulated) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(i64::from(row.hub.0))
        .bind(row.number.cast_signed())
        .bind(row.ledger_index.cast_signed())
        .bind(row.stream.to_vec())
        .bind(row.patient.map(PatientId::column))
        .bind(row.start_ms.cast_signed())
        .bind(i64::from(row.length_ms))
        .bind(i64::from(row.simulated))
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}

/// Removes the rows of a patient.
pub(crate) async fn erase(
    transaction: &mut Transaction<'static, Any>,
    patient: PatientId,
) -> Result<(), Error> {
    sqlx::query("DELETE FROM vector WHERE patient = $1")
        .bind(patient.column())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

fn vector_row(row: &AnyRow) -> Result<VectorRow, Error> {
    Ok(VectorRow {
        hub: HubId(number(row, "hub")?),
        number: unsigned(row, "number")?,
        ledger_index: unsigned(row, "ledger_index")?,
        stream: array(row, "stream")?,
        patient: unsigned_or_none(row, "patient")?.map(PatientId),
        start_ms: unsigned(row, "start_ms")?,
        length_ms: number(row, "length_ms")?,
        simulated: row.try_get::<i64, _>("simulated")? != 0,
    })
}
