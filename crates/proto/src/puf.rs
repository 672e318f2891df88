//! Physical unclonable functions as the protocol sees them (paper B, section 3.1).

use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of a challenge.
pub const CHALLENGE_BYTES: usize = 8;
/// Bits of a response in the hardened profile.
pub const RESPONSE_BITS: usize = 256;
/// Bytes of a response in the hardened profile.
pub const RESPONSE_BYTES: usize = RESPONSE_BITS / 8;

/// What the hub asks: an address for a memory PUF, a seed to be expanded for a delay PUF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Challenge(pub [u8; CHALLENGE_BYTES]);

/// What the device answers: the same bits each time but for noise, and different on every other device.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Response(pub [u8; RESPONSE_BYTES]);

impl Response {
    /// Number of bits in which two responses differ, 0 to 256.
    pub fn distance(&self, other: &Self) -> u32 {
        self.0.iter().zip(&other.0).map(|(a, b)| (a ^ b).count_ones()).sum()
    }
}

impl core::fmt::Debug for Response {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Response(..)")
    }
}

/// A physical unclonable function. Reading it is noisy: two reads of one challenge differ in some bits.
pub trait Puf {
    /// Reads the response to `challenge` into `response`.
    fn respond(&mut self, challenge: &Challenge, response: &mut Response);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_bits() {
        let zero = Response([0; RESPONSE_BYTES]);
        let mut other = zero.clone();
        assert_eq!(zero.distance(&other), 0);
        other.0[0] = 0b1010_0000;
        other.0[31] = 1;
        assert_eq!(zero.distance(&other), 3);
        assert_eq!(std::format!("{other:?}"), "Response(..)");
    }
}
