//! Shamir's secret sharing (CACM 22, 1979), byte by byte over GF(2^8) with the polynomial 0x11d. The arithmetic is the
//! erasure code's; a crate that does the whole takes ten times as long for a secret of this size, and is the oracle of
//! the tests.

use crate::PATHS_MAX;
use crate::keys::{KEY_BYTES, Secret};
use rand_core::CryptoRng;
use reed_solomon_erasure::galois_8;

/// Shares `1..=n` of a secret: the values at these places of a polynomial of degree `k - 1` whose value at 0 is the
/// secret and whose other coefficients are random.
pub(crate) fn split(secret: &Secret, k: usize, n: usize, rng: &mut impl CryptoRng) -> Vec<[u8; KEY_BYTES]> {
    let mut coefficients = [const { Secret([0; KEY_BYTES]) }; PATHS_MAX];
    let random = coefficients.get_mut(..k.saturating_sub(1)).unwrap_or_default();
    random.iter_mut().for_each(|coefficient| rng.fill_bytes(&mut coefficient.0));
    let share = |x: u8| {
        // Horner's scheme would multiply the running value; this multiplies the coefficients, which may be done in place.
        let mut value = secret.0;
        let mut power = 1;
        for coefficient in random.iter() {
            power = galois_8::mul(power, x);
            galois_8::mul_slice_xor(power, &coefficient.0, &mut value);
        }
        value
    };
    (1u8..).take(n).map(share).collect()
}

/// The value at 0 of the polynomial through these shares, each with its place (Lagrange). `None` when two places are
/// the same or one is 0.
pub(crate) fn recover(shares: &[(u8, &[u8; KEY_BYTES])]) -> Option<Secret> {
    let mut secret = Secret([0; KEY_BYTES]);
    for (i, (x, value)) in shares.iter().enumerate() {
        let mut weight = 1;
        for (j, (other, _)) in shares.iter().enumerate() {
            if i == j {
                continue;
            }
            let apart = galois_8::add(*other, *x);
            if apart == 0 || *x == 0 {
                return None;
            }
            weight = galois_8::mul(weight, galois_8::div(*other, apart));
        }
        galois_8::mul_slice_xor(weight, *value, &mut secret.0);
    }
    Some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use blahaj::{Share, Sharks};
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    fn places(shares: &[[u8; 32]]) -> Vec<(u8, &[u8; 32])> {
        (1..).zip(shares).collect()
    }

    #[test]
    fn any_k_shares_give_the_secret_and_another_implementation_agrees() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for k in 2..=PATHS_MAX {
            let secret = Secret([k as u8; 32]);
            let shares = split(&secret, k, PATHS_MAX, &mut rng);
            for from in 0..=PATHS_MAX - k {
                let some = &places(&shares)[from..][..k];
                assert_eq!(recover(some).unwrap().0, secret.0);
                let theirs = some.iter().map(|(x, y)| {
                    let bytes = [&[*x][..], *y].concat();
                    Share::try_from(bytes.as_slice()).unwrap()
                });
                assert_eq!(Sharks(k as u8).recover(&theirs.collect::<Vec<_>>()).unwrap(), secret.0);
            }
        }
    }

    #[test]
    fn shares_of_another_implementation_give_the_secret() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        for k in 2..=PATHS_MAX {
            let theirs: Vec<Vec<u8>> =
                Sharks(k as u8).dealer_rng(&[9; 32], &mut rng).take(k).map(|s| Vec::from(&s)).collect();
            let shares: Vec<(u8, &[u8; 32])> =
                theirs.iter().map(|share| (share[0], share[1..].first_chunk().unwrap())).collect();
            assert_eq!(recover(&shares).unwrap().0, [9; 32]);
        }
    }

    #[test]
    fn fewer_shares_say_nothing_and_equal_places_are_refused() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let shares = split(&Secret([7; 32]), 3, 3, &mut rng);
        let some = places(&shares);
        assert_ne!(recover(&some[..2]).unwrap().0, [7; 32]);
        assert!(recover(&[some[0], some[1], some[0]]).is_none());
        assert!(recover(&[(0, some[0].1), some[1]]).is_none());
        // Two shares of three leave every secret possible: this one is any polynomial's value at 0 and goes through both.
        let wished = [0x42; 32];
        let third = recover_at(3, &[(0, &wished), some[0], some[1]]);
        assert_eq!(recover(&[some[0], some[1], (3, &third)]).unwrap().0, wished);
    }

    /// The value at `x` instead of 0, by moving every place.
    fn recover_at(x: u8, shares: &[(u8, &[u8; 32])]) -> [u8; 32] {
        let moved: Vec<_> = shares.iter().map(|(place, value)| (place ^ x, *value)).collect();
        recover(&moved).unwrap().0
    }
}
