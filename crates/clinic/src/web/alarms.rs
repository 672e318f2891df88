//! What people do about alarms: look, read the strip, silence the sound, change limits. Four things, four routes.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bodywire_ledger::EntryKind;
use bodywire_proto::access::{Bed, Relation};
use bodywire_proto::risk::RiskClass;
use serde::Deserialize;
use serde_json::json;

use super::Console;
use super::asking::no_credential;
use super::guard::refusal;
use super::sessions::Session;
use super::shown::class_of;
use crate::Error;
use crate::board::{AlarmId, Priority, Signal, WARD};
use crate::limits::Limit;

/// The longest audio pause, seconds: two minutes, as bedside monitors have it.
pub const PAUSE_MAX_S: u64 = 120;

const CLOSED: &str = "this bed is closed for you: ask for access first";
const CLINICIANS_ONLY: &str = "alarms are acknowledged by clinicians: call one";

pub(super) async fn acknowledge(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
    Path(id): Path<u64>,
    headers: HeaderMap,
) -> Response {
    if let Some(closed) = console.closed(&session, AlarmId(id)) {
        return closed;
    }
    // An alarm that a patient or a reviewer has acknowledged is one that nobody comes for.
    if !console.inner.gate.rights(session.credential.as_deref()).clinician {
        return refusal(StatusCode::FORBIDDEN, CLINICIANS_ONLY);
    }
    let who = console.name_of(&session);
    console.once(&session, &headers, &format!("acknowledge {id}"), || {
        match console.inner.board.acknowledge(AlarmId(id), &who, console.now_ms()) {
            Ok(alarm) => (StatusCode::OK, json!({ "alarm": alarm })),
            Err(error @ Error::AlreadyAcknowledged { .. }) => {
                (StatusCode::CONFLICT, json!({ "error": error.to_string() }))
            }
            Err(error) => (StatusCode::NOT_FOUND, json!({ "error": error.to_string() })),
        }
    })
}

/// The ECG that led to an alarm: one frame, as on the wave socket.
pub(super) async fn strip(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
    Path(id): Path<u64>,
) -> Response {
    if let Some(closed) = console.closed(&session, AlarmId(id)) {
        return closed;
    }
    let place = console.inner.board.alarm_place(AlarmId(id));
    if let Some(((bed, _), credential)) = place.zip(session.credential.as_deref())
        && bed != WARD
        && let Err(error) = console.inner.gate.note_read(credential, bed, "strip").await
    {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, &error.to_string());
    }
    match console.inner.board.alarm_strip(AlarmId(id)) {
        Ok(frame) => octets(&frame),
        Err(error) => refusal(StatusCode::NOT_FOUND, &error.to_string()),
    }
}

pub(super) fn octets(bytes: &[u8]) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, "no-store")];
    (headers, bytes.to_vec()).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pause {
    seconds: u64,
}

pub(super) async fn pause(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
    Path(bed): Path<u16>,
    body: Bytes,
) -> Response {
    let Ok(Pause { seconds: seconds @ 0..=PAUSE_MAX_S }) = serde_json::from_slice(&body) else {
        return refusal(StatusCode::BAD_REQUEST, "body must be {\"seconds\": number from 0 to 120}");
    };
    let rights = console.inner.gate.rights(session.credential.as_deref());
    // Whoever may not look must not silence it for those who do. The ward's own alarms are every clinician's.
    let board =
        if bed == WARD { Some(console.inner.board.clone()) } else { console.inner.board.at_known(bed) };
    let may = rights.clinician && (bed == WARD || rights.reach(bed, RiskClass::I, 0));
    let Some(board) = board.filter(|_| may) else { return refusal(StatusCode::FORBIDDEN, CLOSED) };
    let now = console.now_ms();
    board.pause_audio(now + seconds * 1_000, &console.name_of(&session), now);
    Json(json!({ "pause": board.view_at(now).pause })).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitBody {
    signal: Signal,
    low: Option<f64>,
    high: Option<f64>,
    priority: Priority,
    enabled: bool,
}

pub(super) async fn set_limit(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
    Path(bed): Path<u16>,
    body: Bytes,
) -> Response {
    let Some(credential) = session.credential.as_deref() else { return no_credential() };
    let Ok(LimitBody { signal, low, high, priority, enabled }) = serde_json::from_slice(&body) else {
        let text = "body must be {\"signal\", \"low\": number or null, \"high\": number or null, \
                    \"priority\": \"low\", \"medium\" or \"high\", \"enabled\": true or false}";
        return refusal(StatusCode::BAD_REQUEST, text);
    };
    let limit = match (Limit { signal, low, high, priority, enabled }).check() {
        Ok(limit) => limit,
        Err(why) => return refusal(StatusCode::BAD_REQUEST, &why),
    };
    let gate = &console.inner.gate;
    let rights = gate.rights(Some(credential));
    let person = credential.certificate.person;
    let treats = gate.with_directory(|directory| directory.relation(person, Bed(bed)) == Relation::Treating);
    if !(rights.clinician && treats && rights.reach(bed, RiskClass::II, 0)) {
        let text = "limits are changed by clinicians who treat the patient and have class II of the bed";
        return refusal(StatusCode::FORBIDDEN, text);
    }
    let name = |limit: Option<f64>| limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string());
    let what = format!(
        "limits of {}: low {}, high {}, {}",
        signal.name(),
        name(low),
        name(high),
        if enabled { "alarm on" } else { "ALARM OFF" }
    );
    if let Err(error) = gate.note_act(credential, EntryKind::Setting, bed, what).await {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, &error.to_string());
    }
    match gate.set_limit(Bed(bed), limit, person).await {
        Ok(()) => Json(json!({ "limits": console.inner.board.at(bed).snapshot().limits })).into_response(),
        Err(why) => refusal(StatusCode::SERVICE_UNAVAILABLE, &why),
    }
}

impl Console {
    /// The name that what a session does is written down to.
    pub(super) fn name_of(&self, session: &Session) -> String {
        let person = session.credential.as_deref().map(|credential| credential.certificate.person);
        person.map_or_else(|| session.person.clone(), |person| self.inner.gate.name(person))
    }

    /// A refusal, when an alarm may not be seen by this session.
    fn closed(&self, session: &Session, id: AlarmId) -> Option<Response> {
        let credential = session.credential.as_deref();
        let Some((bed, class)) = self.inner.board.alarm_place(id) else {
            // That it is off is said to everybody who has a certificate, and nothing else is.
            return credential.is_none().then(no_credential);
        };
        let rights = self.inner.gate.rights(credential);
        let open = if bed == WARD {
            credential.is_some_and(|credential| self.in_force(credential))
        } else {
            rights.reach(bed, class_of(class), 0)
        };
        (!open).then(|| refusal(StatusCode::FORBIDDEN, CLOSED))
    }
}
