//! Paper M's Table 3 again: the delay of a sequence of 1200 bits, ten runs.

use super::throughput::Plain;
use crate::figure::Figure;
use crate::rounds::monotonic;
use bodywire_sim::measure::delay::{RUNS, Row, rows, take_turns};
use std::hint::black_box;

/// The first rows are ours.
const OURS: usize = 2;
/// Table 3: the mean delays that the paper prints for its own scheme and for the one it compares with.
const PAPER_OURS_S: f64 = 0.35;
const PAPER_ECC_S: f64 = 1.55;
/// Why there is no ratio with them.
const WHY: &str = "printed, of what is not said";
const SEED: u64 = 5;

/// Each scheme from the plaintext at one end to the plaintext at the other, with keys agreed and without a network.
/// The schemes take turns.
pub(crate) fn figures() -> Vec<Figure> {
    let mut plain = Plain::new(&[]);
    let mut rows = rows(SEED).expect("two ends agree");
    rows.push(Row::new("AES-256-GCM of aws-lc-rs", move |m| {
        plain.put(m);
        black_box(plain.round_trip());
        Ok(())
    }));
    take_turns(&mut rows, RUNS, SEED, monotonic).expect("every scheme gives back what it was given");
    let peers = rows.iter().skip(OURS).map(|row| (row.name.to_owned(), micros(row.mean())));
    let mut figures: Vec<Figure> = peers
        .flat_map(|(peer, mean)| {
            let figure =
                |row: &Row<'_>| Figure::new(named(row), "us", micros(row.mean()), peer.clone(), mean);
            rows.iter().take(OURS).map(figure).collect::<Vec<_>>()
        })
        .collect();
    let printed = [(PAPER_OURS_S, "paper M, ours"), (PAPER_ECC_S, "paper M, improved ECC")];
    figures.extend(rows.iter().skip(1).zip(printed).map(|(row, (seconds, whose))| Figure {
        ratio: None,
        ..Figure::new(named(row), "us", micros(row.mean()), format!("{whose} ({WHY})"), seconds * 1e6)
    }));
    figures.extend(rows.iter().flat_map(ten));
    figures
}

const fn micros(seconds: f64) -> f64 {
    seconds * 1e6
}

fn named(row: &Row<'_>) -> String {
    format!("1200 bits, {}, mean of {RUNS}", row.name)
}

/// The ten values beside their mean.
fn ten<'a>(row: &'a Row<'_>) -> impl Iterator<Item = Figure> + 'a {
    let mean = micros(row.mean());
    row.seconds.iter().zip(1..).map(move |(time, run)| {
        Figure::new(
            format!("1200 bits, {}, run {run}", row.name),
            "us",
            micros(*time),
            "its mean".to_owned(),
            mean,
        )
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
