//! What is normal for this patient: a template beat, and the correlation below which a beat is called different.

use crate::{
    correlate::{Correlation, Form, Weights, correlate},
    segment::{CYCLE_WITH_MARGINS, Cycle},
};

/// Beats whose median makes a template.
pub const TEMPLATE_BEATS: usize = 8;
/// Correlation (version A) with their common median that beats of one kind reach.
const MUTUAL_RHO: f64 = 0.85;
/// An RR interval within this share of the median of the collected ones is plausible for a normal beat.
const RR_TOLERANCE: f64 = 0.25;
/// Share of a new median that enters an existing template: a slow change is followed, a sudden one is not.
const UPDATE_SHARE: f32 = 0.125;
/// Shortest and longest RR interval of a beat that is learnt from, in seconds (35 to 180 per minute).
const RR_LEARN_S: core::ops::RangeInclusive<f64> = 0.333..=1.72;

/// The template of one patient. Feed it normal beats only, see [`Template::learn`].
#[derive(Debug, Clone)]
pub struct Template {
    reference: Option<Cycle>,
    // Microvolts, to halve the memory.
    collected: [[i16; CYCLE_WITH_MARGINS]; TEMPLATE_BEATS],
    rr_s: [f64; TEMPLATE_BEATS],
    count: usize,
}

impl Template {
    /// No template yet.
    pub const fn new() -> Self {
        Self {
            reference: None,
            collected: [[0; CYCLE_WITH_MARGINS]; TEMPLATE_BEATS],
            rr_s: [0.0; TEMPLATE_BEATS],
            count: 0,
        }
    }

    /// The template, once at least [`TEMPLATE_BEATS`] beats agreed.
    pub fn reference(&self) -> Option<&Cycle> {
        self.reference.as_ref()
    }

    /// Forgets half-collected beats, not the template: after a gap or an emergency.
    pub fn discard_collected(&mut self) {
        self.count = 0;
    }

    /// Takes a beat of a time that is not an emergency: any beat while there is no template, then normal beats only.
    /// Returns whether the template changed.
    pub fn learn(&mut self, cycle: &Cycle, rr_s: f64, weights: Weights) -> bool {
        if !RR_LEARN_S.contains(&rr_s) {
            return false;
        }
        if let (Some(slot), Some(rr)) = (self.collected.get_mut(self.count), self.rr_s.get_mut(self.count)) {
            for (s, v) in slot.iter_mut().zip(cycle.with_margins()) {
                *s = libm::rintf(v * 1000.0) as i16;
            }
            *rr = rr_s;
            self.count += 1;
        }
        if self.count < TEMPLATE_BEATS {
            return false;
        }
        let median = self.median();
        self.keep_agreeing(&median, weights);
        if self.count < TEMPLATE_BEATS {
            return false;
        }
        self.count = 0;
        self.reference = Some(match &self.reference {
            None => median,
            Some(old) => blend(old, &median),
        });
        true
    }

    /// Drops collected beats that differ from the median in shape or interval.
    fn keep_agreeing(&mut self, median: &Cycle, weights: Weights) {
        let mut sorted = self.rr_s;
        sorted.sort_unstable_by(f64::total_cmp);
        let [_, _, _, low, high, ..] = sorted;
        let rr_median = 0.5 * (low + high);
        let mut kept = 0;
        for i in 0..self.count {
            let (Some(beat), Some(&rr)) = (self.collected.get(i).copied(), self.rr_s.get(i)) else {
                continue;
            };
            // Beats for an update were compared with the template before they came here.
            let alike = self.reference.is_some()
                || correlate(median, &to_cycle(&beat), Form::VersionA, weights, 0.0)
                    .rho()
                    .is_some_and(|r| r >= MUTUAL_RHO);
            let agrees = alike && (rr / rr_median - 1.0).abs() <= RR_TOLERANCE;
            if agrees && let (Some(slot), Some(to)) = (self.collected.get_mut(kept), self.rr_s.get_mut(kept))
            {
                *slot = beat;
                *to = rr;
                kept += 1;
            }
        }
        // Two kinds of beats in equal numbers agree with neither: start again.
        self.count = if kept < TEMPLATE_BEATS / 2 { 0 } else { kept };
    }

    fn median(&self) -> Cycle {
        let mut out = [0.0; CYCLE_WITH_MARGINS];
        for (i, slot) in out.iter_mut().enumerate() {
            let mut column = [0i16; TEMPLATE_BEATS];
            for (value, beat) in column.iter_mut().zip(&self.collected) {
                *value = beat.get(i).copied().unwrap_or(0);
            }
            column.sort_unstable();
            let [_, _, _, low, high, ..] = column;
            *slot = (f32::from(low) + f32::from(high)) / 2000.0;
        }
        Cycle::from_millivolts(out)
    }
}

impl Default for Template {
    fn default() -> Self {
        Self::new()
    }
}

fn to_cycle(microvolts: &[i16; CYCLE_WITH_MARGINS]) -> Cycle {
    Cycle::from_millivolts(microvolts.map(|v| f32::from(v) / 1000.0))
}

fn blend(old: &Cycle, new: &Cycle) -> Cycle {
    let mut out = *old.with_margins();
    out.iter_mut().zip(new.with_margins()).for_each(|(o, n)| *o += UPDATE_SHARE * (n - *o));
    Cycle::from_millivolts(out)
}

/// Threshold until enough beats were seen: between a noisy normal beat and a ventricular one.
pub const THRESHOLD_DEFAULT: f64 = 0.4;
/// Lowest threshold a patient can get: ventricular beats and fibrillation lie below.
pub const THRESHOLD_MIN: f64 = 0.3;
/// Highest threshold a patient can get: a quiet first minute must not make later noise an emergency. With 0.85 the
/// MIT-BIH records gave a third more emergencies.
pub const THRESHOLD_MAX: f64 = 0.6;
/// Beats before the learnt threshold replaces the default: the 1st percentile of fewer is their minimum.
pub const THRESHOLD_BEATS_MIN: u32 = 100;
/// Beats after which the threshold stays: about five minutes.
pub const THRESHOLD_BEATS_MAX: u32 = 400;
const BINS: usize = 120;

/// The patient's correlation threshold: the 1st percentile of normal beats of the first minutes, within bounds.
#[derive(Debug, Clone)]
pub struct Threshold {
    // Histogram of coefficients between THRESHOLD_MIN and 1.
    bins: [u16; BINS],
    beats: u32,
}

impl Threshold {
    /// Nothing learnt yet.
    pub const fn new() -> Self {
        Self { bins: [0; BINS], beats: 0 }
    }

    /// Takes the correlation of a beat in state normal. Beats below [`THRESHOLD_MIN`] are no normal beats and beats
    /// after the first [`THRESHOLD_BEATS_MAX`] change nothing.
    pub fn learn(&mut self, correlation: &Correlation) {
        let Some(rho) = correlation.rho().filter(|r| *r >= THRESHOLD_MIN) else { return };
        if self.beats >= THRESHOLD_BEATS_MAX {
            return;
        }
        let bin = ((rho - THRESHOLD_MIN) / (1.0 - THRESHOLD_MIN) * BINS as f64) as usize;
        if let Some(count) = self.bins.get_mut(bin.min(BINS - 1)) {
            *count += 1;
            self.beats += 1;
        }
    }

    /// Whether the patient's own beats decide already.
    pub fn is_learnt(&self) -> bool {
        self.beats >= THRESHOLD_BEATS_MIN
    }

    /// Beats with a coefficient below this are different.
    pub fn value(&self) -> f64 {
        if !self.is_learnt() {
            return THRESHOLD_DEFAULT;
        }
        let mut below = 0u32;
        for (i, count) in self.bins.iter().enumerate() {
            below += u32::from(*count);
            if below * 100 > self.beats {
                let rho = THRESHOLD_MIN + (1.0 - THRESHOLD_MIN) * i as f64 / BINS as f64;
                return rho.clamp(THRESHOLD_MIN, THRESHOLD_MAX);
            }
        }
        THRESHOLD_MAX
    }
}

impl Default for Threshold {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(width: f32, gain: f32) -> Cycle {
        let mut mv = [0.0; CYCLE_WITH_MARGINS];
        for (i, v) in mv.iter_mut().enumerate() {
            let t = |centre: f32, w: f32| libm::expf(-(i as f32 - centre) * (i as f32 - centre) / (w * w));
            *v = gain * (t(18.0, width) + t(306.0, width) + 0.3 * t(110.0, 25.0) + 0.1 * t(260.0, 12.0));
        }
        Cycle::from_millivolts(mv)
    }

    #[test]
    fn eight_agreeing_beats_make_a_template_and_others_do_not() {
        let (w, mut template) = (Weights::default(), Template::new());
        let (normal, wide) = (beat(8.0, 1.0), beat(40.0, -1.5));
        for i in 0..7 {
            assert!(!template.learn(&normal, 0.8, w), "{i}");
        }
        assert!(!template.learn(&wide, 0.8, w), "one differs");
        assert!(!template.learn(&normal, 2.5, w), "no plausible interval");
        assert!(!template.learn(&normal, 0.4, w), "too early");
        assert!(template.learn(&normal, 0.82, w));
        let rho = correlate(template.reference().unwrap(), &normal, Form::VersionB, w, 0.0).rho().unwrap();
        assert!(rho > 0.999, "{rho}");
        let rho = correlate(template.reference().unwrap(), &wide, Form::VersionB, w, 0.0).rho().unwrap();
        assert!(rho < THRESHOLD_MIN, "{rho}");
    }

    #[test]
    fn template_follows_slowly() {
        let (w, mut template) = (Weights::default(), Template::new());
        for _ in 0..8 {
            template.learn(&beat(8.0, 1.0), 0.8, w);
        }
        for _ in 0..8 {
            template.learn(&beat(8.0, 2.0), 0.8, w);
        }
        let peak = template.reference().unwrap().with_margins()[18];
        assert!((peak - 1.125).abs() < 0.01, "{peak}");
    }

    #[test]
    fn threshold_is_the_first_percentile_within_bounds() {
        let defined = |rho| Correlation::Defined { rho, lag: 0, parts: [rho; 3] };
        let mut t = Threshold::new();
        assert_eq!(t.value(), THRESHOLD_DEFAULT);
        for i in 0..200 {
            t.learn(&defined(if i % 50 == 0 { 0.50 } else { 0.95 }));
            t.learn(&defined(-0.3));
        }
        assert!(t.is_learnt() && (t.value() - 0.50).abs() < 0.01, "{}", t.value());
        let mut quiet = Threshold::new();
        (0..500).for_each(|_| quiet.learn(&defined(0.999)));
        assert_eq!(quiet.value(), THRESHOLD_MAX);
    }
}
