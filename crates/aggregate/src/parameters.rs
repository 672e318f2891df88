//! The parameters of the scheme, and the reason for each.
//!
//! Additive BFV (Fan and Vercauteren, ePrint 2012/144) over `Z_q[x] / (x^4096 + 1)`: the paper asks for addition and for
//! multiplication by a plain number, and for nothing else. Paillier has the same two operations one number at a time; here one
//! operation serves thousands of numbers, and the problem behind it (ring learning with errors) is not known to fall to a quantum
//! computer.
//!
//! * **4096 coefficients.** The HomomorphicEncryption.org standard allows a modulus of up to 109 bits for 128 bits of security at
//!   this length; with the 62 bits used here the primal attack needs a block size of about 750 (about 218 bits of classical and
//!   192 bits of quantum core-SVP cost, by our own estimate and not by the reference estimator). 2048 coefficients would leave no
//!   margin and cost the same for each value.
//! * **One prime of 62 bits**: the largest below `2^62` that is 1 modulo 8192. No multiplication of two ciphertexts, hence no
//!   chain of moduli; and a coefficient is one machine word that can be added four times before it is reduced.
//! * **Errors of variance 10**, centred binomial, the default of the library.
//! * **No evaluation keys.** Additions need none, so that nothing secret or large is given to those who compute.

use crate::encoding::Encoding;
use fhe::bfv::{BfvParameters, BfvParametersBuilder};
use fhe_math::rq::Context;
use std::sync::{Arc, OnceLock};

/// Coefficients of a polynomial.
pub const DEGREE: usize = 4096;
/// Coefficients of a ciphertext: two polynomials.
pub const COEFFICIENTS: usize = 2 * DEGREE;
/// The modulus `q`: the largest prime below `2^62` that is 1 modulo `2 * DEGREE`.
pub const MODULUS: u64 = 4_611_686_018_427_322_369;
/// Variance of the secret and of the errors.
pub const VARIANCE: usize = 10;
/// The code of this set of parameters on the wire.
pub const PARAMETERS: u8 = 1;

/// Standard deviation of the error of a fresh ciphertext, rounded up: `sqrt(2 * DEGREE * VARIANCE * VARIANCE)`, for the product
/// of two polynomials with coefficients of that variance, twice.
pub const NOISE_DEVIATION: u64 = 906;
/// Deviations between what is allowed and a quarter of what would decrypt wrongly. A normal error of ten deviations has a
/// probability below `2^-75`; four times as far it is below `2^-1000`.
pub const NOISE_DEVIATIONS: u64 = 10;
/// Decryption refuses a rest above this part of the margin: a rest so large comes from no sum that was allowed.
pub const MARGIN_PART: u64 = 4;

struct Sets {
    series: Option<Arc<BfvParameters>>,
    wide: Option<Arc<BfvParameters>>,
}

fn build(plaintext: u64) -> Option<Arc<BfvParameters>> {
    BfvParametersBuilder::new()
        .set_degree(DEGREE)
        .set_plaintext_modulus(plaintext)
        .set_moduli(&[MODULUS])
        .set_variance(VARIANCE)
        .build_arc()
        .ok()
}

/// The library's form of the parameters of an encoding. They are constants, and a test builds them.
pub(crate) fn library(encoding: Encoding) -> Result<&'static Arc<BfvParameters>, crate::Error> {
    static SETS: OnceLock<Sets> = OnceLock::new();
    let sets = SETS.get_or_init(|| Sets {
        series: build(Encoding::Series.plaintext_modulus()),
        wide: build(Encoding::Wide.plaintext_modulus()),
    });
    let set = match encoding {
        Encoding::Series => &sets.series,
        Encoding::Wide => &sets.wide,
    };
    set.as_ref().ok_or(crate::Error::Library)
}

/// The ring of the ciphertexts, which is the same for all encodings.
pub(crate) fn ring() -> Result<&'static Arc<Context>, crate::Error> {
    library(Encoding::Wide)?.context_at_level(0).map_err(|_| crate::Error::Library)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modulus_is_the_largest_prime_that_fits() {
        assert!(fhe_util::is_prime(MODULUS));
        assert_eq!(MODULUS % (2 * DEGREE as u64), 1);
        let between = (MODULUS + 1..1 << 62).filter(|n| n % (2 * DEGREE as u64) == 1);
        assert!(between.into_iter().all(|n| !fhe_util::is_prime(n)));
        // Four of them fit a word, which the additions rely on.
        assert!(u128::from(MODULUS) * 4 < 1 << 64);
    }

    #[test]
    fn the_noise_constant_is_not_below_the_formula() {
        let formula = ((2 * DEGREE * VARIANCE * VARIANCE) as f64).sqrt();
        assert!(NOISE_DEVIATION as f64 >= formula && (NOISE_DEVIATION as f64) < formula + 1.0);
    }

    #[test]
    fn both_sets_are_accepted_by_the_library() {
        for encoding in Encoding::ALL {
            assert_eq!(library(encoding).unwrap().moduli(), [MODULUS]);
        }
        assert_eq!(ring().unwrap().moduli(), [MODULUS]);
    }
}
