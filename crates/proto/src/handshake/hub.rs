//! The hub's side: check the sensor before a pair is spent, challenge, recover the response, prove, replace the key.

use super::{
    ANSWER_TIMEOUT, BAD_PROOFS_PER_RUN_MAX, CONFIRM_HUB, CONFIRM_SENSOR, HubRecord, RunSecrets, TrafficKeys,
    pad_helper, xor,
};
use crate::error::{Error, Misbehaviour};
use crate::polar;
use crate::prf::Key;
use crate::puf::{Challenge, Response};
use crate::wire::{ChallengeMessage, Confirm, Frame, Hello, Nonce, Proof, TYPE_HELLO};
use core::time::Duration;
use rand_core::CryptoRng;

/// What happens to a hub, as far as one of its sensors is concerned.
#[derive(Debug)]
pub enum HubInput<'a> {
    /// A frame from the air, not trusted.
    Frame(&'a [u8]),
    /// The pair asked for by [`HubOutput::ClaimPair`]; it will never be claimed again.
    Pair(Challenge, &'a Response),
    /// There is no pair left, or the database does not answer.
    NoPair,
    /// [`HubHandshake::next_timeout`] has passed.
    Timeout,
}

/// What a hub wants done, in this order.
#[derive(Debug)]
pub enum HubOutput {
    /// Put this on durable storage before anything that follows.
    Save(HubRecord),
    /// Take one unused pair of this sensor out of the database and come back with it.
    ClaimPair,
    /// Put this frame on the air.
    Send(Frame),
    /// Both sides have proved themselves.
    Established {
        /// Keys of the session.
        keys: TrafficKeys,
        /// Bits in which the sensor's reading differed from the enrolled response: the PUF's health.
        noise_bits: u32,
    },
    /// The run is over without a session.
    Failed(Error),
}

enum Phase {
    Idle,
    AwaitPair { hello: Hello },
    AwaitProof { hello: Hello, challenge: ChallengeMessage, enrolled: Response, bad_proofs: u8 },
}

/// Outputs of one input: save, send and established at most.
const OUTPUTS_MAX: usize = 3;

/// A hub's handshake state machine for one sensor. There is at most one run at a time.
pub struct HubHandshake {
    record: HubRecord,
    phase: Phase,
    deadline: Option<Duration>,
    outputs: [Option<HubOutput>; OUTPUTS_MAX],
}

impl HubHandshake {
    /// A machine that continues from the stored record.
    pub const fn new(record: HubRecord) -> Self {
        Self { record, phase: Phase::Idle, deadline: None, outputs: [const { None }; OUTPUTS_MAX] }
    }

    /// Takes one input at the time `now` (any monotonic clock). An `Err` says that the input was refused and changed
    /// nothing but counters; [`Self::poll`] must be drained before the next call.
    pub fn handle(
        &mut self,
        now: Duration,
        input: HubInput<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), Error> {
        match input {
            HubInput::Frame(bytes) if bytes.first() == Some(&TYPE_HELLO) => self.hello(now, bytes),
            HubInput::Frame(bytes) => self.proof(bytes),
            HubInput::Pair(challenge, enrolled) => self.pair(now, challenge, enrolled, rng),
            HubInput::NoPair => {
                self.fail(Error::Limit { limit: "pairs left", value: 0 });
                Ok(())
            }
            HubInput::Timeout => {
                if self.deadline.is_some_and(|deadline| now >= deadline) {
                    self.fail(Error::Timeout { after_ms: ANSWER_TIMEOUT.as_millis() as u64 });
                }
                Ok(())
            }
        }
    }

    /// The next thing to do, or `None`.
    pub fn poll(&mut self) -> Option<HubOutput> {
        self.outputs.iter_mut().find_map(Option::take)
    }

    /// When to call [`HubInput::Timeout`].
    pub const fn next_timeout(&self) -> Option<Duration> {
        self.deadline
    }

    /// The record as it should stand on storage.
    pub const fn record(&self) -> &HubRecord {
        &self.record
    }

    fn push(&mut self, output: HubOutput) {
        if let Some(slot) = self.outputs.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(output);
        }
    }

    fn fail(&mut self, error: Error) {
        self.phase = Phase::Idle;
        self.deadline = None;
        self.push(HubOutput::Failed(error));
    }

    /// The key a sensor in `epoch` holds, and whether it is the one it has not confirmed yet.
    fn key_of(&self, epoch: u32) -> Option<(&Key, bool)> {
        if epoch == self.record.epoch {
            return Some((&self.record.key, false));
        }
        let next = self.record.epoch.wrapping_add(1);
        self.record.pending.as_ref().filter(|_| epoch == next).map(|key| (key, true))
    }

    fn hello(&mut self, now: Duration, bytes: &[u8]) -> Result<(), Error> {
        let hello = Hello::parse(bytes)?;
        if hello.sensor != self.record.sensor {
            return Err(Error::PeerMisbehaved(Misbehaviour::WrongSensor));
        }
        let (key, confirms) =
            self.key_of(hello.epoch).ok_or(Error::PeerMisbehaved(Misbehaviour::WrongEpoch))?;
        if !key.verify("m1", &[&hello.fields()], &hello.tag) {
            return Err(Error::PeerMisbehaved(Misbehaviour::BadTag));
        }
        if !confirms && hello.attempt <= self.record.attempt {
            return Err(Error::PeerMisbehaved(Misbehaviour::Replayed));
        }
        if confirms {
            self.record.key = key.clone();
            self.record.epoch = hello.epoch;
            self.record.pending = None;
        }
        self.record.attempt = hello.attempt;
        self.phase = Phase::AwaitPair { hello };
        self.deadline = Some(now + ANSWER_TIMEOUT);
        // The attempt is durable before a pair is spent on it, so that a repeated m1 can never spend another.
        self.push(HubOutput::Save(self.record.clone()));
        self.push(HubOutput::ClaimPair);
        Ok(())
    }

    fn pair(
        &mut self,
        now: Duration,
        challenge: Challenge,
        enrolled: &Response,
        rng: &mut impl CryptoRng,
    ) -> Result<(), Error> {
        let Phase::AwaitPair { hello } = &self.phase else {
            return Err(Error::Misuse("no pair was asked for"));
        };
        let hello = *hello;
        let mut nonce = [0u8; 8];
        rng.fill_bytes(&mut nonce);
        let mut challenge = ChallengeMessage { challenge, nonce: Nonce(nonce), tag: [0; 12] };
        let fields = [&hello.fields()[..], &challenge.fields()[..]];
        challenge.tag = self.record.key.tag("m2", &fields);
        self.phase = Phase::AwaitProof { hello, challenge, enrolled: enrolled.clone(), bad_proofs: 0 };
        self.deadline = Some(now + ANSWER_TIMEOUT);
        self.push(HubOutput::Send(challenge.emit()?));
        Ok(())
    }

    fn proof(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let proof = Proof::parse(bytes)?;
        let Phase::AwaitProof { hello, challenge, enrolled, bad_proofs } = &mut self.phase else {
            return Err(Error::Misuse("no proof is expected now"));
        };
        let Some((secrets, noise_bits)) = recover(&self.record, hello, challenge, enrolled, &proof) else {
            *bad_proofs += 1;
            if *bad_proofs >= BAD_PROOFS_PER_RUN_MAX {
                self.fail(Error::PeerMisbehaved(Misbehaviour::Undecodable));
            }
            return Err(Error::PeerMisbehaved(Misbehaviour::Undecodable));
        };
        self.record.pending = Some(secrets.next_key());
        self.phase = Phase::Idle;
        self.deadline = None;
        let confirm = Confirm { confirm: secrets.confirm(CONFIRM_HUB, &proof.sealed_helper) };
        self.push(HubOutput::Save(self.record.clone()));
        self.push(HubOutput::Send(confirm.emit()?));
        self.push(HubOutput::Established { keys: secrets.traffic_keys(), noise_bits });
        Ok(())
    }
}

/// Decodes the sensor's reading; the right candidate is the one under which the sensor's confirmation verifies.
fn recover(
    record: &HubRecord,
    hello: &Hello,
    challenge: &ChallengeMessage,
    enrolled: &Response,
    proof: &Proof,
) -> Option<(RunSecrets, u32)> {
    let helper = pad_helper(&record.key, hello, challenge, &proof.sealed_helper);
    let mut found = None;
    polar::decode(&xor(&helper, &enrolled.0), |codeword| {
        let response = Response(xor(&helper, codeword));
        let secrets = RunSecrets::new(&record.key, &response, record.hub, hello, challenge);
        let accepted = secrets.verify(CONFIRM_SENSOR, &proof.sealed_helper, &proof.confirm);
        if accepted {
            found = Some((secrets, response.distance(enrolled)));
        }
        accepted
    })?;
    found
}
