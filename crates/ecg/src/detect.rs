//! Streaming QRS detection, of the family of Pan and Tompkins 1985 (doi 10.1109/TBME.1985.325532): band-pass, slope,
//! moving average, adaptive thresholds between a signal and a noise level, search-back.
//!
//! Differences, each measured on the MIT-BIH records: the slope's magnitude instead of its square (one tall beat then
//! does not hide the following ones), levels that are medians of the last eight instead of exponential averages, and
//! thresholds learnt from the first two seconds whose beats are then reported in retrospect.

use crate::{SampleRate, clean::Cleaned, strip::Strip};

/// Two beats are never closer: the ventricle's refractory period (Pan and Tompkins).
const REFRACTORY_S: f64 = 0.2;
/// A low peak this soon after a beat is its T wave (Pan and Tompkins).
const T_WAVE_S: f64 = 0.36;
/// A peak in that time is a T wave when lower than this share of the beat before.
const T_WAVE_SHARE: f32 = 0.5;
/// Length of the moving average: about the widest QRS complex.
const AVERAGE_S: f64 = 0.12;
/// Step over which the slope is taken.
const SLOPE_S: f64 = 0.012;
/// How long thresholds are learnt before the first beat is reported.
const LEARN_S: f64 = 2.0;
/// Where the threshold lies between noise and signal level.
const THRESHOLD_SHARE: f32 = 0.4;
/// A peak at once after a beat needs this much more than the threshold, falling to nothing at [`EARLY_RR`].
const EARLY_RISE: f32 = 1.0;
/// Share of the median RR interval after which a peak is no longer early.
const EARLY_RR: f32 = 0.8;
/// Search-back accepts peaks above this share of the threshold.
const SEARCH_BACK_SHARE: f32 = 0.6;
/// Search-back starts after this many mean RR intervals without a beat (Pan and Tompkins).
const SEARCH_BACK_RR: f64 = 1.66;
/// Without any beat for this long the signal level is halved, again and again.
const DECAY_S: f64 = 2.5;
/// Lowest threshold, mV of averaged slope: a QRS complex of about 0.1 mV.
const THRESHOLD_MIN_MV: f32 = 0.008;
/// Highest signal level, mV of averaged slope: beyond it there is an artefact, not a heart.
const LEVEL_MAX_MV: f32 = 2.0;
/// Ring sizes at 1000 Hz, with room.
const AVERAGE_SAMPLES_MAX: usize = 160;
const SLOPE_SAMPLES_MAX: usize = 16;
const LEVELS: usize = 8;
const PENDING_MAX: usize = 16;

/// Median of the last eight values.
#[derive(Debug, Clone, Copy)]
struct Level {
    values: [f32; LEVELS],
    next: usize,
}

impl Level {
    const fn new(value: f32) -> Self {
        Self { values: [value; LEVELS], next: 0 }
    }

    fn push(&mut self, value: f32) {
        if let Some(slot) = self.values.get_mut(self.next) {
            *slot = value;
        }
        self.next = (self.next + 1) % LEVELS;
    }

    fn median(&self) -> f32 {
        let mut sorted = self.values;
        sorted.sort_unstable_by(f32::total_cmp);
        let [.., a, b, _, _, _] = sorted;
        0.5 * (a + b)
    }

    fn scale(&mut self, factor: f32) {
        self.values.iter_mut().for_each(|v| *v *= factor);
    }
}

#[derive(Debug, Clone, Copy)]
struct Peak {
    at: u64,
    height: f32,
}

/// The detector of one lead.
#[derive(Debug, Clone)]
pub struct Detector {
    rate: SampleRate,
    slope_ring: [f32; SLOPE_SAMPLES_MAX],
    average_ring: [f32; AVERAGE_SAMPLES_MAX],
    slope_len: usize,
    average_len: usize,
    slope_at: usize,
    average_at: usize,
    sum: f64,
    start: u64,
    now: u64,
    rising: Option<Peak>,
    candidate: Option<Peak>,
    pending: [Option<Peak>; PENDING_MAX],
    learning: bool,
    signal: Level,
    noise: Level,
    rr: Level,
    last_beat: Option<Peak>,
    best_rejected: Option<Peak>,
    decayed_at: u64,
    negative: bool,
    reported_until: Option<u64>,
}

impl Detector {
    /// A detector whose first sample has index `start`.
    pub fn new(rate: SampleRate, start: u64) -> Self {
        let len = |s: f64, max: usize| (rate.samples(s) as usize).clamp(1, max);
        Self {
            rate,
            slope_ring: [0.0; SLOPE_SAMPLES_MAX],
            average_ring: [0.0; AVERAGE_SAMPLES_MAX],
            slope_len: len(SLOPE_S, SLOPE_SAMPLES_MAX),
            average_len: len(AVERAGE_S, AVERAGE_SAMPLES_MAX),
            slope_at: 0,
            average_at: 0,
            sum: 0.0,
            start,
            now: start,
            rising: None,
            candidate: None,
            pending: [None; PENDING_MAX],
            learning: true,
            signal: Level::new(0.0),
            noise: Level::new(0.0),
            rr: Level::new(0.8),
            last_beat: None,
            best_rejected: None,
            decayed_at: start,
            negative: false,
            reported_until: None,
        }
    }

    /// Takes the next cleaned sample; `strip` must already hold it. Returns the index of an R peak when one was
    /// decided, refined to the extremum of the 0.5 to 40 Hz band.
    pub fn push(&mut self, cleaned: Cleaned, strip: &Strip) -> Option<u64> {
        let height = self.envelope(cleaned.qrs_mv);
        let now = self.now;
        self.now += 1;
        let closed = self.track(now, height);
        if self.learning {
            return self.learn(now, closed, strip);
        }
        let beat = match closed {
            Some(peak) => self.judge(peak),
            None => self.search_back(now),
        };
        self.report(beat, strip)
    }

    fn envelope(&mut self, qrs_mv: f32) -> f32 {
        let before = self.slope_ring.get_mut(self.slope_at).map_or(0.0, |s| core::mem::replace(s, qrs_mv));
        self.slope_at = (self.slope_at + 1) % self.slope_len;
        let slope = (qrs_mv - before).abs();
        let old = self.average_ring.get_mut(self.average_at).map_or(0.0, |s| core::mem::replace(s, slope));
        self.average_at = (self.average_at + 1) % self.average_len;
        self.sum += f64::from(slope) - f64::from(old);
        (self.sum / self.average_len as f64) as f32
    }

    /// Peaks of the envelope that are the highest within the refractory period on both sides.
    fn track(&mut self, now: u64, height: f32) -> Option<Peak> {
        let refractory = self.rate.samples(REFRACTORY_S);
        match self.rising {
            Some(top) if height <= top.height => {
                if height < 0.5 * top.height || now - top.at > refractory {
                    self.rising = None;
                    return self.settle(top, refractory);
                }
            }
            _ => self.rising = Some(Peak { at: now, height }),
        }
        let candidate = self.candidate?;
        // A higher peak on its way within the refractory period would replace the candidate.
        let replaced = |r: Peak| r.at - candidate.at <= refractory && r.height >= candidate.height;
        if now - candidate.at > refractory && !self.rising.is_some_and(replaced) {
            return self.candidate.take();
        }
        None
    }

    fn settle(&mut self, top: Peak, refractory: u64) -> Option<Peak> {
        match self.candidate {
            Some(c) if top.at - c.at <= refractory => {
                if top.height > c.height {
                    self.candidate = Some(top);
                }
                None
            }
            earlier => {
                self.candidate = Some(top);
                earlier
            }
        }
    }

    fn learn(&mut self, now: u64, closed: Option<Peak>, strip: &Strip) -> Option<u64> {
        if let Some(peak) = closed
            && let Some(slot) = self.pending.iter_mut().find(|p| p.is_none())
        {
            *slot = Some(peak);
        }
        if now - self.start >= self.rate.samples(LEARN_S)
            && self.last_beat.is_none()
            && self.signal.median() == 0.0
        {
            // The filters' start is no beat.
            let settled = self.start + self.rate.samples(0.2);
            let heights = || self.pending.iter().flatten().filter(|p| p.at >= settled).map(|p| p.height);
            let top = heights().fold(0.0f32, f32::max);
            let mut sorted = [0.0f32; PENDING_MAX];
            let count = heights().zip(&mut sorted).map(|(h, s)| *s = h).count();
            if let Some(used) = sorted.get_mut(..count) {
                used.sort_unstable_by(f32::total_cmp);
            }
            // Two seconds hold at least one beat above 30 per minute; the second highest guards against one artefact.
            let second = if count >= 2 { sorted.get(count - 2).copied().unwrap_or(top) } else { top };
            let signal = if second > 0.4 * top { second } else { top };
            self.signal = Level::new(signal.clamp(THRESHOLD_MIN_MV, LEVEL_MAX_MV));
            self.noise = Level::new(0.1 * signal.min(LEVEL_MAX_MV));
        }
        if self.signal.median() == 0.0 {
            return None;
        }
        // One per sample, the oldest first, so that at most one beat is returned at a time.
        let oldest =
            self.pending.iter_mut().filter(|p| p.is_some()).min_by_key(|p| p.map_or(u64::MAX, |p| p.at));
        let peak = oldest.and_then(Option::take);
        match peak {
            Some(peak) => {
                let beat = self.judge(peak);
                self.report(beat, strip)
            }
            None => {
                self.learning = false;
                None
            }
        }
    }

    fn threshold(&self) -> f32 {
        let (signal, noise) = (self.signal.median(), self.noise.median());
        (noise + THRESHOLD_SHARE * (signal - noise)).max(THRESHOLD_MIN_MV)
    }

    fn judge(&mut self, peak: Peak) -> Option<Peak> {
        let t_wave = self.last_beat.is_some_and(|last| {
            peak.at.saturating_sub(last.at) <= self.rate.samples(T_WAVE_S)
                && peak.height < T_WAVE_SHARE * last.height
        });
        let early = self.last_beat.map_or(0.0, |last| {
            let waited = self.rate.seconds(peak.at.saturating_sub(last.at)) as f32;
            (1.0 - waited / (EARLY_RR * self.rr.median())).max(0.0)
        });
        if !t_wave && peak.height > self.threshold() * (1.0 + EARLY_RISE * early) {
            return Some(self.accept(peak, 1.0));
        }
        if !t_wave {
            if self.best_rejected.is_none_or(|b| b.height < peak.height) {
                self.best_rejected = Some(peak);
            }
            self.noise.push(peak.height.min(self.signal.median()));
        }
        None
    }

    fn accept(&mut self, peak: Peak, trust: f32) -> Peak {
        let signal = self.signal.median();
        self.signal.push(trust * peak.height.min(LEVEL_MAX_MV) + (1.0 - trust) * signal);
        if let Some(last) = self.last_beat {
            let rr = self.rate.seconds(peak.at.saturating_sub(last.at)) as f32;
            self.rr.push(rr.clamp(0.25, 2.0));
        }
        self.last_beat = Some(peak);
        self.best_rejected = None;
        self.decayed_at = peak.at;
        peak
    }

    fn search_back(&mut self, now: u64) -> Option<Peak> {
        let last = self.last_beat.map_or(self.start, |b| b.at);
        let waited = self.rate.seconds(now - last);
        if let Some(best) = self.best_rejected
            && waited > SEARCH_BACK_RR * f64::from(self.rr.median())
            && best.height > (SEARCH_BACK_SHARE * self.threshold()).max(THRESHOLD_MIN_MV)
        {
            return Some(self.accept(best, 0.5));
        }
        if now - self.decayed_at > self.rate.samples(DECAY_S) {
            self.signal.scale(0.5);
            self.noise.scale(0.7);
            self.decayed_at = now;
        }
        None
    }

    /// Finds the R peak that belongs to an envelope peak.
    fn report(&mut self, beat: Option<Peak>, strip: &Strip) -> Option<u64> {
        let beat = beat?;
        // The envelope lags by half the average and by the detection filter, about 15 ms.
        let centre = beat.at.saturating_sub(self.rate.samples(0.5 * AVERAGE_S + 0.015));
        let reach = self.rate.samples(0.08);
        let (from, to) = (centre.saturating_sub(reach), centre + reach);
        let window = || (from..=to).filter_map(|i| Some((i, strip.microvolts(i)?)));
        let (count, sum) = window().fold((0i64, 0i64), |(n, s), (_, v)| (n + 1, s + i64::from(v)));
        let mean = sum / count.max(1);
        let highest = window().max_by_key(|&(_, v)| v)?;
        let lowest = window().min_by_key(|&(_, v)| v)?;
        let (up, down) = (i64::from(highest.1) - mean, mean - i64::from(lowest.1));
        // A biphasic complex must not change its reference point from beat to beat.
        self.negative = if self.negative { 3 * down > 2 * up } else { 2 * down > 3 * up };
        let r = if self.negative { lowest.0 } else { highest.0 };
        if self.reported_until.is_some_and(|until| r <= until) {
            return None;
        }
        self.reported_until = Some(r);
        Some(r)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::clean::Cleaner;
    use std::vec::Vec;

    fn beats(hz: f64, seconds: f64, signal: impl Fn(f64) -> f64) -> Vec<f64> {
        let rate = SampleRate::new(hz).unwrap();
        let (mut cleaner, mut detector, mut strip) =
            (Cleaner::new(rate), Detector::new(rate, 0), Strip::new(0));
        let mut found = Vec::new();
        for i in 0..rate.samples(seconds) {
            let cleaned = cleaner.push(signal(rate.seconds(i)) as f32);
            strip.push(cleaned.shape_mv);
            found.extend(detector.push(cleaned, &strip).map(|r| rate.seconds(r)));
        }
        found
    }

    /// R peaks of `mv` at 0.3 s, 1.1 s and so on, each with a T wave.
    fn heart(mv: f64) -> impl Fn(f64) -> f64 {
        move |t| {
            let phase = t - libm::floor(t / 0.8) * 0.8;
            let bell = |at: f64, width: f64| libm::exp(-(phase - at) * (phase - at) / (2.0 * width * width));
            mv * (bell(0.3, 0.011) + 0.3 * bell(0.58, 0.05))
        }
    }

    #[test]
    fn finds_each_beat_once_at_every_rate_amplitude_and_polarity() {
        for hz in [100.0, 128.0, 250.0, 360.0, 500.0, 1000.0] {
            for mv in [0.3, 1.0, 4.0, -1.0] {
                let found = beats(hz, 30.0, heart(mv));
                // Those of the filters' first instants may be missed.
                assert!((36..=38).contains(&found.len()), "{hz} Hz {mv} mV: {}", found.len());
                for r in found {
                    let phase = r - libm::floor(r / 0.8) * 0.8;
                    assert!((phase - 0.3).abs() < 0.025, "{hz} Hz {mv} mV: {r} s");
                }
            }
        }
    }

    #[test]
    fn a_tall_artefact_does_not_silence_the_heart() {
        let found =
            beats(360.0, 60.0, |t| heart(1.0)(t) + if (20.0..20.1).contains(&t) { 30.0 } else { 0.0 });
        let late = found.iter().filter(|r| (30.0..60.0).contains(*r)).count();
        assert!((37..=38).contains(&late), "{late}");
    }

    #[test]
    fn silence_has_no_beats() {
        assert!(beats(360.0, 30.0, |_| 0.7).is_empty());
        assert!(beats(360.0, 30.0, |t| 0.5 * libm::sin(t)).is_empty());
    }
}
