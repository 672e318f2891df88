//! The cardiac cycle of paper B (Yang et al. 2021, doi 10.1155/2021/5577514), Fig. 8: from R peak to R peak, 800 ms
//! nominal, split into second half of the QRS complex 100 ms, ST segment and T wave 300 ms, PR interval with P wave
//! 300 ms, first half of the next QRS complex 100 ms; 288 samples at 360 Hz.
//!
//! The QRS windows keep their length at every heart rate, the ST window follows the square root of the RR interval
//! (Bazett), PR takes the rest; each part is resampled to its nominal length.

use crate::{SampleRate, strip::Strip};

/// Samples of a nominal cycle: 800 ms at 360 Hz.
pub const CYCLE_SAMPLES: usize = 288;
/// Largest lag searched by the correlation on each side: 50 ms at 360 Hz.
pub const LAG_MAX_SAMPLES: usize = 18;
/// Samples of a cycle with its margins for the lag search.
pub const CYCLE_WITH_MARGINS: usize = CYCLE_SAMPLES + 2 * LAG_MAX_SAMPLES;
/// Sampling rate of the nominal cycle in Hz.
pub const NOMINAL_RATE_HZ: f64 = 360.0;
/// Shortest RR interval that is segmented, in seconds: below it nothing is left for ST and PR.
pub const RR_MIN_S: f64 = 0.3;
/// Longest RR interval that is segmented, in seconds: beyond it there is a pause, not a cycle.
pub const RR_MAX_S: f64 = 3.0;

/// Half of the QRS window in seconds.
pub const QRS_HALF_S: f64 = 0.1;
const ST_NOMINAL_S: f64 = 0.3;
const RR_NOMINAL_S: f64 = 0.8;
/// At high rates the ST window yields so that this much is left for PR, in seconds.
const PR_MIN_S: f64 = 0.08;

const QRS_HALF_SAMPLES: usize = 36;
const ST_SAMPLES: usize = 108;

/// Part of the cycle, in the order of the weights of equation (4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// PR interval with the P wave.
    Pr,
    /// QRS complex, its two halves joined.
    Qrs,
    /// ST segment with the T wave.
    St,
}

impl Part {
    /// All parts, in the order of the weights.
    pub const ALL: [Part; 3] = [Part::Pr, Part::Qrs, Part::St];

    /// Position in the order of the weights.
    pub fn index(self) -> usize {
        match self {
            Part::Pr => 0,
            Part::Qrs => 1,
            Part::St => 2,
        }
    }
}

/// The part a sample of the nominal cycle belongs to.
pub fn part_of(sample: usize) -> Part {
    const ST_FROM: usize = QRS_HALF_SAMPLES;
    const PR_FROM: usize = ST_FROM + ST_SAMPLES;
    const QRS_FROM: usize = CYCLE_SAMPLES - QRS_HALF_SAMPLES;
    match sample {
        ST_FROM..PR_FROM => Part::St,
        PR_FROM..QRS_FROM => Part::Pr,
        _ => Part::Qrs,
    }
}

/// The parts of all samples of the nominal cycle.
pub fn nominal_parts() -> [Part; CYCLE_SAMPLES] {
    let mut parts = [Part::Qrs; CYCLE_SAMPLES];
    for (i, part) in parts.iter_mut().enumerate() {
        *part = part_of(i);
    }
    parts
}

/// One cycle in millivolts at nominal length, with margins of [`LAG_MAX_SAMPLES`] on both sides taken from the signal
/// around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Cycle {
    millivolts: [f32; CYCLE_WITH_MARGINS],
}

impl Cycle {
    /// A cycle of given samples, margins included.
    pub fn from_millivolts(millivolts: [f32; CYCLE_WITH_MARGINS]) -> Self {
        Self { millivolts }
    }

    /// All samples, margins included.
    pub fn with_margins(&self) -> &[f32; CYCLE_WITH_MARGINS] {
        &self.millivolts
    }

    /// The [`CYCLE_SAMPLES`] samples without margins.
    pub fn samples(&self) -> &[f32] {
        self.millivolts.get(LAG_MAX_SAMPLES..LAG_MAX_SAMPLES + CYCLE_SAMPLES).unwrap_or(&[])
    }
}

/// Why a cycle could not be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsegmentable {
    /// The RR interval is shorter than [`RR_MIN_S`].
    TooShort,
    /// The RR interval is longer than [`RR_MAX_S`].
    TooLong,
    /// The strip does not hold the cycle with its margins (any more, or yet).
    NotHeld,
}

/// Cuts the cycle between two R peaks out of the strip and brings it to nominal length.
///
/// # Errors
/// [`Unsegmentable`].
pub fn segment(strip: &Strip, rate: SampleRate, r: u64, next_r: u64) -> Result<Cycle, Unsegmentable> {
    let rr = rate.seconds(next_r.saturating_sub(r));
    if rr < RR_MIN_S {
        return Err(Unsegmentable::TooShort);
    }
    if rr > RR_MAX_S {
        return Err(Unsegmentable::TooLong);
    }
    let free = rr - 2.0 * QRS_HALF_S;
    let st = (ST_NOMINAL_S * libm::sqrt(rr / RR_NOMINAL_S)).min((free - PR_MIN_S).max(0.5 * free));
    let pr = free - st;
    let mut millivolts = [0.0; CYCLE_WITH_MARGINS];
    for (i, slot) in millivolts.iter_mut().enumerate() {
        let nominal_s = (i as f64 - LAG_MAX_SAMPLES as f64) / NOMINAL_RATE_HZ;
        let at = warp(nominal_s, st, pr) * rate.hz();
        *slot = interpolate(strip, r, at).ok_or(Unsegmentable::NotHeld)?;
    }
    Ok(Cycle { millivolts })
}

/// Seconds after the R peak in the signal, for seconds after the R peak in the nominal cycle.
fn warp(nominal_s: f64, st: f64, pr: f64) -> f64 {
    let st_end = QRS_HALF_S + ST_NOMINAL_S;
    let pr_nominal = RR_NOMINAL_S - st_end - QRS_HALF_S;
    let pr_end = st_end + pr_nominal;
    if nominal_s < QRS_HALF_S {
        nominal_s
    } else if nominal_s < st_end {
        QRS_HALF_S + (nominal_s - QRS_HALF_S) * st / ST_NOMINAL_S
    } else if nominal_s < pr_end {
        QRS_HALF_S + st + (nominal_s - st_end) * pr / pr_nominal
    } else {
        QRS_HALF_S + st + pr + (nominal_s - pr_end)
    }
}

/// Linear interpolation `offset` samples after index `r`.
fn interpolate(strip: &Strip, r: u64, offset: f64) -> Option<f32> {
    let whole = libm::floor(offset);
    let below = r.checked_add_signed(whole as i64)?;
    let part = (offset - whole) as f32;
    let low = strip.mv(below)?;
    let high = if part > 0.0 { strip.mv(below + 1)? } else { low };
    Some(low + part * (high - low))
}

/// Width of the QRS complex around `r` in seconds: the span within 120 ms of the R peak in which the slope over 12 ms
/// exceeds a sixth of its maximum. Nothing when the strip does not hold it or the signal is flat.
pub fn qrs_width_s(strip: &Strip, rate: SampleRate, r: u64) -> Option<f64> {
    let step = rate.samples(0.012).max(1);
    let reach = rate.samples(0.12);
    let (from, to) = (r.checked_sub(reach)?, r + reach);
    let slope =
        |i: u64| Some((i32::from(strip.microvolts(i + step)?) - i32::from(strip.microvolts(i)?)).abs());
    strip.microvolts(to + step)?;
    let top = (from..=to).filter_map(slope).max().filter(|&t| t > 0)?;
    let steep = |i: &u64| slope(*i).is_some_and(|s| 6 * s > top);
    let (first, last) = ((from..=to).find(steep)?, (from..=to).rev().find(steep)?);
    Some(rate.seconds(last - first + step))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A strip whose value at index i is i microvolts, from index 1000 on.
    fn ramp() -> Strip {
        let mut strip = Strip::new(1000);
        for i in 1000..5000 {
            strip.push(i as f32 / 1000.0);
        }
        strip
    }

    #[test]
    fn nominal_cycle_is_taken_as_it_is() {
        let cycle = segment(&ramp(), SampleRate::new(360.0).unwrap(), 2000, 2288).unwrap();
        for (i, v) in cycle.samples().iter().enumerate() {
            assert!((f64::from(*v) * 1000.0 - (2000.0 + i as f64)).abs() < 0.6, "{i} {v}");
        }
        assert_eq!(cycle.with_margins()[0], 1.982);
    }

    #[test]
    fn qrs_windows_keep_their_length_at_every_rate() {
        for (hz, rr) in [(250.0, 150), (360.0, 200), (500.0, 900), (1000.0, 2500)] {
            let rate = SampleRate::new(hz).unwrap();
            let cycle = segment(&ramp(), rate, 1500, 1500 + rr).unwrap();
            let at = |i: usize| f64::from(cycle.samples()[i]) * 1000.0;
            assert!((at(36) - 1500.0 - 0.1 * hz).abs() < 0.6, "second half at {hz}");
            assert!((at(252) - (1500.0 + rr as f64 - 0.1 * hz)).abs() < 0.6, "first half at {hz}");
            assert!(cycle.samples().is_sorted(), "the warp is monotone");
        }
    }

    #[test]
    fn parts_have_the_lengths_of_figure_8() {
        let parts = nominal_parts();
        for (part, samples) in [(Part::Pr, 108), (Part::Qrs, 72), (Part::St, 108)] {
            assert_eq!(parts.iter().filter(|&&p| p == part).count(), samples);
        }
        assert_eq!((parts[35], parts[36], parts[143], parts[144]), (Part::Qrs, Part::St, Part::St, Part::Pr));
    }

    #[test]
    fn what_is_no_cycle_is_refused() {
        let rate = SampleRate::new(360.0).unwrap();
        assert_eq!(segment(&ramp(), rate, 2000, 2100), Err(Unsegmentable::TooShort));
        assert_eq!(segment(&ramp(), rate, 2000, 3200), Err(Unsegmentable::TooLong));
        assert_eq!(segment(&ramp(), rate, 900, 1200), Err(Unsegmentable::NotHeld));
        assert_eq!(segment(&ramp(), rate, 4800, 4999), Err(Unsegmentable::NotHeld));
        assert_eq!(segment(&ramp(), rate, 4800, 4700), Err(Unsegmentable::TooShort));
    }

    #[test]
    fn width_tells_narrow_from_wide() {
        let rate = SampleRate::new(360.0).unwrap();
        let width = |sigma: f32| {
            let mut strip = Strip::new(0);
            for i in 0..720 {
                let t = (i - 360) as f32 / 360.0 / sigma;
                strip.push(libm::expf(-0.5 * t * t));
            }
            qrs_width_s(&strip, rate, 360).unwrap()
        };
        assert!(width(0.012) < 0.09 && width(0.035) > 0.12, "{} {}", width(0.012), width(0.035));
        assert_eq!(qrs_width_s(&Strip::new(0), rate, 360), None);
    }
}
