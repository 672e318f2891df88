//! What a hub is told at start.

use crate::bedside::SensorProfile;
use crate::vitals::Aggregation;
use bodywire_channels::Spread;
use bodywire_channels::topic::{Rendezvous, Shard};
use bodywire_paths::Broker;
use bodywire_proto::access::IssuerKey;
use bodywire_proto::wire::HubId;
use ed25519_dalek::{SigningKey, VerifyingKey};
use std::time::Duration;

/// What a hub is told at start.
pub struct Config {
    /// Its number at the clinic.
    pub hub: HubId,
    /// Signs the start of sessions.
    pub signing_key: SigningKey,
    /// The clinic's verification key.
    pub clinic: VerifyingKey,
    /// The secret behind the topic names.
    pub rendezvous: Rendezvous,
    /// The shard of the clinic.
    pub shard: Shard,
    /// The paths, one for each fragment.
    pub paths: Vec<Broker>,
    /// How messages are spread over the paths.
    pub spread: Spread,
    /// The sensors.
    pub sensors: Vec<SensorProfile>,
    /// How long observations wait at most for others to share a report with.
    pub report_age: Duration,
    /// How its vital signs go into the ward's sums, if they do.
    pub aggregation: Option<Aggregation>,
    /// Whose certificates count when somebody asks a class III sensor. Without it every ask is refused.
    pub issuer: Option<IssuerKey>,
}
