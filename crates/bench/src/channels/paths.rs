//! What lossy paths deliver without anything being sent again, beside the binomial prediction.

use super::Ends;
use crate::figure::Figure;
use crate::predict;
use bodywire_channels::Spread;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// Chance that a path loses a fragment.
const LOSSES: [f64; 4] = [0.01, 0.05, 0.09, 0.20];
/// Chance that a sound implementation falls out of the interval in any cell of the table: the 95 % hold for all cells
/// together, or one table in two would be called wrong.
const OUTSIDE: f64 = 0.05;

/// Ways to spread a message.
fn spreads() -> Vec<Spread> {
    [(2, 3), (3, 4)].map(|(k, n)| Spread::threshold(k, n).expect("within the limits")).to_vec()
}

/// Every cell. False when one is not what the binomial law allows.
pub(crate) fn figures(messages: u32) -> (Vec<Figure>, bool) {
    let spreads = spreads();
    let outside = OUTSIDE / (LOSSES.len() * spreads.len()) as f64;
    let (mut figures, mut sound) = (Vec::new(), true);
    for spread in spreads {
        for loss in LOSSES {
            let delivered = delivered(spread, loss, messages);
            let expected = arrives(spread, loss);
            let (low, high) = predict::interval(messages as usize, expected, outside);
            sound &= (low..=high).contains(&(delivered as usize));
            let share = |count: usize| count as f64 / f64::from(messages);
            let name = format!("{} of {}, {:.0} % lost, delivered", spread.k(), spread.n(), 100.0 * loss);
            let peer = format!("binomial, {:.5} to {:.5}", share(low), share(high));
            figures.push(Figure::new(name, "share", share(delivered as usize), peer, expected));
        }
    }
    (figures, sound)
}

/// Chance that at least `k` of `n` fragments arrive.
fn arrives(spread: Spread, loss: f64) -> f64 {
    // More than k - 1 of n arrive when each does with probability 1 - loss.
    predict::tail(spread.n(), spread.k() - 1, 1.0 - loss)
}

/// Messages that opened at the clinic, of so many that were sent once.
fn delivered(spread: Spread, loss: f64, messages: u32) -> u32 {
    let mut ends = Ends::new(spread);
    let mut air = ChaCha20Rng::seed_from_u64(9);
    let lost_below = (loss * 4_294_967_296.0) as u32;
    let mut opened = 0;
    for number in 0..messages {
        let message = number.to_be_bytes();
        for (path, fragment) in ends.hub.split(&message).iter().enumerate() {
            let lost = air.next_u32() < lost_below;
            if !lost && let Some(back) = ends.clinic.join(path, fragment) {
                assert_eq!(back, message, "a message is what was sent");
                opened += 1;
            }
        }
        ends.clinic.wait();
    }
    opened
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prediction_is_the_one_of_the_literature() {
        let at = |k, n| arrives(Spread::threshold(k, n).unwrap(), 0.09);
        assert!((at(2, 3) - 0.977).abs() < 5e-4 && (at(3, 4) - 0.957).abs() < 5e-4);
    }

    #[test]
    fn what_is_delivered_agrees_with_it() {
        let (figures, sound) = figures(500);
        assert!(sound, "{figures:?}");
    }
}
