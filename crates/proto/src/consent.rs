//! Class III payloads: sealed by the sensor for the clinic, carried by the hub unread (paper B, section 3.4).
//!
//! The sensor draws a data key for each session. Whoever reads the payload needs that key, and only the sensor gives
//! it away: its consent is the key, wrapped under a key that the sensor and the clinic were given in the secure room.
//! The hub has neither.
//!
//! ```text
//! consent   0x43 'C' | session 4 | until 8 | wrapped key 16 | tag 16     associated data: sensor 2 ‖ the fields before
//! sealed    0x53 'S' | session 4 | counter 4 | ciphertext | tag 16
//! nonce     purpose 1 | zero 3 | session 4 | zero 4 | counter 4
//! ```

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
pub const CONSENT_BYTES: usize = 1 + 4 + 8 + 16 + 16;
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

/// The sensor's consent: its data key for `session`, to be used until `until` (milliseconds since 1970).
///
/// `session` must never repeat under one wrapping key; the handshake's epoch is such a number.
pub fn grant(
    wrapping: &Key,
    sensor: SensorId,
    session: u32,
    until: u64,
    key: &DataKey,
) -> Result<[u8; CONSENT_BYTES], Error> {
    let mut out = [0u8; CONSENT_BYTES];
    let mut wrapped = key.0;
    let fields = consent_fields(sensor, session, until);
    let tag = wrapping_cipher(wrapping)?
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
    /// The sensor's data key.
    pub key: DataKey,
}

/// Opens a consent of `sensor`. The caller compares [`Granted::until`] with its clock.
pub fn open_grant(wrapping: &Key, sensor: SensorId, bytes: &[u8]) -> Result<Granted, Error> {
    let mut r = Reader::new("consent", bytes);
    r.expect_type(TYPE_CONSENT)?;
    let (session, until) = (r.u32()?, r.u64()?);
    let (mut key, tag) = (r.array::<16>()?, r.array::<16>()?);
    r.finish()?;
    wrapping_cipher(wrapping)?
        .decrypt_inout_detached(
            &nonce(PURPOSE_CONSENT, session, 0).into(),
            &consent_fields(sensor, session, until),
            (&mut key[..]).into(),
            &tag.into(),
        )
        .map_err(|_| Error::PeerMisbehaved(Misbehaviour::BadTag))?;
    Ok(Granted { session, until, key: DataKey(key) })
}

fn consent_fields(sensor: SensorId, session: u32, until: u64) -> [u8; 15] {
    let ([i0, i1], [s0, s1, s2, s3]) = (sensor.0.to_be_bytes(), session.to_be_bytes());
    let [u0, u1, u2, u3, u4, u5, u6, u7] = until.to_be_bytes();
    [i0, i1, TYPE_CONSENT, s0, s1, s2, s3, u0, u1, u2, u3, u4, u5, u6, u7]
}

fn wrapping_cipher(wrapping: &Key) -> Result<AsconAead128, Error> {
    Ok(AsconAead128::new(&wrapping.tag::<16>("consent", &[])?.into()))
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

    fn parts() -> (Key, SensorId, DataKey) {
        (Key::new([1; 32]), SensorId(5), DataKey::new([2; 16]))
    }

    #[test]
    fn consent_opens_the_payloads_of_its_session_only() {
        let (wrapping, sensor, key) = parts();
        let consent = grant(&wrapping, sensor, 7, 1_000, &key).unwrap();
        let granted = open_grant(&wrapping, sensor, &consent).unwrap();
        assert_eq!((granted.session, granted.until), (7, 1_000));
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
        let consent = grant(&wrapping, sensor, 7, 1_000, &key).unwrap();
        for i in 0..consent.len() {
            let mut changed = consent;
            changed[i] ^= 1;
            assert!(open_grant(&wrapping, sensor, &changed).is_err(), "byte {i}");
        }
        assert!(open_grant(&wrapping, SensorId(6), &consent).is_err());
        assert!(open_grant(&Key::new([3; 32]), sensor, &consent).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let (wrapping, sensor, key) = parts();
            prop_assert!(open_grant(&wrapping, sensor, &bytes).is_err());
            let granted = Granted { session: 1, until: 0, key };
            prop_assert!(open(&granted, sensor, &bytes, &mut [0; 80]).is_err());
        }
    }
}
