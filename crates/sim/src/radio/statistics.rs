//! Signals of a run, as a network simulator has them: counts, means, and 95 % intervals over runs.

use super::medium::Reason;

/// Mean and spread of numbers that come one by one (Welford, 1962).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Mean {
    count: u64,
    mean: f64,
    squares: f64,
}

/// 97.5 % points of Student's distribution for 1 to 30 degrees of freedom.
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// The same for more: that of the normal distribution, which is 4 % too small at 31.
const NORMAL: f64 = 1.960;

impl Mean {
    /// Takes one number.
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        let away = value - self.mean;
        self.mean += away / self.count as f64;
        self.squares += away * (value - self.mean);
    }

    /// How many there were.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; zero when there were none.
    pub const fn mean(&self) -> f64 {
        self.mean
    }

    /// Their variance; zero when there were fewer than two.
    pub fn variance(&self) -> f64 {
        if self.count < 2 { 0.0 } else { self.squares / (self.count - 1) as f64 }
    }

    /// Half the width of the 95 % interval of the mean, for independent numbers: replications, not messages of one run.
    /// Infinite when there were fewer than two.
    pub fn half_width(&self) -> f64 {
        let Some(freedom) = usize::try_from(self.count).ok().and_then(|count| count.checked_sub(1)) else {
            return f64::INFINITY;
        };
        if freedom == 0 {
            return f64::INFINITY;
        }
        let t = STUDENT.get(freedom - 1).copied().unwrap_or(NORMAL);
        t * libm::sqrt(self.variance() / self.count as f64)
    }
}

impl Extend<f64> for Mean {
    fn extend<I: IntoIterator<Item = f64>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.add(value));
    }
}

/// Messages lost, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Losses {
    counts: [u64; Reason::ALL.len()],
}

impl Losses {
    /// Counts one.
    pub const fn add(&mut self, reason: Reason) {
        self.counts[reason as usize] += 1;
    }

    /// How many were lost for this reason.
    pub const fn of(&self, reason: Reason) -> u64 {
        self.counts[reason as usize]
    }

    /// How many were lost.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// A digest of a run's events (FNV-1a, 64 bits), to see whether two runs were the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// Takes a number.
    pub fn add(&mut self, value: u64) {
        for byte in value.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// The digest.
    pub const fn value(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Digest, Losses, Mean};
    use crate::radio::medium::Reason;

    #[test]
    fn means_and_intervals_are_those_of_the_books() {
        let mut mean = Mean::default();
        assert_eq!((mean.half_width(), mean.variance()), (f64::INFINITY, 0.0));
        mean.extend([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert!((mean.mean() - 5.0).abs() < 1e-12);
        assert!((mean.variance() - 32.0 / 7.0).abs() < 1e-12);
        // Seven degrees of freedom: 2.365 times the standard error.
        assert!((mean.half_width() - 2.365 * (32.0_f64 / 7.0 / 8.0).sqrt()).abs() < 1e-9);
        assert_eq!(mean.count(), 8);
    }

    #[test]
    fn losses_are_kept_apart() {
        let mut losses = Losses::default();
        losses.add(Reason::NoAck);
        losses.add(Reason::NoAck);
        losses.add(Reason::QueueFull);
        assert_eq!((losses.of(Reason::NoAck), losses.of(Reason::Collision), losses.total()), (2, 0, 3));
    }

    #[test]
    fn a_digest_is_that_of_fnv() {
        let mut digest = Digest::default();
        digest.add(0);
        assert_ne!(digest, Digest::default());
        // FNV-1a of eight zero bytes.
        assert_eq!(digest.value(), 0xa8c7_f832_281a_39c5);
    }
}
