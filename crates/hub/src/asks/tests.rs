//! Which asks a hub puts before its sensors, how often, and when it answers by itself.

use super::*;
use bodywire_proto::access::{
    Bed, Certificate, PatientNumber, Person, Purpose, Request, Role, SIGNATURE_BYTES,
};
use bodywire_proto::consent::{DataKey, grant};
use bodywire_proto::prf::Key;
use ed25519_dalek::{Signer, SigningKey};

const NOW: u64 = 1_700_000_000_000;
const HOUR: u64 = 60 * 60 * 1000;
const PUMP: SensorId = SensorId(5);

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn issuer(seed: u8) -> IssuerKey {
    IssuerKey::from_bytes(&key(seed).verifying_key().to_bytes()).unwrap()
}

fn ask(challenge: u8) -> Ask {
    let mut certificate = Certificate {
        serial: 9,
        person: Person([3; 16]),
        role: Role::Physician,
        highest_class: RiskClass::III,
        key: key(2).verifying_key().to_bytes(),
        not_before_ms: NOW - HOUR,
        not_after_ms: NOW + 10 * HOUR,
        issuer: issuer(1).issuer(),
        signature: [0; SIGNATURE_BYTES],
    };
    certificate.signature = key(1).sign(&certificate.signed_bytes().unwrap()).to_bytes();
    let mut request = Request {
        challenge: [challenge; 16],
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
    request.signature = key(2).sign(&request.signed_bytes().unwrap()).to_bytes();
    let (certificate, request) = (certificate.to_bytes().unwrap(), request.to_bytes().unwrap());
    Ask { certificate, request, until_ms: NOW + HOUR }
}

fn take(asks: &mut Asks, at_s: u64, ask: Ask) -> Option<Reason> {
    let now = (Duration::from_secs(at_s), NOW);
    asks.take(now, PUMP, Some(RiskClass::III), ask).map(|refused| refused.reason)
}

#[test]
fn a_sensor_is_asked_every_second_for_fifteen() {
    let mut asks = Asks::new(Some(issuer(1)));
    assert_eq!(take(&mut asks, 0, ask(1)), None);
    let (mut told, mut silent) = (0, 0);
    for tick in 0..200u32 {
        if tick == 20 {
            assert_eq!(take(&mut asks, 2, ask(1)), None, "the clinic repeats its order");
        }
        for step in asks.poll(Duration::from_millis(100) * tick) {
            match step {
                Step::Tell(sensor, told_ask) => {
                    assert_eq!((sensor, *told_ask), (PUMP, ask(1)));
                    told += 1;
                }
                Step::Report(sensor, refused) => {
                    let expected = Refused { asked: ask(1).asked(), reason: Reason::Silent };
                    assert_eq!((sensor, refused, tick), (PUMP, expected, 150));
                    silent += 1;
                }
            }
        }
    }
    assert_eq!((told, silent, asks.next_timeout()), (15, 1, None));
    assert_eq!(take(&mut asks, 20, ask(1)), None, "answered");
    assert!(asks.poll(Duration::from_secs(20)).is_empty());
}

#[test]
fn an_answer_ends_it_and_is_reported_once() {
    let mut asks = Asks::new(Some(issuer(1)));
    let refused = |n| Refused { asked: ask(n).asked(), reason: Reason::Wearer }.to_payload().unwrap();
    assert_eq!(asks.hear(PUMP, &refused(1)), Ok(false), "nobody asked");
    assert_eq!(take(&mut asks, 0, ask(1)), None);
    assert_eq!(take(&mut asks, 0, ask(2)), Some(Reason::HubBusy));
    assert_eq!(asks.hear(PUMP, &refused(2)), Ok(false));
    assert_eq!(asks.hear(SensorId(6), &refused(1)), Ok(false), "another sensor");
    assert_eq!((asks.hear(PUMP, &refused(1)), asks.hear(PUMP, &refused(1))), (Ok(true), Ok(false)));
    assert_eq!(take(&mut asks, 1, ask(2)), None, "the next may ask now");
    let occasion = Occasion::Request(ask(2).asked());
    let consent = grant(&Key::new([1; 32]), PUMP, 1, NOW, occasion, &DataKey::new([2; 16])).unwrap();
    // Given again in a new session it is reported, too.
    assert_eq!((asks.hear(PUMP, &consent), asks.hear(PUMP, &consent)), (Ok(true), Ok(true)));
    assert!(asks.poll(Duration::from_secs(9)).is_empty());
    assert!(asks.hear(PUMP, &consent[..20]).is_err());
    assert_eq!(asks.hear(PUMP, b"Sealed"), Ok(true), "what is no answer goes on");
}

#[test]
fn what_the_hub_refuses_never_reaches_a_sensor() {
    let mut asks = Asks::new(Some(issuer(1)));
    let now = (Duration::ZERO, NOW);
    let reason = |asks: &mut Asks, class, ask| asks.take(now, PUMP, class, ask).map(|r| r.reason);
    assert_eq!(reason(&mut asks, None, ask(1)), Some(Reason::NotEnrolled));
    assert_eq!(reason(&mut asks, Some(RiskClass::II), ask(2)), Some(Reason::NotEnrolled));
    assert_eq!(reason(&mut asks, Some(RiskClass::II), ask(2)), None, "said once");
    let mut forged = ask(3);
    forged.certificate[20] ^= 1;
    assert_eq!(take(&mut asks, 0, forged), Some(Reason::HubCertificate));
    let mut forged = ask(4);
    forged.request[45] ^= 1;
    assert_eq!(take(&mut asks, 0, forged), Some(Reason::HubRequest));
    let elsewhere = asks.take(now, SensorId(6), Some(RiskClass::III), ask(5));
    assert_eq!(elsewhere.map(|r| r.reason), Some(Reason::HubRequest), "it names another sensor");
    for (issuer, expected) in [(None, Reason::HubWithoutIssuerKey), (Some(issuer(7)), Reason::HubCertificate)]
    {
        assert_eq!(take(&mut Asks::new(issuer), 0, ask(6)), Some(expected));
    }
    let late = asks.take((Duration::ZERO, NOW + 24 * HOUR), PUMP, Some(RiskClass::III), ask(7));
    assert_eq!(late.map(|r| r.reason), Some(Reason::HubCertificate), "its time is over");
    assert!(asks.poll(Duration::ZERO).is_empty());
}
