//! A sensor against a hub's link.

mod asking;

use super::*;
use crate::patient::Condition;
use crate::puf::{NOISE_TYPICAL, SramPuf};
use bodywire_hub::enrolment::{challenges, enroll};
use bodywire_hub::link::{Link, Output as LinkOutput};
use bodywire_proto::handshake::{HubRecord, Profile, enrolled};
use bodywire_proto::observation::{Batch, Signal};
use bodywire_proto::wire::{HubId, SensorId};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

const SENSOR: SensorId = SensorId(3);
/// Enough for bad air, in which a run that fails costs one, too.
const PAIRS: u32 = 64;
/// The sensor's clock when a bench begins, milliseconds since 1970.
const BEGUN_MS: u64 = 1_700_000_000_000;

struct Bench {
    sensor: Sensor<SramPuf>,
    link: Link,
    pairs: Vec<(Challenge, Response)>,
    rng: ChaCha20Rng,
    payloads: Vec<Vec<u8>>,
    /// Of a hundred frames so many are lost, either way.
    loss_percent: u32,
    remembered: Vec<Vec<u8>>,
    saved_hub: HubRecord,
    sessions: u32,
}

fn bench(source: Source, sealing: Sealing) -> Bench {
    bench_of(Profile::ALL[0], source, sealing)
}

fn bench_of(profile: Profile, source: Source, sealing: Sealing) -> Bench {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut chip = SramPuf::new([9; 32], NOISE_TYPICAL, 2);
    let (record, at_hub) = enrolled(profile, SENSOR, HubId(1), &mut rng).unwrap();
    let pairs = enroll(&mut chip, profile, challenges(&record, PAIRS).unwrap(), &[], |_| {}).unwrap().pairs;
    let chip = SramPuf::new([9; 32], NOISE_TYPICAL, 1);
    Bench {
        sensor: Sensor::new(record, chip, source, sealing, 1.0),
        link: Link::new(at_hub.clone()),
        pairs,
        rng,
        payloads: Vec::new(),
        loss_percent: 0,
        remembered: Vec::new(),
        saved_hub: at_hub,
        sessions: 0,
    }
}

/// The sensor's clock.
fn clock(now: Duration) -> u64 {
    BEGUN_MS + now.as_millis() as u64
}

impl Bench {
    fn is_lost(&mut self) -> bool {
        self.loss_percent > 0 && self.rng.next_u32() % 100 < self.loss_percent
    }

    /// Carries frames both ways until the air is silent.
    fn exchange(&mut self, now: Duration) {
        if self.link.next_timeout().is_some_and(|at| now >= at) {
            self.link.timeout(now, &mut self.rng).unwrap();
            self.answer(now);
        }
        while let Some(output) = self.sensor.poll() {
            let frame = match output {
                Output::Send(frame) => frame,
                Output::Remember(bytes) => {
                    self.remembered.push(bytes);
                    continue;
                }
                Output::Save(_) => continue,
            };
            if self.is_lost() {
                continue;
            }
            if self.link.frame(now, frame.as_bytes(), &mut self.rng).is_err() {
                assert!(!self.link.is_established() || self.loss_percent > 0, "refused within a session");
            }
            self.answer(now);
        }
    }

    /// Does what the hub wants done.
    fn answer(&mut self, now: Duration) {
        while let Some(output) = self.link.poll() {
            match output {
                LinkOutput::ClaimPair(wanted) => {
                    let fits = |(c, _): &(Challenge, _)| wanted.is_none_or(|wanted| *c == wanted);
                    let pair = self.pairs.iter().position(fits).map(|at| self.pairs.remove(at));
                    self.link.pair(now, pair, &mut self.rng).unwrap();
                }
                LinkOutput::Send(frame) => {
                    if !self.is_lost() {
                        let taken = self.sensor.frame(now, clock(now), frame.as_bytes(), &mut self.rng);
                        assert!(taken.is_ok() || self.loss_percent > 0, "{taken:?}");
                    }
                }
                LinkOutput::Payload(payload) => self.payloads.push(payload),
                LinkOutput::Save(record) => self.saved_hub = *record,
                LinkOutput::Established { .. } => self.sessions += 1,
                LinkOutput::Failed(error) => assert!(self.loss_percent > 0, "{error}"),
            }
        }
    }

    fn run(&mut self, seconds: u64) {
        self.sensor.start(Duration::ZERO, &mut self.rng).unwrap();
        self.exchange(Duration::ZERO);
        self.pass(0, seconds);
    }

    /// Lets the seconds between two moments pass.
    fn pass(&mut self, from: u64, to: u64) {
        for tick in from * 20..to * 20 {
            let now = Duration::from_millis(50 * tick);
            self.sensor.tick(now, clock(now), &mut self.rng).unwrap();
            self.exchange(now);
        }
    }
}

#[test]
fn an_ecg_arrives_at_the_hub_without_a_gap_in_every_profile() {
    for profile in Profile::ALL.iter().copied() {
        let source = Source::synthetic_ecg(1, Condition::new()).unwrap();
        let mut bench = bench_of(profile, source, Sealing::Open);
        bench.run(5);
        assert!(bench.sensor.is_established() && bench.link.is_established(), "{}", profile.name());
        let mut next = 0;
        for payload in &bench.payloads {
            let batch = Batch::parse(payload).unwrap();
            assert_eq!(batch.header.first_index, next);
            next += batch.len() as u64;
        }
        assert!(next >= 4 * 360, "{next} samples in five seconds");
    }
}

#[test]
fn a_hub_that_lost_the_session_is_met_again() {
    let source = Source::synthetic_ecg(1, Condition::new()).unwrap();
    let mut bench = bench(source, Sealing::Open);
    bench.run(5);
    let before = bench.payloads.len();
    // The hub restarts from its storage and knows of no session; it refuses in silence.
    bench.link = Link::new(bench.saved_hub.clone());
    let mut seconds = 5;
    while !bench.link.is_established() {
        seconds += 1;
        assert!(seconds < 30, "the sensor has not noticed");
        bench.pass(seconds - 1, seconds);
    }
    assert!((15..=18).contains(&seconds), "after {seconds} s");
    bench.pass(seconds, seconds + 5);
    assert!(bench.payloads.len() > before + 16, "and what was measured meanwhile goes out");
}

#[test]
fn a_sensor_with_nothing_to_say_does_not_feel_unheard() {
    let samples: Vec<u8> = (0..500i16).flat_map(i16::to_le_bytes).collect();
    let header = "x 1 360 500\nx.dat 16 200 12 0 0 0 0 ECG\n";
    let mut bench = bench(Source::recording(header, &samples, 0).unwrap(), Sealing::Open);
    bench.run(30);
    assert_eq!(bench.sessions, 1);
}

#[test]
fn a_recording_is_sent_to_its_last_sample() {
    let samples: Vec<u8> = (0..500i16).flat_map(i16::to_le_bytes).collect();
    let header = "x 1 360 500\nx.dat 16 200 12 0 0 0 0 ECG\n";
    let mut bench = bench(Source::recording(header, &samples, 0).unwrap(), Sealing::Open);
    bench.run(3);
    assert!(bench.sensor.is_finished());
    let sent: Vec<i16> =
        bench.payloads.iter().flat_map(|p| Batch::parse(p).unwrap().samples().collect::<Vec<_>>()).collect();
    assert_eq!(sent, (0..500).collect::<Vec<i16>>());
}
