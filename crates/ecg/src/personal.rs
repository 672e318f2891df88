//! Weights of the parts of the cycle learnt from one patient's first normal beats: the personal weights of paper B.
//!
//! A part that differs from the template among the patient's own normal beats (no P wave in atrial fibrillation, noise
//! on a flat ST segment) says little when it differs later, so it weighs less, and the steady parts more. The form is
//! our own; the paper says that the weights are personal, not how they are found.

use crate::{
    correlate::{Correlation, Weights},
    segment::Part,
    template::THRESHOLD_MIN,
};

/// Normal beats from which the weights are learnt: about a minute.
pub const WEIGHT_BEATS: u32 = 80;
/// A learnt weight is at most this many times its prior, and at least the prior divided by it. The QRS complex of the
/// default weights then keeps 0.2 and no other part gets more than 0.6.
pub const WEIGHT_FACTOR_MAX: f64 = 3.0;
/// Added to the scatter of each part: 1 less the coefficient of a beat as like the template as noise allows. Without
/// it, a part that scatters by 0.001 would take all weight from one that scatters by 0.01, and both are steady.
const SCATTER_FLOOR: f64 = 0.1;
/// Halvings of the interval in which the scale of the weights lies; the last is below the resolution of a sum near 1.
const HALVINGS: u32 = 60;

/// The weights of one patient: the prior ones until [`WEIGHT_BEATS`] normal beats were seen, then those learnt from
/// them, for good.
#[derive(Debug, Clone)]
pub struct PersonalWeights {
    prior: Weights,
    weights: Weights,
    // Sum over the beats of 1 less the coefficient, of each part.
    scatter: [f64; 3],
    beats: u32,
}

impl PersonalWeights {
    /// Nothing learnt yet.
    pub const fn new(prior: Weights) -> Self {
        Self { prior, weights: prior, scatter: [0.0; 3], beats: 0 }
    }

    /// Takes the correlation of a beat in state normal with the patient's template, made with [`Self::value`]. The same
    /// beats count as in [`crate::template::Threshold::learn`], so that the threshold, which is learnt afterwards, never
    /// waits for beats that do not come.
    pub fn learn(&mut self, correlation: &Correlation) {
        let Correlation::Defined { rho, parts, .. } = correlation else { return };
        if self.is_learnt() || *rho < THRESHOLD_MIN {
            return;
        }
        for (sum, part) in self.scatter.iter_mut().zip(parts) {
            // Opposite is not less steady than unlike.
            *sum += (1.0 - part).clamp(0.0, 1.0);
        }
        self.beats += 1;
        if self.is_learnt() {
            let mean = self.scatter.map(|sum| sum / f64::from(self.beats));
            self.weights = weigh(self.prior, mean);
        }
    }

    /// Whether the patient's own beats decide already.
    pub fn is_learnt(&self) -> bool {
        self.beats >= WEIGHT_BEATS
    }

    /// The present weights.
    pub fn value(&self) -> Weights {
        self.weights
    }
}

/// Prior weights divided by the parts' scatter, scaled to sum 1 within the bounds. At scale 0 all are at their lower
/// bounds and sum to a third, at a large one at their upper bounds and sum to three; the sum grows between.
fn weigh(prior: Weights, scatter: [f64; 3]) -> Weights {
    let prior_of = Part::ALL.map(|part| prior.of(part));
    let scaled = |scale: f64| {
        let mut out = prior_of;
        for (w, s) in out.iter_mut().zip(scatter) {
            *w *= (scale / (SCATTER_FLOOR + s)).clamp(1.0 / WEIGHT_FACTOR_MAX, WEIGHT_FACTOR_MAX);
        }
        out
    };
    let (mut low, mut high) = (0.0, WEIGHT_FACTOR_MAX * (SCATTER_FLOOR + 1.0));
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if scaled(middle).iter().sum::<f64>() < 1.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    let [pr, qrs, st] = scaled(high);
    Weights::new(pr, qrs, st).unwrap_or(prior)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        correlate::{Form, correlate},
        segment::{CYCLE_WITH_MARGINS, Cycle},
        template::Threshold,
    };
    use proptest::prelude::*;

    /// A normal beat; `p` is the height of its P wave in millivolts.
    fn beat(p: f32) -> Cycle {
        let mut mv = [0.0; CYCLE_WITH_MARGINS];
        for (i, v) in mv.iter_mut().enumerate() {
            let t = |centre: f32, w: f32| libm::expf(-(i as f32 - centre) * (i as f32 - centre) / (w * w));
            *v = t(18.0, 8.0) + t(306.0, 8.0) + 0.3 * t(110.0, 25.0) + p * t(240.0, 12.0);
        }
        Cycle::from_millivolts(mv)
    }

    fn seen(beat: &Cycle, weights: Weights) -> Correlation {
        correlate(&self::beat(0.15), beat, Form::VersionB, weights, 1e-6)
    }

    fn parts_of(weights: Weights) -> [f64; 3] {
        Part::ALL.map(|part| weights.of(part))
    }

    /// The `i`th beat of a patient whose P wave comes and goes.
    fn comes_and_goes(i: u32) -> Cycle {
        beat(if i.is_multiple_of(2) { 0.15 } else { 0.0 })
    }

    #[test]
    fn a_p_wave_that_comes_and_goes_weighs_less_and_raises_the_threshold() {
        // So much weight on the PR part that the fixed threshold is not at its upper bound.
        let prior = Weights::new(0.5, 0.3, 0.2).unwrap();
        let mut personal = PersonalWeights::new(prior);
        for i in 0..WEIGHT_BEATS {
            assert!(!personal.is_learnt() && personal.value() == prior, "{i}");
            personal.learn(&seen(&comes_and_goes(i), personal.value()));
        }
        assert!(personal.is_learnt());
        let [pr, qrs, st] = parts_of(personal.value());
        assert!(pr < 0.25 && qrs > 0.4 && st > 0.25, "{pr} {qrs} {st}");
        let threshold = |weights| {
            let mut threshold = Threshold::new();
            (0..200).for_each(|i| threshold.learn(&seen(&comes_and_goes(i), weights)));
            threshold.value()
        };
        let (with_prior, with_own) = (threshold(prior), threshold(personal.value()));
        assert!(with_own > with_prior + 0.05, "{with_prior} {with_own}");
    }

    #[test]
    fn a_steady_patient_keeps_the_prior_weights() {
        let prior = Weights::new(0.3, 0.5, 0.2).unwrap();
        let mut personal = PersonalWeights::new(prior);
        (0..WEIGHT_BEATS).for_each(|_| personal.learn(&seen(&beat(0.15), prior)));
        assert!(personal.is_learnt());
        for (own, prior) in parts_of(personal.value()).iter().zip(parts_of(prior)) {
            assert!((own - prior).abs() < 1e-3, "{own} {prior}");
        }
    }

    #[test]
    fn foreign_beats_and_later_beats_change_nothing() {
        let prior = Weights::default();
        let of = |rho, parts| Correlation::Defined { rho, lag: 0, parts };
        let mut personal = PersonalWeights::new(prior);
        (0..500).for_each(|_| personal.learn(&of(0.1, [-1.0, 0.2, 0.0])));
        assert!(!personal.is_learnt());
        (0..WEIGHT_BEATS).for_each(|_| personal.learn(&of(0.9, [0.9; 3])));
        let learnt = personal.value();
        (0..500).for_each(|_| personal.learn(&of(0.5, [0.9, 0.3, 0.9])));
        assert_eq!(personal.value(), learnt);
    }

    proptest! {
        #[test]
        fn weights_sum_to_one_within_bounds(
            prior in prop::array::uniform3(0.0f64..1.0),
            parts in prop::array::uniform3(-1.0f64..=1.0),
        ) {
            let Ok(prior) = Weights::new(prior[0], prior[1], prior[2]) else { return Ok(()) };
            let mut personal = PersonalWeights::new(prior);
            for _ in 0..WEIGHT_BEATS {
                personal.learn(&Correlation::Defined { rho: 0.5, lag: 0, parts });
            }
            let own = parts_of(personal.value());
            prop_assert!((own.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            for (own, prior) in own.iter().zip(parts_of(prior)) {
                let bounds = prior / WEIGHT_FACTOR_MAX..=prior * WEIGHT_FACTOR_MAX;
                prop_assert!(*own >= bounds.start() - 1e-12 && *own <= bounds.end() + 1e-12);
            }
        }
    }
}
