//! The one object a hub feeds: samples in, beats, rates and verdicts out. Fixed memory; the caller puts it where it
//! likes.

use crate::{
    Error, SampleRate,
    bank::Bank,
    bridge::Bridges,
    clean::Cleaner,
    correlate::{Correlation, Form, Weights, correlate},
    decide::{BeatFacts, Decider, HYSTERESIS, ORGANISED_RHO, State, TickFacts, Verdict},
    detect::Detector,
    fibrillation,
    identity::Signature,
    personal::PersonalWeights,
    qualify::{Qualifier, Quality},
    segment::{self, Cycle, Part, qrs_width_s, segment},
    settings::Settings,
    strip::Strip,
    template::{Template, Threshold},
};

/// Events kept until polled. One sample yields at most four; a caller that polls after each push loses none.
pub const EVENTS_MAX: usize = 16;
/// Sample indices stop here, 146 million years at 1000 Hz: a gap of any reported length cannot make them overflow.
const SAMPLE_INDEX_MAX: u64 = 1 << 62;
/// Largest noise variance taken as the correlation's floor, mV^2: 50 microvolts of noise.
const NOISE_FLOOR_MAX_MV2: f64 = 0.0025;
/// A QRS complex wider than this is wide, in seconds: 120 ms on the surface, less the shoulders that the slope misses.
const WIDE_S: f64 = 0.11;
/// And wider than this patient's normal complex by this, in seconds: bundle branch block and pacing are always wide.
const WIDER_S: f64 = 0.02;
/// Share of a normal beat's width that enters the patient's.
const WIDTH_SHARE: f64 = 0.125;
/// What was detected is no beat when smaller than this share of the template's QRS complex, peak to peak, ...
const CREDIBLE_SIZE: f32 = 0.4;
/// ... and when its QRS part correlates less than this with the template's.
const CREDIBLE_QRS: f64 = 0.6;
/// Beats whose median interval gives the rate.
const RATE_BEATS: usize = 8;
/// Without a beat for this long no rate is given, in seconds.
const RATE_STALE_S: f64 = 3.0;

/// What the monitor has to say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// A beat was found.
    Beat {
        /// Sample index of its R peak.
        r_sample: u64,
        /// Samples since the beat before, if that was found without a gap between.
        rr_samples: Option<u64>,
        /// Correlation of the cycle that it ends with the patient's template, once there is one.
        correlation: Option<Correlation>,
        /// Correlation of that cycle with the cycle before it, while there is no template.
        with_previous: Option<Correlation>,
    },
    /// Heart rate, once a second while there are beats.
    Rate {
        /// Tenths of beats per minute.
        bpm_tenths: u16,
        /// Sample index it holds for.
        at_sample: u64,
    },
    /// The state changed.
    Verdict(Verdict),
}

/// One lead of one patient.
#[derive(Debug, Clone)]
pub struct Monitor {
    settings: Settings,
    rate: SampleRate,
    next_sample: u64,
    ticks: u64,
    // Lost samples before `next_sample` over which a line will lead to it.
    missing: u64,
    bridges: Bridges,
    cleaner: Cleaner,
    strip: Strip,
    detector: Detector,
    qualifier: Qualifier,
    template: Template,
    bank: Bank,
    weights: PersonalWeights,
    threshold: Threshold,
    decider: Decider,
    normal_width_s: f64,
    last_r: Option<u64>,
    // Newest first.
    last_cycles: [Option<Cycle>; 2],
    rr_samples: [u64; RATE_BEATS],
    rr_count: usize,
    events: [Option<Event>; EVENTS_MAX],
}

impl Monitor {
    /// A monitor that knows nothing of its patient yet. The first sample has index 0.
    ///
    /// # Errors
    /// As [`Settings::check`].
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let rate = settings.check()?;
        let threshold = Threshold::new();
        Ok(Self {
            settings,
            rate,
            next_sample: 0,
            ticks: 0,
            missing: 0,
            bridges: Bridges::new(rate),
            cleaner: Cleaner::new(rate),
            strip: Strip::new(0),
            detector: Detector::new(rate, 0),
            qualifier: Qualifier::new(rate),
            template: Template::new(),
            bank: Bank::new(),
            weights: PersonalWeights::new(settings.weights),
            decider: Decider::new(rate, settings.limits, threshold.value(), 0),
            threshold,
            normal_width_s: 0.0,
            last_r: None,
            last_cycles: [None, None],
            rr_samples: [0; RATE_BEATS],
            rr_count: 0,
            events: [None; EVENTS_MAX],
        })
    }

    /// Takes the next sample in ADC units. Poll to `None` afterwards.
    pub fn push(&mut self, sample_adu: i16) {
        let now = self.next_sample;
        let (low, high) = self.settings.rails_adu;
        let at_rail = sample_adu <= low || sample_adu >= high;
        let offset = f64::from(sample_adu) - f64::from(self.settings.baseline_adu);
        let raw_mv = (offset / self.settings.adu_per_mv) as f32;
        self.bridge(raw_mv);
        self.next_sample += 1;
        let cleaned = self.cleaner.push(raw_mv);
        self.strip.push(cleaned.shape_mv);
        if let Some(r) = self.detector.push(cleaned, &self.strip) {
            self.beat(r, now);
        }
        if let Some(quality) = self.qualifier.push(raw_mv, at_rail, cleaned) {
            self.tick(quality, now);
        }
    }

    /// The next event, oldest first.
    pub fn poll(&mut self) -> Option<Event> {
        let first = self.events.first_mut()?.take()?;
        self.events.rotate_left(1);
        Some(first)
    }

    /// Tells that the next `missing_samples` samples were lost. A short loss is bridged. After a longer one, or
    /// one of many, filters and windows start afresh; template, weights, threshold and an emergency stay.
    pub fn gap(&mut self, missing_samples: u64) {
        let first = self.next_sample - self.missing;
        self.next_sample =
            self.next_sample.saturating_add(missing_samples).min(SAMPLE_INDEX_MAX.max(self.next_sample));
        let next = self.next_sample;
        self.missing = next - first;
        if self.cleaner.has_begun() && self.bridges.admits(first, next) {
            return;
        }
        self.missing = 0;
        self.bridges = Bridges::new(self.rate);
        self.cleaner = Cleaner::new(self.rate);
        self.strip.restart(next);
        self.detector = Detector::new(self.rate, next);
        self.qualifier.restart(self.rate);
        self.template.discard_collected();
        self.last_r = None;
        self.last_cycles = [None, None];
        self.rr_count = 0;
        if let Some(verdict) = self.decider.gap(next) {
            self.emit(Event::Verdict(verdict));
        }
    }

    /// Forgets template, weights and threshold and learns anew: a clinician says that the present rhythm is this patient's
    /// normal. Ends an emergency, with a verdict that says so; the rules that need no template stay active.
    pub fn relearn(&mut self) {
        self.template = Template::new();
        self.bank = Bank::new();
        self.normal_width_s = 0.0;
        self.weights = PersonalWeights::new(self.settings.weights);
        self.threshold = Threshold::new();
        let next = self.next_sample;
        let before = self.decider.state();
        self.decider = Decider::new(self.rate, self.settings.limits, self.threshold.value(), next);
        if before != State::Learning {
            self.emit(Event::Verdict(Verdict {
                state: State::Learning,
                decided_at: next,
                onset: next,
                correlation: None,
                threshold: self.threshold.value(),
            }));
        }
    }

    /// The present state.
    pub fn state(&self) -> State {
        self.decider.state()
    }

    /// The patient's threshold.
    pub fn threshold(&self) -> f64 {
        self.threshold.value()
    }

    /// The weights with which the patient's beats are compared with the template.
    pub fn weights(&self) -> Weights {
        self.weights.value()
    }

    /// What is known of this patient's normal beat, for comparing sessions; nothing before there is a template.
    pub fn signature(&self) -> Option<Signature> {
        let cycle = self.template.reference()?.clone();
        Some(Signature { cycle, qrs_width_s: self.normal_width_s })
    }

    /// The cleaned signal of the last seconds, as evidence.
    pub fn strip(&self) -> &Strip {
        &self.strip
    }

    /// Whether a sample of the last eight seconds was lost: then the strip holds a line that leads over it.
    pub fn is_bridged(&self, sample: u64) -> bool {
        self.bridges.samples(sample, sample.saturating_add(1)) > 0
    }

    /// Index of the next sample.
    pub fn next_sample(&self) -> u64 {
        self.next_sample
    }

    /// Leads over what is missing, if anything is, to the next sample.
    fn bridge(&mut self, next_mv: f32) {
        let missing = core::mem::take(&mut self.missing);
        if missing == 0 {
            return;
        }
        let (first, end) = (self.next_sample - missing, self.next_sample);
        let line = self.cleaner.line(missing, next_mv);
        self.bridges.add(first, end);
        for (number, now) in (0..missing).zip(first..) {
            let cleaned = self.cleaner.follow(line, number);
            self.strip.push(cleaned.shape_mv);
            if let Some(r) = self.detector.push(cleaned, &self.strip) {
                self.beat(r, now);
            }
        }
    }

    fn beat(&mut self, r: u64, now: u64) {
        let reach = self.rate.samples(segment::QRS_HALF_S);
        let bridged = |from: u64| self.bridges.samples(from.saturating_sub(reach), r + reach + 1) > 0;
        // A beat that ends a time of which nothing is known ends no cycle.
        let before = self.last_r.replace(r).filter(|b| !bridged(*b));
        let is_whole = !bridged(r);
        let rr_samples = before.map(|b| r.saturating_sub(b));
        if let Some(rr) = rr_samples {
            self.rr_samples.rotate_right(1);
            if let Some(slot) = self.rr_samples.first_mut() {
                *slot = rr;
            }
            self.rr_count = (self.rr_count + 1).min(RATE_BEATS);
        }
        let cycle = before.and_then(|b| segment(&self.strip, self.rate, b, r).ok());
        let noise = self.qualifier.noise_mv2().min(NOISE_FLOOR_MAX_MV2);
        // The patient's own weights are for the template. Beats are compared with each other under bounds that are the
        // same for all patients, so with the weights that are.
        let own = self.weights.value();
        let correlation = match (self.template.reference(), &cycle) {
            (Some(x), Some(y)) => Some(correlate(x, y, Form::VersionB, own, noise)),
            _ => None,
        };
        let clear = self.threshold.value() + HYSTERESIS;
        let unlike = correlation.is_none_or(|c| c.rho().is_none_or(|rho| rho < clear));
        let [last, second_last] = &self.last_cycles;
        let with = |before: &Option<Cycle>| match (before, &cycle) {
            (Some(x), Some(y)) if unlike => Some(correlate(x, y, Form::VersionA, self.settings.weights, 0.0)),
            _ => None,
        };
        let (with_previous, with_second_previous) = (with(last), with(second_last));
        let known_shape =
            unlike && cycle.as_ref().is_some_and(|cycle| self.bank.knows(cycle, self.settings.weights));
        let like_the_last = with_previous.and_then(|c| c.rho()).is_some_and(|rho| rho >= ORGANISED_RHO);
        if cycle.is_some() {
            self.qualifier.beat(!unlike || like_the_last);
        }
        self.emit(Event::Beat {
            r_sample: r,
            rr_samples,
            correlation,
            with_previous: with_previous.filter(|_| correlation.is_none()),
        });
        let credible = is_whole && (!unlike || known_shape || self.is_credible(r, correlation));
        let width_s = qrs_width_s(&self.strip, self.rate, r);
        let wide = width_s.is_some_and(|w| w > WIDE_S.max(self.normal_width_s + WIDER_S));
        let rr_s = rr_samples.map(|n| self.rate.seconds(n));
        let facts = BeatFacts {
            r_sample: r,
            rr_s,
            correlation,
            with_previous,
            with_second_previous,
            known_shape,
            credible,
            wide,
        };
        if let Some(verdict) = self.decider.beat(&facts, now) {
            self.emit(Event::Verdict(verdict));
        }
        if let (Some(cycle), Some(rr_s)) = (&cycle, rr_s)
            && self.decider.may_learn()
            && self.qualifier.quality() == Quality::Good
        {
            if let (Some(width_s), false) = (width_s, unlike) {
                self.normal_width_s += WIDTH_SHARE * (width_s - self.normal_width_s);
            }
            self.learn(cycle, rr_s, correlation, now);
        }
        self.last_cycles.rotate_right(1);
        if let Some(last) = self.last_cycles.first_mut() {
            *last = cycle;
        }
    }

    /// Whether what was detected at `r` may be a beat: noise of an arrested heart is smaller than this patient's QRS
    /// complexes and unlike them; a small beat of the usual shape, or a large one of any, is a beat.
    fn is_credible(&self, r: u64, correlation: Option<Correlation>) -> bool {
        let Some(reference) = self.template.reference() else { return true };
        if matches!(correlation, Some(Correlation::Defined { parts: [_, qrs, _], .. }) if qrs >= CREDIBLE_QRS)
        {
            return true;
        }
        let range = |values: &mut dyn Iterator<Item = f32>| {
            let (low, high) = values.fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(v), h.max(v)));
            (high - low).max(0.0)
        };
        let reach = self.rate.samples(segment::QRS_HALF_S);
        let own = range(&mut (r.saturating_sub(reach)..=r + reach).filter_map(|i| self.strip.mv(i)));
        let qrs = |(i, _): &(usize, &f32)| segment::part_of(*i) == Part::Qrs;
        let usual = range(&mut reference.samples().iter().enumerate().filter(qrs).map(|(_, v)| *v));
        own >= CREDIBLE_SIZE * usual
    }

    fn learn(&mut self, cycle: &Cycle, rr_s: f64, correlation: Option<Correlation>, now: u64) {
        if let Some(correlation) = correlation {
            // The weights first: a threshold holds for the coefficients of the weights that it was learnt with.
            if self.settings.learn_weights && !self.weights.is_learnt() {
                self.weights.learn(&correlation);
            } else {
                self.threshold.learn(&correlation);
            }
            self.decider.set_threshold(self.threshold.value());
            if correlation.rho().is_none_or(|rho| rho < self.threshold.value()) {
                self.bank.learn(cycle, rr_s, self.rate.seconds(now), self.settings.weights);
                return;
            }
        }
        self.template.learn(cycle, rr_s, self.settings.weights);
    }

    fn tick(&mut self, quality: Quality, now: u64) {
        self.ticks += 1;
        let whole_second = self.ticks.is_multiple_of(2);
        let window = whole_second.then(|| fibrillation::features(&self.strip, self.rate));
        let facts = TickFacts {
            quality,
            fibrillating: window.map(|f| f.is_some_and(|f| f.looks_fibrillating())),
            leakage: window.flatten().map_or(1.0, |f| f.leakage),
            bridged: self.bridges.samples(self.decider.beat_or_start(), now + 1),
            whole_since: self.bridges.end(),
            has_template: self.template.reference().is_some(),
        };
        if let Some(verdict) = self.decider.tick(&facts, now) {
            self.emit(Event::Verdict(verdict));
        }
        if whole_second {
            self.report_rate(now);
        }
    }

    fn report_rate(&mut self, now: u64) {
        let fresh = self.last_r.is_some_and(|r| self.rate.seconds(now.saturating_sub(r)) < RATE_STALE_S);
        let mut sorted = self.rr_samples;
        let Some(used) = sorted.get_mut(..self.rr_count).filter(|u| fresh && !u.is_empty()) else { return };
        used.sort_unstable();
        let Some(&rr) = used.get(used.len() / 2).filter(|&&rr| rr > 0) else { return };
        // The cast saturates.
        let bpm_tenths = libm::round(600.0 / self.rate.seconds(rr)) as u16;
        self.emit(Event::Rate { bpm_tenths, at_sample: now });
    }

    /// Queues an event. When the caller does not poll, beats and rates make room for verdicts, older ones first.
    fn emit(&mut self, event: Event) {
        if self.events.iter().all(Option::is_some) {
            let dispensable =
                self.events.iter().position(|e| !matches!(e, Some(Event::Verdict(_)))).unwrap_or(0);
            if let Some(tail) = self.events.get_mut(dispensable..) {
                tail.rotate_left(1);
            }
            if let Some(last) = self.events.last_mut() {
                *last = None;
            }
        }
        if let Some(slot) = self.events.iter_mut().find(|e| e.is_none()) {
            *slot = Some(event);
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::synthetic::{EcgModel, Rhythm};
    use std::vec::Vec;

    /// Beats of a noisy sinus rhythm, pushed until `done` says so or four minutes have passed; whether it did.
    fn watch(monitor: &mut Monitor, done: impl Fn(&Monitor) -> bool) -> bool {
        let (rate, mut state) = (SampleRate::new(250.0).unwrap(), 1u32);
        let sinus = Rhythm::Sinus { bpm: 75.0 };
        let mut model = EcgModel::new(rate, 200.0, 0, 0.05, sinus).unwrap();
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8 ^ state << 16
        };
        (0..240 * 250).any(|_| {
            monitor.push(model.next_sample(&mut random));
            while monitor.poll().is_some() {}
            done(monitor)
        })
    }

    #[test]
    fn weights_are_learnt_on_request_before_the_threshold_and_forgotten_with_it() {
        let settings = Settings { learn_weights: true, ..Settings::new(250.0, 200.0, 0) };
        let mut monitor = Monitor::new(settings).unwrap();
        for _ in 0..2 {
            assert!(watch(&mut monitor, |m| m.weights() != settings.weights));
            assert_eq!(monitor.threshold(), crate::template::THRESHOLD_DEFAULT);
            let own = monitor.weights();
            // In noise the small P wave is the least steady part.
            assert!(own.of(Part::Pr) < settings.weights.of(Part::Pr), "{own:?}");
            assert!(watch(&mut monitor, |m| m.threshold.is_learnt()));
            monitor.gap(1000);
            assert_eq!(monitor.weights(), own);
            monitor.relearn();
            assert_eq!(monitor.weights(), settings.weights);
            assert!(!monitor.threshold.is_learnt());
        }
        let mut fixed = Monitor::new(Settings { learn_weights: false, ..settings }).unwrap();
        assert!(watch(&mut fixed, |m| m.threshold.is_learnt()));
        assert_eq!(fixed.weights(), settings.weights);
    }

    #[test]
    fn fits_its_memory() {
        assert!(size_of::<Monitor>() <= 32 * 1024, "{}", size_of::<Monitor>());
    }
    #[test]
    fn verdicts_outlive_beats_that_nobody_polls() {
        let mut monitor = Monitor::new(Settings::new(250.0, 200.0, 0)).unwrap();
        let verdict = |at| {
            Event::Verdict(Verdict {
                state: State::Normal,
                decided_at: at,
                onset: at,
                correlation: None,
                threshold: 0.5,
            })
        };
        monitor.emit(verdict(1));
        for at_sample in 0..100 {
            monitor.emit(Event::Rate { bpm_tenths: 750, at_sample });
        }
        assert_eq!(monitor.poll(), Some(verdict(1)));
        assert_eq!(monitor.poll(), Some(Event::Rate { bpm_tenths: 750, at_sample: 85 }));
        (0..100).for_each(|at| monitor.emit(verdict(at)));
        let mut last = None;
        while let Some(event) = monitor.poll() {
            last = Some(event);
        }
        assert_eq!(last, Some(verdict(99)));
    }

    /// Sample indices, sizes and intervals of the beats of a heart of 75 per minute with `hum_mv` of mains, of which each
    /// sample is lost for which `lost` says so.
    fn beats(hum_mv: f64, seconds: u64, lost: impl Fn(u64) -> bool) -> (Monitor, Vec<(u64, Option<u64>)>) {
        let rate = SampleRate::new(250.0).unwrap();
        let mut model = EcgModel::new(rate, 200.0, 0, 0.0, Rhythm::Sinus { bpm: 75.0 }).unwrap();
        let mut monitor = Monitor::new(Settings::new(250.0, 200.0, 0)).unwrap();
        let (mut found, mut missing) = (Vec::new(), 0);
        for at in 0..250 * seconds {
            let hum = hum_mv * libm::sin(core::f64::consts::TAU * 50.0 * rate.seconds(at));
            let sample = model.next_sample(&mut || 1 << 31) + (200.0 * hum) as i16;
            if lost(at) {
                missing += 1;
                continue;
            }
            if missing > 0 {
                monitor.gap(core::mem::take(&mut missing));
            }
            monitor.push(sample);
            while let Some(event) = monitor.poll() {
                if let Event::Beat { r_sample, rr_samples, .. } = event {
                    found.push((r_sample, rr_samples));
                }
            }
        }
        (monitor, found)
    }

    #[test]
    fn a_lost_record_costs_its_beat_and_nothing_else() {
        for hum_mv in [0.0, 0.5] {
            let (whole, all) = beats(hum_mv, 60, |_| false);
            assert_eq!(whole.state(), State::Normal);
            // One record of 250 ms in 16, as the phase of the heart goes by.
            let lost = |at: u64| at > 5000 && (at / 62).is_multiple_of(16);
            let (monitor, found) = beats(hum_mv, 60, lost);
            assert_eq!(monitor.state(), State::Normal);
            let near = |r: u64, reach: u64| (r.saturating_sub(reach)..r + reach).any(lost);
            let seen: Vec<u64> = all.iter().map(|(r, _)| *r).filter(|r| !near(*r, 25)).collect();
            assert!(seen.len() > 60 && all.len() - seen.len() > 3, "{} {}", seen.len(), all.len());
            let is_in = |list: &[(u64, Option<u64>)], r: u64| list.iter().any(|(f, _)| f.abs_diff(r) <= 3);
            let missed: Vec<_> = seen.iter().filter(|r| !is_in(&found, **r)).collect();
            assert!(missed.is_empty(), "{hum_mv} mV: {missed:?} of {seen:?}");
            // Where a QRS complex was lost, its P or T wave may be taken for it.
            let invented: Vec<_> = found.iter().filter(|(f, _)| !near(*f, 75) && !is_in(&all, *f)).collect();
            assert!(invented.is_empty(), "{hum_mv} mV: {invented:?}");
            // No interval leads over what was not seen.
            assert!(found.iter().filter_map(|(_, rr)| *rr).all(|rr| rr < 250), "{found:?}");
        }
    }

    #[test]
    fn what_was_lost_can_be_told_from_what_was_measured() {
        let lost = |at: u64| (4000..4062).contains(&at);
        let (monitor, _) = beats(0.0, 20, lost);
        assert!((3200..5000).all(|at| monitor.is_bridged(at) == lost(at)));
        let (monitor, _) = beats(0.0, 20, |at| (4000..4300).contains(&at));
        assert!(monitor.strip().start() == 4300 && !monitor.is_bridged(4200));
    }

    #[test]
    fn a_gap_of_any_length_is_survived() {
        let mut monitor = Monitor::new(Settings::new(250.0, 200.0, 0)).unwrap();
        for missing in [0, 1, u64::MAX] {
            monitor.gap(missing);
            (0..2000).for_each(|i| monitor.push(i % 97));
        }
        assert_eq!(monitor.next_sample(), SAMPLE_INDEX_MAX + 2000);
        // Another gap at the end of time does not lead back.
        for missing in [5, u64::MAX] {
            monitor.gap(missing);
            assert_eq!(monitor.next_sample(), SAMPLE_INDEX_MAX + 2000);
        }
    }
}
