//! One message in, a fragment for each path out, one message back.
//!
//! A hub and a clinic agree on keys over brokers that neither trusts ([`session`]). Each message is encrypted end to
//! end, masked, cut with a threshold code and sealed once more for each path ([`disperse`]), so that a path sees
//! nothing, fewer than `k` paths learn nothing even with the end-to-end key, and `n - k` paths may be dead or lie.
//! The receiving side puts messages together under limits ([`reassemble`]) and acknowledges what is safely stored
//! ([`ack`]); the sending side repeats what was not acknowledged ([`sender`]).
//!
//! Source: paper M, section 3.2 and Fig. 4 (session number, block identification, message password); Krawczyk, "Secret
//! Sharing Made Short", CRYPTO 1993. The crate knows no medicine and may be used by any program that speaks MQTT. It
//! has no clock, no socket and no randomness of its own.
//!
//! The bytes on the wire are described in `docs/protocol.md`.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod ack;
pub mod disperse;
mod error;
mod keys;
pub mod reassemble;
pub mod sender;
pub mod session;
pub mod topic;

pub use error::{Error, Refusal};
pub use keys::SessionKeys;

/// How many fragments a message is cut into, and how many of them bring it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    k: u8,
    n: u8,
}

/// Most paths a message may be spread over. More independent ways out of a ward do not exist.
pub const PATHS_MAX: usize = 8;

impl Threshold {
    /// Any two of three paths.
    pub const TWO_OF_THREE: Self = Self { k: 2, n: 3 };

    /// `k` of `n`, with `2 <= k <= n <= 8`.
    pub const fn new(k: u8, n: u8) -> Result<Self, Error> {
        if k < 2 || k > n || n as usize > PATHS_MAX {
            return Err(Error::Misuse("a threshold needs 2 <= k <= n <= 8"));
        }
        Ok(Self { k, n })
    }

    /// Fragments that bring the message back.
    pub const fn k(self) -> usize {
        self.k as usize
    }

    /// Fragments, and paths.
    pub const fn n(self) -> usize {
        self.n as usize
    }
}
