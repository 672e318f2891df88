//! Mains interference of 50 or 60 Hz: whether it is there, and taking it away.
//!
//! Nothing is taken away, to the bit, unless a line at one of the two frequencies stands out of the noise around it.
//! Then one sine is followed in amplitude, phase and frequency and subtracted: the adaptive canceller of Widrow et al.
//! 1975 (doi 10.1109/PROC.1975.10036), which is a notch about 1 Hz wide. It adapts to what the low-pass of the shape
//! band leaves over, where a heart has little, and to a bounded part of that only, so that a QRS complex cannot make it
//! ring. Mains harmonics are left to the low-pass.

use crate::SampleRate;
use core::f64::consts::PI;

/// Frequencies looked at, in Hz: the two mains frequencies, and between and beside them what they must stand out of.
const LINES_HZ: [f64; LINES] = [45.0, 50.0, 55.0, 60.0, 65.0];
const LINES: usize = 5;
/// Frequencies nearer to half the sampling rate than this share of it are left alone.
const NYQUIST_SHARE: f64 = 0.46;
/// Time constant of the levels at these frequencies, in seconds: a bandwidth of 1 Hz.
const LEVEL_S: f64 = 0.32;
/// How often is decided, in seconds.
const DECIDE_S: f64 = 0.25;
/// Mains of this amplitude in mV are taken away; weaker ones neither hide nor feign a beat.
const ON_MV: f32 = 0.08;
/// And their amplitude is so many times that beside it, as often in a row.
const ON_RATIO: f32 = 5.0;
const ON_TIMES: u32 = 3;
/// Below this amplitude in mV, or so many times that beside it, they are left again.
const OFF_MV: f32 = 0.03;
const OFF_RATIO: f32 = 1.5;
/// Time constant of the canceller, in seconds.
const ADAPT_S: f64 = 0.25;
/// The frequency follows so much slower than the phase: critically damped at a quarter.
const FREQUENCY_SHARE: f32 = 0.2;
/// The frequency is sought so far from its nominal value, in Hz: the grid, and a sampling clock that is off.
const OFFSET_MAX_HZ: f64 = 0.6;
/// What exceeds the usual residue by this factor adapts no more than that.
const CLIP: f32 = 2.5;
/// Time constant of the usual residue, in seconds, and its least value in mV.
const USUAL_S: f64 = 0.5;
const USUAL_MIN_MV: f32 = 0.002;

/// No amplifier gives more, in mV; and squares of it do not overflow.
const RESIDUE_MAX_MV: f32 = 1e4;
/// Levels below this are none, in mV.
const TINY_MV: f32 = 1e-9;

/// A complex number.
#[derive(Debug, Clone, Copy)]
struct Complex {
    re: f32,
    im: f32,
}

impl Complex {
    fn turn(angle: f64) -> Self {
        Self { re: libm::cos(angle) as f32, im: libm::sin(angle) as f32 }
    }

    fn times(self, other: Self) -> Self {
        Self { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }

    fn scaled(self, by: f32) -> Self {
        Self { re: self.re * by, im: self.im * by }
    }

    fn plus(self, other: Self) -> Self {
        Self { re: self.re + other.re, im: self.im + other.im }
    }

    fn power(self) -> f32 {
        self.re * self.re + self.im * self.im
    }

    fn inverse(self) -> Self {
        Self { re: self.re, im: -self.im }.scaled(1.0 / self.power().max(1e-6))
    }
}

/// The level at one frequency: a resonator, so that no table of sines is needed.
#[derive(Debug, Clone, Copy)]
struct Line {
    turn: Complex,
    value: Complex,
}

/// The sine that is taken away.
#[derive(Debug, Clone, Copy)]
struct Sine {
    /// 0 for 50 Hz, 1 for 60 Hz.
    line: usize,
    /// Amplitude in the signal over that in the residue.
    gain: f32,
    value: Complex,
    turn: Complex,
    /// Beyond the nominal frequency, in radians per sample.
    offset: f32,
    /// Inverse of what the residue's filter does to it, times the step.
    step: Complex,
}

/// What is known of the mains on one lead.
#[derive(Debug, Clone)]
pub(crate) struct Mains {
    lines: [Line; LINES],
    /// Inverses of what the filter from the signal to the residue does at 50 and 60 Hz; nothing where the sampling rate
    /// is too low.
    inverses: [Option<Complex>; 2],
    level_share: f32,
    adapt_share: f32,
    usual_share: f32,
    offset_max: f32,
    usual_mv: f32,
    decide_every: u32,
    until_decision: u32,
    /// How often in a row each stood out.
    stood_out: [u32; 2],
    sine: Option<Sine>,
}

impl Mains {
    /// For a lead sampled at `rate`; `gain` tells what the filter from the signal to the residue does at a frequency in
    /// Hz, as real and imaginary part.
    pub(crate) fn new(rate: SampleRate, gain: impl Fn(f64) -> (f64, f64)) -> Self {
        let hz = rate.hz();
        let share = |seconds: f64| (1.0 - libm::exp(-1.0 / (seconds * hz))) as f32;
        let level_share = share(LEVEL_S);
        let line = |f: f64| Line {
            turn: Complex::turn(2.0 * PI * f / hz).scaled(1.0 - level_share),
            value: Complex { re: 0.0, im: 0.0 },
        };
        let inverse = |f: f64| {
            let (re, im) = gain(f);
            (f < NYQUIST_SHARE * hz).then(|| Complex { re: re as f32, im: im as f32 }.inverse())
        };
        let [_, fifty, _, sixty, _] = LINES_HZ;
        let decide_every = rate.samples(DECIDE_S).max(1) as u32;
        Self {
            lines: LINES_HZ.map(line),
            inverses: [inverse(fifty), inverse(sixty)],
            level_share,
            adapt_share: share(ADAPT_S),
            usual_share: share(USUAL_S),
            offset_max: (2.0 * PI * OFFSET_MAX_HZ / hz) as f32,
            usual_mv: USUAL_MIN_MV,
            decide_every,
            until_decision: decide_every,
            stood_out: [0; 2],
            sine: None,
        }
    }

    /// What to take off the next sample in mV; nothing while there are no mains.
    pub(crate) fn next(&mut self) -> Option<f64> {
        let sine = self.sine.as_mut()?;
        // A turn by a small angle, near enough to 1 in size: the canceller holds the amplitude.
        sine.value = sine.value.times(sine.turn).times(Complex { re: 1.0, im: sine.offset });
        Some(f64::from(sine.value.re))
    }

    /// Passes over samples that were not measured: the mains go on. What they are at the last of them, in mV.
    pub(crate) fn pass(&mut self, samples: u64) -> f64 {
        for _ in 0..samples {
            for line in &mut self.lines {
                line.value = line.value.times(line.turn).scaled(1.0 / (1.0 - self.level_share));
            }
            self.next();
        }
        self.sine.map_or(0.0, |sine| f64::from(sine.value.re))
    }

    /// Amplitude of what is taken off, in mV.
    pub(crate) fn amplitude_mv(&self) -> f32 {
        self.sine.map_or(0.0, |s| libm::sqrtf(s.value.power()))
    }

    /// Takes the residue of the sample from which [`Self::next`] was taken off.
    pub(crate) fn learn(&mut self, residue_mv: f32) {
        let residue_mv =
            if residue_mv.is_nan() { 0.0 } else { residue_mv.clamp(-RESIDUE_MAX_MV, RESIDUE_MAX_MV) };
        let twice = 2.0 * self.level_share * residue_mv;
        for line in &mut self.lines {
            line.value = line.value.times(line.turn);
            line.value.re += twice;
        }
        let bound = CLIP * self.usual_mv;
        let size = residue_mv.abs();
        self.usual_mv =
            (self.usual_mv + self.usual_share * (size.min(2.0 * bound) - self.usual_mv)).max(USUAL_MIN_MV);
        if let Some(sine) = &mut self.sine {
            let change = sine.step.scaled(residue_mv.clamp(-bound, bound));
            // How much of the change turns the sine rather than lengthens it.
            let turned = sine.value.re * change.im - sine.value.im * change.re;
            let floor = OFF_MV * OFF_MV;
            let offset =
                sine.offset + FREQUENCY_SHARE * self.adapt_share * turned / sine.value.power().max(floor);
            sine.offset = offset.clamp(-self.offset_max, self.offset_max);
            sine.value = sine.value.plus(change);
        }
        self.until_decision -= 1;
        if self.until_decision == 0 {
            self.until_decision = self.decide_every;
            self.decide();
        }
    }

    fn decide(&mut self) {
        // Silence would end in numbers so small that processors are slow with them.
        for line in self.lines.iter_mut().filter(|l| l.value.power() < TINY_MV * TINY_MV) {
            line.value = Complex { re: 0.0, im: 0.0 };
        }
        let [below, fifty, between, sixty, above] = self.lines.map(|l| libm::sqrtf(l.value.power()));
        let around = [below.max(between), between.max(above)];
        if let Some(sine) = &self.sine {
            let amplitude = self.amplitude_mv();
            let beside = around.get(sine.line).map_or(0.0, |level| level * sine.gain);
            if amplitude < OFF_MV || amplitude < OFF_RATIO * beside {
                self.sine = None;
                self.stood_out = [0; 2];
            }
            return;
        }
        let [_, at_fifty, _, at_sixty, _] = self.lines;
        let mut greatest = 0.0;
        for (line, (found, level)) in [(at_fifty, fifty), (at_sixty, sixty)].into_iter().enumerate() {
            let (Some(Some(inverse)), Some(times), Some(around)) =
                (self.inverses.get(line), self.stood_out.get_mut(line), around.get(line))
            else {
                continue;
            };
            let gain = libm::sqrtf(inverse.power());
            let stands_out = level * gain > ON_MV && level > ON_RATIO * around;
            *times = if stands_out { *times + 1 } else { 0 };
            if *times >= ON_TIMES && level * gain > greatest {
                greatest = level * gain;
                self.sine = Some(Sine {
                    line,
                    gain,
                    value: found.value.times(*inverse),
                    turn: found.turn.scaled(1.0 / (1.0 - self.level_share)),
                    offset: 0.0,
                    step: inverse.scaled(2.0 * self.adapt_share),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::clean::{Cleaned, Cleaner};
    use std::vec::Vec;

    fn clean(hz: f64, seconds: f64, signal: impl Fn(f64) -> f64) -> Vec<Cleaned> {
        let rate = SampleRate::new(hz).unwrap();
        let mut cleaner = Cleaner::new(rate);
        (0..rate.samples(seconds)).map(|i| cleaner.push(signal(rate.seconds(i)) as f32)).collect()
    }

    /// 75 beats of 1 mV a minute, narrow ones, as they have the most at 50 Hz.
    fn heart(t: f64) -> f64 {
        let phase = t - libm::floor(t / 0.8) * 0.8 - 0.3;
        libm::exp(-(phase / 0.008) * (phase / 0.008))
            + 0.2 * libm::exp(-((phase - 0.28) / 0.05) * ((phase - 0.28) / 0.05))
    }

    fn sine(hz: f64, t: f64) -> f64 {
        libm::sin(2.0 * PI * hz * t + 0.4)
    }

    #[test]
    fn mains_are_gone_within_seconds_at_every_rate_and_near_every_frequency() {
        for hz in [128.0, 250.0, 360.0, 500.0, 1000.0] {
            for mains in [49.7, 50.0, 50.3, 59.7, 60.0, 60.3] {
                // At 128 samples per second 60 Hz cannot be told from 68.
                if mains > 51.0 && hz < 200.0 {
                    continue;
                }
                let with = clean(hz, 20.0, |t| heart(t) + 0.8 * sine(mains, t));
                let without = clean(hz, 20.0, heart);
                let rest = |from: f64, to: f64| {
                    let part = (from * hz) as usize..(to * hz) as usize;
                    let both = with.iter().zip(&without).skip(part.start).take(part.len());
                    both.fold(0.0f32, |most, (a, b)| most.max((a.shape_mv - b.shape_mv).abs()))
                };
                assert!(rest(2.5, 5.0) < 0.1, "{hz} {mains}: {}", rest(2.5, 5.0));
                assert!(rest(8.0, 20.0) < 0.03, "{hz} {mains}: {}", rest(8.0, 20.0));
                let last = with.last().unwrap();
                assert!((last.mains_amplitude_mv - 0.8).abs() < 0.03, "{hz} {mains}: {last:?}");
            }
        }
    }

    #[test]
    fn without_mains_nothing_changes() {
        let noise = |t: f64| 0.2 * libm::sin(1e7 * t * t);
        for hz in [100.0, 250.0, 360.0, 1000.0] {
            for c in clean(hz, 60.0, |t| heart(t) + noise(t) + 0.02 * sine(50.0, t)) {
                assert_eq!((c.mains_mv, c.mains_amplitude_mv), (0.0, 0.0), "{hz}");
            }
        }
    }

    #[test]
    fn mains_that_come_and_go_are_followed() {
        let there = |t: f64| (20.0..40.0).contains(&t);
        let out = clean(360.0, 60.0, |t| heart(t) + if there(t) { 0.5 * sine(60.0, t) } else { 0.0 });
        let amplitude = |t: f64| out[(t * 360.0) as usize].mains_amplitude_mv;
        assert_eq!((amplitude(19.9), amplitude(45.0)), (0.0, 0.0));
        assert!((amplitude(22.0) - 0.5).abs() < 0.05 && (amplitude(39.9) - 0.5).abs() < 0.02);
    }

    #[test]
    fn nothing_makes_it_grow_without_bounds() {
        let rate = SampleRate::new(250.0).unwrap();
        let mut cleaner = Cleaner::new(rate);
        let mut state = 1u32;
        for i in 0..200_000u32 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let rail = if state >> 28 > 7 { 1e6 } else { -1e6 };
            let hum = 1e6 * sine(50.0, f64::from(i) / 250.0) as f32;
            let mv = [rail, hum, f32::NAN, f32::MAX, 1e-30][(i / 3000 % 5) as usize];
            let c = cleaner.push(mv);
            assert!(!c.shape_mv.is_nan() && c.mains_amplitude_mv < 1e7, "{i} {c:?}");
        }
    }
}
