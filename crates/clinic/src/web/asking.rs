//! Asking for access: a challenge, the signed request, what came of it, and closing it again.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Console;
use super::guard::refusal;
use super::sessions::Session;
use crate::gate::credential::Credential;
use crate::gate::{Answer, Asked, NotAsked};
use bodywire_proto::access::{Condition, Decision};

const NO_CREDENTIAL: &str =
    "this session holds no certificate: open a one-time link that was made for you (bodywire access invite)";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    request: String,
    statement: Option<String>,
    code: Option<String>,
}

pub(super) async fn challenge(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
) -> Response {
    let Some(credential) = session.credential.as_deref() else { return no_credential() };
    let challenge = console.inner.gate.challenge(credential);
    Json(json!({ "challenge": data_encoding::HEXLOWER.encode(&challenge) })).into_response()
}

pub(super) async fn ask(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
    body: Bytes,
) -> Response {
    let Ok(Body { request, statement, code }) = serde_json::from_slice(&body) else {
        let text =
            "body must be {\"request\": 286 hexadecimal digits, \"statement\"?: text, \"code\"?: text}";
        return refusal(StatusCode::BAD_REQUEST, text);
    };
    let Ok(request) = data_encoding::HEXLOWER_PERMISSIVE.decode(request.as_bytes()) else {
        return refusal(StatusCode::BAD_REQUEST, "the request is not in hexadecimal digits");
    };
    let asked = Asked { request, statement, code };
    match console.inner.gate.ask(session.credential.as_deref(), &asked).await {
        Ok(answer) => answered(&answer),
        Err(error) => {
            let status = match error {
                NotAsked::Malformed(_) => StatusCode::BAD_REQUEST,
                NotAsked::WrongCode => StatusCode::FORBIDDEN,
                NotAsked::CodeLocked | NotAsked::TooOften => StatusCode::TOO_MANY_REQUESTS,
                NotAsked::Full | NotAsked::Unrecorded(_) => StatusCode::SERVICE_UNAVAILABLE,
            };
            refusal(status, &error.to_string())
        }
    }
}

fn answered(answer: &Answer) -> Response {
    let (audit, journalled) = (answer.recorded.entry, answer.recorded.journalled);
    let decision = match answer.decision {
        Decision::Grant(_) => "granted",
        Decision::AskSensor { .. } => "asking",
        Decision::Override { .. } => "override",
        Decision::Refuse { reason, break_glass } => {
            let body = json!({
                "decision": "refused", "error": reason.text(), "reason": reason.name(), "break_glass": break_glass,
                "steps": answer.steps, "audit": audit, "journalled": journalled,
                "outcome": outcome(reason.text(), break_glass),
            });
            return (StatusCode::FORBIDDEN, Json(body)).into_response();
        }
    };
    Json(json!({
        "decision": decision, "access": answer.access, "steps": answer.steps, "audit": audit,
        "journalled": journalled,
    }))
    .into_response()
}

/// A refusal as FHIR says it: `suppressed` with the purpose that would open more, where breaking the glass is offered.
fn outcome(text: &str, break_glass: bool) -> Value {
    if !break_glass {
        let issue = json!([{ "severity": "error", "code": "forbidden", "diagnostics": text }]);
        return json!({ "resourceType": "OperationOutcome", "issue": issue });
    }
    let coding =
        json!([{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "ETREAT" }]);
    json!({ "resourceType": "OperationOutcome", "issue": [{
        "severity": "error", "code": "suppressed", "details": { "coding": coding },
        "diagnostics": format!("{text}; in an emergency more is available by breaking the glass"),
    }] })
}

pub(super) async fn grants(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
) -> Response {
    let Some(credential) = session.credential.as_deref() else { return no_credential() };
    let open = console.open_glass(&session);
    let open = open.get("open").cloned().unwrap_or_default();
    Json(json!({ "grants": console.inner.gate.grants(credential), "open": open })).into_response()
}

pub(super) async fn close(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
    Path(id): Path<u64>,
) -> Response {
    let Some(credential) = session.credential.as_deref() else { return no_credential() };
    match console.inner.gate.close(credential, id).await {
        Some(closed) => Json(json!({ "closed": closed })).into_response(),
        None => refusal(StatusCode::NOT_FOUND, "this session has no grant of this number: it has ended"),
    }
}

/// Why the detector has called an emergency, for a clinician who is about to break the glass. Says nothing at other times.
pub(super) async fn evidence(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
    Path(bed): Path<u16>,
) -> Response {
    let Some(credential) = session.credential.as_deref() else { return no_credential() };
    let board = console.inner.board.at_known(bed);
    let emergency =
        board.as_ref().is_some_and(|board| board.condition(console.now_ms()) == Condition::Emergency);
    let found = board.filter(|_| emergency).and_then(|board| board.alarm_evidence_view());
    let Some((evidence, alarm)) = found.filter(|_| console.in_force(credential)) else {
        return refusal(StatusCode::NOT_FOUND, "no emergency is detected at this bed");
    };
    Json(json!({
        "rho": evidence.rho, "threshold": evidence.threshold, "reason": evidence.reason,
        "at_ms": alarm.raised_at_ms, "strip": alarm.strip,
    }))
    .into_response()
}

pub(super) fn no_credential() -> Response {
    refusal(StatusCode::FORBIDDEN, NO_CREDENTIAL)
}

impl Console {
    /// Whether a certificate is a clinician's, in its time and not revoked: what is shown without a grant depends on it.
    pub(super) fn in_force(&self, credential: &Credential) -> bool {
        credential.certificate.role.is_clinician() && self.inner.gate.holds(credential)
    }
}
