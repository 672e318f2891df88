//! The past of a bed: trends, and the alarms on record with their strips. Each is a read, and on record before it is given.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bodywire_proto::report::{Alarm, Condition, Kind, Priority, Report};
use bodywire_proto::risk::RiskClass;
use bodywire_proto::wire::HubId;
use serde::Deserialize;
use serde_json::json;

use super::Console;
use super::alarms::octets;
use super::asking::no_credential;
use super::guard::refusal;
use super::record::Opened;
use super::sessions::Session;
use super::shown::class_of;
use crate::chart::strip_of;
use crate::gate::Rights;
use crate::record_read::Wanted;
use bodywire_proto::access::Bed;
use bodywire_store::PatientId;

/// Alarm records of one answer.
const ALARMS_MAX: usize = 100;

#[derive(Deserialize)]
pub(super) struct Hours {
    hours: Option<u64>,
}

pub(super) async fn trends(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
    Path(bed): Path<u16>,
    Query(Hours { hours }): Query<Hours>,
) -> Response {
    let hours = hours.unwrap_or(24);
    if !(1..=24).contains(&hours) {
        return refusal(StatusCode::BAD_REQUEST, "hours is a number from 1 to 24");
    }
    let rights = match console.opened(&session, bed, RiskClass::I, "trends").await {
        Ok((rights, _)) => rights,
        Err(refused) => return refused,
    };
    let board = console.inner.board.at(bed);
    let mut trends = board.trends(console.now_ms().saturating_sub(hours * 60 * 60 * 1_000));
    trends.retain(|trend| rights.reach(bed, class_of(trend.class), trend.sensor));
    Json(json!({ "since_ms": board.started_at_ms(), "signals": trends })).into_response()
}

#[derive(Deserialize)]
pub(super) struct Before {
    before: Option<u64>,
}

pub(super) async fn alarms(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
    Path(bed): Path<u16>,
    Query(Before { before }): Query<Before>,
) -> Response {
    if let Err(refused) = console.opened(&session, bed, RiskClass::II, "events").await {
        return refused;
    }
    let Some(store) = console.inner.gate.database() else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "the database is away: try again in a few seconds");
    };
    let read = async {
        // Of who lies there now: what was before belongs to somebody else.
        let since = match store.patient_at(HubId(bed)).await? {
            Some(patient) => store.stays(patient).await?,
            None => Vec::new(),
        };
        let since = since.iter().filter(|stay| stay.hub.0 == bed && stay.to_ms.is_none());
        let since = since.map(|stay| stay.from_ms).max().unwrap_or_default();
        let mut rows = store.alarms_of(HubId(bed), before.unwrap_or(u64::MAX), ALARMS_MAX).await?;
        rows.retain(|row| row.raised_ms >= since);
        Ok::<_, bodywire_store::Error>(rows)
    };
    let rows = match read.await {
        Ok(rows) => rows,
        Err(error) => {
            tracing::error!(%error, "the record of alarms could not be read");
            return refusal(StatusCode::SERVICE_UNAVAILABLE, "the database failed: see the clinic's log");
        }
    };
    let record = |row: &bodywire_store::AlarmRow| {
        let (condition, text, priority) = named(row.condition)?;
        Some(json!({
            "number": row.alarm, "condition": condition, "text": text, "priority": priority,
            "raised_ms": row.raised_ms, "ended_ms": row.ended_ms,
            "acknowledged": row.acknowledged.as_ref().map(|(at_ms, who)| json!({ "who": who, "at_ms": at_ms })),
            // A strip stands behind what the detector has found.
            "strip": crate::limits::recorded(row.condition).is_none(),
        }))
    };
    Json(json!({ "alarms": rows.iter().filter_map(record).collect::<Vec<_>>() })).into_response()
}

/// Condition, words and priority of an alarm on record.
fn named(code: u8) -> Option<(String, String, &'static str)> {
    if let Some((condition, text)) = crate::limits::recorded(code) {
        return Some((condition, text, "medium"));
    }
    let found = Condition::ALL.into_iter().find(|condition| *condition as u8 == code)?;
    let priority = match found.priority() {
        Priority::Technical => "technical",
        Priority::Low => "low",
        Priority::Medium => "medium",
        Priority::High => "high",
    };
    Some((format!("ecg.{code}"), found.text().to_owned(), priority))
}

/// The strip that an alarm was decided on, from the ledger.
pub(super) async fn strip(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
    Path((bed, number)): Path<(u16, u64)>,
) -> Response {
    if let Err(refused) = console.opened(&session, bed, RiskClass::II, "events").await {
        return refused;
    }
    let none = || refusal(StatusCode::NOT_FOUND, "no alarm of this number is on record at this bed");
    let Some(archive) = console.inner.gate.ledger().and_then(|ledger| ledger.archive.upgrade()) else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "the ledger is away: try again in a few seconds");
    };
    let (read, owner) = {
        let mut archive = archive.lock().await;
        let read = archive.read(number).await;
        let owner = read.as_ref().ok().and_then(|(_, _, entry, _)| archive.owner(entry));
        (read, owner)
    };
    let Ok((_, _, _, report)) = read else { return none() };
    let Ok(report) = Report::parse(&report) else { return none() };
    let patient = console.inner.gate.with_directory(|directory| {
        directory.beds.get(&Bed(bed)).and_then(|place| place.patient).map(|patient| PatientId(patient.0))
    });
    if owner != Some((HubId(bed), patient)) || report.header.kind != Kind::Alarm {
        return none();
    }
    let strip = Alarm::parse(report.body()).ok().and_then(|(_, strip)| strip);
    let frame = strip.and_then(|batch| strip_of(&batch, report.header.offset_ms).evidence(bed).ok());
    frame.map_or_else(none, |frame| octets(&frame))
}

#[derive(Deserialize)]
pub(super) struct Span {
    from_ms: u64,
    to_ms: u64,
    class: Option<String>,
}

/// Everything that is on record of a bed in a time, for exports. Each such read has an entry of its own.
pub(super) async fn record(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
    Path(bed): Path<u16>,
    Query(Span { from_ms, to_ms, class }): Query<Span>,
) -> Response {
    let class = match class.as_deref() {
        Some("I") => RiskClass::I,
        None | Some("II") => RiskClass::II,
        Some("III") => RiskClass::III,
        Some(_) => return refusal(StatusCode::BAD_REQUEST, "class is I, II or III"),
    };
    if from_ms >= to_ms {
        return refusal(StatusCode::BAD_REQUEST, "from_ms must be before to_ms");
    }
    // Class III is decided sensor by sensor, below.
    // Each such read has an entry of its own, whatever was read before.
    let what = format!("record {from_ms} to {to_ms}, asked at {}", console.now_ms());
    let read = match console.opened(&session, bed, class.min(RiskClass::II), &what).await {
        Ok((_, read)) => read,
        Err(refused) => return refused,
    };
    let gate = console.inner.gate.clone();
    let Some(credential) = session.credential.clone() else { return no_credential() };
    let away = || refusal(StatusCode::SERVICE_UNAVAILABLE, "the ledger is away: try again in a few seconds");
    let Some((ledger, store)) = gate.ledger().zip(gate.database()) else { return away() };
    let Some(archive) = ledger.archive.upgrade() else { return away() };
    let Ok(place) = std::sync::Arc::clone(&console.inner.records).try_acquire_owned() else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "too many records are being read: try again later");
    };
    let (label, patient) = gate.with_directory(|directory| {
        let place = directory.beds.get(&Bed(bed));
        let patient = place.and_then(|place| place.patient).map(|patient| PatientId(patient.0));
        (place.map_or_else(String::new, |place| place.label.clone()), patient)
    });
    let (stands_gate, stands_credential) = (gate.clone(), credential.clone());
    let opened = Opened {
        wanted: Wanted { hub: HubId(bed), patient, from_ms, to_ms, class },
        label,
        house: ledger.origin,
        read,
        counts: Box::new(move |sensor, granted| gate.answered(&credential, bed, sensor, granted)),
        stands: Box::new(move || {
            stands_gate.rights(Some(&stands_credential)).reach(bed, class.min(RiskClass::II), 0)
        }),
    };
    super::record::answer(opened, archive, store, console.now_ms(), place)
}

impl Console {
    /// What a session may see of a bed, when that reaches `class`; that it reads `what` is on record from now on,
    /// in the entry that is returned, if it is a new one.
    pub(super) async fn opened(
        &self,
        session: &Session,
        bed: u16,
        class: RiskClass,
        what: &str,
    ) -> Result<(Rights, Option<u64>), Response> {
        let closed = || refusal(StatusCode::FORBIDDEN, "this bed is closed for you: ask for access first");
        let credential = session.credential.as_deref().ok_or_else(closed)?;
        let rights = self.inner.gate.rights(Some(credential));
        if !rights.reach(bed, class, 0) {
            return Err(closed());
        }
        match self.inner.gate.note_read(credential, bed, what).await {
            Ok(read) => Ok((rights, read)),
            Err(error) => Err(refusal(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())),
        }
    }
}
