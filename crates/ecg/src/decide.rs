//! Algorithm 2 of paper B as a state machine: normal or emergency, by correlation with the patient's template, and by
//! the rules that correlation cannot see (no beats, rates, fibrillation, tachycardia).
//!
//! How soon a verdict follows on what it is about, with a good signal and default limits:
//!
//! | Reason | Latency | Made of |
//! |---|---|---|
//! | `VentricularFibrillation` | 10 s | a window of 4 s once a second, three of four agreeing; see below |
//! | `Asystole` | 5.5 s | 4 s without a beat, 0.8 s for the detector, ticks of half a second |
//! | `Pause` | 4.5 s | 3 s, as above |
//! | `VentricularTachycardia` | 4 s at 120 per minute | six beats and the detector; 8 s where it finds every second one |
//! | `Tachycardia`, `Bradycardia` | 14 s and 18 s | `rate_sustained_s` of 10 s, and beats enough for a median |
//! | `ShapeChange` | 6 s above 120 per minute, else 30 s | ten of twelve beats; chaos at a benign rate must last |
//! | `Undetermined`, lead off | 2.5 s | four flat half seconds: before a pause is called |
//! | `Undetermined`, else | 2 s | three bad half seconds of ten |
//! | `Normal` after an emergency | 5 s of quiet, five of eight beats | |
//!
//! Measured for fibrillation: 38 of 39 episodes within 10 s (`examples/emergency.rs`).
//!
//! Time in which samples were lost and bridged comes on top for `Asystole`; a `Pause` must be seen whole.
//!
//! After an electrode's step (see `qualify`) the verdict waits 7 s more, as the filters must settle.
//!
//! Once in emergency the template is not learnt from, and only normal beats lead back. A poor signal is
//! `Undetermined`: never normal, never a new emergency.

use crate::{
    SampleRate,
    correlate::Correlation,
    qualify::{PoorReason, Quality},
    settings::Limits,
};

/// Beats below the threshold, of the last [`VOTE_OF`], that make an emergency: 5 s at 120 per minute. Five of eight, as
/// first thought of, takes every bigeminy for one, seven of eight a salvo in noise.
pub const VOTE_BELOW: u32 = 10;
/// Above the threshold with the same meaning, of the last [`RECOVERY_OF`], that end an emergency.
const VOTE_RECOVERED: u32 = 5;
/// Beats that vote.
pub const VOTE_OF: u32 = 12;
/// Beats that vote on the end of an emergency.
const RECOVERY_OF: u32 = 8;
/// Two QRS complexes are never closer, in seconds: the refractory period of the ventricle. One of them is noise.
const REFRACTORY_S: f64 = 0.2;
/// Correlation of the QRS part above which a beat comes down the usual way, whatever happened to P and T waves: fast
/// atrial rhythms bury the P wave in the T wave, and are judged by their rate.
const QRS_LIKE: f64 = 0.8;
/// Up to this rate (intervals in seconds; 120 per minute, where tachycardia begins) a change of shape alone is no
/// emergency when the new beats are like each other: a block, a pacemaker, an escape rhythm.
const BENIGN_RR_S: f64 = TACHYCARDIA_RR_S;
/// Beats like the one before, of the last [`VOTE_OF`], that make them like each other.
const ALIKE_OF_VOTE: u32 = 7;
/// How long beats unlike the template and each other must last at a benign rate, in seconds.
const UNLIKE_LASTS_S: f64 = 30.0;
/// Above the threshold by this much a beat speaks for normal again.
pub const HYSTERESIS: f64 = 0.05;
/// Beats in a row that make ventricular tachycardia: wide, different, fast. Three are a salvo, not yet an emergency.
const TACHYCARDIA_BEATS: u32 = 6;
/// Correlation below which a wide, fast beat counts as of another origin than the template's. Higher than any
/// threshold of shape alone, because width and rate speak too.
const TACHYCARDIA_RHO: f64 = 0.7;
/// Slower wide beats are an accelerated rhythm of the ventricle, not tachycardia, in seconds between beats (120/min);
/// unless the signal has no pauses between them: then the detector found but every second.
const TACHYCARDIA_RR_S: f64 = 0.5;
/// A window that leaks less has no pauses between its waves: tachycardia or flutter.
const SINE_LEAKAGE: f32 = 0.5;
/// A window that leaks more may be noise (sinus rhythm does so, too).
const NOISE_LEAKAGE: f32 = 0.7;
/// Beats like one of the two before, of the last [`TACHYCARDIA_BEATS`], that noise does not make.
const ALIKE_OF_RUN: u32 = 3;
/// Fibrillating windows, of the last [`FIBRILLATION_OF`] (one a second), that make an emergency.
const FIBRILLATION_WINDOWS: u32 = 3;
const FIBRILLATION_OF: u32 = 4;
/// Normal beats, of the last four, that contradict the fibrillation index (a sine-like but normal rhythm).
const CONTRADICTING_BEATS: u32 = 3;
/// Correlation of a beat with the one before that speaks for an organised rhythm.
pub(crate) const ORGANISED_RHO: f64 = 0.9;
/// Intervals at which such beats are organised, in seconds: flutter is regular too, but faster.
const ORGANISED_RR_S: core::ops::RangeInclusive<f64> = 0.45..=1.5;
/// Correlation with the template that contradicts, and of the QRS part: a fibrillation wave may resemble a broad
/// template, but not closely, and not slowly time after time.
const CONTRADICTING_RHO: f64 = 0.6;
/// Intervals of such beats, in seconds: 40 to 170 per minute. In fibrillation a detector finds now and then a wave.
const CONTRADICTING_RR_S: core::ops::RangeInclusive<f64> = 0.35..=1.5;
/// A beat older than this contradicts nothing, in seconds.
const CONTRADICTION_S: f64 = 2.0;
/// Beats that the detector still holds back are younger than this, in seconds: it judges a candidate 0.6 s after it, and a
/// beat that ends a long interval must not come after the verdict that there was none.
const DETECTION_SLACK_S: f64 = 0.8;
/// No rule may have spoken for so long before an emergency ends, in seconds: a rhythm that comes and goes is one
/// emergency, not ten.
const RECOVERY_S: f64 = 5.0;
/// Quiet time after which an emergency without a template ends, in seconds.
const QUIET_S: f64 = 10.0;

/// Why there is an emergency, most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EmergencyReason {
    /// Ventricular fibrillation or flutter, by the index over windows.
    VentricularFibrillation,
    /// No beat for longer than the asystole limit, with a signal present.
    Asystole,
    /// A run of wide, different, fast beats.
    VentricularTachycardia,
    /// No beat for longer than the pause limit.
    Pause,
    /// Rate above the limit for longer than allowed.
    Tachycardia,
    /// Rate below the limit for longer than allowed.
    Bradycardia,
    /// Correlation with the template below the patient's threshold in most of the last beats.
    ShapeChange,
}

/// Why nothing can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UndeterminedReason {
    /// The signal is poor.
    Signal(PoorReason),
    /// Samples are missing.
    Gap,
}

/// The state of a patient's ECG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No template yet; the rules that need none are already active.
    Learning,
    /// Beats like the template, within the limits.
    Normal,
    /// Nothing can be said.
    Undetermined(UndeterminedReason),
    /// An emergency.
    Emergency(EmergencyReason),
}

/// A change of state, with its evidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// The new state.
    pub state: State,
    /// Sample index at which it was decided.
    pub decided_at: u64,
    /// Sample index at which what led to it began.
    pub onset: u64,
    /// Correlation of the last beat with the template.
    pub correlation: Option<Correlation>,
    /// The patient's threshold at that time.
    pub threshold: f64,
}

/// What is known about a beat.
#[derive(Debug, Clone, Copy)]
pub struct BeatFacts {
    /// Sample index of its R peak.
    pub r_sample: u64,
    /// Seconds since the beat before, if there was one.
    pub rr_s: Option<f64>,
    /// Correlation of the cycle that it ends with the template; none without template or cycle.
    pub correlation: Option<Correlation>,
    /// Correlation of that cycle with the cycle before it (rho_1 of Algorithm 2), while there is no template or the beat
    /// is unlike it.
    pub with_previous: Option<Correlation>,
    /// The same with the cycle before that: two shapes in turn are steady, too.
    pub with_second_previous: Option<Correlation>,
    /// Whether it has another shape that is known of this patient.
    pub known_shape: bool,
    /// Whether it is a beat at all: neither much smaller than the template's QRS complex nor unlike it, or just one.
    pub credible: bool,
    /// Whether its QRS complex is wide.
    pub wide: bool,
}

/// What is known at the end of a half second.
#[derive(Debug, Clone, Copy)]
pub struct TickFacts {
    /// Signal quality of the last seconds.
    pub quality: Quality,
    /// Outcome of the fibrillation index, when this tick ends one of its windows.
    pub fibrillating: Option<bool>,
    /// Leakage of that window, 0 (one sine) to 1; see `fibrillation`.
    pub leakage: f32,
    /// Samples since [`Decider::beat_or_start`] that were lost and bridged.
    pub bridged: u64,
    /// Sample index from which on none was lost.
    pub whole_since: u64,
    /// Whether a template exists.
    pub has_template: bool,
}

/// The state machine.
#[derive(Debug, Clone)]
pub struct Decider {
    rate: SampleRate,
    limits: Limits,
    state: State,
    threshold: f64,
    // One bit per beat, newest lowest.
    below: u32,
    above: u32,
    organised: u32,
    alike: u32,
    typical: u32,
    below_since: u64,
    wide_run: u32,
    wide_since: u64,
    // One bit per window.
    fibrillating: u32,
    leakage: f32,
    recent_rr_s: [f64; VOTE_OF as usize],
    outside_since: Option<(u64, EmergencyReason)>,
    alive_since: u64,
    last_beat: Option<u64>,
    quiet_since: u64,
    last_correlation: Option<Correlation>,
    has_template: bool,
}

impl Decider {
    /// Starts in [`State::Learning`] at sample index `start`.
    pub fn new(rate: SampleRate, limits: Limits, threshold: f64, start: u64) -> Self {
        Self {
            rate,
            limits,
            state: State::Learning,
            threshold,
            below: 0,
            above: 0,
            organised: 0,
            alike: 0,
            typical: 0,
            below_since: start,
            wide_run: 0,
            wide_since: start,
            fibrillating: 0,
            leakage: 1.0,
            recent_rr_s: [0.8; VOTE_OF as usize],
            outside_since: None,
            alive_since: start,
            last_beat: None,
            quiet_since: start,
            last_correlation: None,
            has_template: false,
        }
    }

    /// The present state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether beats may be learnt from: no emergency, a good signal, and nothing that hints at one.
    pub fn may_learn(&self) -> bool {
        matches!(self.state, State::Learning | State::Normal)
            && self.fibrillating & 0b11 == 0
            && self.outside_since.is_none()
    }

    /// Sets the patient's threshold.
    pub fn set_threshold(&mut self, threshold: f64) {
        self.threshold = threshold;
    }

    /// Takes a beat.
    pub fn beat(&mut self, facts: &BeatFacts, now: u64) -> Option<Verdict> {
        if !facts.credible {
            return None;
        }
        let before = self.last_beat.replace(facts.r_sample);
        let rr_s = facts.rr_s?;
        if facts.correlation.is_some() {
            self.last_correlation = facts.correlation;
        }
        let onset = before.unwrap_or(facts.r_sample);
        let like_the_last = facts.with_previous.and_then(|c| c.rho()).is_some_and(|r| r >= ORGANISED_RHO);
        self.organised = self.organised << 1 | u32::from(like_the_last && ORGANISED_RR_S.contains(&rr_s));
        let alike = [facts.with_previous, facts.with_second_previous]
            .iter()
            .any(|c| c.and_then(|c| c.rho()).is_some_and(|r| r >= crate::bank::SAME_SHAPE_RHO));
        self.alike = self.alike << 1 | u32::from(alike);
        let typical = matches!(facts.correlation, Some(Correlation::Defined { rho, parts: [_, qrs, _], .. })
            if rho >= CONTRADICTING_RHO.max(self.threshold) && qrs >= QRS_LIKE);
        self.typical = self.typical << 1 | u32::from(typical && CONTRADICTING_RR_S.contains(&rr_s));
        self.vote(facts, rr_s, onset);
        self.run(facts, rr_s, onset);
        self.watch_rate(rr_s, onset);
        if matches!(self.state, State::Undetermined(_)) {
            return None;
        }
        let found = self.beat_rules(now);
        self.conclude(found, now)
    }

    /// Counts a beat for or against the template; a beat that cannot be compared does not count.
    fn vote(&mut self, facts: &BeatFacts, rr_s: f64, onset: u64) {
        let rho = facts.correlation.and_then(|c| c.rho());
        let different = match rho {
            Some(rho) => rho < self.threshold && foreign_qrs(facts.correlation) && !facts.known_shape,
            None if rr_s < REFRACTORY_S => return,
            // Too fast to cut a cycle: no normal beat.
            None if self.has_template && rr_s < crate::segment::RR_MIN_S => true,
            None => return,
        };
        let clear = rho.is_some_and(|r| r >= self.threshold + HYSTERESIS) || facts.known_shape;
        if different && self.below & ((1 << VOTE_OF) - 1) == 0 {
            self.below_since = onset;
        }
        self.below = self.below << 1 | u32::from(different);
        self.above = self.above << 1 | u32::from(clear);
    }

    fn run(&mut self, facts: &BeatFacts, rr_s: f64, onset: u64) {
        let foreign = facts.correlation.is_none_or(|c| c.rho().is_some_and(|r| r < TACHYCARDIA_RHO))
            && foreign_qrs(facts.correlation);
        if facts.wide
            && foreign
            && self.has_template
            && (rr_s <= TACHYCARDIA_RR_S || self.leakage < SINE_LEAKAGE)
        {
            if self.wide_run == 0 {
                self.wide_since = onset;
            }
            self.wide_run += 1;
        } else {
            self.wide_run = 0;
        }
    }

    fn watch_rate(&mut self, rr_s: f64, onset: u64) {
        self.recent_rr_s.rotate_right(1);
        if let Some(slot) = self.recent_rr_s.first_mut() {
            *slot = rr_s;
        }
        let bpm = 60.0 / self.median_rr_s();
        let reason = if bpm > self.limits.rate_max_bpm {
            Some(EmergencyReason::Tachycardia)
        } else if bpm < self.limits.rate_min_bpm {
            Some(EmergencyReason::Bradycardia)
        } else {
            None
        };
        self.outside_since = match (reason, self.outside_since) {
            (Some(r), Some((since, before))) if r == before => Some((since, r)),
            (Some(r), _) => Some((onset, r)),
            (None, _) => None,
        };
    }

    fn beat_rules(&self, now: u64) -> Option<(EmergencyReason, u64)> {
        let sustained =
            |since: u64| self.rate.seconds(now.saturating_sub(since)) >= self.limits.rate_sustained_s;
        if self.wide_run >= TACHYCARDIA_BEATS && !self.is_noise_like() {
            return Some((EmergencyReason::VentricularTachycardia, self.wide_since));
        }
        if let Some((since, reason)) = self.outside_since.filter(|(since, _)| sustained(*since)) {
            return Some((reason, since));
        }
        let votes = (self.below & ((1 << VOTE_OF) - 1)).count_ones();
        let lasts = || self.rate.seconds(now.saturating_sub(self.below_since)) >= UNLIKE_LASTS_S;
        let fast = self.mean_rr_s() < BENIGN_RR_S && !self.is_noise_like();
        let dangerous = fast || self.leakage < SINE_LEAKAGE || (!self.are_alike() && lasts());
        (votes >= VOTE_BELOW && dangerous).then_some((EmergencyReason::ShapeChange, self.below_since))
    }

    /// Mean interval of the last beats: premature beats and their pauses cancel.
    fn mean_rr_s(&self) -> f64 {
        self.recent_rr_s.iter().sum::<f64>() / f64::from(VOTE_OF)
    }

    /// Whether what was taken for fast beats may be noise: unlike each other, and the signal leaks.
    fn is_noise_like(&self) -> bool {
        let alike = (self.alike & ((1 << TACHYCARDIA_BEATS) - 1)).count_ones();
        self.leakage > NOISE_LEAKAGE && alike < ALIKE_OF_RUN
    }

    fn are_alike(&self) -> bool {
        (self.alike & ((1 << VOTE_OF) - 1)).count_ones() >= ALIKE_OF_VOTE
    }

    /// The median of three: one missed or extra beat does not end (or begin) an excursion.
    fn median_rr_s(&self) -> f64 {
        let [a, b, c, ..] = self.recent_rr_s;
        a.max(b).min(a.min(b).max(c))
    }

    /// Takes the facts of a half second that ends at sample index `now`.
    pub fn tick(&mut self, facts: &TickFacts, now: u64) -> Option<Verdict> {
        self.has_template = facts.has_template;
        if let Quality::Poor(reason) = facts.quality {
            self.restart_watch(now);
            if matches!(self.state, State::Emergency(_)) {
                return None;
            }
            return self.enter(State::Undetermined(UndeterminedReason::Signal(reason)), now, now);
        }
        if let Some(fibrillating) = facts.fibrillating {
            self.leakage = facts.leakage;
            self.fibrillating = self.fibrillating << 1 | u32::from(fibrillating && !self.contradicted(now));
        }
        let found = self.tick_rules(facts, now).or_else(|| self.beat_rules(now));
        if found.is_some() {
            return self.conclude(found, now);
        }
        if let State::Undetermined(_) = self.state {
            return self.resume(now);
        }
        if let State::Learning = self.state
            && self.has_template
        {
            return self.enter(State::Normal, now, now);
        }
        self.conclude(None, now)
    }

    /// Whether present normal beats speak against fibrillation.
    fn contradicted(&self, now: u64) -> bool {
        let recent =
            self.last_beat.is_some_and(|b| self.rate.seconds(now.saturating_sub(b)) < CONTRADICTION_S);
        let beats = self.typical | self.organised;
        recent && (beats & 0b1111).count_ones() >= CONTRADICTING_BEATS
    }

    /// Sample index of the last beat, or since when there could have been one.
    pub fn beat_or_start(&self) -> u64 {
        self.last_beat.map_or(self.alive_since, |b| b.max(self.alive_since))
    }

    fn tick_rules(&self, facts: &TickFacts, now: u64) -> Option<(EmergencyReason, u64)> {
        let windows = (self.fibrillating & ((1 << FIBRILLATION_OF) - 1)).count_ones();
        if windows >= FIBRILLATION_WINDOWS {
            let back = crate::fibrillation::WINDOW_S + f64::from(FIBRILLATION_WINDOWS - 1);
            let onset = now.saturating_sub(self.rate.samples(back)).max(self.alive_since);
            return Some((EmergencyReason::VentricularFibrillation, onset));
        }
        let since = self.beat_or_start();
        let lasts = |since: u64| self.rate.seconds(now.saturating_sub(since)) - DETECTION_SLACK_S;
        // A slow heart may have beaten in what was lost, so that a pause must be seen whole. One that is so slow that it
        // would be taken for asystole is an emergency anyway.
        if lasts(since + facts.bridged) > self.limits.asystole_s {
            Some((EmergencyReason::Asystole, since))
        } else if lasts(since.max(facts.whole_since)) > self.limits.pause_s && self.last_beat.is_some() {
            Some((EmergencyReason::Pause, since))
        } else {
            None
        }
    }

    /// Samples are missing: what was under way is forgotten, an emergency is not.
    pub fn gap(&mut self, now: u64) -> Option<Verdict> {
        self.restart_watch(now);
        if matches!(self.state, State::Emergency(_)) {
            return None;
        }
        self.enter(State::Undetermined(UndeterminedReason::Gap), now, now)
    }

    fn restart_watch(&mut self, now: u64) {
        (self.below, self.above, self.organised, self.alike, self.typical) = (0, 0, 0, 0, 0);
        (self.wide_run, self.fibrillating, self.leakage) = (0, 0, 1.0);
        (self.alive_since, self.quiet_since) = (now, now);
        self.last_beat = None;
        self.outside_since = None;
    }

    /// Out of `Undetermined`: with normal beats, or back to learning.
    fn resume(&mut self, now: u64) -> Option<Verdict> {
        if !self.has_template {
            return self.enter(State::Learning, now, self.alive_since);
        }
        if (self.above & 0b1111).count_ones() >= CONTRADICTING_BEATS {
            return self.enter(State::Normal, now, self.alive_since);
        }
        None
    }

    /// Enters, raises or ends an emergency.
    fn conclude(&mut self, found: Option<(EmergencyReason, u64)>, now: u64) -> Option<Verdict> {
        let current = match self.state {
            State::Emergency(reason) => Some(reason),
            _ => None,
        };
        match (found, current) {
            (Some((reason, onset)), _) => {
                self.quiet_since = now;
                // The order of the reasons is their severity; a lesser one does not replace a graver one.
                if current.is_none_or(|c| reason < c) {
                    if current.is_none() {
                        self.above = 0;
                    }
                    return self.enter(State::Emergency(reason), now, onset);
                }
                None
            }
            (None, Some(_)) => self.recover(now),
            (None, None) => None,
        }
    }

    fn recover(&mut self, now: u64) -> Option<Verdict> {
        if self.rate.seconds(now.saturating_sub(self.quiet_since)) < RECOVERY_S {
            return None;
        }
        let normal =
            (self.above & ((1 << RECOVERY_OF) - 1)).count_ones() >= VOTE_RECOVERED && self.above & 1 == 1;
        let settled = self.fibrillating & 0b11 == 0 && self.outside_since.is_none();
        if normal && settled {
            self.below = 0;
            return self.enter(State::Normal, now, now);
        }
        let quiet = self.rate.seconds(now.saturating_sub(self.quiet_since)) > QUIET_S;
        // A new shape that has become a steady rhythm at a benign rate is no emergency any more.
        let steady = self.state == State::Emergency(EmergencyReason::ShapeChange)
            && self.are_alike()
            && self.mean_rr_s() >= BENIGN_RR_S;
        if steady && quiet && settled {
            self.below = 0;
            return self.enter(State::Normal, now, now);
        }
        // Without a template no beat votes; then quiet has to do.
        if !self.has_template && quiet && settled {
            return self.enter(State::Learning, now, now);
        }
        None
    }

    fn enter(&mut self, state: State, now: u64, onset: u64) -> Option<Verdict> {
        if state == self.state {
            return None;
        }
        self.state = state;
        Some(Verdict {
            state,
            decided_at: now,
            onset,
            correlation: self.last_correlation,
            threshold: self.threshold,
        })
    }
}

/// Whether the QRS part is unlike the template's; so is that of a cycle that could not be compared.
fn foreign_qrs(correlation: Option<Correlation>) -> bool {
    match correlation {
        Some(Correlation::Defined { parts: [_, qrs, _], .. }) => qrs < QRS_LIKE,
        _ => true,
    }
}

#[cfg(test)]
mod tests;
