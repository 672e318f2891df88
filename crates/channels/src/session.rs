//! Key agreement between a hub and a clinic that may never be online at once (paper M: "negotiate the correct key").
//!
//! The clinic leaves a signed prekey at the brokers. The hub encapsulates to it with HPKE (RFC 9180) and the X-Wing
//! KEM (X25519 and ML-KEM-768), signs, and sends the start of a session. Both derive the session's keys from the HPKE
//! exporter. When the clinic erases a prekey, no later theft opens the sessions that were started with it.
//!
//! ```text
//! prekey   version 1 | id 4 | not_after_ms 8 | X-Wing public key 1216 | Ed25519 signature of the clinic 64
//! start    version 1 | prekey id 4 | X-Wing ciphertext 1120 | HPKE-sealed( hub 2 | created_ms 8 | mode 1 | k 1 | n 1 | signature 64 ) | tag 16
//!          signature of the hub over "bodywire session" ‖ prekey ‖ X-Wing ciphertext ‖ hub ‖ created_ms ‖ mode ‖ k ‖ n
//! ```
//!
//! The hub's number and signature are inside the sealed part: a broker learns only that somebody started something.

use crate::Spread;
use crate::error::{Error, Refusal};
use crate::keys::{Secret, SessionKeys};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRng;

type PublicKey = <XWing as Kem>::PublicKey;
type PrivateKey = <XWing as Kem>::PrivateKey;
type EncappedKey = <XWing as Kem>::EncappedKey;

/// Version of both messages.
pub const VERSION: u8 = 1;
/// How long a prekey is offered. Daily, so that a stolen clinic key opens at most a day.
pub const PREKEY_LIFETIME_MS: u64 = 24 * 60 * 60 * 1000;
/// Bytes of a prekey as the clinic publishes it.
pub const PREKEY_BYTES: usize = 1 + 4 + 8 + PUBLIC_KEY_BYTES + SIGNATURE_BYTES;
/// Bytes of the start of a session.
pub const START_BYTES: usize = 1 + 4 + ENCAPPED_KEY_BYTES + START_FIELDS_BYTES + SIGNATURE_BYTES + 16;

const PUBLIC_KEY_BYTES: usize = 1216;
const ENCAPPED_KEY_BYTES: usize = 1120;
const SIGNATURE_BYTES: usize = 64;
const START_FIELDS_BYTES: usize = 2 + 8 + 3;
const INFO: &[u8] = b"bodywire channels v1";
const PREKEY_CONTEXT: &[u8] = b"bodywire prekey";
const START_CONTEXT: &[u8] = b"bodywire session";

/// Number of a hub at its clinic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HubNumber(pub u16);

/// The clinic's half of a prekey. Lives in memory only and dies with the process.
pub struct Prekey {
    secret: PrivateKey,
    published: Vec<u8>,
}

impl core::fmt::Debug for Prekey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Prekey(..)")
    }
}

impl Prekey {
    /// Draws a prekey that expires [`PREKEY_LIFETIME_MS`] after `now_ms` (since 1970), and signs it.
    pub fn generate(clinic: &SigningKey, now_ms: u64, rng: &mut impl CryptoRng) -> Self {
        let (secret, public) = XWing::gen_keypair_with_rng(rng);
        let mut published = vec![VERSION];
        published.extend_from_slice(&rng.next_u32().to_be_bytes());
        published.extend_from_slice(&now_ms.saturating_add(PREKEY_LIFETIME_MS).to_be_bytes());
        published.extend_from_slice(&public.to_bytes());
        let signature = clinic.sign(&[PREKEY_CONTEXT, &published].concat());
        published.extend_from_slice(&signature.to_bytes());
        Self { secret, published }
    }

    /// What the clinic leaves at the brokers, retained.
    pub fn published(&self) -> &[u8] {
        &self.published
    }

    fn id(&self) -> &[u8] {
        self.published.get(1..5).unwrap_or(&[])
    }

    fn not_after_ms(&self) -> u64 {
        not_after_ms(&self.published)
    }
}

/// When a prekey expires, milliseconds since 1970; 0 for what is none. Says nothing about its signature.
pub fn not_after_ms(published: &[u8]) -> u64 {
    published.get(5..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// The hub's side of a session that it has started.
pub struct Started {
    /// What the hub sends on every path until the first acknowledgement.
    pub start: Vec<u8>,
    /// The session's keys.
    pub keys: SessionKeys,
}

/// Starts a session with the clinic whose prekey this is.
///
/// Refused: a prekey of the wrong form, not signed by `clinic`, or expired at `now_ms`.
pub fn start(
    hub: HubNumber,
    hub_key: &SigningKey,
    clinic: &VerifyingKey,
    prekey: &[u8],
    spread: Spread,
    now_ms: u64,
    rng: &mut impl CryptoRng,
) -> Result<Started, Error> {
    let public = checked_prekey(clinic, prekey, now_ms)?;
    let (encapped, mut context) =
        hpke::setup_sender_with_rng::<AesGcm256, HkdfSha256, XWing>(&OpModeS::Base, &public, INFO, rng)
            .map_err(|_| Error::Crypto("HPKE encapsulation"))?;
    let encapped = encapped.to_bytes();
    let mut fields = hub.0.to_be_bytes().to_vec();
    fields.extend_from_slice(&now_ms.to_be_bytes());
    fields.extend_from_slice(&spread.to_bytes());
    let signature = hub_key.sign(&[START_CONTEXT, prekey, &encapped, &fields].concat());
    fields.extend_from_slice(&signature.to_bytes());
    let mut start = vec![VERSION];
    start.extend_from_slice(prekey.get(1..5).unwrap_or(&[]));
    start.extend_from_slice(&encapped);
    let sealed = context.seal(&fields, &start).map_err(|_| Error::Crypto("HPKE seal"))?;
    start.extend_from_slice(&sealed);
    let mut exported = Secret([0u8; 32]);
    context.export(INFO, &mut exported.0).map_err(|_| Error::Crypto("HPKE export"))?;
    Ok(Started { start, keys: SessionKeys::new(&exported, spread)? })
}

fn checked_prekey(clinic: &VerifyingKey, prekey: &[u8], now_ms: u64) -> Result<PublicKey, Refusal> {
    let (signed, signature) = prekey.split_last_chunk::<SIGNATURE_BYTES>().ok_or(Refusal::Malformed)?;
    if prekey.len() != PREKEY_BYTES || signed.first() != Some(&VERSION) {
        return Err(Refusal::Malformed);
    }
    clinic
        .verify_strict(&[PREKEY_CONTEXT, signed].concat(), &Signature::from_bytes(signature))
        .map_err(|_| Refusal::BadSignature)?;
    if not_after_ms(signed) < now_ms {
        return Err(Refusal::UnknownPrekey);
    }
    PublicKey::from_bytes(signed.get(13..).unwrap_or(&[])).map_err(|_| Refusal::Malformed)
}

/// A session that the clinic has accepted.
pub struct Accepted {
    /// Who started it.
    pub hub: HubNumber,
    /// When, by the hub's clock, milliseconds since 1970.
    pub created_ms: u64,
    /// The session's keys.
    pub keys: SessionKeys,
}

/// The clinic's side: checks the start of a session against the prekeys it still has.
///
/// `hub_key` gives the verification key of a hub, or `None` for a hub that is not enrolled here.
pub fn accept(
    prekeys: &[Prekey],
    hub_key: impl FnOnce(HubNumber) -> Option<VerifyingKey>,
    start: &[u8],
    now_ms: u64,
) -> Result<Accepted, Error> {
    if start.len() != START_BYTES || start.first() != Some(&VERSION) {
        return Err(Refusal::Malformed.into());
    }
    let (clear, sealed) = start.split_at_checked(5 + ENCAPPED_KEY_BYTES).ok_or(Refusal::Malformed)?;
    let (head, encapped) = clear.split_at_checked(5).ok_or(Refusal::Malformed)?;
    let prekey = prekeys
        .iter()
        .find(|prekey| head.ends_with(prekey.id()) && prekey.not_after_ms() >= now_ms)
        .ok_or(Refusal::UnknownPrekey)?;
    let key = EncappedKey::from_bytes(encapped).map_err(|_| Refusal::Malformed)?;
    let mut context =
        hpke::setup_receiver::<AesGcm256, HkdfSha256, XWing>(&OpModeR::Base, &prekey.secret, &key, INFO)
            .map_err(|_| Refusal::BadMessage)?;
    let fields = context.open(sealed, clear).map_err(|_| Refusal::BadMessage)?;
    let (signed, signature) = fields.split_last_chunk::<SIGNATURE_BYTES>().ok_or(Refusal::Malformed)?;
    let &[h0, h1, t0, t1, t2, t3, t4, t5, t6, t7, mode, k, n] =
        signed.first_chunk::<START_FIELDS_BYTES>().ok_or(Refusal::Malformed)?;
    let hub = HubNumber(u16::from_be_bytes([h0, h1]));
    let spread = Spread::from_bytes([mode, k, n]).map_err(|_| Refusal::Malformed)?;
    hub_key(hub)
        .ok_or(Refusal::UnknownHub)?
        .verify_strict(
            &[START_CONTEXT, prekey.published(), encapped, signed].concat(),
            &Signature::from_bytes(signature),
        )
        .map_err(|_| Refusal::BadSignature)?;
    let mut exported = Secret([0u8; 32]);
    context.export(INFO, &mut exported.0).map_err(|_| Error::Crypto("HPKE export"))?;
    Ok(Accepted {
        hub,
        created_ms: u64::from_be_bytes([t0, t1, t2, t3, t4, t5, t6, t7]),
        keys: SessionKeys::new(&exported, spread)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    struct World {
        rng: ChaCha20Rng,
        hub_key: SigningKey,
        clinic_key: SigningKey,
        prekey: Prekey,
    }

    const HUB: HubNumber = HubNumber(3);

    fn world() -> World {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let clinic_key = SigningKey::from_bytes(&[1; 32]);
        let prekey = Prekey::generate(&clinic_key, 1_000, &mut rng);
        World { rng, hub_key: SigningKey::from_bytes(&[2; 32]), clinic_key, prekey }
    }

    impl World {
        fn start(&mut self, prekey: &[u8], now_ms: u64) -> Result<Started, Error> {
            let clinic = self.clinic_key.verifying_key();
            start(HUB, &self.hub_key, &clinic, prekey, Spread::TWO_OF_THREE, now_ms, &mut self.rng)
        }

        fn accept(&self, bytes: &[u8]) -> Result<Accepted, Error> {
            let key = self.hub_key.verifying_key();
            accept(std::slice::from_ref(&self.prekey), |hub| (hub == HUB).then_some(key), bytes, 2_000)
        }
    }

    fn refusal<T>(result: Result<T, Error>) -> Option<Refusal> {
        match result {
            Err(Error::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    }

    #[test]
    fn both_sides_derive_the_same_keys() {
        let mut w = world();
        let published = w.prekey.published().to_vec();
        assert_eq!(published.len(), PREKEY_BYTES);
        let started = w.start(&published, 1_500).unwrap();
        assert_eq!(started.start.len(), START_BYTES);
        let accepted = w.accept(&started.start).unwrap();
        assert_eq!((accepted.hub, accepted.created_ms), (HUB, 1_500));
        for path in 0..3 {
            assert_eq!(accepted.keys.pseudonym(path), started.keys.pseudonym(path));
        }
        assert_eq!(accepted.keys.message.0, started.keys.message.0);
    }

    #[test]
    fn a_prekey_that_is_forged_expired_or_of_another_clinic_is_refused() {
        let mut w = world();
        let published = w.prekey.published().to_vec();
        for i in [0, 3, 9, 500, PREKEY_BYTES - 1] {
            let mut forged = published.clone();
            forged[i] ^= 1;
            assert!(w.start(&forged, 1_500).is_err(), "byte {i}");
        }
        assert_eq!(refusal(w.start(&published, 1_001 + PREKEY_LIFETIME_MS)), Some(Refusal::UnknownPrekey));
        let other = Prekey::generate(&SigningKey::from_bytes(&[9; 32]), 1_000, &mut w.rng);
        assert_eq!(refusal(w.start(other.published(), 1_500)), Some(Refusal::BadSignature));
    }

    #[test]
    fn a_start_that_is_changed_in_any_byte_is_refused() {
        let mut w = world();
        let published = w.prekey.published().to_vec();
        let started = w.start(&published, 1_500).unwrap();
        for i in (0..START_BYTES).step_by(7).chain([START_BYTES - 1]) {
            let mut changed = started.start.clone();
            changed[i] ^= 1;
            assert!(w.accept(&changed).is_err(), "byte {i}");
        }
        assert_eq!(refusal(w.accept(&started.start[1..])), Some(Refusal::Malformed));
    }

    #[test]
    fn unknown_hubs_wrong_signers_and_erased_prekeys_are_refused() {
        let mut w = world();
        let published = w.prekey.published().to_vec();
        let started = w.start(&published, 1_500).unwrap();
        let unknown = accept(std::slice::from_ref(&w.prekey), |_| None, &started.start, 2_000);
        assert_eq!(refusal(unknown), Some(Refusal::UnknownHub));
        let stranger = SigningKey::from_bytes(&[5; 32]).verifying_key();
        let wrong = accept(std::slice::from_ref(&w.prekey), |_| Some(stranger), &started.start, 2_000);
        assert_eq!(refusal(wrong), Some(Refusal::BadSignature));
        let erased = accept(&[], |_| Some(stranger), &started.start, 2_000);
        assert_eq!(refusal(erased), Some(Refusal::UnknownPrekey));
    }
}
