//! The hardened profile: a reverse code offset of a response that is used once, and a key that is replaced by each run.
//!
//! ```text
//! U = PRF(K, "m1", m1 fields)                           tag of m1 = U[..8], pad begins with U[8..]
//! T = PRF(K, "m2", hub ‖ m1 fields ‖ m2 fields)         tag of m2 = T[..12], pad ends with T[12..20],
//!                                                       binder = T[20..]: stands for the whole run
//! sealed helper = R XOR codeword XOR pad                beyond 32 bytes the pad is PRF(K, "h", binder)
//! confirmS ‖ confirmH = PRF(K, "c", R ‖ binder)         next K = PRF(K, "n", R ‖ binder)
//! up ‖ down           = PRF(K, "t", R ‖ binder)
//! ```
//!
//! Everything a session rests on is one call of the PRF that takes both K and R: whoever misses either of them learns
//! nothing. Each call fits one block of the hash, which is what a sensor pays for.

use super::{ATTEMPTS_PER_EPOCH_MAX, BAD_PROOFS_PER_RUN_MAX, HubStep, SensorTodo};
use crate::error::{Error, Misbehaviour};
use crate::polar::{Code, LENGTH_BYTES_MAX};
use crate::prf::{Input, Key, Keyed, ONE_BLOCK, part, same_tag, wipe};
use crate::puf::{Challenge, Response};
use crate::record::RecordKey;
use crate::session::{Session, TrafficKeys};
use crate::wire::{ChallengeMessage, Confirm, Hello, HubId, Nonce, Proof, SensorId, Suite};
use rand_core::CryptoRng;
use zeroize::{Zeroize, Zeroizing};

/// What a sensor remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its primitives and code.
    pub suite: Suite,
    /// The current key.
    pub key: Key,
    /// How often the key has been replaced.
    pub epoch: u32,
    /// Attempts in this epoch.
    pub attempt: u16,
    /// The lowest challenge that is still answered. A PUF is never asked the same twice, not even by somebody who has
    /// the key: several readings of one response tell which of its bits are unsure, and the helpers of several readings
    /// tell the response (Delvaux et al., CHES 2016).
    pub floor: u64,
}

impl Chain {
    /// The chain of a sensor that has just been enrolled with `key`.
    pub const fn enrolled(suite: Suite, key: Key) -> Self {
        Self { suite, key, epoch: 0, attempt: 0, floor: 0 }
    }
}

/// What a hub remembers of one sensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubChain {
    /// The sensor's primitives and code.
    pub suite: Suite,
    /// The key of `epoch`.
    pub key: Key,
    /// How often the key has been replaced, as far as the sensor has confirmed it.
    pub epoch: u32,
    /// The key of `epoch + 1`, given out in a last message that the sensor may have missed.
    pub pending: Option<Key>,
    /// Highest attempt of `epoch` that was answered.
    pub attempt: u16,
}

impl HubChain {
    /// The hub's end of a chain that begins with `key`.
    pub const fn enrolled(suite: Suite, key: Key) -> Self {
        Self { suite, key, epoch: 0, pending: None, attempt: 0 }
    }

    /// The sensor has used the newest session, so that it has the newest key: the older one is forgotten. True when
    /// there was one.
    pub(super) fn confirm(&mut self) -> bool {
        let Some(key) = self.pending.take() else { return false };
        (self.key, self.epoch, self.attempt) = (key, self.epoch.wrapping_add(1), 0);
        true
    }

    /// The key a sensor in `epoch` holds, and whether it is the one it has not confirmed yet.
    fn key_of(&self, epoch: u32) -> Option<(&Key, bool)> {
        if epoch == self.epoch {
            return Some((&self.key, false));
        }
        let next = self.epoch.wrapping_add(1);
        self.pending.as_ref().filter(|_| epoch == next).map(|key| (key, true))
    }
}

/// An output of the PRF of which a tag has been cut off; the rest serves as pad and binder. On a word's boundary.
#[derive(Clone, Default)]
#[repr(align(4))]
pub(super) struct Output([u8; 32]);

impl Drop for Output {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// What a run has agreed on before the PUF is read: U and T.
#[derive(Clone)]
pub(super) struct Bound {
    u: Output,
    t: Output,
}

impl Bound {
    /// Stands for the run from then on.
    fn binder(&self) -> &[u8] {
        self.t.0.get(20..).unwrap_or(&[])
    }
}

type Helper = [u8; LENGTH_BYTES_MAX];

/// Tag of m1, and U.
fn announce(keyed: &Keyed, hello: &Hello) -> Result<([u8; 8], Output), Error> {
    let mut input = Input::<ONE_BLOCK>::EMPTY;
    input.lay_out(2, &[&hello.fields()])?;
    let u = Output(keyed.prf_of("m1", &mut input));
    Ok((part::<0, 8>(&u.0), u))
}

/// Tag of m2, and T.
fn bind(
    keyed: &Keyed,
    hub: HubId,
    hello: &Hello,
    challenge: &ChallengeMessage,
) -> Result<([u8; 12], Output), Error> {
    let mut input = Input::<ONE_BLOCK>::EMPTY;
    input.lay_out(2, &[&hub.0.to_be_bytes(), &hello.fields(), &challenge.fields()])?;
    let t = Output(keyed.prf_of("m2", &mut input));
    Ok((part::<0, 12>(&t.0), t))
}

/// Puts the pad on the helper, or takes it off.
fn pad(keyed: &Keyed, bound: &Bound, helper: &mut [u8]) -> Result<(), Error> {
    let (first, rest) = helper.split_at_mut(24.min(helper.len()));
    let (second, beyond) = rest.split_at_mut(8.min(rest.len()));
    xor(first, bound.u.0.get(8..).unwrap_or(&[]));
    xor(second, bound.t.0.get(12..20).unwrap_or(&[]));
    if !beyond.is_empty() {
        xor(beyond, &*Zeroizing::new(keyed.prf("h", &[bound.binder()])?));
    }
    Ok(())
}

/// Both have a code's length, which is one of whole words.
fn xor(bytes: &mut [u8], with: &[u8]) {
    for (a, b) in bytes.as_chunks_mut().0.iter_mut().zip(with.as_chunks().0) {
        *a = (u32::from_ne_bytes(*a) ^ u32::from_ne_bytes(*b)).to_ne_bytes();
    }
}

/// What K and R give together.
struct Agreement<'a> {
    keyed: &'a Keyed,
    /// `R ‖ binder`, for labels of one letter.
    input: Input,
}

impl Drop for Agreement<'_> {
    fn drop(&mut self) {
        self.input.zeroize();
    }
}

impl<'a> Agreement<'a> {
    /// Not yet made: [`Self::of`] does it in place.
    const fn under(keyed: &'a Keyed) -> Self {
        Self { keyed, input: Input::EMPTY }
    }

    fn of(&mut self, response: &[u8], bound: &Bound) -> Result<&mut Self, Error> {
        self.input.lay_out(1, &[response, bound.binder()])?;
        Ok(self)
    }

    fn prf(&mut self, label: &'static str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.keyed.prf_of(label, &mut self.input))
    }

    /// What the sensor says, and what the hub answers.
    fn confirmations(&mut self) -> ([u8; 16], [u8; 16]) {
        let both = self.prf("c");
        (part::<0, 16>(&both), part::<16, 16>(&both))
    }

    fn next_key(&mut self) -> Key {
        Key::new(*self.prf("n"))
    }

    fn traffic_keys(&mut self) -> TrafficKeys {
        let both = self.prf("t");
        TrafficKeys { up: RecordKey::new(part::<0, 16>(&both)), down: RecordKey::new(part::<16, 16>(&both)) }
    }
}

/// A run in progress at the sensor.
#[derive(Clone)]
pub(super) struct SensorRun {
    keyed: Keyed,
    stage: SensorStage,
}

/// How far a run has come.
#[derive(Clone)]
enum SensorStage {
    /// m1 is on the air.
    Announced { hello: Hello, u: Output },
    /// m2 has verified, and the PUF is being read.
    Challenged { bound: Bound },
    /// m3 is on the air.
    Proved { confirm: [u8; 16], next: Key, keys: TrafficKeys },
}

impl SensorRun {
    pub(super) fn start(
        chain: &mut Chain,
        sensor: SensorId,
        rng: &mut impl CryptoRng,
        todo: &mut SensorTodo,
    ) -> Result<Self, Error> {
        if chain.attempt == ATTEMPTS_PER_EPOCH_MAX {
            let value = u64::from(ATTEMPTS_PER_EPOCH_MAX);
            return Err(Error::Limit { limit: "ATTEMPTS_PER_EPOCH_MAX", value });
        }
        chain.attempt += 1;
        let mut nonce = [0u8; 8];
        rng.fill_bytes(&mut nonce);
        let mut hello = Hello {
            suite: chain.suite,
            sensor,
            epoch: chain.epoch,
            attempt: chain.attempt,
            nonce: Nonce(nonce),
            tag: [0; 8],
        };
        let keyed = chain.key.keyed();
        let (tag, u) = announce(&keyed, &hello)?;
        hello.tag = tag;
        todo.send = Some(hello.emit()?);
        // The attempt is durable before it is on the air, so that no attempt number is ever used twice.
        todo.save = true;
        Ok(Self { keyed, stage: SensorStage::Announced { hello, u } })
    }

    pub(super) fn frame(
        &mut self,
        chain: &mut Chain,
        hub: HubId,
        bytes: &[u8],
        todo: &mut SensorTodo,
    ) -> Result<(), Error> {
        match &mut self.stage {
            SensorStage::Announced { hello, u } => {
                let message = ChallengeMessage::parse(bytes)?;
                let (tag, t) = bind(&self.keyed, hub, hello, &message)?;
                if !same_tag(&tag, &message.tag) {
                    return Err(Error::PeerMisbehaved(Misbehaviour::BadTag));
                }
                let number = u64::from_be_bytes(message.challenge);
                // The highest number of all is never answered: nothing would be above it.
                let above = number.checked_add(1).filter(|_| number >= chain.floor);
                chain.floor = above.ok_or(Error::PeerMisbehaved(Misbehaviour::AskedTwice))?;
                // Durable before the PUF is read.
                todo.save = true;
                let bound = Bound { u: core::mem::take(u), t };
                self.stage = SensorStage::Challenged { bound };
                todo.read = Some((Challenge::from(message.challenge), chain.suite.response_bytes()));
                Ok(())
            }
            SensorStage::Challenged { .. } => Err(Error::Misuse("no frame is expected now")),
            SensorStage::Proved { confirm, next, keys } => {
                let message = Confirm::parse(bytes)?;
                if !same_tag(confirm, &message.confirm) {
                    return Err(Error::PeerMisbehaved(Misbehaviour::BadTag));
                }
                chain.key = next.clone();
                chain.epoch = chain.epoch.wrapping_add(1);
                chain.attempt = 0;
                todo.save = true;
                todo.session = Some(Session::Hardened(keys.clone()));
                Ok(())
            }
        }
    }

    pub(super) fn response(
        &mut self,
        chain: &Chain,
        response: &Response,
        rng: &mut impl CryptoRng,
        todo: &mut SensorTodo,
    ) -> Result<(), Error> {
        let (keyed, SensorStage::Challenged { bound }) = (&self.keyed, &self.stage) else {
            return Err(Error::Misuse("no response was asked for"));
        };
        let len = chain.suite.response_bytes();
        if response.as_bytes().len() != len {
            return Err(Error::Misuse("the response has not the length that was asked for"));
        }
        let mut helper: Helper = [0; LENGTH_BYTES_MAX];
        let helper = helper.get_mut(..len).ok_or(Error::Misuse("no code is that long"))?;
        Code::of(chain.suite).random_word(helper, rng);
        xor(helper, response.as_bytes());
        pad(keyed, bound, helper)?;
        let mut agreement = Agreement::under(keyed);
        let agreement = agreement.of(response.as_bytes(), bound)?;
        let (ours, theirs) = agreement.confirmations();
        todo.send = Some(Proof { sealed_helper: helper, confirm: ours }.emit()?);
        let (next, keys) = (agreement.next_key(), agreement.traffic_keys());
        self.stage = SensorStage::Proved { confirm: theirs, next, keys };
        Ok(())
    }
}

/// A run in progress at the hub.
#[derive(Clone)]
pub(super) enum HubRun {
    AwaitPair { hello: Hello, u: Output, keyed: Keyed },
    AwaitProof { keyed: Keyed, bound: Bound, enrolled: Response, bad_proofs: u8 },
}

impl HubRun {
    /// m1. The attempt is to be durable before a pair is spent on it, so that a repeated m1 can never spend another.
    pub(super) fn hello(
        chain: &mut HubChain,
        sensor: SensorId,
        bytes: &[u8],
    ) -> Result<(Self, HubStep), Error> {
        let hello = Hello::parse(bytes)?;
        if hello.sensor != sensor {
            return Err(Error::PeerMisbehaved(Misbehaviour::WrongSensor));
        }
        if hello.suite != chain.suite {
            return Err(Error::PeerMisbehaved(Misbehaviour::WrongSuite));
        }
        let (key, confirms) =
            chain.key_of(hello.epoch).ok_or(Error::PeerMisbehaved(Misbehaviour::WrongEpoch))?;
        let keyed = key.keyed();
        let (tag, u) = announce(&keyed, &hello)?;
        if !same_tag(&tag, &hello.tag) {
            return Err(Error::PeerMisbehaved(Misbehaviour::BadTag));
        }
        if !confirms && hello.attempt <= chain.attempt {
            return Err(Error::PeerMisbehaved(Misbehaviour::Replayed));
        }
        if confirms {
            chain.confirm();
        }
        chain.attempt = hello.attempt;
        Ok((Self::AwaitPair { hello, u, keyed }, HubStep::Claim(None)))
    }

    pub(super) fn pair(
        &mut self,
        chain: &HubChain,
        hub: HubId,
        challenge: &Challenge,
        enrolled: &Response,
        rng: &mut impl CryptoRng,
    ) -> Result<HubStep, Error> {
        let Self::AwaitPair { hello, u, keyed } = self else {
            return Err(Error::Misuse("no pair was asked for"));
        };
        let (Ok(challenge), true) =
            (challenge.as_bytes().try_into(), enrolled.as_bytes().len() == chain.suite.response_bytes())
        else {
            let error = Error::Misuse("the pair does not fit the sensor's suite");
            return Ok(HubStep::Failed { last: None, error });
        };
        let mut nonce = [0u8; 8];
        rng.fill_bytes(&mut nonce);
        let mut message = ChallengeMessage { challenge, nonce: Nonce(nonce), tag: [0; 12] };
        let (tag, t) = bind(keyed, hub, hello, &message)?;
        let bound = Bound { u: u.clone(), t };
        message.tag = tag;
        let keyed = keyed.clone();
        *self = Self::AwaitProof { keyed, bound, enrolled: enrolled.clone(), bad_proofs: 0 };
        Ok(HubStep::Send(message.emit()?, None))
    }

    pub(super) fn proof(&mut self, chain: &mut HubChain, bytes: &[u8]) -> Result<HubStep, Error> {
        let proof = Proof::parse(chain.suite, bytes)?;
        let Self::AwaitProof { keyed, bound, enrolled, bad_proofs } = self else {
            return Err(Error::Misuse("no proof is expected now"));
        };
        let Some(response) = recover(chain.suite, keyed, bound, enrolled, &proof) else {
            *bad_proofs += 1;
            let error = Error::PeerMisbehaved(Misbehaviour::Undecodable);
            if *bad_proofs >= BAD_PROOFS_PER_RUN_MAX {
                return Ok(HubStep::Failed { last: None, error });
            }
            return Err(error);
        };
        let noise_bits = response.distance(enrolled);
        let mut agreement = Agreement::under(keyed);
        let agreement = agreement.of(response.as_bytes(), bound)?;
        chain.pending = Some(agreement.next_key());
        let (_, confirm) = agreement.confirmations();
        let session = Session::Hardened(agreement.traffic_keys());
        Ok(HubStep::Done { last: Some(Confirm { confirm }.emit()?), session, noise_bits })
    }
}

/// The sensor's reading; of the decoder's candidates the one under which the sensor's confirmation verifies.
fn recover(
    suite: Suite,
    keyed: &Keyed,
    bound: &Bound,
    enrolled: &Response,
    proof: &Proof<'_>,
) -> Option<Response> {
    let mut helper = Response::new(proof.sealed_helper).ok()?;
    pad(keyed, bound, helper.as_mut_bytes()).ok()?;
    let mut noisy = helper.clone();
    xor(noisy.as_mut_bytes(), enrolled.as_bytes());
    let mut reading = Response::zeroed(suite.response_bytes()).ok()?;
    let accept = |word: &[u8]| {
        reading.as_mut_bytes().copy_from_slice(word);
        xor(reading.as_mut_bytes(), helper.as_bytes());
        let mut agreement = Agreement::under(keyed);
        let agreement = agreement.of(reading.as_bytes(), bound);
        agreement.is_ok_and(|agreement| same_tag(&agreement.confirmations().0, &proof.confirm))
    };
    Code::of(suite).decode(noisy.as_bytes(), accept).then_some(reading)
}
