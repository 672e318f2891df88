//! `add-frames`: frames from a body, one after the other; none is held longer than it takes to store it.

use crate::answer::Refused;
use crate::disks::Disks;
use crate::held::Held;
use crate::http::READ_TIMEOUT;
use crate::service::Replica;
use axum::body::{Body, Bytes};
use bodywire_ledger::segment::{FRAME_HEADER_BYTES, FrameHeader};
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

/// Whether a whole frame has come. One that is none, or belongs elsewhere, is refused by its first bytes.
fn whole(bytes: &[u8], at: u64) -> Result<bool, Refused> {
    if bytes.len() < FRAME_HEADER_BYTES {
        return Ok(false);
    }
    let header = FrameHeader::parse(bytes)?;
    if header.first != at {
        return Err(Refused::Malformed(format!("a frame does not begin at entry {at}")));
    }
    Ok(bytes.len() >= header.len as usize)
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
        let (mut used, mut at) = (0, begin);
        let mut outcome = Ok(());
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            match whole(rest, at) {
                Ok(true) => {}
                Ok(false) => break,
                Err(refused) => {
                    outcome = Err(refused);
                    break;
                }
            }
            // Somebody else may have sent the same in the meantime.
            let stored = book.expects(at).and_then(|()| book.append(rest, now));
            match stored.and_then(|len| Ok((len, book.size()?))) {
                Ok((len, size)) => {
                    counters.frames.fetch_add(1, Relaxed);
                    counters.frame_bytes.fetch_add(len as u64, Relaxed);
                    (used, at) = (used + len, size);
                }
                Err(refused) => {
                    outcome = Err(refused);
                    break;
                }
            }
        }
        let mut bytes = bytes;
        bytes.drain(..used);
        Ok((bytes, at, outcome))
    });
    let (bytes, at, outcome) = done.await?;
    (waiting.bytes, waiting.at) = (bytes, at);
    outcome
}
