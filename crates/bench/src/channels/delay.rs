//! Paper M's Table 3 again: the delay of a sequence of 1200 bits, ten runs.

use super::Ends;
use super::improved_ecc::Keys;
use super::throughput::Plain;
use crate::figure::Figure;
use bodywire_channels::{Cipher, Spread};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::hint::black_box;
use std::time::Instant;

/// 1200 bits.
const MESSAGE_BYTES: usize = 150;
const RUNS: usize = 10;
/// The first rows are ours.
const OURS: usize = 2;
/// Table 3: the mean delays that the paper prints for its own scheme and for the one it compares with.
const PAPER_OURS_S: f64 = 0.35;
const PAPER_ECC_S: f64 = 1.55;
/// Why there is no ratio with them.
const WHY: &str = "printed, of what is not said";

/// Takes a message from one end to the other.
type Run<'a> = Box<dyn FnMut(&[u8]) + 'a>;

/// A scheme and its ten times, in microseconds.
struct Row<'a> {
    name: String,
    run: Run<'a>,
    times: Vec<f64>,
}

impl<'a> Row<'a> {
    fn new(name: impl Into<String>, run: impl FnMut(&[u8]) + 'a) -> Self {
        Self { name: name.into(), run: Box::new(run), times: Vec::new() }
    }

    fn mean(&self) -> f64 {
        self.times.iter().sum::<f64>() / self.times.len() as f64
    }
}

/// Each scheme from the plaintext at one end to the plaintext at the other, with keys agreed and without a network.
/// The schemes take turns. A turn before the ten is not counted: it pays for what is set up once.
pub(crate) fn figures() -> Vec<Figure> {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let (ecc, mut nonces) = (Keys::random(&mut rng), ChaCha20Rng::seed_from_u64(6));
    let (mut threshold, mut plain) = (Ends::new(Spread::TWO_OF_THREE), Plain::new(&[]));
    let mut split = Ends::new(Spread::split(Cipher::Aes128, 3).expect("three paths"));
    let mut rows = [
        Row::new("threshold, 2 of 3", move |m| {
            black_box(threshold.round_trip(m));
        }),
        Row::new("paper M's slices, AES-128, 3 of 3", move |m| {
            black_box(split.round_trip(m));
        }),
        Row::new("improved ECC (reconstructed)", move |m| {
            let points = ecc.encrypt(m, &mut nonces);
            assert_eq!(black_box(ecc.decrypt(&points, m.len())).as_deref(), Some(m));
        }),
        Row::new("AES-256-GCM of aws-lc-rs", move |m| {
            plain.put(m);
            black_box(plain.round_trip());
        }),
    ];
    for turn in 0..=RUNS {
        let mut message = [0; MESSAGE_BYTES];
        rng.fill_bytes(&mut message);
        for row in &mut rows {
            let begun = Instant::now();
            (row.run)(&message);
            if turn > 0 {
                row.times.push(begun.elapsed().as_secs_f64() * 1e6);
            }
        }
    }
    let peers = rows.iter().skip(OURS).map(|row| (row.name.clone(), row.mean()));
    let mut figures: Vec<Figure> = peers
        .flat_map(|(peer, mean)| {
            let figure = |row: &Row<'_>| Figure::new(named(row), "us", row.mean(), peer.clone(), mean);
            rows.iter().take(OURS).map(figure).collect::<Vec<_>>()
        })
        .collect();
    let printed = [(PAPER_OURS_S, "paper M, ours"), (PAPER_ECC_S, "paper M, improved ECC")];
    figures.extend(rows.iter().skip(1).zip(printed).map(|(row, (seconds, whose))| Figure {
        ratio: None,
        ..Figure::new(named(row), "us", row.mean(), format!("{whose} ({WHY})"), seconds * 1e6)
    }));
    figures.extend(rows.iter().flat_map(ten));
    figures
}

fn named(row: &Row<'_>) -> String {
    format!("1200 bits, {}, mean of {RUNS}", row.name)
}

/// The ten values beside their mean.
fn ten<'a>(row: &'a Row<'_>) -> impl Iterator<Item = Figure> + 'a {
    let mean = row.mean();
    row.times.iter().zip(1..).map(move |(time, run)| {
        Figure::new(format!("1200 bits, {}, run {run}", row.name), "us", *time, "its mean".to_owned(), mean)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_has_ten_runs_and_the_paper_no_ratio() {
        let figures = figures();
        for scheme in ["threshold", "slices", "improved ECC", "AES-256-GCM"] {
            let runs = figures.iter().filter(|f| f.name.contains(scheme) && f.name.contains(", run "));
            assert_eq!(runs.count(), RUNS, "{scheme}");
        }
        assert!(figures.iter().filter(|f| f.peer.starts_with("paper M")).all(|f| f.ratio.is_none()));
    }
}
