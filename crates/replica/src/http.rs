//! The routes. `docs/replication.md` has the bytes.

use crate::answer::Refused;
use crate::disks::Disks;
use crate::evaluate;
use crate::held::Held;
use crate::service::{Counters, Replica};
use crate::status::{LogState, Status};
use crate::upload;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bodywire_ledger::tile::{self, TILE_WIDTH, TileKind, TilePath};
use bodywire_ledger::witness::{self, MAX_REQUEST_BYTES};
use bodywire_ledger::{Hash, note::MAX_NOTE_BYTES};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use subtle::ConstantTimeEq as _;

/// How long a client may be silent within a request.
pub const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Full tiles never change (C2SP tlog-tiles); a year is the most that caches know.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Everything else is asked for anew.
pub(crate) const NEVER: &str = "no-store";
pub(crate) const BYTES: &str = "application/octet-stream";
const TEXT: &str = "text/plain; charset=utf-8";

/// All routes of a replica.
pub fn router<S: Disks>(replica: Replica<S>) -> Router {
    let reading = Router::new()
        .route("/witness/{log}/checkpoint", get(witnessed::<S>))
        .route("/{log}/checkpoint", get(checkpoint::<S>))
        .route("/{log}/tile/{*path}", get(tiles::<S>))
        .route("/{log}/frame/{first}", get(frame::<S>))
        .route("/{log}/evaluate", post(evaluate::route::<S>))
        .route("/{log}/status", get(status::<S>))
        .route("/{log}/evidence", get(evidence::<S>))
        .route("/metrics", get(metrics::<S>))
        .layer(middleware::from_fn_with_state(replica.clone(), with_token::<S>));
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint::<S>))
        .route("/{log}/begin", post(begin::<S>))
        .route("/{log}/add-frames", post(add_frames::<S>))
        .route("/healthz", get(|| std::future::ready("ok\n")))
        .merge(reading)
        .fallback(|| std::future::ready(Refused::Unknown.into_response()))
        .layer(middleware::from_fn_with_state(replica.clone(), counted::<S>))
        .with_state(replica)
}

async fn counted<S: Disks>(State(replica): State<Replica<S>>, request: Request, next: Next) -> Response {
    let answer = next.run(request).await;
    if answer.status().is_client_error() || answer.status().is_server_error() {
        replica.inner.counters.refused.fetch_add(1, Relaxed);
    }
    answer
}

async fn with_token<S: Disks>(State(replica): State<Replica<S>>, request: Request, next: Next) -> Response {
    if let Some(token) = &replica.inner.token {
        let sent = request.headers().get(header::AUTHORIZATION).map(|value| value.as_bytes());
        let sent = sent.and_then(|value| value.strip_prefix(b"Bearer "));
        // Hashes, so that not even the length shows.
        let same = |sent: &[u8]| bool::from(Hash::of(sent).0.ct_eq(&Hash::of(token.as_bytes()).0));
        if !sent.is_some_and(same) {
            return Refused::Token.into_response();
        }
    }
    next.run(request).await
}

pub(crate) fn held<S: Disks>(replica: &Replica<S>, log: &str) -> Result<Arc<Held<S>>, Refused> {
    replica.inner.logs.get(log).map(Arc::clone).ok_or(Refused::Unknown)
}

/// A number in the one way in which it can be written.
fn decimal(text: &str) -> Result<u64, Refused> {
    let number = text.parse().ok().filter(|number: &u64| number.to_string() == text);
    number.ok_or_else(|| Refused::Malformed("a number is not decimal".to_owned()))
}

pub(crate) async fn whole(body: Body, limit: usize) -> Result<Vec<u8>, Refused> {
    let limited = http_body_util::Limited::new(body, limit);
    match tokio::time::timeout(READ_TIMEOUT, http_body_util::BodyExt::collect(limited)).await {
        Err(_) => Err(Refused::Slow),
        Ok(Ok(collected)) => Ok(collected.to_bytes().to_vec()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Refused::TooLarge),
        Ok(Err(_)) => Err(Refused::Malformed("the body was cut off".to_owned())),
    }
}

fn lines(lines: String) -> Response {
    ([(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, NEVER)], lines).into_response()
}

async fn add_checkpoint<S: Disks>(
    State(replica): State<Replica<S>>,
    body: Body,
) -> Result<Response, Refused> {
    let body = whole(body, MAX_REQUEST_BYTES).await?;
    // A body that is too long for a note is malformed, and not a matter of its length.
    let malformed = |error: bodywire_ledger::Error| Refused::Malformed(error.to_string());
    let request = witness::Request::parse(&body).map_err(malformed)?;
    let held = held(&replica, &crate::log_hash(request.origin()))?;
    let (now, inner) = (replica.now(), Arc::clone(&replica.inner));
    let line = held.with(move |book| book.witness(&request, &inner.witness, now)).await?;
    replica.inner.counters.witnessed.fetch_add(1, Relaxed);
    Ok(lines(line))
}

async fn begin<S: Disks>(
    State(replica): State<Replica<S>>,
    Path(log): Path<String>,
    body: Body,
) -> Result<Response, Refused> {
    let held = held(&replica, &log)?;
    let empty = whole(body, MAX_NOTE_BYTES).await?;
    let empty = String::from_utf8(empty).map_err(|_| Refused::Malformed("it is not UTF-8".to_owned()))?;
    let one = Arc::clone(&held);
    held.with(move |book| book.begin(&*one.disks, &one.hash, &empty)).await?;
    Ok(StatusCode::OK.into_response())
}

async fn add_frames<S: Disks>(
    State(replica): State<Replica<S>>,
    Path(log): Path<String>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Response, Refused> {
    let held = held(&replica, &log)?;
    let from = query.as_deref().and_then(|query| query.strip_prefix("from="));
    let from = decimal(from.ok_or_else(|| Refused::Malformed("from is missing".to_owned()))?)?;
    upload::add_frames(&replica, &held, from, body).await.map(lines)
}

async fn witnessed<S: Disks>(
    State(replica): State<Replica<S>>,
    Path(log): Path<String>,
) -> Result<Response, Refused> {
    held(&replica, &log)?.shown().witnessed.map(lines).ok_or(Refused::Unknown)
}

async fn checkpoint<S: Disks>(
    State(replica): State<Replica<S>>,
    Path(log): Path<String>,
) -> Result<Response, Refused> {
    held(&replica, &log)?.shown().checkpoint.map(lines).ok_or(Refused::Unknown)
}

async fn tiles<S: Disks>(
    State(replica): State<Replica<S>>,
    Path((log, path)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let held = held(&replica, &log)?;
    let path = TilePath::parse(&format!("tile/{path}")).map_err(|_| Refused::Unknown)?;
    let bytes = held.published(path.to_string()).await?;
    if path.kind == TileKind::Entries {
        // A bundle is small enough to be compared with the hashes above it each time.
        let hashes = TilePath { kind: TileKind::Hashes(0), ..path };
        agree(&bytes, &held.published(hashes.to_string()).await?)?;
    }
    let cache = if u64::from(path.width) == TILE_WIDTH { FOR_EVER } else { NEVER };
    Ok(([(header::CONTENT_TYPE, BYTES), (header::CACHE_CONTROL, cache)], bytes).into_response())
}

fn agree(bundle: &[u8], tile: &[u8]) -> Result<(), Refused> {
    let leaves: Vec<Hash> = tile::parse_bundle(bundle)?.into_iter().map(Hash::leaf).collect();
    if tile::parse_hashes(tile)? == leaves {
        Ok(())
    } else {
        Err(Refused::Unfit("these entries are damaged here; ask another replica".to_owned()))
    }
}

async fn frame<S: Disks>(
    State(replica): State<Replica<S>>,
    Path((log, first)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let (held, first) = (held(&replica, &log)?, decimal(&first)?);
    let _place = replica.inner.frame_reads.try_acquire().map_err(|_| Refused::Busy)?;
    // Checksums and payload hashes are compared while it is read.
    let bytes = held.with(move |book| Ok(book.copy.mirror()?.frame(first)?)).await?;
    Ok(([(header::CONTENT_TYPE, BYTES), (header::CACHE_CONTROL, NEVER)], bytes).into_response())
}

impl<S: Disks> Replica<S> {
    /// How a log is held, by [`crate::log_hash`]; nothing for one that is not.
    pub async fn status(&self, log: &str) -> Option<Status> {
        let held = held(self, log).ok()?;
        let peers = self.inner.peers.states();
        let (one, before) = (Arc::clone(&held), peers.clone());
        match held.with(move |book| Ok(one.status(book, peers))).await {
            Ok(status) => Some(status),
            // Only a repair keeps the book away.
            Err(_) => {
                let health = held.health();
                Some(Status {
                    state: LogState::InRepair,
                    why: None,
                    size: 0,
                    root: Hash::empty_root().to_string(),
                    mirrored: None,
                    witnessed: None,
                    retired: None,
                    evidence: 0,
                    damaged: health.damaged,
                    looked_at: health.looked_at,
                    peers: before,
                })
            }
        }
    }
}

fn json(value: &impl serde::Serialize) -> Result<Response, Refused> {
    let text = serde_json::to_string(value).map_err(|_| Refused::Unknown)?;
    let head = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, NEVER)];
    Ok((head, text).into_response())
}

async fn status<S: Disks>(
    State(replica): State<Replica<S>>,
    Path(log): Path<String>,
) -> Result<Response, Refused> {
    json(&replica.status(&log).await.ok_or(Refused::Unknown)?)
}

async fn evidence<S: Disks>(
    State(replica): State<Replica<S>>,
    Path(log): Path<String>,
) -> Result<Response, Refused> {
    json(&held(&replica, &log)?.with(|book| Ok(book.shelf.all())).await?)
}

type Pick = fn(&Counters) -> &AtomicU64;

const COUNTED: [(&str, &str, Pick); 10] = [
    ("frames", "Frames stored", |c| &c.frames),
    ("frame_bytes", "Bytes of them", |c| &c.frame_bytes),
    ("mirrored", "Cosignatures of the mirror", |c| &c.mirrored),
    ("witnessed", "Cosignatures of the witness", |c| &c.witnessed),
    ("refused", "Requests refused", |c| &c.refused),
    ("looks", "Looks at all bytes of a log", |c| &c.looks),
    ("damaged", "Looks that found damage", |c| &c.damaged),
    ("repaired", "Frames fetched from peers", |c| &c.repaired),
    ("evaluations", "Sums of encrypted vectors", |c| &c.evaluations),
    ("vectors_added", "Vectors in them", |c| &c.vectors_added),
];

/// The text format of Prometheus; logs by their hashes, nobody by a name.
async fn metrics<S: Disks>(State(replica): State<Replica<S>>) -> Response {
    let mut text = String::new();
    for (name, help, pick) in COUNTED {
        let (name, value) =
            (format!("bodywire_replica_{name}_total"), pick(&replica.inner.counters).load(Relaxed));
        // Writing to a string does not fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}");
    }
    let mut rows = [
        ("entries", String::new()),
        ("mirrored_entries", String::new()),
        ("damaged_places", String::new()),
        ("evidence", String::new()),
    ];
    for log in replica.inner.logs.keys() {
        let Some(status) = replica.status(log).await else { continue };
        let figures =
            [status.size, status.mirrored.unwrap_or(0), status.damaged.len() as u64, status.evidence];
        for ((name, lines), value) in rows.iter_mut().zip(figures) {
            let _ = writeln!(lines, "bodywire_replica_{name}{{log=\"{log}\"}} {value}");
        }
    }
    for (name, lines) in rows {
        let _ = write!(text, "# TYPE bodywire_replica_{name} gauge\n{lines}");
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
