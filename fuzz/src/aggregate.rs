//! Sums over encrypted vital signs: vectors, keys and shares.

use bodywire_aggregate::custody::Share;
use bodywire_aggregate::evaluate::combine;
use bodywire_aggregate::vector::{HEADER_BYTES, STORED_BYTES};
use bodywire_aggregate::{PublicKey, Stored, Sum, Vector};

/// A vector with its tag, of which these are the first bytes, since the fuzzer makes no long inputs; the rest is zero. What is
/// shorter than the header of one, or longer than one, stays as it is.
fn filled(data: &[u8]) -> Vec<u8> {
    let mut bytes = data.to_vec();
    if (HEADER_BYTES..STORED_BYTES).contains(&bytes.len()) {
        bytes.resize(STORED_BYTES, 0);
    }
    bytes
}

fn stored(bytes: &[u8]) -> Option<Stored<'_>> {
    let Ok(stored) = Stored::parse(bytes) else { return None };
    let written = [&stored.vector.to_vector().to_bytes()[..], &stored.tag.to_bytes()].concat();
    assert_eq!(written, bytes, "what is read is written again");
    Some(stored)
}

/// Two vectors with their tags that are added: the sum is one again, with the bounds that were foretold. They lie one behind
/// the other, or are pieces of which each is the beginning of one.
pub fn vector(data: &[u8]) -> bool {
    if let Ok(vector) = Vector::parse(data) {
        assert_eq!(vector.to_bytes(), data, "what is read is written again");
    }
    let (first, second) = match data.split_at_checked(STORED_BYTES) {
        Some((first, second)) => (first.to_vec(), filled(second)),
        // A piece of a vector, and another.
        None => {
            let mut pieces = super::pieces(data);
            (filled(pieces.next().unwrap_or_default()), filled(pieces.next().unwrap_or_default()))
        }
    };
    let Some(one) = stored(&first) else { return false };
    let mut sum = Sum::new();
    // Its own bounds were looked at when it was read.
    sum.add(&one, 1).expect("a vector is a sum of one");
    if let Some(two) = stored(&second) {
        let weight = data.len() as u32 % 4;
        let foretold = combine(Some(one.vector.header), &two.vector.header, weight);
        let added = sum.add(&two, weight);
        assert_eq!(added.as_ref().err(), foretold.as_ref().err(), "what is refused is what was foretold");
        let header = foretold.unwrap_or(one.vector.header);
        let bytes = sum.to_bytes().expect("something was added");
        assert_eq!(stored(&bytes).expect("a sum is a vector").vector.header, header);
    }
    true
}

/// A public key, or the text of a share; what is read is written again.
pub fn keys(data: &[u8]) -> bool {
    if let Ok(key) = PublicKey::parse(data) {
        assert_eq!(key.to_bytes(), data);
        return true;
    }
    let Some(share) = std::str::from_utf8(data).ok().and_then(|text| Share::parse(text).ok()) else {
        return false;
    };
    let written = share.to_text();
    let again = Share::parse(&written).expect("what was written is read");
    assert_eq!((again.to_text(), again.threshold()), (written, share.threshold()));
    true
}
