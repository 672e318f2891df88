//! How things are, before a query: what can be asked, and how much there is.

use super::run::{Aggregates, end_ms};
use crate::Error;
use crate::evaluators::Evaluators;
use bodywire_aggregate::Vital;
use serde::Serialize;

/// How things are, before a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    signals: Vec<Signal>,
    cohort_min: usize,
    queries_per_day: usize,
    queries_left: usize,
    replicas: usize,
    vectors: usize,
    oldest_ms: Option<u64>,
    newest_ms: Option<u64>,
    window_ms: Option<u32>,
    simulated: bool,
    key: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Signal {
    name: &'static str,
    unit: &'static str,
}

impl Aggregates {
    /// What can be asked, and how much there is.
    ///
    /// # Errors
    /// That of the database.
    pub async fn standing(&self) -> Result<Standing, Error> {
        let inner = &self.inner;
        let rows = inner.store.vectors(&inner.hubs, 0, u64::MAX).await?;
        let signal = |vital: Vital| Signal { name: vital.name(), unit: vital.unit() };
        let left = self.answers(|answers| answers.left(inner.policy, (inner.clock)()));
        Ok(Standing {
            signals: Vital::ALL.into_iter().map(signal).collect(),
            cohort_min: inner.policy.cohort_min,
            queries_per_day: inner.policy.queries_per_day,
            queries_left: left,
            replicas: inner.evaluators.as_ref().map_or(0, Evaluators::count),
            vectors: rows.len(),
            oldest_ms: rows.iter().map(|row| row.start_ms).min(),
            newest_ms: rows.iter().map(end_ms).max(),
            window_ms: rows.last().map(|row| row.length_ms),
            simulated: rows.iter().any(|row| row.simulated),
            key: inner.ward.public.id().to_string(),
        })
    }
}
