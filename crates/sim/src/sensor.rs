//! A simulated sensor: a simulated PUF and signal, the real handshake and the real records.

mod answers;
mod release;

pub use answers::{ANSWER_INTERVAL, ANSWERS_REMEMBERED, GRANTS_MAX};
pub use release::{Release, Rule, Wearer};

use crate::Error;
use crate::patient::Source;
use bodywire_proto::ask::{PATIENCE, TYPE_ASK};
use bodywire_proto::consent::SEALED_OVERHEAD_BYTES;
use bodywire_proto::handshake::{SensorHandshake, SensorInput, SensorOutput, SensorRecord, SensorSecret};
use bodywire_proto::observation::{self, BatchHeader};
use bodywire_proto::puf::{Challenge, Puf, Response};
use bodywire_proto::receipt::{Receipt, UNHEARD_MAX};
use bodywire_proto::record::{PAYLOAD_BYTES_MAX, RecordReader};
use bodywire_proto::session::Writer;
use bodywire_proto::wire::{Frame, TYPE_RECORD};
use rand_core::CryptoRng;
use release::Verdict;
use std::collections::VecDeque;
use std::time::Duration;

/// Signal time in one record: a quarter of a second keeps the trace live and one record below the radio's frame.
const RECORD_US: u64 = 250_000;
/// Samples that wait while there is no session: ten minutes of ECG. Then the oldest are dropped, and the jump of the
/// sample numbers says so.
const WAITING_SAMPLES_MAX: usize = 600 * 360;
/// A sensor authenticates anew after this long: fresh keys, and a fresh data key of a class III sensor.
pub const SESSION_MAX: Duration = Duration::from_secs(12 * 60 * 60);
/// While somebody waits for a consent, an attempt that has led to nothing is given up after this long, and the next begins
/// without a pause: six round trips of a busy body-area network.
const HURRIED_ATTEMPT: Duration = Duration::from_millis(600);

/// What a sensor wants done, in this order.
#[derive(Debug)]
pub enum Output {
    /// Write this into the sensor's non-volatile memory before anything that follows.
    Save(SensorRecord),
    /// Write this, too, before anything that follows: what a class III sensor has answered to whom.
    Remember(Vec<u8>),
    /// Put this frame on the air.
    Send(Box<Frame>),
}

/// How a sensor treats its payloads.
pub enum Sealing {
    /// Risk class I and II: the hub reads them.
    Open,
    /// Risk class III: sealed for the clinic, and open to those to whom the sensor gives the key.
    ForClinic(Box<Release>),
}

/// A sensor.
pub struct Sensor<P> {
    handshake: SensorHandshake,
    puf: P,
    source: Source,
    sealing: Sealing,
    records: Option<Writer>,
    /// The way down, for receipts and asks.
    down: Option<RecordReader>,
    /// When the first record went out that no receipt has followed.
    unheard_since: Option<Duration>,
    /// When the last attempt began, and until when somebody waits for its success.
    attempt_since: Duration,
    hurried_until: Duration,
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
            attempt_since: Duration::ZERO,
            hurried_until: Duration::ZERO,
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
        self.attempt_since = now;
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
            return self.told(now, unix_ms, bytes, rng);
        }
        self.handshake.handle(now, SensorInput::Frame(bytes), rng)?;
        self.drain(now, unix_ms, rng)
    }

    /// A record from the hub: a receipt, or an ask.
    fn told(
        &mut self,
        now: Duration,
        unix_ms: u64,
        bytes: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<(), Error> {
        let down = self.down.as_mut().ok_or(bodywire_proto::Error::Misuse("a record without a session"))?;
        let mut buffer = [0u8; PAYLOAD_BYTES_MAX];
        let payload = down.open(bytes, &mut buffer)?.payload;
        if payload.first() == Some(&TYPE_ASK) {
            return self.asked(now, unix_ms, payload, rng);
        }
        Receipt::parse(payload)?;
        self.unheard_since = None;
        Ok(())
    }

    /// Somebody wants a class III sensor's data.
    fn asked(
        &mut self,
        now: Duration,
        unix_ms: u64,
        payload: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<(), Error> {
        let sensor = self.handshake.record().sensor;
        let Sealing::ForClinic(release) = &mut self.sealing else {
            return Err(bodywire_proto::Error::Misuse("only a class III sensor is asked").into());
        };
        let before = release.memory();
        let verdict = release.ask(sensor, unix_ms, payload)?;
        let after = release.memory();
        if after != before {
            self.outputs.push_back(Output::Remember(after));
        }
        match verdict {
            Verdict::Wait => Ok(()),
            Verdict::Refuse(refused) => self.seal_and_send(&refused.to_payload()?),
            Verdict::Again(consent) => self.seal_and_send(&consent),
            Verdict::BeginAnew => {
                self.hurried_until = now + PATIENCE;
                self.begin_anew(now, rng)
            }
        }
    }

    /// Ends the session and begins to authenticate. What is measured meanwhile waits: the hub changes its keys before the
    /// sensor does.
    fn begin_anew(&mut self, now: Duration, rng: &mut impl CryptoRng) -> Result<(), Error> {
        self.records = None;
        self.start(now, rng)
    }

    /// What the wearer of a class III sensor says to requests from now on.
    pub fn set_wearer(&mut self, wearer: Wearer) {
        if let Sealing::ForClinic(release) = &mut self.sealing {
            release.set_wearer(wearer);
        }
    }

    /// True when the hub has to be met again: the session is old, the hub does not hear this sensor, or who has the
    /// session's data key must not read on.
    fn is_due(&self, now: Duration, unix_ms: u64) -> bool {
        let old = now.saturating_sub(self.session_since) > SESSION_MAX;
        let unheard = self.down.is_some()
            && self.unheard_since.is_some_and(|since| now.saturating_sub(since) > UNHEARD_MAX);
        let over = matches!(&self.sealing, Sealing::ForClinic(release) if release.is_over(unix_ms));
        self.is_established() && (old || unheard || over)
    }

    /// Lets time pass: measures what is due, sends what is complete, repeats what was not answered.
    pub fn tick(&mut self, now: Duration, unix_ms: u64, rng: &mut impl CryptoRng) -> Result<(), Error> {
        if self.handshake.next_timeout().is_some_and(|at| now >= at) {
            self.handshake.handle(now, SensorInput::Timeout, rng)?;
            self.drain(now, unix_ms, rng)?;
        }
        let is_slow = now >= self.attempt_since + HURRIED_ATTEMPT && now < self.hurried_until;
        if self.is_due(now, unix_ms) || (!self.is_established() && is_slow) {
            self.begin_anew(now, rng)?;
        }
        self.give_consents(now)?;
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
                    self.begin_sealing(now, unix_ms, rng)?;
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

    /// A class III sensor draws the session's data key, and gives it to those whose consents are open.
    fn begin_sealing(&mut self, now: Duration, unix_ms: u64, rng: &mut impl CryptoRng) -> Result<(), Error> {
        let Sealing::ForClinic(release) = &mut self.sealing else { return Ok(()) };
        let record = self.handshake.record();
        // The epoch has just moved on and never comes back, so that it names the session.
        let session = match &record.secret {
            SensorSecret::Hardened(chain) => chain.epoch,
            // The variation comes back after 640 runs, and with it the number of the session.
            SensorSecret::Paper(seed) => u32::from(seed.delta()),
        };
        release.begin((record.sensor, session), (now, unix_ms), rng)?;
        self.give_consents(now)
    }

    fn give_consents(&mut self, now: Duration) -> Result<(), Error> {
        let Sealing::ForClinic(release) = &mut self.sealing else { return Ok(()) };
        if self.records.is_none() {
            return Ok(());
        }
        release.due(now).iter().try_for_each(|consent| self.seal_and_send(consent))
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
        let overhead = match self.sealing {
            Sealing::ForClinic(_) => SEALED_OVERHEAD_BYTES,
            Sealing::Open => 0,
        };
        let mut plain = [0u8; PAYLOAD_BYTES_MAX];
        let room = self.records.as_ref().map_or(0, Writer::payload_bytes_max) - overhead;
        let (len, taken) = observation::emit(&header, &samples, plain.get_mut(..room).unwrap_or(&mut []))?;
        let plain = plain.get(..len).unwrap_or(&[]);
        if let Sealing::ForClinic(release) = &mut self.sealing {
            let mut sealed = [0u8; PAYLOAD_BYTES_MAX];
            let len = release.seal(plain, &mut sealed)?;
            self.seal_and_send(sealed.get(..len).unwrap_or(&[]))?;
        } else {
            self.seal_and_send(plain)?;
        }
        self.waiting.drain(..taken);
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
