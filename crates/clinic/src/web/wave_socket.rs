//! The binary WebSocket of waves. A client that cannot keep up loses the oldest frames, never delays an alarm.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::StatusCode;
use axum::response::Response;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use super::Console;
use super::guard::refusal;
use crate::board::WaveFeed;

/// Clients have nothing to say on this socket beyond closing it.
const MAX_CLIENT_MESSAGE_BYTES: usize = 128;

/// Bytes that may wait in one socket before sending stops and the queue starts to drop: a quarter second of waves.
const MAX_WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// A socket that takes nothing for so long belongs to a browser that is gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn open(State(console): State<Console>, upgrade: WebSocketUpgrade) -> Response {
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
        .on_upgrade(move |socket| serve(console, socket, permit))
}

async fn serve(console: Console, mut socket: WebSocket, permit: OwnedSemaphorePermit) {
    let WaveFeed { recent, live: mut frames } = console.inner.board.watch_waves();
    for frame in recent {
        if !send(&mut socket, &frame).await {
            return;
        }
    }
    loop {
        tokio::select! {
            frame = frames.recv() => match frame {
                Ok(frame) => {
                    if !send(&mut socket, &frame).await {
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
    }
    drop(permit);
}

async fn send(socket: &mut WebSocket, frame: &Arc<[u8]>) -> bool {
    let message = Message::Binary(frame.to_vec().into());
    matches!(timeout(SEND_TIMEOUT, socket.send(message)).await, Ok(Ok(())))
}
