//! The patients' own authority tables.

use crate::Store;
use crate::columns::{array, unsigned};
use crate::error::Error;
use crate::patient::{self, PatientId};
use bodywire_proto::access::Policy;
use bodywire_proto::access::authority::POLICY_BYTES;
use sqlx::{Any, Transaction};

impl Store {
    /// The policies of patients who have one of their own. For all others the house's default holds.
    pub async fn access_policies(&self) -> Result<Vec<(PatientId, Policy)>, Error> {
        let rows = sqlx::query("SELECT patient, policy FROM access_policy ORDER BY patient")
            .fetch_all(&self.pools.readers)
            .await?;
        rows.iter()
            .map(|row| {
                let bytes: [u8; POLICY_BYTES] = array(row, "policy")?;
                let policy = Policy::parse(&bytes).map_err(|_| Error::Damaged("access_policy.policy"))?;
                Ok((PatientId(unsigned(row, "patient")?), policy))
            })
            .collect()
    }

    /// Sets a patient's policy, in place of the one before.
    ///
    /// # Errors
    /// [`Error::NoSuchPatient`], also for somebody who was erased.
    pub async fn put_policy(&self, patient: PatientId, policy: &Policy) -> Result<(), Error> {
        let bytes = policy.to_bytes().map_err(|_| Error::Damaged("access_policy.policy"))?;
        let mut transaction = self.pools.begin().await?;
        patient::hold(&mut transaction, patient).await?;
        sqlx::query(
            "INSERT INTO access_policy (patient, policy) VALUES ($1, $2) \
             ON CONFLICT (patient) DO UPDATE SET policy = excluded.policy",
        )
        .bind(patient.column())
        .bind(bytes.to_vec())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Forgets what a patient allowed.
pub(crate) async fn erase(
    transaction: &mut Transaction<'static, Any>,
    patient: PatientId,
) -> Result<(), Error> {
    sqlx::query("DELETE FROM access_policy WHERE patient = $1")
        .bind(patient.column())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
