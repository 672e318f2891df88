//! ECC-BASED E-H: [`ecc_ez`](super::ecc_ez) with two mends that cost 33 bytes. The sensor's name is sealed, so that it cannot
//! be followed, and the access point adds a point of its own, so that its key does not open recorded sessions.
//!
//! ```text
//! request  x random;  X = x P;  X' = x Q_AP;  k = h2("k" ‖ X ‖ X' ‖ t)
//!          v = h1("v" ‖ pid ‖ right ‖ R ‖ Q_AP ‖ X ‖ X' ‖ t);  U = s_C + x v
//!          W = Enc_k(pid ‖ right ‖ R ‖ U) ‖ tag                                            X 33 | t 8 | W 71 + 16
//! answer   X' = s_AP X;  W is opened, t and U are checked;  y random;  Y = y P
//!          key = h2("sk" ‖ X ‖ Y ‖ y X ‖ X' ‖ pid ‖ t);  Auth = HMAC(key, "AP" ‖ X ‖ Y ‖ t ‖ W)      Y 33 | Auth 32
//! finish   the key with x Y instead of y X;  Auth is checked
//! ```
//!
//! 128 + 65 bytes; 3 scalar multiplications at the sensor, three and a sum of three at the access point.
//!
//! Either private key alone opens no recorded session. Both together do: `s_AP` opens `W`, and `x = (U - s_C) / v`.

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
/// Bytes of `pid ‖ right ‖ R ‖ U`.
const SEALED_BYTES: usize = NAME_BYTES + RIGHT_BYTES + POINT_BYTES + SCALAR_BYTES;
/// Bytes of a request.
pub const REQUEST_BYTES: usize = POINT_BYTES + TIME_BYTES + SEALED_BYTES + SEAL_BYTES;
/// Bytes of a reply.
pub const REPLY_BYTES: usize = POINT_BYTES + SCALAR_BYTES;

/// What the sensor sends: `X 33 | t 8 | W 87`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
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
        let mut fields = Fields::of("request of scheme E-H", bytes);
        let message = Self {
            x: Point::parse(fields.take()?)?,
            t: u64::from_be_bytes(fields.take()?),
            sealed: fields.take()?,
            tag: fields.take()?,
        };
        fields.end()?;
        Ok(message)
    }

    fn emit(&self) -> [u8; REQUEST_BYTES] {
        join(&[&self.x.to_bytes(), &self.t.to_be_bytes(), &self.sealed, &self.tag])
    }
}

/// What the access point answers: `Y 33 | Auth 32`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// `Y`.
    pub y: Point,
    /// `HMAC(key, "AP" ‖ X ‖ Y ‖ t ‖ W)`.
    pub auth: [u8; SCALAR_BYTES],
}

impl Message for Reply {
    const BYTES: usize = REPLY_BYTES;
    type Bytes = [u8; REPLY_BYTES];

    fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::of("reply of scheme E-H", bytes);
        let message = Self { y: Point::parse(fields.take()?)?, auth: fields.take()? };
        fields.end()?;
        Ok(message)
    }

    fn emit(&self) -> [u8; REPLY_BYTES] {
        join(&[&self.y.to_bytes(), &self.auth])
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
pub struct EhSensor {
    state: SensorState,
    run: Option<Run>,
}

/// An open run.
#[derive(Debug, Clone)]
struct Run {
    request: Request,
    secret: Secret,
    secrets: RunSecrets,
}

impl EhSensor {
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

impl Sensor for EhSensor {
    type Request = Request;
    type Reply = Reply;
    const STORED_BITS: usize = Credential::STORED_BITS + POINT_BYTES * 8;

    fn request(&mut self, now: Duration, rng: &mut impl CryptoRng) -> Result<Request, Error> {
        let SensorState { credential, access_point } = &self.state;
        let (secret, t) = (Secret::random(rng), milliseconds(now)?);
        let x = secret.public();
        let secrets = RunSecrets { x, shared: secret.shared_with(access_point), t };
        let u = credential.sign(&secret, &secrets.challenge(&credential.statement, access_point));
        let mut sealed = join(&[&credential.statement.to_bytes(), &u]);
        let tag = secrets.seal().seal(&mut sealed)?;
        let request = Request { x, t, sealed, tag };
        self.run = Some(Run { request: request.clone(), secret, secrets });
        Ok(request)
    }

    fn finish(&mut self, reply: &Reply) -> Result<SessionKey, Error> {
        let Run { request, secret, secrets } = self.run.as_ref().ok_or(Error::Refused(Refusal::Unasked))?;
        let pid = self.state.credential.statement.name.pid;
        let key = secrets.session_key(pid, &reply.y, &secret.shared_with(&reply.y));
        check(&key, &proven(request, &reply.y).each(), &reply.auth)?;
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
pub struct EhHub {
    state: HubState,
    /// `Q_AP`, computed from the secret when it starts.
    public: Point,
}

impl EhHub {
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

impl Hub for EhHub {
    type Request = Request;
    type Reply = Reply;
    type Identity = Name;
    const STORED_BITS: usize = (SCALAR_BYTES + POINT_BYTES) * 8;
    const STORED_BITS_PER_SENSOR: usize = 0;

    fn answer(
        &mut self,
        now: Duration,
        request: &Request,
        rng: &mut impl CryptoRng,
    ) -> Result<Accepted<Name, Reply>, Error> {
        let Request { x, t, .. } = request;
        if milliseconds(now)?.abs_diff(*t) > CLOCK_WINDOW.as_millis() as u64 {
            return Err(Error::Refused(Refusal::Stale));
        }
        let secrets = RunSecrets { x: *x, shared: self.state.secret.shared_with(x), t: *t };
        let (statement, u) = secrets.open(request)?;
        let v = secrets.challenge(&statement, &self.public);
        statement.verify(&self.state.manager, &v, x, &u)?;
        let pid = statement.name.pid;
        let secret = Secret::random(rng);
        let y = secret.public();
        let key = secrets.session_key(pid, &y, &secret.shared_with(x));
        let auth = prove(&key, &proven(request, &y).each())?;
        Ok(Accepted { identity: statement.name, reply: Reply { y, auth }, key })
    }
}

/// What both sides know of a run before the access point answers.
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

    /// Opens `W`: whose key it is, and `U`.
    pub fn open(&self, request: &Request) -> Result<(Statement, [u8; SCALAR_BYTES]), Error> {
        let mut opened = request.sealed;
        self.seal().open(&mut opened, request.tag)?;
        let mut fields = Fields::of("sealed part of a request of scheme E-H", &opened);
        let (pid, right) = (u16::from_be_bytes(fields.take()?), u32::from_be_bytes(fields.take()?));
        let statement = Statement { name: Name { pid, right }, commitment: Point::parse(fields.take()?)? };
        Ok((statement, fields.take()?))
    }

    /// `v`.
    pub fn challenge(&self, statement: &Statement, access_point: &Point) -> Challenge {
        let (access_point, x, shared) = (access_point.to_bytes(), self.x.to_bytes(), self.shared.to_bytes());
        Challenge::hash(&[b"v", &statement.to_bytes(), &access_point, &x, &shared, &self.t.to_be_bytes()])
    }

    /// `h2("sk" ‖ X ‖ Y ‖ xy P ‖ X' ‖ pid ‖ t)`.
    pub fn session_key(&self, pid: u16, y: &Point, fresh: &Point) -> SessionKey {
        let points = [self.x, *y, *fresh, self.shared].map(|point| point.to_bytes());
        let [x, y, fresh, shared] = &points;
        SessionKey::new(hash(&[b"sk", x, y, fresh, shared, &pid.to_be_bytes(), &self.t.to_be_bytes()]))
    }
}

/// What `Auth` covers.
struct Proven<'a> {
    request: &'a Request,
    points: [[u8; POINT_BYTES]; 2],
    time: [u8; TIME_BYTES],
}

fn proven<'a>(request: &'a Request, y: &Point) -> Proven<'a> {
    Proven { request, points: [request.x.to_bytes(), y.to_bytes()], time: request.t.to_be_bytes() }
}

impl Proven<'_> {
    fn each(&self) -> [&[u8]; 6] {
        let [x, y] = &self.points;
        [b"AP", x, y, &self.time, &self.request.sealed, &self.request.tag]
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

    fn enrolled() -> (EhSensor, EhHub, ChaCha20Rng) {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let manager = KeyManager::new(&mut rng);
        let hub = EhHub::new(HubState { secret: Secret::random(&mut rng), manager: manager.public() });
        let credential = manager.issue(NAME, &mut rng);
        let state = SensorState { credential, access_point: *hub.public() };
        (EhSensor::new(state, &manager.public()).unwrap(), hub, rng)
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
        assert_eq!((REQUEST_BYTES, REPLY_BYTES, bits_on_the_air::<EhSensor>()), (128, 65, 1_544));
        assert_eq!((EhSensor::STORED_BITS, EhHub::STORED_BITS, EhHub::STORED_BITS_PER_SENSOR), (832, 520, 0));
        let (sensor, hub, _) = enrolled();
        let SensorState { credential, access_point } = sensor.state();
        let sensor_bytes =
            credential.statement.to_bytes().len() + SCALAR_BYTES + access_point.to_bytes().len();
        let hub_bytes = hub.state().secret.to_bytes().len() + hub.state().manager.to_bytes().len();
        assert_eq!((sensor_bytes * 8, hub_bytes * 8), (EhSensor::STORED_BITS, EhHub::STORED_BITS));
    }

    #[test]
    fn a_key_of_another_manager_is_refused() {
        let (sensor, mut hub, mut rng) = enrolled();
        let other = KeyManager::new(&mut rng);
        assert!(EhSensor::new(sensor.state().clone(), &other.public()).is_err());
        let state = SensorState { credential: other.issue(NAME, &mut rng), access_point: *hub.public() };
        let mut forged = EhSensor::new(state, &other.public()).unwrap();
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
