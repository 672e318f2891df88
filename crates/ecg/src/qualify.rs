//! Signal quality over sliding windows of five seconds: lead off, saturation, noise, motion. Mains that are taken away
//! are no noise, as long as beats are seen with them: so a heart that stopped before, or one of which no beat was seen
//! since strong mains came, is not judged.

use crate::{SampleRate, clean::Cleaned};

/// Length of one block in seconds; a window is made of ten.
const BLOCK_S: f64 = 0.5;
/// Blocks of a window: 5 s.
const WINDOW_BLOCKS: u32 = 10;
/// Blocks in a row without any signal that mean lead off: 2 s, sooner than a pause (3 s) or asystole (4 s) is called.
const FLAT_BLOCKS: u32 = 4;
/// Bad blocks of the last ten that make the signal poor.
const BAD_BLOCKS: u32 = 3;
/// A raw signal that moves less than this within a block is flat, in mV: below the noise of any electrode on skin.
const FLAT_MV: f32 = 0.012;
/// Share of samples at a rail that makes a block saturated, in percent.
const RAIL_PERCENT: u32 = 5;
/// Quietest tenth of a block above this is noise, in mV mean magnitude above 40 Hz.
const NOISE_MV: f32 = 0.19;
/// A cleaned signal spanning more than this within a block is motion, in mV: twice the tallest QRS complex.
const MOTION_MV: f32 = 10.0;
/// The mean of the raw signal moving more than this within a second is an electrode that comes off or on, in mV: the
/// half-cell potential and the amplifier's recovery, not wander. Mean of a second, so that no QRS complex does it.
const STEP_MV: f32 = 2.0;
/// Blocks for which the filters, here and in the amplifier, are not to be trusted after such a step: 7 s.
const STEP_BLOCKS: u32 = 14;
/// Weaker mains are never in question, amplitude in mV: as noise they would not make a signal poor either.
const MAINS_FREE_MV: f32 = 0.3;
/// Mains may rise by this factor above those that were there with beats of a heart. They are taken away, but an
/// electrode that hangs loose picks up many times what an attached one does, and shows a flat line beneath.
const MAINS_RISE: f32 = 1.5;
/// How much of earlier, stronger mains is remembered from beat to beat: they swell and fade as a patient moves.
const MAINS_KEPT: f32 = 0.98;
/// Beats in a row that show that there is a heart beneath the mains.
const HEART_BEATS: u32 = 4;
/// Parts of a block in which the quietest is looked for, so that a QRS complex is not taken for noise.
const SUB_BLOCKS: u32 = 5;

/// Why a signal is poor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoorReason {
    /// No signal at all: the electrode or cable is off (or the amplifier is).
    LeadOff,
    /// The ADC is at its limit.
    Saturated,
    /// Muscle noise, or mains that are not taken away or with which no heart was seen.
    Noise,
    /// Swings that no heart makes, or an electrode that has just come off or on.
    Motion,
}

/// Quality of the last seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quality {
    /// Fit to judge.
    Good,
    /// Not fit to judge.
    Poor(PoorReason),
}

#[derive(Debug, Clone, Copy)]
struct Block {
    samples: u32,
    lowest: f32,
    highest: f32,
    shape_lowest: f32,
    shape_highest: f32,
    raw_sum: f32,
    at_rail: u32,
    noise_sum: f32,
    noise_samples: u32,
    quietest: f32,
    mains: f32,
}

impl Block {
    const EMPTY: Self = Self {
        samples: 0,
        lowest: f32::MAX,
        highest: f32::MIN,
        shape_lowest: f32::MAX,
        shape_highest: f32::MIN,
        raw_sum: 0.0,
        at_rail: 0,
        noise_sum: 0.0,
        noise_samples: 0,
        quietest: f32::MAX,
        mains: 0.0,
    };
}

/// The quality of one lead.
#[derive(Debug, Clone)]
pub struct Qualifier {
    block_len: u32,
    sub_len: u32,
    block: Block,
    // One bit per past block, newest lowest.
    flat: u32,
    saturated: u32,
    noisy: u32,
    moving: u32,
    stepped: u32,
    // Means of the last two blocks in mV, newest first.
    means_mv: [Option<f32>; 2],
    noise_mv: f32,
    // Greatest amplitudes in mV of the mains taken away in the last blocks, newest first, and that with which beats were
    // seen. Blocks of 2 s: a beat is reported that late, and may have been before the electrode came off.
    mains_mv: [f32; 4],
    mains_with_heart_mv: f32,
    heart_beats: u32,
}

impl Qualifier {
    /// For signals sampled at `rate`.
    pub fn new(rate: SampleRate) -> Self {
        let block_len = rate.samples(BLOCK_S).max(SUB_BLOCKS.into()) as u32;
        Self {
            block_len,
            sub_len: block_len / SUB_BLOCKS,
            block: Block::EMPTY,
            flat: 0,
            saturated: 0,
            noisy: 0,
            moving: 0,
            stepped: 0,
            means_mv: [None; 2],
            noise_mv: 0.0,
            mains_mv: [0.0; 4],
            mains_with_heart_mv: 0.0,
            heart_beats: 0,
        }
    }

    /// Starts afresh after a gap, but for the mains that are usual here.
    pub fn restart(&mut self, rate: SampleRate) {
        *self = Self { mains_with_heart_mv: self.mains_with_heart_mv, ..Self::new(rate) };
    }

    /// Tells of a beat whether it is like this patient's, or like the one before it.
    pub fn beat(&mut self, alike: bool) {
        self.heart_beats = if alike { self.heart_beats.saturating_add(1) } else { 0 };
        if self.heart_beats >= HEART_BEATS {
            let lately = self.mains_mv.iter().copied().fold(f32::MAX, f32::min);
            self.mains_with_heart_mv = lately.max(MAINS_KEPT * self.mains_with_heart_mv);
        }
    }

    /// Takes a sample: raw in mV, whether it is at a limit of the ADC, and cleaned. Returns the quality at the end of
    /// each half second.
    pub fn push(&mut self, raw_mv: f32, at_rail: bool, cleaned: Cleaned) -> Option<Quality> {
        let b = &mut self.block;
        b.samples += 1;
        let without_mains = raw_mv - cleaned.mains_mv;
        b.lowest = b.lowest.min(without_mains);
        b.highest = b.highest.max(without_mains);
        b.shape_lowest = b.shape_lowest.min(cleaned.shape_mv);
        b.shape_highest = b.shape_highest.max(cleaned.shape_mv);
        b.raw_sum += raw_mv;
        b.at_rail += u32::from(at_rail);
        b.mains = b.mains.max(cleaned.mains_amplitude_mv);
        b.noise_sum += cleaned.residue_mv.abs();
        b.noise_samples += 1;
        if b.noise_samples >= self.sub_len {
            b.quietest = b.quietest.min(b.noise_sum / b.noise_samples as f32);
            (b.noise_sum, b.noise_samples) = (0.0, 0);
        }
        if b.samples < self.block_len {
            return None;
        }
        let b = core::mem::replace(b, Block::EMPTY);
        let note = |history: &mut u32, bad: bool| *history = *history << 1 | u32::from(bad);
        note(&mut self.flat, b.highest - b.lowest < FLAT_MV);
        note(&mut self.saturated, b.at_rail * 100 > b.samples * RAIL_PERCENT);
        let [last, second, third, _] = self.mains_mv;
        self.mains_mv = [b.mains, last, second, third];
        let loose = b.mains > MAINS_FREE_MV.max(MAINS_RISE * self.mains_with_heart_mv);
        note(&mut self.noisy, b.quietest > NOISE_MV || loose);
        note(&mut self.moving, b.shape_highest - b.shape_lowest > MOTION_MV);
        let mean = b.raw_sum / b.samples as f32;
        let [last, before] = self.means_mv;
        let far = |m: Option<f32>| m.is_some_and(|m| (mean - m).abs() > STEP_MV);
        note(&mut self.stepped, far(last) || far(before));
        self.means_mv = [Some(mean), last];
        self.noise_mv += 0.25 * (b.quietest - self.noise_mv);
        Some(self.quality())
    }

    /// Quality of the last window.
    pub fn quality(&self) -> Quality {
        let bad = |history: u32| (history & ((1 << WINDOW_BLOCKS) - 1)).count_ones() >= BAD_BLOCKS;
        let flat = (1 << FLAT_BLOCKS) - 1;
        if self.flat & flat == flat {
            Quality::Poor(PoorReason::LeadOff)
        } else if bad(self.saturated) {
            Quality::Poor(PoorReason::Saturated)
        } else if bad(self.moving) || self.stepped & ((1 << STEP_BLOCKS) - 1) != 0 {
            Quality::Poor(PoorReason::Motion)
        } else if bad(self.noisy) {
            Quality::Poor(PoorReason::Noise)
        } else {
            Quality::Good
        }
    }

    /// Noise variance in mV^2, measured in the quietest parts of the last blocks: the noise floor of the correlation.
    pub fn noise_mv2(&self) -> f64 {
        f64::from(self.noise_mv) * f64::from(self.noise_mv)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clean::Cleaner;

    fn judge(seconds: u32, signal: impl Fn(u32) -> (f32, bool)) -> Quality {
        let rate = SampleRate::new(250.0).unwrap();
        let (mut q, mut c) = (Qualifier::new(rate), Cleaner::new(rate));
        let mut last = Quality::Good;
        for i in 0..seconds * 250 {
            let (mv, rail) = signal(i);
            if let Some(quality) = q.push(mv, rail, c.push(mv)) {
                last = quality;
            }
        }
        last
    }

    fn beats(i: u32) -> f32 {
        let t = (i % 200) as f32 - 50.0;
        libm::expf(-t * t / 10.0) + 0.03 * libm::sinf(i as f32 / 40.0)
    }

    #[test]
    fn each_fault_has_its_name() {
        assert_eq!(judge(10, |i| (beats(i), false)), Quality::Good);
        assert_eq!(judge(2, |_| (0.3, false)), Quality::Poor(PoorReason::LeadOff));
        assert_eq!(judge(1, |_| (0.3, false)), Quality::Good);
        assert_eq!(judge(5, |i| (beats(i), i % 10 == 0)), Quality::Poor(PoorReason::Saturated));
        let square = |i: u32| if i.is_multiple_of(2) { 0.4 } else { -0.4 };
        assert_eq!(judge(5, |i| (beats(i) + square(i), false)), Quality::Poor(PoorReason::Noise));
        assert_eq!(judge(5, |i| (20.0 * beats(i), false)), Quality::Poor(PoorReason::Motion));
    }
}
