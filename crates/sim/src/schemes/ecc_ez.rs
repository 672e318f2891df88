//! ECC-BASED E-Z: identity-based, with the properties that paper B tests in its elliptic-curve rival, in the shape of Zhao,
//! "An efficient anonymous authentication scheme for wireless body area networks using elliptic curve cryptosystem",
//! J. Medical Systems 38:13, 2014. The steps of that paper are not public; these are ours, without pairings, after the
//! readable relative of He, Zeadally, Kumar and Lee (IEEE Systems J., 2017).
//!
//! The keys are those of [`identity_key`](super::identity_key); the access point has `s_AP` and `Q_AP = s_AP P`.
//!
//! ```text
//! request  x random;  X = x P;  X' = x Q_AP;  k = h2("k" ‖ X ‖ X' ‖ t)
//!          v = h1("v" ‖ pid ‖ right ‖ R ‖ Q_AP ‖ X ‖ X' ‖ t);  U = s_C + x v
//!          W = Enc_k(right ‖ R ‖ U) ‖ tag                                                  pid 2 | X 33 | t 8 | W 69 + 16
//! answer   X' = s_AP X;  W is opened, t and U are checked
//!          key = h2("sk" ‖ X ‖ X' ‖ pid ‖ t);  Auth = HMAC(key, "AP" ‖ X ‖ t ‖ W)            Auth 32
//! finish   Auth is checked
//! ```
//!
//! 128 + 32 bytes; 2 scalar multiplications at the sensor, one and a sum of three at the access point. `Enc` is
//! Ascon-AEAD128 with key and nonce from `k`, which is used once.
//!
//! `pid` never changes, so that a sensor can be followed; `s_AP` opens every session that was ever recorded; only the
//! clock limits replays.

use super::identity_key::{
    Challenge, Credential, NAME_BYTES, Name, OneTimeSeal, POINT_BYTES, Point, RIGHT_BYTES, SCALAR_BYTES,
    SEAL_BYTES, Secret, Statement, check, hash, prove,
};
use super::layout::{Fields, join};
use super::{Accepted, CLOCK_WINDOW, Hub, Message, Refusal, Sensor, SessionKey};
use crate::Error;
use core::time::Duration;
use rand_core::CryptoRng;

/// Bytes of the time in a request.
const TIME_BYTES: usize = 8;
/// Bytes of `right ‖ R ‖ U`.
const SEALED_BYTES: usize = RIGHT_BYTES + POINT_BYTES + SCALAR_BYTES;
/// Bytes of a request.
pub const REQUEST_BYTES: usize = NAME_BYTES + POINT_BYTES + TIME_BYTES + SEALED_BYTES + SEAL_BYTES;
/// Bytes of a reply.
pub const REPLY_BYTES: usize = SCALAR_BYTES;

/// What the sensor sends: `pid 2 | X 33 | t 8 | W 85`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The sensor's name.
    pub pid: u16,
    /// `X`.
    pub x: Point,
    /// The sensor's time in milliseconds.
    pub t: u64,
    /// `W` without its tag.
    pub sealed: [u8; SEALED_BYTES],
    /// The tag of `W`.
    pub tag: [u8; SEAL_BYTES],
}

impl Message for Request {
    const BYTES: usize = REQUEST_BYTES;
    type Bytes = [u8; REQUEST_BYTES];

    fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::of("request of scheme E-Z", bytes);
        let message = Self {
            pid: u16::from_be_bytes(fields.take()?),
            x: Point::parse(fields.take()?)?,
            t: u64::from_be_bytes(fields.take()?),
            sealed: fields.take()?,
            tag: fields.take()?,
        };
        fields.end()?;
        Ok(message)
    }

    fn emit(&self) -> [u8; REQUEST_BYTES] {
        join(&[&self.pid.to_be_bytes(), &self.x.to_bytes(), &self.t.to_be_bytes(), &self.sealed, &self.tag])
    }
}

/// What the access point answers: `Auth 32`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// `HMAC(key, "AP" ‖ X ‖ t ‖ W)`.
    pub auth: [u8; SCALAR_BYTES],
}

impl Message for Reply {
    const BYTES: usize = REPLY_BYTES;
    type Bytes = [u8; REPLY_BYTES];

    fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::of("reply of scheme E-Z", bytes);
        let message = Self { auth: fields.take()? };
        fields.end()?;
        Ok(message)
    }

    fn emit(&self) -> [u8; REPLY_BYTES] {
        self.auth
    }
}

/// What a sensor remembers.
#[derive(Debug, Clone)]
pub struct SensorState {
    /// Its key.
    pub credential: Credential,
    /// `Q_AP`.
    pub access_point: Point,
}

/// A sensor.
#[derive(Debug, Clone)]
pub struct EzSensor {
    state: SensorState,
    run: Option<Run>,
}

/// An open run.
#[derive(Debug, Clone)]
struct Run {
    request: Request,
    key: SessionKey,
}

impl EzSensor {
    /// A sensor with what it was given at enrolment. Refuses a key that the manager did not issue.
    pub fn new(state: SensorState, manager: &Point) -> Result<Self, Error> {
        state.credential.check(manager)?;
        Ok(Self::resume(state))
    }

    /// A sensor with what it remembers.
    pub const fn resume(state: SensorState) -> Self {
        Self { state, run: None }
    }

    /// What it remembers.
    pub const fn state(&self) -> &SensorState {
        &self.state
    }
}

impl Sensor for EzSensor {
    type Request = Request;
    type Reply = Reply;
    const STORED_BITS: usize = Credential::STORED_BITS + POINT_BYTES * 8;

    fn request(&mut self, now: Duration, rng: &mut impl CryptoRng) -> Result<Request, Error> {
        let SensorState { credential, access_point } = &self.state;
        let Name { pid, right } = credential.statement.name;
        let (secret, t) = (Secret::random(rng), milliseconds(now)?);
        let x = secret.public();
        let secrets = RunSecrets { x, shared: secret.shared_with(access_point), t };
        let u = credential.sign(&secret, &secrets.challenge(&credential.statement, access_point));
        let mut sealed = join(&[&right.to_be_bytes(), &credential.statement.commitment.to_bytes(), &u]);
        let tag = secrets.seal().seal(&mut sealed)?;
        let request = Request { pid, x, t, sealed, tag };
        self.run = Some(Run { request: request.clone(), key: secrets.session_key(pid) });
        Ok(request)
    }

    fn finish(&mut self, reply: &Reply) -> Result<SessionKey, Error> {
        let Run { request, key } = self.run.as_ref().ok_or(Error::Refused(Refusal::Unasked))?;
        let time = request.t.to_be_bytes();
        check(key, &[b"AP", &request.x.to_bytes(), &time, &request.sealed, &request.tag], &reply.auth)?;
        let key = key.clone();
        self.run = None;
        Ok(key)
    }
}

/// What an access point remembers.
#[derive(Debug, Clone)]
pub struct HubState {
    /// `s_AP`.
    pub secret: Secret,
    /// `P_pub`.
    pub manager: Point,
}

/// An access point.
#[derive(Debug, Clone)]
pub struct EzHub {
    state: HubState,
    /// `Q_AP`, computed from the secret when it starts.
    public: Point,
}

impl EzHub {
    /// An access point with what it remembers.
    pub fn new(state: HubState) -> Self {
        Self { public: state.secret.public(), state }
    }

    /// What it remembers.
    pub const fn state(&self) -> &HubState {
        &self.state
    }

    /// `Q_AP`.
    pub const fn public(&self) -> &Point {
        &self.public
    }
}

impl Hub for EzHub {
    type Request = Request;
    type Reply = Reply;
    type Identity = Name;
    const STORED_BITS: usize = (SCALAR_BYTES + POINT_BYTES) * 8;
    const STORED_BITS_PER_SENSOR: usize = 0;

    fn answer(
        &mut self,
        now: Duration,
        request: &Request,
        _rng: &mut impl CryptoRng,
    ) -> Result<Accepted<Name, Reply>, Error> {
        let Request { pid, x, t, sealed, tag } = request;
        if milliseconds(now)?.abs_diff(*t) > CLOCK_WINDOW.as_millis() as u64 {
            return Err(Error::Refused(Refusal::Stale));
        }
        let secrets = RunSecrets { x: *x, shared: self.state.secret.shared_with(x), t: *t };
        let mut opened = *sealed;
        secrets.seal().open(&mut opened, *tag)?;
        let mut fields = Fields::of("sealed part of a request of scheme E-Z", &opened);
        let name = Name { pid: *pid, right: u32::from_be_bytes(fields.take()?) };
        let statement = Statement { name, commitment: Point::parse(fields.take()?)? };
        let v = secrets.challenge(&statement, &self.public);
        statement.verify(&self.state.manager, &v, x, &fields.take()?)?;
        let key = secrets.session_key(*pid);
        let auth = prove(&key, &[b"AP", &x.to_bytes(), &t.to_be_bytes(), sealed, tag])?;
        Ok(Accepted { identity: name, reply: Reply { auth }, key })
    }
}

/// What both sides know of a run: whoever has `X'` has everything.
#[derive(Debug, Clone)]
pub struct RunSecrets {
    /// `X`.
    pub x: Point,
    /// `X'`.
    pub shared: Point,
    /// The time in milliseconds.
    pub t: u64,
}

impl RunSecrets {
    /// Enc with `k = h2("k" ‖ X ‖ X' ‖ t)`.
    fn seal(&self) -> OneTimeSeal {
        let (x, shared) = (self.x.to_bytes(), self.shared.to_bytes());
        OneTimeSeal::new(hash(&[b"k", &x, &shared, &self.t.to_be_bytes()]))
    }

    /// `v`.
    fn challenge(&self, statement: &Statement, access_point: &Point) -> Challenge {
        let (access_point, x, shared) = (access_point.to_bytes(), self.x.to_bytes(), self.shared.to_bytes());
        Challenge::hash(&[b"v", &statement.to_bytes(), &access_point, &x, &shared, &self.t.to_be_bytes()])
    }

    /// `h2("sk" ‖ X ‖ X' ‖ pid ‖ t)`.
    pub fn session_key(&self, pid: u16) -> SessionKey {
        let (x, shared) = (self.x.to_bytes(), self.shared.to_bytes());
        SessionKey::new(hash(&[b"sk", &x, &shared, &pid.to_be_bytes(), &self.t.to_be_bytes()]))
    }
}

fn milliseconds(now: Duration) -> Result<u64, Error> {
    u64::try_from(now.as_millis()).map_err(|_| Error::Misuse("the time in milliseconds has 64 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schemes::bits_on_the_air;
    use crate::schemes::identity_key::KeyManager;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    const NOW: Duration = Duration::from_secs(1_700_000_000);
    const NAME: Name = Name { pid: 77, right: 2 };

    fn enrolled() -> (EzSensor, EzHub, ChaCha20Rng) {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let manager = KeyManager::new(&mut rng);
        let hub = EzHub::new(HubState { secret: Secret::random(&mut rng), manager: manager.public() });
        let credential = manager.issue(NAME, &mut rng);
        let state = SensorState { credential, access_point: *hub.public() };
        (EzSensor::new(state, &manager.public()).unwrap(), hub, rng)
    }

    #[test]
    fn both_sides_agree_again_and_again() {
        let (mut sensor, mut hub, mut rng) = enrolled();
        let mut keys = [const { None }; 3];
        for key in &mut keys {
            let request = sensor.request(NOW, &mut rng).unwrap().emit();
            let accepted = hub.answer(NOW, &Request::parse(&request).unwrap(), &mut rng).unwrap();
            let reply = accepted.reply.emit();
            let agreed = sensor.finish(&Reply::parse(&reply).unwrap()).unwrap();
            assert_eq!((&agreed, accepted.identity), (&accepted.key, NAME));
            *key = Some(agreed);
        }
        assert!(keys[0] != keys[1] && keys[1] != keys[2]);
    }

    #[test]
    fn sizes_are_those_of_the_construction() {
        assert_eq!((REQUEST_BYTES, REPLY_BYTES, bits_on_the_air::<EzSensor>()), (128, 32, 1_280));
        assert_eq!((EzSensor::STORED_BITS, EzHub::STORED_BITS, EzHub::STORED_BITS_PER_SENSOR), (832, 520, 0));
        let (sensor, hub, _) = enrolled();
        let SensorState { credential, access_point } = sensor.state();
        let sensor_bytes =
            credential.statement.to_bytes().len() + SCALAR_BYTES + access_point.to_bytes().len();
        let hub_bytes = hub.state().secret.to_bytes().len() + hub.state().manager.to_bytes().len();
        assert_eq!((sensor_bytes * 8, hub_bytes * 8), (EzSensor::STORED_BITS, EzHub::STORED_BITS));
    }

    #[test]
    fn a_key_of_another_manager_is_refused() {
        let (sensor, mut hub, mut rng) = enrolled();
        let other = KeyManager::new(&mut rng);
        assert!(EzSensor::new(sensor.state().clone(), &other.public()).is_err());
        let state = SensorState { credential: other.issue(NAME, &mut rng), access_point: *hub.public() };
        let mut forged = EzSensor::new(state, &other.public()).unwrap();
        let request = forged.request(NOW, &mut rng).unwrap();
        let refused = hub.answer(NOW, &request, &mut rng);
        assert!(matches!(refused, Err(Error::Refused(Refusal::BadSignature))));
    }

    #[test]
    fn changed_and_old_messages_are_refused() {
        let (mut sensor, mut hub, mut rng) = enrolled();
        let request = sensor.request(NOW, &mut rng).unwrap();
        for byte in 0..REQUEST_BYTES {
            let mut changed = request.emit();
            changed[byte] ^= 1;
            let answered = Request::parse(&changed).and_then(|changed| hub.answer(NOW, &changed, &mut rng));
            assert!(answered.is_err(), "byte {byte}");
        }
        let late = hub.answer(NOW + CLOCK_WINDOW + Duration::from_millis(1), &request, &mut rng);
        assert!(matches!(late, Err(Error::Refused(Refusal::Stale))));
        let reply = hub.answer(NOW, &request, &mut rng).unwrap().reply;
        for byte in 0..REPLY_BYTES {
            let mut changed = reply.emit();
            changed[byte] ^= 1;
            let refused = Reply::parse(&changed).and_then(|changed| sensor.finish(&changed));
            assert!(refused.is_err(), "byte {byte}");
        }
        assert!(sensor.finish(&reply).is_ok());
        assert!(matches!(sensor.finish(&reply), Err(Error::Refused(Refusal::Unasked))));
        assert!(Request::parse(&[0; REQUEST_BYTES - 1]).is_err());
        assert!(Reply::parse(&[0; REPLY_BYTES + 1]).is_err());
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
