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

/// A complex number.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Complex {
    re: f32,
    im: f32,
}

impl Complex {
    const ZERO: Self = Self { re: 0.0, im: 0.0 };

    fn turn(angle: f64) -> Self {
        Self { re: libm::cos(angle) as f32, im: libm::sin(angle) as f32 }
    }

    fn times(self, other: Self) -> Self {
        Self {
            re: self.re * other.re - self.im * other.im,
            im: self.re * other.im + self.im * other.re,
        }
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
            value: Complex::ZERO,
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

    /// Amplitude of what is taken off, in mV.
    pub(crate) fn amplitude_mv(&self) -> f32 {
        self.sine.map_or(0.0, |s| libm::sqrtf(s.value.power()))
    }

    /// Takes the residue of the sample from which [`Self::next`] was taken off.
    pub(crate) fn learn(&mut self, residue_mv: f32) {
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
