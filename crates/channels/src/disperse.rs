//! From one message to `n` fragments, and from `k` fragments back.
//!
//! ```text
//! C0 = AES-256-GCM(message key, id, message)                       end to end
//! L  = HKDF(salt = 32 random bytes, hedge key ‖ id ‖ SHA-256(C0))  fresh for each message, even if the salt were not
//! C1 = C0 XOR AES-256-CTR(HKDF(L, "mask"))                         nothing of C0 without L
//! J  = HMAC-SHA-256(HKDF(L, "commit"), id 8 ‖ |C0| 4 ‖ zero 1 ‖ k 1 ‖ n 1 ‖ zero 1 ‖ C1)[..16]
//! c_1..c_n = Reed-Solomon k of n of C1;  l_1..l_n = Shamir k of n of L
//!
//! fragment i, on path i:
//! version 1 | session pseudonym 8 | header block 16 | sealed( J 16 | l_i 32 | c_i ) | tag 16
//! header block = AES-256(header key of the path, id 8 | |C0| 4 | index 1 | k 1 | n 1 | zero 1)
//! sealed       = AES-256-GCM(fragment key of the path, id, everything before as associated data)
//! ```
//!
//! Pseudonym, header block and commitment differ from path to path, so that two brokers cannot join what they carry.

use crate::Threshold;
use crate::error::{Error, Refusal};
use crate::keys::{PSEUDONYM_BYTES, PathKeys, Secret, SessionKeys, TAG_BYTES};
use aes::Aes256;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyIvInit, StreamCipher};
use aes_gcm::aead::KeyInit;
use blahaj::{Share, Sharks};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use rand_core::CryptoRng;
use reed_solomon_erasure::galois_8::ReedSolomon;
use sha2::{Digest, Sha256};

/// Version of the fragment format.
pub const VERSION: u8 = 1;
/// Longest message. The hub's reports stay below; a fragment stays far below any broker's packet limit.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Messages of one session; then a new one is due, long before AES-GCM's limits.
pub const MESSAGES_PER_SESSION_MAX: u64 = 1 << 24;
/// Bytes a fragment adds to its slice of the message.
pub const FRAGMENT_OVERHEAD_BYTES: usize = CLEAR_BYTES + COMMITMENT_BYTES + SHARE_BYTES + TAG_BYTES;

const CLEAR_BYTES: usize = 1 + PSEUDONYM_BYTES + BLOCK_BYTES;
const BLOCK_BYTES: usize = 16;
const COMMITMENT_BYTES: usize = 16;
const SHARE_BYTES: usize = 32;
/// Shortest and longest fragment that can be one.
const FRAGMENT_BYTES_MIN: usize = FRAGMENT_OVERHEAD_BYTES + 1;
const FRAGMENT_BYTES_MAX: usize = FRAGMENT_OVERHEAD_BYTES + MESSAGE_BYTES_MAX;

/// Nonce purpose of the end-to-end layer.
const PURPOSE_MESSAGE: u8 = 1;
/// Nonce purpose of the path layer.
const PURPOSE_FRAGMENT: u8 = 2;

/// Number of a message in its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

/// What the sealed header block of a fragment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) id: MessageId,
    /// Length of C0.
    pub(crate) sealed_len: u32,
    pub(crate) index: u8,
    pub(crate) k: u8,
    pub(crate) n: u8,
}

impl Header {
    fn to_block(self) -> [u8; BLOCK_BYTES] {
        let [i0, i1, i2, i3, i4, i5, i6, i7] = self.id.0.to_be_bytes();
        let [l0, l1, l2, l3] = self.sealed_len.to_be_bytes();
        [i0, i1, i2, i3, i4, i5, i6, i7, l0, l1, l2, l3, self.index, self.k, self.n, 0]
    }

    fn from_block(
        [i0, i1, i2, i3, i4, i5, i6, i7, l0, l1, l2, l3, index, k, n, zero]: [u8; BLOCK_BYTES],
    ) -> Option<Self> {
        (zero == 0).then_some(Self {
            id: MessageId(u64::from_be_bytes([i0, i1, i2, i3, i4, i5, i6, i7])),
            sealed_len: u32::from_be_bytes([l0, l1, l2, l3]),
            index,
            k,
            n,
        })
    }

    /// Length of each slice of C1.
    fn slice_len(&self) -> usize {
        (self.sealed_len as usize).div_ceil(usize::from(self.k).max(1))
    }
}

/// One opened fragment.
#[derive(Debug, Clone)]
pub(crate) struct Fragment {
    pub(crate) header: Header,
    pub(crate) commitment: [u8; COMMITMENT_BYTES],
    share: [u8; SHARE_BYTES],
    slice: Vec<u8>,
}

impl Fragment {
    /// Bytes it holds in memory.
    pub(crate) const fn len(&self) -> usize {
        self.slice.len() + SHARE_BYTES + COMMITMENT_BYTES
    }
}

/// The fragments of message `id`, one for each path in their order. An id must be used once: the nonces come from it.
pub fn disperse(
    keys: &SessionKeys,
    id: MessageId,
    message: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Vec<Vec<u8>>, Error> {
    if message.len() > MESSAGE_BYTES_MAX - TAG_BYTES {
        return Err(Error::Limit { limit: "MESSAGE_BYTES_MAX", value: MESSAGE_BYTES_MAX });
    }
    if id.0 >= MESSAGES_PER_SESSION_MAX {
        return Err(Error::Limit {
            limit: "MESSAGES_PER_SESSION_MAX",
            value: MESSAGES_PER_SESSION_MAX as usize,
        });
    }
    let Threshold { k, n } = keys.threshold;
    let sealed = keys.message.seal(PURPOSE_MESSAGE, id.0, &message_ad(id, k, n), message)?;
    let mask = fresh_mask(keys, id, &sealed, rng)?;
    let masked = apply_mask(&mask, sealed)?;
    let header = |index| Header { id, sealed_len: masked.len() as u32, index, k, n };
    let commitment = commit(&mask, &header(0), &masked)?;
    let slices = encode(keys.threshold, &masked, header(0).slice_len())?;
    let shares = Sharks(k).dealer_rng(&mask.0, rng).take(usize::from(n));
    let parts = slices.iter().zip(shares).zip(keys.paths.iter().zip(0u8..));
    parts
        .map(|((slice, share), (path, index))| {
            let share = Vec::from(&share);
            let share = share.get(1..).ok_or(Error::Crypto("Shamir share"))?;
            let inner = [&commitment, share, slice].concat();
            seal_fragment(path, &header(index), &inner)
        })
        .collect()
}

fn message_ad(id: MessageId, k: u8, n: u8) -> [u8; 11] {
    let [i0, i1, i2, i3, i4, i5, i6, i7] = id.0.to_be_bytes();
    [VERSION, i0, i1, i2, i3, i4, i5, i6, i7, k, n]
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

fn commit(mask: &Secret, header: &Header, masked: &[u8]) -> Result<[u8; COMMITMENT_BYTES], Error> {
    let key = mask.derive("commit")?;
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key.0).map_err(|_| Error::Crypto("HMAC key"))?;
    mac.update(&Header { index: 0, ..*header }.to_block());
    mac.update(masked);
    let mut out = [0u8; COMMITMENT_BYTES];
    out.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(slot, byte)| *slot = byte);
    Ok(out)
}

fn encode(threshold: Threshold, masked: &[u8], slice_len: usize) -> Result<Vec<Vec<u8>>, Error> {
    let mut slices: Vec<Vec<u8>> = masked.chunks(slice_len.max(1)).map(<[u8]>::to_vec).collect();
    slices.resize(threshold.k(), Vec::new());
    slices.iter_mut().for_each(|slice| slice.resize(slice_len, 0));
    slices.resize(threshold.n(), vec![0; slice_len]);
    if threshold.n() > threshold.k() {
        code(threshold)?.encode(&mut slices).map_err(|_| Error::Crypto("Reed-Solomon encode"))?;
    }
    Ok(slices)
}

fn code(threshold: Threshold) -> Result<ReedSolomon, Error> {
    ReedSolomon::new(threshold.k(), threshold.n() - threshold.k())
        .map_err(|_| Error::Crypto("Reed-Solomon code"))
}

fn seal_fragment(path: &PathKeys, header: &Header, inner: &[u8]) -> Result<Vec<u8>, Error> {
    let mut block = header.to_block().into();
    Aes256::new(&path.header.0.into()).encrypt_block(&mut block);
    let mut out = Vec::with_capacity(CLEAR_BYTES + inner.len() + TAG_BYTES);
    out.push(VERSION);
    out.extend_from_slice(&path.pseudonym);
    out.extend_from_slice(&block);
    let sealed = path.fragment.seal(PURPOSE_FRAGMENT, header.id.0, &out, inner)?;
    out.extend_from_slice(&sealed);
    Ok(out)
}

/// The session pseudonym of a fragment, before anything is known to be true of it.
pub(crate) fn pseudonym_of(bytes: &[u8]) -> Result<[u8; PSEUDONYM_BYTES], Refusal> {
    let len_ok = (FRAGMENT_BYTES_MIN..=FRAGMENT_BYTES_MAX).contains(&bytes.len());
    let (version, rest) = bytes.split_first().filter(|_| len_ok).ok_or(Refusal::Malformed)?;
    let pseudonym = rest.first_chunk().filter(|_| *version == VERSION).ok_or(Refusal::Malformed)?;
    Ok(*pseudonym)
}

/// Opens a fragment that came in on the path with index `path` of a session.
pub(crate) fn open_fragment(keys: &SessionKeys, path: usize, bytes: &[u8]) -> Result<Fragment, Refusal> {
    let path_keys = keys.paths.get(path).ok_or(Refusal::UnknownSession)?;
    let (clear, sealed) = bytes.split_at_checked(CLEAR_BYTES).ok_or(Refusal::Malformed)?;
    let block: [u8; BLOCK_BYTES] = *clear.last_chunk().ok_or(Refusal::Malformed)?;
    let mut block = block.into();
    Aes256::new(&path_keys.header.0.into()).decrypt_block(&mut block);
    // Nothing in the header is believed before the tag has verified, except the nonce that it takes to verify it.
    let header = Header::from_block(block.into()).ok_or(Refusal::BadTag)?;
    let inner =
        path_keys.fragment.open(PURPOSE_FRAGMENT, header.id.0, clear, sealed).ok_or(Refusal::BadTag)?;
    let (commitment, rest) = inner.split_first_chunk().ok_or(Refusal::Malformed)?;
    let (share, slice) = rest.split_first_chunk().ok_or(Refusal::Malformed)?;
    let Threshold { k, n } = keys.threshold;
    let sane = (header.k, header.n) == (k, n)
        && usize::from(header.index) == path
        && (header.sealed_len as usize) <= MESSAGE_BYTES_MAX
        && (header.sealed_len as usize) >= TAG_BYTES
        && slice.len() == header.slice_len();
    if !sane {
        return Err(Refusal::Inconsistent);
    }
    Ok(Fragment { header, commitment: *commitment, share: *share, slice: slice.to_vec() })
}

/// The message of `k` fragments with different indices and equal headers and commitments.
pub(crate) fn combine(keys: &SessionKeys, fragments: &[Fragment]) -> Result<Vec<u8>, Refusal> {
    let Threshold { k, n } = keys.threshold;
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
        let code = code(keys.threshold).map_err(|_| Refusal::Inconsistent)?;
        code.reconstruct_data(&mut slices).map_err(|_| Refusal::Inconsistent)?;
    }
    let mut masked: Vec<u8> = slices.into_iter().take(usize::from(k)).flatten().flatten().collect();
    masked.truncate(header.sealed_len as usize);
    let commitment = commit(&mask, &header, &masked).map_err(|_| Refusal::Inconsistent)?;
    if commitment != first.commitment {
        return Err(Refusal::Inconsistent);
    }
    let sealed = apply_mask(&mask, masked).map_err(|_| Refusal::Inconsistent)?;
    keys.message
        .open(PURPOSE_MESSAGE, header.id.0, &message_ad(header.id, k, n), &sealed)
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
        SessionKeys::new(&Secret([6; 32]), Threshold::new(k, n).unwrap()).unwrap()
    }

    fn opened(keys: &SessionKeys, fragments: &[Vec<u8>], paths: &[usize]) -> Vec<Fragment> {
        paths.iter().map(|&p| open_fragment(keys, p, &fragments[p]).unwrap()).collect()
    }

    #[test]
    fn any_two_of_three_bring_the_message_back() {
        let keys = keys(2, 3);
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let fragments = disperse(&keys, MessageId(4), b"vital signs", &mut rng).unwrap();
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
        let fragments = disperse(&keys, MessageId(0), &message, &mut rng).unwrap();
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
        let fragments = disperse(&keys, MessageId(9), b"m", &mut rng).unwrap();
        assert_eq!(open_fragment(&keys, 1, &fragments[0]).unwrap_err(), Refusal::BadTag);
        for i in 0..fragments[0].len() {
            let mut changed = fragments[0].clone();
            changed[i] ^= 0x10;
            assert!(open_fragment(&keys, 0, &changed).is_err(), "byte {i}");
        }
    }

    #[test]
    fn fragments_of_different_messages_do_not_combine() {
        let keys = keys(2, 3);
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let a = disperse(&keys, MessageId(1), b"aaaa", &mut rng).unwrap();
        let b = disperse(&keys, MessageId(2), b"bbbb", &mut rng).unwrap();
        let mixed = [open_fragment(&keys, 0, &a[0]).unwrap(), open_fragment(&keys, 1, &b[1]).unwrap()];
        assert!(combine(&keys, &mixed).is_err());
    }

    #[test]
    fn limits_are_refused_before_any_work() {
        let keys = keys(2, 3);
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        assert!(disperse(&keys, MessageId(0), &vec![0; MESSAGE_BYTES_MAX], &mut rng).is_err());
        assert!(disperse(&keys, MessageId(MESSAGES_PER_SESSION_MAX), b"", &mut rng).is_err());
        assert!(disperse(&keys, MessageId(0), &vec![0; MESSAGE_BYTES_MAX - 16], &mut rng).is_ok());
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
            let fragments = disperse(&keys, MessageId(seed >> 41), &message, &mut rng).unwrap();
            prop_assert_eq!(fragments.len(), usize::from(n));
            let last: Vec<usize> = (usize::from(n - k)..usize::from(n)).collect();
            prop_assert_eq!(combine(&keys, &opened(&keys, &fragments, &last)).unwrap(), message);
        }

        #[test]
        fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let keys = keys(2, 3);
            let _ = pseudonym_of(&bytes);
            prop_assert!(open_fragment(&keys, 0, &bytes).is_err());
        }
    }
}
