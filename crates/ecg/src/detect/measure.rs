//! What is measured at a candidate once the signal after it is known.

use super::{shape::Shape, trace::Trace};
use crate::{SampleRate, strip::Strip};

/// How much of the signal after a candidate is needed.
pub(super) const MEASURE_S: f64 = 0.36;
/// Delay of the detection band against the shape band.
const FILTER_LAG_S: f64 = 0.015;
/// An R peak is sought so far before the envelope's peak, and so far behind it.
const BEFORE_S: f64 = 0.12;
const BEHIND_S: f64 = 0.08;
/// A wave is compared with the signal so far before and after it.
const ARM_S: f64 = 0.04;
/// A wave so far before the greatest one that is at least half as great begins the complex.
const WIDE_S: f64 = 0.06;
/// Step over which the steepest slope is taken.
const SLOPE_S: f64 = 0.012;
const MV: f32 = 0.001;

/// The measurements of a candidate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) shape: Shape,
    /// Sample index of the R peak, and whether it points down.
    pub(super) r: u64,
    pub(super) negative: bool,
    /// The higher one of the envelope's lowest values before and after.
    pub(super) valley: f32,
    /// The lower one of the envelope's mean values before and after.
    pub(super) surroundings: f32,
    /// Mean magnitude above the shape band, before and after.
    pub(super) residue: f32,
    /// Highest less lowest value around the R peak, mV.
    pub(super) swing: f32,
    /// Steepest rise or fall there, mV per 12 ms.
    pub(super) steepest: f32,
}

impl Measured {
    pub(super) fn take(trace: &Trace, strip: &Strip, rate: SampleRate, step: i64, negative: bool) -> Self {
        let (valley_before, mean_before) = trace.surroundings(step, -0.3, -0.1);
        let (valley_after, mean_after) = trace.surroundings(step, 0.1, 0.3);
        let (r, negative) = locate(trace, strip, rate, step, negative);
        let (swing, steepest) = swing(strip, rate, r);
        Self {
            shape: Shape::take(trace, step),
            r,
            negative,
            valley: valley_before.max(valley_after),
            surroundings: mean_before.min(mean_after),
            residue: 0.5 * (trace.residue(step, -0.3, -0.1) + trace.residue(step, 0.14, 0.34)),
            swing,
            steepest,
        }
    }
}

/// Finds the R peak that belongs to an envelope peak, and whether it points down: the wave of the shape band that
/// stands out most against what is before and after it, so that neither offset nor T wave count.
fn locate(trace: &Trace, strip: &Strip, rate: SampleRate, step: i64, was_negative: bool) -> (u64, bool) {
    let centre = trace.sample(step).saturating_sub(rate.samples(FILTER_LAG_S));
    let (from, to) = (centre.saturating_sub(rate.samples(BEFORE_S)), centre + rate.samples(BEHIND_S));
    let arm = rate.samples(ARM_S).max(1);
    let value = |i: u64| strip.microvolts(i).map(i32::from);
    let stands_out = |i: u64| Some((i, 2 * value(i)? - value(i.saturating_sub(arm))? - value(i + arm)?));
    let (mut up, mut down) = ((centre, 0), (centre, 0));
    for (i, v) in (from..=to).filter_map(stands_out) {
        if v > up.1 {
            up = (i, v);
        }
        if v < down.1 {
            down = (i, v);
        }
    }
    // A biphasic complex must not change its reference point from beat to beat.
    let negative = if was_negative { -3 * down.1 > 2 * up.1 } else { -2 * down.1 > 3 * up.1 };
    let (r, greatest) = if negative { down } else { up };
    // A wide complex, paced or ventricular, counts from its first wave, not from the swing back.
    let first = (from..r.saturating_sub(rate.samples(WIDE_S)))
        .filter_map(stands_out)
        .max_by_key(|(_, v)| v.abs())
        .filter(|(_, v)| v.abs() > greatest.abs() / 2);
    first.map_or((r, negative), |(i, v)| (i, v < 0))
}

/// Range and steepest slope around an R peak.
fn swing(strip: &Strip, rate: SampleRate, r: u64) -> (f32, f32) {
    let reach = rate.samples(BEHIND_S);
    let stride = rate.samples(SLOPE_S).max(1);
    let (mut highest, mut lowest, mut steepest) = (i32::MIN, i32::MAX, 0);
    for i in r.saturating_sub(reach)..=r + reach {
        let Some(v) = strip.microvolts(i).map(i32::from) else { continue };
        (highest, lowest) = (highest.max(v), lowest.min(v));
        if let Some(later) = strip.microvolts(i + stride) {
            steepest = steepest.max((i32::from(later) - v).abs());
        }
    }
    (highest.saturating_sub(lowest).max(0) as f32 * MV, steepest as f32 * MV)
}
