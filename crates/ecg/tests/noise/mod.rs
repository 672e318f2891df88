//! Noise and electrode faults added to recordings, reproducibly.
#![allow(dead_code, reason = "the test and the example use a part")]

use std::f64::consts::TAU;

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Between 0 and 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal, as the sum of twelve.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Wide-band, its strength swelling over seconds.
    Muscle,
    /// Baseline wander of respiration and movement, and electrode motion below 3 Hz.
    Motion,
    /// 50 Hz.
    Mains,
    /// 59.8 Hz and harmonics, swelling and fading by a third over seconds.
    SwellingMains,
}

pub(crate) const KINDS: [Kind; 4] = [Kind::Muscle, Kind::Motion, Kind::Mains, Kind::SwellingMains];

/// Power of the signal as the noise stress test of MIT-BIH defines it: an eighth of the square of the QRS complexes'
/// peak-to-peak amplitude, here the median range of a second; mV^2.
pub(crate) fn signal_power(mv: &[f64], rate_hz: f64) -> f64 {
    let mut ranges: Vec<f64> = mv
        .chunks_exact(rate_hz as usize)
        .map(|c| c.iter().fold(f64::MIN, |a, b| a.max(*b)) - c.iter().fold(f64::MAX, |a, b| a.min(*b)))
        .collect();
    ranges.sort_by(f64::total_cmp);
    ranges.get(ranges.len() / 2).map_or(0.0, |r| r * r / 8.0)
}

/// Unit-variance noise.
pub(crate) fn noise(kind: Kind, samples: usize, rate_hz: f64, seed: u64) -> Vec<f64> {
    let mut random = Random(seed);
    let (phase, period) = (random.unit() * TAU, 5.0 + 10.0 * random.unit());
    let (mut slow, mut slower) = (0.0, 0.0);
    let share = 1.0 - (-TAU * 1.5 / rate_hz).exp();
    let mut out: Vec<f64> = (0..samples)
        .map(|i| {
            let t = i as f64 / rate_hz;
            match kind {
                Kind::Muscle => random.normal() * (1.0 + 0.7 * (t * TAU / period + phase).sin()),
                Kind::Mains => (TAU * 50.0 * t + phase).sin(),
                Kind::SwellingMains => {
                    let line = |n: f64| (n * (TAU * 59.8 * t + phase)).sin();
                    (1.0 + 0.3 * (TAU * t / period).sin()) * (line(1.0) + 0.15 * line(2.0) + 0.2 * line(3.0))
                }
                Kind::Motion => {
                    // Two poles at 1.5 Hz, and respiration.
                    slow += share * (random.normal() * rate_hz.sqrt() - slow);
                    slower += share * (slow - slower);
                    slower + 1.5 * (TAU * 0.25 * t + phase).sin()
                }
            }
        })
        .collect();
    let power = out.iter().map(|v| v * v).sum::<f64>() / samples.max(1) as f64;
    out.iter_mut().for_each(|v| *v /= power.sqrt().max(1e-12));
    out
}

/// `mv` with noise at this signal-to-noise ratio in dB; `reference` gives the signal's power.
pub(crate) fn with_noise(
    mv: &[f64],
    reference: f64,
    kind: Kind,
    db: f64,
    rate_hz: f64,
    seed: u64,
) -> Vec<f64> {
    let size = (reference / 10f64.powf(db / 10.0)).sqrt();
    mv.iter().zip(noise(kind, mv.len(), rate_hz, seed)).map(|(v, n)| v + size * n).collect()
}

/// One fault of the electrode, in samples.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Ten lead-offs an hour, of four sorts in turn: a flat line at once; the amplifier saturates at detaching and at
/// attaching and recovers exponentially; it hangs loose and picks up 50 Hz; loose, with contact that comes and goes.
pub(crate) fn with_lead_offs(mv: &mut [f64], rail_mv: f64, rate_hz: f64, seed: u64) -> Vec<Fault> {
    let mut random = Random(seed);
    let every = (360.0 * rate_hz) as usize;
    let mut faults = Vec::new();
    let mut at = (90.0 * rate_hz) as usize;
    while at + (120.0 * rate_hz) as usize <= mv.len() {
        let length = ((8.0 + 30.0 * random.unit()) * rate_hz) as usize;
        let sort = faults.len() % 4;
        let sign = if random.unit() < 0.5 { -1.0 } else { 1.0 };
        let (tau, held) = (0.5 + 1.5 * random.unit(), 0.2 + random.unit());
        let offset = mv[at];
        for i in 0..length {
            let t = i as f64 / rate_hz;
            let hum = (TAU * 50.0 * t).sin();
            let decay = |t: f64| if t < held { rail_mv } else { rail_mv * (-(t - held) / tau).exp() };
            let v = mv[at + i];
            mv[at + i] = match sort {
                0 => offset,
                1 => sign * decay(t),
                2 => 2.0 * hum + 0.3 * (t * 2.0).sin(),
                _ => {
                    if (t * 0.7).fract() < 0.5 {
                        3.0 * hum + sign * decay((t * 0.7).fract())
                    } else {
                        v
                    }
                }
            }
            .clamp(-rail_mv, rail_mv);
        }
        if sort > 0 {
            // Attached again: a jump, and the amplifier's recovery.
            for i in 0..(10.0 * rate_hz) as usize {
                let t = i as f64 / rate_hz;
                let jump = if t < held { rail_mv } else { rail_mv * (-(t - held) / tau).exp() };
                let v = &mut mv[at + length + i];
                *v = (*v - sign * jump).clamp(-rail_mv, rail_mv);
            }
        }
        faults.push(Fault { start: at, end: at + length });
        at += every;
    }
    faults
}

/// Linear resampling.
pub(crate) fn resample(mv: &[f64], from_hz: f64, to_hz: f64) -> Vec<f64> {
    let count = (mv.len() as f64 * to_hz / from_hz) as usize;
    (0..count)
        .map(|i| {
            let at = i as f64 * from_hz / to_hz;
            let (low, part) = (at as usize, at.fract());
            let a = mv[low.min(mv.len() - 1)];
            a + part * (mv[(low + 1).min(mv.len() - 1)] - a)
        })
        .collect()
}
