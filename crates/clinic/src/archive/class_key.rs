//! Data keys of one patient at one bed in one epoch: one for each risk class, derived downwards (paper B, section 3.3: who may
//! see a class sees the lower ones).
//!
//! ```text
//! class III   drawn           class II = PRF(class III, "data key II")           class I = PRF(class II, "data key I")
//! ```
//!
//! Who is given the key of a class can open what was stored of that class and below in the epoch, and nothing above it. An epoch ends
//! with the process, with the patient's stay, and after [`EPOCH_MS`].

use crate::Error;
use bodywire_proto::prf::Key;
use bodywire_proto::risk::RiskClass;
use zeroize::Zeroizing;

/// Longest epoch, milliseconds: a day, as the longest certificate. A key that got out opens no more than that.
pub const EPOCH_MS: u64 = 24 * 60 * 60 * 1_000;

/// Key of one class.
pub type ClassKey = Zeroizing<[u8; 32]>;

/// The key below one: of class II from that of class III, of class I from that of class II.
///
/// # Errors
/// None that a caller can cause.
pub fn below(key: &[u8; 32], class: RiskClass) -> Result<Option<(RiskClass, ClassKey)>, Error> {
    let (lower, label) = match class {
        RiskClass::III => (RiskClass::II, "data key II"),
        RiskClass::II => (RiskClass::I, "data key I"),
        RiskClass::I => return Ok(None),
    };
    let derived = Key::new(*key).tag::<32>(label, &[]).map_err(|_| Error::Sealing)?;
    Ok(Some((lower, Zeroizing::new(derived))))
}

/// The keys of all classes of an epoch, from that of class III: class III first.
///
/// # Errors
/// None that a caller can cause.
pub fn all(root: [u8; 32]) -> Result<[(RiskClass, ClassKey); 3], Error> {
    let root = Zeroizing::new(root);
    let two = below(&root, RiskClass::III)?.ok_or(Error::Sealing)?;
    let one = below(&two.1, RiskClass::II)?.ok_or(Error::Sealing)?;
    Ok([(RiskClass::III, root), two, one])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_derived_downwards_and_differ() {
        let keys = all([7; 32]).unwrap();
        let [(three, a), (two, b), (one, c)] = &keys;
        assert_eq!([*three, *two, *one], [RiskClass::III, RiskClass::II, RiskClass::I]);
        assert!(a != b && b != c && a != c);
        assert_eq!(below(a, RiskClass::III).unwrap().unwrap().1, *b);
        assert_eq!(below(b, RiskClass::II).unwrap().unwrap().1, *c);
        assert_eq!(below(c, RiskClass::I).unwrap(), None);
    }
}
