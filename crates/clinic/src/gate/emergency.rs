//! Broken glass: who has it open, what was read, and the queue of those who look at it afterwards.

use super::act::Act;
use super::credential::Credential;
use super::held::Held;
use super::{Gate, State, directory};
use bodywire_ledger::EntryKind;
use bodywire_proto::access::Purpose;
use serde::Serialize;
use serde_json::json;

/// A glass that is broken now, for the banner on every screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenGlass {
    /// The grant.
    pub id: u64,
    /// The bed.
    pub bed: u16,
    /// What stands on the door.
    pub label: String,
    /// Who has broken it.
    pub who: String,
    /// Until when, milliseconds since 1970.
    pub until_ms: u64,
    /// Serial of the certificate, for the session's own.
    #[serde(skip)]
    pub serial: u64,
}

/// What was open, when it is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Closed {
    /// From when, milliseconds since 1970.
    pub from_ms: u64,
    /// Until when.
    pub until_ms: u64,
    /// What was read: signals, trends, strips.
    pub signals: Vec<String>,
    /// For how long, seconds.
    pub seconds: u64,
}

impl Gate {
    /// The glasses that are broken now.
    #[must_use]
    pub fn open_glass(&self) -> Vec<OpenGlass> {
        let now = self.now_ms();
        let state = self.state();
        let open = |held: &&Held| held.overrides && held.terms.until_ms > now;
        state.held.iter().filter(open).map(|held| glass(&state, held)).collect()
    }

    /// Ends a grant of this session before its time; nothing when it has none of this number.
    pub async fn close(&self, credential: &Credential, id: u64) -> Option<Closed> {
        let now = self.now_ms();
        let held = {
            let mut state = self.state();
            let own = |held: &Held| held.id == id && held.serial == credential.certificate.serial;
            let at = state.held.iter().position(own)?;
            state.held.remove(at)
        };
        let closed = self.end(&held, now).await;
        self.turned();
        Some(closed)
    }

    /// The glass is broken: everybody sees it, and it waits for review.
    pub(super) fn glass_broken(&self, held: &Held, act: &Act, statement: &str) {
        let name = self.name(held.person);
        let bed = self.inner.board.at(held.bed.0);
        bed.event(held.from_ms, &format!("Glass broken by {name}"));
        let text = json!({
            "who": name, "role": act.role, "statement": statement, "withheld": held.withheld,
            "condition": crate::board::condition_name(bed.condition(held.from_ms)),
            "evidence": bed.alarm_evidence_view().map(|(evidence, _)| evidence),
        });
        self.open_review(held, text);
        self.announce_glass();
    }

    /// A grant has ended: what was read under it goes on record, if it was an emergency.
    pub(super) async fn end(&self, held: &Held, now_ms: u64) -> Closed {
        let until_ms = held.terms.until_ms.min(now_ms);
        let signals: Vec<String> = held.read.iter().cloned().collect();
        let seconds = until_ms.saturating_sub(held.from_ms) / 1_000;
        let closed = Closed { from_ms: held.from_ms, until_ms, signals, seconds };
        if matches!(held.purpose, Purpose::BreakGlass | Purpose::EmergencyTreatment) {
            let act = {
                let state = self.state();
                let read =
                    if closed.signals.is_empty() { "nothing".to_owned() } else { closed.signals.join(", ") };
                Act {
                    text: format!("ended after {seconds} s; read: {read}"),
                    ..self.act_of(&state, held, now_ms)
                }
            };
            // An end that finds no ledger goes into the journal, as its begin did.
            let recorded = self.inner.recorder.record(EntryKind::OverrideEnd, &act, true).await;
            if let Err(error) = recorded {
                tracing::error!(%error, "the end of an emergency access is not on record");
            }
        }
        if held.overrides {
            let name = self.name(held.person);
            self.inner.board.at(held.bed.0).event(now_ms, &format!("Glass closed: {name}, {seconds} s"));
            self.end_review(held, &closed);
            self.announce_glass();
        }
        closed
    }

    fn announce_glass(&self) {
        self.inner.board.announce_glass(&json!({ "open": self.open_glass() }));
    }
}

fn glass(state: &State, held: &Held) -> OpenGlass {
    let place = state.directory.beds.get(&held.bed);
    OpenGlass {
        id: held.id,
        bed: held.bed.0,
        label: place.map_or_else(String::new, |place| place.label.clone()),
        who: format!("{}, {}", state.directory.name(held.person), directory::role_name(held.role)),
        until_ms: held.terms.until_ms,
        serial: held.serial,
    }
}
