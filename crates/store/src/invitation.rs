//! Links that sign somebody in once, with the certificate that goes with each, and which certificates are revoked.

use crate::Store;
use crate::code::CodeHash;
use crate::columns::{array, number, unsigned, unsigned_or_none};
use crate::error::Error;
use crate::person;
use bodywire_proto::access::Person;
use bodywire_proto::access::certificate::CERTIFICATE_BYTES;
use sqlx::any::AnyRow;

/// How long a row is kept after its certificate's end, in milliseconds: a day. Until then a list of revocations made by a
/// clock that is behind may still need its serial.
const KEPT_MS: i64 = 24 * 60 * 60 * 1000;
/// What is read of an invitation.
const COLUMNS: &str = "token_hash, person, kind, serial, certificate, code_salt, code_hash, made_ms, until_ms, used_ms, revoked_ms";

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum InvitationKind {
    /// A person at the console.
    Console = 1,
    /// A screen on the wall: it reads only.
    Wall = 2,
    /// A program that takes exports.
    Export = 3,
}

impl InvitationKind {
    const ALL: [Self; 3] = [Self::Console, Self::Wall, Self::Export];

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == code)
    }
}

/// One link with its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationRow {
    /// SHA-256 of the token. The token itself is kept nowhere.
    pub token_hash: [u8; 32],
    /// For whom.
    pub person: Person,
    /// What it is for.
    pub kind: InvitationKind,
    /// The certificate's serial.
    pub serial: u64,
    /// The certificate.
    pub certificate: [u8; CERTIFICATE_BYTES],
    /// The person's code for break-glass.
    pub code: CodeHash,
    /// When it was made, milliseconds since 1970.
    pub made_ms: u64,
    /// The certificate's end, and with it the link's.
    pub until_ms: u64,
    /// When somebody signed in with it.
    pub used_ms: Option<u64>,
    /// When the certificate was revoked.
    pub revoked_ms: Option<u64>,
}

impl Store {
    /// Adds a link; `used_ms` and `revoked_ms` do not count. Rows that nothing asks for any more go.
    ///
    /// # Errors
    /// [`Error::NoSuchPerson`], also for somebody who has left.
    pub async fn add_invitation(&self, row: &InvitationRow) -> Result<(), Error> {
        let mut transaction = self.pools.begin().await?;
        person::hold(&mut transaction, row.person).await?;
        sqlx::query("DELETE FROM invitation WHERE until_ms < $1")
            .bind(row.made_ms.cast_signed().saturating_sub(KEPT_MS))
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO invitation (token_hash, person, kind, serial, certificate, code_salt, code_hash, made_ms, \
             until_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(row.token_hash.to_vec())
        .bind(row.person.0.to_vec())
        .bind(i64::from(row.kind as u8))
        .bind(row.serial.cast_signed())
        .bind(row.certificate.to_vec())
        .bind(row.code.salt.to_vec())
        .bind(row.code.hash.to_vec())
        .bind(row.made_ms.cast_signed())
        .bind(row.until_ms.cast_signed())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The link with this hash of its token, in whatever state.
    pub async fn invitation(&self, token_hash: [u8; 32]) -> Result<Option<InvitationRow>, Error> {
        let text = format!("SELECT {COLUMNS} FROM invitation WHERE token_hash = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(text))
            .bind(token_hash.to_vec())
            .fetch_optional(&self.pools.readers)
            .await?;
        row.map(|row| invitation_row(&row)).transpose()
    }

    /// Links that still sign somebody in at `now_ms`, oldest first.
    pub async fn invitations_unused(&self, now_ms: u64) -> Result<Vec<InvitationRow>, Error> {
        self.invitations("used_ms IS NULL AND revoked_ms IS NULL AND until_ms > $1", now_ms).await
    }

    /// Every certificate that is in its time at `now_ms` or will be, revoked or not, oldest first.
    pub async fn certificates(&self, now_ms: u64) -> Result<Vec<InvitationRow>, Error> {
        self.invitations("until_ms > $1", now_ms).await
    }

    async fn invitations(&self, which: &str, now_ms: u64) -> Result<Vec<InvitationRow>, Error> {
        let text = format!("SELECT {COLUMNS} FROM invitation WHERE {which} ORDER BY made_ms, token_hash");
        let rows = sqlx::query(sqlx::AssertSqlSafe(text))
            .bind(now_ms.cast_signed())
            .fetch_all(&self.pools.readers)
            .await?;
        rows.iter().map(invitation_row).collect()
    }

    /// Uses a link up. True for exactly one caller, and only while its certificate is good.
    pub async fn use_invitation(&self, token_hash: [u8; 32], now_ms: u64) -> Result<bool, Error> {
        let done = sqlx::query(
            "UPDATE invitation SET used_ms = $2 \
             WHERE token_hash = $1 AND used_ms IS NULL AND revoked_ms IS NULL AND until_ms > $2",
        )
        .bind(token_hash.to_vec())
        .bind(now_ms.cast_signed())
        .execute(&self.pools.writer)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Revokes all certificates of a person that have not ended; how many.
    pub async fn revoke_person(&self, person: Person, now_ms: u64) -> Result<u64, Error> {
        let done = sqlx::query(
            "UPDATE invitation SET revoked_ms = $2 WHERE person = $1 AND revoked_ms IS NULL AND until_ms > $2",
        )
        .bind(person.0.to_vec())
        .bind(now_ms.cast_signed())
        .execute(&self.pools.writer)
        .await?;
        Ok(done.rows_affected())
    }

    /// Revokes one certificate. False when there is none with this serial that goes on, or it was revoked before.
    pub async fn revoke_serial(&self, serial: u64, now_ms: u64) -> Result<bool, Error> {
        let done = sqlx::query(
            "UPDATE invitation SET revoked_ms = $2 WHERE serial = $1 AND revoked_ms IS NULL AND until_ms > $2",
        )
        .bind(serial.cast_signed())
        .bind(now_ms.cast_signed())
        .execute(&self.pools.writer)
        .await?;
        Ok(done.rows_affected() == 1)
    }
}

fn invitation_row(row: &AnyRow) -> Result<InvitationRow, Error> {
    Ok(InvitationRow {
        token_hash: array(row, "token_hash")?,
        person: Person(array(row, "person")?),
        kind: InvitationKind::from_code(number(row, "kind")?).ok_or(Error::Damaged("invitation.kind"))?,
        serial: unsigned(row, "serial")?,
        certificate: array(row, "certificate")?,
        code: CodeHash { salt: array(row, "code_salt")?, hash: array(row, "code_hash")? },
        made_ms: unsigned(row, "made_ms")?,
        until_ms: unsigned(row, "until_ms")?,
        used_ms: unsigned_or_none(row, "used_ms")?,
        revoked_ms: unsigned_or_none(row, "revoked_ms")?,
    })
}
