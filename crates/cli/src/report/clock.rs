//! Time of this machine.

use super::interval::quartiles;
use bodywire_sim::Error;
use bodywire_sim::measure::Stopwatch;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Time since the first call, by a clock that never goes back.
pub(crate) fn monotonic() -> Duration {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGUN.elapsed()
}

/// How long one turn takes at least, so that reading the clock costs nothing beside it.
const TURN: Duration = Duration::from_millis(2);
/// Turns of which the median is a figure at all.
const TURNS_MIN: usize = 3;

/// Measures each call for so many seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watch {
    /// For each call.
    pub(crate) seconds: f64,
}

impl Watch {
    /// Seconds of one call: a quarter of the turns took less than the first, half took less than the second, a quarter more
    /// than the third.
    ///
    /// # Errors
    /// The call's, at the first that fails.
    pub(crate) fn quartiles<E>(&self, mut call: impl FnMut() -> Result<(), E>) -> Result<(f64, f64, f64), E> {
        let (begun, mut turns) = (Instant::now(), Vec::new());
        while turns.len() < TURNS_MIN || begun.elapsed().as_secs_f64() < self.seconds {
            let (turn, mut calls) = (Instant::now(), 0u32);
            while turn.elapsed() < TURN {
                call()?;
                calls += 1;
            }
            turns.push(turn.elapsed().as_secs_f64() / f64::from(calls));
        }
        Ok(quartiles(&turns))
    }
}

impl Stopwatch for Watch {
    fn seconds_each(&self, call: &mut dyn FnMut() -> Result<(), Error>) -> Result<f64, Error> {
        Ok(self.quartiles(call)?.1)
    }
}
