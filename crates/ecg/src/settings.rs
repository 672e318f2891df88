//! The parameters of a monitor, in clinical units, checked once.

use crate::{Error, SampleRate, correlate::Weights};

/// Alarm limits of a patient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Lowest heart rate that is no emergency, beats per minute, 20 to 100. Default 35.
    pub rate_min_bpm: f64,
    /// Highest heart rate that is no emergency, beats per minute, 100 to 300. Default 180.
    pub rate_max_bpm: f64,
    /// How long the rate must be outside, seconds, 1 to 60. Default 10.
    pub rate_sustained_s: f64,
    /// Time without a beat that is a pause, seconds, 1.5 to 4. Default 3.
    pub pause_s: f64,
    /// Time without a beat that is asystole, seconds, longer than the pause, at most 10. Default 4.
    pub asystole_s: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rate_min_bpm: 35.0,
            rate_max_bpm: 180.0,
            rate_sustained_s: 10.0,
            pause_s: 3.0,
            asystole_s: 4.0,
        }
    }
}

impl Limits {
    fn check(&self) -> Result<(), Error> {
        let within = |name, value: f64, low: f64, high: f64, what| {
            // Not a number fails the comparison too.
            if (low..=high).contains(&value) { Ok(()) } else { Err(Error::Setting { name, what }) }
        };
        within("rate_min_bpm", self.rate_min_bpm, 20.0, 100.0, "must be 20 to 100 beats per minute")?;
        within("rate_max_bpm", self.rate_max_bpm, 100.0, 300.0, "must be 100 to 300 beats per minute")?;
        within("rate_sustained_s", self.rate_sustained_s, 1.0, 60.0, "must be 1 to 60 seconds")?;
        within("pause_s", self.pause_s, 1.5, 4.0, "must be 1.5 to 4 seconds")?;
        within("asystole_s", self.asystole_s, self.pause_s, 10.0, "must be between pause_s and 10 seconds")
    }
}

/// What a [`crate::monitor::Monitor`] needs to know about a lead and its patient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Samples per second, 100 to 1000.
    pub fs_hz: f64,
    /// ADC units per millivolt, more than 0.
    pub adu_per_mv: f64,
    /// ADC value of 0 mV.
    pub baseline_adu: i32,
    /// ADC values at and beyond which the converter is at its limit.
    pub rails_adu: (i16, i16),
    /// Alarm limits.
    pub limits: Limits,
    /// Weights of the parts of the cycle; where `learn_weights` is set, those that the patient starts with.
    pub weights: Weights,
    /// Whether the weights with which beats are compared with the template are learnt from the patient's first normal
    /// beats, see [`crate::personal`], and the threshold after them. Default false: verdicts are no better for it.
    ///
    /// Fixed and learnt, on MIT-BIH Arrhythmia (mitdb), Malignant Ventricular Ectopy (vfdb) and CU Ventricular
    /// Tachyarrhythmia (cudb), the half of them at hand, by `examples/emergency.rs`:
    ///
    /// | | fixed | learnt |
    /// |---|---|---|
    /// | mitdb, area under the curve between normal and ventricular beats | 0.922 | 0.944 |
    /// | mitdb, normal beats below the threshold, of 39 512 | 829 | 420 |
    /// | mitdb, ventricular beats below the threshold, of 5 183 | 1 363 | 794 |
    /// | mitdb, false emergencies in 11.4 h, first and second lead | 0, 12 | 0, 10 |
    /// | vfdb, fibrillation within 10 s, of 17, first and second lead | 17, 16 | 17, 15 |
    /// | vfdb, 95 % of the latencies, first lead | 6.3 s | 7.3 s |
    /// | vfdb, false emergencies in 4.3 h, first and second lead | 23, 24 | 25, 24 |
    /// | cudb, fibrillation within 10 s, of 22 | 21 | 21 |
    /// | cudb, false emergencies in 2.0 h | 18 | 19 |
    ///
    /// Learnt weights tell beats apart better, but lift all coefficients, those of ventricular beats too, while the
    /// bounds of the threshold and the rules beside it stay where they were chosen for the fixed weights.
    pub learn_weights: bool,
}

impl Settings {
    /// Settings of a lead with default limits and weights and the rails of a 16-bit converter.
    pub fn new(fs_hz: f64, adu_per_mv: f64, baseline_adu: i32) -> Self {
        Self {
            fs_hz,
            adu_per_mv,
            baseline_adu,
            rails_adu: (i16::MIN, i16::MAX),
            limits: Limits::default(),
            weights: Weights::default(),
            learn_weights: false,
        }
    }

    /// Checks all of them and returns the sampling rate.
    ///
    /// # Errors
    /// [`Error::SampleRate`]; [`Error::Setting`] naming the setting.
    pub fn check(&self) -> Result<SampleRate, Error> {
        let rate = SampleRate::new(self.fs_hz)?;
        if !(self.adu_per_mv.is_finite() && self.adu_per_mv > 0.0) {
            return Err(Error::Setting { name: "adu_per_mv", what: "must be more than 0 and finite" });
        }
        if self.rails_adu.0 >= self.rails_adu.1 {
            return Err(Error::Setting { name: "rails_adu", what: "the lower rail must be below the upper" });
        }
        self.limits.check()?;
        Ok(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_is_checked() {
        let good = Settings::new(360.0, 200.0, 1024);
        assert_eq!(good.check().unwrap().hz(), 360.0);
        assert!(Settings { fs_hz: f64::NAN, ..good }.check().is_err());
        assert!(Settings { adu_per_mv: 0.0, ..good }.check().is_err());
        assert!(Settings { rails_adu: (5, 5), ..good }.check().is_err());
        for limits in [
            Limits { rate_min_bpm: 10.0, ..Limits::default() },
            Limits { rate_max_bpm: f64::INFINITY, ..Limits::default() },
            Limits { rate_sustained_s: 0.0, ..Limits::default() },
            Limits { pause_s: 5.0, ..Limits::default() },
            Limits { asystole_s: 2.0, ..Limits::default() },
        ] {
            assert!(matches!(Settings { limits, ..good }.check(), Err(Error::Setting { .. })));
        }
    }
}
