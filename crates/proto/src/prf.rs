//! The pseudo-random function of the link: keyed BLAKE2s-256 (RFC 7693, section 2.9).

use crate::blake2s::{Chaining, MESSAGE_BYTES_MAX, Message, OUTPUT_BYTES, TWO_BLOCKS};

pub(crate) use crate::blake2s::ONE_BLOCK;
use crate::error::Error;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, optimization_barrier};

/// Bytes of every key and every output of the function.
pub const KEY_BYTES: usize = OUTPUT_BYTES;
/// First byte of every input. An input is never empty, so that the key's block is never the last and can be hashed
/// once for all uses of the key.
const DOMAIN: u8 = b'b';

/// A 256-bit secret. It cannot be printed, is compared in constant time and is wiped when dropped.
///
/// It lies on a word's boundary, so that a small processor moves it by words.
#[derive(Clone)]
#[repr(align(4))]
pub struct Key([u8; KEY_BYTES]);

impl Key {
    /// Takes over 32 secret bytes.
    pub const fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes, for storage and for other primitives.
    pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// The function under this key, ready for several uses.
    pub fn keyed(&self) -> Keyed {
        Keyed(Chaining::keyed(&self.0))
    }

    /// `PRF(self, label, data)`, see [`Keyed::prf`].
    pub fn prf(&self, label: &'static str, data: &[&[u8]]) -> Result<[u8; KEY_BYTES], Error> {
        self.keyed().prf(label, data)
    }

    /// The first `N` bytes (at most 32) of `PRF(self, label, data)`, to be sent as a tag or used as a shorter key.
    pub fn tag<const N: usize>(&self, label: &'static str, data: &[&[u8]]) -> Result<[u8; N], Error> {
        Ok(part::<0, N>(&self.prf(label, data)?))
    }
}

/// The function under one key, with the key's block already hashed.
#[derive(Clone)]
pub struct Keyed(Chaining);

impl Keyed {
    /// `PRF(key, label, data)`: BLAKE2s-256 under the key over `0x62 ‖ len(label) ‖ label ‖ data`.
    ///
    /// The length byte keeps a label and its data apart, so that no two uses can meet on the same input.
    /// `Error::Limit` when all of it is longer than 128 bytes.
    #[inline(always)]
    pub fn prf(&self, label: &'static str, data: &[&[u8]]) -> Result<[u8; KEY_BYTES], Error> {
        let mut input = Input::<TWO_BLOCKS>::EMPTY;
        input.lay_out(label.len(), data)?;
        Ok(self.prf_of(label, &mut input))
    }

    /// [`Self::prf`] of an input that was laid out before, for a label of the length it was laid out for.
    #[inline(always)]
    pub(crate) fn prf_of<const WORDS: usize>(
        &self,
        label: &'static str,
        input: &mut Input<WORDS>,
    ) -> [u8; KEY_BYTES] {
        let mut output = [0; KEY_BYTES];
        self.fill(label, input, &mut output);
        output
    }

    fn fill<const WORDS: usize>(
        &self,
        label: &'static str,
        input: &mut Input<WORDS>,
        output: &mut [u8; KEY_BYTES],
    ) {
        debug_assert_eq!(label.len(), usize::from(input.label_bytes));
        for (at, byte) in (2..).zip(label.bytes()) {
            input.message.replace(at, byte);
        }
        self.0.finish(&input.message, output);
    }
}

/// `0x62 ‖ len(label) ‖ label ‖ data`, where the label is still to be filled in: one layout for several labels.
pub(crate) struct Input<const WORDS: usize = TWO_BLOCKS> {
    message: Message<WORDS>,
    label_bytes: u8,
}

impl<const WORDS: usize> Input<WORDS> {
    /// Nothing yet. In place, because it is long and a moved secret leaves a copy behind.
    pub(crate) const EMPTY: Self = Self { message: Message::EMPTY, label_bytes: 0 };

    /// Lays out an empty input for labels of `label_bytes` bytes.
    #[inline(always)]
    pub(crate) fn lay_out(&mut self, label_bytes: usize, data: &[&[u8]]) -> Result<(), Error> {
        let too_long = Error::Limit { limit: "MESSAGE_BYTES_MAX", value: MESSAGE_BYTES_MAX as u64 };
        self.label_bytes = u8::try_from(label_bytes).map_err(|_| too_long)?;
        let mut fits = self.message.begin(DOMAIN, self.label_bytes, label_bytes);
        for part in data {
            fits = fits && self.message.put(part);
        }
        if fits { Ok(()) } else { Err(too_long) }
    }
}

impl<const WORDS: usize> Zeroize for Input<WORDS> {
    fn zeroize(&mut self) {
        self.message.zeroize();
    }
}

impl core::fmt::Debug for Keyed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Keyed(..)")
    }
}

/// Compares two tags by words, in a time that does not depend on what they are.
pub(crate) fn same_tag<const N: usize>(a: &[u8; N], b: &[u8; N]) -> bool {
    const { assert!(N.is_multiple_of(4)) };
    let words = a.as_chunks().0.iter().zip(b.as_chunks().0);
    let different = words.fold(0, |sum, (a, b)| sum | u32::from_ne_bytes(*a) ^ u32::from_ne_bytes(*b));
    different.ct_eq(&0).into()
}

/// The `N` bytes of `bytes` from `AT` on.
pub(crate) fn part<const AT: usize, const N: usize>(bytes: &[u8; KEY_BYTES]) -> [u8; N] {
    const { assert!(AT + N <= KEY_BYTES) };
    let mut out = [0u8; N];
    out.iter_mut().zip(bytes.iter().skip(AT)).for_each(|(slot, byte)| *slot = *byte);
    out
}

impl Drop for Key {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl ZeroizeOnDrop for Key {}

/// Overwrites a secret by words; byte for byte, as `zeroize` does it, takes a small processor several times as long.
pub(crate) fn wipe<const N: usize>(secret: &mut [u8; N]) {
    *secret = [0; N];
    optimization_barrier(secret);
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Key {}

impl core::fmt::Debug for Key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn labels_and_data_cannot_be_confused() {
        let key = Key::new([7; 32]);
        assert_ne!(key.prf("ab", &[b"c"]).unwrap(), key.prf("a", &[b"bc"]).unwrap());
        assert_eq!(key.prf("a", &[b"b", b"c"]), key.prf("a", &[b"bc"]));
        assert!(key.prf("a", &[&[0; 125]]).is_ok() && key.prf("a", &[&[0; 126]]).is_err());
    }

    /// Computed with another implementation (Python's hashlib.blake2s with a key).
    #[test]
    fn a_vector_of_the_function() {
        let key = Key::new(core::array::from_fn(|i| i as u8));
        let hex: std::string::String =
            key.prf("m1", &[b"abc"]).unwrap().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "335eaa55f66e5957430bee1d81e746a21f0373d90637c09835690b87cb347d21");
    }

    #[test]
    fn tags_are_the_same_in_every_bit_or_not() {
        let tag = [0x5a; 12];
        assert!(same_tag(&tag, &tag.clone()));
        for bit in 0..96 {
            let mut other = tag;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!same_tag(&tag, &other), "bit {bit}");
        }
    }

    #[test]
    fn a_key_does_not_print() {
        assert_eq!(format!("{:?}", Key::new([0xab; 32])), "Key(..)");
    }
}
