//! What persons are to patients.

use super::person::{find, find_here, hex};
use crate::args::{AccessRelateOptions, AccessUnrelateOptions, Output, relation_name, role_name};
use crate::exit::Failure;
use crate::{now_ms, print};
use bodywire_proto::access::{Relation, Role};
use bodywire_store::{PatientId, RelationRow, Store};
use serde_json::json;
use std::time::UNIX_EPOCH;

/// A patient who was admitted and not erased.
pub(super) async fn patient(store: &Store, number: u64) -> Result<PatientId, Failure> {
    let rows = store.patients().await?;
    let why = match rows.iter().find(|row| row.patient.0 == number) {
        Some(row) if row.erased_ms.is_none() => return Ok(row.patient),
        Some(_) => "was erased",
        None => "was never admitted",
    };
    Err(Failure::Configuration {
        what: format!("patient {number}"),
        why: why.to_owned(),
        next: "see who there is: bodywire patient list --config FILE".to_owned(),
    })
}

pub(super) async fn relate(store: &Store, options: &AccessRelateOptions) -> Result<(), Failure> {
    let row = find_here(store, &options.person).await?;
    let patient = patient(store, options.patient).await?;
    let (relation, now) = (options.relation, now_ms());
    let refused = |why: String, next: &str| {
        let what = format!("relation {}", relation_name(relation));
        Err(Failure::Configuration { what, why, next: next.to_owned() })
    };
    // Own data is for the role of the patient, and the patient's role for nothing else.
    if (relation == Relation::Own) != (row.role == Role::Patient) {
        let why = format!("{} is a {}", row.name, role_name(row.role));
        return refused(why, "patients are own to themselves; everybody else treats, is on call or consults");
    }
    let until_ms = options
        .until
        .map(|until| until.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64));
    if until_ms.is_some_and(|until| until <= now) {
        return refused("would be over already".to_owned(), "name a later time with --until");
    }
    store.relate(&RelationRow { person: row.person, patient, relation, from_ms: now, until_ms }).await?;
    print(&match options.house.output {
        Output::Json => json!({
            "person": hex(row.person),
            "patient": patient.0,
            "relation": relation_name(relation),
            "until_ms": until_ms,
        })
        .to_string(),
        Output::Table => format!("{}  {} {}", row.name, relation_name(relation), patient.0),
    });
    Ok(())
}

pub(super) async fn unrelate(store: &Store, options: &AccessUnrelateOptions) -> Result<(), Failure> {
    let row = find(store, &options.person).await?;
    if !store.unrelate(row.person, PatientId(options.patient)).await? {
        return Err(Failure::Configuration {
            what: format!("{} and patient {}", row.name, options.patient),
            why: "have no relation".to_owned(),
            next: "see who there is: bodywire access list --config FILE".to_owned(),
        });
    }
    print(&match options.house.output {
        Output::Json => {
            json!({ "person": hex(row.person), "patient": options.patient, "relation": "none" }).to_string()
        }
        Output::Table => format!("{}  no relation to {}", row.name, options.patient),
    });
    Ok(())
}
