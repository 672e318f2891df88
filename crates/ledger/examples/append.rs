//! Appends sealed records to a log in a directory, publishes it, checks it and proves one entry.
//!
//! ```text
//! cargo run --release -p bodywire-ledger --example append -- DIRECTORY [BATCHES] [RECORDS-PER-BATCH]
//! ```
//!
//! Prints the throughput beside that of plain writes of the same bytes, each followed by the same sync, in the same
//! directory and in turn with the log's own, so that a busy machine slows both.

use std::{
    env,
    error::Error,
    fs::OpenOptions,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use bodywire_ledger::{
    Draft, EntryKind, FileDisk, Floor, KeyId, Log, Origin, StreamId,
    fsck::{self, Options},
    prove,
};
use ed25519_dalek::SigningKey;

const PAYLOAD_BYTES: usize = 1024;

/// Stands for a sealed record: bytes that do not compress, different for each.
fn record(seq: u64) -> Draft {
    let mut word = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let payload = (0..PAYLOAD_BYTES).map(|_| {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (word >> 56) as u8
    });
    Draft {
        kind: EntryKind::Telemetry,
        flags: 0,
        time_ms: 1_700_000_000_000 + seq,
        stream: StreamId([(seq % 50) as u8; 16]),
        stream_seq: seq / 50,
        key: KeyId([1; 16]),
        payload: payload.collect(),
    }
}

fn rate(records: u64, time: Duration) -> f64 {
    records as f64 / time.as_secs_f64()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let directory = arguments.next().ok_or("usage: append DIRECTORY [BATCHES] [RECORDS-PER-BATCH]")?;
    let batches: u64 = arguments.next().map_or(Ok(200), |text| text.parse())?;
    let records: u64 = arguments.next().map_or(Ok(1000), |text| text.parse())?;
    let directory = Path::new(&directory);
    // A key of a real log comes from a file or a credential; this one is only for trying out.
    let key = SigningKey::from_bytes(&[7; 32]);
    let disk = FileDisk::open(directory)?;
    let (mut log, recovery) = Log::open(disk, Origin::new("example.org/try-out")?, key, Floor::NONE)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "opened: {recovery:?}")?;

    let raw_path = directory.with_extension("raw");
    let mut raw = OpenOptions::new().create(true).truncate(true).write(true).open(&raw_path)?;
    let (mut own, mut plain) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..batches {
        let first = log.size();
        let batch: Vec<Draft> = (first..first + records).map(record).collect();
        // What the log writes: payload, item header, and once for the batch header and checkpoint.
        let same: Vec<u8> =
            batch.iter().flat_map(|draft| draft.payload.iter().copied().chain([0; 136])).collect();
        let start = Instant::now();
        raw.write_all(&same)?;
        raw.sync_data()?;
        plain += start.elapsed();
        let start = Instant::now();
        log.append(batch)?;
        own += start.elapsed();
    }
    std::fs::remove_file(&raw_path)?;
    let total = batches * records;
    writeln!(out, "append:  {:9.0} records/s, {batches} batches of {records}", rate(total, own))?;
    writeln!(out, "plain:   {:9.0} records/s, the same bytes written and synced", rate(total, plain))?;
    writeln!(out, "ratio:   {:9.2}", plain.as_secs_f64() / own.as_secs_f64())?;

    let start = Instant::now();
    let head = log.publish()?;
    writeln!(out, "publish: {:9.0} ms for {} entries", start.elapsed().as_secs_f64() * 1e3, head.size)?;
    let start = Instant::now();
    let report = fsck::check(&FileDisk::open_read_only(directory), &Options::default())?;
    writeln!(
        out,
        "fsck:    {:9.0} payloads/s, {} findings",
        rate(report.payloads, start.elapsed()),
        report.findings.len()
    )?;
    let verifier = report.key.ok_or("the directory has no key")?;
    let proof = prove::inclusion(log.disk(), &verifier, head.size / 2)?;
    proof.verify(&verifier)?;
    write!(out, "\n{}", proof.emit())?;
    Ok(())
}
