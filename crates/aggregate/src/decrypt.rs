//! Dec: a vector into numbers, or a refusal.
//!
//! The library's own decryption returns a number for everything, also where noise has spoilt it. Here the phase `c0 + c1 s` is
//! worked out with the library's ring, and what rounding leaves must be small: `|t x - m q|` at most a quarter of `q / 2`.

use crate::encoding::Encoding;
use crate::error::Error;
use crate::keys::{KeyId, SecretKey};
use crate::parameters::{self, DEGREE, MARGIN_PART, MODULUS};
use crate::vector::Vector;
use fhe_math::rq::traits::TryConvertFrom as _;
use fhe_math::rq::{Poly, Representation};
use zeroize::{Zeroize as _, Zeroizing};

impl SecretKey {
    /// Opens a vector that is known to be authentic; all places. `key` is the public key it must be encrypted under.
    ///
    /// Verify first ([`crate::TagKey::verify`]): who may ask for forged vectors to be opened, and learns what comes of it, can
    /// learn the key.
    ///
    /// # Errors
    /// [`Error::KeyMismatch`], and [`Error::NoiseExceeded`] when the rest is too large for a sum that was allowed.
    pub fn open(&self, vector: &Vector, key: KeyId) -> Result<Zeroizing<Vec<u64>>, Error> {
        if vector.header.key != key {
            return Err(Error::KeyMismatch(key, vector.header.key));
        }
        let encoding = vector.header.encoding;
        let phase = self.phase(vector)?;
        let mut message = Zeroizing::new(vec![0u64; DEGREE]);
        let mut refused = false;
        for (to, x) in message.iter_mut().zip(phase.iter()) {
            let (number, sure) = round(*x, encoding);
            *to = number;
            refused |= !sure;
        }
        if refused {
            return Err(Error::NoiseExceeded);
        }
        let values = encoding.unpack(&message);
        // No honest sum is above its own bound.
        if values.iter().any(|value| *value > vector.header.bounds.largest) {
            return Err(Error::NoiseExceeded);
        }
        Ok(values)
    }

    /// `c0 + c1 s`, coefficients in the power basis.
    fn phase(&self, vector: &Vector) -> Result<Zeroizing<Vec<u64>>, Error> {
        let ring = parameters::ring()?;
        let (c0, c1) = vector.coefficients.split_at_checked(DEGREE).ok_or(Error::Library)?;
        let polynomial = |coefficients: &[u64]| {
            Poly::try_convert_from(coefficients.to_vec(), ring, false, Representation::PowerBasis)
                .map_err(|_| Error::Library)
        };
        let mut phase = polynomial(c1)?;
        phase.change_representation(Representation::Ntt);
        phase *= &self.secret;
        phase.change_representation(Representation::PowerBasis);
        phase += &polynomial(c0)?;
        let coefficients = Zeroizing::new(phase.coefficients().iter().copied().collect::<Vec<_>>());
        phase.zeroize();
        if coefficients.len() == DEGREE { Ok(coefficients) } else { Err(Error::Library) }
    }
}

/// The message nearest to `x t / q`, and whether the rest is small enough to be sure of it.
fn round(x: u64, encoding: Encoding) -> (u64, bool) {
    let t = encoding.plaintext_modulus();
    // The quotient is below 2^40, which leaves a double twelve bits after the point; the rest is exact.
    let near = (x as f64 * (t as f64 / MODULUS as f64)).round() as u64;
    let rest = i128::from(x) * i128::from(t) - i128::from(near) * i128::from(MODULUS);
    let sure = rest.unsigned_abs() <= u128::from(MODULUS / (2 * MARGIN_PART));
    (if near == t { 0 } else { near }, sure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Owner, PublicKey};
    use fhe::bfv;
    use fhe_traits::{FheDecoder as _, FheDecrypter as _};
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    #[test]
    fn the_librarys_own_decryption_says_the_same() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let secret = SecretKey::from_owner(&Owner::generate(&mut rng)).unwrap();
        let public = PublicKey::generate(&secret, &mut rng).unwrap();
        for encoding in Encoding::ALL {
            let values: Vec<u32> = (0..encoding.places() as u32).map(|i| i * 7 % 1_000).collect();
            let vector = public.encrypt(encoding, &values, 1_000, &mut rng).unwrap();
            let library = parameters::library(encoding).unwrap();
            let polynomials = vector.coefficients.chunks(DEGREE).map(|half| {
                let ring = parameters::ring().unwrap();
                let mut half =
                    Poly::try_convert_from(half.to_vec(), ring, false, Representation::PowerBasis).unwrap();
                half.change_representation(Representation::Ntt);
                half
            });
            let theirs = bfv::Ciphertext::new(polynomials.collect(), library).unwrap();
            let key = bfv::SecretKey::random(library, &mut secret.generator());
            let plain = key.try_decrypt(&theirs).unwrap();
            let plain = Vec::<u64>::try_decode(&plain, bfv::Encoding::poly()).unwrap();
            assert_eq!(encoding.unpack(&plain), secret.open(&vector, public.id()).unwrap());
        }
    }

    #[test]
    fn rounding_is_right_at_the_edges_of_what_is_sure() {
        for encoding in Encoding::ALL {
            let t = encoding.plaintext_modulus();
            let step = u128::from(MODULUS);
            for message in [0, 1, t / 3, t / 2, t - 1] {
                let middle = (u128::from(message) * step / u128::from(t)) as u64;
                let sure = MODULUS / (2 * MARGIN_PART) / t;
                for off in [0, 1, sure - 1] {
                    assert_eq!(round(middle + off, encoding), (message, true));
                }
                assert!(!round(middle + sure + 2, encoding).1);
                let half = MODULUS / 2 / t;
                assert!(!round(middle + half, encoding).1);
            }
            // Just below the modulus it is zero again.
            assert_eq!(round(MODULUS - 1, encoding), (0, true));
        }
    }
}
