//! Attackers that keep sensor and hub from working.

use super::air::{Blocker, Changer, Side, VICTIM};
use super::transcript::Transcript;
use super::{Scheme, Stage, Verdict, hash_l, tampering};
use crate::Error;

/// Honest runs that may fail after an attack before the victims count as lost to each other.
const RECOVERY_RUNS: usize = 4;
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
    Ok(Verdict::holds(format!("each of the {messages} messages may be lost: a later run succeeds")))
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

/// Floods the hub with random and recorded first messages, and counts the pairs that are left.
pub(super) fn exhaust(stage: &mut Stage) -> Result<Verdict, Error> {
    let mut air = stage.victims()?;
    let (_, recorded) = air.honest(VICTIM, &mut stage.log)?;
    let Some(before) = air.target.pairs_left() else {
        return Ok(Verdict::holds("the hub keeps no challenge-response pairs, so that none can be used up"));
    };
    let first = recorded.first().map(|frame| frame.bytes.clone()).unwrap_or_default();
    air.inject(VICTIM, Side::Hub, &first, &mut stage.log);
    for round in 0..FLOOD {
        let mut forged = stage.random(first.len());
        // The header is public: type, and whatever else all messages of this sensor begin with.
        let header = air.target.fields(0).first().copied().unwrap_or_default();
        forged.iter_mut().zip(&first).take(header).for_each(|(byte, known)| *byte = *known);
        let log = if round == 0 { &mut stage.log } else { &mut Transcript::muted() };
        air.inject(VICTIM, Side::Hub, &forged, log);
    }
    let left = air.target.pairs_left().unwrap_or_default();
    stage.log.note("hub", format!("has {left} of {before} pairs left after {FLOOD} more messages"));
    Ok(if left < before {
        Verdict::falls(format!("{} messages without any key use up {} pairs", FLOOD + 1, before - left))
    } else {
        Verdict::holds(format!("{} forged and recorded messages use up no pair", FLOOD + 1))
    })
}
