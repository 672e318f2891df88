//! The console's routes, asked one request at a time without a socket.

use crate::asking::{self, Asking, header_of};
use axum::http::{Method, StatusCode};
use bodywire_clinic::board::{AlarmInput, Priority};
use bodywire_clinic::web::{DemoCommand, MAX_BODY_BYTES, SESSION_LIFETIME_MS};

fn alarm(condition: &str) -> AlarmInput {
    AlarmInput {
        condition: condition.into(),
        priority: Priority::High,
        text: "ECG PATTERN LOST".into(),
        at_ms: 5,
        evidence: None,
        strip: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nothing_under_the_api_without_a_session() {
    let asking = Asking::new().await;
    for (method, path) in [
        (Method::GET, "/api/v1/ward"),
        (Method::GET, "/api/v1/events"),
        (Method::GET, "/api/v1/wave"),
        (Method::GET, "/api/v1/else"),
        (Method::POST, "/api/v1/alarms/1/acknowledge"),
        (Method::GET, "/api/v1/alarms/1/strip"),
        (Method::POST, "/api/v1/demo/emergency"),
    ] {
        let answer = asking.stranger(method.clone(), path).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
        assert_eq!(header_of(&answer, "cache-control"), "no-store");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn one_time_link_opens_a_session_once() {
    let mut asking = Asking::new().await;
    let answer = asking.log_in().await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(header_of(&answer, "location"), "/");
    let cookie = header_of(&answer, "set-cookie");
    assert!(cookie.contains("; HttpOnly; SameSite=Strict; Path=/"), "{cookie}");
    assert_eq!(asking.get("/api/v1/ward").await.status(), StatusCode::OK);

    for link in [asking.link(), "/?once=".into(), format!("/?once={}", "0".repeat(64)), "/?once=%00".into()] {
        let again = asking.stranger(Method::GET, &link).await;
        assert_eq!(again.status(), StatusCode::UNAUTHORIZED, "{link}");
        assert_eq!(header_of(&again, "set-cookie"), "");
        assert!(asking::text(again).await.contains("terminal"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn session_ends_with_the_shift() {
    let mut asking = Asking::new().await;
    asking.log_in().await;
    asking.set_clock(asking::START_MS + SESSION_LIFETIME_MS);
    assert_eq!(asking.get("/api/v1/ward").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn page_and_assets_carry_the_security_headers() {
    let asking = Asking::new().await;
    for path in ["/", "/app.js", "/style.css"] {
        let answer = asking.stranger(Method::GET, path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let policy = header_of(&answer, "content-security-policy");
        assert!(
            policy.starts_with("default-src 'self';") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"));
        assert_eq!(header_of(&answer, "x-content-type-options"), "nosniff");
        assert_eq!(header_of(&answer, "referrer-policy"), "no-referrer");
    }
    for path in ["/../Cargo.toml", "/app.js.gz", "/nothing.js", "/%2e%2e/x.js"] {
        assert_eq!(asking.stranger(Method::GET, path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn assets_come_compressed_and_are_known_by_their_tag() {
    let asking = Asking::new().await;
    let gzip = asking.stranger_with("/app.js", &[("accept-encoding", "br, gzip")]).await;
    assert_eq!(header_of(&gzip, "content-encoding"), "gzip");
    let tag = header_of(&gzip, "etag");
    let known = asking.stranger_with("/app.js", &[("if-none-match", &tag)]).await;
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    let plain = asking.stranger(Method::GET, "/app.js").await;
    assert_eq!(header_of(&plain, "content-encoding"), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn foreign_hosts_and_origins_are_refused() {
    let mut asking = Asking::new().await;
    asking.log_in().await;
    let cases = [
        ("host", "evil.example", StatusCode::MISDIRECTED_REQUEST),
        ("host", "localhost.evil.example:8080", StatusCode::MISDIRECTED_REQUEST),
        ("host", "console.ward.example", StatusCode::MISDIRECTED_REQUEST),
        ("host", "console.ward.example:8443", StatusCode::OK),
        ("host", "Console.Ward.Example:8443", StatusCode::OK),
        ("host", "[::1]:8080", StatusCode::OK),
        ("origin", "http://evil.example", StatusCode::FORBIDDEN),
        ("origin", "null", StatusCode::FORBIDDEN),
        ("origin", "http://localhost:8080", StatusCode::OK),
    ];
    for (name, value, status) in cases {
        let answer = asking.get_with("/api/v1/ward", &[(name, value)]).await;
        assert_eq!(answer.status(), status, "{name}: {value}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn acknowledging_writes_down_the_person_of_the_session() {
    let mut asking = Asking::new().await;
    asking.log_in_with_access().await;
    let id = asking.board.raise_alarm(alarm("ecg")).unwrap();
    let path = format!("/api/v1/alarms/{id}/acknowledge");
    let answer = asking.post(&path, "k1", "").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let seen = asking.board.snapshot().alarms[0].acknowledged.clone().unwrap();
    assert_eq!((seen.who.as_str(), seen.at_ms), ("Dr A. Meyer", asking::START_MS));

    assert_eq!(asking.post(&path, "k2", "").await.status(), StatusCode::CONFLICT);
    assert_eq!(asking.post("/api/v1/alarms/99/acknowledge", "k3", "").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(asking.post("/api/v1/alarms/x/acknowledge", "k4", "").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn actions_need_the_csrf_token() {
    let mut asking = Asking::new().await;
    asking.log_in_with_access().await;
    let id = asking.board.raise_alarm(alarm("ecg")).unwrap();
    let path = format!("/api/v1/alarms/{id}/acknowledge");
    for token in ["", "00", &"0".repeat(64)] {
        let answer =
            asking.post_with(&path, &[("x-bodywire-csrf", token), ("idempotency-key", "k")], "").await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{token:?}");
    }
    assert_eq!(asking.board.snapshot().alarms[0].acknowledged, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_repeated_action_acts_once() {
    let mut asking = Asking::new().await;
    asking.log_in().await;
    let first = asking.post("/api/v1/demo/break-path", "same", r#"{"path":1}"#).await;
    let second = asking.post("/api/v1/demo/break-path", "same", r#"{"path":1}"#).await;
    assert_eq!((first.status(), second.status()), (StatusCode::ACCEPTED, StatusCode::ACCEPTED));
    assert_eq!(asking.commands(), [DemoCommand::BreakPath(1)]);

    let other = asking.post("/api/v1/demo/break-path", "same", r#"{"path":2}"#).await;
    assert_eq!(other.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(asking.post("/api/v1/demo/tamper", "", "").await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(
        asking.post("/api/v1/demo/tamper", &"k".repeat(65), "").await.status(),
        StatusCode::BAD_REQUEST
    );
    assert_eq!(asking.commands(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn demo_controls_exist_only_in_a_demonstration() {
    let mut asking = Asking::new().await;
    asking.log_in().await;
    for (n, (name, body)) in
        [("emergency", ""), ("tamper", ""), ("restore-path", r#"{"path":0}"#)].iter().enumerate()
    {
        let answer = asking.post(&format!("/api/v1/demo/{name}"), &n.to_string(), body).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED, "{name}");
    }
    assert_eq!(asking.commands(), [DemoCommand::Emergency, DemoCommand::Tamper, DemoCommand::RestorePath(0)]);
    for body in ["", "{}", r#"{"path":256}"#, r#"{"path":-1}"#, "[", r#"{"path":"x"}"#] {
        let answer = asking.post("/api/v1/demo/break-path", "k", body).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(asking.post("/api/v1/demo/explode", "k", "").await.status(), StatusCode::NOT_FOUND);

    let mut real = Asking::without_demo().await;
    real.log_in().await;
    assert_eq!(real.post("/api/v1/demo/emergency", "k", "").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn busy_demonstration_is_said_and_may_be_asked_again() {
    let mut asking = Asking::new().await;
    asking.log_in().await;
    for n in 0..asking::MAX_COMMANDS {
        asking.post("/api/v1/demo/tamper", &n.to_string(), "").await;
    }
    let busy = asking.post("/api/v1/demo/emergency", "again", "").await;
    assert_eq!(busy.status(), StatusCode::SERVICE_UNAVAILABLE);
    asking.commands();
    assert_eq!(asking.post("/api/v1/demo/emergency", "again", "").await.status(), StatusCode::ACCEPTED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn bodies_are_bounded() {
    let mut asking = Asking::new().await;
    asking.log_in().await;
    let answer = asking.post("/api/v1/demo/break-path", "k", &" ".repeat(MAX_BODY_BYTES + 1)).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
}
