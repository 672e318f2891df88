//! What this program can write, as a `CapabilityStatement`.

use serde_json::{Value, json};

/// The resources that a bundle may hold, each with what it is for.
const RESOURCES: &str = "Collection bundles of Device (hub and sensors), Observation (vital signs; ECG as SampledData), \
                         AuditEvent (reads, refusals, exports, emergency overrides) and Consent (class III sensors). \
                         Written only; nothing is read, and there is no search.";

/// The statement of the program in `version`, which was built on `date` (`2026-01-31`).
///
/// Its kind is `capability`: what the software does wherever it is installed. An installation with an address of its
/// own would be an `instance` (constraints cpb-14 and cpb-15).
pub fn capability_statement(version: &str, date: &str) -> Value {
    json!({
        "resourceType": "CapabilityStatement",
        "name": "BodyWireExport",
        "title": "BodyWire export",
        "status": "active",
        "date": date,
        "kind": "capability",
        "description": RESOURCES,
        "software": {"name": "BodyWire", "version": version},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        // One of rest, messaging and document has to be there (cpb-1); files are produced.
        "document": [{
            "mode": "producer",
            "documentation": RESOURCES,
            "profile": "http://hl7.org/fhir/StructureDefinition/Bundle",
        }],
    })
}
