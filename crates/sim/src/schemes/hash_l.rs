//! HASH-BASED L: the scheme of Li, Ibrahim, Kumari, Sangaiah, Gupta and Choo, "Anonymous mutual authentication and key
//! agreement scheme for wearable sensors in wireless body area networks", Computer Networks 129, 2017.
//!
//! The hub remembers one master key `k_H` and nothing of any sensor. A sensor remembers its identity `id` and the pair
//! `(a, b)`, which the hub replaces in each run:
//!
//! ```text
//! enrol    k random;  a = id ^ h(k_H ‖ k);  b = k_H ^ a ^ k
//! request  r random;  x = a ^ id;  y = x ^ r;  tid = h((id ^ t) ‖ r)                        tid 20 | y 20 | a 20 | b 20 | t 4
//! answer   k = k_H ^ a ^ b;  x = h(k_H ‖ k);  id = a ^ x;  r = x ^ y;  t and tid are checked
//!          f, k+ random;  alpha = x ^ f;  gamma = r ^ f;  a+ = id ^ h(k_H ‖ k+);  b+ = k_H ^ a+ ^ k+
//!          eta = gamma ^ a+;  mu = gamma ^ b+;  beta = h(x ‖ r ‖ f ‖ eta ‖ mu)               alpha 20 | beta 20 | eta 20 | mu 20
//! finish   f = x ^ alpha;  beta is checked;  a = gamma ^ eta;  b = gamma ^ mu
//! both     session key = h(id ‖ r ‖ f ‖ x)
//! ```
//!
//! 84 + 80 bytes, 3 hashes at the sensor, 5 at the hub. In the paper a relay stands between them and adds the two bytes
//! of its name on both ways.
//!
//! `id` is the only secret and `a` is sent in the clear, so that whoever has `id` has `x`, and with it every session.

use super::layout::{Fields, join};
use super::{Accepted, CLOCK_WINDOW, Hub, Message, Refusal, Sensor, SessionKey, VALUE_BYTES, Value};
use crate::Error;
use core::time::Duration;
use rand_core::CryptoRng;

/// Bytes of the time in a request.
const TIME_BYTES: usize = 4;
/// Bytes of a relay's name.
pub const RELAY_NAME_BYTES: usize = 2;
/// Bytes of a request.
pub const REQUEST_BYTES: usize = 4 * VALUE_BYTES + TIME_BYTES;
/// Bytes of a reply.
pub const REPLY_BYTES: usize = 4 * VALUE_BYTES;

/// What the sensor sends: `tid 20 | y 20 | a 20 | b 20 | t 4`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `h((id ^ t) ‖ r)`.
    pub tid: Value,
    /// `x ^ r`.
    pub y: Value,
    /// The first half of the sensor's pair.
    pub a: Value,
    /// The second half.
    pub b: Value,
    /// The sensor's time in seconds.
    pub t: u32,
}

impl Message for Request {
    const BYTES: usize = REQUEST_BYTES;
    type Bytes = [u8; REQUEST_BYTES];

    fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::of("request of scheme L", bytes);
        let message = Self {
            tid: Value(fields.take()?),
            y: Value(fields.take()?),
            a: Value(fields.take()?),
            b: Value(fields.take()?),
            t: u32::from_be_bytes(fields.take()?),
        };
        fields.end()?;
        Ok(message)
    }

    fn emit(&self) -> [u8; REQUEST_BYTES] {
        join(&[&self.tid.0, &self.y.0, &self.a.0, &self.b.0, &self.t.to_be_bytes()])
    }
}

/// What the hub answers: `alpha 20 | beta 20 | eta 20 | mu 20`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// `x ^ f`.
    pub alpha: Value,
    /// `h(x ‖ r ‖ f ‖ eta ‖ mu)`.
    pub beta: Value,
    /// The new `a`, masked.
    pub eta: Value,
    /// The new `b`, masked.
    pub mu: Value,
}

impl Message for Reply {
    const BYTES: usize = REPLY_BYTES;
    type Bytes = [u8; REPLY_BYTES];

    fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::of("reply of scheme L", bytes);
        let message = Self {
            alpha: Value(fields.take()?),
            beta: Value(fields.take()?),
            eta: Value(fields.take()?),
            mu: Value(fields.take()?),
        };
        fields.end()?;
        Ok(message)
    }

    fn emit(&self) -> [u8; REPLY_BYTES] {
        join(&[&self.alpha.0, &self.beta.0, &self.eta.0, &self.mu.0])
    }
}

/// The name of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayName(pub [u8; RELAY_NAME_BYTES]);

/// A message between relay and hub: the message, then the relay's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relayed<M> {
    /// What the sensor sends or is sent.
    pub message: M,
    /// Through whom.
    pub relay: RelayName,
}

impl<M: Message> Relayed<M> {
    /// Its length.
    pub const BYTES: usize = M::BYTES + RELAY_NAME_BYTES;

    /// Reads a relayed message.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let (message, name) = bytes
            .split_last_chunk()
            .ok_or(Error::Malformed { what: "relayed message", why: "it is too short" })?;
        Ok(Self { message: M::parse(message)?, relay: RelayName(*name) })
    }

    /// Writes the bytes on the air into `out` and returns how many there are.
    pub fn emit<'o>(&self, out: &'o mut [u8]) -> Result<&'o [u8], Error> {
        let out = out.get_mut(..Self::BYTES).ok_or(Error::Misuse("the buffer is too small"))?;
        let message = self.message.emit();
        let bytes = message.as_ref().iter().chain(&self.relay.0);
        out.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = *byte);
        Ok(out)
    }
}

/// What a sensor remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SensorState {
    /// Its identity, the only secret.
    pub id: Value,
    /// The first half of its pair; sent in the clear.
    pub a: Value,
    /// The second half; sent in the clear.
    pub b: Value,
}

/// A sensor.
#[derive(Debug, Clone)]
pub struct LSensor {
    state: SensorState,
    run: Option<Run>,
}

/// An open run.
#[derive(Debug, Clone)]
struct Run {
    x: Value,
    r: Value,
}

impl LSensor {
    /// A sensor with what it was given at enrolment, or what it remembers.
    pub const fn new(state: SensorState) -> Self {
        Self { state, run: None }
    }

    /// What it remembers.
    pub const fn state(&self) -> &SensorState {
        &self.state
    }
}

impl Sensor for LSensor {
    type Request = Request;
    type Reply = Reply;
    const STORED_BITS: usize = 3 * VALUE_BYTES * 8;

    fn request(&mut self, now: Duration, rng: &mut impl CryptoRng) -> Result<Request, Error> {
        let SensorState { id, a, b } = &self.state;
        let t = seconds(now)?;
        let r = Value::random(rng);
        let x = a ^ id;
        let y = &x ^ &r;
        let tid = pseudonym(id, t, &r);
        self.run = Some(Run { x, r });
        Ok(Request { tid, y, a: a.clone(), b: b.clone(), t })
    }

    fn finish(&mut self, reply: &Reply) -> Result<SessionKey, Error> {
        let Run { x, r } = self.run.as_ref().ok_or(Error::Refused(Refusal::Unasked))?;
        let f = x ^ &reply.alpha;
        if proof(x, r, &f, &reply.eta, &reply.mu) != reply.beta {
            return Err(Error::Refused(Refusal::BadTag));
        }
        let gamma = r ^ &f;
        let key = session_key(&self.state.id, r, &f, x);
        self.state.a = &gamma ^ &reply.eta;
        self.state.b = &gamma ^ &reply.mu;
        self.run = None;
        Ok(key)
    }
}

/// What a hub remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubState {
    /// `k_H`.
    pub master: Value,
    /// The relay through which requests may come.
    pub relay: RelayName,
}

/// A hub.
#[derive(Debug, Clone)]
pub struct LHub {
    state: HubState,
}

impl LHub {
    /// A hub with what it remembers.
    pub const fn new(state: HubState) -> Self {
        Self { state }
    }

    /// What it remembers.
    pub const fn state(&self) -> &HubState {
        &self.state
    }

    /// What a new sensor with this identity is given. The hub keeps nothing.
    pub fn enrol(&self, id: Value, rng: &mut impl CryptoRng) -> SensorState {
        let (a, b) = self.pair(&id, &Value::random(rng));
        SensorState { id, a, b }
    }

    /// Answers a request that came through the relay.
    pub fn answer_relayed(
        &mut self,
        now: Duration,
        request: &Relayed<Request>,
        rng: &mut impl CryptoRng,
    ) -> Result<Accepted<Value, Relayed<Reply>>, Error> {
        if request.relay != self.state.relay {
            return Err(Error::Refused(Refusal::UnknownRelay));
        }
        let Accepted { identity, reply, key } = self.answer(now, &request.message, rng)?;
        Ok(Accepted { identity, reply: Relayed { message: reply, relay: self.state.relay }, key })
    }

    /// The pair of an identity under the number `k`.
    fn pair(&self, id: &Value, k: &Value) -> (Value, Value) {
        let master = &self.state.master;
        let a = id ^ &mask(master, k);
        let b = &(master ^ &a) ^ k;
        (a, b)
    }
}

impl Hub for LHub {
    type Request = Request;
    type Reply = Reply;
    type Identity = Value;
    const STORED_BITS: usize = (VALUE_BYTES + RELAY_NAME_BYTES) * 8;
    const STORED_BITS_PER_SENSOR: usize = 0;

    fn answer(
        &mut self,
        now: Duration,
        request: &Request,
        rng: &mut impl CryptoRng,
    ) -> Result<Accepted<Value, Reply>, Error> {
        if seconds(now)?.abs_diff(request.t) > CLOCK_WINDOW.as_secs() as u32 {
            return Err(Error::Refused(Refusal::Stale));
        }
        let k = &(&self.state.master ^ &request.a) ^ &request.b;
        let x = mask(&self.state.master, &k);
        let id = &request.a ^ &x;
        let r = &x ^ &request.y;
        if pseudonym(&id, request.t, &r) != request.tid {
            return Err(Error::Refused(Refusal::BadTag));
        }
        let f = Value::random(rng);
        let gamma = &r ^ &f;
        let (a, b) = self.pair(&id, &Value::random(rng));
        let (eta, mu) = (&gamma ^ &a, &gamma ^ &b);
        let reply = Reply { alpha: &x ^ &f, beta: proof(&x, &r, &f, &eta, &mu), eta, mu };
        let key = session_key(&id, &r, &f, &x);
        Ok(Accepted { identity: id, reply, key })
    }
}

/// `x = h(k_H ‖ k)`.
fn mask(master: &Value, k: &Value) -> Value {
    Value::hash(&[&master.0, &k.0])
}

/// `tid = h((id ^ t) ‖ r)`.
pub fn pseudonym(id: &Value, t: u32, r: &Value) -> Value {
    Value::hash(&[&(id ^ &Value::number(t)).0, &r.0])
}

/// `beta = h(x ‖ r ‖ f ‖ eta ‖ mu)`.
pub fn proof(x: &Value, r: &Value, f: &Value, eta: &Value, mu: &Value) -> Value {
    Value::hash(&[&x.0, &r.0, &f.0, &eta.0, &mu.0])
}

/// `h(id ‖ r ‖ f ‖ x)`.
pub fn session_key(id: &Value, r: &Value, f: &Value, x: &Value) -> SessionKey {
    SessionKey::new(Value::hash(&[&id.0, &r.0, &f.0, &x.0]).0)
}

fn seconds(now: Duration) -> Result<u32, Error> {
    u32::try_from(now.as_secs()).map_err(|_| Error::Misuse("scheme L has 32 bits for the time in seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schemes::bits_on_the_air;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    const NOW: Duration = Duration::from_secs(1_700_000_000);

    fn enrolled() -> (LSensor, LHub, ChaCha20Rng) {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let hub = LHub::new(HubState { master: Value::random(&mut rng), relay: RelayName(*b"IN") });
        let sensor = LSensor::new(hub.enrol(Value::number(77), &mut rng));
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
            assert_ne!(sensor.state(), &before);
            *key = Some(agreed);
        }
        assert!(keys[0] != keys[1] && keys[1] != keys[2]);
    }

    #[test]
    fn sizes_are_those_of_the_paper() {
        assert_eq!(bits_on_the_air::<LSensor>(), 1_312);
        assert_eq!((Relayed::<Request>::BYTES * 8, Relayed::<Reply>::BYTES * 8), (688, 656));
        let all = bits_on_the_air::<LSensor>() + (Relayed::<Request>::BYTES + Relayed::<Reply>::BYTES) * 8;
        assert_eq!(all, 2_656);
        assert_eq!((LSensor::STORED_BITS, LHub::STORED_BITS, LHub::STORED_BITS_PER_SENSOR), (480, 176, 0));
        let (sensor, hub, _) = enrolled();
        let SensorState { id, a, b } = sensor.state();
        assert_eq!((id.0.len() + a.0.len() + b.0.len()) * 8, LSensor::STORED_BITS);
        assert_eq!((hub.state().master.0.len() + hub.state().relay.0.len()) * 8, LHub::STORED_BITS);
    }

    #[test]
    fn a_relay_adds_its_name_and_the_hub_wants_to_know_it() {
        let (mut sensor, mut hub, mut rng) = enrolled();
        let request = Relayed { message: sensor.request(NOW, &mut rng).unwrap(), relay: RelayName(*b"IN") };
        let mut buffer = [0; 90];
        let parsed = Relayed::<Request>::parse(request.emit(&mut buffer).unwrap()).unwrap();
        assert_eq!(parsed, request);
        let accepted = hub.answer_relayed(NOW, &parsed, &mut rng).unwrap();
        assert_eq!(sensor.finish(&accepted.reply.message).unwrap(), accepted.key);
        let stranger = Relayed { relay: RelayName(*b"XX"), ..request };
        let refused = hub.answer_relayed(NOW, &stranger, &mut rng);
        assert!(matches!(refused, Err(Error::Refused(Refusal::UnknownRelay))));
        assert!(Relayed::<Request>::parse(&[0; 1]).is_err() && request_fits_no_small_buffer(&stranger));
    }

    fn request_fits_no_small_buffer(request: &Relayed<Request>) -> bool {
        matches!(request.emit(&mut [0; 85]), Err(Error::Misuse(_)))
    }

    #[test]
    fn changed_and_old_messages_are_refused() {
        let (mut sensor, mut hub, mut rng) = enrolled();
        let request = sensor.request(NOW, &mut rng).unwrap();
        for byte in 0..REQUEST_BYTES - TIME_BYTES {
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
}
