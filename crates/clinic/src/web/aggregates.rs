//! Sums over encrypted vital signs: what there is, and queries whose answer comes in lines while it is worked out.

use super::Console;
use super::asking::no_credential;
use super::guard::refusal;
use super::sessions::Session;
use crate::aggregates::{Aggregates, Query, Update};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use std::convert::Infallible;
use tokio::sync::mpsc;

/// Queries at the same time: each occupies the replicas and reads of this clinic's ledger.
pub const MAX_QUERIES: usize = 2;
/// Updates that wait for a slow reader; the query waits with them.
const UPDATES_QUEUE: usize = 16;
/// Lines of JSON.
const LINES: &str = "application/x-ndjson";

const NONE: &str = "no aggregates: the clinic is starting; try again in a second";

pub(super) async fn standing(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
) -> Response {
    if !console.may_aggregate(&session) {
        return no_credential();
    }
    let Some(aggregates) = console.aggregates() else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, NONE);
    };
    match aggregates.standing().await {
        Ok(standing) => Json(standing).into_response(),
        Err(error) => {
            tracing::error!(%error, "the state of the aggregates could not be read");
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "the database failed: see the log of the clinic")
        }
    }
}

pub(super) async fn ask(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
    body: Bytes,
) -> Response {
    if !console.may_aggregate(&session) {
        return no_credential();
    }
    let Some(aggregates) = console.aggregates() else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, NONE);
    };
    let query = match Query::parse(&body) {
        Ok(query) => query,
        Err(why) => return refusal(StatusCode::BAD_REQUEST, &why),
    };
    let Ok(place) = std::sync::Arc::clone(&console.inner.queries).try_acquire_owned() else {
        let text = "too many queries at once: try again when one has ended";
        return refusal(StatusCode::SERVICE_UNAVAILABLE, text);
    };
    let person = console.name_of(&session);
    let (updates, received) = mpsc::channel::<Update>(UPDATES_QUEUE);
    tokio::spawn(async move {
        aggregates.ask(&person, query, updates).await;
        drop(place);
    });
    let lines = futures_util::stream::unfold(received, |mut received| async move {
        let update = received.recv().await?;
        let mut line = serde_json::to_vec(&update).unwrap_or_default();
        line.push(b'\n');
        Some((Ok::<_, Infallible>(line), received))
    });
    ([(header::CONTENT_TYPE, LINES)], Body::from_stream(lines)).into_response()
}

impl Console {
    /// Sums tell of nobody alone, but they are for people of the house: a certificate that holds, or the token of this machine.
    fn may_aggregate(&self, session: &Session) -> bool {
        let holds = session.credential.as_deref().is_some_and(|credential| self.inner.gate.holds(credential));
        session.program || holds
    }

    /// From now on the console answers queries with these; nothing while there is no clinic.
    pub fn set_aggregates(&self, aggregates: Option<Aggregates>) {
        *self.inner.aggregates.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = aggregates;
    }

    fn aggregates(&self) -> Option<Aggregates> {
        self.inner.aggregates.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}
