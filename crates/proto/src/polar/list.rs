//! Successive cancellation, with one path and, when that fails, with a list of sixteen (Tal and Vardy, "List Decoding
//! of Polar Codes", IEEE Trans. Inf. Theory 61(5), 2015).
//!
//! The hub runs this, not the sensor: it needs up to 70 KiB of stack.

use super::{Code, LENGTH_BYTES_MAX};
use core::cmp::Ordering;

/// Paths of the second try. 16 halves the failures of 8; 32 gains little more and costs twice the time.
pub const LIST_PATHS: usize = 16;

/// The sign bit of a belief: minus says one.
const ONE: u32 = 0x8000_0000;

impl Code {
    /// Looks for words of the code near `noisy`, which must be of the code's length: calls `accept` with candidates,
    /// likeliest first, until it takes one. True when it did. At most `1 +` [`LIST_PATHS`] candidates are offered.
    pub fn decode(&self, noisy: &[u8], mut accept: impl FnMut(&[u8]) -> bool) -> bool {
        match self.length_bytes() {
            32 => {
                self.search::<256, 1>(noisy, &mut accept)
                    || self.search::<256, LIST_PATHS>(noisy, &mut accept)
            }
            _ => {
                self.search::<512, 1>(noisy, &mut accept)
                    || self.search::<512, LIST_PATHS>(noisy, &mut accept)
            }
        }
    }

    fn search<const N: usize, const L: usize>(
        &self,
        noisy: &[u8],
        accept: &mut impl FnMut(&[u8]) -> bool,
    ) -> bool {
        let mut received = [0.0f32; N];
        for (bits, byte) in received.chunks_exact_mut(8).zip(noisy) {
            for (i, belief) in bits.iter_mut().enumerate() {
                *belief = if byte >> i & 1 == 0 { self.belief } else { -self.belief };
            }
        }
        let mut list = [Path::<N>::EMPTY; L];
        let mut len = 1;
        for i in 0..N {
            for path in list.iter_mut().take(len) {
                path.descend(&received, i);
            }
            if self.carries_information(i) {
                len = fork(&mut list, len, i);
            } else {
                for path in list.iter_mut().take(len) {
                    path.penalty = path.penalty_of(0);
                    path.decide(i, 0);
                }
            }
        }
        let found = list.get_mut(..len).unwrap_or(&mut []);
        found.sort_unstable_by(|a, b| a.penalty.partial_cmp(&b.penalty).unwrap_or(Ordering::Equal));
        found.iter().any(|path| {
            let mut word = [0u8; LENGTH_BYTES_MAX];
            for (byte, bits) in word.iter_mut().zip(path.left.chunks_exact(8)) {
                *byte = bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit == ONE));
            }
            word.get(..self.length_bytes()).is_some_and(&mut *accept)
        })
    }
}

/// One path: the decisions so far, as code words of the decided subtrees, and the beliefs they lead to.
///
/// Row `s` is places `2^s` to `2^(s+1)` and belongs to the node of size `2^s` on the way to the present leaf. The
/// uppermost row, of size `N`, is what was received and the same for all paths.
#[derive(Clone, Copy)]
struct Path<const N: usize> {
    /// Sum of the penalties of decisions against the belief; smaller is likelier.
    penalty: f32,
    /// Beliefs (log-likelihood ratios).
    belief: [f32; N],
    /// Code words of decided left subtrees, as [`ONE`] or 0. After the last leaf the word that was found, from place 0.
    left: [u32; N],
}

/// `ln(1 + e^-x)` for `x >= 0` by a line, good to 0.13 and without a branch. The rates of `bodywire-bench link-noise` are
/// those of this decoder.
fn soft(x: f32) -> f32 {
    (core::f32::consts::LN_2 - 0.25 * x).max(0.0)
}

fn check_node(a: f32, b: f32) -> f32 {
    let sign = (a.to_bits() ^ b.to_bits()) & ONE;
    let magnitude = a.abs().min(b.abs()) + soft(a.abs() + b.abs()) - soft((a.abs() - b.abs()).abs());
    f32::from_bits(magnitude.max(0.0).to_bits() | sign)
}

impl<const N: usize> Path<N> {
    const EMPTY: Self = Self { penalty: 0.0, belief: [0.0; N], left: [0; N] };

    /// Brings the belief of leaf `i` up to date.
    fn descend(&mut self, received: &[f32; N], i: usize) {
        let stages = N.trailing_zeros();
        let top = if i == 0 { stages } else { i.trailing_zeros() + 1 };
        for stage in (0..top).rev() {
            let half = 1usize << stage;
            let (below, above) = self.belief.split_at_mut((2 * half).min(N));
            let parent = if stage + 1 == stages { &received[..] } else { above };
            let (Some((first, second)), Some(child), Some(left)) = (
                parent.get(..2 * half).and_then(|parent| parent.split_at_checked(half)),
                below.get_mut(half..),
                self.left.get(half..2 * half),
            ) else {
                return;
            };
            if i >> stage & 1 == 1 {
                for (((out, a), b), bit) in child.iter_mut().zip(first).zip(second).zip(left) {
                    *out = b + f32::from_bits(a.to_bits() ^ bit);
                }
            } else {
                for ((out, a), b) in child.iter_mut().zip(first).zip(second) {
                    *out = check_node(*a, *b);
                }
            }
        }
    }

    /// Records the decision `u` (0 or [`ONE`]) for leaf `i` and joins the subtrees it completes.
    fn decide(&mut self, i: usize, u: u32) {
        let completed = (!i).trailing_zeros().min(N.trailing_zeros());
        let mut done = [0u32; N];
        if let Some(first) = done.first_mut() {
            *first = u;
        }
        for stage in 0..completed {
            let half = 1usize << stage;
            let (low, high) = done.split_at_mut(half);
            let Some(left) = self.left.get(half..2 * half) else { return };
            for ((a, b), l) in low.iter_mut().zip(high.iter_mut()).zip(left) {
                *b = *a;
                *a ^= l;
            }
        }
        let size = 1usize << completed;
        let to = if size == N { 0 } else { size };
        if let (Some(slot), Some(word)) = (self.left.get_mut(to..to + size), done.get(..size)) {
            slot.copy_from_slice(word);
        }
    }

    fn leaf(&self) -> f32 {
        self.belief.get(1).copied().unwrap_or(0.0)
    }

    fn penalty_of(&self, u: u32) -> f32 {
        let signed = f32::from_bits(self.leaf().to_bits() ^ u);
        self.penalty + (-signed).max(0.0) + soft(signed.abs())
    }
}

/// Both continuations of each of `len` paths at information leaf `i`; the likeliest `L` stay. Returns how many paths
/// there are now.
fn fork<const N: usize, const L: usize>(list: &mut [Path<N>; L], len: usize, i: usize) -> usize {
    if let [path] = &mut list[..] {
        let u = path.leaf().to_bits() & ONE;
        path.decide(i, u);
        return 1;
    }
    let mut options = [[(f32::INFINITY, 0usize, 0u32); 2]; L];
    for ((slots, path), from) in options.iter_mut().zip(list.iter()).zip(0..len) {
        *slots = [0, ONE].map(|u| (path.penalty_of(u), from, u));
    }
    let options = options.as_flattened_mut();
    options.sort_unstable_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal));
    let kept = (2 * len).min(L);
    let Some(winners) = options.get(..kept) else { return len };
    // A path may continue with one value, with both, or die; the dead make room for the second continuations.
    let mut used = [false; L];
    let mut second = [None; L];
    let mut seconds = second.iter_mut();
    for &(penalty, from, u) in winners {
        match used.get_mut(from) {
            Some(used) if !*used => *used = true,
            _ => {
                if let Some(slot) = seconds.next() {
                    *slot = Some((penalty, from, u));
                }
            }
        }
    }
    let mut free = (0..L).filter(|&p| p >= len || used.get(p).is_none_or(|used| !used));
    for (penalty, from, u) in second.into_iter().flatten() {
        let (Some(to), Some(&copy)) = (free.next(), list.get(from)) else { continue };
        if let Some(path) = list.get_mut(to) {
            *path = copy;
            path.penalty = penalty;
            path.decide(i, u);
        }
    }
    let mut decided = [false; L];
    for &(penalty, from, u) in winners {
        if let (Some(done), Some(path)) = (decided.get_mut(from), list.get_mut(from))
            && !*done
        {
            *done = true;
            path.penalty = penalty;
            path.decide(i, u);
        }
    }
    // The list doubles until it is full, and a full list fills every place a dead path leaves: nothing has to move.
    kept
}

#[cfg(test)]
mod tests {
    use super::super::{N256, N512};
    use super::*;
    use proptest::prelude::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::{Rng, SeedableRng};
    use std::vec::Vec;

    fn noisy_word(code: &Code, crossover: f64, rng: &mut ChaCha20Rng) -> (Vec<u8>, Vec<u8>) {
        let mut word = std::vec![0u8; code.length_bytes()];
        code.random_word(&mut word, rng);
        let mut noisy = word.clone();
        for i in 0..8 * noisy.len() {
            noisy[i / 8] ^= u8::from(f64::from(rng.next_u32()) < crossover * 4_294_967_296.0) << (i % 8);
        }
        (word, noisy)
    }

    fn failures(code: &Code, crossover: f64, runs: u32) -> u32 {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let fails = |rng: &mut ChaCha20Rng| {
            let (word, noisy) = noisy_word(code, crossover, rng);
            !code.decode(&noisy, |candidate| candidate == word)
        };
        (0..runs).filter(|_| fails(&mut rng)).count() as u32
    }

    #[test]
    fn the_noise_each_code_is_made_for_is_corrected() {
        assert_eq!(failures(&N256, 0.0, 20), 0);
        assert!(failures(&N256, 0.03, 2_000) <= 1);
        assert!(failures(&N256, 0.05, 2_000) <= 25);
        assert!(failures(&N512, 0.08, 1_000) == 0);
        assert!(failures(&N512, 0.10, 1_000) <= 1);
    }

    #[test]
    fn another_device_does_not_decode() {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        for code in [&N256, &N512] {
            for _ in 0..50 {
                let (word, noisy) = noisy_word(code, 0.5, &mut rng);
                assert!(!code.decode(&noisy, |candidate| candidate == word));
            }
        }
    }

    proptest! {
        #[test]
        fn candidates_are_words_of_the_code_and_as_many_as_promised(noisy in any::<[u8; 32]>(), long in any::<[u8; 32]>()) {
            let long = [noisy, long].concat();
            for (code, noisy) in [(&N256, &noisy[..]), (&N512, &long[..])] {
                let mut seen = 0;
                let found = code.decode(noisy, |candidate| {
                    let mut information = candidate.to_vec();
                    super::super::transform(&mut information);
                    let carried = |i: usize| information[i / 8] >> (i % 8) & 1 == 1;
                    assert!((0..8 * information.len()).all(|i| code.carries_information(i) || !carried(i)));
                    seen += 1;
                    false
                });
                prop_assert!(!found && seen == 1 + LIST_PATHS);
            }
        }
    }
}
