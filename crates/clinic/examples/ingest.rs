//! Reports a second that one clinic process makes durable and indexes, against two over one PostgreSQL; and one on SQLite.
//!
//! ```text
//! cargo run --release -p bodywire-clinic --example ingest -- [SECONDS] [URL of an empty PostgreSQL database]
//! ```
//!
//! Each worker is a process of its own with a shard's ledger, as `bodywire clinic` is, and does what the service does with
//! a batch: append to the ledger, then index and advance the head register in one transaction, a checkpoint once a second.
//! The second way also asks the database first whether it has each report, as the service does. Channels, charts and
//! acknowledgements are not in it. Without a URL it starts a PostgreSQL of its own, when one is installed.

#[path = "../../store/tests/server/mod.rs"]
mod server;

use bodywire_clinic::archive::{Archive, Item};
use bodywire_ledger::Origin;
use bodywire_proto::report::Kind;
use bodywire_proto::wire::{HubId, SensorId};
use bodywire_store::{DatabaseKey, Location, ReportRow, Store};
use ed25519_dalek::SigningKey;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What the service commits together at most.
const BATCH: u64 = 256;
/// About a report of one second of a slow signal.
const REPORT_BYTES: usize = 300;
/// Hubs of a shard, in turn.
const HUBS: u64 = 8;
const SECONDS: u64 = 5;
/// How often the service publishes a checkpoint.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);
/// The first argument of a worker.
const WORKER: &str = "worker";

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [WORKER, place, directory, shard, seconds, asks] => {
            let patience = Duration::from_secs(seconds.parse()?);
            work(&location(place)?, Path::new(directory), shard.parse()?, patience, asks.parse()?).await
        }
        [] => compare(SECONDS, None).await,
        [seconds] => compare(seconds.parse()?, None).await,
        [seconds, url] => compare(seconds.parse()?, Some(url)).await,
        _ => Err("usage: ingest [SECONDS] [URL of an empty PostgreSQL database]".into()),
    }
}

fn location(place: &str) -> Result<Location, Failure> {
    Ok(if place.starts_with("postgres") { Location::parse(place)? } else { Location::file(place) })
}

fn database_key() -> DatabaseKey {
    DatabaseKey::new([7; 32])
}

/// A shard: opens, says so, waits for the word, works, and says what came of it.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
async fn work(
    place: &Location,
    directory: &Path,
    shard: u64,
    patience: Duration,
    asks: bool,
) -> Result<(), Failure> {
    let store = Store::open(place, &database_key()).await?;
    let origin = Origin::new(&format!("example.org/shard-{shard}"))?;
    let key = SigningKey::from_bytes(&[shard as u8 + 1; 32]);
    let (mut archive, _) = Archive::open(directory, origin, key, store.clone(), None).await?;
    println!("ready");
    std::io::stdin().lock().read_line(&mut String::new())?;
    let (begun, mut published, mut done) = (Instant::now(), Instant::now(), 0);
    while begun.elapsed() < patience {
        let items: Vec<Item> = (done..done + BATCH).map(|number| item(shard, number)).collect();
        if asks {
            let numbers: Vec<_> = items.iter().map(|item| (item.hub, item.number)).collect();
            if !store.stored(&numbers).await?.is_empty() {
                return Err("a report is there before it was sent: name an empty database".into());
            }
        }
        let entries = archive.append(&items, now_ms()).await?.entries;
        let rows: Vec<ReportRow> = entries.zip(&items).map(|(index, item)| row(index, item)).collect();
        let head = archive.head()?;
        archive.register(&head, &rows, &[]).await?;
        done += BATCH;
        if published.elapsed() >= PUBLISH_EVERY {
            published = Instant::now();
            archive.publish()?;
        }
    }
    println!("{}", done as f64 / begun.elapsed().as_secs_f64());
    Ok(())
}

fn item(shard: u64, number: u64) -> Item {
    Item {
        hub: HubId((shard * HUBS + number % HUBS + 1) as u16),
        number: number / HUBS,
        sensor: SensorId(1),
        hub_time_ms: now_ms(),
        late: false,
        class: bodywire_proto::RiskClass::II,
        report: (0..REPORT_BYTES as u64).map(|at| (number.wrapping_mul(31) + at) as u8).collect(),
    }
}

fn row(ledger_index: u64, item: &Item) -> ReportRow {
    ReportRow {
        hub: item.hub,
        number: item.number,
        ledger_index,
        sensor: item.sensor,
        kind: Kind::Observations as u8,
        hub_time_ms: item.hub_time_ms,
    }
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |elapsed| elapsed.as_millis() as u64)
}

/// All ways, one after another; each row beside one process on PostgreSQL of the same way.
#[expect(clippy::print_stdout, reason = "a table for people")]
async fn compare(seconds: u64, url: Option<&str>) -> Result<(), Failure> {
    println!("| batches of {BATCH} reports of {REPORT_BYTES} B, {seconds} s each | reports/s | ratio |");
    println!("|---|---|---|");
    for asks in [false, true] {
        let way = if asks { "asked for, appended and indexed" } else { "appended and indexed" };
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("one.db");
        let sqlite = run(&file.to_string_lossy(), 0..1, seconds, asks).await?;
        let server = match url {
            Some(_) => None,
            None => server::installed("ingest into PostgreSQL").map(|bin| server::Server::start(&bin)),
        };
        // With a URL, the second round has shards and hubs of its own.
        let base = if url.is_some() && asks { 10 } else { 0 };
        let place = server.as_ref().map(server::Server::database).or_else(|| url.map(str::to_owned));
        let Some(place) = place else {
            println!("| one process, SQLite, {way} | {sqlite:.0} | |");
            continue;
        };
        let one = run(&place, base..base + 1, seconds, asks).await?;
        let two = run(&place, base + 1..base + 3, seconds, asks).await?;
        for (who, rate) in [
            ("one process, PostgreSQL", one),
            ("two processes, PostgreSQL", two),
            ("one process, SQLite", sqlite),
        ] {
            println!("| {who}, {way} | {rate:.0} | {:.2} |", rate / one);
        }
    }
    Ok(())
}

/// Runs a worker for each shard; together, so many reports a second.
async fn run(place: &str, shards: std::ops::Range<u64>, seconds: u64, asks: bool) -> Result<f64, Failure> {
    // Makes the tables, so that workers do not race for that.
    Store::open(&location(place)?, &database_key()).await?.close().await;
    let directory = tempfile::tempdir()?;
    let mut workers = Vec::new();
    for shard in shards {
        let ledger = directory.path().join(shard.to_string());
        let child = Command::new(std::env::current_exe()?)
            .args([WORKER, place])
            .arg(ledger)
            .args([shard.to_string(), seconds.to_string(), asks.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        workers.push(Worker::new(child)?);
    }
    // All are open by now, and begin at once.
    for worker in &mut workers {
        worker.child.stdin.take().ok_or("a worker without an input")?.write_all(b"go\n")?;
    }
    let mut together = 0.0;
    for worker in &mut workers {
        together += worker.rate()?;
    }
    Ok(together)
}

/// Another process of this program.
struct Worker {
    child: Child,
    says: BufReader<std::process::ChildStdout>,
}

impl Worker {
    /// Waits until it is open.
    fn new(mut child: Child) -> Result<Self, Failure> {
        let mut says = BufReader::new(child.stdout.take().ok_or("a worker without an output")?);
        says.read_line(&mut String::new())?;
        Ok(Self { child, says })
    }

    fn rate(&mut self) -> Result<f64, Failure> {
        let mut text = String::new();
        self.says.read_to_string(&mut text)?;
        if !self.child.wait()?.success() {
            return Err("a worker failed; what it said is above".into());
        }
        Ok(text.trim().parse()?)
    }
}
