//! Which sums may be read: those over enough patients, that do not differ from an earlier one by a few patients, and not more
//! than a number a day.
//!
//! The differences are those of two queries ([`super::difference`]). Three or more can be combined in ways that no two of them
//! show; the budget bounds how many there are. What an analyst learns is exact, so that this is a rule of the house and not differential privacy.

use super::difference::remaining;
use bodywire_aggregate::Vital;
use bodywire_proto::wire::HubId;
use bodywire_store::PatientId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Answered queries that a new one is compared with. The budget cannot be larger: what is not remembered cannot be compared.
pub const DIFFERENCES_MAX: usize = 512;
/// For how long an answered query counts.
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// The rules of the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Fewest patients of a sum, and fewest by which two sums may differ.
    pub cohort_min: usize,
    /// Different queries a day, over all analysts; at most [`DIFFERENCES_MAX`].
    pub queries_per_day: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self { cohort_min: 5, queries_per_day: 200 }
    }
}

/// Somebody whose readings are in a vector: the patient, or the bed while nobody is admitted there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Subject {
    Patient(PatientId),
    Bed(HubId),
}

/// A vector of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) index: u64,
    pub(crate) weight: u32,
    pub(crate) subject: Subject,
}

/// Why a query is not answered.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is nothing to add up.
    #[error(
        "there are no vectors of whole windows in this time: choose a longer time, or wait for the end of a window"
    )]
    Nothing,
    /// Too few patients.
    #[error("{patients} patients are too few: a sum here needs {least}; choose a longer time or more beds")]
    Cohort {
        /// How many there are.
        patients: usize,
        /// How many are needed.
        least: usize,
    },
    /// Too few patients with one weight, whom the weight would set apart.
    #[error("{patients} patients with a weight of their own are too few: give a weight to {least} at least")]
    Group {
        /// How many there are.
        patients: usize,
        /// How many are needed.
        least: usize,
    },
    /// It differs too little from an earlier query: the difference of the two would be that of a few patients.
    #[error(
        "it differs from an earlier query by the readings of fewer than {least} patients: ask the earlier one again, or wait a day"
    )]
    Difference {
        /// By how many they must differ.
        least: usize,
    },
    /// The budget is used up.
    #[error(
        "{per_day} different queries were answered within a day, which is the limit here: ask an earlier one again, or wait"
    )]
    Budget {
        /// The limit.
        per_day: usize,
    },
    /// Too much at once.
    #[error("{found} {what} are too many for one query: at most {limit}; choose a shorter time")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// Not enough replicas have answered.
    #[error("{agreed} replicas have answered, and {least} are needed: see `bodywire doctor`, and ask again")]
    Replicas {
        /// How many gave the right sum.
        agreed: usize,
        /// How many are needed.
        least: usize,
    },
    /// What came is no sum of what was asked for, or cannot be opened.
    #[error("no replica gave the sum that was asked for; nothing was opened: see the log of the clinic")]
    Authentic,
    /// A weighted sum that could wrap or drown in noise.
    #[error("{0}; choose smaller weights")]
    Bounds(bodywire_aggregate::Error),
    /// A patient was erased while it was worked out.
    #[error("a patient was erased meanwhile, and nothing was opened: ask again, and the sum is without them")]
    Erased,
    /// The clinic begins anew, because somebody was admitted, or ends.
    #[error("the clinic has been restarted meanwhile: ask again in some seconds")]
    Ended,
    /// Who asked does not listen any more.
    #[error("nobody waits for the answer any more")]
    Gone,
    /// The clinic itself failed.
    #[error("the query failed: {0}")]
    Failed(crate::Error),
}

impl From<crate::Error> for Refusal {
    fn from(error: crate::Error) -> Self {
        if matches!(error, crate::Error::Erased { .. }) { Self::Erased } else { Self::Failed(error) }
    }
}

impl From<bodywire_aggregate::Error> for Refusal {
    fn from(error: bodywire_aggregate::Error) -> Self {
        use bodywire_aggregate::Error::{LaneOverflow, NoiseBudget};
        if matches!(error, LaneOverflow { .. } | NoiseBudget { .. }) {
            return Self::Bounds(error);
        }
        tracing::error!(%error, "a sum over encrypted vectors was refused");
        Self::Authentic
    }
}

impl Refusal {
    /// A word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Cohort { .. } => "cohort",
            Self::Group { .. } => "group",
            Self::Difference { .. } => "difference",
            Self::Budget { .. } => "budget",
            Self::TooMany { .. } => "too-many",
            Self::Replicas { .. } => "replicas",
            Self::Authentic => "authentic",
            Self::Bounds(_) => "bounds",
            Self::Erased => "erased",
            Self::Ended => "ended",
            Self::Gone => "gone",
            Self::Failed(_) => "failed",
        }
    }
}

/// A query that was answered, or is being worked out.
struct Answered {
    number: u64,
    /// Queries that rest on this and are being worked out.
    pending: usize,
    /// Something was opened.
    opened: bool,
    at_ms: u64,
    vital: Vital,
    /// What was added up, by index: one sum, or one for each window of a trend.
    sums: Vec<Vec<Term>>,
}

/// What was answered within a day.
#[derive(Default)]
pub(crate) struct Answers {
    answered: VecDeque<Answered>,
    next: u64,
}

/// That a query is allowed; to be given back with what became of it ([`Answers::ended`]).
#[derive(Debug)]
pub(crate) struct Allowed {
    number: u64,
}

impl Answers {
    fn forget(&mut self, now_ms: u64) {
        while self.answered.front().is_some_and(|first| now_ms.saturating_sub(first.at_ms) >= DAY_MS) {
            self.answered.pop_front();
        }
    }

    /// Queries that may still be asked.
    pub(crate) fn left(&mut self, policy: Policy, now_ms: u64) -> usize {
        self.forget(now_ms);
        policy.queries_per_day.min(DIFFERENCES_MAX).saturating_sub(self.answered.len())
    }

    /// A query has ended. One of which nothing was opened is as if it had not been asked.
    pub(crate) fn ended(&mut self, allowed: Allowed, opened: bool) {
        let is_it = |answered: &&mut Answered| answered.number == allowed.number;
        if let Some(answered) = self.answered.iter_mut().find(is_it) {
            answered.pending = answered.pending.saturating_sub(1);
            answered.opened |= opened;
        }
        self.answered.retain(|answered| answered.opened || answered.pending > 0);
    }

    /// Allows a query and remembers it. It shows these sums, which are of different vectors. One that follows from what one
    /// query was answered already costs nothing.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing is remembered then.
    pub(crate) fn allow(
        &mut self,
        policy: Policy,
        now_ms: u64,
        vital: Vital,
        sums: Vec<Vec<Term>>,
    ) -> Result<Allowed, Refusal> {
        self.forget(now_ms);
        if sums.iter().all(Vec::is_empty) {
            return Err(Refusal::Nothing);
        }
        sums.iter().try_for_each(|terms| large_enough(policy, terms))?;
        let least = policy.cohort_min;
        let few = |patients: usize| patients > 0 && patients < least;
        for before in self.answered.iter_mut().filter(|before| before.vital == vital) {
            let new: Vec<usize> = sums.iter().map(|sum| remaining(sum, &before.sums)).collect();
            if new.iter().all(|patients| *patients == 0) {
                before.pending += 1;
                return Ok(Allowed { number: before.number });
            }
            let mut old = before.sums.iter().map(|sum| remaining(sum, &sums));
            if new.into_iter().any(few) || old.any(few) {
                return Err(Refusal::Difference { least });
            }
        }
        if self.left(policy, now_ms) == 0 {
            return Err(Refusal::Budget { per_day: policy.queries_per_day.min(DIFFERENCES_MAX) });
        }
        let number = self.next;
        self.next += 1;
        self.answered.push_back(Answered { number, pending: 1, opened: false, at_ms: now_ms, vital, sums });
        Ok(Allowed { number })
    }
}

/// Whether a sum is over enough patients, and over enough with each weight.
fn large_enough(policy: Policy, terms: &[Term]) -> Result<(), Refusal> {
    let least = policy.cohort_min;
    let patients = subjects(terms.iter());
    if patients < least {
        return Err(Refusal::Cohort { patients, least });
    }
    let mut by_weight: BTreeMap<u32, BTreeSet<Subject>> = BTreeMap::new();
    terms.iter().for_each(|term| {
        by_weight.entry(term.weight).or_default().insert(term.subject);
    });
    let fewest = by_weight.values().map(BTreeSet::len).min().unwrap_or(0);
    if fewest < least { Err(Refusal::Group { patients: fewest, least }) } else { Ok(()) }
}

fn subjects<'t>(terms: impl Iterator<Item = &'t Term>) -> usize {
    terms.map(|term| term.subject).collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests;
