//! What takes the place of the broadcast in the hardened profile: a responder beside the patient shows an emergency
//! credential to the sensor itself, and the sensor answers sealed to that responder, or not at all. An experiment of the
//! simulated world; the services do not speak it.
//!
//! ```text
//! sensor      nonce 16, at random, once, for a minute
//! responder   certificate 155 | request 143 | key 32     request: break-glass, challenge = SHA-256(nonce ‖ key)[..16]
//! sensor      HPKE to key (RFC 9180, base mode, X25519, AES-256-GCM), associated data: the request
//! ```
//!
//! The key is the responder's, made for this conversation; the one signature of the request covers it, since the challenge is
//! made of it. What is decided is decided by [`decide()`], as everywhere. The distance that the sensor measures goes into
//! the record, because somebody may want to know it, and into nothing else.

use crate::Error;
use bodywire_proto::access::certificate::CERTIFICATE_BYTES;
use bodywire_proto::access::facts::{Facts, Place, Shown};
use bodywire_proto::access::grant::DecisionRecord;
use bodywire_proto::access::request::{Challenge, REQUEST_BYTES};
use bodywire_proto::access::verify::{digest, signed_by};
use bodywire_proto::access::{
    Bed, Certificate, Condition, Consent, IssuerKey, Policy, Purpose, Relation, Request, Revocation,
    SIGNATURE_BYTES, decide,
};
use bodywire_proto::risk::RiskClass;
use bodywire_proto::wire::SensorId;
use ed25519_dalek::{Signer, SigningKey};
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRng;

/// Context of the encryption.
const INFO: &[u8] = b"bodywire answer to a responder";
/// Length of a responder's key.
const KEY_BYTES: usize = 32;

/// What a responder shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Showing {
    /// The certificate.
    pub certificate: [u8; CERTIFICATE_BYTES],
    /// The signed request.
    pub request: [u8; REQUEST_BYTES],
    /// Whom to answer.
    pub key: [u8; KEY_BYTES],
}

/// What a sensor sends to a responder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    encapsulated: Vec<u8>,
    ciphertext: Vec<u8>,
}

impl Sealed {
    /// Its bytes on the air.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.encapsulated[..], &self.ciphertext].concat()
    }
}

/// What became of a showing.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What the sensor puts on record, through its hub.
    pub record: DecisionRecord,
    /// How far away the responder seemed to be, in centimetres. Part of the record's evidence.
    pub distance_cm: u16,
    /// The data; nothing when it is refused.
    pub sealed: Option<Sealed>,
}

/// A sensor that answers responders beside it.
pub struct Nearby {
    issuer: IssuerKey,
    bed: Bed,
    sensor: SensorId,
    class: RiskClass,
    nonce: Option<([u8; 16], u64)>,
    /// The last nonce that was answered.
    used: Option<[u8; 16]>,
}

impl Nearby {
    /// A sensor of this class in a bed, which was told its house's issuer.
    pub const fn new(issuer: IssuerKey, bed: Bed, sensor: SensorId, class: RiskClass) -> Self {
        Self { issuer, bed, sensor, class, nonce: None, used: None }
    }

    /// Gives out a nonce. The one before is worth nothing any more.
    pub fn offer(&mut self, now_ms: u64, rng: &mut impl CryptoRng) -> [u8; 16] {
        let mut nonce = [0; 16];
        rng.fill_bytes(&mut nonce);
        self.nonce = Some((nonce, now_ms));
        nonce
    }

    /// Decides on what somebody shows, and seals `payload` to them when they may have it. `condition` is the hub's verdict,
    /// `distance_m` what the sensor measures by the level, in metres.
    ///
    /// # Errors
    /// [`Error::Proto`] for what is no certificate or request; of it there is no record.
    pub fn answer(
        &mut self,
        showing: &Showing,
        (condition, distance_m): (Condition, f64),
        payload: &[u8],
        now_ms: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Answer, Error> {
        let certificate = Certificate::parse(&showing.certificate)?;
        let request = Request::parse(&showing.request)?;
        let class = request.sensor.is_some_and(|sensor| sensor == self.sensor).then_some(self.class);
        let facts = Facts {
            now_ms,
            request: &request,
            certificate: self.issuer.shown(&certificate),
            request_signed: signed_by(&request, &certificate),
            challenge: self.challenge(&request, &showing.key, now_ms),
            // A sensor is told of no revocations: break-glass without a list needs a detected emergency.
            revocation: Revocation::Missing,
            place: Place { bed: self.bed, patient: None, sensor_class: class },
            relation: Relation::None,
            condition,
            consent: Consent::None,
            policy: &Policy::LEAST,
        };
        let decision = decide(&facts);
        let distance_cm = (distance_m * 100.0).round().clamp(0.0, f64::from(u16::MAX)) as u16;
        let evidence = digest(&[
            &showing.certificate,
            &showing.request,
            &Policy::LEAST.to_bytes()?,
            &distance_cm.to_be_bytes(),
        ]);
        let record = DecisionRecord::of(&facts, decision, evidence);
        let is_proved = matches!(facts.certificate, Shown::Verified(_)) && facts.request_signed;
        if is_proved && facts.challenge == Challenge::Fresh {
            // Spent, whatever is decided. What proves nothing spends nothing: a stranger must not be able to.
            self.used = self.nonce.take().map(|(nonce, _)| nonce);
        }
        let reaches = class.is_some() && decision.terms().is_some_and(|terms| terms.highest >= self.class);
        let sealed = if reaches { Some(seal(showing, payload, rng)?) } else { None };
        Ok(Answer { record, distance_cm, sealed })
    }

    fn challenge(&self, request: &Request, key: &[u8; KEY_BYTES], now_ms: u64) -> Challenge {
        let answers = |nonce: &[u8; 16]| request.challenge == bound(nonce, key);
        match (&self.nonce, &self.used) {
            (Some((nonce, given)), _) if answers(nonce) => Challenge::of(Some(*given), false, now_ms),
            (_, Some(used)) if answers(used) => Challenge::Replayed,
            _ => Challenge::Unknown,
        }
    }
}

/// The challenge that a request has to carry: a nonce and a key.
fn bound(nonce: &[u8; 16], key: &[u8; KEY_BYTES]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = digest(&[nonce, key]);
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

fn seal(showing: &Showing, payload: &[u8], rng: &mut impl CryptoRng) -> Result<Sealed, Error> {
    let refused = |_| Error::Misuse("the responder's key is no key");
    let key = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&showing.key).map_err(refused)?;
    let (encapsulated, ciphertext) =
        hpke::single_shot_seal_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &key,
            INFO,
            payload,
            &showing.request,
            rng,
        )
        .map_err(refused)?;
    Ok(Sealed { encapsulated: encapsulated.to_bytes().to_vec(), ciphertext })
}

/// Somebody with a certificate, or who says so.
pub struct Responder {
    signing: SigningKey,
    certificate: Certificate,
    secret: <X25519HkdfSha256 as Kem>::PrivateKey,
    key: [u8; KEY_BYTES],
}

impl Responder {
    /// A responder with this certificate, who signs with `signing` and makes a key for the answer.
    pub fn new(certificate: Certificate, signing: SigningKey, rng: &mut impl CryptoRng) -> Self {
        let (secret, public) = X25519HkdfSha256::gen_keypair_with_rng(rng);
        Self { signing, certificate, secret, key: public.to_bytes().into() }
    }

    /// Shows the certificate, and asks for the data of a sensor of class I or II by break-glass, for the reason with
    /// this hash.
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn show(
        &self,
        nonce: &[u8; 16],
        (bed, sensor, class): (Bed, SensorId, RiskClass),
        statement: [u8; 32],
        now_ms: u64,
    ) -> Result<Showing, Error> {
        let mut request = Request {
            challenge: bound(nonce, &self.key),
            serial: self.certificate.serial,
            patient: None,
            bed,
            sensor: Some(sensor),
            class,
            purpose: Purpose::BreakGlass,
            time_ms: now_ms,
            statement: Some(statement),
            signature: [0; SIGNATURE_BYTES],
        };
        request.signature = self.signing.sign(&request.signed_bytes()?).to_bytes();
        let (certificate, request) = (self.certificate.to_bytes()?, request.to_bytes()?);
        Ok(Showing { certificate, request, key: self.key })
    }

    /// Opens an answer to `showing`; nothing when it is not for this responder.
    pub fn open(&self, showing: &Showing, sealed: &Sealed) -> Option<Vec<u8>> {
        let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(&sealed.encapsulated).ok()?;
        hpke::single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.secret,
            &encapsulated,
            INFO,
            &sealed.ciphertext,
            &showing.request,
        )
        .ok()
    }
}

#[cfg(test)]
mod tests;
