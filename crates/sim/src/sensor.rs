//! A simulated sensor: a simulated PUF and signal, the real handshake and the real records.

use crate::Error;
use crate::patient::Source;
use bodywire_proto::consent::{self, DataKey, SEALED_OVERHEAD_BYTES, Sealer};
use bodywire_proto::handshake::{SensorHandshake, SensorInput, SensorOutput, SensorRecord, SensorSecret};
use bodywire_proto::observation::{self, BatchHeader};
use bodywire_proto::prf::Key;
use bodywire_proto::puf::{Challenge, Puf, Response};
use bodywire_proto::receipt::{Receipt, UNHEARD_MAX};
use bodywire_proto::record::{PAYLOAD_BYTES_MAX, RecordReader};
use bodywire_proto::session::Writer;
use bodywire_proto::wire::{Frame, TYPE_RECORD};
use rand_core::CryptoRng;
use std::collections::VecDeque;
use std::time::Duration;

/// Signal time in one record: a quarter of a second keeps the trace live and one record below the radio's frame.
const RECORD_US: u64 = 250_000;
/// Samples that wait while there is no session: ten minutes of ECG. Then the oldest are dropped, and the jump of the
/// sample numbers says so.
const WAITING_SAMPLES_MAX: usize = 600 * 360;
/// How long a standing consent lasts: two sessions, so that what the last one left in a spool can still be opened.
const CONSENT_MS: u64 = 24 * 60 * 60 * 1_000;
/// A sensor authenticates anew after this long: fresh keys, and a fresh consent from a class III sensor.
pub const SESSION_MAX: Duration = Duration::from_secs(12 * 60 * 60);

/// What a sensor wants done, in this order.
#[derive(Debug)]
pub enum Output {
    /// Write this into the sensor's non-volatile memory before anything that follows.
    Save(SensorRecord),
    /// Put this frame on the air.
    Send(Box<Frame>),
}

/// How a sensor treats its payloads.
pub enum Sealing {
    /// Risk class I and II: the hub reads them.
    Open,
    /// Risk class III with a standing consent: sealed for the clinic, which shares this key with the sensor.
    ForClinic(Key),
}

/// A sensor.
pub struct Sensor<P> {
    handshake: SensorHandshake,
    puf: P,
    source: Source,
    sealing: Sealing,
    records: Option<Writer>,
    /// The way down, for receipts.
    down: Option<RecordReader>,
    /// When the first record went out that no receipt has followed.
    unheard_since: Option<Duration>,
    sealer: Option<Sealer>,
    /// When the running session began, and how many there were.
    session_since: Duration,
    sessions: u32,
    /// How many times faster than life the signal is played.
    speed: f64,
    /// When the first session began, by the caller's clock and in milliseconds since 1970.
    switched_on: Option<(Duration, u64)>,
    /// Samples taken from the source.
    taken: u64,
    waiting: VecDeque<i16>,
    outputs: VecDeque<Output>,
}

impl<P: Puf> Sensor<P> {
    /// A sensor that continues from its stored record. Measuring begins with the first session.
    pub fn new(record: SensorRecord, puf: P, source: Source, sealing: Sealing, speed: f64) -> Self {
        Self {
            handshake: SensorHandshake::new(record),
            puf,
            source,
            sealing,
            records: None,
            down: None,
            unheard_since: None,
            sealer: None,
            session_since: Duration::ZERO,
            sessions: 0,
            speed,
            switched_on: None,
            taken: 0,
            waiting: VecDeque::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Begins to authenticate.
    pub fn start(&mut self, now: Duration, rng: &mut impl CryptoRng) -> Result<(), Error> {
        self.handshake.handle(now, SensorInput::Start, rng)?;
        self.drain(now, 0, rng)
    }

    /// Takes a frame from the air. `unix_ms` is the sensor's clock.
    pub fn frame(
        &mut self,
        now: Duration,
        unix_ms: u64,
        bytes: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<(), Error> {
        if bytes.first() == Some(&TYPE_RECORD) {
            return self.receipt(bytes);
        }
        self.handshake.handle(now, SensorInput::Frame(bytes), rng)?;
        self.drain(now, unix_ms, rng)
    }

    fn receipt(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let down = self.down.as_mut().ok_or(bodywire_proto::Error::Misuse("a record without a session"))?;
        let mut buffer = [0u8; PAYLOAD_BYTES_MAX];
        Receipt::parse(down.open(bytes, &mut buffer)?.payload)?;
        self.unheard_since = None;
        Ok(())
    }

    /// True when the hub has to be met again: the session is old, or the hub does not hear this sensor.
    fn is_due(&self, now: Duration) -> bool {
        let old = now.saturating_sub(self.session_since) > SESSION_MAX;
        let unheard = self.down.is_some()
            && self.unheard_since.is_some_and(|since| now.saturating_sub(since) > UNHEARD_MAX);
        self.is_established() && (old || unheard)
    }

    /// Lets time pass: measures what is due, sends what is complete, repeats what was not answered.
    pub fn tick(&mut self, now: Duration, unix_ms: u64, rng: &mut impl CryptoRng) -> Result<(), Error> {
        if self.handshake.next_timeout().is_some_and(|at| now >= at) {
            self.handshake.handle(now, SensorInput::Timeout, rng)?;
            self.drain(now, unix_ms, rng)?;
        }
        if self.is_due(now) {
            // What is measured meanwhile waits: the hub changes its keys before the sensor does.
            self.records = None;
            self.start(now, rng)?;
        }
        self.measure(now);
        while self.send_record(false)? {
            self.unheard_since.get_or_insert(now);
        }
        Ok(())
    }

    /// The next thing to do, or `None`.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// True when there is a session.
    pub const fn is_established(&self) -> bool {
        self.records.is_some()
    }

    /// How many sessions there were.
    pub const fn sessions(&self) -> u32 {
        self.sessions
    }

    /// True when the source has ended and all of it has been sent.
    pub fn is_finished(&self) -> bool {
        self.source.remaining() == Some(0) && self.waiting.is_empty()
    }

    /// Samples measured so far.
    pub const fn measured(&self) -> u64 {
        self.taken
    }

    /// Sends what is left although it does not fill a record.
    pub fn flush(&mut self) -> Result<(), Error> {
        while self.send_record(true)? {}
        Ok(())
    }

    fn drain(&mut self, now: Duration, unix_ms: u64, rng: &mut impl CryptoRng) -> Result<(), Error> {
        while let Some(output) = self.handshake.poll() {
            match output {
                SensorOutput::Save(record) => self.outputs.push_back(Output::Save(record)),
                SensorOutput::Send(frame) => self.outputs.push_back(Output::Send(Box::new(frame.into()))),
                SensorOutput::ReadPuf { challenge, response_bytes } => {
                    self.read_puf(now, &challenge, response_bytes, rng)?;
                }
                SensorOutput::Established(session) => {
                    let sensor = self.handshake.record().sensor;
                    self.records = Some(session.writer(sensor));
                    self.down = session.down_reader(sensor);
                    self.unheard_since = None;
                    self.session_since = now;
                    self.sessions += 1;
                    self.switched_on.get_or_insert((now, unix_ms));
                    self.give_consent(unix_ms, rng)?;
                }
                SensorOutput::Failed(_) => {}
            }
        }
        Ok(())
    }

    fn read_puf(
        &mut self,
        now: Duration,
        challenge: &Challenge,
        response_bytes: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<(), Error> {
        let mut response = Response::zeroed(response_bytes)?;
        self.puf.respond(challenge, &mut response);
        self.handshake.handle(now, SensorInput::Response(&response), rng)?;
        Ok(())
    }

    /// A standing consent: after each authentication the sensor gives the clinic the session's data key.
    fn give_consent(&mut self, unix_ms: u64, rng: &mut impl CryptoRng) -> Result<(), Error> {
        let Sealing::ForClinic(wrapping) = &self.sealing else { return Ok(()) };
        let record = self.handshake.record();
        let mut bytes = [0u8; 16];
        rng.fill_bytes(&mut bytes);
        let key = DataKey::new(bytes);
        // The epoch has just moved on and never comes back, so that it names the session.
        let sensor = record.sensor;
        let session = match &record.secret {
            SensorSecret::Hardened(chain) => chain.epoch,
            // The variation comes back after 640 runs, and with it the number of the session.
            SensorSecret::Paper(seed) => u32::from(seed.delta()),
        };
        let consent = consent::grant(wrapping, sensor, session, unix_ms + CONSENT_MS, &key)?;
        self.sealer = Some(Sealer::new(key, sensor, session));
        self.seal_and_send(&consent)
    }

    fn seal_and_send(&mut self, payload: &[u8]) -> Result<(), Error> {
        if let Some(records) = &mut self.records {
            let frame = records.seal(payload)?;
            self.outputs.push_back(Output::Send(Box::new(frame)));
        }
        Ok(())
    }

    /// Takes the samples that are due from the source.
    fn measure(&mut self, now: Duration) {
        let Some((since, _)) = self.switched_on else { return };
        let elapsed_s = now.saturating_sub(since).as_secs_f64() * self.speed;
        let due = (elapsed_s * f64::from(self.source.rate_millihertz) / 1_000.0) as u64;
        while self.taken < due {
            let Some(sample) = self.source.next_sample() else { return };
            self.taken += 1;
            self.waiting.push_back(sample);
            if self.waiting.len() > WAITING_SAMPLES_MAX {
                self.waiting.pop_front();
            }
        }
    }

    /// Sends one record when there is enough for it, or anything at all with `everything`.
    fn send_record(&mut self, everything: bool) -> Result<bool, Error> {
        let per_record = (u64::from(self.source.rate_millihertz) * RECORD_US / 1_000_000_000).max(1) as usize;
        let last = everything || self.source.remaining() == Some(0);
        let enough = self.waiting.len() >= per_record || (last && !self.waiting.is_empty());
        let Some((_, started_ms)) = self.switched_on.filter(|_| enough && self.records.is_some()) else {
            return Ok(false);
        };
        let first_index = self.taken - self.waiting.len() as u64;
        let start = BatchHeader {
            signal: self.source.signal,
            simulated: self.source.simulated,
            rate_millihertz: self.source.rate_millihertz,
            scale: self.source.scale,
            first_index,
            time_us: started_ms * 1_000,
        };
        let header = BatchHeader { time_us: start.time_of(first_index), ..start };
        let samples: Vec<i16> = self.waiting.iter().copied().take(per_record).collect();
        let overhead = if self.sealer.is_some() { SEALED_OVERHEAD_BYTES } else { 0 };
        let mut plain = [0u8; PAYLOAD_BYTES_MAX];
        let room = self.records.as_ref().map_or(0, Writer::payload_bytes_max) - overhead;
        let (len, taken) = observation::emit(&header, &samples, plain.get_mut(..room).unwrap_or(&mut []))?;
        let plain = plain.get(..len).unwrap_or(&[]);
        if let Some(sealer) = &mut self.sealer {
            let mut sealed = [0u8; PAYLOAD_BYTES_MAX];
            let len = sealer.seal(plain, &mut sealed)?;
            self.seal_and_send(sealed.get(..len).unwrap_or(&[]))?;
        } else {
            self.seal_and_send(plain)?;
        }
        self.waiting.drain(..taken);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patient::Condition;
    use crate::puf::{NOISE_TYPICAL, SramPuf};
    use bodywire_hub::enrolment::{challenges, enroll};
    use bodywire_hub::link::{Link, Output as LinkOutput};
    use bodywire_proto::handshake::{HubRecord, Profile, enrolled};
    use bodywire_proto::observation::{Batch, Signal};
    use bodywire_proto::wire::{HubId, SensorId};
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    const SENSOR: SensorId = SensorId(3);

    struct Bench {
        sensor: Sensor<SramPuf>,
        link: Link,
        pairs: Vec<(Challenge, Response)>,
        rng: ChaCha20Rng,
        payloads: Vec<Vec<u8>>,
        saved_hub: HubRecord,
        sessions: u32,
    }

    fn bench(source: Source, sealing: Sealing) -> Bench {
        bench_of(Profile::ALL[0], source, sealing)
    }

    fn bench_of(profile: Profile, source: Source, sealing: Sealing) -> Bench {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut chip = SramPuf::new([9; 32], NOISE_TYPICAL, 2);
        let (record, at_hub) = enrolled(profile, SENSOR, HubId(1), &mut rng).unwrap();
        let pairs = enroll(&mut chip, profile, challenges(&record, 8).unwrap(), &[], |_| {}).unwrap().pairs;
        let chip = SramPuf::new([9; 32], NOISE_TYPICAL, 1);
        Bench {
            sensor: Sensor::new(record, chip, source, sealing, 1.0),
            link: Link::new(at_hub.clone()),
            pairs,
            rng,
            payloads: Vec::new(),
            saved_hub: at_hub,
            sessions: 0,
        }
    }

    impl Bench {
        /// Carries frames both ways until the air is silent.
        fn exchange(&mut self, now: Duration) {
            if self.link.next_timeout().is_some_and(|at| now >= at) {
                self.link.timeout(now, &mut self.rng).unwrap();
                self.answer(now);
            }
            while let Some(output) = self.sensor.poll() {
                let Output::Send(frame) = output else { continue };
                if self.link.frame(now, frame.as_bytes(), &mut self.rng).is_err() {
                    assert!(!self.link.is_established(), "refused within a session");
                }
                self.answer(now);
            }
        }

        /// Does what the hub wants done.
        fn answer(&mut self, now: Duration) {
            while let Some(output) = self.link.poll() {
                match output {
                    LinkOutput::ClaimPair(wanted) => {
                        let fits = |(c, _): &(Challenge, _)| wanted.is_none_or(|wanted| *c == wanted);
                        let pair = self.pairs.iter().position(fits).map(|at| self.pairs.remove(at));
                        self.link.pair(now, pair, &mut self.rng).unwrap();
                    }
                    LinkOutput::Send(frame) => {
                        self.sensor.frame(now, 1_000, frame.as_bytes(), &mut self.rng).unwrap();
                    }
                    LinkOutput::Payload(payload) => self.payloads.push(payload),
                    LinkOutput::Save(record) => self.saved_hub = *record,
                    LinkOutput::Established { .. } => self.sessions += 1,
                    LinkOutput::Failed(error) => panic!("{error}"),
                }
            }
        }

        fn run(&mut self, seconds: u64) {
            self.sensor.start(Duration::ZERO, &mut self.rng).unwrap();
            self.exchange(Duration::ZERO);
            self.pass(0, seconds);
        }

        /// Lets the seconds between two moments pass.
        fn pass(&mut self, from: u64, to: u64) {
            for tick in from * 20..to * 20 {
                let now = Duration::from_millis(50 * tick);
                self.sensor.tick(now, 1_000, &mut self.rng).unwrap();
                self.exchange(now);
            }
        }
    }

    #[test]
    fn an_ecg_arrives_at_the_hub_without_a_gap_in_every_profile() {
        for profile in Profile::ALL.iter().copied() {
            let source = Source::synthetic_ecg(1, Condition::new()).unwrap();
            let mut bench = bench_of(profile, source, Sealing::Open);
            bench.run(5);
            assert!(bench.sensor.is_established() && bench.link.is_established(), "{}", profile.name());
            let mut next = 0;
            for payload in &bench.payloads {
                let batch = Batch::parse(payload).unwrap();
                assert_eq!(batch.header.first_index, next);
                next += batch.len() as u64;
            }
            assert!(next >= 4 * 360, "{next} samples in five seconds");
        }
    }

    #[test]
    fn a_class_iii_sensor_gives_consent_first_and_then_speaks_sealed() {
        let wrapping = Key::new([6; 32]);
        let source = Source::number(Signal::InsulinRate, 1, Condition::new());
        let mut bench = bench(source, Sealing::ForClinic(wrapping.clone()));
        bench.run(5);
        let granted = consent::open_grant(&wrapping, SENSOR, &bench.payloads[0]).unwrap();
        let mut buffer = [0; PAYLOAD_BYTES_MAX];
        for sealed in &bench.payloads[1..] {
            assert!(Batch::parse(sealed).is_err(), "the hub must not be able to read it");
            let len = consent::open(&granted, SENSOR, sealed, &mut buffer).unwrap();
            assert_eq!(Batch::parse(&buffer[..len]).unwrap().header.signal, Signal::InsulinRate);
        }
        assert!(bench.payloads.len() >= 2);
    }

    #[test]
    fn a_session_is_renewed_in_time_and_nothing_is_lost_by_it() {
        let wrapping = Key::new([6; 32]);
        let source = Source::number(Signal::InsulinRate, 1, Condition::new());
        let mut bench = bench(source, Sealing::ForClinic(wrapping.clone()));
        bench.run(5);
        for later in [1, 2] {
            let now = SESSION_MAX + Duration::from_secs(later);
            bench.sensor.tick(now, 1_000, &mut bench.rng).unwrap();
            bench.exchange(now);
        }
        let consents = bench.payloads.iter().filter_map(|p| consent::open_grant(&wrapping, SENSOR, p).ok());
        let sessions: Vec<u32> = consents.map(|granted| granted.session).collect();
        assert_eq!(sessions, [1, 2]);
        assert!(bench.sensor.is_established());
    }

    #[test]
    fn a_hub_that_lost_the_session_is_met_again() {
        let source = Source::synthetic_ecg(1, Condition::new()).unwrap();
        let mut bench = bench(source, Sealing::Open);
        bench.run(5);
        let before = bench.payloads.len();
        // The hub restarts from its storage and knows of no session; it refuses in silence.
        bench.link = Link::new(bench.saved_hub.clone());
        let mut seconds = 5;
        while !bench.link.is_established() {
            seconds += 1;
            assert!(seconds < 30, "the sensor has not noticed");
            bench.pass(seconds - 1, seconds);
        }
        assert!((15..=18).contains(&seconds), "after {seconds} s");
        bench.pass(seconds, seconds + 5);
        assert!(bench.payloads.len() > before + 16, "and what was measured meanwhile goes out");
    }

    #[test]
    fn a_sensor_with_nothing_to_say_does_not_feel_unheard() {
        let samples: Vec<u8> = (0..500i16).flat_map(i16::to_le_bytes).collect();
        let header = "x 1 360 500\nx.dat 16 200 12 0 0 0 0 ECG\n";
        let mut bench = bench(Source::recording(header, &samples, 0).unwrap(), Sealing::Open);
        bench.run(30);
        assert_eq!(bench.sessions, 1);
    }

    #[test]
    fn a_recording_is_sent_to_its_last_sample() {
        let samples: Vec<u8> = (0..500i16).flat_map(i16::to_le_bytes).collect();
        let header = "x 1 360 500\nx.dat 16 200 12 0 0 0 0 ECG\n";
        let mut bench = bench(Source::recording(header, &samples, 0).unwrap(), Sealing::Open);
        bench.run(3);
        assert!(bench.sensor.is_finished());
        let sent: Vec<i16> = bench
            .payloads
            .iter()
            .flat_map(|p| Batch::parse(p).unwrap().samples().collect::<Vec<_>>())
            .collect();
        assert_eq!(sent, (0..500).collect::<Vec<i16>>());
    }
}
