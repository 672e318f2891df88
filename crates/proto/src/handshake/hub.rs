//! The hub's machine for one sensor: time and order of the outputs, the same for both profiles.

use super::{ANSWER_TIMEOUT, HubRecord, HubSecret, HubStep, hardened};
use crate::error::Error;
#[cfg(feature = "paper")]
use crate::paper;
use crate::puf::{Challenge, Response};
use crate::session::Session;
use crate::wire::{HandshakeFrame, TYPE_HELLO};
use core::time::Duration;
use rand_core::CryptoRng;

/// What happens to a hub, as far as one of its sensors is concerned.
#[derive(Debug)]
pub enum HubInput<'a> {
    /// A frame from the air, not trusted.
    Frame(&'a [u8]),
    /// The pair asked for by [`HubOutput::ClaimPair`]; it will never be claimed again.
    Pair(Challenge, &'a Response),
    /// There is no such pair left, or the database does not answer.
    NoPair,
    /// [`HubHandshake::next_timeout`] has passed.
    Timeout,
}

/// What a hub wants done, in this order.
#[derive(Debug, Clone)]
pub enum HubOutput {
    /// Put this on durable storage before anything that follows.
    Save(HubRecord),
    /// Take a pair of this sensor out of the database and come back with it: any unused one, or, in the paper's
    /// profile, the one with this challenge.
    ClaimPair(Option<Challenge>),
    /// Put this frame on the air.
    Send(HandshakeFrame),
    /// Both sides have proved themselves.
    Established {
        /// Protects what follows.
        session: Session,
        /// Bits in which the sensor's reading differed from the enrolled response: the PUF's health.
        noise_bits: u32,
    },
    /// The run is over without a session.
    Failed(Error),
}

#[derive(Clone)]
enum Run {
    Hardened(hardened::HubRun),
    #[cfg(feature = "paper")]
    Paper(paper::HubRun),
}

/// Outputs of one input: save, send and established at most.
const OUTPUTS_MAX: usize = 3;

/// A hub's handshake state machine for one sensor. There is at most one run at a time.
#[derive(Clone)]
pub struct HubHandshake {
    record: HubRecord,
    run: Option<Run>,
    deadline: Option<Duration>,
    outputs: [Option<HubOutput>; OUTPUTS_MAX],
    /// The paper's hub keeps a pair until a run with it has succeeded: its challenge stays the same so long.
    #[cfg(feature = "paper")]
    held: Option<(Challenge, Response)>,
}

impl HubHandshake {
    /// A machine that continues from the stored record.
    pub const fn new(record: HubRecord) -> Self {
        Self {
            record,
            run: None,
            deadline: None,
            outputs: [const { None }; OUTPUTS_MAX],
            #[cfg(feature = "paper")]
            held: None,
        }
    }

    /// Takes one input at the time `now` (any monotonic clock). An `Err` says that the input was refused and changed
    /// nothing but counters; [`Self::poll`] must be drained before the next call.
    pub fn handle(
        &mut self,
        now: Duration,
        input: HubInput<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), Error> {
        let step = match input {
            HubInput::Frame(bytes) => self.frame(bytes)?,
            HubInput::Pair(challenge, enrolled) => self.pair(&challenge, enrolled, rng)?,
            HubInput::NoPair => {
                let error = Error::Limit { limit: "pairs left", value: 0 };
                HubStep::Failed { last: None, error }
            }
            HubInput::Timeout => {
                if self.deadline.is_none_or(|deadline| now < deadline) {
                    return Ok(());
                }
                let error = Error::Timeout { after_ms: ANSWER_TIMEOUT.as_millis() as u64 };
                HubStep::Failed { last: None, error }
            }
        };
        self.carry_out(now, step);
        Ok(())
    }

    /// The next thing to do, or `None`.
    pub fn poll(&mut self) -> Option<HubOutput> {
        self.outputs.iter_mut().find_map(Option::take)
    }

    /// To be called when the first record of the newest session has opened: the sensor has replaced its key, and the
    /// hub forgets the older one now and not at the sensor's next run. Until then the two together with the sensor's
    /// device would open the session.
    pub fn confirmed(&mut self) {
        if let HubSecret::Hardened(chain) = &mut self.record.secret
            && chain.confirm()
        {
            self.push(HubOutput::Save(self.record.clone()));
        }
    }

    /// When to call [`HubInput::Timeout`].
    pub const fn next_timeout(&self) -> Option<Duration> {
        self.deadline
    }

    /// The record as it should stand on storage.
    pub const fn record(&self) -> &HubRecord {
        &self.record
    }

    fn frame(&mut self, bytes: &[u8]) -> Result<HubStep, Error> {
        match &mut self.record.secret {
            HubSecret::Hardened(chain) => {
                if bytes.first() == Some(&TYPE_HELLO) {
                    let (run, step) = hardened::HubRun::hello(chain, self.record.sensor, bytes)?;
                    self.run = Some(Run::Hardened(run));
                    return Ok(step);
                }
                match &mut self.run {
                    Some(Run::Hardened(run)) => run.proof(chain, bytes),
                    _ => Err(Error::Misuse("no proof is expected now")),
                }
            }
            #[cfg(feature = "paper")]
            HubSecret::Paper(seed) => {
                if bytes.first() == Some(&paper::wire::TYPE_M1) {
                    let (mut run, mut step) = paper::HubRun::first(seed, self.record.sensor, bytes)?;
                    if let (HubStep::Claim(Some(wanted)), Some((held, response))) = (&step, &self.held)
                        && wanted == held
                    {
                        step = run.pair(self.record.sensor, response)?;
                    }
                    self.run = Some(Run::Paper(run));
                    return Ok(step);
                }
                match &mut self.run {
                    Some(Run::Paper(run)) => run.acknowledgement(seed, self.record.sensor, bytes),
                    _ => Err(Error::Misuse("no acknowledgement is expected now")),
                }
            }
        }
    }

    fn pair(
        &mut self,
        challenge: &Challenge,
        enrolled: &Response,
        rng: &mut impl CryptoRng,
    ) -> Result<HubStep, Error> {
        match (&mut self.run, &self.record.secret) {
            (Some(Run::Hardened(run)), HubSecret::Hardened(chain)) => {
                run.pair(chain, self.record.hub, challenge, enrolled, rng)
            }
            #[cfg(feature = "paper")]
            (Some(Run::Paper(run)), HubSecret::Paper(_)) => {
                self.held = Some((*challenge, enrolled.clone()));
                run.pair(self.record.sensor, enrolled)
            }
            _ => Err(Error::Misuse("no pair was asked for")),
        }
    }

    fn carry_out(&mut self, now: Duration, step: HubStep) {
        match step {
            HubStep::Claim(challenge) => {
                self.push(HubOutput::Save(self.record.clone()));
                self.push(HubOutput::ClaimPair(challenge));
                self.deadline = Some(now + ANSWER_TIMEOUT);
            }
            HubStep::Send(first, second) => {
                self.push(HubOutput::Send(first));
                if let Some(second) = second {
                    self.push(HubOutput::Send(second));
                }
                self.deadline = Some(now + ANSWER_TIMEOUT);
            }
            HubStep::Done { last, session, noise_bits } => {
                (self.run, self.deadline) = (None, None);
                self.push(HubOutput::Save(self.record.clone()));
                if let Some(frame) = last {
                    self.push(HubOutput::Send(frame));
                }
                self.push(HubOutput::Established { session, noise_bits });
            }
            HubStep::Failed { last, error } => {
                (self.run, self.deadline) = (None, None);
                if let Some(frame) = last {
                    self.push(HubOutput::Send(frame));
                }
                self.push(HubOutput::Failed(error));
            }
        }
    }

    fn push(&mut self, output: HubOutput) {
        if let Some(slot) = self.outputs.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(output);
        }
    }
}
