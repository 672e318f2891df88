//! Attackers that only listen.

use super::air::{Frame, OTHER, Side, VICTIM};
use super::{Scheme, Stage, Verdict, hash_l, toolbox};
use crate::Error;

/// Bytes of the shortest field by which a sensor is recognised: a node number has two.
const MARK_BYTES_MIN: usize = 2;

/// Listens to a run and looks for its secret.
pub(super) fn eavesdrop(stage: &mut Stage) -> Result<Verdict, Error> {
    if stage.scheme == Scheme::HashL {
        return hash_l::guess_the_identity(stage);
    }
    let mut air = stage.victims()?;
    let (_, frames) = air.honest(VICTIM, &mut stage.log)?;
    let secret = air.secret(VICTIM, Side::Hub).unwrap_or_default();
    let heard: Vec<&[u8]> = frames.iter().map(|frame| frame.bytes.as_slice()).collect();
    let search = toolbox::search(&heard, &[], secret);
    stage.log.note("attacker", format!("tries {} candidates for the run's secret", search.tried));
    Ok(match search.found {
        Some(how) => Verdict::falls(format!("the run's secret is on the air: {how}")),
        None => Verdict::holds(format!(
            "none of {} candidates made of what was heard is the run's secret",
            search.tried
        )),
    })
}

/// Two runs of one sensor, one of another: is there something that the first two have in common and the third has not?
pub(super) fn trace(stage: &mut Stage) -> Result<Verdict, Error> {
    let mut air = stage.victims()?;
    let (_, first) = air.honest(VICTIM, &mut stage.log)?;
    let (_, again) = air.honest(VICTIM, &mut stage.log)?;
    let (_, other) = air.honest(OTHER, &mut stage.log)?;
    let fields = |frames: &[Frame]| -> Vec<Vec<Vec<u8>>> {
        frames.iter().enumerate().map(|(i, frame)| split(&frame.bytes, air.target.fields(i))).collect()
    };
    let (first, again, other) = (fields(&first), fields(&again), fields(&other));
    let mark = marks(&again).into_iter().find_map(|(place, mark)| {
        let earlier = marks(&first).into_iter().find(|(_, other)| *other == mark);
        let elsewhere = marks(&other).into_iter().any(|(_, other)| other == mark);
        earlier.filter(|_| !elsewhere).map(|(before, _)| (before, place, mark))
    });
    let Some((before, place, mark)) = mark else {
        return Ok(Verdict::holds(
            "no field, and no XOR of two fields, comes again in the sensor's next run",
        ));
    };
    stage.log.bytes("attacker", format!("recognises the sensor: {before}, then {place}"), &mark);
    Ok(Verdict::falls(format!(
        "two runs of one sensor can be told from a run of another one: {before} comes again as {place}"
    )))
}

/// The fields of a frame.
pub(super) fn split(bytes: &[u8], fields: &[usize]) -> Vec<Vec<u8>> {
    let mut rest = bytes;
    let cut = fields.iter().map(|length| {
        let (field, behind) = rest.split_at((*length).min(rest.len()));
        rest = behind;
        field.to_vec()
    });
    cut.collect()
}

/// Every field, and the XOR of any two fields of one frame, each with where it is.
fn marks(frames: &[Vec<Vec<u8>>]) -> Vec<(String, Vec<u8>)> {
    let mut marks = Vec::new();
    for (number, fields) in frames.iter().enumerate() {
        let number = number + 1;
        for (i, a) in fields.iter().enumerate().filter(|(_, field)| field.len() >= MARK_BYTES_MIN) {
            marks.push((format!("field {} of message {number}", i + 1), a.clone()));
            for (j, b) in fields.iter().enumerate().skip(i + 1).filter(|(_, b)| b.len() == a.len()) {
                let sum: Vec<u8> = a.iter().zip(b).map(|(a, b)| a ^ b).collect();
                if sum.iter().any(|byte| *byte != 0) {
                    marks.push((
                        format!("the XOR of fields {} and {} of message {number}", i + 1, j + 1),
                        sum,
                    ));
                }
            }
        }
    }
    marks
}
