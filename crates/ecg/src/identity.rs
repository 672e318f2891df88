//! Is this the enrolled patient's ECG? Evidence only: a swapped cable or a sensor on the wrong patient shows as a low
//! similarity. It never opens anything: an ECG can be recorded and replayed, and it changes with posture and disease.
//!
//! Compared are two templates (medians of normal beats): correlation of QRS, ST and T, PR at one common lag (version B
//! of the weighted correlation), and how far the two differ in millivolts, which correlation cannot see. The shape
//! around the R peak tells persons apart best and changes least with the heart rate (Israel et al. 2005, doi
//! 10.1016/j.patcog.2004.05.014).

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
    /// All in one: 1 is the same recording; see [`SAME_PERSON`] for what it means.
    pub score: f64,
    /// Correlation of PR, QRS and ST at the common lag.
    pub parts: [f64; 3],
    /// Difference of the QRS parts, root mean square, as a share of their sizes: 0 the same, 1 nothing in common.
    pub difference: f64,
    /// Difference of the widths in seconds.
    pub width_difference_s: f64,
}

/// At or above this score the two are more likely of one person than not: the equal error rate's threshold on ECG-ID
/// (`examples/identity.rs`).
pub const SAME_PERSON: f64 = 0.7;

/// Shares of QRS, ST and PR correlation in the score; the difference takes the rest.
const SHARES: [f64; 3] = [0.15, 0.35, 0.2];
const DIFFERENCE_SHARE: f64 = 0.3;

/// Compares two signatures; nothing when one of them is flat.
pub fn similarity(enrolled: &Signature, session: &Signature) -> Option<Similarity> {
    let found = correlate(&enrolled.cycle, &session.cycle, Form::VersionB, Weights::default(), 0.0);
    let Correlation::Defined { lag, parts, .. } = found else { return None };
    let difference = qrs_difference(&enrolled.cycle, &session.cycle, lag);
    let correlated: f64 = SHARES.iter().zip(parts).map(|(share, part)| share * part).sum();
    Some(Similarity {
        score: correlated + DIFFERENCE_SHARE * (1.0 - difference),
        parts,
        difference,
        width_difference_s: (enrolled.qrs_width_s - session.qrs_width_s).abs(),
    })
}

fn qrs_difference(a: &Cycle, b: &Cycle, lag: i32) -> f64 {
    let shifted = (LAG_MAX_SAMPLES as i64 + i64::from(lag)).max(0) as usize;
    let b = b.with_margins().iter().skip(shifted).take(CYCLE_SAMPLES);
    let (mut apart, mut sizes) = (0.0, 0.0);
    for (i, (x, y)) in a.samples().iter().zip(b).enumerate() {
        if part_of(i) == Part::Qrs {
            let (x, y) = (f64::from(*x), f64::from(*y));
            apart += (x - y) * (x - y);
            sizes += x * x + y * y;
        }
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
    fn the_same_is_one_and_others_are_less() {
        let enrolled = signature(8.0, 1.0, 0.3);
        let same = similarity(&enrolled, &enrolled).unwrap();
        assert!((same.score - 1.0).abs() < 1e-9 && same.difference == 0.0, "{same:?}");
        let smaller = similarity(&enrolled, &signature(8.0, 0.5, 0.3)).unwrap().score;
        let other = similarity(&enrolled, &signature(14.0, 0.5, -0.2)).unwrap().score;
        assert!(other < smaller && smaller < 0.95, "{other} {smaller}");
        let flat = Signature { cycle: Cycle::from_millivolts([0.0; CYCLE_WITH_MARGINS]), qrs_width_s: 0.0 };
        assert_eq!(similarity(&enrolled, &flat), None);
    }
}
