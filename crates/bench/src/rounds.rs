//! Two things measured side by side: in short turns, so that whatever else the machine does falls on both.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// How long one turn takes. Long against the clock's own cost, short against a neighbour's job.
const TURN: Duration = Duration::from_millis(20);

/// Time since the first call, by a clock that never goes back.
pub(crate) fn monotonic() -> Duration {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGUN.elapsed()
}

/// What came out.
pub(crate) struct SideBySide {
    /// Our operations a second, the median of all turns.
    pub(crate) ours: f64,
    /// The peer's.
    pub(crate) peer: f64,
    /// The median of the turns' ratios, which is steadier than the ratio of the medians.
    pub(crate) ratio: f64,
}

/// Runs both in turns until `seconds` have gone by.
pub(crate) fn side_by_side(seconds: f64, mut ours: impl FnMut(), mut peer: impl FnMut()) -> SideBySide {
    let (our_batch, peer_batch) = (batch(&mut ours), batch(&mut peer));
    let turns = (seconds / (2.0 * TURN.as_secs_f64())).ceil().max(3.0) as usize;
    let rates: Vec<(f64, f64)> =
        (0..turns).map(|_| (turn(our_batch, &mut ours), turn(peer_batch, &mut peer))).collect();
    SideBySide {
        ours: median(rates.iter().map(|(ours, _)| *ours).collect()),
        peer: median(rates.iter().map(|(_, peer)| *peer).collect()),
        ratio: median(rates.iter().map(|(ours, peer)| ours / peer).collect()),
    }
}

/// How many calls make a tenth of a turn: the clock is read once in so many.
fn batch(call: &mut impl FnMut()) -> u32 {
    let mut calls = 1u32;
    loop {
        let begun = Instant::now();
        (0..calls).for_each(|_| call());
        if begun.elapsed() * 10 >= TURN {
            return calls;
        }
        calls = calls.saturating_mul(2);
    }
}

fn turn(batch: u32, call: &mut impl FnMut()) -> f64 {
    let begun = Instant::now();
    let mut calls = 0u32;
    while begun.elapsed() < TURN {
        (0..batch).for_each(|_| call());
        calls += batch;
    }
    f64::from(calls) / begun.elapsed().as_secs_f64()
}

/// The middle value; of an even number the upper one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_not_moved_by_one_bad_turn() {
        assert_eq!(median(vec![3.0, 1e9, 1.0, 2.0, 2.5]), 2.5);
        assert!(median(vec![]).is_nan());
    }
}
