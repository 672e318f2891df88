//! The improved weighted cross-correlation of paper B, equations (4) to (9), as printed and in two well-defined forms.
//!
//! As printed, (9) is not bounded by 1, because the weights enter (4) but not the variances (7) and (8). Version A
//! carries the weights through means and variances (bounded by Cauchy-Schwarz); version B takes Pearson's coefficient
//! of each part and weights those, so that a lost P wave cannot hide behind a large QRS complex. B is the default.

use crate::{
    Error,
    segment::{CYCLE_SAMPLES, CYCLE_WITH_MARGINS, Cycle, LAG_MAX_SAMPLES, Part, nominal_parts},
};

/// Variance below which a signal is flat, in mV^2: 30 nV of amplitude, far below one ADC step.
pub const FLAT_MV2: f64 = 1e-9;

/// Largest magnitude accepted, in mV: far above any electrode, and its squares cannot overflow.
const AMPLITUDE_MAX_MV: f64 = 1e6;

/// Part weights (PR, QRS, ST) of equation (4), normalised to sum 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights([f64; 3]);

impl Weights {
    /// Checks and normalises weights in the order PR, QRS, ST. Paper B's example 0.2, 0.8, 0.2 sums to 1.2, so the sum
    /// is not required to be 1.
    ///
    /// # Errors
    /// [`Error::Weights`] for a weight that is negative or not finite, or a sum that is not positive and finite.
    pub fn new(pr: f64, qrs: f64, st: f64) -> Result<Self, Error> {
        let weights = [pr, qrs, st];
        let sum: f64 = weights.iter().sum();
        if weights.iter().any(|w| !w.is_finite() || *w < 0.0)
            || !(sum.is_finite() && sum >= f64::MIN_POSITIVE)
        {
            return Err(Error::Weights);
        }
        Ok(Self(weights.map(|w| w / sum)))
    }

    /// The normalised weight of a part.
    pub fn of(self, part: Part) -> f64 {
        let [pr, qrs, st] = self.0;
        match part {
            Part::Pr => pr,
            Part::Qrs => qrs,
            Part::St => st,
        }
    }
}

impl Default for Weights {
    /// 0.2, 0.6, 0.2: the reading of paper B's example that sums to 1.
    fn default() -> Self {
        Self([0.2, 0.6, 0.2])
    }
}

/// Why there is no coefficient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DegenerateReason {
    /// The reference is flat.
    FlatReference,
    /// The current signal is flat: lead off or asystole, never "different" and never "normal".
    FlatCurrent,
    /// Lengths do not fit, or a sample is not finite or beyond a kilovolt.
    Window,
}

/// Outcome of a correlation; never NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Correlation {
    /// A coefficient exists.
    Defined {
        /// The coefficient; within -1 and 1 for versions A and B.
        rho: f64,
        /// Lag of the current signal behind the reference that was chosen, in samples of the nominal cycle.
        lag: i32,
        /// Coefficients of PR, QRS and ST at that lag, each within -1 and 1 (0 for a flat part).
        parts: [f64; 3],
    },
    /// None exists.
    Degenerate(DegenerateReason),
}

impl Correlation {
    /// The coefficient, if there is one.
    pub fn rho(&self) -> Option<f64> {
        match self {
            Self::Defined { rho, .. } => Some(*rho),
            Self::Degenerate(_) => None,
        }
    }
}

/// Which form of equation (9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// (9) as printed; unbounded, for the paper's figures only.
    Printed,
    /// Global weighted Pearson.
    VersionA,
    /// Per-part Pearson, then weighted.
    #[default]
    VersionB,
}

/// Correlates two nominal cycles, searching the lag over +-50 ms. `noise_mv2` is the noise variance in mV^2 added to
/// the variances of the parts, so that a part that is mostly noise counts less.
pub fn correlate(
    reference: &Cycle,
    current: &Cycle,
    form: Form,
    weights: Weights,
    noise_mv2: f64,
) -> Correlation {
    let mut x = [0.0; CYCLE_SAMPLES];
    let mut y = [0.0; CYCLE_WITH_MARGINS];
    x.iter_mut().zip(reference.samples()).for_each(|(x, &v)| *x = f64::from(v));
    y.iter_mut().zip(current.with_margins()).for_each(|(y, &v)| *y = f64::from(v));
    search(&x, &y, &nominal_parts(), form, weights, noise_mv2, LAG_STEP)
}

/// Steps in which cycles are first tried, before every lag near the best of them: 8 ms. A QRS complex, with nothing
/// above 40 Hz, has no maximum so narrow that it could hide between; this halves the cost.
const LAG_STEP: i32 = 3;

/// The same on plain samples in millivolts: `current` is longer than `reference` by twice the largest lag, which is
/// `LAG_MAX_SAMPLES` at most; `parts` has one entry per sample of `reference`. No circular shift. Every lag is tried.
pub fn correlate_samples(
    reference: &[f64],
    current: &[f64],
    parts: &[Part],
    form: Form,
    weights: Weights,
    noise_mv2: f64,
) -> Correlation {
    search(reference, current, parts, form, weights, noise_mv2, 1)
}

fn search(
    reference: &[f64],
    current: &[f64],
    parts: &[Part],
    form: Form,
    weights: Weights,
    noise_mv2: f64,
    step: i32,
) -> Correlation {
    let n = reference.len();
    let margin = current.len().saturating_sub(n);
    let lag_max = margin / 2;
    let sane = |v: &f64| v.abs() <= AMPLITUDE_MAX_MV;
    let finite = reference.iter().chain(current).all(sane) && sane(&noise_mv2) && noise_mv2 >= 0.0;
    if !(2..=CYCLE_SAMPLES).contains(&n)
        || current.len() < n
        || !margin.is_multiple_of(2)
        || lag_max > LAG_MAX_SAMPLES
        || parts.len() != n
        || !finite
    {
        return Correlation::Degenerate(DegenerateReason::Window);
    }
    let Some(weighted) = WeightedReference::new(reference, parts, weights) else {
        return Correlation::Degenerate(DegenerateReason::FlatReference);
    };
    let shifted = |lag: i32| {
        let from = usize::try_from(lag_max as i64 + i64::from(lag)).unwrap_or(0);
        current.get(from..from + n).unwrap_or(&[])
    };
    let chosen = match form {
        Form::Printed => {
            best_lag(lag_max, step, |lag| Some(printed_r(reference, shifted(lag), parts, weights)))
        }
        Form::VersionA | Form::VersionB => best_lag(lag_max, step, |lag| weighted.rho(shifted(lag))),
    };
    let Some((lag, best)) = chosen else {
        return Correlation::Degenerate(DegenerateReason::FlatCurrent);
    };
    let y = shifted(lag);
    let per_part = Part::ALL.map(|part| rho_part(reference, y, parts, part, noise_mv2));
    let rho = match form {
        Form::VersionA => best,
        Form::VersionB => {
            Part::ALL.iter().zip(per_part).map(|(p, r)| weights.of(*p) * r).sum::<f64>().clamp(-1.0, 1.0)
        }
        Form::Printed => match printed_rho(reference, y, best) {
            Some(rho) => rho,
            None => return Correlation::Degenerate(DegenerateReason::FlatCurrent),
        },
    };
    Correlation::Defined { rho, lag, parts: per_part }
}

/// The largest value over the lags, tried in steps and then one by one around the best; the smallest lag wins ties.
fn best_lag(lag_max: usize, step: i32, mut value: impl FnMut(i32) -> Option<f64>) -> Option<(i32, f64)> {
    let lag_max = lag_max as i32;
    let mut best: Option<(i32, f64)> = None;
    let mut attempt = |lag: i32, best: &mut Option<(i32, f64)>| {
        if let Some(v) = value(lag)
            && best.is_none_or(|(b, top)| v > top || (v == top && lag.abs() < b.abs()))
        {
            *best = Some((lag, v));
        }
    };
    for distance in (0..=lag_max).step_by(step.max(1) as usize) {
        attempt(distance, &mut best);
        if distance > 0 {
            attempt(-distance, &mut best);
        }
    }
    if let Some((centre, _)) = best {
        for near in (1..step).flat_map(|d| [centre - d, centre + d]).filter(|lag| lag.abs() <= lag_max) {
            attempt(near, &mut best);
        }
    }
    best
}

/// Version A against one reference: what does not depend on the lag is worked out once.
struct WeightedReference {
    /// Weight of each sample; they sum to 1. Zero behind the reference's end.
    omega: [f64; CYCLE_SAMPLES],
    /// Weight times difference from the weighted mean. Zero behind the reference's end.
    weighted_x: [f64; CYCLE_SAMPLES],
    variance_x: f64,
    len: usize,
}

impl WeightedReference {
    /// Nothing when the reference is flat under these weights.
    fn new(x: &[f64], parts: &[Part], weights: Weights) -> Option<Self> {
        let count = Part::ALL.map(|part| parts.iter().filter(|&&p| p == part).count());
        // A part's weight is shared by its samples; a part that does not occur leaves its weight to the others.
        let total: f64 =
            Part::ALL.iter().zip(count).filter(|(_, n)| *n > 0).map(|(p, _)| weights.of(*p)).sum();
        if total <= 0.0 {
            return None;
        }
        let [pr, qrs, st] = count;
        let mut omega = [0.0; CYCLE_SAMPLES];
        for (w, part) in omega.iter_mut().zip(parts) {
            let n = match part {
                Part::Pr => pr,
                Part::Qrs => qrs,
                Part::St => st,
            };
            *w = weights.of(*part) / (total * n as f64);
        }
        let mean: f64 = omega.iter().zip(x).map(|(w, x)| w * x).sum();
        let mut weighted_x = [0.0; CYCLE_SAMPLES];
        let mut variance_x = 0.0;
        for ((out, w), x) in weighted_x.iter_mut().zip(&omega).zip(x) {
            *out = w * (x - mean);
            variance_x += *out * (x - mean);
        }
        (variance_x > FLAT_MV2).then_some(Self { omega, weighted_x, variance_x, len: x.len() })
    }

    /// The coefficient with `y`, of the reference's length; nothing when `y` is flat. Two passes: the mean first.
    fn rho(&self, y: &[f64]) -> Option<f64> {
        let omega = self.omega.get(..self.len)?;
        let mean = lanes(omega, y, |w, y| w * y);
        let variance_y = lanes(omega, y, |w, y| w * (y - mean) * (y - mean));
        let covariance = lanes(self.weighted_x.get(..self.len)?, y, |x, y| x * (y - mean));
        if variance_y <= FLAT_MV2 {
            return None;
        }
        Some((covariance / libm::sqrt(self.variance_x * variance_y)).clamp(-1.0, 1.0))
    }
}

/// Sum of `term` over both slices in four lanes, so that one addition need not wait for the one before.
fn lanes(a: &[f64], b: &[f64], term: impl Fn(f64, f64) -> f64) -> f64 {
    let mut sums = [0.0; 4];
    let ((a4, a_rest), (b4, b_rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    for ([a0, a1, a2, a3], [b0, b1, b2, b3]) in a4.iter().zip(b4) {
        let [s0, s1, s2, s3] = sums;
        sums = [s0 + term(*a0, *b0), s1 + term(*a1, *b1), s2 + term(*a2, *b2), s3 + term(*a3, *b3)];
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| term(*a, *b)).sum();
    let [p, q, r, s] = sums;
    (p + q) + (r + s) + rest
}

/// Pearson's coefficient of one part with the noise floor; 0 where the part is flat and no noise is given.
fn rho_part(x: &[f64], y: &[f64], parts: &[Part], part: Part, noise_mv2: f64) -> f64 {
    let only = || x.iter().zip(y).zip(parts).filter(|(_, p)| **p == part).map(|(pair, _)| pair);
    let n = only().count();
    if n == 0 {
        return 0.0;
    }
    let (sum_x, sum_y) = only().fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
    let (mean_x, mean_y) = (sum_x / n as f64, sum_y / n as f64);
    let (mut c, mut vx, mut vy) = (0.0, 0.0, 0.0);
    for (x, y) in only() {
        let (dx, dy) = (x - mean_x, y - mean_y);
        c += dx * dy;
        vx += dx * dx;
        vy += dy * dy;
    }
    let (c, vx, vy) = (c / n as f64, vx / n as f64 + noise_mv2, vy / n as f64 + noise_mv2);
    if vx <= FLAT_MV2 || vy <= FLAT_MV2 { 0.0 } else { (c / libm::sqrt(vx * vy)).clamp(-1.0, 1.0) }
}

/// Equation (4) at one lag.
fn printed_r(x: &[f64], y: &[f64], parts: &[Part], weights: Weights) -> f64 {
    Part::ALL
        .iter()
        .map(|part| {
            let only = || x.iter().zip(y).zip(parts).filter(|(_, p)| *p == part);
            let n = only().count().max(1);
            weights.of(*part) * only().map(|((x, y), _)| x * y).sum::<f64>() / n as f64
        })
        .sum()
}

/// Equation (9) for the maximum of (4), with the plain means (5), (6) and variances (7), (8).
fn printed_rho(x: &[f64], y: &[f64], r_max: f64) -> Option<f64> {
    let n = x.len() as f64;
    let (mean_x, mean_y) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let variance = |v: &[f64], mean: f64| v.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
    let (vx, vy) = (variance(x, mean_x), variance(y, mean_y));
    if vx <= FLAT_MV2 || vy <= FLAT_MV2 {
        None
    } else {
        Some((r_max - mean_x * mean_y) / libm::sqrt(vx * vy))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    const PARTS: [Part; 8] =
        [Part::Qrs, Part::St, Part::St, Part::St, Part::Pr, Part::Pr, Part::Pr, Part::Qrs];
    const X: [f64; 8] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
    const Y: [f64; 8] = [2.0, 1.0, 4.0, 3.0, 6.0, 5.0, 8.0, 7.0];

    #[test]
    fn worked_example_without_lag() {
        let w = Weights::new(0.2, 0.6, 0.2).unwrap();
        let Correlation::Defined { rho, lag, parts } =
            correlate_samples(&X, &Y, &PARTS, Form::VersionA, w, 0.0)
        else {
            panic!("defined")
        };
        assert!((rho - 0.9482721517727312).abs() < 1e-14 && lag == 0);
        for (got, want) in parts.iter().zip([0.6546536707079772, 1.0, 0.6546536707079772]) {
            assert!((got - want).abs() < 1e-14);
        }
        let b = correlate_samples(&X, &Y, &PARTS, Form::VersionB, w, 0.0).rho().unwrap();
        assert!((b - 0.8618614682831909).abs() < 1e-14);
    }

    #[test]
    fn printed_form_is_not_bounded() {
        // A peaked QRS of high weight on small other parts.
        let parts = PARTS;
        let x = [5.0, 0.1, 0.0, 0.1, 0.0, 0.1, 0.0, 5.0];
        let rho = correlate_samples(&x, &x, &parts, Form::Printed, Weights::default(), 0.0).rho().unwrap();
        assert!(rho > 1.5, "{rho}");
    }

    #[test]
    fn weights_are_normalised_and_checked() {
        let w = Weights::new(0.2, 0.8, 0.2).unwrap();
        assert!((w.of(Part::Qrs) - 2.0 / 3.0).abs() < 1e-15);
        for bad in [
            [0.0, 0.0, 0.0],
            [-0.1, 1.0, 0.2],
            [f64::NAN, 1.0, 1.0],
            [f64::INFINITY, 1.0, 1.0],
            [f64::MAX; 3],
        ] {
            assert_eq!(Weights::new(bad[0], bad[1], bad[2]), Err(Error::Weights));
        }
    }

    #[test]
    fn flat_and_broken_windows_are_degenerate() {
        let go =
            |x: &[f64], y: &[f64]| correlate_samples(x, y, &PARTS, Form::VersionB, Weights::default(), 0.0);
        let reason = Correlation::Degenerate;
        assert_eq!(go(&[1.0; 8], &Y), reason(DegenerateReason::FlatReference));
        assert_eq!(go(&X, &[3.0; 8]), reason(DegenerateReason::FlatCurrent));
        assert_eq!(go(&X, &Y[..7]), reason(DegenerateReason::Window));
        assert_eq!(go(&[f64::NAN; 8], &Y), reason(DegenerateReason::Window));
    }

    #[test]
    fn lag_is_found_with_its_sign() {
        let mut y = [0.0; 324];
        for (i, v) in y.iter_mut().enumerate() {
            let t = (i as f64 - 18.0 - 5.0 - 150.0) / 20.0;
            *v = libm::exp(-t * t) + 0.3 * libm::sin(i as f64 / 9.0);
        }
        let x: Vec<f64> = y[23..23 + 288].to_vec();
        let c = correlate_samples(&x, &y, &nominal_parts(), Form::VersionB, Weights::default(), 0.0);
        assert!(matches!(c, Correlation::Defined { lag: 5, rho, .. } if rho > 1.0 - 1e-12), "{c:?}");
    }

    fn signal(len: usize) -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(-5.0f64..5.0, len)
    }

    proptest! {
        #[test]
        fn bounded_and_blind_to_gain_and_offset(
            x in signal(CYCLE_SAMPLES), y in signal(CYCLE_WITH_MARGINS), gain in 0.01f64..100.0,
            offset in -10.0f64..10.0, noise in 0.0f64..0.1, w in (0.0f64..1.0, 0.01f64..1.0, 0.0f64..1.0),
        ) {
            let w = Weights::new(w.0, w.1, w.2).unwrap();
            for form in [Form::VersionA, Form::VersionB] {
                let c = correlate_samples(&x, &y, &nominal_parts(), form, w, 0.0);
                let moved: Vec<f64> = y.iter().map(|v| gain * v + offset).collect();
                let d = correlate_samples(&x, &moved, &nominal_parts(), form, w, 0.0);
                let (Some(c), Some(d)) = (c.rho(), d.rho()) else { panic!("defined") };
                prop_assert!(c.abs() <= 1.0 && (c - d).abs() < 1e-9, "{c} {d}");
            }
            let floored = correlate_samples(&x, &y, &nominal_parts(), Form::VersionB, w, noise);
            let Correlation::Defined { rho, parts, .. } = floored else { panic!("defined") };
            prop_assert!(rho.abs() <= 1.0 && parts.iter().all(|p| p.abs() <= 1.0));
        }

        #[test]
        fn never_nan(x: Vec<f64>, y: Vec<f64>, noise: f64) {
            let parts: Vec<Part> = (0..x.len()).map(|i| Part::ALL[i % 3]).collect();
            for form in [Form::Printed, Form::VersionA, Form::VersionB] {
                let c = correlate_samples(&x, &y, &parts, form, Weights::default(), noise);
                prop_assert!(c.rho().is_none_or(|r| !r.is_nan()));
            }
        }
    }
}
