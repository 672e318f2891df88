//! One message in, a fragment for each path out, one message back.
//!
//! A hub and a clinic agree on keys over brokers that neither trusts ([`session`]). Each message is encrypted end to
//! end, masked, cut with a threshold code and sealed once more for each path ([`disperse`]), so that a path sees
//! nothing, fewer than `k` paths learn nothing even with the end-to-end key, and `n - k` paths may be dead or lie.
//! The receiving side puts messages together under limits ([`reassemble`]) and acknowledges what is safely stored
//! ([`ack`]); the sending side repeats what was not acknowledged ([`sender`]). The clinic tells a hub what to do by orders
//! ([`downlink`]).
//!
//! Source: paper M, section 3.2 and Fig. 4 (session number, block identification, message password); Krawczyk, "Secret
//! Sharing Made Short", CRYPTO 1993. The crate knows no medicine and may be used by any program that speaks MQTT. It
//! has no clock, no socket and no randomness of its own.
//!
//! The bytes on the wire are described in `docs/wire.md`, with test vectors; `examples/multipath.rs` adds it to a plain MQTT
//! program.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod ack;
mod aead;
mod congestion;
pub mod disperse;
pub mod downlink;
mod erasure;
mod error;
pub mod fragment;
pub mod health;
mod keys;
pub mod order;
pub mod reassemble;
pub mod sender;
pub mod session;
pub mod split;
pub mod state;
pub mod tapped;
pub mod topic;
#[cfg(test)]
mod vectors;

pub use congestion::{GIVEN_UP, QUEUE_MAX, WINDOW_MIN};
pub use error::{Error, Refusal};
pub use fragment::MessageId;
pub use keys::SessionKeys;

/// Most paths a message may be spread over. More independent ways out of a ward do not exist.
pub const PATHS_MAX: usize = 8;

/// How the messages of a session are encrypted and cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// AES-256-GCM, masked, Reed-Solomon and Shamir `k` of `n`: fewer than `k` paths say nothing.
    Threshold,
    /// Paper M as printed: one AES ciphertext cut into `n` slices, all of them needed, in the paper's framing. For
    /// measurements and comparison; a path that lies spoils every message.
    Split(Cipher),
}

/// Key length of the split mode (paper M, Table 1: 10, 12 and 14 rounds).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// AES-128-GCM.
    Aes128,
    /// AES-192-GCM.
    Aes192,
    /// AES-256-GCM.
    Aes256,
}

/// How a message is spread: the mode, how many fragments it is cut into, and how many of them bring it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    mode: Mode,
    k: u8,
    n: u8,
}

impl Spread {
    /// Any two of three paths.
    pub const TWO_OF_THREE: Self = Self { mode: Mode::Threshold, k: 2, n: 3 };

    /// `k` of `n`, with `2 <= k <= n <= 8`.
    pub const fn threshold(k: u8, n: u8) -> Result<Self, Error> {
        if k < 2 || k > n || n as usize > PATHS_MAX {
            return Err(Error::Misuse("a threshold needs 2 <= k <= n <= 8"));
        }
        Ok(Self { mode: Mode::Threshold, k, n })
    }

    /// Paper M's slices over `n` paths, `1 <= n <= 8`; all of them are needed.
    pub const fn split(cipher: Cipher, n: u8) -> Result<Self, Error> {
        if n == 0 || n as usize > PATHS_MAX {
            return Err(Error::Misuse("slices go over 1 to 8 paths"));
        }
        Ok(Self { mode: Mode::Split(cipher), k: n, n })
    }

    /// Fragments that bring the message back.
    pub const fn k(self) -> usize {
        self.k as usize
    }

    /// Fragments, and paths.
    pub const fn n(self) -> usize {
        self.n as usize
    }

    /// How messages are encrypted and cut.
    pub const fn mode(self) -> Mode {
        self.mode
    }

    /// Mode, k and n as they stand in the start of a session.
    pub(crate) const fn to_bytes(self) -> [u8; 3] {
        let mode = match self.mode {
            Mode::Threshold => 0,
            Mode::Split(Cipher::Aes128) => 1,
            Mode::Split(Cipher::Aes192) => 2,
            Mode::Split(Cipher::Aes256) => 3,
        };
        [mode, self.k, self.n]
    }

    pub(crate) const fn from_bytes([mode, k, n]: [u8; 3]) -> Result<Self, Error> {
        let cipher = match mode {
            0 => return Self::threshold(k, n),
            1 => Cipher::Aes128,
            2 => Cipher::Aes192,
            3 => Cipher::Aes256,
            _ => return Err(Error::Misuse("there is no such mode")),
        };
        if k == n { Self::split(cipher, n) } else { Err(Error::Misuse("slices are all needed")) }
    }
}

/// How important a message is, which decides how it is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Before everything else, repeated soonest, delivered out of turn: emergencies and alarms.
    Emergency,
    /// At least once, in order: what must not be lost.
    Routine,
    /// Once or not at all, never repeated and never acknowledged: what is worthless in a second.
    Preview,
}

impl Priority {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Routine => 0,
            Self::Emergency => 1,
            Self::Preview => 2,
        }
    }

    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Routine),
            1 => Some(Self::Emergency),
            2 => Some(Self::Preview),
            _ => None,
        }
    }
}
