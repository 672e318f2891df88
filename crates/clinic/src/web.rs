//! The server half of the console: pages, login, snapshot, event stream, wave socket, actions.
//!
//! `docs/console-api.md` describes the routes as they are. The router holds no socket: the caller binds and serves it.

mod actions;
mod aggregates;
mod alarms;
mod asking;
mod assets;
mod audit;
mod devices;
mod events;
mod guard;
mod history;
mod login;
mod record;
mod reviews;
mod sessions;
mod shown;
mod ward;
mod wave_socket;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get, post, put};
use tokio::sync::{Semaphore, mpsc};

pub use actions::{DemoCommand, MAX_IDEMPOTENCY_KEY_BYTES, MAX_REMEMBERED_ACTIONS};
pub use aggregates::MAX_QUERIES;
pub use alarms::PAUSE_MAX_S;
pub use audit::AUDIT_PAGE;
pub use events::HEARTBEAT;
pub use record::{MAX_RECORDS, Opened, answer as record_answer};
pub use sessions::{MAX_LINKS, MAX_SESSIONS, OneTimeLink, SESSION_LIFETIME_MS};
pub use wave_socket::MAX_BEDS_ON_SOCKET;

use crate::aggregates::{Aggregates, QUERY_BYTES_MAX};
use crate::board::Board;
use crate::gate::Gate;
use actions::Remembered;
use sessions::Access;

/// Open event streams: every screen and phone of a large house. Each holds one task and [`crate::board::MAX_EVENTS_AT_ONCE`]
/// events at most.
pub const MAX_EVENT_STREAMS: usize = 1_024;

/// Open wave sockets, one per screen that shows waves; each may hold [`MAX_BEDS_ON_SOCKET`] beds.
pub const MAX_WAVE_SOCKETS: usize = 64;

/// Body of an action: the largest is a request for access with its reason in words, each character four bytes.
pub const MAX_BODY_BYTES: usize = 2_048;

/// What the router serves. Clones share state; build the router from one and keep another to add links.
#[derive(Clone)]
pub struct Console {
    inner: Arc<Inner>,
}

struct Inner {
    board: Board,
    gate: Gate,
    access: Mutex<Access>,
    secrets: Box<dyn Fn() -> [u8; 32] + Send + Sync>,
    hosts: Vec<String>,
    demo: Option<mpsc::Sender<DemoCommand>>,
    clock: fn() -> u64,
    remembered: Mutex<Remembered>,
    streams: Arc<Semaphore>,
    sockets: Arc<Semaphore>,
    aggregates: Mutex<Option<Aggregates>>,
    queries: Arc<Semaphore>,
    records: Arc<Semaphore>,
}

impl Console {
    /// A console for one ward, whose beds the gate opens.
    ///
    /// `hosts` are the values of the `Host` header to answer to, such as `console.ward.example:8443`; the localhost forms
    /// are always answered. `secrets` gives 32 fresh random bytes per call. `clock` gives milliseconds since the Unix
    /// epoch. `demo` takes the commands of the demo controls; without it the controls do not exist.
    #[must_use]
    pub fn new(
        board: Board,
        gate: Gate,
        hosts: Vec<String>,
        secrets: impl Fn() -> [u8; 32] + Send + Sync + 'static,
        demo: Option<mpsc::Sender<DemoCommand>>,
        clock: fn() -> u64,
    ) -> Self {
        let inner = Inner {
            board,
            gate,
            access: Mutex::new(Access::default()),
            secrets: Box::new(secrets),
            hosts: hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect(),
            demo,
            clock,
            remembered: Mutex::new(Remembered::default()),
            streams: Arc::new(Semaphore::new(MAX_EVENT_STREAMS)),
            sockets: Arc::new(Semaphore::new(MAX_WAVE_SOCKETS)),
            aggregates: Mutex::new(None),
            queries: Arc::new(Semaphore::new(MAX_QUERIES)),
            records: Arc::new(Semaphore::new(MAX_RECORDS)),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Makes a one-time link valid. Beyond [`MAX_LINKS`] the oldest unused link stops working.
    pub fn admit(&self, link: OneTimeLink) {
        self.access().add_link(link, self.now_ms());
    }

    /// Lets a program ask for aggregates with this token (`Authorization: Bearer`, 64 hexadecimal digits), and for nothing else.
    pub fn admit_program(&self, token: [u8; 32], name: &str) {
        self.access().set_program(token, name);
    }

    fn now_ms(&self) -> u64 {
        (self.inner.clock)()
    }

    fn access(&self) -> std::sync::MutexGuard<'_, Access> {
        self.inner.access.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A route: how it is asked, where, and who answers.
type Route = (Method, &'static str, fn() -> MethodRouter<Console>);

/// Every route under `/api/v1` for sessions. The router is made from this table, and so are the description of the
/// interface and the table of attempts on it.
const ROUTES_OF_SESSIONS: &[Route] = &[
    (Method::Get, "/openapi.json", || get(description)),
    (Method::Get, "/session", || get(ward::session)),
    (Method::Get, "/ward", || get(ward::ward)),
    (Method::Get, "/events", || get(events::stream)),
    (Method::Get, "/wave", || get(wave_socket::open)),
    (Method::Post, "/access/challenge", || post(asking::challenge)),
    (Method::Post, "/access", || post(asking::ask)),
    (Method::Get, "/access", || get(asking::grants)),
    (Method::Post, "/access/{id}/close", || post(asking::close)),
    (Method::Get, "/beds/{bed}/evidence", || get(asking::evidence)),
    (Method::Get, "/beds/{bed}/trends", || get(history::trends)),
    (Method::Get, "/beds/{bed}/record", || get(history::record)),
    (Method::Get, "/beds/{bed}/alarms", || get(history::alarms)),
    (Method::Get, "/beds/{bed}/alarms/{number}/strip", || get(history::strip)),
    (Method::Post, "/beds/{bed}/pause", || post(alarms::pause)),
    (Method::Put, "/beds/{bed}/limits", || put(alarms::set_limit)),
    (Method::Post, "/alarms/{id}/acknowledge", || post(alarms::acknowledge)),
    (Method::Get, "/alarms/{id}/strip", || get(alarms::strip)),
    (Method::Get, "/audit", || get(audit::list)),
    (Method::Get, "/audit/{index}/proof", || get(audit::proof)),
    (Method::Get, "/reviews", || get(reviews::list)),
    (Method::Post, "/reviews/{id}", || post(reviews::judge)),
    (Method::Get, "/devices", || get(devices::list)),
    (Method::Post, "/demo/{command}", || post(actions::demo)),
];

/// The description of this interface (OpenAPI 3.1).
const OPENAPI: &str = include_str!("../../../docs/openapi.json");

async fn description() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}

/// How a route is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
}

/// Method and path of every route under `/api/v1`.
pub fn routes() -> impl Iterator<Item = (Method, String)> {
    let aggregates = [(Method::Get, "/aggregates"), (Method::Post, "/aggregates")];
    let of_sessions = ROUTES_OF_SESSIONS.iter().map(|(method, path, _)| (*method, *path));
    of_sessions.chain(aggregates).map(|(method, path)| (method, format!("/api/v1{path}")))
}

/// All routes of the console.
pub fn router(console: Console) -> Router {
    let mut api = Router::new();
    for (_, path, handler) in ROUTES_OF_SESSIONS {
        api = api.route(path, handler());
    }
    let api = api
        .fallback(guard::nothing_here)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(console.clone(), guard::require_session));
    let aggregates = Router::new()
        .route("/", get(aggregates::standing).post(aggregates::ask))
        .layer(DefaultBodyLimit::max(QUERY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(console.clone(), guard::require_session_or_program));
    Router::new()
        .route("/", get(login::index))
        .nest("/api/v1/aggregates", aggregates)
        .nest("/api/v1", api)
        .fallback(get(assets::serve))
        .layer(middleware::from_fn_with_state(console.clone(), guard::check_origin_and_add_headers))
        .with_state(console)
}
