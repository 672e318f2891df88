//! A beat-free index of ventricular fibrillation and flutter over windows of four seconds.
//!
//! Two published features on the 0.5 to 40 Hz signal. Occupancy: the share of samples of the band around 15 Hz that lie
//! above their mean magnitude (the second count of Jekova and Krasteva 2004, doi 10.1088/0967-3334/25/5/007). A QRS
//! complex fills that band for an instant only; fibrillation leaves no pause in it. Leakage of a narrow stop band at
//! the mean frequency (Kuo and Dillman 1978; small for a sine-like signal), which tells fibrillation from noise, whose
//! occupancy is as high. These two were also the best pair of fourteen in Li, Rajagopalan and Clifford 2014 (doi
//! 10.1109/TBME.2013.2275000). Both must agree, within the frequencies of fibrillation.

use crate::{SampleRate, strip::Strip};

/// Window in seconds.
pub const WINDOW_S: f64 = 4.0;
/// The window is looked at with about this many samples per second; fibrillation has nothing above 15 Hz.
const WORK_RATE_HZ: f64 = 125.0;
const SAMPLES_MAX: usize = 1000;
/// Span of the mean that keeps mains out, in seconds.
const MEAN_S: f64 = 0.02;
/// Centre and width of the band of the occupancy, Hz (13 to 16.5 Hz).
const BAND_HZ: (f64, f64) = (14.6, 3.5);

/// Features of one window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Features {
    /// Leakage, 0 (one sine) to 1.
    pub leakage: f32,
    /// Share of samples of the band above its mean magnitude, 0 to 1; mean over the window's seconds.
    pub occupancy: f32,
    /// Mean frequency in Hz.
    pub frequency_hz: f32,
    /// Mean magnitude in mV.
    pub magnitude_mv: f32,
}

/// Features of the last [`WINDOW_S`] seconds; nothing while the strip is shorter.
pub fn features(strip: &Strip, rate: SampleRate) -> Option<Features> {
    let step = ((rate.hz() / WORK_RATE_HZ) as u64).max(1);
    let work_hz = rate.hz() / step as f64;
    let count = (WINDOW_S * work_hz) as usize;
    let from = strip.end().checked_sub(count as u64 * step)?;
    let mut window = [0.0f32; SAMPLES_MAX];
    let window = window.get_mut(..count)?;
    // A mean over 20 ms has its zero at 50 Hz and little left at 60: mains would raise the mean frequency.
    let span = rate.samples(MEAN_S).max(1);
    let first = from.checked_sub(span)?;
    let value = |i: u64| strip.microvolts(i).map(i32::from);
    let mut sum = (first..from).try_fold(0i32, |sum, i| Some(sum + value(i)?))?;
    let mut at = from;
    for slot in window.iter_mut() {
        *slot = sum as f32 / (1000.0 * span as f32);
        for i in at..at + step {
            sum += value(i)? - value(i - span)?;
        }
        at += step;
    }
    let mean = window.iter().sum::<f32>() / count as f32;
    window.iter_mut().for_each(|v| *v -= mean);
    let size: f32 = window.iter().map(|v| v.abs()).sum();
    let travel: f32 = window.iter().zip(window.iter().skip(1)).map(|(a, b)| (b - a).abs()).sum();
    if travel <= 0.0 {
        return None;
    }
    let half_period = core::f32::consts::PI * size / travel;
    let shift = libm::roundf(half_period) as usize;
    let pairs = || window.iter().zip(window.iter().skip(shift));
    let (sum, total) = pairs().fold((0.0, 0.0), |(s, t), (a, b)| (s + (a + b).abs(), t + a.abs() + b.abs()));
    Some(Features {
        leakage: if total > 0.0 { sum / total } else { 1.0 },
        occupancy: occupancy(window, work_hz),
        frequency_hz: (work_hz / 2.0) as f32 / half_period,
        magnitude_mv: size / count as f32,
    })
}

/// Share of the band's samples above its mean magnitude; the window is overwritten with the band.
fn occupancy(window: &mut [f32], work_hz: f64) -> f32 {
    let (centre, width) = BAND_HZ;
    let omega = 2.0 * core::f64::consts::PI * centre / work_hz;
    let alpha = libm::sin(omega) * 0.5 * width / centre;
    let norm = 1.0 / (1.0 + alpha);
    let gain = (alpha * norm) as f32;
    let (a1, a2) = ((-2.0 * libm::cos(omega) * norm) as f32, ((1.0 - alpha) * norm) as f32);
    let ([mut x1, mut x2], [mut y1, mut y2]) = ([0.0f32; 2], [0.0f32; 2]);
    for v in window.iter_mut() {
        let y = gain * (*v - x2) - a1 * y1 - a2 * y2;
        (x2, x1) = (x1, *v);
        (y2, y1) = (y1, y);
        *v = y.abs();
    }
    let second = (work_hz as usize).max(1);
    let (mut sum, mut seconds) = (0.0, 0.0);
    for part in window.chunks_exact(second) {
        let mean = part.iter().sum::<f32>() / second as f32;
        sum += part.iter().filter(|v| **v > mean).count() as f32 / second as f32;
        seconds += 1.0;
    }
    sum / seconds
}

/// A window of fibrillation has at least this index, see [`Features::index`].
pub const INDEX_MIN: f32 = 0.29;
/// Weight of the leakage in the index.
const LEAKAGE_WEIGHT: f32 = 0.15;
/// A window of fibrillation leaks less than this (sinus rhythm and noise: 0.7 and more).
pub const LEAKAGE_MAX: f32 = 0.75;
/// Mean frequencies of ventricular flutter and fibrillation, Hz.
const FREQUENCY_HZ: core::ops::RangeInclusive<f32> = 1.8..=7.5;
/// Mean magnitude below which there is asystole or the finest fibrillation, which are treated alike, mV.
const MAGNITUDE_MIN_MV: f32 = 0.05;

impl Features {
    /// Occupancy, less a share of the leakage: the more sine-like, the less the band need be full.
    pub fn index(&self) -> f32 {
        self.occupancy - LEAKAGE_WEIGHT * self.leakage
    }

    /// Whether a window with these features looks like fibrillation or flutter.
    pub fn looks_fibrillating(&self) -> bool {
        self.exceeds(INDEX_MIN, LEAKAGE_MAX)
    }

    /// As [`Features::looks_fibrillating`] with other thresholds, for fitting them.
    pub fn exceeds(&self, index_min: f32, leakage_max: f32) -> bool {
        self.leakage < leakage_max
            && self.index() > index_min
            && FREQUENCY_HZ.contains(&self.frequency_hz)
            && self.magnitude_mv > MAGNITUDE_MIN_MV
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(hz: f64, signal: impl Fn(f64) -> f64) -> Features {
        let mut strip = Strip::new(0);
        let rate = SampleRate::new(hz).unwrap();
        for i in 0..rate.samples(WINDOW_S + MEAN_S) + 10 {
            strip.push(signal(i as f64 / hz) as f32);
        }
        features(&strip, rate).unwrap()
    }

    #[test]
    fn a_wave_fibrillates_and_beats_do_not() {
        for hz in [100.0, 128.0, 250.0, 360.0, 500.0, 1000.0] {
            let wave = of(hz, |t| 0.5 * libm::sin(31.0 * t) * (1.0 + 0.3 * libm::sin(3.0 * t)));
            assert!(wave.looks_fibrillating() && (wave.frequency_hz - 4.93).abs() < 0.6, "{hz} {wave:?}");
            let beat = of(hz, |t| {
                let phase = t - libm::floor(t / 0.8) * 0.8;
                libm::exp(-((phase - 0.3) / 0.02) * ((phase - 0.3) / 0.02))
                    + 0.2 * libm::exp(-((phase - 0.55) / 0.05) * ((phase - 0.55) / 0.05))
            });
            assert!(!beat.looks_fibrillating(), "{hz} {beat:?}");
        }
    }

    #[test]
    fn no_window_no_features() {
        assert_eq!(features(&Strip::new(0), SampleRate::new(360.0).unwrap()), None);
        let mut flat = Strip::new(0);
        (0..2000).for_each(|_| flat.push(0.1));
        assert_eq!(features(&flat, SampleRate::new(360.0).unwrap()), None);
    }
}
