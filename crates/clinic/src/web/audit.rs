//! Who looked at what: the records of access as a list, each with a proof.

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bodywire_ledger::prove::inclusion;
use bodywire_ledger::{EntryKind, FileDisk};
use bodywire_proto::access::{Bed, Person, Relation, Role};
use bodywire_store::ActFilter;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Console;
use super::asking::no_credential;
use super::guard::refusal;
use super::sessions::Session;
use crate::gate::act::{ACT_KINDS, Act};
use crate::gate::credential::Credential;

/// Rows of one page.
pub const AUDIT_PAGE: usize = 50;

const AWAY: &str = "the ledger is away: try again in a few seconds";

#[derive(Deserialize)]
pub(super) struct Wanted {
    before: Option<u64>,
    bed: Option<u16>,
    person: Option<String>,
    purpose: Option<String>,
    kind: Option<String>,
}

pub(super) async fn list(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
    Query(wanted): Query<Wanted>,
) -> Response {
    let Some(credential) = session.credential.as_deref().filter(|c| console.inner.gate.holds(c)) else {
        return no_credential();
    };
    let gate = &console.inner.gate;
    let Some((ledger, store)) = gate.ledger().zip(gate.database()) else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, AWAY);
    };
    let filter = match filter_of(&wanted, console.about(credential)) {
        Ok(filter) => filter,
        Err(why) => return refusal(StatusCode::BAD_REQUEST, why),
    };
    let rows = match store.acts(&ledger.origin, &filter, AUDIT_PAGE + 1).await {
        Ok(rows) => rows,
        Err(error) => {
            tracing::error!(%error, "the index of accesses could not be read");
            return refusal(StatusCode::SERVICE_UNAVAILABLE, "the database failed: see the clinic's log");
        }
    };
    let Some(archive) = ledger.archive.upgrade() else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, AWAY);
    };
    let more = rows.len() > AUDIT_PAGE;
    let mut shown = Vec::with_capacity(rows.len());
    for row in rows.iter().take(AUDIT_PAGE) {
        let noted = archive.lock().await.noted(row.ledger_index).await;
        let Some(act) = noted.ok().and_then(|(_, text)| Act::parse(&text)) else { continue };
        let kind = EntryKind::from_code(row.kind).map_or("", EntryKind::name);
        let mut value = json!(act);
        if let Value::Object(fields) = &mut value {
            fields.extend([
                ("index".to_owned(), json!(row.ledger_index)),
                ("kind".to_owned(), json!(kind)),
                ("proof".to_owned(), json!(true)),
            ]);
        }
        shown.push(value);
    }
    Json(json!({ "rows": shown, "more": more, "key": ledger.key.to_string(), "origin": ledger.origin }))
        .into_response()
}

fn filter_of(wanted: &Wanted, about: Option<(Vec<u64>, [u8; 16])>) -> Result<ActFilter, &'static str> {
    let person = match wanted.person.as_deref().filter(|person| !person.is_empty()) {
        None => None,
        Some(person) => {
            let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(person.as_bytes()).ok();
            let bytes = bytes.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
            Some(bytes.ok_or("person is 32 hexadecimal digits")?)
        }
    };
    let kind = match wanted.kind.as_deref().filter(|kind| !kind.is_empty()) {
        None => None,
        Some(name) => {
            let kind = EntryKind::from_name(name).filter(|kind| ACT_KINDS.contains(kind));
            Some(
                kind.ok_or("kind is grant, read, refusal, override-start, override-end, setting or review")?
                    .code(),
            )
        }
    };
    let purpose = wanted.purpose.clone().filter(|purpose| !purpose.is_empty());
    Ok(ActFilter { before: wanted.before, bed: wanted.bed, person, purpose, kind, about })
}

/// The proof of one record, as `bodywire ledger check` takes it.
pub(super) async fn proof(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
    Path(index): Path<u64>,
) -> Response {
    let Some(credential) = session.credential.as_deref().filter(|c| console.inner.gate.holds(c)) else {
        return no_credential();
    };
    let gate = &console.inner.gate;
    let Some(ledger) = gate.ledger() else { return refusal(StatusCode::SERVICE_UNAVAILABLE, AWAY) };
    let none = || refusal(StatusCode::NOT_FOUND, "no record of access of this number that you may see");
    let Some(archive) = ledger.archive.upgrade() else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, AWAY);
    };
    let noted = {
        let mut archive = archive.lock().await;
        match archive.kind(index) {
            Ok(kind) if ACT_KINDS.contains(&kind) => archive.noted(index).await.ok(),
            _ => None,
        }
    };
    drop(archive);
    let Some(act) = noted.and_then(|(_, text)| Act::parse(&text)) else { return none() };
    if let Some((patients, person)) = console.about(credential) {
        let about = act.patient.is_some_and(|patient| patients.contains(&patient));
        if !about && act.person != crate::gate::hex(Person(person)) {
            return none();
        }
    }
    let proof = tokio::task::spawn_blocking(move || {
        inclusion(&FileDisk::open_read_only(&ledger.directory), &ledger.key, index)
    })
    .await;
    let Ok(Ok(proof)) = proof else {
        let text = "not in a published checkpoint yet: try again in a second";
        return refusal(StatusCode::SERVICE_UNAVAILABLE, text);
    };
    let name = format!("attachment; filename=\"entry-{index}.tlog-proof\"");
    let headers =
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    (headers, proof.emit()).into_response()
}

impl Console {
    /// Whose records somebody may see: patients that one treats or is, and one's own doing; nothing: all, for reviewers.
    fn about(&self, credential: &Credential) -> Option<(Vec<u64>, [u8; 16])> {
        let (person, role) = (credential.certificate.person, credential.certificate.role);
        if role == Role::Reviewer {
            return None;
        }
        let patients = self.inner.gate.with_directory(|directory| {
            let relation = |bed: &Bed| directory.relation(person, *bed);
            let may = |bed: &Bed| match role {
                Role::Patient => relation(bed) == Relation::Own,
                _ => relation(bed) == Relation::Treating,
            };
            let beds = directory.beds.iter().filter(|(bed, _)| may(bed));
            beds.filter_map(|(_, place)| Some(place.patient?.0)).collect()
        });
        Some((patients, person.0))
    }
}
