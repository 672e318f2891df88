//! Signatures of certificates, requests and revocation lists: Ed25519 (RFC 8032), verified strictly, so that one signature
//! has one meaning for everybody who looks.

use super::facts::Shown;
use super::{Certificate, Issuer, Request, RevocationList};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

/// The public key of an issuer of the house, and the name that it signs under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IssuerKey {
    key: VerifyingKey,
    issuer: Issuer,
}

impl IssuerKey {
    /// Reads a key; `None` for bytes that are none, and for a weak key, under which anything verifies.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let key = VerifyingKey::from_bytes(bytes).ok().filter(|key| !key.is_weak())?;
        Some(Self { key, issuer: name_of(bytes) })
    }

    /// The name that certificates and lists call it by.
    pub const fn issuer(&self) -> Issuer {
        self.issuer
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// What a certificate is under this key.
    pub fn shown<'a>(&self, certificate: &'a Certificate) -> Shown<'a> {
        if certificate.issuer != self.issuer {
            return Shown::UnknownIssuer(certificate);
        }
        let signed = certificate.signed_bytes();
        let verifies = signed.is_ok_and(|signed| verifies(&self.key, &signed, &certificate.signature));
        if verifies { Shown::Verified(certificate) } else { Shown::BadSignature(certificate) }
    }

    /// Whether a revocation list is this issuer's.
    pub fn made(&self, list: &RevocationList<'_>) -> bool {
        list.issuer == self.issuer && verifies(&self.key, list.signed_bytes(), &list.signature)
    }
}

/// Name of the issuer with this public key: the first half of its SHA-256.
pub fn name_of(key: &[u8; 32]) -> Issuer {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..]: [u8; 32] = Sha256::digest(key).into();
    Issuer([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
}

/// SHA-256, as requests name statements and records name evidence.
pub fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut sha = Sha256::new();
    parts.iter().for_each(|part| sha.update(part));
    sha.finalize().into()
}

/// Whether a request was signed by the holder of this certificate. Says nothing about the certificate itself.
pub fn signed_by(request: &Request, certificate: &Certificate) -> bool {
    let Ok(key) = VerifyingKey::from_bytes(&certificate.key) else { return false };
    let signed = request.signed_bytes();
    request.is_under(certificate)
        && !key.is_weak()
        && signed.is_ok_and(|signed| verifies(&key, &signed, &request.signature))
}

fn verifies(key: &VerifyingKey, signed: &[u8], signature: &[u8; super::SIGNATURE_BYTES]) -> bool {
    key.verify_strict(signed, &Signature::from_bytes(signature)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::certificate::tests::{certificate, issuer_key};
    use crate::access::request::tests::request;
    use ed25519_dalek::Signer;

    fn issuer() -> IssuerKey {
        IssuerKey::from_bytes(&issuer_key().verifying_key().to_bytes()).unwrap()
    }

    #[test]
    fn a_changed_certificate_and_another_issuer_are_told_apart() {
        let mut good = Certificate { issuer: issuer().issuer(), ..certificate() };
        good.signature = issuer_key().sign(&good.signed_bytes().unwrap()).to_bytes();
        assert_eq!(issuer().shown(&good), Shown::Verified(&good));
        let changed = Certificate { serial: good.serial ^ 1, ..good };
        assert_eq!(issuer().shown(&changed), Shown::BadSignature(&changed));
        let other = Certificate { issuer: Issuer([9; 16]), ..good };
        assert_eq!(issuer().shown(&other), Shown::UnknownIssuer(&other));
    }

    #[test]
    fn a_request_verifies_under_its_holders_certificate_only() {
        let (certificate, request) = (certificate(), request());
        assert!(signed_by(&request, &certificate));
        assert!(!signed_by(&Request { time_ms: 0, ..request }, &certificate));
        assert!(!signed_by(&Request { serial: 0, ..request }, &certificate));
        let other = Certificate { key: issuer_key().verifying_key().to_bytes(), ..certificate };
        assert!(!signed_by(&request, &other));
        assert!(!signed_by(&request, &Certificate { key: [0; 32], ..certificate }), "a weak key");
    }

    #[test]
    fn weak_keys_are_no_issuers() {
        assert!(IssuerKey::from_bytes(&[0; 32]).is_none());
    }
}
