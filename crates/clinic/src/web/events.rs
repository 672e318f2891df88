//! The stream of events that resumes by `Last-Event-ID`. Each session gets what its grants reach, and nothing else.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event as SseEvent, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::Console;
use super::guard::refusal;
use super::sessions::Session;
use super::shown;
use crate::board::{Event, Since};
use crate::gate::Rights;

/// Pause between heartbeats; the page calls the server lost after 3 s of silence.
pub const HEARTBEAT: Duration = Duration::from_secs(2);

/// Least pause between two snapshots that follow from grants.
const SNAPSHOT_PAUSE: Duration = Duration::from_millis(100);

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
    let turned = console.inner.gate.watch();
    let (rights, unrecorded) = console.rights_on_record(&session).await;
    let reader = Reader {
        console,
        session,
        last,
        pending: VecDeque::new(),
        before_whole: VecDeque::new(),
        whole_is_due: false,
        newest,
        turned,
        rights,
        retry: !unrecorded.is_empty(),
        whole_at: Instant::now().checked_sub(SNAPSHOT_PAUSE).unwrap_or_else(Instant::now),
        heartbeat,
        _permit: permit,
    };
    Sse::new(stream::unfold(reader, Reader::next)).into_response()
}

/// Where one browser is in the stream. It holds no queue of its own but the few events that the board's ring gave it at once.
struct Reader {
    console: Console,
    session: Session,
    last: Option<u64>,
    pending: VecDeque<Event>,
    /// Steps of a decision that the next snapshot would pass over: it says what is, not how that came about.
    before_whole: VecDeque<SseEvent>,
    whole_is_due: bool,
    newest: watch::Receiver<u64>,
    turned: watch::Receiver<u64>,
    rights: Rights,
    /// A read could not be recorded: at the next heartbeat it is tried again.
    retry: bool,
    /// When the whole ward was sent last.
    whole_at: Instant,
    heartbeat: Interval,
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    async fn next(mut self) -> Option<(Result<SseEvent, Infallible>, Self)> {
        loop {
            if let Some(step) = self.before_whole.pop_front() {
                return Some((Ok(step), self));
            }
            if std::mem::take(&mut self.whole_is_due) {
                return Some((Ok(self.whole()), self));
            }
            if self.may_have_changed() && self.renew_rights().await {
                // Who opens a whole ward gets it in a few pieces, not in as many as it has beds.
                if let Some(rest) = SNAPSHOT_PAUSE.checked_sub(self.whole_at.elapsed()) {
                    tokio::time::sleep(rest).await;
                    self.renew_rights().await;
                }
                self.before_whole = self.steps_on_their_way();
                self.whole_is_due = true;
                continue;
            }
            if let Some(event) = self.pending.pop_front() {
                self.last = Some(event.id);
                let data = if event.kind == "break-glass" {
                    let open = self.console.open_glass(&self.session);
                    Some(json!({ "bed": event.bed, "value": open }).to_string())
                } else {
                    shown::event(&event, &self.rights)
                };
                let Some(data) = data else { continue };
                let sse = SseEvent::default().id(event.id.to_string()).event(event.kind).data(data);
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
            let ends = self.rights.until_ms.map(|until| until.saturating_sub(self.console.now_ms()));
            tokio::select! {
                changed = self.newest.changed() => changed.ok()?,
                changed = self.turned.changed() => {
                    changed.ok()?;
                    self.turned.mark_changed();
                }
                () = after(ends) => {}
                _ = self.heartbeat.tick() => {
                    let now = self.console.now_ms();
                    // A stream must not outlive its session.
                    self.console.access().session(&self.session.cookie_value(), now)?;
                    let beat = json!({ "server_ms": now });
                    if std::mem::take(&mut self.retry) {
                        self.turned.mark_changed();
                    }
                    return Some((Ok(SseEvent::default().event("heartbeat").data(beat.to_string())), self));
                }
            }
        }
    }

    fn may_have_changed(&self) -> bool {
        let over = self.rights.until_ms.is_some_and(|until| until <= self.console.now_ms());
        over || self.turned.has_changed().unwrap_or(true)
    }

    /// True when the session may see something else than before.
    async fn renew_rights(&mut self) -> bool {
        self.turned.mark_unchanged();
        let (rights, unrecorded) = self.console.rights_on_record(&self.session).await;
        self.retry = !unrecorded.is_empty();
        let other = rights.beds != self.rights.beds || rights.grants != self.rights.grants;
        self.rights = rights;
        other
    }

    fn steps_on_their_way(&self) -> VecDeque<SseEvent> {
        let Some(Since::Events(events)) = self.last.map(|last| self.console.inner.board.events_since(last))
        else {
            return VecDeque::new();
        };
        let of_decision = events.iter().filter(|event| event.kind == "step");
        of_decision
            .filter_map(|event| {
                let data = shown::event(event, &self.rights)?;
                Some(SseEvent::default().id(event.id.to_string()).event(event.kind).data(data))
            })
            .collect()
    }

    fn whole(&mut self) -> SseEvent {
        self.pending.clear();
        self.whole_at = Instant::now();
        let ward = self.console.ward_of(&self.session, &self.rights);
        let last = ward.get("last_event_id").and_then(serde_json::Value::as_u64).unwrap_or_default();
        self.last = Some(last);
        SseEvent::default().id(last.to_string()).event("snapshot").data(ward.to_string())
    }
}

async fn after(ms: Option<u64>) {
    match ms {
        Some(ms) => tokio::time::sleep(Duration::from_millis(ms.saturating_add(1))).await,
        None => std::future::pending().await,
    }
}
