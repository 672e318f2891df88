//! Accesses by break-glass, to be looked at afterwards by somebody else.

use crate::Store;
use crate::columns::{array, number, unsigned, unsigned_or_none};
use crate::error::Error;
use crate::patient::PatientId;
use bodywire_proto::access::Person;
use bodywire_proto::wire::HubId;
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

/// The columns of the words, for the vault.
const STORY: &str = "review.story";
const NOTE: &str = "review.note";
/// What is read of a review.
const COLUMNS: &str =
    "hub, review, patient, person, opened_ms, closed_ms, story, state, reviewer, reviewed_ms, note";

/// How far a review is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ReviewState {
    /// The access goes on.
    Open = 1,
    /// It has ended and nobody has looked at it.
    Waiting = 2,
    /// Somebody has looked, and it was right.
    Accepted = 3,
    /// Somebody has looked, and asks.
    Questioned = 4,
}

impl ReviewState {
    const ALL: [Self; 4] = [Self::Open, Self::Waiting, Self::Accepted, Self::Questioned];

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as u8 == code)
    }
}

/// One access by break-glass.
#[derive(Clone, PartialEq, Eq)]
pub struct ReviewRow {
    /// The bed.
    pub hub: HubId,
    /// Entry of its start in the ledger of the bed's shard.
    pub review: u64,
    /// Who lay there, if it was known.
    pub patient: Option<PatientId>,
    /// Who broke the glass.
    pub person: Person,
    /// When, milliseconds since 1970.
    pub opened_ms: u64,
    /// When the access ended.
    pub closed_ms: Option<u64>,
    /// Why, what was seen for how long, and on what evidence: JSON of the clinic. Nothing after the patient's erasure.
    pub story: Option<String>,
    /// How far the review is.
    pub state: ReviewState,
    /// Who looked at it, and when.
    pub reviewed: Option<(Person, u64)>,
    /// What they wrote; nothing after the patient's erasure.
    pub note: Option<String>,
}

impl std::fmt::Debug for ReviewRow {
    /// Without the words: they are about a patient.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReviewRow")
            .field("hub", &self.hub)
            .field("review", &self.review)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Writes down that somebody has broken the glass. A second call for the same entry changes nothing.
    pub async fn open_review(
        &self,
        (hub, review): (HubId, u64),
        patient: Option<PatientId>,
        person: Person,
        story: &str,
        now_ms: u64,
    ) -> Result<(), Error> {
        let story = self.vault.seal(STORY, &identity(hub, review), story.as_bytes())?;
        sqlx::query(
            "INSERT INTO review (hub, review, patient, person, opened_ms, story, state) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (hub, review) DO NOTHING",
        )
        .bind(i64::from(hub.0))
        .bind(review.cast_signed())
        .bind(patient.map(PatientId::column))
        .bind(person.0.to_vec())
        .bind(now_ms.cast_signed())
        .bind(story)
        .bind(i64::from(ReviewState::Open as u8))
        .execute(&self.pools.writer)
        .await?;
        Ok(())
    }

    /// The access has ended; the story takes the place of the first one. False when it had ended before, or was erased
    /// meanwhile: then only the end is written down.
    pub async fn close_review(
        &self,
        (hub, review): (HubId, u64),
        story: &str,
        now_ms: u64,
    ) -> Result<bool, Error> {
        let story = self.vault.seal(STORY, &identity(hub, review), story.as_bytes())?;
        let mut transaction = self.pools.begin().await?;
        let told = sqlx::query(
            "UPDATE review SET story = $3 WHERE hub = $1 AND review = $2 AND closed_ms IS NULL AND story IS NOT NULL",
        )
        .bind(i64::from(hub.0))
        .bind(review.cast_signed())
        .bind(story)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "UPDATE review SET closed_ms = $3, state = $4 WHERE hub = $1 AND review = $2 AND closed_ms IS NULL",
        )
        .bind(i64::from(hub.0))
        .bind(review.cast_signed())
        .bind(now_ms.cast_signed())
        .bind(i64::from(ReviewState::Waiting as u8))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(told.rows_affected() == 1)
    }

    /// Somebody other than who broke the glass has looked at an access that has ended; the first verdict counts. False when
    /// there was none to judge, or it is one's own.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a state that is no verdict.
    pub async fn decide_review(
        &self,
        (hub, review): (HubId, u64),
        verdict: ReviewState,
        reviewer: Person,
        note: &str,
        now_ms: u64,
    ) -> Result<bool, Error> {
        if !matches!(verdict, ReviewState::Accepted | ReviewState::Questioned) {
            return Err(Error::Damaged("review.state"));
        }
        let note = self.vault.seal(NOTE, &identity(hub, review), note.as_bytes())?;
        // Of an erased patient the verdict stays and the words do not come back.
        let done = sqlx::query(
            "UPDATE review SET state = $3, reviewer = $4, reviewed_ms = $5, \
             note = CASE WHEN story IS NULL THEN NULL ELSE $6 END \
             WHERE hub = $1 AND review = $2 AND state = $7 AND person <> $4",
        )
        .bind(i64::from(hub.0))
        .bind(review.cast_signed())
        .bind(i64::from(verdict as u8))
        .bind(reviewer.0.to_vec())
        .bind(now_ms.cast_signed())
        .bind(note)
        .bind(i64::from(ReviewState::Waiting as u8))
        .execute(&self.pools.writer)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The newest accesses, newest first; those that wait for a review are never pushed out by others.
    pub async fn reviews(&self, limit: u32) -> Result<Vec<ReviewRow>, Error> {
        let text = format!(
            "SELECT {COLUMNS} FROM review ORDER BY CASE WHEN state <= 2 THEN 0 ELSE 1 END, opened_ms DESC, hub, review LIMIT $1"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(text))
            .bind(i64::from(limit))
            .fetch_all(&self.pools.readers)
            .await?;
        let mut reviews: Vec<ReviewRow> =
            rows.iter().map(|row| self.review_row(row)).collect::<Result<_, _>>()?;
        reviews.sort_by_key(|row| std::cmp::Reverse((row.opened_ms, row.hub.0, row.review)));
        Ok(reviews)
    }

    fn review_row(&self, row: &AnyRow) -> Result<ReviewRow, Error> {
        let (hub, review) = (HubId(number(row, "hub")?), unsigned(row, "review")?);
        let words = |column: &'static str, name: &'static str| -> Result<Option<String>, Error> {
            let sealed: Option<Vec<u8>> = row.try_get(column)?;
            let Some(sealed) = sealed else { return Ok(None) };
            let plain = self.vault.open(name, &identity(hub, review), &sealed)?;
            String::from_utf8(plain.to_vec()).map(Some).map_err(|_| Error::Damaged(name))
        };
        let reviewer: Option<Vec<u8>> = row.try_get("reviewer")?;
        let reviewed = match reviewer.zip(unsigned_or_none(row, "reviewed_ms")?) {
            Some((_, at_ms)) => Some((Person(array(row, "reviewer")?), at_ms)),
            None => None,
        };
        Ok(ReviewRow {
            hub,
            review,
            patient: unsigned_or_none(row, "patient")?.map(PatientId),
            person: Person(array(row, "person")?),
            opened_ms: unsigned(row, "opened_ms")?,
            closed_ms: unsigned_or_none(row, "closed_ms")?,
            story: words("story", STORY)?,
            state: ReviewState::from_code(number(row, "state")?).ok_or(Error::Damaged("review.state"))?,
            reviewed,
            note: words("note", NOTE)?,
        })
    }
}

/// Forgets the words about a patient. That somebody broke the glass stays.
pub(crate) async fn erase(
    transaction: &mut Transaction<'static, Any>,
    patient: PatientId,
) -> Result<(), Error> {
    sqlx::query("UPDATE review SET story = NULL, note = NULL WHERE patient = $1")
        .bind(patient.column())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

fn identity(hub: HubId, review: u64) -> [i64; 2] {
    [i64::from(hub.0), review.cast_signed()]
}
