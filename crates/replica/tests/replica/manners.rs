//! Clients that are slow, loud or mad, and those without a token.

use crate::ward::{Extras, Running, Writer, empty, hash};
use axum::http::Method;
use bodywire_replica::{HEAD_TIMEOUT, READ_TIMEOUT};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_put_out_and_others_are_served_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::grown(1, 3);
    let replica = Running::start(folder.path(), 0, Extras::default()).await;
    replica.begin().await;
    let mut head = TcpStream::connect(replica.address).await.unwrap();
    head.write_all(b"GET /heal").await.unwrap();
    let mut body = TcpStream::connect(replica.address).await.unwrap();
    let request =
        format!("POST /{}/add-frames?from=0 HTTP/1.1\r\nhost: a\r\ncontent-length: 999\r\n\r\nBW", hash());
    body.write_all(request.as_bytes()).await.unwrap();
    let begun = Instant::now();
    replica.take(&writer).await;
    assert!(begun.elapsed() < READ_TIMEOUT, "nobody waits for them");
    let mut answer = Vec::new();
    head.read_to_end(&mut answer).await.unwrap();
    assert!(begun.elapsed() < HEAD_TIMEOUT + Duration::from_secs(5));
    let mut answer = vec![0; 12];
    body.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 408");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_beyond_their_limits_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let replica = Running::start(folder.path(), 0, Extras::default()).await;
    let large = vec![b'a'; 300 << 10];
    assert_eq!(replica.post("/add-checkpoint", large.clone()).await.0, 413);
    assert_eq!(replica.post(&format!("/{}/begin", hash()), large.clone()).await.0, 413);
    replica.begin().await;
    // A frame that is none is refused by its first bytes, however many follow.
    assert_eq!(replica.push(0, &[large]).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_every_route_is_refused_and_survived() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::grown(1, 3);
    let replica = Running::start(folder.path(), 0, Extras::default()).await;
    replica.begin().await;
    let log = hash();
    let paths = [
        "/",
        "/add-checkpoint",
        "/healthz",
        "/metrics",
        "/witness/x/checkpoint",
        "/x/begin",
        "/LOG/begin",
        "/LOG/add-frames",
        "/LOG/add-frames?from=",
        "/LOG/add-frames?from=00",
        "/LOG/add-frames?from=0&from=0",
        "/LOG/add-frames?from=0",
        "/LOG/add-frames?from=18446744073709551616",
        "/LOG/tile/0/000",
        "/LOG/tile/../key.vkey",
        "/LOG/tile/%2e%2e/head",
        "/LOG/frame/-1",
        "/LOG/frame/x",
        "/LOG/frame/18446744073709551615",
        "/LOG/status",
        "/LOG/evidence",
        "/LOG/checkpoint",
        "/LOG/key.vkey",
        "//",
        "/%ff/checkpoint",
    ];
    let mut bent = writer.frames[0].clone();
    bent[200] ^= 1;
    let bodies =
        [Vec::new(), vec![0; 100], vec![0xff; 5000], b"BWFRAME1".to_vec(), bent, empty().into_bytes()];
    for path in paths {
        let path = path.replace("LOG", &log);
        for body in &bodies {
            for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::HEAD] {
                let (status, answer) = replica.ask(method.clone(), &path, body.clone().into(), None).await;
                assert!(status < 500, "{method} {path}: {status} {}", String::from_utf8_lossy(&answer));
            }
        }
    }
    let mut socket = TcpStream::connect(replica.address).await.unwrap();
    socket.write_all(&[0x16, 3, 1, 0, 0xff, 0, 10, 13, 10, 13]).await.unwrap();
    let _ = socket.read_to_end(&mut Vec::new()).await;
    let (status, line) = replica.push(0, &writer.frames).await;
    assert_eq!(status, 200, "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_token_only_its_bearers_read() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::grown(1, 3);
    let extras = Extras { token: Some("opensesame".to_owned()), ..Extras::default() };
    let replica = Running::start(folder.path(), 0, extras).await;
    replica.take(&writer).await;
    let log = hash();
    for path in
        ["checkpoint", "frame/0", "status", "evidence", "tile/0/000.p/6"].map(|p| format!("/{log}/{p}"))
    {
        for token in [None, Some("opensesam"), Some("")] {
            assert_eq!(replica.ask(Method::GET, &path, "".into(), token).await.0, 401, "{path}");
        }
        assert_eq!(replica.ask(Method::GET, &path, "".into(), Some("opensesame")).await.0, 200, "{path}");
    }
    assert_eq!(replica.ask(Method::GET, "/metrics", "".into(), None).await.0, 401);
    assert_eq!(replica.ask(Method::GET, "/healthz", "".into(), None).await.0, 200);
    let (_, page) = replica.ask(Method::GET, "/metrics", "".into(), Some("opensesame")).await;
    let page = String::from_utf8(page).unwrap();
    assert!(page.contains("bodywire_replica_frames_total 3\n"), "{page}");
    assert!(!page.contains("ward"), "{page}");
}
