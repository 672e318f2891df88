//! Emergencies: synthetic patients that deteriorate, and real ones.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test prints its figures and stops at a surprise"
)]

mod recordings;

use bodywire_ecg::{
    SampleRate,
    clean::Cleaner,
    decide::{EmergencyReason, State, UndeterminedReason, Verdict},
    fibrillation::features,
    monitor::{Event, Monitor},
    qualify::PoorReason,
    settings::Settings,
    strip::Strip,
    synthetic::{EcgModel, Rhythm},
};
use recordings::Loaded;

/// SplitMix64, for seeds that lie close together.
fn random(seed: u64) -> impl FnMut() -> u32 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z >> 32) as u32
    }
}

/// Verdicts of a monitor on rhythms that follow each other, each for so many seconds.
fn live(seed: u64, rate_hz: f64, noise_mv: f64, course: &[(Rhythm, u32)]) -> Vec<Verdict> {
    let mut random = random(seed);
    let rate = SampleRate::new(rate_hz).unwrap();
    let mut model = EcgModel::new(rate, 200.0, 1024, noise_mv, course[0].0).unwrap();
    let mut monitor = Monitor::new(Settings::new(rate_hz, 200.0, 1024)).unwrap();
    let mut verdicts = Vec::new();
    for (i, (rhythm, seconds)) in course.iter().enumerate() {
        if i > 0 {
            model.switch(*rhythm).unwrap();
        }
        for _ in 0..rate.samples(f64::from(*seconds)) {
            monitor.push(model.next_sample(&mut random));
            while let Some(event) = monitor.poll() {
                if let Event::Verdict(v) = event {
                    verdicts.push(v);
                }
            }
        }
    }
    verdicts
}

/// Seconds from `from_s` to the first emergency after it, and that emergency.
fn first_emergency(verdicts: &[Verdict], rate_hz: f64, from_s: f64) -> Option<(f64, EmergencyReason)> {
    verdicts.iter().find_map(|v| match v.state {
        State::Emergency(reason) => Some((v.decided_at as f64 / rate_hz - from_s, reason)),
        _ => None,
    })
}

const SINUS: Rhythm = Rhythm::Sinus { bpm: 75.0 };

#[test]
fn fibrillation_after_twelve_seconds_is_an_emergency_within_ten() {
    let mut worst = 0.0f64;
    for seed in 0..30 {
        for rate in [250.0, 360.0, 1000.0] {
            let v = live(seed, rate, 0.02, &[(SINUS, 12), (Rhythm::VentricularFibrillation, 12)]);
            let (after, _) =
                first_emergency(&v, rate, 12.0).unwrap_or_else(|| panic!("missed: seed {seed} {v:?}"));
            assert!((0.0..=10.0).contains(&after), "seed {seed}, {rate} Hz: {after} s, {v:?}");
            assert!(v.iter().any(|v| v.state == State::Emergency(EmergencyReason::VentricularFibrillation)));
            worst = worst.max(after);
        }
    }
    println!("synthetic fibrillation: emergency within {worst:.1} s in 90 runs");
}

#[test]
fn asystole_and_tachycardia_are_emergencies() {
    for seed in 0..20 {
        let v = live(seed, 360.0, 0.02, &[(SINUS, 20), (Rhythm::Asystole, 10)]);
        let (after, _) = first_emergency(&v, 360.0, 20.0).unwrap();
        assert!((2.0..=6.0).contains(&after), "seed {seed}: {after}");
        assert_eq!(v.last().unwrap().state, State::Emergency(EmergencyReason::Asystole), "seed {seed} {v:?}");

        let v = live(seed, 360.0, 0.02, &[(SINUS, 20), (Rhythm::VentricularTachycardia { bpm: 170.0 }, 10)]);
        let (after, reason) = first_emergency(&v, 360.0, 20.0).unwrap();
        assert!((0.0..=8.0).contains(&after), "seed {seed}: {after} {reason:?}");
        let v = live(seed, 360.0, 0.02, &[(SINUS, 20), (Rhythm::Sinus { bpm: 200.0 }, 20)]);
        let (after, _) = first_emergency(&v, 360.0, 20.0).unwrap();
        assert!((0.0..=14.0).contains(&after), "seed {seed}: {after}");
        let v = live(seed, 360.0, 0.02, &[(SINUS, 20), (Rhythm::Sinus { bpm: 28.0 }, 25)]);
        let (after, _) = first_emergency(&v, 360.0, 20.0).unwrap();
        assert!((0.0..=18.0).contains(&after), "seed {seed}: {after}");
    }
}

#[test]
fn sinus_rhythm_is_no_emergency() {
    for seed in 0..20 {
        let bpm = 50.0 + 5.0 * seed as f64;
        for noise in [0.005, 0.03, 0.1] {
            let v = live(seed, 360.0, noise, &[(Rhythm::Sinus { bpm }, 300)]);
            let states: Vec<State> = v.iter().map(|v| v.state).collect();
            assert_eq!(states, [State::Normal], "seed {seed} {bpm}/min noise {noise}: {v:?}");
        }
        let v = live(seed, 360.0, 0.3, &[(Rhythm::Sinus { bpm }, 60)]);
        let noise = State::Undetermined(UndeterminedReason::Signal(PoorReason::Noise));
        assert!(v.iter().all(|v| v.state == noise), "drowned in noise, seed {seed}: {v:?}");
    }
}

#[test]
fn recovery_leads_back_to_normal() {
    let v = live(1, 360.0, 0.02, &[(SINUS, 20), (Rhythm::VentricularFibrillation, 15), (SINUS, 30)]);
    assert_eq!(v.last().unwrap().state, State::Normal, "{v:?}");
}

#[test]
fn lead_off_is_not_asystole() {
    let mut monitor = Monitor::new(Settings::new(250.0, 200.0, 0)).unwrap();
    let rate = SampleRate::new(250.0).unwrap();
    let mut model = EcgModel::new(rate, 200.0, 0, 0.02, SINUS).unwrap();
    let mut random = random(7);
    for _ in 0..20 * 250 {
        monitor.push(model.next_sample(&mut random));
    }
    assert_eq!(monitor.state(), State::Normal);
    for _ in 0..20 * 250 {
        monitor.push(0);
        assert!(!matches!(monitor.state(), State::Emergency(_)));
    }
    let off = State::Undetermined(UndeterminedReason::Signal(PoorReason::LeadOff));
    assert_eq!(monitor.state(), off);
    for _ in 0..15 * 250 {
        monitor.push(model.next_sample(&mut random));
        assert!(!matches!(monitor.state(), State::Emergency(_)));
    }
    assert_eq!(monitor.state(), State::Normal);
    monitor.gap(100_000);
    assert_eq!(monitor.state(), State::Undetermined(UndeterminedReason::Gap));
    for _ in 0..15 * 250 {
        monitor.push(model.next_sample(&mut random));
        assert!(!matches!(monitor.state(), State::Emergency(_)));
    }
    assert_eq!(monitor.state(), State::Normal);
    assert_eq!(monitor.next_sample(), 70 * 250 + 100_000);
    while monitor.poll().is_some() {}
    monitor.relearn();
    assert!(matches!(monitor.poll(), Some(Event::Verdict(Verdict { state: State::Learning, .. }))));
    for _ in 0..15 * 250 {
        monitor.push(model.next_sample(&mut random));
    }
    assert_eq!(monitor.state(), State::Normal);
}

#[test]
fn any_samples_at_any_rate_do_no_harm() {
    for (seed, rate) in [100.0, 128.0, 360.0, 997.0, 1000.0].into_iter().enumerate() {
        let mut random = random(seed as u64);
        let mut monitor = Monitor::new(Settings::new(rate, 0.001, i32::MIN)).unwrap();
        for i in 0..60_000 {
            let noise = random() as i16;
            monitor.push(if i % 9000 < 3000 {
                noise
            } else if i % 9000 < 6000 {
                i16::MAX
            } else {
                noise / 300
            });
            if i % 7919 == 0 {
                monitor.gap(u64::from(random()) << 8);
            }
            while let Some(event) = monitor.poll() {
                if let Event::Beat { correlation: Some(c), .. } = event {
                    assert!(c.rho().is_none_or(|r| r.abs() <= 1.0));
                }
            }
        }
        monitor.gap(u64::MAX);
    }
}

fn monitor(r: &Loaded, mut each: impl FnMut(u64, State)) -> Vec<Verdict> {
    let mut monitor = Monitor::new(Settings::new(r.rate_hz, r.gain, r.baseline)).unwrap();
    let mut verdicts = Vec::new();
    for (i, &sample) in r.samples.iter().enumerate() {
        monitor.push(sample);
        while let Some(event) = monitor.poll() {
            if let Event::Verdict(v) = event {
                verdicts.push(v);
            }
        }
        each(i as u64, monitor.state());
    }
    verdicts
}

#[test]
fn mitdb_100_has_no_emergency() {
    let mut hours = 0.0;
    let mut total = 0u32;
    for r in recordings::load_all("mitdb") {
        let verdicts = monitor(&r, |_, _| {});
        let reasons: Vec<_> = verdicts
            .iter()
            .filter_map(|v| match v.state {
                State::Emergency(reason) => Some((reason, (v.decided_at as f64 / r.rate_hz) as u32)),
                _ => None,
            })
            .collect();
        println!("mitdb {}: {} emergencies {:?}", r.name, reasons.len(), reasons);
        hours += r.samples.len() as f64 / r.rate_hz / 3600.0;
        total += reasons.len() as u32;
        if r.name == "100" {
            assert!(reasons.is_empty(), "{reasons:?}");
            assert_eq!(verdicts.last().unwrap().state, State::Normal);
        }
    }
    println!("mitdb: {total} emergencies in {hours:.1} h, true ones included");
    // Measured: 2.9 an hour. True ones are those of records 203 and 207.
    assert!(f64::from(total) <= 3.5 * hours);
}

/// Onsets of fibrillation or flutter that last at least 10 s, in samples.
fn fibrillation_onsets(r: &Loaded) -> Vec<u64> {
    let mut changes: Vec<(u64, bool)> = r
        .annotations
        .iter()
        .filter(|(_, c, _)| c.number() == 28)
        .map(|(at, _, text)| (*at, text.starts_with("(VF")))
        .collect();
    let window = (5.0 * r.rate_hz) as u64;
    changes.extend(r.windows.bytes().enumerate().map(|(i, b)| (i as u64 * window, b == b'1')));
    changes.push((r.samples.len() as u64, false));
    let mut onsets = Vec::new();
    let mut began = None;
    for (at, fibrillating) in changes {
        match (fibrillating, began) {
            (true, None) => began = Some(at),
            (false, Some(from)) => {
                if (at - from) as f64 >= 10.0 * r.rate_hz {
                    onsets.push(from);
                }
                began = None;
            }
            _ => {}
        }
    }
    onsets
}

/// What became of one onset of fibrillation.
#[derive(Clone, Copy, Default)]
struct Outcome {
    /// In emergency for another reason or an earlier one when it began.
    before: bool,
    /// In emergency at some time within 10 s.
    emergency: bool,
    /// Named ventricular fibrillation or tachycardia at some time within 10 s.
    ventricular: bool,
    /// The fibrillation index, taken alone, said so at some time within 10 s.
    index: bool,
}

#[test]
fn fibrillation_of_real_patients_is_flagged() {
    let mut all = Vec::new();
    for db in ["vfdb", "cudb"] {
        for r in recordings::load_all(db) {
            let list = fibrillation_onsets(&r);
            let mut outcomes = vec![Outcome::default(); list.len()];
            let reach = (10.0 * r.rate_hz) as u64;
            let (mut count, mut was, mut seconds) = (0, State::Learning, 0.0);
            let alarms = index_alone(&r);
            monitor(&r, |at, state| {
                let emergency = matches!(state, State::Emergency(_));
                let ventricular =
                    [EmergencyReason::VentricularFibrillation, EmergencyReason::VentricularTachycardia];
                let named = ventricular.iter().any(|v| state == State::Emergency(*v));
                count += u32::from(emergency && !matches!(was, State::Emergency(_)));
                seconds += f64::from(u8::from(emergency)) / r.rate_hz;
                was = state;
                for (onset, o) in
                    list.iter().zip(&mut outcomes).filter(|(o, _)| (**o..**o + reach).contains(&at))
                {
                    o.before |= at == *onset && emergency;
                    o.emergency |= emergency;
                    o.ventricular |= named;
                    o.index |= alarms.contains(&at);
                }
            });
            println!(
                "{db} {}: {} onsets, {} in emergency, {} by the index; {count} emergencies, {:.0} % of the time",
                r.name,
                list.len(),
                outcomes.iter().filter(|o| o.emergency).count(),
                outcomes.iter().filter(|o| o.index).count(),
                100.0 * seconds * r.rate_hz / r.samples.len() as f64,
            );
            all.extend(outcomes);
        }
    }
    let count = |f: fn(&Outcome) -> bool| all.iter().filter(|o| f(o)).count();
    println!(
        "{} onsets; within 10 s: in emergency {}, named ventricular {}, index alone {}; in emergency already {}; new {} of {}",
        all.len(),
        count(|o| o.emergency),
        count(|o| o.ventricular),
        count(|o| o.index),
        count(|o| o.before),
        count(|o| !o.before && o.emergency),
        count(|o| !o.before),
    );
    // Measured: 38 and 36 of 39.
    assert!(100 * count(|o| o.emergency) >= 94 * all.len());
    assert!(100 * count(|o| o.index) >= 89 * all.len());
}

/// Samples at which three of the last four windows of the fibrillation index agree, with nothing else known.
fn index_alone(r: &Loaded) -> std::collections::BTreeSet<u64> {
    let rate = SampleRate::new(r.rate_hz).unwrap();
    let (mut cleaner, mut strip) = (Cleaner::new(rate), Strip::new(0));
    let (mut bits, mut alarms) = (0u32, std::collections::BTreeSet::new());
    for (i, &sample) in r.samples.iter().enumerate() {
        strip.push(cleaner.push(((f64::from(sample) - f64::from(r.baseline)) / r.gain) as f32).shape_mv);
        if (i as u64 + 1).is_multiple_of(rate.samples(1.0)) {
            bits = bits << 1 | u32::from(features(&strip, rate).is_some_and(|f| f.looks_fibrillating()));
            if (bits & 0b1111).count_ones() >= 3 {
                alarms.insert(i as u64);
            }
        }
    }
    alarms
}
