//! What follows from a histogram, exactly: counts, sums, mean, variance, quantiles.

use crate::layout::{Totals, Vital};

/// The distribution of one vital sign over a cohort and a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution<'a> {
    vital: Vital,
    totals: &'a Totals,
}

impl<'a> Distribution<'a> {
    /// The distribution of these totals.
    pub const fn new(vital: Vital, totals: &'a Totals) -> Self {
        Self { vital, totals }
    }

    fn bins(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        (u64::from(self.vital.lowest_steps())..).zip(self.totals.bins.iter().copied())
    }

    /// Readings on the scale.
    pub fn count(&self) -> u64 {
        self.totals.bins.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The sum of all readings, in steps of the vital sign's scale ([`Vital::steps_per_unit`]).
    pub fn sum_steps(&self) -> u128 {
        self.bins().map(|(steps, count)| u128::from(steps) * u128::from(count)).sum()
    }

    /// The sum of the squares of all readings, in squared steps.
    pub fn sum_squares(&self) -> u128 {
        self.bins().map(|(steps, count)| u128::from(steps * steps) * u128::from(count)).sum()
    }

    /// The mean, in the unit of the vital sign; none without readings.
    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        let unit = f64::from(self.vital.steps_per_unit());
        (count > 0).then(|| self.sum_steps() as f64 / count as f64 / unit)
    }

    /// The variance of the readings as a whole population, in squared units; none without readings. It is worked out in
    /// integers, `(n S2 - S1^2) / n^2`, so that nothing cancels.
    pub fn variance(&self) -> Option<f64> {
        let count = u128::from(self.count());
        let unit = f64::from(self.vital.steps_per_unit());
        if count == 0 {
            return None;
        }
        // By the inequality of Cauchy and Schwarz it is not below zero.
        let sum = self.sum_steps();
        let square = self.sum_squares().checked_mul(count)?.checked_sub(sum.checked_mul(sum)?)?;
        Some(square as f64 / (count as f64 * count as f64) / (unit * unit))
    }

    /// Readings that are above `threshold`, in the unit of the vital sign.
    pub fn count_above(&self, threshold: f64) -> u64 {
        self.count_of(|value| value > threshold)
    }

    /// Readings that are below `threshold`, in the unit of the vital sign.
    pub fn count_below(&self, threshold: f64) -> u64 {
        self.count_of(|value| value < threshold)
    }

    /// Readings that are above one limit, or below the other, or both; a limit that is not given counts nothing.
    pub fn count_beyond(&self, above: Option<f64>, below: Option<f64>) -> u64 {
        self.count_of(|value| {
            above.is_some_and(|limit| value > limit) || below.is_some_and(|limit| value < limit)
        })
    }

    fn count_of(&self, is_counted: impl Fn(f64) -> bool) -> u64 {
        let counted =
            self.totals.bins.iter().enumerate().filter(|(bin, _)| is_counted(self.vital.value(*bin)));
        counted.fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// The smallest reading that at least the part `part` of all readings does not exceed (0.5 for the median); none without
    /// readings or with a part that is not between 0 and 1.
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 || !(0.0..=1.0).contains(&part) {
            return None;
        }
        let rank = ((part * count as f64).ceil() as u64).clamp(1, count);
        let mut below = 0u64;
        let bin = self.totals.bins.iter().position(|count| {
            below = below.saturating_add(*count);
            below >= rank
        })?;
        Some(self.vital.value(bin))
    }

    /// The mean of each slot, in the unit of the vital sign.
    pub fn trend(&self) -> Vec<Option<f64>> {
        let unit = f64::from(self.vital.steps_per_unit());
        let lowest = f64::from(self.vital.lowest_steps());
        let mean =
            |(sum, count): &(u64, u64)| (*count > 0).then(|| (*sum as f64 / *count as f64 + lowest) / unit);
        self.totals.slots.iter().map(mean).collect()
    }

    /// Bins that hold something: the value, and how many readings.
    pub fn histogram(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let bins = self.totals.bins.iter().enumerate();
        bins.filter(|(_, count)| **count > 0).map(|(bin, count)| (self.vital.value(bin), *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn totals(vital: Vital, values: &[u16]) -> Totals {
        let mut totals = Totals { bins: vec![0; vital.bins()], outside: 0, slots: vec![(0, 0); 2] };
        for value in values {
            totals.bins[usize::from(*value)] += 1;
        }
        totals
    }

    #[test]
    fn of_nothing_there_is_no_mean() {
        let none = totals(Vital::SpO2, &[]);
        let of = Distribution::new(Vital::SpO2, &none);
        assert_eq!((of.mean(), of.variance(), of.quantile(0.5), of.count()), (None, None, None, 0));
        assert_eq!(of.trend(), [None, None]);
    }

    #[test]
    fn temperatures_are_in_degrees() {
        let mut warm = totals(Vital::Temperature, &[110, 120, 130, 130]);
        warm.slots[1] = (230, 2);
        let of = Distribution::new(Vital::Temperature, &warm);
        assert!((of.mean().unwrap() - 37.25).abs() < 1e-12);
        assert!((of.variance().unwrap() - 0.6875).abs() < 1e-12);
        assert_eq!((of.count_above(37.0), of.count_below(37.0), of.quantile(0.5)), (2, 1, Some(37.0)));
        assert_eq!((of.count_beyond(None, Some(37.0)), of.count_beyond(Some(37.0), Some(37.0))), (1, 3));
        assert_eq!((of.count_beyond(Some(36.0), Some(38.0)), of.count_beyond(None, None)), (4, 0));
        assert_eq!(of.trend(), [None, Some(36.5)]);
        assert_eq!(of.histogram().collect::<Vec<_>>(), [(36.0, 1), (37.0, 1), (38.0, 2)]);
        assert_eq!((of.quantile(0.0), of.quantile(1.0), of.quantile(1.1)), (Some(36.0), Some(38.0), None));
    }

    proptest! {
        #[test]
        fn figures_are_those_of_the_plain_readings(values in prop::collection::vec(0u16..400, 1..300), limit in 0u16..400) {
            let totals = totals(Vital::HeartRate, &values);
            let of = Distribution::new(Vital::HeartRate, &totals);
            let plain: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
            let mean = plain.iter().sum::<f64>() / plain.len() as f64;
            let variance = plain.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / plain.len() as f64;
            prop_assert!((of.mean().unwrap() - mean).abs() < 1e-9);
            prop_assert!((of.variance().unwrap() - variance).abs() < 1e-6);
            prop_assert_eq!(of.count_above(f64::from(limit)), values.iter().filter(|v| **v > limit).count() as u64);
            prop_assert_eq!(of.sum_steps(), values.iter().map(|v| u128::from(*v)).sum::<u128>());
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let median = sorted[values.len().div_ceil(2) - 1];
            prop_assert_eq!(of.quantile(0.5), Some(f64::from(median)));
        }
    }
}
