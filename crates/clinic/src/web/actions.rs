//! Actions that are done once, however often they are sent, and the demo controls.

use std::collections::VecDeque;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc::error::TrySendError;

use super::Console;
use super::asking::no_credential;
use super::guard::refusal;
use super::sessions::Session;

/// Answers remembered by idempotency key, over all sessions: minutes of frantic clicking.
pub const MAX_REMEMBERED_ACTIONS: usize = 256;

/// Length of an idempotency key; a UUID has 36 bytes.
pub const MAX_IDEMPOTENCY_KEY_BYTES: usize = 64;

/// A command of the demo controls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DemoCommand {
    /// Make the patient's ECG deteriorate now.
    Emergency,
    /// Take down the path of this number.
    BreakPath(u8),
    /// Bring the path of this number back.
    RestorePath(u8),
    /// Change one stored record behind the ledger's back.
    Tamper,
}

/// Answers given, so that a repeated request does nothing twice.
#[derive(Default)]
pub(super) struct Remembered {
    answers: VecDeque<(Session, String, String, StatusCode, String)>,
}

impl Remembered {
    fn keep(&mut self, session: &Session, key: &str, action: &str, status: StatusCode, body: &str) {
        if self.answers.len() >= MAX_REMEMBERED_ACTIONS {
            self.answers.pop_front();
        }
        self.answers.push_back((session.clone(), key.to_owned(), action.to_owned(), status, body.to_owned()));
    }
}

#[derive(Deserialize)]
struct PathBody {
    path: u8,
}

pub(super) async fn demo(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(demo) = console.inner.demo.clone() else {
        return refusal(
            StatusCode::NOT_FOUND,
            "no demo controls: this console does not run in a demonstration",
        );
    };
    if !session.credential.as_deref().is_some_and(|credential| console.inner.gate.holds(credential)) {
        return no_credential();
    }
    let path = || serde_json::from_slice::<PathBody>(&body).map(|body| body.path);
    let command = match name.as_str() {
        "emergency" => Ok(DemoCommand::Emergency),
        "tamper" => Ok(DemoCommand::Tamper),
        "break-path" => path().map(DemoCommand::BreakPath),
        "restore-path" => path().map(DemoCommand::RestorePath),
        _ => return refusal(StatusCode::NOT_FOUND, "no such demo control"),
    };
    let Ok(command) = command else {
        return refusal(StatusCode::BAD_REQUEST, "body must be {\"path\": number from 0 to 255}");
    };
    console.once(&session, &headers, &format!("demo {command:?}"), || match demo.try_send(command) {
        Ok(()) => (StatusCode::ACCEPTED, json!({ "accepted": true })),
        Err(TrySendError::Full(_)) => (
            StatusCode::SERVICE_UNAVAILABLE,
            json!({ "error": "the demonstration is busy: try again in a second" }),
        ),
        Err(TrySendError::Closed(_)) => (
            StatusCode::SERVICE_UNAVAILABLE,
            json!({ "error": "the demonstration has ended: start it again" }),
        ),
    })
}

impl Console {
    /// Runs an action once per idempotency key of a session; a repetition gets the first answer again.
    pub(super) fn once(
        &self,
        session: &Session,
        headers: &HeaderMap,
        action: &str,
        run: impl FnOnce() -> (StatusCode, serde_json::Value),
    ) -> Response {
        let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
        let key = key.filter(|key| !key.is_empty() && key.len() <= MAX_IDEMPOTENCY_KEY_BYTES);
        let Some(key) = key else {
            let text = "idempotency-key missing or too long: send 1 to 64 characters, new for each action";
            return refusal(StatusCode::BAD_REQUEST, text);
        };
        // Held while the action runs, so that two copies of one request cannot both run it; actions do not wait.
        let mut remembered = self.inner.remembered.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let known =
            remembered.answers.iter().find(|(owner, known, ..)| known == key && owner.is_same(session));
        let (status, body) = match known {
            Some((_, _, first, ..)) if first != action => {
                let text = "this idempotency-key was used for another action: send a new one";
                return refusal(StatusCode::UNPROCESSABLE_ENTITY, text);
            }
            Some((_, _, _, status, body)) => (*status, body.clone()),
            None => {
                let (status, body) = run();
                let body = body.to_string();
                // A busy demonstration is no answer yet: the same request may be tried again.
                if !status.is_server_error() {
                    remembered.keep(session, key, action, status, &body);
                }
                (status, body)
            }
        };
        (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}
