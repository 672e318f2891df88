//! The binary WebSocket of waves. A client that cannot keep up loses the oldest frames, never delays an alarm. Waves are class II:
//! frames of a bed go out while the session has that class of it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use super::Console;
use super::events::HEARTBEAT;
use super::guard::refusal;
use super::sessions::Session;
use crate::board::{WaveFeed, WaveFrame};
use bodywire_proto::risk::RiskClass;

/// Beds on one socket: what a screen holds.
pub const MAX_BEDS_ON_SOCKET: usize = 32;

/// Clients have nothing to say on this socket beyond closing it.
const MAX_CLIENT_MESSAGE_BYTES: usize = 128;

/// Bytes that may wait in one socket before sending stops and the queue starts to drop: a quarter second of waves.
const MAX_WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// A socket that takes nothing for so long belongs to a browser that is gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn open(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
    RawQuery(query): RawQuery,
    upgrade: WebSocketUpgrade,
) -> Response {
    let Some(beds) = beds_of(query.as_deref().unwrap_or_default()) else {
        return refusal(StatusCode::BAD_REQUEST, "name up to 32 beds: /api/v1/wave?bed=1&bed=2");
    };
    let Ok(permit) = console.inner.sockets.clone().try_acquire_owned() else {
        return refusal(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many wave sockets are open: close another screen",
        );
    };
    upgrade
        .max_message_size(MAX_CLIENT_MESSAGE_BYTES)
        .max_frame_size(MAX_CLIENT_MESSAGE_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_WRITE_BUFFER_BYTES)
        .on_upgrade(move |socket| serve(console, session, beds, socket, permit))
}

/// The beds of a query such as `bed=1&bed=2`.
fn beds_of(query: &str) -> Option<BTreeSet<u16>> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    let beds = parts.map(|part| part.strip_prefix("bed=").and_then(|bed| bed.parse::<u16>().ok()));
    let beds = beds.collect::<Option<BTreeSet<u16>>>()?;
    (!beds.is_empty() && beds.len() <= MAX_BEDS_ON_SOCKET).then_some(beds)
}

async fn serve(
    console: Console,
    session: Session,
    beds: BTreeSet<u16>,
    mut socket: WebSocket,
    permit: OwnedSemaphorePermit,
) {
    let gate = &console.inner.gate;
    let mut turned = gate.watch();
    let (mut rights, _) = console.rights_on_record(&session).await;
    let wanted: Vec<u16> = beds.iter().copied().collect();
    let WaveFeed { recent, live: mut frames } = console.inner.board.watch_waves(&wanted);
    let may = |rights: &crate::gate::Rights, frame: &WaveFrame| {
        beds.contains(&frame.bed) && rights.reach(frame.bed, RiskClass::II, 0)
    };
    for frame in recent.iter().filter(|frame| may(&rights, frame)) {
        if !send(&mut socket, frame).await {
            return;
        }
    }
    let mut looked = Instant::now();
    loop {
        tokio::select! {
            frame = frames.recv() => match frame {
                Ok(frame) => {
                    let over = rights.until_ms.is_some_and(|until| until <= console.now_ms());
                    if over || turned.has_changed().unwrap_or(true) {
                        turned.mark_unchanged();
                        rights = console.rights_on_record(&session).await.0;
                    }
                    if may(&rights, &frame) && !send(&mut socket, &frame).await {
                        break;
                    }
                }
                // The client was slow; the frame numbers tell it what is missing.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            },
            message = socket.recv() => match message {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Text(_) | Message::Binary(_))) => {
                    let reason = "this socket only sends".into();
                    let close = CloseFrame { code: close_code::POLICY, reason };
                    // Either way the socket ends here.
                    let _ = socket.send(Message::Close(Some(close))).await;
                    break;
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            },
        }
        // A socket must not outlive its session.
        if looked.elapsed() < HEARTBEAT {
            continue;
        }
        looked = Instant::now();
        if console.access().session(&session.cookie_value(), console.now_ms()).is_none() {
            break;
        }
    }
    drop(permit);
}

async fn send(socket: &mut WebSocket, frame: &WaveFrame) -> bool {
    let message = Message::Binary(frame.bytes.to_vec().into());
    matches!(timeout(SEND_TIMEOUT, socket.send(message)).await, Ok(Ok(())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beds_are_numbers_and_not_too_many() {
        assert_eq!(beds_of("bed=1&bed=7&bed=1"), Some(BTreeSet::from([1, 7])));
        let many: Vec<String> = (0..33).map(|bed| format!("bed={bed}")).collect();
        for bad in ["", "bed=", "bed=x", "bed=65536", "other=1", "bed=1&x", &many.join("&")] {
            assert_eq!(beds_of(bad), None, "{bad}");
        }
    }
}
