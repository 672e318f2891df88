//! A handshake between the real code of both sides: what it puts on the air, and how long the hub is at it.

use super::{Clock, failed};
use crate::Error;
use crate::puf::SramPuf;
use crate::schemes::identity_key::{KeyManager, Name, Secret};
use crate::schemes::{Hub, Message, Sensor, Value, ecc_eh, ecc_ez, hash_i, hash_l};
use bodywire_proto::handshake::{
    HubHandshake, HubInput, HubOutput, Profile, SensorHandshake, SensorInput, SensorOutput, enrolled,
};
use bodywire_proto::puf::{Challenge, Puf, Response};
use bodywire_proto::wire::{HandshakeFrame, HubId, SensorId};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::time::Duration;

/// Time between two runs of a pair: what was open has timed out.
const BETWEEN_RUNS: Duration = Duration::from_secs(60);
/// When the schemes' clocks begin, in seconds since 1970.
const EPOCH: Duration = Duration::from_secs(1_700_000_000);

/// A sensor and a hub in memory. Noise and cells come from the PUF model.
pub struct Pair {
    sensor: SensorHandshake,
    hub: HubHandshake,
    reads: SramPuf,
    enrolled: SramPuf,
    response_bytes: usize,
    rng: ChaCha20Rng,
    now: Duration,
    next_challenge: u64,
}

/// How a run has ended at both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The sensor has a session.
    pub sensor: bool,
    /// The hub has a session.
    pub hub: bool,
    /// Bytes on the air from sensor to hub, and from hub to sensor.
    pub bytes: [usize; 2],
    /// Time spent in the hub's code.
    pub at_hub: Duration,
}

impl Pair {
    /// A sensor whose chip reads with `noise`; a `stranger` has another chip than was enrolled.
    ///
    /// # Errors
    /// [`Error::Proto`] when the profile cannot be enrolled.
    pub fn new(profile: Profile, noise: f64, stranger: bool, seed: u64) -> Result<Self, Error> {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let (at_sensor, at_hub) = enrolled(profile, SensorId(1), HubId(1), &mut rng)?;
        Ok(Self {
            sensor: SensorHandshake::new(at_sensor),
            hub: HubHandshake::new(at_hub),
            reads: SramPuf::new([if stranger { 9 } else { 7 }; 32], noise, seed),
            enrolled: SramPuf::new([7; 32], 0.0, 0),
            response_bytes: profile.response_bytes(),
            rng,
            now: Duration::ZERO,
            next_challenge: 0,
        })
    }

    fn read(puf: &mut SramPuf, challenge: &Challenge, bytes: usize) -> Result<Response, Error> {
        let mut response = Response::zeroed(bytes)?;
        puf.respond(challenge, &mut response);
        Ok(response)
    }

    /// One run through clean air.
    ///
    /// # Errors
    /// [`Error::Proto`] when the sensor has no attempt left.
    pub fn run(&mut self, clock: Clock) -> Result<Ended, Error> {
        self.now += BETWEEN_RUNS;
        let _ = self.hub.handle(self.now, HubInput::Timeout, &mut self.rng);
        while self.hub.poll().is_some() {}
        let mut ended = Ended { sensor: false, hub: false, bytes: [0; 2], at_hub: Duration::ZERO };
        let mut to_hub: Vec<HandshakeFrame> = Vec::new();
        if !self.sensor.is_idle() {
            // The run before has failed: it times out, and the next begins.
            let _ = self.sensor.handle(self.now, SensorInput::Timeout, &mut self.rng);
            while self.sensor.poll().is_some() {}
        }
        self.sensor.handle(self.now, SensorInput::Start, &mut self.rng)?;
        loop {
            while let Some(output) = self.sensor.poll() {
                match output {
                    SensorOutput::Send(frame) => to_hub.push(frame),
                    SensorOutput::ReadPuf { challenge, response_bytes } => {
                        let response = Self::read(&mut self.reads, &challenge, response_bytes)?;
                        let _ = self.sensor.handle(self.now, SensorInput::Response(&response), &mut self.rng);
                    }
                    SensorOutput::Established(_) => ended.sensor = true,
                    SensorOutput::Save(_) | SensorOutput::Failed(_) => {}
                }
            }
            if to_hub.is_empty() {
                return Ok(ended);
            }
            for frame in std::mem::take(&mut to_hub) {
                let begun = clock();
                let _ = self.hub.handle(self.now, HubInput::Frame(frame.as_bytes()), &mut self.rng);
                ended.at_hub += clock().saturating_sub(begun);
                ended.bytes = [ended.bytes[0] + frame.as_bytes().len(), ended.bytes[1]];
                self.drain_hub(&mut ended, clock)?;
            }
        }
    }

    fn drain_hub(&mut self, ended: &mut Ended, clock: Clock) -> Result<(), Error> {
        while let Some(output) = self.hub.poll() {
            match output {
                HubOutput::Send(frame) => {
                    ended.bytes = [ended.bytes[0], ended.bytes[1] + frame.as_bytes().len()];
                    let _ = self.sensor.handle(self.now, SensorInput::Frame(frame.as_bytes()), &mut self.rng);
                }
                HubOutput::ClaimPair(wanted) => {
                    self.next_challenge += 1;
                    let challenge = wanted.unwrap_or(self.next_challenge.to_be_bytes().into());
                    let pair = Self::read(&mut self.enrolled, &challenge, self.response_bytes)?;
                    let begun = clock();
                    let _ = self.hub.handle(self.now, HubInput::Pair(challenge, &pair), &mut self.rng);
                    ended.at_hub += clock().saturating_sub(begun);
                }
                HubOutput::Established { .. } => ended.hub = true,
                HubOutput::Save(_) | HubOutput::Failed(_) => {}
            }
        }
        Ok(())
    }

    /// Bytes that the sensor and the hub keep for this link. The database of pairs is not in it.
    ///
    /// # Errors
    /// [`Error::Proto`] when a record does not fit its form, which the protocol's tests exclude.
    pub fn stored_bytes(&self) -> Result<[usize; 2], Error> {
        let (sensor, hub) = (self.sensor.record().to_bytes()?, self.hub.record().to_bytes()?);
        Ok([sensor.as_bytes().len(), hub.as_bytes().len()])
    }

    /// Bytes of one pair in the hub's database: challenge and response.
    pub fn pair_bytes(&self) -> usize {
        let challenge: Challenge = 0u64.to_be_bytes().into();
        challenge.as_bytes().len() + self.response_bytes
    }
}

/// One of the schemes that BodyWire is compared with, both ends.
pub trait Rival {
    /// One run.
    ///
    /// # Errors
    /// [`Error`] when an end refuses the other, which would be a fault of ours.
    fn run(&mut self, clock: Clock) -> Result<Ended, Error>;
}

/// The schemes, by their names on the command line.
pub const RIVALS: [&str; 4] = ["hash-l", "hash-i", "ecc-ez", "ecc-eh"];

struct Ends<S, H> {
    sensor: S,
    hub: H,
    rng: ChaCha20Rng,
    now: Duration,
}

impl<S, H> Rival for Ends<S, H>
where
    S: Sensor,
    H: Hub<Request = S::Request, Reply = S::Reply>,
{
    /// The hub's time has parsing and emitting in it.
    fn run(&mut self, clock: Clock) -> Result<Ended, Error> {
        self.now += BETWEEN_RUNS;
        let request = self.sensor.request(self.now, &mut self.rng)?.emit();
        let begun = clock();
        let asked = S::Request::parse(request.as_ref())?;
        let reply = self.hub.answer(self.now, &asked, &mut self.rng)?.reply.emit();
        let at_hub = clock().saturating_sub(begun);
        let parsed = S::Reply::parse(reply.as_ref())?;
        self.sensor.finish(&parsed)?;
        let bytes = [request.as_ref().len(), reply.as_ref().len()];
        Ok(Ended { sensor: true, hub: true, bytes, at_hub })
    }
}

/// Both ends of a scheme by its name in [`RIVALS`], enrolled.
///
/// # Errors
/// [`Error::Misuse`] for another name, [`Error`] when it cannot be enrolled.
pub fn rival(name: &str, seed: u64) -> Result<Box<dyn Rival>, Error> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let now = EPOCH;
    let who = Name { pid: 77, right: 2 };
    Ok(match name {
        "hash-l" => {
            let state =
                hash_l::HubState { master: Value::random(&mut rng), relay: hash_l::RelayName(*b"IN") };
            let hub = hash_l::LHub::new(state);
            let sensor = hash_l::LSensor::new(hub.enrol(Value::number(77), &mut rng));
            Box::new(Ends { sensor, hub, rng, now })
        }
        "hash-i" => {
            let mut hub = hash_i::IHub::new(Value::random(&mut rng));
            let sensor = hash_i::ISensor::new(hub.enrol(Value::number(77), &mut rng)?);
            Box::new(Ends { sensor, hub, rng, now })
        }
        "ecc-ez" => {
            let manager = KeyManager::new(&mut rng);
            let state = ecc_ez::HubState { secret: Secret::random(&mut rng), manager: manager.public() };
            let hub = ecc_ez::EzHub::new(state);
            let credential = manager.issue(who, &mut rng);
            let state = ecc_ez::SensorState { credential, access_point: *hub.public() };
            let sensor = ecc_ez::EzSensor::new(state, &manager.public()).map_err(failed("ecc-ez"))?;
            Box::new(Ends { sensor, hub, rng, now })
        }
        "ecc-eh" => {
            let manager = KeyManager::new(&mut rng);
            let state = ecc_eh::HubState { secret: Secret::random(&mut rng), manager: manager.public() };
            let hub = ecc_eh::EhHub::new(state);
            let credential = manager.issue(who, &mut rng);
            let state = ecc_eh::SensorState { credential, access_point: *hub.public() };
            let sensor = ecc_eh::EhSensor::new(state, &manager.public()).map_err(failed("ecc-eh"))?;
            Box::new(Ends { sensor, hub, rng, now })
        }
        _ => return Err(Error::Misuse("there is no such scheme")),
    })
}

/// What a sensor stores, what a hub stores for itself, and what it stores for each sensor, of a scheme in [`RIVALS`], in
/// bits.
pub fn rival_stored_bits(name: &str) -> Option<[usize; 3]> {
    const fn of<S: Sensor, H: Hub>() -> [usize; 3] {
        [S::STORED_BITS, H::STORED_BITS, H::STORED_BITS_PER_SENSOR]
    }
    Some(match name {
        "hash-l" => of::<hash_l::LSensor, hash_l::LHub>(),
        "hash-i" => of::<hash_i::ISensor, hash_i::IHub>(),
        "ecc-ez" => of::<ecc_ez::EzSensor, ecc_ez::EzHub>(),
        "ecc-eh" => of::<ecc_eh::EhSensor, ecc_eh::EhHub>(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::puf::NOISE_TYPICAL;

    fn still() -> Duration {
        Duration::ZERO
    }

    #[test]
    fn bits_are_those_that_each_profile_and_scheme_promises() {
        for profile in Profile::ALL {
            let mut pair = Pair::new(*profile, NOISE_TYPICAL, false, 1).unwrap();
            let ended = pair.run(still).unwrap();
            assert!(ended.sensor && ended.hub, "{profile:?}");
            assert_eq!(8 * (ended.bytes[0] + ended.bytes[1]) as u32, profile.handshake_bits());
        }
        let bits = RIVALS.map(|name| {
            let ended = rival(name, 1).unwrap().run(still).unwrap();
            8 * (ended.bytes[0] + ended.bytes[1])
        });
        assert_eq!(bits, [1312, 1312, 1280, 1544]);
        assert!(rival("magic", 1).is_err() && rival_stored_bits("magic").is_none());
    }

    #[test]
    fn a_stranger_gets_no_session() {
        for profile in Profile::ALL {
            let ended = Pair::new(*profile, NOISE_TYPICAL, true, 2).unwrap().run(still).unwrap();
            assert!(!ended.sensor && !ended.hub, "{profile:?}");
        }
    }
}
