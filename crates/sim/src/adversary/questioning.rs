//! Questioning a PUF in the hub's place.
//!
//! The hardened profile uses each response for one helper, since several helpers of one response tell which of its bits are
//! unreliable (Delvaux, Gu, Verbauwhede, Hiller and Yu, CHES 2016), and unreliable bits are those whose delay difference is
//! near zero (Becker, CHES 2015). It is the hub that never asks twice. An attacker who has taken K once can make a valid m2 and
//! ask again and again; the sensor does not remember what it was asked.

use super::air::{Air, FalseHub, Frame, Side, VICTIM};
use super::link::{self, Link};
use super::modelling::{double, helper, predicted};
use super::transcript::Transcript;
use super::{Scheme, Stage, Verdict};
use crate::Error;
use crate::puf::{ArbiterPuf, STAGES, sub_challenges};
use bodywire_proto::handshake::SensorSecret;
use bodywire_proto::polar::Code;
use bodywire_proto::prf::Key;
use bodywire_proto::puf::{Challenge, Puf, Response};
use bodywire_proto::wire::{ChallengeMessage, Hello, Nonce, Suite};

/// Challenges that are asked.
const QUESTIONS: usize = 60;
/// How often each is asked.
const REPEATS: usize = 12;
/// Two readings differ in less; more is a difference that was not decoded.
const DIFFERENCE_BITS_MAX: u32 = 40;
/// Steps of the power iteration.
const STEPS: usize = 400;
/// Weights of a chain.
const WEIGHTS: usize = STAGES + 1;

/// One answer: the run's first three messages, and the helper with its pad taken off.
struct Answer {
    frames: [Frame; 3],
    helper: Vec<u8>,
}

pub(super) fn question(stage: &mut Stage) -> Result<Option<Verdict>, Error> {
    if stage.scheme != Scheme::Hardened {
        return Ok(None);
    }
    let mut air = Air::new(Box::new(link::hardened(stage.seed)?));
    air.honest(VICTIM, &mut stage.log)?;
    let SensorSecret::Hardened(chain) = air.target.ends[VICTIM].sensor.record().secret.clone() else {
        return Err(Error::Misuse("the victims are of another profile"));
    };
    stage.log.note("attacker", "takes K once; the PUF stays with the sensor");
    let mut covariance = vec![vec![0.0; WEIGHTS]; WEIGHTS];
    let (mut unreliable, mut firsts) = (0, Vec::new());
    for asked in 0..QUESTIONS {
        let challenge: [u8; 8] = stage.random(8).try_into().map_err(|_| Error::Misuse("eight bytes"))?;
        let answers = ask(stage, &mut air, &chain.key, challenge, asked == 0)?;
        for (flips, sub) in unreliable_bits(&answers).iter().zip(sub_challenges(&challenge.into(), STAGES)?) {
            if *flips {
                add(&mut covariance, &sub.features());
                unreliable += 1;
            }
        }
        firsts.extend(answers.into_iter().next().map(|answer| (challenge, answer)));
    }
    stage.log.note(
        "attacker",
        format!("asks {QUESTIONS} challenges {REPEATS} times each and finds {unreliable} unreliable bits"),
    );
    let weights = smallest_direction(&covariance);
    let Some(weights) = with_sign(&chain.key, &firsts, weights) else {
        return Ok(Some(Verdict::holds("the unreliable bits do not give the PUF")));
    };
    let share = predicted(stage, &air, &weights, Suite::Polar256.response_bytes())?;
    let accepted = double(stage, &mut air, ArbiterPuf::with_weights(vec![weights], 0.0, 0)?)?;
    let percent = share * 100.0;
    Ok(Some(if accepted {
        Verdict::falls(format!(
            "with K taken once, {} questions in the hub's place teach an arbiter PUF: {percent:.1} % of unseen bits are \
             predicted, and the hub accepts the model as the sensor",
            QUESTIONS * REPEATS
        ))
    } else {
        Verdict::holds(format!("the model predicts {percent:.1} % of unseen bits, and the hub refuses it"))
    }))
}

/// Asks the real sensor one challenge several times. The runs are never finished, so that K stays what it is.
fn ask(
    stage: &mut Stage,
    air: &mut Air<Link>,
    key: &Key,
    challenge: [u8; 8],
    shown: bool,
) -> Result<Vec<Answer>, Error> {
    let mut answers = Vec::new();
    for _ in 0..REPEATS {
        let nonce = stage.random(8).try_into().map_err(|_| Error::Misuse("eight bytes"))?;
        let mut sent: Vec<u8> = Vec::new();
        let mut liar = FalseHub(|number, hello: &[u8]| {
            let forged =
                (number == 0).then(|| forged_challenge(key, hello, challenge, Nonce(nonce))).flatten();
            sent.extend(forged.iter().flatten());
            forged.into_iter().collect()
        });
        let mut muted = Transcript::muted();
        let log = if shown && answers.is_empty() { &mut stage.log } else { &mut muted };
        let frames = air.run(VICTIM, &mut liar, log)?;
        if let [hello, proof] = &frames[..] {
            let challenge = Frame { from: Side::Hub, bytes: sent };
            let frames = [hello.clone(), challenge, proof.clone()];
            answers.extend(helper(key, &frames).map(|(_, helper)| Answer { frames, helper }));
        }
    }
    Ok(answers)
}

/// m2 with a challenge of the attacker's choice.
fn forged_challenge(key: &Key, hello: &[u8], challenge: [u8; 8], nonce: Nonce) -> Option<Vec<u8>> {
    let hello = Hello::parse(hello).ok()?.fields();
    let mut message = ChallengeMessage { challenge, nonce, tag: [0; 12] };
    let t = key.prf("m2", &[&link::HUB.0.to_be_bytes(), &hello, &message.fields()]).ok()?;
    message.tag = *t.first_chunk()?;
    Some(message.emit().ok()?.as_bytes().to_vec())
}

/// Which bits were not the same in all answers. The sum of two helpers is a word of the code and the bits in which the two
/// readings differ; the code itself takes the word away.
fn unreliable_bits(answers: &[Answer]) -> Vec<bool> {
    let Some((first, others)) = answers.split_first() else { return Vec::new() };
    let mut flips = vec![0; first.helper.len() * 8];
    let mut counted = 0;
    for other in others {
        let sum: Vec<u8> = first.helper.iter().zip(&other.helper).map(|(a, b)| a ^ b).collect();
        let mut difference = sum.clone();
        let decoded = Code::of(Suite::Polar256).decode(&sum, |word| {
            difference.iter_mut().zip(word).for_each(|(byte, word)| *byte ^= word);
            true
        });
        if !decoded || difference.iter().map(|byte| byte.count_ones()).sum::<u32>() > DIFFERENCE_BITS_MAX {
            continue;
        }
        counted += 1;
        for (bit, flips) in flips.iter_mut().enumerate() {
            *flips += usize::from(difference[bit / 8] >> (bit % 8) & 1);
        }
    }
    // A bit that differs from the first reading every time flipped there only.
    flips.iter().map(|flips| (1..=counted).contains(flips)).collect()
}

fn add(covariance: &mut [Vec<f64>], phi: &[f64]) {
    for (row, a) in covariance.iter_mut().zip(phi) {
        row.iter_mut().zip(phi).for_each(|(sum, b)| *sum += a * b);
    }
}

/// The direction in which the features of unreliable bits vary least: that of the weights, since their delay difference is
/// near zero. By power iteration on what is left of the trace.
fn smallest_direction(covariance: &[Vec<f64>]) -> Vec<f64> {
    let shift = 3.0 * covariance.iter().enumerate().map(|(i, row)| row[i]).sum::<f64>() / WEIGHTS as f64;
    let mut direction: Vec<f64> = (0..WEIGHTS).map(|i| 1.0 + (i as f64).sin()).collect();
    for _ in 0..STEPS {
        let turned = covariance
            .iter()
            .zip(&direction)
            .map(|(row, own)| shift * own - row.iter().zip(&direction).map(|(a, b)| a * b).sum::<f64>());
        let turned: Vec<f64> = turned.collect();
        let length = turned.iter().map(|x| x * x).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        direction = turned.into_iter().map(|x| x / length).collect();
    }
    direction
}

/// The weights or their opposite, whichever explains the sensor's confirmation in a recorded answer.
fn with_sign(key: &Key, answers: &[([u8; 8], Answer)], weights: Vec<f64>) -> Option<Vec<f64>> {
    let opposite = weights.iter().map(|weight| -weight).collect();
    [weights, opposite].into_iter().find(|weights| {
        let explained = |(challenge, answer): &([u8; 8], Answer)| {
            explains(key, (*challenge).into(), answer, weights).unwrap_or(false)
        };
        answers.iter().any(explained)
    })
}

/// What a hub does with m3, with the model in the place of the enrolled response.
fn explains(key: &Key, challenge: Challenge, answer: &Answer, weights: &[f64]) -> Result<bool, Error> {
    let Answer { frames: [hello, question, proof], helper } = answer;
    let mut guessed = Response::zeroed(helper.len())?;
    ArbiterPuf::with_weights(vec![weights.to_vec()], 0.0, 0)?.respond(&challenge, &mut guessed);
    let noisy: Vec<u8> = helper.iter().zip(guessed.as_bytes()).map(|(a, b)| a ^ b).collect();
    let Some(binder) = link::binder(key, &hello.bytes, &question.bytes) else { return Ok(false) };
    let confirmed = proof.bytes.last_chunk::<16>();
    Ok(Code::of(Suite::Polar256).decode(&noisy, |word| {
        let reading: Vec<u8> = helper.iter().zip(word).map(|(a, b)| a ^ b).collect();
        let both = key.prf("c", &[&reading, &binder]);
        both.is_ok_and(|both| both.first_chunk() == confirmed)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::{Rng, SeedableRng};

    #[test]
    fn the_direction_that_varies_least_is_found() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut covariance = vec![vec![0.0; WEIGHTS]; WEIGHTS];
        for _ in 0..1_000 {
            let mut phi: Vec<f64> =
                (0..WEIGHTS).map(|_| if rng.next_u32() & 1 == 1 { 1.0 } else { -1.0 }).collect();
            // Nothing along the difference of the first two.
            phi[1] = phi[0];
            add(&mut covariance, &phi);
        }
        let direction = smallest_direction(&covariance);
        let along = (direction[0] - direction[1]).abs() / 2.0f64.sqrt();
        assert!(along > 0.99, "{along}");
    }

    #[test]
    fn bits_that_were_not_always_the_same_are_unreliable() {
        let word = |seed| {
            let mut word = [0; 32];
            Code::of(Suite::Polar256).random_word(&mut word, &mut ChaCha20Rng::seed_from_u64(seed));
            word.to_vec()
        };
        let answer = |seed, flipped: Option<usize>| {
            let mut helper = word(seed);
            flipped.into_iter().for_each(|bit| helper[bit / 8] ^= 1 << (bit % 8));
            let frames = std::array::from_fn(|_| Frame { from: Side::Sensor, bytes: Vec::new() });
            Answer { frames, helper }
        };
        let answers = [answer(1, None), answer(2, Some(9)), answer(3, None), answer(4, Some(200))];
        let unreliable = unreliable_bits(&answers);
        let found: Vec<usize> = (0..256).filter(|bit| unreliable[*bit]).collect();
        assert_eq!(found, [9, 200]);
    }
}
