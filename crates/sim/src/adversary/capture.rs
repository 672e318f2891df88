//! Attackers that are given something: keys, a database, or a whole device.

use super::air::{Air, Frame, OTHER, Side, Target, VICTIM};
use super::exchange::{self, Eh, Exchange, Ez, I, L};
use super::{Scheme, Stage, Verdict, hash_l, seizure, toolbox};
use crate::Error;
use crate::schemes::hash_i::{self, ISensor};
use crate::schemes::hash_l::LSensor;
use crate::schemes::identity_key::Credential;
use crate::schemes::{Hub, Message, Sensor, SessionKey, ecc_eh, ecc_ez};

/// When the keys are taken.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Capture {
    /// Before the sessions that are attacked.
    Before,
    /// After them.
    After,
}

/// Takes the keys, then listens to later sessions.
pub(super) fn forward(stage: &mut Stage) -> Result<Verdict, Error> {
    captured(stage, Capture::Before)
}

/// Has recorded a session, then takes the keys.
pub(super) fn backward(stage: &mut Stage) -> Result<Verdict, Error> {
    captured(stage, Capture::After)
}

fn captured(stage: &mut Stage, when: Capture) -> Result<Verdict, Error> {
    let seed = stage.seed;
    let (open, how) = match stage.scheme {
        Scheme::Paper | Scheme::Hardened => return seizure::keys(stage, when),
        Scheme::HashL => {
            let air = Air::new(Box::new(exchange::hash_l(seed)));
            (
                listened(
                    stage,
                    air,
                    when,
                    |victims: &L| victims.sensors[VICTIM].state().id.clone(),
                    |id, frames| {
                        let (request, reply) = hash_l::parsed(frames)?;
                        Some(hash_l::open(id, &request, &reply))
                    },
                )?,
                "the identity opens every session, past and future",
            )
        }
        Scheme::HashI => {
            let air = Air::new(Box::new(exchange::hash_i(seed)?));
            (
                listened(
                    stage,
                    air,
                    when,
                    |victims: &I| victims.sensors[VICTIM].state().k.clone(),
                    |k, frames| {
                        let (request, reply) = parsed::<hash_i::Request, hash_i::Reply>(frames)?;
                        Some(hash_i::session_key(k, &request.n1, &reply.n2))
                    },
                )?,
                "the key k never changes and both nonces are on the air",
            )
        }
        Scheme::EccEz => {
            let air = Air::new(Box::new(exchange::ecc_ez(seed)?));
            (
                listened(
                    stage,
                    air,
                    when,
                    |victims: &Ez| victims.hub.state().secret.clone(),
                    |secret, frames| {
                        let (request, _) = parsed::<ecc_ez::Request, ecc_ez::Reply>(frames)?;
                        let ecc_ez::Request { pid, x, t, .. } = request;
                        let secrets = ecc_ez::RunSecrets { x, shared: secret.shared_with(&x), t };
                        Some(secrets.session_key(pid))
                    },
                )?,
                "the access point's private key opens every recorded X",
            )
        }
        Scheme::EccEh => {
            let air = Air::new(Box::new(exchange::ecc_eh(seed)?));
            let take = |victims: &Eh| {
                let credential = victims.sensors[VICTIM].state().credential.clone();
                (victims.hub.clone(), credential)
            };
            (
                listened(stage, air, when, take, |(hub, credential), frames| {
                    open_eh(hub, credential, frames)
                })?,
                "with both private keys x = (U - s_C) / v gives the session key; each alone was meant to open nothing",
            )
        }
    };
    Ok(if open { Verdict::falls(how) } else { Verdict::holds("the keys do not open the session") })
}

/// The session key of a recorded run of scheme E-H, from both private keys: the access point's opens `W`, and the sensor's
/// turns the signature in it into the sensor's one-time secret.
fn open_eh(hub: &ecc_eh::EhHub, credential: &Credential, frames: &[Frame]) -> Option<SessionKey> {
    let (request, reply) = parsed::<ecc_eh::Request, ecc_eh::Reply>(frames)?;
    let shared = hub.state().secret.shared_with(&request.x);
    let secrets = ecc_eh::RunSecrets { x: request.x, shared, t: request.t };
    let (statement, u) = secrets.open(&request).ok()?;
    let x = credential.drawn_for(&u, &secrets.challenge(&statement, hub.public()))?;
    Some(secrets.session_key(statement.name.pid, &reply.y, &x.shared_with(&reply.y)))
}

/// The messages of a recorded run of a scheme with a request and a reply.
fn parsed<Q: Message, P: Message>(frames: &[Frame]) -> Option<(Q, P)> {
    let [request, reply] = frames else { return None };
    Some((Q::parse(&request.bytes).ok()?, P::parse(&reply.bytes).ok()?))
}

/// Records a session before or after the keys are taken. True when the attacker's key is the victims'.
fn listened<T: Target, M>(
    stage: &mut Stage,
    mut air: Air<T>,
    when: Capture,
    take: impl Fn(&T) -> M,
    open: impl Fn(&M, &[Frame]) -> Option<SessionKey>,
) -> Result<bool, Error> {
    let log = &mut stage.log;
    let (memory, frames) = match when {
        Capture::After => {
            let (_, frames) = air.honest(VICTIM, log)?;
            log.note("attacker", "takes the keys of sensor and hub");
            (take(&air.target), frames)
        }
        Capture::Before => {
            log.note("attacker", "takes the keys of sensor and hub");
            let memory = take(&air.target);
            air.honest(VICTIM, log)?;
            (memory, air.honest(VICTIM, log)?.1)
        }
    };
    let Some(key) = open(&memory, &frames) else { return Ok(false) };
    log.bytes("attacker", "computes the session key", key.as_bytes());
    Ok(air.secret(VICTIM, Side::Hub) == Some(key.as_bytes()))
}

/// Takes what the hub keeps of each sensor, but no key.
pub(super) fn database(stage: &mut Stage) -> Result<Verdict, Error> {
    let kept = match stage.scheme {
        Scheme::Paper | Scheme::Hardened => return seizure::database(stage),
        Scheme::HashL => <crate::schemes::hash_l::LHub as Hub>::STORED_BITS_PER_SENSOR,
        Scheme::HashI => <hash_i::IHub as Hub>::STORED_BITS_PER_SENSOR,
        Scheme::EccEz => <ecc_ez::EzHub as Hub>::STORED_BITS_PER_SENSOR,
        Scheme::EccEh => <ecc_eh::EhHub as Hub>::STORED_BITS_PER_SENSOR,
    };
    stage.log.note("hub", format!("keeps {kept} bits of each sensor"));
    if kept == 0 {
        return Ok(Verdict::holds("the hub keeps nothing of a sensor, so that there is nothing to take"));
    }
    let mut air = Air::new(Box::new(exchange::hash_i(stage.seed)?));
    let (_, frames) = air.honest(VICTIM, &mut stage.log)?;
    let list: Vec<Vec<u8>> =
        air.target.hub.state().sensors.iter().flatten().map(|id| id.0.to_vec()).collect();
    let secret = air.secret(VICTIM, Side::Hub).unwrap_or_default();
    let known: Vec<&[u8]> = list.iter().map(Vec::as_slice).collect();
    let heard: Vec<&[u8]> = frames.iter().map(|frame| frame.bytes.as_slice()).collect();
    let search = toolbox::search(&heard, &known, secret);
    stage.log.note("attacker", format!("tries {} candidates made of the list and the run", search.tried));
    Ok(match search.found {
        Some(how) => Verdict::falls(format!("the list of identities opens the session: {how}")),
        None => Verdict::holds("the hub's list of identities opens no session without its master key"),
    })
}

/// Takes all that a sensor remembers and is.
pub(super) fn both(stage: &mut Stage) -> Result<Verdict, Error> {
    let seed = stage.seed;
    let accepted = match stage.scheme {
        Scheme::Paper | Scheme::Hardened => return seizure::both(stage),
        Scheme::HashL => cloned(stage, exchange::hash_l(seed))?,
        Scheme::HashI => cloned(stage, exchange::hash_i(seed)?)?,
        Scheme::EccEz => cloned(stage, exchange::ecc_ez(seed)?)?,
        Scheme::EccEh => cloned(stage, exchange::ecc_eh(seed)?)?,
    };
    Ok(if accepted {
        Verdict::limit(
            "a copy of all that the sensor remembers is the sensor; nothing on the link can tell them apart",
        )
    } else {
        Verdict::holds("the hub refuses a copy of the sensor")
    })
}

/// The key manager issues itself a key with the victim's name.
pub(super) fn manager(stage: &mut Stage) -> Result<Option<Verdict>, Error> {
    let issued = "the key manager issues itself a key in the sensor's name";
    let accepted = match stage.scheme {
        Scheme::EccEz => {
            let mut air = Air::new(Box::new(exchange::ecc_ez(stage.seed)?));
            let Some(manager) = air.target.manager.clone() else { return Ok(None) };
            let mut state = air.target.sensors[VICTIM].state().clone();
            state.credential = manager.issue(state.credential.statement.name, &mut stage.rng);
            stage.log.note("attacker", issued);
            present(stage, &mut air, &mut ecc_ez::EzSensor::resume(state))?
        }
        Scheme::EccEh => {
            let mut air = Air::new(Box::new(exchange::ecc_eh(stage.seed)?));
            let Some(manager) = air.target.manager.clone() else { return Ok(None) };
            let mut state = air.target.sensors[VICTIM].state().clone();
            state.credential = manager.issue(state.credential.statement.name, &mut stage.rng);
            stage.log.note("attacker", issued);
            present(stage, &mut air, &mut ecc_eh::EhSensor::resume(state))?
        }
        _ => return Ok(None),
    };
    Ok(Some(if accepted {
        Verdict::falls("who issues the keys can be any sensor: escrow is part of the construction")
    } else {
        Verdict::holds("the hub refuses the manager's key")
    }))
}

/// A copy of the victim's sensor runs against the hub. True when it ends with the hub's key.
fn cloned<S, H>(stage: &mut Stage, victims: Exchange<S, H>) -> Result<bool, Error>
where
    S: Sensor + Clone,
    H: Hub<Request = S::Request, Reply = S::Reply>,
{
    let mut copy = victims.sensors[VICTIM].clone();
    let mut air = Air::new(Box::new(victims));
    stage.log.note("attacker", "copies the sensor's memory");
    present(stage, &mut air, &mut copy)
}

/// The attacker's sensor runs against the real hub. True when both have the same key.
fn present<S, H>(stage: &mut Stage, air: &mut Air<Exchange<S, H>>, double: &mut S) -> Result<bool, Error>
where
    S: Sensor,
    H: Hub<Request = S::Request, Reply = S::Reply>,
{
    let request = double.request(air.now, &mut stage.rng)?.emit();
    let answers = air.inject(VICTIM, Side::Hub, request.as_ref(), &mut stage.log);
    let Some(Ok(reply)) = answers.first().map(|reply| S::Reply::parse(reply)) else { return Ok(false) };
    let Ok(key) = double.finish(&reply) else { return Ok(false) };
    stage.log.bytes("attacker", "computes the session key", key.as_bytes());
    Ok(air.secret(VICTIM, Side::Hub) == Some(key.as_bytes()))
}

/// Takes the second sensor with everything in it and attacks the first.
pub(super) fn node(stage: &mut Stage) -> Result<Verdict, Error> {
    let seed = stage.seed;
    match stage.scheme {
        Scheme::Paper | Scheme::Hardened => seizure::node(stage),
        Scheme::HashL => node_l(stage),
        Scheme::HashI => {
            let mut air = Air::new(Box::new(exchange::hash_i(seed)?));
            let (_, frames) = air.honest(VICTIM, &mut stage.log)?;
            let Some((request, _)) = parsed::<hash_i::Request, hash_i::Reply>(&frames) else {
                return Ok(Verdict::holds("nothing was heard"));
            };
            let captured = air.target.sensors[OTHER].state().clone();
            let memory = [&captured.id, &captured.k, &captured.p, &captured.v].map(|value| value.0.to_vec());
            let mut double = ISensor::new(hash_i::SensorState { p: request.p, v: request.v, ..captured });
            let accepted = present(stage, &mut air, &mut double)?;
            Ok(node_verdict(stage, &air, &frames, &memory, accepted))
        }
        Scheme::EccEz => {
            let mut air = Air::new(Box::new(exchange::ecc_ez(seed)?));
            let (_, frames) = air.honest(VICTIM, &mut stage.log)?;
            let mut state = air.target.sensors[OTHER].state().clone();
            state.credential.statement.name = air.target.sensors[VICTIM].state().credential.statement.name;
            let memory = [
                state.credential.statement.to_bytes().to_vec(),
                state.credential.secret().to_bytes().to_vec(),
            ];
            let accepted = present(stage, &mut air, &mut ecc_ez::EzSensor::resume(state))?;
            Ok(node_verdict(stage, &air, &frames, &memory, accepted))
        }
        Scheme::EccEh => {
            let mut air = Air::new(Box::new(exchange::ecc_eh(seed)?));
            let (_, frames) = air.honest(VICTIM, &mut stage.log)?;
            let mut state = air.target.sensors[OTHER].state().clone();
            state.credential.statement.name = air.target.sensors[VICTIM].state().credential.statement.name;
            let memory = [
                state.credential.statement.to_bytes().to_vec(),
                state.credential.secret().to_bytes().to_vec(),
            ];
            let accepted = present(stage, &mut air, &mut ecc_eh::EhSensor::resume(state))?;
            Ok(node_verdict(stage, &air, &frames, &memory, accepted))
        }
    }
}

/// Whether the captured sensor was taken for the other one, or its memory opens the other one's session.
fn node_verdict<T: Target>(
    stage: &mut Stage,
    air: &Air<T>,
    frames: &[Frame],
    memory: &[Vec<u8>],
    accepted: bool,
) -> Verdict {
    if accepted {
        return Verdict::falls("the hub takes the captured sensor for another one");
    }
    let heard: Vec<&[u8]> = frames.iter().map(|frame| frame.bytes.as_slice()).collect();
    let known: Vec<&[u8]> = memory.iter().map(Vec::as_slice).collect();
    let search = toolbox::search(&heard, &known, air.secret(VICTIM, Side::Sensor).unwrap_or_default());
    stage.log.note("attacker", format!("tries {} candidates with the captured memory", search.tried));
    match search.found {
        Some(how) => Verdict::falls(format!("the captured memory opens another sensor's session: {how}")),
        None => Verdict::holds("what one sensor has neither passes for another one nor opens its session"),
    }
}

/// Scheme L: what one sensor has makes any other.
fn node_l(stage: &mut Stage) -> Result<Verdict, Error> {
    let mut air = Air::new(Box::new(exchange::hash_l(stage.seed)));
    let (_, frames) = air.honest(VICTIM, &mut stage.log)?;
    let Some(id) = hash_l::parsed(&frames).and_then(|(request, _)| hash_l::guess(&request)) else {
        return Ok(Verdict::holds("the other sensor's identity was not found"));
    };
    let captured = air.target.sensors[OTHER].state().clone();
    let mut double = LSensor::new(hash_l::forged_state(&captured, id.clone()));
    let accepted = present(stage, &mut air, &mut double)?;
    Ok(if accepted && air.target.identified == Some(id) {
        Verdict::falls("one captured sensor makes a valid pair (a, b) for any other identity")
    } else {
        Verdict::holds("the hub refuses the forged identity")
    })
}
