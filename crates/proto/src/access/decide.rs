//! The decision (paper B, Algorithm 3), as one pure and total function.
//!
//! What each step is about, in order; the first that fails gives the reason:
//!
//! 1. Is it the holder of a certificate of the house, in its time and not revoked, and is the request fresh?
//! 2. Does this role ask for this purpose, and has the asker to do with this patient?
//! 3. Is it this bed's patient, and the sensor's class?
//! 4. Do certificate and policy reach the class? In a detected emergency, staff with any relation reaches class II.
//! 5. Is the revocation list good enough? Without a fresh one: class I for clinicians who treat.
//! 6. For class III: has the sensor released its key? If not, it is asked, and class II is granted meanwhile.
//!
//! Break-glass skips relation and policy, in any condition, for classes I and II, because a detector does not see every
//! emergency. Class III it opens in a detected emergency, and only when the sensor has released its key beforehand: the data
//! is sealed, and no decision makes a key. A clinic that wants implants' data in an emergency arranges that release when the
//! sensor is enrolled ([`Scope::Emergency`]). Without a fresh revocation list break-glass needs a detected emergency.

use super::facts::{Consent, Facts, Scope, Shown};
use super::reason::Withheld;
use super::request::Challenge;
use super::{Certificate, Condition, Purpose, Reason, Relation, Request, Revocation, Role, Validity};
use crate::risk::RiskClass;

/// How long an override or a grant for emergency treatment lasts at most, in milliseconds: 15 minutes, after which it is asked
/// for and recorded anew. A grant on a stale revocation list lasts no longer either.
pub const OVERRIDE_MS: u64 = 15 * 60 * 1000;

/// What is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Terms {
    /// The highest class; the lower ones are included.
    pub highest: RiskClass,
    /// First millisecond after the grant, since 1970.
    pub until_ms: u64,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Granted.
    Grant(Terms),
    /// Class III: the request goes to the sensor, which alone can release its key ("unable to process", Algorithm 3).
    AskSensor {
        /// What is granted until it has answered, and if it does not.
        meanwhile: Terms,
    },
    /// Refused.
    Refuse {
        /// Why.
        reason: Reason,
        /// Break-glass would open more to this asker, here and now.
        break_glass: bool,
    },
    /// Granted by break-glass: with a banner, on record before the first byte, and reviewed afterwards.
    Override {
        /// What is granted.
        terms: Terms,
        /// Why it is less than was asked for.
        withheld: Option<Withheld>,
    },
}

impl Decision {
    /// What may be shown now; `None` for a refusal.
    pub const fn terms(&self) -> Option<Terms> {
        match *self {
            Self::Grant(terms) | Self::AskSensor { meanwhile: terms } | Self::Override { terms, .. } => {
                Some(terms)
            }
            Self::Refuse { .. } => None,
        }
    }
}

/// Decides. Every combination of facts has a decision, and the same facts have the same.
pub fn decide(facts: &Facts<'_>) -> Decision {
    let holder = match holder(facts) {
        Ok(holder) => holder,
        Err(reason) => return Decision::Refuse { reason, break_glass: false },
    };
    let breaks_glass = facts.request.purpose == Purpose::BreakGlass;
    let decided = if breaks_glass { break_glass(facts, holder) } else { ordinary(facts, holder) };
    decided.unwrap_or_else(|reason| {
        let more = break_glass(facts, holder)
            .is_ok_and(|decision| decision.terms().map(|terms| terms.highest) > within_reach(facts, holder));
        Decision::Refuse { reason, break_glass: more && !breaks_glass }
    })
}

/// Step 1: who asks. Looks at nothing of the patient.
fn holder<'a>(facts: &Facts<'a>) -> Result<&'a Certificate, Reason> {
    let holder = match facts.certificate {
        Shown::Nothing => return Err(Reason::CertificateMissing),
        Shown::UnknownIssuer(_) => return Err(Reason::IssuerUnknown),
        Shown::BadSignature(_) => return Err(Reason::CertificateSignature),
        Shown::Verified(certificate) => certificate,
    };
    if !facts.request.is_under(holder) {
        return Err(Reason::WrongCertificate);
    }
    if !facts.request_signed {
        return Err(Reason::RequestSignature);
    }
    match facts.challenge {
        Challenge::Fresh => {}
        Challenge::Unknown => return Err(Reason::ChallengeUnknown),
        Challenge::Replayed => return Err(Reason::ChallengeReplayed),
        Challenge::Expired => return Err(Reason::ChallengeExpired),
    }
    match holder.validity(facts.now_ms) {
        Validity::Valid => {}
        Validity::TooLong => return Err(Reason::CertificateTooLong),
        Validity::NotYetValid => return Err(Reason::CertificateNotYetValid),
        Validity::Expired => return Err(Reason::CertificateExpired),
    }
    if facts.revocation == Revocation::Revoked { Err(Reason::Revoked) } else { Ok(holder) }
}

/// Steps 2 to 6 for all purposes but break-glass.
fn ordinary(facts: &Facts<'_>, holder: &Certificate) -> Result<Decision, Reason> {
    let Request { purpose, class, .. } = *facts.request;
    if !holder.role.may_ask(purpose) {
        return Err(Reason::PurposeNotOfRole);
    }
    let relation = relation_of(facts, holder);
    let table = facts.policy.highest(holder.role, relation);
    let emergency = purpose == Purpose::EmergencyTreatment;
    let reach = if emergency && relation.is_of_staff() { table.max(Some(RiskClass::II)) } else { table };
    if reach.is_none() && relation == Relation::None {
        return Err(Reason::NoRelation);
    }
    check_place(facts)?;
    if class > holder.highest_class {
        return Err(Reason::ClassAboveCertificate);
    }
    if Some(class) > reach {
        return Err(Reason::ClassNotAllowed);
    }
    if emergency {
        match facts.condition {
            Condition::Emergency => {}
            Condition::Normal => return Err(Reason::NotAnEmergency),
            Condition::Undetermined => return Err(Reason::ConditionUndetermined),
        }
    }
    let by_stale_list = class == RiskClass::I && holder.role.is_clinician() && relation == Relation::Treating;
    let stale = list_fault(facts);
    if let Some(reason) = stale.filter(|_| !by_stale_list) {
        return Err(reason);
    }
    let until_ms = end(facts, holder, emergency || stale.is_some());
    Ok(match (class, consent_until(facts, emergency)) {
        (RiskClass::III, None) => {
            Decision::AskSensor { meanwhile: Terms { highest: RiskClass::II, until_ms } }
        }
        (RiskClass::III, Some(consent)) => {
            Decision::Grant(Terms { highest: class, until_ms: until_ms.min(consent) })
        }
        (RiskClass::I | RiskClass::II, _) => Decision::Grant(Terms { highest: class, until_ms }),
    })
}

/// Break-glass. Asking for too much gives what is possible, and says why it is not more.
fn break_glass(facts: &Facts<'_>, holder: &Certificate) -> Result<Decision, Reason> {
    if !holder.role.may_ask(Purpose::BreakGlass) {
        return Err(Reason::PurposeNotOfRole);
    }
    check_place(facts)?;
    let emergency = facts.condition == Condition::Emergency;
    let stale = list_fault(facts);
    if let Some(reason) = stale.filter(|_| !emergency) {
        return Err(reason);
    }
    let until_ms = end(facts, holder, true);
    let (highest, until_ms, withheld) = match (facts.request.class, consent_until(facts, emergency)) {
        (class, _) if class > holder.highest_class => {
            (holder.highest_class, until_ms, Some(Withheld::AboveCertificate))
        }
        (class @ (RiskClass::I | RiskClass::II), _) => (class, until_ms, None),
        (RiskClass::III, _) if !emergency => (RiskClass::II, until_ms, Some(Withheld::NoEmergency)),
        (RiskClass::III, _) if stale.is_some() => (RiskClass::II, until_ms, Some(Withheld::NoFreshList)),
        (RiskClass::III, None) => (RiskClass::II, until_ms, Some(Withheld::Sealed)),
        (RiskClass::III, Some(consent)) => (RiskClass::III, until_ms.min(consent), None),
    };
    Ok(Decision::Override { terms: Terms { highest, until_ms }, withheld })
}

/// The relation that counts. Only a patient's certificate reads own data.
fn relation_of(facts: &Facts<'_>, holder: &Certificate) -> Relation {
    match (facts.relation, holder.role) {
        (Relation::Own, Role::Patient) => Relation::Own,
        (Relation::Own, _) | (_, Role::Patient) => Relation::None,
        (relation, _) => relation,
    }
}

/// The highest class that asking for treatment would give, now and without a sensor's consent being counted.
fn within_reach(facts: &Facts<'_>, holder: &Certificate) -> Option<RiskClass> {
    let relation = relation_of(facts, holder);
    let table = facts.policy.highest(holder.role, relation).min(Some(holder.highest_class));
    match list_fault(facts) {
        None => table,
        Some(_) if relation == Relation::Treating => table.min(Some(RiskClass::I)),
        Some(_) => None,
    }
}

fn check_place(facts: &Facts<'_>) -> Result<(), Reason> {
    let (request, place) = (facts.request, facts.place);
    if request.bed != place.bed || (request.patient.is_some() && request.patient != place.patient) {
        return Err(Reason::WrongPatient);
    }
    // Each sensor of class III decides for itself, so that one is named.
    let names_one = request.sensor.is_some() || request.class == RiskClass::III;
    if names_one && place.sensor_class != Some(request.class) {
        return Err(Reason::WrongClass);
    }
    Ok(())
}

const fn list_fault(facts: &Facts<'_>) -> Option<Reason> {
    match facts.revocation {
        Revocation::Clear | Revocation::Revoked => None,
        Revocation::Stale => Some(Reason::RevocationListStale),
        Revocation::Missing => Some(Reason::RevocationListMissing),
    }
}

/// When a grant ends, the consent not counted: with the certificate, after the policy's longest, after a short one's 15
/// minutes, whatever is first. The certificate is valid, so that this is after now.
fn end(facts: &Facts<'_>, holder: &Certificate, short: bool) -> u64 {
    let longest = u64::from(facts.policy.grant_max_ms());
    let longest = if short { longest.min(OVERRIDE_MS) } else { longest };
    facts.now_ms.saturating_add(longest).min(holder.not_after_ms)
}

/// The end of a consent that is in force and covers this; an emergency here is one that was detected.
fn consent_until(facts: &Facts<'_>, emergency: bool) -> Option<u64> {
    match facts.consent {
        Consent::Given { until_ms, scope: Scope::Any } if facts.now_ms < until_ms => Some(until_ms),
        Consent::Given { until_ms, scope: Scope::Emergency } if emergency && facts.now_ms < until_ms => {
            Some(until_ms)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
