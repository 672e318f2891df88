//! AES-256-GCM (NIST SP 800-38D) with an expanded key, in place.

use crate::error::Error;
use crate::keys::{Secret, TAG_BYTES};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// Bytes of a nonce.
pub(crate) const NONCE_BYTES: usize = 12;

/// A key that is expanded once and used for many messages. It cannot be printed.
///
/// The library does not wipe the expanded key when it is dropped; the [`Secret`] it comes from is wiped.
#[derive(Clone)]
pub(crate) struct Aead(LessSafeKey);

impl core::fmt::Debug for Aead {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Aead(..)")
    }
}

impl Aead {
    pub(crate) fn new(key: &Secret) -> Result<Self, Error> {
        let key = UnboundKey::new(&AES_256_GCM, &key.0).map_err(|_| Error::Crypto("AES-GCM key"))?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Seals what stands in `buffer` from `from` on and appends the tag. `purpose` and `counter` make the nonce and must
    /// not repeat under this key.
    pub(crate) fn seal(
        &self,
        (purpose, counter): (u8, u64),
        ad: &[u8],
        buffer: &mut Vec<u8>,
        from: usize,
    ) -> Result<(), Error> {
        let text = buffer.get_mut(from..).ok_or(Error::Crypto("AES-GCM range"))?;
        let nonce = Nonce::assume_unique_for_key(nonce(purpose, counter));
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::from(ad), text)
            .map_err(|_| Error::Crypto("AES-GCM seal"))?;
        buffer.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// Opens a buffer in place and cuts the tag off. `None` when it does not verify; the buffer is then of no use.
    pub(crate) fn open(&self, (purpose, counter): (u8, u64), ad: &[u8], buffer: &mut Vec<u8>) -> Option<()> {
        let nonce = Nonce::assume_unique_for_key(nonce(purpose, counter));
        self.0.open_in_place(nonce, Aad::from(ad), buffer).ok()?;
        buffer.truncate(buffer.len().checked_sub(TAG_BYTES)?);
        Some(())
    }
}

/// `purpose 1 | zero 3 | counter 8`.
pub(crate) const fn nonce(purpose: u8, counter: u64) -> [u8; NONCE_BYTES] {
    let [c0, c1, c2, c3, c4, c5, c6, c7] = counter.to_be_bytes();
    [purpose, 0, 0, 0, c0, c1, c2, c3, c4, c5, c6, c7]
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes_gcm::aead::{Aead as _, KeyInit, Payload};

    /// Two independent implementations agree, so that a wrong call of either shows.
    #[test]
    fn what_is_sealed_is_aes_gcm() {
        let key = Secret([5; 32]);
        let ours = Aead::new(&key).unwrap();
        let other = aes_gcm::Aes256Gcm::new(&key.0.into());
        for length in [0, 1, 16, 100, 5000] {
            let text: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let mut buffer = [b"head".to_vec(), text.clone()].concat();
            ours.seal((2, 77), b"head", &mut buffer, 4).unwrap();
            let payload = Payload { msg: &text, aad: b"head" };
            assert_eq!(other.encrypt(&nonce(2, 77).into(), payload).unwrap(), buffer[4..]);
            let mut sealed = buffer.split_off(4);
            assert!(ours.open((2, 78), b"head", &mut sealed.clone()).is_none());
            assert!(ours.open((2, 77), b"tail", &mut sealed.clone()).is_none());
            assert_eq!(ours.open((2, 77), b"head", &mut sealed), Some(()));
            assert_eq!(sealed, text);
        }
        assert!(ours.open((2, 77), b"", &mut vec![0; TAG_BYTES - 1]).is_none());
    }
}
