//! The schemes that BodyWire's link is compared with (paper B, Tables 5 and 6), complete and without heap, so that they
//! run on the same microcontroller and under the same attacks.
//!
//! | module | paper B calls it | what it is |
//! |---|---|---|
//! | [`hash_l`] | HASH-BASED | Li et al., Computer Networks 129, 2017 |
//! | [`hash_i`] | HASH-BASED | a five-hash scheme in the shape of Ibrahim et al., CMPB 135, 2016 |
//! | [`ecc_ez`] | ECC-BASED | a pairing-free scheme in the shape of Zhao, J. Medical Systems 38:13, 2014 |
//! | [`ecc_eh`] | | the same with an anonymous sensor and forward secrecy |
//!
//! [`improved_ecc`] is no handshake: it is what paper M compares its encryption with.
//!
//! Paper B does not print the schemes it compares with. `hash_l` follows published equations; the other three are our own
//! constructions with the phases, the number of operations and the properties that paper B states.
//!
//! All have one shape: the sensor sends a [request](Sensor::request), the hub [answers](Hub::answer), and both have a
//! session key. They are here to be measured and broken. Do not use them.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod ecc_eh;
pub mod ecc_ez;
pub mod hash_i;
pub mod hash_l;
pub mod identity_key;
#[cfg(feature = "std")]
pub mod improved_ecc;
mod layout;
mod value;

pub use value::{VALUE_BYTES, Value};

use crate::Error;
use core::time::Duration;
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// How far the clocks of sensor and hub may be apart. None of the papers gives a number; two seconds is the time that
/// BodyWire's own handshake waits for an answer.
pub const CLOCK_WINDOW: Duration = Duration::from_secs(2);

/// Longest session key of these schemes, in bytes.
const SESSION_KEY_BYTES_MAX: usize = 32;

/// Why a well-formed message was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Its time is further than [`CLOCK_WINDOW`] from the hub's.
    Stale,
    /// A hash or tag does not verify.
    BadTag,
    /// The signature of the request does not verify.
    BadSignature,
    /// The hub does not know this sensor.
    UnknownSensor,
    /// The relay is not one of the hub's.
    UnknownRelay,
    /// An answer, but nothing was asked.
    Unasked,
}

/// A key that a run ends with: 20 or 32 bytes. It cannot be printed, is compared in constant time and is wiped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SessionKey {
    bytes: [u8; SESSION_KEY_BYTES_MAX],
    length: usize,
}

impl SessionKey {
    /// From the bytes that a scheme derives.
    pub(crate) fn new<const N: usize>(key: [u8; N]) -> Self {
        const { assert!(N <= SESSION_KEY_BYTES_MAX) };
        let mut bytes = [0; SESSION_KEY_BYTES_MAX];
        bytes.iter_mut().zip(key).for_each(|(slot, byte)| *slot = byte);
        Self { bytes, length: N }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl PartialEq for SessionKey {
    fn eq(&self, other: &Self) -> bool {
        self.length == other.length && bool::from(self.bytes.ct_eq(&other.bytes))
    }
}

impl Eq for SessionKey {}

impl core::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

/// A message with a fixed layout.
pub trait Message: Sized {
    /// Its length.
    const BYTES: usize;
    /// Its bytes.
    type Bytes: AsRef<[u8]>;

    /// Reads a message. Anything of another length is malformed.
    fn parse(bytes: &[u8]) -> Result<Self, Error>;

    /// The bytes on the air.
    fn emit(&self) -> Self::Bytes;
}

/// The sensor's side of a scheme.
pub trait Sensor {
    /// What it sends.
    type Request: Message;
    /// What it is answered.
    type Reply: Message;
    /// What it keeps in non-volatile memory, in bits.
    const STORED_BITS: usize;

    /// Begins a run at `now`, the time since an epoch that the hub shares. A run that was open is forgotten.
    fn request(&mut self, now: Duration, rng: &mut impl CryptoRng) -> Result<Self::Request, Error>;

    /// Ends the open run. A wrong reply is refused and leaves the run open, since anybody can send one.
    fn finish(&mut self, reply: &Self::Reply) -> Result<SessionKey, Error>;
}

/// The hub's side of a scheme.
pub trait Hub {
    /// What it is sent.
    type Request: Message;
    /// What it answers.
    type Reply: Message;
    /// What it calls a sensor.
    type Identity;
    /// What it keeps whatever the number of sensors, in bits.
    const STORED_BITS: usize;
    /// What it keeps for each sensor, in bits.
    const STORED_BITS_PER_SENSOR: usize;

    /// Answers a request at `now`.
    fn answer(
        &mut self,
        now: Duration,
        request: &Self::Request,
        rng: &mut impl CryptoRng,
    ) -> Result<Accepted<Self::Identity, Self::Reply>, Error>;
}

/// What a hub concludes from a request that it accepts.
#[derive(Debug)]
pub struct Accepted<I, R> {
    /// Whom it takes the sender for.
    pub identity: I,
    /// What it answers.
    pub reply: R,
    /// The session key it shares with the sender.
    pub key: SessionKey,
}

/// Bits on the air of one run between a sensor and a hub that hear each other.
pub const fn bits_on_the_air<S: Sensor>() -> usize {
    (S::Request::BYTES + S::Reply::BYTES) * 8
}
