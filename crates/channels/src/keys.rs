//! Keys of one session: everything is derived from one exported secret, one HKDF label each (RFC 5869).

use crate::aead::Aead;
use crate::error::Error;
use crate::{Cipher, Mode, PATHS_MAX, Spread};
use aes::Aes256;
use aes::cipher::KeyInit;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of every key.
pub(crate) const KEY_BYTES: usize = 32;
/// Bytes of an AES-GCM tag.
pub(crate) const TAG_BYTES: usize = 16;
/// Bytes of a session's pseudonym on one path.
pub(crate) const PSEUDONYM_BYTES: usize = 8;

/// A 256-bit secret that does not print and is wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Secret(pub(crate) [u8; KEY_BYTES]);

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// `HKDF-Expand(self, label)`, as long as the array asked for.
    pub(crate) fn expand<const N: usize>(&self, label: &str) -> Result<[u8; N], Error> {
        let mut out = [0u8; N];
        Hkdf::<Sha256>::from_prk(&self.0)
            .map_err(|_| Error::Crypto("HKDF key"))?
            .expand(label.as_bytes(), &mut out)
            .map_err(|_| Error::Crypto("HKDF length"))?;
        Ok(out)
    }

    pub(crate) fn derive(&self, label: &str) -> Result<Self, Error> {
        self.expand(label).map(Self)
    }
}

/// What one path of a session needs. The keys are expanded once, and not for each fragment.
#[derive(Debug, Clone)]
pub(crate) struct PathKeys {
    /// Encrypts the header block of a fragment.
    pub(crate) header: Aes256,
    /// Seals the rest of a fragment.
    pub(crate) fragment: Aead,
    /// Seals acknowledgements, clinic to hub.
    pub(crate) ack: Aead,
    /// Seals orders, clinic to hub.
    pub(crate) order: Aead,
    /// The session's name on this path.
    pub(crate) pseudonym: [u8; PSEUDONYM_BYTES],
    /// Topic level of the fragments on this path.
    pub(crate) fragment_topic: [u8; crate::topic::OPAQUE_BYTES],
    /// Topic level of the acknowledgements and orders on this path.
    pub(crate) ack_topic: [u8; crate::topic::OPAQUE_BYTES],
}

/// Keys of one session, equal at the hub and at the clinic.
#[derive(Debug, Clone)]
pub struct SessionKeys {
    pub(crate) spread: Spread,
    /// End-to-end encryption of messages; the split mode uses as many bytes of it as its cipher takes.
    pub(crate) message: Secret,
    /// Paper M's message password, in the split mode.
    pub(crate) password: Secret,
    /// Hedges the randomness of the mask.
    pub(crate) hedge: Secret,
    pub(crate) paths: Vec<PathKeys>,
}

impl SessionKeys {
    /// Derives the keys of a session whose messages are spread so from its exported secret.
    pub(crate) fn new(exported: &Secret, spread: Spread) -> Result<Self, Error> {
        debug_assert!(spread.n() <= PATHS_MAX);
        let path = |i: usize| -> Result<PathKeys, Error> {
            // In the paper the session number is the same on all channels.
            let name = if spread.mode() == Mode::Threshold { i } else { 0 };
            Ok(PathKeys {
                header: Aes256::new(&exported.derive(&format!("path {i} header"))?.0.into()),
                fragment: Aead::new(&exported.derive(&format!("path {i} fragment"))?)?,
                ack: Aead::new(&exported.derive(&format!("path {i} ack"))?)?,
                order: Aead::new(&exported.derive(&format!("path {i} order"))?)?,
                pseudonym: exported.expand(&format!("path {name} pseudonym"))?,
                fragment_topic: exported.expand(&format!("path {i} fragment topic"))?,
                ack_topic: exported.expand(&format!("path {i} ack topic"))?,
            })
        };
        // A key of another length is another key, not a prefix.
        let message = match spread.mode() {
            Mode::Threshold => "message",
            Mode::Split(Cipher::Aes128) => "message 128",
            Mode::Split(Cipher::Aes192) => "message 192",
            Mode::Split(Cipher::Aes256) => "message 256",
        };
        Ok(Self {
            spread,
            message: exported.derive(message)?,
            password: exported.derive("password")?,
            hedge: exported.derive("hedge")?,
            paths: (0..spread.n()).map(path).collect::<Result<_, _>>()?,
        })
    }

    /// How messages of this session are spread.
    pub const fn spread(&self) -> Spread {
        self.spread
    }

    /// The session's name on `path`, as it stands in each fragment.
    pub fn pseudonym(&self, path: usize) -> Option<[u8; PSEUDONYM_BYTES]> {
        self.paths.get(path).map(|keys| keys.pseudonym)
    }
}
