//! A thousand event streams at once, a quarter of which read nothing: what they cost, and when the others hear of an alarm.
//!
//! Each is a whole HTTP connection over a pipe in memory that holds a few kilobytes, as a socket does.

use crate::access::fill;
use crate::asking::{Asking, START_MS};
use bodywire_clinic::board::{AlarmInput, Board, MAX_EVENTS, NumericView, Priority, RiskClass, Signal};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

const STREAMS: usize = 1_000;
/// Each fourth reads nothing after its first bytes.
const SLOW_EVERY: usize = 4;
/// What a connection's pipe holds, bytes.
const PIPE_BYTES: usize = 4_096;
/// What a stream may cost, bytes: its events at hand, its connection, its rights. A slow reader costs no more than another.
const STREAM_BYTES_MAX: u64 = 128 * 1_024;

async fn connect(asking: &Asking) -> DuplexStream {
    let (mut client, server) = tokio::io::duplex(PIPE_BYTES);
    let service = TowerToHyperService::new(asking.router());
    tokio::spawn(async move {
        // A client that goes away in the middle is no failure.
        let _ =
            auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(server), service).await;
    });
    let cookie = asking.cookie();
    let request = format!(
        "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nAccept: text/event-stream\r\n\r\n"
    );
    client.write_all(request.as_bytes()).await.unwrap();
    client
}

/// Reads until the stream has told of the alarm; when it did.
fn until_alarm(mut client: DuplexStream, heard: &Arc<AtomicUsize>) -> JoinHandle<Instant> {
    let heard = Arc::clone(heard);
    tokio::spawn(async move {
        let (mut text, mut buffer, mut begun) = (String::new(), [0; 4_096], false);
        loop {
            let n = client.read(&mut buffer).await.unwrap();
            assert!(n > 0, "the stream ended");
            text.push_str(&String::from_utf8_lossy(&buffer[..n]));
            if !begun && text.contains("event: snapshot") {
                begun = true;
                heard.fetch_add(1, Ordering::Relaxed);
            }
            if text.contains("CROWD ALARM") {
                return Instant::now();
            }
            // Enough to find the words across two reads.
            let keep = text.floor_char_boundary(text.len().saturating_sub(64));
            text.drain(..keep);
        }
    })
}

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

fn numbers(board: &Board, count: usize) {
    for n in 0..count {
        board.numeric(NumericView {
            signal: Signal::HeartRate,
            class: RiskClass::II,
            sensor: 1,
            value: Some(60.0 + (n % 40) as f64),
            unit: "/min".into(),
            sensor_time_ms: START_MS + n as u64,
            period_ms: 1_000,
            late: false,
            note: Some("simulated (HTEST)".into()),
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_readers_cost_little_and_delay_nobody() {
    let mut asking = Asking::new().await;
    fill(&asking.board);
    asking.log_in_with_access().await;
    let heard = Arc::new(AtomicUsize::new(0));
    let before = resident();
    let (mut readers, mut slow) = (Vec::new(), Vec::new());
    for n in 0..STREAMS {
        let mut client = connect(&asking).await;
        if n % SLOW_EVERY == 0 {
            let mut first = [0; 16];
            client.read_exact(&mut first).await.unwrap();
            slow.push(client);
        } else {
            readers.push(until_alarm(client, &heard));
        }
    }
    while heard.load(Ordering::Relaxed) < readers.len() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // More than the ring holds, in steps, as beds send them: those who read nothing fall out of it.
    for _ in 0..64 {
        numbers(&asking.board, MAX_EVENTS / 32);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let raised = Instant::now();
    let input = AlarmInput {
        condition: "ecg.2".into(),
        priority: Priority::High,
        text: "CROWD ALARM".into(),
        at_ms: START_MS,
        evidence: None,
        strip: None,
    };
    asking.board.raise_alarm(input).unwrap();
    let mut times = Vec::new();
    for reader in readers {
        times.push(reader.await.unwrap().duration_since(raised));
    }
    let grown = resident().saturating_sub(before);
    times.sort();
    writeln!(
        std::io::stdout(),
        "{STREAMS} streams, {} slow: {} KiB a stream; alarm after {:?} (median), {:?} (95 %), {:?} (last)",
        slow.len(),
        grown / STREAMS as u64 / 1_024,
        times[times.len() / 2],
        times[times.len() * 95 / 100],
        times[times.len() - 1],
    )
    .unwrap();
    assert!(grown < STREAMS as u64 * STREAM_BYTES_MAX, "{grown} bytes");
    // A slow reader that reads again gets the ward as it is now, not what it has missed.
    let mut late = slow.swap_remove(0);
    let mut text = String::new();
    let mut buffer = [0; 4_096];
    while !text.contains("CROWD ALARM") {
        let n = tokio::time::timeout(Duration::from_secs(60), late.read(&mut buffer)).await.unwrap().unwrap();
        text.push_str(&String::from_utf8_lossy(&buffer[..n]));
        assert!(text.len() < 8 * STREAM_BYTES_MAX as usize, "it was told everything");
    }
}
