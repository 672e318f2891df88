//! Measures the ledger by itself. Appends beside plain writes and databases are in `bodywire-bench -- ledger`.
//!
//! ```text
//! cargo run --release -p bodywire-ledger --example figures -- DIRECTORY
//! cargo run --release -p bodywire-ledger --example figures -- DIRECTORY --entries 10000000
//! ```
//!
//! The first form measures the processor time of an append of a 1 KiB record without a disk, then checking, verifying
//! and proving. The second grows a log of 64-byte records and measures its first and last million, proofs at the end,
//! and opening it with and without its snapshot.
//! The directory is made and removed.

use std::{
    env,
    error::Error,
    fs,
    hint::black_box,
    io::{self, Write},
    path::Path,
    time::{Duration, Instant},
};

use bodywire_ledger::{
    Disk, Draft, EntryKind, FileDisk, Floor, KeyId, Log, MemDisk, Origin, StreamId, VerifierKey,
    fsck::{self, Options},
    prove,
    segment::Frame,
    snapshot::SNAPSHOT_FILE,
};
use ed25519_dalek::SigningKey;

type Outcome<T> = Result<T, Box<dyn Error>>;

const ORIGIN: &str = "example.org/figures";

/// Bytes of a record, records in a frame, and frames that are checked.
const PAYLOAD_BYTES: usize = 1024;
const FRAME_ENTRIES: u64 = 1000;
const FRAMES: u64 = 150;

/// Bytes of a long run's records, and records in each of its batches.
const LONG_PAYLOAD_BYTES: usize = 64;
const LONG_BATCH: u64 = 1000;

/// Entries of a long run between two publications.
const PUBLISH_EVERY: u64 = 100_000;

/// A key of a real log comes from a file or a credential; this one is only for measuring.
fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// Stands for a sealed record: bytes that do not compress, different for each.
fn record(seq: u64, payload_bytes: usize) -> Draft {
    let mut word = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let payload = (0..payload_bytes.div_ceil(8)).flat_map(|_| {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        word.to_le_bytes()
    });
    Draft {
        kind: EntryKind::Telemetry,
        flags: 0,
        time_ms: 1_700_000_000_000 + seq,
        stream: StreamId([(seq % 50) as u8; 16]),
        stream_seq: seq / 50,
        key: KeyId([1; 16]),
        payload: payload.take(payload_bytes).collect(),
    }
}

fn batch(first: u64, count: u64, payload_bytes: usize) -> Vec<Draft> {
    (first..first + count).map(|seq| record(seq, payload_bytes)).collect()
}

fn open(directory: &Path) -> Outcome<(Log<FileDisk>, bodywire_ledger::Recovery)> {
    let disk = FileDisk::open(directory)?;
    Ok(Log::open(disk, Origin::new(ORIGIN)?, key(), Floor::NONE)?)
}

/// A value of `/proc/self/...`, or 0 where there is none.
fn proc_number(file: &str, name: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/self/{file}")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
}

/// Time that this thread has spent on a processor.
fn processor() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_whitespace().next().and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

/// Takes segments and forgets them: what is left is the log's own work.
struct Discard(MemDisk);

impl Disk for Discard {
    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.0.list(folder)
    }
    fn len(&self, path: &str) -> io::Result<u64> {
        self.0.len(path)
    }
    fn read(&self, path: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.0.read(path, offset, len)
    }
    fn write(&mut self, _: &str, _: u64, bytes: &[u8]) -> io::Result<()> {
        black_box(bytes);
        Ok(())
    }
    fn truncate(&mut self, _: &str, _: u64) -> io::Result<()> {
        Ok(())
    }
    fn sync(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }
    fn replace(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.0.replace(path, bytes)
    }
    fn remove(&mut self, path: &str) -> io::Result<()> {
        self.0.remove(path)
    }
}

/// Processor time of an append alone, without the system's part.
fn processor_per_record(out: &mut impl Write) -> Outcome<()> {
    let (mut log, _) = Log::open(Discard(MemDisk::new()), Origin::new(ORIGIN)?, key(), Floor::NONE)?;
    let mut busy = Duration::ZERO;
    for _ in 0..20 {
        let records = batch(log.size(), FRAME_ENTRIES, PAYLOAD_BYTES);
        let before = processor();
        log.append(records)?;
        busy += processor().saturating_sub(before);
    }
    writeln!(
        out,
        "append without a disk:  {:.2} us of processor per record",
        busy.as_secs_f64() * 1e6 / 20_000.0
    )?;
    Ok(())
}

fn rates(out: &mut impl Write, directory: &Path) -> Outcome<()> {
    let log_directory = directory.join("log");
    let (mut log, _) = open(&log_directory)?;
    for _ in 0..FRAMES {
        log.append(batch(log.size(), FRAME_ENTRIES, PAYLOAD_BYTES))?;
    }
    let head = log.publish()?;
    let verifier = VerifierKey::new(ORIGIN, log.verifying_key())?;
    let frames: Vec<Vec<u8>> = (0..50).map(|n| log.frame(n * FRAME_ENTRIES)).collect::<Result<_, _>>()?;
    let (before, mut payloads) = (processor(), 0);
    for frame in frames.iter().cycle().take(200) {
        payloads += Frame::parse(black_box(frame))?.items.len();
    }
    let busy = processor().saturating_sub(before).as_secs_f64();
    writeln!(out, "verify frames:          {:9.0} payloads/s and core", payloads as f64 / busy)?;
    let (start, before) = (Instant::now(), processor());
    let report = fsck::check(&FileDisk::open_read_only(&log_directory), &Options::default())?;
    let (took, busy) = (start.elapsed().as_secs_f64(), processor().saturating_sub(before).as_secs_f64());
    let payloads = report.payloads as f64;
    writeln!(
        out,
        "fsck:                   {:9.0} payloads/s, {:.0} per second of processor, {} findings",
        payloads / took,
        payloads / busy,
        report.findings.len()
    )?;
    proofs(out, &log, &verifier, head.size)
}

fn proofs(out: &mut impl Write, log: &Log<FileDisk>, verifier: &VerifierKey, size: u64) -> Outcome<()> {
    const PROOFS: u64 = 200;
    let start = Instant::now();
    for n in 0..PROOFS {
        black_box(prove::inclusion(log.disk(), verifier, (n * 7_919_777) % size)?);
    }
    let proof = start.elapsed().as_secs_f64() * 1e3 / PROOFS as f64;
    let start = Instant::now();
    for n in 0..PROOFS {
        black_box(log.read((n * 7_919_777) % size)?);
    }
    let read = start.elapsed().as_secs_f64() * 1e3 / PROOFS as f64;
    writeln!(
        out,
        "of {size} entries:     {proof:.3} ms per inclusion proof, made and verified; {read:.3} ms per read"
    )?;
    Ok(())
}

fn long_run(out: &mut impl Write, directory: &Path, entries: u64) -> Outcome<()> {
    let (mut log, _) = open(directory)?;
    let verifier = VerifierKey::new(ORIGIN, log.verifying_key())?;
    let mut appending = Duration::ZERO;
    let (mut publishing, mut million) = (Duration::ZERO, Duration::ZERO);
    while log.size() < entries {
        let records = batch(log.size(), LONG_BATCH.min(entries - log.size()), LONG_PAYLOAD_BYTES);
        let start = Instant::now();
        log.append(records)?;
        appending += start.elapsed();
        million += start.elapsed();
        if log.size().is_multiple_of(PUBLISH_EVERY) {
            let start = Instant::now();
            log.publish()?;
            publishing += start.elapsed();
        }
        if log.size().is_multiple_of(1_000_000) {
            writeln!(
                out,
                "million {:2}: {:.0} records/s, {:.0} MiB resident",
                log.size() / 1_000_000,
                1e6 / million.as_secs_f64(),
                proc_number("status", "VmRSS:") / 1024.0
            )?;
            out.flush()?;
            million = Duration::ZERO;
        }
    }
    log.publish()?;
    writeln!(
        out,
        "all:        {:.0} records/s; publishing took {:.1} s",
        entries as f64 / appending.as_secs_f64(),
        publishing.as_secs_f64()
    )?;
    proofs(out, &log, &verifier, entries)?;
    writeln!(out, "peak:       {:.0} MiB resident", proc_number("status", "VmHWM:") / 1024.0)?;
    drop(log);
    for round in ["with its snapshot", "without it"] {
        // The peak of opening alone.
        let _ = fs::write("/proc/self/clear_refs", "5");
        let before = proc_number("status", "VmRSS:");
        let start = Instant::now();
        let (log, recovery) = open(directory)?;
        writeln!(
            out,
            "opened {round}: {:.3} s, {} entries from the snapshot, {} frames read, peak {:.1} MiB, {:.1} MiB kept",
            start.elapsed().as_secs_f64(),
            recovery.from_snapshot,
            recovery.frames,
            (proc_number("status", "VmHWM:") - before) / 1024.0,
            (proc_number("status", "VmRSS:") - before) / 1024.0,
        )?;
        drop(log);
        let _ = fs::remove_file(directory.join(SNAPSHOT_FILE));
    }
    Ok(())
}

fn main() -> Outcome<()> {
    let mut arguments = env::args().skip(1);
    let usage = "usage: figures DIRECTORY [--entries N]";
    let directory = arguments.next().ok_or(usage)?;
    let directory = Path::new(&directory);
    if directory.exists() {
        return Err(
            format!("{} exists: name a directory that may be made and removed", directory.display()).into()
        );
    }
    fs::create_dir_all(directory)?;
    let mut out = std::io::stdout().lock();
    match arguments.next().as_deref() {
        Some("--entries") => {
            let entries = arguments.next().ok_or(usage)?.parse()?;
            long_run(&mut out, directory, entries)?;
        }
        Some(_) => return Err(usage.into()),
        None => {
            processor_per_record(&mut out)?;
            rates(&mut out, directory)?;
        }
    }
    fs::remove_dir_all(directory)?;
    Ok(())
}
