extern crate std;
use super::*;
use std::vec::Vec;

const HZ: f64 = 250.0;

/// A decider with a clock: beats come as told, a tick follows each half second.
struct Ward {
    decider: Decider,
    now: u64,
    next_tick: u64,
    quality: Quality,
    fibrillating: bool,
    /// Of each second so many samples are lost, the last ones until now.
    bridged: u64,
    credible: bool,
    /// Correlation of each beat with the one before, when not its own.
    alike: Option<f64>,
    verdicts: Vec<Verdict>,
}

impl Ward {
    fn new(has_template: bool) -> Self {
        let rate = SampleRate::new(HZ).unwrap();
        let mut ward = Self {
            decider: Decider::new(rate, Limits::default(), 0.5, 0),
            now: 0,
            next_tick: 0,
            quality: Quality::Good,
            fibrillating: false,
            bridged: 0,
            credible: true,
            alike: None,
            verdicts: Vec::new(),
        };
        if has_template {
            let facts = TickFacts {
                quality: Quality::Good,
                fibrillating: None,
                leakage: 0.6,
                bridged: 0,
                whole_since: 0,
                has_template,
            };
            ward.verdicts.extend(ward.decider.tick(&facts, 0));
        }
        ward
    }

    fn wait(&mut self, seconds: f64) {
        let end = self.now + (seconds * HZ) as u64;
        while self.next_tick <= end {
            let whole = self.next_tick.is_multiple_of(250);
            let facts = TickFacts {
                quality: self.quality,
                fibrillating: whole.then_some(self.fibrillating),
                leakage: 0.6,
                bridged: self.bridged * (self.next_tick - self.decider.beat_or_start().min(self.next_tick))
                    / 250,
                whole_since: if self.bridged > 0 { self.next_tick } else { 0 },
                has_template: self.decider.has_template,
            };
            self.verdicts.extend(self.decider.tick(&facts, self.next_tick));
            self.next_tick += 125;
        }
        self.now = end;
    }

    fn beats(&mut self, n: u32, rr_s: f64, rho: f64, wide: bool) {
        for _ in 0..n {
            self.wait(rr_s);
            let correlation = Some(Correlation::Defined { rho, lag: 0, parts: [rho; 3] });
            let facts = BeatFacts {
                r_sample: self.now,
                rr_s: Some(rr_s),
                correlation: correlation.filter(|_| self.decider.has_template),
                with_previous: self
                    .alike
                    .map(|rho| Correlation::Defined { rho, lag: 0, parts: [rho; 3] })
                    .or(correlation),
                with_second_previous: None,
                known_shape: false,
                credible: self.credible,
                wide,
            };
            self.verdicts.extend(self.decider.beat(&facts, self.now));
        }
    }

    fn states(&self) -> Vec<State> {
        self.verdicts.iter().map(|v| v.state).collect()
    }
}

fn emergency(reason: EmergencyReason) -> State {
    State::Emergency(reason)
}

#[test]
fn a_changed_fast_shape_needs_ten_of_twelve_beats_and_five_to_return() {
    let mut ward = Ward::new(true);
    ward.beats(20, 0.45, 0.95, false);
    ward.beats(9, 0.45, 0.1, false);
    ward.beats(2, 0.45, 0.95, false);
    assert_eq!(ward.states(), [State::Normal], "nine are not enough");
    ward.beats(12, 0.45, 0.95, false);
    let onset = ward.now;
    ward.beats(10, 0.45, 0.1, false);
    let last = *ward.verdicts.last().unwrap();
    assert_eq!((last.state, last.onset), (emergency(EmergencyReason::ShapeChange), onset));
    assert!((ward.now - onset) as f64 / HZ < 10.0 && last.correlation.is_some());
    ward.beats(20, 0.8, 0.52, false);
    assert_eq!(ward.decider.state(), emergency(EmergencyReason::ShapeChange), "within the hysteresis");
    ward.beats(8, 0.8, 0.95, false);
    assert_eq!(ward.decider.state(), State::Normal);
}

#[test]
fn a_changed_shape_at_a_benign_rate_is_an_emergency_only_when_chaotic() {
    let last = |alike| {
        let mut ward = Ward::new(true);
        ward.alike = alike;
        ward.beats(20, 0.8, 0.95, false);
        ward.beats(60, 0.8, 0.1, true);
        ward.decider.state()
    };
    assert_eq!(last(Some(0.95)), State::Normal, "a block, a pacemaker, an escape rhythm");
    assert_eq!(last(Some(0.1)), emergency(EmergencyReason::ShapeChange));
}

#[test]
fn what_is_no_beat_does_not_hide_asystole() {
    let mut ward = Ward::new(true);
    ward.beats(10, 0.8, 0.95, false);
    ward.credible = false;
    ward.beats(10, 0.6, 0.1, false);
    assert_eq!(ward.decider.state(), emergency(EmergencyReason::Asystole));
}

#[test]
fn no_beat_is_first_a_pause_and_then_asystole() {
    let mut ward = Ward::new(true);
    ward.beats(10, 0.8, 0.95, false);
    let last = ward.now;
    ward.wait(10.0);
    let [_, pause, asystole] = ward.verdicts[..] else { panic!("{:?}", ward.verdicts) };
    assert_eq!(pause.state, emergency(EmergencyReason::Pause));
    assert_eq!(asystole.state, emergency(EmergencyReason::Asystole));
    assert_eq!((pause.onset, asystole.onset), (last, last));
    let after = |v: Verdict| (v.decided_at - last) as f64 / HZ;
    assert!((3.0..=4.0).contains(&after(pause)) && (4.0..=5.0).contains(&after(asystole)));
    assert!(!ward.decider.may_learn());
    ward.beats(8, 0.8, 0.95, false);
    assert_eq!(ward.decider.state(), State::Normal);
}

#[test]
fn a_poor_signal_is_neither_normal_nor_an_emergency() {
    let mut ward = Ward::new(true);
    ward.beats(10, 0.8, 0.95, false);
    ward.quality = Quality::Poor(PoorReason::LeadOff);
    ward.wait(20.0);
    let off = State::Undetermined(UndeterminedReason::Signal(PoorReason::LeadOff));
    assert_eq!(ward.states(), [State::Normal, off]);
    ward.quality = Quality::Good;
    ward.wait(2.0);
    assert_eq!(ward.decider.state(), off, "no beat was seen yet");
    ward.beats(5, 0.8, 0.95, false);
    assert_eq!(ward.decider.state(), State::Normal);
}

#[test]
fn asystole_after_a_poor_signal_is_found() {
    let mut ward = Ward::new(true);
    ward.beats(10, 0.8, 0.95, false);
    ward.quality = Quality::Poor(PoorReason::Motion);
    ward.wait(5.0);
    ward.quality = Quality::Good;
    ward.wait(6.0);
    assert_eq!(ward.decider.state(), emergency(EmergencyReason::Asystole));
    ward.quality = Quality::Poor(PoorReason::Noise);
    ward.wait(20.0);
    assert_eq!(ward.decider.state(), emergency(EmergencyReason::Asystole), "noise does not end an emergency");
}

#[test]
fn rates_outside_the_limits_must_last() {
    let mut ward = Ward::new(true);
    ward.beats(10, 0.8, 0.95, false);
    ward.beats(27, 0.3, 0.95, false);
    ward.beats(10, 0.8, 0.95, false);
    assert_eq!(ward.states(), [State::Normal], "8 s are not 10 s");
    ward.beats(40, 0.3, 0.95, false);
    assert_eq!(ward.decider.state(), emergency(EmergencyReason::Tachycardia));
    ward.beats(20, 0.8, 0.95, false);
    assert_eq!(ward.decider.state(), State::Normal);
    ward.beats(9, 2.0, 0.95, false);
    assert_eq!(ward.decider.state(), emergency(EmergencyReason::Bradycardia));
}

#[test]
fn tachycardia_is_wide_and_foreign_and_fast() {
    let ends = |rr_s, rho, wide| {
        let mut ward = Ward::new(true);
        ward.beats(10, 0.8, 0.95, false);
        ward.beats(6, rr_s, rho, wide);
        ward.decider.state()
    };
    assert_eq!(ends(0.35, 0.6, true), emergency(EmergencyReason::VentricularTachycardia));
    assert_eq!(ends(0.35, 0.6, false), State::Normal);
    assert_eq!(ends(0.35, 0.9, true), State::Normal);
    assert_eq!(ends(0.70, 0.6, true), State::Normal);
}

#[test]
fn fibrillation_needs_three_windows_and_no_normal_beats() {
    let mut ward = Ward::new(true);
    ward.beats(10, 0.8, 0.95, false);
    ward.fibrillating = true;
    ward.beats(10, 0.8, 0.95, false);
    assert_eq!(ward.states(), [State::Normal], "normal beats contradict");
    ward.beats(20, 0.25, 0.0, false);
    assert_eq!(ward.decider.state(), emergency(EmergencyReason::VentricularFibrillation));
    ward.fibrillating = false;
    ward.beats(10, 0.8, 0.95, false);
    assert_eq!(ward.decider.state(), State::Normal);
}

#[test]
fn emergencies_are_seen_while_learning() {
    let mut ward = Ward::new(false);
    ward.fibrillating = true;
    ward.beats(20, 0.25, 0.0, false);
    assert_eq!(ward.states(), [emergency(EmergencyReason::VentricularFibrillation)]);
    ward.fibrillating = false;
    ward.beats(20, 0.8, 0.95, false);
    assert_eq!(ward.decider.state(), State::Learning);
    let mut organised = Ward::new(false);
    organised.fibrillating = true;
    organised.beats(20, 0.6, 0.95, false);
    let early = organised.states();
    assert!(early.is_empty(), "an organised rhythm contradicts: {early:?}");
}

#[test]
fn time_that_nobody_saw_is_no_time_without_a_beat() {
    let stops = |bridged, seconds| {
        let mut ward = Ward::new(true);
        ward.beats(10, 0.8, 0.95, false);
        ward.bridged = bridged;
        ward.wait(seconds);
        ward.decider.state()
    };
    assert_eq!(stops(0, 4.0), emergency(EmergencyReason::Pause));
    assert_eq!(stops(0, 5.0), emergency(EmergencyReason::Asystole));
    // A quarter of each second: a heart that beats slowly may have beaten in it, but not one that stands still.
    assert_eq!(stops(62, 6.0), State::Normal);
    assert_eq!(stops(62, 7.0), emergency(EmergencyReason::Asystole));
}

#[test]
fn a_gap_is_undetermined_but_an_emergency_stays() {
    let mut ward = Ward::new(true);
    ward.beats(10, 0.8, 0.95, false);
    assert_eq!(ward.decider.gap(ward.now).unwrap().state, State::Undetermined(UndeterminedReason::Gap));
    let mut ward = Ward::new(true);
    ward.beats(12, 0.45, 0.1, false);
    assert_eq!(ward.decider.gap(ward.now), None);
    assert_eq!(ward.decider.state(), emergency(EmergencyReason::ShapeChange));
}
