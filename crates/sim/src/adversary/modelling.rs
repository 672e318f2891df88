//! Learning an arbiter PUF by logistic regression (Rührmair et al., CCS 2010) from what is on the air.
//!
//! The attacker is given the key of every run: in the paper's profile the seed, in the hardened one each K as it is
//! used. Only the PUF is left.

use super::air::{Air, Frame, Side, Target, VICTIM};
use super::link::{self, Link};
use super::transcript::Transcript;
use super::{Scheme, Stage, Verdict};
use crate::Error;
use crate::puf::{ArbiterPuf, STAGES, sub_challenges};
use bodywire_proto::handshake::{SensorHandshake, SensorInput, SensorOutput, SensorSecret};
use bodywire_proto::paper;
use bodywire_proto::prf::Key;
use bodywire_proto::puf::{Challenge, Puf, Response};
use std::collections::VecDeque;

/// Runs that are recorded of one chip, in the paper's profile and in the hardened one: 12,800 and 10,240 bits.
const RUNS: [usize; 2] = [20, 40];
/// Passes of the descent over all recorded bits.
const PASSES: usize = 12;
/// Chips over which guessing is averaged in the hardened profile: two unrelated chips of 65 delays agree in 50 % of their
/// bits with a standard deviation of 4 %, so that one chip says little.
pub(super) const CHIPS: usize = 8;
/// Between the seeds of the chips.
pub(super) const CHIP_STEP: u64 = 0x9e37_79b9_7f4a_7c15;
/// Share of unseen bits that a learnt PUF predicts, at least.
const LEARNT: f64 = 0.90;
/// Share of unseen bits that counts as guessing, at most.
pub(super) const CHANCE: f64 = 0.55;

/// A recorded bit: the challenge's features, and what the attacker takes for the response.
pub(super) struct Heard {
    phi: Vec<f64>,
    one: bool,
}

pub(super) fn model(stage: &mut Stage) -> Result<Option<Verdict>, Error> {
    Ok(match stage.scheme {
        Scheme::Paper => Some(paper_profile(stage)?),
        Scheme::Hardened => Some(hardened_profile(stage)?),
        _ => None,
    })
}

fn paper_profile(stage: &mut Stage) -> Result<Verdict, Error> {
    let mut air = Air::new(Box::new(link::paper(stage.seed)?));
    let mut heard = Vec::new();
    for run in 0..RUNS[0] {
        let seed = match &air.target.ends[VICTIM].sensor.record().secret {
            SensorSecret::Paper(state) => state.seed(),
            SensorSecret::Hardened(_) => return Err(Error::Misuse("the victims are of another profile")),
        };
        let log = if run == 0 { &mut stage.log } else { &mut Transcript::muted() };
        let (_, frames) = air.honest(VICTIM, log)?;
        let (challenge, key) = seed.challenge_and_key(air.target.number(VICTIM));
        let m1 =
            frames.first().and_then(|frame| frame.bytes.get(paper::wire::HEADER_BYTES..)?.try_into().ok());
        let Some(m1) = m1 else { continue };
        let response = paper::decrypt(&challenge, &key, &m1);
        heard.extend(bits(&Challenge::new(&challenge)?, &response)?);
    }
    stage.log.note("attacker", format!("knows the seed and reads {} response bits off M1", heard.len()));
    let weights = learn(&heard);
    let share = predicted(stage, &air, &weights, paper::SEED_BYTES)?;
    if share <= LEARNT {
        return Ok(Verdict::holds(format!("the model predicts {:.1} % of unseen bits", share * 100.0)));
    }
    let accepted = double(stage, &mut air, ArbiterPuf::with_weights(vec![weights], 0.0, 0)?)?;
    Ok(Verdict::falls(format!(
        "a model learnt from {} runs predicts {:.1} % of unseen bits, and the hub {} it as the sensor",
        RUNS[0],
        share * 100.0,
        if accepted { "accepts" } else { "does not yet accept" }
    )))
}

fn hardened_profile(stage: &mut Stage) -> Result<Verdict, Error> {
    let (mut sum, mut accepted) = (0.0, 0);
    for chip in 0..CHIPS {
        let seed = stage.seed.wrapping_add((chip as u64).wrapping_mul(CHIP_STEP));
        let mut air = Air::new(Box::new(link::hardened(seed)?));
        let (share, fooled) = one_chip(stage, &mut air)?;
        sum += share;
        accepted += usize::from(fooled);
    }
    let share = sum / CHIPS as f64;
    let percent = share * 100.0;
    stage.log.note("attacker", format!("predicts {percent:.1} % over {CHIPS} chips; guessing is 50 %"));
    Ok(if accepted > 0 || share > CHANCE {
        Verdict::falls(format!(
            "models learnt from the helpers predict {percent:.1} % of unseen bits, and the hub accepts {accepted} of {CHIPS}"
        ))
    } else {
        Verdict::holds(format!(
            "with K known in {} runs, models learnt from the helpers of {CHIPS} chips predict {percent:.1} % of unseen bits, \
             and the hub refuses all of them",
            RUNS[1]
        ))
    })
}

/// Learns one chip from the helpers of its runs. Share of unseen bits that are predicted, and whether the hub accepts the
/// model as the sensor.
fn one_chip(stage: &mut Stage, air: &mut Air<Link>) -> Result<(f64, bool), Error> {
    let mut heard = Vec::new();
    let mut log = Transcript::muted();
    for _ in 0..RUNS[1] {
        let key = match &air.target.ends[VICTIM].sensor.record().secret {
            SensorSecret::Hardened(chain) => chain.key.clone(),
            SensorSecret::Paper(_) => return Err(Error::Misuse("the victims are of another profile")),
        };
        let (_, frames) = air.honest(VICTIM, &mut log)?;
        if let Some((challenge, helper)) = helper(&key, &frames) {
            heard.extend(bits(&challenge, &helper)?);
        }
    }
    stage
        .log
        .note("attacker", format!("knows K in every run and takes the pad off {} helper bits", heard.len()));
    let weights = learn(&heard);
    let share = predicted(stage, air, &weights, Suite::RESPONSE_BYTES)?;
    Ok((share, double(stage, air, ArbiterPuf::with_weights(vec![weights], 0.0, 0)?)?))
}

/// Sizes of the victims' suite.
struct Suite;

impl Suite {
    const RESPONSE_BYTES: usize = 32;
}

/// The challenge and the helper of a recorded run, the pad taken off with a known key.
pub(super) fn helper(key: &Key, frames: &[Frame]) -> Option<(Challenge, Vec<u8>)> {
    let [hello, challenge, proof, ..] = frames else { return None };
    let pad = link::pad(key, &hello.bytes, &challenge.bytes)?;
    let helper = proof.bytes.get(1..=Suite::RESPONSE_BYTES)?.iter().zip(pad).map(|(a, b)| a ^ b).collect();
    Some((Challenge::new(challenge.bytes.get(1..9)?).ok()?, helper))
}

/// The bits of a response with the features of their challenges.
pub(super) fn bits(challenge: &Challenge, response: &[u8]) -> Result<Vec<Heard>, Error> {
    let subs = sub_challenges(challenge, STAGES)?;
    let each = response.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
    Ok(each.zip(subs).map(|(one, sub)| Heard { phi: sub.features(), one }).collect())
}

/// Logistic regression by stochastic gradient descent with a falling rate.
pub(super) fn learn(heard: &[Heard]) -> Vec<f64> {
    let mut weights = vec![0.0; STAGES + 1];
    for pass in 0..PASSES {
        let rate = 0.1 / (1.0 + pass as f64);
        for Heard { phi, one } in heard {
            let delay: f64 = weights.iter().zip(phi).map(|(weight, phi)| weight * phi).sum();
            let said = 1.0 / (1.0 + (-delay).exp());
            let error = f64::from(u8::from(*one)) - said;
            weights.iter_mut().zip(phi).for_each(|(weight, phi)| *weight += rate * error * phi);
        }
    }
    weights
}

/// Share of the bits of ten responses that nobody has seen which the model predicts.
pub(super) fn predicted(
    stage: &mut Stage,
    air: &Air<Link>,
    weights: &[f64],
    response_bytes: usize,
) -> Result<f64, Error> {
    let (mut device, mut model) = (
        air.target.ends[VICTIM].taken(stage.seed)?,
        ArbiterPuf::with_weights(vec![weights.to_vec()], 0.0, 0)?,
    );
    let mut wrong = 0;
    for _ in 0..10 {
        let challenge = Challenge::new(&stage.random(8))?;
        let [mut real, mut guessed] = [Response::zeroed(response_bytes)?, Response::zeroed(response_bytes)?];
        device.respond(&challenge, &mut real);
        model.respond(&challenge, &mut guessed);
        wrong += real.distance(&guessed);
    }
    let share = 1.0 - f64::from(wrong) / (80 * response_bytes) as f64;
    stage
        .log
        .note("attacker", format!("predicts {:.1} % of the bits of ten unseen responses", share * 100.0));
    Ok(share)
}

/// A sensor with the victim's memory and another PUF runs against the hub. True when the hub accepts it.
/// It answers whatever it is asked, also what the victim would refuse.
pub(super) fn double(stage: &mut Stage, air: &mut Air<Link>, mut puf: ArbiterPuf) -> Result<bool, Error> {
    Ok(session_of(stage, air, &mut puf)?.is_some())
}

/// The session that such a sensor gets from the hub.
pub(super) fn session_of(
    stage: &mut Stage,
    air: &mut Air<Link>,
    puf: &mut ArbiterPuf,
) -> Result<Option<bodywire_proto::session::Session>, Error> {
    let mut record = air.target.ends[VICTIM].sensor.record().clone();
    if let SensorSecret::Hardened(chain) = &mut record.secret {
        chain.floor = 0;
    }
    let mut double = SensorHandshake::new(record);
    let before = air.target.agreed(VICTIM, Side::Hub).len();
    let mut session = None;
    double.handle(air.now, SensorInput::Start, &mut stage.rng)?;
    let mut outputs: VecDeque<SensorOutput> = std::iter::from_fn(|| double.poll()).collect();
    while let Some(output) = outputs.pop_front() {
        match output {
            SensorOutput::Save(_) | SensorOutput::Failed(_) => {}
            SensorOutput::ReadPuf { challenge, response_bytes } => {
                let mut response = Response::zeroed(response_bytes)?;
                puf.respond(&challenge, &mut response);
                double.handle(air.now, SensorInput::Response(&response), &mut stage.rng)?;
            }
            SensorOutput::Send(frame) => {
                for answer in air.inject(VICTIM, Side::Hub, frame.as_bytes(), &mut stage.log) {
                    let refused = double.handle(air.now, SensorInput::Frame(&answer), &mut stage.rng);
                    if refused.is_err() {
                        stage.log.note("attacker", "cannot use the hub's answer");
                    }
                }
            }
            SensorOutput::Established(established) => session = Some(established),
        }
        outputs.extend(std::iter::from_fn(|| double.poll()));
    }
    Ok(session.filter(|_| air.target.agreed(VICTIM, Side::Hub).len() > before))
}
