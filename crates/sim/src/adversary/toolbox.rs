//! What an attacker can make of recorded bytes without knowing how to break the scheme: every stretch of them, the XOR of
//! any two, and hashes. It finds designs that give a secret away; that it finds nothing is no proof that a design does not.

use sha2::{Digest, Sha256};

/// Longest output of the hash.
const HASH_BYTES: usize = 32;

/// What was tried, and what of it was the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Search {
    /// Candidates.
    pub(crate) tried: usize,
    /// How the secret came out, if it did.
    pub(crate) found: Option<String>,
}

/// Looks for `secret` in what was `heard` and what else is `known`.
pub(crate) fn search(heard: &[&[u8]], known: &[&[u8]], secret: &[u8]) -> Search {
    let length = secret.len();
    let all: Vec<&[u8]> = heard.iter().chain(known).copied().collect();
    let stretches: Vec<&[u8]> = all.iter().flat_map(|bytes| bytes.windows(length.max(1))).collect();
    let mut tried = stretches.len();
    if stretches.contains(&secret) {
        return Search { tried, found: Some("it is in the bytes".to_owned()) };
    }
    for (i, a) in stretches.iter().enumerate() {
        for b in &stretches[..i] {
            tried += 1;
            if a.iter().zip(*b).zip(secret).all(|((a, b), s)| a ^ b == *s) {
                return Search { tried, found: Some("it is the XOR of two stretches".to_owned()) };
            }
        }
    }
    if length <= HASH_BYTES {
        for a in &all {
            for b in std::iter::once(&&[][..]).chain(&all) {
                tried += 1;
                let hash = Sha256::new().chain_update(a).chain_update(b).finalize();
                if hash[..length] == *secret {
                    return Search { tried, found: Some("it is a hash of what was heard".to_owned()) };
                }
            }
        }
    }
    Search { tried, found: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_that_are_given_away_are_found() {
        let secret = [9u8, 8, 7, 6];
        let masked: Vec<u8> = secret.iter().zip([1u8, 2, 3, 4]).map(|(s, m)| s ^ m).collect();
        assert!(search(&[&[0, 9, 8, 7, 6, 0]], &[], &secret).found.is_some());
        assert!(search(&[&masked, &[5, 5, 1, 2, 3, 4]], &[], &secret).found.is_some());
        assert!(search(&[&masked], &[&[1, 2, 3, 4]], &secret).found.is_some());
        let hash = Sha256::digest(b"ab");
        assert!(search(&[b"b", b"a"], &[], &hash).found.is_some());
        let nothing = search(&[&[0, 9, 8, 7], &[1; 6]], &[&[2; 4]], &secret);
        assert_eq!(nothing.found, None);
        assert!(nothing.tried > 10);
    }
}
