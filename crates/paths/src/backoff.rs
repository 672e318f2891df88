//! How long a path waits before it connects again.

use crate::Reason;
use std::time::Duration;

/// Pause after the first failure: a broker that restarts is back within a second.
pub const PAUSE_MIN: Duration = Duration::from_millis(250);
/// Longest pause: what a path that came back may stay unused, and rare enough for a broker with a thousand hubs.
pub const PAUSE_MAX: Duration = Duration::from_secs(15);
/// Shortest pause after the broker answered with a refusal: asking again at once would not change its mind.
pub const PAUSE_REFUSED_MIN: Duration = Duration::from_secs(2);
/// A connection that lasted this long was a good one, and the next failure counts as the first.
pub const STEADY: Duration = Duration::from_secs(2);
/// Doublings after which the pause is at its longest whatever the constants above are.
const DOUBLINGS_MAX: u32 = 16;

/// Pauses that double with each failure. Time and randomness are arguments.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The pause after a connection that lasted for `lasted` (nothing when it never came up) and ended for `reason`.
    /// `random` is a number from 0 to 1: each pause lies between half of its length and all of it, so that a thousand
    /// hubs that lost one broker do not come back at one moment.
    pub(crate) fn pause(&mut self, lasted: Duration, reason: &Reason, random: f64) -> Duration {
        if lasted >= STEADY {
            self.failures = 0;
        }
        let full = PAUSE_MIN.saturating_mul(1 << self.failures.min(DOUBLINGS_MAX)).min(PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        let full = if reason.is_refusal() { full.max(PAUSE_REFUSED_MIN * 2) } else { full };
        full.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::Refusal;

    const NEVER_UP: Duration = Duration::ZERO;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..40).map(|_| backoff.pause(NEVER_UP, &Reason::Timeout, 1.0)).collect();
        assert_eq!(pauses[..3], [PAUSE_MIN, PAUSE_MIN * 2, PAUSE_MIN * 4]);
        assert!(pauses.windows(2).all(|two| two[0] <= two[1]));
        assert_eq!(pauses.last(), Some(&PAUSE_MAX));
    }

    #[test]
    fn randomness_halves_a_pause_at_most() {
        for random in [f64::NEG_INFINITY, -1.0, 0.0] {
            assert_eq!(Backoff::default().pause(NEVER_UP, &Reason::Closed, random), PAUSE_MIN / 2);
        }
        assert_eq!(Backoff::default().pause(NEVER_UP, &Reason::Closed, 7.0), PAUSE_MIN);
    }

    #[test]
    fn a_connection_that_lasted_starts_over_and_a_short_one_does_not() {
        let mut backoff = Backoff::default();
        (0..9).for_each(|_| _ = backoff.pause(NEVER_UP, &Reason::Timeout, 1.0));
        assert_eq!(backoff.pause(STEADY / 2, &Reason::Closed, 1.0), PAUSE_MAX);
        assert_eq!(backoff.pause(STEADY, &Reason::Closed, 1.0), PAUSE_MIN);
    }

    #[test]
    fn a_refusal_is_never_asked_again_soon() {
        for random in [0.0, 0.5, 1.0] {
            let mut backoff = Backoff::default();
            for lasted in [NEVER_UP, STEADY, NEVER_UP] {
                let refused = backoff.pause(lasted, &Reason::Refused(Refusal::Login), random);
                assert!(refused >= PAUSE_REFUSED_MIN, "{refused:?}");
            }
        }
    }
}
