//! What a sensor is enrolled with: a value, not a fork of the code.

use crate::wire::Suite;

/// The protocol between a sensor and its hub, chosen at enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// The one for use.
    Hardened(Suite),
    /// The paper's, as printed. Not for patients.
    #[cfg(feature = "paper")]
    Paper,
}

impl Profile {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Hardened(Suite::Polar256),
        Self::Hardened(Suite::Polar512),
        #[cfg(feature = "paper")]
        Self::Paper,
    ];

    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hardened(Suite::Polar256) => "hardened-256",
            Self::Hardened(Suite::Polar512) => "hardened-512",
            #[cfg(feature = "paper")]
            Self::Paper => "paper",
        }
    }

    /// Its number in storage.
    pub const fn code(self) -> u8 {
        match self {
            Self::Hardened(suite) => suite.code(),
            #[cfg(feature = "paper")]
            Self::Paper => 0x80,
        }
    }

    /// The profile with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|profile| profile.code() == code)
    }

    /// Bytes of a response.
    pub const fn response_bytes(self) -> usize {
        match self {
            Self::Hardened(suite) => suite.response_bytes(),
            #[cfg(feature = "paper")]
            Self::Paper => crate::paper::SEED_BYTES,
        }
    }

    /// Least share of bits that have to read like the enrolled ones: what the code corrects, or, in the paper's
    /// profile, what stays below the threshold of 128 in 640 but for one run in three thousand.
    pub const fn reliability_min(self) -> f64 {
        match self {
            Self::Hardened(Suite::Polar256) => 0.95,
            Self::Hardened(Suite::Polar512) => 0.90,
            #[cfg(feature = "paper")]
            Self::Paper => 0.85,
        }
    }

    /// Bits on the air for one handshake, headers included.
    pub const fn handshake_bits(self) -> u32 {
        match self {
            Self::Hardened(suite) => suite.handshake_bits(),
            #[cfg(feature = "paper")]
            Self::Paper => crate::paper::wire::HANDSHAKE_BITS_WITH_HEADERS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_its_own() {
        for (i, profile) in Profile::ALL.iter().enumerate() {
            assert_eq!(Profile::from_code(profile.code()), Some(*profile));
            assert!(Profile::ALL[..i].iter().all(|other| other.name() != profile.name()));
        }
        assert_eq!(Profile::from_code(0), None);
    }
}
