//! `add-frames`: frames from a body, one after the other; none is held longer than it takes to store it.

use crate::answer::Refused;
use crate::disks::Disks;
use crate::frames::{self, whole};
use crate::held::Held;
use crate::http::READ_TIMEOUT;
use crate::service::Replica;
use axum::body::{Body, Bytes};
use futures_util::StreamExt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::time::Instant;

/// Bytes of one request: four of the largest frames. A client with more sends several requests.
pub const UPLOAD_BYTES_MAX: u64 = 256 << 20;
/// Requests that send frames at the same time, over all logs: each may hold one frame of 64 MiB in memory.
pub const UPLOADS_MAX: usize = 4;
/// How long one may take: 256 MiB at 2 MiB a second. A client that is slower sends fewer frames at once.
pub const UPLOAD_TIME_MAX: Duration = Duration::from_secs(128);

/// Bytes that have come and are not stored, and where the next frame must begin.
struct Waiting {
    bytes: Vec<u8>,
    at: u64,
}

/// Stores the frames of a body that must begin at entry `from`; the mirror's signature line.
pub(crate) async fn add_frames<S: Disks>(
    replica: &Replica<S>,
    held: &Arc<Held<S>>,
    from: u64,
    body: Body,
) -> Result<String, Refused> {
    let _place = replica.inner.uploads.try_acquire().map_err(|_| Refused::Busy)?;
    held.with(move |book| book.expects(from)).await?;
    let mut waiting = Waiting { bytes: Vec::new(), at: from };
    let taken = take(replica, held, &mut waiting, body).await;
    if let Err(refused) = taken {
        // What was stored before is shown all the same. A failure of that is in the status.
        if waiting.at != from {
            let _ = held.with(|book| book.publish()).await;
        }
        return Err(refused);
    }
    let (size, now, inner) = (waiting.at, replica.now(), Arc::clone(&replica.inner));
    let line = held.with(move |book| book.mirror(size, &inner.mirror, now)).await?;
    replica.inner.counters.mirrored.fetch_add(1, Relaxed);
    Ok(line)
}

async fn take<S: Disks>(
    replica: &Replica<S>,
    held: &Arc<Held<S>>,
    waiting: &mut Waiting,
    body: Body,
) -> Result<(), Refused> {
    let (mut chunks, mut total) = (body.into_data_stream(), 0u64);
    let end = Instant::now() + UPLOAD_TIME_MAX;
    loop {
        let until = end.min(Instant::now() + READ_TIMEOUT);
        let chunk: Bytes = match tokio::time::timeout_at(until, chunks.next()).await {
            Err(_) => return Err(Refused::Slow),
            Ok(None) => break,
            Ok(Some(Err(_))) => return Err(Refused::Malformed("the body was cut off".to_owned())),
            Ok(Some(Ok(chunk))) => chunk,
        };
        total = total.saturating_add(chunk.len() as u64);
        if total > UPLOAD_BYTES_MAX {
            return Err(Refused::TooLarge);
        }
        waiting.bytes.extend_from_slice(&chunk);
        if whole(&waiting.bytes, waiting.at)? {
            store(replica, held, waiting).await?;
        }
    }
    if waiting.bytes.is_empty() {
        Ok(())
    } else {
        Err(Refused::Malformed("the last frame is cut off".to_owned()))
    }
}

/// Stores all whole frames that have come.
async fn store<S: Disks>(
    replica: &Replica<S>,
    held: &Arc<Held<S>>,
    waiting: &mut Waiting,
) -> Result<(), Refused> {
    let bytes = std::mem::take(&mut waiting.bytes);
    let (begin, now) = (waiting.at, replica.now());
    let counters = replica.counters();
    let done = held.with(move |book| {
        let taken = frames::take(book, &bytes, begin, now);
        counters.frames.fetch_add(taken.frames, Relaxed);
        counters.frame_bytes.fetch_add(taken.used as u64, Relaxed);
        let mut bytes = bytes;
        bytes.drain(..taken.used);
        Ok((bytes, taken.at, taken.refused))
    });
    let (bytes, at, refused) = done.await?;
    (waiting.bytes, waiting.at) = (bytes, at);
    refused.map_or(Ok(()), Err)
}
