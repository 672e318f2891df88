//! Attempts to raise a false emergency and to hide a real one, at the electrodes and at the radio. The verdict is the
//! condition that access is decided by, and what it opens. All signals are simulated (HTEST).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod opens;
mod world;

use bodywire_proto::access::Condition::{self, Emergency, Normal, Undetermined};
use bodywire_proto::access::condition::{EMERGENCY_HELD_MS, VERDICT_AGE_MAX_MS};
use opens::{EMERGENCY, OTHERWISE, opens};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use world::{FIBRILLATION, GAIN, RATE, Radio, SINUS, World, heart};

/// Seconds before the attacker begins: the detector learns, and says normal.
const CALM_S: usize = 30;
/// Seconds of the attack.
const ATTACK_S: usize = 60;
const SEEDS: std::ops::Range<u64> = 1..6;

/// What the electrode feels: a heart, changed from [`CALM_S`] on.
fn changed(samples: &[i16], change: impl Fn(usize, f64) -> f64) -> Vec<i16> {
    let (low, high) = (f64::from(i16::MIN), f64::from(i16::MAX));
    let felt = samples.iter().enumerate().map(|(at, sample)| {
        let sample = f64::from(*sample);
        if at < CALM_S * RATE { sample } else { change(at, sample).round().clamp(low, high) }
    });
    felt.map(|sample| sample as i16).collect()
}

/// The conditions during the attack on an electrode. Before it the patient is normal.
fn during(samples: &[i16]) -> Vec<Condition> {
    let mut world = World::new(samples);
    assert_eq!(world.pass(CALM_S).last(), Some(&Normal));
    world.pass(samples.len() / RATE - CALM_S)
}

fn calm(seed: u64) -> Vec<i16> {
    heart(seed, &[(SINUS, CALM_S + ATTACK_S)])
}

fn arrest(seed: u64) -> Vec<i16> {
    heart(seed, &[(SINUS, CALM_S), (FIBRILLATION, ATTACK_S)])
}

/// White noise of this amplitude, in millivolts.
fn noise(seed: u64, mv: f64) -> Vec<f64> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let sample = |word: u32| (f64::from(word) / f64::from(u32::MAX) - 0.5) * 4.0 * mv * GAIN;
    (0..(CALM_S + ATTACK_S) * RATE).map(|_| sample(rng.next_u32())).collect()
}

/// True when nothing but these conditions was seen.
fn only(seen: &[Condition], wanted: &[Condition]) -> bool {
    seen.iter().all(|condition| wanted.contains(condition))
}

#[test]
fn a_condition_opens_what_it_should() {
    assert_eq!(opens(Emergency), EMERGENCY);
    assert_eq!((opens(Normal), opens(Undetermined)), (OTHERWISE, OTHERWISE));
}

/// Raising: gain and polarity. A new shape at a benign rate is no emergency.
#[test]
fn a_heart_that_is_made_larger_smaller_or_turned_round_is_no_emergency() {
    for seed in SEEDS {
        for factor in [0.1, 0.3, 3.0, -1.0] {
            let seen = during(&changed(&calm(seed), |_, sample| factor * sample));
            assert!(only(&seen, &[Normal]), "seed {seed}, times {factor}: {seen:?}");
        }
        let overdriven = during(&changed(&calm(seed), |_, sample| 20.0 * sample));
        assert!(!overdriven.contains(&Emergency), "seed {seed}: {overdriven:?}");
    }
}

/// Raising: noise, and electrodes that are off.
#[test]
fn noise_and_loose_electrodes_are_no_emergency_and_not_normal() {
    for seed in SEEDS {
        for mv in [0.3, 0.5, 1.0, 3.0] {
            let noise = noise(seed, mv);
            let seen = during(&changed(&calm(seed), |at, sample| sample + noise[at]));
            assert!(!seen.contains(&Emergency), "seed {seed}, {mv} mV: {seen:?}");
            assert!(only(&seen[5..], &[Undetermined]), "seed {seed}, {mv} mV: {seen:?}");
        }
        for rail in [0.0, 5.0 * GAIN, -5.0 * GAIN] {
            let seen = during(&changed(&calm(seed), |_, _| rail));
            assert!(!seen.contains(&Emergency), "seed {seed}, {rail}: {seen:?}");
            assert!(only(&seen[5..], &[Undetermined]), "seed {seed}, {rail}: {seen:?}");
        }
    }
}

/// The limit: whoever has the electrodes decides what the detector sees. What an emergency then opens is for clinicians of
/// the house, and on record.
#[test]
fn a_stronger_false_signal_at_the_electrodes_is_believed() {
    for seed in SEEDS {
        let overlay = heart(100 + seed, &[(FIBRILLATION, CALM_S + ATTACK_S)]);
        let laid_over = changed(&calm(seed), |at, sample| sample + 4.0 * f64::from(overlay[at]));
        let shorted = changed(&calm(seed), |_, sample| 0.02 * sample);
        for samples in [laid_over, shorted] {
            let seen = during(&samples);
            assert_eq!(seen.last(), Some(&Emergency), "seed {seed}: {seen:?}");
        }
    }
    assert_eq!(opens(Emergency).stranger, None);
}

/// Raising: records of an arrest that was over, sent again.
#[test]
fn a_recorded_arrest_sent_again_is_refused() {
    let samples = heart(1, &[(SINUS, CALM_S), (FIBRILLATION, 20), (SINUS, 120)]);
    let mut world = World::new(&samples);
    world.pass(CALM_S);
    let from = world.heard.len();
    assert_eq!(world.pass(20).last(), Some(&Emergency));
    let recorded = world.heard[from..].to_vec();
    assert_eq!(world.pass(40).last(), Some(&Normal), "the patient has recovered");
    assert_eq!(world.refused, 0);
    let seen = world.pass_with(20, |step| recorded.get(step).cloned());
    assert_eq!((world.refused, recorded.len()), (80, 80), "each is refused by its counter");
    assert!(only(&seen, &[Normal]), "{seen:?}");
}

/// Hiding: an arrest is jammed, and the calm records of before are sent in its place.
#[test]
fn a_recorded_calm_heart_sent_again_hides_no_arrest() {
    let samples = heart(2, &[(SINUS, CALM_S), (FIBRILLATION, 120)]);
    let mut world = World::new(&samples);
    world.pass(CALM_S);
    let recorded = world.heard.clone();
    world.radio = Radio::Jammed;
    let before = world.refused;
    let seen = world.pass_with(60, |step| recorded.get(step % recorded.len()).cloned());
    assert_eq!(world.refused - before, 240, "each is refused by its counter");
    // What was said last counts for its time, and then nobody can say.
    let stale = VERDICT_AGE_MAX_MS as usize / 1_000 + 1;
    assert!(only(&seen[stale..], &[Undetermined]), "{seen:?}");
    let alarms = world.board.snapshot().alarms;
    assert!(!alarms.is_empty(), "the silence of the sensor is an alarm");
    // Were the air free again, the arrest would be seen.
    world.radio = Radio::Carries;
    assert_eq!(world.pass(40).last(), Some(&Emergency));
}

/// Hiding: noise over an arrest.
#[test]
fn noise_makes_no_arrest_normal() {
    for seed in SEEDS {
        for mv in [0.5, 1.0, 3.0] {
            let noise = noise(seed, mv);
            let seen = during(&changed(&arrest(seed), |at, sample| sample + noise[at]));
            assert!(!seen[5..].contains(&Normal), "seed {seed}, {mv} mV: {seen:?}");
        }
    }
}

/// How long an emergency is followed after its signal has gone, in seconds: two minutes longer than it may last in silence.
const AFTER_S: usize = EMERGENCY_HELD_MS as usize / 1_000 + 120;

/// Hiding: the sensor is jammed when the emergency has been called. It lasts, and not for ever.
#[test]
fn an_emergency_that_is_jammed_lasts_fifteen_minutes_and_never_becomes_normal() {
    let samples = heart(3, &[(SINUS, CALM_S), (FIBRILLATION, 20 + AFTER_S)]);
    let mut world = World::new(&samples);
    world.pass(CALM_S);
    assert_eq!(world.pass(20).last(), Some(&Emergency));
    world.radio = Radio::Jammed;
    let seen = world.pass(AFTER_S);
    let ended = seen.iter().position(|condition| *condition != Emergency).unwrap();
    assert!((ended as u64 * 1_000).abs_diff(EMERGENCY_HELD_MS) <= 15_000, "after {ended} s");
    assert!(only(&seen[ended..], &[Undetermined]), "{:?}", seen.last());
}

/// Hiding, and a limit: an electrode that is pulled off ends no emergency. The detector waits for normal beats and goes on to
/// say what it saw, for as long as the sensor sends.
#[test]
fn an_emergency_whose_electrode_is_pulled_off_lasts_until_normal_beats() {
    let samples = heart(3, &[(SINUS, CALM_S), (FIBRILLATION, 20), (SINUS, AFTER_S + 60)]);
    let off = (CALM_S + 20) * RATE..(CALM_S + 20 + AFTER_S) * RATE;
    let seen = during(&changed(&samples, |at, sample| if off.contains(&at) { 0.0 } else { sample }));
    let called = seen.iter().position(|condition| *condition == Emergency).unwrap();
    assert!(called < 12, "called after {called} s");
    assert!(only(&seen[called..20 + AFTER_S], &[Emergency]));
    assert_eq!(seen.last(), Some(&Normal));
}

/// The limit on the other side: the person's own calm heart, played to the electrode, is what the sensor measures.
#[test]
fn the_own_calm_heart_at_the_electrodes_hides_an_arrest() {
    for seed in SEEDS {
        let recorded = calm(seed);
        let replaced = changed(&arrest(seed), |at, _| f64::from(recorded[at - 10 * RATE]));
        assert!(only(&during(&replaced), &[Normal]), "seed {seed}");
    }
}
