//! Encryption of secret columns: AES-256-GCM, random nonce, the row's identity as associated data.

use crate::error::Error;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hkdf::Hkdf;
use rand::Rng;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const NONCE_BYTES: usize = 12;

/// Key of the secret columns. Kept in a file beside the configuration, never in the database.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct DatabaseKey([u8; 32]);

impl DatabaseKey {
    /// Takes over 32 secret random bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl std::fmt::Debug for DatabaseKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabaseKey(..)")
    }
}

#[derive(Clone)]
pub(crate) struct Vault(Aes256Gcm);

impl Vault {
    /// The vault of one group of columns. Each has a key of its own, so that a hub that may open pairs can open
    /// nothing else.
    pub(crate) fn new(key: &DatabaseKey, group: &'static str) -> Result<Self, Error> {
        let mut derived = [0u8; 32];
        Hkdf::<Sha256>::from_prk(&key.0)
            .map_err(|_| Error::Damaged("database key"))?
            .expand(group.as_bytes(), &mut derived)
            .map_err(|_| Error::Damaged("database key"))?;
        let vault = Self(Aes256Gcm::new(&derived.into()));
        derived.zeroize();
        Ok(vault)
    }

    /// Seals `plain` for one column of one row.
    pub(crate) fn seal(&self, column: &'static str, row: &[i64], plain: &[u8]) -> Result<Vec<u8>, Error> {
        let mut nonce = [0u8; NONCE_BYTES];
        rand::rng().fill_bytes(&mut nonce);
        let sealed = self
            .0
            .encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: &identity(column, row) })
            .map_err(|_| Error::Undecryptable { column })?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Opens what [`Self::seal`] made for the same column and row.
    pub(crate) fn open(
        &self,
        column: &'static str,
        row: &[i64],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (nonce, body) =
            sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Error::Undecryptable { column })?;
        self.0
            .decrypt(&Nonce::from(*nonce), Payload { msg: body, aad: &identity(column, row) })
            .map(Zeroizing::new)
            .map_err(|_| Error::Undecryptable { column })
    }

    /// Opens a column of fixed length.
    pub(crate) fn open_array<const N: usize>(
        &self,
        column: &'static str,
        row: &[i64],
        sealed: &[u8],
    ) -> Result<[u8; N], Error> {
        self.open(column, row, sealed)?.as_slice().try_into().map_err(|_| Error::Damaged(column))
    }
}

fn identity(column: &'static str, row: &[i64]) -> Vec<u8> {
    let mut out = column.as_bytes().to_vec();
    out.push(0);
    out.extend(row.iter().flat_map(|part| part.to_be_bytes()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_opens_in_its_own_row_and_column_only() {
        let vault = Vault::new(&DatabaseKey::new([1; 32]), "clinic").unwrap();
        let sealed = vault.seal("pair.response", &[1, 2, 3], b"secret").unwrap();
        assert_eq!(vault.open("pair.response", &[1, 2, 3], &sealed).unwrap().as_slice(), b"secret");
        assert!(vault.open("pair.response", &[1, 2, 4], &sealed).is_err());
        assert!(vault.open("sensor.wrapping_key", &[1, 2, 3], &sealed).is_err());
        let other = Vault::new(&DatabaseKey::new([2; 32]), "clinic").unwrap();
        assert!(other.open("pair.response", &[1, 2, 3], &sealed).is_err());
        let group = Vault::new(&DatabaseKey::new([1; 32]), "pairs").unwrap();
        assert!(group.open("pair.response", &[1, 2, 3], &sealed).is_err());
        assert!(vault.open("pair.response", &[1, 2, 3], &sealed[..8]).is_err());
        assert_ne!(sealed, vault.seal("pair.response", &[1, 2, 3], b"secret").unwrap());
    }
}
