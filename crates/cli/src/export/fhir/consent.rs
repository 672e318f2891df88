//! The consent of a class III sensor (paper B, section 3.4) as `Consent`.
//!
//! The sensor gives its data key away on the patient's behalf; FHIR has patients and people as givers of consent, so
//! that the patient stands there and the sensor is what the consent is about.

use super::super::Error;
use super::super::calendar::{self, Moment};
use super::{ACT_REASON, IDENTIFIERS, address, concept, identifier, patient, resource, sensor_key};
use bodywire_proto::wire::SensorId;
use serde_json::{Value, json};

const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const SCOPE: &str = "http://terminology.hl7.org/CodeSystem/consentscope";

/// A consent that the clinic has received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentRecord {
    /// The patient, opaque.
    pub subject: String,
    /// The bed.
    pub bed: String,
    /// The sensor that consented.
    pub sensor: SensorId,
    /// The session whose key it gave away.
    pub session: u32,
    /// When it arrived, milliseconds since 1970.
    pub given_ms: u64,
    /// Until when it holds, milliseconds since 1970.
    pub until_ms: u64,
    /// It holds now; a consent that is over stays in the record as inactive.
    pub active: bool,
    /// The clinic that it was given to.
    pub house: String,
    /// The sensor is simulated.
    pub simulated: bool,
}

impl ConsentRecord {
    pub(super) fn key(&self) -> String {
        let Self { subject, bed, sensor, session, given_ms, .. } = self;
        format!("consent\n{subject}\n{bed}\n{}\n{session}\n{given_ms}", sensor.0)
    }

    pub(super) fn resource(&self) -> Result<Value, Error> {
        let given = Moment::of_ms(calendar::check(self.given_ms)?).iso_ms();
        // A sensor without a clock says the end of time.
        let until = Moment::of_ms(self.until_ms).iso_ms();
        let session = format!("{}/{}/{}", self.bed, self.sensor.0, self.session);
        let fields = json!({
            "identifier": [identifier("consent", &session)],
            "status": if self.active { "active" } else { "inactive" },
            "scope": concept(SCOPE, "patient-privacy", "Privacy Consent"),
            "category": [concept(ACT_CODE, "IDSCL", "information disclosure")],
            "patient": patient(&self.subject),
            "dateTime": given,
            "performer": [patient(&self.subject)],
            "organization": [{"type": "Organization", "identifier": identifier("house", &self.house)}],
            "policyRule": concept(ACT_CODE, "OPTIN", "opt-in"),
            "provision": {
                "type": "permit",
                "period": {"start": given, "end": until},
                "securityLabel": [{
                    "system": format!("{IDENTIFIERS}risk-class"),
                    "code": "III",
                    "display": "Implants and pumps, which can be changed from outside",
                }],
                "purpose": [{"system": ACT_REASON, "code": "TREAT", "display": "treatment"}],
                "data": [{
                    "meaning": "instance",
                    "reference": {"reference": address(&sensor_key(&self.bed, self.sensor))},
                }],
            },
        });
        Ok(resource("Consent", &self.key(), None, self.simulated, fields))
    }
}
