//! The schemes that the link is compared with: each asks and is answered by its own hub.

use crate::script::Script;
use crate::tape::Tape;
use bodywire_sim::schemes::identity_key::{Credential, KeyManager, Name, Point, Secret};
use bodywire_sim::schemes::{Hub, Message, Sensor, Value, ecc_eh, ecc_ez, hash_i, hash_l};
use std::error::Error;
use std::time::Duration;

/// Runs of the schemes that only hash.
const HASH_RUNS: u64 = 24;
/// Runs of the others: one takes some ten million instructions.
const CURVE_RUNS: u64 = 3;
/// The time of all runs, as in `src/schemes.rs`.
const NOW: Duration = Duration::from_secs(1_700_000_000);
const NAME: Name = Name { pid: 77, right: 2 };

/// What the image with this name plays.
pub(crate) struct Image {
    pub(crate) name: &'static str,
    pub(crate) script: Vec<u8>,
}

/// All schemes.
pub(crate) fn all() -> Result<[Image; 4], Box<dyn Error>> {
    let (mut l, mut i) = (Script::default(), Script::default());
    for seed in 0..HASH_RUNS {
        let mut tape = Tape::new(20_000 + seed);
        let mut hub = hash_l::LHub::new(hash_l::HubState {
            master: Value::random(&mut tape),
            relay: hash_l::RelayName(*b"IN"),
        });
        let state = hub.enrol(Value::random(&mut tape), &mut tape);
        l.put(b'r', &[state.id.0, state.a.0, state.b.0].concat());
        run(&mut l, hash_l::LSensor::new(state), &mut hub, tape)?;

        let mut tape = Tape::new(21_000 + seed);
        let mut hub = hash_i::IHub::new(Value::random(&mut tape));
        let state = hub.enrol(Value::random(&mut tape), &mut tape)?;
        i.put(b'r', &[state.id.0, state.k.0, state.p.0, state.v.0].concat());
        run(&mut i, hash_i::ISensor::new(state), &mut hub, tape)?;
    }
    let (mut ez, mut eh) = (Script::default(), Script::default());
    for seed in 0..CURVE_RUNS {
        let mut tape = Tape::new(22_000 + seed);
        let (credential, manager, secret) = enrol(&mut ez, &mut tape);
        let mut hub = ecc_ez::EzHub::new(ecc_ez::HubState { secret, manager });
        ez.put(b'a', &hub.public().to_bytes());
        let state = ecc_ez::SensorState { credential, access_point: *hub.public() };
        run(&mut ez, ecc_ez::EzSensor::new(state, &manager)?, &mut hub, tape)?;

        let mut tape = Tape::new(23_000 + seed);
        let (credential, manager, secret) = enrol(&mut eh, &mut tape);
        let mut hub = ecc_eh::EhHub::new(ecc_eh::HubState { secret, manager });
        eh.put(b'a', &hub.public().to_bytes());
        let state = ecc_eh::SensorState { credential, access_point: *hub.public() };
        run(&mut eh, ecc_eh::EhSensor::new(state, &manager)?, &mut hub, tape)?;
    }
    let scripts = [("hash_l", l), ("hash_i", i), ("ecc_ez", ez), ("ecc_eh", eh)];
    Ok(scripts.map(|(name, script)| Image { name, script: script.into_bytes() }))
}

/// A key manager issues a key; the image does the same again with the same randomness.
fn enrol(script: &mut Script, tape: &mut Tape) -> (Credential, Point, Secret) {
    tape.given();
    let manager = KeyManager::new(tape);
    let credential = manager.issue(NAME, tape);
    script.put(b'r', &tape.given());
    (credential, manager.public(), Secret::random(tape))
}

fn run<S, H>(script: &mut Script, mut sensor: S, hub: &mut H, mut tape: Tape) -> Result<(), Box<dyn Error>>
where
    S: Sensor,
    H: Hub<Request = S::Request, Reply = S::Reply>,
{
    tape.given();
    let request = sensor.request(NOW, &mut tape)?.emit();
    script.put(b'g', &tape.given()).put(b's', request.as_ref());
    let accepted = hub.answer(NOW, &S::Request::parse(request.as_ref())?, &mut tape)?;
    let reply = accepted.reply.emit();
    if sensor.finish(&S::Reply::parse(reply.as_ref())?)? != accepted.key {
        return Err("sensor and hub have different keys".into());
    }
    script.put(b'i', reply.as_ref()).put(b'k', accepted.key.as_bytes());
    Ok(())
}
