//! What memory can give: the bytes of the same ciphertexts summed as plain numbers, by loops compiled as the kernel's are.

use crate::processor::spent;
use crate::rounds::median;
use bodywire_aggregate::Sum;
use bodywire_aggregate::parameters::COEFFICIENTS;
use bodywire_sim::measure::sums::Encrypted;
use pulp::Arch;
use std::hint::black_box;

/// Passes over all ciphertexts, each way in turn.
const PASSES: usize = 21;

/// A plain way to sum: what it is called, and its loop over all vectors into one.
type Plain = (&'static str, fn(&mut [u64], &[&[[u8; 8]]]));
const PLAIN: [Plain; 3] = [
    ("the same words, plain, into one", into_one),
    ("the same words, plain, into a vector", into_vector),
    ("the same words, plain, three vectors at once", three_at_once),
];

/// Seconds of one pass: ours, and each plain way.
type Pass = (f64, [f64; 3]);

/// Bytes a second, the medians of all passes.
pub(crate) struct Bandwidth {
    /// Ciphertexts added modulo the prime, with bounds and tags.
    pub(crate) ours: f64,
    /// Each plain way: its name, its bytes a second, and ours divided by it (the median of the passes' ratios).
    pub(crate) plain: [(&'static str, f64, f64); 3],
    /// Ours divided by the fastest plain way of each pass.
    pub(crate) to_fastest: f64,
}

pub(crate) fn bandwidth(encrypted: &Encrypted) -> Bandwidth {
    let stored = encrypted.stored().expect("vectors just made");
    let words = encrypted.coefficients();
    let bytes = (stored.len() * 8 * COEFFICIENTS) as f64;
    let mut passes = Vec::new();
    for _ in 0..PASSES {
        let ((), ours) = spent(|| {
            let mut sum = Sum::new();
            sum.add_all(&stored).expect("within the bounds");
            black_box(sum.finish().expect("not empty"));
        });
        let plain = PLAIN.map(|(_, add)| {
            let of = || {
                let mut sum = vec![0; COEFFICIENTS];
                add(&mut sum, &words);
                black_box(sum);
            };
            spent(of).1
        });
        passes.push((ours, plain));
    }
    let over = |of: &dyn Fn(&Pass) -> f64| median(passes.iter().map(of).collect());
    let mut at = 0..;
    let plain = PLAIN.map(|(name, _)| {
        let at = at.next().unwrap_or(0);
        let of = |pass: &Pass| pass.1.get(at).copied().unwrap_or(f64::NAN);
        (name, bytes / over(&of), over(&|pass| of(pass) / pass.0))
    });
    let fastest = |pass: &Pass| pass.1.iter().copied().fold(f64::INFINITY, f64::min) / pass.0;
    Bandwidth { ours: bytes / over(&|pass| pass.0), plain, to_fastest: over(&fastest) }
}

/// All words into the first: only reading.
fn into_one(sum: &mut [u64], vectors: &[&[[u8; 8]]]) {
    let word = |total: u64, word: &[u8; 8]| total.wrapping_add(u64::from_le_bytes(*word));
    let total =
        Arch::new().dispatch(|| vectors.iter().fold(0, |total, words| words.iter().fold(total, word)));
    if let Some(first) = sum.first_mut() {
        *first = total;
    }
}

/// Word by word, vector after vector, as readings in the clear would be added.
fn into_vector(sum: &mut [u64], vectors: &[&[[u8; 8]]]) {
    Arch::new().dispatch(|| {
        for words in vectors {
            for (sum, word) in sum.iter_mut().zip(*words) {
                *sum = sum.wrapping_add(u64::from_le_bytes(*word));
            }
        }
    });
}

/// The same as our kernel reads them, without its modulus.
fn three_at_once(sum: &mut [u64], vectors: &[&[[u8; 8]]]) {
    let (threes, rest) = vectors.as_chunks::<3>();
    Arch::new().dispatch(|| {
        let word = |word: &[u8; 8]| u64::from_le_bytes(*word);
        for [a, b, c] in threes {
            for (((sum, a), b), c) in sum.iter_mut().zip(*a).zip(*b).zip(*c) {
                *sum = sum.wrapping_add(word(a)).wrapping_add(word(b)).wrapping_add(word(c));
            }
        }
    });
    into_vector(sum, rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use bodywire_aggregate::Encoding;

    #[test]
    fn plain_sums_are_sums() {
        let words: Vec<[u8; 8]> = [1u64, 2, u64::MAX].iter().map(|word| word.to_le_bytes()).collect();
        for (name, add) in PLAIN {
            let mut sum = vec![0, 0, 0];
            add(&mut sum, &[&words, &words, &words, &words]);
            let expected = if name.ends_with("into one") { [8, 0, 0] } else { [4, 8, u64::MAX - 3] };
            assert_eq!(sum, expected, "{name}");
        }
    }

    #[test]
    fn each_way_is_measured() {
        let found = bandwidth(&Encrypted::new(Encoding::Wide, 3, 1).unwrap());
        assert!(found.plain.iter().all(|(_, plain, ratio)| *plain > 0.0 && *ratio > 0.0));
        assert!(found.ours > 0.0 && found.to_fastest > 0.0);
    }
}
