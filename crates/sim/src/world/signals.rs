//! Statistics of a run: what was counted, and series of what was measured.

use serde::Serialize;
use std::collections::BTreeMap;

/// What is known of many values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Series {
    /// How many.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// The sum of the squares of their distances from it (Welford 1962).
    m2: f64,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub most: f64,
}

impl Series {
    const EMPTY: Self = Self { count: 0, mean: 0.0, m2: 0.0, least: f64::INFINITY, most: f64::NEG_INFINITY };

    fn add(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.m2 += before * (value - self.mean);
        self.least = self.least.min(value);
        self.most = self.most.max(value);
    }

    /// The standard deviation.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        if self.count < 2 { 0.0 } else { libm::sqrt(self.m2 / (self.count - 1) as f64) }
    }
}

/// The statistics of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Signals {
    /// What was counted.
    pub counts: BTreeMap<&'static str, u64>,
    /// What was measured; the name ends with the unit.
    pub series: BTreeMap<&'static str, Series>,
}

impl Signals {
    /// Counts.
    pub fn count(&mut self, what: &'static str, by: u64) {
        *self.counts.entry(what).or_default() += by;
    }

    /// Notes a value.
    pub fn note(&mut self, what: &'static str, value: f64) {
        self.series.entry(what).or_insert(Series::EMPTY).add(value);
    }

    /// How often something was counted.
    #[must_use]
    pub fn counted(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_knows_mean_and_deviation() {
        let mut signals = Signals::default();
        for value in [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0] {
            signals.note("delay, ms", value);
        }
        let series = signals.series["delay, ms"];
        assert_eq!((series.count, series.mean, series.least, series.most), (8, 5.0, 2.0, 9.0));
        assert!((series.deviation() - 2.138_089_935).abs() < 1e-9);
        signals.count("frames", 3);
        assert_eq!((signals.counted("frames"), signals.counted("none")), (3, 0));
    }
}
