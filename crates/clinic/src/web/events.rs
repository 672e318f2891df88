//! Snapshot, and the stream of events that resumes by `Last-Event-ID`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event as SseEvent, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::stream;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::Console;
use super::access::Session;
use super::guard::refusal;
use crate::board::{Event, Since};

/// Pause between heartbeats; the page calls the server lost after 3 s of silence.
pub const HEARTBEAT: Duration = Duration::from_secs(2);

pub(super) async fn snapshot(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
) -> Response {
    let body = json!({
        "server_ms": console.now_ms(),
        "person": session.person,
        "csrf": session.csrf(),
        "demo": console.inner.demo.is_some(),
        "board": console.inner.board.snapshot(),
    });
    Json(body).into_response()
}

pub(super) async fn stream(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
    headers: HeaderMap,
) -> Response {
    let Ok(permit) = console.inner.streams.clone().try_acquire_owned() else {
        return refusal(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many event streams are open: close another screen",
        );
    };
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    let mut heartbeat = interval_at(Instant::now(), HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let newest = console.inner.board.watch_events();
    let reader =
        Reader { console, session, last, pending: VecDeque::new(), newest, heartbeat, _permit: permit };
    Sse::new(stream::unfold(reader, Reader::next)).into_response()
}

/// Where one browser is in the stream. It holds no queue of its own but what the board's ring gave it at once.
struct Reader {
    console: Console,
    session: Session,
    last: Option<u64>,
    pending: VecDeque<Event>,
    newest: watch::Receiver<u64>,
    heartbeat: Interval,
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    async fn next(mut self) -> Option<(Result<SseEvent, Infallible>, Self)> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                self.last = Some(event.id);
                let sse = SseEvent::default().id(event.id.to_string()).event(event.kind).data(&*event.data);
                return Some((Ok(sse), self));
            }
            self.newest.mark_unchanged();
            match self.last.map(|last| self.console.inner.board.events_since(last)) {
                Some(Since::Events(events)) if !events.is_empty() => {
                    self.pending = events.into();
                    continue;
                }
                Some(Since::Events(_)) => {}
                Some(Since::TooOld) | None => return Some((Ok(self.whole()), self)),
            }
            tokio::select! {
                changed = self.newest.changed() => changed.ok()?,
                _ = self.heartbeat.tick() => {
                    let now = self.console.now_ms();
                    // A stream must not outlive its session.
                    self.console.access().session(&self.session.cookie_value(), now)?;
                    let beat = json!({ "server_ms": now });
                    return Some((Ok(SseEvent::default().event("heartbeat").data(beat.to_string())), self));
                }
            }
        }
    }

    fn whole(&mut self) -> SseEvent {
        let view = self.console.inner.board.snapshot();
        self.last = Some(view.last_event_id);
        let data = serde_json::to_string(&view).unwrap_or_else(|_| "null".to_owned());
        SseEvent::default().id(view.last_event_id.to_string()).event("snapshot").data(data)
    }
}
