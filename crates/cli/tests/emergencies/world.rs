//! One simulated patient from the electrode to the access condition, in simulated time.

use bodywire_clinic::board::{Board, Source as Origin};
use bodywire_clinic::chart::{Chart, SensorCard};
use bodywire_ecg::SampleRate;
use bodywire_ecg::synthetic::{EcgModel, Rhythm};
use bodywire_hub::bedside::{Bedside, REPORT_AGE, SensorProfile};
use bodywire_hub::enrolment::{challenges, enroll};
use bodywire_hub::link::{Link, Output as LinkOutput};
use bodywire_proto::access::Condition;
use bodywire_proto::handshake::{Profile, enrolled};
use bodywire_proto::observation::Signal;
use bodywire_proto::puf::{Challenge, Response};
use bodywire_proto::report::Report;
use bodywire_proto::risk::RiskClass;
use bodywire_proto::wire::{HubId, SensorId, TYPE_RECORD};
use bodywire_sim::patient::Source;
use bodywire_sim::puf::{NOISE_TYPICAL, SramPuf};
use bodywire_sim::sensor::{Output, Sealing, Sensor};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::time::Duration;

const ECG: SensorId = SensorId(1);
/// When the world begins, milliseconds since 1970: 14 November 2023.
const BEGUN_MS: u64 = 1_700_000_000_000;
/// One step of the world, in milliseconds: a record of the sensor.
const STEP_MS: u64 = 250;
/// Enough for a sensor that is not answered for minutes.
const PAIRS: u32 = 64;
/// Samples in a second of the ECG, and steps in a millivolt.
pub(crate) const RATE: usize = 360;
pub(crate) const GAIN: f64 = 200.0;

pub(crate) const SINUS: Rhythm = Rhythm::Sinus { bpm: 76.0 };
pub(crate) const FIBRILLATION: Rhythm = Rhythm::VentricularFibrillation;

/// What a good electrode feels of these rhythms, each for so many seconds.
pub(crate) fn heart(seed: u64, course: &[(Rhythm, usize)]) -> Vec<i16> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let rate = SampleRate::new(RATE as f64).unwrap();
    let mut model = EcgModel::new(rate, GAIN, 0, 0.015, course[0].0).unwrap();
    let mut samples = Vec::new();
    for (rhythm, seconds) in course {
        if model.rhythm() != *rhythm {
            model.switch(*rhythm).unwrap();
        }
        samples.extend((0..seconds * RATE).map(|_| model.next_sample(&mut || rng.next_u32())));
    }
    samples
}

/// What the air does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Radio {
    /// Carries everything.
    Carries,
    /// Carries nothing of the sensor's, and what the attacker sends in its place.
    Jammed,
}

pub(crate) struct World {
    sensor: Sensor<SramPuf>,
    link: Link,
    pairs: Vec<(Challenge, Response)>,
    bedside: Bedside,
    chart: Chart,
    pub(crate) board: Board,
    rng: ChaCha20Rng,
    now: Duration,
    reports: u64,
    pub(crate) radio: Radio,
    /// Records of the sensor that an attacker has heard.
    pub(crate) heard: Vec<Vec<u8>>,
    /// Records that the hub has refused.
    pub(crate) refused: usize,
}

impl World {
    /// A patient whose electrode feels these samples.
    pub(crate) fn new(samples: &[i16]) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let header = format!("x 1 {RATE} {}\nx.dat 16 {GAIN}(0) 16 0 0 0 0 ECG\n", samples.len());
        let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut source = Source::recording(&header, &data, 0).unwrap();
        source.simulated = true;
        let mut chip = SramPuf::new([9; 32], NOISE_TYPICAL, 2);
        let profile = Profile::ALL[0];
        let (record, at_hub) = enrolled(profile, ECG, HubId(1), &mut rng).unwrap();
        let pairs =
            enroll(&mut chip, profile, challenges(&record, PAIRS).unwrap(), &[], |_| {}).unwrap().pairs;
        let board = Board::new(BEGUN_MS, Origin::Simulated).at(1);
        let card = SensorCard { kind: Signal::Ecg, class: RiskClass::II, wrapping_key: None };
        let watched = SensorProfile { sensor: ECG, kind: Signal::Ecg, class: RiskClass::II };
        let mut world = Self {
            sensor: Sensor::new(record, chip, source, Sealing::Open, 1.0),
            link: Link::new(at_hub),
            pairs,
            bedside: Bedside::new([watched], REPORT_AGE, None),
            chart: Chart::new(board.clone(), BTreeMap::from([(ECG, card)])),
            board,
            rng,
            now: Duration::ZERO,
            reports: 0,
            radio: Radio::Carries,
            heard: Vec::new(),
            refused: 0,
        };
        world.sensor.start(world.now, &mut world.rng).unwrap();
        world
    }

    pub(crate) fn now_ms(&self) -> u64 {
        BEGUN_MS + self.now.as_millis() as u64
    }

    pub(crate) fn condition(&self) -> Condition {
        self.board.condition(self.now_ms())
    }

    /// Lets so many seconds pass. Returns the condition after each.
    pub(crate) fn pass(&mut self, seconds: usize) -> Vec<Condition> {
        self.pass_with(seconds, |_| None)
    }

    /// The same, while an attacker sends a frame in each step.
    pub(crate) fn pass_with(
        &mut self,
        seconds: usize,
        mut sends: impl FnMut(usize) -> Option<Vec<u8>>,
    ) -> Vec<Condition> {
        let mut conditions = Vec::new();
        for step in 0..seconds * 1_000 / STEP_MS as usize {
            self.step();
            if let Some(frame) = sends(step) {
                self.arrive(&frame);
            }
            self.report();
            if (step + 1) % (1_000 / STEP_MS as usize) == 0 {
                conditions.push(self.condition());
            }
        }
        conditions
    }

    fn step(&mut self) {
        self.now += Duration::from_millis(STEP_MS);
        if self.link.next_timeout().is_some_and(|at| self.now >= at) {
            self.link.timeout(self.now, &mut self.rng).unwrap();
            self.answer();
        }
        self.sensor.tick(self.now, self.now_ms(), &mut self.rng).unwrap();
        while let Some(output) = self.sensor.poll() {
            let Output::Send(frame) = output else { continue };
            let bytes = frame.as_bytes().to_vec();
            if bytes.first() == Some(&TYPE_RECORD) {
                self.heard.push(bytes.clone());
            }
            if self.radio == Radio::Carries {
                self.arrive(&bytes);
            }
        }
    }

    /// A frame arrives at the hub.
    fn arrive(&mut self, frame: &[u8]) {
        self.refused += usize::from(self.link.frame(self.now, frame, &mut self.rng).is_err());
        self.answer();
    }

    fn answer(&mut self) {
        while let Some(output) = self.link.poll() {
            match output {
                LinkOutput::ClaimPair(wanted) => {
                    let fits = |(c, _): &(Challenge, _)| wanted.is_none_or(|wanted| *c == wanted);
                    let pair = self.pairs.iter().position(fits).map(|at| self.pairs.remove(at));
                    self.link.pair(self.now, pair, &mut self.rng).unwrap();
                }
                LinkOutput::Send(frame) if self.radio == Radio::Carries => {
                    // What does not fit is the sensor's to refuse.
                    let _ = self.sensor.frame(self.now, self.now_ms(), frame.as_bytes(), &mut self.rng);
                }
                LinkOutput::Payload(payload) => {
                    self.bedside.payload(ECG, self.now_ms(), &payload).unwrap();
                }
                LinkOutput::Established { .. }
                | LinkOutput::Send(_)
                | LinkOutput::Save(_)
                | LinkOutput::Failed(_) => {}
            }
        }
    }

    /// The hub's reports, drawn by the clinic.
    fn report(&mut self) {
        let now_ms = self.now_ms();
        for bytes in self.bedside.take(now_ms, self.reports, 0, false).unwrap() {
            self.reports += 1;
            self.chart.show(&Report::parse(&bytes).unwrap(), now_ms).unwrap();
        }
        self.chart.listen(now_ms);
    }
}
