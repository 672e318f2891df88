//! Physical unclonable functions as the protocol sees them (paper B, section 3.1).

use crate::error::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of a challenge in the hardened profile: the address of a block of cells, or a seed that is expanded.
pub const CHALLENGE_BYTES: usize = 8;
/// Longest challenge: the 640 bits of the paper's profile.
#[cfg(feature = "paper")]
pub const CHALLENGE_BYTES_MAX: usize = 80;
/// Longest challenge.
#[cfg(not(feature = "paper"))]
pub const CHALLENGE_BYTES_MAX: usize = CHALLENGE_BYTES;
/// Longest response: the 640 bits of the paper's profile.
#[cfg(feature = "paper")]
pub const RESPONSE_BYTES_MAX: usize = 80;
/// Longest response.
#[cfg(not(feature = "paper"))]
pub const RESPONSE_BYTES_MAX: usize = 64;

/// What the hub asks: an address for a memory PUF, a seed to be expanded for a delay PUF. At most
/// [`CHALLENGE_BYTES_MAX`] bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Challenge {
    bytes: [u8; CHALLENGE_BYTES_MAX],
    len: u8,
}

impl Challenge {
    /// A challenge with these bytes; `Error::Limit` when they are too many.
    pub fn new(bytes: &[u8]) -> Result<Self, Error> {
        let mut challenge = Self { bytes: [0; CHALLENGE_BYTES_MAX], len: bytes.len() as u8 };
        let too_long = Error::Limit { limit: "CHALLENGE_BYTES_MAX", value: CHALLENGE_BYTES_MAX as u64 };
        challenge.bytes.get_mut(..bytes.len()).ok_or(too_long)?.copy_from_slice(bytes);
        Ok(challenge)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

impl From<[u8; CHALLENGE_BYTES]> for Challenge {
    fn from(short: [u8; CHALLENGE_BYTES]) -> Self {
        let mut bytes = [0; CHALLENGE_BYTES_MAX];
        bytes.iter_mut().zip(short).for_each(|(slot, byte)| *slot = byte);
        Self { bytes, len: CHALLENGE_BYTES as u8 }
    }
}

impl core::fmt::Debug for Challenge {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Challenge({:02x?})", self.as_bytes())
    }
}

/// What the device answers: the same bits each time but for noise, and different on every other device. At most
/// [`RESPONSE_BYTES_MAX`] bytes. It cannot be printed and is wiped when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Response {
    bytes: [u8; RESPONSE_BYTES_MAX],
    len: u8,
}

impl Response {
    /// A response of `len` zero bytes, to be filled; `Error::Limit` when they are too many.
    pub const fn zeroed(len: usize) -> Result<Self, Error> {
        if len > RESPONSE_BYTES_MAX {
            return Err(Error::Limit { limit: "RESPONSE_BYTES_MAX", value: RESPONSE_BYTES_MAX as u64 });
        }
        Ok(Self { bytes: [0; RESPONSE_BYTES_MAX], len: len as u8 })
    }

    /// A response with these bytes; `Error::Limit` when they are too many.
    pub fn new(bytes: &[u8]) -> Result<Self, Error> {
        let mut response = Self::zeroed(bytes.len())?;
        response.as_mut_bytes().copy_from_slice(bytes);
        Ok(response)
    }

    /// The bytes. Secret.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// The bytes, to be written.
    pub fn as_mut_bytes(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..usize::from(self.len)).unwrap_or(&mut [])
    }

    /// Number of bits in which two responses of one length differ.
    pub fn distance(&self, other: &Self) -> u32 {
        self.as_bytes().iter().zip(other.as_bytes()).map(|(a, b)| (a ^ b).count_ones()).sum()
    }
}

impl core::fmt::Debug for Response {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Response({} bytes)", self.len)
    }
}

/// A physical unclonable function. Reading it is noisy: two reads of one challenge differ in some bits.
pub trait Puf {
    /// Reads the response to `challenge` into all of `response`, whose length says how many bits are asked.
    fn respond(&mut self, challenge: &Challenge, response: &mut Response);
}

impl<P: Puf + ?Sized> Puf for &mut P {
    fn respond(&mut self, challenge: &Challenge, response: &mut Response) {
        (**self).respond(challenge, response);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_bits() {
        let zero = Response::zeroed(32).unwrap();
        let mut other = zero.clone();
        assert_eq!(zero.distance(&other), 0);
        other.as_mut_bytes()[0] = 0b1010_0000;
        other.as_mut_bytes()[31] = 1;
        assert_eq!(zero.distance(&other), 3);
        assert_eq!(std::format!("{other:?}"), "Response(32 bytes)");
    }

    #[test]
    fn lengths_are_kept_and_bounded() {
        assert_eq!(Challenge::new(&[7; 3]).unwrap().as_bytes(), [7; 3]);
        assert_eq!(Challenge::from([1; 8]), Challenge::new(&[1; 8]).unwrap());
        assert!(Challenge::new(&[0; CHALLENGE_BYTES_MAX + 1]).is_err());
        assert_eq!(Response::new(&[9; 64]).unwrap().as_bytes(), [9; 64]);
        assert!(Response::new(&[0; RESPONSE_BYTES_MAX + 1]).is_err());
    }
}
