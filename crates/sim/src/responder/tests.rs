use super::*;
use bodywire_proto::access::decide::Decision;
use bodywire_proto::access::reason::Withheld;
use bodywire_proto::access::request::CHALLENGE_AGE_MAX_MS;
use bodywire_proto::access::{Person, Reason, Role};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const NOW: u64 = 1_700_000_000_000;
const HOUR: u64 = 60 * 60 * 1000;
const BED: Bed = Bed(4);
const ECG: SensorId = SensorId(1);
const DATA: &[u8] = b"HR=172 SpO2=71";
const AT: (Condition, f64) = (Condition::Emergency, 1.2);

fn signing(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn issuer() -> IssuerKey {
    IssuerKey::from_bytes(&signing(1).verifying_key().to_bytes()).unwrap()
}

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

/// A responder whose certificate is signed with the key `by`, after `change`.
fn responder(by: u8, change: impl FnOnce(&mut Certificate)) -> Responder {
    let mut certificate = Certificate {
        serial: 9,
        person: Person([3; 16]),
        role: Role::EmergencyResponder,
        highest_class: RiskClass::II,
        key: signing(2).verifying_key().to_bytes(),
        not_before_ms: NOW - HOUR,
        not_after_ms: NOW + HOUR,
        issuer: issuer().issuer(),
        signature: [0; SIGNATURE_BYTES],
    };
    change(&mut certificate);
    certificate.signature = signing(by).sign(&certificate.signed_bytes().unwrap()).to_bytes();
    Responder::new(certificate, signing(2), &mut rng())
}

fn sensor(class: RiskClass) -> Nearby {
    Nearby::new(issuer(), BED, ECG, class)
}

fn shown(responder: &Responder, sensor: &mut Nearby, class: RiskClass) -> Showing {
    let nonce = sensor.offer(NOW, &mut rng());
    responder.show(&nonce, (BED, ECG, class), [5; 32], NOW).unwrap()
}

fn reason(answer: &Answer) -> Option<Reason> {
    assert!(answer.sealed.is_none());
    match answer.record.decision {
        Decision::Refuse { reason, .. } => Some(reason),
        _ => None,
    }
}

#[test]
fn a_responder_reads_the_answer_and_nobody_else_does() {
    for role in [Role::EmergencyResponder, Role::Physician] {
        let (responder, mut sensor) = (responder(1, |c| c.role = role), sensor(RiskClass::II));
        let showing = shown(&responder, &mut sensor, RiskClass::II);
        let answer = sensor.answer(&showing, AT, DATA, NOW, &mut rng()).unwrap();
        let sealed = answer.sealed.unwrap();
        assert_eq!(responder.open(&showing, &sealed).as_deref(), Some(DATA));
        assert!(!sealed.to_bytes().windows(DATA.len()).any(|bytes| bytes == DATA));
        let mut other = Responder::new(responder.certificate, signing(2), &mut ChaCha20Rng::seed_from_u64(2));
        assert_eq!(other.open(&showing, &sealed), None, "another key of the same person");
        other.key = responder.key;
        assert_eq!(other.open(&showing, &sealed), None);
        let asker = answer.record.asker.unwrap();
        assert_eq!((asker.role, answer.distance_cm), (role, 120));
        assert!(matches!(answer.record.decision, Decision::Override { withheld: None, .. }));
        assert!(DecisionRecord::parse(&answer.record.to_bytes().unwrap()).is_ok());
    }
}

#[test]
fn without_a_detected_emergency_nobody_is_answered() {
    for condition in [Condition::Normal, Condition::Undetermined] {
        let (responder, mut sensor) = (responder(1, |_| {}), sensor(RiskClass::II));
        let showing = shown(&responder, &mut sensor, RiskClass::II);
        let answer = sensor.answer(&showing, (condition, 0.1), DATA, NOW, &mut rng()).unwrap();
        assert_eq!(reason(&answer), Some(Reason::RevocationListMissing));
    }
}

#[test]
fn the_distance_is_on_record_and_decides_nothing() {
    let mut evidence = Vec::new();
    for (distance_m, cm) in [(0.0, 0), (1.99, 199), (50.0, 5_000), (f64::NAN, 0), (1e9, u16::MAX)] {
        let (responder, mut sensor) = (responder(1, |_| {}), sensor(RiskClass::II));
        let showing = shown(&responder, &mut sensor, RiskClass::II);
        let at = (Condition::Emergency, distance_m);
        let answer = sensor.answer(&showing, at, DATA, NOW, &mut rng()).unwrap();
        assert_eq!((answer.sealed.is_some(), answer.distance_cm), (true, cm));
        evidence.push(answer.record.evidence);
    }
    assert_ne!(evidence[0], evidence[1]);
}

#[test]
fn what_proves_nothing_is_refused_and_spends_nothing() {
    let (good, mut sensor) = (responder(1, |_| {}), sensor(RiskClass::II));
    let showing = shown(&good, &mut sensor, RiskClass::II);
    let nonce = sensor.nonce.unwrap().0;
    let show =
        |responder: &Responder| responder.show(&nonce, (BED, ECG, RiskClass::II), [5; 32], NOW).unwrap();
    let mut thief = responder(1, |_| {});
    thief.signing = signing(7);
    let foreign = issuer().issuer();
    let own_issuer = responder(7, |c| c.issuer = bodywire_proto::access::Issuer([7; 16]));
    for (showing, why) in [
        (show(&responder(7, |c| c.issuer = foreign)), Reason::CertificateSignature),
        (show(&own_issuer), Reason::IssuerUnknown),
        (show(&thief), Reason::RequestSignature),
        (Showing { key: thief.key.map(|byte| byte ^ 1), ..showing }, Reason::ChallengeUnknown),
        (show(&responder(1, |c| c.not_after_ms = NOW - 1)), Reason::CertificateExpired),
    ] {
        let nonce = sensor.nonce;
        let answer = sensor.answer(&showing, AT, DATA, NOW, &mut rng()).unwrap();
        assert_eq!(reason(&answer), Some(why));
        sensor.nonce = nonce.filter(|_| why == Reason::CertificateExpired).or(sensor.nonce);
    }
    assert!(sensor.answer(&showing, AT, DATA, NOW, &mut rng()).unwrap().sealed.is_some());
    let again = sensor.answer(&showing, AT, DATA, NOW, &mut rng()).unwrap();
    assert_eq!(reason(&again), Some(Reason::ChallengeReplayed));
    let late = shown(&good, &mut sensor, RiskClass::II);
    let answer = sensor.answer(&late, AT, DATA, NOW + CHALLENGE_AGE_MAX_MS + 1, &mut rng()).unwrap();
    assert_eq!(reason(&answer), Some(Reason::ChallengeExpired));
    assert!(sensor.answer(&Showing { request: [0; 143], ..late }, AT, DATA, NOW, &mut rng()).is_err());
}

/// A sensor has no revocation list, and a class III one gives its key to whom it was asked for ([`bodywire_proto::ask`]).
#[test]
fn a_class_iii_sensor_is_not_opened_by_being_near() {
    let (responder, mut sensor) =
        (responder(1, |c| c.highest_class = RiskClass::III), sensor(RiskClass::III));
    let showing = shown(&responder, &mut sensor, RiskClass::III);
    let answer = sensor.answer(&showing, AT, DATA, NOW, &mut rng()).unwrap();
    assert!(answer.sealed.is_none());
    let Decision::Override { withheld, .. } = answer.record.decision else { panic!("no override") };
    assert_eq!(withheld, Some(Withheld::NoFreshList));
}

#[test]
fn roles_without_patients_are_refused() {
    for role in [Role::Reviewer, Role::Program, Role::Patient] {
        let (responder, mut sensor) = (responder(1, |c| c.role = role), sensor(RiskClass::II));
        let showing = shown(&responder, &mut sensor, RiskClass::II);
        let answer = sensor.answer(&showing, AT, DATA, NOW, &mut rng()).unwrap();
        assert_eq!(reason(&answer), Some(Reason::PurposeNotOfRole));
    }
}
