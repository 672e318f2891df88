//! Keys of what is sealed in the ledger. Ordinary, erasable rows: without its key, a payload says nothing.

use crate::Store;
use crate::columns::{array, identity_of_name};
use crate::error::Error;
use crate::patient::{PatientId, hold};
use bodywire_proto::wire::HubId;
use sqlx::Row;

/// The column of the keys, for the vault.
const SECRET: &str = "data_key.secret";

impl Store {
    /// Keeps the key of payloads that will be sealed under the name `key_id`: of one hub's reports, of one patient's, or of
    /// both. A key for an erased patient is refused.
    pub async fn add_data_key(
        &self,
        key_id: [u8; 16],
        secret: &[u8; 32],
        hub: Option<HubId>,
        patient: Option<PatientId>,
        now_ms: u64,
    ) -> Result<(), Error> {
        let sealed = self.vault.seal(SECRET, &identity_of_name(&key_id), secret)?;
        let mut transaction = self.pools.begin().await?;
        if let Some(patient) = patient {
            hold(&mut transaction, patient).await?;
        }
        sqlx::query(
            "INSERT INTO data_key (key_id, secret, hub, patient, created_ms) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(key_id.to_vec())
        .bind(sealed)
        .bind(hub.map(|hub| i64::from(hub.0)))
        .bind(patient.map(PatientId::column))
        .bind(now_ms.cast_signed())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The key with this name; `None` when it was never here or has been erased.
    pub async fn data_key(&self, key_id: [u8; 16]) -> Result<Option<[u8; 32]>, Error> {
        let row = sqlx::query("SELECT secret FROM data_key WHERE key_id = $1")
            .bind(key_id.to_vec())
            .fetch_optional(&self.pools.readers)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let sealed: Vec<u8> = row.try_get("secret")?;
        self.vault.open_array(SECRET, &identity_of_name(&key_id), &sealed).map(Some)
    }

    /// The names of all keys of a patient, oldest first.
    pub async fn data_keys_of(&self, patient: PatientId) -> Result<Vec<[u8; 16]>, Error> {
        let rows = sqlx::query("SELECT key_id FROM data_key WHERE patient = $1 ORDER BY created_ms, key_id")
            .bind(patient.column())
            .fetch_all(&self.pools.readers)
            .await?;
        rows.iter().map(|row| array(row, "key_id")).collect()
    }
}
