//! Who holds certificates of the house.

use crate::Store;
use crate::columns::{array, identity_of_name, number, unsigned, unsigned_or_none};
use crate::error::Error;
use bodywire_proto::RiskClass;
use bodywire_proto::access::{Person, Role};
use rand::Rng;
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

/// The column of the names, for the vault.
const NAME: &str = "person.name";

/// A person, a program or a screen.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// The number that certificates carry.
    pub person: Person,
    /// What people call them.
    pub name: String,
    /// What they are.
    pub role: Role,
    /// The highest class that their certificates may say.
    pub highest: RiskClass,
    /// Since when they are known, milliseconds since 1970.
    pub added_ms: u64,
    /// When they left the house.
    pub left_ms: Option<u64>,
}

impl std::fmt::Debug for PersonRow {
    /// Without the name: it belongs on the console, not into logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PersonRow")
            .field("person", &self.person)
            .field("role", &self.role)
            .field("highest", &self.highest)
            .field("added_ms", &self.added_ms)
            .field("left_ms", &self.left_ms)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Adds somebody under a new random number. The name is stored encrypted.
    pub async fn add_person(
        &self,
        name: &str,
        role: Role,
        highest: RiskClass,
        now_ms: u64,
    ) -> Result<Person, Error> {
        let mut person = [0; 16];
        rand::rng().fill_bytes(&mut person);
        let sealed = self.vault.seal(NAME, &identity_of_name(&person), name.as_bytes())?;
        sqlx::query("INSERT INTO person (person, name, role, highest, added_ms) VALUES ($1, $2, $3, $4, $5)")
            .bind(person.to_vec())
            .bind(sealed)
            .bind(i64::from(role as u8))
            .bind(i64::from(highest.code()))
            .bind(now_ms.cast_signed())
            .execute(&self.pools.writer)
            .await?;
        Ok(Person(person))
    }

    /// Everybody, also who has left, in the order in which they came.
    pub async fn people(&self) -> Result<Vec<PersonRow>, Error> {
        let text =
            "SELECT person, name, role, highest, added_ms, left_ms FROM person ORDER BY added_ms, person";
        let rows = sqlx::query(text).fetch_all(&self.pools.readers).await?;
        rows.iter().map(|row| self.person_row(row)).collect()
    }

    /// One of them.
    pub async fn person(&self, person: Person) -> Result<Option<PersonRow>, Error> {
        let text = "SELECT person, name, role, highest, added_ms, left_ms FROM person WHERE person = $1";
        let row = sqlx::query(text).bind(person.0.to_vec()).fetch_optional(&self.pools.readers).await?;
        row.map(|row| self.person_row(&row)).transpose()
    }

    /// Somebody leaves the house: relations end, certificates are revoked, links that wait open nothing. False when they had
    /// left before or were never here.
    pub async fn leave(&self, person: Person, now_ms: u64) -> Result<bool, Error> {
        let mut transaction = self.pools.begin().await?;
        let left = sqlx::query("UPDATE person SET left_ms = $2 WHERE person = $1 AND left_ms IS NULL")
            .bind(person.0.to_vec())
            .bind(now_ms.cast_signed())
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM relation WHERE person = $1")
            .bind(person.0.to_vec())
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "UPDATE invitation SET revoked_ms = $2 WHERE person = $1 AND revoked_ms IS NULL AND until_ms > $2",
        )
        .bind(person.0.to_vec())
        .bind(now_ms.cast_signed())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(left.rows_affected() == 1)
    }

    fn person_row(&self, row: &AnyRow) -> Result<PersonRow, Error> {
        let person: [u8; 16] = array(row, "person")?;
        let sealed: Vec<u8> = row.try_get("name")?;
        let name = self.vault.open(NAME, &identity_of_name(&person), &sealed)?;
        Ok(PersonRow {
            person: Person(person),
            name: String::from_utf8(name.to_vec()).map_err(|_| Error::Damaged(NAME))?,
            role: Role::from_code(number(row, "role")?).ok_or(Error::Damaged("person.role"))?,
            highest: RiskClass::from_code(number(row, "highest")?).ok_or(Error::Damaged("person.highest"))?,
            added_ms: unsigned(row, "added_ms")?,
            left_ms: unsigned_or_none(row, "left_ms")?,
        })
    }
}

/// Keeps somebody from leaving until the transaction ends: nothing is given behind a leave. An update that changes nothing
/// is the lock that both engines know.
pub(crate) async fn hold(transaction: &mut Transaction<'static, Any>, person: Person) -> Result<(), Error> {
    let held = sqlx::query("UPDATE person SET added_ms = added_ms WHERE person = $1 AND left_ms IS NULL")
        .bind(person.0.to_vec())
        .execute(&mut **transaction)
        .await?;
    if held.rows_affected() == 1 { Ok(()) } else { Err(Error::NoSuchPerson) }
}
