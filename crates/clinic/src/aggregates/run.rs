//! A query from its policy to its answer.

use super::WardKeys;
use super::answer::{Answer, OnRecord, Outcome, Rechecked, Seen};
use super::evaluate::{Evaluated, Evaluation};
use super::policy::{Answers, Policy, Refusal, Subject, Term};
use super::query::{Function, Query, TREND_WINDOWS_MAX, VECTORS_MAX};
use crate::Error;
use crate::archive::Archive;
use crate::evaluators::Evaluators;
use bodywire_aggregate::vector::VECTOR_BYTES;
use bodywire_aggregate::{Totals, Vector, Vital};
use bodywire_ledger::EntryKind;
use bodywire_proto::RiskClass;
use bodywire_proto::observation::Signal;
use bodywire_proto::wire::HubId;
use bodywire_store::{SensorRow, Store, VectorRow};
use data_encoding::HEXLOWER;
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc};

/// Bytes of the encrypted result that are shown.
const SHOWN_BYTES: usize = 64;
/// How long the end of a query waits for its reader, as patient as a browser in the background needs.
const READER_PATIENCE: Duration = Duration::from_secs(30);

/// The aggregates of one clinic. Clones share everything.
#[derive(Clone)]
pub struct Aggregates {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    /// The clinic's own; it ends with that, and whoever opens the ledger next must not find it taken by a query.
    archive: Weak<Mutex<Archive>>,
    pub(super) ward: Arc<WardKeys>,
    pub(super) evaluators: Option<Evaluators>,
    /// The ledger's name at replicas.
    pub(super) log: String,
    pub(super) store: Store,
    pub(super) hubs: Vec<HubId>,
    pub(super) policy: Policy,
    counters: Arc<crate::Counters>,
    answers: std::sync::Mutex<Answers>,
    pub(super) clock: fn() -> u64,
}

/// The vectors of a window: when it begins, how long it is, and what the index says of them.
type Part = (u64, u32, Vec<VectorRow>);

/// What a query adds up.
struct Chosen {
    rows: Vec<VectorRow>,
    terms: Vec<Term>,
    windows: BTreeSet<(u64, u32)>,
    /// The sums that are made: one, or those of a trend.
    parts: Vec<Part>,
}

/// What is told of a query under way.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Update {
    /// So many vectors of so many are added.
    Progress {
        /// Added.
        done: usize,
        /// Of so many.
        of: usize,
    },
    /// The end: the answer.
    Answer(Box<Answer>),
    /// The end: there is none.
    Refusal {
        /// A word for programs.
        code: &'static str,
        /// A sentence for people.
        error: String,
    },
}

/// What an [`Aggregates`] is made of.
pub struct Parts {
    /// The ledger that the vectors lie in; it tags with the same keys ([`Archive::tag_with`]).
    pub archive: Arc<Mutex<Archive>>,
    /// The ward's keys.
    pub ward: Arc<WardKeys>,
    /// Who adds; without any the clinic adds itself.
    pub evaluators: Option<Evaluators>,
    /// The ledger's name at replicas: SHA-256 of its origin, in hexadecimal.
    pub log: String,
    /// The index.
    pub store: Store,
    /// The hubs whose vectors are added.
    pub hubs: Vec<HubId>,
    /// Which sums may be read.
    pub policy: Policy,
    /// Says how many entries a quorum of replicas has ([`crate::Counters::mirrored`]).
    pub counters: Arc<crate::Counters>,
    /// Milliseconds since 1970.
    pub clock: fn() -> u64,
}

impl Inner {
    /// The ledger, for a moment.
    pub(super) async fn archive(&self) -> Result<OwnedMutexGuard<Archive>, Refusal> {
        Ok(self.archive.upgrade().ok_or(Refusal::Ended)?.lock_owned().await)
    }

    async fn note(&self, kind: EntryKind, text: &[u8]) -> Result<u64, Refusal> {
        Ok(self.archive().await?.note(kind, text, (self.clock)()).await?)
    }
}

impl Aggregates {
    /// The aggregates over a ledger.
    pub fn new(parts: Parts) -> Self {
        let Parts { archive, ward, evaluators, log, store, hubs, policy, counters, clock } = parts;
        let answers = std::sync::Mutex::default();
        let archive = Arc::downgrade(&archive);
        let inner = Inner { archive, ward, evaluators, log, store, hubs, policy, counters, answers, clock };
        Self { inner: Arc::new(inner) }
    }

    /// Answers a query of `person`, telling how it goes on; the last update is the end. Whoever does not listen any more ends it.
    pub async fn ask(&self, person: &str, query: Query, updates: mpsc::Sender<Update>) {
        let end = match self.answer(person, &query, &updates).await {
            Ok(answer) => Update::Answer(Box::new(answer)),
            Err(refusal) => {
                tracing::warn!(code = refusal.code(), "an aggregate query was refused");
                let text = self.text(person, &query, &[("refused", json!(refusal.code()))]);
                let noted = self.inner.note(EntryKind::Refusal, &text).await;
                if let Err(error) = noted {
                    tracing::error!(%error, "a refusal could not be put on record");
                }
                Update::Refusal { code: refusal.code(), error: refusal.to_string() }
            }
        };
        // Nobody may be listening any more, or read on: that must not keep the place of others.
        let _ = updates.send_timeout(end, READER_PATIENCE).await;
    }

    async fn answer(
        &self,
        person: &str,
        query: &Query,
        updates: &mpsc::Sender<Update>,
    ) -> Result<Answer, Refusal> {
        let inner = &*self.inner;
        let rows = self.rows(query).await?;
        let terms: Vec<Term> = rows.iter().map(|row| term(query, row)).collect();
        let windows: BTreeSet<(u64, u32)> = rows.iter().map(|row| (row.start_ms, row.length_ms)).collect();
        let parts = match query.function {
            Function::Trend => by_window(&rows, &windows)?,
            _ => vec![(0, 0, rows.clone())],
        };
        let sums = parts.iter().map(|(_, _, rows)| rows.iter().map(|row| term(query, row)).collect());
        let (sums, now_ms) = (sums.collect(), (inner.clock)());
        // Long queries are compared with many others.
        let allow = || self.answers(|answers| answers.allow(inner.policy, now_ms, query.vital, sums));
        let allowed = tokio::task::block_in_place(allow)?;
        let chosen = Chosen { rows, terms, windows, parts };
        let answer = self.work_out(person, query, updates, chosen).await;
        self.answers(|answers| answers.ended(allowed, answer.is_ok()));
        answer
    }

    /// The answer to a query that is allowed.
    async fn work_out(
        &self,
        person: &str,
        query: &Query,
        updates: &mpsc::Sender<Update>,
        chosen: Chosen,
    ) -> Result<Answer, Refusal> {
        let (inner, Chosen { rows, terms, windows, parts }) = (&*self.inner, chosen);
        let asked = [("vectors", json!(terms.len())), ("inputs", json!(digest(&terms)))];
        let text = self.text(person, query, &asked);
        let query_entry = inner.note(EntryKind::AggregateQuery, &text).await?;
        let sizes: Vec<usize> = parts.iter().map(|(_, _, rows)| rows.len()).collect();
        let (mut evaluation, begun) = (Evaluation::new(inner, updates, &sizes), Instant::now());
        let mut sums = Vec::with_capacity(parts.len());
        for (start_ms, length_ms, rows) in parts {
            sums.push((start_ms, length_ms, evaluation.sum(query, &rows).await?));
        }
        let Evaluated { replicas, rechecked } = evaluation.end();
        self.still_there(query, &terms).await?;
        let (evaluated, opening) = (begun.elapsed(), Instant::now());
        let first = sums
            .first()
            .and_then(|(_, _, vectors)| vectors.first())
            .map(Vector::to_bytes)
            .unwrap_or_default();
        let mut opened = Vec::with_capacity(sums.len());
        for (start_ms, length_ms, vectors) in sums {
            opened.push((start_ms, length_ms, self.open(query, &vectors)?));
        }
        let decrypted = opening.elapsed();
        let mut totals = Totals::default();
        opened.iter().for_each(|(_, _, part)| totals.add(part));
        let result = match query.function {
            Function::Trend => Outcome::trend(query, &opened),
            _ => Outcome::of(query, &totals),
        };
        let sha256 = bodywire_ledger::Hash::of(&first).to_string();
        let learnt = [("query", json!(query_entry)), ("encrypted", json!(sha256)), ("result", json!(result))];
        let text = self.text(person, query, &learnt);
        let result_entry = inner.note(EntryKind::AggregateResult, &text).await?;
        let coefficients = first.get(bodywire_aggregate::vector::HEADER_BYTES..).unwrap_or_default();
        Ok(Answer {
            function: query.function.name(),
            signal: query.vital.name(),
            unit: query.vital.unit(),
            from_ms: windows.iter().map(|(start, _)| *start).min().unwrap_or(query.from_ms),
            to_ms: rows.iter().map(end_ms).max().unwrap_or(query.to_ms),
            windows: windows.len(),
            patients: terms.iter().map(|term| term.subject).collect::<BTreeSet<_>>().len(),
            vectors: rows.len(),
            readings: totals.bins.iter().sum(),
            outside: totals.outside,
            simulated: rows.iter().any(|row| row.simulated),
            result,
            replicas,
            seen: Seen {
                vectors: rows.len(),
                bytes: (rows.len() * VECTOR_BYTES) as u64,
                sha256,
                ciphertext: HEXLOWER.encode(coefficients.get(..SHOWN_BYTES).unwrap_or(coefficients)),
            },
            rechecked: Rechecked { vectors: rechecked },
            audit: OnRecord { query: query_entry, result: result_entry },
            evaluate_ms: evaluated.as_millis() as u64,
            decrypt_ms: decrypted.as_millis() as u64,
        })
    }

    /// Hubs with a sensor of this vital sign that they may read, revoked ones among them: they have measured, too.
    async fn measuring(&self, vital: Vital) -> Result<HashSet<HubId>, Refusal> {
        let signal = match vital {
            Vital::HeartRate => Signal::Ecg,
            Vital::SpO2 => Signal::SpO2,
            Vital::Respiration => Signal::Respiration,
            Vital::Temperature => Signal::Temperature,
        };
        let sensors = self.inner.store.sensors().await.map_err(Error::from)?;
        let measures = |row: &SensorRow| row.kind == signal && row.class != RiskClass::III;
        Ok(sensors.iter().filter(|row| measures(row)).map(|row| row.hub).collect())
    }

    /// The vectors of a query, in the order of the ledger: those of beds that measure what is asked for, and those that replicas have, where there are replicas.
    async fn rows(&self, query: &Query) -> Result<Vec<VectorRow>, Refusal> {
        let inner = &self.inner;
        let mut rows =
            inner.store.vectors(&inner.hubs, query.from_ms, query.to_ms).await.map_err(Error::from)?;
        // A vector is made of all that a bed measures; those of beds that do not measure this would make a cohort look larger.
        let measuring = self.measuring(query.vital).await?;
        rows.retain(|row| measuring.contains(&row.hub));
        if inner.evaluators.is_some() {
            let mirrored = inner.counters.mirrored.load(Ordering::Relaxed);
            rows.retain(|row| row.ledger_index < mirrored);
        }
        let (found, limit) = (rows.len(), VECTORS_MAX);
        if found > limit {
            return Err(Refusal::TooMany { what: "vectors", found, limit });
        }
        Ok(rows)
    }

    /// Looks at the index once more, before anything is opened: replicas may have added what was erased meanwhile.
    async fn still_there(&self, query: &Query, terms: &[Term]) -> Result<(), Refusal> {
        let inner = &self.inner;
        let rows = inner.store.vectors(&inner.hubs, query.from_ms, query.to_ms).await.map_err(Error::from)?;
        let now: HashSet<u64> = rows.iter().map(|row| row.ledger_index).collect();
        if terms.iter().all(|term| now.contains(&term.index)) { Ok(()) } else { Err(Refusal::Erased) }
    }

    fn open(&self, query: &Query, vectors: &[Vector]) -> Result<Totals, Refusal> {
        let ward = &self.inner.ward;
        let mut totals = Totals::default();
        for vector in vectors {
            let places = ward.secret.open(vector, ward.public.id())?;
            totals.add(&Totals::of(query.vital, &places)?);
        }
        Ok(totals)
    }

    pub(super) fn answers<T>(&self, with: impl FnOnce(&mut Answers) -> T) -> T {
        with(&mut self.inner.answers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The text of a record.
    fn text(&self, person: &str, query: &Query, more: &[(&str, serde_json::Value)]) -> Vec<u8> {
        let mut text = json!({
            "by": person,
            "function": query.function.name(),
            "signal": query.vital.name(),
            "from_ms": query.from_ms,
            "to_ms": query.to_ms,
        });
        if let Function::Count { above, below } = query.function {
            (text["above"], text["below"]) = (json!(above), json!(below));
        }
        if !query.weights.is_empty() {
            text["weights"] =
                json!(query.weights.iter().map(|(hub, weight)| (hub.0, weight)).collect::<Vec<_>>());
        }
        for (name, value) in more {
            text[*name] = value.clone();
        }
        text.to_string().into_bytes()
    }
}

pub(super) fn end_ms(row: &VectorRow) -> u64 {
    row.start_ms.saturating_add(u64::from(row.length_ms))
}

fn term(query: &Query, row: &VectorRow) -> Term {
    let subject = row.patient.map_or(Subject::Bed(row.hub), Subject::Patient);
    Term { index: row.ledger_index, weight: query.weight(row.hub), subject }
}

/// The name of a set of inputs, for the record.
fn digest(terms: &[Term]) -> String {
    let bytes: Vec<u8> = terms
        .iter()
        .flat_map(|term| term.index.to_be_bytes().into_iter().chain(term.weight.to_be_bytes()))
        .collect();
    bodywire_ledger::Hash::of(&bytes).to_string()
}

/// A part for each window: a trend shows them one by one, so that each must be large enough.
fn by_window(rows: &[VectorRow], windows: &BTreeSet<(u64, u32)>) -> Result<Vec<Part>, Refusal> {
    let (found, limit) = (windows.len(), TREND_WINDOWS_MAX);
    if found > limit {
        return Err(Refusal::TooMany { what: "windows", found, limit });
    }
    let of_window = |(start_ms, length_ms): &(u64, u32)| {
        let of = |row: &&VectorRow| (row.start_ms, row.length_ms) == (*start_ms, *length_ms);
        (*start_ms, *length_ms, rows.iter().filter(of).copied().collect::<Vec<_>>())
    };
    Ok(windows.iter().map(of_window).collect())
}
