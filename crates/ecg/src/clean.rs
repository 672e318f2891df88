//! Streaming filters: one band for the shape of a beat, a narrower one for finding it.
//!
//! Before both, mains of 50 or 60 Hz are taken away where there are any. F1 of the QRS detection on MIT-BIH with added
//! mains, with the low-pass alone and with the canceller:
//!
//! | Mains | at 50 Hz | at 60 Hz |
//! |---|---|---|
//! | none | 0.9987, 0.9987 | 0.9987, 0.9987 |
//! | 0.2 mV | 0.9971, 0.9987 | 0.9971, 0.9987 |
//! | 0.5 mV | 0.9889, 0.9987 | 0.9917, 0.9986 |
//! | 1 mV | 0.9071, 0.9986 | 0.9651, 0.9986 |
//!
//! With 0.3 Hz more or less it is at least 0.9985.
//!
//! Second-order sections in transposed direct form II, designed with the bilinear transform (Butterworth, prewarped).

use crate::{SampleRate, mains::Mains};
use core::f64::consts::PI;

/// Lower edge of the shape band in Hz: baseline wander below, ST and T waves above (AHA monitoring bandwidth).
const SHAPE_LOW_HZ: f64 = 0.5;
/// Upper edge of the shape band in Hz: muscle noise and mains above.
const SHAPE_HIGH_HZ: f64 = 40.0;
/// Lower edge of the detection band in Hz: keeps T and P waves out.
const DETECT_LOW_HZ: f64 = 8.0;
/// Upper edge of the detection band in Hz.
const DETECT_HIGH_HZ: f64 = 22.0;

/// A second-order filter section.
///
/// State and coefficients are f64: at 0.5 Hz and 1000 samples per second the poles lie so near the unit circle that
/// f32 rounding of an electrode offset shows up as tens of microvolts of noise.
#[derive(Debug, Clone, Copy)]
struct Section {
    b: [f64; 3],
    a: [f64; 2],
    z: [f64; 2],
}

impl Section {
    fn low_pass(rate: SampleRate, edge_hz: f64) -> Self {
        let k = libm::tan(PI * edge_hz / rate.hz());
        let norm = 1.0 / (1.0 + core::f64::consts::SQRT_2 * k + k * k);
        let b = k * k * norm;
        Self { b: [b, 2.0 * b, b], a: Self::poles(k, norm), z: [0.0; 2] }
    }

    fn high_pass(rate: SampleRate, edge_hz: f64) -> Self {
        let k = libm::tan(PI * edge_hz / rate.hz());
        let norm = 1.0 / (1.0 + core::f64::consts::SQRT_2 * k + k * k);
        Self { b: [norm, -2.0 * norm, norm], a: Self::poles(k, norm), z: [0.0; 2] }
    }

    fn poles(k: f64, norm: f64) -> [f64; 2] {
        [2.0 * (k * k - 1.0) * norm, (1.0 - core::f64::consts::SQRT_2 * k + k * k) * norm]
    }

    /// Real and imaginary part of what it does to a sine.
    fn response(&self, angle: f64) -> (f64, f64) {
        let ([b0, b1, b2], [a1, a2]) = (self.b, self.a);
        let ((s1, c1), (s2, c2)) = (libm::sincos(-angle), libm::sincos(-2.0 * angle));
        let (above, above_i) = (b0 + b1 * c1 + b2 * c2, b1 * s1 + b2 * s2);
        let (below, below_i) = (1.0 + a1 * c1 + a2 * c2, a1 * s1 + a2 * s2);
        let size = below * below + below_i * below_i;
        ((above * below + above_i * below_i) / size, (above_i * below - above * below_i) / size)
    }

    fn filter(&mut self, x: f64) -> f64 {
        let ([b0, b1, b2], [a1, a2], [z1, z2]) = (self.b, self.a, self.z);
        let y = b0 * x + z1;
        self.z = [b1 * x - a1 * y + z2, b2 * x - a2 * y];
        y
    }
}

/// One sample after cleaning, in millivolts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cleaned {
    /// 0.5 to 40 Hz: the shape of the beat. Delayed by about 6 ms.
    pub shape_mv: f32,
    /// 8 to 22 Hz: mostly QRS energy.
    pub qrs_mv: f32,
    /// What lies above the shape band: muscle noise, spikes, and mains that are not taken away (yet).
    pub residue_mv: f32,
    /// What was taken off this sample as mains.
    pub mains_mv: f32,
    /// Amplitude of the mains that are taken away; 0 where there are none.
    pub mains_amplitude_mv: f32,
}

/// A straight line over samples that were not measured, mains left out.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    from_mv: f64,
    step_mv: f64,
}

/// The filters of one lead.
#[derive(Debug, Clone)]
pub struct Cleaner {
    shape: [Section; 2],
    detect: [Section; 2],
    mains: Mains,
    offset_mv: Option<f64>,
    last_mv: f64,
}

impl Cleaner {
    /// Filters for signals sampled at `rate`.
    pub fn new(rate: SampleRate) -> Self {
        let shape = [Section::high_pass(rate, SHAPE_LOW_HZ), Section::low_pass(rate, SHAPE_HIGH_HZ)];
        let [high, low] = &shape;
        let residue = |hz: f64| {
            let angle = 2.0 * PI * hz / rate.hz();
            let ((h, h_i), (l, l_i)) = (high.response(angle), low.response(angle));
            (h * (1.0 - l) + h_i * l_i, h_i * (1.0 - l) - h * l_i)
        };
        Self {
            mains: Mains::new(rate, residue),
            shape,
            detect: [Section::high_pass(rate, DETECT_LOW_HZ), Section::low_pass(rate, DETECT_HIGH_HZ)],
            offset_mv: None,
            last_mv: 0.0,
        }
    }

    /// Whether there has been a sample.
    pub fn has_begun(&self) -> bool {
        self.offset_mv.is_some()
    }

    /// A line over `missing` samples to one of `next_mv`, which is pushed after them.
    pub fn line(&mut self, missing: u64, next_mv: f32) -> Line {
        let next_mv = if next_mv.is_finite() { f64::from(next_mv) } else { 0.0 };
        let offset_mv = *self.offset_mv.get_or_insert(next_mv);
        let mains = self.mains.clone().pass(missing + 1);
        self.mains.pass(missing);
        let step_mv = (next_mv - offset_mv - mains - self.last_mv) / (missing + 1) as f64;
        Line { from_mv: self.last_mv, step_mv }
    }

    /// Takes the sample `number` of a line, from 0 on.
    pub fn follow(&mut self, line: Line, number: u64) -> Cleaned {
        let (shape, qrs, residue) = self.filter(line.from_mv + line.step_mv * (number + 1) as f64);
        Cleaned {
            shape_mv: shape as f32,
            qrs_mv: qrs as f32,
            residue_mv: residue as f32,
            mains_mv: 0.0,
            mains_amplitude_mv: self.mains.amplitude_mv(),
        }
    }

    /// The bands of shape and of detection, and what lies above the first.
    fn filter(&mut self, x: f64) -> (f64, f64, f64) {
        self.last_mv = x;
        let [high, low] = &mut self.shape;
        let above = high.filter(x);
        let shape = low.filter(above);
        let [high, low] = &mut self.detect;
        (shape, low.filter(high.filter(shape)), above - shape)
    }

    /// Takes the next sample in millivolts. The first one is taken as the electrode offset, so that the filters do
    /// not start with a step.
    pub fn push(&mut self, mv: f32) -> Cleaned {
        let mv = if mv.is_finite() { f64::from(mv) } else { 0.0 };
        let mains = self.mains.next();
        let mut x = mv - *self.offset_mv.get_or_insert(mv);
        if let Some(mains) = mains {
            x -= mains;
        }
        let (shape, qrs, residue) = self.filter(x);
        let residue_mv = residue as f32;
        self.mains.learn(residue_mv);
        Cleaned {
            shape_mv: shape as f32,
            qrs_mv: qrs as f32,
            residue_mv,
            mains_mv: mains.unwrap_or(0.0) as f32,
            mains_amplitude_mv: self.mains.amplitude_mv(),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    /// Amplitude of the output for a sine of 1 mV, after settling.
    fn gain(hz: f64, rate_hz: f64, pick: fn(Cleaned) -> f32) -> f32 {
        let mut cleaner = Cleaner::new(SampleRate::new(rate_hz).unwrap());
        let n = (rate_hz * 40.0) as usize;
        let mut peak = 0.0f32;
        for i in 0..n {
            let out = cleaner.push(libm::sin(2.0 * PI * hz * i as f64 / rate_hz) as f32 + 3.0);
            if i > n / 2 {
                peak = peak.max(pick(out).abs());
            }
        }
        peak
    }

    #[test]
    fn bands_have_their_edges_at_every_rate() {
        for rate in [100.0, 250.0, 360.0, 1000.0] {
            assert!(gain(0.05, rate, |c| c.shape_mv) < 0.02, "baseline at {rate}");
            assert!((gain(0.5, rate, |c| c.shape_mv) - 0.707).abs() < 0.02, "lower edge at {rate}");
            assert!((gain(5.0, rate, |c| c.shape_mv) - 1.0).abs() < 0.02, "pass band at {rate}");
            assert!((gain(40.0, rate, |c| c.shape_mv) - 0.707).abs() < 0.05, "upper edge at {rate}");
            assert!(gain(1.0, rate, |c| c.qrs_mv) < 0.05, "T wave at {rate}");
        }
        assert!(gain(110.0, 360.0, |c| c.shape_mv) < 0.1);
    }

    #[test]
    fn what_is_no_number_does_not_stay_in_the_filter() {
        let mut cleaner = Cleaner::new(SampleRate::new(360.0).unwrap());
        cleaner.push(f32::NAN);
        assert!(cleaner.push(1.0).shape_mv.is_finite());
    }
}
