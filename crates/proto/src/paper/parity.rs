//! Inserted parity bits (paper B, Fig. 6): one even bit behind every eight.

use crate::error::Error;

/// Data bits to one parity bit.
const GROUP_BITS: usize = 8;

/// Bits of `bytes` bytes with their parity bits.
pub(super) const fn bits_with_parity(bytes: usize) -> usize {
    bytes * (GROUP_BITS + 1)
}

/// Writes `data` with an even parity bit behind every byte into `out`, which begins as zeros and has room for it.
/// Returns how many bits it takes; the last byte is filled up with zeros.
pub fn insert_parity(data: &[u8], out: &mut [u8]) -> Result<usize, Error> {
    let bits = bits_with_parity(data.len());
    let room = Error::Limit { limit: "room for parity bits", value: out.len() as u64 };
    let out = out.get_mut(..bits.div_ceil(8)).ok_or(room)?;
    for (i, byte) in data.iter().enumerate() {
        let nine = u16::from(*byte) << 1 | u16::from(byte.count_ones() as u8 & 1);
        for bit in 0..=GROUP_BITS {
            let at = i * (GROUP_BITS + 1) + bit;
            if let Some(slot) = out.get_mut(at / 8) {
                *slot |= ((nine >> (GROUP_BITS - bit) & 1) as u8) << (7 - at % 8);
            }
        }
    }
    Ok(bits)
}

/// Takes the parity bits out again. A wrong one is malformed.
pub fn remove_parity(bits: usize, coded: &[u8], out: &mut [u8]) -> Result<usize, Error> {
    let bytes = bits / (GROUP_BITS + 1);
    if !bits.is_multiple_of(GROUP_BITS + 1) || coded.len() != bits.div_ceil(8) {
        return Err(Error::malformed("parity bits", "the length does not fit"));
    }
    let room = Error::malformed("parity bits", "too long");
    for (i, slot) in out.get_mut(..bytes).ok_or(room)?.iter_mut().enumerate() {
        let nine = (0..=GROUP_BITS).fold(0u16, |nine, bit| {
            let at = i * (GROUP_BITS + 1) + bit;
            nine << 1 | u16::from(coded.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1))
        });
        if !nine.count_ones().is_multiple_of(2) {
            return Err(Error::malformed("parity bits", "wrong parity"));
        }
        *slot = (nine >> 1) as u8;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reference_vector() {
        let mut out = [0u8; 17];
        assert_eq!(insert_parity(b"HR=072 SpO2=98 ", &mut out), Ok(135));
        let hex: std::string::String = out.iter().map(|b| std::format!("{b:02x}")).collect();
        assert_eq!(hex, "48294f6603799482a670a7cca7b391c482");
    }

    proptest! {
        #[test]
        fn what_is_inserted_comes_out_and_one_flip_is_seen(
            data in proptest::collection::vec(any::<u8>(), 1..64), flip in any::<proptest::sample::Index>()
        ) {
            let mut coded = [0u8; 80];
            let bits = insert_parity(&data, &mut coded).unwrap();
            let coded = &mut coded[..bits.div_ceil(8)];
            let mut back = [0u8; 64];
            prop_assert_eq!(remove_parity(bits, coded, &mut back), Ok(data.len()));
            prop_assert_eq!(&back[..data.len()], &data);
            let at = flip.index(bits);
            coded[at / 8] ^= 0x80 >> (at % 8);
            prop_assert!(remove_parity(bits, coded, &mut back).is_err());
            prop_assert!(remove_parity(bits, &coded[1..], &mut back).is_err());
        }
    }
}
