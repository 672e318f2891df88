//! KG: the ward's keys.
//!
//! ```text
//! public key = "BWHP" 4 | version 1 | parameters 1 | zero 2 | the library's bytes
//! ```

use crate::encoding::Encoding;
use crate::error::Error;
use crate::owner::Owner;
use crate::parameters::{self, DEGREE, PARAMETERS, VARIANCE};
use fhe::bfv;
use fhe_math::rq::traits::TryConvertFrom as _;
use fhe_math::rq::{Poly, Representation};
use fhe_traits::{DeserializeParametrized as _, Serialize as _};
use rand_chacha_for_fhe::ChaCha20Rng;
use rand_chacha_for_fhe::rand_core::SeedableRng as _;
use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use std::fmt;
use zeroize::{Zeroize as _, Zeroizing};

/// Bytes of a key's name.
pub const KEY_ID_BYTES: usize = 16;
/// Most bytes of a public key; the library's form has about 32,000.
pub const PUBLIC_KEY_BYTES_MAX: usize = 64 * 1024;

const HEAD: [u8; 8] = [b'B', b'W', b'H', b'P', 1, PARAMETERS, 0, 0];

/// The name of a public key: the first half of the SHA-256 of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; KEY_ID_BYTES]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A generator for the library, which wants one of another version, from the caller's.
pub(crate) fn generator(rng: &mut impl CryptoRng) -> ChaCha20Rng {
    let mut seed = Zeroizing::new([0; 32]);
    rng.fill_bytes(&mut *seed);
    ChaCha20Rng::from_seed(*seed)
}

/// What encrypts. Every bed of the ward has it.
#[derive(Clone)]
pub struct PublicKey {
    id: KeyId,
    bytes: Box<[u8]>,
    series: bfv::PublicKey,
    wide: bfv::PublicKey,
}

impl PublicKey {
    /// A public key for a secret one. Each call gives another; all belong to the same secret key, but vectors of one do not go
    /// with vectors of another, so keep one.
    ///
    /// # Errors
    /// [`Error::Library`] when the library refuses its own parameters.
    pub fn generate(secret: &SecretKey, rng: &mut impl CryptoRng) -> Result<Self, Error> {
        let library = bfv::SecretKey::random(parameters::library(Encoding::Wide)?, &mut secret.generator());
        let key = bfv::PublicKey::new(&library, &mut generator(rng));
        Self::parse(&[&HEAD[..], &key.to_bytes()].concat())
    }

    /// Reads a public key.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |why| Error::malformed("public key of aggregates", why);
        if bytes.len() > PUBLIC_KEY_BYTES_MAX {
            return Err(malformed("it is too long"));
        }
        let body = bytes.strip_prefix(&HEAD).ok_or(malformed("it does not begin as one"))?;
        let read = |encoding| {
            bfv::PublicKey::from_bytes(body, parameters::library(encoding)?)
                .map_err(|_| malformed("the library does not read it"))
        };
        let (series, wide) = (read(Encoding::Series)?, read(Encoding::Wide)?);
        // Only the one form that the library writes, so that a key has one name.
        if wide.to_bytes() != body {
            return Err(malformed("it is not in its one form"));
        }
        let digest = Sha256::digest(bytes);
        let mut id = [0; KEY_ID_BYTES];
        id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Ok(Self { id: KeyId(id), bytes: bytes.into(), series, wide })
    }

    /// Its name.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Its bytes.
    pub const fn to_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) const fn library(&self, encoding: Encoding) -> &bfv::PublicKey {
        match encoding {
            Encoding::Series => &self.series,
            Encoding::Wide => &self.wide,
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id)
    }
}

/// What decrypts. Only the ward has it.
pub struct SecretKey {
    seed: Zeroizing<[u8; 32]>,
    /// The secret polynomial, transformed.
    pub(crate) secret: Poly,
}

impl SecretKey {
    /// The secret key of an owner.
    ///
    /// # Errors
    /// [`Error::Library`] when the library refuses its own parameters.
    pub fn from_owner(owner: &Owner) -> Result<Self, Error> {
        let seed = owner.derive(b"bodywire aggregate 1 secret key");
        let mut generator = ChaCha20Rng::from_seed(*seed);
        // The same draw that the library makes for its secret key.
        let small = fhe_util::sample_vec_cbd(DEGREE, VARIANCE, &mut generator).map_err(|_| Error::Library)?;
        let small = Zeroizing::new(small);
        let ring = parameters::ring()?;
        let mut secret = Poly::try_convert_from(small.as_slice(), ring, false, Representation::PowerBasis)
            .map_err(|_| Error::Library)?;
        secret.change_representation(Representation::Ntt);
        Ok(Self { seed, secret })
    }

    pub(crate) fn generator(&self) -> ChaCha20Rng {
        ChaCha20Rng::from_seed(*self.seed)
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}
