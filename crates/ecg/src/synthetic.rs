//! A patient made of formulas: beats as sums of Gaussian waves over the phase of the RR interval (McSharry, Clifford,
//! Tarassenko and Smith 2003, doi 10.1109/TBME.2003.808805), and the rhythms of an emergency.
//!
//! Deterministic: randomness is the caller's, 32 bits at a time.

use crate::{Error, SampleRate};
use core::f64::consts::TAU;

/// What the heart does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rhythm {
    /// Normal beats at this rate per minute, 20 to 300, with respiratory variation.
    Sinus {
        /// Beats per minute.
        bpm: f64,
    },
    /// Wide beats of ventricular origin at this rate per minute, 100 to 300.
    VentricularTachycardia {
        /// Beats per minute.
        bpm: f64,
    },
    /// Waves of changing shape, amplitude and frequency (4 to 7 Hz), no beats.
    VentricularFibrillation,
    /// No beats; only baseline wander and noise.
    Asystole,
}

/// One Gaussian wave: phase of its centre (radians, R peak at 0), amplitude in mV, width in radians.
#[derive(Debug, Clone, Copy)]
struct Wave {
    phase: f64,
    mv: f64,
    width: f64,
}

const fn wave(phase: f64, mv: f64, width: f64) -> Wave {
    Wave { phase, mv, width }
}

/// P, Q, R, S, T of a normal beat in a lead II; widths hold at 60 beats per minute.
const NORMAL: [Wave; 5] = [
    wave(-1.05, 0.14, 0.16),
    wave(-0.20, -0.10, 0.055),
    wave(0.0, 1.1, 0.06),
    wave(0.20, -0.20, 0.06),
    wave(1.75, 0.30, 0.32),
];

/// A wide complex that passes into a T wave of the opposite sign; widths are shares of the cycle, as the complex fills
/// most of it at the rates of tachycardia.
const WIDE: [Wave; 2] = [wave(0.0, 1.5, 0.7), wave(2.3, -0.6, 0.7)];

/// Length of the change from one rhythm to the next, in seconds.
const CROSSFADE_S: f64 = 0.4;
/// Amplitude of the baseline wander with respiration, in mV: never absent on a living electrode.
const WANDER_MV: f64 = 0.04;
const RESPIRATION_HZ: f64 = 0.25;
/// Rates a rhythm may have, per minute.
const BPM: core::ops::RangeInclusive<f64> = 20.0..=300.0;

/// The generator.
#[derive(Debug, Clone)]
pub struct EcgModel {
    rate: SampleRate,
    adu_per_mv: f64,
    baseline_adu: i32,
    noise_mv: f64,
    rhythm: Rhythm,
    before: Rhythm,
    fade: f64,
    phase: f64,
    respiration: f64,
    waves: [f64; 3],
    wave_hz: [f64; 3],
    swell: f64,
}

impl EcgModel {
    /// A model sampled at `rate` with Gaussian noise of `noise_mv` millivolts (standard deviation, 0 to 5).
    ///
    /// # Errors
    /// [`Error::Setting`] for a gain, noise level or rate of the rhythm outside its range.
    pub fn new(
        rate: SampleRate,
        adu_per_mv: f64,
        baseline_adu: i32,
        noise_mv: f64,
        rhythm: Rhythm,
    ) -> Result<Self, Error> {
        if !(adu_per_mv.is_finite() && adu_per_mv > 0.0) {
            return Err(Error::Setting { name: "adu_per_mv", what: "must be more than 0 and finite" });
        }
        if !(0.0..=5.0).contains(&noise_mv) {
            return Err(Error::Setting { name: "noise_mv", what: "must be 0 to 5 mV" });
        }
        check(rhythm)?;
        Ok(Self {
            rate,
            adu_per_mv,
            baseline_adu,
            noise_mv,
            rhythm,
            before: rhythm,
            fade: 1.0,
            phase: -core::f64::consts::PI,
            respiration: 0.0,
            waves: [0.0, 1.0, 2.0],
            wave_hz: [4.5, 5.3, 6.1],
            swell: 0.0,
        })
    }

    /// Changes the rhythm, fading over 0.4 s.
    ///
    /// # Errors
    /// [`Error::Setting`] for a rate outside 20 to 300 per minute.
    pub fn switch(&mut self, rhythm: Rhythm) -> Result<(), Error> {
        check(rhythm)?;
        self.before = self.rhythm;
        self.rhythm = rhythm;
        self.fade = 0.0;
        Ok(())
    }

    /// The rhythm that is shown or being faded to.
    pub fn rhythm(&self) -> Rhythm {
        self.rhythm
    }

    /// The next sample in ADC units.
    pub fn next_sample(&mut self, random: &mut impl FnMut() -> u32) -> i16 {
        let step_s = 1.0 / self.rate.hz();
        self.advance(step_s, random);
        let mut mv = self.voltage(self.rhythm);
        if self.fade < 1.0 {
            mv = self.fade * mv + (1.0 - self.fade) * self.voltage(self.before);
            self.fade = (self.fade + step_s / CROSSFADE_S).min(1.0);
        }
        mv += WANDER_MV * libm::sin(self.respiration) + self.noise_mv * gaussian(random);
        // The cast saturates like a converter at its rails.
        libm::round(mv * self.adu_per_mv + f64::from(self.baseline_adu)) as i16
    }

    fn advance(&mut self, step_s: f64, random: &mut impl FnMut() -> u32) {
        self.respiration = wrap(self.respiration + TAU * RESPIRATION_HZ * step_s);
        let bpm = match self.rhythm {
            // Respiratory sinus arrhythmia: a few percent.
            Rhythm::Sinus { bpm } => bpm * (1.0 + 0.03 * libm::sin(self.respiration)),
            Rhythm::VentricularTachycardia { bpm } => bpm,
            Rhythm::VentricularFibrillation | Rhythm::Asystole => match self.before {
                Rhythm::Sinus { bpm } | Rhythm::VentricularTachycardia { bpm } => bpm,
                Rhythm::VentricularFibrillation | Rhythm::Asystole => 60.0,
            },
        };
        self.phase = wrap(self.phase + TAU * bpm / 60.0 * step_s);
        for (i, (phase, hz)) in self.waves.iter_mut().zip(&mut self.wave_hz).enumerate() {
            *phase = wrap(*phase + TAU * *hz * step_s);
            // A random walk pulled back to the oscillator's own frequency.
            let own = 4.5 + 0.8 * i as f64;
            *hz += (own - *hz) * step_s + 1.5 * libm::sqrt(step_s) * gaussian(random);
            *hz = hz.clamp(3.0, 8.0);
        }
        self.swell = wrap(self.swell + TAU * 0.4 * step_s);
    }

    fn voltage(&self, rhythm: Rhythm) -> f64 {
        match rhythm {
            Rhythm::Sinus { bpm } => beat(&NORMAL, self.phase, bpm),
            Rhythm::VentricularTachycardia { .. } => beat(&WIDE, self.phase, 60.0),
            Rhythm::VentricularFibrillation => {
                let [a, b, c] = self.waves;
                let sum = 0.5 * libm::sin(a) + 0.3 * libm::sin(b) + 0.2 * libm::sin(c);
                0.6 * (1.0 + 0.3 * libm::sin(self.swell)) * sum
            }
            Rhythm::Asystole => 0.0,
        }
    }
}

fn check(rhythm: Rhythm) -> Result<(), Error> {
    match rhythm {
        Rhythm::Sinus { bpm } | Rhythm::VentricularTachycardia { bpm } if !BPM.contains(&bpm) => {
            Err(Error::Setting { name: "bpm", what: "must be 20 to 300 beats per minute" })
        }
        _ => Ok(()),
    }
}

fn wrap(phase: f64) -> f64 {
    if phase > core::f64::consts::PI { phase - TAU } else { phase }
}

/// The sum of the waves at a phase. QRS waves keep their duration at every rate, so their width in phase grows with
/// it; T and P follow the square root.
fn beat(waves: &[Wave], phase: f64, bpm: f64) -> f64 {
    let ratio = bpm / 60.0;
    waves
        .iter()
        .map(|w| {
            let qrs = w.phase.abs() < 0.5;
            let scale = if qrs { ratio } else { libm::sqrt(ratio) };
            let d = wrap(phase - (w.phase * scale).clamp(-2.8, 2.8));
            let d = if d < -core::f64::consts::PI { d + TAU } else { d };
            let d = d / (w.width * scale);
            w.mv * libm::exp(-0.5 * d * d)
        })
        .sum()
}

/// A normally distributed number: the sum of twelve uniform ones, less six.
fn gaussian(random: &mut impl FnMut() -> u32) -> f64 {
    let mut sum = -6.0;
    for _ in 0..6 {
        let bits = random();
        sum += (f64::from(bits & 0xffff) + f64::from(bits >> 16)) / 65536.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn samples(seed: u32, rhythm: Rhythm, n: usize) -> Vec<i16> {
        let mut state = seed;
        let mut random = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state
        };
        let rate = SampleRate::new(250.0).unwrap();
        let mut model = EcgModel::new(rate, 200.0, 0, 0.0, rhythm).unwrap();
        (0..n).map(|_| model.next_sample(&mut random)).collect()
    }

    #[test]
    fn same_randomness_same_signal() {
        let vf = Rhythm::VentricularFibrillation;
        assert_eq!(samples(1, vf, 5000), samples(1, vf, 5000));
        assert_ne!(samples(1, vf, 5000), samples(2, vf, 5000));
    }

    #[test]
    fn beats_come_at_the_rate_asked_for() {
        for bpm in [40.0, 75.0, 150.0] {
            let s = samples(1, Rhythm::Sinus { bpm }, 15_000);
            let beats = s.windows(2).filter(|w| w[0] < 120 && w[1] >= 120).count();
            assert!((beats as f64 - bpm).abs() <= 1.0 + 0.02 * bpm, "{bpm} {beats}");
        }
        assert!(samples(1, Rhythm::Asystole, 5000).iter().all(|s| s.abs() < 20));
    }

    #[test]
    fn parameters_are_checked() {
        let rate = SampleRate::new(250.0).unwrap();
        assert!(EcgModel::new(rate, 0.0, 0, 0.0, Rhythm::Asystole).is_err());
        assert!(EcgModel::new(rate, 200.0, 0, f64::NAN, Rhythm::Asystole).is_err());
        let mut model = EcgModel::new(rate, 200.0, 0, 0.0, Rhythm::Asystole).unwrap();
        assert!(model.switch(Rhythm::Sinus { bpm: 1000.0 }).is_err());
    }
}
