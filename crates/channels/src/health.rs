//! How well each path carries what it is given, from two running counts.

use crate::PATHS_MAX;
use core::time::Duration;
use std::collections::VecDeque;

/// How far back is looked: long enough for a figure, short enough that a path that has recovered shows it.
pub const WINDOW: Duration = Duration::from_secs(30);
/// Counts closer together than this are one.
const STEP: Duration = Duration::from_secs(1);
/// What was sent in the last moments may still be on its way.
const ON_THE_WAY: Duration = Duration::from_secs(2);
/// Fewer fragments than these say nothing.
pub const FRAGMENTS_MIN: u64 = 20;
/// From this share of lost fragments on a path is degraded: ten times what a healthy network loses.
pub const LOSS_DEGRADED: f64 = 0.1;

/// Running counts of all paths.
pub type Counts = [u64; PATHS_MAX];

struct Point {
    at: Duration,
    sent: Counts,
    arrived: Counts,
}

/// Watches running counts of fragments sent and arrived.
#[derive(Default)]
pub struct Health {
    points: VecDeque<Point>,
}

impl Health {
    /// The counts at `now`, which never go back.
    pub fn record(&mut self, now: Duration, sent: Counts, arrived: Counts) {
        if self.points.back().is_some_and(|last| now.saturating_sub(last.at) < STEP) {
            return;
        }
        self.points.push_back(Point { at: now, sent, arrived });
        while self.points.get(1).is_some_and(|second| now.saturating_sub(second.at) >= WINDOW) {
            self.points.pop_front();
        }
    }

    /// The share of a path's fragments that were lost within the window, 0 to 1; nothing when there were too few.
    pub fn loss(&self, path: usize) -> Option<f64> {
        let (first, last) = self.points.front().zip(self.points.back())?;
        let settled = |point: &&Point| last.at.saturating_sub(point.at) >= ON_THE_WAY;
        let then = self.points.iter().rev().find(settled)?;
        let sent = then.sent.get(path)?.saturating_sub(*first.sent.get(path)?);
        let arrived = last.arrived.get(path)?.saturating_sub(*first.arrived.get(path)?);
        (sent >= FRAGMENTS_MIN).then(|| sent.saturating_sub(arrived) as f64 / sent as f64)
    }

    /// Whether a path loses so much that its operator should look at it.
    pub fn is_degraded(&self, path: usize) -> bool {
        self.loss(path).is_some_and(|loss| loss >= LOSS_DEGRADED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path that gets a fragment each 100 ms and loses every `nth`, for so many seconds.
    fn after(seconds: u64, nth: u64, delay: u64) -> Health {
        let mut health = Health::default();
        for tick in 0..seconds * 10 {
            let arrived = tick.saturating_sub(delay) - tick.saturating_sub(delay) / nth;
            let mut counts = ([0; PATHS_MAX], [0; PATHS_MAX]);
            (counts.0[1], counts.1[1]) = (tick, arrived);
            health.record(Duration::from_millis(tick * 100), counts.0, counts.1);
        }
        health
    }

    #[test]
    fn loss_is_seen_and_delay_is_not_taken_for_it() {
        assert_eq!(after(2, 5, 0).loss(1), None, "too few");
        let lossy = after(60, 5, 0);
        assert!((0.1..0.25).contains(&lossy.loss(1).unwrap()) && lossy.is_degraded(1), "{:?}", lossy.loss(1));
        assert!(!after(60, 1_000, 15).is_degraded(1));
        assert_eq!((lossy.loss(0), lossy.loss(9)), (None, None));
    }

    #[test]
    fn a_path_that_has_recovered_shows_it() {
        let mut health = after(60, 3, 0);
        assert!(health.is_degraded(1));
        for second in 61..120u64 {
            let mut counts = ([0; PATHS_MAX], [0; PATHS_MAX]);
            (counts.0[1], counts.1[1]) = (second * 10, second * 10 - 200);
            health.record(Duration::from_secs(second), counts.0, counts.1);
        }
        assert!(!health.is_degraded(1));
    }
}
