//! What paper M compares with: the "improved ECC" of Khan, Quasim, Alghamdi and Khan (IEEE Access 8, 2020), in the one
//! reading of its formulas that is well defined. As printed they add numbers to points and multiply points.
//!
//! ```text
//! set-up   Prk random;  Puk = Prk B;  Sk = Puk + Prk H + B, a secret point of both ends (H: nobody knows its logarithm)
//! encrypt  each byte through a keyed table, then + k_c mod 256 (Caesar); 30 bytes become a point M (Koblitz);
//!          r random;  C1 = r B + Sk;  C2 = M + r Puk + Sk
//! decrypt  M = (C2 - Sk) - Prk (C1 - Sk), and everything backwards
//! ```
//!
//! Table, Caesar and `Sk` add nothing to ElGamal, and nothing protects the ciphertext from change. It is here to be
//! measured. Do not use it.

use crate::Error;
use p256::elliptic_curve::Generate;
use p256::elliptic_curve::group::GroupEncoding;
use p256::elliptic_curve::point::{AffineCoordinates, DecompressPoint};
use p256::{AffinePoint, ProjectivePoint, Scalar};
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// Bytes of a message that one point carries: its coordinate has 32, the first is zero and the last is tried out.
pub const CHUNK_BYTES: usize = 30;
/// Bytes of two compressed points (SEC 1).
pub const CIPHERTEXT_BYTES: usize = 66;

/// A ciphertext of a chunk: two compressed points.
pub type Ciphertext = [u8; CIPHERTEXT_BYTES];

/// What both ends know. The encrypting end would not need `private`; the printed scheme gives it to both in `Sk`.
pub struct Keys {
    private: Scalar,
    public: ProjectivePoint,
    offset: ProjectivePoint,
    table: [u8; 256],
    back: [u8; 256],
    shift: u8,
}

impl Keys {
    /// Fresh keys.
    ///
    /// # Errors
    /// [`Error::Misuse`] when no point is found for the second generator, with a chance of 2^-256.
    pub fn random(rng: &mut impl CryptoRng) -> Result<Self, Error> {
        let private = Scalar::generate_from_rng(rng);
        let public = ProjectivePoint::GENERATOR * private;
        let offset = public + second_generator()? * private + ProjectivePoint::GENERATOR;
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let (table, back) = tables(seed);
        let shift = (rng.next_u32() % 255) as u8 + 1;
        Ok(Self { private, public, offset, table, back, shift })
    }

    fn disguise(&self, byte: u8) -> u8 {
        self.table.get(usize::from(byte)).copied().unwrap_or_default().wrapping_add(self.shift)
    }

    fn undisguise(&self, byte: u8) -> u8 {
        self.back.get(usize::from(byte.wrapping_sub(self.shift))).copied().unwrap_or_default()
    }

    /// Two points for each 30 bytes. The last are padded with zeros, and the receiver knows how long messages are.
    ///
    /// # Errors
    /// [`Error::Misuse`] when no point is found for a chunk, with a chance of 2^-256.
    pub fn encrypt(&self, message: &[u8], rng: &mut impl CryptoRng) -> Result<Vec<Ciphertext>, Error> {
        message.chunks(CHUNK_BYTES).map(|chunk| self.encrypt_chunk(chunk, rng)).collect()
    }

    fn encrypt_chunk(&self, chunk: &[u8], rng: &mut impl CryptoRng) -> Result<Ciphertext, Error> {
        let mut plain = [0; CHUNK_BYTES];
        plain.iter_mut().zip(chunk).for_each(|(slot, byte)| *slot = *byte);
        let point = to_point(plain.map(|byte| self.disguise(byte)))?;
        let r = Scalar::generate_from_rng(rng);
        let first = ProjectivePoint::GENERATOR * r + self.offset;
        let second = point + self.public * r + self.offset;
        let mut out = [0; CIPHERTEXT_BYTES];
        let bytes = [first, second].into_iter().flat_map(|point| point.to_affine().to_bytes());
        out.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = byte);
        Ok(out)
    }

    /// `None` when something is not a point, or not one that carries bytes. Anything else is believed.
    pub fn decrypt(&self, points: &[Ciphertext], length: usize) -> Option<Vec<u8>> {
        let mut message = Vec::with_capacity(points.len() * CHUNK_BYTES);
        for both in points {
            let (first, second) = both.split_at(CIPHERTEXT_BYTES / 2);
            let read = |bytes: &[u8]| -> Option<ProjectivePoint> {
                Option::<AffinePoint>::from(AffinePoint::from_bytes(bytes.try_into().ok()?)).map(Into::into)
            };
            let (first, second) = (read(first)?, read(second)?);
            let point = (second - self.offset) - (first - self.offset) * self.private;
            message.extend(from_point(point)?.map(|byte| self.undisguise(byte)));
        }
        message.truncate(length);
        Some(message)
    }
}

/// Koblitz's encoding: the bytes and a number small enough that the sum is a coordinate. A number fails with
/// probability one half, and all 256 with less than that of a guessed key.
fn to_point(bytes: [u8; CHUNK_BYTES]) -> Result<ProjectivePoint, Error> {
    (0..=u8::MAX)
        .find_map(|last| point_at(coordinate(bytes, last)))
        .ok_or(Error::Misuse("no point carries these bytes"))
}

fn coordinate(bytes: [u8; CHUNK_BYTES], last: u8) -> [u8; 32] {
    let mut x = [0; 32];
    x.iter_mut().skip(1).zip(bytes.into_iter().chain([last])).for_each(|(slot, byte)| *slot = byte);
    x
}

fn point_at(x: [u8; 32]) -> Option<ProjectivePoint> {
    Option::<AffinePoint>::from(AffinePoint::decompress(&x.into(), 0.into())).map(Into::into)
}

fn from_point(point: ProjectivePoint) -> Option<[u8; CHUNK_BYTES]> {
    let x: [u8; 32] = point.to_affine().x().into();
    let (first, rest) = x.split_first()?;
    rest.first_chunk().copied().filter(|_| *first == 0)
}

/// The first hash of its name and a number that is a coordinate.
fn second_generator() -> Result<ProjectivePoint, Error> {
    let hash =
        |number: u8| Sha256::new().chain_update(b"improved ECC, second generator").chain_update([number]);
    (0..=u8::MAX)
        .find_map(|number| point_at(hash(number).finalize().into()))
        .ok_or(Error::Misuse("no hash is a coordinate"))
}

/// A permutation of the bytes (Fisher and Yates) and its inverse.
fn tables(seed: [u8; 32]) -> ([u8; 256], [u8; 256]) {
    let mut rng = ChaCha20Rng::from_seed(seed);
    let mut table: [u8; 256] = std::array::from_fn(|i| i as u8);
    for i in (1..256u32).rev() {
        let j = (u64::from(rng.next_u32()) * u64::from(i + 1)) >> 32;
        table.swap(i as usize, j as usize);
    }
    let mut back = [0; 256];
    for (byte, image) in (0u8..=255).zip(table) {
        if let Some(slot) = back.get_mut(usize::from(image)) {
            *slot = byte;
        }
    }
    (table, back)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rng(seed: u64) -> ChaCha20Rng {
        ChaCha20Rng::seed_from_u64(seed)
    }

    #[test]
    fn it_decrypts_what_it_encrypted() {
        let mut rng = rng(1);
        let keys = Keys::random(&mut rng).unwrap();
        for length in [0usize, 1, 29, 30, 31, 150] {
            let message: Vec<u8> = (0..length).map(|i| (i * 7) as u8).collect();
            let points = keys.encrypt(&message, &mut rng).unwrap();
            assert_eq!(points.len(), length.div_ceil(CHUNK_BYTES));
            assert_eq!(keys.decrypt(&points, length), Some(message));
        }
    }

    #[test]
    fn a_wrong_key_does_not_open_it() {
        let mut rng = rng(2);
        let (keys, other) = (Keys::random(&mut rng).unwrap(), Keys::random(&mut rng).unwrap());
        let points = keys.encrypt(&[9; 150], &mut rng).unwrap();
        assert_eq!(other.decrypt(&points, 150), None);
        // With everything but the private scalar it is no better.
        let other = Keys { private: other.private, ..keys };
        assert_eq!(other.decrypt(&points, 150), None);
    }

    #[test]
    fn encryption_is_randomised_and_the_table_is_a_permutation() {
        let mut rng = rng(3);
        let keys = Keys::random(&mut rng).unwrap();
        assert_ne!(keys.encrypt(b"m", &mut rng).unwrap(), keys.encrypt(b"m", &mut rng).unwrap());
        assert!((0..=255).all(|byte| keys.undisguise(keys.disguise(byte)) == byte));
        assert!((0..=255u8).any(|byte| keys.table[usize::from(byte)] != byte));
    }

    /// What makes it unfit: the offset is the same in every ciphertext, and adding a multiple of the generator to a
    /// message's point goes unnoticed.
    #[test]
    fn changes_go_unnoticed_when_they_hit_a_point_that_carries_bytes() {
        let mut rng = rng(4);
        let keys = Keys::random(&mut rng).unwrap();
        let (a, b) =
            (keys.encrypt(&[1; 30], &mut rng).unwrap()[0], keys.encrypt(&[2; 30], &mut rng).unwrap()[0]);
        assert_eq!(keys.decrypt(&[b, a], 60), Some([[2; 30], [1; 30]].concat()), "chunks change places");
    }
}
