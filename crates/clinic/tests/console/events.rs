//! The event stream: what a browser that was away gets.

use crate::access::fill;
use crate::asking::{self, Asking, START_MS, header_of};
use crate::house::{BED, PUMP, Wish};
use axum::body::{Body, BodyDataStream};
use axum::http::{Response, StatusCode};
use bodywire_clinic::board::MAX_EVENTS;
use bodywire_clinic::web::{MAX_EVENT_STREAMS, SESSION_LIFETIME_MS};
use bodywire_proto::ask::name_of;
use futures_util::StreamExt;

/// Reads a stream event by event.
struct Events {
    body: BodyDataStream,
    text: String,
}

#[derive(Debug, PartialEq)]
struct Event {
    id: Option<u64>,
    kind: String,
    data: String,
}

impl Events {
    fn of(answer: Response<Body>) -> Self {
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(header_of(&answer, "content-type"), "text/event-stream");
        Self { body: answer.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event; nothing when the server closed the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.text.clone().split_once("\n\n") {
                rest.clone_into(&mut self.text);
                let field = |name: &str| {
                    block
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .map(|value| value.trim_start().to_owned())
                };
                return Some(Event {
                    id: field("id:").map(|id| id.parse().unwrap()),
                    kind: field("event:").unwrap(),
                    data: field("data:").unwrap(),
                });
            }
            let bytes = self.body.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    /// The next event that is no heartbeat.
    async fn next_change(&mut self) -> Event {
        loop {
            let event = self.next().await.unwrap();
            if event.kind != "heartbeat" {
                return event;
            }
        }
    }
}

async fn stream_after(asking: &Asking, id: u64) -> Events {
    Events::of(asking.get_with("/api/v1/events", &[("last-event-id", &id.to_string())]).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn resuming_loses_and_repeats_nothing() {
    let mut asking = Asking::new().await;
    asking.log_in_with_access().await;
    let start = asking.board.snapshot().last_event_id;
    for n in 0..5 {
        asking.board.event(n, &format!("line {n}"));
    }
    let mut events = stream_after(&asking, start + 2).await;
    asking.board.event(5, "line 5");
    for n in 2..6 {
        let event = events.next_change().await;
        assert_eq!((event.id, event.kind.as_str()), (Some(start + n + 1), "log"));
        assert!(event.data.contains(&format!("line {n}")), "{event:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_id_that_is_gone_or_strange_gets_a_whole_snapshot() {
    let mut asking = Asking::new().await;
    asking.log_in_with_access().await;
    let start = asking.board.snapshot().last_event_id;
    for n in 0..=MAX_EVENTS as u64 {
        asking.board.event(n, "line");
    }
    let newest = asking.board.snapshot().last_event_id;
    for id in [start.to_string(), "0".into(), u64::MAX.to_string(), "nonsense".into()] {
        let mut events = Events::of(asking.get_with("/api/v1/events", &[("last-event-id", &id)]).await);
        let event = events.next_change().await;
        assert_eq!((event.kind.as_str(), event.id), ("snapshot", Some(newest)), "{id}");
        let view: serde_json::Value = serde_json::from_str(&event.data).unwrap();
        assert_eq!(view["last_event_id"], newest);
    }
    let mut events = Events::of(asking.get("/api/v1/events").await);
    assert_eq!(events.next_change().await.kind, "snapshot");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn heartbeats_carry_the_servers_time_and_end_with_the_session() {
    let mut asking = Asking::new().await;
    asking.log_in().await;
    let mut events = stream_after(&asking, asking.board.snapshot().last_event_id).await;
    for _ in 0..3 {
        let beat = events.next().await.unwrap();
        assert_eq!((beat.kind.as_str(), beat.id), ("heartbeat", None));
        assert_eq!(beat.data, format!("{{\"server_ms\":{}}}", asking::START_MS));
    }
    asking.set_clock(asking::START_MS + SESSION_LIFETIME_MS);
    assert_eq!(events.next().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn open_streams_are_bounded() {
    let mut asking = Asking::new().await;
    asking.log_in().await;
    let mut open = Vec::new();
    for _ in 0..MAX_EVENT_STREAMS {
        open.push(asking.get("/api/v1/events").await);
    }
    assert_eq!(asking.get("/api/v1/events").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    open.pop();
    assert_eq!(asking.get("/api/v1/events").await.status(), StatusCode::OK);
}

/// The snapshot that follows from a grant says what is, and passes over nothing of how that came about.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_steps_of_a_sensors_consent_come_before_the_snapshot() {
    let mut asking = Asking::new().await;
    fill(&asking.board);
    asking.log_in().await;
    let mut events = Events::of(asking.get("/api/v1/events").await);
    assert_eq!(events.next_change().await.kind, "snapshot");
    asking.ask(Wish::PUMP).await;
    let asked = asking.house.asks.try_recv().unwrap();
    assert_eq!(events.next_change().await.kind, "snapshot", "class II meanwhile");
    asking.house.gate.sensor_released(BED, PUMP, Some(name_of(&asked.request)), START_MS + 60_000).await;
    for name in ["sensor", "answer"] {
        let step = events.next_change().await;
        assert_eq!(step.kind, "step");
        let told: serde_json::Value = serde_json::from_str(&step.data).unwrap();
        assert_eq!(
            (told["value"]["step"].as_str(), told["value"]["state"].as_str()),
            (Some(name), Some("done"))
        );
    }
    assert_eq!(events.next_change().await.kind, "snapshot");
}

/// Who broke it and everybody else: an event or a snapshot tells them, and the glass is in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn broken_glass_is_told_to_who_broke_it() {
    let mut asking = Asking::new().await;
    fill(&asking.board);
    asking.log_in().await;
    let mut events = Events::of(asking.get("/api/v1/events").await);
    assert_eq!(events.next_change().await.kind, "snapshot");
    asking.ask(Wish::GLASS).await;
    let told = loop {
        let event = events.next_change().await;
        if matches!(event.kind.as_str(), "snapshot" | "break-glass") {
            let data: serde_json::Value = serde_json::from_str(&event.data).unwrap();
            break if event.kind == "snapshot" { data["break_glass"].clone() } else { data["value"].clone() };
        }
    };
    assert_eq!(
        (told["open"][0]["bed"].as_u64(), &told["open"][0]["mine"]),
        (Some(u64::from(BED)), &true.into())
    );
}
