//! A clinician's short-lived certificate.
//!
//! ```text
//! version 1 | serial 8 | person 16 | role 1 | highest class 1 | key 32 | not before 8 | not after 8 | issuer 16 | signature 64
//! ```
//!
//! The signature is Ed25519 (RFC 8032) of the issuer over [`CONTEXT`] and the 91 bytes before it.

use super::{Issuer, Person, Purpose, SIGNATURE_BYTES};
use crate::error::Error;
use crate::risk::RiskClass;
use crate::wire::{Reader, Writer};

/// Version of the format.
pub const VERSION: u8 = 1;
/// What the signature covers before the certificate itself.
pub const CONTEXT: &[u8] = b"bodywire certificate";
/// Bytes before the signature.
const FIELDS_BYTES: usize = 1 + 8 + 16 + 1 + 1 + 32 + 8 + 8 + 16;
/// Length of a certificate.
pub const CERTIFICATE_BYTES: usize = FIELDS_BYTES + SIGNATURE_BYTES;
/// Length of what is signed.
pub const CERTIFICATE_SIGNED_BYTES: usize = CONTEXT.len() + FIELDS_BYTES;
/// Longest life of a certificate, in milliseconds: a day. The longest shift with its handover fits, and a stolen key that
/// no revocation list names yet, or that a hub cut off from the clinic cannot hear of, is worth nothing tomorrow.
pub const LIFETIME_MAX_MS: u64 = 24 * 60 * 60 * 1000;

/// What its holder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Role {
    /// A nurse.
    Nurse = 1,
    /// A physician.
    Physician = 2,
    /// A consultant: called for a specialty, such as an implant.
    Consultant = 3,
    /// A member of the emergency team.
    EmergencyResponder = 4,
    /// The patient, for the patient's own data.
    Patient = 5,
    /// Reviews accesses after the fact, in the cases that were given to the reviewer.
    Reviewer = 6,
    /// A program, such as an early warning score.
    Program = 7,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 7] = [
        Self::Nurse,
        Self::Physician,
        Self::Consultant,
        Self::EmergencyResponder,
        Self::Patient,
        Self::Reviewer,
        Self::Program,
    ];

    /// The role of a code on the wire.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|role| *role as u8 == code)
    }

    /// A person who treats patients: the only ones who may break the glass.
    pub const fn is_clinician(self) -> bool {
        matches!(self, Self::Nurse | Self::Physician | Self::Consultant | Self::EmergencyResponder)
    }

    /// Whether a holder of this role may ask for this purpose at all.
    pub const fn may_ask(self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Treatment => self.is_clinician() || matches!(self, Self::Program),
            Purpose::EmergencyTreatment | Purpose::BreakGlass => self.is_clinician(),
            Purpose::OwnData => matches!(self, Self::Patient),
            Purpose::Review => matches!(self, Self::Reviewer),
        }
    }
}

/// Whether a certificate is in its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Validity {
    /// It is.
    Valid,
    /// Its time has not begun.
    NotYetValid,
    /// Its time is over.
    Expired,
    /// It says that it lives longer than [`LIFETIME_MAX_MS`], and is refused at any time.
    TooLong,
}

/// A certificate with a checked form. Whether its signature verifies, the caller finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificate {
    /// Its number at the issuer, never used twice.
    pub serial: u64,
    /// Whose it is.
    pub person: Person,
    /// What the holder is.
    pub role: Role,
    /// The highest class the holder may ever see, whatever policies, consents and emergencies say.
    pub highest_class: RiskClass,
    /// The holder's Ed25519 key, under which requests are signed.
    pub key: [u8; 32],
    /// First millisecond of its time, since 1970. Issuers date it back by [`super::CLOCK_SKEW_MAX_MS`].
    pub not_before_ms: u64,
    /// First millisecond after its time.
    pub not_after_ms: u64,
    /// Who issued it.
    pub issuer: Issuer,
    /// The issuer's signature over [`Self::signed_bytes`].
    pub signature: [u8; SIGNATURE_BYTES],
}

impl Certificate {
    /// Reads a certificate that fills `bytes` exactly.
    ///
    /// # Errors
    /// [`Error::Malformed`] for another length, an unknown version, role or class, and a time that ends before it begins.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let bad = |why| Error::malformed("certificate", why);
        let mut r = Reader::new("certificate", bytes);
        if r.u8()? != VERSION {
            return Err(bad("unknown version"));
        }
        let certificate = Self {
            serial: r.u64()?,
            person: Person(r.array()?),
            role: Role::from_code(r.u8()?).ok_or(bad("unknown role"))?,
            highest_class: RiskClass::from_code(r.u8()?).ok_or(bad("unknown risk class"))?,
            key: r.array()?,
            not_before_ms: r.u64()?,
            not_after_ms: r.u64()?,
            issuer: Issuer(r.array()?),
            signature: r.array()?,
        };
        r.finish()?;
        if certificate.not_after_ms <= certificate.not_before_ms {
            return Err(bad("its time ends before it begins"));
        }
        Ok(certificate)
    }

    /// Its bytes. [`Self::parse`] refuses those of a time that ends before it begins.
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn to_bytes(&self) -> Result<[u8; CERTIFICATE_BYTES], Error> {
        let mut out = [0; CERTIFICATE_BYTES];
        let mut w = Writer::new(&mut out);
        self.put_fields(&mut w)?;
        w.put(&self.signature)?;
        Ok(out)
    }

    /// What the issuer signs.
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn signed_bytes(&self) -> Result<[u8; CERTIFICATE_SIGNED_BYTES], Error> {
        let mut out = [0; CERTIFICATE_SIGNED_BYTES];
        let mut w = Writer::new(&mut out);
        w.put(CONTEXT)?;
        self.put_fields(&mut w)?;
        Ok(out)
    }

    fn put_fields(&self, w: &mut Writer<'_>) -> Result<(), Error> {
        w.put(&[VERSION])?
            .put(&self.serial.to_be_bytes())?
            .put(&self.person.0)?
            .put(&[self.role as u8, self.highest_class.code()])?
            .put(&self.key)?
            .put(&self.not_before_ms.to_be_bytes())?
            .put(&self.not_after_ms.to_be_bytes())?
            .put(&self.issuer.0)?;
        Ok(())
    }

    /// Whether it is in its time at `now_ms`, milliseconds since 1970. Says nothing about signature and revocation.
    pub const fn validity(&self, now_ms: u64) -> Validity {
        if self.not_after_ms.saturating_sub(self.not_before_ms) > LIFETIME_MAX_MS {
            Validity::TooLong
        } else if now_ms < self.not_before_ms {
            Validity::NotYetValid
        } else if now_ms >= self.not_after_ms {
            Validity::Expired
        } else {
            Validity::Valid
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use ed25519_dalek::{Signature, Signer, SigningKey};
    use proptest::prelude::*;

    /// The issuer's key of the vectors.
    pub(in crate::access) fn issuer_key() -> SigningKey {
        SigningKey::from_bytes(&[0x11; 32])
    }

    /// The holder's key of the vectors.
    pub(in crate::access) fn holder_key() -> SigningKey {
        SigningKey::from_bytes(&[0x22; 32])
    }

    /// The certificate of the vectors.
    pub(in crate::access) fn certificate() -> Certificate {
        let mut certificate = Certificate {
            serial: 0x0102_0304_0506_0708,
            person: Person([0xaa; 16]),
            role: Role::Physician,
            highest_class: RiskClass::III,
            key: holder_key().verifying_key().to_bytes(),
            not_before_ms: 1_700_000_000_000,
            not_after_ms: 1_700_000_000_000 + LIFETIME_MAX_MS,
            issuer: Issuer([0xbb; 16]),
            signature: [0; SIGNATURE_BYTES],
        };
        certificate.signature = issuer_key().sign(&certificate.signed_bytes().unwrap()).to_bytes();
        certificate
    }

    #[test]
    fn its_signature_covers_every_byte_before_it() {
        let (good, key) = (certificate(), issuer_key().verifying_key());
        let verifies = |c: &Certificate| {
            key.verify_strict(&c.signed_bytes().unwrap(), &Signature::from_bytes(&c.signature)).is_ok()
        };
        assert!(verifies(&good));
        let bytes = good.to_bytes().unwrap();
        for at in 0..CERTIFICATE_BYTES {
            let mut changed = bytes;
            changed[at] ^= 1;
            assert!(!Certificate::parse(&changed).is_ok_and(|c| verifies(&c)), "byte {at}");
        }
    }

    #[test]
    fn its_time_has_a_first_and_no_last_millisecond_and_is_a_day_at_most() {
        let good = certificate();
        let (from, to) = (good.not_before_ms, good.not_after_ms);
        assert_eq!(good.validity(from - 1), Validity::NotYetValid);
        assert_eq!(good.validity(from), Validity::Valid);
        assert_eq!(good.validity(to - 1), Validity::Valid);
        assert_eq!(good.validity(to), Validity::Expired);
        let long = Certificate { not_after_ms: to + 1, ..good };
        for now in [0, from, to, u64::MAX] {
            assert_eq!(long.validity(now), Validity::TooLong);
        }
        let backwards = Certificate { not_before_ms: to, not_after_ms: from, ..good };
        assert!(
            (from - 1..from + 2).chain(to - 1..to + 2).all(|now| backwards.validity(now) != Validity::Valid)
        );
        assert!(Certificate::parse(&backwards.to_bytes().unwrap()).is_err());
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let bytes = certificate().to_bytes().unwrap();
        for len in 0..CERTIFICATE_BYTES {
            assert!(Certificate::parse(&bytes[..len]).is_err(), "{len} bytes");
        }
        assert!(Certificate::parse(&[&bytes[..], &[0]].concat()).is_err());
        for (at, value) in [(0, 0), (0, 2), (25, 0), (25, 8), (26, 0), (26, 4)] {
            let mut changed = bytes;
            changed[at] = value;
            assert!(Certificate::parse(&changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn only_clinicians_break_the_glass() {
        for role in Role::ALL {
            assert_eq!(Role::from_code(role as u8), Some(role));
            assert_eq!(role.may_ask(Purpose::BreakGlass), role.is_clinician());
            assert!(Purpose::ALL.into_iter().any(|purpose| role.may_ask(purpose)), "{role:?} is of no use");
        }
        assert!(
            !Role::Program.is_clinician() && !Role::Reviewer.is_clinician() && !Role::Patient.is_clinician()
        );
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_again_byte_for_byte(
            mut bytes in proptest::collection::vec(any::<u8>(), CERTIFICATE_BYTES..=CERTIFICATE_BYTES),
            role in 0u8..9, class in 0u8..5, version in 0u8..3,
        ) {
            (bytes[0], bytes[25], bytes[26]) = (version, role, class);
            if let Ok(certificate) = Certificate::parse(&bytes) {
                prop_assert_eq!(&certificate.to_bytes().unwrap()[..], &bytes[..]);
                prop_assert!(certificate.not_after_ms > certificate.not_before_ms);
            }
        }

        #[test]
        fn any_bytes_parse_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Certificate::parse(&bytes).is_err() || bytes.len() == CERTIFICATE_BYTES);
        }
    }

    // Vector: issuer's secret key 32 bytes 11, holder's 32 bytes 22.
    #[test]
    fn its_layout_is_what_is_written_down() {
        let bytes = certificate().to_bytes().unwrap();
        let hex: std::string::String = bytes.iter().map(|byte| std::format!("{byte:02x}")).collect();
        assert_eq!(hex, VECTOR);
    }

    const VECTOR: &str = concat!(
        "010102030405060708aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa0203a09aa5f47a6759802ff955f8dc2d2a14a5c99d23be",
        "97f864127ff9383455a4f00000018bcfe568000000018bd50bc400bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbf3ce1b6e5",
        "cc1f3e784fd4d73d20ad6074a301812a038c9baf3259347622228998ff2a26b7d72c871e1c42ee8646f9e41462857716",
        "6006bf68e3f3aad4a14c0c",
    );
}
