//! Which sums may be read: those over enough patients, that do not differ from an earlier one by a few patients, and not more
//! than a number a day.
//!
//! The differences are those of two queries. Three or more can be combined in ways that no two of them show; the budget bounds
//! how many there are. What an analyst learns is exact, so that this is a rule of the house and not differential privacy.

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
    /// Who asked does not listen any more.
    #[error("nobody waits for the answer any more")]
    Gone,
    /// The clinic itself failed.
    #[error("the query failed: {0}")]
    Failed(#[from] crate::Error),
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
            Self::Gone => "gone",
            Self::Failed(_) => "failed",
        }
    }
}

/// A query that was answered.
struct Answered {
    at_ms: u64,
    vital: Vital,
    /// By index.
    terms: Vec<Term>,
}

/// What was answered within a day.
#[derive(Default)]
pub(crate) struct Answers {
    answered: VecDeque<Answered>,
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

    /// Allows a query and remembers it. `terms` are in the order of their indexes. One that was answered already costs nothing.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing is remembered then.
    pub(crate) fn allow(
        &mut self,
        policy: Policy,
        now_ms: u64,
        vital: Vital,
        terms: &[Term],
    ) -> Result<(), Refusal> {
        self.forget(now_ms);
        let least = policy.cohort_min;
        let patients = subjects(terms.iter());
        if terms.is_empty() {
            return Err(Refusal::Nothing);
        }
        if patients < least {
            return Err(Refusal::Cohort { patients, least });
        }
        let weights: BTreeSet<u32> = terms.iter().map(|term| term.weight).collect();
        for weight in weights {
            let patients = subjects(terms.iter().filter(|term| term.weight == weight));
            if patients < least {
                return Err(Refusal::Group { patients, least });
            }
        }
        for before in self.answered.iter().filter(|before| before.vital == vital) {
            match differing(&before.terms, terms) {
                0 => return Ok(()),
                few if few < least => return Err(Refusal::Difference { least }),
                _ => {}
            }
        }
        if self.left(policy, now_ms) == 0 {
            return Err(Refusal::Budget { per_day: policy.queries_per_day.min(DIFFERENCES_MAX) });
        }
        self.answered.push_back(Answered { at_ms: now_ms, vital, terms: terms.to_vec() });
        Ok(())
    }
}

fn subjects<'t>(terms: impl Iterator<Item = &'t Term>) -> usize {
    terms.map(|term| term.subject).collect::<BTreeSet<_>>().len()
}

/// How many patients count differently in two queries.
fn differing(a: &[Term], b: &[Term]) -> usize {
    let mut weights: BTreeMap<u64, (u32, u32, Subject)> =
        a.iter().map(|term| (term.index, (term.weight, 0, term.subject))).collect();
    for term in b {
        weights.entry(term.index).or_insert((0, 0, term.subject)).1 = term.weight;
    }
    let differ = weights.into_values().filter(|(a, b, _)| a != b).map(|(_, _, subject)| subject);
    differ.collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy { cohort_min: 3, queries_per_day: 4 };

    /// One vector of each of these patients, of window `window`.
    fn terms(patients: std::ops::Range<u64>, window: u64, weight: u32) -> Vec<Term> {
        patients
            .map(|patient| Term {
                index: window * 100 + patient,
                weight,
                subject: Subject::Patient(PatientId(patient)),
            })
            .collect()
    }

    #[test]
    fn few_patients_and_few_with_a_weight_of_their_own_are_refused() {
        let mut book = Answers::default();
        let mut allow = |terms: &[Term]| book.allow(POLICY, 0, Vital::HeartRate, terms);
        assert!(matches!(allow(&[]), Err(Refusal::Nothing)));
        assert!(matches!(allow(&terms(0..2, 0, 1)), Err(Refusal::Cohort { patients: 2, least: 3 })));
        // Many windows of two patients are two patients.
        let long = [terms(0..2, 0, 1), terms(0..2, 1, 1)].concat();
        assert!(matches!(allow(&long), Err(Refusal::Cohort { patients: 2, .. })));
        let weighted = [terms(0..5, 0, 1), terms(5..6, 0, 2)].concat();
        assert!(matches!(allow(&weighted), Err(Refusal::Group { patients: 1, .. })));
        assert!(allow(&[terms(0..3, 0, 1), terms(3..6, 0, 2)].concat()).is_ok());
    }

    #[test]
    fn a_difference_that_is_one_patient_is_refused_whoever_asks_and_however_it_is_made() {
        let mut book = Answers::default();
        let mut allow = |terms: &[Term]| book.allow(POLICY, 0, Vital::HeartRate, terms);
        let first = terms(0..8, 0, 1);
        assert!(allow(&first).is_ok());
        // One left out; one more; one heavier; and a longer time in which only one has a window.
        assert!(matches!(allow(&first[1..]), Err(Refusal::Difference { least: 3 })));
        assert!(matches!(allow(&terms(0..9, 0, 1)), Err(Refusal::Difference { .. })));
        let longer = [first.clone(), terms(4..5, 1, 1)].concat();
        assert!(matches!(allow(&longer), Err(Refusal::Difference { .. })));
        // A whole window more, and half of the patients.
        assert!(allow(&[first.clone(), terms(0..8, 1, 1)].concat()).is_ok());
        assert!(allow(&terms(0..4, 0, 1)).is_ok());
        // Another vital sign is another question.
        assert!(book.allow(POLICY, 0, Vital::SpO2, &first[1..]).is_ok());
    }

    #[test]
    fn the_budget_counts_different_queries_of_a_day() {
        let mut book = Answers::default();
        let ask = |book: &mut Answers, window: u64, now_ms| {
            book.allow(POLICY, now_ms, Vital::SpO2, &terms(0..8, window, 1))
        };
        for window in 0..4 {
            assert_eq!(book.left(POLICY, 0), 4 - window as usize);
            assert!(ask(&mut book, window, 0).is_ok());
            assert!(ask(&mut book, window, 0).is_ok(), "again, at no cost");
        }
        assert!(matches!(ask(&mut book, 9, DAY_MS - 1), Err(Refusal::Budget { per_day: 4 })));
        assert!(ask(&mut book, 2, DAY_MS - 1).is_ok());
        assert!(ask(&mut book, 9, DAY_MS).is_ok());
        let endless = Policy { queries_per_day: usize::MAX, ..POLICY };
        assert!(book.left(endless, DAY_MS) < DIFFERENCES_MAX);
    }
}
