//! What a handshake costs a hub, beside the schemes that paper B compares with and the figure it prints.

use crate::figure::Figure;
use bodywire_proto::handshake::{
    HubHandshake, HubInput, HubOutput, Profile, SensorHandshake, SensorInput, SensorOutput, enrolled,
};
use bodywire_proto::puf::{Challenge, Puf, Response};
use bodywire_proto::wire::{HandshakeFrame, HubId, SensorId};
use bodywire_sim::puf::{NOISE_TYPICAL, SramPuf};
use bodywire_sim::schemes::identity_key::{KeyManager, Name, Secret};
use bodywire_sim::schemes::{Hub, Message, Sensor, Value, ecc_eh, ecc_ez, hash_i, hash_l};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::time::{Duration, Instant};

/// Paper B, 4.2.2 (6): 2.91 ms at the control node, mostly the database.
const PAPER_HUB_MS: f64 = 2.91;

/// A sensor and a hub in memory. Noise and cells come from the PUF model.
pub(crate) struct Pair {
    sensor: SensorHandshake,
    hub: HubHandshake,
    reads: SramPuf,
    enrolled: SramPuf,
    response_bytes: usize,
    rng: ChaCha20Rng,
    now: Duration,
    next_challenge: u64,
    /// Time spent in the hub's code.
    pub(crate) at_hub: Duration,
}

/// How a run has ended at both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) sensor: bool,
    pub(crate) hub: bool,
}

impl Pair {
    /// A sensor whose chip reads with `noise`; a `stranger` has another chip than was enrolled.
    pub(crate) fn new(profile: Profile, noise: f64, stranger: bool, seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let (at_sensor, at_hub) =
            enrolled(profile, SensorId(1), HubId(1), &mut rng).expect("a profile can be enrolled");
        Self {
            sensor: SensorHandshake::new(at_sensor),
            hub: HubHandshake::new(at_hub),
            reads: SramPuf::new([if stranger { 9 } else { 7 }; 32], noise, seed),
            enrolled: SramPuf::new([7; 32], 0.0, 0),
            response_bytes: profile.response_bytes(),
            rng,
            now: Duration::ZERO,
            next_challenge: 0,
            at_hub: Duration::ZERO,
        }
    }

    fn read(puf: &mut SramPuf, challenge: &Challenge, bytes: usize) -> Response {
        let mut response = Response::zeroed(bytes).expect("a profile's response fits");
        puf.respond(challenge, &mut response);
        response
    }

    /// One run through clean air.
    pub(crate) fn run(&mut self) -> Ended {
        self.now += Duration::from_secs(60);
        let _ = self.hub.handle(self.now, HubInput::Timeout, &mut self.rng);
        while self.hub.poll().is_some() {}
        let mut ended = Ended { sensor: false, hub: false };
        let mut to_hub: Vec<HandshakeFrame> = Vec::new();
        if self.sensor.is_idle() {
            self.sensor.handle(self.now, SensorInput::Start, &mut self.rng).expect("attempts are left");
        } else {
            // The run before has failed: it times out, and the next begins.
            let _ = self.sensor.handle(self.now, SensorInput::Timeout, &mut self.rng);
            while self.sensor.poll().is_some() {}
            self.sensor.handle(self.now, SensorInput::Start, &mut self.rng).expect("attempts are left");
        }
        loop {
            while let Some(output) = self.sensor.poll() {
                match output {
                    SensorOutput::Send(frame) => to_hub.push(frame),
                    SensorOutput::ReadPuf { challenge, response_bytes } => {
                        let response = Self::read(&mut self.reads, &challenge, response_bytes);
                        let _ = self.sensor.handle(self.now, SensorInput::Response(&response), &mut self.rng);
                    }
                    SensorOutput::Established(_) => ended.sensor = true,
                    SensorOutput::Save(_) | SensorOutput::Failed(_) => {}
                }
            }
            if to_hub.is_empty() {
                return ended;
            }
            for frame in std::mem::take(&mut to_hub) {
                let begun = Instant::now();
                let _ = self.hub.handle(self.now, HubInput::Frame(frame.as_bytes()), &mut self.rng);
                self.at_hub += begun.elapsed();
                self.drain_hub(&mut ended);
            }
        }
    }

    fn drain_hub(&mut self, ended: &mut Ended) {
        while let Some(output) = self.hub.poll() {
            match output {
                HubOutput::Send(frame) => {
                    let _ = self.sensor.handle(self.now, SensorInput::Frame(frame.as_bytes()), &mut self.rng);
                }
                HubOutput::ClaimPair(wanted) => {
                    self.next_challenge += 1;
                    let challenge = wanted.unwrap_or(self.next_challenge.to_be_bytes().into());
                    let pair = Self::read(&mut self.enrolled, &challenge, self.response_bytes);
                    let begun = Instant::now();
                    let _ = self.hub.handle(self.now, HubInput::Pair(challenge, &pair), &mut self.rng);
                    self.at_hub += begun.elapsed();
                }
                HubOutput::Established { .. } => ended.hub = true,
                HubOutput::Save(_) | HubOutput::Failed(_) => {}
            }
        }
    }
}

/// Handshakes a second of one profile, counting only the hub's time.
fn profile_rate(profile: Profile, seconds: f64) -> f64 {
    let mut pair = Pair::new(profile, NOISE_TYPICAL, false, 1);
    let mut done = 0u32;
    while pair.at_hub.as_secs_f64() < seconds {
        let ended = pair.run();
        done += u32::from(ended.hub);
    }
    f64::from(done) / pair.at_hub.as_secs_f64()
}

/// Handshakes a second of a scheme, counting only the hub's time, parsing and emitting included.
fn scheme_rate<S, H>(mut sensor: S, mut hub: H, rng: &mut ChaCha20Rng, seconds: f64) -> f64
where
    S: Sensor,
    H: Hub<Request = S::Request, Reply = S::Reply>,
{
    let mut now = Duration::from_secs(1_700_000_000);
    let (mut at_hub, mut done) = (Duration::ZERO, 0u32);
    while at_hub.as_secs_f64() < seconds {
        now += Duration::from_secs(60);
        let request = sensor.request(now, rng).expect("a sensor can ask").emit();
        let begun = Instant::now();
        let request = S::Request::parse(request.as_ref()).expect("its own message parses");
        let reply = hub.answer(now, &request, rng).expect("an honest request is accepted").reply.emit();
        at_hub += begun.elapsed();
        let reply = S::Reply::parse(reply.as_ref()).expect("its own message parses");
        sensor.finish(&reply).expect("an honest reply is accepted");
        done += 1;
    }
    f64::from(done) / at_hub.as_secs_f64()
}

/// Every profile beside every scheme.
pub(crate) fn figures(seconds: f64) -> Vec<Figure> {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut peers = Vec::new();
    let l = hash_l::LHub::new(hash_l::HubState {
        master: Value::random(&mut rng),
        relay: hash_l::RelayName(*b"IN"),
    });
    let sensor = hash_l::LSensor::new(l.enrol(Value::number(77), &mut rng));
    peers.push(("hash-l (Li et al. 2017)".to_owned(), scheme_rate(sensor, l, &mut rng, seconds)));
    let mut i = hash_i::IHub::new(Value::random(&mut rng));
    let sensor = hash_i::ISensor::new(i.enrol(Value::number(77), &mut rng).expect("there is room for one"));
    peers.push(("hash-i (Ibrahim-shaped)".to_owned(), scheme_rate(sensor, i, &mut rng, seconds)));
    let manager = KeyManager::new(&mut rng);
    let name = Name { pid: 77, right: 2 };
    let ez =
        ecc_ez::EzHub::new(ecc_ez::HubState { secret: Secret::random(&mut rng), manager: manager.public() });
    let state = ecc_ez::SensorState { credential: manager.issue(name, &mut rng), access_point: *ez.public() };
    let sensor = ecc_ez::EzSensor::new(state, &manager.public()).expect("an issued credential is good");
    peers.push(("ecc-ez (Zhao-shaped)".to_owned(), scheme_rate(sensor, ez, &mut rng, seconds)));
    let eh =
        ecc_eh::EhHub::new(ecc_eh::HubState { secret: Secret::random(&mut rng), manager: manager.public() });
    let state = ecc_eh::SensorState { credential: manager.issue(name, &mut rng), access_point: *eh.public() };
    let sensor = ecc_eh::EhSensor::new(state, &manager.public()).expect("an issued credential is good");
    peers.push(("ecc-eh (hardened)".to_owned(), scheme_rate(sensor, eh, &mut rng, seconds)));
    peers.push(("paper B, printed: 2.91 ms with its database".to_owned(), 1_000.0 / PAPER_HUB_MS));
    let ours: Vec<(Profile, f64)> =
        Profile::ALL.iter().map(|profile| (*profile, profile_rate(*profile, seconds))).collect();
    let row = |(profile, rate): &(Profile, f64), (peer, value): &(String, f64)| {
        let name = format!("hub, {}, 3 % noise", profile.name());
        Figure::new(name, "handshakes/s", *rate, peer.clone(), *value)
    };
    ours.iter().flat_map(|ours| peers.iter().map(|peer| row(ours, peer))).collect()
}
