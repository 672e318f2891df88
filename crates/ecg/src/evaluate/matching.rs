//! Which detected beat belongs to which reference beat.
//!
//! Of two rivals for one partner the closer one gets it, the earlier one when both are as close; a rival that has a
//! closer partner of its own is none. Taking the first detection within the window instead gives nearly the same counts,
//! but wrong pairs: a stray detection on the P wave, 140 ms early, would take the beat and leave the true detection over,
//! and the class and the time error of the pair would be those of the stray.

#![deny(clippy::indexing_slicing)]

/// What became of one beat. The numbers are positions in the two series, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// A detection of a reference beat.
    Pair {
        /// The reference beat.
        reference: usize,
        /// The detection.
        detected: usize,
    },
    /// A reference beat that was not detected.
    Missed {
        /// The reference beat.
        reference: usize,
    },
    /// A detection without a reference beat.
    Extra {
        /// The detection.
        detected: usize,
    },
}

/// A series, seen three beats ahead.
#[derive(Debug, Clone)]
struct Ahead<I> {
    rest: I,
    next: [Option<u64>; 3],
    taken: usize,
}

impl<I: Iterator<Item = u64>> Ahead<I> {
    fn new(mut rest: I) -> Self {
        let next = [rest.next(), rest.next(), rest.next()];
        Self { rest, next, taken: 0 }
    }

    /// Takes the first beat and gives its number.
    fn take(&mut self) -> usize {
        let [_, second, third] = self.next;
        self.next = [second, third, self.rest.next()];
        let number = self.taken;
        self.taken += 1;
        number
    }
}

/// Iterator over what became of the beats of two series; made by [`match_beats`]. Each beat comes up once, and those of
/// each series in their order.
#[derive(Debug, Clone)]
pub struct Matches<R, D> {
    reference: Ahead<R>,
    detected: Ahead<D>,
    tolerance: u64,
}

/// Matches two ascending series of sample indices; a pair is at most `tolerance` samples apart (EC57: 150 ms). Works on
/// streams of any length, three beats ahead.
pub fn match_beats<R, D>(reference: R, detected: D, tolerance: u64) -> Matches<R::IntoIter, D::IntoIter>
where
    R: IntoIterator<Item = u64>,
    D: IntoIterator<Item = u64>,
{
    Matches {
        reference: Ahead::new(reference.into_iter()),
        detected: Ahead::new(detected.into_iter()),
        tolerance,
    }
}

/// Whether two beats are there and strictly closer to each other than `gap`.
fn closer(a: Option<u64>, b: Option<u64>, gap: u64) -> bool {
    a.zip(b).is_some_and(|(a, b)| a.abs_diff(b) < gap)
}

/// Whether `beat` wants `partner`, which someone at a distance of `gap` would have, too: it is closer, and there is no
/// `other` partner that is closer still.
fn wants(beat: Option<u64>, partner: u64, gap: u64, other: Option<u64>) -> bool {
    beat.is_some_and(|beat| {
        beat.abs_diff(partner) < gap && !closer(other, Some(beat), beat.abs_diff(partner))
    })
}

impl<R: Iterator<Item = u64>, D: Iterator<Item = u64>> Iterator for Matches<R, D> {
    type Item = Match;

    fn next(&mut self) -> Option<Match> {
        let [r0, r1, _] = self.reference.next;
        let [d0, d1, d2] = self.detected.next;
        let (r, d) = match (r0, d0) {
            (Some(r), Some(d)) => (r, d),
            (Some(_), None) => return Some(Match::Missed { reference: self.reference.take() }),
            (None, Some(_)) => return Some(Match::Extra { detected: self.detected.take() }),
            (None, None) => return None,
        };
        let gap = r.abs_diff(d);
        if d <= r {
            // The next detection may suit this beat better, unless the next beat wants that one.
            let wanted = d1.is_some_and(|d1| wants(r1, d1, r.abs_diff(d1), d2));
            if gap > self.tolerance || (closer(d1, r0, gap) && !wanted) {
                return Some(Match::Extra { detected: self.detected.take() });
            }
        } else if gap > self.tolerance || wants(r1, d, gap, d1) {
            return Some(Match::Missed { reference: self.reference.take() });
        }
        Some(Match::Pair { reference: self.reference.take(), detected: self.detected.take() })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn pairs(reference: &[u64], detected: &[u64], tolerance: u64) -> Vec<(usize, usize)> {
        match_beats(reference.iter().copied(), detected.iter().copied(), tolerance)
            .filter_map(|m| match m {
                Match::Pair { reference, detected } => Some((reference, detected)),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn the_closer_rival_wins() {
        // A stray detection before the true one, and one behind it.
        assert_eq!(pairs(&[100], &[91, 101, 109], 10), [(0, 1)]);
        // Two beats, one detection.
        assert_eq!(pairs(&[100, 108], &[106], 10), [(1, 0)]);
        assert_eq!(pairs(&[100, 108], &[103], 10), [(0, 0)]);
        // As close: the earlier one.
        assert_eq!(
            (pairs(&[100], &[95, 105], 10), pairs(&[100, 110], &[105], 10)),
            (Vec::from([(0, 0)]), Vec::from([(0, 0)]))
        );
        // The second detection suits the first beat, but the second beat more.
        assert_eq!(pairs(&[100, 106], &[92, 105], 10), [(0, 0), (1, 1)]);
        // The first detection suits the second beat, which has a better one.
        assert_eq!(pairs(&[100, 106], &[104, 106], 10), [(0, 0), (1, 1)]);
        assert_eq!((pairs(&[100], &[110], 10), pairs(&[100], &[111], 10)), (Vec::from([(0, 0)]), Vec::new()));
    }

    fn ascending(max: u64) -> impl Strategy<Value = Vec<u64>> {
        prop::collection::vec(0..max, 0..30).prop_map(|mut beats| {
            beats.sort_unstable();
            beats
        })
    }

    proptest! {
        #[test]
        fn every_beat_comes_up_once_and_pairs_are_close(
            r in ascending(600), d in ascending(600), tolerance in 0u64..60,
        ) {
            let (mut next_r, mut next_d) = (0, 0);
            for m in match_beats(r.iter().copied(), d.iter().copied(), tolerance) {
                if let Match::Pair { reference, .. } | Match::Missed { reference } = m {
                    prop_assert_eq!(reference, next_r);
                    next_r += 1;
                }
                if let Match::Pair { detected, .. } | Match::Extra { detected } = m {
                    prop_assert_eq!(detected, next_d);
                    next_d += 1;
                }
                if let Match::Pair { reference, detected } = m {
                    prop_assert!(r[reference].abs_diff(d[detected]) <= tolerance);
                }
            }
            prop_assert_eq!((next_r, next_d), (r.len(), d.len()));
        }

        /// Where no two beats of a series are within twice the tolerance, a partner has no rival.
        #[test]
        fn without_rivals_every_possible_pair_is_made(
            steps in prop::collection::vec((21u64..60, 0u64..=20, any::<bool>()), 0..30),
        ) {
            let mut at = 0;
            let (mut r, mut d) = (Vec::new(), Vec::new());
            for (step, shift, seen) in steps {
                at += step + 20;
                r.push(at);
                if seen {
                    d.push(at + shift - 10);
                }
            }
            prop_assert_eq!(pairs(&r, &d, 10).len(), d.len());
            prop_assert_eq!(pairs(&d, &r, 10).len(), d.len());
        }
    }
}
