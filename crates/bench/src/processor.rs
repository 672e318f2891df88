//! Time of this thread on a processor, the system's part included: other programs on the machine do not count.

use crate::rounds::median;
use bodywire_sim::Error;
use bodywire_sim::measure::Stopwatch;
use std::time::{Duration, Instant};

/// How long one turn takes at least, so that reading the clock costs nothing beside it.
const TURN: Duration = Duration::from_millis(5);
/// Turns of which the median is a figure at all.
const TURNS_MIN: usize = 3;

/// So long has this thread been on a processor.
pub(crate) fn processor() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// What a call gives, and its seconds on a processor.
pub(crate) fn spent<T>(call: impl FnOnce() -> T) -> (T, f64) {
    let before = processor();
    let got = call();
    (got, processor().saturating_sub(before).as_secs_f64())
}

/// Measures each call for so many seconds on the clock.
pub(crate) struct Processor {
    pub(crate) seconds: f64,
}

impl Stopwatch for Processor {
    /// Seconds of one call on a processor: the median of turns.
    fn seconds_each(&self, call: &mut dyn FnMut() -> Result<(), Error>) -> Result<f64, Error> {
        let (begun, mut turns) = (Instant::now(), Vec::new());
        while turns.len() < TURNS_MIN || begun.elapsed().as_secs_f64() < self.seconds {
            let (before, mut calls, mut taken) = (processor(), 0u32, Duration::ZERO);
            while taken < TURN {
                call()?;
                calls += 1;
                taken = processor().saturating_sub(before);
            }
            turns.push(taken.as_secs_f64() / f64::from(calls));
        }
        Ok(median(turns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_does_not_count_and_work_does() {
        let ((), asleep) = spent(|| std::thread::sleep(Duration::from_millis(30)));
        assert!(asleep < 0.02, "{asleep}");
        let each = Processor { seconds: 0.0 }.seconds_each(&mut || {
            std::hint::black_box((0..10_000u64).fold(0, |sum, x| std::hint::black_box(sum ^ x)));
            Ok(())
        });
        let each = each.unwrap();
        assert!(each > 0.0 && each < 0.1, "{each}");
    }
}
