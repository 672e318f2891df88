//! Paper M, 3.2: the ledger in the place of its blockchain: what an append and a proof cost.

use super::Asked;
use super::clock::{Watch, monotonic};
use super::figure::{Class, Figure, Spread, TIMING, Verdict};
use super::interval::quartiles;
use super::section::{Layout, Section};
use crate::exit::Failure;
use bodywire_ledger::prove::inclusion;
use bodywire_sim::measure::appends::{Batch, RECORD_BYTES, new_log, verifier};
use std::path::PathBuf;

/// A single alarm, and what a busy clinic commits together.
const BATCHES: [u64; 2] = [1, 100];
/// Appends of which the median is a figure at all.
const APPENDS_MIN: usize = 10;

/// A directory that goes away with its value.
struct Place(PathBuf);

impl Place {
    fn new(asked: &Asked, name: &str) -> Result<Self, Failure> {
        let path = asked.out.join(name);
        // What an interrupted report left behind.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path)
            .map_err(|error| Failure::path(&path, error, "choose a writable directory with --out DIR"))?;
        Ok(Self(path))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be removed is named by its directory and harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Appends to new logs below the report's directory, then proves and verifies.
pub(crate) fn section(asked: &Asked) -> Result<Section, Failure> {
    let mut figures = Vec::new();
    for count in BATCHES {
        let place = Place::new(asked, &format!("ledger-of-{count}"))?;
        let mut log = new_log(&place.0)?;
        let (mut times, begun) = (Vec::new(), monotonic());
        while times.len() < APPENDS_MIN || (monotonic() - begun).as_secs_f64() < asked.of(0.5, 8.0) {
            let drafts = Batch::of(times.len() as u64 * count, count).drafts();
            let before = monotonic();
            log.append(drafts)?;
            times.push((monotonic() - before).as_secs_f64() * 1e3 / count as f64);
        }
        let (fast, half, slow) = quartiles(&times);
        figures.push(
            Figure::new(format!("append, {count} at once"), "durable, for each record", "ms", half)
                .between(fast, slow, Spread::Quartiles)
                .class(Class::Timing { ratio: 20.0 })
                .note(if count == 1 { "one write and one sync of the disk" } else { "the sync is shared" }),
        );
        log.publish()?;
        if count == 1 {
            continue;
        }
        let key = verifier(&log)?;
        let (mut next, size) = (0, log.size());
        let watch = Watch { seconds: asked.of(0.1, 1.0) };
        let (fast, half, slow) = watch.quartiles(|| {
            next = (next + 7) % size;
            inclusion(log.disk(), &key, next).map(drop)
        })?;
        let timed = |row: &str, what: &str, (fast, half, slow): (f64, f64, f64)| {
            Figure::new(row, what, "ms", 1e3 * half)
                .between(1e3 * fast, 1e3 * slow, Spread::Quartiles)
                .class(TIMING)
        };
        figures.push(timed("prove inclusion", "from published files", (fast, half, slow)));
        let proof = inclusion(log.disk(), &key, size / 2)?;
        let checked = watch.quartiles(|| proof.verify(&key).map(drop))?;
        figures.push(
            timed("verify inclusion", "with the signature of the checkpoint", checked)
                .note("what an auditor does for one record"),
        );
        let mut changed = proof.clone();
        if let Some(byte) = changed.entry.last_mut() {
            *byte ^= 1;
        }
        let found = changed.verify(&key).is_err();
        figures.push(
            Figure::new("a changed record", "is found", "", if found { "yes" } else { "no" })
                .paper("\"any node that is damaged can be verified by hash\"")
                .verdict(
                    if found { Verdict::Holds } else { Verdict::DoesNotHold },
                    "one bit of an entry changed, its proof verified: refused. bodywire ledger verify names what is damaged",
                ),
        );
        figures.push(
            Figure::new("a proof", "its text", "byte", proof.emit().len() as f64)
                .class(Class::Statistical { relative: 0.2 }),
        );
    }
    Ok(Section::new("m-ledger", "Ledger, append and verify", "paper M, 3.2")
        .about(format!(
            "Paper M stores on a blockchain and measures nothing of it. In its place is a Merkle log of one writer with signed checkpoints, \
             which replicas mirror. Records of {RECORD_BYTES} bytes, about a sealed second of ECG, appended durably to the disk that \
             holds the report. That disk decides; in memory an append takes microseconds.",
        ))
        .table("cost", Layout::List, "Cost on this machine", figures))
}
