//! Streaming QRS detection.
//!
//! An envelope of the detection band's slope gives candidates. Each is judged once, when what follows it is known too:
//! a weighted sum of its evidence (size, isolation, timing, likeness to the last beats and to the last rejected
//! candidates, sharpness, noise around it) decides.

mod shape;
mod trace;

use crate::{SampleRate, clean::Cleaned, strip::Strip};
use shape::{Memory, Shape};
use trace::Trace;

/// Two beats are never closer: the ventricle's refractory period (Pan and Tompkins).
const REFRACTORY_S: f64 = 0.2;
/// A candidate is the highest of the envelope within this time on both sides.
const APART_S: f64 = 0.1;
/// A candidate is measured when this much of the signal after it is known.
const MEASURE_S: f64 = 0.36;
/// And judged when its rivals are measured as well.
const JUDGE_S: f64 = 0.6;
/// How long levels are learnt before the first beat is reported.
const LEARN_S: f64 = 2.0;
/// Lowest candidate, as a share of the signal level.
const CANDIDATE_SHARE: f32 = 0.05;
/// A later candidate within the refractory period must lead by this to win.
const RIVAL: f32 = 1.0;
/// And be this much higher: a wide complex has a second peak where it swings back.
const RIVAL_HEIGHT: f32 = 1.25;
/// Delay of the detection band against the shape band.
const FILTER_LAG_S: f64 = 0.015;
/// Search-back starts after this many median RR intervals without a beat (Pan and Tompkins).
const SEARCH_BACK_RR: f32 = 1.66;
/// Without any beat for this long the signal level is halved, again and again.
const DECAY_S: f64 = 2.5;
/// Lowest candidate, mV of envelope.
const THRESHOLD_MIN_MV: f32 = 0.006;
/// Highest signal level, mV of envelope: beyond it there is an artefact, not a heart.
const LEVEL_MAX_MV: f32 = 2.0;
const LEVELS: usize = 8;
const QUEUE: usize = 24;
/// Number of evidence values.
pub const EVIDENCE: usize = 28;

/// Median of the last eight values.
#[derive(Debug, Clone, Copy)]
struct Level {
    values: [f32; LEVELS],
    next: usize,
    median: f32,
    upper: f32,
}

impl Level {
    const fn new(value: f32) -> Self {
        Self { values: [value; LEVELS], next: 0, median: value, upper: value }
    }

    fn push(&mut self, value: f32) {
        if let Some(slot) = self.values.get_mut(self.next) {
            *slot = value;
        }
        self.next = (self.next + 1) % LEVELS;
        self.update();
    }

    fn update(&mut self) {
        let mut sorted = self.values;
        sorted.sort_unstable_by(f32::total_cmp);
        let [.., a, b, c, _, _] = sorted;
        self.upper = c;
        self.median = 0.5 * (a + b);
    }

    fn scale(&mut self, factor: f32) {
        self.values.iter_mut().for_each(|v| *v *= factor);
        self.update();
    }
}

/// A candidate as far as it is known.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    step: i64,
    height: f32,
    measured: Option<Measured>,
}

#[derive(Debug, Clone, Copy)]
struct Measured {
    shape: Shape,
    r: u64,
    negative: bool,
    valley_before: f32,
    valley_after: f32,
    mean_before: f32,
    mean_after: f32,
    residue: f32,
    residue_around: f32,
    swing: f32,
    steepest: f32,
}

#[derive(Debug, Clone, Copy)]
struct Beat {
    step: i64,
    height: f32,
    swing: f32,
    steepest: f32,
}

/// What was decided of a candidate and why; for tuning and study.
#[derive(Debug, Clone, Copy)]
pub struct Judged {
    /// Sample index of its R peak.
    pub r: u64,
    /// Its evidence.
    pub evidence: [f32; EVIDENCE],
    /// Weighted sum.
    pub score: f32,
    /// Whether it was accepted at once.
    pub accepted: bool,
}

/// The detector of one lead.
#[derive(Debug, Clone)]
pub struct Detector {
    rate: SampleRate,
    trace: Trace,
    weights: [f32; EVIDENCE],
    search_back: f32,
    rising: Option<(i64, f32)>,
    queue: [Option<Candidate>; QUEUE],
    learning: bool,
    signal: Level,
    noise: Level,
    rr: Level,
    swing: Level,
    steepest: Level,
    residue: Level,
    beats: Memory,
    others: Memory,
    last_beat: Option<Beat>,
    best_rejected: Option<(f32, Candidate)>,
    decayed_at: i64,
    negative: bool,
    reported_until: Option<u64>,
}

fn ln_ratio(a: f32, b: f32) -> f32 {
    libm::logf((a + 1e-5) / (b + 1e-5)).clamp(-4.0, 4.0)
}

impl Detector {
    /// A detector whose first sample has index `start`.
    pub fn new(rate: SampleRate, start: u64) -> Self {
        Self::with_weights(rate, start, WEIGHTS, SEARCH_BACK)
    }

    /// A detector with other weights; for tuning.
    pub fn with_weights(rate: SampleRate, start: u64, weights: [f32; EVIDENCE], search_back: f32) -> Self {
        Self {
            rate,
            trace: Trace::new(rate, start),
            weights,
            search_back,
            rising: None,
            queue: [None; QUEUE],
            learning: true,
            signal: Level::new(0.0),
            noise: Level::new(0.0),
            rr: Level::new(0.8),
            swing: Level::new(0.0),
            steepest: Level::new(0.0),
            residue: Level::new(0.0),
            beats: Memory::new(),
            others: Memory::new(),
            last_beat: None,
            best_rejected: None,
            decayed_at: 0,
            negative: false,
            reported_until: None,
        }
    }

    /// Changes the bias; for tuning.
    pub fn retune(&mut self, weights: [f32; EVIDENCE]) {
        self.weights = weights;
    }

    /// Takes the next cleaned sample; `strip` must already hold it. Returns the index of an R peak when one was
    /// decided, refined to the extremum of the 0.5 to 40 Hz band.
    pub fn push(&mut self, cleaned: Cleaned, strip: &Strip) -> Option<u64> {
        self.push_watched(cleaned, strip, &mut |_| ())
    }

    /// As [`Self::push`], telling every judgement.
    pub fn push_watched(
        &mut self,
        cleaned: Cleaned,
        strip: &Strip,
        watch: &mut impl FnMut(&Judged),
    ) -> Option<u64> {
        if !self.trace.push(cleaned) || self.trace.newest() < 0 {
            return None;
        }
        let now = self.trace.newest();
        self.track(now);
        self.measure(now, strip);
        if self.learning {
            if now < self.trace.steps(LEARN_S) {
                return None;
            }
            self.learn();
        }
        let r = self.judge(now, watch)?;
        if self.reported_until.is_some_and(|until| r <= until) {
            return None;
        }
        self.reported_until = Some(r);
        Some(r)
    }

    /// Collects the peaks of the envelope that are the highest within [`APART_S`] on both sides.
    fn track(&mut self, now: i64) {
        let height = self.trace.envelope(now);
        match self.rising {
            Some((step, top)) if height <= top => {
                if now - step > self.trace.steps(APART_S) {
                    self.rising = None;
                    let (lowest, _) = self.trace.surroundings(step, -APART_S, 0.0);
                    let _ = lowest;
                    let first = step - self.trace.steps(APART_S);
                    let is_peak = (first.max(0)..step).all(|s| self.trace.envelope(s) < top);
                    if is_peak && top > THRESHOLD_MIN_MV.max(CANDIDATE_SHARE * self.signal.median) {
                        self.enqueue(Candidate { step, height: top, measured: None });
                    }
                }
            }
            _ => self.rising = Some((now, height)),
        }
    }

    fn enqueue(&mut self, candidate: Candidate) {
        if self.queue.iter().all(Option::is_some) {
            self.queue.rotate_left(1);
            if let Some(last) = self.queue.last_mut() {
                *last = None;
            }
        }
        if let Some(slot) = self.queue.iter_mut().find(|s| s.is_none()) {
            *slot = Some(candidate);
        }
    }

    fn measure(&mut self, now: i64, strip: &Strip) {
        let wait = self.trace.steps(MEASURE_S);
        let Some(at) =
            self.queue.iter().position(|c| c.is_some_and(|c| c.measured.is_none() && now - c.step >= wait))
        else {
            return;
        };
        let Some(candidate) = self.queue.get(at).copied().flatten() else { return };
        let measured = self.look(candidate.step, strip);
        if let Some(Some(c)) = self.queue.get_mut(at) {
            c.measured = Some(measured);
        }
    }

    /// Finds the R peak that belongs to an envelope peak, and whether it points down: the wave of the shape band that
    /// stands out most against what is 40 ms before and after it, so that neither offset nor T wave count.
    fn locate(&self, step: i64, strip: &Strip) -> (u64, bool) {
        // The detection filter lags behind the shape.
        let centre = self.trace.sample(step).saturating_sub(self.rate.samples(FILTER_LAG_S));
        let (from, to) = (centre.saturating_sub(self.rate.samples(0.12)), centre + self.rate.samples(0.08));
        let arm = self.rate.samples(0.04).max(1);
        let value = |i: u64| strip.microvolts(i).map(i32::from);
        let stands_out = |i: u64| Some(2 * value(i)? - value(i.saturating_sub(arm))? - value(i + arm)?);
        let (mut up, mut down) = ((centre, 0), (centre, 0));
        for i in from..=to {
            let v = stands_out(i).unwrap_or(0);
            if v > up.1 {
                up = (i, v);
            }
            if -v > down.1 {
                down = (i, -v);
            }
        }
        // A biphasic complex must not change its reference point from beat to beat.
        let mut negative = if self.negative { 3 * down.1 > 2 * up.1 } else { 2 * down.1 > 3 * up.1 };
        let mut r = if negative { down.0 } else { up.0 };
        // A wide complex, paced or ventricular, counts from its first wave, not from the swing back.
        let enough = up.1.max(down.1) / 2;
        let mut first = (centre, 0, false);
        for i in from..r.saturating_sub(self.rate.samples(0.06)) {
            let v = stands_out(i).unwrap_or(0);
            if v.abs() > first.1 {
                first = (i, v.abs(), v < 0);
            }
        }
        if first.1 > enough {
            (r, _, negative) = first;
        }
        (r, negative)
    }

    fn look(&mut self, step: i64, strip: &Strip) -> Measured {
        let trace = &self.trace;
        let (valley_before, mean_before) = trace.surroundings(step, -0.3, -0.1);
        let (valley_after, mean_after) = trace.surroundings(step, 0.1, 0.3);
        let residue = trace.residue(step, -0.06, 0.1);
        let residue_around = 0.5 * (trace.residue(step, -0.3, -0.1) + trace.residue(step, 0.14, 0.34));
        let (r, negative) = self.locate(step, strip);
        let reach = self.rate.samples(0.08);
        let (from, to) = (r.saturating_sub(reach), r + reach);
        let window = || (from..=to).filter_map(|i| strip.microvolts(i)).map(i32::from);
        let swing = window().max().unwrap_or(0) - window().min().unwrap_or(0);
        let stride = self.rate.samples(0.012).max(1);
        let steepest = (from..=to)
            .filter_map(|i| Some(i32::from(strip.microvolts(i + stride)?) - i32::from(strip.microvolts(i)?)))
            .map(i32::abs)
            .max()
            .unwrap_or(0);
        Measured {
            shape: Shape::take(trace, step),
            r,
            negative,
            valley_before,
            valley_after,
            mean_before,
            mean_after,
            residue,
            residue_around,
            swing: swing as f32 * 0.001,
            steepest: steepest as f32 * 0.001,
        }
    }

    fn learn(&mut self) {
        // The filters' start is no beat.
        let settled = self.trace.steps(0.2);
        let mut sorted = [0.0f32; QUEUE];
        let count = self
            .queue
            .iter()
            .flatten()
            .filter(|c| c.step >= settled)
            .zip(&mut sorted)
            .map(|(c, s)| *s = c.height)
            .count();
        let used = sorted.get_mut(..count).unwrap_or_default();
        used.sort_unstable_by(f32::total_cmp);
        let top = used.last().copied().unwrap_or(0.0);
        // Two seconds hold at least one beat above 30 per minute; the second highest guards against one artefact.
        let second = if count >= 2 { used.get(count - 2).copied().unwrap_or(top) } else { top };
        let signal = (if second > 0.4 * top { second } else { top }).clamp(THRESHOLD_MIN_MV, LEVEL_MAX_MV);
        self.signal = Level::new(signal);
        self.noise = Level::new(0.1 * signal);
        let biggest =
            self.queue.iter().flatten().filter(|c| c.height >= 0.8 * signal).find_map(|c| c.measured);
        if let Some(m) = biggest {
            self.swing = Level::new(m.swing);
            self.steepest = Level::new(m.steepest);
            self.residue = Level::new(m.residue_around);
        }
        self.learning = false;
    }

    fn evidence(&self, c: &Candidate, m: &Measured) -> [f32; EVIDENCE] {
        let s = self.signal.median;
        let rr = self.rr.median;
        let last = self.last_beat;
        let waited = last.map_or(rr, |l| self.trace.seconds(c.step - l.step));
        let early = (1.0 - waited / rr).max(0.0);
        let late = (waited / rr - 1.0).clamp(0.0, 1.5);
        let soon = (1.0 - waited / 0.4).max(0.0);
        let size = ln_ratio(c.height, s);
        let to_last = last.map_or(size, |l| ln_ratio(c.height, l.height));
        let swing_last = last.map_or(0.0, |l| ln_ratio(m.swing, l.swing));
        let steep_last = last.map_or(0.0, |l| ln_ratio(m.steepest, l.steepest));
        let (beats, beats3) = if true {
            let (a, b) = self.beats.likeness(&m.shape);
            (a, b)
        } else {
            unreachable!()
        };
        let (others, others3) = self.others.likeness(&m.shape);
        let next = self
            .queue
            .iter()
            .flatten()
            .filter(|n| n.step > c.step + self.trace.steps(REFRACTORY_S))
            .max_by(|a, b| a.height.total_cmp(&b.height));
        let (next_size, schedule) = next.map_or((-2.0, 0.0), |n| {
            let off = last.map_or(1.0, |l| (self.trace.seconds(n.step - l.step) / rr - 1.0) / 0.12);
            (ln_ratio(n.height, s).clamp(-2.0, 1.0), libm::expf(-0.5 * off * off) * (n.height / s).min(1.0))
        });
        [
            1.0,
            size,
            size.max(0.0),
            (size * size).min(6.0),
            ln_ratio(self.noise.median, s),
            early,
            late,
            soon,
            early * early,
            soon * to_last,
            early * size,
            beats.form,
            beats.whole,
            beats3.form,
            beats3.whole,
            others.whole,
            others3.whole,
            ln_ratio(m.valley_before.max(m.valley_after), c.height),
            ln_ratio(m.mean_before.min(m.mean_after), c.height),
            ln_ratio(m.residue_around, c.height),
            ln_ratio(m.residue_around, self.residue.median.max(0.002)),
            ln_ratio(c.height, m.swing),
            ln_ratio(m.steepest, self.steepest.median),
            soon * steep_last + 0.0 * swing_last,
            next_size,
            schedule,
            ln_ratio(c.height, self.signal.upper),
            ln_ratio(m.steepest, self.steepest.upper),
        ]
    }

    fn score(&self, evidence: &[f32; EVIDENCE]) -> f32 {
        evidence.iter().zip(&self.weights).map(|(e, w)| e * w).sum()
    }

    fn judge(&mut self, now: i64, watch: &mut impl FnMut(&Judged)) -> Option<u64> {
        let wait = self.trace.steps(JUDGE_S);
        let first = self.queue.first().copied().flatten();
        let Some((c, m)) = first.filter(|c| now - c.step >= wait).and_then(|c| Some((c, c.measured?))) else {
            return self.look_back(now);
        };
        let evidence = self.evidence(&c, &m);
        let score = self.score(&evidence);
        let refractory = self.trace.steps(REFRACTORY_S);
        let too_soon = self.last_beat.is_some_and(|l| c.step - l.step < refractory);
        let rival = self.queue.iter().skip(1).flatten().any(|n| {
            n.step - c.step < refractory
                && n.height > RIVAL_HEIGHT * c.height
                && n.measured.is_some_and(|m| self.score(&self.evidence(n, &m)) > score.max(0.0) + RIVAL)
        });
        let accepted = score > 0.0 && !rival && !too_soon;
        if !too_soon {
            watch(&Judged { r: m.r, evidence, score, accepted });
        }
        self.queue.rotate_left(1);
        if let Some(last) = self.queue.last_mut() {
            *last = None;
        }
        if accepted {
            return Some(self.accept(&c, &m));
        }
        if !too_soon && !(rival && score > 0.0) {
            self.noise.push(c.height.min(self.signal.median));
            self.others.keep(m.shape);
            if self.best_rejected.is_none_or(|(s, _)| s < score) {
                self.best_rejected = Some((score, c));
            }
        }
        None
    }

    fn accept(&mut self, c: &Candidate, m: &Measured) -> u64 {
        self.signal.push(c.height.min(LEVEL_MAX_MV));
        self.swing.push(m.swing);
        self.steepest.push(m.steepest);
        self.residue.push(m.residue_around);
        self.beats.keep(m.shape);
        if let Some(last) = self.last_beat {
            self.rr.push(self.trace.seconds(c.step - last.step).clamp(0.25, 2.0));
        }
        self.last_beat = Some(Beat { step: c.step, height: c.height, swing: m.swing, steepest: m.steepest });
        self.best_rejected = None;
        self.decayed_at = c.step;
        self.negative = m.negative;
        m.r
    }

    fn look_back(&mut self, now: i64) -> Option<u64> {
        let last = self.last_beat.map_or(0, |b| b.step);
        let judged = now - self.trace.steps(JUDGE_S);
        let waited = self.trace.seconds(judged - last);
        if let Some((score, c)) = self.best_rejected
            && waited > SEARCH_BACK_RR * self.rr.median
            && score > self.search_back
            && let Some(m) = c.measured
        {
            return Some(self.accept(&c, &m));
        }
        if judged - self.decayed_at > self.trace.steps(DECAY_S) {
            self.signal.scale(0.5);
            self.noise.scale(0.7);
            self.decayed_at = judged;
        }
        None
    }
}

/// Search-back accepts scores above this.
pub const SEARCH_BACK: f32 = -2.0;
/// Learnt.
pub const WEIGHTS: [f32; EVIDENCE] = [
    -3.223, 2.242, -1.798, -0.359, -1.085, -0.992, 0.612, -4.448, -1.681, 6.405, 1.403, 1.983, 3.262, 0.574,
    -1.068, 0.191, -2.427, -0.998, 1.420, -2.544, -0.001, -0.217, -2.049, -0.541, -0.409, -2.079, 0.811,
    1.164,
];
/// By hand, to start learning from.
pub const START: [f32; EVIDENCE] = [
    3.0, 3.0, 0.0, 0.0, 0.0, -3.0, 2.0, -2.0, 0.0, 2.0, 0.0, 2.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0,
    0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
];

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
        let late = found.iter().filter(|r| (30.0..59.0).contains(*r)).count();
        assert_eq!(late, 36);
    }

    #[test]
    fn silence_has_no_beats() {
        assert!(beats(360.0, 30.0, |_| 0.7).is_empty());
        assert!(beats(360.0, 30.0, |t| 0.5 * libm::sin(t)).is_empty());
    }
}
