//! What breaks scheme L: whoever has a sensor's identity has everything, and identities are short.
//!
//! After the attacks that Chen, Xiang, Wu and Wang (Appl. Sci. 8:1074, 2018) and Koya and Deepthi (2018) report of it;
//! the equations here are derived from the scheme.

use super::air::{Air, Attacker, FalseHub, Frame, Side, VICTIM};
use super::exchange::{self, L};
use super::transcript::Transcript;
use super::{Stage, Verdict};
use crate::Error;
use crate::schemes::hash_l::{LSensor, Reply, Request, SensorState, proof, pseudonym, session_key};
use crate::schemes::{Message, Sensor, SessionKey, Value};

/// Honest runs that may fail after an attack before the victims count as lost to each other.
const RECOVERY_RUNS: usize = 4;

/// Tries every identity of 16 bits against one recorded request: `tid` says which is right.
pub(super) fn guess(request: &Request) -> Option<Value> {
    (0..=u16::MAX).map(|number| Value::number(u32::from(number))).find(|id| {
        let r = &(&request.a ^ id) ^ &request.y;
        pseudonym(id, request.t, &r) == request.tid
    })
}

/// The session key of a recorded run, from the identity.
pub(super) fn open(id: &Value, request: &Request, reply: &Reply) -> SessionKey {
    let x = &request.a ^ id;
    let r = &x ^ &request.y;
    session_key(id, &r, &(&x ^ &reply.alpha), &x)
}

/// The two messages of a recorded run.
pub(super) fn parsed(frames: &[Frame]) -> Option<(Request, Reply)> {
    let [request, reply] = frames else { return None };
    Some((Request::parse(&request.bytes).ok()?, Reply::parse(&reply.bytes).ok()?))
}

/// What a sensor would need to be taken for `id`, from what a captured one has: both have the same `x`.
pub(super) fn forged_state(captured: &SensorState, id: Value) -> SensorState {
    let x = &captured.a ^ &captured.id;
    let a = &id ^ &x;
    let b = &(&captured.a ^ &captured.b) ^ &a;
    SensorState { id, a, b }
}

fn victims(stage: &Stage) -> Air<L> {
    Air::new(Box::new(exchange::hash_l(stage.seed)))
}

/// Listens to one run and finds the sensor's identity in it.
fn listen(stage: &mut Stage, air: &mut Air<L>) -> Result<Option<(Value, Request, Reply)>, Error> {
    let (_, frames) = air.honest(VICTIM, &mut stage.log)?;
    let found = parsed(&frames).and_then(|(request, reply)| Some((guess(&request)?, request, reply)));
    if let Some((id, ..)) = &found {
        stage.log.bytes(
            "attacker",
            "tries all identities of 16 bits against tid and finds the sensor's",
            &id.0,
        );
    }
    Ok(found)
}

const NOT_FOUND: &str = "no identity of 16 bits fits what was heard";

pub(super) fn guess_the_identity(stage: &mut Stage) -> Result<Verdict, Error> {
    let mut air = victims(stage);
    let Some((id, request, reply)) = listen(stage, &mut air)? else { return Ok(Verdict::holds(NOT_FOUND)) };
    let key = open(&id, &request, &reply);
    stage.log.bytes("attacker", "computes the session key", key.as_bytes());
    Ok(if air.secret(VICTIM, Side::Hub) == Some(key.as_bytes()) {
        Verdict::falls("tid confirms a guess of the 16-bit identity, and the identity opens the session")
    } else {
        Verdict::holds("the identity was found but does not open the session")
    })
}

pub(super) fn false_sensor(stage: &mut Stage) -> Result<Verdict, Error> {
    let mut air = victims(stage);
    let Some((id, request, _)) = listen(stage, &mut air)? else { return Ok(Verdict::holds(NOT_FOUND)) };
    // The pair (a, b) was sent in the clear, and the hub takes old pairs too, since it remembers none.
    let mut double = LSensor::new(SensorState { id: id.clone(), a: request.a, b: request.b });
    Ok(match talk(stage, &mut air, &mut double)? {
        true if air.target.identified.as_ref() == Some(&id) => Verdict::falls(
            "with the guessed identity and the pair (a, b) from the air the attacker is the sensor",
        ),
        _ => Verdict::holds("the hub refuses the attacker's sensor"),
    })
}

/// The attacker's sensor runs against the real hub. True when both have the same key.
pub(super) fn talk(stage: &mut Stage, air: &mut Air<L>, double: &mut LSensor) -> Result<bool, Error> {
    let request = double.request(air.now, &mut stage.rng)?.emit();
    let answers = air.inject(VICTIM, Side::Hub, &request, &mut stage.log);
    let Some(Ok(reply)) = answers.first().map(|reply| Reply::parse(reply)) else { return Ok(false) };
    let Ok(key) = double.finish(&reply) else { return Ok(false) };
    stage.log.bytes("attacker", "computes the session key", key.as_bytes());
    Ok(air.secret(VICTIM, Side::Hub) == Some(key.as_bytes()))
}

/// Answers a request in the hub's place. The pair that the sensor is given is garbage.
fn answer(stage: &mut Stage, request: &Request) -> Option<(Reply, SessionKey)> {
    let id = guess(request)?;
    let x = &request.a ^ &id;
    let r = &x ^ &request.y;
    let [f, eta, mu] = std::array::from_fn(|_| Value::random(&mut stage.rng));
    let beta = proof(&x, &r, &f, &eta, &mu);
    let key = session_key(&id, &r, &f, &x);
    Some((Reply { alpha: &x ^ &f, beta, eta, mu }, key))
}

/// Answers the sensor's next request. Returns whether it accepted, with the attacker's key.
fn spoof(stage: &mut Stage, air: &mut Air<L>) -> Result<bool, Error> {
    let mut key = None;
    let mut log = std::mem::take(&mut stage.log);
    let mut liar = FalseHub(|_, bytes: &[u8]| {
        let answered = Request::parse(bytes).ok().and_then(|request| answer(stage, &request));
        answered.map_or_else(Vec::new, |(reply, agreed)| {
            key = Some(agreed);
            vec![reply.emit().to_vec()]
        })
    });
    let before = air.accepted(VICTIM, Side::Sensor);
    air.run(VICTIM, &mut liar, &mut log)?;
    stage.log = log;
    let accepted = air.accepted(VICTIM, Side::Sensor) > before;
    Ok(accepted && key.is_some_and(|key| air.secret(VICTIM, Side::Sensor) == Some(key.as_bytes())))
}

pub(super) fn false_hub(stage: &mut Stage) -> Result<Verdict, Error> {
    let mut air = victims(stage);
    Ok(if spoof(stage, &mut air)? {
        Verdict::falls(
            "beta needs only the guessed identity, so that the sensor accepts the attacker as its hub",
        )
    } else {
        Verdict::holds("the sensor refuses the attacker's answer")
    })
}

/// Overwrites the sensor's pair with garbage.
pub(super) fn overwrite(stage: &mut Stage) -> Result<Verdict, Error> {
    let mut air = victims(stage);
    let spoofed = spoof(stage, &mut air)?;
    for _ in 0..RECOVERY_RUNS {
        if air.honest(VICTIM, &mut stage.log)?.0 {
            return Ok(Verdict::holds("the victims find together again"));
        }
    }
    Ok(match spoofed {
        true => Verdict::falls("a false hub overwrites the sensor's pair, and no later run succeeds"),
        false => Verdict::holds("the sensor refuses the attacker's answer"),
    })
}

/// Opens the sensor's request, answers it itself, and asks the hub with a request of its own.
struct Between<'a> {
    stage: &'a mut Stage,
    double: Option<LSensor>,
    keys: Vec<Vec<u8>>,
    now: std::time::Duration,
}

impl Attacker for Between<'_> {
    fn seize(&mut self, _: usize, frame: &Frame) -> Vec<(Side, Vec<u8>)> {
        match frame.from {
            Side::Sensor => self.answer_sensor(&frame.bytes).unwrap_or_default(),
            Side::Hub => {
                let reply = Reply::parse(&frame.bytes).ok();
                let key = reply.and_then(|reply| self.double.as_mut()?.finish(&reply).ok());
                self.keys.extend(key.map(|key| key.as_bytes().to_vec()));
                Vec::new()
            }
        }
    }
}

impl Between<'_> {
    fn answer_sensor(&mut self, bytes: &[u8]) -> Option<Vec<(Side, Vec<u8>)>> {
        let request = Request::parse(bytes).ok()?;
        let (reply, key) = answer(self.stage, &request)?;
        self.keys.push(key.as_bytes().to_vec());
        let mut double = LSensor::new(SensorState { id: guess(&request)?, a: request.a, b: request.b });
        let own = double.request(self.now, &mut self.stage.rng).ok()?.emit().to_vec();
        self.double = Some(double);
        Some(vec![(Side::Sensor, reply.emit().to_vec()), (Side::Hub, own)])
    }
}

pub(super) fn between(stage: &mut Stage) -> Result<Verdict, Error> {
    let mut air = victims(stage);
    air.honest(VICTIM, &mut Transcript::muted())?;
    let mut log = std::mem::take(&mut stage.log);
    let before = [Side::Sensor, Side::Hub].map(|side| air.accepted(VICTIM, side));
    let now = air.now + super::air::PAUSE;
    let mut between = Between { stage, double: None, keys: Vec::new(), now };
    air.run(VICTIM, &mut between, &mut log)?;
    let keys = between.keys;
    stage.log = log;
    let owned = [Side::Sensor, Side::Hub].into_iter().zip(before).all(|(side, before)| {
        let secret = air.secret(VICTIM, side).unwrap_or_default();
        air.accepted(VICTIM, side) > before && keys.iter().any(|key| key == secret)
    });
    Ok(if owned {
        Verdict::falls(
            "with the guessed identity the attacker has one key with the sensor and one with the hub",
        )
    } else {
        Verdict::holds("the attacker does not get between both")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    #[test]
    fn a_long_identity_is_not_guessed() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let master = Value::random(&mut rng);
        let hub = crate::schemes::hash_l::LHub::new(crate::schemes::hash_l::HubState {
            master,
            relay: crate::schemes::hash_l::RelayName([0; 2]),
        });
        let mut sensor = LSensor::new(hub.enrol(Value::random(&mut rng), &mut rng));
        let request = sensor.request(std::time::Duration::from_secs(1), &mut rng).unwrap();
        assert_eq!(guess(&request), None);
        let mut sensor = LSensor::new(hub.enrol(Value::number(513), &mut rng));
        let request = sensor.request(std::time::Duration::from_secs(1), &mut rng).unwrap();
        assert_eq!(guess(&request), Some(Value::number(513)));
    }
}
