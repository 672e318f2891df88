//! A router, a clock that stands still, and a person who asks it.

use std::cell::Cell;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::house::{BED, House, Somebody, Wish};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use bodywire_clinic::board::Board;
use bodywire_clinic::web::{Console, DemoCommand, OneTimeLink, router};
use bodywire_proto::access::{Request as AccessRequest, Role};
use data_encoding::HEXLOWER;
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tower::ServiceExt;

pub(crate) const START_MS: u64 = 1_000_000;
pub(crate) const MAX_COMMANDS: usize = 4;

thread_local! {
    static NOW_MS: Cell<u64> = const { Cell::new(START_MS) };
}

/// The clock of this test, as the server asks it.
pub(crate) fn now_ms() -> u64 {
    NOW_MS.with(Cell::get)
}

/// The body of a request for access.
pub(crate) fn body_of(request: &AccessRequest, statement: Option<&str>, code: Option<&str>) -> String {
    let mut body = serde_json::json!({ "request": HEXLOWER.encode(&request.to_bytes().unwrap()) });
    for (name, value) in [("statement", statement), ("code", code)] {
        if let Some(value) = value {
            body[name] = value.into();
        }
    }
    body.to_string()
}

pub(crate) struct Asking {
    /// The board of [`BED`].
    pub(crate) board: Board,
    pub(crate) house: House,
    console: Console,
    tokens: u8,
    router: Router,
    commands: mpsc::Receiver<DemoCommand>,
    cookie: String,
    csrf: String,
    /// Who is signed in.
    pub(crate) person: Somebody,
}

impl Asking {
    pub(crate) async fn new() -> Self {
        Self::build(true).await
    }

    pub(crate) async fn without_demo() -> Self {
        Self::build(false).await
    }

    async fn build(demo: bool) -> Self {
        let house = House::new(now_ms).await;
        let ward = house.board.clone();
        let (sender, commands) = mpsc::channel(MAX_COMMANDS);
        let counter = AtomicU8::new(1);
        let secrets = move || [counter.fetch_add(1, Ordering::Relaxed); 32];
        let hosts = vec!["console.ward.example:8443".to_owned()];
        let console =
            Console::new(ward.clone(), house.gate.clone(), hosts, secrets, demo.then_some(sender), now_ms);
        let meyer = house.somebody(1, Role::Physician, START_MS, |_| {});
        console.admit(OneTimeLink::new([0xab; 32]).with_credential(meyer.credential.clone()));
        let (cookie, csrf, board) = (String::new(), String::new(), ward.at(BED));
        let router = router(console.clone());
        Self { board, house, console, tokens: 0, router, commands, cookie, csrf, person: meyer }
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
        let session = self.json("/api/v1/session").await;
        self.csrf = session["csrf"].as_str().unwrap().to_owned();
        answer
    }

    /// Signs in, with class II of [`BED`].
    pub(crate) async fn log_in_with_access(&mut self) {
        self.log_in().await;
        let answer = self.ask(Wish::TREATMENT).await;
        assert_eq!(answer.status(), StatusCode::OK);
    }

    /// Somebody else signs in, in the same browser.
    pub(crate) async fn log_in_as(&mut self, somebody: Somebody) {
        self.tokens += 1;
        let token = [self.tokens; 32];
        let link = OneTimeLink::new(token).with_credential(somebody.credential.clone());
        let path = link.path();
        self.console.admit(link);
        self.person = somebody;
        let answer = self.stranger(Method::GET, &path).await;
        self.cookie = header_of(&answer, "set-cookie").split(';').next().unwrap().to_owned();
        self.csrf = self.json("/api/v1/session").await["csrf"].as_str().unwrap().to_owned();
    }

    /// Somebody without a certificate signs in.
    pub(crate) async fn log_in_as_nobody(&mut self) {
        self.tokens += 1;
        let link = OneTimeLink::new([self.tokens; 32]);
        let path = link.path();
        self.console.admit(link);
        let answer = self.stranger(Method::GET, &path).await;
        self.cookie = header_of(&answer, "set-cookie").split(';').next().unwrap().to_owned();
        self.csrf = self.json("/api/v1/session").await["csrf"].as_str().unwrap().to_owned();
    }

    pub(crate) async fn json(&self, path: &str) -> serde_json::Value {
        serde_json::from_str(&text(self.get(path).await).await).unwrap()
    }

    /// Asks for access as the page does.
    pub(crate) async fn ask(&self, wish: Wish) -> Response<Body> {
        self.ask_with(wish, None).await
    }

    pub(crate) async fn ask_with(&self, wish: Wish, code: Option<&str>) -> Response<Body> {
        let challenge = text(self.post("/api/v1/access/challenge", "k", "").await).await;
        let challenge: serde_json::Value = serde_json::from_str(&challenge).unwrap();
        let challenge = challenge["challenge"].as_str().map(|hex| HEXLOWER.decode(hex.as_bytes()).unwrap());
        let challenge = challenge.map_or([0; 16], |bytes| bytes.try_into().unwrap());
        let request = self.person.request(wish, challenge, now_ms());
        self.post("/api/v1/access", "k", &body_of(&request, wish.statement, code)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &str) -> Response<Body> {
        let headers = [("x-bodywire-csrf", self.csrf.as_str()), ("cookie", self.cookie.as_str())];
        self.send(Method::PUT, path, &headers, body).await
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
