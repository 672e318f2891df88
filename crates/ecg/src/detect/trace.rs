//! The detector's view of the signal: a slower stream, its envelope, and a second of history of both.

use crate::{SampleRate, clean::Cleaned};

/// The stream is thinned to at least this rate; the detection band ends far below its half.
const STREAM_HZ: f64 = 125.0;
/// Step over which the slope is taken.
const SLOPE_S: f64 = 0.012;
/// Length of each of the two moving averages that make the envelope; together about the widest QRS complex.
const AVERAGE_S: f64 = 0.07;
/// Steps kept: 0.77 s at the highest stream rate, just under 250 Hz. A candidate is measured 0.36 s after it, 0.08 s
/// more for the envelope's delay, and looks back 0.3 s.
const RING: usize = 192;
const SLOPE_STEPS_MAX: usize = 4;
const AVERAGE_STEPS_MAX: usize = 32;

/// A moving average over a fixed number of steps.
#[derive(Debug, Clone)]
struct Average {
    ring: [f32; AVERAGE_STEPS_MAX],
    len: usize,
    at: usize,
    sum: f64,
    share: f64,
}

impl Average {
    fn new(len: usize) -> Self {
        let len = len.clamp(1, AVERAGE_STEPS_MAX);
        Self { ring: [0.0; AVERAGE_STEPS_MAX], len, at: 0, sum: 0.0, share: 1.0 / len as f64 }
    }

    fn push(&mut self, value: f32) -> f32 {
        let old = self.ring.get_mut(self.at).map_or(0.0, |s| core::mem::replace(s, value));
        self.at = if self.at + 1 >= self.len { 0 } else { self.at + 1 };
        self.sum += f64::from(value) - f64::from(old);
        (self.sum * self.share) as f32
    }
}

#[derive(Debug, Clone)]
struct Ring([f32; RING]);

impl Ring {
    fn get(&self, step: i64) -> f32 {
        self.0.get(step as usize % RING).copied().unwrap_or(0.0)
    }

    fn set(&mut self, step: i64, value: f32) {
        if let Some(slot) = self.0.get_mut(step as usize % RING) {
            *slot = value;
        }
    }
}

/// The thinned signal with its envelope.
#[derive(Debug, Clone)]
pub(super) struct Trace {
    start: u64,
    thin: u32,
    filled: u32,
    qrs_sum: f32,
    residue_sum: f32,
    hz: f64,
    slope_steps: i64,
    slope_scale: f32,
    lag: i64,
    first: Average,
    second: Average,
    qrs: Ring,
    envelope: Ring,
    residue: Ring,
    end: i64,
}

impl Trace {
    pub(super) fn new(rate: SampleRate, start: u64) -> Self {
        let thin = libm::floor(rate.hz() / STREAM_HZ).max(1.0);
        let hz = rate.hz() / thin;
        let steps = |s: f64| libm::round(s * hz).max(1.0);
        let slope_steps = steps(SLOPE_S).min(SLOPE_STEPS_MAX as f64);
        let average = steps(AVERAGE_S);
        Self {
            start,
            thin: thin as u32,
            filled: 0,
            qrs_sum: 0.0,
            residue_sum: 0.0,
            hz,
            slope_steps: slope_steps as i64,
            slope_scale: (SLOPE_S * hz / slope_steps) as f32,
            lag: libm::round(0.5 * slope_steps + average - 1.0) as i64,
            first: Average::new(average as usize),
            second: Average::new(average as usize),
            qrs: Ring([0.0; RING]),
            envelope: Ring([0.0; RING]),
            residue: Ring([0.0; RING]),
            end: 0,
        }
    }

    /// Takes a sample; true when it completed a step.
    pub(super) fn push(&mut self, cleaned: Cleaned) -> bool {
        self.qrs_sum += cleaned.qrs_mv;
        self.residue_sum += cleaned.residue_mv.abs();
        self.filled += 1;
        if self.filled < self.thin {
            return false;
        }
        let share = 1.0 / self.thin as f32;
        let now = self.end;
        let value = self.qrs_sum * share;
        self.qrs.set(now, value);
        self.residue.set(now, self.residue_sum * share);
        (self.filled, self.qrs_sum, self.residue_sum) = (0, 0.0, 0.0);
        let before = if now < self.slope_steps { 0.0 } else { self.qrs.get(now - self.slope_steps) };
        let slope = self.slope_scale * (value - before).abs();
        let envelope = self.second.push(self.first.push(slope));
        if now >= self.lag {
            self.envelope.set(now - self.lag, envelope);
        }
        self.end += 1;
        true
    }

    /// Step of the newest envelope value; negative while there is none.
    pub(super) fn newest(&self) -> i64 {
        self.end - 1 - self.lag
    }

    pub(super) fn envelope(&self, step: i64) -> f32 {
        self.envelope.get(step)
    }

    /// `seconds` in steps, rounded.
    pub(super) fn steps(&self, seconds: f64) -> i64 {
        libm::round(seconds * self.hz) as i64
    }

    /// Steps in seconds.
    pub(super) fn seconds(&self, steps: i64) -> f32 {
        (steps as f64 / self.hz) as f32
    }

    /// Sample index of a step's middle.
    pub(super) fn sample(&self, step: i64) -> u64 {
        self.start + step.max(0) as u64 * u64::from(self.thin) + u64::from(self.thin / 2)
    }

    /// Lowest and mean envelope in a stretch relative to a step.
    pub(super) fn surroundings(&self, step: i64, from_s: f64, to_s: f64) -> (f32, f32) {
        let (from, to) = ((step + self.steps(from_s)).max(0), step + self.steps(to_s));
        let (mut lowest, mut sum, mut count) = (f32::INFINITY, 0.0f32, 0.0f32);
        for s in from..=to {
            let e = self.envelope.get(s);
            lowest = lowest.min(e);
            sum += e;
            count += 1.0;
        }
        if count > 0.0 { (lowest, sum / count) } else { (0.0, 0.0) }
    }

    /// Mean magnitude above the shape band in a stretch relative to a step.
    pub(super) fn residue(&self, step: i64, from_s: f64, to_s: f64) -> f32 {
        let (from, to) = ((step + self.steps(from_s)).max(0), step + self.steps(to_s));
        let sum: f32 = (from..=to).map(|s| self.residue.get(s)).sum();
        sum / (to - from + 1).max(1) as f32
    }

    /// The detection band at a time relative to a step, between steps by a straight line.
    pub(super) fn qrs(&self, step: i64, offset_s: f64) -> f32 {
        let at = step as f64 + offset_s * self.hz;
        let whole = libm::floor(at);
        let share = (at - whole) as f32;
        if whole < 0.0 {
            return 0.0;
        }
        let (a, b) = (self.qrs.get(whole as i64), self.qrs.get(whole as i64 + 1));
        a + share * (b - a)
    }
}
