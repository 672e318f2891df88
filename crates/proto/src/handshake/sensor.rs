//! The sensor's side: announce, check the hub, read the PUF, prove, check the hub's proof, replace the key.

use super::{
    ANSWER_TIMEOUT, ATTEMPTS_PER_EPOCH_MAX, CONFIRM_HUB, CONFIRM_SENSOR, RunSecrets, SensorRecord,
    TrafficKeys, backoff, pad_helper, xor,
};
use crate::error::{Error, Misbehaviour};
use crate::polar;
use crate::prf::Key;
use crate::puf::{Challenge, RESPONSE_BYTES, Response};
use crate::wire::{ChallengeMessage, Confirm, Frame, Hello, Nonce, Proof, SUITE_BLAKE2S_ASCON_POLAR256};
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
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is no heap to box a frame on, and an output is moved once"
)]
pub enum SensorOutput {
    /// Put this on durable storage before anything that follows.
    Save(SensorRecord),
    /// Put this frame on the air.
    Send(Frame),
    /// Read the PUF and come back with [`SensorInput::Response`].
    ReadPuf(Challenge),
    /// Both sides have proved themselves; these keys protect the records of the session.
    Established(TrafficKeys),
    /// The run is over without a session; the next starts at [`SensorHandshake::next_timeout`].
    Failed(Error),
}

enum Phase {
    Idle,
    AwaitChallenge { hello: Hello },
    AwaitResponse { hello: Hello, challenge: ChallengeMessage },
    AwaitConfirm { sealed: [u8; RESPONSE_BYTES], secrets: RunSecrets },
}

/// Outputs of one input: save, send and established at most.
const OUTPUTS_MAX: usize = 3;

/// A sensor's handshake state machine.
pub struct SensorHandshake {
    record: SensorRecord,
    phase: Phase,
    deadline: Option<Duration>,
    failures: u32,
    outputs: [Option<SensorOutput>; OUTPUTS_MAX],
}

impl SensorHandshake {
    /// A machine that continues from the stored record.
    pub const fn new(record: SensorRecord) -> Self {
        Self {
            record,
            phase: Phase::Idle,
            deadline: None,
            failures: 0,
            outputs: [const { None }; OUTPUTS_MAX],
        }
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
            SensorInput::Start => self.start(now, rng),
            SensorInput::Frame(bytes) => self.frame(now, bytes),
            SensorInput::Response(response) => self.response(now, response, rng),
            SensorInput::Timeout => self.timeout(now, rng),
        }
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

    fn push(&mut self, output: SensorOutput) {
        if let Some(slot) = self.outputs.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(output);
        }
    }

    fn start(&mut self, now: Duration, rng: &mut impl CryptoRng) -> Result<(), Error> {
        if self.record.attempt == ATTEMPTS_PER_EPOCH_MAX {
            let value = u64::from(ATTEMPTS_PER_EPOCH_MAX);
            return Err(Error::Limit { limit: "ATTEMPTS_PER_EPOCH_MAX", value });
        }
        self.record.attempt += 1;
        let mut nonce = [0u8; 8];
        rng.fill_bytes(&mut nonce);
        let mut hello = Hello {
            suite: SUITE_BLAKE2S_ASCON_POLAR256,
            sensor: self.record.sensor,
            epoch: self.record.epoch,
            attempt: self.record.attempt,
            nonce: Nonce(nonce),
            tag: [0; 8],
        };
        hello.tag = self.record.key.tag("m1", &[&hello.fields()]);
        // The attempt is durable before it is on the air, so that no attempt number is ever used twice.
        self.push(SensorOutput::Save(self.record.clone()));
        self.push(SensorOutput::Send(hello.emit()?));
        self.phase = Phase::AwaitChallenge { hello };
        self.deadline = Some(now + ANSWER_TIMEOUT);
        Ok(())
    }

    fn frame(&mut self, now: Duration, bytes: &[u8]) -> Result<(), Error> {
        match &self.phase {
            Phase::AwaitChallenge { hello } => {
                let challenge = ChallengeMessage::parse(bytes)?;
                let fields = [&hello.fields()[..], &challenge.fields()[..]];
                if !self.record.key.verify("m2", &fields, &challenge.tag) {
                    return Err(Error::PeerMisbehaved(Misbehaviour::BadTag));
                }
                self.phase = Phase::AwaitResponse { hello: *hello, challenge };
                self.deadline = Some(now + ANSWER_TIMEOUT);
                self.push(SensorOutput::ReadPuf(challenge.challenge));
                Ok(())
            }
            Phase::AwaitConfirm { sealed, secrets } => {
                let confirm = Confirm::parse(bytes)?;
                if !secrets.verify(CONFIRM_HUB, sealed, &confirm.confirm) {
                    return Err(Error::PeerMisbehaved(Misbehaviour::BadTag));
                }
                let (key, traffic) = (secrets.next_key(), secrets.traffic_keys());
                self.establish(key, traffic);
                Ok(())
            }
            Phase::Idle | Phase::AwaitResponse { .. } => Err(Error::Misuse("no frame is expected now")),
        }
    }

    fn establish(&mut self, key: Key, traffic: TrafficKeys) {
        self.record.key = key;
        self.record.epoch = self.record.epoch.wrapping_add(1);
        self.record.attempt = 0;
        self.phase = Phase::Idle;
        self.deadline = None;
        self.failures = 0;
        self.push(SensorOutput::Save(self.record.clone()));
        self.push(SensorOutput::Established(traffic));
    }

    fn response(
        &mut self,
        now: Duration,
        response: &Response,
        rng: &mut impl CryptoRng,
    ) -> Result<(), Error> {
        let Phase::AwaitResponse { hello, challenge } = &self.phase else {
            return Err(Error::Misuse("no response was asked for"));
        };
        let helper = xor(&response.0, &polar::random_codeword(rng));
        let sealed = pad_helper(&self.record.key, hello, challenge, &helper);
        let secrets = RunSecrets::new(&self.record.key, response, self.record.hub, hello, challenge);
        let proof = Proof { sealed_helper: sealed, confirm: secrets.confirm(CONFIRM_SENSOR, &sealed) };
        self.phase = Phase::AwaitConfirm { sealed, secrets };
        self.deadline = Some(now + ANSWER_TIMEOUT);
        self.push(SensorOutput::Send(proof.emit()?));
        Ok(())
    }

    fn timeout(&mut self, now: Duration, rng: &mut impl CryptoRng) -> Result<(), Error> {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        if matches!(self.phase, Phase::Idle) {
            return self.start(now, rng);
        }
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::Idle;
        self.deadline = Some(now + backoff(self.failures));
        self.push(SensorOutput::Failed(Error::Timeout { after_ms: ANSWER_TIMEOUT.as_millis() as u64 }));
        Ok(())
    }
}
