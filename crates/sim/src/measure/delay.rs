//! Paper M's Table 3: a sequence of 1200 bits from the plaintext at one end to the plaintext at the other, ten times.

use super::session::Ends;
use super::{Clock, wrong};
use crate::Error;
use crate::schemes::improved_ecc::Keys;
use bodywire_channels::{Cipher, Spread};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::hint::black_box;

/// 1200 bits.
pub const MESSAGE_BYTES: usize = 150;
/// The table has ten rows.
pub const RUNS: usize = 10;
const WHAT: &str = "the delay of 1200 bits";

/// Takes a message from one end to the other.
type Run<'a> = Box<dyn FnMut(&[u8]) -> Result<(), Error> + 'a>;

/// A scheme and its times.
pub struct Row<'a> {
    /// What it is.
    pub name: &'static str,
    run: Run<'a>,
    /// Seconds of each run.
    pub seconds: Vec<f64>,
}

impl<'a> Row<'a> {
    /// A scheme that has not run yet.
    pub fn new(name: &'static str, run: impl FnMut(&[u8]) -> Result<(), Error> + 'a) -> Self {
        Self { name, run: Box::new(run), seconds: Vec::new() }
    }

    /// Mean of the runs, in seconds.
    pub fn mean(&self) -> f64 {
        self.seconds.iter().sum::<f64>() / self.seconds.len().max(1) as f64
    }
}

/// Ours, paper M's own with AES-128, and the elliptic-curve method that it compares itself with, in this order. Keys are
/// agreed and there is no network.
///
/// # Errors
/// [`Error::Measured`] when a session cannot be made.
pub fn rows(seed: u64) -> Result<Vec<Row<'static>>, Error> {
    let ecc = Keys::random(&mut ChaCha20Rng::seed_from_u64(seed))?;
    let mut nonces = ChaCha20Rng::seed_from_u64(seed ^ 1);
    let mut threshold = Ends::new(Spread::TWO_OF_THREE, seed)?;
    let slices = Spread::split(Cipher::Aes128, 3).map_err(|_| Error::Misuse("three paths"))?;
    let mut split = Ends::new(slices, seed)?;
    Ok(vec![
        Row::new("threshold, 2 of 3", move |m| threshold.round_trip(m).map(|back| drop(black_box(back)))),
        Row::new("paper M's slices, AES-128, 3 of 3", move |m| {
            split.round_trip(m).map(|back| drop(black_box(back)))
        }),
        Row::new("improved ECC (reconstructed)", move |m| {
            let points = ecc.encrypt(m, &mut nonces)?;
            let back = black_box(ecc.decrypt(&points, m.len()));
            if back.as_deref() == Some(m) { Ok(()) } else { Err(wrong(WHAT, "it did not decrypt")) }
        }),
    ])
}

/// Runs the rows `runs` times in turns, each time with another message. A turn before them is not counted: it pays for
/// what is set up once.
///
/// # Errors
/// The first that a row returns.
pub fn take_turns(rows: &mut [Row<'_>], runs: usize, seed: u64, clock: Clock) -> Result<(), Error> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    for turn in 0..=runs {
        let mut message = [0; MESSAGE_BYTES];
        rng.fill_bytes(&mut message);
        for row in &mut *rows {
            let begun = clock();
            (row.run)(&message)?;
            if turn > 0 {
                row.seconds.push(clock().saturating_sub(begun).as_secs_f64());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn every_scheme_has_its_runs() {
        let mut rows = rows(5).unwrap();
        take_turns(&mut rows, RUNS, 6, || Duration::ZERO).unwrap();
        assert!(rows.len() == 3 && rows.iter().all(|row| row.seconds.len() == RUNS && row.mean() == 0.0));
    }
}
