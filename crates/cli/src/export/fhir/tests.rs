//! Exact resources, and every sample read back.

use super::super::series::tests::{ecg, push};
use super::*;
use bodywire_proto::observation::{BatchHeader, Scale, Signal};
use proptest::prelude::*;

/// 31 January 2026, 08:15:00.250.
const START_MS: u64 = 1_769_847_300_250;

fn recording() -> Recording {
    Recording::new("p7", "b1", 0, 1 << 41).unwrap()
}

fn entries(recording: &Recording, audit: &[AuditRecord], consents: &[ConsentRecord]) -> Vec<Value> {
    let mut out = Vec::new();
    write(recording, audit, consents, &mut out).unwrap();
    let bundle: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((&bundle["resourceType"], &bundle["type"]), (&json!("Bundle"), &json!("collection")));
    let entries = bundle["entry"].as_array().unwrap().clone();
    let addresses: BTreeSet<&str> = entries.iter().map(|e| e["fullUrl"].as_str().unwrap()).collect();
    assert_eq!(addresses.len(), entries.len(), "an address twice");
    let resources = entries.iter().map(|entry| entry["resource"].clone()).collect();
    for entry in &entries {
        let id = entry["resource"]["id"].as_str().unwrap();
        assert_eq!(entry["fullUrl"], format!("urn:uuid:{id}"));
        for place in ["/device/reference", "/parent/reference"] {
            if let Some(reference) = entry["resource"].pointer(place) {
                assert!(addresses.contains(reference.as_str().unwrap()), "{reference} leads nowhere");
            }
        }
    }
    resources
}

#[test]
fn an_address_is_a_uuid_that_follows_from_its_key() {
    assert_eq!(uuid("a"), uuid("a"));
    assert_ne!(uuid("a"), uuid("b"));
    // SHA-256 of "abc" begins with ba7816bf 8f01cfea 414140de 5dae2223.
    assert_eq!(uuid("abc"), "ba7816bf-8f01-8fea-8141-40de5dae2223");
}

#[test]
fn a_number() {
    let mut recording = recording();
    let scale = Scale { gain_milli: 10_000, baseline: 0 };
    let header = BatchHeader { signal: Signal::SpO2, rate_millihertz: 200, scale, ..ecg(0) };
    push(&mut recording, &header, &[970, 975], START_MS).unwrap();
    let resources = entries(&recording, &[], &[]);
    let kinds: Vec<&str> = resources.iter().map(|r| r["resourceType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Device", "Device", "Observation", "Observation"]);
    let first = &resources[2];
    let expected = json!({
        "resourceType": "Observation",
        "id": first["id"],
        "meta": {
            "profile": ["http://hl7.org/fhir/StructureDefinition/oxygensat"],
            "security": [{"system": ACT_REASON, "code": "HTEST", "display": "test health data"}],
        },
        "status": "final",
        "category": [{"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/observation-category",
            "code": "vital-signs",
            "display": "Vital Signs",
        }]}],
        "code": {"coding": [
            {"system": "http://loinc.org", "code": "2708-6", "display": "Oxygen saturation in Arterial blood"},
            {"system": "http://loinc.org", "code": "59408-5",
             "display": "Oxygen saturation in Arterial blood by Pulse oximetry"},
            {"system": "urn:iso:std:iso:11073:10101", "code": "150456", "display": "MDC_PULS_OXIM_SAT_O2"},
        ]},
        "subject": {"type": "Patient", "identifier": {"system": format!("{IDENTIFIERS}subject"), "value": "p7"}},
        "effectiveDateTime": "2026-01-31T08:15:00.250000Z",
        "device": {"reference": address("sensor\nb1\n2")},
        "valueQuantity": {"value": 97, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
    });
    assert_eq!(*first, expected);
    assert_eq!(resources[3]["valueQuantity"]["value"], json!(97.5));
    assert_eq!(resources[3]["effectiveDateTime"], "2026-01-31T08:15:05.250000Z");
}

#[test]
fn an_ecg_with_a_short_and_a_long_gap() {
    let mut recording = recording();
    push(&mut recording, &ecg(0), &[1_024, -3], START_MS).unwrap();
    push(&mut recording, &ecg(4), &[7], START_MS + 16).unwrap();
    push(&mut recording, &ecg(250 * 3_600), &[8], START_MS + 3_600_000).unwrap();
    let resources = entries(&recording, &[], &[]);
    assert_eq!(resources.len(), 4);
    let wave = &resources[2];
    assert_eq!(
        wave["effectivePeriod"],
        json!({"start": "2026-01-31T08:15:00.250000Z", "end": "2026-01-31T08:15:00.266000Z"})
    );
    assert_eq!(
        wave["component"][0]["valueSampledData"],
        json!({
            "origin": {"value": -5.12, "unit": "mV", "system": "http://unitsofmeasure.org", "code": "mV"},
            "period": 4,
            "factor": 0.005,
            "dimensions": 1,
            "data": "1024 -3 E E 7",
        })
    );
    assert_eq!(resources[3]["component"][0]["valueSampledData"]["data"], "8");
    assert_eq!(resources[3]["effectivePeriod"]["start"], "2026-01-31T09:15:00.250000Z");
}

fn audit(access: Access) -> AuditRecord {
    AuditRecord {
        house: "h".into(),
        entry: 12,
        at_ms: START_MS,
        access,
        who: "dr-a".into(),
        purpose: Purpose::Emergency,
        reason: Some("no pulse".into()),
        subject: "p7".into(),
        simulated: false,
    }
}

#[test]
fn audit_entries() {
    let kinds = [
        (Access::Read, "110110", None, "R", "0"),
        (Access::Refused, "110110", None, "R", "4"),
        (Access::Exported, "110106", None, "R", "0"),
        (Access::OverrideStarted, "110113", Some("110127"), "E", "0"),
        (Access::OverrideStopped, "110113", Some("110138"), "E", "0"),
    ];
    for (access, kind, subtype, action, outcome) in kinds {
        let resources = entries(&recording(), &[audit(access)], &[]);
        let event = &resources[1];
        assert_eq!((&event["type"]["code"], &event["action"]), (&json!(kind), &json!(action)));
        assert_eq!(event["subtype"][0]["code"].as_str(), subtype);
        assert_eq!((&event["outcome"], &event["outcomeDesc"]), (&json!(outcome), &json!("no pulse")));
        assert_eq!(event["agent"][0]["purposeOfUse"][0]["coding"][0]["code"], "ETREAT");
        assert_eq!(event["recorded"], "2026-01-31T08:15:00.250Z");
        assert_eq!(event.get("meta"), None);
    }
    let late = AuditRecord { at_ms: u64::MAX, ..audit(Access::Read) };
    assert!(write(&recording(), &[late], &[], &mut Vec::new()).is_err());
}

#[test]
fn a_consent() {
    let record = ConsentRecord {
        subject: "p7".into(),
        bed: "b1".into(),
        sensor: SensorId(5),
        session: 3,
        given_ms: START_MS,
        until_ms: u64::MAX,
        active: true,
        house: "h".into(),
        simulated: true,
    };
    let resources = entries(&recording(), &[], &[record]);
    assert_eq!(resources.len(), 3);
    assert_eq!(resources[1]["identifier"][0]["value"], "b1/5");
    let consent = &resources[2];
    assert_eq!(consent["provision"]["data"][0]["reference"]["reference"], address("sensor\nb1\n5"));
    assert_eq!(consent["provision"]["period"]["end"], "9999-12-31T23:59:59.999Z");
    assert_eq!(consent["meta"]["security"][0]["code"], "HTEST");
}

#[test]
fn the_statement_is_one_of_software() {
    let statement = capability_statement("0.1.0", "2026-01-31");
    assert_eq!(statement["kind"], "capability");
    assert!(statement.get("implementation").is_none() && statement.get("software").is_some());
}

proptest! {
    #[test]
    fn every_sample_is_read_back(
        runs in prop::collection::vec((prop::collection::vec(any::<i16>(), 1..40), 0u64..40), 1..5),
        readings in prop::collection::vec(any::<i16>(), 0..9),
        back_ms in prop::option::of(0u64..9_000),
    ) {
        let mut recording = recording();
        // A piece of a minute has 60 samples, so that there are several.
        let slow = BatchHeader { rate_millihertz: 1_000, ..ecg(0) };
        let mut at = 0u64;
        for (samples, gap) in &runs {
            push(&mut recording, &BatchHeader { first_index: at, ..slow }, samples, START_MS + at * 1_000).unwrap();
            at += samples.len() as u64 + gap;
        }
        let header = BatchHeader { signal: Signal::HeartRate, rate_millihertz: 200, ..ecg(0) };
        for start_ms in [Some(START_MS), back_ms.map(|back| START_MS + 9_000 - back)].into_iter().flatten() {
            if !readings.is_empty() {
                push(&mut recording, &header, &readings, start_ms).unwrap();
            }
        }
        let (mut wave, mut values) = (Vec::new(), Vec::new());
        for resource in entries(&recording, &[], &[]) {
            if let Some(data) = resource.pointer("/component/0/valueSampledData/data") {
                let data = data.as_str().unwrap();
                prop_assert!(data.split(' ').count() <= 60);
                wave.extend(data.split(' ').filter(|s| *s != "E").map(|s| s.parse::<i16>().unwrap()));
            } else if let Some(value) = resource.pointer("/valueQuantity/value") {
                values.push(value.as_f64().unwrap());
            }
        }
        let expected: Vec<i16> = runs.iter().flat_map(|(samples, _)| samples.clone()).collect();
        prop_assert_eq!(wave, expected);
        let expected: Vec<f64> = readings.iter().map(|s| header.scale.value(*s)).collect();
        prop_assert_eq!(&values[..expected.len()], &expected[..]);
    }
}
