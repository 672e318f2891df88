//! Streaming QRS detection.
//!
//! The envelope of the slope of a narrow band gives candidates, as with Pan and Tompkins 1985
//! (doi 10.1109/TBME.1985.325532). Size and timing alone, their rules, mistake noise and T waves for beats and miss
//! small early ones, so a candidate is judged by all its evidence: size and steepness against the last beats, timing,
//! likeness to the last beats and to what was rejected, valleys and noise around it. A weighted sum decides, unless a
//! better candidate follows within the refractory period. So a beat is reported about 0.7 s after its R peak, except
//! by search-back.

mod known;
mod level;
mod measure;
mod shape;
mod trace;

pub use known::{EVIDENCE, WEIGHTS};

use crate::{SampleRate, clean::Cleaned, strip::Strip};
use known::{Known, LEVEL_MAX_MV, Peak};
use measure::{MEASURE_S, Measured};
use trace::Trace;

/// Two beats are never closer: the ventricle's refractory period (Pan and Tompkins).
const REFRACTORY_S: f64 = 0.2;
/// A candidate is the highest of the envelope within this time on both sides.
const APART_S: f64 = 0.1;
/// A candidate is judged when its rivals are measured.
const JUDGE_S: f64 = REFRACTORY_S + MEASURE_S + 0.04;
/// How long is waited before the first judgement.
const LEARN_S: f64 = 2.0;
/// The filters' start is no beat.
const SETTLED_S: f64 = 0.2;
/// Lowest candidate, as a share of the signal level.
const CANDIDATE_SHARE: f32 = 0.05;
/// Lowest candidate, mV of envelope: a QRS complex of about 0.1 mV.
const CANDIDATE_MIN_MV: f32 = 0.006;
/// A later candidate within the refractory period must lead by this much to win.
const RIVAL_SCORE: f32 = 1.0;
/// And be so much higher: a wide complex has a second peak where it swings back.
const RIVAL_HEIGHT: f32 = 1.25;
/// Search-back starts after this many median RR intervals without a beat (Pan and Tompkins).
const SEARCH_BACK_RR: f32 = 1.66;
/// Search-back accepts scores above this.
const SEARCH_BACK_SCORE: f32 = -2.0;
/// Without any beat for this long what is known is doubted, again and again.
const DECAY_S: f64 = 2.5;
/// Room for the candidates of [`LEARN_S`], which are further than [`APART_S`] from each other.
const QUEUE: usize = 20;

/// A candidate as far as it is known.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    step: i64,
    height: f32,
    measured: Option<Measured>,
}

/// What was decided of a candidate and why; for tuning and study.
#[derive(Debug, Clone, Copy)]
pub struct Judged {
    /// Sample index of its R peak.
    pub r: u64,
    /// What spoke for and against it.
    pub evidence: [f32; EVIDENCE],
    /// Whether it was accepted at once.
    pub accepted: bool,
}

/// Times in steps of the trace.
#[derive(Debug, Clone, Copy)]
struct Steps {
    refractory: i64,
    apart: i64,
    measure: i64,
    judge: i64,
    learn: i64,
    decay: i64,
}

/// The detector of one lead.
#[derive(Debug, Clone)]
pub struct Detector {
    rate: SampleRate,
    trace: Trace,
    steps: Steps,
    weights: [f32; EVIDENCE],
    rising: Option<(i64, f32)>,
    /// Candidates that are not judged yet, the oldest first; the measured ones come first.
    queue: [Option<Candidate>; QUEUE],
    measured: usize,
    queued: usize,
    learning: bool,
    known: Known,
    last_step: Option<i64>,
    best_rejected: Option<(f32, Candidate)>,
    /// The highest rejected since the last beat or the last doubt, and the height of the second highest.
    highest: Option<Candidate>,
    second: f32,
    decayed_at: i64,
    negative: bool,
    reported_until: Option<u64>,
}

impl Detector {
    /// A detector whose first sample has index `start`.
    pub fn new(rate: SampleRate, start: u64) -> Self {
        Self::with_weights(rate, start, WEIGHTS)
    }

    /// A detector with other weights; for tuning.
    pub fn with_weights(rate: SampleRate, start: u64, weights: [f32; EVIDENCE]) -> Self {
        let trace = Trace::new(rate, start);
        let steps = Steps {
            refractory: trace.steps(REFRACTORY_S),
            apart: trace.steps(APART_S),
            measure: trace.steps(MEASURE_S),
            judge: trace.steps(JUDGE_S),
            learn: trace.steps(LEARN_S),
            decay: trace.steps(DECAY_S),
        };
        Self {
            rate,
            trace,
            steps,
            weights,
            rising: None,
            queue: [None; QUEUE],
            measured: 0,
            queued: 0,
            learning: true,
            known: Known::new(0.0, None),
            last_step: None,
            best_rejected: None,
            highest: None,
            second: 0.0,
            decayed_at: 0,
            negative: false,
            reported_until: None,
        }
    }

    /// Changes the weights; for tuning.
    pub fn retune(&mut self, weights: [f32; EVIDENCE]) {
        self.weights = weights;
    }

    /// Takes the next cleaned sample; `strip` must already hold it. Returns the index of an R peak when one was
    /// decided: the extremum in the 0.5 to 40 Hz band.
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
        if !self.trace.push(cleaned) {
            return None;
        }
        let now = self.trace.newest();
        if now < 0 {
            return None;
        }
        self.track(now);
        self.measure(now, strip);
        if self.learning {
            if now < self.steps.learn {
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
                if now - step > self.steps.apart {
                    self.rising = None;
                    let lowest = CANDIDATE_MIN_MV.max(CANDIDATE_SHARE * self.known.signal.median);
                    let mut before = (step - self.steps.apart).max(0)..step;
                    if top > lowest && before.all(|s| self.trace.envelope(s) < top) {
                        self.enqueue(Candidate { step, height: top, measured: None });
                    }
                }
            }
            _ => self.rising = Some((now, height)),
        }
    }

    fn enqueue(&mut self, candidate: Candidate) {
        if self.queued == QUEUE {
            self.dequeue();
        }
        if let Some(slot) = self.queue.get_mut(self.queued) {
            *slot = Some(candidate);
            self.queued += 1;
        }
    }

    fn dequeue(&mut self) {
        self.queue.rotate_left(1);
        if let Some(last) = self.queue.last_mut() {
            *last = None;
        }
        self.queued = self.queued.saturating_sub(1);
        self.measured = self.measured.saturating_sub(1);
    }

    fn measure(&mut self, now: i64, strip: &Strip) {
        if let Some(Some(candidate)) = self.queue.get_mut(self.measured)
            && now - candidate.step >= self.steps.measure
        {
            let m = Measured::take(&self.trace, strip, self.rate, candidate.step, self.negative);
            candidate.measured = Some(m);
            self.measured += 1;
        }
    }

    fn learn(&mut self) {
        let settled = self.trace.steps(SETTLED_S);
        let (mut top, mut second) = (0.0f32, 0.0f32);
        for c in self.queue.iter().flatten().filter(|c| c.step >= settled) {
            second = second.max(c.height.min(top));
            top = top.max(c.height);
        }
        // Two seconds hold at least one beat above 30 per minute; the second highest guards against one artefact.
        let height = if second > 0.4 * top { second } else { top };
        let height = height.clamp(CANDIDATE_MIN_MV, LEVEL_MAX_MV);
        let example =
            self.queue.iter().flatten().filter(|c| c.height >= 0.8 * height).find_map(|c| c.measured);
        self.known = Known::new(height, example);
        self.learning = false;
    }

    fn peak(&self, c: &Candidate) -> Peak {
        let waited_s = self.last_step.map(|last| self.trace.seconds(c.step - last));
        Peak { waited_s, height: c.height }
    }

    fn evidence(&self, c: &Candidate, m: &Measured) -> [f32; EVIDENCE] {
        self.known.evidence(self.peak(c), m)
    }

    fn score(&self, evidence: &[f32; EVIDENCE]) -> f32 {
        evidence.iter().zip(&self.weights).map(|(e, w)| e * w).sum()
    }

    /// Judges the oldest candidate when it is time.
    fn judge(&mut self, now: i64, watch: &mut impl FnMut(&Judged)) -> Option<u64> {
        let (c, m) = match self.queue.first() {
            Some(Some(c @ Candidate { measured: Some(m), .. })) if now - c.step >= self.steps.judge => {
                (*c, *m)
            }
            _ => return self.search_back(now),
        };
        let too_soon = self.last_step.is_some_and(|last| c.step - last < self.steps.refractory);
        if too_soon {
            self.dequeue();
            return None;
        }
        let evidence = self.evidence(&c, &m);
        let score = self.score(&evidence);
        let overtaken = score > 0.0 && self.has_rival(&c, score);
        let accepted = score > 0.0 && !overtaken;
        watch(&Judged { r: m.r, evidence, accepted });
        self.dequeue();
        if accepted {
            return Some(self.accept(&c, &m));
        }
        if !overtaken {
            self.known.reject(self.peak(&c), &m);
            if self.best_rejected.is_none_or(|(best, _)| best < score) {
                self.best_rejected = Some((score, c));
            }
            let top = self.highest.map_or(0.0, |h| h.height);
            self.second = self.second.max(c.height.min(top));
            if c.height > top {
                self.highest = Some(c);
            }
        }
        None
    }

    fn has_rival(&self, c: &Candidate, score: f32) -> bool {
        let rivals = self.queue.iter().skip(1).map_while(|n| n.as_ref());
        rivals.take_while(|n| n.step - c.step < self.steps.refractory).any(|n| {
            n.height > RIVAL_HEIGHT * c.height
                && n.measured.is_some_and(|m| self.score(&self.evidence(n, &m)) > score + RIVAL_SCORE)
        })
    }

    fn accept(&mut self, c: &Candidate, m: &Measured) -> u64 {
        self.known.accept(self.peak(c), m);
        self.last_step = Some(c.step);
        self.best_rejected = None;
        (self.highest, self.second) = (None, 0.0);
        self.decayed_at = c.step;
        self.negative = m.negative;
        m.r
    }

    fn search_back(&mut self, now: i64) -> Option<u64> {
        let judged = now - self.steps.judge;
        if let Some((score, c)) = self.best_rejected
            && score > SEARCH_BACK_SCORE
            && self.trace.seconds(judged - self.last_step.unwrap_or(0))
                > SEARCH_BACK_RR * self.known.rr.median
            && let Some(m) = c.measured
        {
            return Some(self.accept(&c, &m));
        }
        if judged - self.decayed_at > self.steps.decay {
            self.known.doubt(self.second.min(LEVEL_MAX_MV), self.highest.and_then(|h| h.measured));
            (self.highest, self.second) = (None, 0.0);
            self.decayed_at = judged;
        }
        None
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
        let late = found.iter().filter(|r| (30.0..59.0).contains(*r)).count();
        assert_eq!(late, 36);
    }

    #[test]
    fn a_heart_that_changed_size_or_was_lost_is_found_again() {
        for (middle, late) in [(0.0, 1.0), (0.02, 1.0), (4.0, 0.2), (0.2, 4.0), (1.0, -1.0)] {
            let found = beats(360.0, 120.0, |t| {
                let mv = if t < 30.0 {
                    1.0
                } else if t < 60.0 {
                    middle
                } else {
                    late
                };
                heart(mv)(t)
            });
            let again = found.iter().filter(|r| (70.0..118.0).contains(*r)).count();
            assert_eq!(again, 60, "{middle} then {late} mV");
        }
    }

    #[test]
    fn silence_has_no_beats() {
        assert!(beats(360.0, 30.0, |_| 0.7).is_empty());
        assert!(beats(360.0, 30.0, |t| 0.5 * libm::sin(t)).is_empty());
    }
}
