//! The server half of the console: pages, login, snapshot, event stream, wave socket, actions.
//!
//! `docs/console-api.md` describes the routes as they are. The router holds no socket: the caller binds and serves it.

mod access;
mod actions;
mod aggregates;
mod assets;
mod events;
mod guard;
mod login;
mod record;
mod wave_socket;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use tokio::sync::{Semaphore, mpsc};

pub use access::{MAX_LINKS, MAX_SESSIONS, OneTimeLink, SESSION_LIFETIME_MS};
pub use actions::{DemoCommand, MAX_IDEMPOTENCY_KEY_BYTES, MAX_REMEMBERED_ACTIONS};
pub use aggregates::MAX_QUERIES;
pub use events::HEARTBEAT;
pub use record::{MAX_RECORDS, Opened, answer as record_answer};

use crate::aggregates::{Aggregates, QUERY_BYTES_MAX};
use crate::board::Board;
use access::Access;
use actions::Remembered;

/// Open event streams: every screen of a ward and some phones; each holds one task.
pub const MAX_EVENT_STREAMS: usize = 32;

/// Open wave sockets, one per screen.
pub const MAX_WAVE_SOCKETS: usize = 32;

/// Body of an action: the largest is a path number in JSON.
pub const MAX_BODY_BYTES: usize = 1024;

/// What the router serves. Clones share state; build the router from one and keep another to add links.
#[derive(Clone)]
pub struct Console {
    inner: Arc<Inner>,
}

struct Inner {
    board: Board,
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
}

impl Console {
    /// A console for one board.
    ///
    /// `hosts` are the values of the `Host` header to answer to, such as `console.ward.example:8443`; the localhost forms
    /// are always answered. `secrets` gives 32 fresh random bytes per call. `clock` gives milliseconds since the Unix
    /// epoch. `demo` takes the commands of the demo controls; without it the controls do not exist.
    #[must_use]
    pub fn new(
        board: Board,
        hosts: Vec<String>,
        secrets: impl Fn() -> [u8; 32] + Send + Sync + 'static,
        demo: Option<mpsc::Sender<DemoCommand>>,
        clock: fn() -> u64,
    ) -> Self {
        let inner = Inner {
            board,
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

/// All routes of the console.
pub fn router(console: Console) -> Router {
    let api = Router::new()
        .route("/snapshot", get(events::snapshot))
        .route("/events", get(events::stream))
        .route("/wave", get(wave_socket::open))
        .route("/alarms/{id}/acknowledge", post(actions::acknowledge))
        .route("/alarms/{id}/strip", get(actions::strip))
        .route("/demo/{command}", post(actions::demo))
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
