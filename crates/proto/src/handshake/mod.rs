//! Mutual authentication of a sensor and its hub, one challenge-response pair per run (paper B, Algorithm 1).
//!
//! Both profiles run in one pair of machines, [`SensorHandshake`] and [`HubHandshake`], which keep time, back off and
//! say what is to be done; what the messages mean is decided by the profile the sensor was enrolled with:
//!
//! * [`hardened`]: a session is safe unless the attacker has both what the sensor remembers (its key) and what it is
//!   (its PUF). The key is replaced after each run, so old sessions stay closed, and the next run heals a leaked key.
//! * [`crate::paper`]: the protocol as printed, for measurement and for attacks. Not for patients.
//!
//! Both machines have the same shape: `handle` takes one input, then `poll` is drained to `None`, and the outputs are
//! carried out **in their order**: what [`SensorOutput::Save`] or [`HubOutput::Save`] hands over must be on durable
//! storage before anything that follows is done.

pub mod hardened;
mod hub;
mod profile;
mod sensor;
mod state;

pub use hub::{HubHandshake, HubInput, HubOutput};
pub use profile::Profile;
pub(crate) use sensor::SensorTodo;
pub use sensor::{SensorHandshake, SensorInput, SensorOutput};
pub use state::{HubRecord, HubSecret, SensorRecord, SensorSecret, Stored, enrolled};

use crate::error::Error;
use crate::puf::Challenge;
use crate::session::Session;
use crate::wire::HandshakeFrame;
use core::time::Duration;

/// How long a side waits for the other's next message: twenty round trips of a busy body-area network.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Attempts of a sensor in one epoch before it asks to be enrolled again. At the slowest back-off this is 22 days.
pub const ATTEMPTS_PER_EPOCH_MAX: u16 = u16::MAX;
/// First pause after a failed attempt; doubled after each further one up to [`BACKOFF_MAX`].
pub const BACKOFF_MIN: Duration = Duration::from_millis(500);
/// Longest pause between attempts: a patient's sensor must not stay away longer once the radio is back.
pub const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Wrong proofs that one run survives. They cost the attacker a frame each and the hub one decoding; the pair stays.
pub const BAD_PROOFS_PER_RUN_MAX: u8 = 4;

/// What a profile makes of one input at the hub.
#[cfg_attr(
    not(feature = "paper"),
    expect(
        clippy::large_enum_variant,
        reason = "there is no heap to box a frame on, and a value is moved once"
    )
)]
pub(crate) enum HubStep {
    /// Save the record, then ask for a pair: any, or the one with this challenge.
    Claim(Option<Challenge>),
    /// Send one or two frames and wait for the answer.
    Send(HandshakeFrame, Option<HandshakeFrame>),
    /// Save the record, send what is left to be said, and use the session.
    Done { last: Option<HandshakeFrame>, session: Session, noise_bits: u32 },
    /// Send what is left to be said; the run is over.
    Failed { last: Option<HandshakeFrame>, error: Error },
}

/// The pause after `failures` failed attempts in a row.
fn backoff(failures: u32) -> Duration {
    BACKOFF_MIN
        .saturating_mul(1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX))
        .min(BACKOFF_MAX)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
