//! The sensor's machine: time, back-off and order of the outputs, the same for both profiles.

use super::{ANSWER_TIMEOUT, SensorRecord, SensorSecret, backoff, hardened};
use crate::error::Error;
#[cfg(feature = "paper")]
use crate::paper;
use crate::puf::{Challenge, Response};
use crate::session::Session;
use crate::wire::HandshakeFrame;
use core::time::Duration;
use rand_core::CryptoRng;

/// What happens to a sensor.
#[derive(Debug)]
pub enum SensorInput<'a> {
    /// Begin a run now.
    Start,
    /// A frame from the air, not trusted.
    Frame(&'a [u8]),
    /// The PUF's answer to [`SensorOutput::ReadPuf`].
    Response(&'a Response),
    /// [`SensorHandshake::next_timeout`] has passed.
    Timeout,
}

/// What a sensor wants done, in this order.
#[derive(Debug, Clone)]
#[cfg_attr(
    not(feature = "paper"),
    expect(
        clippy::large_enum_variant,
        reason = "there is no heap to box a frame on, and a value is moved once"
    )
)]
pub enum SensorOutput {
    /// Put this on durable storage before anything that follows.
    Save(SensorRecord),
    /// Put this frame on the air.
    Send(HandshakeFrame),
    /// Read the PUF and come back with [`SensorInput::Response`].
    ReadPuf {
        /// What to ask it.
        challenge: Challenge,
        /// How long the response has to be.
        response_bytes: usize,
    },
    /// Both sides have proved themselves; this protects what follows.
    Established(Session),
    /// The run is over without a session; the next starts at [`SensorHandshake::next_timeout`].
    Failed(Error),
}

#[derive(Clone)]
enum Run {
    Hardened(hardened::SensorRun),
    #[cfg(feature = "paper")]
    Paper(paper::SensorRun),
}

/// What one input leads to, in the order in which it is handed out. A profile fills in what it wants; nothing is built or
/// copied before it is asked for, because a copied frame costs a sensor a tenth of a hash.
#[derive(Clone)]
pub(crate) struct SensorTodo {
    /// The record is to be saved, as it stands after the input.
    pub(crate) save: bool,
    /// To be sent.
    pub(crate) send: Option<HandshakeFrame>,
    /// The PUF is to be read: challenge, and how long the response has to be.
    pub(crate) read: Option<(Challenge, usize)>,
    /// The run has ended well.
    pub(crate) session: Option<Session>,
    /// The run has ended badly.
    pub(crate) failure: Option<Error>,
}

impl SensorTodo {
    const NOTHING: Self = Self { save: false, send: None, read: None, session: None, failure: None };

    const fn is_nothing(&self) -> bool {
        !self.save
            && self.send.is_none()
            && self.read.is_none()
            && self.session.is_none()
            && self.failure.is_none()
    }
}

/// A sensor's handshake state machine.
#[derive(Clone)]
pub struct SensorHandshake {
    record: SensorRecord,
    run: Option<Run>,
    deadline: Option<Duration>,
    failures: u32,
    todo: SensorTodo,
}

impl SensorHandshake {
    /// A machine that continues from the stored record.
    pub const fn new(record: SensorRecord) -> Self {
        Self { record, run: None, deadline: None, failures: 0, todo: SensorTodo::NOTHING }
    }

    /// Takes one input at the time `now` (any monotonic clock). An `Err` says that the input was refused and changed
    /// nothing; [`Self::poll`] must be drained before the next call.
    pub fn handle(
        &mut self,
        now: Duration,
        input: SensorInput<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), Error> {
        match input {
            SensorInput::Start => self.start(rng)?,
            SensorInput::Frame(bytes) => self.frame(bytes)?,
            SensorInput::Response(response) => self.response(response, rng)?,
            SensorInput::Timeout => self.timeout(now, rng)?,
        }
        self.set_deadline(now);
        Ok(())
    }

    /// The next thing to do, or `None`.
    pub fn poll(&mut self) -> Option<SensorOutput> {
        let todo = &mut self.todo;
        if todo.save {
            todo.save = false;
            return Some(SensorOutput::Save(self.record.clone()));
        }
        if todo.send.is_some() {
            return todo.send.take().map(SensorOutput::Send);
        }
        if let Some((challenge, response_bytes)) = todo.read.take() {
            return Some(SensorOutput::ReadPuf { challenge, response_bytes });
        }
        if todo.session.is_some() {
            return todo.session.take().map(SensorOutput::Established);
        }
        todo.failure.take().map(SensorOutput::Failed)
    }

    /// When to call [`SensorInput::Timeout`].
    pub const fn next_timeout(&self) -> Option<Duration> {
        self.deadline
    }

    /// The record as it should stand on storage.
    pub const fn record(&self) -> &SensorRecord {
        &self.record
    }

    /// True when no run is in progress.
    pub const fn is_idle(&self) -> bool {
        self.run.is_none()
    }

    fn start(&mut self, rng: &mut impl CryptoRng) -> Result<(), Error> {
        let sensor = self.record.sensor;
        self.run = Some(match &mut self.record.secret {
            SensorSecret::Hardened(chain) => {
                Run::Hardened(hardened::SensorRun::start(chain, sensor, rng, &mut self.todo)?)
            }
            #[cfg(feature = "paper")]
            SensorSecret::Paper(seed) => Run::Paper(paper::SensorRun::start(seed, sensor, &mut self.todo)?),
        });
        Ok(())
    }

    fn frame(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match (&mut self.run, &mut self.record.secret) {
            (Some(Run::Hardened(run)), SensorSecret::Hardened(chain)) => {
                run.frame(chain, self.record.hub, bytes, &mut self.todo)
            }
            #[cfg(feature = "paper")]
            (Some(Run::Paper(run)), SensorSecret::Paper(seed)) => {
                run.frame(seed, self.record.sensor, bytes, &mut self.todo)
            }
            _ => Err(Error::Misuse("no frame is expected now")),
        }
    }

    fn response(&mut self, response: &Response, rng: &mut impl CryptoRng) -> Result<(), Error> {
        match (&mut self.run, &self.record.secret) {
            (Some(Run::Hardened(run)), SensorSecret::Hardened(chain)) => {
                run.response(chain, response, rng, &mut self.todo)
            }
            #[cfg(feature = "paper")]
            (Some(Run::Paper(run)), SensorSecret::Paper(_)) => {
                run.response(self.record.sensor, response, &mut self.todo)
            }
            _ => Err(Error::Misuse("no response was asked for")),
        }
    }

    fn timeout(&mut self, now: Duration, rng: &mut impl CryptoRng) -> Result<(), Error> {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        if self.run.is_none() {
            return self.start(rng);
        }
        let after_ms = ANSWER_TIMEOUT.as_millis() as u64;
        self.todo.failure = Some(Error::Timeout { after_ms });
        Ok(())
    }

    /// After an input: until when the next is awaited. An input that leads to nothing changes nothing.
    fn set_deadline(&mut self, now: Duration) {
        if self.todo.is_nothing() {
            return;
        }
        if self.todo.failure.is_some() {
            self.run = None;
            self.failures = self.failures.saturating_add(1);
            self.deadline = Some(now + backoff(self.failures));
        } else if self.todo.session.is_some() {
            (self.run, self.deadline) = (None, None);
            self.failures = 0;
        } else {
            self.deadline = Some(now + ANSWER_TIMEOUT);
        }
    }
}
