//! From one message to `n` fragments, and from `k` fragments back.
//!
//! ```text
//! C0 = AES-256-GCM(message key, id, message)                       end to end
//! L  = HKDF(salt = 32 random bytes, hedge key ‖ id ‖ SHA-256(C0))  fresh for each message, even if the salt were not
//! C1 = C0 XOR AES-256-CTR(HKDF(L, "mask"))                         nothing of C0 without L
//! J  = HMAC-SHA-256(HKDF(L, "commit"), header with index 0 ‖ C1)[..16]
//! c_1..c_n = Reed-Solomon k of n of C1;  l_1..l_n = Shamir k of n of L
//! ```
//!
//! Krawczyk, "Secret Sharing Made Short", CRYPTO 1993, with hedged randomness and a commitment (Bellare, Dai, Rogaway,
//! PETS 2020). Each fragment is then sealed for its path ([`crate::fragment`]).

use crate::error::{Error, Refusal};
use crate::fragment::{
    self, BINDING_BYTES, Fragment, Header, MESSAGE_BYTES_MAX, MESSAGES_PER_SESSION_MAX, MessageId,
};
use crate::keys::{Secret, SessionKeys, TAG_BYTES};
use crate::{Mode, Priority, Spread, split};
use aes::Aes256;
use aes::cipher::{KeyIvInit, StreamCipher};
use aes_gcm::aead::KeyInit;
use blahaj::{Share, Sharks};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use rand_core::CryptoRng;
use reed_solomon_erasure::galois_8::ReedSolomon;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Nonce purpose of the end-to-end layer.
pub(crate) const PURPOSE_MESSAGE: u8 = 1;

/// The fragments of message `id`, one for each path in their order. An id must be used once: the nonces come from it.
pub fn disperse(
    keys: &SessionKeys,
    id: MessageId,
    priority: Priority,
    message: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Vec<Vec<u8>>, Error> {
    if message.len() > MESSAGE_BYTES_MAX - TAG_BYTES {
        return Err(Error::Limit { limit: "MESSAGE_BYTES_MAX", value: MESSAGE_BYTES_MAX });
    }
    if !id.is_in_range() {
        return Err(Error::Limit {
            limit: "MESSAGES_PER_SESSION_MAX",
            value: MESSAGES_PER_SESSION_MAX as usize,
        });
    }
    if id.is_preview() != (priority == Priority::Preview) {
        return Err(Error::Misuse("previews have numbers of their own"));
    }
    match keys.spread.mode() {
        Mode::Threshold => spread(keys, id, priority, message, rng),
        Mode::Split(cipher) => split::cut(keys, cipher, id, priority, message),
    }
}

fn spread(
    keys: &SessionKeys,
    id: MessageId,
    priority: Priority,
    message: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Vec<Vec<u8>>, Error> {
    let Spread { k, n, .. } = keys.spread;
    let sealed = keys.message.seal(PURPOSE_MESSAGE, id.0, &message_ad(keys.spread, id), message)?;
    let mask = fresh_mask(keys, id, &sealed, rng)?;
    let masked = apply_mask(&mask, sealed)?;
    let header = |index| Header { id, sealed_len: masked.len() as u32, index, k, n, priority };
    let commitment = commit(&mask, &header(0), &masked)?;
    let slices = encode(keys.spread, &masked, header(0).slice_len())?;
    let shares = Sharks(k).dealer_rng(&mask.0, rng).take(usize::from(n));
    let parts = slices.iter().zip(shares).zip(keys.paths.iter().zip(0u8..));
    parts
        .map(|((slice, share), (path, index))| {
            let share = Vec::from(&share);
            let share = share.get(1..).ok_or(Error::Crypto("Shamir share"))?;
            let inner = [&commitment, share, slice].concat();
            fragment::seal(path, &header(index), &inner)
        })
        .collect()
}

/// What the end-to-end layer is bound to beside the message: how it is spread, and its number.
pub(crate) fn message_ad(spread: Spread, id: MessageId) -> [u8; 11] {
    let [i0, i1, i2, i3, i4, i5, i6, i7] = id.0.to_be_bytes();
    let [mode, k, n] = spread.to_bytes();
    [mode, i0, i1, i2, i3, i4, i5, i6, i7, k, n]
}

fn fresh_mask(
    keys: &SessionKeys,
    id: MessageId,
    sealed: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Secret, Error> {
    let mut salt = Secret([0u8; 32]);
    rng.fill_bytes(&mut salt.0);
    let mut out = Secret([0u8; 32]);
    Hkdf::<Sha256>::new(Some(&salt.0), &keys.hedge.0)
        .expand_multi_info(&[b"mask seed", &id.0.to_be_bytes(), &Sha256::digest(sealed)], &mut out.0)
        .map_err(|_| Error::Crypto("HKDF length"))?;
    Ok(out)
}

fn apply_mask(mask: &Secret, mut bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
    let key = mask.derive("mask")?;
    // The key is used for this one message, so that the counter may start at zero.
    ctr::Ctr64BE::<Aes256>::new(&key.0.into(), &[0u8; 16].into()).apply_keystream(&mut bytes);
    Ok(bytes)
}

fn commit(mask: &Secret, header: &Header, masked: &[u8]) -> Result<[u8; BINDING_BYTES], Error> {
    let key = mask.derive("commit")?;
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key.0).map_err(|_| Error::Crypto("HMAC key"))?;
    mac.update(&Header { index: 0, ..*header }.to_block());
    mac.update(masked);
    let mut out = [0u8; BINDING_BYTES];
    out.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(slot, byte)| *slot = byte);
    Ok(out)
}

fn encode(spread: Spread, masked: &[u8], slice_len: usize) -> Result<Vec<Vec<u8>>, Error> {
    let mut slices: Vec<Vec<u8>> = masked.chunks(slice_len.max(1)).map(<[u8]>::to_vec).collect();
    slices.resize(spread.k(), Vec::new());
    slices.iter_mut().for_each(|slice| slice.resize(slice_len, 0));
    slices.resize(spread.n(), vec![0; slice_len]);
    if spread.n() > spread.k() {
        code(spread)?.encode(&mut slices).map_err(|_| Error::Crypto("Reed-Solomon encode"))?;
    }
    Ok(slices)
}

fn code(spread: Spread) -> Result<ReedSolomon, Error> {
    ReedSolomon::new(spread.k(), spread.n() - spread.k()).map_err(|_| Error::Crypto("Reed-Solomon code"))
}

/// The message of `k` fragments with different indices and equal headers and bindings.
pub(crate) fn combine(keys: &SessionKeys, fragments: &[Fragment]) -> Result<Vec<u8>, Refusal> {
    match keys.spread.mode() {
        Mode::Threshold => gather(keys, fragments),
        Mode::Split(cipher) => split::join(keys, cipher, fragments),
    }
}

fn gather(keys: &SessionKeys, fragments: &[Fragment]) -> Result<Vec<u8>, Refusal> {
    let Spread { k, n, .. } = keys.spread;
    let first = fragments.first().ok_or(Refusal::Inconsistent)?;
    let header = Header { index: 0, ..first.header };
    let mask = recover_mask(k, fragments)?;
    let mut slices: Vec<Option<Vec<u8>>> = vec![None; usize::from(n)];
    for fragment in fragments {
        if let Some(slot) = slices.get_mut(usize::from(fragment.header.index)) {
            *slot = Some(fragment.slice.clone());
        }
    }
    if n > k {
        let code = code(keys.spread).map_err(|_| Refusal::Inconsistent)?;
        code.reconstruct_data(&mut slices).map_err(|_| Refusal::Inconsistent)?;
    }
    let mut masked: Vec<u8> = slices.into_iter().take(usize::from(k)).flatten().flatten().collect();
    masked.truncate(header.sealed_len as usize);
    let commitment = commit(&mask, &header, &masked).map_err(|_| Refusal::Inconsistent)?;
    if !bool::from(commitment.ct_eq(&first.binding)) {
        return Err(Refusal::Inconsistent);
    }
    let sealed = apply_mask(&mask, masked).map_err(|_| Refusal::Inconsistent)?;
    keys.message
        .open(PURPOSE_MESSAGE, header.id.0, &message_ad(keys.spread, header.id), &sealed)
        .ok_or(Refusal::BadMessage)
}

fn recover_mask(k: u8, fragments: &[Fragment]) -> Result<Secret, Refusal> {
    let shares: Vec<Share> = fragments
        .iter()
        .filter_map(|f| {
            let mut bytes = vec![f.header.index.checked_add(1)?];
            bytes.extend_from_slice(&f.share);
            Share::try_from(bytes.as_slice()).ok()
        })
        .collect();
    let secret = Sharks(k).recover(&shares).map_err(|_| Refusal::Inconsistent)?;
    <[u8; 32]>::try_from(secret).map(Secret).map_err(|_| Refusal::Inconsistent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    fn keys(k: u8, n: u8) -> SessionKeys {
        SessionKeys::new(&Secret([6; 32]), Spread::threshold(k, n).unwrap()).unwrap()
    }

    fn opened(keys: &SessionKeys, fragments: &[Vec<u8>], paths: &[usize]) -> Vec<Fragment> {
        paths.iter().map(|&p| fragment::open(keys, p, &fragments[p]).unwrap()).collect()
    }

    #[test]
    fn any_two_of_three_bring_the_message_back() {
        let keys = keys(2, 3);
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let fragments = disperse(&keys, MessageId(4), Priority::Routine, b"vital signs", &mut rng).unwrap();
        for paths in [[0, 1], [0, 2], [1, 2], [2, 0]] {
            assert_eq!(combine(&keys, &opened(&keys, &fragments, &paths)).unwrap(), b"vital signs");
        }
        assert!(combine(&keys, &opened(&keys, &fragments, &[1])).is_err());
    }

    #[test]
    fn fragments_share_nothing_that_joins_paths() {
        let keys = keys(2, 3);
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let message = [0u8; 600];
        let fragments = disperse(&keys, MessageId(0), Priority::Routine, &message, &mut rng).unwrap();
        for (i, a) in fragments.iter().enumerate() {
            for b in fragments.iter().skip(i + 1) {
                let common = a[1..].windows(6).any(|w| b[1..].windows(6).any(|v| v == w));
                assert!(!common, "two paths carry equal bytes");
            }
            assert!(!a.windows(8).any(|w| w == [0; 8]));
        }
    }

    #[test]
    fn a_fragment_is_bound_to_its_path_its_place_and_every_byte() {
        let keys = keys(2, 3);
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let fragments = disperse(&keys, MessageId(9), Priority::Routine, b"m", &mut rng).unwrap();
        assert_eq!(fragment::open(&keys, 1, &fragments[0]).unwrap_err(), Refusal::BadTag);
        for i in 0..fragments[0].len() {
            let mut changed = fragments[0].clone();
            changed[i] ^= 0x10;
            assert!(fragment::open(&keys, 0, &changed).is_err(), "byte {i}");
        }
    }

    #[test]
    fn fragments_of_different_messages_do_not_combine() {
        let keys = keys(2, 3);
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let a = disperse(&keys, MessageId(1), Priority::Routine, b"aaaa", &mut rng).unwrap();
        let b = disperse(&keys, MessageId(2), Priority::Routine, b"bbbb", &mut rng).unwrap();
        let mixed = [fragment::open(&keys, 0, &a[0]).unwrap(), fragment::open(&keys, 1, &b[1]).unwrap()];
        assert!(combine(&keys, &mixed).is_err());
    }

    #[test]
    fn limits_are_refused_before_any_work() {
        let keys = keys(2, 3);
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        assert!(
            disperse(&keys, MessageId(0), Priority::Routine, &vec![0; MESSAGE_BYTES_MAX], &mut rng).is_err()
        );
        assert!(
            disperse(&keys, MessageId(MESSAGES_PER_SESSION_MAX), Priority::Routine, b"", &mut rng).is_err()
        );
        assert!(
            disperse(&keys, MessageId(0), Priority::Routine, &vec![0; MESSAGE_BYTES_MAX - 16], &mut rng)
                .is_ok()
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn every_threshold_and_length_round_trips(k in 2u8..5, extra in 0u8..4, len in 0usize..3000, seed in any::<u64>()) {
            let n = k + extra;
            let keys = keys(k, n);
            let mut rng = ChaCha20Rng::seed_from_u64(seed);
            let mut message = vec![0u8; len];
            rand_core::Rng::fill_bytes(&mut rng, &mut message);
            let fragments = disperse(&keys, MessageId(seed >> 41), Priority::Routine, &message, &mut rng).unwrap();
            prop_assert_eq!(fragments.len(), usize::from(n));
            let last: Vec<usize> = (usize::from(n - k)..usize::from(n)).collect();
            prop_assert_eq!(combine(&keys, &opened(&keys, &fragments, &last)).unwrap(), message);
        }

        #[test]
        fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let keys = keys(2, 3);
            let _ = fragment::pseudonym_of(&bytes);
            prop_assert!(fragment::open(&keys, 0, &bytes).is_err());
        }
    }
}
