//! Durable appends of records of 1 KiB: our log beside plain writes of the same bytes, SQLite and redb.
//!
//! All take their turns in one run with the same batches, so that whatever else the machine does falls on all of them.
//! What is compared is the time until a batch is durable. The log also hashes, links and signs; the others do not.

mod appenders;

use crate::figure::Figure;
use appenders::{Appender, NewSpace, Ours, Prewritten, Redb, Spent, Sqlite};
use std::path::Path;
use std::time::{Duration, Instant};

/// A sealed record of one second of ECG is about this long.
pub(crate) const RECORD_BYTES: usize = 1024;

/// A single alarm, what a busy clinic commits together, and what catching up after an outage does.
const BATCHES: [u64; 3] = [1, 100, 1000];

/// However slow the disk is, a ratio of fewer turns says nothing.
const TURNS_MIN: u64 = 10;

/// Records that become durable together.
pub(crate) struct Batch {
    /// Number of the first record.
    pub(crate) first: u64,
    /// The records.
    pub(crate) payloads: Vec<Vec<u8>>,
}

impl Batch {
    /// Bytes that do not compress, different for each record.
    fn of(first: u64, count: u64) -> Self {
        let payload = |number: u64| {
            let mut word = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let words = (0..RECORD_BYTES / 8).flat_map(|_| {
                word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                word.to_le_bytes()
            });
            words.collect()
        };
        Self { first, payloads: (first..first + count).map(payload).collect() }
    }
}

/// Appends of each size of batch for so many seconds each, in a new directory below `directory`.
pub(crate) fn figures(directory: &Path, seconds: f64) -> Vec<Figure> {
    BATCHES.iter().flat_map(|count| of_batch(directory, *count, seconds)).collect()
}

fn of_batch(directory: &Path, count: u64, seconds: f64) -> Vec<Figure> {
    let directory = tempfile::tempdir_in(directory).expect("a directory to write to");
    let at = directory.path();
    let mut ours = Ours::new(&at.join("ours"));
    let mut peers: Vec<(Box<dyn Appender>, Spent)> = vec![
        (Box::new(Prewritten::new(&at.join("prewritten"))), Spent::default()),
        (Box::new(NewSpace::new(&at.join("new-space"))), Spent::default()),
        (Box::new(Sqlite::new(&at.join("peer.sqlite"))), Spent::default()),
        (Box::new(Redb::new(&at.join("peer.redb"))), Spent::default()),
    ];
    let mut own = Spent::default();
    let (begun, patience) = (Instant::now(), Duration::from_secs_f64(seconds));
    let mut turns = 0;
    while turns < TURNS_MIN || begun.elapsed() < patience {
        let batch = Batch::of(turns * count, count);
        for (peer, spent) in &mut peers {
            *spent += peer.append(&batch);
        }
        own += ours.append(&batch);
        turns += 1;
    }
    let records = turns * count;
    for appender in peers.iter().map(|(peer, _)| &**peer).chain([&ours as &dyn Appender]) {
        assert_eq!(appender.held(), records, "{} holds what was appended", appender.name());
    }
    let rate = |spent: &Spent| records as f64 / spent.clock.as_secs_f64();
    let beside = |(peer, spent): &(Box<dyn Appender>, Spent)| {
        let name = format!("append, batches of {count}");
        Figure::new(name, "records/s", rate(&own), peer.name().to_owned(), rate(spent))
    };
    let mut figures: Vec<Figure> = peers.iter().map(beside).collect();
    if let Some((peer, spent)) = peers.first() {
        let each = |spent: &Spent| spent.processor.as_secs_f64() * 1e6 / records as f64;
        let name = format!("processor, batches of {count}");
        figures.push(Figure::new(name, "us/record", each(&own), peer.name().to_owned(), each(spent)));
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_hold_what_was_appended_and_stand_side_by_side() {
        let directory = tempfile::tempdir().unwrap();
        let figures = of_batch(directory.path(), 3, 0.0);
        assert_eq!(figures.len(), 5);
        assert!(figures.iter().take(4).all(|figure| figure.ratio.is_some_and(|ratio| ratio > 0.0)));
    }

    #[test]
    fn records_have_their_length_and_differ() {
        let batch = Batch::of(7, 2);
        assert!(batch.payloads.iter().all(|payload| payload.len() == RECORD_BYTES));
        assert_ne!(batch.payloads[0], batch.payloads[1]);
        assert_eq!(batch.payloads[1], Batch::of(8, 1).payloads[0]);
    }
}
