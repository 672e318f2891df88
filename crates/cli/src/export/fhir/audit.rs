//! Audit entries as `AuditEvent`, after IHE BALP (profiles.ihe.net/ITI/BALP) and DICOM PS3.15 A.5.
//!
//! BALP profiles reads over a REST interface with two network addresses; the record of a ward has neither, so that no
//! profile is claimed. Types, agents and entities are those of BALP.

use super::super::Error;
use super::super::calendar::{self, Moment};
use super::{ACT_REASON, concept, identifier, patient, resource};
use serde_json::{Value, json};

const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const ENTITY_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const SOURCE_TYPE: &str = "http://terminology.hl7.org/CodeSystem/security-source-type";

/// What somebody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read the patient's data.
    Read,
    /// Was refused.
    Refused,
    /// Took the data away as files.
    Exported,
    /// Broke the glass: DCM 110127.
    OverrideStarted,
    /// The override ended: DCM 110138.
    OverrideStopped,
}

/// What for (v3-ActReason).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Treatment.
    Treatment,
    /// Treatment in an emergency.
    Emergency,
    /// A policy overridden by somebody it does not provide for.
    BreakTheGlass,
}

impl Purpose {
    fn concept(self) -> Value {
        let (code, display) = match self {
            Self::Treatment => ("TREAT", "treatment"),
            Self::Emergency => ("ETREAT", "Emergency Treatment"),
            Self::BreakTheGlass => ("BTG", "break the glass"),
        };
        concept(ACT_REASON, code, display)
    }
}

/// An audit entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// The house whose ledger it is.
    pub house: String,
    /// Its number in the ledger.
    pub entry: u64,
    /// The clinic's clock, milliseconds since 1970.
    pub at_ms: u64,
    /// What was done.
    pub access: Access,
    /// Who did it, as the house names them.
    pub who: String,
    /// What for.
    pub purpose: Purpose,
    /// The reason that was given, in words.
    pub reason: Option<String>,
    /// The patient, opaque.
    pub subject: String,
    /// The patient is simulated.
    pub simulated: bool,
}

impl AuditRecord {
    pub(super) fn key(&self) -> String {
        format!("audit\n{}\n{}", self.house, self.entry)
    }

    pub(super) fn resource(&self) -> Result<Value, Error> {
        let recorded = Moment::of_ms(calendar::check(self.at_ms)?).iso_ms();
        let dcm = |code: &str, display: &str| json!({"system": DCM, "code": code, "display": display});
        let alert = dcm("110113", "Security Alert");
        let (kind, subtype, action, outcome) = match self.access {
            Access::Read => (dcm("110110", "Patient Record"), None, "R", "0"),
            // 4: a minor failure, the request is refused and nothing is broken.
            Access::Refused => (dcm("110110", "Patient Record"), None, "R", "4"),
            Access::Exported => (dcm("110106", "Export"), None, "R", "0"),
            Access::OverrideStarted => (alert, Some(dcm("110127", "Emergency Override Started")), "E", "0"),
            Access::OverrideStopped => (alert, Some(dcm("110138", "Emergency Override Stopped")), "E", "0"),
        };
        let mut fields = json!({
            "type": kind,
            "action": action,
            "recorded": recorded,
            "outcome": outcome,
            "purposeOfEvent": [self.purpose.concept()],
            "agent": [{
                "type": concept(PARTICIPATION, "IRCP", "information recipient"),
                "who": {"identifier": identifier("clinician", &self.who)},
                "requestor": true,
                "purposeOfUse": [self.purpose.concept()],
            }],
            "source": {
                "observer": {"type": "Device", "identifier": identifier("house", &self.house)},
                "type": [{"system": SOURCE_TYPE, "code": "4", "display": "Application Server"}],
            },
            "entity": [
                {
                    "what": patient(&self.subject),
                    "type": {"system": ENTITY_TYPE, "code": "1", "display": "Person"},
                    "role": {"system": ENTITY_ROLE, "code": "1", "display": "Patient"},
                },
                {
                    "what": {"identifier": identifier("ledger-entry", &format!("{}/{}", self.house, self.entry))},
                    "type": {"system": ENTITY_TYPE, "code": "2", "display": "System Object"},
                    "role": {"system": ENTITY_ROLE, "code": "13", "display": "Security Resource"},
                },
            ],
        });
        if let Some(fields) = fields.as_object_mut() {
            if let Some(subtype) = subtype {
                fields.insert("subtype".to_owned(), json!([subtype]));
            }
            if let Some(reason) = self.reason.as_deref().filter(|reason| !reason.trim().is_empty()) {
                fields.insert("outcomeDesc".to_owned(), reason.trim().into());
            }
        }
        Ok(resource("AuditEvent", &self.key(), None, self.simulated, fields))
    }
}
