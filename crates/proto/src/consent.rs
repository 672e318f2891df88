//! Class III payloads: sealed by the sensor for the clinic, carried by the hub unread (paper B, section 3.4).
//!
//! The sensor draws a data key for each session. Whoever reads the payload needs that key, and only the sensor gives
//! it away: its consent is the key, wrapped under a key that the sensor and the clinic were given in the secure room.
//! The hub has neither. A consent says what it was given for: one request ([`crate::ask`]), or detected emergencies.
//!
//! ```text
//! consent   0x43 'C' | session 4 | until 8 | scope 1 | asked 16 | wrapped key 16 | tag 16
//!           its key: PRF(wrapping key, "consent 2", sensor 2 ‖ the fields before the wrapped key)[..16]
//!           associated data: the same fields
//! sealed    0x53 'S' | session 4 | counter 4 | ciphertext | tag 16
//! nonce     purpose 1 | zero 3 | session 4 | zero 4 | counter 4
//! ```
//!
//! Several requests may be answered in one session. Each consent has a key of its own, derived from all that it says, so
//! that no two of them share a key and a nonce.

use crate::error::{Error, Misbehaviour};
use crate::prf::Key;
use crate::wire::{Reader, SensorId, Writer};
use ascon_aead::AsconAead128;
use ascon_aead::aead::{AeadInOut, KeyInit};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// First byte of a consent.
pub const TYPE_CONSENT: u8 = 0x43;
/// First byte of a sealed payload.
pub const TYPE_SEALED: u8 = 0x53;
/// Length of a consent.
pub const CONSENT_BYTES: usize = 1 + 4 + 8 + 1 + 16 + 16 + 16;
/// Length of the name of a request: the first half of its SHA-256.
pub const ASKED_BYTES: usize = 16;
/// What sealing adds to a payload.
pub const SEALED_OVERHEAD_BYTES: usize = 1 + 4 + 4 + 16;

const PURPOSE_CONSENT: u8 = 1;
const PURPOSE_DATA: u8 = 2;

/// Key of one session of a class III sensor. The hub never has it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct DataKey([u8; 16]);

impl DataKey {
    /// Takes over 16 secret random bytes.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl core::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("DataKey(..)")
    }
}

fn nonce(purpose: u8, session: u32, counter: u32) -> [u8; 16] {
    let ([s0, s1, s2, s3], [c0, c1, c2, c3]) = (session.to_be_bytes(), counter.to_be_bytes());
    [purpose, 0, 0, 0, s0, s1, s2, s3, 0, 0, 0, 0, c0, c1, c2, c3]
}

/// What a consent was given for, on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Scope {
    /// The answer to one request.
    Request = 1,
    /// Detected emergencies only, released beforehand.
    Emergency = 2,
}

/// What a sensor gives its key for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Occasion {
    /// One request, by its name ([`crate::ask::name_of`]).
    Request([u8; ASKED_BYTES]),
    /// Detected emergencies.
    Emergency,
}

impl Occasion {
    const fn fields(self) -> (Scope, [u8; ASKED_BYTES]) {
        match self {
            Self::Request(asked) => (Scope::Request, asked),
            Self::Emergency => (Scope::Emergency, [0; ASKED_BYTES]),
        }
    }
}

/// The fields of a consent, with the sensor's number before them.
const FIELDS_BYTES: usize = 2 + 1 + 4 + 8 + 1 + ASKED_BYTES;

/// The sensor's consent: its data key for `session`, to be used until `until` (milliseconds since 1970) for `occasion`.
///
/// Given again with the same arguments it is the same bytes.
///
/// # Errors
/// None that a caller can cause.
pub fn grant(
    wrapping: &Key,
    sensor: SensorId,
    session: u32,
    until: u64,
    occasion: Occasion,
    key: &DataKey,
) -> Result<[u8; CONSENT_BYTES], Error> {
    let mut out = [0u8; CONSENT_BYTES];
    let mut wrapped = key.0;
    let (scope, asked) = occasion.fields();
    let fields = consent_fields(sensor, session, until, scope, &asked)?;
    let tag = wrapping_cipher(wrapping, &fields)?
        .encrypt_inout_detached(
            &nonce(PURPOSE_CONSENT, session, 0).into(),
            &fields,
            (&mut wrapped[..]).into(),
        )
        .map_err(|_| Error::Misuse("the cipher refused a consent"))?;
    Writer::new(&mut out).put(&fields[2..])?.put(&wrapped)?.put(&tag)?;
    Ok(out)
}

/// A consent opened by the clinic.
#[derive(Debug, Clone)]
pub struct Granted {
    /// The session whose payloads the key opens.
    pub session: u32,
    /// End of the consent, milliseconds since 1970.
    pub until: u64,
    /// What it was given for.
    pub scope: Scope,
    /// Name of the request that it answers; zeros for [`Scope::Emergency`].
    pub asked: [u8; ASKED_BYTES],
    /// The sensor's data key.
    pub key: DataKey,
}

/// What a consent says to those who cannot open it. Nothing of it is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimed {
    /// Its session.
    pub session: u32,
    /// Its end, milliseconds since 1970.
    pub until: u64,
    /// What it was given for.
    pub occasion: Occasion,
}

impl Claimed {
    /// Reads what stands in a consent.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        Parts::parse(bytes).map(|parts| parts.claimed)
    }
}

struct Parts {
    claimed: Claimed,
    wrapped: [u8; 16],
    tag: [u8; 16],
}

impl Parts {
    fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::new("consent", bytes);
        r.expect_type(TYPE_CONSENT)?;
        let (session, until) = (r.u32()?, r.u64()?);
        let (scope, asked) = (r.u8()?, r.array()?);
        let occasion = match scope {
            1 => Occasion::Request(asked),
            2 if asked == [0; ASKED_BYTES] => Occasion::Emergency,
            2 => return Err(Error::malformed("consent", "names a request and is for emergencies")),
            _ => return Err(Error::malformed("consent", "unknown scope")),
        };
        let (wrapped, tag) = (r.array()?, r.array()?);
        r.finish()?;
        Ok(Self { claimed: Claimed { session, until, occasion }, wrapped, tag })
    }
}

/// Opens a consent of `sensor`. The caller compares [`Granted::until`] with its clock, and [`Granted::asked`] with what was
/// asked.
///
/// # Errors
/// [`Error::Malformed`], and [`Misbehaviour::BadTag`] for one that was changed, is another sensor's, or was made under another
/// wrapping key.
pub fn open_grant(wrapping: &Key, sensor: SensorId, bytes: &[u8]) -> Result<Granted, Error> {
    let Parts { claimed: Claimed { session, until, occasion }, wrapped: mut key, tag } = Parts::parse(bytes)?;
    let (scope, asked) = occasion.fields();
    let fields = consent_fields(sensor, session, until, scope, &asked)?;
    wrapping_cipher(wrapping, &fields)?
        .decrypt_inout_detached(
            &nonce(PURPOSE_CONSENT, session, 0).into(),
            &fields,
            (&mut key[..]).into(),
            &tag.into(),
        )
        .map_err(|_| Error::PeerMisbehaved(Misbehaviour::BadTag))?;
    Ok(Granted { session, until, scope, asked, key: DataKey(key) })
}

fn consent_fields(
    sensor: SensorId,
    session: u32,
    until: u64,
    scope: Scope,
    asked: &[u8; ASKED_BYTES],
) -> Result<[u8; FIELDS_BYTES], Error> {
    let mut fields = [0; FIELDS_BYTES];
    Writer::new(&mut fields)
        .put(&sensor.0.to_be_bytes())?
        .put(&[TYPE_CONSENT])?
        .put(&session.to_be_bytes())?
        .put(&until.to_be_bytes())?
        .put(&[scope as u8])?
        .put(asked)?;
    Ok(fields)
}

fn wrapping_cipher(wrapping: &Key, fields: &[u8; FIELDS_BYTES]) -> Result<AsconAead128, Error> {
    Ok(AsconAead128::new(&wrapping.tag::<16>("consent 2", &[fields])?.into()))
}

/// Seals the payloads of one session.
#[derive(Debug)]
pub struct Sealer {
    key: DataKey,
    sensor: SensorId,
    session: u32,
    counter: u32,
}

impl Sealer {
    /// A sealer for a fresh data key.
    pub const fn new(key: DataKey, sensor: SensorId, session: u32) -> Self {
        Self { key, sensor, session, counter: 0 }
    }

    /// Seals `payload` into `out`; returns the bytes written, [`SEALED_OVERHEAD_BYTES`] more than the payload.
    pub fn seal(&mut self, payload: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        let counter = self.counter;
        self.counter = counter
            .checked_add(1)
            .ok_or(Error::Limit { limit: "sealed payloads", value: u64::from(u32::MAX) })?;
        let header = sealed_header(self.session, counter);
        let len = payload.len() + SEALED_OVERHEAD_BYTES;
        let too_small = Error::Limit { limit: "buffer", value: out.len() as u64 };
        let out = out.get_mut(..len).ok_or(too_small)?;
        Writer::new(out).put(&header)?.put(payload)?;
        let (body, tag_slot) = out.split_at_mut(len - 16);
        let Some(body) = body.get_mut(header.len()..) else { return Err(Error::Misuse("buffer")) };
        let tag = AsconAead128::new(&self.key.0.into())
            .encrypt_inout_detached(
                &nonce(PURPOSE_DATA, self.session, counter).into(),
                &self.sensor.0.to_be_bytes(),
                body.into(),
            )
            .map_err(|_| Error::Misuse("the cipher refused a payload"))?;
        tag_slot.copy_from_slice(&tag);
        Ok(len)
    }
}

fn sealed_header(session: u32, counter: u32) -> [u8; 9] {
    let ([s0, s1, s2, s3], [c0, c1, c2, c3]) = (session.to_be_bytes(), counter.to_be_bytes());
    [TYPE_SEALED, s0, s1, s2, s3, c0, c1, c2, c3]
}

/// The session a sealed payload belongs to, so that the clinic finds the consent for it.
pub fn session_of(sealed: &[u8]) -> Result<u32, Error> {
    let mut r = Reader::new("sealed payload", sealed);
    r.expect_type(TYPE_SEALED)?;
    r.u32()
}

/// Opens a sealed payload of `sensor` into `out`; returns its length.
pub fn open(granted: &Granted, sensor: SensorId, sealed: &[u8], out: &mut [u8]) -> Result<usize, Error> {
    let mut r = Reader::new("sealed payload", sealed);
    r.expect_type(TYPE_SEALED)?;
    let (session, counter) = (r.u32()?, r.u32()?);
    if session != granted.session {
        return Err(Error::PeerMisbehaved(Misbehaviour::WrongEpoch));
    }
    let short = Error::malformed("sealed payload", "too short");
    let (body, tag) = r.rest().split_last_chunk::<16>().ok_or(short)?;
    let too_small = Error::Limit { limit: "buffer", value: out.len() as u64 };
    let out = out.get_mut(..body.len()).ok_or(too_small)?;
    out.copy_from_slice(body);
    AsconAead128::new(&granted.key.0.into())
        .decrypt_inout_detached(
            &nonce(PURPOSE_DATA, session, counter).into(),
            &sensor.0.to_be_bytes(),
            (&mut *out).into(),
            &(*tag).into(),
        )
        .map_err(|_| Error::PeerMisbehaved(Misbehaviour::BadTag))?;
    Ok(out.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANSWER: Occasion = Occasion::Request([9; 16]);

    fn parts() -> (Key, SensorId, DataKey) {
        (Key::new([1; 32]), SensorId(5), DataKey::new([2; 16]))
    }

    #[test]
    fn consent_opens_the_payloads_of_its_session_only() {
        let (wrapping, sensor, key) = parts();
        let consent = grant(&wrapping, sensor, 7, 1_000, ANSWER, &key).unwrap();
        let granted = open_grant(&wrapping, sensor, &consent).unwrap();
        assert_eq!((granted.session, granted.until), (7, 1_000));
        assert_eq!((granted.scope, granted.asked), (Scope::Request, [9; 16]));
        let mut sealed = [0; 100];
        let mut sealer = Sealer::new(key, sensor, 7);
        let n = sealer.seal(b"2.4 U/h", &mut sealed).unwrap();
        assert_eq!(session_of(&sealed[..n]), Ok(7));
        let mut out = [0; 100];
        let len = open(&granted, sensor, &sealed[..n], &mut out).unwrap();
        assert_eq!(&out[..len], b"2.4 U/h");
        let other = Granted { session: 8, ..granted.clone() };
        assert!(open(&other, sensor, &sealed[..n], &mut out).is_err());
        assert!(open(&granted, SensorId(6), &sealed[..n], &mut out).is_err());
    }

    #[test]
    fn a_consent_cannot_be_prolonged_moved_or_opened_with_another_key() {
        let (wrapping, sensor, key) = parts();
        let consent = grant(&wrapping, sensor, 7, 1_000, ANSWER, &key).unwrap();
        for i in 0..consent.len() {
            let mut changed = consent;
            changed[i] ^= 1;
            assert!(open_grant(&wrapping, sensor, &changed).is_err(), "byte {i}");
        }
        assert!(open_grant(&wrapping, SensorId(6), &consent).is_err());
        assert!(open_grant(&Key::new([3; 32]), sensor, &consent).is_err());
    }

    #[test]
    fn two_consents_of_a_session_share_no_key_and_no_nonce() {
        let (wrapping, sensor, key) = parts();
        let made = |until, occasion| grant(&wrapping, sensor, 7, until, occasion, &key).unwrap();
        let first = made(1_000, ANSWER);
        assert_eq!(first, made(1_000, ANSWER), "given again it is the same");
        let wrapped = |consent: [u8; CONSENT_BYTES]| consent[30..46].to_vec();
        // One key under one key stream would be one ciphertext.
        for other in
            [made(1_001, ANSWER), made(1_000, Occasion::Request([8; 16])), made(1_000, Occasion::Emergency)]
        {
            assert_ne!(wrapped(first), wrapped(other));
        }
    }

    #[test]
    fn a_consent_for_emergencies_answers_no_request() {
        let (wrapping, sensor, key) = parts();
        let mut consent = grant(&wrapping, sensor, 7, 1_000, Occasion::Emergency, &key).unwrap();
        let granted = open_grant(&wrapping, sensor, &consent).unwrap();
        assert_eq!((granted.scope, granted.asked), (Scope::Emergency, [0; 16]));
        let claimed = Claimed { session: 7, until: 1_000, occasion: Occasion::Emergency };
        assert_eq!(Claimed::parse(&consent), Ok(claimed));
        consent[13] = Scope::Request as u8;
        assert!(open_grant(&wrapping, sensor, &consent).is_err(), "its scope is sealed");
        (consent[13], consent[14]) = (Scope::Emergency as u8, 1);
        assert!(matches!(open_grant(&wrapping, sensor, &consent), Err(Error::Malformed { .. })));
        consent[13] = 3;
        assert!(matches!(Claimed::parse(&consent), Err(Error::Malformed { .. })));
        // What the version before gave, to be used for anything.
        assert!(open_grant(&wrapping, sensor, &consent[..45]).is_err());
    }

    // Vector: W = 01 (32 times), sensor 5, data key = 02 (16 times); made with Python's hashlib and an Ascon-AEAD128 of its own.
    #[test]
    fn its_layout_is_what_is_written_down() {
        let (wrapping, sensor, key) = parts();
        let consent = grant(&wrapping, sensor, 7, 1_000, ANSWER, &key).unwrap();
        let hex: std::string::String = consent.iter().map(|byte| std::format!("{byte:02x}")).collect();
        assert_eq!(hex, VECTOR);
    }

    const VECTOR: &str = concat!(
        "430000000700000000000003e8010909090909090909090909090909090983babfc90326e12ffea42c48e8e523bd3ac7",
        "f8b9e99a92a34b270f173ca0ddd9",
    );

    proptest! {
        #[test]
        fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let (wrapping, sensor, key) = parts();
            prop_assert!(open_grant(&wrapping, sensor, &bytes).is_err());
            let granted = Granted { session: 1, until: 0, scope: Scope::Request, asked: [0; 16], key };
            prop_assert!(open(&granted, sensor, &bytes, &mut [0; 80]).is_err());
        }
    }
}
