//! Scoring detected beats against reference beats as ANSI/AAMI EC57 asks: matches within 150 ms.

#![deny(clippy::indexing_slicing)]

mod classes;
#[cfg(feature = "recordings")]
pub mod course;
pub mod episodes;
mod matching;
#[cfg(feature = "recordings")]
pub mod reference;

pub use classes::{BeatClass, ClassTable};
pub use matching::{Match, Matches, match_beats};

/// Counts of one comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BeatScore {
    /// Reference beats that were found.
    pub found: u64,
    /// Reference beats that were missed.
    pub missed: u64,
    /// Detections without a reference beat.
    pub extra: u64,
}

impl BeatScore {
    /// Share of reference beats found, 0 to 1; 1 when there are none.
    pub fn sensitivity(self) -> f64 {
        share(self.found, self.found + self.missed)
    }

    /// Share of detections that are beats, 0 to 1; 1 when there are none.
    pub fn positive_predictivity(self) -> f64 {
        share(self.found, self.found + self.extra)
    }

    /// Harmonic mean of the two, 0 to 1.
    pub fn f1(self) -> f64 {
        share(2 * self.found, 2 * self.found + self.missed + self.extra)
    }
}

impl core::ops::AddAssign for BeatScore {
    fn add_assign(&mut self, other: Self) {
        self.found += other.found;
        self.missed += other.missed;
        self.extra += other.extra;
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// Counts the matches of [`match_beats`] in two ascending series of sample indices, at most `tolerance` samples apart.
pub fn score_beats(
    reference: impl IntoIterator<Item = u64>,
    detected: impl IntoIterator<Item = u64>,
    tolerance: u64,
) -> BeatScore {
    match_beats(reference, detected, tolerance).fold(BeatScore::default(), |mut score, found| {
        match found {
            Match::Pair { .. } => score.found += 1,
            Match::Missed { .. } => score.missed += 1,
            Match::Extra { .. } => score.extra += 1,
        }
        score
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_beat_counts_once() {
        let score = score_beats([100, 200, 300, 400], [95, 104, 210, 500], 10);
        assert_eq!(score, BeatScore { found: 2, missed: 2, extra: 2 });
        assert_eq!((score.sensitivity(), score.positive_predictivity(), score.f1()), (0.5, 0.5, 0.5));
        assert_eq!(score_beats([], [], 10).f1(), 1.0);
    }
}
