//! The loops over coefficients. They are plain loops; `pulp` compiles each for the vector units there are and picks one at run
//! time, so that one program runs everywhere and none needs unsafe code of ours.

use crate::parameters::MODULUS;
use pulp::Arch;

fn load(bytes: &[u8; 8]) -> u64 {
    u64::from_le_bytes(*bytes)
}

/// `a` for `a < modulus`, else `a - modulus`; without a branch.
fn reduce_once(a: u64, modulus: u64) -> u64 {
    a.min(a.wrapping_sub(modulus))
}

/// Whether all coefficients are below the modulus.
pub(crate) fn all_reduced(coefficients: &[[u8; 8]], modulus: u64) -> bool {
    Arch::new().dispatch(|| {
        let largest = coefficients.iter().fold(0, |largest: u64, c| largest.max(load(c)));
        largest < modulus
    })
}

/// Adds vectors to a sum, modulo the modulus. Everything must be reduced before, and is after.
pub(crate) fn add_all(sum: &mut [u64], inputs: &[&[[u8; 8]]]) {
    // Three inputs and the sum stay below 2^64, so that they are reduced once. Each input is read from its begin to its end, which
    // the processor foresees; the sum is 64 KiB and stays in the second cache. In blocks of 4 KiB of all inputs, for the first
    // cache's sake, memory gave less than half.
    let (threes, rest) = inputs.as_chunks::<3>();
    Arch::new().dispatch(|| {
        for [a, b, c] in threes {
            for (((sum, a), b), c) in sum.iter_mut().zip(*a).zip(*b).zip(*c) {
                let four = (*sum + load(a)) + (load(b) + load(c));
                *sum = reduce_once(reduce_once(four, 2 * MODULUS), MODULUS);
            }
        }
        for one in rest {
            for (sum, one) in sum.iter_mut().zip(*one) {
                *sum = reduce_once(*sum + load(one), MODULUS);
            }
        }
    });
}

/// Adds `weight` times a vector to a sum, modulo the modulus. The weight's quotient is worked out once (Shoup's method), so that
/// a product costs two multiplications and no division.
pub(crate) fn add_scaled(sum: &mut [u64], input: &[[u8; 8]], weight: u32) {
    let weight = u64::from(weight);
    let quotient = ((u128::from(weight) << 64) / u128::from(MODULUS)) as u64;
    Arch::new().dispatch(|| {
        for (sum, one) in sum.iter_mut().zip(input) {
            let one = load(one);
            let multiple = ((u128::from(one) * u128::from(quotient)) >> 64) as u64;
            let product = one.wrapping_mul(weight).wrapping_sub(multiple.wrapping_mul(MODULUS));
            *sum = reduce_once(*sum + reduce_once(product, MODULUS), MODULUS);
        }
    });
}

/// The inner product modulo the modulus. Low and high halves of the products are summed apart and reduced once: a 128-bit
/// remainder costs as much as some thirty products.
pub(crate) fn inner(a: &[u64], b: impl Iterator<Item = u64>) -> u64 {
    let (mut low, mut high) = (0u128, 0u128);
    for (a, b) in a.iter().zip(b) {
        let product = u128::from(*a) * u128::from(b);
        low += product & u128::from(u64::MAX);
        high += product >> 64;
    }
    // Below 2^126, since what is shifted is below 2^62.
    let high = (high % u128::from(MODULUS)) << 64;
    ((high % u128::from(MODULUS) + low % u128::from(MODULUS)) % u128::from(MODULUS)) as u64
}

/// `a * b + c` modulo the modulus.
pub(crate) fn multiply_add(a: u64, b: u64, c: u64) -> u64 {
    ((u128::from(a) * u128::from(b) + u128::from(c)) % u128::from(MODULUS)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(values: &[u64]) -> Vec<[u8; 8]> {
        values.iter().map(|v| v.to_le_bytes()).collect()
    }

    proptest! {
        #[test]
        fn sums_and_products_agree_with_wide_integers(
            inputs in prop::collection::vec(prop::collection::vec(0..MODULUS, 600), 1..9),
            weight in 1u32..,
            edge in any::<bool>(),
        ) {
            let mut inputs = inputs;
            if edge {
                inputs.iter_mut().flatten().for_each(|v| *v = MODULUS - 1);
            }
            let raw: Vec<_> = inputs.iter().map(|input| bytes(input)).collect();
            let slices: Vec<_> = raw.iter().map(Vec::as_slice).collect();
            let mut sum = vec![MODULUS - 1; 600];
            add_all(&mut sum, &slices);
            add_scaled(&mut sum, slices[0], weight);
            for (at, got) in sum.iter().enumerate() {
                let plain: u128 = inputs.iter().map(|input| u128::from(input[at])).sum();
                let plain = plain + u128::from(MODULUS - 1) + u128::from(inputs[0][at]) * u128::from(weight);
                prop_assert_eq!(u128::from(*got), plain % u128::from(MODULUS));
            }
            let first = inputs[0].iter();
            let plain = first.fold(0, |sum, a| multiply_add(*a, *a, sum));
            prop_assert_eq!(inner(&inputs[0], inputs[0].iter().copied()), plain);
        }
    }

    #[test]
    fn a_coefficient_at_the_modulus_is_not_reduced() {
        let mut values = vec![MODULUS - 1; 100];
        assert!(all_reduced(&bytes(&values), MODULUS));
        values[57] = MODULUS;
        assert!(!all_reduced(&bytes(&values), MODULUS));
    }
}
