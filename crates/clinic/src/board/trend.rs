//! Trends: for each signal and minute the lowest, the mean and the highest value. A minute without a value is a gap.

use super::view::{RiskClass, Signal};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};

/// Minutes kept: a day.
pub const TREND_MINUTES: usize = 24 * 60;

const MINUTE_MS: u64 = 60_000;

/// The trend of one signal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrendView {
    /// What is measured.
    pub signal: Signal,
    /// From which class on it may be shown.
    #[serde(skip)]
    pub class: RiskClass,
    /// Sensor it is of.
    #[serde(skip)]
    pub sensor: u16,
    /// Unit in print.
    pub unit: String,
    /// Start of the minute (milliseconds since 1970), lowest, mean and highest value; oldest first.
    pub points: Vec<(u64, f64, f64, f64)>,
}

#[derive(Debug, Clone, Copy)]
struct Minute {
    start_ms: u64,
    low: f64,
    high: f64,
    sum: f64,
    count: u32,
}

#[derive(Debug)]
struct Trend {
    class: RiskClass,
    sensor: u16,
    unit: String,
    minutes: VecDeque<Minute>,
}

/// The trends of one bed.
#[derive(Debug, Default)]
pub(super) struct Trends {
    by_signal: BTreeMap<Signal, Trend>,
}

impl Trends {
    /// A value that was measured at `at_ms`. Late ones count, too: a trend is history.
    pub(super) fn value(&mut self, signal: Signal, of: (RiskClass, u16), unit: &str, value: f64, at_ms: u64) {
        let (class, sensor) = of;
        let trend = self.by_signal.entry(signal).or_insert_with(|| Trend {
            class,
            sensor,
            unit: unit.to_owned(),
            minutes: VecDeque::new(),
        });
        let start_ms = at_ms - at_ms % MINUTE_MS;
        let at = trend.minutes.partition_point(|minute| minute.start_ms < start_ms);
        match trend.minutes.get_mut(at) {
            Some(minute) if minute.start_ms == start_ms => {
                minute.low = minute.low.min(value);
                minute.high = minute.high.max(value);
                minute.sum += value;
                minute.count = minute.count.saturating_add(1);
            }
            _ => {
                let minute = Minute { start_ms, low: value, high: value, sum: value, count: 1 };
                trend.minutes.insert(at, minute);
                if trend.minutes.len() > TREND_MINUTES {
                    trend.minutes.pop_front();
                }
            }
        }
    }

    pub(super) fn since(&self, from_ms: u64) -> Vec<TrendView> {
        let points = |trend: &Trend| {
            let minutes = trend.minutes.iter().filter(|minute| minute.start_ms + MINUTE_MS > from_ms);
            let mean = |m: &Minute| m.sum / f64::from(m.count.max(1));
            minutes.map(|minute| (minute.start_ms, minute.low, mean(minute), minute.high)).collect()
        };
        let view = |(signal, trend): (&Signal, &Trend)| TrendView {
            signal: *signal,
            class: trend.class,
            sensor: trend.sensor,
            unit: trend.unit.clone(),
            points: points(trend),
        };
        self.by_signal.iter().map(view).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: (RiskClass, u16) = (RiskClass::II, 2);

    #[test]
    fn minutes_hold_low_mean_and_high_and_gaps_stay_gaps() {
        let mut trends = Trends::default();
        for (value, at) in [(60.0, 1), (80.0, 59_999), (70.0, 180_000)] {
            trends.value(Signal::HeartRate, OF, "/min", value, at);
        }
        let all = trends.since(0);
        assert_eq!(all[0].points, [(0, 60.0, 70.0, 80.0), (180_000, 70.0, 70.0, 70.0)]);
        assert_eq!(trends.since(180_000)[0].points.len(), 1);
    }

    #[test]
    fn what_comes_late_finds_its_minute_and_a_day_is_kept() {
        let mut trends = Trends::default();
        for minute in (0..2 * TREND_MINUTES as u64).rev() {
            trends.value(Signal::Temp, OF, "Cel", 37.0, minute * MINUTE_MS);
        }
        let points = &trends.since(0)[0].points;
        assert_eq!(points.len(), TREND_MINUTES);
        assert!(points.is_sorted_by_key(|point| point.0));
    }
}
