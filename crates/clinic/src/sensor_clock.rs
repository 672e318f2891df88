//! A sensor's clock against the hub's, without the jitter of single arrivals.

/// Hub time over which the quickest arrival is looked for, twice: long enough to contain one that did not have to wait,
/// short enough that a sensor whose clock was set is followed within a minute.
const WINDOW_MS: u64 = 30_000;

/// What is known about one sensor's clock. Every arrival was delayed by something, so that hub clock minus sensor clock
/// comes out too large by the delay: the smallest of many is nearest to the truth. One offset for many batches keeps
/// neighbouring samples neighbours on the screen, and what a sensor held back is not taken for new.
#[derive(Debug, Default)]
pub(crate) struct SensorClock {
    window_began_ms: u64,
    smallest: Option<i64>,
    smallest_before: Option<i64>,
}

impl SensorClock {
    /// Takes hub clock minus sensor clock at one arrival and gives the offset to use.
    pub(crate) fn heard(&mut self, offset_ms: i64, hub_time_ms: u64) -> i64 {
        if hub_time_ms.saturating_sub(self.window_began_ms) > WINDOW_MS {
            self.window_began_ms = hub_time_ms;
            self.smallest_before = self.smallest.take();
        }
        let smallest = self.smallest.map_or(offset_ms, |known| known.min(offset_ms));
        self.smallest = Some(smallest);
        self.smallest_before.map_or(smallest, |before| before.min(smallest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delayed_arrival_does_not_move_the_clock() {
        let mut clock = SensorClock::default();
        assert_eq!(clock.heard(40, 100_000), 40);
        assert_eq!(clock.heard(12, 100_500), 12);
        assert_eq!(clock.heard(113, 101_000), 12);
        assert_eq!(clock.heard(600_000, 101_500), 12, "ten minutes in a sensor's memory are not live");
    }

    #[test]
    fn a_clock_that_was_set_is_followed_within_two_windows() {
        let mut clock = SensorClock::default();
        clock.heard(10, 100_000);
        let mut offset = 10;
        for second in 1..=2 * WINDOW_MS / 1_000 + 2 {
            offset = clock.heard(3_010, 100_000 + 1_000 * second);
        }
        assert_eq!(offset, 3_010);
        assert_eq!(clock.heard(-500, 200_000), -500, "an earlier arrival is believed at once");
    }
}
