//! The error-correcting code of the fuzzy extractor: a polar code of length 256 with 136 information bits
//! (Arıkan, "Channel Polarization", IEEE Trans. Inf. Theory 55(7), 2009).
//!
//! The sensor only encodes, which is eight rounds of XOR over 32 bytes. Decoding is the hub's: a successive
//! cancellation list decoder (Tal and Vardy, IEEE Trans. Inf. Theory 61(5), 2015) whose list is handed out best
//! path first, so that the handshake's confirmation value, and not a checksum inside the code, picks the right one.
//!
//! Why 136: a code offset of a response with min-entropy `rho` per bit leaves `136 - (1 - rho) * 256` bits to an
//! attacker who sees the offset, at least 128 for `rho >= 0.97`.
//!
//! Written here because the published Rust codes need a heap and return one word, not a list.

use core::cmp::Ordering;
use rand_core::CryptoRng;

/// Code length in bits.
pub const LENGTH_BITS: usize = 256;
/// Code length in bytes.
pub const LENGTH_BYTES: usize = LENGTH_BITS / 8;
/// Information bits.
pub const INFORMATION_BITS: usize = 136;
/// Paths the decoder keeps. 16 halves the failures of 8; 32 gains little more and costs twice the time.
pub const LIST_PATHS: usize = 16;

const INFORMATION_BYTES: usize = INFORMATION_BITS / 8;
const STAGES: usize = LENGTH_BITS.trailing_zeros() as usize;
/// `2 * sqrt(p * (1 - p))`, the Bhattacharyya parameter of the raw channel for which the information set is chosen:
/// a crossover probability `p` of 5 %, the noisiest reading the profile accepts.
const DESIGN_BHATTACHARYYA: f64 = 0.435_889_894_354_067_4;
/// `ln((1 - p) / p)` for the same `p`.
const CHANNEL_LLR: f32 = 2.944_439;

/// A word of the code, or of the length of the code. Bit `i` is bit `i % 8` of byte `i / 8`.
pub type Word = [u8; LENGTH_BYTES];

/// True at the positions that carry information: the 136 best of the 256 polarised channels.
static INFORMATION_SET: [bool; LENGTH_BITS] = information_set();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time: an index out of range does not build"
)]
const fn information_set() -> [bool; LENGTH_BITS] {
    let mut z = [0.0f64; LENGTH_BITS];
    z[0] = DESIGN_BHATTACHARYYA;
    let mut width = 1;
    while width < LENGTH_BITS {
        let mut i = width;
        while i > 0 {
            i -= 1;
            let parent = z[i];
            z[2 * i] = 2.0 * parent - parent * parent;
            z[2 * i + 1] = parent * parent;
        }
        width *= 2;
    }
    let mut chosen = [false; LENGTH_BITS];
    let mut count = 0;
    while count < INFORMATION_BITS {
        let mut best = LENGTH_BITS;
        let mut i = LENGTH_BITS;
        while i > 0 {
            i -= 1;
            if !chosen[i] && (best == LENGTH_BITS || z[i] < z[best]) {
                best = i;
            }
        }
        chosen[best] = true;
        count += 1;
    }
    chosen
}

fn bit(word: &[u8], i: usize) -> u8 {
    word.get(i / 8).map_or(0, |byte| byte >> (i % 8) & 1)
}

fn flip(word: &mut [u8], i: usize, by: u8) {
    if let Some(byte) = word.get_mut(i / 8) {
        *byte ^= (by & 1) << (i % 8);
    }
}

/// A uniformly random word of the code: 136 random bits, encoded.
pub fn random_codeword(rng: &mut impl CryptoRng) -> Word {
    let mut information = [0u8; INFORMATION_BYTES];
    rng.fill_bytes(&mut information);
    encode(&information)
}

/// The code word of 136 information bits. Constant time: no branch and no address depends on the bits.
pub fn encode(information: &[u8; INFORMATION_BYTES]) -> Word {
    let mut word = [0u8; LENGTH_BYTES];
    let mut next = 0;
    for (i, carries) in INFORMATION_SET.iter().enumerate() {
        if *carries {
            flip(&mut word, i, bit(information, next));
            next += 1;
        }
    }
    transform(&mut word);
    word
}

/// Multiplies by the polar kernel `[[1,0],[1,1]]` to the eighth Kronecker power, in place.
fn transform(word: &mut Word) {
    for byte in word.iter_mut() {
        *byte ^= *byte >> 1 & 0x55;
        *byte ^= *byte >> 2 & 0x33;
        *byte ^= *byte >> 4 & 0x0f;
    }
    let mut half = 1;
    while half < LENGTH_BYTES {
        for block in word.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            low.iter_mut().zip(high.iter()).for_each(|(a, b)| *a ^= b);
        }
        half *= 2;
    }
}

/// One path of the list: the decisions so far and the beliefs they lead to.
#[derive(Clone, Copy)]
struct Path {
    /// Sum of the penalties of decisions against the belief; smaller is likelier.
    penalty: f32,
    /// Beliefs (log-likelihood ratios), one row of `2^s` per stage `s`, rows one after the other from stage 0.
    llr: [f32; 2 * LENGTH_BITS],
    /// Partial code words of decided left subtrees, in the same layout.
    left: [u8; 2 * LENGTH_BITS],
    /// Decided bits, re-encoded at the end.
    decided: Word,
}

const fn row(stage: usize) -> core::ops::Range<usize> {
    (1 << stage)..(2 << stage)
}

fn check_node(a: f32, b: f32) -> f32 {
    let sign = if (a < 0.0) == (b < 0.0) { 1.0 } else { -1.0 };
    let correction = libm::log1pf(libm::expf(-(a + b).abs())) - libm::log1pf(libm::expf(-(a - b).abs()));
    sign * a.abs().min(b.abs()) + correction
}

impl Path {
    const EMPTY: Self = Self {
        penalty: 0.0,
        llr: [0.0; 2 * LENGTH_BITS],
        left: [0; 2 * LENGTH_BITS],
        decided: [0; LENGTH_BYTES],
    };

    /// Brings the belief of leaf `i` up to date. Row `s` holds the beliefs of the node of size `2^s` on the way to it.
    fn descend(&mut self, i: usize) {
        let top = if i == 0 { STAGES } else { i.trailing_zeros() as usize + 1 };
        for stage in (0..top).rev() {
            let right = i >> stage & 1 == 1;
            let half = 1 << stage;
            let (below, above) = self.llr.split_at_mut(2 * half);
            let Some(parent) = above.get(..2 * half) else { return };
            let (first, second) = parent.split_at(half);
            let (Some(child), Some(left)) = (below.get_mut(row(stage)), self.left.get(row(stage))) else {
                return;
            };
            for (((out, &a), &b), &bit) in child.iter_mut().zip(first).zip(second).zip(left) {
                *out = match (right, bit) {
                    (false, _) => check_node(a, b),
                    (true, 0) => b + a,
                    (true, _) => b - a,
                };
            }
        }
    }

    /// Records the decision `u` for leaf `i` and combines the subtrees it completes.
    fn decide(&mut self, i: usize, u: u8) {
        flip(&mut self.decided, i, u);
        let mut done = [0u8; LENGTH_BITS];
        done[0] = u;
        let mut stage = 0;
        while i >> stage & 1 == 1 && stage < STAGES {
            let half = 1 << stage;
            let Some(left) = self.left.get(row(stage)) else { return };
            let (low, high) = done.split_at_mut(half);
            for ((a, b), l) in low.iter_mut().zip(high.iter_mut()).zip(left) {
                *b = *a;
                *a ^= l;
            }
            stage += 1;
        }
        if let (Some(slot), Some(word)) = (self.left.get_mut(row(stage)), done.get(..1 << stage)) {
            slot.copy_from_slice(word);
        }
    }

    fn belief(&self) -> f32 {
        self.llr.get(1).copied().unwrap_or(0.0)
    }

    fn penalty_of(&self, u: u8) -> f32 {
        let signed = if u == 0 { self.belief() } else { -self.belief() };
        self.penalty + (-signed).max(0.0) + libm::log1pf(libm::expf(-signed.abs()))
    }
}

/// Looks for the code word near `noisy`: calls `accept` with candidates, likeliest first, and returns the first one
/// it takes. At most [`LIST_PATHS`] candidates are offered.
///
/// Needs about 40 KiB of stack and is meant for the hub, not for the sensor.
pub fn decode(noisy: &Word, mut accept: impl FnMut(&Word) -> bool) -> Option<Word> {
    let mut list = [Path::EMPTY; LIST_PATHS];
    let mut len = 1;
    for (i, slot) in list[0].llr.iter_mut().skip(LENGTH_BITS).enumerate() {
        *slot = if bit(noisy, i) == 0 { CHANNEL_LLR } else { -CHANNEL_LLR };
    }
    for (i, carries) in INFORMATION_SET.iter().enumerate() {
        for path in list.iter_mut().take(len) {
            path.descend(i);
        }
        if *carries {
            len = fork(&mut list, len, i);
        } else {
            for path in list.iter_mut().take(len) {
                path.penalty = path.penalty_of(0);
                path.decide(i, 0);
            }
        }
    }
    let found = list.get_mut(..len)?;
    found.sort_unstable_by(|a, b| a.penalty.partial_cmp(&b.penalty).unwrap_or(Ordering::Equal));
    found.iter().find_map(|path| {
        let mut word = path.decided;
        transform(&mut word);
        accept(&word).then_some(word)
    })
}

/// Both continuations of each of `len` paths at information leaf `i`; the likeliest [`LIST_PATHS`] stay.
/// Returns how many paths there are now.
fn fork(list: &mut [Path; LIST_PATHS], len: usize, i: usize) -> usize {
    let mut options = [(f32::INFINITY, 0usize, 0u8); 2 * LIST_PATHS];
    for ((slots, path), from) in options.chunks_exact_mut(2).zip(list.iter()).zip(0..len) {
        for (slot, u) in slots.iter_mut().zip([0, 1]) {
            *slot = (path.penalty_of(u), from, u);
        }
    }
    options.sort_unstable_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal));
    let kept = (2 * len).min(LIST_PATHS);
    let Some(winners) = options.get(..kept) else { return len };
    // A path may continue with one value, with both, or die; the dead make room for the second continuations.
    let mut first_use = [false; LIST_PATHS];
    let mut second = [None; LIST_PATHS];
    let mut seconds = second.iter_mut();
    for &(penalty, from, u) in winners {
        match first_use.get_mut(from) {
            Some(used) if !*used => *used = true,
            _ => {
                if let Some(slot) = seconds.next() {
                    *slot = Some((penalty, from, u));
                }
            }
        }
    }
    let mut free = (0..LIST_PATHS).filter(|&p| p >= len || first_use.get(p).is_none_or(|used| !used));
    for (penalty, from, u) in second.into_iter().flatten() {
        let (Some(to), Some(&copy)) = (free.next(), list.get(from)) else { continue };
        if let Some(path) = list.get_mut(to) {
            *path = copy;
            path.penalty = penalty;
            path.decide(i, u);
        }
    }
    let mut decided = [false; LIST_PATHS];
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
    use super::*;
    use proptest::prelude::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::{Rng, SeedableRng};

    const DESIGN_CROSSOVER: f64 = 0.05;

    fn with_noise(word: &Word, crossover: f64, rng: &mut ChaCha20Rng) -> Word {
        let mut noisy = *word;
        for i in 0..LENGTH_BITS {
            flip(&mut noisy, i, u8::from(f64::from(rng.next_u32()) < crossover * 4_294_967_296.0));
        }
        noisy
    }

    fn failures(crossover: f64, runs: u32) -> u32 {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        (0..runs)
            .filter(|_| {
                let word = random_codeword(&mut rng);
                let noisy = with_noise(&word, crossover, &mut rng);
                decode(&noisy, |candidate| *candidate == word).is_none()
            })
            .count() as u32
    }

    #[test]
    fn the_transform_is_its_own_inverse_and_matches_its_definition() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let mut word = [0u8; LENGTH_BYTES];
        rng.fill_bytes(&mut word);
        let before = word;
        transform(&mut word);
        for i in 0..LENGTH_BITS {
            let expected = (0..LENGTH_BITS).filter(|j| j & i == i).fold(0, |sum, j| sum ^ bit(&before, j));
            assert_eq!(bit(&word, i), expected, "bit {i}");
        }
        transform(&mut word);
        assert_eq!(word, before);
    }

    #[test]
    fn the_information_set_has_its_size_and_keeps_the_best_channel() {
        assert_eq!(INFORMATION_SET.iter().filter(|carries| **carries).count(), INFORMATION_BITS);
        assert!(INFORMATION_SET[LENGTH_BITS - 1] && !INFORMATION_SET[0]);
        assert!(
            (DESIGN_BHATTACHARYYA - 2.0 * (DESIGN_CROSSOVER * (1.0 - DESIGN_CROSSOVER)).sqrt()).abs() < 1e-12
        );
        let llr = ((1.0 - DESIGN_CROSSOVER) / DESIGN_CROSSOVER).ln();
        assert!((f64::from(CHANNEL_LLR) - llr).abs() < 1e-6);
    }

    #[test]
    fn noise_of_a_typical_memory_is_corrected() {
        assert_eq!(failures(0.0, 20), 0);
        assert!(failures(0.03, 1_000) <= 1, "{}", failures(0.03, 1_000));
        assert!(failures(0.05, 1_000) <= 20, "{}", failures(0.05, 1_000));
    }

    #[test]
    fn another_device_does_not_decode() {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        for _ in 0..50 {
            let word = random_codeword(&mut rng);
            let noisy = with_noise(&word, 0.5, &mut rng);
            assert_eq!(decode(&noisy, |candidate| *candidate == word), None);
        }
    }

    proptest! {
        #[test]
        fn candidates_are_code_words_and_at_most_a_list(noisy in any::<[u8; LENGTH_BYTES]>()) {
            let mut seen = 0;
            let none = decode(&noisy, |candidate| {
                let mut word = *candidate;
                transform(&mut word);
                assert!((0..LENGTH_BITS).all(|i| INFORMATION_SET[i] || bit(&word, i) == 0));
                seen += 1;
                false
            });
            prop_assert!(none.is_none() && seen == LIST_PATHS);
        }
    }
}
