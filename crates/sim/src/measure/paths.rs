//! What lossy paths deliver without anything being sent again, and what tapped paths tell somebody who has stolen all
//! keys as well.

use super::session::Ends;
use super::wrong;
use crate::Error;
use bodywire_channels::{Cipher, Priority, Spread};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// Chances that a path loses a fragment; a tap misses as many. 9 % is what paper B prints for ten sensors.
pub const LOSSES: [f64; 4] = [0.01, 0.05, 0.09, 0.20];
/// The message that is tapped, in bytes: a report of some numbers.
pub const TAPPED_BYTES: usize = 96;
const WHAT: &str = "delivery over paths";

/// Ways to spread a message: one path, the paper's three slices, and two thresholds.
///
/// # Errors
/// [`Error::Misuse`] when one is outside the channels' limits, which they are not.
pub fn spreads() -> Result<Vec<Spread>, Error> {
    let slices = [1, 3].map(|n| Spread::split(Cipher::Aes128, n));
    let thresholds = [(2, 3), (3, 4)].map(|(k, n)| Spread::threshold(k, n));
    let all: Result<Vec<_>, _> = slices.into_iter().chain(thresholds).collect();
    all.map_err(|_| Error::Misuse("a spread is outside the limits"))
}

/// Decides what is lost.
struct Air {
    rng: ChaCha20Rng,
    lost_below: u32,
}

impl Air {
    fn new(loss: f64, seed: u64) -> Self {
        Self { rng: ChaCha20Rng::seed_from_u64(seed), lost_below: (loss * 4_294_967_296.0) as u32 }
    }

    fn loses(&mut self) -> bool {
        self.rng.next_u32() < self.lost_below
    }
}

/// Messages that opened at the clinic, of so many that were sent once.
///
/// # Errors
/// [`Error::Measured`] when a message is not what was sent.
pub fn delivered(spread: Spread, loss: f64, messages: u32, seed: u64) -> Result<u32, Error> {
    let mut ends = Ends::new(spread, seed)?;
    let mut air = Air::new(loss, seed);
    let mut opened = 0;
    for number in 0..messages {
        let message = number.to_be_bytes();
        // Emergencies do not wait for messages that were lost before them.
        for (path, fragment) in ends.hub.split(Priority::Emergency, &message)?.iter().enumerate() {
            if air.loses() {
                continue;
            }
            if let Some(back) = ends.clinic.join(path, fragment)? {
                if back != message {
                    return Err(wrong(WHAT, "a message is not what was sent"));
                }
                opened += 1;
            }
        }
        ends.clinic.wait();
    }
    Ok(opened)
}

/// What a tap got out of some messages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tapped {
    /// Messages.
    pub tries: u32,
    /// Those that opened whole.
    pub opened: u32,
    /// Share of all bytes that was learnt.
    pub bytes: f64,
}

/// What somebody gets out of messages who taps so many of the paths, misses some of what is on them, and has stolen all
/// keys.
///
/// # Errors
/// [`Error::Measured`] when what was learnt is not the message.
pub fn tapped(spread: Spread, loss: f64, tapped: usize, messages: u32, seed: u64) -> Result<Tapped, Error> {
    let mut ends = Ends::new(spread, seed)?;
    let mut air = Air::new(loss, seed);
    let (mut opened, mut bytes) = (0, 0);
    let message = [0x55; TAPPED_BYTES];
    for _ in 0..messages {
        let fragments = ends.hub.split(Priority::Routine, &message)?;
        let recorded: Vec<(usize, &[u8])> = fragments
            .iter()
            .enumerate()
            .take(tapped)
            .filter(|_| !air.loses())
            .map(|(path, fragment)| (path, fragment.as_slice()))
            .collect();
        let learnt = ends.hub.stolen(&recorded);
        let is_it = |offset: usize, run: &[u8]| message.get(offset..offset + run.len()) == Some(run);
        if !learnt.iter().all(|run| is_it(run.offset, &run.bytes)) {
            return Err(wrong(WHAT, "what was learnt is not the message"));
        }
        let known: usize = learnt.iter().map(|run| run.bytes.len()).sum();
        opened += u32::from(known == message.len());
        bytes += known;
    }
    let all = message.len() as f64 * f64::from(messages.max(1));
    Ok(Tapped { tries: messages, opened, bytes: bytes as f64 / all })
}

#[cfg(test)]
mod tests {
    use super::super::binomial;
    use super::*;

    #[test]
    fn what_is_delivered_agrees_with_the_binomial_law() {
        for spread in spreads().unwrap() {
            let expected = binomial::arrives(spread.n(), spread.k(), 0.09);
            let (low, high) = binomial::interval(300, expected, 0.001);
            let found = delivered(spread, 0.09, 300, 9).unwrap() as usize;
            assert!((low..=high).contains(&found), "{spread:?}: {found}");
        }
    }

    #[test]
    fn a_tap_learns_slices_one_by_one_and_nothing_below_a_threshold() {
        let all = spreads().unwrap();
        let bytes = |at: usize, paths| tapped(all[at], 0.0, paths, 3, 1).unwrap().bytes;
        assert!((0.3..0.5).contains(&bytes(1, 1)) && bytes(1, 3) == 1.0);
        assert_eq!((bytes(2, 1), bytes(2, 2)), (0.0, 1.0));
        assert_eq!((bytes(3, 2), bytes(3, 3)), (0.0, 1.0));
    }
}
