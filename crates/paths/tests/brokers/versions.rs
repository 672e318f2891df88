//! Brokers that do not speak the newest version.

use crate::engines::{Listening, engine, nats, publication};
use bodywire_paths::{Version, probe};
use std::time::Duration;

#[tokio::test]
async fn the_newest_falls_back_on_a_broker_that_speaks_3_1_1_only() {
    let test = "the_newest_falls_back_on_a_broker_that_speaks_3_1_1_only";
    let Some(program) = engine(test, "nats-server") else { return };
    let running = nats(&program);
    let broker = running.broker();
    let mut hub = Listening::to(&broker, "hub", None);
    assert_eq!(hub.up().await, Version::V311);
    hub.listen("bw/1/f").await;
    assert!(hub.path.publish(publication("bw/1/f", b"over nats")));
    assert_eq!(hub.message().await, ("bw/1/f".to_owned(), b"over nats".to_vec()));
    let seen = probe(&broker, Duration::from_secs(10), "bw/1/probe").await.unwrap();
    assert_eq!((seen.version, seen.subscribed, seen.returned), (Version::V311, true, true));
    assert!(seen.round_trip.is_some() && seen.tls.is_none());
}

#[tokio::test]
async fn five_only_is_not_tried_otherwise() {
    let Some(program) = engine("five_only_is_not_tried_otherwise", "nats-server") else { return };
    let running = nats(&program);
    let mut broker = running.broker();
    broker.version = Version::V5;
    let reason = Listening::to(&broker, "hub", None).down().await;
    assert!(
        reason.to_string().contains("version") || reason.to_string().contains("before it answered"),
        "{reason}"
    );
}
