//! The sensor link: whatever is on the air or on the sensor's flash.

use bodywire_proto::Error;
use bodywire_proto::access::grant::DecisionRecord;
use bodywire_proto::access::revocation::{self, RevocationList};
use bodywire_proto::access::{Certificate, Policy, Request, SIGNATURE_BYTES};
use bodywire_proto::ask::{Ask, Halves, ORDER_BYTES, Refused};
use bodywire_proto::consent::{self, DataKey, Granted, Scope};
use bodywire_proto::handshake::hardened::{Chain, HubChain};
use bodywire_proto::handshake::{
    HubHandshake, HubInput, HubOutput, HubRecord, HubSecret, Profile, SensorHandshake, SensorInput,
    SensorOutput, SensorRecord, SensorSecret, Stored,
};
use bodywire_proto::observation::{self, BATCH_HEADER_BYTES, Batch};
use bodywire_proto::paper::{DataKey as PaperKey, DataReader, Seed, SeedState, wire as paper};
use bodywire_proto::prf::Key;
use bodywire_proto::puf::{Challenge, Response};
use bodywire_proto::receipt::Receipt;
use bodywire_proto::record::{Direction, PAYLOAD_BYTES_MAX, RecordKey, RecordReader};
use bodywire_proto::report::{Alarm, Kind, Report, Session};
use bodywire_proto::window::Window;
use bodywire_proto::wire::{ChallengeMessage, Confirm, HandshakeFrame, Hello, HubId, Proof, SensorId, Suite};
use core::time::Duration;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// The sensor of all inputs.
pub const SENSOR: SensorId = SensorId(5);
/// The secret that sensor and hub begin with, in either profile.
const SECRET: u8 = 0x42;

/// A generator that makes each run the same.
pub fn seeded(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// What the sensor's PUF answers to everything.
pub fn response(bytes: usize) -> Response {
    let mut response = Response::zeroed(bytes).expect("no profile asks for more than fits");
    let pattern = (0u8..).map(|i| i.wrapping_mul(37));
    response.as_mut_bytes().iter_mut().zip(pattern).for_each(|(slot, byte)| *slot = byte);
    response
}

/// The profile that the first byte of an input chooses.
fn profile_of(data: &[u8]) -> (Profile, &[u8]) {
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    (Profile::ALL[usize::from(*first) % Profile::ALL.len()], rest)
}

fn seed_state() -> SeedState {
    SeedState::new([SECRET; 80], 0).expect("the first variation")
}

/// A sensor that has just been enrolled.
pub fn sensor(profile: Profile) -> SensorHandshake {
    let secret = match profile {
        Profile::Hardened(suite) => SensorSecret::Hardened(Chain::enrolled(suite, Key::new([SECRET; 32]))),
        Profile::Paper => SensorSecret::Paper(seed_state()),
    };
    SensorHandshake::new(SensorRecord { sensor: SENSOR, hub: HubId(1), secret })
}

/// Its hub.
pub fn hub(profile: Profile) -> HubHandshake {
    let secret = match profile {
        Profile::Hardened(suite) => HubSecret::Hardened(HubChain::enrolled(suite, Key::new([SECRET; 32]))),
        Profile::Paper => HubSecret::Paper(seed_state()),
    };
    HubHandshake::new(HubRecord { sensor: SENSOR, hub: HubId(1), secret })
}

/// The paper's data key of the first run.
pub fn paper_key() -> PaperKey {
    PaperKey::new(Seed::vary(&[SECRET; 80], 0))
}

/// The key of the link's records.
pub fn record_key() -> RecordKey {
    RecordKey::new([7; 16])
}

/// The key under which the sensor's consent is wrapped.
pub fn wrapping_key() -> Key {
    Key::new([1; 32])
}

/// A consent as the clinic has opened it.
pub fn granted() -> Granted {
    let (scope, asked) = (Scope::Request, [7; 16]);
    Granted { session: 9, until: 2_000_000_000_000, scope, asked, key: DataKey::new([2; 16]) }
}

/// One handshake message of any profile.
pub fn frames(data: &[u8]) -> bool {
    let same = |emitted: Result<HandshakeFrame, Error>| emitted.is_ok_and(|frame| frame.as_bytes() == data);
    let mut accepted = vec![
        Hello::parse(data).map(|m| assert!(same(m.emit()), "m1")),
        ChallengeMessage::parse(data).map(|m| assert!(same(m.emit()), "m2")),
        Confirm::parse(data).map(|m| assert!(same(m.emit()), "m4")),
    ];
    accepted.extend(Suite::ALL.map(|suite| Proof::parse(suite, data).map(|m| assert!(same(m.emit()), "m3"))));
    accepted.extend([paper::TYPE_M1, paper::TYPE_M2].map(|kind| {
        let block = paper::parse_message(kind, SENSOR, data);
        block.map(|block| assert!(same(paper::emit_message(kind, SENSOR, &block)), "M"))
    }));
    accepted.extend([paper::TYPE_ACK_HUB, paper::TYPE_ACK_SENSOR].map(|kind| {
        let success = paper::parse_ack(kind, SENSOR, data);
        success.map(|success| assert!(same(paper::emit_ack(kind, SENSOR, success)), "ack"))
    }));
    let accepted = accepted.iter().filter(|parsed| parsed.is_ok()).count();
    assert!(accepted <= 1, "one frame is two messages");
    accepted == 1
}

/// Frames to a sensor that has begun a run.
pub fn sensor_handshake(data: &[u8]) -> bool {
    let (profile, data) = profile_of(data);
    let (mut sensor, mut rng) = (sensor(profile), seeded(1));
    let mut now = Duration::ZERO;
    let _ = sensor.handle(now, SensorInput::Start, &mut rng);
    let mut established = false;
    let mut frames = super::pieces(data);
    loop {
        let mut asked = None;
        while let Some(output) = sensor.poll() {
            match output {
                SensorOutput::ReadPuf { response_bytes, .. } => asked = Some(response_bytes),
                SensorOutput::Established(_) => established = true,
                SensorOutput::Save(_) | SensorOutput::Send(_) | SensorOutput::Failed(_) => {}
            }
        }
        now += Duration::from_millis(1);
        if let Some(bytes) = asked {
            let _ = sensor.handle(now, SensorInput::Response(&response(bytes)), &mut rng);
        } else {
            let Some(frame) = frames.next() else { return established };
            let _ = sensor.handle(now, SensorInput::Frame(frame), &mut rng);
        }
    }
}

/// The pair that the hub has in store, whatever it asks for.
pub fn pair(profile: Profile, wanted: Option<Challenge>) -> (Challenge, Response) {
    (wanted.unwrap_or([3; 8].into()), response(profile.response_bytes()))
}

/// Frames to a hub that has a pair in store.
pub fn hub_handshake(data: &[u8]) -> bool {
    let (profile, data) = profile_of(data);
    let (mut hub, mut rng) = (hub(profile), seeded(2));
    let mut now = Duration::ZERO;
    let mut established = false;
    let mut frames = super::pieces(data);
    loop {
        let mut asked = None;
        while let Some(output) = hub.poll() {
            match output {
                HubOutput::ClaimPair(wanted) => asked = Some(wanted),
                HubOutput::Established { .. } => established = true,
                HubOutput::Save(_) | HubOutput::Send(_) | HubOutput::Failed(_) => {}
            }
        }
        now += Duration::from_millis(1);
        if let Some(wanted) = asked {
            let (challenge, response) = pair(profile, wanted);
            let _ = hub.handle(now, HubInput::Pair(challenge, &response), &mut rng);
        } else {
            let Some(frame) = frames.next() else { return established };
            let _ = hub.handle(now, HubInput::Frame(frame), &mut rng);
        }
    }
}

/// A data frame of the paper's profile.
pub fn paper_data(data: &[u8]) -> bool {
    let mut buffer = [0; PAYLOAD_BYTES_MAX];
    DataReader::new(paper_key(), SENSOR).open(data, &mut buffer).is_ok()
}

/// Records to a hub; none opens twice.
pub fn record(data: &[u8]) -> bool {
    let mut reader = RecordReader::new(record_key(), Direction::Up, SENSOR);
    let mut counters = Vec::new();
    let mut buffer = [0; PAYLOAD_BYTES_MAX];
    for frame in super::pieces(data) {
        if let Ok(opened) = reader.open(frame, &mut buffer) {
            assert!(!counters.contains(&opened.counter), "a record opened twice");
            counters.push(opened.counter);
            let _ = Receipt::parse(opened.payload).map(|receipt| assert_eq!(receipt.emit(), *opened.payload));
        }
    }
    !counters.is_empty()
}

/// A batch of samples.
pub fn batch(data: &[u8]) -> bool {
    let Ok(batch) = Batch::parse(data) else { return false };
    let samples: Vec<i16> = batch.samples().collect();
    assert_eq!(samples.len(), batch.len());
    let _ = batch.header.time_of(u64::MAX);
    let mut buffer = vec![0; BATCH_HEADER_BYTES + 3 * samples.len()];
    let emitted = observation::emit(&batch.header, &samples, &mut buffer);
    assert!(emitted.is_ok_and(|(written, taken)| {
        let again = buffer.get(..written).map(Batch::parse);
        taken == samples.len()
            && again.is_some_and(|again| again.is_ok_and(|b| b.samples().eq(batch.samples())))
    }));
    true
}

/// A report with its body.
pub fn report(data: &[u8]) -> bool {
    let Ok(report) = Report::parse(data) else { return false };
    match report.header.kind {
        Kind::Observations => report.parts().flatten().filter(|part| batch(part)).count() > 0,
        Kind::Sealed => report.parts().flatten().filter(|part| sealed(part)).count() > 0,
        Kind::Consent => consent(report.body()),
        Kind::Alarm => Alarm::parse(report.body())
            .map(|(alarm, _)| {
                assert!(alarm.to_bytes().is_ok_and(|bytes| Alarm::parse(&bytes) == Ok((alarm, None))))
            })
            .is_ok(),
        Kind::Session => Session::parse(report.body())
            .map(|session| assert!(session.to_bytes().is_ok_and(|bytes| bytes == report.body())))
            .is_ok(),
        Kind::Vector => Window::parse(report.body())
            .map(|(window, vector)| assert_eq!([&window.to_bytes()[..], vector].concat(), report.body()))
            .is_ok(),
        Kind::Declined => refused(report.body()),
    }
}

/// Why a key was not given, as a report says it.
fn refused(data: &[u8]) -> bool {
    Refused::parse(data).map(|refused| assert!(refused.to_bytes().is_ok_and(|bytes| bytes == data))).is_ok()
}

/// An order to a hub; or what a sensor is told, the halves of asks one after the other, and what it answers.
pub fn ask(data: &[u8]) -> bool {
    if let Ok((sensor, ask)) = Ask::from_order(data) {
        assert!(data.len() == ORDER_BYTES && ask.to_order(sensor).is_ok_and(|order| order == data));
        return true;
    }
    let mut halves = Halves::default();
    let mut found = false;
    for piece in super::pieces(data) {
        if let Ok(Some(ask)) = halves.push(piece) {
            assert!(ask.to_halves().is_ok_and(|(first, second)| piece == first || piece == second));
            found = true;
        }
        if let Ok(refused) = Refused::from_payload(piece) {
            assert!(refused.to_payload().is_ok_and(|payload| payload == piece));
            found = true;
        }
    }
    found
}

/// A sensor's consent.
pub fn consent(data: &[u8]) -> bool {
    let claimed = consent::Claimed::parse(data);
    let opened = consent::open_grant(&wrapping_key(), SENSOR, data).is_ok();
    assert!(claimed.is_ok() || !opened, "it opens, and says nothing");
    opened
}

/// A payload that only the clinic opens.
pub fn sealed(data: &[u8]) -> bool {
    let _ = consent::session_of(data);
    let mut out = vec![0; data.len()];
    consent::open(&granted(), SENSOR, data, &mut out).is_ok_and(|length| length <= data.len())
}

/// What either side reads from its own storage, which may be worn.
pub fn stored(data: &[u8]) -> bool {
    let same = |stored: Result<Stored, Error>| stored.is_ok_and(|stored| stored.as_bytes() == data);
    let sensor = SensorRecord::from_bytes(data).map(|record| assert!(same(record.to_bytes())));
    // Without a pending key its place may hold anything.
    let again = |record: &HubRecord| record.to_bytes().and_then(|b| HubRecord::from_bytes(b.as_bytes()));
    let hub = HubRecord::from_bytes(data).map(|record| assert_eq!(again(&record).as_ref(), Ok(&record)));
    sensor.is_ok() || hub.is_ok()
}

/// A certificate, an access request, a policy, a revocation list or a decision on record.
pub fn access(data: &[u8]) -> bool {
    let certificate = Certificate::parse(data).map(|c| {
        assert_eq!(c.to_bytes().as_ref().map(|b| &b[..]), Ok(data));
        assert!(c.signed_bytes().is_ok());
        let _ = c.validity(u64::MAX);
    });
    let request = Request::parse(data).map(|r| {
        assert_eq!(r.to_bytes().as_ref().map(|b| &b[..]), Ok(data));
        assert!(r.signed_bytes().is_ok());
    });
    let policy = Policy::parse(data).map(|p| assert_eq!(p.to_bytes().as_ref().map(|b| &b[..]), Ok(data)));
    let record =
        DecisionRecord::parse(data).map(|r| assert_eq!(r.to_bytes().as_ref().map(|b| &b[..]), Ok(data)));
    let list = RevocationList::parse(data).map(|list| {
        assert_eq!(list.signed_bytes().len() + SIGNATURE_BYTES, data.len());
        let serials: Vec<u64> = list
            .signed_bytes()
            .rchunks_exact(8)
            .take(list.len())
            .map(|serial| serial.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
            .collect();
        assert!(serials.iter().all(|serial| list.names(*serial)), "a serial is listed and not found");
        let ascending: Vec<u64> = serials.into_iter().rev().collect();
        let mut again = vec![0; data.len()];
        let written =
            revocation::emit_signed_bytes(list.issuer, list.number, list.made_ms, &ascending, &mut again);
        assert!(written.is_ok_and(|length| again.get(..length) == Some(list.signed_bytes())));
    });
    let accepted =
        [certificate, request, policy, record, list].iter().filter(|parsed| parsed.is_ok()).count();
    assert!(accepted <= 1, "the same bytes are two things");
    accepted == 1
}
