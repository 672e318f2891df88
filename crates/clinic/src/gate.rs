//! The gate: carries out what `proto::access::decide` says, and nothing else opens a bed.
//!
//! ```text
//! request ── challenge, certificate, list, relation, policy, condition, consent ── decide() ── on record ── grant ── screens
//!                                                                              └─ class III: the sensor is asked, decide() again
//! ```
//!
//! A decision is on record before the first byte goes out. Grants are of one certificate, and end by themselves, when the
//! patient leaves the bed, when the relation ends, and when the certificate is revoked (paper B, Algorithm 3 and section 3.4).

pub mod act;
mod ask;
mod challenge;
pub mod credential;
pub mod directory;
mod emergency;
mod figures;
mod held;
pub mod journal;
mod lists;
pub(crate) mod place;
mod record;
mod released;
mod renew;
mod review;
mod step;

use crate::Error;
use crate::asks::SensorAsk;
use crate::board::Board;
use act::Act;
use bodywire_ledger::EntryKind;
use bodywire_proto::access::facts::Shown;
use bodywire_proto::access::{Bed, IssuerKey, Person, Revocation, Validity};
use bodywire_proto::wire::SensorId;
use bodywire_store::Store;
use challenge::Challenges;
use credential::{Attempts, Credential};
use directory::Directory;
use held::Held;
use journal::Journal;
use lists::Lists;
use record::Recorder;
use released::Released;
use review::Reviews;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, watch};

pub use ask::{Answer, Asked, NotAsked, REFUSALS_PER_MINUTE};
pub use emergency::{Closed, OpenGlass};
pub use figures::Figures;
pub use held::{AccessView, BedRights, GRANTS_MAX, Rights, purpose_name};
pub use place::{Acts, Appending, LedgerPlace};
pub use record::{RECORD_WITHIN, Recorded, Unrecorded};
pub use renew::Doors;
pub use review::{NOTE_CHARS_MAX, REVIEWS_SHOWN, ReviewView};
pub use step::{StepState, StepView};

/// Requests to sensors that wait for the clinic.
pub const ASKS_QUEUE: usize = 64;

/// What a gate is told at start.
pub struct Parts {
    /// The ward's board: what the gate announces goes there.
    pub board: Board,
    /// Keys of the house's issuers.
    pub issuers: Vec<IssuerKey>,
    /// For the time in which the ledger is away.
    pub journal: Journal,
    /// Milliseconds since 1970.
    pub clock: fn() -> u64,
    /// 32 fresh random bytes.
    pub random: fn() -> [u8; 32],
}

/// The gate of one clinic. Clones share state.
#[derive(Clone)]
pub struct Gate {
    inner: Arc<Inner>,
}

struct Inner {
    board: Board,
    issuers: Vec<IssuerKey>,
    state: Mutex<State>,
    recorder: Recorder,
    clock: fn() -> u64,
    random: fn() -> [u8; 32],
    /// Where requests to sensors go, while a clinic takes them.
    asks: Mutex<Option<mpsc::Sender<SensorAsk>>>,
    changed: watch::Sender<u64>,
    figures: Arc<Figures>,
    /// Database for the reviews, when it is there.
    store: Mutex<Option<Store>>,
}

#[derive(Default)]
struct State {
    directory: Directory,
    challenges: Challenges,
    attempts: Attempts,
    /// When each certificate was refused last, for [`REFUSALS_PER_MINUTE`].
    refusals: VecDeque<(u64, u64)>,
    lists: Lists,
    held: Vec<Held>,
    released: Released,
    /// Of those whose question to a sensor is under way, by serial.
    credentials: BTreeMap<u64, Credential>,
    reviews: Reviews,
    /// What the last process left open was closed.
    swept: bool,
    last_id: u64,
}

impl Gate {
    /// A gate that knows nobody yet: all beds are closed.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { board, issuers, journal, clock, random } = parts;
        let recorder = Recorder::new(journal, board.clone());
        Self {
            inner: Arc::new(Inner {
                board,
                issuers,
                state: Mutex::default(),
                recorder,
                clock,
                random,
                asks: Mutex::default(),
                changed: watch::Sender::new(0),
                figures: Arc::default(),
                store: Mutex::default(),
            }),
        }
    }

    /// The ledger and the database are there, until whoever opened them ends.
    pub fn set_ledger(&self, ledger: LedgerPlace, store: &Store) {
        self.inner.recorder.set_ledger(ledger, store);
        *self.inner.store.lock().unwrap_or_else(PoisonError::into_inner) = Some(store.clone());
    }

    /// Acts go there from now on, and nowhere else. What is read from a ledger, such as the audit, is not there: for that it takes
    /// [`Self::set_ledger`].
    pub fn set_acts(&self, acts: Arc<dyn Acts>) {
        self.inner.recorder.set_acts(acts);
    }

    /// From now on requests that only a sensor can answer come here.
    #[must_use]
    pub fn questions(&self) -> mpsc::Receiver<SensorAsk> {
        let (sender, receiver) = mpsc::channel(ASKS_QUEUE);
        *self.inner.asks.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// Takes what the database says now. Grants that do not stand on it any more end.
    pub fn set_directory(&self, directory: Directory) {
        let mut state = self.state();
        if state.directory == directory {
            return;
        }
        let now = self.now_ms();
        for (bed, place) in &directory.beds {
            // At the first look nobody is known to have left.
            let before = state.directory.beds.get(bed).map(|before| before.patient);
            if before.is_some_and(|before| before != place.patient) {
                self.inner.board.at(bed.0).forget_patient(now);
            }
            self.inner.board.at(bed.0).set_patient(&place.label, &place.patient_label);
        }
        state.directory = directory;
        drop(state);
        self.turned();
    }

    /// Takes a revocation list.
    ///
    /// # Errors
    /// In words, when it is none of the house's, or older than the one that is there.
    pub fn set_revocations(&self, bytes: &[u8]) -> Result<(), String> {
        self.state().lists.take(bytes, &self.inner.issuers)?;
        self.turned();
        Ok(())
    }

    /// What a session may see now.
    #[must_use]
    pub fn rights(&self, credential: Option<&Credential>) -> Rights {
        let Some(credential) = credential else { return Rights::default() };
        let clinician = credential.certificate.role.is_clinician() && self.holds(credential);
        let (state, now) = (self.state(), self.now_ms());
        let serial = credential.certificate.serial;
        let mut rights = Rights { clinician, ..Rights::default() };
        state.held.iter().filter(|held| held.serial == serial && held.terms.until_ms > now).for_each(
            |held| {
                rights.add(held);
            },
        );
        rights
    }

    /// What it has done.
    #[must_use]
    pub fn figures(&self) -> Arc<Figures> {
        Arc::clone(&self.inner.figures)
    }

    /// Changes whenever somebody's rights may have.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.inner.changed.subscribe()
    }

    /// The grants of a session.
    #[must_use]
    pub fn grants(&self, credential: &Credential) -> Vec<AccessView> {
        let now = self.now_ms();
        let state = self.state();
        let of = |held: &&Held| held.serial == credential.certificate.serial && held.terms.until_ms > now;
        state.held.iter().filter(of).map(|held| held.view(&state.directory)).collect()
    }

    /// Reads the directory.
    pub fn with_directory<T>(&self, read: impl FnOnce(&Directory) -> T) -> T {
        read(&self.state().directory)
    }

    /// Name of the person of a certificate.
    #[must_use]
    pub fn name(&self, person: Person) -> String {
        self.state().directory.name(person)
    }

    /// A challenge for a session's next request.
    #[must_use]
    pub fn challenge(&self, credential: &Credential) -> [u8; 16] {
        let now = self.now_ms();
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = (self.inner.random)();
        let challenge = [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p];
        self.state().challenges.give(challenge, credential.certificate.serial, now);
        challenge
    }

    /// Something of a bed is about to be shown to a session for the first time under a grant: that is on record before it is.
    /// `what` names it, such as `live` or `trends`. Returns the entry; nothing when it was noted before, or is in the journal.
    ///
    /// # Errors
    /// When it cannot be recorded: then it must not be shown.
    pub async fn note_read(
        &self,
        credential: &Credential,
        bed: u16,
        what: &str,
    ) -> Result<Option<u64>, Unrecorded> {
        let (act, urgent) = {
            let (state, now) = (self.state(), self.now_ms());
            let serial = credential.certificate.serial;
            let held = state
                .held
                .iter()
                .filter(|held| held.serial == serial && held.bed.0 == bed && held.terms.until_ms > now)
                .max_by_key(|held| (held.terms.highest, held.terms.until_ms));
            let Some(held) = held else { return Err(Unrecorded) };
            if held.read.contains(what) {
                return Ok(None);
            }
            let act = Act {
                class: Some(held.terms.highest.to_string()),
                text: format!("read {what}"),
                grant: held.entry,
                ..self.act_of(&state, held, now)
            };
            (act, held.purpose.is_emergency())
        };
        let recorded = self.inner.recorder.record(EntryKind::Read, &act, urgent).await?;
        let (mut state, now) = (self.state(), self.now_ms());
        let serial = credential.certificate.serial;
        for held in state.held.iter_mut().filter(|held| held.serial == serial && held.bed.0 == bed) {
            if held.terms.until_ms > now {
                held.read.insert(what.to_owned());
            }
        }
        Ok(recorded.entry)
    }

    /// Puts something that a person did on record: a changed limit, a review.
    ///
    /// # Errors
    /// When it cannot be recorded: then it must not be done.
    pub async fn note_act(
        &self,
        credential: &Credential,
        kind: EntryKind,
        bed: u16,
        text: String,
    ) -> Result<Recorded, Unrecorded> {
        let act = {
            let state = self.state();
            let certificate = &credential.certificate;
            Act {
                person: hex(certificate.person),
                who: state.directory.name(certificate.person),
                role: directory::role_name(certificate.role).to_owned(),
                bed,
                patient: state.directory.beds.get(&Bed(bed)).and_then(|bed| bed.patient).map(|p| p.0),
                purpose: String::new(),
                class: None,
                text,
                decision: None,
                grant: None,
                at_ms: self.now_ms(),
                journalled: false,
            }
        };
        self.inner.recorder.record(kind, &act, false).await
    }

    fn act_of(&self, state: &State, held: &Held, at_ms: u64) -> Act {
        Act {
            person: hex(held.person),
            who: state.directory.name(held.person),
            role: directory::role_name(held.role).to_owned(),
            bed: held.bed.0,
            patient: held.patient.map(|patient| patient.0),
            purpose: purpose_name(held.purpose).to_owned(),
            class: Some(held.terms.highest.to_string()),
            text: String::new(),
            decision: None,
            grant: held.entry,
            at_ms,
            journalled: false,
        }
    }

    /// Ends what has run out or does not stand any more, and brings the journal into the ledger. Runs until `stop` turns true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(250));
        while !*stop.borrow() {
            tokio::select! {
                _ = tick.tick() => self.tick().await,
                _ = stop.changed() => {}
            }
        }
    }

    /// One look at the clock; see [`Self::run`].
    pub async fn tick(&self) {
        let now = self.now_ms();
        let ended: Vec<Held> = {
            let mut state = self.state();
            let State { held, directory, lists, credentials, .. } = &mut *state;
            let over = |held: &mut Held| {
                held.terms.until_ms <= now || !held.stands(directory) || lists.revokes(held)
            };
            let ended = held.extract_if(.., over).collect();
            let waits =
                |serial: &u64| held.iter().any(|held| held.serial == *serial && held.waiting.is_some());
            credentials.retain(|serial, _| waits(serial));
            ended
        };
        self.give_up(now);
        self.count();
        for held in &ended {
            self.end(held, now).await;
        }
        if !ended.is_empty() {
            self.turned();
        }
        self.inner.recorder.flush(now).await;
        self.keep_reviews().await;
        // Once, when ledger and database are there.
        if self.ledger().is_some() && !self.state().swept {
            let swept = self.close_left_open().await;
            self.state().swept = swept;
        }
    }

    fn count(&self) {
        let (figures, state) = (&self.inner.figures, self.state());
        Figures::set(&figures.grants, state.held.len());
        Figures::set(&figures.open, state.held.iter().filter(|held| held.overrides).count());
        Figures::set(&figures.journal, self.inner.recorder.journalled());
    }

    fn turned(&self) {
        self.inner.changed.send_modify(|version| *version = version.wrapping_add(1));
    }

    fn now_ms(&self) -> u64 {
        (self.inner.clock)()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a certificate is genuine, in its time and, as far as is known, not revoked.
    #[must_use]
    pub fn holds(&self, credential: &Credential) -> bool {
        let (certificate, now) = (&credential.certificate, self.now_ms());
        let issuer = self.inner.issuers.iter().find(|issuer| issuer.issuer() == certificate.issuer);
        issuer.is_some_and(|issuer| matches!(issuer.shown(certificate), Shown::Verified(_)))
            && certificate.validity(now) == Validity::Valid
            && self.state().lists.about(certificate, now) != Revocation::Revoked
    }

    /// What a class III sensor has released: `none`, `asked`, `given` or `emergency`.
    #[must_use]
    pub fn consent_name(&self, bed: Bed, sensor: SensorId) -> &'static str {
        let (state, now) = (self.state(), self.now_ms());
        let asked = |held: &Held| {
            held.bed == bed && held.waiting.as_ref().is_some_and(|waiting| waiting.sensor == sensor)
        };
        match state.released.scopes(bed, sensor, now) {
            (true, _) => "given",
            _ if state.held.iter().any(asked) => "asked",
            (false, true) => "emergency",
            (false, false) => "none",
        }
    }

    /// The ledger, while there is one.
    pub(crate) fn ledger(&self) -> Option<LedgerPlace> {
        self.inner.recorder.ledger()
    }

    /// The database, while there is one.
    pub(crate) fn database(&self) -> Option<Store> {
        self.inner.store.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A person in hexadecimal digits.
#[must_use]
pub fn hex(person: Person) -> String {
    data_encoding::HEXLOWER.encode(&person.0)
}

impl From<Unrecorded> for Error {
    fn from(error: Unrecorded) -> Self {
        Self::Unrecorded(error)
    }
}
