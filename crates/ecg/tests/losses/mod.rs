//! Records lost on the way to the monitor, reproducibly.
#![allow(dead_code, reason = "the test and the example use a part")]

use crate::noise::Random;

/// What a sensor sends at once, in seconds.
const RECORD_S: f64 = 0.25;

/// Which records of a recording are lost, after Gilbert 1960 (doi 10.1002/j.1538-7305.1960.tb03959.x): a channel that is
/// good or bad, and stays so for a while.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Channel {
    /// Share of the records that is lost in the long run, below 1.
    pub(crate) share: f64,
    /// Records that are lost in a row, on average; below 1 / (1 - share) losses avoid each other.
    pub(crate) run: f64,
}

impl Channel {
    /// Each record is lost or not whatever becomes of the others.
    pub(crate) fn independent(share: f64) -> Self {
        Self { share, run: 1.0 / (1.0 - share) }
    }

    /// Whether each sample of a recording is lost.
    pub(crate) fn losses(self, samples: usize, rate_hz: f64, seed: u64) -> impl Fn(usize) -> bool {
        let mut random = Random(seed);
        let per_record = (RECORD_S * rate_hz) as usize;
        let (ends, begins) = (1.0 / self.run, self.share / (self.run * (1.0 - self.share)));
        let mut lost = false;
        let records: Vec<bool> = (0..=samples / per_record)
            .map(|_| {
                lost = random.unit() < if lost { 1.0 - ends } else { begins };
                lost
            })
            .collect();
        move |at| records[at / per_record]
    }
}
