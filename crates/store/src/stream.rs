//! Which random stream name in the ledger is whose. Ordinary, erasable rows.

use crate::Store;
use crate::columns::{array, number, unsigned_or_none};
use crate::error::Error;
use crate::patient::{PatientId, hold};
use bodywire_proto::wire::{HubId, SensorId};
use sqlx::any::AnyRow;

/// The stream of one sensor in the ledger, for one patient or while there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamRow {
    /// Its random name.
    pub stream: [u8; 16],
    /// The sensor's hub.
    pub hub: HubId,
    /// The sensor.
    pub sensor: SensorId,
    /// Whose data it is.
    pub patient: Option<PatientId>,
}

impl Store {
    /// Gives a sensor's stream a name. Fails when it has one for this patient, or the patient was erased.
    pub async fn add_stream(&self, row: StreamRow) -> Result<(), Error> {
        let mut transaction = self.pools.begin().await?;
        if let Some(patient) = row.patient {
            hold(&mut transaction, patient).await?;
        }
        sqlx::query("INSERT INTO stream (stream, hub, sensor, patient) VALUES ($1, $2, $3, $4)")
            .bind(row.stream.to_vec())
            .bind(i64::from(row.hub.0))
            .bind(i64::from(row.sensor.0))
            .bind(row.patient.map(PatientId::column))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// All streams.
    pub async fn streams(&self) -> Result<Vec<StreamRow>, Error> {
        let rows =
            sqlx::query("SELECT stream, hub, sensor, patient FROM stream ORDER BY hub, sensor, stream")
                .fetch_all(&self.pools.readers)
                .await?;
        rows.iter().map(stream_row).collect()
    }
}

fn stream_row(row: &AnyRow) -> Result<StreamRow, Error> {
    Ok(StreamRow {
        stream: array(row, "stream")?,
        hub: HubId(number(row, "hub")?),
        sensor: SensorId(number(row, "sensor")?),
        patient: unsigned_or_none(row, "patient")?.map(PatientId),
    })
}
