//! The record of a bed for exports: lines of JSON, `GET /api/v1/beds/{bed}/record`.
//!
//! ```text
//! {"begin": {"bed", "label", "subject", "house", "admitted_ms", "from_ms", "to_ms", "class"}}
//! {"sensor", "signal", "class", "start_ms", "period_us", .., "samples": [..]}    {"alarm": {..}}    {"consent": {..}}
//! {"end": {"read": entry of the ledger}}        or {"error": text}: what came before is not all
//! ```
//!
//! Who may see it is decided before: [`answer`] is told what was granted, and that the read is on record.

use crate::archive::Archive;
use crate::record_read::{Counts, Reading, Wanted};
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bodywire_store::Store;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::{Mutex, mpsc};

/// Records that are read at the same time: each takes the ledger for some dozen reads a second.
pub const MAX_RECORDS: usize = 2;
/// Lines that wait for a slow reader; reading waits with them.
const LINES_QUEUE: usize = 64;
/// Lines of JSON.
const LINES: &str = "application/x-ndjson";

/// A bed that is open to whoever asks.
pub struct Opened {
    /// What was granted: the bed, the patient in it, the time, and the highest class.
    pub wanted: Wanted,
    /// What the bed is called.
    pub label: String,
    /// The ledger's name.
    pub house: String,
    /// The ledger's entry of this read; nothing while the ledger is away and the journal has it.
    pub read: Option<u64>,
    /// Which consents of class III sensors count for the asker.
    pub counts: Box<Counts>,
    /// Whether the grant still stands. Asked before each page: a grant that ends, ends the answer.
    pub stands: Box<dyn Fn() -> bool + Send + Sync>,
}

/// The answer: everything on record, line by line, while the grant stands. `place` is given back at its end.
pub fn answer(
    opened: Opened,
    archive: Arc<Mutex<Archive>>,
    store: Store,
    now_ms: u64,
    place: impl Send + 'static,
) -> Response {
    let (lines, received) = mpsc::channel::<Value>(LINES_QUEUE);
    tokio::spawn(async move {
        let last = match read(&opened, &archive, &store, now_ms, &lines).await {
            Ok(last) => last,
            Err(error) => {
                tracing::error!(%error, "a record could not be read");
                json!({ "error": "the ledger or the database failed: see the clinic's log" })
            }
        };
        // A reader that has gone away has no use for the end.
        let _ = lines.send(last).await;
        drop(place);
    });
    let lines = futures_util::stream::unfold(received, |mut received| async move {
        let line = received.recv().await?;
        let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
        bytes.push(b'\n');
        Some((Ok::<_, Infallible>(bytes), received))
    });
    ([(header::CONTENT_TYPE, LINES)], Body::from_stream(lines)).into_response()
}

/// Sends everything but the last line, which is returned.
async fn read(
    opened: &Opened,
    archive: &Mutex<Archive>,
    store: &Store,
    now_ms: u64,
    lines: &mpsc::Sender<Value>,
) -> Result<Value, crate::Error> {
    let wanted = opened.wanted;
    let stays = match wanted.patient {
        Some(patient) => store.stays(patient).await?,
        None => Vec::new(),
    };
    let admitted_ms = stays.iter().filter(|stay| stay.hub == wanted.hub).map(|stay| stay.from_ms).min();
    let begin = json!({ "begin": {
        "bed": wanted.hub.0, "label": opened.label, "house": opened.house,
        "subject": wanted.patient.map(|patient| patient.0.to_string()),
        "admitted_ms": admitted_ms, "from_ms": wanted.from_ms, "to_ms": wanted.to_ms, "class": wanted.class.to_string(),
    }});
    let mut reading = Reading::begin(wanted, archive, store, now_ms, &*opened.counts).await?;
    if lines.send(begin).await.is_err() {
        return Ok(Value::Null);
    }
    while let Some(page) = reading.next(archive, store).await? {
        if !(opened.stands)() {
            return Ok(json!({ "error": "the access has ended: ask again" }));
        }
        for found in page {
            if lines.send(json!(found)).await.is_err() {
                return Ok(Value::Null);
            }
        }
    }
    Ok(json!({ "end": { "read": opened.read } }))
}
