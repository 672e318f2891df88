//! A router, a clock that stands still, and a person who asks it.

use std::cell::Cell;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response};
use bodywire_clinic::board::{Board, Source};
use bodywire_clinic::web::{Console, DemoCommand, OneTimeLink, router};
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tower::ServiceExt;

pub(crate) const START_MS: u64 = 1_000_000;
pub(crate) const MAX_COMMANDS: usize = 4;

thread_local! {
    static NOW_MS: Cell<u64> = const { Cell::new(START_MS) };
}

pub(crate) struct Asking {
    pub(crate) board: Board,
    router: Router,
    commands: mpsc::Receiver<DemoCommand>,
    cookie: String,
    csrf: String,
}

impl Asking {
    pub(crate) fn new() -> Self {
        Self::build(true)
    }

    pub(crate) fn without_demo() -> Self {
        Self::build(false)
    }

    fn build(demo: bool) -> Self {
        let board = Board::new(START_MS, Source::Simulated);
        let (sender, commands) = mpsc::channel(MAX_COMMANDS);
        let counter = AtomicU8::new(1);
        let secrets = move || [counter.fetch_add(1, Ordering::Relaxed); 32];
        let hosts = vec!["console.ward.example:8443".to_owned()];
        let console =
            Console::new(board.clone(), hosts, secrets, demo.then_some(sender), || NOW_MS.with(Cell::get));
        console.admit(OneTimeLink::new([0xab; 32]).for_person("Dr A. Meyer"));
        Self { board, router: router(console), commands, cookie: String::new(), csrf: String::new() }
    }

    pub(crate) fn link(&self) -> String {
        format!("/?once={}", "ab".repeat(32))
    }

    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    pub(crate) fn cookie(&self) -> &str {
        &self.cookie
    }

    pub(crate) fn set_clock(&self, now_ms: u64) {
        NOW_MS.with(|now| now.set(now_ms));
    }

    pub(crate) async fn log_in(&mut self) -> Response<Body> {
        let answer = self.stranger(Method::GET, &self.link()).await;
        self.cookie = header_of(&answer, "set-cookie").split(';').next().unwrap().to_owned();
        let snapshot = text(self.get("/api/v1/snapshot").await).await;
        let snapshot: serde_json::Value = serde_json::from_str(&snapshot).unwrap();
        self.csrf = snapshot["csrf"].as_str().unwrap().to_owned();
        answer
    }

    pub(crate) fn commands(&mut self) -> Vec<DemoCommand> {
        std::iter::from_fn(|| self.commands.try_recv().ok()).collect()
    }

    pub(crate) async fn stranger(&self, method: Method, path: &str) -> Response<Body> {
        self.send(method, path, &[], "").await
    }

    pub(crate) async fn stranger_with(&self, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
        self.send(Method::GET, path, headers, "").await
    }

    pub(crate) async fn get(&self, path: &str) -> Response<Body> {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
        let headers: Vec<_> = headers.iter().copied().chain([("cookie", self.cookie.as_str())]).collect();
        self.send(Method::GET, path, &headers, "").await
    }

    pub(crate) async fn post(&self, path: &str, key: &str, body: &str) -> Response<Body> {
        let headers = [("x-bodywire-csrf", self.csrf.as_str()), ("idempotency-key", key)];
        self.post_with(path, &headers, body).await
    }

    pub(crate) async fn post_with(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Response<Body> {
        let headers: Vec<_> = headers.iter().copied().chain([("cookie", self.cookie.as_str())]).collect();
        self.send(Method::POST, path, &headers, body).await
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "127.0.0.1:8080");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap()
    }
}

pub(crate) fn header_of(answer: &Response<Body>, name: &str) -> String {
    answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

pub(crate) async fn text(answer: Response<Body>) -> String {
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}
