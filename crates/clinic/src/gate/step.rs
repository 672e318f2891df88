//! The steps of a decision in words, for whoever asked (paper B, Algorithm 3 as a list).

use super::ask::Seen;
use super::directory::{relation_name, role_name};
use bodywire_proto::access::facts::Shown;
use bodywire_proto::access::{Condition, Decision, Purpose, Reason};
use bodywire_proto::risk::RiskClass;
use serde::Serialize;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// It was passed.
    Done,
    /// It gave the reason of the refusal.
    Failed,
    /// Somebody is being asked.
    Waiting,
    /// It was not needed, or not reached.
    Skipped,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepView {
    /// `you`, `house`, `relation`, `class`, `condition`, `sensor` or `answer`.
    pub step: &'static str,
    /// How it ended.
    pub state: StepState,
    /// In words.
    pub text: String,
}

/// Number of the step that a reason belongs to, as the steps of `decide`.
const fn step_of(reason: Reason) -> usize {
    match reason {
        Reason::CertificateMissing
        | Reason::WrongCertificate
        | Reason::RequestSignature
        | Reason::ChallengeUnknown
        | Reason::ChallengeReplayed
        | Reason::ChallengeExpired => 0,
        Reason::PurposeNotOfRole | Reason::NoRelation | Reason::WrongPatient => 2,
        Reason::WrongClass | Reason::ClassAboveCertificate | Reason::ClassNotAllowed => 3,
        Reason::NotAnEmergency | Reason::ConditionUndetermined => 4,
        Reason::IssuerUnknown
        | Reason::CertificateSignature
        | Reason::CertificateTooLong
        | Reason::CertificateNotYetValid
        | Reason::CertificateExpired
        | Reason::Revoked
        | Reason::RevocationListStale
        | Reason::RevocationListMissing => 1,
    }
}

/// The steps of a decision. After a refusal nothing is said of what was not reached: it would tell of the patient.
pub(super) fn steps(seen: &Seen<'_>, decision: Decision) -> Vec<StepView> {
    let facts = &seen.facts;
    let failed = match decision {
        Decision::Refuse { reason, .. } => Some((step_of(reason), reason)),
        _ => None,
    };
    let request = facts.request;
    let you = match facts.certificate {
        Shown::Nothing => "nobody: no certificate".to_owned(),
        Shown::UnknownIssuer(c) | Shown::BadSignature(c) | Shown::Verified(c) => {
            format!("{}, {}, up to class {}", seen.who, role_name(c.role), c.highest_class)
        }
    };
    let class = match request.class {
        RiskClass::III => "class III: neither hub nor clinic can decide, the sensor must consent".to_owned(),
        class => format!("class {class}: decided here, with the classes below"),
    };
    let condition = match facts.condition {
        Condition::Normal => "patient state: normal",
        Condition::Undetermined => "patient state: cannot be told",
        Condition::Emergency => "patient state: EMERGENCY",
    };
    let relation = if request.purpose == Purpose::BreakGlass {
        format!("breaks the glass; relation to this patient: {}", relation_name(facts.relation))
    } else {
        format!("relation to this patient: {}", relation_name(facts.relation))
    };
    let sensor = match decision {
        Decision::AskSensor { .. } => {
            (StepState::Waiting, "asking the sensor: fresh authentication both ways")
        }
        Decision::Grant(terms) if terms.highest == RiskClass::III => {
            (StepState::Done, "the sensor has released its key")
        }
        Decision::Override { terms, .. } if terms.highest == RiskClass::III => {
            (StepState::Done, "the sensor released its key beforehand, for emergencies")
        }
        _ => (StepState::Skipped, "not needed"),
    };
    let answer = match decision {
        Decision::Grant(_) | Decision::Override { .. } => (StepState::Done, "granted".to_owned()),
        Decision::AskSensor { .. } => (StepState::Waiting, "class II meanwhile".to_owned()),
        Decision::Refuse { reason, .. } => (StepState::Failed, reason.text().to_owned()),
    };
    let texts = [
        ("you", StepState::Done, you),
        ("house", StepState::Done, "certificate of this house, in its time, not revoked".to_owned()),
        ("relation", StepState::Done, relation),
        ("class", StepState::Done, class),
        ("condition", StepState::Done, condition.to_owned()),
        ("sensor", sensor.0, sensor.1.to_owned()),
        ("answer", answer.0, answer.1),
    ];
    let last = texts.len() - 1;
    texts
        .into_iter()
        .enumerate()
        .map(|(at, (step, state, text))| match failed {
            Some((failed, reason)) if at == failed => {
                StepView { step, state: StepState::Failed, text: reason.text().to_owned() }
            }
            Some((failed, _)) if at > failed && at != last => {
                StepView { step, state: StepState::Skipped, text: String::new() }
            }
            _ => StepView { step, state, text },
        })
        .collect()
}

/// Why an override gives less than was asked for, in words.
pub(super) const fn withheld_text(withheld: bodywire_proto::access::reason::Withheld) -> &'static str {
    use bodywire_proto::access::reason::Withheld;
    match withheld {
        Withheld::AboveCertificate => "your certificate does not reach class III",
        Withheld::NoEmergency => "class III stays closed: no emergency is detected",
        Withheld::NoFreshList => "class III stays closed: the revocation list is too old",
        Withheld::Sealed => "class III stays closed: the sensor has not released its key",
    }
}
