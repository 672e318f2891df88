//! What a condition opens: the decision for a few people of the house, all else being in order.

use bodywire_proto::access::facts::{Facts, Place, Scope, Shown};
use bodywire_proto::access::request::Challenge;
use bodywire_proto::access::{
    Bed, Certificate, Condition, Consent, Issuer, Person, Policy, Purpose, Relation, Request, Revocation,
    Role, SIGNATURE_BYTES, decide,
};
use bodywire_proto::risk::RiskClass;
use bodywire_proto::wire::SensorId;

const NOW_MS: u64 = 1_700_000_000_000;
const HOUR_MS: u64 = 60 * 60 * 1_000;

/// The highest class that is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opens {
    /// To a nurse who is consulted and asks for class II as emergency treatment.
    pub(crate) consulted: Option<RiskClass>,
    /// To a physician without a relation, by break-glass, of a pump that has released its key for emergencies.
    pub(crate) pump: Option<RiskClass>,
    /// To somebody without a certificate, by break-glass.
    pub(crate) stranger: Option<RiskClass>,
}

/// What an emergency opens.
pub(crate) const EMERGENCY: Opens =
    Opens { consulted: Some(RiskClass::II), pump: Some(RiskClass::III), stranger: None };
/// What every other condition opens.
pub(crate) const OTHERWISE: Opens = Opens { consulted: None, pump: Some(RiskClass::II), stranger: None };

pub(crate) fn opens(condition: Condition) -> Opens {
    let asks = |role, relation, purpose, class: RiskClass| {
        let (certificate, request) = (certificate(role), request(purpose, class));
        let facts =
            Facts { certificate: Shown::Verified(&certificate), ..facts(condition, &request, relation) };
        decide(&facts).terms().map(|terms| terms.highest)
    };
    let glass = request(Purpose::BreakGlass, RiskClass::II);
    let stranger = decide(&facts(condition, &glass, Relation::None)).terms().map(|terms| terms.highest);
    Opens {
        consulted: asks(Role::Nurse, Relation::Consulting, Purpose::EmergencyTreatment, RiskClass::II),
        pump: asks(Role::Physician, Relation::None, Purpose::BreakGlass, RiskClass::III),
        stranger,
    }
}

fn certificate(role: Role) -> Certificate {
    Certificate {
        serial: 1,
        person: Person([1; 16]),
        role,
        highest_class: RiskClass::III,
        key: [1; 32],
        not_before_ms: NOW_MS - HOUR_MS,
        not_after_ms: NOW_MS + HOUR_MS,
        issuer: Issuer([1; 16]),
        signature: [0; SIGNATURE_BYTES],
    }
}

fn request(purpose: Purpose, class: RiskClass) -> Request {
    Request {
        challenge: [1; 16],
        serial: 1,
        patient: None,
        bed: Bed(1),
        sensor: (class == RiskClass::III).then_some(SensorId(5)),
        class,
        purpose,
        time_ms: NOW_MS,
        statement: Some([1; 32]),
        signature: [0; SIGNATURE_BYTES],
    }
}

fn facts(condition: Condition, request: &Request, relation: Relation) -> Facts<'_> {
    Facts {
        now_ms: NOW_MS,
        request,
        certificate: Shown::Nothing,
        request_signed: true,
        challenge: Challenge::Fresh,
        revocation: Revocation::Clear,
        place: Place { bed: Bed(1), patient: None, sensor_class: request.sensor.map(|_| RiskClass::III) },
        relation,
        condition,
        consent: Consent::Given { until_ms: NOW_MS + HOUR_MS, scope: Scope::Emergency },
        policy: &Policy::LEAST,
    }
}
