//! What lossy paths deliver without anything being sent again, and what tapped paths tell somebody who has stolen all
//! keys as well, beside the binomial prediction.

use crate::figure::Figure;
use bodywire_sim::measure::binomial::{arrives, interval};
use bodywire_sim::measure::paths::{LOSSES, delivered, spreads, tapped};
use bodywire_sim::measure::session::named;

/// Chance that a sound implementation falls out of the interval in any cell of the table: the 95 % hold for all cells
/// together, or one table in two would be called wrong.
const OUTSIDE: f64 = 0.05;
/// A tapped message costs an attack each; so many in one of those that are sent.
const TAPPED_EVERY: u32 = 10;
const SEED: u64 = 9;

/// Every cell. False when one is not what the binomial law allows.
pub(crate) fn figures(messages: u32) -> (Vec<Figure>, bool) {
    let spreads = spreads().expect("within the limits");
    let cells: usize = spreads.iter().map(|spread| LOSSES.len() * (spread.n() + 2)).sum();
    let outside = OUTSIDE / cells as f64;
    let (mut figures, mut sound) = (Vec::new(), true);
    let mut cell = |name: String, of: u32, found: u32, expected: f64| {
        let (low, high) = interval(of as usize, expected, outside);
        sound &= (low..=high).contains(&(found as usize));
        let share = |count: usize| count as f64 / f64::from(of);
        let peer = format!("binomial, {:.5} to {:.5}", share(low), share(high));
        figures.push(Figure::new(name, "share", share(found as usize), peer, expected));
    };
    for spread in spreads {
        for loss in LOSSES {
            let (way, percent) = (named(spread), 100.0 * loss);
            let arrived = delivered(spread, loss, messages, SEED).expect("honest ends");
            let expected = arrives(spread.n(), spread.k(), loss);
            cell(format!("{way}, {percent:.0} % lost, delivered"), messages, arrived, expected);
            for paths in 0..=spread.n() {
                let got = tapped(spread, loss, paths, messages / TAPPED_EVERY, SEED)
                    .expect("what was learnt is the message");
                let bytes = got.bytes;
                let name =
                    format!("{way}, {percent:.0} % lost, {paths} tapped, opened ({bytes:.2} of the bytes)");
                cell(name, got.tries, got.opened, arrives(paths, spread.k(), loss));
            }
        }
    }
    (figures, sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_delivered_agrees_with_it() {
        let (figures, sound) = figures(300);
        assert!(sound, "{figures:?}");
    }
}
