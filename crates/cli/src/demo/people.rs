//! The people of the demo: made up, each with a link of their own, so that every way through the gate can be walked.

use crate::access::{Invited, invite, issuer, renew};
use crate::exit::Failure;
use crate::house::HUB;
use crate::now_ms;
use crate::state::State;
use bodywire_proto::RiskClass;
use bodywire_proto::access::{Relation, Role};
use bodywire_store::{InvitationKind, PatientId, RelationRow, Store};

/// Hours of a demo's certificates.
const HOURS: u8 = 12;
/// What the screen calls the patient. A made-up person (HTEST).
const PATIENT_LABEL: &str = "Test patient (HTEST)";

/// A person of the demo.
pub(super) struct Person {
    /// The name.
    pub(super) name: &'static str,
    /// What the terminal says of them.
    pub(super) said: &'static str,
    role: Role,
    highest: RiskClass,
    relation: Option<Relation>,
    kind: InvitationKind,
}

const fn person(name: &'static str, said: &'static str, role: Role, relation: Option<Relation>) -> Person {
    Person { name, said, role, highest: RiskClass::III, relation, kind: InvitationKind::Console }
}

/// The first is the one whose link stands alone on its line.
pub(super) const PEOPLE: [Person; 6] = [
    person("Dr A. Meyer", "physician who treats", Role::Physician, Some(Relation::Treating)),
    person("S. Ode", "nurse who treats", Role::Nurse, Some(Relation::Treating)),
    person("Dr B. Lima", "physician, not on the list: break the glass", Role::Physician, None),
    person("R. Viewer", "reviews accesses", Role::Reviewer, Some(Relation::Consulting)),
    person("Test patient", "the patient: who looked?", Role::Patient, Some(Relation::Own)),
    Person {
        name: "Wall",
        said: "display on the wall",
        role: Role::Program,
        highest: RiskClass::II,
        relation: Some(Relation::Treating),
        kind: InvitationKind::Wall,
    },
];

/// Adds the people and admits the patient, unless they are there.
pub(super) async fn settle(store: &Store) -> Result<(), Failure> {
    let patient = match store.patient_at(HUB).await? {
        Some(patient) => patient,
        None => store.admit_patient(PATIENT_LABEL.as_bytes(), HUB, now_ms()).await?,
    };
    let known = store.people().await?;
    for wanted in &PEOPLE {
        let there = known.iter().find(|row| row.name == wanted.name).map(|row| row.person);
        let number = match there {
            Some(number) => number,
            None => store.add_person(wanted.name, wanted.role, wanted.highest, now_ms()).await?,
        };
        relate(store, number, patient, wanted.relation).await?;
    }
    Ok(())
}

async fn relate(
    store: &Store,
    person: bodywire_proto::access::Person,
    patient: PatientId,
    relation: Option<Relation>,
) -> Result<(), Failure> {
    if let Some(relation) = relation {
        let row = RelationRow { person, patient, relation, from_ms: now_ms(), until_ms: None };
        store.relate(&row).await?;
    }
    Ok(())
}

/// A link and a code for each of them, and a fresh revocation list.
pub(super) async fn invite_all(
    state: &State,
    store: &Store,
) -> Result<Vec<(&'static Person, Invited)>, Failure> {
    let key = issuer(state)?;
    renew(state, store).await?;
    let rows = store.people().await?;
    let mut invited = Vec::new();
    for wanted in &PEOPLE {
        let Some(row) = rows.iter().find(|row| row.name == wanted.name) else { continue };
        let link = invite(store, &key, row.person, wanted.kind, HOURS, &mut rand::rng(), now_ms()).await?;
        invited.push((wanted, link));
    }
    Ok(invited)
}
