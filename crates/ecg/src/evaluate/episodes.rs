//! Scoring detected episodes against reference episodes in the manner of ANSI/AAMI EC57:2012, section 4.3.4 and 4.4:
//! sensitivity and positive predictivity by episodes and by duration, and beyond it false alarms per hour and latency.
//!
//! Times are sample indices; the intervals are half open, ascending and apart from each other.

/// An interval of samples, `start` included, `end` not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Episode {
    /// First sample.
    pub start: u64,
    /// Sample after the last.
    pub end: u64,
}

impl Episode {
    /// Length in samples; 0 when `end` is not after `start`.
    pub fn samples(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Samples in both.
    pub fn common(self, other: Self) -> u64 {
        self.end.min(other.end).saturating_sub(self.start.max(other.start))
    }
}

/// Counts of one comparison; those of several recordings add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EpisodeScore {
    /// Reference episodes.
    pub reference: u64,
    /// Reference episodes that share a sample with a detected one.
    pub found: u64,
    /// Detected episodes.
    pub detected: u64,
    /// Detected episodes that share a sample with a reference one.
    pub right: u64,
    /// Samples of all reference episodes.
    pub reference_samples: u64,
    /// Samples of all detected episodes.
    pub detected_samples: u64,
    /// Samples in both.
    pub common_samples: u64,
}

impl EpisodeScore {
    /// Compares the episodes of one recording.
    pub fn of(reference: &[Episode], detected: &[Episode]) -> Self {
        let meets = |one: &&Episode, others: &[Episode]| others.iter().any(|o| o.common(**one) > 0);
        Self {
            reference: reference.len() as u64,
            found: reference.iter().filter(|r| meets(r, detected)).count() as u64,
            detected: detected.len() as u64,
            right: detected.iter().filter(|d| meets(d, reference)).count() as u64,
            reference_samples: reference.iter().map(|e| e.samples()).sum(),
            detected_samples: detected.iter().map(|e| e.samples()).sum(),
            common_samples: reference.iter().flat_map(|r| detected.iter().map(|d| r.common(*d))).sum(),
        }
    }

    /// Share of reference episodes found, 0 to 1; 1 when there are none.
    pub fn sensitivity(self) -> f64 {
        super::share(self.found, self.reference)
    }

    /// Share of detected episodes that are right, 0 to 1; 1 when there are none.
    pub fn positive_predictivity(self) -> f64 {
        super::share(self.right, self.detected)
    }

    /// Share of the reference episodes' time found, 0 to 1; 1 when there is none.
    pub fn duration_sensitivity(self) -> f64 {
        super::share(self.common_samples, self.reference_samples)
    }

    /// Share of the detected time that is right, 0 to 1; 1 when there is none.
    pub fn duration_positive_predictivity(self) -> f64 {
        super::share(self.common_samples, self.detected_samples)
    }
}

impl core::ops::AddAssign for EpisodeScore {
    fn add_assign(&mut self, other: Self) {
        self.reference += other.reference;
        self.found += other.found;
        self.detected += other.detected;
        self.right += other.right;
        self.reference_samples += other.reference_samples;
        self.detected_samples += other.detected_samples;
        self.common_samples += other.common_samples;
    }
}

/// Samples from the start of `reference` to the first time within it that is detected, 0 when it was detected already;
/// nothing when it is missed.
pub fn latency(reference: Episode, detected: &[Episode]) -> Option<u64> {
    detected.iter().filter(|d| d.common(reference) > 0).map(|d| d.start.saturating_sub(reference.start)).min()
}

/// Detected episodes that begin outside all `excused` ones. An alarm about an episode that ended less than `slack`
/// samples ago is still about that episode: a decision takes its time.
pub fn false_alarms<'a>(
    detected: &'a [Episode],
    excused: &'a [Episode],
    slack: u64,
) -> impl Iterator<Item = &'a Episode> {
    detected
        .iter()
        .filter(move |d| !excused.iter().any(|e| (e.start..e.end.saturating_add(slack)).contains(&d.start)))
}

/// Samples in which an alarm would be false: those of a recording of `length` samples outside all `excused` episodes
/// and the `slack` after each.
pub fn samples_at_risk(length: u64, excused: &[Episode], slack: u64) -> u64 {
    let (mut at, mut sum) = (0u64, 0u64);
    for e in excused {
        sum += e.start.min(length).saturating_sub(at);
        at = at.max(e.end.saturating_add(slack));
    }
    sum + length.saturating_sub(at)
}

/// The value below which the share `p` (0 to 1) of an ascending series lies, by the nearest rank; nothing for an empty
/// series.
pub fn percentile<T: Copy>(ascending: &[T], p: f64) -> Option<T> {
    let rank = libm::ceil(p * ascending.len() as f64) as usize;
    ascending.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    const fn e(start: u64, end: u64) -> Episode {
        Episode { start, end }
    }

    #[test]
    fn episodes_and_durations_count_apart() {
        let (reference, detected) = ([e(100, 200), e(300, 400), e(900, 1000)], [e(150, 320), e(500, 600)]);
        let mut score = EpisodeScore::of(&reference, &detected);
        assert_eq!((score.found, score.reference, score.right, score.detected), (2, 3, 1, 2));
        assert_eq!((score.common_samples, score.reference_samples, score.detected_samples), (70, 300, 270));
        score += EpisodeScore::of(&[], &[]);
        assert_eq!((score.sensitivity(), score.positive_predictivity()), (2.0 / 3.0, 0.5));
        assert_eq!(score.duration_sensitivity(), 70.0 / 300.0);
        assert_eq!(score.duration_positive_predictivity(), 70.0 / 270.0);
        assert_eq!(EpisodeScore::default().sensitivity(), 1.0);
        assert_eq!(e(5, 3).samples(), 0);
    }

    #[test]
    fn latency_is_from_the_onset() {
        let detected = [e(10, 20), e(150, 160), e(190, 300)];
        assert_eq!(latency(e(100, 200), &detected), Some(50));
        assert_eq!(latency(e(15, 200), &detected), Some(0));
        assert_eq!(latency(e(20, 150), &detected), None);
    }

    #[test]
    fn alarms_are_false_outside_and_not_soon_after() {
        let (detected, excused) = ([e(5, 8), e(100, 400), e(210, 220), e(211, 220)], [e(100, 200)]);
        let found: Vec<u64> = false_alarms(&detected, &excused, 11).map(|d| d.start).collect();
        assert_eq!(found, [5, 211]);
        assert_eq!(samples_at_risk(1000, &excused, 11), 100 + 789);
        assert_eq!(samples_at_risk(1000, &[e(100, 200), e(205, 210), e(990, 2000)], 11), 100 + 769);
        assert_eq!(samples_at_risk(7, &[], 0), 7);
    }

    #[test]
    fn percentiles_by_rank() {
        let v = [1, 2, 3, 4];
        assert_eq!(
            (percentile(&v, 0.5), percentile(&v, 0.95), percentile(&v, 0.0)),
            (Some(2), Some(4), Some(1))
        );
        assert_eq!(percentile::<f64>(&[], 0.5), None);
    }
}
