//! Serves the console with made-up patients, for work on the page and for its browser tests.
//!
//! `cargo run -p bodywire-clinic --example console_preview -- [--port N] [--beds N] [--no-demo]` prints one-time links of
//! six made-up people. Every value is simulated (HTEST) and says so on the screen. No sensor and no path stands behind it; the gate
//! and its ledger are real.

mod feed;
mod heart;
mod house;

use std::io::Write;
use std::net::Ipv4Addr;
use std::time::{SystemTime, UNIX_EPOCH};

use bodywire_clinic::board::{Board, Source};
use bodywire_clinic::web::{Console, router};
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
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let port =
        arguments.iter().position(|argument| argument == "--port").and_then(|at| arguments.get(at + 1));
    let port = port.and_then(|port| port.parse().ok()).unwrap_or(0);
    let with_demo = !arguments.iter().any(|argument| argument == "--no-demo");

    let beds =
        arguments.iter().position(|argument| argument == "--beds").and_then(|at| arguments.get(at + 1));
    let beds = beds.and_then(|beds| beds.parse().ok()).unwrap_or(1);

    let board = Board::new(now_ms(), Source::Simulated);
    let (demo, commands) = mpsc::channel(MAX_WAITING_COMMANDS);
    let directory = tempfile::tempdir()?;
    let house = house::House::new(directory.path(), &board, beds).await?;
    let (gate, hosts, demo) = (house.gate.clone(), Vec::new(), with_demo.then_some(demo));
    let console = Console::new(board.clone(), gate, hosts, secret, demo, now_ms);
    let links = house.invite(&console)?;

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    for (name, path) in links {
        writeln!(std::io::stdout(), "{name}   http://{address}{path}")?;
    }
    tokio::spawn(house.live());
    tokio::spawn(feed::run(board, beds, commands));
    axum::serve(listener, router(console)).await?;
    Ok(())
}
