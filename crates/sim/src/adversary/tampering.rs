//! Attackers that change messages on their way.

use super::air::{Blocker, Changer, Forger, Frame, Side, VICTIM};
use super::transcript::Transcript;
use super::{Scheme, Stage, Verdict};
use crate::Error;
use bodywire_proto::paper;
use rand_core::Rng;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Bits that noise-like changes flip in one field. The first, with the noise of a PUF, is just under the threshold of paper B's profile.
const FLIPS: [usize; 4] = [100, 64, 16, 2];
/// Distance of two bits that cancel in a fold into 16 bits (paper B, Fig. 5).
const FOLD_BITS: usize = 16;
/// Pairs of bits tried in each message.
const PAIRS_PER_MESSAGE: usize = 24;
/// The difference that is put into the last bytes of several fields at once. It is small, so that a time stays inside
/// its window.
const DIFFERENCE: u8 = 1;

/// A change that a victim accepted.
pub(super) struct Accepted {
    /// In which message, from 0.
    pub(super) number: usize,
    /// What it is XORed with.
    pub(super) mask: Vec<u8>,
    what: String,
    receiver: Side,
}

/// What a search ended with.
pub(super) struct Changes {
    tried: usize,
    pub(super) accepted: Option<Accepted>,
}

/// Changes a message on its way: one bit in each byte, then the same difference in any fields at once.
pub(super) fn tamper(stage: &mut Stage) -> Result<Verdict, Error> {
    let mut changes = single_bits(stage)?;
    if changes.accepted.is_none() {
        let tried = changes.tried;
        changes = same_difference(stage)?;
        changes.tried += tried;
    }
    verdict(stage, changes)
}

/// Flips up to 100 bits of each field that is long enough, as noise would.
pub(super) fn flip_under_threshold(stage: &mut Stage) -> Result<Verdict, Error> {
    let mut masks = Vec::new();
    for Sent { number, frame, fields } in messages(stage)? {
        let mut start = 0;
        for (i, length) in fields.iter().enumerate() {
            for flips in FLIPS.into_iter().filter(|flips| *flips <= length * 8 / 2) {
                let mut mask = vec![0; frame.bytes.len()];
                for _ in 0..flips {
                    let bit = stage.rng.next_u32() as usize % (length * 8);
                    mask[start + bit / 8] |= 1 << (bit % 8);
                }
                let what = format!("up to {flips} bits of field {}", i + 1);
                masks.push((number, mask, what));
            }
            start += length;
        }
    }
    let changes = search(stage, masks)?;
    verdict(stage, changes)
}

/// Flips two bits at a distance of 16, which a fold into 16 bits does not see.
pub(super) fn forge_fold(stage: &mut Stage) -> Result<Verdict, Error> {
    let mut masks = Vec::new();
    for Sent { number, frame, .. } in messages(stage)? {
        let bits = frame.bytes.len() * 8;
        for _ in 0..PAIRS_PER_MESSAGE {
            let mut mask = vec![0; frame.bytes.len()];
            let bit = stage.rng.next_u32() as usize % (bits - FOLD_BITS);
            for bit in [bit, bit + FOLD_BITS] {
                mask[bit / 8] ^= 1 << (bit % 8);
            }
            masks.push((number, mask, "two bits at a distance of 16".to_owned()));
        }
    }
    let changes = search(stage, masks)?;
    let folded = changes.accepted.as_ref().and_then(|change| {
        let payload = change.mask.get(paper::wire::HEADER_BYTES..)?.try_into().ok();
        payload.map(|payload| paper::fold(payload).1)
    });
    let mut verdict = verdict(stage, changes)?;
    // The fold is linear: it is the same after the change when the change folds to nothing.
    if stage.scheme == Scheme::Paper && folded == Some([0; 2]) {
        verdict.why.push_str(", and the fold over it is the same as before");
    }
    Ok(verdict)
}

/// Forges the message that confirms, to a side whose own message was lost: the one recorded before, and random ones.
pub(super) fn forge_confirmation(stage: &mut Stage) -> Result<Verdict, Error> {
    let mut tried = 0;
    for number in confirmations(stage.scheme) {
        for round in 0..PAIRS_PER_MESSAGE {
            let mut air = stage.victims()?;
            let (_, recorded) = air.honest(VICTIM, &mut Transcript::muted())?;
            let Some(frame) = recorded.get(*number) else { continue };
            let mut forged = frame.bytes.clone();
            if round > 0 {
                // What every message of this kind begins with is public.
                let random = stage.random(forged.len() - 1);
                forged.splice(1.., random);
            }
            tried += 1;
            let receiver = frame.from.peer();
            let before = air.accepted(VICTIM, receiver);
            let mut log = Transcript::default();
            air.run(VICTIM, &mut Forger { number: *number, bytes: forged }, &mut log)?;
            if air.accepted(VICTIM, receiver) > before {
                stage.log = log;
                let (receiver, sender) = (receiver.name(), frame.from.name());
                return Ok(Verdict::falls(format!(
                    "the {receiver} takes a forged confirmation for the real one, though its message never reached the \
                     {sender}"
                )));
            }
            if round == 0 {
                stage.log = log;
            }
        }
    }
    stage.log.note("attacker", format!("forges {tried} confirmations; all are refused"));
    Ok(Verdict::holds(format!("{tried} forged confirmations, the recorded ones among them, are refused")))
}

/// Numbers of the messages that confirm and end a run for who receives them.
const fn confirmations(scheme: Scheme) -> &'static [usize] {
    match scheme {
        Scheme::Paper => &[3],
        Scheme::Hardened => &[2, 3],
        _ => &[1],
    }
}

/// A message of an honest run.
struct Sent {
    number: usize,
    frame: Frame,
    /// Lengths of its fields.
    fields: &'static [usize],
}

/// The messages of an honest run.
fn messages(stage: &Stage) -> Result<Vec<Sent>, Error> {
    let mut air = stage.victims()?;
    let (_, frames) = air.honest(VICTIM, &mut Transcript::muted())?;
    Ok(frames
        .into_iter()
        .enumerate()
        .map(|(number, frame)| Sent { number, frame, fields: air.target.fields(number) })
        .collect())
}

/// One bit in each byte.
fn single_bits(stage: &mut Stage) -> Result<Changes, Error> {
    let mut masks = Vec::new();
    for Sent { number, frame, .. } in messages(stage)? {
        for byte in 0..frame.bytes.len() {
            let mut mask = vec![0; frame.bytes.len()];
            mask[byte] = 1 << (stage.rng.next_u32() % 8);
            masks.push((number, mask, format!("one bit of byte {byte}")));
        }
    }
    search(stage, masks)
}

/// The same difference in any two or more fields at once.
pub(super) fn same_difference(stage: &mut Stage) -> Result<Changes, Error> {
    let mut masks = Vec::new();
    for Sent { number, frame, fields } in messages(stage)? {
        for chosen in 1u32..1 << fields.len() {
            if chosen.count_ones() < 2 {
                continue;
            }
            let (mut mask, mut end, mut names) = (vec![0; frame.bytes.len()], 0, Vec::new());
            for (i, length) in fields.iter().enumerate() {
                end += length;
                if chosen >> i & 1 == 1 {
                    mask[end - 1] = DIFFERENCE;
                    names.push((i + 1).to_string());
                }
            }
            masks.push((number, mask, format!("fields {} by the same difference", names.join(", "))));
        }
    }
    search(stage, masks)
}

/// Whether its receiver waits for the message with this number. Where it does not, that a run is accepted after a change
/// says nothing: the changed message may have been thrown away.
pub(super) fn is_needed(stage: &Stage, number: usize) -> Result<bool, Error> {
    let mut air = stage.victims()?;
    let sent = air.run(VICTIM, &mut Blocker { number }, &mut Transcript::muted())?;
    let receiver = sent.get(number).map(|frame| frame.from.peer());
    Ok(receiver.is_some_and(|receiver| air.accepted(VICTIM, receiver) == 0))
}

/// Tries each change in a fresh run, until a victim accepts one.
fn search(stage: &mut Stage, masks: Vec<(usize, Vec<u8>, String)>) -> Result<Changes, Error> {
    let mut tried = 0;
    let mut needed = BTreeMap::new();
    for (number, mask, what) in masks {
        let needed = match needed.entry(number) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => *unknown.insert(is_needed(stage, number)?),
        };
        if !needed {
            continue;
        }
        tried += 1;
        let mut air = stage.victims()?;
        let sent = air.run(VICTIM, &mut Changer { number, mask: &mask }, &mut Transcript::muted())?;
        let Some(receiver) = sent.get(number).map(|frame| frame.from.peer()) else { continue };
        if air.accepted(VICTIM, receiver) > 0 {
            return Ok(Changes { tried, accepted: Some(Accepted { number, mask, what, receiver }) });
        }
    }
    Ok(Changes { tried, accepted: None })
}

/// Shows the change that was accepted once more, for the transcript.
fn verdict(stage: &mut Stage, changes: Changes) -> Result<Verdict, Error> {
    let Changes { tried, accepted } = changes;
    let Some(Accepted { number, mask, what, receiver }) = accepted else {
        stage.log.note("attacker", format!("changes messages in {tried} ways; none is accepted"));
        return Ok(Verdict::holds(format!("{tried} changed messages are refused")));
    };
    stage.victims()?.run(VICTIM, &mut Changer { number, mask: &mask }, &mut stage.log)?;
    let receiver = receiver.name();
    Ok(Verdict::falls(format!("the {receiver} accepts message {} with {what} changed", number + 1)))
}
