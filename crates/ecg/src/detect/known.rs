//! What is known of this heart from its last beats, and the evidence that gives for or against the next candidate.

use super::{level::Level, measure::Measured, shape::Memory};

/// Number of evidence values.
pub const EVIDENCE: usize = 20;

/// Weights of the evidence, learnt by `examples/tune.rs`; positive speaks for a beat. Squares, products and a look at
/// the candidate that follows were tried too: they gain a little on the records they are learnt from, and lose on a
/// record with complexes unlike the others' (MIT-BIH 203 left out: 115 errors with them, 59 without).
#[rustfmt::skip]
pub const WEIGHTS: [f32; EVIDENCE] = [
    // Bias.
    -1.325,
    // Logarithm of the height as a share of the usual height.
    0.920,
    // Logarithm of the usual height of what was rejected as a share of the usual height of beats.
    -0.735,
    // Share of the usual RR interval that is missing; and that is too much.
    -3.441, 0.768,
    // Share that is missing of the time within which the last beat's T wave lies.
    -5.389,
    // Likeness to the last beats: form and whole of the highest, form and whole of the third highest.
    0.845, 3.406, -0.486, 1.115,
    // Likeness to what was rejected: whole of the highest and of the third highest.
    0.063, -4.162,
    // Logarithms of the valleys and of the surroundings as shares of the height: a burst of noise has no valleys.
    -0.788, 0.719,
    // Logarithm of the noise above the band as a share of the height; and of its usual size.
    -1.971, -0.288,
    // Logarithm of the height as a share of the swing.
    -0.002,
    // Logarithm of the steepest slope as a share of the usual one.
    -0.533,
    // Logarithms of height and steepest slope as shares of the third highest of the last eight.
    1.422, 0.579,
];

/// The last RR intervals are taken as between these.
const RR_MIN_S: f32 = 0.25;
const RR_MAX_S: f32 = 2.0;
/// Until when the last beat's T wave is expected.
const T_WAVE_S: f32 = 0.4;
/// Least usual noise above the band: the ADC's steps, mV.
const RESIDUE_MIN_MV: f32 = 0.002;
/// Highest level, mV of envelope: beyond it there is an artefact, not a heart.
pub(super) const LEVEL_MAX_MV: f32 = 2.0;

/// A peak of the envelope: how long after the last beat, and how high.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peak {
    pub(super) waited_s: Option<f32>,
    pub(super) height: f32,
}

/// What is known of this heart.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// Heights of the last beats, mV of envelope.
    pub(super) signal: Level,
    /// Heights of the last rejected candidates.
    noise: Level,
    /// RR intervals, seconds.
    pub(super) rr: Level,
    steepest: Level,
    residue: Level,
    beats: Memory,
    others: Memory,
}

impl Known {
    /// Nothing but a guess at the height of a beat, 0 for none, and what was measured at one that may be a beat.
    pub(super) fn new(height: f32, example: Option<Measured>) -> Self {
        let (steepest, residue) = example.map_or((0.0, 0.0), |m| (m.steepest, m.residue));
        Self {
            signal: Level::new(height),
            noise: Level::new(0.1 * height),
            rr: Level::new(0.8),
            steepest: Level::new(steepest),
            residue: Level::new(residue),
            beats: Memory::new(),
            others: Memory::new(),
        }
    }

    /// The evidence on a candidate.
    pub(super) fn evidence(&self, peak: Peak, m: &Measured) -> [f32; EVIDENCE] {
        let (usual, rr) = (self.signal.median, self.rr.median);
        let waited = peak.waited_s.unwrap_or(rr);
        let early = (1.0 - waited / rr).max(0.0);
        let late = (waited / rr - 1.0).clamp(0.0, 1.5);
        let t_wave = (1.0 - waited / T_WAVE_S).max(0.0);
        let (beat, beats) = self.beats.likeness(&m.shape);
        let (other, others) = self.others.likeness(&m.shape);
        [
            1.0,
            ln_ratio(peak.height, usual),
            ln_ratio(self.noise.median, usual),
            early,
            late,
            t_wave,
            beat.form,
            beat.whole,
            beats.form,
            beats.whole,
            other.whole,
            others.whole,
            ln_ratio(m.valley, peak.height),
            ln_ratio(m.surroundings, peak.height),
            ln_ratio(m.residue, peak.height),
            ln_ratio(m.residue, self.residue.median.max(RESIDUE_MIN_MV)),
            ln_ratio(peak.height, m.swing),
            ln_ratio(m.steepest, self.steepest.median),
            ln_ratio(peak.height, self.signal.upper),
            ln_ratio(m.steepest, self.steepest.upper),
        ]
    }

    pub(super) fn accept(&mut self, peak: Peak, m: &Measured) {
        self.signal.push(peak.height.min(LEVEL_MAX_MV));
        self.steepest.push(m.steepest);
        self.residue.push(m.residue);
        self.beats.keep(m.shape);
        if let Some(waited) = peak.waited_s {
            self.rr.push(waited.clamp(RR_MIN_S, RR_MAX_S));
        }
    }

    pub(super) fn reject(&mut self, peak: Peak, m: &Measured) {
        self.noise.push(peak.height.min(self.signal.median));
        self.others.keep(m.shape);
    }

    /// No beat for long. Where candidates as high as the usual height were rejected the evidence is mistaken, as after
    /// a signal that was lost for a while: what they are like is learnt afresh. Otherwise the heart may have become
    /// smaller, and the levels fall slowly, lest the P waves of a ventricle that stands still become beats at once.
    pub(super) fn doubt(&mut self, rejected: f32, example: Option<Measured>) {
        if rejected > self.signal.median {
            *self = Self { rr: self.rr, ..Self::new(rejected, example) };
        } else {
            self.signal.scale(0.5);
            self.noise.scale(0.7);
            self.steepest.scale(0.5);
            self.others = Memory::new();
        }
    }
}

/// Logarithm of a ratio, bounded, and defined for nothing against nothing.
fn ln_ratio(a: f32, b: f32) -> f32 {
    const TINY: f32 = 1e-5;
    libm::logf((a + TINY) / (b + TINY)).clamp(-4.0, 4.0)
}
