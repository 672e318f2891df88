//! What the gate knows of the house: people, who has to do with whom, policies, and what lies in which bed. A copy of the
//! database's, renewed every few seconds, so that decisions go on while the database is away.

use bodywire_proto::access::{Bed, PatientNumber, Person, Policy, Relation, Role};
use bodywire_proto::risk::RiskClass;
use bodywire_proto::wire::SensorId;
use std::collections::BTreeMap;

/// A sensor of a bed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SensorPlace {
    /// Its class.
    pub class: RiskClass,
    /// Its name on the screen, such as `insulin-5`.
    pub name: String,
}

/// A bed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BedPlace {
    /// What stands on the door, such as `402`.
    pub label: String,
    /// What the screen calls the patient.
    pub patient_label: String,
    /// Who lies in it.
    pub patient: Option<PatientNumber>,
    /// Its sensors.
    pub sensors: BTreeMap<SensorId, SensorPlace>,
}

/// What the gate knows of the house.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Directory {
    /// Names of people, for records and screens.
    pub names: BTreeMap<Person, String>,
    /// Who has to do with whom.
    pub relations: BTreeMap<(Person, PatientNumber), Relation>,
    /// Policies that are not [`Policy::LEAST`].
    pub policies: BTreeMap<PatientNumber, Policy>,
    /// The beds.
    pub beds: BTreeMap<Bed, BedPlace>,
}

impl Directory {
    /// What a person is to the patient of a bed.
    #[must_use]
    pub fn relation(&self, person: Person, bed: Bed) -> Relation {
        let patient = self.beds.get(&bed).and_then(|place| place.patient);
        let relation = patient.and_then(|patient| self.relations.get(&(person, patient)));
        relation.copied().unwrap_or(Relation::None)
    }

    /// The policy of a patient.
    #[must_use]
    pub fn policy(&self, patient: Option<PatientNumber>) -> &Policy {
        patient.and_then(|patient| self.policies.get(&patient)).unwrap_or(&Policy::LEAST)
    }

    /// Name of a person, or the beginning of the number.
    #[must_use]
    pub fn name(&self, person: Person) -> String {
        self.names.get(&person).cloned().unwrap_or_else(|| {
            let [a, b, c, d, ..] = person.0;
            format!("person {a:02x}{b:02x}{c:02x}{d:02x}")
        })
    }
}

/// The role's name on the wire and on screens.
#[must_use]
pub const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Nurse => "nurse",
        Role::Physician => "physician",
        Role::Consultant => "consultant",
        Role::EmergencyResponder => "emergency-responder",
        Role::Patient => "patient",
        Role::Reviewer => "reviewer",
        Role::Program => "program",
    }
}

/// The relation's name on the wire and on screens.
#[must_use]
pub const fn relation_name(relation: Relation) -> &'static str {
    match relation {
        Relation::None => "none",
        Relation::Consulting => "consulting",
        Relation::OnCall => "on-call",
        Relation::Treating => "treating",
        Relation::Own => "own",
    }
}
