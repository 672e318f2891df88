//! A decision on record: what a ledger entry of a grant, a refusal or an override says.
//!
//! ```text
//! version 1 | outcome 1 | person 16 | serial 8 | role 1 | patient 8 | bed 2 | sensor 2 | asked class 1 | purpose 1 |
//! relation 1 | condition 1 | highest class 1 | reason 1 | flags 1 | from 8 | until 8 | evidence 32
//! ```
//!
//! Outcome: 1 granted, 2 the sensor is asked, 3 refused, 4 override. For a refusal `highest class` is 0 and `until` is `from`.
//! `reason` is that of a refusal, or why an override gives less; else 0. Flag 1: break-glass was offered. Flag 2: the
//! revocation list was stale or missing. Person, serial and role are zero when no certificate was shown, and only claimed when
//! the reason comes before the proof ([`super::Reason::proves_holder`]).
//!
//! Evidence is the SHA-256 of what was decided from: the certificate (nothing, or its 155 bytes), the request, the policy, and,
//! when the condition was an emergency, the alarm with its strip of ECG ([`crate::report::Alarm`]). Whoever writes the record
//! computes it and keeps those bytes.

use super::decide::Decision;
use super::facts::Facts;
use super::reason::Withheld;
use super::{Bed, Condition, PatientNumber, Person, Purpose, Reason, Relation, Revocation, Role};
use crate::error::Error;
use crate::risk::RiskClass;
use crate::wire::{Reader, SensorId, Writer};

/// Version of the format.
pub const VERSION: u8 = 1;
/// Length of a record.
pub const RECORD_BYTES: usize = 1 + 1 + 16 + 8 + 1 + 8 + 2 + 2 + 7 + 8 + 8 + 32;

const FLAG_OFFERED: u8 = 1;
const FLAG_NO_FRESH_LIST: u8 = 2;

/// Who asked, as the certificate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    /// The person.
    pub person: Person,
    /// The certificate's serial.
    pub serial: u64,
    /// The role.
    pub role: Role,
}

/// A decision on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecisionRecord {
    /// Who asked; `None` when no certificate was shown.
    pub asker: Option<Asker>,
    /// Whose data was asked for: the patient in the bed, else the one in the request; `None` when neither is known.
    pub patient: Option<PatientNumber>,
    /// In which bed.
    pub bed: Bed,
    /// Of which sensor; `None` is all of the class.
    pub sensor: Option<SensorId>,
    /// Which class was asked for.
    pub asked: RiskClass,
    /// What for.
    pub purpose: Purpose,
    /// What the asker was to the patient.
    pub relation: Relation,
    /// The patient's condition.
    pub condition: Condition,
    /// What was decided.
    pub decision: Decision,
    /// The revocation list was stale or missing.
    pub no_fresh_list: bool,
    /// When it was decided, milliseconds since 1970.
    pub from_ms: u64,
    /// SHA-256 of what it was decided from.
    pub evidence: [u8; 32],
}

impl DecisionRecord {
    /// The record of a decision that was made from these facts.
    pub fn of(facts: &Facts<'_>, decision: Decision, evidence: [u8; 32]) -> Self {
        let asker = facts.certificate.claimed().map(|certificate| Asker {
            person: certificate.person,
            serial: certificate.serial,
            role: certificate.role,
        });
        Self {
            asker,
            patient: facts.request.patient.or(facts.place.patient),
            bed: facts.request.bed,
            sensor: facts.request.sensor,
            asked: facts.request.class,
            purpose: facts.request.purpose,
            relation: facts.relation,
            condition: facts.condition,
            decision,
            no_fresh_list: matches!(facts.revocation, Revocation::Stale | Revocation::Missing),
            from_ms: facts.now_ms,
            evidence,
        }
    }

    /// Its bytes. [`Self::parse`] refuses those of a decision that [`super::decide()`] never makes.
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn to_bytes(&self) -> Result<[u8; RECORD_BYTES], Error> {
        let (outcome, reason, offered) = match self.decision {
            Decision::Grant(_) => (1, 0, false),
            Decision::AskSensor { .. } => (2, 0, false),
            Decision::Refuse { reason, break_glass } => (3, reason as u8, break_glass),
            Decision::Override { withheld, .. } => (4, withheld.map_or(0, |withheld| withheld as u8), false),
        };
        let (highest, until_ms) =
            self.decision.terms().map_or((0, self.from_ms), |terms| (terms.highest.code(), terms.until_ms));
        let (person, serial, role) =
            self.asker.map_or(([0; 16], 0, 0), |asker| (asker.person.0, asker.serial, asker.role as u8));
        let flags = u8::from(offered) * FLAG_OFFERED + u8::from(self.no_fresh_list) * FLAG_NO_FRESH_LIST;
        let mut out = [0; RECORD_BYTES];
        Writer::new(&mut out)
            .put(&[VERSION, outcome])?
            .put(&person)?
            .put(&serial.to_be_bytes())?
            .put(&[role])?
            .put(&self.patient.map_or(0, |patient| patient.0).to_be_bytes())?
            .put(&self.bed.0.to_be_bytes())?
            .put(&self.sensor.map_or(0, |sensor| sensor.0).to_be_bytes())?
            .put(&[self.asked.code(), self.purpose as u8, self.relation as u8, self.condition as u8])?
            .put(&[highest, reason, flags])?
            .put(&self.from_ms.to_be_bytes())?
            .put(&until_ms.to_be_bytes())?
            .put(&self.evidence)?;
        Ok(out)
    }

    /// Reads a record that fills `bytes` exactly.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what is no record, and for one that contradicts itself.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let bad = |why| Error::malformed("access record", why);
        let mut r = Reader::new("access record", bytes);
        if r.u8()? != VERSION {
            return Err(bad("unknown version"));
        }
        let outcome = r.u8()?;
        let (person, serial, role) = (r.array::<16>()?, r.u64()?, r.u8()?);
        let asker = match Role::from_code(role) {
            Some(role) => Some(Asker { person: Person(person), serial, role }),
            None if role == 0 && serial == 0 && person == [0; 16] => None,
            None => return Err(bad("unknown role")),
        };
        let patient = Some(r.u64()?).filter(|patient| *patient != 0).map(PatientNumber);
        let bed = Bed(r.u16()?);
        let sensor = Some(r.u16()?).filter(|sensor| *sensor != 0).map(SensorId);
        let asked = RiskClass::from_code(r.u8()?).ok_or(bad("unknown risk class"))?;
        let purpose = Purpose::from_code(r.u8()?).ok_or(bad("unknown purpose"))?;
        let relation = Relation::from_code(r.u8()?).ok_or(bad("unknown relation"))?;
        let condition = Condition::from_code(r.u8()?).ok_or(bad("unknown condition"))?;
        let (highest, reason, flags) = (r.u8()?, r.u8()?, r.u8()?);
        let (from_ms, until_ms, evidence) = (r.u64()?, r.u64()?, r.array()?);
        r.finish()?;
        if flags & !(FLAG_OFFERED | FLAG_NO_FRESH_LIST) != 0 {
            return Err(bad("unknown flag"));
        }
        let offered = flags & FLAG_OFFERED != 0;
        let terms = RiskClass::from_code(highest).map(|highest| super::Terms { highest, until_ms });
        let decision = match (outcome, terms) {
            (1, Some(terms)) if reason == 0 => Decision::Grant(terms),
            (2, Some(meanwhile)) if reason == 0 => Decision::AskSensor { meanwhile },
            (3, None) if highest == 0 && until_ms == from_ms => {
                let reason = Reason::from_code(reason).ok_or(bad("unknown reason"))?;
                Decision::Refuse { reason, break_glass: offered }
            }
            (4, Some(terms)) if reason == 0 => Decision::Override { terms, withheld: None },
            (4, Some(terms)) => {
                let withheld = Withheld::from_code(reason).ok_or(bad("unknown reason"))?;
                Decision::Override { terms, withheld: Some(withheld) }
            }
            _ => return Err(bad("outcome, class, reason and end do not fit")),
        };
        let granted = decision.terms();
        if granted.is_some_and(|terms| terms.until_ms <= from_ms || terms.highest > asked || asker.is_none())
        {
            return Err(bad("a grant to nobody, for no time, or of more than was asked for"));
        }
        if offered && granted.is_some() {
            return Err(bad("break-glass is offered with a refusal only"));
        }
        let no_fresh_list = flags & FLAG_NO_FRESH_LIST != 0;
        Ok(Self {
            asker,
            patient,
            bed,
            sensor,
            asked,
            purpose,
            relation,
            condition,
            decision,
            no_fresh_list,
            from_ms,
            evidence,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::certificate::tests::certificate;
    use crate::access::decide::Terms;
    use crate::access::request::tests::request;
    use proptest::prelude::*;

    fn record(decision: Decision) -> DecisionRecord {
        let (certificate, request) = (certificate(), request());
        DecisionRecord {
            asker: Some(Asker {
                person: certificate.person,
                serial: certificate.serial,
                role: certificate.role,
            }),
            patient: request.patient,
            bed: request.bed,
            sensor: request.sensor,
            asked: request.class,
            purpose: request.purpose,
            relation: Relation::None,
            condition: Condition::Emergency,
            decision,
            no_fresh_list: false,
            from_ms: 1_700_000_002_000,
            evidence: [0xee; 32],
        }
    }

    fn override_of_two() -> Decision {
        let terms = Terms { highest: RiskClass::II, until_ms: 1_700_000_902_000 };
        Decision::Override { terms, withheld: Some(Withheld::Sealed) }
    }

    #[test]
    fn a_record_that_contradicts_itself_is_refused() {
        let good = record(override_of_two());
        let parses = |record: DecisionRecord| DecisionRecord::parse(&record.to_bytes().unwrap()).is_ok();
        assert!(parses(good));
        assert!(!parses(DecisionRecord { asker: None, ..good }), "a grant to nobody");
        assert!(!parses(DecisionRecord { asked: RiskClass::I, ..good }), "more than was asked for");
        assert!(!parses(DecisionRecord { from_ms: 1_700_000_902_000, ..good }), "for no time");
        let refused = Decision::Refuse { reason: Reason::CertificateMissing, break_glass: false };
        assert!(parses(DecisionRecord { asker: None, decision: refused, ..good }));
        let bytes = good.to_bytes().unwrap();
        for len in 0..RECORD_BYTES {
            assert!(DecisionRecord::parse(&bytes[..len]).is_err(), "{len} bytes");
        }
        for (at, value) in [
            (0, 2),
            (1, 0),
            (1, 1),
            (1, 2),
            (1, 3),
            (1, 5),
            (26, 0),
            (26, 8),
            (43, 0),
            (44, 1),
            (45, 1),
            (45, 4),
        ] {
            let mut changed = bytes;
            changed[at] = value;
            assert!(DecisionRecord::parse(&changed).is_err(), "byte {at} = {value}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_again_byte_for_byte(
            mut bytes in proptest::collection::vec(any::<u8>(), RECORD_BYTES..=RECORD_BYTES),
            small in (1u8..6, 0u8..9, 1u8..4, 1u8..6, 0u8..5, 0u8..3, 0u8..5),
            reason in prop_oneof![Just(0u8), 0u8..24, 128u8..134], flags in 0u8..5,
        ) {
            (bytes[0], bytes[1], bytes[26]) = (VERSION, small.0, small.1);
            bytes[39..46].copy_from_slice(&[small.2, small.3, small.4, small.5, small.6, reason, flags]);
            if small.0 == 3 {
                bytes.copy_within(46..54, 54);
            }
            if let Ok(record) = DecisionRecord::parse(&bytes) {
                prop_assert_eq!(&record.to_bytes().unwrap()[..], &bytes[..]);
            }
        }

        #[test]
        fn any_bytes_parse_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            prop_assert!(DecisionRecord::parse(&bytes).is_err() || bytes.len() == RECORD_BYTES);
        }
    }

    #[test]
    fn its_layout_is_what_is_written_down() {
        let bytes = record(override_of_two()).to_bytes().unwrap();
        let hex: std::string::String = bytes.iter().map(|byte| std::format!("{byte:02x}")).collect();
        assert_eq!(hex, VECTOR);
    }

    const VECTOR: &str = concat!(
        "0104aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa010203040506070802111213141516171801920005030300020284000000",
        "018bcfe56fd00000018bcff32b70eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee",
    );
}
