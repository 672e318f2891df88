//! The sensor link: whatever is on the air or on the sensor's flash.

use bodywire_proto::Error;
use bodywire_proto::consent::{self, DataKey, Granted};
use bodywire_proto::handshake::{
    HubHandshake, HubInput, HubOutput, HubRecord, SensorHandshake, SensorInput, SensorOutput, SensorRecord,
};
use bodywire_proto::observation::{self, BATCH_HEADER_BYTES, Batch};
use bodywire_proto::prf::Key;
use bodywire_proto::puf::{Challenge, RESPONSE_BYTES, Response};
use bodywire_proto::record::{Direction, PAYLOAD_BYTES_MAX, RecordKey, RecordReader};
use bodywire_proto::report::{Alarm, Kind, Report, Session};
use bodywire_proto::wire::{ChallengeMessage, Confirm, Frame, Hello, HubId, Proof, SensorId};
use core::time::Duration;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// The sensor of all inputs.
pub const SENSOR: SensorId = SensorId(5);
/// The pair that the hub has in store.
pub const CHALLENGE: Challenge = Challenge([3; 8]);

/// A generator that makes each run the same.
pub fn seeded(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// What the sensor's PUF answers to everything.
pub fn response() -> Response {
    Response(core::array::from_fn::<u8, RESPONSE_BYTES, _>(|i| (i as u8).wrapping_mul(37)))
}

/// A sensor that has just been enrolled.
pub fn sensor() -> SensorHandshake {
    let key = Key::new([0x42; 32]);
    SensorHandshake::new(SensorRecord { sensor: SENSOR, hub: HubId(1), key, epoch: 0, attempt: 0 })
}

/// Its hub.
pub fn hub() -> HubHandshake {
    HubHandshake::new(HubRecord::enrolled(SENSOR, HubId(1), Key::new([0x42; 32])))
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
    Granted { session: 9, until: 2_000_000_000_000, key: DataKey::new([2; 16]) }
}

/// One handshake message.
pub fn frames(data: &[u8]) -> bool {
    let same = |emitted: Result<Frame, Error>| emitted.is_ok_and(|frame| frame.as_bytes() == data);
    let hello = Hello::parse(data).map(|m| assert!(same(m.emit()), "m1"));
    let challenge = ChallengeMessage::parse(data).map(|m| assert!(same(m.emit()), "m2"));
    let proof = Proof::parse(data).map(|m| assert!(same(m.emit()), "m3"));
    let confirm = Confirm::parse(data).map(|m| assert!(same(m.emit()), "m4"));
    let accepted = [hello, challenge, proof, confirm].iter().filter(|parsed| parsed.is_ok()).count();
    assert!(accepted <= 1, "one frame is two messages");
    accepted == 1
}

/// Frames to a sensor that has begun a run.
pub fn sensor_handshake(data: &[u8]) -> bool {
    let (mut sensor, mut rng) = (sensor(), seeded(1));
    let mut now = Duration::ZERO;
    let _ = sensor.handle(now, SensorInput::Start, &mut rng);
    let mut established = false;
    let mut frames = super::pieces(data);
    loop {
        let mut asked = false;
        while let Some(output) = sensor.poll() {
            asked |= matches!(output, SensorOutput::ReadPuf(_));
            established |= matches!(output, SensorOutput::Established(_));
        }
        now += Duration::from_millis(1);
        if asked {
            let _ = sensor.handle(now, SensorInput::Response(&response()), &mut rng);
        } else {
            let Some(frame) = frames.next() else { return established };
            let _ = sensor.handle(now, SensorInput::Frame(frame), &mut rng);
        }
    }
}

/// Frames to a hub that has a pair in store.
pub fn hub_handshake(data: &[u8]) -> bool {
    let (mut hub, mut rng) = (hub(), seeded(2));
    let mut now = Duration::ZERO;
    let mut established = false;
    let mut frames = super::pieces(data);
    loop {
        let mut asked = false;
        while let Some(output) = hub.poll() {
            asked |= matches!(output, HubOutput::ClaimPair);
            established |= matches!(output, HubOutput::Established { .. });
        }
        now += Duration::from_millis(1);
        if asked {
            let _ = hub.handle(now, HubInput::Pair(CHALLENGE, &response()), &mut rng);
        } else {
            let Some(frame) = frames.next() else { return established };
            let _ = hub.handle(now, HubInput::Frame(frame), &mut rng);
        }
    }
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
            .map(|alarm| assert!(alarm.to_bytes().is_ok_and(|bytes| Alarm::parse(&bytes) == Ok(alarm))))
            .is_ok(),
        Kind::Session => Session::parse(report.body())
            .map(|session| assert!(session.to_bytes().is_ok_and(|bytes| bytes == report.body())))
            .is_ok(),
    }
}

/// A sensor's consent.
pub fn consent(data: &[u8]) -> bool {
    consent::open_grant(&wrapping_key(), SENSOR, data).is_ok()
}

/// A payload that only the clinic opens.
pub fn sealed(data: &[u8]) -> bool {
    let _ = consent::session_of(data);
    let mut out = vec![0; data.len()];
    consent::open(&granted(), SENSOR, data, &mut out).is_ok_and(|length| length <= data.len())
}

/// What either side reads from its own storage, which may be worn.
pub fn stored(data: &[u8]) -> bool {
    let sensor = SensorRecord::from_bytes(data).map(|record| assert_eq!(record.to_bytes(), *data));
    let hub = HubRecord::from_bytes(data)
        .map(|record| assert_eq!(HubRecord::from_bytes(&record.to_bytes()).as_ref(), Ok(&record)));
    sensor.is_ok() || hub.is_ok()
}
