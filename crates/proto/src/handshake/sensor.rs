//! The sensor's machine: time, back-off and order of the outputs, the same for both profiles.

use super::{ANSWER_TIMEOUT, SensorRecord, SensorSecret, SensorStep, backoff, hardened};
use crate::error::Error;
#[cfg(feature = "paper")]
use crate::paper;
use crate::puf::{Challenge, Response};
use crate::session::Session;
use crate::wire::Frame;
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
    Send(Frame),
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

/// Outputs of one input: save, send and established at most.
const OUTPUTS_MAX: usize = 3;

/// A sensor's handshake state machine.
#[derive(Clone)]
pub struct SensorHandshake {
    record: SensorRecord,
    run: Option<Run>,
    deadline: Option<Duration>,
    failures: u32,
    outputs: [Option<SensorOutput>; OUTPUTS_MAX],
}

impl SensorHandshake {
    /// A machine that continues from the stored record.
    pub const fn new(record: SensorRecord) -> Self {
        Self { record, run: None, deadline: None, failures: 0, outputs: [const { None }; OUTPUTS_MAX] }
    }

    /// Takes one input at the time `now` (any monotonic clock). An `Err` says that the input was refused and changed
    /// nothing; [`Self::poll`] must be drained before the next call.
    pub fn handle(
        &mut self,
        now: Duration,
        input: SensorInput<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), Error> {
        let step = match input {
            SensorInput::Start => self.start(rng)?,
            SensorInput::Frame(bytes) => self.frame(bytes)?,
            SensorInput::Response(response) => self.response(response, rng)?,
            SensorInput::Timeout => match self.timeout(now, rng)? {
                Some(step) => step,
                None => return Ok(()),
            },
        };
        self.carry_out(now, step);
        Ok(())
    }

    /// The next thing to do, or `None`.
    pub fn poll(&mut self) -> Option<SensorOutput> {
        self.outputs.iter_mut().find_map(Option::take)
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

    fn start(&mut self, rng: &mut impl CryptoRng) -> Result<SensorStep, Error> {
        let (run, step) = match &mut self.record.secret {
            SensorSecret::Hardened(chain) => {
                let (run, step) = hardened::SensorRun::start(chain, self.record.sensor, rng)?;
                (Run::Hardened(run), step)
            }
            #[cfg(feature = "paper")]
            SensorSecret::Paper(seed) => {
                let (run, step) = paper::SensorRun::start(seed, self.record.sensor)?;
                (Run::Paper(run), step)
            }
        };
        self.run = Some(run);
        Ok(step)
    }

    fn frame(&mut self, bytes: &[u8]) -> Result<SensorStep, Error> {
        match (&mut self.run, &mut self.record.secret) {
            (Some(Run::Hardened(run)), SensorSecret::Hardened(chain)) => {
                run.frame(chain, self.record.hub, bytes)
            }
            #[cfg(feature = "paper")]
            (Some(Run::Paper(run)), SensorSecret::Paper(seed)) => run.frame(seed, self.record.sensor, bytes),
            _ => Err(Error::Misuse("no frame is expected now")),
        }
    }

    fn response(&mut self, response: &Response, rng: &mut impl CryptoRng) -> Result<SensorStep, Error> {
        match (&mut self.run, &self.record.secret) {
            (Some(Run::Hardened(run)), SensorSecret::Hardened(chain)) => run.response(chain, response, rng),
            #[cfg(feature = "paper")]
            (Some(Run::Paper(run)), SensorSecret::Paper(_)) => run.response(self.record.sensor, response),
            _ => Err(Error::Misuse("no response was asked for")),
        }
    }

    fn timeout(&mut self, now: Duration, rng: &mut impl CryptoRng) -> Result<Option<SensorStep>, Error> {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return Ok(None);
        }
        if self.run.is_none() {
            return self.start(rng).map(Some);
        }
        let after_ms = ANSWER_TIMEOUT.as_millis() as u64;
        Ok(Some(SensorStep::Failed(Error::Timeout { after_ms })))
    }

    fn carry_out(&mut self, now: Duration, step: SensorStep) {
        match step {
            #[cfg(feature = "paper")]
            SensorStep::Wait => return,
            SensorStep::Announce(frame) => {
                // The attempt is durable before it is on the air, so that no attempt number is ever used twice.
                self.push(SensorOutput::Save(self.record.clone()));
                self.push(SensorOutput::Send(frame));
            }
            SensorStep::ReadPuf { challenge, response_bytes } => {
                self.push(SensorOutput::ReadPuf { challenge, response_bytes });
            }
            SensorStep::Send(frame) => self.push(SensorOutput::Send(frame)),
            SensorStep::Done { last, session } => {
                self.run = None;
                self.failures = 0;
                self.push(SensorOutput::Save(self.record.clone()));
                if let Some(frame) = last {
                    self.push(SensorOutput::Send(frame));
                }
                self.push(SensorOutput::Established(session));
                self.deadline = None;
                return;
            }
            SensorStep::Failed(error) => {
                self.run = None;
                self.failures = self.failures.saturating_add(1);
                self.push(SensorOutput::Failed(error));
                self.deadline = Some(now + backoff(self.failures));
                return;
            }
        }
        self.deadline = Some(now + ANSWER_TIMEOUT);
    }

    fn push(&mut self, output: SensorOutput) {
        if let Some(slot) = self.outputs.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(output);
        }
    }
}
