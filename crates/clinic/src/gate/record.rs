//! Puts acts on record: in the ledger, or, when that is away and somebody's life is at stake, in the local journal.

use super::act::Act;
use super::journal::Journal;
use super::place::{Acts, Indexed, LedgerPlace};
use crate::board::{AlarmInput, Board, Priority};
use bodywire_ledger::EntryKind;
use bodywire_store::Store;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long an emergency waits for the ledger: the data must be there within a second of the decision.
pub const RECORD_WITHIN: Duration = Duration::from_millis(400);
/// How long everything else waits for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Name of the alarm that acts are in the journal.
const JOURNALLED: &str = "access.journal";

/// Puts acts where they belong.
pub(super) struct Recorder {
    /// For those who read what is on record.
    ledger: Mutex<Option<LedgerPlace>>,
    acts: Mutex<Option<Arc<dyn Acts>>>,
    journal: Mutex<Journal>,
    board: Board,
}

/// Where an act is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Its entry in the ledger; nothing while it is in the journal.
    pub entry: Option<u64>,
    /// It is in the journal.
    pub journalled: bool,
}

/// It is nowhere.
#[derive(Debug, thiserror::Error)]
#[error(
    "the ledger does not take the record of this access now, and without a record nothing is shown; try again, or break the glass in an emergency"
)]
pub struct Unrecorded;

impl Recorder {
    pub(super) fn new(journal: Journal, board: Board) -> Self {
        let recorder =
            Self { ledger: Mutex::default(), acts: Mutex::default(), journal: Mutex::new(journal), board };
        if recorder.journal().damaged() > 0 {
            recorder.alarm("access.journal.damaged", "ACCESS JOURNAL WAS CHANGED OR TORN", 0);
        }
        recorder
    }

    /// The ledger is there, until whoever has it ends.
    pub(super) fn set_ledger(&self, ledger: LedgerPlace, store: &Store) {
        self.set_acts(Arc::new(Indexed::new(ledger.clone(), store.clone())));
        *self.ledger.lock().unwrap_or_else(PoisonError::into_inner) = Some(ledger);
    }

    /// Acts go there from now on.
    pub(super) fn set_acts(&self, acts: Arc<dyn Acts>) {
        *self.acts.lock().unwrap_or_else(PoisonError::into_inner) = Some(acts);
    }

    pub(super) fn ledger(&self) -> Option<LedgerPlace> {
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ledger.filter(|ledger| ledger.archive.strong_count() > 0)
    }

    /// Records that the ledger has not taken yet.
    pub(super) fn journalled(&self) -> usize {
        self.journal().len()
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an act on record. `urgent`: care must not wait, so that the journal takes what the ledger does not.
    pub(super) async fn record(
        &self,
        kind: EntryKind,
        act: &Act,
        urgent: bool,
    ) -> Result<Recorded, Unrecorded> {
        let patience = if urgent { RECORD_WITHIN } else { PATIENCE };
        match tokio::time::timeout(patience, self.append(kind, act)).await {
            Ok(Some(entry)) => return Ok(Recorded { entry: Some(entry), journalled: false }),
            Ok(None) | Err(_) if !urgent => return Err(Unrecorded),
            Ok(None) | Err(_) => {}
        }
        let act = Act { journalled: true, ..act.clone() };
        let written = self.journal().write(kind, &act.to_bytes());
        if let Err(error) = written {
            // Nothing is left to write to. Care goes on, and everybody sees that it is not on record.
            tracing::error!(%error, "an access in an emergency is neither in the ledger nor in the journal");
            self.alarm("access.unrecorded", "AN EMERGENCY ACCESS COULD NOT BE RECORDED", act.at_ms);
        }
        self.alarm(JOURNALLED, "LEDGER AWAY: ACCESSES ARE IN THE LOCAL JOURNAL", act.at_ms);
        Ok(Recorded { entry: None, journalled: true })
    }

    async fn append(&self, kind: EntryKind, act: &Act) -> Option<u64> {
        let acts = self.acts.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        acts.append(kind, act).await
    }

    /// Brings what is in the journal into the ledger. To be called now and then.
    pub(super) async fn flush(&self, now_ms: u64) {
        let waiting = self.journal().waiting();
        if waiting.is_empty() {
            return;
        }
        let count = waiting.len();
        for (kind, text) in waiting {
            let Some(act) = Act::parse(&text) else { continue };
            match tokio::time::timeout(PATIENCE, self.append(kind, &act)).await {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            }
        }
        let mut journal = self.journal();
        if journal.len() == count {
            match journal.clear() {
                Ok(()) => self.board.end_alarm(JOURNALLED, now_ms),
                Err(error) => tracing::error!(%error, "the journal could not be emptied"),
            }
        }
    }

    fn alarm(&self, condition: &str, text: &str, at_ms: u64) {
        let input = AlarmInput {
            condition: condition.to_owned(),
            // Of the equipment, but it must be seen: the review depends on it.
            priority: Priority::Technical,
            text: text.to_owned(),
            at_ms,
            evidence: None,
            strip: None,
        };
        if let Err(error) = self.board.raise_alarm(input) {
            tracing::error!(%error, "an alarm about the record of accesses cannot be shown");
        }
    }
}
