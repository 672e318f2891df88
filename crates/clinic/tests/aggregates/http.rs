//! The routes of aggregates, asked through the console's router.

use crate::house::House;
use crate::replica::Character;
use crate::ward::{ANALYST, Ward, query};
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use bodywire_clinic::aggregates::{Aggregates, QUERY_BYTES_MAX};
use bodywire_clinic::web::{Console, MAX_QUERIES, OneTimeLink, router};
use bodywire_proto::access::{Person, Role};
use http_body_util::BodyExt as _;
use serde_json::Value;
use std::sync::atomic::{AtomicU8, Ordering};
use tower::ServiceExt as _;

const ROUTE: &str = "/api/v1/aggregates";

struct Asking {
    _house: House,
    router: Router,
    cookie: String,
    csrf: String,
}

fn program() -> String {
    format!("Bearer {}", "cd".repeat(32))
}

async fn text(answer: Response<Body>) -> String {
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

impl Asking {
    async fn new(aggregates: Option<Aggregates>) -> Self {
        let counter = AtomicU8::new(1);
        let secrets = move || [counter.fetch_add(1, Ordering::Relaxed); 32];
        let house = House::new(|| 1_000_000).await;
        let console =
            Console::new(house.board.clone(), house.gate.clone(), Vec::new(), secrets, None, || 1_000_000);
        let mut people = house.people();
        people.names.insert(Person([7; 16]), ANALYST.to_owned());
        house.gate.set_directory(people);
        let analyst = house.somebody(7, Role::Physician, 1_000_000, |_| {});
        console.admit(OneTimeLink::new([0xab; 32]).with_credential(analyst.credential));
        console.admit_program([0xcd; 32], "a program");
        console.set_aggregates(aggregates);
        let mut asking =
            Self { _house: house, router: router(console), cookie: String::new(), csrf: String::new() };
        let opened = asking.send(Method::GET, &format!("/?once={}", "ab".repeat(32)), &[], "").await;
        let cookie = opened.headers()["set-cookie"].to_str().unwrap();
        asking.cookie = cookie.split(';').next().unwrap().to_owned();
        let cookie = asking.cookie.clone();
        let snapshot = asking.send(Method::GET, "/api/v1/session", &[("cookie", &cookie)], "").await;
        let snapshot: Value = serde_json::from_str(&text(snapshot).await).unwrap();
        asking.csrf = snapshot["csrf"].as_str().unwrap().to_owned();
        asking
    }

    async fn send(&self, method: Method, path: &str, heads: &[(&str, &str)], body: &str) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:8080");
        for (name, value) in heads {
            request = request.header(*name, *value);
        }
        self.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap()
    }

    async fn post(&self, body: &str) -> Response<Body> {
        let heads = [("cookie", self.cookie.as_str()), ("x-bodywire-csrf", self.csrf.as_str())];
        self.send(Method::POST, ROUTE, &heads, body).await
    }

    async fn status(&self, method: Method, path: &str, heads: &[(&str, &str)]) -> StatusCode {
        self.send(method, path, heads, &query("mean", "spo2", 0, 3, "")).await.status()
    }
}

fn lines(text: &str) -> Vec<Value> {
    assert!(text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_ask() {
    let ward = Ward::full().await;
    let asking = Asking::new(Some(ward.alone())).await;
    let (cookie, csrf, token) = (("cookie", &*asking.cookie), ("x-bodywire-csrf", &*asking.csrf), program());
    let wrong = format!("Bearer {}", "ce".repeat(32));
    let (program, wrong) = (("authorization", token.as_str()), ("authorization", wrong.as_str()));
    let zero = "0".repeat(64);
    for (method, path, heads, status) in [
        (Method::GET, ROUTE, vec![], StatusCode::UNAUTHORIZED),
        (Method::POST, ROUTE, vec![], StatusCode::UNAUTHORIZED),
        (Method::POST, ROUTE, vec![csrf], StatusCode::UNAUTHORIZED),
        (Method::GET, ROUTE, vec![cookie], StatusCode::OK),
        (Method::POST, ROUTE, vec![cookie], StatusCode::FORBIDDEN),
        (Method::POST, ROUTE, vec![cookie, ("x-bodywire-csrf", &zero)], StatusCode::FORBIDDEN),
        (Method::POST, ROUTE, vec![cookie, csrf], StatusCode::OK),
        (Method::GET, ROUTE, vec![program], StatusCode::OK),
        (Method::POST, ROUTE, vec![program], StatusCode::OK),
        (Method::GET, ROUTE, vec![wrong], StatusCode::UNAUTHORIZED),
        (Method::POST, ROUTE, vec![wrong], StatusCode::UNAUTHORIZED),
        (Method::POST, ROUTE, vec![("authorization", "Bearer ")], StatusCode::UNAUTHORIZED),
        // The token is no cookie, and opens nothing else.
        (Method::POST, ROUTE, vec![("authorization", &token["Bearer ".len()..])], StatusCode::UNAUTHORIZED),
        (Method::GET, "/api/v1/session", vec![program], StatusCode::UNAUTHORIZED),
        (Method::GET, "/api/v1/events", vec![program], StatusCode::UNAUTHORIZED),
        (Method::GET, "/api/v1/wave", vec![program], StatusCode::UNAUTHORIZED),
        (Method::POST, "/api/v1/alarms/1/acknowledge", vec![program], StatusCode::UNAUTHORIZED),
        (Method::POST, "/api/v1/demo/emergency", vec![program], StatusCode::UNAUTHORIZED),
        (Method::PUT, ROUTE, vec![program], StatusCode::METHOD_NOT_ALLOWED),
        (Method::POST, ROUTE, vec![program, ("origin", "http://evil.example")], StatusCode::FORBIDDEN),
        (Method::GET, "/api/v1/aggregates/else", vec![], StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(asking.status(method.clone(), path, &heads).await, status, "{method} {path} {heads:?}");
    }
    let answer = asking.send(Method::GET, ROUTE, &[cookie], "").await;
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let standing: Value = serde_json::from_str(&text(answer).await).unwrap();
    assert_eq!(
        (standing["cohort_min"].as_u64(), standing["signals"][1]["name"].as_str()),
        (Some(5), Some("spo2"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_come_in_order_and_the_last_is_the_end() {
    let ward = Ward::full().await;
    let asking = Asking::new(Some(ward.with(&[Character::Honest; 2]).await)).await;
    let answer = asking.post(&query("trend", "spo2", 0, 3, "")).await;
    assert_eq!(
        (answer.status(), &answer.headers()["content-type"]),
        (StatusCode::OK, &"application/x-ndjson".parse().unwrap())
    );
    let read = lines(&text(answer).await);
    let (end, progress) = read.split_last().unwrap();
    let done: Vec<_> = progress.iter().map(|line| line["progress"]["done"].as_u64().unwrap()).collect();
    assert_eq!(done, [12, 24, 36]);
    assert!(progress.iter().all(|line| line["progress"]["of"] == 36));
    let end = &end["answer"];
    assert_eq!(
        (end["function"].as_str(), end["replicas"][1]["state"].as_str()),
        (Some("trend"), Some("agreed"))
    );
    assert_eq!(end["result"]["points"].as_array().unwrap().len(), 180);
    let weighted = asking.post(&query("mean", "spo2", 0, 3, ",\"weights\":[[1,2]]")).await;
    let refusal = lines(&text(weighted).await);
    assert_eq!((refusal.len(), refusal[0]["refusal"]["code"].as_str()), (1, Some("group")));
    assert!(refusal[0]["refusal"]["error"].as_str().unwrap().contains("too few"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_query_is_refused_at_once() {
    let ward = Ward::full().await;
    let asking = Asking::new(Some(ward.alone())).await;
    for body in ["", "{}", "[]", "null", "{\"function\":\"mean\"}", &query("median", "spo2", 0, 3, "")] {
        let answer = asking.post(body).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{body}");
        let said: Value = serde_json::from_str(&text(answer).await).unwrap();
        assert!(!said["error"].as_str().unwrap().is_empty());
    }
    let long = format!("{}{}", query("mean", "spo2", 0, 3, ""), " ".repeat(QUERY_BYTES_MAX));
    assert_eq!(asking.post(&long).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(ward.records().is_empty());
    let starting = Asking::new(None).await;
    assert_eq!(
        starting.post(&query("mean", "spo2", 0, 3, "")).await.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_queries_at_once_and_no_more() {
    let ward = Ward::full().await;
    let asking = Asking::new(Some(ward.with(&[Character::Silent; 2]).await)).await;
    let question = query("mean", "spo2", 0, 3, "");
    let mut running = Vec::new();
    for _ in 0..MAX_QUERIES {
        let answer = asking.post(&question).await;
        assert_eq!(answer.status(), StatusCode::OK);
        running.push(answer);
    }
    assert_eq!(asking.post(&question).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    for answer in running {
        let end = lines(&text(answer).await);
        assert_eq!(end[0]["refusal"]["code"], "replicas");
    }
    assert_eq!(asking.post(&question).await.status(), StatusCode::OK);
}
