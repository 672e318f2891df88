//! A request for access: facts are gathered, `decide` decides, the decision goes on record, and then it takes effect.

use super::act::Act;
use super::credential::{CODE_ATTEMPTS_MAX, Coded, Credential};
use super::directory::role_name;
use super::figures::Figures;
use super::held::{AccessView, GRANTS_MAX, Held, Waiting, purpose_name};
use super::record::{Recorded, Unrecorded};
use super::released::Release;
use super::step::{StepView, steps, withheld_text};
use super::{Gate, State, hex};
use crate::asks::SensorAsk;
use bodywire_ledger::EntryKind;
use bodywire_proto::access::facts::{Place, Shown};
use bodywire_proto::access::grant::DecisionRecord;
use bodywire_proto::access::request::{Challenge, REQUEST_BYTES};
use bodywire_proto::access::verify::{digest, signed_by};
use bodywire_proto::access::{Bed, Condition, Decision, Facts, Purpose, Reason, Request, Revocation, decide};
use bodywire_proto::ask::PATIENCE;
use bodywire_proto::ask::name_of;
use bodywire_proto::consent::{Granted, Scope};
use bodywire_proto::risk::RiskClass;
use bodywire_proto::wire::{HubId, SensorId};
use std::collections::BTreeSet;

/// Characters of a reason in words: less says nothing, more is not read.
const STATEMENT_CHARS: std::ops::RangeInclusive<usize> = 5..=200;

/// Refusals of one certificate that are put on record in a minute: a ward of 32 beds asked for twice. Without an end a page in a loop
/// would fill the ledger.
pub const REFUSALS_PER_MINUTE: usize = 64;
/// Refusals that are remembered for it, of all certificates.
const REFUSALS_MAX: usize = 4_096;

/// An answer that was given in time may still be in the hub's spool, milliseconds.
const ANSWER_ON_ITS_WAY_MS: u64 = 5_000;

/// What somebody asks.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The signed request, 143 bytes.
    pub request: Vec<u8>,
    /// The reason in words, whose hash is in the request.
    pub statement: Option<String>,
    /// The person's code, for break-glass.
    pub code: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The decision.
    pub decision: Decision,
    /// What was granted.
    pub access: Option<AccessView>,
    /// How it was come to.
    pub steps: Vec<StepView>,
    /// Where it is on record.
    pub recorded: Recorded,
}

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum NotAsked {
    /// The bytes are no request, or do not fit what was sent with them.
    #[error("{0}")]
    Malformed(String),
    /// The code is wrong.
    #[error("the code is wrong; it was printed with your one-time link")]
    WrongCode,
    /// Too many wrong codes.
    #[error("{CODE_ATTEMPTS_MAX} wrong codes; wait a minute, or have somebody else break the glass")]
    CodeLocked,
    /// One certificate is refused again and again.
    #[error("refused {REFUSALS_PER_MINUTE} times in a minute; wait, and ask for what you may see")]
    TooOften,
    /// Nobody else fits in.
    #[error("{GRANTS_MAX} grants are in force; close some")]
    Full,
    /// Without a record nothing is decided.
    #[error(transparent)]
    Unrecorded(#[from] Unrecorded),
}

/// Facts, and how they are called in words.
pub(super) struct Seen<'a> {
    pub(super) facts: Facts<'a>,
    pub(super) who: String,
}

impl Gate {
    /// Decides a request, puts the decision on record, and lets it take effect.
    ///
    /// # Errors
    /// When nothing was decided; a refusal is an answer.
    pub async fn ask(&self, credential: Option<&Credential>, asked: &Asked) -> Result<Answer, NotAsked> {
        let bytes: &[u8; REQUEST_BYTES] = asked.request.as_slice().try_into().map_err(|_| {
            NotAsked::Malformed(format!("a request has {REQUEST_BYTES} bytes, see docs/access.md"))
        })?;
        let request = Request::parse(bytes).map_err(|error| NotAsked::Malformed(error.to_string()))?;
        check_statement(&request, asked.statement.as_deref())?;
        if request.purpose == Purpose::BreakGlass {
            match self.code(credential, asked.code.clone()).await {
                Coded::Right => {}
                Coded::Wrong => return Err(NotAsked::WrongCode),
                Coded::Locked => return Err(NotAsked::CodeLocked),
            }
        }
        let (decision, act, steps, held) = {
            let mut state = self.state();
            if state.held.len() >= GRANTS_MAX {
                return Err(NotAsked::Full);
            }
            let now = self.now_ms();
            let serial = credential.map_or(0, |credential| credential.certificate.serial);
            let since = now.saturating_sub(60_000);
            state.refusals.retain(|(_, at_ms)| *at_ms >= since);
            let refused = state.refusals.iter().filter(|(of, _)| *of == serial).count();
            // An emergency is decided in any case: what it is given is no refusal.
            if refused >= REFUSALS_PER_MINUTE && !request.purpose.is_emergency() {
                return Err(NotAsked::TooOften);
            }
            let challenge = credential.map_or(Challenge::Unknown, |credential| {
                state.challenges.take(&request.challenge, credential.certificate.serial, now)
            });
            self.decide(&mut state, credential, &request, challenge, name_of(bytes))
        };
        let figures = &self.inner.figures;
        Figures::add(match decision {
            Decision::Refuse { .. } => &figures.refused,
            Decision::Override { .. } => &figures.overrides,
            Decision::Grant(_) | Decision::AskSensor { .. } => &figures.granted,
        });
        if matches!(decision, Decision::Refuse { .. }) {
            let serial = credential.map_or(0, |credential| credential.certificate.serial);
            let mut state = self.state();
            if state.refusals.len() >= REFUSALS_MAX {
                state.refusals.pop_front();
            }
            let now = self.now_ms();
            state.refusals.push_back((serial, now));
        }
        let kind = match decision {
            Decision::Grant(_) | Decision::AskSensor { .. } => EntryKind::Grant,
            Decision::Refuse { .. } => EntryKind::Refusal,
            Decision::Override { .. } => EntryKind::OverrideStart,
        };
        let urgent = request.purpose.is_emergency() && decision.terms().is_some();
        let recorded = self.inner.recorder.record(kind, &act, urgent).await?;
        let Some(held) = held else { return Ok(Answer { decision, access: None, steps, recorded }) };
        let held = Held { entry: recorded.entry, ..held };
        let access = Some(held.view(&self.state().directory));
        let waiting = held.waiting.clone();
        {
            let mut state = self.state();
            if let Some(credential) = credential.filter(|_| waiting.is_some()) {
                state.credentials.insert(held.serial, credential.clone());
            }
            state.held.push(held.clone());
        }
        // After it is held: a screen that is told looks up what is open.
        if held.overrides {
            self.glass_broken(&held, &act, asked.statement.as_deref().unwrap_or_default());
        }
        self.turned();
        if let Some((waiting, credential)) = waiting.zip(credential) {
            self.ask_sensor(&waiting, request.bed, credential, *bytes);
        }
        Ok(Answer { decision, access, steps, recorded })
    }

    async fn code(&self, credential: Option<&Credential>, given: Option<String>) -> Coded {
        let Some((credential, check)) = credential.and_then(|c| Some((c, c.code.clone()?))) else {
            // No code was given out with this certificate, or there is none: what remains is decided by the rest.
            return Coded::Right;
        };
        let (person, now) = (credential.certificate.person, self.now_ms());
        {
            let mut state = self.state();
            if state.attempts.locked(person, now) {
                return Coded::Locked;
            }
            // Counted before it is looked at: many at once must not be many guesses.
            state.attempts.note(person, false, now);
        }
        // The check is slow on purpose.
        let checked = tokio::task::spawn_blocking(move || given.is_some_and(|given| check(&given))).await;
        let right = checked.unwrap_or(false);
        if right {
            self.state().attempts.note(person, true, now);
        }
        if right { Coded::Right } else { Coded::Wrong }
    }

    fn decide(
        &self,
        state: &mut State,
        credential: Option<&Credential>,
        request: &Request,
        challenge: Challenge,
        asked: [u8; 16],
    ) -> (Decision, Act, Vec<StepView>, Option<Held>) {
        let now_ms = self.now_ms();
        let certificate = credential.map(|credential| &credential.certificate);
        let shown = certificate.map_or(Shown::Nothing, |certificate| {
            let issuer = self.inner.issuers.iter().find(|issuer| issuer.issuer() == certificate.issuer);
            issuer.map_or(Shown::UnknownIssuer(certificate), |issuer| issuer.shown(certificate))
        });
        let place = state.directory.beds.get(&request.bed);
        let board = self.inner.board.at_known(request.bed.0);
        let relation = certificate.map_or(bodywire_proto::access::Relation::None, |certificate| {
            state.directory.relation(certificate.person, request.bed)
        });
        let patient = place.and_then(|place| place.patient);
        let facts = Facts {
            now_ms,
            request,
            certificate: shown,
            request_signed: certificate.is_some_and(|certificate| signed_by(request, certificate)),
            challenge,
            revocation: certificate
                .map_or(Revocation::Missing, |certificate| state.lists.about(certificate, now_ms)),
            place: Place {
                // A bed that is not there is never the one that was asked for, whatever its number.
                bed: if place.is_some() { request.bed } else { Bed(!request.bed.0) },
                patient,
                sensor_class: request.sensor.and_then(|sensor| Some(place?.sensors.get(&sensor)?.class)),
            },
            relation,
            // Asking must not put a bed onto the board.
            condition: board.as_ref().map_or(Condition::Undetermined, |board| board.condition(now_ms)),
            consent: state.released.consent(request.bed, request.sensor, asked, now_ms),
            policy: state.directory.policy(patient),
        };
        let decision = decide(&facts);
        let who =
            certificate.map_or_else(String::new, |certificate| state.directory.name(certificate.person));
        let seen = Seen { facts, who };
        let steps = steps(&seen, decision);
        let evidence = self.evidence(credential, &seen.facts);
        let act = act(&seen, decision, evidence);
        let held = certificate.zip(decision.terms()).map(|(certificate, terms)| {
            state.last_id += 1;
            let asks = matches!(decision, Decision::AskSensor { .. });
            let sensor = request.sensor.filter(|_| request.class == RiskClass::III);
            Held {
                id: state.last_id,
                serial: certificate.serial,
                person: certificate.person,
                role: certificate.role,
                bed: request.bed,
                patient,
                terms,
                sensor: sensor.filter(|_| terms.highest == RiskClass::III),
                purpose: request.purpose,
                from_ms: now_ms,
                overrides: matches!(decision, Decision::Override { .. }),
                withheld: match decision {
                    Decision::Override { withheld, .. } => withheld.map(withheld_text),
                    _ => None,
                },
                waiting: sensor.filter(|_| asks).map(|sensor| Waiting {
                    sensor,
                    request: *request,
                    asked,
                    until_ms: terms.until_ms,
                }),
                asked: None,
                entry: None,
                read: BTreeSet::new(),
            }
        });
        (decision, act, steps, held)
    }

    /// SHA-256 of what the decision was made from.
    fn evidence(&self, credential: Option<&Credential>, facts: &Facts<'_>) -> [u8; 32] {
        let certificate = credential.map(|credential| credential.bytes);
        let request = facts.request.to_bytes().unwrap_or([0; REQUEST_BYTES]);
        let policy = facts.policy.to_bytes().unwrap_or([0; bodywire_proto::access::authority::POLICY_BYTES]);
        let board = self.inner.board.at_known(facts.request.bed.0);
        let alarm = board.map(|board| board.alarm_evidence()).unwrap_or_default();
        digest(&[certificate.as_ref().map_or(&[], |bytes| &bytes[..]), &request, &policy, &alarm])
    }

    fn ask_sensor(&self, waiting: &Waiting, bed: Bed, credential: &Credential, request: [u8; REQUEST_BYTES]) {
        let ask = SensorAsk {
            hub: HubId(bed.0),
            sensor: waiting.sensor,
            certificate: credential.bytes,
            request,
            until_ms: waiting.until_ms,
        };
        let asks = self.inner.asks.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        if asks.is_none_or(|asks| asks.try_send(ask).is_err()) {
            self.declined(bed, waiting.sensor, waiting.asked, "the clinic is starting; ask again");
        }
    }

    /// Sensors that have not answered in time are not waited for any longer.
    pub(super) fn give_up(&self, now_ms: u64) {
        let patience = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX) + ANSWER_ON_ITS_WAY_MS;
        let late: Vec<(Bed, Waiting)> = {
            let state = self.state();
            let late = state.held.iter().filter(|held| now_ms.saturating_sub(held.from_ms) > patience);
            late.filter_map(|held| Some((held.bed, held.waiting.clone()?))).collect()
        };
        for (bed, waiting) in late {
            self.declined(bed, waiting.sensor, waiting.asked, "no answer; it or its hub is away");
        }
    }

    /// A sensor of a bed has released its key. `asked` names the question; nothing: beforehand, for emergencies.
    pub async fn sensor_released(&self, bed: u16, sensor: SensorId, asked: Option<[u8; 16]>, until_ms: u64) {
        if let Err(error) = self.released(Bed(bed), sensor, asked, until_ms).await {
            tracing::error!(%error, "a sensor's consent could not be recorded, and opens nothing");
        }
    }

    async fn released(
        &self,
        bed: Bed,
        sensor: SensorId,
        asked: Option<[u8; 16]>,
        until_ms: u64,
    ) -> Result<(), Unrecorded> {
        Figures::add(&self.inner.figures.consents);
        self.state().released.add(bed, sensor, Release { asked, until_ms });
        let Some(asked) = asked else { return Ok(()) };
        // The request that waits for it is decided again, now with the consent among the facts.
        let again = {
            let mut state = self.state();
            let waits = |held: &&Held| {
                held.bed == bed && held.waiting.as_ref().is_some_and(|waiting| waiting.asked == asked)
            };
            let Some(held) = state.held.iter().find(waits).cloned() else { return Ok(()) };
            let Some(waiting) = held.waiting.clone() else { return Ok(()) };
            let Some(credential) = state.credentials.get(&held.serial).cloned() else { return Ok(()) };
            let decided =
                self.decide(&mut state, Some(&credential), &waiting.request, Challenge::Fresh, asked);
            (held.id, decided)
        };
        let (id, (decision, act, steps, renewed)) = again;
        let kind = if decision.terms().is_some() { EntryKind::Grant } else { EntryKind::Refusal };
        let recorded = self.inner.recorder.record(kind, &act, false).await?;
        {
            let mut state = self.state();
            let Some(held) = state.held.iter_mut().find(|held| held.id == id) else { return Ok(()) };
            held.waiting = None;
            if let (Decision::Grant(terms), Some(renewed)) = (decision, renewed) {
                (held.terms, held.sensor, held.entry) = (terms, renewed.sensor, recorded.entry);
                held.asked = Some(asked);
            }
        }
        for step in steps.into_iter().filter(|step| matches!(step.step, "sensor" | "answer")) {
            self.say(bed, id, &step);
        }
        self.turned();
        Ok(())
    }

    /// Whether a consent was given to a question of this session, or beforehand for the emergency that its grant is for.
    pub(crate) fn answered(
        &self,
        credential: &Credential,
        bed: u16,
        sensor: SensorId,
        granted: &Granted,
    ) -> bool {
        let (state, now) = (self.state(), self.now_ms());
        let own = |held: &&Held| {
            held.serial == credential.certificate.serial
                && held.bed.0 == bed
                && held.sensor == Some(sensor)
                && held.terms.highest == RiskClass::III
                && held.terms.until_ms > now
        };
        state.held.iter().filter(own).any(|held| match granted.scope {
            Scope::Request => held.asked == Some(granted.asked),
            Scope::Emergency => held.purpose.is_emergency(),
        })
    }

    /// A sensor of a bed does not consent, or does not answer.
    pub fn sensor_declined(&self, bed: u16, sensor: SensorId, asked: [u8; 16], why: &str) {
        self.declined(Bed(bed), sensor, asked, why);
    }

    fn declined(&self, bed: Bed, sensor: SensorId, asked: [u8; 16], why: &str) {
        let id = {
            let mut state = self.state();
            let held = state.held.iter_mut().find(|held| {
                held.bed == bed && held.waiting.as_ref().is_some_and(|waiting| waiting.asked == asked)
            });
            let Some(held) = held else { return };
            held.waiting = None;
            held.id
        };
        let text = format!("sensor {}: {why}; class II stays", sensor.0);
        for step in ["sensor", "answer"] {
            self.say(bed, id, &StepView { step, state: super::StepState::Failed, text: text.clone() });
        }
        self.turned();
    }

    fn say(&self, bed: Bed, access: u64, step: &StepView) {
        #[derive(serde::Serialize)]
        struct Said<'a> {
            access: u64,
            #[serde(flatten)]
            step: &'a StepView,
        }
        self.inner.board.at(bed.0).announce("step", access, &Said { access, step });
    }
}

fn act(seen: &Seen<'_>, decision: Decision, evidence: [u8; 32]) -> Act {
    let facts = &seen.facts;
    let record = DecisionRecord::of(facts, decision, evidence);
    let text = match decision {
        Decision::Grant(terms) => format!("granted class {}", terms.highest),
        Decision::AskSensor { meanwhile } => {
            format!("granted class {} while the sensor is asked", meanwhile.highest)
        }
        Decision::Refuse { reason, .. } => format!("refused: {}", reason.text()),
        Decision::Override { terms, .. } => format!("broke the glass: class {}", terms.highest),
    };
    // Nobody's name is put to what nobody has proven.
    let proven = match decision {
        Decision::Refuse { reason, .. } => reason.proves_holder() && reason != Reason::CertificateMissing,
        _ => true,
    };
    let holder = facts.certificate.claimed().filter(|_| proven);
    Act {
        person: holder.map_or_else(String::new, |certificate| hex(certificate.person)),
        who: if proven { seen.who.clone() } else { String::new() },
        role: holder.map_or("", |certificate| role_name(certificate.role)).to_owned(),
        bed: facts.request.bed.0,
        patient: record.patient.map(|patient| patient.0),
        purpose: purpose_name(facts.request.purpose).to_owned(),
        class: decision.terms().map(|terms| terms.highest.to_string()),
        text,
        decision: record.to_bytes().ok().map(|bytes| data_encoding::HEXLOWER.encode(&bytes)),
        grant: None,
        at_ms: facts.now_ms,
        journalled: false,
    }
}

fn check_statement(request: &Request, statement: Option<&str>) -> Result<(), NotAsked> {
    let hash = statement.map(|statement| digest(&[statement.as_bytes()]));
    if hash != request.statement {
        return Err(NotAsked::Malformed(
            "the statement is not the one whose SHA-256 is in the request".to_owned(),
        ));
    }
    let fits = statement.is_none_or(|statement| STATEMENT_CHARS.contains(&statement.chars().count()));
    if fits {
        Ok(())
    } else {
        let (least, most) = STATEMENT_CHARS.into_inner();
        Err(NotAsked::Malformed(format!("the reason has {least} to {most} characters")))
    }
}
