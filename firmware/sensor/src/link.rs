//! Plays a handshake of the link, and its records, from a script.

use crate::aligned::Aligned;
use crate::fixed_rng::FixedRng;
use crate::meter::Meter;
use crate::script::Script;
use bodywire_proto::handshake::{SensorHandshake, SensorInput, SensorOutput, SensorRecord};
use bodywire_proto::puf::{Challenge, Response};
use bodywire_proto::record::PAYLOAD_BYTES_MAX;
use bodywire_proto::session::{Reader, Session, Writer};
use bodywire_proto::wire::{Frame, SensorId};
use core::mem::size_of;
use core::str::from_utf8;
use core::time::Duration;

/// The number of the sensor in all scripts.
const SENSOR: SensorId = SensorId(5);

/// One step of a run: the machine, what goes in, and what comes out.
struct Step {
    machine: SensorHandshake,
    rng: FixedRng,
    /// A frame from the radio.
    received: Aligned,
    /// What the PUF was read as.
    response: Option<Response>,
    /// To the radio.
    sent: Aligned,
    /// To the memory.
    saved: Aligned,
    asked: Option<Challenge>,
    session: Option<Session>,
    failed: bool,
}

impl Step {
    /// What is counted: one input, and all outputs carried out up to the drivers' doors.
    fn run(&mut self) {
        let input = match (&self.response, self.received.as_bytes()) {
            (Some(response), _) => SensorInput::Response(response),
            (None, []) => SensorInput::Start,
            (None, frame) => SensorInput::Frame(frame),
        };
        self.failed |= self.machine.handle(Duration::ZERO, input, &mut self.rng).is_err();
        while let Some(output) = self.machine.poll() {
            match output {
                SensorOutput::Save(record) => match record.to_bytes() {
                    Ok(stored) => self.saved.put(stored.as_bytes()),
                    Err(_) => self.failed = true,
                },
                SensorOutput::Send(frame) => self.sent.put(frame.as_bytes()),
                SensorOutput::ReadPuf { challenge, .. } => self.asked = Some(challenge),
                SensorOutput::Established(session) => self.session = Some(session),
                SensorOutput::Failed(_) => self.failed = true,
            }
        }
    }
}

/// Plays all runs of a script; seals and opens records behind each handshake if `records`.
pub fn play(mut meter: Meter, script: &'static [u8], records: fn(&mut Meter, &mut Script, Session)) -> ! {
    meter.note("script_bytes", script.len());
    meter.note("state_bytes", size_of::<SensorHandshake>());
    let mut script = Script::new(script);
    while !script.is_at_end() {
        let session = handshake(&mut meter, &mut script);
        records(&mut meter, &mut script, session);
    }
    meter.done()
}

fn handshake(meter: &mut Meter, script: &mut Script) -> Session {
    let record = script.need(b'r');
    let Ok(record) = SensorRecord::from_bytes(record) else { crate::meter::leave(false) };
    let mut step = Step {
        machine: SensorHandshake::new(record),
        rng: FixedRng::new(&[]),
        received: Aligned::EMPTY,
        response: None,
        sent: Aligned::EMPTY,
        saved: Aligned::EMPTY,
        asked: None,
        session: None,
        failed: false,
    };
    while let Some(name) = script.take(b'n') {
        let name = from_utf8(name).unwrap_or("?");
        (step.received, step.response) = match script.need(b'i') {
            [1, frame @ ..] => (Aligned::copy_of(frame), None),
            [2, response @ ..] => (Aligned::EMPTY, Response::new(response).ok()),
            _ => (Aligned::EMPTY, None),
        };
        step.rng = FixedRng::new(script.need(b'g'));
        (step.sent, step.saved, step.asked) = (Aligned::EMPTY, Aligned::EMPTY, None);
        meter.region(name, &mut step, Step::run);
        meter.air(step.received.as_bytes().len() + step.sent.as_bytes().len());
        meter.check(!step.failed && step.rng.is_used_up(), name);
        meter.check(step.sent.as_bytes() == script.need(b's'), "the frame is the one the hub accepted");
        meter.check(step.saved.as_bytes() == script.need(b'k'), "the record holds the key the hub has");
        let asked = step.asked.as_ref().map_or(&[][..], Challenge::as_bytes);
        meter.check(asked == script.need(b'c'), "the challenge is the hub's");
    }
    script.need(b'.');
    match step.session {
        Some(session) => session,
        None => crate::meter::leave(false),
    }
}

/// Leaves out the payloads of a run.
pub fn no_records(_meter: &mut Meter, script: &mut Script, _session: Session) {
    while script.take(b'.').is_none() {
        for tag in [b'w', b'o', b'p', b'f'] {
            script.need(tag);
        }
    }
}

struct Sealing {
    writer: Writer,
    payload: Aligned,
    frame: Option<Frame>,
}

struct Opening {
    reader: Reader,
    frame: Aligned,
    buffer: [u8; PAYLOAD_BYTES_MAX],
    opened: usize,
}

/// Seals the payloads of a run; the frames must be those that the hub has opened. Then opens them with the same keys.
pub fn records(meter: &mut Meter, script: &mut Script, session: Session) {
    let mut sealing = Sealing { writer: session.writer(SENSOR), payload: Aligned::EMPTY, frame: None };
    let mut opening = Opening {
        reader: session.reader(SENSOR),
        frame: Aligned::EMPTY,
        buffer: [0; PAYLOAD_BYTES_MAX],
        opened: 0,
    };
    while script.take(b'.').is_none() {
        let seal = from_utf8(script.need(b'w')).unwrap_or("?");
        let open = from_utf8(script.need(b'o')).unwrap_or("?");
        sealing.payload = Aligned::copy_of(script.need(b'p'));
        opening.frame = Aligned::copy_of(script.need(b'f'));
        meter.region(seal, &mut sealing, |s| s.frame = s.writer.seal(s.payload.as_bytes()).ok());
        let sealed = sealing.frame.as_ref().map_or(&[][..], Frame::as_bytes);
        meter.air(sealed.len());
        meter.check(sealed == opening.frame.as_bytes(), "the record is the one the hub opened");
        meter.region(open, &mut opening, |o| {
            o.opened =
                o.reader.open(o.frame.as_bytes(), &mut o.buffer).map_or(0, |opened| opened.payload.len());
        });
        let payload = opening.buffer.get(..opening.opened).unwrap_or(&[]);
        meter.check(payload == sealing.payload.as_bytes(), "the payload is back");
    }
}
