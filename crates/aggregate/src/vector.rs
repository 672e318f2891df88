//! A ciphertext with its bounds, in the bytes in which it travels, lies in the ledger and is added.
//!
//! ```text
//! "BWHV" 4 | version 1 | parameters 1 | encoding 1 | zero 1 | key 16 | largest 8 | weights 8 | batches 8 | coefficients 65536
//! ```
//!
//! Numbers of the header are big-endian; the coefficients are two polynomials in the power basis, `c0` and `c1`, 64-bit
//! little-endian, each below [`MODULUS`]. Nothing depends on a library's order of a transform.

use crate::bounds::Bounds;
use crate::encoding::Encoding;
use crate::error::Error;
use crate::keys::{KEY_ID_BYTES, KeyId};
use crate::parameters::{COEFFICIENTS, MODULUS, PARAMETERS};
use crate::tag::{TAG_BYTES, Tag};

/// What a vector begins with.
const MAGIC: &[u8; 4] = b"BWHV";
/// Version of the format.
pub const VERSION: u8 = 1;
/// Bytes before the coefficients.
pub const HEADER_BYTES: usize = 8 + KEY_ID_BYTES + 24;
/// Bytes of the coefficients.
pub const COEFFICIENT_BYTES: usize = 8 * COEFFICIENTS;
/// Bytes of a vector.
pub const VECTOR_BYTES: usize = HEADER_BYTES + COEFFICIENT_BYTES;
/// Bytes of a vector with its tag.
pub const STORED_BYTES: usize = VECTOR_BYTES + TAG_BYTES;

const WHAT: &str = "vector";

/// What a vector says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// How numbers lie in it.
    pub encoding: Encoding,
    /// The public key that it is encrypted under.
    pub key: KeyId,
    /// How large its numbers and its noise can be.
    pub bounds: Bounds,
}

impl Header {
    fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        let parts: [&[u8]; 6] = [
            MAGIC,
            &[VERSION, PARAMETERS, self.encoding.code(), 0],
            &self.key.0,
            &self.bounds.largest.to_be_bytes(),
            &self.bounds.weights.to_be_bytes(),
            &self.bounds.batches.to_be_bytes(),
        ];
        out.iter_mut().zip(parts.into_iter().flatten()).for_each(|(to, from)| *to = *from);
        out
    }

    fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Self, Error> {
        let (magic, rest) =
            bytes.split_first_chunk::<4>().ok_or(Error::malformed(WHAT, "it is too short"))?;
        let (fixed, rest) = rest.split_first_chunk::<4>().ok_or(Error::malformed(WHAT, "it is too short"))?;
        let (key, rest) = rest.split_first_chunk().ok_or(Error::malformed(WHAT, "it is too short"))?;
        let [version, parameters, encoding, zero] = *fixed;
        if magic != MAGIC {
            return Err(Error::malformed(WHAT, "it does not begin as one"));
        }
        if version != VERSION {
            return Err(Error::malformed(WHAT, "unknown version"));
        }
        if parameters != PARAMETERS {
            return Err(Error::malformed(WHAT, "unknown parameters"));
        }
        let encoding = Encoding::from_code(encoding).ok_or(Error::malformed(WHAT, "unknown encoding"))?;
        if zero != 0 {
            return Err(Error::malformed(WHAT, "a reserved byte is not zero"));
        }
        let mut numbers = rest.as_chunks().0.iter().map(|number| u64::from_be_bytes(*number));
        let mut number = || numbers.next().unwrap_or_default();
        let bounds = Bounds { largest: number(), weights: number(), batches: number() };
        if bounds.weights == 0 || bounds.batches == 0 {
            return Err(Error::malformed(WHAT, "it says that nothing is in it"));
        }
        let bounds = bounds.checked(encoding, bounds.largest.max(1))?;
        Ok(Self { encoding, key: KeyId(*key), bounds })
    }
}

/// A vector where it lies: nothing is copied.
#[derive(Debug, Clone, Copy)]
pub struct VectorRef<'a> {
    /// What it says about itself.
    pub header: Header,
    pub(crate) coefficients: &'a [[u8; 8]],
}

impl<'a> VectorRef<'a> {
    /// Reads a vector: exactly [`VECTOR_BYTES`] bytes.
    ///
    /// # Errors
    /// [`Error::Malformed`] for anything else and for coefficients that are not reduced; [`Error::LaneOverflow`] and
    /// [`Error::NoiseBudget`] when its own bounds say that it may have wrapped.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let (header, rest) = bytes.split_first_chunk().ok_or(Error::malformed(WHAT, "it is too short"))?;
        let header = Header::parse(header)?;
        if rest.len() != COEFFICIENT_BYTES {
            return Err(Error::malformed(WHAT, "it has not the length of one"));
        }
        let coefficients = rest.as_chunks().0;
        if !crate::kernel::all_reduced(coefficients, MODULUS) {
            return Err(Error::malformed(WHAT, "a coefficient is not below the modulus"));
        }
        Ok(Self { header, coefficients })
    }

    /// A copy of its own.
    pub fn to_vector(&self) -> Vector {
        let coefficients = self.coefficients.iter().map(|c| u64::from_le_bytes(*c)).collect();
        Vector { header: self.header, coefficients }
    }
}

/// A vector in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vector {
    /// What it says about itself.
    pub header: Header,
    /// `c0`, then `c1`; [`COEFFICIENTS`] numbers.
    pub(crate) coefficients: Box<[u64]>,
}

impl Vector {
    /// Reads a vector, as [`VectorRef::parse`] does.
    ///
    /// # Errors
    /// As [`VectorRef::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        VectorRef::parse(bytes).map(|vector| vector.to_vector())
    }

    /// Its bytes, [`VECTOR_BYTES`] of them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(STORED_BYTES);
        out.extend_from_slice(&self.header.to_bytes());
        out.extend(self.coefficients.iter().flat_map(|c| c.to_le_bytes()));
        out
    }
}

/// A vector with its tag, as it lies in the ledger, and as an evaluator answers: `vector | tag 8`.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    /// The vector.
    pub vector: VectorRef<'a>,
    /// Its tag.
    pub tag: Tag,
}

impl<'a> Stored<'a> {
    /// Reads exactly [`STORED_BYTES`] bytes.
    ///
    /// # Errors
    /// As [`VectorRef::parse`], and for a tag that is not reduced.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let (vector, tag) = bytes.split_last_chunk().ok_or(Error::malformed(WHAT, "it is too short"))?;
        Ok(Self { vector: VectorRef::parse(vector)?, tag: Tag::from_bytes(*tag)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vector() -> Vector {
        let bounds = Bounds { largest: 400, weights: 3, batches: 3 };
        let header = Header { encoding: Encoding::Wide, key: KeyId([7; 16]), bounds };
        let coefficients = (0..COEFFICIENTS as u64).map(|i| i * 0x1_0000_0001 % MODULUS).collect();
        Vector { header, coefficients }
    }

    #[test]
    fn bytes_round_trip_and_every_length_but_one_is_refused() {
        let bytes = vector().to_bytes();
        assert_eq!(bytes.len(), VECTOR_BYTES);
        assert_eq!(Vector::parse(&bytes).unwrap(), vector());
        for len in [0, 3, 4, 47, 48, 49, VECTOR_BYTES - 1] {
            assert!(Vector::parse(&bytes[..len]).is_err(), "{len}");
        }
        assert!(Vector::parse(&[&bytes[..], &[0]].concat()).is_err());
        let stored = [&bytes[..], &5u64.to_be_bytes()].concat();
        let read = Stored::parse(&stored).unwrap();
        assert_eq!((read.vector.to_vector(), read.tag.to_bytes()), (vector(), 5u64.to_be_bytes()));
    }

    #[test]
    fn each_field_of_the_header_is_looked_at() {
        let good = vector().to_bytes();
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            Vector::parse(&bytes)
        };
        for (at, byte) in [(0, b'X'), (4, 2), (5, 0), (5, 2), (6, 0), (6, 3), (7, 1)] {
            assert!(matches!(with(at, byte), Err(Error::Malformed { .. })), "byte {at}");
        }
        assert!(matches!(with(24, 1), Err(Error::LaneOverflow { .. })));
        assert!(matches!(with(32, 1), Err(Error::NoiseBudget { .. })));
        assert!(with(HEADER_BYTES + 7, 0x40).is_err(), "a coefficient above the modulus");
        let mut none = vector();
        none.header.bounds.batches = 0;
        assert!(Vector::parse(&none.to_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn any_header_parses_or_is_refused(header in any::<[u8; HEADER_BYTES]>(), fixed in any::<bool>()) {
            let mut bytes = header.to_vec();
            if fixed {
                bytes[..8].copy_from_slice(b"BWHV\x01\x01\x02\x00");
            }
            bytes.resize(VECTOR_BYTES, 0);
            if let Ok(vector) = Vector::parse(&bytes) {
                prop_assert_eq!(vector.to_bytes(), bytes);
            }
        }
    }
}
