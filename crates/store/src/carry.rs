//! What an older copy of a database takes from the one that it replaces: keys, and whose data they seal. Nothing else has
//! them, and without them the ledger's newer payloads say nothing.
//!
//! The index of reports and vectors is not taken: its rows behind the copy's head register are made anew from the ledger at the
//! next start, with these keys and stream names, and a row that was there already would stop that.
//!
//! Who is who and what was allowed is taken as a whole (`people`).
//!
//! Both are under the same key of the database, so that what is encrypted is copied as it is. Whoever was erased is erased
//! in the copy afterwards ([`Store::reapply_erasures`]).

mod people;

use crate::Store;
use crate::error::Error;
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

impl Store {
    /// Adds patients, stays, data keys and stream names that `newer` has and this one has not, all or nothing, and revokes
    /// the sensors that are revoked there; persons, relations, policies, certificates, alarm limits and reviews become those of
    /// `newer`. Returns how many data keys came.
    ///
    /// # Errors
    /// [`Error::Backend`], also for a `newer` that is damaged; then nothing was taken.
    pub async fn carry_over(&self, newer: &Store) -> Result<u64, Error> {
        let read = async |text: &'static str| sqlx::query(text).fetch_all(&newer.pools.readers).await;
        let patients = read("SELECT patient, attributes, admitted_ms, erased_ms FROM patient").await?;
        // Those that have ended first: a hub is at one bed at a time.
        let stays = read(
            "SELECT patient, hub, from_ms, to_ms FROM stay ORDER BY coalesce(to_ms, 9223372036854775807)",
        )
        .await?;
        let keys = read("SELECT key_id, secret, hub, patient, created_ms FROM data_key").await?;
        let streams = read("SELECT stream, hub, sensor, patient FROM stream").await?;
        let revoked = read("SELECT hub, sensor, revoked_ms FROM sensor WHERE revoked_ms IS NOT NULL").await?;
        let people = people::read(newer).await?;
        let mut transaction = self.pools.begin().await?;
        for row in &patients {
            patient(&mut transaction, row).await?;
        }
        for row in &stays {
            stay(&mut transaction, row).await?;
        }
        let mut carried = 0;
        for row in &keys {
            carried += data_key(&mut transaction, row).await?;
        }
        for row in &streams {
            stream(&mut transaction, row).await?;
        }
        for row in &revoked {
            revocation(&mut transaction, row).await?;
        }
        people::replace(&mut transaction, &people).await?;
        transaction.commit().await?;
        Ok(carried)
    }
}

async fn patient(transaction: &mut Transaction<'static, Any>, row: &AnyRow) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO patient (patient, attributes, admitted_ms, erased_ms) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (patient) DO NOTHING",
    )
    .bind(row.try_get::<i64, _>("patient")?)
    .bind(row.try_get::<Option<Vec<u8>>, _>("attributes")?)
    .bind(row.try_get::<i64, _>("admitted_ms")?)
    .bind(row.try_get::<Option<i64>, _>("erased_ms")?)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn stay(transaction: &mut Transaction<'static, Any>, row: &AnyRow) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO stay (patient, hub, from_ms, to_ms) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (patient, hub, from_ms) DO UPDATE SET to_ms = excluded.to_ms",
    )
    .bind(row.try_get::<i64, _>("patient")?)
    .bind(row.try_get::<i64, _>("hub")?)
    .bind(row.try_get::<i64, _>("from_ms")?)
    .bind(row.try_get::<Option<i64>, _>("to_ms")?)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn data_key(transaction: &mut Transaction<'static, Any>, row: &AnyRow) -> Result<u64, Error> {
    let done = sqlx::query(
        "INSERT INTO data_key (key_id, secret, hub, patient, created_ms) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (key_id) DO NOTHING",
    )
    .bind(row.try_get::<Vec<u8>, _>("key_id")?)
    .bind(row.try_get::<Vec<u8>, _>("secret")?)
    .bind(row.try_get::<Option<i64>, _>("hub")?)
    .bind(row.try_get::<Option<i64>, _>("patient")?)
    .bind(row.try_get::<i64, _>("created_ms")?)
    .execute(&mut **transaction)
    .await?;
    Ok(done.rows_affected())
}

async fn stream(transaction: &mut Transaction<'static, Any>, row: &AnyRow) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO stream (stream, hub, sensor, patient) VALUES ($1, $2, $3, $4) \
         ON CONFLICT DO NOTHING",
    )
    .bind(row.try_get::<Vec<u8>, _>("stream")?)
    .bind(row.try_get::<i64, _>("hub")?)
    .bind(row.try_get::<i64, _>("sensor")?)
    .bind(row.try_get::<Option<i64>, _>("patient")?)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn revocation(transaction: &mut Transaction<'static, Any>, row: &AnyRow) -> Result<(), Error> {
    let (hub, sensor): (i64, i64) = (row.try_get("hub")?, row.try_get("sensor")?);
    sqlx::query("UPDATE sensor SET revoked_ms = $3 WHERE hub = $1 AND sensor = $2 AND revoked_ms IS NULL")
        .bind(hub)
        .bind(sensor)
        .bind(row.try_get::<i64, _>("revoked_ms")?)
        .execute(&mut **transaction)
        .await?;
    // As in a revocation: its secrets are gone.
    sqlx::query("DELETE FROM pair WHERE hub = $1 AND sensor = $2")
        .bind(hub)
        .bind(sensor)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
