//! Attempts to get at a patient's data: each route of the router with each kind of credential that must not open it. The table
//! in `docs/access-attempts.md` is what this test has seen; `BODYWIRE_WRITE=1` writes it anew.

use crate::access::{emergency, fill};
use crate::asking::{Asking, START_MS};
use crate::house::{BED, House, Somebody, Wish, somebody_of};
use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use bodywire_clinic::board::{AlarmInput, Priority, Signal, WaveChunk};
use bodywire_clinic::web::{self, routes};
use bodywire_proto::access::Role;
use bodywire_proto::risk::RiskClass;
use ed25519_dalek::SigningKey;
use futures_util::StreamExt;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

/// What no attempt may bring to light: words and numbers that stand on the seeded bed and nowhere else.
const SECRETS: [&str; 7] =
    ["71.4375", "36.8125", "4.515625", "patient 402", "SECRET STRIP", "0.3125", "PATTERN"];

/// How long a stream is listened to.
const LISTENED: Duration = Duration::from_millis(150);

type Make = fn(&House) -> Somebody;

/// Whose credential, and what it still sees of the ward.
const ATTEMPTS: [(&str, Option<Make>); 9] = [
    ("no certificate", None),
    (
        "another issuer",
        Some(|_| {
            let stranger = SigningKey::from_bytes(&[0x77; 32]);
            somebody_of(&stranger, 1, Role::Physician, START_MS, |_| {})
        }),
    ),
    (
        "forged certificate",
        Some(|house| {
            let mut forged = house.somebody(1, Role::Nurse, START_MS, |_| {});
            forged.credential.certificate.role = Role::Physician;
            forged.credential.bytes = forged.credential.certificate.to_bytes().unwrap();
            forged
        }),
    ),
    (
        "expired",
        Some(|house| {
            house.somebody(1, Role::Physician, START_MS, |c| {
                (c.not_before_ms, c.not_after_ms) = (START_MS - 2_000, START_MS - 1_000);
            })
        }),
    ),
    ("revoked", Some(|house| house.somebody(1, Role::Physician, START_MS, |c| c.serial = 666))),
    ("no relation", Some(|house| house.somebody(5, Role::Physician, START_MS, |_| {}))),
    ("a program, no relation", Some(|house| house.somebody(5, Role::Program, START_MS, |_| {}))),
    (
        "class I only",
        Some(|house| house.somebody(1, Role::Physician, START_MS, |c| c.highest_class = RiskClass::I)),
    ),
    (
        "another person's key",
        Some(|house| {
            let mut meyer = house.somebody(1, Role::Physician, START_MS, |_| {});
            meyer.key = SigningKey::from_bytes(&[0x55; 32]);
            meyer
        }),
    ),
];

fn seed(asking: &Asking) {
    let board = &asking.board;
    fill(board);
    crate::access::number(board, Signal::HeartRate, bodywire_clinic::board::RiskClass::II, 1, 71.4375);
    crate::access::number(board, Signal::PumpRate, bodywire_clinic::board::RiskClass::III, 5, 4.515_625);
    emergency(board);
    let strip = WaveChunk {
        signal: Signal::Ecg,
        start_ms: START_MS,
        period_us: 4_000,
        lsb_per_mv: 200.0,
        baseline: 0,
        // Reads as text when somebody prints it.
        samples: b"SECRET STRIP".chunks(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect(),
        late: false,
    };
    board.wave(&strip).unwrap();
    let input = AlarmInput {
        condition: "ecg.1".into(),
        priority: Priority::High,
        text: "ECG PATTERN LOST".into(),
        at_ms: START_MS,
        evidence: None,
        strip: Some(strip),
    };
    board.raise_alarm(input).unwrap();
    board.event(START_MS, "PATTERN was seen");
}

/// The body of an answer, as far as it comes within [`LISTENED`].
async fn heard(answer: Response<Body>) -> String {
    let mut stream = answer.into_body().into_data_stream();
    let mut bytes = Vec::new();
    while let Ok(Some(Ok(more))) = tokio::time::timeout(LISTENED, stream.next()).await {
        bytes.extend(more);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn path_of(route: &str) -> String {
    route
        .replace("{bed}/alarms/{number}", "1/alarms/0")
        .replace("{bed}", &BED.to_string())
        .replace("alarms/{id}", "alarms/1")
        .replace("{command}", "emergency")
        .replace("{id}", "1")
        .replace("{index}", "0")
}

fn body_for(route: &str) -> &'static str {
    match route.rsplit('/').next() {
        Some("pause") => r#"{"seconds":60}"#,
        Some("limits") => r#"{"signal":"heart-rate","low":40,"high":130,"priority":"high","enabled":false}"#,
        Some("aggregates") => r#"{"function":"mean","signal":"heart-rate","from_ms":0,"to_ms":9}"#,
        _ if route.ends_with("reviews/{id}") => r#"{"verdict":"accepted","note":""}"#,
        _ => "",
    }
}

async fn attempt(asking: &Asking, method: web::Method, route: &str) -> (StatusCode, String) {
    let path = path_of(route);
    let answer = match method {
        web::Method::Get => asking.get(&path).await,
        web::Method::Put => asking.put(&path, body_for(route)).await,
        // The request itself is made anew for each attempt.
        web::Method::Post if route.ends_with("/access") => asking.ask(Wish::TREATMENT).await,
        web::Method::Post => asking.post(&path, "attempt", body_for(route)).await,
    };
    (answer.status(), heard(answer).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_route_gives_anything_without_a_grant() {
    let mut rows = String::new();
    let routes: Vec<_> = routes().collect();
    let mut columns = Vec::new();
    for (name, make) in ATTEMPTS {
        let mut asking = Asking::new().await;
        asking.house.publish(&[666], START_MS);
        seed(&asking);
        match make {
            Some(make) => {
                let somebody = make(&asking.house);
                asking.log_in_as(somebody).await;
            }
            None => asking.log_in_as_nobody().await,
        }
        // Everybody has asked, for both, and most were refused.
        asking.ask(Wish::TREATMENT).await;
        asking.ask(Wish::PUMP).await;
        asking.house.archive.lock().await.publish().unwrap();
        let before = asking.board.snapshot();
        let mut statuses = Vec::new();
        for (method, route) in &routes {
            let (status, text) = attempt(&asking, *method, route).await;
            for secret in SECRETS {
                assert!(!text.contains(secret), "{name}: {method:?} {route} told {secret}: {text}");
            }
            assert!(
                !status.is_server_error() || route.contains("aggregates"),
                "{name}: {method:?} {route} {status}"
            );
            statuses.push(status.as_u16());
        }
        let after = asking.board.snapshot();
        assert_eq!(
            (&before.limits, &before.pause),
            (&after.limits, &after.pause),
            "{name} changed something"
        );
        assert!(after.alarms.iter().all(|alarm| alarm.acknowledged.is_none()), "{name} acknowledged");
        assert!(asking.commands().is_empty() || make.is_some(), "{name} moved the demonstration");
        columns.push((name, statuses));
    }
    // Without a session nothing under the API answers at all.
    let stranger = Asking::new().await;
    seed(&stranger);
    let mut statuses = Vec::new();
    for (method, route) in &routes {
        let method = match method {
            web::Method::Get => Method::GET,
            web::Method::Post => Method::POST,
            web::Method::Put => Method::PUT,
        };
        let answer = stranger.stranger(method, &path_of(route)).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{route}");
        statuses.push(answer.status().as_u16());
    }
    columns.insert(0, ("no session", statuses));

    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    writeln!(rows, "| route | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len())).unwrap();
    for (at, (method, route)) in routes.iter().enumerate() {
        let cells: Vec<_> = columns.iter().map(|(_, statuses)| statuses[at].to_string()).collect();
        let method = format!("{method:?}").to_uppercase();
        writeln!(rows, "| `{method} {route}` | {} |", cells.join(" | ")).unwrap();
    }
    is_written_down(&rows);
}

/// A grant opens the same routes: the table above is not true because nothing answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_same_routes_tell_it_to_who_was_granted_it() {
    let mut asking = Asking::new().await;
    seed(&asking);
    asking.log_in_with_access().await;
    let mut told = String::new();
    for (method, route) in routes().filter(|(method, _)| *method == web::Method::Get) {
        told.push_str(&attempt(&asking, method, &route).await.1);
    }
    for secret in SECRETS.iter().filter(|secret| !["4.515625", "36.8125", "0.3125"].contains(secret)) {
        assert!(told.contains(secret), "{secret}");
    }
    assert!(!told.contains("4.515625"), "class III stays sealed");
}

fn is_written_down(rows: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/access-attempts.md");
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let (head, rest) = written.split_once("<!-- begin -->\n").unwrap_or((&written, ""));
    let (_, tail) = rest.split_once("<!-- end -->\n").unwrap_or(("", ""));
    let now = format!("{head}<!-- begin -->\n{rows}<!-- end -->\n{tail}");
    if std::env::var_os("BODYWIRE_WRITE").is_some() {
        std::fs::write(&path, now).unwrap();
    } else {
        assert!(
            now == written,
            "docs/access-attempts.md is not what was seen; BODYWIRE_WRITE=1 writes it anew:\n{rows}"
        );
    }
}
