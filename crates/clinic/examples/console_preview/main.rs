//! Serves the console with a made-up patient, for work on the page and for its browser tests.
//!
//! `cargo run -p bodywire-clinic --example console_preview -- [--port N] [--no-demo]` prints a one-time link. Every value
//! is simulated (HTEST) and says so on the screen. No sensor, path or ledger stands behind it.

mod feed;
mod heart;

use std::io::Write;
use std::net::Ipv4Addr;
use std::time::{SystemTime, UNIX_EPOCH};

use bodywire_clinic::board::{Board, Source};
use bodywire_clinic::web::{Console, OneTimeLink, router};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Commands of the demo controls that may wait for the feed, which looks four times a second.
const MAX_WAITING_COMMANDS: usize = 16;

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn secret() -> [u8; 32] {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).expect("the operating system gives randomness");
    secret
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let port =
        arguments.iter().position(|argument| argument == "--port").and_then(|at| arguments.get(at + 1));
    let port = port.and_then(|port| port.parse().ok()).unwrap_or(0);
    let with_demo = !arguments.iter().any(|argument| argument == "--no-demo");

    let board = Board::new(now_ms(), Source::Simulated);
    let (demo, commands) = mpsc::channel(MAX_WAITING_COMMANDS);
    let console = Console::new(board.clone(), Vec::new(), secret, with_demo.then_some(demo), now_ms);
    let link = OneTimeLink::new(secret()).for_person("Dr A. Meyer");
    let path = link.path();
    console.admit(link);

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    writeln!(std::io::stdout(), "Console   http://{address}{path}")?;
    tokio::spawn(feed::run(board, commands));
    axum::serve(listener, router(console)).await
}
