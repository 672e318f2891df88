//! Attackers that keep sensor and hub from working.

use super::air::{Attacker, Blocker, Changer, Frame, Listener, Side, VICTIM};
use super::listening::split;
use super::transcript::Transcript;
use super::{Scheme, Stage, Verdict, hash_l, tampering};
use crate::Error;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;

/// Honest runs that may fail after an attack before the victims count as lost to each other.
const RECOVERY_RUNS: usize = 4;
/// Series of runs in which every message is lost by the toss of a coin, and runs in each.
const STORMS: (usize, usize) = (8, 6);
/// Runs that are jammed to count the pairs which that costs.
const JAMMED: usize = 10;
/// Messages of a flood.
const FLOOD: usize = 64;

/// Loses each message in turn, then any change that is accepted, and looks whether the victims find together again.
pub(super) fn desynchronise(stage: &mut Stage) -> Result<Verdict, Error> {
    let messages = stage.victims()?.honest(VICTIM, &mut Transcript::muted())?.1.len();
    for number in 0..messages {
        let mut air = stage.victims()?;
        let mut log = Transcript::default();
        air.run(VICTIM, &mut Blocker { number }, &mut log)?;
        if !recovers(&mut air, &mut log)? {
            stage.log = log;
            let why = format!("after the loss of message {} no later run succeeds", number + 1);
            return Ok(Verdict::falls(why));
        }
        stage.log = log;
    }
    for _ in 0..STORMS.0 {
        let mut air = stage.victims()?;
        let mut log = Transcript::default();
        for _ in 0..STORMS.1 {
            air.run(VICTIM, &mut Storm(&mut stage.rng), &mut log)?;
        }
        if !recovers(&mut air, &mut log)? {
            stage.log = log;
            return Ok(Verdict::falls("after a series of losses no later run succeeds"));
        }
    }
    if let Some(change) = tampering::same_difference(stage)?.accepted {
        let mut air = stage.victims()?;
        let mut log = Transcript::default();
        air.run(VICTIM, &mut Changer { number: change.number, mask: &change.mask }, &mut log)?;
        if !recovers(&mut air, &mut log)? {
            stage.log = log;
            return Ok(Verdict::falls(
                "after one changed message, made without any key, no later run succeeds",
            ));
        }
    }
    if stage.scheme == Scheme::HashL {
        return hash_l::overwrite(stage);
    }
    Ok(Verdict::holds(format!(
        "each of the {messages} messages may be lost, and any of them in {} runs: a later run succeeds",
        STORMS.1
    )))
}

/// Loses each message by the toss of a coin.
struct Storm<'a>(&'a mut ChaCha20Rng);

impl Attacker for Storm<'_> {
    fn seize(&mut self, number: usize, frame: &Frame) -> Vec<(Side, Vec<u8>)> {
        if self.0.next_u32() & 1 == 1 { Vec::new() } else { Listener.seize(number, frame) }
    }
}

/// Whether one of the next honest runs succeeds.
fn recovers(air: &mut super::air::Air, log: &mut Transcript) -> Result<bool, Error> {
    for _ in 0..RECOVERY_RUNS {
        if air.honest(VICTIM, log)?.0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Floods the hub with random and recorded first messages, cuts its power, and counts the pairs that are left.
pub(super) fn exhaust(stage: &mut Stage) -> Result<Verdict, Error> {
    let mut air = stage.victims()?;
    let (_, first) = air.honest(VICTIM, &mut stage.log)?;
    let (_, second) = air.honest(VICTIM, &mut Transcript::muted())?;
    let Some(before) = air.target.pairs_left() else {
        return Ok(Verdict::holds("the hub keeps no challenge-response pairs, so that none can be used up"));
    };
    let fields = air.target.fields(0);
    let [first, second] =
        [first, second].map(|run| run.first().map(|frame| split(&frame.bytes, fields)).unwrap_or_default());
    air.inject(VICTIM, Side::Hub, &first.concat(), &mut stage.log);
    for round in 0..FLOOD {
        // What stands unchanged in both recorded messages is kept.
        let fields = first.iter().zip(&second);
        let forged = fields.map(|(a, b)| if a == b { a.clone() } else { stage.random(a.len()) });
        let forged = forged.collect::<Vec<_>>().concat();
        let log = if round == 0 { &mut stage.log } else { &mut Transcript::muted() };
        air.inject(VICTIM, Side::Hub, &forged, log);
    }
    let used = before - air.target.pairs_left().unwrap_or_default();
    stage.log.note("hub", format!("has lost {used} of {before} pairs to {} messages", FLOOD + 1));
    air.target.restart_hub(VICTIM);
    stage.log.note("hub", "loses its power and starts again");
    let (works, _) = air.honest(VICTIM, &mut stage.log)?;
    Ok(match (used, works) {
        (0, true) => {
            let jammed = jam(stage)?;
            Verdict::holds(format!(
                "{} forged and recorded messages use up no pair; {JAMMED} jammed runs cost {jammed}, as many as the sensor \
                 begins",
                FLOOD + 1
            ))
        }
        (_, false) => Verdict::falls(
            "one forged message takes the only pair of this run out of the database; after a power cut of the hub it is \
             gone, and the sensor is locked out",
        ),
        (used, true) => Verdict::falls(format!("{} messages without any key use up {used} pairs", FLOOD + 1)),
    })
}

/// Jams the sensor's answers in some runs and counts the pairs that are lost: no more than the runs which it begins itself.
fn jam(stage: &mut Stage) -> Result<usize, Error> {
    let mut air = stage.victims()?;
    let before = air.target.pairs_left().unwrap_or_default();
    for _ in 0..JAMMED {
        air.run(VICTIM, &mut Blocker { number: 2 }, &mut Transcript::muted())?;
    }
    let lost = before - air.target.pairs_left().unwrap_or_default();
    stage
        .log
        .note("attacker", format!("jams the sensor's answer in {JAMMED} runs, which costs {lost} pairs"));
    Ok(lost)
}
