//! Challenges: given out once, to one session, for a minute.

use bodywire_proto::access::request::{CHALLENGE_AGE_MAX_MS, Challenge};
use std::collections::VecDeque;

/// Challenges that are remembered: a ward of screens that ask for all their beds at once. Beyond it the oldest is forgotten,
/// and whoever has it asks again.
const CHALLENGES_MAX: usize = 4_096;

#[derive(Debug, Clone, Copy)]
struct Given {
    challenge: [u8; 16],
    serial: u64,
    at_ms: u64,
    used: bool,
}

/// What was given out.
#[derive(Debug, Default)]
pub(super) struct Challenges {
    given: VecDeque<Given>,
}

impl Challenges {
    pub(super) fn give(&mut self, challenge: [u8; 16], serial: u64, now_ms: u64) {
        while self
            .given
            .front()
            .is_some_and(|given| now_ms.saturating_sub(given.at_ms) > CHALLENGE_AGE_MAX_MS)
            || self.given.len() >= CHALLENGES_MAX
        {
            self.given.pop_front();
        }
        self.given.push_back(Given { challenge, serial, at_ms: now_ms, used: false });
    }

    /// What is known of a challenge that comes back with this certificate; from now on it is used.
    pub(super) fn take(&mut self, challenge: &[u8; 16], serial: u64, now_ms: u64) -> Challenge {
        let given =
            self.given.iter_mut().find(|given| given.challenge == *challenge && given.serial == serial);
        match given {
            None => Challenge::of(None, false, now_ms),
            Some(given) => {
                let used = std::mem::replace(&mut given.used, true);
                Challenge::of(Some(given.at_ms), used, now_ms)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_once_for_its_session_and_for_a_minute() {
        let mut challenges = Challenges::default();
        challenges.give([1; 16], 7, 1_000);
        assert_eq!(challenges.take(&[1; 16], 8, 1_000), Challenge::Unknown);
        assert_eq!(challenges.take(&[2; 16], 7, 1_000), Challenge::Unknown);
        assert_eq!(challenges.take(&[1; 16], 7, 1_000), Challenge::Fresh);
        assert_eq!(challenges.take(&[1; 16], 7, 1_000), Challenge::Replayed);
        challenges.give([3; 16], 7, 1_000);
        assert_eq!(challenges.take(&[3; 16], 7, 1_001 + CHALLENGE_AGE_MAX_MS), Challenge::Expired);
    }

    #[test]
    fn a_flood_of_them_is_bounded() {
        let mut challenges = Challenges::default();
        for n in 0..3 * CHALLENGES_MAX as u64 {
            challenges.give(u128::from(n).to_be_bytes(), 7, 1_000);
        }
        assert_eq!(challenges.given.len(), CHALLENGES_MAX);
    }
}
