//! A patient's authority table.

use super::relation;
use crate::args::{AccessPolicyOptions, Output, relation_name, role_name};
use crate::exit::Failure;
use crate::print;
use bodywire_proto::access::{Policy, Relation, Role};
use bodywire_store::Store;
use serde_json::{Map, Value, json};
use std::time::Duration;

pub(super) async fn policy(store: &Store, options: &AccessPolicyOptions) -> Result<(), Failure> {
    let patient = relation::patient(store, options.patient).await?;
    let kept = store.access_policies().await?.into_iter().find(|(of, _)| *of == patient);
    let kept = kept.map(|(_, policy)| policy);
    let begin = match (options.paper, options.least) {
        (true, _) => Policy::PAPER,
        (_, true) => Policy::LEAST,
        _ => kept.unwrap_or(Policy::LEAST),
    };
    let sets = options.paper || options.least || !options.allow.is_empty() || options.longest.is_some();
    let policy = if sets { changed(&begin, options)? } else { begin };
    if sets {
        store.put_policy(patient, &policy).await?;
    }
    let own = sets || kept.is_some();
    print(&match options.house.output {
        Output::Json => in_json(patient.0, &policy, own).to_string(),
        Output::Table => in_lines(patient.0, &policy, own),
    });
    Ok(())
}

fn changed(begin: &Policy, options: &AccessPolicyOptions) -> Result<Policy, Failure> {
    let mut rows = Role::ALL.map(|role| Relation::ALL.map(|relation| begin.highest(role, relation)));
    for place in &options.allow {
        let row = Role::ALL.iter().position(|role| *role == place.role);
        let column = Relation::ALL.iter().position(|relation| *relation == place.relation);
        let there = row.zip(column).and_then(|(row, column)| rows.get_mut(row)?.get_mut(column));
        if let Some(there) = there {
            *there = place.class;
        }
    }
    let longest = options.longest.map(|time| u32::try_from(time.as_millis()).unwrap_or(u32::MAX));
    Policy::new(rows, longest.unwrap_or(begin.grant_max_ms())).map_err(|error| Failure::Configuration {
        what: format!("policy of patient {}", options.patient),
        why: error.to_string(),
        next: "see the table: bodywire access policy PATIENT --config FILE; its rules are in docs/access.md"
            .to_owned(),
    })
}

fn class(policy: &Policy, role: Role, relation: Relation) -> String {
    policy.highest(role, relation).map_or("none".to_owned(), |class| class.to_string())
}

fn in_json(patient: u64, policy: &Policy, own: bool) -> Value {
    let row = |role: Role| -> Map<String, Value> {
        let place = |relation| (relation_name(relation).to_owned(), json!(class(policy, role, relation)));
        Relation::ALL.into_iter().map(place).collect()
    };
    let table: Map<String, Value> =
        Role::ALL.into_iter().map(|role| (role_name(role).to_owned(), Value::Object(row(role)))).collect();
    json!({ "patient": patient, "own": own, "longest_ms": policy.grant_max_ms(), "table": table })
}

fn in_lines(patient: u64, policy: &Policy, own: bool) -> String {
    let longest = humantime::format_duration(Duration::from_millis(policy.grant_max_ms().into()));
    let whose = if own { "their own" } else { "the house's default" };
    let mut lines = vec![format!("patient {patient}  policy: {whose}, grants end after {longest}")];
    let head: String =
        Relation::ALL.iter().map(|relation| format!("{:>12}", relation_name(*relation))).collect();
    lines.push(format!("{:<20}{head}", ""));
    for role in Role::ALL {
        let row: String =
            Relation::ALL.iter().map(|relation| format!("{:>12}", class(policy, role, *relation))).collect();
        lines.push(format!("{:<20}{row}", role_name(role)));
    }
    lines.join("\n")
}
