//! What asks and refusals are on the wire, and which asks pass.

use super::examine::{UNTIL_MAX_MS, credential, wanted};
use super::*;
use crate::access::{
    Bed, CLOCK_SKEW_MAX_MS, Certificate, IssuerKey, PatientNumber, Person, Purpose, Request, Role,
    SIGNATURE_BYTES,
};
use crate::risk::RiskClass;
use ed25519_dalek::{Signer, SigningKey};
use proptest::prelude::*;
use std::string::String;
use std::vec::Vec;

const NOW: u64 = 1_700_000_000_000;
const HOUR: u64 = 60 * 60 * 1000;
const PUMP: SensorId = SensorId(5);

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn issuer() -> IssuerKey {
    IssuerKey::from_bytes(&key(1).verifying_key().to_bytes()).unwrap()
}

/// An ask of a physician, after `change` and then signed.
fn asking(change: impl FnOnce(&mut Certificate, &mut Request)) -> Ask {
    let mut certificate = Certificate {
        serial: 9,
        person: Person([3; 16]),
        role: Role::Physician,
        highest_class: RiskClass::III,
        key: key(2).verifying_key().to_bytes(),
        not_before_ms: NOW - HOUR,
        not_after_ms: NOW + 10 * HOUR,
        issuer: issuer().issuer(),
        signature: [0; SIGNATURE_BYTES],
    };
    let mut request = Request {
        challenge: [4; 16],
        serial: 9,
        patient: Some(PatientNumber(7)),
        bed: Bed(1),
        sensor: Some(PUMP),
        class: RiskClass::III,
        purpose: Purpose::Treatment,
        time_ms: NOW,
        statement: None,
        signature: [0; SIGNATURE_BYTES],
    };
    change(&mut certificate, &mut request);
    certificate.signature = key(1).sign(&certificate.signed_bytes().unwrap()).to_bytes();
    request.signature = key(2).sign(&request.signed_bytes().unwrap()).to_bytes();
    Ask {
        certificate: certificate.to_bytes().unwrap(),
        request: request.to_bytes().unwrap(),
        until_ms: NOW + HOUR,
    }
}

fn judged(ask: &Ask, now_ms: u64) -> Result<(), Reason> {
    let (certificate, request) = credential(ask, &issuer(), now_ms)?;
    wanted(&certificate, &request, PUMP, ask.until_ms, now_ms)
}

#[test]
fn an_order_and_the_halves_of_an_ask_come_back() {
    let ask = asking(|_, _| {});
    let order = ask.to_order(PUMP).unwrap();
    assert_eq!(Ask::from_order(&order), Ok((PUMP, ask)));
    assert!(Ask::from_order(&order[..ORDER_BYTES - 1]).is_err());
    let (first, second) = ask.to_halves().unwrap();
    for order in [[&first[..], &second[..]], [&second[..], &first[..]]] {
        let mut halves = Halves::default();
        assert_eq!(halves.push(order[0]), Ok(None));
        assert_eq!(halves.push(order[0]), Ok(None), "a repetition");
        assert_eq!(halves.push(order[1]), Ok(Some(ask)));
        assert_eq!(halves.push(order[1]), Ok(None), "it begins anew");
    }
}

#[test]
fn halves_of_two_asks_are_not_joined_and_a_request_has_its_own_name() {
    let (one, other) = (asking(|_, _| {}), asking(|_, request| request.challenge = [5; 16]));
    let (first, _) = one.to_halves().unwrap();
    let (_, mut second) = other.to_halves().unwrap();
    let mut halves = Halves::default();
    assert_eq!(halves.push(&first), Ok(None));
    assert_eq!(halves.push(&second), Ok(None));
    second[2..18].copy_from_slice(&one.asked());
    assert!(halves.push(&second).is_err(), "another request under its name");
    let mut odd = first;
    odd[1] = 3;
    assert!(halves.push(&odd).is_err());
}

#[test]
fn refusals_come_back_and_sensors_do_not_speak_for_hubs() {
    for reason in Reason::ALL {
        let refused = Refused { asked: [6; 16], reason };
        assert_eq!(Refused::parse(&refused.to_bytes().unwrap()), Ok(refused));
        let payload = refused.to_payload().unwrap();
        assert_eq!(Refused::from_payload(&payload).is_ok(), !reason.is_of_hub());
        assert!(!reason.text().is_empty());
    }
    let mut payload = Refused { asked: [6; 16], reason: Reason::Wearer }.to_payload().unwrap();
    assert!(Refused::from_payload(&payload[..17]).is_err());
    payload[17] = 0;
    assert!(Refused::from_payload(&payload).is_err());
}

#[test]
fn a_good_ask_passes_within_its_time_and_the_clocks_may_differ() {
    let ask = asking(|_, _| {});
    for now in [NOW - CLOCK_SKEW_MAX_MS, NOW, NOW + CLOCK_SKEW_MAX_MS] {
        assert_eq!(judged(&ask, now), Ok(()));
    }
    for now in [NOW - CLOCK_SKEW_MAX_MS - 1, NOW + CLOCK_SKEW_MAX_MS + 1] {
        assert_eq!(judged(&ask, now), Err(Reason::Stale));
    }
    let young = asking(|certificate, _| certificate.not_before_ms = NOW + CLOCK_SKEW_MAX_MS);
    assert_eq!((judged(&young, NOW), judged(&young, NOW - 1)), (Ok(()), Err(Reason::CertificateTime)));
}

#[test]
fn each_fault_has_its_reason() {
    let reason = |change: fn(&mut Certificate, &mut Request)| judged(&asking(change), NOW).unwrap_err();
    assert_eq!(reason(|c, _| c.not_after_ms = NOW - CLOCK_SKEW_MAX_MS), Reason::CertificateTime);
    assert_eq!(reason(|c, _| c.not_after_ms = NOW + 30 * HOUR), Reason::Certificate);
    assert_eq!(reason(|c, _| c.issuer.0[0] ^= 1), Reason::Certificate);
    assert_eq!(reason(|_, r| r.serial = 8), Reason::Request);
    assert_eq!(reason(|_, r| r.sensor = Some(SensorId(6))), Reason::OtherSensor);
    assert_eq!(reason(|c, _| c.highest_class = RiskClass::II), Reason::Class);
    assert_eq!(reason(|_, r| r.class = RiskClass::II), Reason::Class);
    assert_eq!(reason(|c, _| c.role = Role::Nurse), Reason::Role);
    assert_eq!(reason(|c, _| c.role = Role::Patient), Reason::Role);
    assert_eq!(reason(|_, r| r.purpose = Purpose::OwnData), Reason::Role);
    assert_eq!(
        reason(|_, r| (r.purpose, r.statement) = (Purpose::BreakGlass, Some([1; 32]))),
        Reason::Role,
        "glass is not broken by asking"
    );
    let own = asking(|c, r| (c.role, r.purpose) = (Role::Patient, Purpose::OwnData));
    assert_eq!(judged(&own, NOW), Ok(()));
    let until = |ask: Ask, until_ms| judged(&Ask { until_ms, ..ask }, NOW);
    let short = asking(|_, _| {});
    assert_eq!((until(short, NOW), until(short, NOW + 1)), (Err(Reason::Until), Ok(())));
    assert_eq!(until(short, NOW + 10 * HOUR + 1), Err(Reason::Until), "after the certificate");
    let long = asking(|c, _| c.not_after_ms = c.not_before_ms + 24 * HOUR);
    assert_eq!(until(long, NOW + UNTIL_MAX_MS), Ok(()));
    assert_eq!(until(long, NOW + UNTIL_MAX_MS + CLOCK_SKEW_MAX_MS + 1), Err(Reason::Until));
}

#[test]
fn one_changed_bit_is_found() {
    let good = asking(|_, _| {});
    for byte in 0..CERTIFICATE_BYTES {
        let mut ask = good;
        ask.certificate[byte] ^= 1;
        assert!(judged(&ask, NOW).is_err(), "byte {byte} of the certificate");
    }
    for byte in 0..REQUEST_BYTES {
        let mut ask = good;
        ask.request[byte] ^= 1;
        assert!(judged(&ask, NOW).is_err(), "byte {byte} of the request");
    }
}

// Vector: a certificate of 155 bytes 11, a request of 143 bytes 22, until 1,000, sensor 5; the name by `sha256sum`.
#[test]
fn their_layout_is_what_is_written_down() {
    let ask = Ask { certificate: [0x11; CERTIFICATE_BYTES], request: [0x22; REQUEST_BYTES], until_ms: 1_000 };
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| std::format!("{byte:02x}")).collect::<String>();
    let (first, second) = ask.to_halves().unwrap();
    assert_eq!(hex(&ask.asked()), ASKED);
    assert_eq!(hex(&first), std::format!("5101{ASKED}{}", "11".repeat(155)));
    assert_eq!(hex(&second), std::format!("5102{ASKED}00000000000003e8{}", "22".repeat(143)));
    let order = std::format!("410005{}{}00000000000003e8", "11".repeat(155), "22".repeat(143));
    assert_eq!(hex(&ask.to_order(PUMP).unwrap()), order);
    let refused = Refused { asked: ask.asked(), reason: Reason::Wearer };
    assert_eq!(hex(&refused.to_payload().unwrap()), std::format!("4e{ASKED}0c"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..180), 1..4), first in 0u8..4) {
        let mut halves = Halves::default();
        for piece in &pieces {
            let mut piece: Vec<u8> = piece.clone();
            if let Some(slot) = piece.first_mut() { *slot = TYPE_ASK; }
            if let Some(slot) = piece.get_mut(1) { *slot = first; }
            let _ = halves.push(&piece);
            let _ = Ask::from_order(&piece);
            let _ = Refused::parse(&piece);
            let _ = Refused::from_payload(&piece);
        }
    }
}

const ASKED: &str = "887056f63c42546492be9b9e09b951c1";
