//! Paillier's scheme (EUROCRYPT 1999), which is what the paper's equations (1) to (4) describe, behind the trait of our own.
//!
//! For comparison only: it is measured, and nothing is kept under it. One number for each ciphertext as in the literature, or packed, with
//! lanes of 32 bits in one plaintext. Keys are made of plain random primes and not of safe ones, which take minutes to find and
//! change no time that is measured.

use super::{Stopwatch, failed, wrong};
use crate::Error;
use bodywire_aggregate::AdditiveHe;
use fast_paillier::backend::Integer;
use fast_paillier::{DecryptionKey, EncryptionKey};
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, Rng, SeedableRng};
use rand_core_for_paillier as old;
use std::hint::black_box;

/// Bits of a lane: as much as a place of our widest encoding.
const LANE_BITS: u64 = 32;
const LANE_BYTES: usize = LANE_BITS as usize / 8;

/// The scheme with its length of key.
#[derive(Debug, Clone, Copy)]
pub struct Paillier {
    /// Bits of the modulus.
    pub bits: u32,
    /// Whether a ciphertext holds as many lanes as fit, or one number.
    pub packed: bool,
}

/// Numbers, as many to a ciphertext as the scheme says.
#[derive(Debug, Clone)]
pub struct Numbers {
    parts: Vec<Integer>,
    /// No number is above this.
    largest: u64,
}

/// What is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A number is above its bound, or could become too large for a lane.
    #[error("a number is too large for its lane")]
    TooLarge,
    /// A sum of nothing, or of vectors of different lengths.
    #[error("the vectors do not fit together")]
    Shape,
    /// The library's word.
    #[error("the library refused")]
    Library,
}

impl From<fast_paillier::Error> for Refused {
    fn from(_: fast_paillier::Error) -> Self {
        Self::Library
    }
}

impl Paillier {
    /// Numbers in one ciphertext. Plaintexts are below half of the modulus, of which two primes may leave a bit less.
    pub fn lanes(self) -> usize {
        if self.packed { ((u64::from(self.bits) - 3) / LANE_BITS) as usize } else { 1 }
    }

    /// Bytes of one ciphertext, a number modulo the square of the modulus.
    pub fn ciphertext_bytes(self) -> usize {
        2 * self.bits as usize / 8
    }
}

fn checked(largest: u64) -> Result<u64, Refused> {
    if largest >> LANE_BITS == 0 { Ok(largest) } else { Err(Refused::TooLarge) }
}

impl AdditiveHe for Paillier {
    type Public = EncryptionKey;
    type Secret = DecryptionKey;
    type Ciphertext = Numbers;
    type Error = Refused;

    fn keygen(&self, rng: &mut impl CryptoRng) -> Result<(EncryptionKey, DecryptionKey), Refused> {
        let mut rng = Older(rng);
        let mut prime = || Integer::generate_prime(&mut rng, self.bits / 2);
        let secret = DecryptionKey::from_primes(prime(), prime())?;
        Ok((secret.encryption_key().clone(), secret))
    }

    fn encrypt(
        &self,
        key: &EncryptionKey,
        values: &[u32],
        largest: u32,
        rng: &mut impl CryptoRng,
    ) -> Result<Numbers, Refused> {
        if values.iter().any(|value| *value > largest) {
            return Err(Refused::TooLarge);
        }
        let part = |values: &[u32]| {
            let bytes: Vec<u8> = values.iter().rev().flat_map(|value| value.to_be_bytes()).collect();
            let plaintext = Integer::from_bytes_msf(&bytes);
            Ok(key.encrypt_with_random(&mut Older(&mut *rng), &plaintext)?.0)
        };
        let parts = values.chunks(self.lanes()).map(part).collect::<Result<_, Refused>>()?;
        Ok(Numbers { parts, largest: u64::from(largest) })
    }

    fn weighted_sum(&self, key: &EncryptionKey, terms: &[(&Numbers, u32)]) -> Result<Numbers, Refused> {
        let mut sum: Option<Numbers> = None;
        for (term, weight) in terms {
            let mut scaled = (*term).clone();
            scaled.largest = checked(term.largest.saturating_mul(u64::from(*weight)))?;
            if *weight != 1 {
                let weight = Integer::from(*weight);
                for part in &mut scaled.parts {
                    *part = key.omul(&weight, part)?;
                }
            }
            let Some(sum) = &mut sum else {
                sum = Some(scaled);
                continue;
            };
            if sum.parts.len() != scaled.parts.len() {
                return Err(Refused::Shape);
            }
            sum.largest = checked(sum.largest.saturating_add(scaled.largest))?;
            for (to, part) in sum.parts.iter_mut().zip(&scaled.parts) {
                *to = key.oadd(to, part)?;
            }
        }
        sum.ok_or(Refused::Shape)
    }

    fn decrypt(
        &self,
        _: &EncryptionKey,
        secret: &DecryptionKey,
        ciphertext: &Numbers,
    ) -> Result<Vec<u64>, Refused> {
        let mut values = Vec::new();
        for part in &ciphertext.parts {
            let bytes = secret.decrypt(part)?.to_bytes_lsf();
            let lane = |lane: &[u8]| lane.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
            let end = values.len() + self.lanes();
            values.extend(bytes.chunks(LANE_BYTES).map(lane));
            values.resize(end, 0);
        }
        Ok(values)
    }
}

/// A generator in the form in which the library wants it.
struct Older<'a, R>(&'a mut R);

impl<R: CryptoRng> old::RngCore for Older<'_, R> {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), old::Error> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}

impl<R: CryptoRng> old::CryptoRng for Older<'_, R> {}

/// Seconds on a processor for each value, and its bytes.
#[derive(Debug, Clone)]
pub struct Costs {
    /// The library and its key.
    pub name: String,
    /// Encryption.
    pub encrypt: f64,
    /// Addition.
    pub add: f64,
    /// Multiplication by a weight.
    pub scale: f64,
    /// Decryption.
    pub decrypt: f64,
    /// Bytes of a ciphertext for each value in it.
    pub bytes: f64,
}

/// Readings are at most this.
const LARGEST: u32 = super::sums::LARGEST;
/// Distinct ciphertexts that are added.
const DISTINCT: u32 = 32;
const WEIGHT: u32 = 7;
const WHAT: &str = "Paillier's scheme";

/// One value for each ciphertext and packed, with one key of so many bits.
///
/// # Errors
/// [`Error::Measured`] when the library refuses, or a sum is not that of integers.
pub fn costs(bits: u32, watch: &impl Stopwatch) -> Result<[Costs; 2], Error> {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let keys = Paillier { bits, packed: false }.keygen(&mut rng).map_err(failed(WHAT))?;
    let lone = costs_of(Paillier { bits, packed: false }, &keys, watch, &mut rng)?;
    Ok([lone, costs_of(Paillier { bits, packed: true }, &keys, watch, &mut rng)?])
}

fn costs_of(
    scheme: Paillier,
    (public, secret): &(EncryptionKey, DecryptionKey),
    watch: &impl Stopwatch,
    rng: &mut ChaCha20Rng,
) -> Result<Costs, Error> {
    let lanes = scheme.lanes();
    let each = 1.0 / lanes as f64;
    let values: Vec<u32> = (0..lanes).map(|_| rng.next_u32() % (LARGEST + 1)).collect();
    let encrypt = watch.seconds_each(&mut || {
        black_box(scheme.encrypt(public, &values, LARGEST, rng).map_err(failed(WHAT))?);
        Ok(())
    })?;
    let sealed: Result<Vec<_>, _> =
        (0..DISTINCT).map(|_| scheme.encrypt(public, &values, LARGEST, rng)).collect();
    let sealed = sealed.map_err(failed(WHAT))?;
    let terms: Vec<_> = sealed.iter().map(|one| (one, 1)).collect();
    let add = watch.seconds_each(&mut || {
        black_box(scheme.weighted_sum(public, &terms).map_err(failed(WHAT))?);
        Ok(())
    })?;
    let scale = watch.seconds_each(&mut || {
        let term = sealed.first().map(|one| (one, WEIGHT));
        black_box(scheme.weighted_sum(public, term.as_slice()).map_err(failed(WHAT))?);
        Ok(())
    })?;
    let sum = scheme.weighted_sum(public, &terms).map_err(failed(WHAT))?;
    let plain: Vec<u64> = values.iter().map(|value| u64::from(*value) * u64::from(DISTINCT)).collect();
    let decrypt = watch.seconds_each(&mut || {
        let opened = scheme.decrypt(public, secret, &sum).map_err(failed(WHAT))?;
        if opened == plain { Ok(()) } else { Err(wrong(WHAT, "the sum is not that of integers")) }
    })?;
    Ok(Costs {
        name: format!("fast-paillier {}{}", scheme.bits, if scheme.packed { ", packed" } else { "" }),
        encrypt: encrypt * each,
        add: add * each / f64::from(DISTINCT - 1),
        scale: scale * each,
        decrypt: decrypt * each,
        bytes: scheme.ciphertext_bytes() as f64 * each,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn packing_makes_each_value_cheaper() {
        let [one, packed] = costs(256, &super::super::Once).unwrap();
        assert!(one.encrypt > packed.encrypt && one.bytes == 64.0);
        assert_eq!(packed.name, "fast-paillier 256, packed");
    }

    use super::*;
    use bodywire_aggregate::Encoding;
    use bodywire_aggregate::scheme::Bfv;

    /// Far too short to keep a secret; long enough for seven lanes, and quickly made.
    const TEST_BITS: u32 = 256;

    /// What the paper asks of a scheme: `W(v1 + v2) = W(v1) + W(v2)` and `W(f v) = f W(v)`, in integers.
    fn adds_and_scales<S: AdditiveHe>(scheme: &S)
    where
        S::Error: std::fmt::Debug,
    {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let (public, secret) = scheme.keygen(&mut rng).unwrap();
        for weights in [&[1u32][..], &[1, 1, 1], &[3, 1, 40]] {
            let batches: Vec<Vec<u32>> =
                weights.iter().map(|_| (0..20).map(|_| rng.next_u32() % 301).collect()).collect();
            let sealed: Vec<_> = batches
                .iter()
                .map(|values| scheme.encrypt(&public, values, 300, &mut rng).unwrap())
                .collect();
            let terms: Vec<_> = sealed.iter().zip(weights.iter().copied()).collect();
            let sum = scheme.weighted_sum(&public, &terms).unwrap();
            let opened = scheme.decrypt(&public, &secret, &sum).unwrap();
            for place in 0..20 {
                let terms = batches.iter().zip(weights);
                let plain: u64 = terms.map(|(values, w)| u64::from(values[place]) * u64::from(*w)).sum();
                assert_eq!(opened[place], plain);
            }
            assert!(opened[20..].iter().all(|rest| *rest == 0));
        }
        let one = scheme.encrypt(&public, &[7], 300, &mut rng).unwrap();
        assert!(scheme.weighted_sum(&public, &[(&one, u32::MAX)]).is_err(), "too large for a place");
        assert!(scheme.weighted_sum(&public, &[]).is_err(), "a sum of nothing");
        assert!(scheme.encrypt(&public, &[301], 300, &mut rng).is_err(), "above its bound");
    }

    #[test]
    fn every_scheme_adds_and_scales() {
        adds_and_scales(&Bfv(Encoding::Series));
        adds_and_scales(&Bfv(Encoding::Wide));
        for packed in [false, true] {
            adds_and_scales(&Paillier { bits: TEST_BITS, packed });
        }
    }

    #[test]
    fn as_many_lanes_fit_as_there_are_bits_for() {
        let lanes = |bits| Paillier { bits, packed: true }.lanes();
        assert_eq!((lanes(TEST_BITS), lanes(2048), lanes(3072)), (7, 63, 95));
        assert_eq!(Paillier { bits: 2048, packed: false }.lanes(), 1);
        // All lanes full, so that none runs into the next.
        let (scheme, mut rng) = (Paillier { bits: TEST_BITS, packed: true }, ChaCha20Rng::seed_from_u64(8));
        let (public, secret) = scheme.keygen(&mut rng).unwrap();
        let full = scheme.encrypt(&public, &[u32::MAX >> 1; 7], u32::MAX >> 1, &mut rng).unwrap();
        let sum = scheme.weighted_sum(&public, &[(&full, 1), (&full, 1)]).unwrap();
        assert_eq!(scheme.decrypt(&public, &secret, &sum).unwrap(), [u64::from(u32::MAX - 1); 7]);
        assert!(scheme.weighted_sum(&public, &[(&full, 3)]).is_err());
        let short = scheme.encrypt(&public, &[1; 8], 1, &mut rng).unwrap();
        assert!(scheme.weighted_sum(&public, &[(&full, 1), (&short, 1)]).is_err());
    }
}
