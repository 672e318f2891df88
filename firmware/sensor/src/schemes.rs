//! Plays the schemes that the link is compared with.

use crate::aligned::Aligned;
use crate::fixed_rng::FixedRng;
use crate::meter::{Meter, leave};
use crate::script::Script;
use bodywire_sim::schemes::identity_key::{Credential, KeyManager, Name, Point};
use bodywire_sim::schemes::{Message, Sensor, SessionKey, VALUE_BYTES, Value};
use core::mem::size_of;
use core::time::Duration;

/// The time of all runs, as in `generate/schemes.rs`.
const NOW: Duration = Duration::from_secs(1_700_000_000);
const NAME: Name = Name { pid: 77, right: 2 };

struct Run<S> {
    sensor: S,
    rng: FixedRng,
    sent: Aligned,
    received: Aligned,
    key: Option<SessionKey>,
}

/// Plays all runs of a script. `enrolled` makes the sensor of a run; `names` are those of its two steps.
pub fn play<S: Sensor>(script: &'static [u8], names: [&str; 2], enrolled: fn(&mut Script) -> Option<S>) -> ! {
    let mut meter = Meter::start();
    meter.note("script_bytes", script.len());
    meter.note("state_bytes", size_of::<S>());
    let mut script = Script::new(script);
    while !script.is_at_end() {
        let Some(sensor) = enrolled(&mut script) else { leave(false) };
        let rng = FixedRng::new(script.need(b'g'));
        let mut run = Run { sensor, rng, sent: Aligned::EMPTY, received: Aligned::EMPTY, key: None };
        let [request, reply] = names;
        meter.region(request, &mut run, |run| {
            if let Ok(request) = run.sensor.request(NOW, &mut run.rng) {
                run.sent.put(request.emit().as_ref());
            }
        });
        meter.air(run.sent.as_bytes().len());
        meter.check(run.rng.is_used_up(), request);
        meter.check(run.sent.as_bytes() == script.need(b's'), "the request is the one the hub accepted");
        run.received = Aligned::copy_of(script.need(b'i'));
        meter.region(reply, &mut run, |run| {
            let reply = S::Reply::parse(run.received.as_bytes());
            run.key = reply.and_then(|reply| run.sensor.finish(&reply)).ok();
        });
        meter.air(run.received.as_bytes().len());
        let key = run.key.as_ref().map_or(&[][..], SessionKey::as_bytes);
        meter.check(key == script.need(b'k'), "the key is the hub's");
    }
    meter.done()
}

/// The values a sensor of the hash-based schemes remembers.
pub fn values<const N: usize>(script: &mut Script) -> Option<[Value; N]> {
    let mut values = [const { Value([0; VALUE_BYTES]) }; N];
    for (value, bytes) in values.iter_mut().zip(script.need(b'r').chunks_exact(VALUE_BYTES)) {
        value.0.copy_from_slice(bytes);
    }
    Some(values)
}

/// The key of a sensor of the elliptic-curve schemes, the manager that issued it, and the hub's public key.
pub fn credential(script: &mut Script) -> Option<(Credential, Point, Point)> {
    let mut rng = FixedRng::new(script.need(b'r'));
    let manager = KeyManager::new(&mut rng);
    let credential = manager.issue(NAME, &mut rng);
    let access_point = Point::parse(script.need(b'a').try_into().ok()?).ok()?;
    Some((credential, manager.public(), access_point))
}
