//! What the sensors of a simulated patient measure, sample by sample.

use crate::Error;
use bodywire_ecg::SampleRate;
use bodywire_ecg::synthetic::{EcgModel, Rhythm};
use bodywire_ecg::wfdb::{Header, Recording};
use bodywire_proto::observation::{Scale, Signal};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Sampling rate of the synthetic ECG, in thousandths of a hertz.
pub const ECG_RATE_MILLIHERTZ: u32 = 360_000;
/// Gain of the synthetic ECG, in steps per millivolt, as in the MIT-BIH recordings.
const ECG_GAIN: f64 = 200.0;
/// Noise of the synthetic ECG, in millivolts: a good electrode.
const ECG_NOISE_MV: f64 = 0.015;
/// Rate of the healthy synthetic heart, per minute.
const ECG_BPM: f64 = 76.0;

/// Turns a patient's condition from stable to emergency and back. Shared by all of the patient's sources.
#[derive(Debug, Clone, Default)]
pub struct Condition(Arc<AtomicBool>);

impl Condition {
    /// A stable patient.
    pub fn new() -> Self {
        Self::default()
    }

    /// The patient deteriorates (true) or recovers (false).
    pub fn set_emergency(&self, emergency: bool) {
        self.0.store(emergency, Ordering::Relaxed);
    }

    /// True while the patient is in an emergency.
    pub fn is_emergency(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A stream of samples of one signal.
pub struct Source {
    /// What is measured.
    pub signal: Signal,
    /// Samples per second, times 1,000.
    pub rate_millihertz: u32,
    /// Steps and zero.
    pub scale: Scale,
    /// True for everything that is not a recording of a person.
    pub simulated: bool,
    generator: Generator,
    /// What was measured, for whoever compares it with what arrives.
    kept: Option<Kept>,
}

/// Samples that a source has given, in their order. Clones share them.
pub type Kept = Arc<Mutex<Vec<i16>>>;

enum Generator {
    Ecg { model: Box<EcgModel>, rng: ChaCha20Rng, condition: Condition },
    Recording { samples: Arc<[i16]>, next: usize },
    Number { stable: f64, emergency: f64, wander: f64, value: f64, rng: ChaCha20Rng, condition: Condition },
}

impl Source {
    /// A synthetic ECG that turns into ventricular fibrillation in an emergency.
    pub fn synthetic_ecg(seed: u64, condition: Condition) -> Result<Self, Error> {
        let rate = SampleRate::new(f64::from(ECG_RATE_MILLIHERTZ) / 1_000.0)?;
        let rhythm = Rhythm::Sinus { bpm: ECG_BPM };
        let model = Box::new(EcgModel::new(rate, ECG_GAIN, 0, ECG_NOISE_MV, rhythm)?);
        let rng = ChaCha20Rng::seed_from_u64(seed);
        Ok(Self {
            signal: Signal::Ecg,
            rate_millihertz: ECG_RATE_MILLIHERTZ,
            scale: Scale { gain_milli: (ECG_GAIN * 1_000.0) as u32, baseline: 0 },
            simulated: true,
            generator: Generator::Ecg { model, rng, condition },
            kept: None,
        })
    }

    /// One signal of a WFDB recording, sample for sample.
    pub fn recording(header: &str, data: &[u8], signal: usize) -> Result<Self, Error> {
        let header = Header::parse(header)?;
        let recording = Recording::new(&header, data)?;
        let signals = header.signals().len();
        let spec = header.signals().get(signal).ok_or(Error::NoSuchSignal { signal, signals })?;
        let gain_milli = (spec.gain * 1_000.0).round();
        if !(1.0..=f64::from(u32::MAX)).contains(&gain_milli) {
            return Err(Error::Unplayable("its gain is not that of an ECG"));
        }
        let baseline = i16::try_from(spec.baseline)
            .map_err(|_| Error::Unplayable("its baseline does not fit the range of its samples"))?;
        Ok(Self {
            signal: Signal::Ecg,
            rate_millihertz: (spec.sample_rate_hz(header.sample_rate_hz()) * 1_000.0).round() as u32,
            scale: Scale { gain_milli: gain_milli as u32, baseline },
            simulated: false,
            generator: Generator::Recording { samples: recording.signal(signal).collect(), next: 0 },
            kept: None,
        })
    }

    /// A number that wanders slowly around one value, and around another one in an emergency.
    pub fn number(signal: Signal, seed: u64, condition: Condition) -> Self {
        // (stable, emergency, wander in each step, steps per unit, readings per second in thousandths)
        let (stable, emergency, wander, gain, rate_millihertz) = match signal {
            Signal::SpO2 => (97.5, 82.0, 0.15, 10, 1_000),
            Signal::Respiration => (14.0, 26.0, 0.3, 10, 500),
            Signal::Temperature => (36.9, 36.9, 0.01, 100, 200),
            Signal::InsulinRate => (0.85, 0.85, 0.0, 100, 500),
            Signal::Ecg | Signal::HeartRate => (76.0, 180.0, 0.5, 10, 1_000),
        };
        let rng = ChaCha20Rng::seed_from_u64(seed);
        Self {
            signal,
            rate_millihertz,
            scale: Scale { gain_milli: gain * 1_000, baseline: 0 },
            simulated: true,
            generator: Generator::Number { stable, emergency, wander, value: stable, rng, condition },
            kept: None,
        }
    }

    /// The same source, which keeps what it gives.
    #[must_use]
    pub fn keeping(self, kept: &Kept) -> Self {
        Self { kept: Some(Arc::clone(kept)), ..self }
    }

    /// Samples that are left; `None` for a source that never ends.
    pub fn remaining(&self) -> Option<usize> {
        match &self.generator {
            Generator::Recording { samples, next } => Some(samples.len() - next),
            _ => None,
        }
    }

    /// The next sample; `None` when a recording is over.
    pub fn next_sample(&mut self) -> Option<i16> {
        let sample = self.generate()?;
        if let Some(kept) = &self.kept {
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
        }
        Some(sample)
    }

    fn generate(&mut self) -> Option<i16> {
        match &mut self.generator {
            Generator::Recording { samples, next } => {
                let sample = samples.get(*next).copied()?;
                *next += 1;
                Some(sample)
            }
            Generator::Ecg { model, rng, condition } => {
                let wanted = if condition.is_emergency() {
                    Rhythm::VentricularFibrillation
                } else {
                    Rhythm::Sinus { bpm: ECG_BPM }
                };
                if model.rhythm() != wanted {
                    // Both rhythms are within the model's limits, so that it cannot refuse.
                    let _ = model.switch(wanted);
                }
                Some(model.next_sample(&mut || rng.next_u32()))
            }
            Generator::Number { stable, emergency, wander, value, rng, condition } => {
                let target = if condition.is_emergency() { *emergency } else { *stable };
                let step = (f64::from(rng.next_u32()) / f64::from(u32::MAX) - 0.5) * 2.0 * *wander;
                *value += (target - *value) * 0.2 + step;
                Some((*value * f64::from(self.scale.gain_milli) / 1_000.0).round() as i16)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_near_their_value_and_follow_the_condition() {
        let condition = Condition::new();
        let mut source = Source::number(Signal::SpO2, 1, condition.clone());
        let value = |source: &mut Source| {
            let sample = (0..60).filter_map(|_| source.next_sample()).last().unwrap();
            source.scale.value(sample)
        };
        assert!((96.0..=99.0).contains(&value(&mut source)));
        condition.set_emergency(true);
        assert!((80.0..=84.0).contains(&value(&mut source)));
    }

    #[test]
    fn a_recording_is_played_sample_for_sample_and_ends() {
        let header = "x 1 360 3\nx.dat 16 200(100) 12 0 1 0 0 ECG\n";
        let mut source = Source::recording(header, &[1, 0, 255, 255, 0, 1], 0).unwrap();
        assert_eq!(source.remaining(), Some(3));
        let samples: Vec<i16> = std::iter::from_fn(|| source.next_sample()).collect();
        assert_eq!(samples, [1, -1, 256]);
        assert_eq!(
            (source.scale, source.rate_millihertz),
            (Scale { gain_milli: 200_000, baseline: 100 }, 360_000)
        );
        assert!(!source.simulated);
        assert!(matches!(
            Source::recording(header, &[1, 0, 255, 255, 0, 1], 1),
            Err(Error::NoSuchSignal { .. })
        ));
        assert!(matches!(Source::recording(header, &[1, 0], 0), Err(Error::Ecg(_))));
    }
}
