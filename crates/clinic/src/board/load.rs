//! Alarm load: how many alarms a bed asks people to look at in an hour. Too many are not looked at.

use serde::Serialize;
use std::collections::VecDeque;

/// The window of the figure, milliseconds: an hour.
pub const LOAD_WINDOW_MS: u64 = 60 * 60 * 1000;

/// Alarms remembered for it. Who has more in an hour has one every four seconds, and the figure has said it all.
const RAISED_MAX: usize = 900;

/// The figure as the screen shows it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LoadView {
    /// Alarms of the patient in the last hour, or as many as an hour would have had when the record is shorter than one.
    pub per_hour: f64,
    /// Alarms in the window.
    pub alarms: u64,
    /// Where the window begins, milliseconds since 1970.
    pub since_ms: u64,
}

/// When alarms were raised.
#[derive(Debug, Default)]
pub(super) struct Load {
    raised: VecDeque<u64>,
    since_ms: Option<u64>,
}

impl Load {
    /// The first sign of life of a bed: the record begins.
    pub(super) fn begin(&mut self, now_ms: u64) {
        self.since_ms.get_or_insert(now_ms);
    }

    /// An alarm of the patient was raised.
    pub(super) fn raised(&mut self, at_ms: u64) {
        self.begin(at_ms);
        if self.raised.len() == RAISED_MAX {
            self.raised.pop_front();
        }
        self.raised.push_back(at_ms);
    }

    pub(super) fn view(&self, now_ms: u64) -> LoadView {
        let from = now_ms.saturating_sub(LOAD_WINDOW_MS);
        let since_ms = self.since_ms.unwrap_or(now_ms).max(from);
        let alarms = self.raised.iter().filter(|at| **at >= from).count() as u64;
        // Under ten minutes of record a rate would jump with each alarm.
        let length_ms = now_ms.saturating_sub(since_ms).max(LOAD_WINDOW_MS / 6);
        let per_hour = alarms as f64 * LOAD_WINDOW_MS as f64 / length_ms as f64;
        LoadView { per_hour, alarms, since_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_last_hour_and_nothing_older() {
        let mut load = Load::default();
        let hour = LOAD_WINDOW_MS;
        load.begin(0);
        (0..4).for_each(|n| load.raised(n * hour / 2));
        let view = load.view(2 * hour);
        assert_eq!((view.alarms, view.since_ms, view.per_hour), (2, hour, 2.0));
        assert_eq!(load.view(9 * hour).alarms, 0);
    }

    #[test]
    fn a_young_record_is_not_blown_up() {
        let mut load = Load::default();
        load.raised(1_000);
        assert_eq!(load.view(2_000).per_hour, 6.0);
        (0..2 * RAISED_MAX as u64).for_each(|n| load.raised(1_000 + n));
        assert_eq!(load.view(5_000).alarms, RAISED_MAX as u64);
    }
}
