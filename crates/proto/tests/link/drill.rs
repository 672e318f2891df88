//! A long drill of the link: many runs over air that loses, repeats, delays, reorders and garbles, between two sides
//! that lose power before any of their outputs. Counted at the end: sessions that only one side believes in, pairs used
//! twice, ends that no run brings together again. All must be zero.
//!
//! `cargo test` makes 200,000 runs; `BODYWIRE_DRILL_RUNS=1000000` sets another number. The seed is
//! fixed: the same number of runs is the same drill, whatever the number of threads.

use crate::two_ends::{Ends, Event, Power, Side};
use bodywire_proto::wire::Suite;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

const RUNS: u64 = 200_000;
/// Runs of one pair of ends before the next is enrolled; its keys have been replaced up to as often by then.
const RUNS_PER_LIFE: u64 = 50;
/// Events of one run before the sensor begins the next. A clean run needs four deliveries.
const EVENTS_PER_RUN: u32 = 10;
/// Frames that a bad neighbourhood can bring back later.
const REMEMBERED: usize = 24;
/// Clean runs within which both ends must have found together; at 3 % of noise one in a thousand decodings fails.
const RECOVERY_RUNS: u32 = 4;

/// How often what happened.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    runs: u64,
    sensor_sessions: u64,
    hub_sessions: u64,
    lost: u64,
    repeated: u64,
    garbled: u64,
    power_failures: u64,
    undecodable: u64,
    false_accepts: u64,
    pairs_used_twice: u64,
    hellos_paid_twice: u64,
    attempts_repeated: u64,
    epochs_jumped: u64,
    out_of_step: u64,
    desynchronised: u64,
}

impl Count {
    fn add(&mut self, other: &Self) {
        let pairs: [(&mut u64, u64); 15] = [
            (&mut self.runs, other.runs),
            (&mut self.sensor_sessions, other.sensor_sessions),
            (&mut self.hub_sessions, other.hub_sessions),
            (&mut self.lost, other.lost),
            (&mut self.repeated, other.repeated),
            (&mut self.garbled, other.garbled),
            (&mut self.power_failures, other.power_failures),
            (&mut self.undecodable, other.undecodable),
            (&mut self.false_accepts, other.false_accepts),
            (&mut self.pairs_used_twice, other.pairs_used_twice),
            (&mut self.hellos_paid_twice, other.hellos_paid_twice),
            (&mut self.attempts_repeated, other.attempts_repeated),
            (&mut self.epochs_jumped, other.epochs_jumped),
            (&mut self.out_of_step, other.out_of_step),
            (&mut self.desynchronised, other.desynchronised),
        ];
        for (mine, theirs) in pairs {
            *mine += theirs;
        }
    }
}

/// One pair of ends in a bad neighbourhood.
struct Life {
    ends: Ends,
    rng: ChaCha20Rng,
    air: VecDeque<(Side, Vec<u8>)>,
    heard: VecDeque<(Side, Vec<u8>)>,
    count: Count,
}

impl Life {
    fn new(number: u64) -> Self {
        // Three lives of four with the short code at 3 % of noise, one with the long code at 6 %.
        let (suite, noise) = if number % 4 == 3 { (Suite::Polar512, 60) } else { (Suite::Polar256, 30) };
        Self {
            ends: Ends::enrolled(suite, noise, number),
            rng: ChaCha20Rng::seed_from_u64(number ^ 0x6472_696c_6c00_0000),
            air: VecDeque::new(),
            heard: VecDeque::new(),
            count: Count::default(),
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.next_u32() % 100 < percent
    }

    fn below(&mut self, limit: usize) -> usize {
        self.rng.next_u32() as usize % limit
    }

    fn live(mut self, runs: u64) -> Count {
        for _ in 0..runs {
            self.run();
            self.count.out_of_step += u64::from(!self.ends.in_step());
            self.count.desynchronised += u64::from(!self.ends.recovers(RECOVERY_RUNS));
        }
        let audit = &self.ends.audit;
        self.count.runs = runs;
        self.count.sensor_sessions = audit.sessions(Side::Sensor) as u64;
        self.count.hub_sessions = audit.sessions(Side::Hub) as u64;
        self.count.false_accepts = u64::from(audit.false_accept);
        self.count.pairs_used_twice = u64::from(audit.pair_used_twice);
        self.count.hellos_paid_twice = u64::from(audit.hello_paid_twice);
        self.count.attempts_repeated = u64::from(audit.attempt_repeated);
        self.count.epochs_jumped = u64::from(audit.epoch_jumped);
        self.count
    }

    fn run(&mut self) {
        self.tell(Side::Sensor, Event::Start);
        for _ in 0..EVENTS_PER_RUN {
            match self.rng.next_u32() % 100 {
                0..65 => self.deliver(),
                65..75 => self.tell(Side::Sensor, Event::Speak),
                75..83 => self.lose(),
                83..91 => self.bring_back(),
                91..95 => {
                    let side = self.either();
                    self.tell(side, Event::Timeout);
                }
                95..98 => {
                    let side = self.either();
                    self.ends.restart(side);
                    self.count.power_failures += 1;
                }
                _ => self.tell(Side::Sensor, Event::Start),
            }
        }
    }

    fn either(&mut self) -> Side {
        if self.chance(50) { Side::Sensor } else { Side::Hub }
    }

    /// Mostly in order, sometimes not.
    fn take(&mut self) -> Option<(Side, Vec<u8>)> {
        if self.air.len() > 1 && self.chance(15) {
            let index = self.below(self.air.len());
            return self.air.remove(index);
        }
        self.air.pop_front()
    }

    fn deliver(&mut self) {
        let Some((side, frame)) = self.take() else { return };
        self.tell(side, Event::Frame(&frame));
        if self.chance(10) {
            self.count.repeated += 1;
            self.tell(side, Event::Frame(&frame));
        }
    }

    fn lose(&mut self) {
        self.count.lost += u64::from(self.take().is_some());
    }

    /// A frame heard earlier, at either side, as it was or with a bit changed.
    fn bring_back(&mut self) {
        if self.heard.is_empty() {
            return;
        }
        let index = self.below(self.heard.len());
        let (mut side, mut frame) = self.heard[index].clone();
        if self.chance(20) {
            side = self.either();
        }
        if self.chance(50) {
            let bit = self.below(8 * frame.len());
            frame[bit / 8] ^= 1 << (bit % 8);
            self.count.garbled += 1;
        } else {
            self.count.repeated += 1;
        }
        self.tell(side, Event::Frame(&frame));
    }

    fn tell(&mut self, side: Side, event: Event<'_>) {
        let power = if self.chance(4) { Power::fails_after(self.below(4) as u8) } else { Power::STABLE };
        let outcome = self.ends.tell(side, event, power);
        self.count.power_failures += u64::from(outcome.stopped);
        self.count.undecodable += u64::from(outcome.undecodable);
        let other = if side == Side::Sensor { Side::Hub } else { Side::Sensor };
        for frame in outcome.sent {
            self.heard.push_back((other, frame.clone()));
            self.air.push_back((other, frame));
        }
        while self.heard.len() > REMEMBERED {
            self.heard.pop_front();
        }
    }
}

/// All lives, on all processors; each has a seed of its own, so their order makes no difference.
fn drill(runs: u64) -> Count {
    let lives = runs.div_ceil(RUNS_PER_LIFE);
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut count = Count::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= lives {
                return count;
            }
            let left = runs - number * RUNS_PER_LIFE;
            count.add(&Life::new(number).live(left.min(RUNS_PER_LIFE)));
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut total = Count::default();
        for worker in workers {
            total.add(&worker.join().expect("a life ends with its count"));
        }
        total
    })
}

#[test]
fn no_air_and_no_power_failure_leads_the_two_ends_apart() {
    let runs = match std::env::var("BODYWIRE_DRILL_RUNS") {
        Ok(text) => text.parse().expect("BODYWIRE_DRILL_RUNS is a number of runs"),
        Err(_) => RUNS,
    };
    let count = drill(runs);
    eprintln!("{count:#?}");
    let wrong = [
        count.false_accepts,
        count.pairs_used_twice,
        count.hellos_paid_twice,
        count.attempts_repeated,
        count.epochs_jumped,
        count.out_of_step,
        count.desynchronised,
    ];
    assert_eq!(wrong, [0; 7], "{count:#?}");
    // The drill is one: everything happened, and there was life in between.
    let happened = [count.lost, count.repeated, count.garbled, count.power_failures];
    assert!(happened.iter().all(|times| *times > runs / 20), "{count:#?}");
    assert!(count.sensor_sessions > runs / 5 && count.sensor_sessions < runs, "{count:#?}");
}

#[test]
fn the_drill_is_the_same_on_any_number_of_threads() {
    let mut one_by_one = Count::default();
    for number in 0..8 {
        one_by_one.add(&Life::new(number).live(RUNS_PER_LIFE));
    }
    assert_eq!(drill(8 * RUNS_PER_LIFE), one_by_one);
}
