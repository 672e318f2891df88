//! Bad air: frames are lost, repeated, overtaken and late, by chances that are given.

use rand::{Rng, RngExt};
use std::collections::BTreeMap;
use std::time::Duration;

/// Frames that may hang in the air; more are lost. A second of a thousand sensors.
pub const FRAMES_MAX: usize = 4_096;
/// How much later than the others a frame comes that is overtaken.
const OVERTAKEN_BY: Duration = Duration::from_millis(120);

/// How bad the air is. The default is clean.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Weather {
    /// Chance that a frame is lost, 0 to 1.
    pub loss: f64,
    /// Chance that a frame comes twice, 0 to 1.
    pub duplicate: f64,
    /// Chance that a frame is overtaken by those behind it, 0 to 1.
    pub reorder: f64,
    /// How long every frame takes.
    pub delay: Duration,
}

/// One direction of the air. Time and chance are arguments.
#[derive(Debug)]
pub struct Air<T> {
    weather: Weather,
    /// By the time they arrive, then by their order.
    waiting: BTreeMap<(Duration, u64), T>,
    entered: u64,
    lost: u64,
}

impl<T: Clone> Air<T> {
    /// Air in this weather.
    pub const fn new(weather: Weather) -> Self {
        Self { weather, waiting: BTreeMap::new(), entered: 0, lost: 0 }
    }

    /// A frame is sent.
    pub fn send(&mut self, now: Duration, frame: T, rng: &mut impl Rng) {
        let Weather { loss, duplicate, reorder, delay } = self.weather;
        if rng.random_bool(loss) || self.waiting.len() >= FRAMES_MAX {
            self.lost += 1;
            return;
        }
        let copies = 1 + u32::from(rng.random_bool(duplicate));
        for _ in 0..copies {
            let overtaken = if rng.random_bool(reorder) { OVERTAKEN_BY } else { Duration::ZERO };
            self.waiting.insert((now + delay + overtaken, self.entered), frame.clone());
            self.entered += 1;
        }
    }

    /// The next frame that has arrived by `now`.
    pub fn arrive(&mut self, now: Duration) -> Option<T> {
        let first = self.waiting.first_entry().filter(|first| first.key().0 <= now)?;
        Some(first.remove())
    }

    /// When the next frame arrives.
    pub fn next_arrival(&self) -> Option<Duration> {
        self.waiting.first_key_value().map(|((at, _), _)| *at)
    }

    /// Frames that were lost.
    pub const fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    fn arrivals(weather: Weather, frames: u32) -> (Vec<u32>, u64) {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut air = Air::new(weather);
        let mut arrived = Vec::new();
        for frame in 0..frames {
            let now = Duration::from_millis(u64::from(frame));
            air.send(now, frame, &mut rng);
            arrived.extend(std::iter::from_fn(|| air.arrive(now)));
        }
        let late = Duration::from_secs(60);
        arrived.extend(std::iter::from_fn(|| air.arrive(late)));
        (arrived, air.lost())
    }

    #[test]
    fn clean_air_carries_everything_in_order_and_at_once() {
        assert_eq!(arrivals(Weather::default(), 100), ((0..100).collect(), 0));
    }

    #[test]
    fn bad_air_does_what_it_is_told() {
        let (arrived, lost) = arrivals(Weather { loss: 0.3, ..Weather::default() }, 10_000);
        assert!((2_800..3_200).contains(&lost) && arrived.len() as u64 + lost == 10_000);
        let (arrived, _) = arrivals(Weather { duplicate: 0.25, ..Weather::default() }, 4_000);
        assert!((4_850..5_150).contains(&arrived.len()));
        let (arrived, _) = arrivals(Weather { reorder: 0.1, ..Weather::default() }, 1_000);
        let overtaken = arrived.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert!(arrived.len() == 1_000 && (40..=110).contains(&overtaken), "{overtaken}");
    }

    #[test]
    fn a_late_frame_arrives_when_it_is_due() {
        let delay = Duration::from_millis(50);
        let mut air = Air::new(Weather { delay, ..Weather::default() });
        air.send(Duration::ZERO, (), &mut ChaCha20Rng::seed_from_u64(1));
        assert_eq!(air.next_arrival(), Some(delay));
        assert!(air.arrive(Duration::from_millis(49)).is_none());
        assert!(air.arrive(delay).is_some());
    }

    #[test]
    fn the_air_holds_a_limited_number() {
        let mut air = Air::new(Weather { delay: Duration::from_secs(1), ..Weather::default() });
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        (0..FRAMES_MAX + 3).for_each(|_| air.send(Duration::ZERO, (), &mut rng));
        assert_eq!(air.lost(), 3);
    }
}
