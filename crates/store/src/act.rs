//! The index of records of access: who, what for, about whom. Derived from the ledger, and rebuilt from it.

use crate::Store;
use crate::columns::{array, number, unsigned, unsigned_or_none};
use crate::error::Error;
use sqlx::Row;
use sqlx::any::AnyRow;

/// One record of access in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActRow {
    /// The entry that holds it.
    pub ledger_index: u64,
    /// Its type byte.
    pub kind: u8,
    /// When, milliseconds since 1970.
    pub at_ms: u64,
    /// The bed.
    pub bed: u16,
    /// Number of the patient.
    pub patient: Option<u64>,
    /// The person; zeros for nobody.
    pub person: [u8; 16],
    /// What for.
    pub purpose: String,
}

/// Which records of access are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActFilter {
    /// Only entries before this one.
    pub before: Option<u64>,
    /// Only of this bed.
    pub bed: Option<u16>,
    /// Only of this person.
    pub person: Option<[u8; 16]>,
    /// Only of this purpose.
    pub purpose: Option<String>,
    /// Only of this type byte.
    pub kind: Option<u8>,
    /// Only about these patients, or by this person; nothing: all.
    pub about: Option<(Vec<u64>, [u8; 16])>,
}

/// Rows that are looked through for one page: filters that match little must not read the table to its beginning.
const LOOKED_AT_MAX: i64 = 20_000;

impl Store {
    /// Adds rows to the index of `origin`'s ledger; those that are there stay as they are.
    pub async fn add_acts(&self, origin: &str, rows: &[ActRow]) -> Result<(), Error> {
        let mut transaction = self.pools.begin().await?;
        for row in rows {
            sqlx::query(
                "INSERT INTO act (origin, ledger_index, kind, at_ms, bed, patient, person, purpose) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (origin, ledger_index) DO NOTHING",
            )
            .bind(origin)
            .bind(row.ledger_index.cast_signed())
            .bind(i64::from(row.kind))
            .bind(row.at_ms.cast_signed())
            .bind(i64::from(row.bed))
            .bind(row.patient.map(u64::cast_signed))
            .bind(row.person.to_vec())
            .bind(&row.purpose)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Records of access of `origin`'s ledger, the newest first, at most `limit`.
    pub async fn acts(&self, origin: &str, filter: &ActFilter, limit: usize) -> Result<Vec<ActRow>, Error> {
        let rows = sqlx::query(
            "SELECT ledger_index, kind, at_ms, bed, patient, person, purpose FROM act \
             WHERE origin = $1 AND ledger_index < $2 ORDER BY ledger_index DESC LIMIT $3",
        )
        .bind(origin)
        .bind(filter.before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX))
        .bind(LOOKED_AT_MAX)
        .fetch_all(&self.pools.readers)
        .await?;
        let mut found = Vec::new();
        for row in &rows {
            let row = act_row(row)?;
            if filter.takes(&row) {
                found.push(row);
                if found.len() == limit {
                    break;
                }
            }
        }
        Ok(found)
    }
}

impl ActFilter {
    fn takes(&self, row: &ActRow) -> bool {
        self.bed.is_none_or(|bed| bed == row.bed)
            && self.person.is_none_or(|person| person == row.person)
            && self.purpose.as_ref().is_none_or(|purpose| *purpose == row.purpose)
            && self.kind.is_none_or(|kind| kind == row.kind)
            && self.about.as_ref().is_none_or(|(patients, person)| {
                *person == row.person || row.patient.is_some_and(|patient| patients.contains(&patient))
            })
    }
}

fn act_row(row: &AnyRow) -> Result<ActRow, Error> {
    Ok(ActRow {
        ledger_index: unsigned(row, "ledger_index")?,
        kind: number(row, "kind")?,
        at_ms: unsigned(row, "at_ms")?,
        bed: number(row, "bed")?,
        patient: unsigned_or_none(row, "patient")?,
        person: array(row, "person")?,
        purpose: row.try_get("purpose")?,
    })
}
