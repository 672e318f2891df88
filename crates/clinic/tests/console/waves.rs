//! The wave socket, spoken to byte by byte over a real connection (RFC 6455).

use axum::http::{Method, StatusCode};
use bodywire_clinic::board::{Board, FRAME_VERSION, Signal, WaveChunk};
use bodywire_clinic::web::MAX_WAVE_SOCKETS;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::asking::Asking;
use crate::house::OTHER_BED;
use std::time::Duration;

const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;

fn send_wave(board: &Board, first: i16, late: bool) {
    let chunk = WaveChunk {
        signal: Signal::Ecg,
        start_ms: 7,
        period_us: 4_000,
        lsb_per_mv: 200.0,
        baseline: 0,
        samples: vec![first; 10],
        late,
    };
    board.wave(&chunk).unwrap();
}

async fn serve(asking: &Asking) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = asking.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Status line of the upgrade, and the connection.
async fn upgrade(asking: &Asking, address: std::net::SocketAddr, more: &str) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let cookie = asking.cookie();
    let request = format!(
        "GET /api/v1/wave?bed=1&bed=2 HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\nConnection: upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    (head.lines().next().unwrap().to_owned(), stream)
}

/// Opcode byte and payload of one short, unmasked frame.
async fn frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let opcode = stream.read_u8().await.unwrap();
    let length = stream.read_u8().await.unwrap();
    assert!(length < 126, "the tests send short frames");
    let mut payload = vec![0; usize::from(length)];
    stream.read_exact(&mut payload).await.unwrap();
    (opcode, payload)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_new_screen_gets_the_recent_past_and_then_what_comes() {
    let mut asking = Asking::new().await;
    asking.log_in_with_access().await;
    send_wave(&asking.board, 1, false);
    send_wave(&asking.board, 2, true);
    let address = serve(&asking).await;
    let (status, mut stream) = upgrade(&asking, address, "").await;
    assert_eq!(status, "HTTP/1.1 101 Switching Protocols");
    let (opcode, past) = frame(&mut stream).await;
    assert_eq!((opcode, past[0], past[2], past[30]), (BINARY, FRAME_VERSION, 2, 1), "recent, not late");
    send_wave(&asking.board, 3, true);
    let (_, live) = frame(&mut stream).await;
    assert_eq!((live[2], live[30]), (1, 3), "late and flagged so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_client_that_talks_is_shown_out() {
    let mut asking = Asking::new().await;
    asking.log_in_with_access().await;
    let address = serve(&asking).await;
    let (_, mut stream) = upgrade(&asking, address, "").await;
    stream.write_all(&[0x81, 0x81, 0, 0, 0, 0, b'x']).await.unwrap();
    let (opcode, payload) = frame(&mut stream).await;
    assert_eq!((opcode, &payload[..2]), (CLOSE, &1008_u16.to_be_bytes()[..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn other_sites_and_too_many_screens_are_refused() {
    let mut asking = Asking::new().await;
    asking.log_in_with_access().await;
    let address = serve(&asking).await;
    let (status, _) = upgrade(&asking, address, "Origin: http://evil.example\r\n").await;
    assert_eq!(status, "HTTP/1.1 403 Forbidden");
    let mut open = Vec::new();
    for _ in 0..MAX_WAVE_SOCKETS {
        let (status, stream) = upgrade(&asking, address, "").await;
        assert_eq!(status, "HTTP/1.1 101 Switching Protocols");
        open.push(stream);
    }
    let (status, _) = upgrade(&asking, address, "").await;
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    let plain = asking.get("/api/v1/wave").await;
    assert!(plain.status().is_client_error(), "not an upgrade");
    assert_eq!(asking.stranger(Method::GET, "/api/v1/wave").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn frames_go_to_who_has_class_two_of_the_bed_and_stop_with_the_grant() {
    let mut asking = Asking::new().await;
    asking.log_in_with_access().await;
    let other = asking.board.at(OTHER_BED);
    let address = serve(&asking).await;
    let (_, mut stream) = upgrade(&asking, address, "").await;
    send_wave(&other, 1, false);
    send_wave(&asking.board, 2, false);
    let (_, first) = frame(&mut stream).await;
    assert_eq!((first[28], first[30]), (1, 2), "the other bed's frame was left out");
    // The grant is closed: what comes now is not sent, and the socket stays for what may come.
    let grants = asking.json("/api/v1/access").await;
    let id = grants["grants"][0]["id"].as_u64().unwrap();
    assert_eq!(asking.post(&format!("/api/v1/access/{id}/close"), "k", "").await.status(), StatusCode::OK);
    send_wave(&asking.board, 3, false);
    let silence = tokio::time::timeout(Duration::from_millis(300), stream.read_u8()).await;
    assert!(silence.is_err(), "{silence:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_new_screen_without_a_grant_gets_no_past() {
    let mut asking = Asking::new().await;
    asking.log_in().await;
    send_wave(&asking.board, 1, false);
    let address = serve(&asking).await;
    let (_, mut stream) = upgrade(&asking, address, "").await;
    send_wave(&asking.board, 2, false);
    let silence = tokio::time::timeout(Duration::from_millis(300), stream.read_u8()).await;
    assert!(silence.is_err(), "{silence:?}");
}
