//! Who is who, and what was allowed, as the newer database says it: all of it, in place of what the older one has. A relation
//! that was taken back and a certificate that was revoked since must not come to life again.

use crate::Store;
use crate::error::Error;
use sqlx::any::AnyRow;
use sqlx::{Any, AssertSqlSafe, Row, Transaction};

/// How a column is read and written.
#[derive(Clone, Copy)]
enum As {
    Number,
    Bytes,
    /// One that may be missing. See `engine` about doubles.
    Double,
}
use As::{Bytes, Double, Number};

type Table = (&'static str, &'static [(&'static str, As)]);

/// Each table with all its columns, those that others name first.
const TABLES: [Table; 6] = [
    (
        "person",
        &[
            ("person", Bytes),
            ("name", Bytes),
            ("role", Number),
            ("highest", Number),
            ("added_ms", Number),
            ("left_ms", Number),
        ],
    ),
    (
        "relation",
        &[
            ("person", Bytes),
            ("patient", Number),
            ("relation", Number),
            ("from_ms", Number),
            ("until_ms", Number),
        ],
    ),
    ("access_policy", &[("patient", Number), ("policy", Bytes)]),
    (
        "invitation",
        &[
            ("token_hash", Bytes),
            ("person", Bytes),
            ("kind", Number),
            ("serial", Number),
            ("certificate", Bytes),
            ("code_salt", Bytes),
            ("code_hash", Bytes),
            ("made_ms", Number),
            ("until_ms", Number),
            ("used_ms", Number),
            ("revoked_ms", Number),
        ],
    ),
    (
        "alarm_limit",
        &[
            ("hub", Number),
            ("signal", Number),
            ("low", Double),
            ("high", Double),
            ("priority", Number),
            ("enabled", Number),
            ("changed_by", Bytes),
            ("changed_ms", Number),
        ],
    ),
    (
        "review",
        &[
            ("hub", Number),
            ("review", Number),
            ("patient", Number),
            ("person", Bytes),
            ("opened_ms", Number),
            ("closed_ms", Number),
            ("story", Bytes),
            ("state", Number),
            ("reviewer", Bytes),
            ("reviewed_ms", Number),
            ("note", Bytes),
        ],
    ),
];

/// All rows of all tables, in the order of [`TABLES`].
pub(super) type Read = Vec<Vec<AnyRow>>;

/// Reads what there is.
pub(super) async fn read(newer: &Store) -> Result<Read, Error> {
    let mut all = Vec::with_capacity(TABLES.len());
    for (table, columns) in TABLES {
        let text = format!("SELECT {} FROM {table}", names(columns));
        all.push(sqlx::query(AssertSqlSafe(text)).fetch_all(&newer.pools.readers).await?);
    }
    Ok(all)
}

/// Replaces what is here. Patients must have been carried before.
pub(super) async fn replace(transaction: &mut Transaction<'static, Any>, all: &Read) -> Result<(), Error> {
    for (table, _) in TABLES.iter().rev() {
        sqlx::query(AssertSqlSafe(format!("DELETE FROM {table}"))).execute(&mut **transaction).await?;
    }
    for ((table, columns), rows) in TABLES.iter().zip(all) {
        let places: Vec<String> = (1..).zip(*columns).map(|(at, (_, kind))| place(at, *kind)).collect();
        let text = format!("INSERT INTO {table} ({}) VALUES ({})", names(columns), places.join(", "));
        for row in rows {
            let mut query = sqlx::query(AssertSqlSafe(text.clone()));
            for (column, kind) in *columns {
                query = match kind {
                    Number => query.bind(row.try_get::<Option<i64>, _>(*column)?),
                    Bytes => query.bind(row.try_get::<Option<Vec<u8>>, _>(*column)?),
                    Double => query.bind(row.try_get::<Option<f64>, _>(*column)?.unwrap_or(MISSING)),
                };
            }
            query.execute(&mut **transaction).await?;
        }
    }
    Ok(())
}

/// Stands for a missing double in a statement.
const MISSING: f64 = -1e300;

fn place(at: usize, kind: As) -> String {
    match kind {
        Double => format!("NULLIF(${at}, -1e300)"),
        Number | Bytes => format!("${at}"),
    }
}

fn names(columns: &[(&'static str, As)]) -> String {
    columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}
