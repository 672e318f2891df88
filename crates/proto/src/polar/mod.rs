//! The error-correcting codes of the fuzzy extractor: two polar codes (Arıkan, "Channel Polarization", IEEE Trans.
//! Inf. Theory 55(7), 2009).
//!
//! The sensor only encodes, which is a masking and a few rounds of XOR. Decoding is the hub's, see [`list`]: it hands
//! out its candidates best first, so that the handshake's confirmation value, and not a checksum inside the code, picks
//! the right one.
//!
//! Written here because the published Rust codes need a heap and return one word, not a list.

pub mod list;

use crate::wire::Suite;
use rand_core::CryptoRng;

/// Longest code, in bytes.
pub const LENGTH_BYTES_MAX: usize = 64;

/// A code. Bit `i` of a word is bit `i % 8` of byte `i / 8`.
#[derive(Debug)]
pub struct Code {
    /// Ones at the positions that carry information; its length is the code's.
    information: &'static [u8],
    /// `ln((1 - p) / p)` for the crossover probability `p` the code was made for.
    belief: f32,
}

/// Length 256, 136 information bits, made for 5 % of noise.
///
/// Why 136: a code offset of a response with min-entropy `rho` per bit leaves `136 - (1 - rho) * 256` bits to whoever
/// sees the offset, at least 128 for `rho >= 0.97`.
pub static N256: Code = Code { information: &INFORMATION_256, belief: 2.944_439 };
static INFORMATION_256: [u8; 32] = information(136, 0.435_889_894_354_067_4);

/// Length 512, 144 information bits, made for 10 % of noise: at least 128 bits are left for `rho >= 0.969`.
pub static N512: Code = Code { information: &INFORMATION_512, belief: 2.197_224_6 };
static INFORMATION_512: [u8; 64] = information(144, 0.6);

impl Code {
    /// The code of a suite.
    pub const fn of(suite: Suite) -> &'static Self {
        match suite {
            Suite::Polar256 => &N256,
            Suite::Polar512 => &N512,
        }
    }

    /// Length of a word in bytes.
    pub const fn length_bytes(&self) -> usize {
        self.information.len()
    }

    /// Fills `word`, which must be of the code's length, with a uniformly random word of the code.
    ///
    /// Constant time: no branch and no address depends on the random bits.
    pub fn random_word(&self, word: &mut [u8], rng: &mut impl CryptoRng) {
        rng.fill_bytes(word);
        for (bits, mask) in word.as_chunks_mut().0.iter_mut().zip(self.information.as_chunks().0) {
            *bits = (u32::from_ne_bytes(*bits) & u32::from_ne_bytes(*mask)).to_ne_bytes();
        }
        transform(word);
    }

    fn carries_information(&self, position: usize) -> bool {
        self.information.get(position / 8).is_some_and(|byte| byte >> (position % 8) & 1 == 1)
    }
}

/// The positions with the smallest Bhattacharyya parameters, as ones. `raw` is the parameter of the raw channel,
/// `2 * sqrt(p * (1 - p))`. Of equal values the higher position is taken.
#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time: an index out of range does not build"
)]
const fn information<const BYTES: usize>(bits: usize, raw: f64) -> [u8; BYTES] {
    let mut z = [0.0f64; 8 * LENGTH_BYTES_MAX];
    z[0] = raw;
    let mut width = 1;
    while width < 8 * BYTES {
        let mut i = width;
        while i > 0 {
            i -= 1;
            let parent = z[i];
            z[2 * i] = 2.0 * parent - parent * parent;
            z[2 * i + 1] = parent * parent;
        }
        width *= 2;
    }
    let mut chosen = [0u8; BYTES];
    let mut count = 0;
    while count < bits {
        let mut best = 8 * BYTES;
        let mut i = 8 * BYTES;
        while i > 0 {
            i -= 1;
            if chosen[i / 8] >> (i % 8) & 1 == 0 && (best == 8 * BYTES || z[i] < z[best]) {
                best = i;
            }
        }
        chosen[best / 8] |= 1 << (best % 8);
        count += 1;
    }
    chosen
}

/// Multiplies by the Kronecker power of the polar kernel `[[1,0],[1,1]]`, in place. It is its own inverse. `word` is as
/// long as a code.
///
/// The lower five of the factors act inside 32 bits, the others on whole words.
fn transform(word: &mut [u8]) {
    let words = word.as_chunks_mut().0;
    for word in words.iter_mut() {
        let mut bits = u32::from_le_bytes(*word);
        bits ^= bits >> 1 & 0x5555_5555;
        bits ^= bits >> 2 & 0x3333_3333;
        bits ^= bits >> 4 & 0x0f0f_0f0f;
        bits ^= bits >> 8 & 0x00ff_00ff;
        bits ^= bits >> 16;
        *word = bits.to_le_bytes();
    }
    let mut half = 1;
    while half < words.len() {
        for block in words.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                *a = (u32::from_ne_bytes(*a) ^ u32::from_ne_bytes(*b)).to_ne_bytes();
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::{Rng, SeedableRng};

    fn bit(word: &[u8], i: usize) -> u8 {
        word[i / 8] >> (i % 8) & 1
    }

    #[test]
    fn the_transform_is_its_own_inverse_and_matches_its_definition() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        for bytes in [32, 64] {
            let mut word = std::vec![0u8; bytes];
            rng.fill_bytes(&mut word);
            let before = word.clone();
            transform(&mut word);
            for i in 0..8 * bytes {
                let expected = (0..8 * bytes).filter(|j| j & i == i).fold(0, |sum, j| sum ^ bit(&before, j));
                assert_eq!(bit(&word, i), expected, "bit {i}");
            }
            transform(&mut word);
            assert_eq!(word, before);
        }
    }

    #[test]
    fn the_information_sets_have_their_size_and_keep_the_best_channel() {
        for (code, bits, crossover, raw) in
            [(&N256, 136, 0.05f64, 0.435_889_894_354_067_4f64), (&N512, 144, 0.1, 0.6)]
        {
            let ones: u32 = code.information.iter().map(|byte| byte.count_ones()).sum();
            assert_eq!(ones, bits);
            assert!(code.carries_information(8 * code.length_bytes() - 1) && !code.carries_information(0));
            assert!((raw - 2.0 * (crossover * (1.0 - crossover)).sqrt()).abs() < 1e-12);
            assert!((f64::from(code.belief) - ((1.0 - crossover) / crossover).ln()).abs() < 1e-6);
        }
    }

    #[test]
    fn random_words_are_words_of_the_code_and_differ() {
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        for code in [&N256, &N512] {
            let mut words = [[0u8; LENGTH_BYTES_MAX]; 2];
            for word in &mut words {
                let word = &mut word[..code.length_bytes()];
                code.random_word(word, &mut rng);
                let mut information = word.to_vec();
                transform(&mut information);
                assert!(
                    (0..8 * word.len()).all(|i| code.carries_information(i) || bit(&information, i) == 0)
                );
            }
            assert_ne!(words[0], words[1]);
        }
    }
}
