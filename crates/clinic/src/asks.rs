//! Requests that only a sensor can answer, on their way to its hub.

use bodywire_proto::access::certificate::CERTIFICATE_BYTES;
use bodywire_proto::access::request::REQUEST_BYTES;
use bodywire_proto::wire::{HubId, SensorId};

/// A request for class III data of one sensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SensorAsk {
    /// The hub at whose bed the sensor is.
    pub hub: HubId,
    /// The sensor.
    pub sensor: SensorId,
    /// The asker's certificate.
    pub certificate: [u8; CERTIFICATE_BYTES],
    /// The asker's signed request.
    pub request: [u8; REQUEST_BYTES],
    /// The end that the decision allows, milliseconds since 1970.
    pub until_ms: u64,
}
