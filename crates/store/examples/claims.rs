//! How many pairs are claimed a second while 64 tasks race: on SQLite, on PostgreSQL when it is installed, and as a peer
//! the obvious way on SQLite: each claim a statement of its own, committed by itself.
//!
//!     cargo run --release -p bodywire-store --example claims [seconds]

#[path = "../tests/server/mod.rs"]
mod server;

use bodywire_proto::RiskClass;
use bodywire_proto::handshake::Profile;
use bodywire_proto::observation::Signal;
use bodywire_proto::prf::Key;
use bodywire_proto::puf::{Challenge, Response};
use bodywire_proto::wire::{HubId, SensorId, Suite};
use bodywire_store::{DatabaseKey, HubRow, Location, PairPool, PufQuality, SensorRow, Store};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, Row};
use std::collections::HashSet;
use std::str::FromStr;
use std::time::{Duration, Instant};

const HUB: HubId = HubId(1);
const TASKS: usize = 64;
/// Enough that nobody comes to the end.
const PAIRS: u64 = 120_000;
const SECONDS: u64 = 5;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let seconds = std::env::args().nth(1).map_or(Ok(SECONDS), |text| text.parse())?;
    let patience = Duration::from_secs(seconds);
    let mut rows = Vec::new();
    for devices in [1, 16] {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("peer.db");
        enrolled(&Location::file(&file), devices).await?.close().await;
        let peer = single_statements(&file).await?;
        let claim = move |sensor| one_statement(peer.clone(), sensor);
        rows.push((
            format!("SQLite, one statement each, {devices} devices"),
            race(devices, patience, claim).await?,
        ));

        let directory = tempfile::tempdir()?;
        let pool = enrolled(&Location::file(directory.path().join("ours.db")), devices).await?.pairs();
        rows.push((
            format!("SQLite, {devices} devices"),
            race(devices, patience, move |sensor| claim_of(pool.clone(), sensor)).await?,
        ));

        if let Some(bin) = server::installed("claims on PostgreSQL") {
            let server = server::Server::start(&bin);
            let pool = enrolled(&Location::parse(&server.database())?, devices).await?.pairs();
            let raced = race(devices, patience, move |sensor| claim_of(pool.clone(), sensor)).await?;
            rows.push((format!("PostgreSQL, {devices} devices"), raced));
        }
    }
    print(&rows);
    Ok(())
}

async fn enrolled(location: &Location, devices: u16) -> Result<Store, Failure> {
    let store = Store::open(location, &DatabaseKey::new([7; 32])).await?;
    store.enroll_hub(&HubRow { hub: HUB, verify_key: [3; 32], rendezvous: [4; 32] }).await?;
    let quality = PufQuality { reliability: 0.96, uniformity: 0.5, uniqueness: None };
    let each = PAIRS / u64::from(devices);
    let pairs: Vec<(Challenge, Response)> = (0..each)
        .map(|number| Ok((Challenge::from(number.to_be_bytes()), Response::new(&[number as u8; 32])?)))
        .collect::<Result<_, bodywire_proto::Error>>()?;
    for sensor in 1..=devices {
        let row = SensorRow {
            hub: HUB,
            sensor: SensorId(sensor),
            kind: Signal::Ecg,
            class: RiskClass::II,
            profile: Profile::Hardened(Suite::Polar256),
            wrapping_key: Some(Key::new([5; 32])),
            enrolled_ms: 0,
            quality,
            revoked_ms: None,
        };
        store.enroll_sensor(&row, &pairs).await?;
    }
    Ok(store)
}

async fn claim_of(pool: PairPool, sensor: SensorId) -> Result<Option<u64>, Failure> {
    Ok(pool.claim(HUB, sensor, None).await?.map(|claimed| claimed.number))
}

/// The peer: one connection, as durable as ours, and a statement that commits itself.
async fn single_statements(file: &std::path::Path) -> Result<AnyPool, Failure> {
    let options = AnyConnectOptions::from_str(&format!("sqlite://{}", file.display()))?;
    let pool = AnyPoolOptions::new().max_connections(1).connect_with(options).await?;
    sqlx::raw_sql("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;")
        .execute(&pool)
        .await?;
    Ok(pool)
}

async fn one_statement(pool: AnyPool, sensor: SensorId) -> Result<Option<u64>, Failure> {
    let rows = sqlx::query(
        "DELETE FROM pair WHERE (hub, sensor, number) = (SELECT hub, sensor, number FROM pair \
         WHERE hub = $1 AND sensor = $2 ORDER BY number LIMIT 1) RETURNING number, challenge, response",
    )
    .bind(i64::from(HUB.0))
    .bind(i64::from(sensor.0))
    .fetch_all(&pool)
    .await?;
    Ok(rows.first().map(|row| row.try_get::<i64, _>("number")).transpose()?.map(i64::cast_unsigned))
}

/// What a race came to.
struct Raced {
    a_second: f64,
    /// Milliseconds that half of the claims took, and that one of a hundred exceeded.
    median: f64,
    slow: f64,
    /// Claims of the task that got the fewest.
    fewest: usize,
}

async fn race<F>(
    devices: u16,
    patience: Duration,
    claim: impl Fn(SensorId) -> F + Clone + Send + 'static,
) -> Result<Raced, Failure>
where
    F: Future<Output = Result<Option<u64>, Failure>> + Send + 'static,
{
    let started = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|at| {
            let claim = claim.clone();
            let sensor = SensorId(at as u16 % devices + 1);
            tokio::spawn(async move {
                let mut got = Vec::new();
                while started.elapsed() < patience {
                    let asked = Instant::now();
                    let number = claim(sensor).await?.ok_or("nothing is left: race for fewer seconds")?;
                    got.push(((sensor, number), asked.elapsed().as_secs_f64() * 1e3));
                }
                Ok::<_, Failure>(got)
            })
        })
        .collect();
    let (mut seen, mut waits, mut fewest) = (HashSet::new(), Vec::new(), usize::MAX);
    for task in tasks {
        let got = task.await??;
        fewest = fewest.min(got.len());
        for (pair, wait) in got {
            if !seen.insert(pair) {
                return Err("a pair was served twice".into());
            }
            waits.push(wait);
        }
    }
    let elapsed = started.elapsed().as_secs_f64();
    waits.sort_by(f64::total_cmp);
    let at = |share: f64| waits.get((waits.len() as f64 * share) as usize).copied().unwrap_or_default();
    Ok(Raced { a_second: seen.len() as f64 / elapsed, median: at(0.5), slow: at(0.99), fewest })
}

#[expect(clippy::print_stdout, reason = "a table for people")]
fn print(rows: &[(String, Raced)]) {
    println!(
        "| {TASKS} tasks racing, none served twice | claims/s | p50 ms | p99 ms | fewest of a task | ratio |"
    );
    println!("|---|---|---|---|---|---|");
    let mut peer = f64::NAN;
    for (name, raced) in rows {
        if name.contains("one statement each") {
            peer = raced.a_second;
        }
        let Raced { a_second, median, slow, fewest } = raced;
        println!("| {name} | {a_second:.0} | {median:.1} | {slow:.1} | {fewest} | {:.2} |", a_second / peer);
    }
}
