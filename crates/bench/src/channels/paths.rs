//! What lossy paths deliver without anything being sent again, and what tapped paths tell somebody who has stolen all
//! keys as well, beside the binomial prediction.

use super::{Ends, named};
use crate::figure::Figure;
use crate::predict;
use bodywire_channels::{Cipher, Priority, Spread};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// Chance that a path loses a fragment; a tap misses as many.
const LOSSES: [f64; 4] = [0.01, 0.05, 0.09, 0.20];
/// Chance that a sound implementation falls out of the interval in any cell of the table: the 95 % hold for all cells
/// together, or one table in two would be called wrong.
const OUTSIDE: f64 = 0.05;
/// A tapped message costs an attack each; so many in one of those that are sent.
const TAPPED_EVERY: u32 = 10;

/// Ways to spread a message: one path, the paper's three slices, and two thresholds.
fn spreads() -> Vec<Spread> {
    let slices = [1, 3].map(|n| Spread::split(Cipher::Aes128, n));
    let thresholds = [(2, 3), (3, 4)].map(|(k, n)| Spread::threshold(k, n));
    slices.into_iter().chain(thresholds).map(|spread| spread.expect("within the limits")).collect()
}

/// Every cell. False when one is not what the binomial law allows.
pub(crate) fn figures(messages: u32) -> (Vec<Figure>, bool) {
    let spreads = spreads();
    let cells: usize = spreads.iter().map(|spread| LOSSES.len() * (spread.n() + 2)).sum();
    let outside = OUTSIDE / cells as f64;
    let (mut figures, mut sound) = (Vec::new(), true);
    let mut cell = |name: String, of: u32, found: u32, expected: f64| {
        let (low, high) = predict::interval(of as usize, expected, outside);
        sound &= (low..=high).contains(&(found as usize));
        let share = |count: usize| count as f64 / f64::from(of);
        let peer = format!("binomial, {:.5} to {:.5}", share(low), share(high));
        figures.push(Figure::new(name, "share", share(found as usize), peer, expected));
    };
    for spread in spreads {
        for loss in LOSSES {
            let (way, percent) = (named(spread), 100.0 * loss);
            let delivered = delivered(spread, loss, messages);
            cell(
                format!("{way}, {percent:.0} % lost, delivered"),
                messages,
                delivered,
                arrives(spread.n(), spread.k(), loss),
            );
            for tapped in 0..=spread.n() {
                let (tries, opened, bytes) = tapped_opens(spread, loss, tapped, messages / TAPPED_EVERY);
                let name =
                    format!("{way}, {percent:.0} % lost, {tapped} tapped, opened ({bytes:.2} of the bytes)");
                cell(name, tries, opened, arrives(tapped, spread.k(), loss));
            }
        }
    }
    (figures, sound)
}

/// Chance that at least `k` of `n` fragments arrive.
fn arrives(n: usize, k: usize, loss: f64) -> f64 {
    // More than k - 1 of n arrive when each does with probability 1 - loss.
    if n < k { 0.0 } else { predict::tail(n, k - 1, 1.0 - loss) }
}

/// Decides what is lost.
struct Air {
    rng: ChaCha20Rng,
    lost_below: u32,
}

impl Air {
    fn new(loss: f64) -> Self {
        Self { rng: ChaCha20Rng::seed_from_u64(9), lost_below: (loss * 4_294_967_296.0) as u32 }
    }

    fn loses(&mut self) -> bool {
        self.rng.next_u32() < self.lost_below
    }
}

/// Messages that opened at the clinic, of so many that were sent once.
fn delivered(spread: Spread, loss: f64, messages: u32) -> u32 {
    let mut ends = Ends::new(spread);
    let mut air = Air::new(loss);
    let mut opened = 0;
    for number in 0..messages {
        let message = number.to_be_bytes();
        // Emergencies do not wait for messages that were lost before them.
        for (path, fragment) in ends.hub.split_as(Priority::Emergency, &message).iter().enumerate() {
            if !air.loses()
                && let Some(back) = ends.clinic.join(path, fragment)
            {
                assert_eq!(back, message, "a message is what was sent");
                opened += 1;
            }
        }
        ends.clinic.wait();
    }
    opened
}

/// Tries, messages opened whole, and the share of their bytes that was learnt, by somebody who taps so many paths, misses
/// some of what is on them, and has stolen all keys.
fn tapped_opens(spread: Spread, loss: f64, tapped: usize, messages: u32) -> (u32, u32, f64) {
    let mut ends = Ends::new(spread);
    let mut air = Air::new(loss);
    let (mut opened, mut bytes) = (0, 0);
    let message = [0x55; 96];
    for _ in 0..messages {
        let fragments = ends.hub.split(&message);
        let recorded: Vec<(usize, &[u8])> = fragments
            .iter()
            .enumerate()
            .take(tapped)
            .filter(|_| !air.loses())
            .map(|(path, fragment)| (path, fragment.as_slice()))
            .collect();
        let learnt = ends.hub.stolen(&recorded);
        assert!(
            learnt.iter().all(|run| run.bytes == message[run.offset..][..run.bytes.len()]),
            "it is the message"
        );
        let known: usize = learnt.iter().map(|run| run.bytes.len()).sum();
        opened += u32::from(known == message.len());
        bytes += known;
    }
    (messages, opened, bytes as f64 / (message.len() as f64 * f64::from(messages.max(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prediction_is_the_one_of_the_literature() {
        let at = |k, n| arrives(n, k, 0.09);
        assert!((at(2, 3) - 0.977).abs() < 5e-4 && (at(3, 4) - 0.957).abs() < 5e-4);
    }

    #[test]
    fn what_is_delivered_agrees_with_it() {
        let (figures, sound) = figures(300);
        assert!(sound, "{figures:?}");
    }
}
