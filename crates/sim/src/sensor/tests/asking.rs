//! A class III sensor that is asked for its data: what it gives, to whom, for how long, and what it says otherwise.

use super::*;
use bodywire_proto::RiskClass;
use bodywire_proto::access::{
    Bed, Certificate, IssuerKey, PatientNumber, Person, Purpose, Request, Role, SIGNATURE_BYTES,
};
use bodywire_proto::ask::{Ask, Reason, Refused};
use bodywire_proto::consent::{self, Granted, Scope};
use bodywire_proto::prf::Key;
use ed25519_dalek::{Signer, SigningKey};

const HOUR: u64 = 60 * 60 * 1000;

fn wrapping() -> Key {
    Key::new([6; 32])
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn issuer() -> IssuerKey {
    IssuerKey::from_bytes(&key(1).verifying_key().to_bytes()).unwrap()
}

fn rule() -> Rule {
    Rule { issuer: Some(issuer()), wearer: Wearer::Agrees, emergency_consent: false }
}

fn pump(rule: Rule) -> Bench {
    let source = Source::number(Signal::InsulinRate, 1, Condition::new());
    bench(source, Sealing::ForClinic(Box::new(Release::new(wrapping(), rule))))
}

/// A physician's ask, after `change`; `number` makes it this one.
fn asking(number: u8, at_s: u64, change: impl FnOnce(&mut Certificate, &mut Request)) -> Ask {
    let now_ms = BEGUN_MS + 1_000 * at_s;
    let mut certificate = Certificate {
        serial: 9,
        person: Person([3; 16]),
        role: Role::Physician,
        highest_class: RiskClass::III,
        key: key(2).verifying_key().to_bytes(),
        not_before_ms: BEGUN_MS - HOUR,
        not_after_ms: BEGUN_MS + 23 * HOUR,
        issuer: issuer().issuer(),
        signature: [0; SIGNATURE_BYTES],
    };
    let mut request = Request {
        challenge: [number; 16],
        serial: 9,
        patient: Some(PatientNumber(7)),
        bed: Bed(1),
        sensor: Some(SENSOR),
        class: RiskClass::III,
        purpose: Purpose::Treatment,
        time_ms: now_ms,
        statement: None,
        signature: [0; SIGNATURE_BYTES],
    };
    change(&mut certificate, &mut request);
    certificate.signature = key(1).sign(&certificate.signed_bytes().unwrap()).to_bytes();
    request.signature = key(2).sign(&request.signed_bytes().unwrap()).to_bytes();
    let (certificate, request) = (certificate.to_bytes().unwrap(), request.to_bytes().unwrap());
    Ask { certificate, request, until_ms: now_ms + HOUR }
}

impl Bench {
    /// The hub puts an ask before the sensor, once.
    fn ask(&mut self, at_s: u64, ask: &Ask) {
        let now = Duration::from_secs(at_s);
        let (first, second) = ask.to_halves().unwrap();
        for half in [&first[..], &second] {
            self.link.tell(half).unwrap();
        }
        self.answer(now);
        self.exchange(now);
    }

    /// Asks, lets a second pass, and gives the sensor's refusal.
    fn refusal(&mut self, at_s: u64, ask: &Ask) -> Option<Reason> {
        let before = self.payloads.len();
        self.ask(at_s, ask);
        self.pass(at_s, at_s + 1);
        let said: Vec<Refused> =
            self.payloads[before..].iter().filter_map(|p| Refused::from_payload(p).ok()).collect();
        assert!(said.len() <= 1 && said.iter().all(|refused| refused.asked == ask.asked()));
        said.first().map(|refused| refused.reason)
    }

    /// The consents that have come, each once.
    fn consents(&self) -> Vec<Granted> {
        let mut seen = Vec::new();
        self.payloads.iter().for_each(|payload| {
            if payload.first() == Some(&consent::TYPE_CONSENT) && !seen.contains(&payload) {
                seen.push(payload);
            }
        });
        seen.iter().map(|payload| consent::open_grant(&wrapping(), SENSOR, payload).unwrap()).collect()
    }

    /// Sessions of the sealed payloads that open with a consent, and of those that do not.
    fn sealed(&self) -> (Vec<u32>, Vec<u32>) {
        let grants = self.consents();
        let (mut open, mut closed) = (Vec::new(), Vec::new());
        for payload in self.payloads.iter().filter(|p| p.first() == Some(&consent::TYPE_SEALED)) {
            let session = consent::session_of(payload).unwrap();
            let mut buffer = [0; PAYLOAD_BYTES_MAX];
            let opened = grants.iter().find_map(|grant| {
                let len = consent::open(grant, SENSOR, payload, &mut buffer).ok()?;
                Some(Batch::parse(&buffer[..len]).unwrap().header.signal)
            });
            assert!(opened.is_none_or(|signal| signal == Signal::InsulinRate));
            if opened.is_some() { open.push(session) } else { closed.push(session) }
        }
        open.dedup();
        closed.dedup();
        (open, closed)
    }

    fn pairs_used(&self) -> usize {
        PAIRS as usize - self.pairs.len()
    }
}

#[test]
fn without_being_asked_a_class_iii_sensor_gives_its_key_to_nobody() {
    let mut bench = pump(rule());
    bench.run(20);
    assert!(bench.consents().is_empty());
    assert!(bench.payloads.iter().all(|payload| Batch::parse(payload).is_err()), "the hub cannot read it");
    assert_eq!(bench.sealed(), (vec![], vec![1]));
}

#[test]
fn an_answer_comes_in_a_fresh_session_and_opens_that_one_alone() {
    let mut bench = pump(rule());
    bench.run(12);
    let ask = asking(1, 12, |_, _| {});
    assert_eq!(bench.refusal(12, &ask), None);
    bench.pass(13, 40);
    assert_eq!((bench.sessions, bench.pairs_used()), (2, 2), "one more pair");
    let consents = bench.consents();
    assert_eq!(consents.len(), 1);
    let Granted { session, until, scope, asked, .. } = &consents[0];
    assert_eq!((*session, *until, *scope, *asked), (2, ask.until_ms, Scope::Request, ask.asked()));
    assert_eq!(bench.sealed(), (vec![2], vec![1]), "what was sealed before stays closed");
    let again = bench.payloads.iter().filter(|p| p.first() == Some(&consent::TYPE_CONSENT)).count();
    assert_eq!(again, 4, "nobody acknowledges it");
}

#[test]
fn at_thirty_percent_loss_it_works_as_well() {
    for seed in 0..8 {
        let mut bench = pump(rule());
        bench.rng = ChaCha20Rng::seed_from_u64(seed);
        bench.loss_percent = 30;
        bench.run(1);
        let mut begun = 1;
        while !(bench.sensor.is_established() && bench.link.is_established()) {
            assert!(begun < 600, "seed {seed}: no session");
            bench.pass(begun, begun + 1);
            begun += 1;
        }
        let ask = asking(1, begun, |_, _| {});
        // As the hub does it: every second, until it has heard.
        let mut at = begun;
        while bench.consents().is_empty() {
            assert!(at < begun + 15, "seed {seed}: no answer");
            bench.ask(at, &ask);
            bench.pass(at, at + 1);
            at += 1;
        }
        bench.pass(at, at + 40);
        let consents = bench.consents();
        assert!(consents.iter().all(|granted| granted.asked == ask.asked() && granted.until == ask.until_ms));
        let (open, closed) = bench.sealed();
        assert!(!open.is_empty(), "seed {seed}: {open:?} {closed:?}");
        assert!(open.iter().all(|session| !closed.contains(session)), "seed {seed}: {open:?} {closed:?}");
        let before = bench.payloads.len();
        let late = bench.refusal(at + 40, &ask);
        assert!(matches!(late, None | Some(Reason::Replayed)), "seed {seed}: {late:?}");
        assert!(bench.payloads.len() >= before);
    }
}

#[test]
fn each_bad_ask_has_its_refusal_and_costs_no_pair_and_no_key() {
    let mut bench = pump(rule());
    bench.run(5);
    let mut at = 5;
    let mut refusal = |ask: Ask| {
        at += 1;
        bench.refusal(at, &ask)
    };
    let mut forged = asking(1, 5, |_, _| {});
    forged.certificate[20] ^= 1;
    assert_eq!(refusal(forged), Some(Reason::Certificate), "a stranger's");
    let theirs = asking(2, 5, |certificate, _| certificate.issuer.0[0] ^= 1);
    assert_eq!(refusal(theirs), Some(Reason::Certificate));
    let class_ii = asking(3, 5, |certificate, _| certificate.highest_class = RiskClass::II);
    assert_eq!(refusal(class_ii), Some(Reason::Class));
    assert_eq!(refusal(asking(4, 5, |c, _| c.role = Role::Nurse)), Some(Reason::Role));
    let mut forged = asking(5, 5, |_, _| {});
    forged.request[40] ^= 1;
    assert_eq!(refusal(forged), Some(Reason::Request));
    let other = asking(6, 5, |_, request| request.sensor = Some(SensorId(4)));
    assert_eq!(refusal(other), Some(Reason::OtherSensor));
    assert_eq!(refusal(asking(7, 3_000, |_, _| {})), Some(Reason::Stale));
    let mut long = asking(8, 5, |_, _| {});
    long.until_ms += 13 * HOUR;
    assert_eq!(refusal(long), Some(Reason::Until));
    assert_eq!(refusal(Ask { until_ms: BEGUN_MS, ..asking(9, 5, |_, _| {}) }), Some(Reason::Until));
    assert_eq!((bench.sessions, bench.pairs_used(), bench.remembered.len()), (1, 1, 0));
    assert!(bench.consents().is_empty());
}

#[test]
fn a_wearer_who_declines_is_asked_once() {
    let mut bench = pump(Rule { wearer: Wearer::Declines, ..rule() });
    bench.run(5);
    let ask = asking(1, 5, |_, _| {});
    assert_eq!(bench.refusal(5, &ask), Some(Reason::Wearer));
    bench.sensor.set_wearer(Wearer::Agrees);
    assert_eq!(bench.refusal(15, &ask), Some(Reason::Wearer), "the answer again, for what was lost");
    assert_eq!(bench.refusal(60, &ask), Some(Reason::Replayed), "another mind needs another request");
    assert_eq!(bench.refusal(61, &asking(2, 61, |_, _| {})), None);
    bench.pass(62, 64);
    assert_eq!((bench.consents().len(), bench.pairs_used()), (1, 2));
}

#[test]
fn a_flood_of_asks_costs_one_pair_in_forty_seconds() {
    let mut bench = pump(rule());
    bench.run(5);
    let mut refused = 0;
    for second in 5..125 {
        let reason = bench.refusal(second, &asking(second as u8, second, |_, _| {}));
        assert!(matches!(reason, None | Some(Reason::TooOften)), "{reason:?}");
        refused += u32::from(reason.is_some());
    }
    assert_eq!((bench.pairs_used(), bench.consents().len(), refused), (4, 6, 117));
}

#[test]
fn a_replayed_request_is_refused_even_after_a_restart_of_the_sensor() {
    let mut bench = pump(rule());
    bench.run(5);
    let ask = asking(1, 5, |_, _| {});
    assert_eq!(bench.refusal(5, &ask), None);
    bench.pass(6, 30);
    assert_eq!(bench.refusal(30, &ask), Some(Reason::Replayed));
    let memory = bench.remembered.last().unwrap().clone();
    let restarted = |memory: &[u8]| Release::new(wrapping(), rule()).with_memory(memory).unwrap();
    let mut release = restarted(&memory);
    let (first, second) = ask.to_halves().unwrap();
    release.ask(SENSOR, BEGUN_MS + 60_000, &first).unwrap();
    let refused = Refused { asked: ask.asked(), reason: Reason::Replayed };
    assert_eq!(release.ask(SENSOR, BEGUN_MS + 60_000, &second), Ok(Verdict::Refuse(refused)));
    // A sensor that forgot would give its key a second time.
    let mut forgetful = Release::new(wrapping(), rule());
    forgetful.ask(SENSOR, BEGUN_MS + 60_000, &first).unwrap();
    assert_eq!(forgetful.ask(SENSOR, BEGUN_MS + 60_000, &second), Ok(Verdict::BeginAnew));
    assert!(Release::new(wrapping(), rule()).with_memory(&memory[1..]).is_err());
}

#[test]
fn an_open_consent_outlives_its_session_and_nothing_outlives_it() {
    let mut bench = pump(rule());
    bench.run(5);
    let mut ask = asking(1, 5, |_, _| {});
    ask.until_ms = BEGUN_MS + 120_000;
    assert_eq!(bench.refusal(5, &ask), None);
    bench.pass(6, 20);
    // The hub restarts, and the sensor meets it again.
    bench.link = Link::new(bench.saved_hub.clone());
    bench.pass(20, 60);
    assert_eq!((bench.sessions, bench.pairs_used()), (3, 3));
    let sessions: Vec<u32> = bench.consents().iter().map(|granted| granted.session).collect();
    assert_eq!(sessions, [2, 3]);
    assert!(bench.consents().iter().all(|g| g.until == ask.until_ms && g.asked == ask.asked()));
    assert_eq!(bench.sealed(), (vec![2, 3], vec![1]));
    // Its end: another session, whose key nobody has.
    bench.pass(60, 160);
    assert_eq!((bench.sessions, bench.pairs_used(), bench.consents().len()), (4, 4, 2));
    assert_eq!(bench.sealed(), (vec![2, 3], vec![1, 4]));
}

#[test]
fn a_second_answer_begins_a_session_in_which_the_first_still_holds() {
    let mut bench = pump(rule());
    bench.run(5);
    let mut first = asking(1, 5, |_, _| {});
    first.until_ms += 7 * HOUR;
    assert_eq!(bench.refusal(5, &first), None);
    bench.pass(6, 10);
    let second = asking(2, 3_600, |_, _| {});
    assert_eq!(bench.refusal(3_600, &second), None);
    bench.pass(3_601, 3_610);
    let given: Vec<_> = bench.consents().iter().map(|g| (g.session, g.asked, g.until)).collect();
    let of = |session, ask: &Ask| (session, ask.asked(), ask.until_ms);
    assert_eq!(given, [of(2, &first), of(3, &first), of(3, &second)]);
    // The second ends; the first goes on, and with it the session.
    bench.pass(7_300, 7_310);
    assert_eq!((bench.sessions, bench.pairs_used()), (3, 3));
}

#[test]
fn a_session_is_renewed_in_time_and_nothing_is_lost_by_it() {
    let mut bench = pump(rule());
    bench.run(5);
    let renewed = SESSION_MAX.as_secs() + 1;
    bench.pass(renewed, renewed + 5);
    assert!(bench.sensor.is_established() && bench.sessions == 2 && bench.consents().is_empty());
}

#[test]
fn a_sensor_that_was_enrolled_so_releases_its_key_for_emergencies() {
    let mut bench = pump(Rule { emergency_consent: true, ..Rule::NOBODY });
    bench.run(5);
    let consents = bench.consents();
    assert_eq!(consents.len(), 1);
    assert_eq!((consents[0].scope, consents[0].asked), (Scope::Emergency, [0; 16]));
    assert_eq!(bench.refusal(5, &asking(1, 5, |_, _| {})), Some(Reason::NoIssuerKey));
    // For itself it begins no other session.
    bench.pass(6, 30);
    assert_eq!(bench.sessions, 1);
}

#[test]
fn other_classes_are_not_asked() {
    let source = Source::number(Signal::SpO2, 1, Condition::new());
    let mut bench = bench(source, Sealing::Open);
    bench.loss_percent = 0;
    bench.run(3);
    let (first, _) = asking(1, 3, |_, _| {}).to_halves().unwrap();
    bench.link.tell(&first).unwrap();
    let Some(LinkOutput::Send(frame)) = bench.link.poll() else { panic!("no frame") };
    let now = Duration::from_secs(3);
    assert!(bench.sensor.frame(now, clock(now), frame.as_bytes(), &mut bench.rng).is_err());
}
