//! FHIR R4 (4.0.1): a `Bundle` of type `collection`, as JSON.
//!
//! Numbers are one `Observation` each, of the vital-signs profiles; an ECG is `SampledData` in pieces of a minute, in
//! which `E` stands where nothing was measured. The patient is an identifier and no more. What was simulated carries
//! the security label `HTEST`. The same data give the same addresses, so that reading a bundle in twice doubles nothing.

mod audit;
mod capability;
pub mod codes;
mod consent;
mod observation;

pub use audit::{Access, AuditRecord, Purpose};
pub use capability::capability_statement;
pub use consent::ConsentRecord;

use super::{Error, Recording};
use bodywire_proto::wire::SensorId;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::Write;

/// Begins the names of our own identifiers.
const IDENTIFIERS: &str = "https://github.com/bodywire/bodywire/identifier/";
/// Codes that v3 has for why something is done, and for test data.
const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";

/// Writes `recording`, and what was read and consented to beside it, as one bundle.
///
/// # Errors
/// [`Error::Time`], [`Error::Write`].
pub fn write(
    recording: &Recording,
    audit: &[AuditRecord],
    consents: &[ConsentRecord],
    out: &mut impl Write,
) -> Result<(), Error> {
    let simulated = recording.simulated()
        || audit.iter().any(|record| record.simulated)
        || consents.iter().any(|record| record.simulated);
    let mut bundle = Bundle::begin(out, simulated)?;
    let bed = &recording.bed;
    bundle.entry(&hub_key(bed), hub(bed, simulated))?;
    let of_series = recording.series.iter().map(|series| (series.sensor, series.simulated));
    let of_consents = consents.iter().filter(|c| c.bed == *bed).map(|c| (c.sensor, c.simulated));
    let devices: BTreeSet<(SensorId, bool)> = of_series.chain(of_consents).collect();
    let mut written = BTreeSet::new();
    // With a sensor that was simulated and real in turn, the label wins: false sorts first.
    for (sensor, simulated) in devices.into_iter().rev() {
        if written.insert(sensor) {
            bundle.entry(&sensor_key(bed, sensor), self::sensor(bed, sensor, simulated))?;
        }
    }
    for series in &recording.series {
        observation::write(recording, series, &mut bundle)?;
    }
    for record in audit {
        bundle.entry(&record.key(), record.resource()?)?;
    }
    for record in consents {
        bundle.entry(&record.key(), record.resource()?)?;
    }
    bundle.end()
}

/// A bundle that is written entry by entry, so that a day is never held in memory as JSON.
struct Bundle<'a, W: Write> {
    out: &'a mut W,
    first: bool,
}

impl<'a, W: Write> Bundle<'a, W> {
    fn begin(out: &'a mut W, simulated: bool) -> Result<Self, Error> {
        write!(out, "{{\"resourceType\":\"Bundle\"")?;
        if simulated {
            write!(out, ",\"meta\":{}", meta(None, true).unwrap_or(Value::Null))?;
        }
        write!(out, ",\"type\":\"collection\",\"entry\":[")?;
        Ok(Self { out, first: true })
    }

    /// Adds a resource under an address that follows from `key`, which no other entry has.
    fn entry(&mut self, key: &str, resource: Value) -> Result<(), Error> {
        let comma = if self.first { "" } else { "," };
        self.first = false;
        write!(self.out, "{comma}\n{}", json!({"fullUrl": address(key), "resource": resource}))?;
        Ok(())
    }

    fn end(self) -> Result<(), Error> {
        Ok(writeln!(self.out, "\n]}}")?)
    }
}

/// A UUID of version 8 (RFC 9562) that follows from `key`.
fn uuid(key: &str) -> String {
    let mut bytes = [0u8; 16];
    for (byte, digest) in bytes.iter_mut().zip(Sha256::digest(key.as_bytes())) {
        *byte = digest;
    }
    let number = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0b11 << 62) | 8 << 76 | 0b10 << 62;
    let hex = format!("{number:032x}");
    let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)].map(|(a, b)| hex.get(a..b).unwrap_or(""));
    parts.join("-")
}

fn address(key: &str) -> String {
    format!("urn:uuid:{}", uuid(key))
}

/// The `meta` of a resource with a profile, a label, or both.
fn meta(profile: Option<&str>, simulated: bool) -> Option<Value> {
    let mut meta = Map::new();
    if let Some(profile) = profile {
        meta.insert("profile".to_owned(), json!([profile]));
    }
    if simulated {
        let label = json!([{"system": ACT_REASON, "code": "HTEST", "display": "test health data"}]);
        meta.insert("security".to_owned(), label);
    }
    (!meta.is_empty()).then_some(Value::Object(meta))
}

/// A resource of a kind, with its identifier as the key makes it, and its `meta`.
fn resource(kind: &str, key: &str, profile: Option<&str>, simulated: bool, mut fields: Value) -> Value {
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("resourceType".to_owned(), kind.into());
        fields.insert("id".to_owned(), uuid(key).into());
        if let Some(meta) = meta(profile, simulated) {
            fields.insert("meta".to_owned(), meta);
        }
    }
    fields
}

fn identifier(of: &str, value: &str) -> Value {
    json!({"system": format!("{IDENTIFIERS}{of}"), "value": value})
}

/// The patient: an opaque identifier and nothing to follow.
fn patient(subject: &str) -> Value {
    json!({"type": "Patient", "identifier": identifier("subject", subject)})
}

fn concept(system: &str, code: &str, display: &str) -> Value {
    json!({"coding": [{"system": system, "code": code, "display": display}]})
}

/// A number without a fraction that it does not have: `97`, not `97.0`. In FHIR the digits say the precision.
fn decimal(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 { json!(value as i64) } else { json!(value) }
}

fn hub_key(bed: &str) -> String {
    format!("hub\n{bed}")
}

fn sensor_key(bed: &str, sensor: SensorId) -> String {
    format!("sensor\n{bed}\n{}", sensor.0)
}

fn hub(bed: &str, simulated: bool) -> Value {
    let fields = json!({
        "identifier": [identifier("hub", bed)],
        "status": "active",
        "deviceName": [{"name": format!("BodyWire hub of bed {bed}"), "type": "user-friendly-name"}],
    });
    resource("Device", &hub_key(bed), None, simulated, fields)
}

fn sensor(bed: &str, sensor: SensorId, simulated: bool) -> Value {
    let fields = json!({
        "identifier": [identifier("sensor", &format!("{bed}/{}", sensor.0))],
        "status": "active",
        "deviceName": [{"name": format!("Sensor {} of bed {bed}", sensor.0), "type": "user-friendly-name"}],
        "parent": {"reference": address(&hub_key(bed))},
    });
    resource("Device", &sensor_key(bed, sensor), None, simulated, fields)
}

#[cfg(test)]
mod tests;
