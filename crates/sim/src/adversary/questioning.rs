//! Questioning a PUF in the hub's place.
//!
//! The hardened profile uses each response for one helper, since several helpers of one response tell which of its bits are
//! unreliable (Delvaux, Gu, Verbauwhede, Hiller and Yu, CHES 2016), and unreliable bits are those whose delay difference is
//! near zero (Becker, CHES 2015). An attacker who has taken K once makes valid m2 and asks again and again. The sensor
//! remembers the lowest challenge it still answers, so that he gets one helper of each; he learns from what he gets.

use super::air::{Air, FalseHub, Frame, Side, VICTIM};
use super::link::{self, Link};
use super::modelling::{CHANCE, CHIP_STEP, CHIPS, bits, double, helper, learn, predicted};
use super::transcript::Transcript;
use super::{Scheme, Stage, Verdict};
use crate::Error;
use crate::puf::{ArbiterPuf, STAGES, sub_challenges};
use bodywire_proto::handshake::SensorSecret;
use bodywire_proto::polar::Code;
use bodywire_proto::prf::Key;
use bodywire_proto::puf::{Challenge, Puf, Response};
use bodywire_proto::wire::{ChallengeMessage, Hello, Nonce, Suite};

/// Challenges of his own that are asked, besides the one of the run he has heard.
const QUESTIONS: u64 = 60;
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

/// What one chip gave away.
struct Answers {
    /// The first answer to each challenge that was answered.
    firsts: Vec<(Challenge, Answer)>,
    /// Questions, and how many of them were answered.
    asked: usize,
    answered: usize,
    /// Challenges that were answered more than once.
    repeated: usize,
    /// Bits that were not the same in all answers, and the sum of the products of their features.
    unreliable: usize,
    covariance: Vec<Vec<f64>>,
}

/// What is done to the victims before each question.
type Between = fn(&mut Air<Link>) -> Result<(), Error>;

pub(super) fn question(stage: &mut Stage) -> Result<Option<Verdict>, Error> {
    if stage.scheme != Scheme::Hardened {
        return Ok(None);
    }
    question_chips(stage, CHIPS, |_| Ok(())).map(Some)
}

/// The attack on several chips, since a guessed model says little of one.
fn question_chips(stage: &mut Stage, chips: usize, between: Between) -> Result<Verdict, Error> {
    let (mut sum, mut accepted) = (0.0, 0);
    let (mut asked, mut answered, mut repeated) = (0, 0, 0);
    for chip in 0..chips {
        let seed = stage.seed.wrapping_add((chip as u64).wrapping_mul(CHIP_STEP));
        let mut air = Air::new(Box::new(link::hardened(seed)?));
        let (key, answers) = interrogate(stage, &mut air, chip == 0, between)?;
        let weights = estimate(&key, &answers)?;
        sum += predicted(stage, &air, &weights, Suite::Polar256.response_bytes())?;
        accepted += usize::from(double(stage, &mut air, ArbiterPuf::with_weights(vec![weights], 0.0, 0)?)?);
        asked += answers.asked;
        answered += answers.answered;
        repeated += answers.repeated;
    }
    let share = sum / chips as f64;
    let told = format!(
        "with K taken once, {answered} of {asked} questions in the hub's place are answered, {repeated} challenges more \
         than once; what {chips} arbiter PUFs so give away predicts {:.1} % of unseen bits, and the hub accepts {accepted} \
         of the models as the sensor",
        share * 100.0
    );
    Ok(if accepted > 0 || share > CHANCE { Verdict::falls(told) } else { Verdict::holds(told) })
}

/// Takes K, then asks the challenge of the run it was taken after, and those above it, each several times. They go
/// upwards: a higher one would close the lower ones.
fn interrogate(
    stage: &mut Stage,
    air: &mut Air<Link>,
    shown: bool,
    between: Between,
) -> Result<(Key, Answers), Error> {
    let log = if shown { &mut stage.log } else { &mut Transcript::muted() };
    let (_, frames) = air.honest(VICTIM, log)?;
    let heard = frames.get(1).and_then(|frame| ChallengeMessage::parse(&frame.bytes).ok());
    let heard = heard.ok_or(Error::Misuse("an honest run has a challenge"))?;
    let SensorSecret::Hardened(chain) = air.target.ends[VICTIM].sensor.record().secret.clone() else {
        return Err(Error::Misuse("the victims are of another profile"));
    };
    stage.log.note("attacker", "takes K once; the PUF stays with the sensor");
    let mut given = Answers {
        firsts: Vec::new(),
        asked: 0,
        answered: 0,
        repeated: 0,
        unreliable: 0,
        covariance: vec![vec![0.0; WEIGHTS]; WEIGHTS],
    };
    for number in 0..=QUESTIONS {
        let challenge = (u64::from_be_bytes(heard.challenge) + number).to_be_bytes();
        let answers = ask(stage, air, &chain.key, challenge, shown && number == 1, between)?;
        given.asked += REPEATS;
        given.answered += answers.len();
        given.repeated += usize::from(answers.len() > 1);
        for (flips, sub) in unreliable_bits(&answers).iter().zip(sub_challenges(&challenge.into(), STAGES)?) {
            if *flips {
                add(&mut given.covariance, &sub.features());
                given.unreliable += 1;
            }
        }
        given.firsts.extend(answers.into_iter().next().map(|answer| (challenge.into(), answer)));
    }
    let Answers { asked, answered, repeated, unreliable, .. } = given;
    stage.log.note(
        "attacker",
        format!(
            "asks {} challenges {REPEATS} times each; of {asked} questions the sensor answers {answered}, {repeated} \
             challenges more than once, which shows {unreliable} unreliable bits",
            QUESTIONS + 1
        ),
    );
    Ok((chain.key, given))
}

/// The weights by the unreliable bits, where there are any and they explain an answer; otherwise by taking each helper for
/// the response. Of the sums of response bits that a helper tells with K known, nothing is made.
fn estimate(key: &Key, answers: &Answers) -> Result<Vec<f64>, Error> {
    if answers.unreliable > 0 {
        let weights = with_sign(key, &answers.firsts, smallest_direction(&answers.covariance));
        if let Some(weights) = weights {
            return Ok(weights);
        }
    }
    let mut heard = Vec::new();
    for (challenge, answer) in &answers.firsts {
        heard.extend(bits(challenge, &answer.helper)?);
    }
    let learnt = learn(&heard);
    Ok(with_sign(key, &answers.firsts, learnt.clone()).unwrap_or(learnt))
}

/// Asks the real sensor one challenge several times. The runs are never finished, so that K stays what it is.
fn ask(
    stage: &mut Stage,
    air: &mut Air<Link>,
    key: &Key,
    challenge: [u8; 8],
    shown: bool,
    between: Between,
) -> Result<Vec<Answer>, Error> {
    let mut answers = Vec::new();
    for time in 0..REPEATS {
        between(air)?;
        let nonce = stage.random(8).try_into().map_err(|_| Error::Misuse("eight bytes"))?;
        let mut sent: Vec<u8> = Vec::new();
        let mut liar = FalseHub(|number, hello: &[u8]| {
            let forged =
                (number == 0).then(|| forged_challenge(key, hello, challenge, Nonce(nonce))).flatten();
            sent.extend(forged.iter().flatten());
            forged.into_iter().collect()
        });
        let mut muted = Transcript::muted();
        // Once answered and once again.
        let log = if shown && time < 2 { &mut stage.log } else { &mut muted };
        let frames = air.run(VICTIM, &mut liar, log)?;
        let [hello, proof] = &frames[..] else {
            log.note("sensor", "gives no answer");
            continue;
        };
        let challenge = Frame { from: Side::Hub, bytes: sent };
        let frames = [hello.clone(), challenge, proof.clone()];
        answers.extend(helper(key, &frames).map(|(_, helper)| Answer { frames, helper }));
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
fn with_sign(key: &Key, answers: &[(Challenge, Answer)], weights: Vec<f64>) -> Option<Vec<f64>> {
    let opposite = weights.iter().map(|weight| -weight).collect();
    [weights, opposite].into_iter().find(|weights| {
        let explained = |(challenge, answer): &(Challenge, Answer)| {
            explains(key, challenge, answer, weights).unwrap_or(false)
        };
        answers.iter().any(explained)
    })
}

/// What a hub does with m3, with the model in the place of the enrolled response.
fn explains(key: &Key, challenge: &Challenge, answer: &Answer, weights: &[f64]) -> Result<bool, Error> {
    let Answer { frames: [hello, question, proof], helper } = answer;
    let mut guessed = Response::zeroed(helper.len())?;
    ArbiterPuf::with_weights(vec![weights.to_vec()], 0.0, 0)?.respond(challenge, &mut guessed);
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
    use super::super::Outcome;
    use super::*;
    use bodywire_proto::handshake::SensorHandshake;
    use rand_chacha::ChaCha20Rng;
    use rand_core::{Rng, SeedableRng};

    fn stage(seed: u64) -> Stage {
        let rng = ChaCha20Rng::seed_from_u64(seed);
        Stage { scheme: Scheme::Hardened, seed, rng, log: Transcript::default() }
    }

    /// The sensor as it was before it remembered what it had been asked.
    fn forget(air: &mut Air<Link>) -> Result<(), Error> {
        let end = &mut air.target.ends[VICTIM];
        let mut record = end.sensor.record().clone();
        let SensorSecret::Hardened(chain) = &mut record.secret else {
            return Err(Error::Misuse("the victims are of another profile"));
        };
        chain.floor = 0;
        end.sensor = SensorHandshake::new(record);
        Ok(())
    }

    /// Were the attack no good, its failure would say nothing of the sensor's memory.
    #[test]
    fn a_sensor_that_forgets_what_it_was_asked_is_learnt() {
        for seed in [1, 20_261_122] {
            let verdict = question_chips(&mut stage(seed), 1, forget).unwrap();
            assert_eq!(verdict.outcome, Outcome::Falls, "{}", verdict.why);
            assert!(verdict.why.contains("732 of 732 questions"), "{}", verdict.why);
            assert!(verdict.why.contains("accepts 1 of the models"), "{}", verdict.why);
        }
    }

    #[test]
    fn a_sensor_answers_each_challenge_once_and_a_true_model_would_still_be_accepted() {
        let mut stage = stage(2);
        let mut air = Air::new(Box::new(link::hardened(2).unwrap()));
        let (_, answers) = interrogate(&mut stage, &mut air, false, |_| Ok(())).unwrap();
        assert_eq!((answers.asked, answers.answered), (732, 60), "all but the one that was heard");
        assert_eq!((answers.repeated, answers.unreliable), (0, 0));
        let chip = air.target.ends[VICTIM].taken(3).unwrap();
        assert!(double(&mut stage, &mut air, chip).unwrap(), "the hub refuses models for what they predict");
    }

    /// What is left to who has K: a challenge near the highest closes all below it, and the hub is refused.
    #[test]
    fn the_highest_challenges_lock_the_hub_out() {
        let mut stage = stage(4);
        let mut air = Air::new(Box::new(link::hardened(4).unwrap()));
        let (agreed, _) = air.honest(VICTIM, &mut Transcript::muted()).unwrap();
        let SensorSecret::Hardened(chain) = air.target.ends[VICTIM].sensor.record().secret.clone() else {
            unreachable!("the victims are of the hardened profile");
        };
        let mut asked = |challenge: u64| {
            let bytes = challenge.to_be_bytes();
            ask(&mut stage, &mut air, &chain.key, bytes, false, |_| Ok(())).unwrap().len()
        };
        assert_eq!((agreed, asked(u64::MAX), asked(u64::MAX - 1)), (true, 0, 1));
        assert!(!air.honest(VICTIM, &mut Transcript::muted()).unwrap().0);
    }

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
