//! Paper M's channels as printed (section 3.2 and Fig. 4): encrypt the whole message, divide it, label the blocks, send
//! one over each channel.
//!
//! ```text
//! C        = AES-128, -192 or -256-GCM(message key, id, message)
//! password = HMAC-SHA-256(password key, header with block 0 ‖ C)[..16]         the same in every block
//! block i  = version 1 | session number 8 | message number 8 | block 1 | blocks 1 | priority 1 | |C| 4 | password 16 | slice i
//! slice i  = C[ceil(|C| i / n) .. ceil(|C| (i + 1) / n)]
//! ```
//!
//! The paper names no mode of AES; GCM is what it takes not to be a straw man. "Session number", "block identification"
//! and "message password" are its words; we read the password as an authenticator of the message. What follows from
//! the design stays: the labels are in clear and equal on all paths, a changed block is only found when all of them are
//! there, it cannot be said which one it was, and the secrecy rests on the one key.

use crate::disperse::{PURPOSE_MESSAGE, message_ad};
use crate::error::{Error, Refusal};
use crate::fragment::{BINDING_BYTES, Fragment, Header, MessageId, VERSION_SPLIT};
use crate::keys::{PSEUDONYM_BYTES, SessionKeys};
use crate::{Cipher, Priority};
use aes::{Aes128, Aes192, Aes256};
use aes_gcm::aead::consts::U12;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{AesGcm, Nonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Bytes a block adds to its slice.
pub(crate) const OVERHEAD_BYTES: usize = 1 + PSEUDONYM_BYTES + 8 + 3 + 4 + BINDING_BYTES;

/// The blocks of a message, one for each path.
pub(crate) fn cut(
    keys: &SessionKeys,
    cipher: Cipher,
    id: MessageId,
    priority: Priority,
    message: &[u8],
) -> Result<Vec<Vec<u8>>, Error> {
    let ad = message_ad(keys.spread, id);
    let sealed = crypt(keys, cipher, id, Payload { msg: message, aad: &ad }, true)
        .ok_or(Error::Crypto("AES-GCM seal"))?;
    let sealed_len = u32::try_from(sealed.len()).map_err(|_| Error::Crypto("AES-GCM length"))?;
    let n = keys.spread.n() as u8;
    let header = |index| Header { id, sealed_len, index, k: n, n, priority };
    let password = password(keys, &header(0), &sealed)?;
    (0..n)
        .map(|index| {
            let slice = slice_of(sealed.len(), index, n);
            let slice = sealed.get(slice).ok_or(Error::Crypto("slice"))?;
            Ok(block(keys, &header(index), &password, slice))
        })
        .collect()
}

fn block(keys: &SessionKeys, header: &Header, password: &[u8; BINDING_BYTES], slice: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(OVERHEAD_BYTES + slice.len());
    out.push(VERSION_SPLIT);
    // Equal on all paths, as in the paper.
    out.extend_from_slice(&keys.pseudonym(0).unwrap_or_default());
    out.extend_from_slice(&header.id.0.to_be_bytes());
    out.extend_from_slice(&[header.index, header.n, header.priority.code()]);
    out.extend_from_slice(&header.sealed_len.to_be_bytes());
    out.extend_from_slice(password);
    out.extend_from_slice(slice);
    out
}

/// The bytes of C that block `index` of `n` holds.
pub(crate) fn slice_of(len: usize, index: u8, n: u8) -> core::ops::Range<usize> {
    let cut = |at: usize| (len * at).div_ceil(usize::from(n).max(1));
    cut(usize::from(index))..cut(usize::from(index) + 1)
}

/// Reads a block. Nothing of it is authenticated before all are there.
pub(crate) fn open(keys: &SessionKeys, path: usize, bytes: &[u8]) -> Result<Fragment, Refusal> {
    let rest = bytes.get(1 + PSEUDONYM_BYTES..).ok_or(Refusal::Malformed)?;
    let (id, rest) = rest.split_first_chunk::<8>().ok_or(Refusal::Malformed)?;
    let (&[index, n, priority], rest) = rest.split_first_chunk::<3>().ok_or(Refusal::Malformed)?;
    let (len, rest) = rest.split_first_chunk::<4>().ok_or(Refusal::Malformed)?;
    let (password, slice) = rest.split_first_chunk::<BINDING_BYTES>().ok_or(Refusal::Malformed)?;
    let priority = Priority::from_code(priority).ok_or(Refusal::Malformed)?;
    let sealed_len = u32::from_be_bytes(*len);
    let id = MessageId(u64::from_be_bytes(*id));
    let header = Header { id, sealed_len, index, k: n, n, priority };
    if !header.fits(keys.spread, path) || slice.len() != slice_of(sealed_len as usize, index, n).len() {
        return Err(Refusal::Inconsistent);
    }
    Ok(Fragment::bare(header, *password, slice.to_vec()))
}

/// The message of all its blocks, in any order.
pub(crate) fn join(keys: &SessionKeys, cipher: Cipher, fragments: &[Fragment]) -> Result<Vec<u8>, Refusal> {
    let first = fragments.first().ok_or(Refusal::Inconsistent)?;
    let header = Header { index: 0, ..first.header };
    let mut ordered: Vec<&Fragment> = fragments.iter().collect();
    ordered.sort_by_key(|fragment| fragment.header.index);
    let mut sealed = Vec::with_capacity(header.sealed_len as usize);
    ordered.iter().for_each(|fragment| sealed.extend_from_slice(fragment.slice()));
    let expected = password(keys, &header, &sealed).map_err(|_| Refusal::Inconsistent)?;
    if sealed.len() != header.sealed_len as usize || !bool::from(expected.ct_eq(&first.binding)) {
        return Err(Refusal::Inconsistent);
    }
    let ad = message_ad(keys.spread, header.id);
    crypt(keys, cipher, header.id, Payload { msg: &sealed, aad: &ad }, false).ok_or(Refusal::BadMessage)
}

fn password(keys: &SessionKeys, header: &Header, sealed: &[u8]) -> Result<[u8; BINDING_BYTES], Error> {
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(&keys.password.0).map_err(|_| Error::Crypto("HMAC key"))?;
    mac.update(&header.to_block());
    mac.update(sealed);
    let tag = mac.finalize().into_bytes();
    tag.first_chunk().copied().ok_or(Error::Crypto("HMAC length"))
}

fn crypt(
    keys: &SessionKeys,
    cipher: Cipher,
    id: MessageId,
    payload: Payload<'_, '_>,
    seal: bool,
) -> Option<Vec<u8>> {
    let nonce = Nonce::from(crate::aead::nonce(PURPOSE_MESSAGE, id.0));
    match cipher {
        Cipher::Aes128 => {
            crypt_with::<AesGcm<Aes128, U12>>(keys.message.0.first_chunk::<16>()?, &nonce, payload, seal)
        }
        Cipher::Aes192 => {
            crypt_with::<AesGcm<Aes192, U12>>(keys.message.0.first_chunk::<24>()?, &nonce, payload, seal)
        }
        Cipher::Aes256 => crypt_with::<AesGcm<Aes256, U12>>(&keys.message.0, &nonce, payload, seal),
    }
}

fn crypt_with<C: Aead<NonceSize = U12> + KeyInit>(
    key: &[u8],
    nonce: &Nonce<U12>,
    payload: Payload<'_, '_>,
    seal: bool,
) -> Option<Vec<u8>> {
    let cipher = C::new_from_slice(key).ok()?;
    if seal { cipher.encrypt(nonce, payload).ok() } else { cipher.decrypt(nonce, payload).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Spread;
    use crate::disperse::{combine, disperse};
    use crate::fragment;
    use crate::keys::Secret;
    use proptest::prelude::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    const CIPHERS: [Cipher; 3] = [Cipher::Aes128, Cipher::Aes192, Cipher::Aes256];

    fn keys(cipher: Cipher, n: u8) -> SessionKeys {
        SessionKeys::new(&Secret([6; 32]), Spread::split(cipher, n).unwrap()).unwrap()
    }

    fn blocks(keys: &SessionKeys, message: &[u8]) -> Vec<Vec<u8>> {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        disperse(keys, MessageId(4), Priority::Routine, message, &mut rng).unwrap()
    }

    fn opened(keys: &SessionKeys, blocks: &[Vec<u8>]) -> Vec<Fragment> {
        blocks.iter().enumerate().map(|(path, block)| fragment::open(keys, path, block).unwrap()).collect()
    }

    #[test]
    fn one_changed_block_spoils_the_message_and_stays_unnamed() {
        let keys = keys(Cipher::Aes128, 3);
        let blocks = blocks(&keys, b"vital signs");
        for path in 0..3 {
            let mut poisoned = blocks.clone();
            *poisoned[path].last_mut().unwrap() ^= 1;
            // It is taken like the others: this is what the threshold mode mends.
            let fragments = opened(&keys, &poisoned);
            assert_eq!(combine(&keys, &fragments), Err(Refusal::Inconsistent));
        }
        assert_eq!(combine(&keys, &opened(&keys, &blocks[..2])), Err(Refusal::Inconsistent));
    }

    #[test]
    fn the_labels_are_in_clear_and_equal_on_all_paths() {
        let keys = keys(Cipher::Aes256, 3);
        let blocks = blocks(&keys, b"vital signs");
        assert!(blocks.windows(2).all(|pair| pair[0][..17] == pair[1][..17]));
        assert_eq!(blocks[2][9..20], [0, 0, 0, 0, 0, 0, 0, 4, 2, 3, 0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn every_key_length_and_number_of_paths_round_trips(n in 1u8..9, which in 0usize..3, len in 0usize..2000) {
            let keys = keys(CIPHERS[which], n);
            let message: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let blocks = blocks(&keys, &message);
            let sum: usize = blocks.iter().map(Vec::len).sum();
            prop_assert_eq!(sum, len + 16 + usize::from(n) * OVERHEAD_BYTES);
            let mut fragments = opened(&keys, &blocks);
            fragments.reverse();
            prop_assert_eq!(combine(&keys, &fragments).unwrap(), message);
        }

        #[test]
        fn any_bytes_are_refused_or_a_lone_block(bytes in proptest::collection::vec(any::<u8>(), 0..300), path in 0usize..4) {
            let keys = keys(Cipher::Aes128, 3);
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() { *first = VERSION_SPLIT; }
            if let Ok(fragment) = fragment::open(&keys, path, &bytes) {
                prop_assert!(combine(&keys, &[fragment]).is_err());
            }
        }
    }
}
