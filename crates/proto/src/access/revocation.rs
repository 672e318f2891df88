//! The list of certificates that are revoked before their time is over.
//!
//! ```text
//! "bodywire revocations" 20 | version 1 | issuer 16 | number 8 | made 8 | count 4 | serials 8 each, ascending | signature 64
//! ```
//!
//! The signature is Ed25519 (RFC 8032) of the issuer over all bytes before it. They begin with their own context, so that
//! what is signed is a slice of what is received: the list has no fixed length, and this crate has no heap to join it in.
//! Serials of certificates that have expired need not be listed.
//!
//! A list that is old says less and less. When it is older than [`LIST_AGE_MAX_MS`], or there is none, then treating staff
//! go on reading class I, and break-glass in a detected emergency opens classes I and II: a hub that is cut off from the
//! clinic is where somebody stands at the bed. All else is refused until there is a list again (see [`super::decide()`]).

use super::{CLOCK_SKEW_MAX_MS, Certificate, Issuer, SIGNATURE_BYTES};
use crate::error::Error;
use crate::wire::{Reader, Writer};

/// Version of the format.
pub const VERSION: u8 = 1;
/// What a list begins with, and its signature's context.
pub const CONTEXT: &[u8] = b"bodywire revocations";
const HEADER_BYTES: usize = CONTEXT.len() + 1 + 16 + 8 + 8 + 4;
const SERIAL_BYTES: usize = 8;
/// Most serials in a list: every certificate that 5,000 clinicians get in a day of three shifts, and 128 KiB.
pub const REVOKED_MAX: usize = 16_384;
/// Longest list.
pub const LIST_BYTES_MAX: usize = HEADER_BYTES + REVOKED_MAX * SERIAL_BYTES + SIGNATURE_BYTES;
/// Age at which a list is stale, in milliseconds: an hour. Issuers make one every ten minutes, revocations or not, so that
/// five in a row must be lost. A certificate lives a day; a list as old as that would be of no use.
pub const LIST_AGE_MAX_MS: u64 = 60 * 60 * 1000;

/// What is known about the revocation of one certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Revocation {
    /// A list that is not stale does not name it.
    Clear,
    /// A list names it. That holds however old the list is.
    Revoked,
    /// The list does not name it, but is stale, or dated further ahead than clocks may be apart.
    Stale,
    /// There is no list of this certificate's issuer.
    Missing,
}

impl Revocation {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Clear, Self::Revoked, Self::Stale, Self::Missing];
}

/// A list with a checked form, in the bytes it came in. Whether its signature verifies, the caller finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevocationList<'a> {
    /// Who revokes.
    pub issuer: Issuer,
    /// Number of the list, one more than the list before.
    pub number: u64,
    /// When it was made, milliseconds since 1970.
    pub made_ms: u64,
    serials: &'a [[u8; SERIAL_BYTES]],
    signed: &'a [u8],
    /// The issuer's signature over [`Self::signed_bytes`].
    pub signature: [u8; SIGNATURE_BYTES],
}

impl<'a> RevocationList<'a> {
    /// Reads a list that fills `bytes` exactly.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what is no list, or whose serials do not ascend; [`Error::Limit`] for more than
    /// [`REVOKED_MAX`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        const WHAT: &str = "revocation list";
        if bytes.len() > LIST_BYTES_MAX {
            return Err(Error::Limit { limit: "REVOKED_MAX", value: REVOKED_MAX as u64 });
        }
        let (signed, signature) =
            bytes.split_last_chunk::<SIGNATURE_BYTES>().ok_or(Error::malformed(WHAT, "too short"))?;
        let mut r = Reader::new(WHAT, signed);
        if r.take(CONTEXT.len())? != CONTEXT {
            return Err(Error::malformed(WHAT, "does not begin as one"));
        }
        if r.u8()? != VERSION {
            return Err(Error::malformed(WHAT, "unknown version"));
        }
        let (issuer, number, made_ms, count) = (Issuer(r.array()?), r.u64()?, r.u64()?, r.u32()?);
        let (serials, trailing) = r.rest().as_chunks::<SERIAL_BYTES>();
        if !trailing.is_empty() || u32::try_from(serials.len()) != Ok(count) {
            return Err(Error::malformed(WHAT, "not as many serials as it says"));
        }
        // Big-endian numbers sort as their bytes do.
        if !serials.is_sorted_by(|before, after| before < after) {
            return Err(Error::malformed(WHAT, "serials that do not ascend"));
        }
        Ok(Self { issuer, number, made_ms, serials, signed, signature: *signature })
    }

    /// What the issuer signs: all bytes before the signature.
    pub const fn signed_bytes(&self) -> &'a [u8] {
        self.signed
    }

    /// How many certificates it revokes.
    pub const fn len(&self) -> usize {
        self.serials.len()
    }

    /// True when it revokes none.
    pub const fn is_empty(&self) -> bool {
        self.serials.is_empty()
    }

    /// Whether it names this serial.
    pub fn names(&self, serial: u64) -> bool {
        self.serials.binary_search(&serial.to_be_bytes()).is_ok()
    }

    /// The serials that it names, ascending.
    pub fn serials(&self) -> impl Iterator<Item = u64> + use<'a> {
        self.serials.iter().map(|serial| u64::from_be_bytes(*serial))
    }

    /// What it says about a certificate at `now_ms`, milliseconds since 1970. A list of another issuer says nothing.
    pub fn about(&self, certificate: &Certificate, now_ms: u64) -> Revocation {
        if self.issuer != certificate.issuer {
            return Revocation::Missing;
        }
        if self.names(certificate.serial) {
            return Revocation::Revoked;
        }
        let ahead = self.made_ms > now_ms.saturating_add(CLOCK_SKEW_MAX_MS);
        if ahead || now_ms.saturating_sub(self.made_ms) > LIST_AGE_MAX_MS {
            return Revocation::Stale;
        }
        Revocation::Clear
    }

    /// Whether it takes the place of `kept`: of the same issuer, and of a higher number. Who keeps a list must not go back
    /// to an earlier one, or an attacker who holds messages back brings a revoked certificate to life again.
    pub fn supersedes(&self, kept: &RevocationList<'_>) -> bool {
        self.issuer == kept.issuer && self.number > kept.number
    }
}

/// Writes what the issuer signs into `out` and returns its length; the list is this and the signature.
///
/// # Errors
/// [`Error::Misuse`] when `serials` do not ascend, [`Error::Limit`] when they are more than [`REVOKED_MAX`] or do not fit.
pub fn emit_signed_bytes(
    issuer: Issuer,
    number: u64,
    made_ms: u64,
    serials: &[u64],
    out: &mut [u8],
) -> Result<usize, Error> {
    let over = Error::Limit { limit: "REVOKED_MAX", value: REVOKED_MAX as u64 };
    let count = u32::try_from(serials.len()).map_err(|_| over)?;
    if serials.len() > REVOKED_MAX {
        return Err(over);
    }
    if !serials.is_sorted_by(|before, after| before < after) {
        return Err(Error::Misuse("revoked serials must ascend"));
    }
    let mut w = Writer::new(out);
    w.put(CONTEXT)?
        .put(&[VERSION])?
        .put(&issuer.0)?
        .put(&number.to_be_bytes())?
        .put(&made_ms.to_be_bytes())?
        .put(&count.to_be_bytes())?;
    for serial in serials {
        w.put(&serial.to_be_bytes())?;
    }
    Ok(w.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::certificate::tests::{certificate, issuer_key};
    use ed25519_dalek::{Signature, Signer};
    use proptest::prelude::*;
    use std::vec::Vec;

    const MADE: u64 = 1_700_000_000_000;

    fn list(number: u64, serials: &[u64]) -> Vec<u8> {
        let mut out = std::vec![0; LIST_BYTES_MAX];
        let len = emit_signed_bytes(certificate().issuer, number, MADE, serials, &mut out).unwrap();
        out.truncate(len);
        let signature = issuer_key().sign(&out);
        [&out[..], &signature.to_bytes()].concat()
    }

    #[test]
    fn a_certificate_is_revoked_clear_stale_or_unknown() {
        let certificate = certificate();
        let (clear, named) = (list(1, &[1, 9]), list(2, &[1, certificate.serial, u64::MAX]));
        let (clear, named) = (RevocationList::parse(&clear).unwrap(), RevocationList::parse(&named).unwrap());
        for (now, expected) in [
            (MADE, Revocation::Clear),
            (MADE + LIST_AGE_MAX_MS, Revocation::Clear),
            (MADE + LIST_AGE_MAX_MS + 1, Revocation::Stale),
            (u64::MAX, Revocation::Stale),
            (MADE - CLOCK_SKEW_MAX_MS, Revocation::Clear),
            (MADE - CLOCK_SKEW_MAX_MS - 1, Revocation::Stale),
            (0, Revocation::Stale),
        ] {
            assert_eq!(clear.about(&certificate, now), expected, "{now}");
            assert_eq!(named.about(&certificate, now), Revocation::Revoked, "{now}");
        }
        let other = Certificate { issuer: Issuer([1; 16]), ..certificate };
        assert_eq!(named.about(&other, MADE), Revocation::Missing);
    }

    #[test]
    fn an_earlier_list_does_not_take_the_place_of_a_later_one() {
        let (one, two) = (list(1, &[]), list(2, &[]));
        let (one, two) = (RevocationList::parse(&one).unwrap(), RevocationList::parse(&two).unwrap());
        assert!(two.supersedes(&one) && !one.supersedes(&two) && !one.supersedes(&one));
        assert!(!RevocationList { issuer: Issuer([1; 16]), ..two }.supersedes(&one));
    }

    #[test]
    fn its_signature_covers_every_byte_before_it() {
        let (good, key) = (list(3, &[4, 5, 6]), issuer_key().verifying_key());
        let verifies = |l: &RevocationList<'_>| {
            key.verify_strict(l.signed_bytes(), &Signature::from_bytes(&l.signature)).is_ok()
        };
        assert!(verifies(&RevocationList::parse(&good).unwrap()));
        for at in 0..good.len() {
            let mut changed = good.clone();
            changed[at] ^= 1;
            assert!(!RevocationList::parse(&changed).is_ok_and(|l| verifies(&l)), "byte {at}");
        }
    }

    #[test]
    fn order_count_and_length_are_checked() {
        let mut out = std::vec![0; LIST_BYTES_MAX + 8];
        for serials in [&[2, 1][..], &[1, 1]] {
            assert!(emit_signed_bytes(Issuer([0; 16]), 1, 1, serials, &mut out).is_err());
        }
        let many: Vec<u64> = (0..=REVOKED_MAX as u64).collect();
        assert!(emit_signed_bytes(Issuer([0; 16]), 1, 1, &many, &mut out).is_err());
        let full = list(1, &many[1..]);
        assert_eq!((full.len(), RevocationList::parse(&full).unwrap().len()), (LIST_BYTES_MAX, REVOKED_MAX));
        let good = list(1, &[7, 8]);
        for len in 0..good.len() {
            assert!(RevocationList::parse(&good[..len]).is_err(), "{len} bytes");
        }
        let mut swapped = good.clone();
        swapped[HEADER_BYTES + 7] = 9;
        assert!(RevocationList::parse(&swapped).is_err());
        swapped[HEADER_BYTES + 7] = 8;
        assert!(RevocationList::parse(&swapped).is_err());
        let mut counted = good.clone();
        counted[HEADER_BYTES - 1] = 3;
        assert!(RevocationList::parse(&counted).is_err());
        assert!(RevocationList::parse(&[&good[..], &[0; 8]].concat()).is_err());
    }

    proptest! {
        #[test]
        fn it_names_what_was_put_in_and_nothing_else(set in proptest::collection::btree_set(0u64..400, 0..60)) {
            let serials: Vec<u64> = set.iter().copied().collect();
            let bytes = list(1, &serials);
            let read = RevocationList::parse(&bytes).unwrap();
            prop_assert_eq!((read.len(), read.is_empty()), (serials.len(), serials.is_empty()));
            for serial in 0..400 {
                prop_assert_eq!(read.names(serial), set.contains(&serial));
            }
        }

        #[test]
        fn any_bytes_parse_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let behind = [CONTEXT, &[VERSION], &bytes].concat();
            for bytes in [&bytes, &behind] {
                if let Ok(read) = RevocationList::parse(bytes) {
                    prop_assert_eq!(read.signed_bytes().len() + SIGNATURE_BYTES, bytes.len());
                }
            }
        }
    }

    // Vector: issuer's secret key 32 bytes 11.
    #[test]
    fn its_layout_is_what_is_written_down() {
        let bytes = list(7, &[5, 0x0102_0304_0506_0708]);
        let hex: std::string::String = bytes.iter().map(|byte| std::format!("{byte:02x}")).collect();
        assert_eq!(hex, VECTOR);
    }

    const VECTOR: &str = concat!(
        "626f647977697265207265766f636174696f6e7301bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb0000000000000007000001",
        "8bcfe5680000000002000000000000000501020304050607085b9cfc98081cedc566a6cc9a24507e7ff4950fc90670fe",
        "f008d36755638241b2be4927bca5689b97b2fc58383bffe70ee1d26d6a16d53102aebae6d31d473401",
    );
}
