//! The values of the hash-based schemes: 20 bytes, joined by XOR and hashed.

use core::ops::BitXor;
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of every value: what the papers have with SHA-1, and what their message lengths count.
pub const VALUE_BYTES: usize = 20;

/// An identity, a key, a nonce or a hash. It cannot be printed, is compared in constant time and is wiped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Value(pub [u8; VALUE_BYTES]);

impl Value {
    /// A number, with zeros before it: how a short identity becomes a value.
    pub const fn number(number: u32) -> Self {
        let [a, b, c, d] = number.to_be_bytes();
        Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d])
    }

    /// Twenty random bytes.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; VALUE_BYTES];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// The hash of `parts`, one after the other: the first 20 bytes of SHA-256 (FIPS 180-4). The papers have SHA-1,
    /// which is as long and no longer trusted.
    pub fn hash(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        parts.iter().for_each(|part| hash.update(part));
        let mut bytes = [0; VALUE_BYTES];
        bytes.iter_mut().zip(hash.finalize()).for_each(|(slot, byte)| *slot = byte);
        Self(bytes)
    }
}

impl AsRef<[u8]> for Value {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl BitXor for &Value {
    type Output = Value;

    fn bitxor(self, other: Self) -> Value {
        let mut out = self.clone();
        out.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a ^= b);
        out
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Value {}

impl core::fmt::Debug for Value {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Value(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_beginning_of_sha_256() {
        // FIPS 180-4, "abc".
        let expected = [0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41];
        assert_eq!(Value::hash(&[b"a", b"bc"]).0[..10], expected);
    }

    #[test]
    fn values_cancel() {
        let (a, b) = (Value::number(0x0102_0304), Value([7; VALUE_BYTES]));
        assert_eq!(&(&a ^ &b) ^ &b, a);
        assert_ne!(&a ^ &b, a);
        assert_eq!(a.0[16..], [1, 2, 3, 4]);
    }
}
