//! A replica: any requests, one after the other, through its router and onto a disk in memory.

use super::ledger;
use axum::body::Body;
use axum::http::Request;
use bodywire_replica::{Config, MemDisks, Replica, TERMS_MAX, Terms, log_hash, router};
use ed25519_dalek::SigningKey;
use std::sync::OnceLock;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

/// Most requests of one input.
const REQUESTS_MAX: usize = 16;

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let built = Builder::new_current_thread().enable_time().build();
        built.unwrap_or_else(|error| panic!("no runtime: {error}"))
    })
}

fn replica() -> Replica<MemDisks> {
    let config = Config {
        name: "replica.example".to_owned(),
        witness: SigningKey::from_bytes(&[44; 32]),
        mirror: SigningKey::from_bytes(&[45; 32]),
        logs: vec![ledger::verifier()],
        peers: Vec::new(),
        token: None,
        clock: || 1_700_000_000,
    };
    Replica::open(config, MemDisks::default()).unwrap_or_else(|error| panic!("no replica: {error}"))
}

/// Requests: pieces in turn `METHOD TARGET`, in which `LOG` stands for the log's hash, and a body.
pub fn request(data: &[u8]) -> bool {
    let log = log_hash(ledger::ORIGIN);
    let replica = replica();
    let mut pieces = super::pieces(data);
    let (mut asked, mut accepted) = (0, true);
    while let Some(head) = pieces.next().filter(|_| asked < REQUESTS_MAX) {
        let head = String::from_utf8_lossy(head).replace("LOG", &log);
        let (method, target) = head.split_once(' ').unwrap_or(("GET", &head));
        let body = pieces.next().unwrap_or_default().to_vec();
        let Ok(request) = Request::builder().method(method).uri(target).body(Body::from(body)) else {
            return false;
        };
        let answer = runtime().block_on(router(replica.clone()).oneshot(request));
        let status = answer.map_or(500, |answer| answer.status().as_u16());
        // On a sound disk nothing is unfit.
        assert!(status < 500, "{head}: {status}");
        accepted &= status == 200;
        asked += 1;
    }
    let status = runtime().block_on(replica.status(&log));
    let status = status.unwrap_or_else(|| panic!("the log is gone"));
    assert!(status.retired.is_none() && status.mirrored.unwrap_or(0) <= status.size);
    accepted && asked > 0
}

/// The terms of a sum.
pub fn terms(data: &[u8]) -> bool {
    let Ok(terms) = Terms::parse(data) else { return false };
    let terms = terms.as_slice();
    assert!((1..=TERMS_MAX).contains(&terms.len()));
    assert!(terms.windows(2).all(|pair| pair[0].0 < pair[1].0), "they ascend");
    assert!(terms.iter().all(|(_, weight)| *weight > 0));
    let written = format!(
        "{{\"terms\":[{}]}}",
        terms.iter().map(|(i, w)| format!("[{i},{w}]")).collect::<Vec<_>>().join(",")
    );
    let again = Terms::parse(written.as_bytes()).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(again.as_slice(), terms);
    true
}
