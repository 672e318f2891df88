//! A beat-free index of ventricular fibrillation and flutter over windows of four seconds.
//!
//! Two published features on the 0.5 to 40 Hz signal: leakage of a narrow stop band at the mean frequency (Kuo and
//! Dillman 1978; small for a sine-like signal) and the share of samples beyond a fifth of the peak (threshold crossing
//! sample count, Arafat, Chowdhury and Hasan 2011; large when there is no isoelectric line). Both must agree, within
//! the frequencies of fibrillation.

use crate::{SampleRate, strip::Strip};

/// Window in seconds.
pub const WINDOW_S: f64 = 4.0;
/// The window is looked at with at most this many samples per second; fibrillation has nothing above 15 Hz.
const WORK_RATE_HZ: f64 = 125.0;
const SAMPLES_MAX: usize = 1000;
/// Share of the window's peak beyond which a sample counts.
const CROSSING_SHARE: f32 = 0.2;

/// Features of one window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Features {
    /// Leakage, 0 (one sine) to 1.
    pub leakage: f32,
    /// Share of samples beyond a fifth of the peak, 0 to 1; mean over the window's seconds.
    pub crossing: f32,
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
    for (i, slot) in window.iter_mut().enumerate() {
        *slot = strip.mv(from + i as u64 * step)?;
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
    let second = (work_hz as usize).max(1);
    let (mut crossing, mut seconds) = (0.0, 0.0);
    for part in window.chunks_exact(second) {
        let peak = part.iter().fold(0.0f32, |p, v| p.max(v.abs()));
        let beyond = part.iter().filter(|v| v.abs() > CROSSING_SHARE * peak).count();
        crossing += beyond as f32 / second as f32;
        seconds += 1.0;
    }
    Some(Features {
        leakage: if total > 0.0 { sum / total } else { 1.0 },
        crossing: crossing / seconds,
        frequency_hz: (work_hz / 2.0) as f32 / half_period,
        magnitude_mv: size / count as f32,
    })
}
