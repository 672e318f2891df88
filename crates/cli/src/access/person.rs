//! Persons of the house, and how commands name them.

use super::revocation;
use crate::args::{AccessAddOptions, AccessPersonOptions, Output, relation_name, role_name};
use crate::exit::Failure;
use crate::sensor::day;
use crate::state::State;
use crate::{now_ms, print};
use bodywire_proto::access::{Person, Role};
use bodywire_proto::risk::RiskClass;
use bodywire_store::{InvitationRow, PersonRow, RelationRow, Store};
use data_encoding::HEXLOWER as HEX;
use serde_json::json;
use std::collections::BTreeMap;

/// Longest name, in characters: as long as any text of the console.
const NAME_CHARS_MAX: usize = 200;
/// Fewest digits that name a person. Fewer would soon mean two.
const DIGITS_MIN: usize = 4;

/// Somebody's number in hexadecimal.
pub(super) fn hex(person: Person) -> String {
    HEX.encode(&person.0)
}

/// The person that a command names: by number, by its first digits, by name, or by a word of the name.
pub(super) async fn find(store: &Store, text: &str) -> Result<PersonRow, Failure> {
    let refused = |why: &str| Failure::Configuration {
        what: format!("person {text}"),
        why: why.to_owned(),
        next: "see who there is: bodywire access list --config FILE".to_owned(),
    };
    let people = store.people().await?;
    let digits = text.len() >= DIGITS_MIN && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = |row: &&PersonRow| digits && hex(row.person).starts_with(&text.to_ascii_lowercase());
    let word = |row: &&PersonRow| row.name.split_whitespace().any(|word| word.eq_ignore_ascii_case(text));
    // An exact name first: it must not be hidden by somebody whose number begins like it.
    let ways: [&dyn Fn(&&PersonRow) -> bool; 3] = [&|row| row.name == text, &number, &word];
    for way in ways {
        // Who has left is found only if nobody else is meant.
        for left in [false, true] {
            let mut found = people.iter().filter(|row| row.left_ms.is_some() == left && way(row));
            match (found.next(), found.next()) {
                (Some(one), None) => return Ok(one.clone()),
                (Some(_), Some(_)) => return Err(refused("means several persons")),
                (None, _) => {}
            }
        }
    }
    Err(refused("there is none"))
}

/// Somebody who is of the house.
pub(super) async fn find_here(store: &Store, text: &str) -> Result<PersonRow, Failure> {
    let row = find(store, text).await?;
    match row.left_ms {
        None => Ok(row),
        Some(ms) => Err(Failure::Configuration {
            what: format!("person {text}"),
            why: format!("left {}", day(ms)),
            next: "add them again: bodywire access add NAME --role ROLE --class CLASS --config FILE"
                .to_owned(),
        }),
    }
}

pub(super) async fn add(store: &Store, options: &AccessAddOptions) -> Result<(), Failure> {
    let (name, role, class) = (options.name.trim(), options.role, options.class);
    let refused = |why: &str, next: &str| {
        let what = format!("name {:?}", options.name);
        Err(Failure::Configuration { what, why: why.to_owned(), next: next.to_owned() })
    };
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return refused("is no name", "say 1 to 200 characters");
    }
    if role == Role::Program && class == RiskClass::III {
        return refused("a program never sees class III", "say --class II or I");
    }
    let person = hex(store.add_person(name, role, class, now_ms()).await?);
    print(&match options.house.output {
        Output::Json => {
            json!({ "person": person, "name": name, "role": role_name(role), "class": class.to_string() })
                .to_string()
        }
        Output::Table => format!("person {person}  {name}, {}, up to class {class}", role_name(role)),
    });
    Ok(())
}

pub(super) async fn leave(
    state: &State,
    store: &Store,
    options: &AccessPersonOptions,
) -> Result<(), Failure> {
    let row = find_here(store, &options.person).await?;
    let now = now_ms();
    let ended = store.certificates(now).await?;
    let ended = ended.iter().filter(|one| one.person == row.person && one.revoked_ms.is_none()).count();
    store.leave(row.person, now).await?;
    let list = revocation::after_a_change(state, store, ended > 0).await?;
    print(&match options.house.output {
        Output::Json => {
            json!({ "person": hex(row.person), "done": "left", "revoked": ended, "list": list }).to_string()
        }
        Output::Table => format!("{}  has left; certificates revoked: {ended}", row.name),
    });
    Ok(())
}

pub(super) async fn list(store: &Store, output: Output) -> Result<(), Failure> {
    let now = now_ms();
    let people = store.people().await?;
    let mut relations: BTreeMap<Person, Vec<RelationRow>> = BTreeMap::new();
    for row in store.relations(now).await? {
        relations.entry(row.person).or_default().push(row);
    }
    let certificates = store.certificates(now).await?;
    let of = |person: Person| relations.get(&person).map(Vec::as_slice).unwrap_or_default();
    print(&match output {
        Output::Json => {
            let rows: Vec<_> = people
                .iter()
                .map(|row| {
                    let mine = certificates.iter().filter(|one| one.person == row.person);
                    json!({
                        "person": hex(row.person),
                        "name": row.name,
                        "role": role_name(row.role),
                        "class": row.highest.to_string(),
                        "added_ms": row.added_ms,
                        "left_ms": row.left_ms,
                        "relations": of(row.person)
                            .iter()
                            .map(|one| {
                                json!({
                                    "patient": one.patient.0,
                                    "relation": relation_name(one.relation),
                                    "until_ms": one.until_ms,
                                })
                            })
                            .collect::<Vec<_>>(),
                        "certificates": mine
                            .map(|one| {
                                json!({
                                    "serial": format!("{:016x}", one.serial),
                                    "until_ms": one.until_ms,
                                    "used_ms": one.used_ms,
                                    "revoked_ms": one.revoked_ms,
                                })
                            })
                            .collect::<Vec<_>>(),
                    })
                })
                .collect();
            json!(rows).to_string()
        }
        Output::Table => {
            let mut lines = vec![
                "person    role                 class  certificates  name, and to whom they are what"
                    .to_owned(),
            ];
            lines.extend(people.iter().map(|row| {
                let good = |one: &&InvitationRow| one.person == row.person && one.revoked_ms.is_none();
                let mut name = row.name.clone();
                for one in of(row.person) {
                    name.push_str(&format!(", {} {}", relation_name(one.relation), one.patient.0));
                }
                if let Some(ms) = row.left_ms {
                    name.push_str(&format!(", left {}", day(ms)));
                }
                let number: String = hex(row.person).chars().take(8).collect();
                let (role, class) = (role_name(row.role), row.highest.to_string());
                format!(
                    "{number}  {role:<19}  {class:<5}  {:>12}  {name}",
                    certificates.iter().filter(good).count()
                )
            }));
            lines.join("\n")
        }
    });
    Ok(())
}
