//! Listening before sending.
//!
//! [`Backoff`] is the unslotted CSMA-CA of IEEE 802.15.4-2006, 7.5.1.4: wait a random number of back-off periods, listen
//! once, send when the channel is free, else wait longer, and give up after `macMaxCSMABackoffs` further tries.
//! [`Window`] is the CSMA/CA of IEEE 802.15.6-2012, 6.5.3: a counter that free slots count down, drawn from a window that
//! depends on the user priority and doubles after every second failure.

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

/// The numbers of unslotted CSMA-CA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// `macMinBE`.
    pub exponent_min: u8,
    /// `macMaxBE`, at most 8.
    pub exponent_max: u8,
    /// `macMaxCSMABackoffs`.
    pub backoffs_max: u8,
    /// `macMaxFrameRetries`.
    pub retries_max: u8,
}

impl Parameters {
    /// What table 86 of IEEE 802.15.4-2006 takes when nothing is said.
    pub const STANDARD: Self = Self { exponent_min: 3, exponent_max: 5, backoffs_max: 4, retries_max: 3 };
}

/// `macMaxBE` may be 3 to 8.
const EXPONENT_MAX: u8 = 8;

/// One try at the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    exponent: u8,
    backoffs: u8,
}

impl Backoff {
    /// The start of a try.
    pub const fn new(parameters: &Parameters) -> Self {
        Self { exponent: parameters.exponent_min, backoffs: 0 }
    }

    /// Back-off periods to wait before listening: from none to `2^BE - 1`.
    pub fn periods(&self, rng: &mut ChaCha8Rng) -> u64 {
        let mask = (1_u32 << self.exponent.min(EXPONENT_MAX)) - 1;
        u64::from(rng.next_u32() & mask)
    }

    /// The channel was busy. `false` when there is no further try: a channel access failure.
    pub const fn busy(&mut self, parameters: &Parameters) -> bool {
        if self.exponent < parameters.exponent_max {
            self.exponent += 1;
        }
        self.backoffs = self.backoffs.saturating_add(1);
        self.backoffs <= parameters.backoffs_max
    }
}

/// User priorities of IEEE 802.15.6, table 18: smallest and greatest contention window.
const WINDOWS: [(u32, u32); 8] = [(16, 64), (16, 32), (8, 32), (8, 16), (4, 16), (4, 8), (2, 8), (1, 4)];

/// How often a frame of IEEE 802.15.6 is sent again. The standard leaves it to the node; as many as in IEEE 802.15.4.
pub const PRIORITY_RETRIES_MAX: u8 = 3;

/// What a frame is worth under IEEE 802.15.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserPriority {
    /// Background.
    Background = 0,
    /// Best effort.
    BestEffort = 1,
    /// Excellent effort.
    ExcellentEffort = 2,
    /// Video.
    Video = 3,
    /// Voice.
    Voice = 4,
    /// Medical data or network control.
    Medical = 5,
    /// High-priority medical data or network control.
    HighMedical = 6,
    /// Emergency or medical implant event report.
    Emergency = 7,
}

impl UserPriority {
    const fn window(self) -> (u32, u32) {
        WINDOWS[self as usize]
    }
}

/// A contention window and its counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    size: u32,
    failures: u32,
    counter: u32,
}

impl Window {
    /// The start of a frame.
    pub const fn new(priority: UserPriority) -> Self {
        Self { size: priority.window().0, failures: 0, counter: 0 }
    }

    /// Draws the counter: from 1 to the window's size.
    pub fn draw(&mut self, rng: &mut ChaCha8Rng) {
        // All sizes are powers of two, so that no value is more likely than another.
        self.counter = 1 + (rng.next_u32() & (self.size - 1));
    }

    /// A free slot. `true` when the frame may be sent.
    pub const fn free(&mut self) -> bool {
        self.counter = self.counter.saturating_sub(1);
        self.counter == 0
    }

    /// The frame was not acknowledged: after every second failure the window doubles.
    pub const fn failed(&mut self, priority: UserPriority) {
        self.failures = self.failures.saturating_add(1);
        if self.failures.is_multiple_of(2) {
            let doubled = 2 * self.size;
            let most = priority.window().1;
            self.size = if doubled < most { doubled } else { most };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, Parameters, UserPriority, WINDOWS, Window};
    use rand_chacha::ChaCha8Rng;
    use rand_core::SeedableRng;

    #[test]
    fn backoffs_stay_within_their_bounds_and_reach_them() {
        let parameters = Parameters::STANDARD;
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut backoff = Backoff::new(&parameters);
        for bound in [7, 15, 31, 31, 31] {
            let draws: Vec<u64> = (0..2_000).map(|_| backoff.periods(&mut rng)).collect();
            assert_eq!((draws.iter().min(), draws.iter().max()), (Some(&0), Some(&bound)));
            let mean = draws.iter().sum::<u64>() as f64 / 2_000.0;
            assert!((mean - bound as f64 / 2.0).abs() < 1.0);
            let goes_on = backoff.busy(&parameters);
            assert_eq!(goes_on, backoff.backoffs <= 4);
        }
        // Five times busy: macMaxCSMABackoffs is 4.
        assert_eq!(backoff.backoffs, 5);
    }

    #[test]
    fn windows_double_after_every_second_failure_up_to_their_limit() {
        let priority = UserPriority::Voice;
        let mut window = Window::new(priority);
        let mut sizes = Vec::new();
        for _ in 0..6 {
            sizes.push(window.size);
            window.failed(priority);
        }
        assert_eq!(sizes, [4, 4, 8, 8, 16, 16]);
        assert!(WINDOWS.iter().all(|(least, most)| least.is_power_of_two() && least <= most));
    }

    #[test]
    fn a_counter_is_between_one_and_the_window() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for _ in 0..500 {
            let mut window = Window::new(UserPriority::Background);
            window.draw(&mut rng);
            let mut slots = 1;
            while !window.free() {
                slots += 1;
            }
            assert!((1..=16).contains(&slots));
        }
    }
}
