//! Is this the enrolled patient's ECG? Evidence only: a swapped cable or a sensor on the wrong patient shows as a low
//! similarity. It never opens anything: an ECG can be recorded and replayed, and it changes with posture and disease.
//!
//! Compared are two templates (medians of normal beats), aligned by version A of the weighted correlation: per part
//! (PR, QRS, ST with T wave) how far the two differ in millivolts as a share of their sizes. A difference sees the size,
//! which correlation does not, and told persons apart better. The complex around the R peak weighs most: it changes
//! least with the heart rate (Israel et al. 2005, doi 10.1016/j.patcog.2004.05.014).

use crate::{
    correlate::{Correlation, Form, Weights, correlate},
    segment::{CYCLE_SAMPLES, Cycle, LAG_MAX_SAMPLES, Part, part_of},
};

/// What is kept of a person or a session.
#[derive(Debug, Clone, PartialEq)]
pub struct Signature {
    /// Median of normal beats.
    pub cycle: Cycle,
    /// Width of the QRS complex in seconds, mean of normal beats.
    pub qrs_width_s: f64,
}

/// How alike two signatures are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similarity {
    /// All in one: 0.95 at most, that is the same recording; 0 nothing in common; see [`SAME_PERSON`] for what it means.
    pub score: f64,
    /// Correlation of PR, QRS and ST at the common lag.
    pub parts: [f64; 3],
    /// Differences of PR, QRS and ST, root mean square, as shares of their sizes: 0 the same, 1 nothing in common.
    pub differences: [f64; 3],
    /// Difference of the widths in seconds.
    pub width_difference_s: f64,
}

/// At or above this score the two are more likely of one person than not: the equal error rate's threshold on ECG-ID
/// (`examples/identity.rs`).
pub const SAME_PERSON: f64 = 0.67;

/// Exponents of the differences of PR, QRS and ST in the score.
const EXPONENTS: [f64; 3] = [0.2, 0.5, 0.3];

/// Two sessions of one heart never differ less; one part that happens to be equal must not decide alone.
const DIFFERENCE_MIN: f64 = 0.05;

/// Compares two signatures; nothing when one of them is flat.
pub fn similarity(enrolled: &Signature, session: &Signature) -> Option<Similarity> {
    let found = correlate(&enrolled.cycle, &session.cycle, Form::VersionB, Weights::default(), 0.0);
    let Correlation::Defined { lag, parts, .. } = found else { return None };
    let differences = Part::ALL.map(|part| difference(&enrolled.cycle, &session.cycle, lag, part));
    let product: f64 =
        EXPONENTS.iter().zip(differences).map(|(e, d)| libm::pow(d.max(DIFFERENCE_MIN), *e)).product();
    Some(Similarity {
        score: 1.0 - product,
        parts,
        differences,
        width_difference_s: (enrolled.qrs_width_s - session.qrs_width_s).abs(),
    })
}

/// Root mean square difference of one part about its means, as a share of the sizes of both; at most 1.
fn difference(a: &Cycle, b: &Cycle, lag: i32, part: Part) -> f64 {
    let shifted = (LAG_MAX_SAMPLES as i64 + i64::from(lag)).max(0) as usize;
    let pairs = || {
        let b = b.with_margins().iter().skip(shifted).take(CYCLE_SAMPLES);
        let both = a.samples().iter().zip(b).enumerate().filter(move |(i, _)| part_of(*i) == part);
        both.map(|(_, (x, y))| (f64::from(*x), f64::from(*y)))
    };
    let (count, sum_x, sum_y) = pairs().fold((0.0, 0.0, 0.0), |(n, s, t), (x, y)| (n + 1.0, s + x, t + y));
    let (mean_x, mean_y) = (sum_x / f64::max(count, 1.0), sum_y / f64::max(count, 1.0));
    let (mut apart, mut sizes) = (0.0, 0.0);
    for (x, y) in pairs() {
        let (x, y) = (x - mean_x, y - mean_y);
        apart += (x - y) * (x - y);
        sizes += x * x + y * y;
    }
    if sizes > 0.0 { libm::sqrt(apart / sizes).min(1.0) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::CYCLE_WITH_MARGINS;

    fn signature(width: f32, mv: f32, t_wave: f32) -> Signature {
        let mut out = [0.0; CYCLE_WITH_MARGINS];
        for (i, v) in out.iter_mut().enumerate() {
            let t = |centre: f32, w: f32| libm::expf(-(i as f32 - centre) * (i as f32 - centre) / (w * w));
            *v = mv * (t(18.0, width) + t(306.0, width)) + t_wave * t(110.0, 25.0) + 0.1 * t(260.0, 12.0);
        }
        Signature { cycle: Cycle::from_millivolts(out), qrs_width_s: 0.09 }
    }

    #[test]
    fn the_same_is_most_alike_and_others_are_less() {
        let enrolled = signature(8.0, 1.0, 0.3);
        let same = similarity(&enrolled, &enrolled).unwrap();
        assert!((same.score - 0.95).abs() < 1e-9 && same.differences == [0.0; 3], "{same:?}");
        let smaller = similarity(&enrolled, &signature(8.0, 0.5, 0.3)).unwrap().score;
        let other = similarity(&enrolled, &signature(14.0, 0.5, -0.2)).unwrap().score;
        assert!(other < smaller && smaller < 0.9, "{other} {smaller}");
        let flat = Signature { cycle: Cycle::from_millivolts([0.0; CYCLE_WITH_MARGINS]), qrs_width_s: 0.0 };
        assert_eq!(similarity(&enrolled, &flat), None);
    }
}
