//! The combinations.

use super::super::*;
use crate::access::certificate::LIFETIME_MAX_MS;
use crate::access::facts::Place;
use crate::access::{Bed, Issuer, PatientNumber, Person, Policy, SIGNATURE_BYTES};
use crate::wire::SensorId;

pub(super) const NOW: u64 = 1_700_000_000_000;
const HOUR: u64 = 60 * 60 * 1000;

/// What is wrong with the credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    NoCertificate,
    UnknownIssuer,
    BadCertificate,
    OtherSerial,
    BadRequest,
    UnknownChallenge,
    Replayed,
    OldChallenge,
    TooLong,
    NotYet,
    Expired,
    Revoked,
}

const FAULTS: [Option<Fault>; 13] = [
    None,
    Some(Fault::NoCertificate),
    Some(Fault::UnknownIssuer),
    Some(Fault::BadCertificate),
    Some(Fault::OtherSerial),
    Some(Fault::BadRequest),
    Some(Fault::UnknownChallenge),
    Some(Fault::Replayed),
    Some(Fault::OldChallenge),
    Some(Fault::TooLong),
    Some(Fault::NotYet),
    Some(Fault::Expired),
    Some(Fault::Revoked),
];

/// What the sensor gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    Nothing,
    Any,
    Emergency,
    AnyEnded,
    EmergencyEnded,
}

impl Given {
    pub(super) const ALL: [Self; 5] =
        [Self::Nothing, Self::Any, Self::Emergency, Self::AnyEnded, Self::EmergencyEnded];

    fn consent(self) -> Consent {
        let given = |until_ms, scope| Consent::Given { until_ms, scope };
        match self {
            Self::Nothing => Consent::None,
            Self::Any => given(NOW + HOUR, Scope::Any),
            Self::Emergency => given(NOW + HOUR, Scope::Emergency),
            Self::AnyEnded => given(NOW, Scope::Any),
            Self::EmergencyEnded => given(NOW, Scope::Emergency),
        }
    }
}

/// What the request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// The patient, the bed and a sensor of the class.
    Right,
    /// No sensor.
    AllSensors,
    /// No patient.
    BedOnly,
    OtherPatient,
    OtherBed,
    OtherClass,
    NoSuchSensor,
}

impl At {
    pub(super) const ALL: [Self; 7] = [
        Self::Right,
        Self::AllSensors,
        Self::BedOnly,
        Self::OtherPatient,
        Self::OtherBed,
        Self::OtherClass,
        Self::NoSuchSensor,
    ];

    /// Class III needs a sensor.
    pub(super) fn is_right(self, case: &Case) -> bool {
        match self {
            Self::Right | Self::BedOnly => true,
            Self::AllSensors => case.class != RiskClass::III,
            Self::OtherPatient | Self::OtherBed | Self::OtherClass | Self::NoSuchSensor => false,
        }
    }
}

/// Which policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Least,
    Paper,
}

/// One combination.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) fault: Option<Fault>,
    pub(super) role: Role,
    pub(super) ceiling: RiskClass,
    pub(super) relation: Relation,
    pub(super) class: RiskClass,
    pub(super) purpose: Purpose,
    pub(super) condition: Condition,
    pub(super) consent: Given,
    pub(super) revocation: Revocation,
    pub(super) place: At,
    pub(super) table: Table,
}

impl Case {
    pub(super) fn with<T>(&self, then: impl FnOnce(&Facts<'_>) -> T) -> T {
        let day = LIFETIME_MAX_MS;
        let (not_before_ms, not_after_ms) = match self.fault {
            Some(Fault::TooLong) => (NOW - 1, NOW + day),
            Some(Fault::NotYet) => (NOW + 1, NOW + day),
            Some(Fault::Expired) => (NOW - day, NOW),
            _ => (NOW - day / 2, NOW + day / 2),
        };
        let certificate = Certificate {
            serial: 7,
            person: Person([1; 16]),
            role: self.role,
            highest_class: self.ceiling,
            key: [2; 32],
            not_before_ms,
            not_after_ms,
            issuer: Issuer([3; 16]),
            signature: [4; SIGNATURE_BYTES],
        };
        let other_class = if self.class == RiskClass::II { RiskClass::I } else { RiskClass::II };
        let request = Request {
            challenge: [5; 16],
            serial: if self.fault == Some(Fault::OtherSerial) { 8 } else { 7 },
            patient: match self.place {
                At::BedOnly => None,
                At::OtherPatient => Some(PatientNumber(10)),
                _ => Some(PatientNumber(9)),
            },
            bed: if self.place == At::OtherBed { Bed(2) } else { Bed(1) },
            sensor: if self.place == At::AllSensors { None } else { Some(SensorId(5)) },
            class: self.class,
            purpose: self.purpose,
            time_ms: NOW,
            statement: Some([6; 32]),
            signature: [4; SIGNATURE_BYTES],
        };
        then(&Facts {
            now_ms: NOW,
            request: &request,
            certificate: match self.fault {
                Some(Fault::NoCertificate) => Shown::Nothing,
                Some(Fault::UnknownIssuer) => Shown::UnknownIssuer(&certificate),
                Some(Fault::BadCertificate) => Shown::BadSignature(&certificate),
                _ => Shown::Verified(&certificate),
            },
            request_signed: self.fault != Some(Fault::BadRequest),
            challenge: match self.fault {
                Some(Fault::UnknownChallenge) => Challenge::Unknown,
                Some(Fault::Replayed) => Challenge::Replayed,
                Some(Fault::OldChallenge) => Challenge::Expired,
                _ => Challenge::Fresh,
            },
            revocation: match self.fault {
                Some(Fault::Revoked) => Revocation::Revoked,
                _ => self.revocation,
            },
            place: Place {
                bed: Bed(1),
                patient: Some(PatientNumber(9)),
                sensor_class: match self.place {
                    At::AllSensors | At::NoSuchSensor => None,
                    At::OtherClass => Some(other_class),
                    _ => Some(self.class),
                },
            },
            relation: self.relation,
            condition: self.condition,
            consent: self.consent.consent(),
            policy: match self.table {
                Table::Least => &Policy::LEAST,
                Table::Paper => &Policy::PAPER,
            },
        })
    }

    pub(super) fn decide(&self) -> Decision {
        self.with(decide)
    }
}

const CLASSES: [RiskClass; 3] = [RiskClass::I, RiskClass::II, RiskClass::III];
const LISTS: [Revocation; 3] = [Revocation::Clear, Revocation::Stale, Revocation::Missing];

/// All pairs.
fn pairs<A: Copy, B: Copy>(a: &[A], b: &[B]) -> impl Iterator<Item = (A, B)> {
    a.iter().flat_map(|a| b.iter().map(|b| (*a, *b)))
}

fn each(mut then: impl FnMut(&Case)) {
    for fault in FAULTS {
        // A fault is found before the place is looked at; two places are enough with it.
        let places = if fault.is_some() { &At::ALL[2..4] } else { &At::ALL[..] };
        for (place, table) in pairs(places, &[Table::Least, Table::Paper]) {
            for (role, relation) in pairs(&Role::ALL, &Relation::ALL) {
                for (ceiling, class) in pairs(&CLASSES, &CLASSES) {
                    for (purpose, condition) in pairs(&Purpose::ALL, &Condition::ALL) {
                        for (consent, revocation) in pairs(&Given::ALL, &LISTS) {
                            then(&Case {
                                fault,
                                role,
                                ceiling,
                                relation,
                                class,
                                purpose,
                                condition,
                                consent,
                                revocation,
                                place,
                                table,
                            });
                        }
                    }
                }
            }
        }
    }
}

/// Every combination and what is decided.
pub(super) fn every(mut then: impl FnMut(&Case, Decision)) {
    each(|case| then(case, case.decide()));
}

/// The same, with the facts.
pub(super) fn every_with_facts(mut then: impl FnMut(&Case, &Facts<'_>, Decision)) {
    each(|case| case.with(|facts| then(case, facts, decide(facts))));
}
