//! A hub and a clinic through outages, in simulated time: nothing is lost, nothing comes twice, order is kept.
//!
//! The real sender, reassembler, sessions and acknowledgements; only clock, brokers, spool and store are simulated. Each
//! run has a seed, which a failure names.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod world;

use world::{Faults, Summary, World};

const MINUTE: u64 = 60_000;

/// Runs a ward for so many simulated minutes and checks what must hold whatever happened.
fn run(seed: u64, minutes: u64, faults: Faults) -> Summary {
    let summary = World::new(seed, faults).run(minutes * MINUTE);
    eprintln!("seed {seed}: {summary:?}");
    assert_eq!(summary.lost, 0, "seed {seed}: lost");
    assert_eq!(summary.duplicated, 0, "seed {seed}: stored twice");
    assert_eq!(summary.unmarked, 0, "seed {seed}: out of order and not marked late");
    summary
}

/// At least ten minutes of a bed's data, and a thousand cuts at random moments on random paths.
#[test]
fn a_thousand_cuts_lose_nothing_and_keep_the_order() {
    let summary = run(1, 20, Faults { cuts: 1_000, ..Faults::default() });
    assert_eq!(summary.cuts, 1_000);
    assert!(summary.messages > 12_000 && summary.resent > 100, "{summary:?}");
}

#[test]
fn a_dead_path_costs_nothing_whichever_it_is() {
    for dead in 0..3 {
        let summary = run(10 + dead as u64, 10, Faults { dead: Some(dead), ..Faults::default() });
        assert_eq!((summary.resent, summary.late), (0, 0), "two paths are enough: {summary:?}");
    }
}

#[test]
fn a_dead_path_and_cuts_on_the_others_lose_nothing() {
    run(20, 12, Faults { cuts: 200, dead: Some(1), ..Faults::default() });
}

#[test]
fn a_clinic_that_is_killed_ten_times_loses_nothing() {
    let summary = run(30, 12, Faults { cuts: 50, clinic_kills: 10, ..Faults::default() });
    assert!(summary.sessions >= 11, "{summary:?}");
}

#[test]
fn a_hub_that_is_killed_ten_times_loses_nothing_that_its_spool_had() {
    let summary = run(40, 12, Faults { cuts: 50, hub_kills: 10, ..Faults::default() });
    assert!(summary.sessions >= 11, "{summary:?}");
}

#[test]
fn brokers_that_lose_delay_repeat_and_lie_lose_nothing() {
    let lossy = Faults { loss: 0.15, duplicate: 0.2, lie: 0.05, delay_ms: 1_500, ..Faults::default() };
    let summary = run(50, 10, lossy);
    assert!(summary.refused > 100, "{summary:?}");
}

/// Everything at once, with other seeds each time the constant changes; `BODYWIRE_DRILL=full` for many.
#[test]
fn everything_at_once_loses_nothing() {
    let many = std::env::var("BODYWIRE_DRILL").is_ok_and(|value| value == "full");
    for seed in 0..if many { 200 } else { 6 } {
        let faults = Faults {
            cuts: 150,
            clinic_kills: 3,
            hub_kills: 3,
            loss: 0.05,
            duplicate: 0.05,
            lie: 0.01,
            delay_ms: 300,
            dead: None,
        };
        run(1_000 + seed, 5, faults);
    }
}
