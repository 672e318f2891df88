//! How numbers lie in a plaintext polynomial.
//!
//! Each coefficient of the plaintext is a number modulo `t`. Sums stay below `t` by the bounds that each vector carries, so that
//! they are sums of integers and not of remainders.

use crate::error::Error;
use crate::parameters::{DEGREE, MARGIN_PART, MODULUS, NOISE_DEVIATION, NOISE_DEVIATIONS};
use std::fmt;
use zeroize::Zeroizing;

/// Bits of a place in [`Encoding::Series`].
const LANE_BITS: u32 = 20;

/// How many numbers a vector holds, and how large they may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Encoding {
    /// 8,192 places of 20 bits, two to a coefficient, `t = 2^40`: long series of small numbers.
    Series = 1,
    /// 4,096 places of almost 32 bits, `t` the largest prime below `2^32` that is 1 modulo 16384: histograms, squares, products.
    Wide = 2,
}

impl Encoding {
    /// All encodings.
    pub const ALL: [Self; 2] = [Self::Series, Self::Wide];

    /// The encoding of a code on the wire.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.code() == code)
    }

    /// The code on the wire.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The modulus `t` of the plaintext.
    pub const fn plaintext_modulus(self) -> u64 {
        match self {
            Self::Series => 1 << (2 * LANE_BITS),
            Self::Wide => 4_294_475_777,
        }
    }

    /// Numbers in one vector.
    pub const fn places(self) -> usize {
        match self {
            Self::Series => 2 * DEGREE,
            Self::Wide => DEGREE,
        }
    }

    /// The largest number that a place holds.
    pub const fn largest(self) -> u64 {
        match self {
            Self::Series => (1 << LANE_BITS) - 1,
            Self::Wide => self.plaintext_modulus() - 1,
        }
    }

    /// How large the sum of the squared weights may become. The error of a sum has the deviation `NOISE_DEVIATION * sqrt(weights)`;
    /// decryption is wrong from `q / 2t` on.
    pub const fn weights_max(self) -> u64 {
        let deviation = MODULUS / (2 * self.plaintext_modulus()) / (MARGIN_PART * NOISE_DEVIATIONS);
        let root = deviation as u128;
        let unit = NOISE_DEVIATION as u128;
        ((root * root) / (unit * unit)) as u64
    }

    /// The coefficients of a plaintext; values beyond the last place are refused by the caller.
    pub(crate) fn pack(self, values: &[u32]) -> Result<Zeroizing<Vec<u64>>, Error> {
        if values.len() > self.places() {
            return Err(Error::TooManyValues { values: values.len(), places: self.places() });
        }
        let mut out = Zeroizing::new(vec![0u64; DEGREE]);
        match self {
            Self::Wide => out.iter_mut().zip(values).for_each(|(to, value)| *to = u64::from(*value)),
            // The first half of the values in the low lanes, the second in the high ones.
            Self::Series => {
                let (low, high) = values.split_at(values.len().min(DEGREE));
                out.iter_mut().zip(low).for_each(|(to, value)| *to = u64::from(*value));
                out.iter_mut().zip(high).for_each(|(to, value)| *to |= u64::from(*value) << LANE_BITS);
            }
        }
        Ok(out)
    }

    /// The numbers of a plaintext, all places.
    pub(crate) fn unpack(self, coefficients: &[u64]) -> Zeroizing<Vec<u64>> {
        let low = coefficients.iter();
        Zeroizing::new(match self {
            Self::Wide => low.copied().collect(),
            Self::Series => {
                let mask = Self::Series.largest();
                let high = coefficients.iter().map(|c| c >> LANE_BITS);
                low.map(|c| c & mask).chain(high).collect()
            }
        })
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Series => "series",
            Self::Wide => "wide",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn limits_are_those_of_the_documents() {
        assert_eq!(Encoding::Series.weights_max(), 3_348);
        assert_eq!(Encoding::Series.largest() / 300, 3_495);
        assert!(Encoding::Wide.weights_max() > 200_000_000);
        assert!(fhe_util::is_prime(Encoding::Wide.plaintext_modulus()));
        assert_eq!(Encoding::Wide.plaintext_modulus() % 16_384, 1);
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(values in prop::collection::vec(0u32..1 << 20, 0..8192)) {
            for encoding in Encoding::ALL {
                let Ok(packed) = encoding.pack(&values) else {
                    prop_assert!(values.len() > encoding.places());
                    continue;
                };
                let back = encoding.unpack(&packed);
                prop_assert_eq!(back.len(), encoding.places());
                prop_assert!(back.iter().zip(&values).all(|(b, v)| *b == u64::from(*v)));
                prop_assert!(back.iter().skip(values.len()).all(|b| *b == 0));
            }
        }
    }
}
