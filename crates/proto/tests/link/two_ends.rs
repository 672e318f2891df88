//! Both ends of one link as the tests drive them: the real state machines, what each has on durable storage, the pair
//! store, and an audit of what must never happen.
//!
//! A side can be stopped before any of its outputs: what was not carried out has not happened, and it starts again from
//! its storage. Randomness is a function of what is durable (epoch and attempt, number of the pair). So equal histories
//! meet in equal states, and a number used twice would show as a nonce used twice.

use bodywire_proto::handshake::hardened::{Chain, HubChain};
use bodywire_proto::handshake::{
    HubHandshake, HubInput, HubOutput, HubRecord, HubSecret, SensorHandshake, SensorInput, SensorOutput,
    SensorRecord, SensorSecret,
};
use bodywire_proto::prf::Key;
use bodywire_proto::puf::{Challenge, Response};
use bodywire_proto::record::{Direction, PAYLOAD_BYTES_MAX, RecordWriter};
use bodywire_proto::session::Session;
use bodywire_proto::wire::{HubId, SensorId, Suite, TYPE_CHALLENGE, TYPE_HELLO, TYPE_RECORD};
use bodywire_proto::{Error, Misbehaviour};
use core::time::Duration;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::collections::BTreeSet;

/// One side of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Side {
    Sensor,
    Hub,
}

/// What a side is told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event<'a> {
    /// The sensor begins a run; nothing for a hub.
    Start,
    /// The sensor sends a record if it has a session; nothing for a hub.
    Speak,
    Frame(&'a [u8]),
    /// Its deadline has passed.
    Timeout,
}

/// Stops a side before its outputs run out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Power {
    outputs_left: Option<u8>,
}

impl Power {
    pub(crate) const STABLE: Self = Self { outputs_left: None };

    /// Power fails after so many outputs.
    pub(crate) const fn fails_after(outputs: u8) -> Self {
        Self { outputs_left: Some(outputs) }
    }

    /// True when the next output is not carried out any more.
    fn fails_now(&mut self) -> bool {
        match &mut self.outputs_left {
            None => false,
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
        }
    }
}

/// What one event led to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Frames that went on the air.
    pub(crate) sent: Vec<Vec<u8>>,
    /// The power failed before all outputs were carried out.
    pub(crate) stopped: bool,
    /// The hub could make nothing of a proof.
    pub(crate) undecodable: bool,
}

/// What was seen so far; a rule that was broken stays named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Audit {
    /// Epoch and attempt of the last m1 on the air.
    last_hello: Option<(u32, u16)>,
    /// Each m1 for which the hub took a pair out of the store.
    hellos_paid: BTreeSet<Vec<u8>>,
    /// Pairs that the hub sent out, each in one m2.
    pairs_sent: BTreeSet<u64>,
    /// Pairs for which the sensor put a helper on the air.
    pairs_answered: BTreeSet<u64>,
    /// Proofs that the sensor put on the air.
    proofs: BTreeSet<Vec<u8>>,
    /// Sessions, each named by the first record it would carry in both directions.
    sensor_sessions: Vec<Vec<u8>>,
    hub_sessions: Vec<Vec<u8>>,
    /// Sessions that the hub decided to make; the power may have failed before it could use them.
    hub_decided: Vec<Vec<u8>>,
    pub(crate) attempt_repeated: bool,
    pub(crate) pair_used_twice: bool,
    pub(crate) hello_paid_twice: bool,
    pub(crate) false_accept: bool,
    pub(crate) epoch_jumped: bool,
}

impl Audit {
    pub(crate) fn sessions(&self, side: Side) -> usize {
        match side {
            Side::Sensor => self.sensor_sessions.len(),
            Side::Hub => self.hub_sessions.len(),
        }
    }

    /// True when the newest session is the same at both ends.
    fn agrees(&self) -> bool {
        self.sensor_sessions.last().is_some() && self.sensor_sessions.last() == self.hub_sessions.last()
    }

    fn hello(&mut self, epoch: u32, attempt: u16) {
        self.attempt_repeated |= self.last_hello.is_some_and(|last| (epoch, attempt) <= last);
        self.last_hello = Some((epoch, attempt));
    }

    /// A sensor believes only in a session that the hub made, and in none twice.
    fn sensor_accepts(&mut self, session: Vec<u8>) {
        self.false_accept |= !self.hub_decided.contains(&session) || self.sensor_sessions.contains(&session);
        self.sensor_sessions.push(session);
    }

    /// A hub believes only a proof that the sensor made, unchanged, and makes no session twice.
    fn hub_decides(&mut self, session: Vec<u8>, proof: &[u8]) {
        self.false_accept |= !self.proofs.contains(proof) || self.hub_sessions.contains(&session);
        self.hub_decided.push(session);
    }
}

/// The two ends.
#[derive(Clone)]
pub(crate) struct Ends {
    sensor: SensorHandshake,
    hub: HubHandshake,
    /// What is on durable storage.
    sensor_disk: SensorRecord,
    hub_disk: HubRecord,
    suite: Suite,
    /// Which chip it is: decides responses, noise and the first key.
    device: u64,
    /// What a side remembers beside its record, as far as the frames that led to it tell: m1, m2 or m3, or nothing.
    sensor_run: Vec<u8>,
    hub_run: Vec<u8>,
    /// The newest session of each side, gone with its power, and how many records the sensor has sent in its own.
    sensor_session: Option<Session>,
    hub_session: Option<Session>,
    records_sent: u8,
    /// The pair that the sensor was asked for last.
    asked: u64,
    /// Pairs taken out of the store; each is gone once it was handed out.
    pub(crate) pairs_claimed: u64,
    /// Bits in a thousand that a reading has wrong.
    noise_permille: u32,
    pub(crate) audit: Audit,
}

const SENSOR: SensorId = SensorId(5);
const HUB: HubId = HubId(1);

impl Ends {
    /// Just enrolled.
    pub(crate) fn enrolled(suite: Suite, noise_permille: u32, device: u64) -> Self {
        let mut key = [0; 32];
        ChaCha20Rng::seed_from_u64(device).fill_bytes(&mut key);
        let key = Key::new(key);
        let secret = SensorSecret::Hardened(Chain::enrolled(suite, key.clone()));
        let sensor_disk = SensorRecord { sensor: SENSOR, hub: HUB, secret };
        let secret = HubSecret::Hardened(HubChain::enrolled(suite, key));
        let hub_disk = HubRecord { sensor: SENSOR, hub: HUB, secret };
        Self {
            sensor: SensorHandshake::new(sensor_disk.clone()),
            hub: HubHandshake::new(hub_disk.clone()),
            sensor_disk,
            hub_disk,
            suite,
            device,
            sensor_run: Vec::new(),
            hub_run: Vec::new(),
            sensor_session: None,
            hub_session: None,
            records_sent: 0,
            asked: 0,
            pairs_claimed: 0,
            noise_permille,
            audit: Audit::default(),
        }
    }

    /// What the sensor has on storage.
    pub(crate) fn sensor_chain(&self) -> &Chain {
        match &self.sensor_disk.secret {
            SensorSecret::Hardened(chain) => chain,
            SensorSecret::Paper(_) => unreachable!("both ends were enrolled in the hardened profile"),
        }
    }

    /// What the hub has on storage.
    pub(crate) fn hub_chain(&self) -> &HubChain {
        match &self.hub_disk.secret {
            HubSecret::Hardened(chain) => chain,
            HubSecret::Paper(_) => unreachable!("both ends were enrolled in the hardened profile"),
        }
    }

    /// Tells one side something and carries out what it wants, for as long as the power lasts.
    pub(crate) fn tell(&mut self, side: Side, event: Event<'_>, mut power: Power) -> Outcome {
        let mut outcome = Outcome::default();
        match side {
            Side::Sensor => {
                let (now, input) = match event {
                    Event::Start => (Duration::ZERO, SensorInput::Start),
                    Event::Speak => {
                        self.speak(&mut outcome);
                        return outcome;
                    }
                    Event::Frame(bytes) => (Duration::ZERO, SensorInput::Frame(bytes)),
                    Event::Timeout => (self.sensor.next_timeout().unwrap_or_default(), SensorInput::Timeout),
                };
                self.sensor(now, input, &mut power, &mut outcome);
            }
            Side::Hub => {
                let (now, input) = match event {
                    Event::Start | Event::Speak => return outcome,
                    Event::Frame(bytes) if bytes.first() == Some(&TYPE_RECORD) => {
                        self.hear(bytes, &mut power, &mut outcome);
                        (Duration::ZERO, None)
                    }
                    Event::Frame(bytes) => (Duration::ZERO, Some(HubInput::Frame(bytes))),
                    Event::Timeout => (self.hub.next_timeout().unwrap_or_default(), Some(HubInput::Timeout)),
                };
                if let Some(input) = input {
                    self.hub(now, input, &mut power, &mut outcome);
                }
            }
        }
        if outcome.stopped {
            self.restart(side);
        }
        outcome
    }

    /// Power fails between two events: what is not on storage is gone.
    pub(crate) fn restart(&mut self, side: Side) {
        match side {
            Side::Sensor => {
                self.sensor = SensorHandshake::new(self.sensor_disk.clone());
                self.sensor_run.clear();
                self.sensor_session = None;
            }
            Side::Hub => {
                self.hub = HubHandshake::new(self.hub_disk.clone());
                self.hub_run.clear();
                self.hub_session = None;
            }
        }
    }

    /// True when the sensor has a session to speak in.
    pub(crate) const fn can_speak(&self) -> bool {
        self.sensor_session.is_some()
    }

    /// True when the side waits for something.
    pub(crate) fn waits(&self, side: Side) -> bool {
        match side {
            Side::Sensor => !self.sensor_run.is_empty(),
            Side::Hub => !self.hub_run.is_empty(),
        }
    }

    fn sensor(&mut self, now: Duration, input: SensorInput<'_>, power: &mut Power, outcome: &mut Outcome) {
        let seed = u64::from(self.sensor_chain().epoch) << 16 | u64::from(self.sensor_chain().attempt);
        let mut rng = self.randomness(0x53, seed);
        if self.sensor.handle(now, input, &mut rng).is_err() {
            return;
        }
        let mut asked = None;
        while let Some(output) = self.sensor.poll() {
            if power.fails_now() {
                outcome.stopped = true;
                return;
            }
            match output {
                SensorOutput::Save(record) => {
                    let before = self.sensor_chain().epoch;
                    self.sensor_disk =
                        SensorRecord::from_bytes(record.to_bytes().unwrap().as_bytes()).unwrap();
                    self.audit.epoch_jumped |= ![0, 1].contains(&(self.sensor_chain().epoch - before));
                }
                SensorOutput::Send(frame) => self.sensor_sends(frame.as_bytes(), outcome),
                SensorOutput::ReadPuf { challenge, .. } => asked = Some(challenge),
                SensorOutput::Established(session) => {
                    self.audit.sensor_accepts(name_of(&session));
                    self.sensor_session = Some(session);
                    self.records_sent = 0;
                    self.sensor_run.clear();
                }
                SensorOutput::Failed(_) => self.sensor_run.clear(),
            }
        }
        if let Some(challenge) = asked {
            self.asked = number_of(&challenge);
            let response = self.read_puf(&challenge);
            self.sensor(now, SensorInput::Response(&response), power, outcome);
        }
    }

    fn sensor_sends(&mut self, frame: &[u8], outcome: &mut Outcome) {
        if frame.first() == Some(&TYPE_HELLO) {
            let (epoch, attempt) = (self.sensor_chain().epoch, self.sensor_chain().attempt);
            self.audit.hello(epoch, attempt);
        } else {
            self.audit.pair_used_twice |= !self.audit.pairs_answered.insert(self.asked);
            self.audit.proofs.insert(frame.to_vec());
        }
        self.sensor_run = frame.to_vec();
        outcome.sent.push(frame.to_vec());
    }

    fn hub(&mut self, now: Duration, input: HubInput<'_>, power: &mut Power, outcome: &mut Outcome) {
        let frame = if let HubInput::Frame(bytes) = &input { bytes.to_vec() } else { Vec::new() };
        // The nonce of the hub follows from the number of the pair.
        let mut rng = self.randomness(0x48, self.pairs_claimed);
        let answer = self.hub.handle(now, input, &mut rng);
        if answer == Err(Error::PeerMisbehaved(Misbehaviour::Undecodable)) {
            outcome.undecodable = true;
            // One wrong proof more that this run has survived.
            self.hub_run.push(0);
        }
        let outputs: Vec<HubOutput> = std::iter::from_fn(|| self.hub.poll()).collect();
        // The decision counts from the first of its outputs on: the power may fail before the last.
        let mut decided = outputs.iter().find_map(|output| match output {
            HubOutput::Established { session, .. } => Some(name_of(session)),
            _ => None,
        });
        let mut claims = false;
        for output in outputs {
            if power.fails_now() {
                outcome.stopped = true;
                return;
            }
            if let Some(session) = decided.take() {
                self.audit.hub_decides(session, &frame);
            }
            match output {
                HubOutput::Save(record) => self.hub_saves(&record),
                HubOutput::ClaimPair(_) => {
                    self.audit.hello_paid_twice |= !self.audit.hellos_paid.insert(frame.clone());
                    self.pairs_claimed += 1;
                    self.hub_run.clone_from(&frame);
                    claims = true;
                }
                HubOutput::Send(answer) => {
                    if answer.as_bytes().first() == Some(&TYPE_CHALLENGE) {
                        self.audit.pair_used_twice |= !self.audit.pairs_sent.insert(self.pairs_claimed);
                        self.hub_run = answer.as_bytes().to_vec();
                    }
                    outcome.sent.push(answer.as_bytes().to_vec());
                }
                HubOutput::Established { session, .. } => {
                    self.audit.hub_sessions.push(name_of(&session));
                    self.hub_session = Some(session);
                    self.hub_run.clear();
                }
                HubOutput::Failed(_) => self.hub_run.clear(),
            }
        }
        if claims {
            let challenge = Challenge::from(self.pairs_claimed.to_be_bytes());
            let enrolled = self.ideal(&challenge);
            self.hub(now, HubInput::Pair(challenge, &enrolled), power, outcome);
        }
    }

    fn hub_saves(&mut self, record: &HubRecord) {
        let before = self.hub_chain().epoch;
        self.hub_disk = HubRecord::from_bytes(record.to_bytes().unwrap().as_bytes()).unwrap();
        self.audit.epoch_jumped |= ![0, 1].contains(&(self.hub_chain().epoch - before));
    }

    /// The next record of the sensor's newest session; it goes on in it until the next is established.
    fn speak(&mut self, outcome: &mut Outcome) {
        let Some(session) = &self.sensor_session else { return };
        let mut writer = session.writer(SENSOR);
        let record = (0..=self.records_sent).map(|_| writer.seal(b"").unwrap()).last();
        self.records_sent += 1;
        outcome.sent.extend(record.map(|frame| frame.as_bytes().to_vec()));
    }

    /// The hub opens a record with its newest session only; the first that opens shows that the sensor has the newest
    /// key. Repeated records are taken here, which a real hub does not do.
    fn hear(&mut self, record: &[u8], power: &mut Power, outcome: &mut Outcome) {
        let Some(session) = &self.hub_session else { return };
        if session.reader(SENSOR).open(record, &mut [0; PAYLOAD_BYTES_MAX]).is_err() {
            return;
        }
        self.hub.confirmed();
        while let Some(output) = self.hub.poll() {
            if power.fails_now() {
                outcome.stopped = true;
                return;
            }
            if let HubOutput::Save(record) = output {
                self.hub_saves(&record);
            }
        }
    }

    /// One generator for each device, purpose and number.
    fn randomness(&self, purpose: u8, number: u64) -> ChaCha20Rng {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.device.to_be_bytes());
        seed[8..16].copy_from_slice(&number.to_be_bytes());
        seed[16] = purpose;
        ChaCha20Rng::from_seed(seed)
    }

    /// The device without noise: a response that depends on the challenge only.
    fn ideal(&self, challenge: &Challenge) -> Response {
        let mut response = Response::zeroed(self.suite.response_bytes()).unwrap();
        self.randomness(0x52, number_of(challenge)).fill_bytes(response.as_mut_bytes());
        response
    }

    fn read_puf(&self, challenge: &Challenge) -> Response {
        let mut noise = self.randomness(0x4e, number_of(challenge));
        let mut response = self.ideal(challenge);
        for byte in response.as_mut_bytes() {
            for bit in 0..8 {
                *byte ^= u8::from(noise.next_u32() % 1000 < self.noise_permille) << bit;
            }
        }
        response
    }

    /// The rule of the ratchet on durable storage: the same key in the same epoch, or the sensor one epoch ahead with
    /// the key that the hub holds as pending. What is pending is never the present key.
    pub(crate) fn in_step(&self) -> bool {
        let (sensor, hub) = (self.sensor_chain(), self.hub_chain());
        let together = sensor.epoch == hub.epoch && sensor.key == hub.key;
        let ahead = sensor.epoch == hub.epoch + 1 && hub.pending.as_ref() == Some(&sensor.key);
        (together || ahead) && hub.pending.as_ref() != Some(&hub.key)
    }

    /// True when a run in which nothing is lost and nothing old arrives ends with one session at both ends. A decoding
    /// that fails on a noisy reading costs a run, so `runs` of them may be needed.
    pub(crate) fn recovers(&self, runs: u32) -> bool {
        let mut ends = self.clone();
        (0..runs).any(|_| {
            let mut to_hub = ends.tell(Side::Sensor, Event::Start, Power::STABLE).sent;
            let before = ends.audit.sessions(Side::Sensor);
            while let Some(frame) = to_hub.pop() {
                for answer in ends.tell(Side::Hub, Event::Frame(&frame), Power::STABLE).sent {
                    to_hub.extend(ends.tell(Side::Sensor, Event::Frame(&answer), Power::STABLE).sent);
                }
            }
            ends.audit.sessions(Side::Sensor) > before && ends.audit.agrees() && ends.in_step()
        })
    }

    /// Everything that decides what happens next: storage, runs in progress, pairs. Not the clock and not the number of
    /// failures in a row, which only lengthen a pause.
    pub(crate) fn fingerprint(&self) -> Vec<u8> {
        let mut bytes = self.sensor_disk.to_bytes().unwrap().as_bytes().to_vec();
        bytes.extend(self.hub_disk.to_bytes().unwrap().as_bytes());
        bytes.extend(self.pairs_claimed.to_be_bytes());
        for run in [&self.sensor_run, &self.hub_run] {
            bytes.push(run.len() as u8);
            bytes.extend(run);
        }
        bytes.push(self.records_sent);
        for session in [&self.sensor_session, &self.hub_session] {
            bytes.extend(session.as_ref().map_or_else(|| vec![0], name_of));
        }
        bytes
    }
}

fn number_of(challenge: &Challenge) -> u64 {
    u64::from_be_bytes(challenge.as_bytes().try_into().unwrap())
}

/// A session is named by what its keys make of an empty payload: equal names, equal keys.
fn name_of(session: &Session) -> Vec<u8> {
    let Session::Hardened(keys) = session else { unreachable!("both ends are in the hardened profile") };
    let mut name = Vec::new();
    for (key, direction) in [(&keys.up, Direction::Up), (&keys.down, Direction::Down)] {
        name.extend(RecordWriter::new(key.clone(), direction, SENSOR).seal(b"").unwrap().as_bytes());
    }
    name
}
