//! What is asked, signed with the key of the asker's certificate.
//!
//! ```text
//! version 1 | challenge 16 | serial 8 | patient 8 | bed 2 | sensor 2 | class 1 | purpose 1 | time 8 | statement 32 | signature 64
//! ```
//!
//! The signature is Ed25519 (RFC 8032) over [`CONTEXT`] and the 79 bytes before it. The decider gives out the challenge, at
//! random, and takes it once: a request that is recorded on the way is worth nothing. The person is named by the
//! certificate's serial. Patient 0 is whoever lies in the bed, sensor 0 all sensors of the
//! class (I and II).
//!
//! The statement is the SHA-256 of the reason in the asker's own words, which travels beside the request and goes on record;
//! zeros when there is none. Break-glass must have one.

use super::{Bed, Certificate, PatientNumber, SIGNATURE_BYTES};
use crate::error::Error;
use crate::risk::RiskClass;
use crate::wire::{Reader, SensorId, Writer};

/// Version of the format.
pub const VERSION: u8 = 1;
/// What the signature covers before the request itself.
pub const CONTEXT: &[u8] = b"bodywire access request";
const FIELDS_BYTES: usize = 1 + 16 + 8 + 8 + 2 + 2 + 1 + 1 + 8 + 32;
/// Length of a request. It fits into one frame of the sensor link, so that it can be put before a sensor as it is.
pub const REQUEST_BYTES: usize = FIELDS_BYTES + SIGNATURE_BYTES;
const _: () = assert!(REQUEST_BYTES <= crate::record::PAYLOAD_BYTES_MAX);
/// Length of what is signed.
pub const REQUEST_SIGNED_BYTES: usize = CONTEXT.len() + FIELDS_BYTES;
/// How long a challenge can be answered, in milliseconds: a minute, enough to re-authenticate with a card and a PIN.
pub const CHALLENGE_AGE_MAX_MS: u64 = 60 * 1000;

/// What the data is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Purpose {
    /// Treatment by those who have a relation to the patient (HL7 `TREAT`).
    Treatment = 1,
    /// Treatment in a detected emergency by those who have a relation to the patient (HL7 `ETREAT`).
    EmergencyTreatment = 2,
    /// Access by any clinician of the house, reviewed afterwards (HL7 `BTG`).
    BreakGlass = 3,
    /// The patient's own data.
    OwnData = 4,
    /// Review of an access after the fact.
    Review = 5,
}

impl Purpose {
    /// All purposes.
    pub const ALL: [Self; 5] =
        [Self::Treatment, Self::EmergencyTreatment, Self::BreakGlass, Self::OwnData, Self::Review];

    /// The purpose of a code on the wire.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| *purpose as u8 == code)
    }

    /// Asked for in an emergency, where nobody may know who the patient is.
    pub const fn is_emergency(self) -> bool {
        matches!(self, Self::EmergencyTreatment | Self::BreakGlass)
    }
}

/// What the decider knows of the challenge in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Challenge {
    /// It was given out for this asker, not longer ago than [`CHALLENGE_AGE_MAX_MS`], and this is its first use.
    Fresh,
    /// It was never given out.
    Unknown,
    /// It was used before.
    Replayed,
    /// It is too old.
    Expired,
}

impl Challenge {
    /// What becomes of a challenge that was given out at `given_ms` and comes back at `now_ms`. A clock that was set back
    /// in between makes it [`Self::Expired`].
    pub const fn of(given_ms: Option<u64>, used: bool, now_ms: u64) -> Self {
        match given_ms {
            None => Self::Unknown,
            Some(_) if used => Self::Replayed,
            Some(given) if now_ms < given || now_ms - given > CHALLENGE_AGE_MAX_MS => Self::Expired,
            Some(_) => Self::Fresh,
        }
    }
}

/// A request with a checked form. Whether its signature verifies, the caller finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// What the decider gave out.
    pub challenge: [u8; 16],
    /// Serial of the certificate it is signed under.
    pub serial: u64,
    /// Whose data; `None` is whoever lies in the bed, for the purposes of an emergency only.
    pub patient: Option<PatientNumber>,
    /// In which bed.
    pub bed: Bed,
    /// Which sensor; `None` is all sensors of the class. Class III names one, because each of them decides for itself.
    pub sensor: Option<SensorId>,
    /// Which class. The paper adds the lower classes; so does a grant.
    pub class: RiskClass,
    /// What for.
    pub purpose: Purpose,
    /// The asker's clock, milliseconds since 1970. For the record; a decider decides nothing by it, and a class III sensor, which
    /// gives out no challenge, only whether the request is fresh ([`crate::ask::examine`]).
    pub time_ms: u64,
    /// SHA-256 of the reason in words; `None` when none was given.
    pub statement: Option<[u8; 32]>,
    /// The asker's signature over [`Self::signed_bytes`].
    pub signature: [u8; SIGNATURE_BYTES],
}

impl Request {
    /// Reads a request that fills `bytes` exactly.
    ///
    /// # Errors
    /// [`Error::Malformed`] for another length, an unknown version, class or purpose, no patient outside an emergency,
    /// no sensor for class III, and break-glass without a statement.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let bad = |why| Error::malformed("access request", why);
        let mut r = Reader::new("access request", bytes);
        if r.u8()? != VERSION {
            return Err(bad("unknown version"));
        }
        let request = Self {
            challenge: r.array()?,
            serial: r.u64()?,
            patient: Some(r.u64()?).filter(|patient| *patient != 0).map(PatientNumber),
            bed: Bed(r.u16()?),
            sensor: Some(r.u16()?).filter(|sensor| *sensor != 0).map(SensorId),
            class: RiskClass::from_code(r.u8()?).ok_or(bad("unknown risk class"))?,
            purpose: Purpose::from_code(r.u8()?).ok_or(bad("unknown purpose"))?,
            time_ms: r.u64()?,
            statement: Some(r.array()?).filter(|statement| *statement != [0; 32]),
            signature: r.array()?,
        };
        r.finish()?;
        if request.patient.is_none() && !request.purpose.is_emergency() {
            return Err(bad("no patient: only an emergency is for whoever lies in the bed"));
        }
        if request.sensor.is_none() && request.class == RiskClass::III {
            return Err(bad("class III without a sensor: each of them decides for itself"));
        }
        if request.statement.is_none() && matches!(request.purpose, Purpose::BreakGlass) {
            return Err(bad("break-glass without a reason"));
        }
        Ok(request)
    }

    /// Its bytes. [`Self::parse`] refuses those of a request that says too little for its purpose.
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn to_bytes(&self) -> Result<[u8; REQUEST_BYTES], Error> {
        let mut out = [0; REQUEST_BYTES];
        let mut w = Writer::new(&mut out);
        self.put_fields(&mut w)?;
        w.put(&self.signature)?;
        Ok(out)
    }

    /// What the asker signs.
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn signed_bytes(&self) -> Result<[u8; REQUEST_SIGNED_BYTES], Error> {
        let mut out = [0; REQUEST_SIGNED_BYTES];
        let mut w = Writer::new(&mut out);
        w.put(CONTEXT)?;
        self.put_fields(&mut w)?;
        Ok(out)
    }

    fn put_fields(&self, w: &mut Writer<'_>) -> Result<(), Error> {
        w.put(&[VERSION])?
            .put(&self.challenge)?
            .put(&self.serial.to_be_bytes())?
            .put(&self.patient.map_or(0, |patient| patient.0).to_be_bytes())?
            .put(&self.bed.0.to_be_bytes())?
            .put(&self.sensor.map_or(0, |sensor| sensor.0).to_be_bytes())?
            .put(&[self.class.code(), self.purpose as u8])?
            .put(&self.time_ms.to_be_bytes())?
            .put(&self.statement.unwrap_or([0; 32]))?;
        Ok(())
    }

    /// Whether it says that it was signed under this certificate.
    pub const fn is_under(&self, certificate: &Certificate) -> bool {
        self.serial == certificate.serial
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::access::certificate::tests::{certificate, holder_key};
    use ed25519_dalek::{Signature, Signer};
    use proptest::prelude::*;

    /// The request of the vectors.
    pub(in crate::access) fn request() -> Request {
        let mut request = Request {
            challenge: [0xcc; 16],
            serial: certificate().serial,
            patient: Some(PatientNumber(0x1112_1314_1516_1718)),
            bed: Bed(402),
            sensor: Some(SensorId(5)),
            class: RiskClass::III,
            purpose: Purpose::BreakGlass,
            time_ms: 1_700_000_001_000,
            statement: Some([0xdd; 32]),
            signature: [0; SIGNATURE_BYTES],
        };
        request.signature = holder_key().sign(&request.signed_bytes().unwrap()).to_bytes();
        request
    }

    #[test]
    fn its_signature_covers_every_byte_before_it() {
        let (good, key) = (request(), holder_key().verifying_key());
        let verifies = |r: &Request| {
            key.verify_strict(&r.signed_bytes().unwrap(), &Signature::from_bytes(&r.signature)).is_ok()
        };
        assert!(verifies(&good) && good.is_under(&certificate()));
        let bytes = good.to_bytes().unwrap();
        for at in 0..REQUEST_BYTES {
            let mut changed = bytes;
            changed[at] ^= 1;
            assert!(!Request::parse(&changed).is_ok_and(|r| verifies(&r)), "byte {at}");
        }
    }

    #[test]
    fn only_an_emergency_may_leave_the_patient_open_and_break_glass_says_why() {
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::from_code(purpose as u8), Some(purpose));
            let parses = |request: Request| Request::parse(&request.to_bytes().unwrap()).is_ok();
            let whole = Request { purpose, ..request() };
            assert!(parses(whole) && !parses(Request { sensor: None, ..whole }));
            assert!(parses(Request { sensor: None, class: RiskClass::II, ..whole }));
            assert_eq!(parses(Request { patient: None, ..whole }), purpose.is_emergency());
            assert_eq!(parses(Request { statement: None, ..whole }), purpose != Purpose::BreakGlass);
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let bytes = request().to_bytes().unwrap();
        for len in 0..REQUEST_BYTES {
            assert!(Request::parse(&bytes[..len]).is_err(), "{len} bytes");
        }
        assert!(Request::parse(&[&bytes[..], &[0]].concat()).is_err());
        for (at, value) in [(0, 2), (37, 0), (37, 4), (38, 0), (38, 6)] {
            let mut changed = bytes;
            changed[at] = value;
            assert!(Request::parse(&changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_challenge_is_good_once_and_for_a_minute() {
        let at = 1_000_000;
        assert_eq!(Challenge::of(None, false, at), Challenge::Unknown);
        assert_eq!(Challenge::of(None, true, at), Challenge::Unknown);
        assert_eq!(Challenge::of(Some(at), false, at), Challenge::Fresh);
        assert_eq!(Challenge::of(Some(at), true, at), Challenge::Replayed);
        assert_eq!(Challenge::of(Some(at), false, at + CHALLENGE_AGE_MAX_MS), Challenge::Fresh);
        assert_eq!(Challenge::of(Some(at), false, at + CHALLENGE_AGE_MAX_MS + 1), Challenge::Expired);
        assert_eq!(Challenge::of(Some(at), false, at - 1), Challenge::Expired, "a clock that was set back");
        assert_eq!(Challenge::of(Some(0), false, u64::MAX), Challenge::Expired);
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_again_byte_for_byte(
            mut bytes in proptest::collection::vec(any::<u8>(), REQUEST_BYTES..=REQUEST_BYTES),
            class in 0u8..5, purpose in 0u8..7, blank: bool,
        ) {
            (bytes[0], bytes[37], bytes[38]) = (VERSION, class, purpose);
            if blank {
                bytes[25..33].fill(0);
                bytes[47..79].fill(0);
            }
            if let Ok(request) = Request::parse(&bytes) {
                prop_assert_eq!(&request.to_bytes().unwrap()[..], &bytes[..]);
            }
        }

        #[test]
        fn any_bytes_parse_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Request::parse(&bytes).is_err() || bytes.len() == REQUEST_BYTES);
        }
    }

    // Vector: holder's secret key 32 bytes 22.
    #[test]
    fn its_layout_is_what_is_written_down() {
        let bytes = request().to_bytes().unwrap();
        let hex: std::string::String = bytes.iter().map(|byte| std::format!("{byte:02x}")).collect();
        assert_eq!(hex, VECTOR);
    }

    const VECTOR: &str = concat!(
        "01cccccccccccccccccccccccccccccccc010203040506070811121314151617180192000503030000018bcfe56be8dd",
        "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd5279d8eb57326a73ac0ae004239785d8aa",
        "679e128ec3d09209885cf2ff8a26bfe284b8c893f7f1f4d823e1d045ffcf72b63c8d21e533602b0592720032d8f803",
    );
}
