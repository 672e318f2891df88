//! What persons are to patients, as the house says.

use crate::Store;
use crate::columns::{array, number, unsigned, unsigned_or_none};
use crate::error::Error;
use crate::patient::{self, PatientId};
use crate::person;
use bodywire_proto::access::{Person, Relation};
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

/// One relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelationRow {
    /// Who.
    pub person: Person,
    /// To whom.
    pub patient: PatientId,
    /// As what.
    pub relation: Relation,
    /// From when, milliseconds since 1970.
    pub from_ms: u64,
    /// Until when; nothing: until it is taken back.
    pub until_ms: Option<u64>,
}

impl Store {
    /// All relations in force at `now_ms`, of persons who have not left.
    pub async fn relations(&self, now_ms: u64) -> Result<Vec<RelationRow>, Error> {
        let rows = sqlx::query(
            "SELECT relation.person, patient, relation, from_ms, until_ms \
             FROM relation JOIN person ON person.person = relation.person \
             WHERE left_ms IS NULL AND from_ms <= $1 AND (until_ms IS NULL OR until_ms > $1) \
             ORDER BY patient, relation.person",
        )
        .bind(now_ms.cast_signed())
        .fetch_all(&self.pools.readers)
        .await?;
        rows.iter().map(relation_row).collect()
    }

    /// Sets what a person is to a patient, in place of what was said before. [`Relation::None`] is not kept: see
    /// [`Self::unrelate`].
    ///
    /// # Errors
    /// [`Error::NoSuchPerson`] and [`Error::NoSuchPatient`], also for who has left or was erased.
    pub async fn relate(&self, row: &RelationRow) -> Result<(), Error> {
        if row.relation == Relation::None {
            self.unrelate(row.person, row.patient).await?;
            return Ok(());
        }
        let mut transaction = self.pools.begin().await?;
        person::hold(&mut transaction, row.person).await?;
        patient::hold(&mut transaction, row.patient).await?;
        sqlx::query(
            "INSERT INTO relation (person, patient, relation, from_ms, until_ms) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (person, patient) DO UPDATE SET relation = excluded.relation, \
             from_ms = excluded.from_ms, until_ms = excluded.until_ms",
        )
        .bind(row.person.0.to_vec())
        .bind(row.patient.column())
        .bind(i64::from(row.relation as u8))
        .bind(row.from_ms.cast_signed())
        .bind(row.until_ms.map(u64::cast_signed))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Takes a relation back. False when there was none.
    pub async fn unrelate(&self, person: Person, patient: PatientId) -> Result<bool, Error> {
        let done = sqlx::query("DELETE FROM relation WHERE person = $1 AND patient = $2")
            .bind(person.0.to_vec())
            .bind(patient.column())
            .execute(&self.pools.writer)
            .await?;
        Ok(done.rows_affected() == 1)
    }
}

/// Forgets who had to do with a patient.
pub(crate) async fn erase(
    transaction: &mut Transaction<'static, Any>,
    patient: PatientId,
) -> Result<(), Error> {
    sqlx::query("DELETE FROM relation WHERE patient = $1")
        .bind(patient.column())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

fn relation_row(row: &AnyRow) -> Result<RelationRow, Error> {
    Ok(RelationRow {
        person: Person(array(row, "person")?),
        patient: PatientId(unsigned(row, "patient")?),
        relation: Relation::from_code(number(row, "relation")?).ok_or(Error::Damaged("relation.relation"))?,
        from_ms: unsigned(row, "from_ms")?,
        until_ms: unsigned_or_none(row, "until_ms")?,
    })
}
