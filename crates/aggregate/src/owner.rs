//! The owner's secret: 32 bytes from which everything secret of a ward's aggregates follows.

use crate::tag::TagKey;
use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bytes of the secret.
pub const OWNER_BYTES: usize = 32;

/// The secret of whoever reads the aggregates. It is what [`crate::custody`] splits.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Owner([u8; OWNER_BYTES]);

impl Owner {
    /// A new secret.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; OWNER_BYTES];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Takes over a secret that was kept.
    pub const fn from_bytes(bytes: [u8; OWNER_BYTES]) -> Self {
        Self(bytes)
    }

    /// The secret, to be kept.
    pub const fn to_bytes(&self) -> &[u8; OWNER_BYTES] {
        &self.0
    }

    /// The key of the tags.
    pub fn tag_key(&self) -> TagKey {
        TagKey::new(&self.derive(b"bodywire aggregate 1 tag"))
    }

    /// Eight bytes by which shares of this secret are recognised; they say nothing of it.
    pub fn check(&self) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = *self.derive(b"bodywire aggregate 1 check");
        [a, b, c, d, e, f, g, h]
    }

    pub(crate) fn derive(&self, label: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut out = Zeroizing::new([0; 32]);
        // 32 bytes are never too many for HKDF (RFC 5869).
        let _ = Hkdf::<Sha256>::new(None, &self.0).expand(label, &mut *out);
        out
    }
}

impl std::fmt::Debug for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Owner(..)")
    }
}
