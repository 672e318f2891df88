//! The four algorithms of the paper's equations (1) to (4) as a trait, so that schemes can be measured and tested side by side.

use crate::encoding::Encoding;
use crate::error::Error;
use crate::evaluate::Sum;
use crate::keys::{PublicKey, SecretKey};
use crate::owner::Owner;
use crate::tag::Tag;
use crate::vector::{Stored, Vector, VectorRef};
use rand_core::CryptoRng;

/// An additively homomorphic scheme over vectors of numbers: `(KG, Enc, Dec, Eval)`.
pub trait AdditiveHe {
    /// What encrypts.
    type Public;
    /// What decrypts.
    type Secret;
    /// What is added.
    type Ciphertext;
    /// A refusal.
    type Error;

    /// KG: a pair of keys.
    ///
    /// # Errors
    /// When the scheme's library fails.
    fn keygen(&self, rng: &mut impl CryptoRng) -> Result<(Self::Public, Self::Secret), Self::Error>;

    /// Enc: numbers of which none is above `largest`.
    ///
    /// # Errors
    /// When they are too many or too large.
    fn encrypt(
        &self,
        key: &Self::Public,
        values: &[u32],
        largest: u32,
        rng: &mut impl CryptoRng,
    ) -> Result<Self::Ciphertext, Self::Error>;

    /// Eval: the sum of `weight` times each ciphertext.
    ///
    /// # Errors
    /// When it could be wrong.
    fn weighted_sum(
        &self,
        key: &Self::Public,
        terms: &[(&Self::Ciphertext, u32)],
    ) -> Result<Self::Ciphertext, Self::Error>;

    /// Dec: the numbers, at least as many as were encrypted.
    ///
    /// # Errors
    /// When they are not certain.
    fn decrypt(
        &self,
        public: &Self::Public,
        secret: &Self::Secret,
        ciphertext: &Self::Ciphertext,
    ) -> Result<Vec<u64>, Self::Error>;
}

/// This crate's scheme, with an encoding. A ciphertext is the bytes of a [`Vector`].
#[derive(Debug, Clone, Copy)]
pub struct Bfv(pub Encoding);

impl AdditiveHe for Bfv {
    type Public = PublicKey;
    type Secret = SecretKey;
    type Ciphertext = Vec<u8>;
    type Error = Error;

    fn keygen(&self, rng: &mut impl CryptoRng) -> Result<(PublicKey, SecretKey), Error> {
        let secret = SecretKey::from_owner(&Owner::generate(rng))?;
        Ok((PublicKey::generate(&secret, rng)?, secret))
    }

    fn encrypt(
        &self,
        key: &PublicKey,
        values: &[u32],
        largest: u32,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, Error> {
        Ok(key.encrypt(self.0, values, largest, rng)?.to_bytes())
    }

    fn weighted_sum(&self, _: &PublicKey, terms: &[(&Vec<u8>, u32)]) -> Result<Vec<u8>, Error> {
        let mut sum = Sum::new();
        for (ciphertext, weight) in terms {
            let vector = VectorRef::parse(ciphertext)?;
            sum.add(&Stored { vector, tag: Tag::ZERO }, *weight)?;
        }
        Ok(sum.finish()?.0.to_bytes())
    }

    fn decrypt(
        &self,
        public: &PublicKey,
        secret: &SecretKey,
        ciphertext: &Vec<u8>,
    ) -> Result<Vec<u64>, Error> {
        secret.open(&Vector::parse(ciphertext)?, public.id()).map(|values| values.to_vec())
    }
}
