//! Patients, and which hub stood at whose bed when.

use crate::Store;
use crate::columns::{number, unsigned, unsigned_or_none};
use crate::error::Error;
use crate::limit;
use bodywire_proto::wire::HubId;
use rand::RngExt;
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};
use zeroize::Zeroizing;

/// Numbers of patients are random, so that they say nothing, and below 2^53, so that a browser's numbers hold them.
const PATIENT_MAX: i64 = 1 << 53;
/// The column of the attributes, for the vault.
const ATTRIBUTES: &str = "patient.attributes";

/// A patient's number here. It says nothing about the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PatientId(pub u64);

impl PatientId {
    pub(crate) const fn column(self) -> i64 {
        self.0.cast_signed()
    }
}

/// A patient.
#[derive(Clone, PartialEq, Eq)]
pub struct PatientRow {
    /// The number.
    pub patient: PatientId,
    /// What was said at the admission; nothing after an erasure.
    pub attributes: Option<Zeroizing<Vec<u8>>>,
    /// When, milliseconds since 1970.
    pub admitted_ms: u64,
    /// When everything was erased.
    pub erased_ms: Option<u64>,
}

impl std::fmt::Debug for PatientRow {
    /// Without the attributes: they are a person's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PatientRow")
            .field("patient", &self.patient)
            .field("admitted_ms", &self.admitted_ms)
            .field("erased_ms", &self.erased_ms)
            .finish_non_exhaustive()
    }
}

/// The time that a hub stood at a patient's bed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StayRow {
    /// The patient.
    pub patient: PatientId,
    /// The hub.
    pub hub: HubId,
    /// From when, milliseconds since 1970.
    pub from_ms: u64,
    /// Until when; nothing while it lasts.
    pub to_ms: Option<u64>,
}

impl Store {
    /// Admits a patient to the bed at which a hub stands. The attributes are stored encrypted.
    pub async fn admit_patient(
        &self,
        attributes: &[u8],
        hub: HubId,
        now_ms: u64,
    ) -> Result<PatientId, Error> {
        let patient = rand::rng().random_range(1..PATIENT_MAX);
        let sealed = self.vault.seal(ATTRIBUTES, &[patient], attributes)?;
        let mut transaction = self.pools.begin().await?;
        sqlx::query("INSERT INTO patient (patient, attributes, admitted_ms) VALUES ($1, $2, $3)")
            .bind(patient)
            .bind(sealed)
            .bind(now_ms.cast_signed())
            .execute(&mut *transaction)
            .await?;
        begin_stay(&mut transaction, PatientId(patient.cast_unsigned()), hub, now_ms).await?;
        transaction.commit().await?;
        Ok(PatientId(patient.cast_unsigned()))
    }

    /// A further hub, or another one later, at the bed of a patient who was admitted.
    pub async fn begin_stay(&self, patient: PatientId, hub: HubId, now_ms: u64) -> Result<(), Error> {
        let mut transaction = self.pools.begin().await?;
        hold(&mut transaction, patient).await?;
        begin_stay(&mut transaction, patient, hub, now_ms).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Ends all of a patient's stays. False when there was none to end.
    pub async fn discharge(&self, patient: PatientId, now_ms: u64) -> Result<bool, Error> {
        let mut transaction = self.pools.begin().await?;
        let ended = end_stays(&mut transaction, patient, now_ms).await?;
        transaction.commit().await?;
        Ok(ended > 0)
    }

    /// Whose bed a hub stands at.
    pub async fn patient_at(&self, hub: HubId) -> Result<Option<PatientId>, Error> {
        let row = sqlx::query("SELECT patient FROM stay WHERE hub = $1 AND to_ms IS NULL")
            .bind(i64::from(hub.0))
            .fetch_optional(&self.pools.readers)
            .await?;
        row.map(|row| unsigned(&row, "patient").map(PatientId)).transpose()
    }

    /// All patients, in the order of their admission.
    pub async fn patients(&self) -> Result<Vec<PatientRow>, Error> {
        let rows = sqlx::query(
            "SELECT patient, attributes, admitted_ms, erased_ms FROM patient ORDER BY admitted_ms, patient",
        )
        .fetch_all(&self.pools.readers)
        .await?;
        rows.iter().map(|row| self.patient_row(row)).collect()
    }

    /// A patient's stays, oldest first.
    pub async fn stays(&self, patient: PatientId) -> Result<Vec<StayRow>, Error> {
        let rows = sqlx::query(
            "SELECT patient, hub, from_ms, to_ms FROM stay WHERE patient = $1 ORDER BY from_ms, hub",
        )
        .bind(patient.column())
        .fetch_all(&self.pools.readers)
        .await?;
        rows.iter().map(stay_row).collect()
    }

    fn patient_row(&self, row: &AnyRow) -> Result<PatientRow, Error> {
        let patient: i64 = row.try_get("patient")?;
        let sealed: Option<Vec<u8>> = row.try_get("attributes")?;
        let open = |sealed: Vec<u8>| self.vault.open(ATTRIBUTES, &[patient], &sealed);
        Ok(PatientRow {
            patient: PatientId(patient.cast_unsigned()),
            attributes: sealed.map(open).transpose()?,
            admitted_ms: unsigned(row, "admitted_ms")?,
            erased_ms: unsigned_or_none(row, "erased_ms")?,
        })
    }
}

/// Keeps a patient's row from changing until the transaction ends. An erasure waits, or has been and is seen: nothing is
/// added behind it. An update that changes nothing is the lock that both engines know.
pub(crate) async fn hold(
    transaction: &mut Transaction<'static, Any>,
    patient: PatientId,
) -> Result<(), Error> {
    let held =
        sqlx::query("UPDATE patient SET admitted_ms = admitted_ms WHERE patient = $1 AND erased_ms IS NULL")
            .bind(patient.column())
            .execute(&mut **transaction)
            .await?;
    if held.rows_affected() == 1 { Ok(()) } else { Err(Error::NoSuchPatient) }
}

pub(crate) fn stay_row(row: &AnyRow) -> Result<StayRow, Error> {
    Ok(StayRow {
        patient: PatientId(unsigned(row, "patient")?),
        hub: HubId(number(row, "hub")?),
        from_ms: unsigned(row, "from_ms")?,
        to_ms: unsigned_or_none(row, "to_ms")?,
    })
}

async fn begin_stay(
    transaction: &mut Transaction<'static, Any>,
    patient: PatientId,
    hub: HubId,
    now_ms: u64,
) -> Result<(), Error> {
    sqlx::query("INSERT INTO stay (patient, hub, from_ms) VALUES ($1, $2, $3)")
        .bind(patient.column())
        .bind(i64::from(hub.0))
        .bind(now_ms.cast_signed())
        .execute(&mut **transaction)
        .await
        .map_err(|error| match &error {
            sqlx::Error::Database(inner) if inner.is_unique_violation() => Error::Occupied { hub: hub.0 },
            _ => Error::Backend(error),
        })?;
    // Limits were set for whoever lay here before.
    limit::forget(transaction, hub).await
}

/// Ends a patient's open stays; how many. A clock that was set back does not end one before it began.
pub(crate) async fn end_stays(
    transaction: &mut Transaction<'static, Any>,
    patient: PatientId,
    now_ms: u64,
) -> Result<u64, Error> {
    let done = sqlx::query(
        "UPDATE stay SET to_ms = CASE WHEN from_ms > $2 THEN from_ms ELSE $2 END \
         WHERE patient = $1 AND to_ms IS NULL",
    )
    .bind(patient.column())
    .bind(now_ms.cast_signed())
    .execute(&mut **transaction)
    .await?;
    Ok(done.rows_affected())
}
