//! Both ends of an authentication, driven by bytes: the real code of each scheme and of the link's handshake.

use crate::Error;
use crate::puf::{NOISE_TYPICAL, SramPuf};
use crate::schemes::identity_key::{KeyManager, Name, Secret};
use crate::schemes::{Hub, Message, Sensor, Value, ecc_eh, ecc_ez, hash_i, hash_l};
use bodywire_proto::handshake::{
    HubHandshake, HubInput, HubOutput, Profile, SensorHandshake, SensorInput, SensorOutput, enrolled,
};
use bodywire_proto::puf::{Challenge, Puf, Response};
use bodywire_proto::wire::{HubId, SensorId};
use core::time::Duration;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// What authenticates a sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// BodyWire's link, or the paper's protocol in its machines.
    Link(Profile),
    /// Li et al., 2017.
    HashL,
    /// Five hashes, in the shape of Ibrahim et al., 2016.
    HashI,
    /// Without pairings, in the shape of Zhao, 2014.
    EccEz,
    /// The same with an anonymous sensor and forward secrecy.
    EccEh,
}

impl Scheme {
    /// All of them: the schemes compared with, and the link in each profile.
    pub fn all() -> impl Iterator<Item = Self> {
        let compared = [Self::HashL, Self::HashI, Self::EccEz, Self::EccEh];
        Profile::ALL.iter().map(|profile| Self::Link(*profile)).chain(compared)
    }

    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Link(profile) => profile.name(),
            Self::HashL => "hash-l",
            Self::HashI => "hash-i",
            Self::EccEz => "ecc-ez",
            Self::EccEh => "ecc-eh",
        }
    }

    /// What the sensor computes in each step, by the names that `firmware/figures.json` has for it. A step is what one
    /// input leads to: the first is the start, and each further one a message of the hub.
    pub const fn operations(self) -> &'static [&'static [&'static str]] {
        use bodywire_proto::wire::Suite;
        match self {
            Self::Link(Profile::Hardened(Suite::Polar256)) => {
                &[&["polar256/m1"], &["polar256/m2 check", "polar256/m3"], &["polar256/m4 check, ratchet"]]
            }
            Self::Link(Profile::Hardened(Suite::Polar512)) => {
                &[&["polar512/m1"], &["polar512/m2 check", "polar512/m3"], &["polar512/m4 check, ratchet"]]
            }
            // Acknowledgement and M2 are two frames.
            Self::Link(_) => &[&["paper/C and K", "paper/M1"], &["paper/ack"], &["paper/M2 check, ack"]],
            Self::HashL => &[&["hash-l/request"], &["hash-l/reply check"]],
            Self::HashI => &[&["hash-i/request"], &["hash-i/reply check"]],
            Self::EccEz => &[&["ecc-ez/request"], &["ecc-ez/reply check"]],
            Self::EccEh => &[&["ecc-eh/request"], &["ecc-eh/reply check"]],
        }
    }

    /// A sensor and its hub, enrolled with each other.
    pub(super) fn ends(self, seed: u64) -> Result<Box<dyn Ends>, Error> {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        Ok(match self {
            Self::Link(profile) => Box::new(Link::new(profile, seed)?),
            Self::HashL => {
                let relay = hash_l::RelayName(*b"IN");
                let hub = hash_l::LHub::new(hash_l::HubState { master: Value::random(&mut rng), relay });
                let sensor = hash_l::LSensor::new(hub.enrol(Value::number(77), &mut rng));
                Box::new(TwoMessages { sensor, hub, rng })
            }
            Self::HashI => {
                let mut hub = hash_i::IHub::new(Value::random(&mut rng));
                let sensor = hash_i::ISensor::new(hub.enrol(Value::number(77), &mut rng)?);
                Box::new(TwoMessages { sensor, hub, rng })
            }
            Self::EccEz => {
                let manager = KeyManager::new(&mut rng);
                let secret = Secret::random(&mut rng);
                let hub = ecc_ez::EzHub::new(ecc_ez::HubState { secret, manager: manager.public() });
                let credential = manager.issue(NAME, &mut rng);
                let state = ecc_ez::SensorState { credential, access_point: *hub.public() };
                let sensor = ecc_ez::EzSensor::new(state, &manager.public())?;
                Box::new(TwoMessages { sensor, hub, rng })
            }
            Self::EccEh => {
                let manager = KeyManager::new(&mut rng);
                let secret = Secret::random(&mut rng);
                let hub = ecc_eh::EhHub::new(ecc_eh::HubState { secret, manager: manager.public() });
                let credential = manager.issue(NAME, &mut rng);
                let state = ecc_eh::SensorState { credential, access_point: *hub.public() };
                let sensor = ecc_eh::EhSensor::new(state, &manager.public())?;
                Box::new(TwoMessages { sensor, hub, rng })
            }
        })
    }
}

/// Whom a key manager issues the sensor's credential to.
const NAME: Name = Name { pid: 77, right: 2 };

/// What one input leads to.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// Messages for the other end.
    pub(super) send: Vec<Vec<u8>>,
    /// This end has the other's proof and a key.
    pub(super) done: bool,
    /// This end has given up.
    pub(super) failed: bool,
}

/// A sensor and its hub.
pub(super) trait Ends {
    /// The sensor begins.
    fn begin(&mut self, now: Duration) -> Step;
    /// A message reaches the sensor.
    fn at_sensor(&mut self, now: Duration, bytes: &[u8]) -> Step;
    /// A message reaches the hub.
    fn at_hub(&mut self, now: Duration, bytes: &[u8]) -> Step;
}

/// A scheme of one request and one reply.
struct TwoMessages<S, H> {
    sensor: S,
    hub: H,
    rng: ChaCha20Rng,
}

/// An answer, or the end of the run.
fn step(outcome: Result<Vec<Vec<u8>>, Error>, done: bool) -> Step {
    match outcome {
        Ok(send) => Step { send, done, failed: false },
        Err(_) => Step { failed: true, ..Step::default() },
    }
}

impl<S, H> Ends for TwoMessages<S, H>
where
    S: Sensor,
    H: Hub<Request = S::Request, Reply = S::Reply>,
{
    fn begin(&mut self, now: Duration) -> Step {
        let request = self.sensor.request(now, &mut self.rng);
        step(request.map(|request| vec![request.emit().as_ref().to_vec()]), false)
    }

    fn at_sensor(&mut self, _now: Duration, bytes: &[u8]) -> Step {
        let key = S::Reply::parse(bytes).and_then(|reply| self.sensor.finish(&reply));
        step(key.map(|_| Vec::new()), true)
    }

    fn at_hub(&mut self, now: Duration, bytes: &[u8]) -> Step {
        let Self { hub, rng, .. } = self;
        let accepted = S::Request::parse(bytes).and_then(|request| hub.answer(now, &request, rng));
        step(accepted.map(|accepted| vec![accepted.reply.emit().as_ref().to_vec()]), true)
    }
}

/// The link's machines, with a simulated PUF of typical noise.
struct Link {
    sensor: SensorHandshake,
    hub: HubHandshake,
    reads: SramPuf,
    enrolled: SramPuf,
    response_bytes: usize,
    next_challenge: u64,
    rng: ChaCha20Rng,
}

impl Link {
    fn new(profile: Profile, seed: u64) -> Result<Self, Error> {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let (at_sensor, at_hub) = enrolled(profile, SensorId(1), HubId(1), &mut rng)?;
        let mut chip = [7; 32];
        chip.iter_mut().zip(seed.to_be_bytes()).for_each(|(slot, byte)| *slot = byte);
        Ok(Self {
            sensor: SensorHandshake::new(at_sensor),
            hub: HubHandshake::new(at_hub),
            reads: SramPuf::new(chip, NOISE_TYPICAL, seed),
            enrolled: SramPuf::new(chip, 0.0, 0),
            response_bytes: profile.response_bytes(),
            next_challenge: 0,
            rng,
        })
    }

    fn drain_sensor(&mut self, now: Duration) -> Step {
        let mut step = Step::default();
        while let Some(output) = self.sensor.poll() {
            match output {
                SensorOutput::Send(frame) => step.send.push(frame.as_bytes().to_vec()),
                SensorOutput::ReadPuf { challenge, response_bytes } => {
                    let read = read(&mut self.reads, &challenge, response_bytes).and_then(|response| {
                        Ok(self.sensor.handle(now, SensorInput::Response(&response), &mut self.rng)?)
                    });
                    step.failed |= read.is_err();
                }
                SensorOutput::Established(_) => step.done = true,
                SensorOutput::Failed(_) => step.failed = true,
                SensorOutput::Save(_) => {}
            }
        }
        step
    }
}

fn read(puf: &mut SramPuf, challenge: &Challenge, bytes: usize) -> Result<Response, Error> {
    let mut response = Response::zeroed(bytes)?;
    puf.respond(challenge, &mut response);
    Ok(response)
}

impl Ends for Link {
    fn begin(&mut self, now: Duration) -> Step {
        let begun = self.sensor.handle(now, SensorInput::Start, &mut self.rng);
        let mut step = self.drain_sensor(now);
        step.failed |= begun.is_err();
        step
    }

    fn at_sensor(&mut self, now: Duration, bytes: &[u8]) -> Step {
        // A refused frame changes nothing; the run goes on, or ends by its time.
        let _ = self.sensor.handle(now, SensorInput::Frame(bytes), &mut self.rng);
        self.drain_sensor(now)
    }

    fn at_hub(&mut self, now: Duration, bytes: &[u8]) -> Step {
        let _ = self.hub.handle(now, HubInput::Frame(bytes), &mut self.rng);
        let mut step = Step::default();
        while let Some(output) = self.hub.poll() {
            match output {
                HubOutput::Send(frame) => step.send.push(frame.as_bytes().to_vec()),
                HubOutput::ClaimPair(wanted) => {
                    self.next_challenge += 1;
                    let challenge = wanted.unwrap_or_else(|| self.next_challenge.to_be_bytes().into());
                    let pair = read(&mut self.enrolled, &challenge, self.response_bytes).and_then(|pair| {
                        Ok(self.hub.handle(now, HubInput::Pair(challenge, &pair), &mut self.rng)?)
                    });
                    step.failed |= pair.is_err();
                }
                HubOutput::Established { .. } => step.done = true,
                HubOutput::Failed(_) => step.failed = true,
                HubOutput::Save(_) => {}
            }
        }
        step
    }
}

#[cfg(test)]
mod tests {
    use super::Scheme;
    use core::time::Duration;

    #[test]
    fn every_scheme_ends_through_clean_air_in_as_many_steps_as_are_named() {
        for scheme in Scheme::all() {
            let mut ends = scheme.ends(5).unwrap();
            let now = Duration::from_secs(1_700_000_000);
            let begun = ends.begin(now);
            let mut to_hub = begun.send;
            let (mut steps, mut sensor, mut hub) = (1, begun.done, false);
            while !to_hub.is_empty() {
                for message in std::mem::take(&mut to_hub) {
                    let step = ends.at_hub(now, &message);
                    assert!(!step.failed, "{}", scheme.name());
                    hub |= step.done;
                    for answer in step.send {
                        let step = ends.at_sensor(now, &answer);
                        assert!(!step.failed, "{}", scheme.name());
                        sensor |= step.done;
                        steps += 1;
                        to_hub.extend(step.send);
                    }
                }
            }
            assert!(sensor && hub, "{}", scheme.name());
            assert_eq!(steps, scheme.operations().len(), "{}", scheme.name());
        }
    }
}
