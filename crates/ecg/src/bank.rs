//! Second and third normal shapes of a patient: bundle branch block that comes and goes, pacing, pre-excitation,
//! aberrant conduction.
//!
//! A shape unlike the template is remembered; when it recurs often enough, over minutes, at a rate that is no
//! emergency, it is known. A known shape speaks for normal in the vote on changed shapes, never against the rules that
//! look at rate, width or fibrillation.

use crate::{
    correlate::{Correlation, Form, Weights, correlate},
    segment::{CYCLE_WITH_MARGINS, Cycle},
};

/// Shapes remembered, known or not.
const SHAPES: usize = 4;
/// Correlation (version A) that beats of one shape reach, as in the template.
pub(crate) const SAME_SHAPE_RHO: f64 = 0.85;
/// Beats of a shape before it is known.
const KNOWN_BEATS: u32 = 30;
/// Time over which they must have come, in seconds: a run of tachycardia does not last so long unnoticed.
const KNOWN_SPAN_S: f64 = 60.0;
/// Shortest and longest RR interval of beats that are learnt from, in seconds (35 to 100 per minute).
const RR_LEARN_S: core::ops::RangeInclusive<f64> = 0.6..=1.72;
/// Share of a new beat that enters its shape.
const UPDATE_SHARE: f32 = 0.125;

#[derive(Debug, Clone, Copy)]
struct Shape {
    // Microvolts, to halve the memory.
    microvolts: [i16; CYCLE_WITH_MARGINS],
    beats: u32,
    first_s: f64,
    last_s: f64,
}

impl Shape {
    fn is_known(&self) -> bool {
        self.beats >= KNOWN_BEATS && self.last_s - self.first_s >= KNOWN_SPAN_S
    }
}

/// The shapes of one patient besides the template.
#[derive(Debug, Clone)]
pub struct Bank {
    shapes: [Option<Shape>; SHAPES],
}

impl Bank {
    /// Knows no shape.
    pub const fn new() -> Self {
        Self { shapes: [None; SHAPES] }
    }

    /// How many shapes are known.
    pub fn known(&self) -> usize {
        self.shapes.iter().flatten().filter(|s| s.is_known()).count()
    }

    /// Whether the cycle has a known shape.
    pub fn knows(&self, cycle: &Cycle, weights: Weights) -> bool {
        self.shapes.iter().flatten().filter(|s| s.is_known()).any(|s| alike(s, cycle, weights))
    }

    /// Takes a beat unlike the template, of a good signal and no emergency, `at_s` seconds after the start.
    pub fn learn(&mut self, cycle: &Cycle, rr_s: f64, at_s: f64, weights: Weights) {
        if !RR_LEARN_S.contains(&rr_s) {
            return;
        }
        if let Some(shape) = self.shapes.iter_mut().flatten().find(|s| alike(s, cycle, weights)) {
            for (old, new) in shape.microvolts.iter_mut().zip(cycle.with_margins()) {
                let old_mv = f32::from(*old);
                *old = libm::rintf(old_mv + UPDATE_SHARE * (1000.0 * new - old_mv)) as i16;
            }
            shape.beats += 1;
            shape.last_s = at_s;
            return;
        }
        let stalest = |s: &&mut Option<Shape>| match s {
            None => -1.0,
            // A known shape makes room only for want of unknown ones.
            Some(s) => s.last_s + if s.is_known() { f64::from(u32::MAX) } else { 0.0 },
        };
        if let Some(slot) = self.shapes.iter_mut().min_by(|a, b| stalest(a).total_cmp(&stalest(b))) {
            let microvolts = cycle.with_margins().map(|v| libm::rintf(v * 1000.0) as i16);
            *slot = Some(Shape { microvolts, beats: 1, first_s: at_s, last_s: at_s });
        }
    }
}

impl Default for Bank {
    fn default() -> Self {
        Self::new()
    }
}

fn alike(shape: &Shape, cycle: &Cycle, weights: Weights) -> bool {
    let reference = Cycle::from_millivolts(shape.microvolts.map(|v| f32::from(v) / 1000.0));
    match correlate(&reference, cycle, Form::VersionA, weights, 0.0) {
        Correlation::Defined { rho, .. } => rho >= SAME_SHAPE_RHO,
        Correlation::Degenerate(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(width: f32) -> Cycle {
        let mut mv = [0.0; CYCLE_WITH_MARGINS];
        for (i, v) in mv.iter_mut().enumerate() {
            let t = |centre: f32, w: f32| libm::expf(-(i as f32 - centre) * (i as f32 - centre) / (w * w));
            *v = t(18.0, width) + t(306.0, width) - 0.3 * t(110.0, 25.0);
        }
        Cycle::from_millivolts(mv)
    }

    #[test]
    fn a_shape_is_known_after_beats_and_time() {
        let (w, mut bank) = (Weights::default(), Bank::new());
        for i in 0..29 {
            bank.learn(&beat(30.0), 0.9, f64::from(i), w);
        }
        assert!(!bank.knows(&beat(30.0), w), "29 beats");
        for i in 29..60 {
            bank.learn(&beat(30.0), 0.9, f64::from(i), w);
        }
        assert!(!bank.knows(&beat(30.0), w), "59 s");
        bank.learn(&beat(30.0), 0.9, 61.0, w);
        assert!(bank.knows(&beat(30.0), w) && !bank.knows(&beat(6.0), w));
        assert_eq!(bank.known(), 1);
    }

    #[test]
    fn fast_beats_are_not_learnt_and_known_shapes_stay() {
        let (w, mut bank) = (Weights::default(), Bank::new());
        (0..100).for_each(|i| bank.learn(&beat(30.0), 0.5, f64::from(i), w));
        assert_eq!(bank.known(), 0);
        (0..100).for_each(|i| bank.learn(&beat(30.0), 0.9, f64::from(i), w));
        let mut noise = [0.0; CYCLE_WITH_MARGINS];
        for k in 1..50 {
            noise.iter_mut().enumerate().for_each(|(i, v)| *v = libm::sinf((i * i * k) as f32));
            bank.learn(&Cycle::from_millivolts(noise), 0.9, 100.0 + k as f64, w);
        }
        assert!(bank.knows(&beat(30.0), w));
    }
}
