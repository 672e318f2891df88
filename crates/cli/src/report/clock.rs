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

/// So long has this thread been on a processor, the system's part included: other programs on the machine do not count. Read
/// by a call of the system, which costs a fraction of a microsecond.
pub(crate) fn processor() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(time.tv_sec.unsigned_abs(), nanos)
}

/// How long one turn takes at least, so that reading the clock costs nothing beside it.
const TURN: Duration = Duration::from_millis(2);
/// Turns of which the median is a figure at all.
const TURNS_MIN: usize = 3;

/// Measures each call for so many seconds, by its time on a processor.
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
            let (before, mut calls, mut taken) = (processor(), 0u32, Duration::ZERO);
            while taken < TURN {
                call()?;
                calls += 1;
                taken = processor().saturating_sub(before);
            }
            turns.push(taken.as_secs_f64() / f64::from(calls));
        }
        Ok(quartiles(&turns))
    }
}

impl Stopwatch for Watch {
    fn seconds_each(&self, call: &mut dyn FnMut() -> Result<(), Error>) -> Result<f64, Error> {
        Ok(self.quartiles(call)?.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_does_not_count_and_work_does() {
        let before = processor();
        std::thread::sleep(Duration::from_millis(30));
        assert!(processor() - before < Duration::from_millis(20));
        let (low, middle, high) = Watch { seconds: 0.0 }
            .quartiles(|| {
                std::hint::black_box((0..1_000u64).fold(0, |sum, x| std::hint::black_box(sum ^ x)));
                Ok::<(), ()>(())
            })
            .unwrap();
        assert!(0.0 < low && low <= middle && middle <= high);
    }
}
