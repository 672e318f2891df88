//! SHA-256 as RFC 6962 section 2.1 uses it: different first bytes for leaves and for nodes.

use core::fmt;

use sha2::{Digest, Sha256};

/// Bytes of a SHA-256 hash.
pub const HASH_BYTES: usize = 32;

/// A SHA-256 hash: of an entry, a payload, a tree node or a tree head.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; HASH_BYTES]);

impl Hash {
    /// Thirty-two zero bytes: the `previous` field of a stream's first entry.
    pub const ZERO: Self = Self([0; HASH_BYTES]);

    /// SHA-256 of `bytes`, with no prefix.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Leaf hash of RFC 6962: SHA-256(0x00 | data).
    #[must_use]
    pub fn leaf(data: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update([0]);
        hasher.update(data);
        Self(hasher.finalize().into())
    }

    /// Node hash of RFC 6962: SHA-256(0x01 | left | right).
    #[must_use]
    pub fn node(left: &Self, right: &Self) -> Self {
        let mut block = [1; 1 + 2 * HASH_BYTES];
        block[1..=HASH_BYTES].copy_from_slice(&left.0);
        block[1 + HASH_BYTES..].copy_from_slice(&right.0);
        Self::of(&block)
    }

    /// Root of the empty tree: SHA-256 of nothing (RFC 6962 section 2.1).
    #[must_use]
    pub fn empty_root() -> Self {
        Self::of(&[])
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaf_and_node_prefixes_differ_from_plain_sha256() {
        let expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Hash::empty_root().to_string(), expected);
        // Leaf hash of the empty string, from the Certificate Transparency test vectors.
        let leaf = Hash::leaf(b"");
        assert_eq!(leaf.to_string(), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        assert_ne!(Hash::node(&leaf, &leaf), Hash::leaf(&[leaf.0, leaf.0].concat()));
    }
}
