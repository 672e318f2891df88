//! Attackers that claim to be somebody.

use super::air::{Air, FalseHub, OTHER, Replacer, Side, VICTIM};
use super::listening::split;
use super::transcript::Transcript;
use super::{Scheme, Stage, Verdict, data, hash_l, replaying, tampering, toolbox};
use crate::Error;

/// Random messages that are tried.
const GUESSES: usize = 64;

/// Claims to be the sensor: messages put together from two recorded runs, and random ones.
pub(super) fn sensor(stage: &mut Stage) -> Result<Verdict, Error> {
    if stage.scheme == Scheme::HashL {
        return hash_l::false_sensor(stage);
    }
    let mut air = stage.victims()?;
    let mut heard: Vec<Vec<u8>> = Vec::new();
    let (_, first_run) = air.honest(VICTIM, &mut stage.log)?;
    let (_, second) = air.honest(VICTIM, &mut stage.log)?;
    heard.extend(first_run.iter().chain(&second).map(|frame| frame.bytes.clone()));
    let fields = air.target.fields(0);
    let (first, second) = (split(&heard[0], fields), split(&second[0].bytes, fields));
    let mut tries = spliced(&first, &second);
    for _ in 0..GUESSES {
        // Whatever stands unchanged in both recorded messages is kept.
        let guess =
            first.iter().zip(&second).map(|(a, b)| if a == b { a.clone() } else { stage.random(a.len()) });
        tries.push(guess.collect::<Vec<_>>().concat());
    }
    let mut accepted_without_key = 0;
    let later: Vec<Vec<u8>> = first_run[1..]
        .iter()
        .filter(|frame| frame.from == Side::Sensor)
        .map(|frame| frame.bytes.clone())
        .collect();
    for (i, message) in tries.iter().enumerate() {
        let before = air.accepted(VICTIM, Side::Hub);
        let log = if i == 0 { &mut stage.log } else { &mut Transcript::muted() };
        heard.extend(air.inject(VICTIM, Side::Hub, message, log));
        for message in &later {
            heard.extend(air.inject(VICTIM, Side::Hub, message, log));
        }
        if air.accepted(VICTIM, Side::Hub) > before {
            let secret = air.secret(VICTIM, Side::Hub).unwrap_or_default();
            let heard: Vec<&[u8]> = heard.iter().map(Vec::as_slice).collect();
            if let Some(how) = toolbox::search(&heard, &[], secret).found {
                return Ok(Verdict::falls(format!("the hub accepts the attacker as the sensor, and {how}")));
            }
            accepted_without_key += 1;
        }
    }
    stage.log.note("attacker", format!("sends {} forged messages", tries.len()));
    Ok(Verdict::holds(match accepted_without_key {
        0 => format!("the hub refuses {} messages, spliced from recordings or random", tries.len()),
        n => format!(
            "the hub accepts {n} of {} forged messages, but the attacker does not have the key",
            tries.len()
        ),
    }))
}

/// Claims to be the hub: random answers and those of another run.
pub(super) fn hub(stage: &mut Stage) -> Result<Verdict, Error> {
    match stage.scheme {
        Scheme::HashL => return hash_l::false_hub(stage),
        Scheme::Paper => return replaying::reflect(stage),
        _ => {}
    }
    let mut air = stage.victims()?;
    let (_, recorded) = air.honest(VICTIM, &mut stage.log)?;
    let answers: Vec<Vec<u8>> =
        recorded.iter().filter(|frame| frame.from == Side::Hub).map(|frame| frame.bytes.clone()).collect();
    let before = air.accepted(VICTIM, Side::Sensor);
    for round in 0..GUESSES {
        let forged: Vec<Vec<u8>> = answers.iter().map(|answer| stage.random(answer.len())).collect();
        let mut forged = forged.into_iter().zip(&answers).map(|(mut forged, answer)| {
            if let (Some(first), Some(known)) = (forged.first_mut(), answer.first()) {
                *first = *known;
            }
            forged
        });
        let mut liar = FalseHub(|_, _: &[u8]| forged.next().into_iter().collect());
        let log = if round == 0 { &mut stage.log } else { &mut Transcript::muted() };
        air.run(VICTIM, &mut liar, log)?;
        if air.accepted(VICTIM, Side::Sensor) > before {
            return Ok(Verdict::falls("the sensor accepts an attacker without any key as its hub"));
        }
    }
    Ok(Verdict::holds(format!("the sensor refuses {GUESSES} forged answers")))
}

/// Stands between both and puts fields of its own sensor's run, which is enrolled at the same hub, into the victim's.
pub(super) fn man_in_the_middle(stage: &mut Stage) -> Result<Verdict, Error> {
    if stage.scheme == Scheme::HashL {
        return hash_l::between(stage);
    }
    let own = stage.victims()?.honest(OTHER, &mut Transcript::muted())?.1;
    let (_, victims) = stage.victims()?.honest(VICTIM, &mut Transcript::muted())?;
    let mut tried = 0;
    for (number, (own, frame)) in own.iter().zip(&victims).enumerate() {
        if !tampering::is_needed(stage, number)? {
            continue;
        }
        let fields = stage.victims()?.target.fields(number);
        let mut mixtures = spliced(&split(&frame.bytes, fields), &split(&own.bytes, fields));
        mixtures.push(own.bytes.clone());
        for mixture in mixtures {
            tried += 1;
            let mut air = stage.victims()?;
            let receiver = frame.from.peer();
            let mut between = Replacer { number, bytes: mixture.clone() };
            let mut log = Transcript::default();
            air.run(VICTIM, &mut between, &mut log)?;
            // The attacker's own message, whole, makes the hub accept the attacker's own sensor: no attack.
            let own_session = mixture == own.bytes && receiver == Side::Hub;
            if mixture == frame.bytes {
                continue;
            }
            if air.accepted(VICTIM, receiver) > 0 && !own_session {
                stage.log = log;
                let receiver = receiver.name();
                let why =
                    format!("the {receiver} accepts message {} with fields of the attacker", number + 1);
                return Ok(Verdict::falls(why));
            }
        }
    }
    if matches!(stage.scheme, Scheme::Paper | Scheme::Hardened) && data::rewritten(stage)? {
        return Ok(Verdict::falls("the attacker relays the run untouched and rewrites the data that follow"));
    }
    relay(&mut stage.victims()?, stage)?;
    Ok(Verdict::holds(format!(
        "{tried} mixtures of the victim's messages with those of the attacker's own sensor are refused"
    )))
}

/// An honest run through the attacker's hands, for the transcript.
fn relay(air: &mut Air, stage: &mut Stage) -> Result<(), Error> {
    air.honest(VICTIM, &mut stage.log)?;
    stage.log.note("attacker", "has relayed this run; it can change nothing in it that is accepted");
    Ok(())
}

/// All mixtures of the fields of two messages, but the messages themselves.
pub(super) fn spliced(a: &[Vec<u8>], b: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let whole = [a.concat(), b.concat()];
    let mix = |chosen: u32| -> Vec<u8> {
        let fields = a.iter().zip(b).enumerate();
        fields.flat_map(|(i, (a, b))| if chosen >> i & 1 == 1 { b.clone() } else { a.clone() }).collect()
    };
    let mut mixtures: Vec<Vec<u8>> = (1..1u32 << a.len()).map(mix).filter(|m| !whole.contains(m)).collect();
    mixtures.sort();
    mixtures.dedup();
    mixtures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixtures_are_all_but_the_originals() {
        let mixtures = spliced(&[vec![1], vec![2], vec![3]], &[vec![4], vec![2], vec![5]]);
        assert_eq!(mixtures, [[1, 2, 5], [4, 2, 3]]);
    }
}
