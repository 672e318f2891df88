//! What somebody learns who has recorded some of the paths and then stolen the end-to-end keys: the attack that a
//! threshold is for. For measurements and tests; nothing in a service calls it.

use crate::Mode;
use crate::disperse::combine;
use crate::fragment::{self, Fragment};
use crate::keys::SessionKeys;
use crate::split;
use aes::cipher::{KeyIvInit, StreamCipher};
use aes::{Aes128, Aes192, Aes256};
use ctr::Ctr32BE;

/// A run of plaintext that was learnt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learnt {
    /// Where in the message it begins.
    pub offset: usize,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Tries everything the formats allow with all keys of a session and the fragments of one message that were recorded,
/// each with the number of its path. The result is empty when nothing was learnt.
pub fn open_with_stolen_keys(keys: &SessionKeys, recorded: &[(usize, &[u8])]) -> Vec<Learnt> {
    let fragments: Vec<Fragment> =
        recorded.iter().filter_map(|(path, bytes)| fragment::open(keys, *path, bytes).ok()).collect();
    if let Ok(bytes) = combine(keys, &fragments) {
        return vec![Learnt { offset: 0, bytes }];
    }
    match keys.spread().mode() {
        // Below the threshold each share of the mask's seed is as likely as any other: there is nothing to try but all
        // seeds, of which there are 2^256.
        Mode::Threshold => Vec::new(),
        Mode::Split(_) => fragments.iter().filter_map(|fragment| decrypt_slice(keys, fragment)).collect(),
    }
}

/// GCM encrypts in counter mode, so that each slice opens by itself.
fn decrypt_slice(keys: &SessionKeys, fragment: &Fragment) -> Option<Learnt> {
    let header = &fragment.header;
    let range = split::slice_of(header.sealed_len as usize, header.index, header.n);
    let message_len = (header.sealed_len as usize).checked_sub(crate::keys::TAG_BYTES)?;
    let nonce = crate::aead::nonce(crate::disperse::PURPOSE_MESSAGE, header.id.0);
    let mut counter = [0u8; 16];
    counter.iter_mut().zip(nonce.iter()).for_each(|(slot, byte)| *slot = *byte);
    // SP 800-38D: block 1 is the tag's, the text begins with block 2.
    counter[15] = 2;
    let mut text = vec![0u8; range.start];
    text.extend_from_slice(fragment.slice());
    let key = &keys.message.0;
    match keys.spread().mode() {
        Mode::Split(crate::Cipher::Aes128) => {
            Ctr32BE::<Aes128>::new_from_slices(key.get(..16)?, &counter).ok()?.apply_keystream(&mut text);
        }
        Mode::Split(crate::Cipher::Aes192) => {
            Ctr32BE::<Aes192>::new_from_slices(key.get(..24)?, &counter).ok()?.apply_keystream(&mut text);
        }
        _ => Ctr32BE::<Aes256>::new_from_slices(key, &counter).ok()?.apply_keystream(&mut text),
    }
    text.truncate(message_len);
    let bytes = text.get(range.start..).filter(|bytes| !bytes.is_empty())?.to_vec();
    Some(Learnt { offset: range.start, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disperse::disperse;
    use crate::keys::Secret;
    use crate::{Cipher, MessageId, Priority, Spread};
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    const MESSAGE: &[u8] = b"heart rate 188, patient in bed 4";

    fn attack(spread: Spread, paths: &[usize]) -> Vec<Learnt> {
        let keys = SessionKeys::new(&Secret([3; 32]), spread).unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(9);
        let fragments = disperse(&keys, MessageId(5), Priority::Routine, MESSAGE, &mut rng).unwrap();
        let recorded: Vec<(usize, &[u8])> = paths.iter().map(|p| (*p, fragments[*p].as_slice())).collect();
        open_with_stolen_keys(&keys, &recorded)
    }

    #[test]
    fn fewer_paths_than_the_threshold_say_nothing_even_with_all_keys() {
        for (k, n) in [(2, 3), (3, 4), (3, 3)] {
            let spread = Spread::threshold(k, n).unwrap();
            let below: Vec<usize> = (0..usize::from(k) - 1).collect();
            assert_eq!(attack(spread, &below), []);
            let enough: Vec<usize> = (0..usize::from(k)).collect();
            assert_eq!(attack(spread, &enough), [Learnt { offset: 0, bytes: MESSAGE.to_vec() }]);
        }
    }

    #[test]
    fn every_slice_of_the_paper_opens_by_itself() {
        for cipher in [Cipher::Aes128, Cipher::Aes192, Cipher::Aes256] {
            let spread = Spread::split(cipher, 3).unwrap();
            let learnt = attack(spread, &[1]);
            assert_eq!(learnt.len(), 1);
            assert_eq!(MESSAGE[learnt[0].offset..][..learnt[0].bytes.len()], learnt[0].bytes[..]);
            assert_eq!(learnt[0].bytes.len(), MESSAGE.len() / 2, "a third of message and tag");
        }
    }
}
