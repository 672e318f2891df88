//! A tag that goes through sums: a linear authenticator after Agrawal and Boneh, "Homomorphic MACs" (ACNS 2009), over the
//! ciphertext and not over what is in it.
//!
//! With a secret vector `r` and a pseudorandom function `F`, both from one key, the tag of ciphertext `c` with name `id` is
//! `<r, c> + F(id)` modulo the prime [`MODULUS`]. Ciphertexts are added coefficient by coefficient modulo the same prime, so that
//! the tag of a weighted sum is the weighted sum of the tags. Whoever knows the names and weights verifies the result without
//! its inputs. Somebody without the key who changes, leaves out, repeats or swaps anything has to guess a number below `2^62`.
//!
//! A name must never be used for two ciphertexts. The tag says nothing of who wrote a vector; it is made by the one who stores
//! it, after that was established.

use crate::error::Error;
use crate::kernel;
use crate::parameters::{COEFFICIENTS, MODULUS};
use crate::vector::VectorRef;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes of a tag.
pub const TAG_BYTES: usize = 8;

/// A number modulo the prime, big-endian in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag(u64);

impl Tag {
    /// The tag of a sum of nothing.
    pub const ZERO: Self = Self(0);

    /// Reads a tag.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is not below the modulus.
    pub const fn from_bytes(bytes: [u8; TAG_BYTES]) -> Result<Self, Error> {
        let number = u64::from_be_bytes(bytes);
        if number < MODULUS {
            Ok(Self(number))
        } else {
            Err(Error::malformed("tag", "it is not below the modulus"))
        }
    }

    /// Its bytes.
    pub const fn to_bytes(self) -> [u8; TAG_BYTES] {
        self.0.to_be_bytes()
    }

    /// The tag after `weight` times another.
    pub(crate) fn plus(self, other: Self, weight: u32) -> Self {
        Self(kernel::multiply_add(other.0, u64::from(weight), self.0))
    }
}

/// The key of the tags. It never leaves who stores and reads vectors.
pub struct TagKey {
    function: Hmac<Sha256>,
    /// `r`, one number for each coefficient.
    row: Zeroizing<Vec<u64>>,
}

impl TagKey {
    /// The key from 32 secret bytes. Works out `r`, which takes some milliseconds: keep it.
    pub fn new(secret: &[u8; 32]) -> Self {
        // A key shorter than a block is a block filled with zeros (RFC 2104).
        let mut block = Zeroizing::new([0; 64]);
        block.iter_mut().zip(secret).for_each(|(to, from)| *to = *from);
        let function = Hmac::<Sha256>::new(&(*block).into());
        let row = (0..COEFFICIENTS as u64).map(|at| number(&function, 0, &at.to_be_bytes())).collect();
        Self { function, row: Zeroizing::new(row) }
    }

    /// The tag of a vector under a name that no other vector has.
    pub fn tag(&self, name: &[u8], vector: &VectorRef<'_>) -> Tag {
        let coefficients = vector.coefficients.iter().map(|c| u64::from_le_bytes(*c));
        let inner = kernel::inner(&self.row, coefficients);
        Tag(inner).plus(Tag(number(&self.function, 1, name)), 1)
    }

    /// Whether a result is exactly the sum of the named vectors with their weights. A name may come once.
    ///
    /// # Errors
    /// [`Error::NotAuthentic`] when it is not.
    pub fn verify<'n>(
        &self,
        result: &VectorRef<'_>,
        tag: Tag,
        terms: impl IntoIterator<Item = (&'n [u8], u32)>,
    ) -> Result<(), Error> {
        let coefficients = result.coefficients.iter().map(|c| u64::from_le_bytes(*c));
        let inner = Tag(kernel::inner(&self.row, coefficients));
        let expected = terms
            .into_iter()
            .fold(inner, |sum, (name, weight)| sum.plus(Tag(number(&self.function, 1, name)), weight));
        if bool::from(expected.0.ct_eq(&tag.0)) { Ok(()) } else { Err(Error::NotAuthentic) }
    }
}

impl std::fmt::Debug for TagKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TagKey(..)")
    }
}

/// A number below the modulus from 128 pseudorandom bits, so that none is more likely by more than `2^-66`.
fn number(function: &Hmac<Sha256>, purpose: u8, of: &[u8]) -> u64 {
    let mut function = function.clone();
    function.update(&[purpose]);
    function.update(of);
    let bytes = function.finalize().into_bytes();
    let first = bytes.iter().take(16).fold(0u128, |wide, byte| (wide << 8) | u128::from(*byte));
    (first % u128::from(MODULUS)) as u64
}
