//! Erasure of a patient: keys, names and index are gone, and a list of what was erased stays.
//!
//! The payloads in the ledger stay sealed under keys that nobody has any more; the list tells replicas which to remove.
//! An old backup brings everything back, so that the list is kept outside of it, too, and applied again after a restore.
//!
//! On SQLite what was deleted is overwritten (`secure_delete`) and the write-ahead log is emptied. A PostgreSQL server
//! keeps old row versions until it vacuums, and its own log as long as it is set to; both hold keys that are sealed under
//! the database's key.

use crate::Store;
use crate::columns::{array, unsigned};
use crate::error::Error;
use crate::patient::{PatientId, end_stays, stay_row};
use crate::{limit, policy, relation, review, vector};
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};
use std::collections::BTreeMap;

/// One line of the erasure list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erasure {
    /// Who was erased.
    pub patient: PatientId,
    /// The name of a key; nothing for the patient's own rows.
    pub key: Option<[u8; 16]>,
    /// When it was asked for, milliseconds since 1970.
    pub asked_ms: u64,
}

/// What an erasure has taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedPatient {
    /// Names of all keys of this patient that were ever erased: what is sealed under them is to be removed everywhere.
    pub keys: Vec<[u8; 16]>,
    /// Names of the streams that were forgotten.
    pub streams: Vec<[u8; 16]>,
}

impl Store {
    /// Erases a patient: attributes, data keys, stream names, rows of vectors, the index, alarms and alarm limits of the stays,
    /// relations, policy, and the words of reviews. Asking again for somebody who was erased is no fault; it also takes what has
    /// come in between.
    ///
    /// With [`Error::NotWiped`] the rows are gone and a reader kept their copies; ask again.
    pub async fn erase_patient(&self, patient: PatientId, now_ms: u64) -> Result<ErasedPatient, Error> {
        let mut transaction = self.pools.begin().await?;
        let known = sqlx::query(
            "UPDATE patient SET attributes = NULL, erased_ms = coalesce(erased_ms, $2) WHERE patient = $1",
        )
        .bind(patient.column())
        .bind(now_ms.cast_signed())
        .execute(&mut *transaction)
        .await?;
        if known.rows_affected() == 0 {
            return Err(Error::NoSuchPatient);
        }
        // A hub's clock may be ahead of this one: while the stay lasts, all that comes is this patient's.
        let erased = erase(&mut transaction, patient, now_ms, i64::MAX).await?;
        transaction.commit().await?;
        self.pools.wipe().await?;
        Ok(erased)
    }

    /// The erasure list, oldest first. Keep a copy where a restore of this database does not reach it.
    pub async fn erasures(&self) -> Result<Vec<Erasure>, Error> {
        let rows =
            sqlx::query("SELECT patient, key_id, asked_ms FROM erasure ORDER BY asked_ms, patient, key_id")
                .fetch_all(&self.pools.readers)
                .await?;
        rows.iter().map(erasure).collect()
    }

    /// Keys whose payloads are not known to be gone from every copy of the ledger, oldest first.
    pub async fn erasures_to_do(&self) -> Result<Vec<[u8; 16]>, Error> {
        let rows = sqlx::query(
            "SELECT key_id FROM erasure WHERE done_ms IS NULL AND length(key_id) > 0 ORDER BY asked_ms, key_id",
        )
        .fetch_all(&self.pools.readers)
        .await?;
        rows.iter().map(|row| array(row, "key_id")).collect()
    }

    /// The payloads under this key are gone here and at every replica. The line stays: a restored backup brings them back.
    pub async fn erasure_done(&self, key: [u8; 16], now_ms: u64) -> Result<(), Error> {
        sqlx::query("UPDATE erasure SET done_ms = $2 WHERE key_id = $1 AND done_ms IS NULL")
            .bind(key.to_vec())
            .bind(now_ms.cast_signed())
            .execute(&self.pools.writer)
            .await?;
        Ok(())
    }

    /// Erases again what a list names: after the restore of a backup that is older. Returns how many keys were there again.
    pub async fn reapply_erasures(&self, list: &[Erasure]) -> Result<u64, Error> {
        let mut asked = BTreeMap::new();
        let mut transaction = self.pools.begin().await?;
        let mut again = 0;
        for one in list {
            let first = asked.entry(one.patient).or_insert(one.asked_ms);
            *first = one.asked_ms.min(*first);
            if let Some(key) = one.key {
                remember(&mut transaction, one.patient, &key, one.asked_ms).await?;
                let done = sqlx::query("DELETE FROM data_key WHERE key_id = $1")
                    .bind(key.to_vec())
                    .execute(&mut *transaction)
                    .await?;
                again += done.rows_affected();
            }
        }
        for (patient, asked_ms) in asked {
            sqlx::query(
                "UPDATE patient SET attributes = NULL, erased_ms = coalesce(erased_ms, $2) WHERE patient = $1",
            )
            .bind(patient.column())
            .bind(asked_ms.cast_signed())
            .execute(&mut *transaction)
            .await?;
            // A backup may not know that the stay has ended, and who came after.
            erase(&mut transaction, patient, asked_ms, asked_ms.cast_signed()).await?;
        }
        transaction.commit().await?;
        self.pools.wipe().await?;
        Ok(again)
    }
}

async fn erase(
    transaction: &mut Transaction<'static, Any>,
    patient: PatientId,
    now_ms: u64,
    open_to: i64,
) -> Result<ErasedPatient, Error> {
    erase_index(transaction, patient, open_to).await?;
    vector::erase(transaction, patient).await?;
    relation::erase(transaction, patient).await?;
    policy::erase(transaction, patient).await?;
    review::erase(transaction, patient).await?;
    end_stays(transaction, patient, now_ms).await?;
    remember(transaction, patient, &[], now_ms).await?;
    let keys =
        names(transaction, "DELETE FROM data_key WHERE patient = $1 RETURNING key_id", patient).await?;
    for key in &keys {
        remember(transaction, patient, key, now_ms).await?;
    }
    let streams =
        names(transaction, "DELETE FROM stream WHERE patient = $1 RETURNING stream AS key_id", patient)
            .await?;
    let all = "SELECT key_id FROM erasure WHERE patient = $1 AND length(key_id) > 0 ORDER BY key_id";
    Ok(ErasedPatient { keys: names(transaction, all, patient).await?, streams })
}

/// Index rows and alarms of a patient's stays, by the time that the hub has given them. A stay that lasts ends at `open_to`.
async fn erase_index(
    transaction: &mut Transaction<'static, Any>,
    patient: PatientId,
    open_to: i64,
) -> Result<(), Error> {
    let stays = sqlx::query("SELECT patient, hub, from_ms, to_ms FROM stay WHERE patient = $1")
        .bind(patient.column())
        .fetch_all(&mut **transaction)
        .await?;
    let mut highest: Option<i64> = None;
    for stay in &stays {
        let stay = stay_row(stay)?;
        let (hub, from) = (i64::from(stay.hub.0), stay.from_ms.cast_signed());
        let to = stay.to_ms.map_or(open_to, u64::cast_signed);
        let rows = sqlx::query(
            "DELETE FROM report WHERE hub = $1 AND hub_time_ms >= $2 AND hub_time_ms < $3 RETURNING ledger_index",
        )
        .bind(hub)
        .bind(from)
        .bind(to)
        .fetch_all(&mut **transaction)
        .await?;
        for row in &rows {
            highest = highest.max(Some(row.try_get("ledger_index")?));
        }
        sqlx::query("DELETE FROM alarm WHERE hub = $1 AND raised_ms >= $2 AND raised_ms < $3")
            .bind(hub)
            .bind(from)
            .bind(to)
            .execute(&mut **transaction)
            .await?;
        limit::erase(transaction, stay.hub, from, to).await?;
    }
    if let Some(highest) = highest {
        sqlx::query("DELETE FROM erased_index WHERE ledger_index < $1")
            .bind(highest)
            .execute(&mut **transaction)
            .await?;
        sqlx::query(
            "INSERT INTO erased_index (ledger_index) VALUES ($1) ON CONFLICT (ledger_index) DO NOTHING",
        )
        .bind(highest)
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}

/// Adds a line to the list; one that is there stays as it was.
async fn remember(
    transaction: &mut Transaction<'static, Any>,
    patient: PatientId,
    key: &[u8],
    asked_ms: u64,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO erasure (patient, key_id, asked_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (patient, key_id) DO NOTHING",
    )
    .bind(patient.column())
    .bind(key.to_vec())
    .bind(asked_ms.cast_signed())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn names(
    transaction: &mut Transaction<'static, Any>,
    text: &'static str,
    patient: PatientId,
) -> Result<Vec<[u8; 16]>, Error> {
    let rows = sqlx::query(text).bind(patient.column()).fetch_all(&mut **transaction).await?;
    rows.iter().map(|row| array(row, "key_id")).collect()
}

fn erasure(row: &AnyRow) -> Result<Erasure, Error> {
    let key: Vec<u8> = row.try_get("key_id")?;
    Ok(Erasure {
        patient: PatientId(unsigned(row, "patient")?),
        key: if key.is_empty() { None } else { Some(array(row, "key_id")?) },
        asked_ms: unsigned(row, "asked_ms")?,
    })
}
