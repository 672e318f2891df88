//! Durable appends of records of 1 KiB: our log beside plain writes of the same bytes, SQLite and redb.
//!
//! All take their turns in one run with the same batches, so that whatever else the machine does falls on all of them.
//! What is compared is the time until a batch is durable. The log also hashes, links and signs; the others do not.

mod appenders;

use crate::figure::Figure;
use appenders::{Appender, NewSpace, Ours, Prewritten, Redb, Spent, Sqlite};
use bodywire_sim::measure::appends::Batch;
use std::path::Path;
use std::time::{Duration, Instant};

/// A single alarm, what a busy clinic commits together, and what catching up after an outage does.
const BATCHES: [u64; 3] = [1, 100, 1000];

/// However slow the disk is, a ratio of fewer turns says nothing.
const TURNS_MIN: u64 = 10;

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
}
