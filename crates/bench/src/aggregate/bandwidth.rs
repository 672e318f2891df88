//! What memory can give: the bytes of the same ciphertexts summed as plain numbers, by loops compiled as the kernel's are.

use super::ours::Encrypted;
use crate::processor::spent;
use crate::rounds::median;
use bodywire_aggregate::Sum;
use bodywire_aggregate::parameters::COEFFICIENTS;
use pulp::Arch;
use std::hint::black_box;

/// Passes over all ciphertexts, each of the three ways in turn.
const PASSES: usize = 15;

/// Bytes a second of each way, the medians of all passes.
pub(crate) struct Bandwidth {
    /// Ciphertexts added modulo the prime, with bounds and tags.
    pub(crate) ours: f64,
    /// All words into one.
    pub(crate) one_word: f64,
    /// Word by word into a vector, as readings in the clear would be added.
    pub(crate) vector: f64,
    /// Ours divided by each, the median of the passes' ratios.
    pub(crate) to_one_word: f64,
    pub(crate) to_vector: f64,
}

pub(crate) fn bandwidth(encrypted: &Encrypted) -> Bandwidth {
    let stored = encrypted.stored();
    let plain = encrypted.coefficients();
    let bytes = (stored.len() * 8 * COEFFICIENTS) as f64;
    let mut passes = Vec::new();
    for _ in 0..PASSES {
        let ((), ours) = spent(|| {
            let mut sum = Sum::new();
            sum.add_all(&stored).expect("within the bounds");
            black_box(sum.finish().expect("not empty"));
        });
        let ((), one_word) = spent(|| {
            black_box(plain.iter().fold(0u64, |sum, words| sum.wrapping_add(total(words))));
        });
        let ((), vector) = spent(|| {
            let mut sum = vec![0; COEFFICIENTS];
            plain.iter().for_each(|words| add(&mut sum, words));
            black_box(sum);
        });
        passes.push((ours, one_word, vector));
    }
    let over = |of: fn(&(f64, f64, f64)) -> f64| median(passes.iter().map(of).collect());
    Bandwidth {
        ours: bytes / over(|pass| pass.0),
        one_word: bytes / over(|pass| pass.1),
        vector: bytes / over(|pass| pass.2),
        to_one_word: over(|pass| pass.1 / pass.0),
        to_vector: over(|pass| pass.2 / pass.0),
    }
}

fn total(words: &[[u8; 8]]) -> u64 {
    Arch::new().dispatch(|| words.iter().fold(0u64, |sum, word| sum.wrapping_add(u64::from_le_bytes(*word))))
}

fn add(sum: &mut [u64], words: &[[u8; 8]]) {
    Arch::new().dispatch(|| {
        for (sum, word) in sum.iter_mut().zip(words) {
            *sum = sum.wrapping_add(u64::from_le_bytes(*word));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use bodywire_aggregate::Encoding;

    #[test]
    fn plain_sums_are_sums() {
        let words: Vec<[u8; 8]> = [1u64, 2, u64::MAX].iter().map(|word| word.to_le_bytes()).collect();
        assert_eq!(total(&words), 2);
        let mut sum = vec![1, 1, 1];
        add(&mut sum, &words);
        assert_eq!(sum, [2, 3, 0]);
    }

    #[test]
    fn each_way_is_measured() {
        let found = bandwidth(&Encrypted::new(Encoding::Wide, 3));
        assert!(found.ours > 0.0 && found.one_word > 0.0 && found.vector > 0.0);
        assert!(found.to_one_word > 0.0 && found.to_vector > 0.0);
    }
}
