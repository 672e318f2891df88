//! The review queue of broken glass.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;

use super::Console;
use super::asking::no_credential;
use super::guard::refusal;
use super::sessions::Session;

pub(super) async fn list(State(console): State<Console>, Extension(session): Extension<Session>) -> Response {
    let Some(credential) = session.credential.as_deref() else { return no_credential() };
    if !console.inner.gate.holds(credential) {
        return no_credential();
    }
    match console.inner.gate.reviews(credential).await {
        Ok(reviews) => Json(json!({ "reviews": reviews })).into_response(),
        Err(why) => refusal(StatusCode::SERVICE_UNAVAILABLE, &why),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verdict {
    verdict: String,
    #[serde(default)]
    note: String,
}

pub(super) async fn judge(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
    Path(id): Path<u64>,
    body: Bytes,
) -> Response {
    let Some(credential) = session.credential.as_deref() else { return no_credential() };
    let Ok(Verdict { verdict, note }) = serde_json::from_slice(&body) else {
        let text = "body must be {\"verdict\": \"accepted\" or \"questioned\", \"note\": text}";
        return refusal(StatusCode::BAD_REQUEST, text);
    };
    let accepted = match verdict.as_str() {
        "accepted" => true,
        "questioned" => false,
        _ => return refusal(StatusCode::BAD_REQUEST, "the verdict is accepted or questioned"),
    };
    match console.inner.gate.review(credential, id, accepted, &note).await {
        Ok(()) => Json(json!({ "reviewed": id })).into_response(),
        Err(why) => refusal(StatusCode::FORBIDDEN, &why),
    }
}
