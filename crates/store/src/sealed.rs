//! Every encrypted column, once: for what has to touch all of them.

use crate::columns::identity_of_name;
use crate::error::Error;
use sqlx::any::AnyRow;
use sqlx::{Any, AssertSqlSafe, Executor, Row};

/// The group of columns that a clinic opens.
pub(crate) const CLINIC: &str = "clinic";
/// The group that a hub opens.
pub(crate) const PAIRS: &str = "pairs";

/// Rows that are read at once: some 100 KiB.
pub(crate) const PAGE_ROWS: i64 = 512;

/// One encrypted column.
pub(crate) struct Sealed {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    /// Its name as the vault knows it.
    pub(crate) name: &'static str,
    /// The key it is under.
    pub(crate) group: &'static str,
    /// The primary key, which is its row's identity.
    pub(crate) key: RowKey<&'static [&'static str], &'static str>,
}

/// A primary key: of numbers, or one random name.
pub(crate) enum RowKey<Numbers, Name> {
    Numbers(Numbers),
    Name(Name),
}

/// A place among the rows of a table.
pub(crate) type At = RowKey<Vec<i64>, Vec<u8>>;

const fn by_numbers(
    table: &'static str,
    column: &'static str,
    name: &'static str,
    group: &'static str,
    key: &'static [&'static str],
) -> Sealed {
    Sealed { table, column, name, group, key: RowKey::Numbers(key) }
}

/// All of them.
pub(crate) const SEALED: [Sealed; 8] = [
    by_numbers("hub", "rendezvous", "hub.rendezvous", CLINIC, &["hub"]),
    by_numbers("sensor", "wrapping_key", "sensor.wrapping_key", CLINIC, &["hub", "sensor"]),
    by_numbers("pair", "response", "pair.response", PAIRS, &["hub", "sensor", "number"]),
    by_numbers("patient", "attributes", "patient.attributes", CLINIC, &["patient"]),
    Sealed {
        table: "person",
        column: "name",
        name: "person.name",
        group: CLINIC,
        key: RowKey::Name("person"),
    },
    by_numbers("review", "story", "review.story", CLINIC, &["hub", "review"]),
    by_numbers("review", "note", "review.note", CLINIC, &["hub", "review"]),
    Sealed {
        table: "data_key",
        column: "secret",
        name: "data_key.secret",
        group: CLINIC,
        key: RowKey::Name("key_id"),
    },
];

impl Sealed {
    fn columns(&self) -> &[&'static str] {
        match &self.key {
            RowKey::Numbers(columns) => columns,
            RowKey::Name(column) => std::slice::from_ref(column),
        }
    }

    /// The place before the first row.
    pub(crate) fn start(&self) -> At {
        match &self.key {
            RowKey::Numbers(columns) => RowKey::Numbers(vec![i64::MIN; columns.len()]),
            RowKey::Name(_) => RowKey::Name(Vec::new()),
        }
    }

    /// The next rows behind a place, in the order of their keys. Rows without a value, or with an empty one, are left out.
    pub(crate) async fn page<'e>(
        &self,
        executor: impl Executor<'e, Database = Any>,
        at: &At,
    ) -> Result<Vec<AnyRow>, Error> {
        let (table, column, key) = (self.table, self.column, self.columns().join(", "));
        let marks: Vec<String> = (1..=self.columns().len()).map(|place| format!("${place}")).collect();
        let text = format!(
            "SELECT {key}, {column} FROM {table} WHERE ({key}) > ({}) AND length({column}) > 0 ORDER BY {key} LIMIT {PAGE_ROWS}",
            marks.join(", ")
        );
        Ok(bound(sqlx::query(AssertSqlSafe(text)), at).fetch_all(executor).await?)
    }

    /// The place of a row, its identity for the vault, and what it holds.
    pub(crate) fn read(&self, row: &AnyRow) -> Result<(At, Vec<i64>, Vec<u8>), Error> {
        let value: Vec<u8> = row.try_get(self.column)?;
        match &self.key {
            RowKey::Numbers(columns) => {
                let numbers: Vec<i64> =
                    columns.iter().map(|column| row.try_get(*column)).collect::<Result<_, _>>()?;
                Ok((RowKey::Numbers(numbers.clone()), numbers, value))
            }
            RowKey::Name(column) => {
                let name: Vec<u8> = row.try_get(*column)?;
                let fixed = name.as_slice().try_into().map_err(|_| Error::Damaged(self.name))?;
                Ok((RowKey::Name(name), identity_of_name(&fixed).to_vec(), value))
            }
        }
    }

    /// Replaces the value of one row.
    pub(crate) async fn write<'e>(
        &self,
        executor: impl Executor<'e, Database = Any>,
        at: &At,
        value: Vec<u8>,
    ) -> Result<(), Error> {
        let here: Vec<String> =
            self.columns().iter().zip(1..).map(|(column, place)| format!("{column} = ${place}")).collect();
        let text = format!(
            "UPDATE {} SET {} = ${} WHERE {}",
            self.table,
            self.column,
            here.len() + 1,
            here.join(" AND ")
        );
        bound(sqlx::query(AssertSqlSafe(text)), at).bind(value).execute(executor).await?;
        Ok(())
    }
}

type Query<'q> = sqlx::query::Query<'q, Any, sqlx::any::AnyArguments>;

fn bound<'q>(query: Query<'q>, at: &At) -> Query<'q> {
    match at {
        RowKey::Numbers(numbers) => numbers.iter().fold(query, |query, number| query.bind(*number)),
        RowKey::Name(name) => query.bind(name.clone()),
    }
}
