//! What an analyst gets: the result, and what those saw who computed it.

use super::query::{Function, Query};
use bodywire_aggregate::{Distribution, Totals};
use serde::Serialize;

/// Quantiles that go with a histogram.
const QUANTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// What was worked out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    /// The sum of all readings; times 10 when a step is a tenth, it is a whole number.
    Sum {
        /// In the unit of the signal.
        sum: f64,
    },
    /// The mean.
    Mean {
        /// In the unit of the signal; nothing without readings.
        mean: Option<f64>,
    },
    /// The variance as a whole population.
    Variance {
        /// In squared units.
        variance: Option<f64>,
        /// Its square root.
        deviation: Option<f64>,
    },
    /// How many are beyond a limit.
    Count {
        /// So many.
        count: u64,
        /// Of so many.
        of: u64,
    },
    /// How many there are of each.
    Histogram {
        /// Value and number, without empty ones.
        bins: Vec<(f64, u64)>,
        /// Part and value.
        quantiles: Vec<(f64, f64)>,
    },
    /// The mean over time.
    Trend {
        /// Time in milliseconds since 1970, mean, and number of readings.
        points: Vec<(u64, Option<f64>, u64)>,
    },
}

impl Outcome {
    /// Of totals over all windows; a trend is made of its own totals ([`Self::trend`]).
    pub(super) fn of(query: &Query, totals: &Totals) -> Self {
        let of = Distribution::new(query.vital, totals);
        let count = of.count();
        match query.function {
            Function::Sum => {
                Self::Sum { sum: of.sum_steps() as f64 / f64::from(query.vital.steps_per_unit()) }
            }
            Function::Mean | Function::Trend => Self::Mean { mean: of.mean() },
            Function::Variance => {
                let variance = of.variance();
                Self::Variance { variance, deviation: variance.map(f64::sqrt) }
            }
            Function::Count { above, below } => {
                Self::Count { count: of.count_beyond(above, below), of: count }
            }
            Function::Histogram => Self::Histogram {
                bins: of.histogram().collect(),
                quantiles: QUANTILES
                    .into_iter()
                    .filter_map(|part| Some((part, of.quantile(part)?)))
                    .collect(),
            },
        }
    }

    /// Of totals by window: when each begins, and how long it is.
    pub(super) fn trend(query: &Query, windows: &[(u64, u32, Totals)]) -> Self {
        let mut points = Vec::new();
        for (start_ms, length_ms, totals) in windows {
            let means = Distribution::new(query.vital, totals).trend();
            let slots = totals.slots.len().max(1) as u64;
            for ((slot, mean), (_, readings)) in (0u64..).zip(means).zip(&totals.slots) {
                points.push((start_ms + slot * u64::from(*length_ms) / slots, mean, *readings));
            }
        }
        Self::Trend { points }
    }
}

/// What became of a replica in a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplicaVerdict {
    /// Its number, from 1, in the order of the configuration.
    pub number: usize,
    /// How it was.
    pub state: Verdict,
    /// Why, when it did not agree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// How a replica was in a query; the worst of all its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Its sums were right.
    Agreed,
    /// It has not answered.
    Away,
    /// It has refused.
    Refused,
    /// It has answered what is not the sum of what it was asked for.
    Lying,
}

/// What the replicas saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Vectors that they added.
    pub vectors: usize,
    /// Their bytes.
    pub bytes: u64,
    /// SHA-256 of the encrypted result.
    pub sha256: String,
    /// Its first coefficients, in hexadecimal.
    pub ciphertext: String,
}

/// What the clinic has computed once more for itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rechecked {
    /// Vectors of that part.
    pub vectors: usize,
}

/// Where it is on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OnRecord {
    /// Entry of the query.
    pub query: u64,
    /// Entry of the result.
    pub result: u64,
}

/// The answer to a query.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// What was asked for.
    pub function: &'static str,
    /// Of which vital sign.
    pub signal: &'static str,
    /// Its unit, in UCUM.
    pub unit: &'static str,
    /// When the first window begins.
    pub from_ms: u64,
    /// When the last one ends.
    pub to_ms: u64,
    /// Different windows.
    pub windows: usize,
    /// Patients; a bed without one counts as one.
    pub patients: usize,
    /// Vectors.
    pub vectors: usize,
    /// Readings on the scale, each times its weight.
    pub readings: u64,
    /// Readings beyond the scale, which are in no figure.
    pub outside: u64,
    /// Some readings were simulated.
    pub simulated: bool,
    /// The figures.
    pub result: Outcome,
    /// What became of each replica; none when the clinic has no replicas and has added itself.
    pub replicas: Vec<ReplicaVerdict>,
    /// What they saw.
    pub seen: Seen,
    /// What was computed once more.
    pub rechecked: Rechecked,
    /// Where it is on record.
    pub audit: OnRecord,
    /// Milliseconds of adding, over all replicas' answers.
    pub evaluate_ms: u64,
    /// Milliseconds of opening.
    pub decrypt_ms: u64,
}
