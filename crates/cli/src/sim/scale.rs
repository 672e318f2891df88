//! `bodywire sim scale`: a quiet ward of more and more hubs. What it costs is measured on this machine; what is simulated is the air,
//! the brokers and the patients.

use crate::args::{Output, SimScaleOptions};
use crate::exit::Failure;
use bodywire_sim::world::scenario::{Access, Air, Radio, Scenario, Standard};
use bodywire_sim::world::{Options, Outcome, World};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// One size of ward.
#[derive(Debug, Clone, Serialize)]
struct Row {
    hubs: u16,
    sensors: usize,
    shards: u16,
    simulated_s: u64,
    wall_s: f64,
    cpu_s: f64,
    /// The most memory that this process had at once until the end of the run.
    memory_bytes: Option<u64>,
    events: u64,
    reports: u64,
    ledger_entries: u64,
    ledger_bytes: u64,
    bytes_published: u64,
    publications: u64,
    authentications: u64,
    sample_to_ledger_ms: Option<f64>,
    /// Seconds on processors by what they were for. Reading the stopwatch is in them.
    cpu_s_of: BTreeMap<&'static str, f64>,
}

/// Plays the sizes and prints what each took.
pub(super) fn run(options: &SimScaleOptions) -> Result<(), Failure> {
    let mut sizes = options.hubs.clone();
    sizes.sort_unstable();
    let mut rows = Vec::new();
    for hubs in sizes {
        let row = size(options, hubs)?;
        if options.output == Output::Table {
            crate::print(&line(&row));
        }
        rows.push(row);
    }
    if options.output == Output::Json {
        let text = serde_json::to_string_pretty(&rows).map_err(|error| Failure::Failed(error.to_string()))?;
        crate::print(&text);
    }
    Ok(())
}

fn line(row: &Row) -> String {
    let factor = row.simulated_s as f64 / row.wall_s.max(1e-9);
    let memory =
        row.memory_bytes.map_or_else(|| "?".to_owned(), |bytes| format!("{:.0}", bytes as f64 / 1e6));
    format!(
        "{:>6} hubs {:>7} sensors  {:>6} simulated s in {:>8.1} s ({factor:.1} times life), {:>8.1} s on processors, \
{memory} MB, {} events, {} entries, ledger {:.1} MB",
        row.hubs,
        row.sensors,
        row.simulated_s,
        row.wall_s,
        row.cpu_s,
        row.events,
        row.ledger_entries,
        row.ledger_bytes as f64 / 1e6
    )
}

/// Quiet beds with the five sensors of the default and a radio.
fn scenario(hubs: u16, seconds: u64) -> Scenario {
    let radio = Radio { standard: Standard::Ieee802154, access: Access::Contention, radius_m: 0.8 };
    Scenario {
        name: format!("{hubs} quiet beds"),
        seconds,
        beds: hubs,
        sensor_tick_ms: 250,
        report_ms: 2_000,
        air: Air { radio: Some(radio), ..Air::default() },
        commit_ms: 100,
        replicas: 0,
        requests_per_minute: 0,
        ..Scenario::default()
    }
}

fn size(options: &SimScaleOptions, hubs: u16) -> Result<Row, Failure> {
    let unusable = |error: std::io::Error| Failure::Configuration {
        what: "the directory for the ledgers".to_owned(),
        why: error.to_string(),
        next: "name another one with --directory".to_owned(),
    };
    let directory = match &options.directory {
        Some(directory) => tempfile::tempdir_in(directory).map_err(unusable)?,
        None => tempfile::tempdir().map_err(unusable)?,
    };
    let shards = options.threads.clamp(1, hubs.max(1));
    let bar =
        indicatif::ProgressBar::new(options.seconds * u64::from(shards)).with_message(format!("{hubs} hubs"));
    let outcomes: Mutex<Vec<Result<Outcome, Failure>>> = Mutex::default();
    let (begun, cpu) = (Instant::now(), processor());
    std::thread::scope(|scope| {
        for shard in 0..shards {
            let of_shard = hubs / shards + u16::from(shard < hubs % shards);
            let scenario = scenario(of_shard, options.seconds);
            let ledger = directory.path().join(format!("shard-{shard}"));
            let (bar, outcomes) = (bar.clone(), &outcomes);
            let seed = options.seed.wrapping_add(u64::from(shard));
            scope.spawn(move || {
                let progress: Box<dyn FnMut(u64)> = Box::new(move |_| bar.inc(1));
                let options = Options {
                    large: Some(ledger),
                    progress: Some(progress),
                    lines: None,
                    stopwatch: Some(crate::report::clock::processor),
                };
                let played = World::new(&scenario, seed, options).map(World::run);
                let played = played.map_err(|error| Failure::Failed(error.to_string()));
                outcomes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(played);
            });
        }
    });
    bar.finish_and_clear();
    let (wall, cpu) = (begun.elapsed(), processor().saturating_sub(cpu));
    let outcomes = outcomes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let outcomes: Vec<Outcome> = outcomes.into_iter().collect::<Result<_, _>>()?;
    if let Some(violation) = outcomes.iter().flat_map(|outcome| &outcome.violations).next() {
        return Err(Failure::Failed(format!(
            "a ward of {hubs} hubs broke \"{}\": {}; report this as a defect",
            violation.rule.text(),
            violation.text
        )));
    }
    let count = |what| outcomes.iter().map(|outcome| outcome.signals.counted(what)).sum::<u64>();
    let delay = outcomes.iter().filter_map(|outcome| outcome.signals.series.get("sample to ledger, ms"));
    let delays: Vec<f64> = delay.map(|series| series.mean).collect();
    let mut cpu_s_of: BTreeMap<&'static str, f64> = BTreeMap::new();
    for (work, spent) in outcomes.iter().flat_map(|outcome| &outcome.spent) {
        *cpu_s_of.entry(work.name()).or_default() += spent.as_secs_f64();
    }
    Ok(Row {
        hubs,
        sensors: 5 * usize::from(hubs),
        shards,
        simulated_s: options.seconds,
        wall_s: wall.as_secs_f64(),
        cpu_s: cpu.as_secs_f64(),
        memory_bytes: peak_memory(),
        events: count("events"),
        reports: count("reports stored"),
        ledger_entries: count("entries of the ledger"),
        ledger_bytes: bytes_below(directory.path()),
        bytes_published: count("bytes published"),
        publications: count("publications"),
        authentications: count("authentications"),
        cpu_s_of,
        sample_to_ledger_ms: (!delays.is_empty()).then(|| delays.iter().sum::<f64>() / delays.len() as f64),
    })
}

/// So long has this process been on processors.
fn processor() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The most memory that this process had at once, where the system says so (Linux, proc(5)).
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn bytes_below(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
