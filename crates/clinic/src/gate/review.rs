//! The queue of broken glass that somebody else looks at afterwards.

use super::act::Act;
use super::credential::Credential;
use super::emergency::Closed;
use super::held::{Held, purpose_name};
use super::{Gate, hex};
use bodywire_ledger::EntryKind;
use bodywire_proto::access::{Bed, Purpose, Relation, Role};
use bodywire_proto::wire::HubId;
use bodywire_store::{PatientId, ReviewRow, ReviewState};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::VecDeque;

/// Reviews of one answer.
pub const REVIEWS_SHOWN: u32 = 100;
/// Reviews that wait for a database that is away. They are in the ledger or its journal all the same.
const PENDING_MAX: usize = 1_000;
/// Characters of a note.
pub const NOTE_CHARS_MAX: usize = 1_000;

/// A review on its way into the database.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    id: (HubId, u64),
    patient: Option<PatientId>,
    person: bodywire_proto::access::Person,
    story: Value,
    from_ms: u64,
    closed_ms: Option<u64>,
    opened: bool,
}

/// A review as it is shown.
#[derive(Debug, Clone, Serialize)]
pub struct ReviewView {
    /// Its number: the entry in the ledger, or the time of an access that was in the journal first.
    pub id: u64,
    /// The bed.
    pub bed: u16,
    /// What stands on the door.
    pub label: String,
    /// Who broke the glass.
    pub who: String,
    /// When, milliseconds since 1970.
    pub opened_ms: u64,
    /// When it ended.
    pub closed_ms: Option<u64>,
    /// `open`, `waiting`, `accepted` or `questioned`.
    pub state: &'static str,
    /// It is one's own: somebody else must look.
    pub own: bool,
    /// Who looked at it, when, and what they wrote.
    pub review: Option<Value>,
    /// Reason, role, evidence, signals, seconds.
    #[serde(flatten)]
    pub story: Value,
}

impl Gate {
    /// An access by break-glass has begun.
    pub(super) fn open_review(&self, held: &Held, story: Value) {
        let id = (HubId(held.bed.0), held.entry.unwrap_or(held.from_ms));
        let patient = held.patient.map(|patient| PatientId(patient.0));
        let (person, from_ms) = (held.person, held.from_ms);
        let pending = Pending { id, patient, person, story, from_ms, closed_ms: None, opened: false };
        let mut state = self.state();
        if state.reviews.len() < PENDING_MAX {
            state.reviews.push_back(pending);
        }
    }

    /// It has ended.
    pub(super) fn end_review(&self, held: &Held, closed: &Closed) {
        let id = (HubId(held.bed.0), held.entry.unwrap_or(held.from_ms));
        let mut state = self.state();
        let Some(pending) = state.reviews.iter_mut().find(|pending| pending.id == id) else { return };
        pending.closed_ms = Some(closed.until_ms);
        if let Value::Object(story) = &mut pending.story {
            story.insert("signals".to_owned(), json!(closed.signals));
            story.insert("seconds".to_owned(), json!(closed.seconds));
        }
    }

    /// Brings what waits into the database.
    pub(super) async fn keep_reviews(&self) {
        let Some(store) = self.database() else { return };
        let due: Vec<Pending> = {
            let state = self.state();
            let due = |pending: &&Pending| !pending.opened || pending.closed_ms.is_some();
            state.reviews.iter().filter(due).cloned().collect()
        };
        for pending in due {
            let story = pending.story.to_string();
            let opened = pending.opened
                || store
                    .open_review(pending.id, pending.patient, pending.person, &story, pending.from_ms)
                    .await
                    .inspect_err(|error| tracing::warn!(%error, "a review waits for the database"))
                    .is_ok();
            let closed = match pending.closed_ms {
                Some(at_ms) if opened => store.close_review(pending.id, &story, at_ms).await.is_ok(),
                _ => false,
            };
            let mut state = self.state();
            if closed {
                state.reviews.retain(|other| other.id != pending.id);
            } else if let Some(other) = state.reviews.iter_mut().find(|other| other.id == pending.id) {
                other.opened = opened;
            }
        }
    }

    /// Glass that was broken when the last process ended is closed now, and said so on record. True when that is done.
    pub(super) async fn close_left_open(&self) -> bool {
        let Some(store) = self.database() else { return false };
        let Ok(rows) = store.reviews(REVIEWS_SHOWN).await else { return false };
        for row in rows.iter().filter(|row| row.state == ReviewState::Open) {
            let id = (row.hub, row.review);
            if self.state().reviews.iter().any(|pending| pending.id == id) {
                continue;
            }
            let (now, who) = (self.now_ms(), self.name(row.person));
            let act = Act {
                person: hex(row.person),
                who,
                role: String::new(),
                bed: row.hub.0,
                patient: row.patient.map(|patient| patient.0),
                purpose: purpose_name(Purpose::BreakGlass).to_owned(),
                class: None,
                text: "ended with the clinic's process; what was read is in the entries before".to_owned(),
                decision: None,
                grant: Some(row.review),
                at_ms: now,
                journalled: false,
            };
            if self.inner.recorder.record(EntryKind::OverrideEnd, &act, false).await.is_err() {
                return false;
            }
            let story = row.story.clone().unwrap_or_default();
            if store.close_review(id, &story, now).await.is_err() {
                return false;
            }
        }
        true
    }

    /// The reviews that this session may see: all for reviewers and consultants, else those of beds that one treats, and one's
    /// own.
    ///
    /// # Errors
    /// In words, when the database is away.
    pub async fn reviews(&self, credential: &Credential) -> Result<Vec<ReviewView>, String> {
        let away = "the database is away: try again in a few seconds";
        let store = self.database().ok_or(away)?;
        let rows = store.reviews(REVIEWS_SHOWN).await.map_err(|error| {
            tracing::error!(%error, "the reviews could not be read");
            away
        })?;
        let (person, role) = (credential.certificate.person, credential.certificate.role);
        let state = self.state();
        let may = |row: &&ReviewRow| {
            let treats = state.directory.relation(person, Bed(row.hub.0)) == Relation::Treating;
            row.person == person
                || matches!(role, Role::Reviewer | Role::Consultant)
                || (treats && role.is_clinician())
        };
        Ok(rows.iter().filter(may).map(|row| view(&state.directory, row, person)).collect())
    }

    /// Somebody has looked.
    ///
    /// # Errors
    /// In words: not this role, one's own, not there, or the database is away.
    pub async fn review(
        &self,
        credential: &Credential,
        id: u64,
        accepted: bool,
        note: &str,
    ) -> Result<(), String> {
        let certificate = &credential.certificate;
        if !matches!(certificate.role, Role::Reviewer | Role::Consultant) || !self.holds(credential) {
            return Err("reviews are for reviewers and consultants".to_owned());
        }
        let store = self.database().ok_or("the database is away: try again in a few seconds")?;
        let failed = |error: bodywire_store::Error| {
            tracing::error!(%error, "a review could not be kept");
            "the database failed: see the clinic's log".to_owned()
        };
        let rows = store.reviews(REVIEWS_SHOWN).await.map_err(failed)?;
        let row = rows.iter().find(|row| row.review == id && row.state == ReviewState::Waiting);
        let Some(row) = row else { return Err("no review of this number waits".to_owned()) };
        if row.person == certificate.person {
            return Err("your own access is for somebody else to review".to_owned());
        }
        let verdict = if accepted { ReviewState::Accepted } else { ReviewState::Questioned };
        let said = format!("review of {id}: {}", state_name(verdict));
        self.note_act(credential, EntryKind::Review, row.hub.0, said)
            .await
            .map_err(|error| error.to_string())?;
        let note: String = note.chars().take(NOTE_CHARS_MAX).collect();
        let done = store
            .decide_review((row.hub, id), verdict, certificate.person, &note, self.now_ms())
            .await
            .map_err(failed)?;
        if done { Ok(()) } else { Err("somebody else was faster".to_owned()) }
    }
}

/// Queue of reviews on their way.
pub(super) type Reviews = VecDeque<Pending>;

fn view(
    directory: &super::directory::Directory,
    row: &ReviewRow,
    person: bodywire_proto::access::Person,
) -> ReviewView {
    let story = row.story.as_deref().and_then(|story| serde_json::from_str::<Value>(story).ok());
    let place = directory.beds.get(&Bed(row.hub.0));
    ReviewView {
        id: row.review,
        bed: row.hub.0,
        label: place.map_or_else(|| row.hub.0.to_string(), |place| place.label.clone()),
        who: directory.name(row.person),
        opened_ms: row.opened_ms,
        closed_ms: row.closed_ms,
        state: state_name(row.state),
        own: row.person == person,
        review: row.reviewed.map(|(who, at_ms)| {
            json!({ "who": directory.name(who), "at_ms": at_ms, "note": row.note.clone().unwrap_or_default() })
        }),
        story: story.filter(Value::is_object).unwrap_or_else(|| json!({})),
    }
}

const fn state_name(state: ReviewState) -> &'static str {
    match state {
        ReviewState::Open => "open",
        ReviewState::Waiting => "waiting",
        ReviewState::Accepted => "accepted",
        ReviewState::Questioned => "questioned",
    }
}
