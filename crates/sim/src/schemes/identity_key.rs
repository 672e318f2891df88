//! Identity-based keys on P-256 (SP 800-186): a key manager signs a sensor's name and right with Schnorr's scheme, and the
//! signature is the sensor's private key. What both elliptic-curve schemes share.
//!
//! ```text
//! manager  s random;  P_pub = s P
//! issue    r random;  R = r P;  s_C = r + s h1(pid ‖ right ‖ R);  the sensor checks s_C P = R + h1(..) P_pub
//! sign     U = s_C + x v           for a commitment X = x P and its challenge v
//! verify   U P = R + h1(..) P_pub + v X
//! ```
//!
//! The manager can compute every sensor's key: escrow is part of the construction.

use super::layout::join;
use super::{Refusal, SessionKey};
use crate::Error;
use ascon_aead::AsconAead128;
use ascon_aead::aead::AeadInOut;
use hmac::{Hmac, Mac};
use p256::elliptic_curve::group::{Group, GroupEncoding};
use p256::elliptic_curve::ops::{LinearCombination, Reduce};
use p256::elliptic_curve::{Field, Generate, PrimeField};
use p256::{AffinePoint, FieldBytes, ProjectivePoint, Scalar};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of a compressed point (SEC 1).
pub const POINT_BYTES: usize = 33;
/// Bytes of a scalar, a hash and a tag of HMAC-SHA-256.
pub const SCALAR_BYTES: usize = 32;
/// Bytes of a sensor's name.
pub const NAME_BYTES: usize = 2;
/// Bytes of a right.
pub const RIGHT_BYTES: usize = 4;
/// Bytes of the tag of Ascon-AEAD128 (SP 800-232).
pub(super) const SEAL_BYTES: usize = 16;

/// A point other than the neutral element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point(AffinePoint);

impl Point {
    /// Reads a compressed point. What is not on the curve, and the neutral element, is malformed.
    pub fn parse(bytes: [u8; POINT_BYTES]) -> Result<Self, Error> {
        // The library also reads the compact form (0x05), a second encoding of the same point.
        if !matches!(bytes, [2 | 3, ..]) {
            return Err(Error::Malformed { what: "point", why: "it is not a compressed point (SEC 1)" });
        }
        let malformed = Error::Malformed { what: "point", why: "it is not on the curve P-256" };
        let point = Option::<AffinePoint>::from(AffinePoint::from_bytes(&bytes.into()));
        match point {
            Some(point) if !bool::from(ProjectivePoint::from(point).is_identity()) => Ok(Self(point)),
            _ => Err(malformed),
        }
    }

    /// Compressed.
    pub fn to_bytes(&self) -> [u8; POINT_BYTES] {
        self.0.to_bytes().into()
    }
}

/// A secret scalar. It cannot be printed and is wiped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(Scalar);

impl Secret {
    /// A random one.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self(Scalar::generate_from_rng(rng))
    }

    /// Its multiple of the generator.
    pub fn public(&self) -> Point {
        Point((ProjectivePoint::GENERATOR * self.0).into())
    }

    /// Its multiple of a point: the secret that two sides share.
    pub fn shared_with(&self, point: &Point) -> Point {
        Point((ProjectivePoint::from(point.0) * self.0).into())
    }

    /// Its bytes, secret.
    pub fn to_bytes(&self) -> [u8; SCALAR_BYTES] {
        self.0.to_repr().into()
    }
}

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A hash as a number below the group's order: SHA-256 (FIPS 180-4), reduced as ECDSA does it (FIPS 186-5).
pub struct Challenge(Scalar);

impl Challenge {
    /// The hash of `parts`, one after the other; all have fixed lengths.
    pub fn hash(parts: &[&[u8]]) -> Self {
        Self(Scalar::reduce(&FieldBytes::from(hash(parts))))
    }
}

/// What a sensor is called and what it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// `pid`.
    pub pid: u16,
    /// `right`.
    pub right: u32,
}

/// What everybody may know of a sensor's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement {
    /// Whose key.
    pub name: Name,
    /// `R`.
    pub commitment: Point,
}

impl Statement {
    /// `pid 2 | right 4 | R 33`.
    pub fn to_bytes(&self) -> [u8; NAME_BYTES + RIGHT_BYTES + POINT_BYTES] {
        join(&[&self.name.pid.to_be_bytes(), &self.name.right.to_be_bytes(), &self.commitment.to_bytes()])
    }

    fn challenge(&self) -> Challenge {
        Challenge::hash(&[b"h1", &self.to_bytes()])
    }

    /// Whether `U P = R + h1(..) P_pub + v X`, as one sum of three multiples. All of it is public.
    pub fn verify(
        &self,
        manager: &Point,
        v: &Challenge,
        x: &Point,
        u: &[u8; SCALAR_BYTES],
    ) -> Result<(), Error> {
        let u = Option::<Scalar>::from(Scalar::from_repr((*u).into()));
        let u = u.ok_or(Error::Malformed { what: "signature", why: "it is not below the group's order" })?;
        let terms =
            [(ProjectivePoint::GENERATOR, u), (manager.0.into(), -self.challenge().0), (x.0.into(), -v.0)];
        if ProjectivePoint::lincomb_vartime(&terms) == ProjectivePoint::from(self.commitment.0) {
            Ok(())
        } else {
            Err(Error::Refused(Refusal::BadSignature))
        }
    }
}

/// A sensor's key.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Its public part.
    pub statement: Statement,
    secret: Secret,
}

impl Credential {
    /// Bits in non-volatile memory: name, right, commitment and private key.
    pub const STORED_BITS: usize = (NAME_BYTES + RIGHT_BYTES + POINT_BYTES + SCALAR_BYTES) * 8;

    /// The private key.
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// What a sensor does when it is given its key: `s_C P = R + h1(..) P_pub`.
    pub fn check(&self, manager: &Point) -> Result<(), Error> {
        let zero = Challenge(Scalar::ZERO);
        self.statement.verify(manager, &zero, manager, &self.secret.to_bytes())
    }

    /// `U = s_C + x v`.
    pub fn sign(&self, x: &Secret, v: &Challenge) -> [u8; SCALAR_BYTES] {
        (self.secret.0 + x.0 * v.0).to_repr().into()
    }

    /// `x = (U - s_C) / v`: whoever has the private key and a signature has the number that was drawn for it. Nothing
    /// when `U` is no scalar, or `v` is zero.
    pub fn drawn_for(&self, u: &[u8; SCALAR_BYTES], v: &Challenge) -> Option<Secret> {
        let u = Option::<Scalar>::from(Scalar::from_repr((*u).into()))?;
        let inverse = Option::<Scalar>::from(Field::invert(&v.0))?;
        Some(Secret((u - self.secret.0) * inverse))
    }
}

/// The key manager (in Zhao's paper: NM).
#[derive(Debug, Clone)]
pub struct KeyManager {
    secret: Secret,
}

impl KeyManager {
    /// A manager with a random key.
    pub fn new(rng: &mut impl CryptoRng) -> Self {
        Self { secret: Secret::random(rng) }
    }

    /// `P_pub`.
    pub fn public(&self) -> Point {
        self.secret.public()
    }

    /// The key of a sensor. The manager computes it, and so it knows it.
    pub fn issue(&self, name: Name, rng: &mut impl CryptoRng) -> Credential {
        let r = Secret::random(rng);
        let statement = Statement { name, commitment: r.public() };
        let secret = Secret(r.0 + self.secret.0 * statement.challenge().0);
        Credential { statement, secret }
    }
}

/// SHA-256 of `parts`, one after the other.
pub(super) fn hash(parts: &[&[u8]]) -> [u8; SCALAR_BYTES] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// HMAC-SHA-256 (RFC 2104) under a session key.
fn mac(key: &SessionKey, parts: &[&[u8]]) -> Result<Hmac<Sha256>, Error> {
    use hmac::KeyInit;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes())
        .map_err(|_| Error::Misuse("HMAC takes keys of any length"))?;
    parts.iter().for_each(|part| mac.update(part));
    Ok(mac)
}

/// The proof that an access point has the session key.
pub(super) fn prove(key: &SessionKey, parts: &[&[u8]]) -> Result<[u8; SCALAR_BYTES], Error> {
    Ok(mac(key, parts)?.finalize().into_bytes().into())
}

/// Checks [`prove`], in constant time.
pub(super) fn check(key: &SessionKey, parts: &[&[u8]], tag: &[u8; SCALAR_BYTES]) -> Result<(), Error> {
    mac(key, parts)?.verify_slice(tag).map_err(|_| Error::Refused(Refusal::BadTag))
}

/// Ascon-AEAD128 under a key that is used once: 16 bytes of key, 16 of nonce.
pub(super) struct OneTimeSeal {
    cipher: AsconAead128,
    nonce: [u8; 16],
}

impl OneTimeSeal {
    pub(super) fn new(key: [u8; SCALAR_BYTES]) -> Self {
        use ascon_aead::aead::KeyInit;
        let (mut half, mut nonce) = ([0; 16], [0; 16]);
        half.iter_mut().chain(&mut nonce).zip(key).for_each(|(slot, byte)| *slot = byte);
        Self { cipher: AsconAead128::new(&half.into()), nonce }
    }

    pub(super) fn seal(&self, plain: &mut [u8]) -> Result<[u8; SEAL_BYTES], Error> {
        let tag = self.cipher.encrypt_inout_detached(&self.nonce.into(), &[], plain.into());
        tag.map(Into::into).map_err(|_| Error::Misuse("the plaintext is too long"))
    }

    pub(super) fn open(&self, sealed: &mut [u8], tag: [u8; SEAL_BYTES]) -> Result<(), Error> {
        let opened = self.cipher.decrypt_inout_detached(&self.nonce.into(), &[], sealed.into(), &tag.into());
        opened.map_err(|_| Error::Refused(Refusal::BadTag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    #[test]
    fn keys_are_issued_checked_and_signed_with() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let manager = KeyManager::new(&mut rng);
        let credential = manager.issue(Name { pid: 3, right: 7 }, &mut rng);
        assert!(credential.check(&manager.public()).is_ok());
        assert!(credential.check(&KeyManager::new(&mut rng).public()).is_err());

        let (x, v) = (Secret::random(&mut rng), Challenge::hash(&[b"v"]));
        let u = credential.sign(&x, &v);
        let statement = credential.statement;
        assert!(statement.verify(&manager.public(), &v, &x.public(), &u).is_ok());
        let other = Statement { name: Name { pid: 3, right: 8 }, ..statement };
        let refused = other.verify(&manager.public(), &v, &x.public(), &u);
        assert!(matches!(refused, Err(Error::Refused(Refusal::BadSignature))));
        assert!(statement.verify(&manager.public(), &Challenge::hash(&[b"w"]), &x.public(), &u).is_err());
        let too_large = statement.verify(&manager.public(), &v, &x.public(), &[0xff; 32]);
        assert!(matches!(too_large, Err(Error::Malformed { .. })));
    }

    #[test]
    fn points_are_on_the_curve_and_not_neutral() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (a, b) = (Secret::random(&mut rng), Secret::random(&mut rng));
        assert_eq!(a.shared_with(&b.public()), b.shared_with(&a.public()));
        assert_eq!(Point::parse(a.public().to_bytes()).unwrap(), a.public());
        for bad in [[0; POINT_BYTES], [3; POINT_BYTES], [5; POINT_BYTES], [0xff; POINT_BYTES]] {
            // 3: x^3 - 3 x + b has no root for x = 0x0303..; 5: compact, not compressed.
            assert!(Point::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_generator_is_the_one_of_the_standard() {
        // SP 800-186, section 3.2.1.3.
        let x = [0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47];
        assert_eq!(Secret(Scalar::ONE).public().to_bytes()[1..9], x);
    }
}
