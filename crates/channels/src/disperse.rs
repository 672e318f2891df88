//! From one message to `n` fragments, and from `k` fragments back.
//!
//! ```text
//! L     = HKDF-Expand(hedge key, "mask seed" | id | 32 random bytes)     fresh for each message, even if they were not
//! K | J = HKDF-Expand(message key, "once" | L | header with index 0)     nobody has them without both
//! C     = AES-256-GCM(K, id, message)                                    end to end
//! c_1..c_n = C cut into k, parity k of n;  l_1..l_n = Shamir k of n of L
//! ```
//!
//! HKDF is that of RFC 5869 with SHA-256. Krawczyk, "Secret Sharing Made Short", CRYPTO 1993, with hedged randomness and a commitment (Bellare, Dai, Rogaway, PETS 2020): J commits to the seed, and so to K, under which C is
//! authenticated; hashing C as well would cost two more passes over the message. Each fragment is then sealed for its
//! path ([`crate::fragment`]).

use crate::aead::Aead;
use crate::erasure::{self, Slices};
use crate::error::{Error, Refusal};
use crate::fragment::{
    self, BINDING_BYTES, Fragment, Header, MESSAGE_BYTES_MAX, MESSAGES_PER_SESSION_MAX, MessageId,
};
use crate::keys::{KEY_BYTES, Secret, SessionKeys, TAG_BYTES};
use crate::{Mode, Priority, Spread, split};
use blahaj::{Share, Sharks};
use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

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
    let seed = fresh_seed(keys, id, rng)?;
    let header = |index| Header { id, sealed_len: (message.len() + TAG_BYTES) as u32, index, k, n, priority };
    let Once { seal, commitment } = Once::new(keys, &seed, &header(0))?;
    let mut sealed = Vec::with_capacity(message.len() + TAG_BYTES);
    sealed.extend_from_slice(message);
    seal.seal((PURPOSE_MESSAGE, id.0), &message_ad(keys.spread, id), &mut sealed, 0)?;
    let slices = Slices::new(keys.spread, &sealed, header(0).slice_len())?;
    let shares = Sharks(k).dealer_rng(&seed.0, rng).take(usize::from(n));
    let parts = keys.paths.iter().zip(shares).zip(0u8..);
    parts
        .map(|((path, share), index)| {
            let share = Zeroizing::new(Vec::from(&share));
            // Behind its place, which is the fragment's.
            let share = share.get(1..).and_then(<[u8]>::first_chunk).ok_or(Error::Crypto("Shamir share"))?;
            fragment::seal(path, &header(index), &commitment, share, &slices)
        })
        .collect()
}

/// What the end-to-end layer is bound to beside the message: how it is spread, and its number.
pub(crate) fn message_ad(spread: Spread, id: MessageId) -> [u8; 11] {
    let [i0, i1, i2, i3, i4, i5, i6, i7] = id.0.to_be_bytes();
    let [mode, k, n] = spread.to_bytes();
    [mode, i0, i1, i2, i3, i4, i5, i6, i7, k, n]
}

fn fresh_seed(keys: &SessionKeys, id: MessageId, rng: &mut impl CryptoRng) -> Result<Secret, Error> {
    let mut salt = Secret([0u8; 32]);
    rng.fill_bytes(&mut salt.0);
    let mut out = Secret([0u8; 32]);
    derive(&keys.hedge, &[b"mask seed", &id.0.to_be_bytes(), &salt.0], &mut out.0)?;
    Ok(out)
}

/// What belongs to one message, from its seed and the session's message key together: with fewer than `k` paths there is
/// no seed, and a seed without the message key is of no use either.
struct Once {
    seal: Aead,
    commitment: [u8; BINDING_BYTES],
}

impl Once {
    fn new(keys: &SessionKeys, seed: &Secret, header: &Header) -> Result<Self, Error> {
        let mut both = Zeroizing::new([0u8; KEY_BYTES + BINDING_BYTES]);
        derive(&keys.message, &[b"once", &seed.0, &header.to_block()], both.as_mut_slice())?;
        let (key, rest) = both.split_first_chunk().ok_or(Error::Crypto("HKDF length"))?;
        let commitment = *rest.first_chunk().ok_or(Error::Crypto("HKDF length"))?;
        Ok(Self { seal: Aead::new(&Secret(*key))?, commitment })
    }
}

fn derive(key: &Secret, info: &[&[u8]], out: &mut [u8]) -> Result<(), Error> {
    Hkdf::<Sha256>::from_prk(&key.0)
        .map_err(|_| Error::Crypto("HKDF key"))?
        .expand_multi_info(info, out)
        .map_err(|_| Error::Crypto("HKDF length"))
}

/// The message of `k` fragments with different indices and equal headers and bindings.
pub(crate) fn combine(keys: &SessionKeys, fragments: &[Fragment]) -> Result<Vec<u8>, Refusal> {
    match keys.spread.mode() {
        Mode::Threshold => gather(keys, fragments),
        Mode::Split(cipher) => split::join(keys, cipher, fragments),
    }
}

fn gather(keys: &SessionKeys, fragments: &[Fragment]) -> Result<Vec<u8>, Refusal> {
    let first = fragments.first().ok_or(Refusal::Inconsistent)?;
    let header = Header { index: 0, ..first.header };
    let seed = recover_seed(keys.spread, fragments)?;
    let Once { seal, commitment } = Once::new(keys, &seed, &header).map_err(|_| Refusal::Inconsistent)?;
    if !bool::from(commitment.ct_eq(&first.binding)) {
        return Err(Refusal::Inconsistent);
    }
    let slices = fragments.iter().map(|f| (usize::from(f.header.index), f.slice()));
    let mut text =
        erasure::join(keys.spread, header.sealed_len as usize, slices).ok_or(Refusal::Inconsistent)?;
    seal.open((PURPOSE_MESSAGE, header.id.0), &message_ad(keys.spread, header.id), &mut text)
        .ok_or(Refusal::BadMessage)?;
    Ok(text)
}

fn recover_seed(spread: Spread, fragments: &[Fragment]) -> Result<Secret, Refusal> {
    let share = |fragment: &Fragment| {
        let place = fragment.header.index.checked_add(1)?;
        let bytes = Zeroizing::new([&[place][..], &fragment.share].concat());
        Share::try_from(bytes.as_slice()).ok()
    };
    let shares: Vec<Share> = fragments.iter().filter_map(share).collect();
    let secret = Sharks(spread.k).recover(&shares).map_err(|_| Refusal::Inconsistent)?;
    <[u8; KEY_BYTES]>::try_from(secret).map(Secret).map_err(|_| Refusal::Inconsistent)
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
