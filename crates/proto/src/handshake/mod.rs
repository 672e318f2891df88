//! Mutual authentication of a sensor and its hub, one challenge-response pair per run (the hardened counterpart of
//! paper B, Algorithm 1).
//!
//! A session is safe unless the attacker has both what the sensor remembers (its key) and what it is (its PUF). The
//! key is replaced after each run, so old sessions stay closed, and the next run heals a leaked key.
//!
//! Both machines have the same shape: `handle` takes one input, then `poll` is drained to `None`, and the outputs are
//! carried out **in their order**: what [`SensorOutput::Save`] or [`HubOutput::Save`] hands over must be on durable
//! storage before anything that follows is done.

mod hub;
mod sensor;
mod state;

pub use hub::{HubHandshake, HubInput, HubOutput};
pub use sensor::{SensorHandshake, SensorInput, SensorOutput};
pub use state::{HubRecord, SensorRecord};

use crate::prf::Key;
use crate::puf::{RESPONSE_BYTES, Response};
use crate::record::RecordKey;
use crate::wire::{ChallengeMessage, Hello, HubId};
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

/// Keys of one session, one for each direction.
#[derive(Debug, Clone)]
pub struct TrafficKeys {
    /// Sensor to hub.
    pub up: RecordKey,
    /// Hub to sensor.
    pub down: RecordKey,
}

/// Everything both sides derive from one run.
struct RunSecrets {
    session: Key,
}

impl RunSecrets {
    /// `P = PRF(K, "sk", R ‖ hub ‖ m1 fields ‖ m2 fields)`.
    fn new(key: &Key, response: &Response, hub: HubId, hello: &Hello, challenge: &ChallengeMessage) -> Self {
        let session =
            key.derive("sk", &[&response.0, &hub.0.to_be_bytes(), &hello.fields(), &challenge.fields()]);
        Self { session }
    }

    fn confirm(&self, label: &'static str, sealed_helper: &[u8; RESPONSE_BYTES]) -> [u8; 16] {
        self.session.tag(label, &[sealed_helper])
    }

    fn verify(&self, label: &'static str, sealed_helper: &[u8; RESPONSE_BYTES], tag: &[u8; 16]) -> bool {
        self.session.verify(label, &[sealed_helper], tag)
    }

    fn next_key(&self) -> Key {
        self.session.derive("next", &[])
    }

    fn traffic_keys(&self) -> TrafficKeys {
        TrafficKeys { up: self.record_key("up"), down: self.record_key("down") }
    }

    fn record_key(&self, label: &'static str) -> RecordKey {
        RecordKey::new(self.session.tag(label, &[]))
    }
}

/// Label of the proof a sensor gives (m3).
const CONFIRM_SENSOR: &str = "cs";
/// Label of the proof a hub gives (m4).
const CONFIRM_HUB: &str = "ch";

/// The helper under its one-time pad, or back: `helper XOR PRF(K, "h", nonceS ‖ nonceH)`.
fn pad_helper(
    key: &Key,
    hello: &Hello,
    challenge: &ChallengeMessage,
    helper: &[u8; RESPONSE_BYTES],
) -> [u8; RESPONSE_BYTES] {
    xor(helper, &key.prf("h", &[&hello.nonce.0, &challenge.nonce.0]))
}

fn xor(a: &[u8; RESPONSE_BYTES], b: &[u8; RESPONSE_BYTES]) -> [u8; RESPONSE_BYTES] {
    let mut out = *a;
    out.iter_mut().zip(b).for_each(|(x, y)| *x ^= y);
    out
}

/// The pause after `failures` failed attempts in a row.
fn backoff(failures: u32) -> Duration {
    BACKOFF_MIN
        .saturating_mul(1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX))
        .min(BACKOFF_MAX)
}

#[cfg(test)]
mod tests;
