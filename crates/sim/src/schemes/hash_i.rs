//! HASH-BASED I: five hashes at the sensor, in the shape of Ibrahim, Kumari, Das, Wazid and Odelu, "Secure anonymous
//! mutual authentication for star two-tier wireless body area networks", Computer Methods and Programs in Biomedicine
//! 135, 2016. The message flow of that paper is not public; this is our construction of the phases that paper B tells.
//!
//! The hub remembers a master key `X` and the list of identities. A sensor remembers the tuple `id, k, p, v`, where `v`
//! is the check vector, and the hub replaces `p` and `v` in each run:
//!
//! ```text
//! enrol    k = h(X ‖ id);  p random;  v = id ^ h(X ‖ p)
//! request  n1 random;  c1 = h("1" ‖ k ‖ p ‖ v ‖ n1 ‖ t)                                   p 20 | v 20 | n1 20 | t 4 | c1 20
//! answer   id = v ^ h(X ‖ p), in the list?;  k = h(X ‖ id);  t and c1 are checked
//!          n2, p' random;  v' = id ^ h(X ‖ p')
//!          e = (p' ‖ v') ^ (h("m1" ‖ k ‖ n1 ‖ n2) ‖ h("m2" ‖ k ‖ n1 ‖ n2));  c2 = h("2" ‖ k ‖ n1 ‖ n2 ‖ e)      n2 20 | e 40 | c2 20
//! finish   c2 is checked;  p, v = p', v'
//! both     session key = h("s" ‖ k ‖ n1 ‖ n2)
//! ```
//!
//! 84 + 80 bytes; 5 hashes at the sensor, 8 at the hub. `k` never changes, and the hub does not remember `n1`.

use super::layout::{Fields, join};
use super::{Accepted, CLOCK_WINDOW, Hub, Message, Refusal, Sensor, SessionKey, VALUE_BYTES, Value};
use crate::Error;
use core::time::Duration;
use rand_core::CryptoRng;

/// Bytes of the time in a request.
const TIME_BYTES: usize = 4;
/// Bytes of a request.
pub const REQUEST_BYTES: usize = 4 * VALUE_BYTES + TIME_BYTES;
/// Bytes of a reply.
pub const REPLY_BYTES: usize = 4 * VALUE_BYTES;
/// Sensors of one hub: paper B simulates up to 15, and a list without a heap has an end.
pub const SENSORS_MAX: usize = 16;

/// What the sensor sends: `p 20 | v 20 | n1 20 | t 4 | c1 20`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The sensor's pseudonym.
    pub p: Value,
    /// The check vector.
    pub v: Value,
    /// The sensor's nonce.
    pub n1: Value,
    /// The sensor's time in seconds.
    pub t: u32,
    /// `h("1" ‖ k ‖ p ‖ v ‖ n1 ‖ t)`.
    pub c1: Value,
}

impl Message for Request {
    const BYTES: usize = REQUEST_BYTES;
    type Bytes = [u8; REQUEST_BYTES];

    fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::of("request of scheme I", bytes);
        let message = Self {
            p: Value(fields.take()?),
            v: Value(fields.take()?),
            n1: Value(fields.take()?),
            t: u32::from_be_bytes(fields.take()?),
            c1: Value(fields.take()?),
        };
        fields.end()?;
        Ok(message)
    }

    fn emit(&self) -> [u8; REQUEST_BYTES] {
        join(&[&self.p.0, &self.v.0, &self.n1.0, &self.t.to_be_bytes(), &self.c1.0])
    }
}

/// What the hub answers: `n2 20 | e 40 | c2 20`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The hub's nonce.
    pub n2: Value,
    /// The new pseudonym, masked.
    pub p: Value,
    /// The new check vector, masked.
    pub v: Value,
    /// `h("2" ‖ k ‖ n1 ‖ n2 ‖ e)`.
    pub c2: Value,
}

impl Message for Reply {
    const BYTES: usize = REPLY_BYTES;
    type Bytes = [u8; REPLY_BYTES];

    fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::of("reply of scheme I", bytes);
        let message = Self {
            n2: Value(fields.take()?),
            p: Value(fields.take()?),
            v: Value(fields.take()?),
            c2: Value(fields.take()?),
        };
        fields.end()?;
        Ok(message)
    }

    fn emit(&self) -> [u8; REPLY_BYTES] {
        join(&[&self.n2.0, &self.p.0, &self.v.0, &self.c2.0])
    }
}

/// What a sensor remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SensorState {
    /// Its identity.
    pub id: Value,
    /// The key it shares with the hub for ever.
    pub k: Value,
    /// Its pseudonym.
    pub p: Value,
    /// Its check vector.
    pub v: Value,
}

/// A sensor.
#[derive(Debug, Clone)]
pub struct ISensor {
    state: SensorState,
    /// The nonce of an open run.
    run: Option<Value>,
}

impl ISensor {
    /// A sensor with what it was given at enrolment, or what it remembers.
    pub const fn new(state: SensorState) -> Self {
        Self { state, run: None }
    }

    /// What it remembers.
    pub const fn state(&self) -> &SensorState {
        &self.state
    }
}

impl Sensor for ISensor {
    type Request = Request;
    type Reply = Reply;
    const STORED_BITS: usize = 4 * VALUE_BYTES * 8;

    fn request(&mut self, now: Duration, rng: &mut impl CryptoRng) -> Result<Request, Error> {
        let SensorState { k, p, v, .. } = &self.state;
        let (n1, t) = (Value::random(rng), seconds(now)?);
        let c1 = request_tag(k, p, v, &n1, t);
        self.run = Some(n1.clone());
        Ok(Request { p: p.clone(), v: v.clone(), n1, t, c1 })
    }

    fn finish(&mut self, reply: &Reply) -> Result<SessionKey, Error> {
        let n1 = self.run.as_ref().ok_or(Error::Refused(Refusal::Unasked))?;
        let k = &self.state.k;
        if reply_tag(k, n1, reply) != reply.c2 {
            return Err(Error::Refused(Refusal::BadTag));
        }
        let key = session_key(k, n1, &reply.n2);
        let (p, v) = masks(k, n1, &reply.n2);
        (self.state.p, self.state.v) = (&reply.p ^ &p, &reply.v ^ &v);
        self.run = None;
        Ok(key)
    }
}

/// What a hub remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubState {
    /// `X`.
    pub master: Value,
    /// The sensors it knows.
    pub sensors: [Option<Value>; SENSORS_MAX],
}

/// A hub.
#[derive(Debug, Clone)]
pub struct IHub {
    state: HubState,
}

impl IHub {
    /// A hub that knows no sensor yet.
    pub fn new(master: Value) -> Self {
        Self { state: HubState { master, sensors: [const { None }; SENSORS_MAX] } }
    }

    /// What it remembers.
    pub const fn state(&self) -> &HubState {
        &self.state
    }

    /// Adds a sensor and returns what it is given. Fails when the list is full.
    pub fn enrol(&mut self, id: Value, rng: &mut impl CryptoRng) -> Result<SensorState, Error> {
        let known = self.state.sensors.iter().position(|known| known.as_ref() == Some(&id));
        let free = known.or_else(|| self.state.sensors.iter().position(Option::is_none));
        let slot = free.and_then(|at| self.state.sensors.get_mut(at));
        *slot.ok_or(Error::Limit { limit: "SENSORS_MAX", value: SENSORS_MAX as u64 })? = Some(id.clone());
        let p = Value::random(rng);
        Ok(SensorState { k: self.hash(&id), v: &id ^ &self.hash(&p), p, id })
    }

    /// `h(X ‖ value)`.
    fn hash(&self, value: &Value) -> Value {
        Value::hash(&[&self.state.master.0, &value.0])
    }
}

impl Hub for IHub {
    type Request = Request;
    type Reply = Reply;
    type Identity = Value;
    const STORED_BITS: usize = VALUE_BYTES * 8;
    const STORED_BITS_PER_SENSOR: usize = VALUE_BYTES * 8;

    fn answer(
        &mut self,
        now: Duration,
        request: &Request,
        rng: &mut impl CryptoRng,
    ) -> Result<Accepted<Value, Reply>, Error> {
        let Request { p, v, n1, t, c1 } = request;
        if seconds(now)?.abs_diff(*t) > CLOCK_WINDOW.as_secs() as u32 {
            return Err(Error::Refused(Refusal::Stale));
        }
        let id = v ^ &self.hash(p);
        if !self.state.sensors.iter().flatten().any(|known| *known == id) {
            return Err(Error::Refused(Refusal::UnknownSensor));
        }
        let k = self.hash(&id);
        if request_tag(&k, p, v, n1, *t) != *c1 {
            return Err(Error::Refused(Refusal::BadTag));
        }
        let (n2, p) = (Value::random(rng), Value::random(rng));
        let v = &id ^ &self.hash(&p);
        let (mask_p, mask_v) = masks(&k, n1, &n2);
        let key = session_key(&k, n1, &n2);
        let mut reply = Reply { n2, p: &p ^ &mask_p, v: &v ^ &mask_v, c2: Value::number(0) };
        reply.c2 = reply_tag(&k, n1, &reply);
        Ok(Accepted { identity: id, reply, key })
    }
}

/// `c1 = h("1" ‖ k ‖ p ‖ v ‖ n1 ‖ t)`.
pub fn request_tag(k: &Value, p: &Value, v: &Value, n1: &Value, t: u32) -> Value {
    Value::hash(&[b"1", &k.0, &p.0, &v.0, &n1.0, &t.to_be_bytes()])
}

/// `c2 = h("2" ‖ k ‖ n1 ‖ n2 ‖ e)`; the reply's own `c2` is left out.
pub fn reply_tag(k: &Value, n1: &Value, reply: &Reply) -> Value {
    Value::hash(&[b"2", &k.0, &n1.0, &reply.n2.0, &reply.p.0, &reply.v.0])
}

/// `h("m1" ‖ k ‖ n1 ‖ n2)` and `h("m2" ‖ k ‖ n1 ‖ n2)`.
pub fn masks(k: &Value, n1: &Value, n2: &Value) -> (Value, Value) {
    let mask = |label: &[u8]| Value::hash(&[label, &k.0, &n1.0, &n2.0]);
    (mask(b"m1"), mask(b"m2"))
}

/// `h("s" ‖ k ‖ n1 ‖ n2)`.
pub fn session_key(k: &Value, n1: &Value, n2: &Value) -> SessionKey {
    SessionKey::new(Value::hash(&[b"s", &k.0, &n1.0, &n2.0]).0)
}

fn seconds(now: Duration) -> Result<u32, Error> {
    u32::try_from(now.as_secs()).map_err(|_| Error::Misuse("scheme I has 32 bits for the time in seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schemes::bits_on_the_air;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    const NOW: Duration = Duration::from_secs(1_700_000_000);

    fn enrolled() -> (ISensor, IHub, ChaCha20Rng) {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut hub = IHub::new(Value::random(&mut rng));
        let sensor = ISensor::new(hub.enrol(Value::number(77), &mut rng).unwrap());
        (sensor, hub, rng)
    }

    #[test]
    fn both_sides_agree_again_and_again() {
        let (mut sensor, mut hub, mut rng) = enrolled();
        let mut keys = [const { None }; 3];
        for key in &mut keys {
            let before = sensor.state().clone();
            let request = sensor.request(NOW, &mut rng).unwrap().emit();
            let accepted = hub.answer(NOW, &Request::parse(&request).unwrap(), &mut rng).unwrap();
            let reply = accepted.reply.emit();
            let agreed = sensor.finish(&Reply::parse(&reply).unwrap()).unwrap();
            assert_eq!((&agreed, accepted.identity), (&accepted.key, Value::number(77)));
            assert!(sensor.state().p != before.p && sensor.state().k == before.k);
            *key = Some(agreed);
        }
        assert!(keys[0] != keys[1] && keys[1] != keys[2]);
    }

    #[test]
    fn sizes_are_those_of_the_construction() {
        assert_eq!(bits_on_the_air::<ISensor>(), 1_312);
        assert_eq!((ISensor::STORED_BITS, IHub::STORED_BITS, IHub::STORED_BITS_PER_SENSOR), (640, 160, 160));
        let (sensor, hub, _) = enrolled();
        let SensorState { id, k, p, v } = sensor.state();
        assert_eq!((id.0.len() + k.0.len() + p.0.len() + v.0.len()) * 8, ISensor::STORED_BITS);
        let listed: usize = hub.state().sensors.iter().flatten().map(|id| id.0.len() * 8).sum();
        assert_eq!(listed, IHub::STORED_BITS_PER_SENSOR);
    }

    #[test]
    fn changed_and_old_messages_are_refused() {
        let (mut sensor, mut hub, mut rng) = enrolled();
        let request = sensor.request(NOW, &mut rng).unwrap();
        for byte in 0..REQUEST_BYTES {
            let mut changed = request.emit();
            changed[byte] ^= 1;
            let changed = Request::parse(&changed).unwrap();
            assert!(hub.answer(NOW, &changed, &mut rng).is_err(), "byte {byte}");
        }
        let late = hub.answer(NOW + CLOCK_WINDOW + Duration::from_secs(1), &request, &mut rng);
        assert!(matches!(late, Err(Error::Refused(Refusal::Stale))));
        let reply = hub.answer(NOW, &request, &mut rng).unwrap().reply;
        for byte in 0..REPLY_BYTES {
            let mut changed = reply.emit();
            changed[byte] ^= 1;
            let refused = sensor.finish(&Reply::parse(&changed).unwrap());
            assert!(matches!(refused, Err(Error::Refused(Refusal::BadTag))), "byte {byte}");
        }
        assert!(sensor.finish(&reply).is_ok());
        assert!(matches!(sensor.finish(&reply), Err(Error::Refused(Refusal::Unasked))));
        assert!(Request::parse(&[0; 83]).is_err() && Request::parse(&[0; 85]).is_err());
        assert!(Reply::parse(&[0; 79]).is_err() && Reply::parse(&[0; 81]).is_err());
    }

    #[test]
    fn a_lost_reply_does_no_harm() {
        let (mut sensor, mut hub, mut rng) = enrolled();
        let lost = sensor.request(NOW, &mut rng).unwrap();
        assert!(hub.answer(NOW, &lost, &mut rng).is_ok());
        let request = sensor.request(NOW, &mut rng).unwrap();
        let accepted = hub.answer(NOW, &request, &mut rng).unwrap();
        assert_eq!(sensor.finish(&accepted.reply).unwrap(), accepted.key);
    }

    #[test]
    fn the_list_of_sensors_decides_and_has_an_end() {
        let (_, mut hub, mut rng) = enrolled();
        // Known to another hub with the same master key, unknown to this one.
        let mut other = IHub::new(hub.state().master.clone());
        let mut stranger = ISensor::new(other.enrol(Value::number(78), &mut rng).unwrap());
        let request = stranger.request(NOW, &mut rng).unwrap();
        let refused = hub.answer(NOW, &request, &mut rng);
        assert!(matches!(refused, Err(Error::Refused(Refusal::UnknownSensor))));
        for number in 100..100 + SENSORS_MAX as u32 - 1 {
            assert!(hub.enrol(Value::number(number), &mut rng).is_ok());
        }
        assert!(hub.enrol(Value::number(77), &mut rng).is_ok(), "it is in the list");
        assert!(matches!(hub.enrol(Value::number(99), &mut rng), Err(Error::Limit { .. })));
    }
}
