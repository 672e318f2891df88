//! What a decision is made from. Whoever calls has verified, opened and looked up; here it is only stated.

use super::request::Challenge;
use super::{Bed, Certificate, Condition, PatientNumber, Policy, Relation, Request, Revocation};
use crate::risk::RiskClass;

/// A certificate as far as the caller has verified it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown<'a> {
    /// There is none.
    Nothing,
    /// Its issuer's key is not one of the house.
    UnknownIssuer(&'a Certificate),
    /// Its signature does not verify.
    BadSignature(&'a Certificate),
    /// Its signature verifies under its issuer's key.
    Verified(&'a Certificate),
}

impl<'a> Shown<'a> {
    /// The certificate, whether or not it is genuine.
    pub const fn claimed(&self) -> Option<&'a Certificate> {
        match *self {
            Self::Nothing => None,
            Self::UnknownIssuer(shown) | Self::BadSignature(shown) | Self::Verified(shown) => Some(shown),
        }
    }
}

/// What is at the bed that the decider decides for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The bed.
    pub bed: Bed,
    /// Who lies in it; `None` before the admission.
    pub patient: Option<PatientNumber>,
    /// The class under which the sensor in the request was enrolled at this bed; `None` when the request names none, or one
    /// that is not there.
    pub sensor_class: Option<RiskClass>,
}

/// What a sensor has released its key for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Whatever the patient's policy allows.
    Any,
    /// Detected emergencies only: released beforehand, when the sensor was enrolled.
    Emergency,
}

/// The consent of the class III sensor in the request ([`crate::consent`]). Only who opened it knows that there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Consent {
    /// None, or none that opens.
    None,
    /// Its key was released.
    Given {
        /// Until when, milliseconds since 1970.
        until_ms: u64,
        /// What for.
        scope: Scope,
    },
}

/// All that a decision is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The decider's clock, milliseconds since 1970.
    pub now_ms: u64,
    /// What is asked.
    pub request: &'a Request,
    /// Under which certificate.
    pub certificate: Shown<'a>,
    /// Whether the request's signature verifies under that certificate's key.
    pub request_signed: bool,
    /// What the decider knows of the request's challenge.
    pub challenge: Challenge,
    /// What is known of the certificate's revocation.
    pub revocation: Revocation,
    /// What is at the bed.
    pub place: Place,
    /// What the asker is to the bed's patient.
    pub relation: Relation,
    /// The patient's condition.
    pub condition: Condition,
    /// The sensor's consent.
    pub consent: Consent,
    /// The patient's policy.
    pub policy: &'a Policy,
}
