//! Attackers that send again what was sent before.

use super::air::{Blocker, FalseHub, Frame, Side, VICTIM};
use super::transcript::Transcript;
use super::{Stage, Verdict};
use crate::Error;
use std::time::Duration;

/// A replay that comes at once, and one that comes an hour late.
const DELAYS: [Duration; 2] = [Duration::ZERO, Duration::from_secs(3_600)];
/// Lengths of what a message may begin with that is not its content: nothing, a type, a type with number and length.
const HEADERS: [usize; 3] = [0, 1, 5];

/// Records a run and sends each side its messages again; then one whose end was held back.
pub(super) fn replay(stage: &mut Stage) -> Result<Verdict, Error> {
    for delay in DELAYS {
        let mut air = stage.victims()?;
        let mut log = Transcript::default();
        let (_, recorded) = air.honest(VICTIM, &mut log)?;
        air.now += delay;
        let before = air.accepted(VICTIM, Side::Hub);
        for frame in recorded.iter().filter(|frame| frame.from == Side::Sensor) {
            air.inject(VICTIM, Side::Hub, &frame.bytes, &mut log);
        }
        if air.accepted(VICTIM, Side::Hub) > before {
            stage.log = log;
            let when = if delay.is_zero() { "inside its clock window" } else { "an hour later" };
            return Ok(Verdict::falls(format!(
                "the hub takes a recorded run for a new session {when}; it does not remember what it has seen"
            )));
        }
        let before = air.accepted(VICTIM, Side::Sensor);
        let mut old = recorded_hub(&recorded);
        air.run(VICTIM, &mut FalseHub(|number, _: &[u8]| old(number)), &mut log)?;
        if air.accepted(VICTIM, Side::Sensor) > before {
            stage.log = log;
            return Ok(Verdict::falls("the sensor takes the hub's messages of an earlier run for new ones"));
        }
        stage.log = log;
    }
    if let Some(verdict) = withheld(stage)? {
        return Ok(verdict);
    }
    Ok(Verdict::holds("both sides refuse the messages of an earlier run, at once and an hour later"))
}

/// Holds back the last message of the sensor, and sends all that it sent an hour later.
fn withheld(stage: &mut Stage) -> Result<Option<Verdict>, Error> {
    let mut air = stage.victims()?;
    let (_, whole) = air.honest(VICTIM, &mut Transcript::muted())?;
    let Some(last) = whole.iter().rposition(|frame| frame.from == Side::Sensor) else { return Ok(None) };
    let mut log = Transcript::default();
    let recorded = air.run(VICTIM, &mut Blocker { number: last }, &mut log)?;
    air.now += DELAYS[1];
    log.note("attacker", "waits for an hour");
    let before = air.accepted(VICTIM, Side::Hub);
    for frame in recorded.iter().filter(|frame| frame.from == Side::Sensor) {
        air.inject(VICTIM, Side::Hub, &frame.bytes, &mut log);
    }
    if air.accepted(VICTIM, Side::Hub) > before {
        stage.log = log;
        let why = "the hub accepts an hour-old run: nothing in it comes from the hub or from a clock";
        return Ok(Some(Verdict::falls(why)));
    }
    Ok(None)
}

/// Answers with what the hub sent in a recorded run: after the sensor's first message what followed its first one there,
/// and so on.
fn recorded_hub(recorded: &[Frame]) -> impl FnMut(usize) -> Vec<Vec<u8>> {
    let mut groups: Vec<Vec<Vec<u8>>> = Vec::new();
    for frame in recorded {
        match (frame.from, groups.last_mut()) {
            (Side::Sensor, _) => groups.push(Vec::new()),
            (Side::Hub, Some(group)) => group.push(frame.bytes.clone()),
            (Side::Hub, None) => {}
        }
    }
    let mut groups = groups.into_iter();
    move |_| groups.next().unwrap_or_default()
}

/// Sends each side its own messages back, in the form of those it waits for.
pub(super) fn reflect(stage: &mut Stage) -> Result<Verdict, Error> {
    let mut tried = 0;
    for header in HEADERS {
        let mut air = stage.victims()?;
        let mut log = Transcript::default();
        let (_, recorded) = air.honest(VICTIM, &mut Transcript::muted())?;
        let before = air.accepted(VICTIM, Side::Sensor);
        let mut old = recorded_hub(&recorded);
        let mut mirror = FalseHub(|number, sent: &[u8]| {
            let answers = old(number).into_iter();
            answers.map(|answer| in_form_of(&answer, sent, header)).collect()
        });
        air.run(VICTIM, &mut mirror, &mut log)?;
        tried += 1;
        if air.accepted(VICTIM, Side::Sensor) > before {
            stage.log = log;
            return Ok(Verdict::falls(
                "the sensor takes its own message for the hub's: it authenticates itself, and no key is needed",
            ));
        }
        let (_, recorded) = air.honest(VICTIM, &mut Transcript::muted())?;
        let before = air.accepted(VICTIM, Side::Hub);
        for wanted in recorded.iter().filter(|frame| frame.from == Side::Sensor) {
            for sent in recorded.iter().filter(|frame| frame.from == Side::Hub) {
                let reflected = in_form_of(&wanted.bytes, &sent.bytes, header);
                air.inject(VICTIM, Side::Hub, &reflected, &mut log);
                tried += 1;
            }
        }
        stage.log = log;
        if air.accepted(VICTIM, Side::Hub) > before {
            return Ok(Verdict::falls("the hub takes its own message for the sensor's"));
        }
    }
    Ok(Verdict::holds(format!("{tried} reflected messages are refused")))
}

/// `content` behind the first `header` bytes of `form`, as long as `form`. A form that is much shorter than the content,
/// such as an acknowledgement, is left as it is.
fn in_form_of(form: &[u8], content: &[u8], header: usize) -> Vec<u8> {
    if form.len() * 4 < content.len() {
        return form.to_vec();
    }
    let body = content.iter().skip(header).copied().chain(std::iter::repeat(0));
    form.iter().copied().take(header).chain(body).take(form.len()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_take_the_form_of_others() {
        assert_eq!(in_form_of(&[1, 2, 3, 4], &[9, 8, 7], 1), [1, 8, 7, 0]);
        assert_eq!(in_form_of(&[1, 2], &[9, 8, 7], 0), [9, 8]);
        assert_eq!(in_form_of(&[1], &[9; 8], 0), [1]);
    }
}
