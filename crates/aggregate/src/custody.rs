//! The owner's secret among people: any `k` of `n` shares bring it back, fewer say nothing (Shamir, 1979, over GF(2^8)).
//!
//! This is custody and not joint decryption: whoever has put the secret together can decrypt alone. Joint decryption without one
//! owner needs each partial result to be drowned in noise that is far larger than the ciphertext's; the library's multiparty
//! module leaves that out and is marked experimental in its own sources, so that it is not used.
//!
//! ```text
//! share = "bwshare1-" base32( k 1 | check 8 | point 1 | 32 bytes | first 4 of SHA-256 of all before )
//! ```

use crate::error::Error;
use crate::owner::{OWNER_BYTES, Owner};
use blahaj::{Share as Point, Sharks};
use data_encoding::BASE32_NOPAD;
use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// What a share begins with.
const PREFIX: &str = "bwshare1-";
/// Most shares: more officers than a ward has, and as many as points differ.
pub const SHARES_MAX: u8 = 32;
const CHECK_BYTES: usize = 8;
const SUM_BYTES: usize = 4;
const POINT_BYTES: usize = 1 + OWNER_BYTES;

/// One person's share.
#[derive(Clone)]
pub struct Share {
    threshold: u8,
    check: [u8; CHECK_BYTES],
    point: Zeroizing<Vec<u8>>,
}

impl Share {
    /// Reads a share as [`Self::to_text`] writes it; case and surrounding white space do not matter.
    ///
    /// # Errors
    /// [`Error::Malformed`]; a mistyped letter is found.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let malformed = |why| Error::malformed("share", why);
        let text = text.trim().to_lowercase();
        let body = text.strip_prefix(PREFIX).ok_or(malformed("it does not begin with bwshare1-"))?;
        let bytes = BASE32_NOPAD.decode(body.to_uppercase().as_bytes());
        let bytes = Zeroizing::new(bytes.map_err(|_| malformed("it is not base32"))?);
        let (body, sum) =
            bytes.split_last_chunk::<SUM_BYTES>().ok_or(malformed("it has not the length of one"))?;
        if !Sha256::digest(body).starts_with(sum) {
            return Err(malformed("a letter is wrong"));
        }
        let (threshold, rest) = body.split_first().ok_or(malformed("it has not the length of one"))?;
        let (check, point) = rest.split_first_chunk().ok_or(malformed("it has not the length of one"))?;
        if point.len() != POINT_BYTES || !(2..=SHARES_MAX).contains(threshold) || point.first() == Some(&0) {
            return Err(malformed("it has not the form of one"));
        }
        Ok(Self { threshold: *threshold, check: *check, point: Zeroizing::new(point.to_vec()) })
    }

    /// The share as text to be written down.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(vec![self.threshold]);
        bytes.extend_from_slice(&self.check);
        bytes.extend_from_slice(&self.point);
        let sum = Sha256::digest(&*bytes);
        bytes.extend(sum.iter().take(SUM_BYTES));
        let letters = Zeroizing::new(BASE32_NOPAD.encode(&bytes));
        Zeroizing::new(format!("{PREFIX}{}", letters.to_lowercase()))
    }

    /// How many are needed.
    pub const fn threshold(&self) -> u8 {
        self.threshold
    }
}

impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Share(..)")
    }
}

/// Splits a secret into `shares`, of which any `threshold` bring it back.
///
/// # Errors
/// [`Error::Shares`] unless `2 <= threshold <= shares <= SHARES_MAX`.
pub fn split(
    owner: &Owner,
    threshold: u8,
    shares: u8,
    rng: &mut impl CryptoRng,
) -> Result<Vec<Share>, Error> {
    if threshold < 2 || threshold > shares || shares > SHARES_MAX {
        return Err(Error::Shares("two to thirty-two shares, of which at least two are needed"));
    }
    let points = Sharks(threshold).dealer_rng(owner.to_bytes(), rng);
    let share =
        |point: Point| Share { threshold, check: owner.check(), point: Zeroizing::new(Vec::from(&point)) };
    Ok(points.take(usize::from(shares)).map(share).collect())
}

/// Puts a secret together.
///
/// # Errors
/// [`Error::Shares`] when they are too few, the same, of different secrets, or do not give the secret they belong to.
pub fn join(shares: &[Share]) -> Result<Owner, Error> {
    let first = shares.first().ok_or(Error::Shares("none was given"))?;
    if shares.iter().any(|share| (share.threshold, share.check) != (first.threshold, first.check)) {
        return Err(Error::Shares("they belong to different secrets"));
    }
    // Each point once: interpolation through one twice gives something else.
    let mut different: BTreeMap<u8, &Share> = BTreeMap::new();
    for share in shares {
        let at = share.point.first().copied().unwrap_or_default();
        if different.insert(at, share).is_some_and(|before| before.point != share.point) {
            return Err(Error::Shares("one of them is forged"));
        }
    }
    if different.len() < usize::from(first.threshold) {
        return Err(Error::Shares("there are too few different ones"));
    }
    let points: Vec<Point> = different
        .values()
        .map(|share| Point::try_from(share.point.as_slice()))
        .collect::<Result<_, _>>()
        .map_err(|_| Error::Shares("one is damaged"))?;
    let secret = Sharks(first.threshold).recover(&points).map_err(|_| Error::Shares("they do not fit"))?;
    let secret = Zeroizing::new(secret);
    let bytes =
        <[u8; OWNER_BYTES]>::try_from(secret.as_slice()).map_err(|_| Error::Shares("they do not fit"))?;
    let owner = Owner::from_bytes(bytes);
    if owner.check() == first.check { Ok(owner) } else { Err(Error::Shares("one of them is forged")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    fn shares() -> (Owner, Vec<Share>) {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let owner = Owner::generate(&mut rng);
        let shares = split(&owner, 3, 5, &mut rng).unwrap();
        (owner, shares)
    }

    #[test]
    fn any_three_of_five_bring_the_secret_back_through_their_texts() {
        let (owner, shares) = shares();
        let read: Vec<_> = shares.iter().map(|share| Share::parse(&share.to_text()).unwrap()).collect();
        for skip in 0..5 {
            let some: Vec<_> = (0..5).filter(|i| i % 5 != skip).take(3).map(|i| read[i].clone()).collect();
            assert_eq!(join(&some).unwrap().to_bytes(), owner.to_bytes());
        }
        assert_eq!(join(&read).unwrap().to_bytes(), owner.to_bytes());
        // One that is given twice does no harm when there are enough without it.
        let again = [0, 0, 1, 2, 2].map(|i: usize| read[i].clone());
        assert_eq!(join(&again).unwrap().to_bytes(), owner.to_bytes());
        assert_eq!(read[0].threshold(), 3);
    }

    #[test]
    fn too_few_the_same_forged_and_foreign_shares_give_nothing() {
        let (owner, shares) = shares();
        let refused = |shares: &[Share]| matches!(join(shares), Err(Error::Shares(_)));
        assert!(refused(&[]) && refused(&shares[..2]));
        assert!(refused(&[shares[0].clone(), shares[0].clone(), shares[1].clone()]));
        let mut forged = shares[..3].to_vec();
        forged[1].point[7] ^= 1;
        assert!(refused(&forged));
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let other = split(&Owner::generate(&mut rng), 3, 5, &mut rng).unwrap();
        assert!(refused(&[shares[0].clone(), shares[1].clone(), other[2].clone()]));
        for (k, n) in [(1, 3), (4, 3), (2, 33), (0, 0)] {
            assert!(split(&owner, k, n, &mut rng).is_err());
        }
    }

    #[test]
    fn a_mistyped_share_is_found_and_capitals_do_not_matter() {
        let (_, shares) = shares();
        let text = shares[0].to_text();
        assert!(Share::parse(&format!("  {}\n", text.to_uppercase())).is_ok());
        for at in PREFIX.len()..text.len() {
            let mut letters: Vec<char> = text.chars().collect();
            letters[at] = if letters[at] == 'a' { 'b' } else { 'a' };
            assert!(Share::parse(&letters.iter().collect::<String>()).is_err());
        }
        assert!(Share::parse("").is_err() && Share::parse("bwshare1-aa").is_err());
    }
}
