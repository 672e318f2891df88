//! The pseudo-random function of the link: keyed BLAKE2s-256 (RFC 7693, section 2.9).

use blake2::Blake2sVarCore;
use blake2::digest::Output;
use blake2::digest::block_api::{Block, Buffer, UpdateCore, VariableOutputCore};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of every key and every output of the function.
pub const KEY_BYTES: usize = 32;
/// First byte of every input. An input is never empty, so that the key's block is never the last and can be hashed
/// once for all uses of the key.
const DOMAIN: u8 = b'b';

/// A 256-bit secret. It cannot be printed, is compared in constant time and is wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
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
        // RFC 7693, section 3.3: a key is a first block of its own, padded with zeros.
        let mut block = Block::<Blake2sVarCore>::default();
        block.iter_mut().zip(&self.0).for_each(|(slot, byte)| *slot = *byte);
        let mut core = Blake2sVarCore::new_with_params(&[], &[], KEY_BYTES, KEY_BYTES);
        core.update_blocks(core::slice::from_ref(&block));
        block.zeroize();
        Keyed(core)
    }

    /// `PRF(self, label, data)`, see [`Keyed::prf`].
    pub fn prf(&self, label: &'static str, data: &[&[u8]]) -> [u8; KEY_BYTES] {
        self.keyed().prf(label, data)
    }

    /// The first `N` bytes (at most 32) of `PRF(self, label, data)`, to be sent as a tag or used as a shorter key.
    pub fn tag<const N: usize>(&self, label: &'static str, data: &[&[u8]]) -> [u8; N] {
        part::<0, N>(&self.prf(label, data))
    }

    /// [`Self::prf`] as a new key.
    pub fn derive(&self, label: &'static str, data: &[&[u8]]) -> Self {
        Self(self.prf(label, data))
    }
}

/// Longest label, so that what precedes the data is one short piece.
const LABEL_BYTES_MAX: usize = 14;

/// The function under one key, with the key's block already hashed: 32 bytes of chaining value and a counter, no buffer.
#[derive(Clone)]
pub struct Keyed(Blake2sVarCore);

impl Keyed {
    /// `PRF(key, label, data)`: BLAKE2s-256 under the key over `0x62 ‖ len(label) ‖ label ‖ data`.
    ///
    /// The length byte keeps a label and its data apart, so that no two uses can meet on the same input.
    pub fn prf(&self, label: &'static str, data: &[&[u8]]) -> [u8; KEY_BYTES] {
        debug_assert!(label.len() <= LABEL_BYTES_MAX);
        let mut core = self.0.clone();
        let mut buffer = Buffer::<Blake2sVarCore>::default();
        let mut prefix = [DOMAIN; 2 + LABEL_BYTES_MAX];
        let bytes = [label.len() as u8].into_iter().chain(label.bytes());
        prefix.iter_mut().skip(1).zip(bytes).for_each(|(slot, byte)| *slot = byte);
        let prefix = prefix.get(..2 + label.len()).unwrap_or(&prefix);
        buffer.digest_blocks(prefix, |blocks| core.update_blocks(blocks));
        for part in data {
            buffer.digest_blocks(part, |blocks| core.update_blocks(blocks));
        }
        let mut out = Output::<Blake2sVarCore>::default();
        core.finalize_variable_core(&mut buffer, &mut out);
        out.into()
    }

    /// True when `tag` is the beginning of `PRF(key, label, data)`; constant time in the tag.
    pub fn verify(&self, label: &'static str, data: &[&[u8]], tag: &[u8]) -> bool {
        let expected = self.prf(label, data);
        expected.get(..tag.len()).is_some_and(|head| !tag.is_empty() && bool::from(head.ct_eq(tag)))
    }
}

impl core::fmt::Debug for Keyed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Keyed(..)")
    }
}

/// The `N` bytes of `bytes` from `AT` on.
pub(crate) fn part<const AT: usize, const N: usize>(bytes: &[u8; KEY_BYTES]) -> [u8; N] {
    const { assert!(AT + N <= KEY_BYTES) };
    let mut out = [0u8; N];
    out.iter_mut().zip(bytes.iter().skip(AT)).for_each(|(slot, byte)| *slot = *byte);
    out
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

    /// The first keyed entries of the official BLAKE2s known-answer file (blake2s-kat.txt) for inputs 00.. of one to 65 bytes under
    /// the key 00..1f.
    #[test]
    fn official_keyed_vectors() {
        let key = Key::new(core::array::from_fn(|i| i as u8));
        let cases = [
            (1, "40d15fee7c328830166ac3f918650f807e7e01e177258cdc0a39b11f598066f1"),
            (2, "6bb71300644cd3991b26ccd4d274acd1adeab8b1d7914546c1198bbe9fc9d803"),
            (64, "8975b0577fd35566d750b362b0897a26c399136df07bababbde6203ff2954ed4"),
            (65, "21fe0ceb0052be7fb0f004187cacd7de67fa6eb0938d927677f2398c132317a8"),
        ];
        let input: [u8; 65] = core::array::from_fn(|i| i as u8);
        for (len, expected) in cases {
            let mut core = key.keyed().0;
            let mut out = Output::<Blake2sVarCore>::default();
            let mut buffer = Buffer::<Blake2sVarCore>::default();
            buffer.digest_blocks(&input[..len], |blocks| core.update_blocks(blocks));
            core.finalize_variable_core(&mut buffer, &mut out);
            let hex: std::string::String = out.iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(hex, expected);
        }
    }

    #[test]
    fn labels_and_data_cannot_be_confused() {
        let key = Key::new([7; 32]);
        assert_ne!(key.prf("ab", &[b"c"]), key.prf("a", &[b"bc"]));
        assert_eq!(key.prf("a", &[b"b", b"c"]), key.prf("a", &[b"bc"]));
    }

    #[test]
    fn verify_takes_truncated_tags_but_never_an_empty_one() {
        let key = Key::new([9; 32]);
        let tag = key.prf("t", &[b"x"]);
        let keyed = key.keyed();
        assert!(keyed.verify("t", &[b"x"], &tag[..8]));
        assert!(!keyed.verify("t", &[b"y"], &tag[..8]));
        assert!(!keyed.verify("t", &[b"x"], &[]));
        assert!(!keyed.verify("t", &[b"x"], &[0; 33]));
    }

    /// Computed with another implementation (Python's hashlib.blake2s with a key).
    #[test]
    fn a_vector_of_the_function() {
        let key = Key::new(core::array::from_fn(|i| i as u8));
        let hex: std::string::String = key.prf("m1", &[b"abc"]).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "335eaa55f66e5957430bee1d81e746a21f0373d90637c09835690b87cb347d21");
    }

    #[test]
    fn a_key_does_not_print() {
        assert_eq!(format!("{:?}", Key::new([0xab; 32])), "Key(..)");
    }
}
