//! Both profiles of the link: a handshake and a few sealed payloads, between the real sensor and the real hub.

use crate::script::Script;
use crate::tape::Tape;
use bodywire_proto::handshake::hardened::{Chain, HubChain};
use bodywire_proto::handshake::{
    HubHandshake, HubInput, HubOutput, HubRecord, HubSecret, SensorHandshake, SensorInput, SensorOutput,
    SensorRecord, SensorSecret,
};
use bodywire_proto::prf::Key;
use bodywire_proto::puf::{Challenge, Response};
use bodywire_proto::record::PAYLOAD_BYTES_MAX;
use bodywire_proto::session::Session;
use bodywire_proto::wire::{HubId, SensorId, Suite};
use rand_core::Rng;
use std::collections::VecDeque;
use std::error::Error;
use std::time::Duration;

/// Runs of each kind: keys, responses, nonces and payloads differ, lengths do not.
const RUNS: u64 = 24;
/// Lengths of the payloads that are sealed after each handshake, in bytes.
const PAYLOADS: [usize; 3] = [16, 64, 200];
/// Share of response bits that differ from the enrolled ones, of 256.
const NOISE_OF_256: u8 = 8;
const SENSOR: SensorId = SensorId(5);
const HUB: HubId = HubId(1);
const NOW: Duration = Duration::ZERO;

/// The hardened profile, suite after suite.
pub(crate) fn hardened() -> Result<Vec<u8>, Box<dyn Error>> {
    let mut script = Script::default();
    for suite in Suite::ALL {
        for seed in 0..RUNS {
            let mut tape = Tape::new(1_000 * u64::from(suite.code()) + seed);
            let (mut key, mut epoch) = ([0; 32], [0; 4]);
            tape.fill_bytes(&mut key);
            tape.fill_bytes(&mut epoch);
            let (key, epoch) = (Key::new(key), u32::from_be_bytes(epoch) >> 1);
            let chain = Chain { epoch, ..Chain::enrolled(suite, key.clone()) };
            let hub = HubChain { epoch, ..HubChain::enrolled(suite, key) };
            let prefix = if suite == Suite::Polar256 { "polar256" } else { "polar512" };
            World::new(SensorSecret::Hardened(chain), HubSecret::Hardened(hub), tape, prefix)
                .play(&mut script)?;
        }
    }
    Ok(script.into_bytes())
}

/// The paper's profile.
#[cfg(feature = "paper")]
pub(crate) fn paper() -> Result<Vec<u8>, Box<dyn Error>> {
    use bodywire_proto::paper::{SEED_BYTES, SeedState};
    let mut script = Script::default();
    for seed in 0..RUNS {
        let mut tape = Tape::new(9_000 + seed);
        let mut initial = [0; SEED_BYTES];
        tape.fill_bytes(&mut initial);
        let state = SeedState::new(initial, 320)?;
        World::new(SensorSecret::Paper(state.clone()), HubSecret::Paper(state), tape, "paper")
            .play(&mut script)?;
    }
    Ok(script.into_bytes())
}

/// A sensor, its hub and the air.
struct World {
    sensor: SensorHandshake,
    hub: HubHandshake,
    tape: Tape,
    prefix: &'static str,
    to_sensor: VecDeque<Vec<u8>>,
    sensor_session: Option<Session>,
    hub_session: Option<Session>,
    enrolled: Option<Response>,
}

/// What one input made of the sensor.
#[derive(Default)]
struct Outcome {
    sent: Vec<Vec<u8>>,
    saved: Vec<u8>,
    asked: Option<(Challenge, usize)>,
}

impl World {
    fn new(sensor: SensorSecret, hub: HubSecret, mut tape: Tape, prefix: &'static str) -> Self {
        tape.given();
        Self {
            sensor: SensorHandshake::new(SensorRecord { sensor: SENSOR, hub: HUB, secret: sensor }),
            hub: HubHandshake::new(HubRecord { sensor: SENSOR, hub: HUB, secret: hub }),
            tape,
            prefix,
            to_sensor: VecDeque::new(),
            sensor_session: None,
            hub_session: None,
            enrolled: None,
        }
    }

    fn play(mut self, script: &mut Script) -> Result<(), Box<dyn Error>> {
        script.put(b'r', self.sensor.record().to_bytes()?.as_bytes());
        let mut asked = self.step(script, SensorInput::Start, &[0])?;
        loop {
            if let Some((challenge, bytes)) = asked {
                let reading = self.read(&challenge, bytes)?;
                let input = [&[2], reading.as_bytes()].concat();
                asked = self.step(script, SensorInput::Response(&reading), &input)?;
            } else if let Some(frame) = self.to_sensor.pop_front() {
                let input = [&[1][..], &frame].concat();
                asked = self.step(script, SensorInput::Frame(&frame), &input)?;
            } else {
                break;
            }
        }
        script.put(b'.', &[]);
        self.payloads(script)
    }

    /// One input of the sensor: what went in, what has to come out, and what the hub makes of it.
    fn step(
        &mut self,
        script: &mut Script,
        input: SensorInput<'_>,
        input_bytes: &[u8],
    ) -> Result<Option<(Challenge, usize)>, Box<dyn Error>> {
        let name = step_name(self.prefix, input_bytes);
        self.sensor.handle(NOW, input, &mut self.tape)?;
        let mut outcome = Outcome::default();
        while let Some(output) = self.sensor.poll() {
            match output {
                SensorOutput::Save(record) => outcome.saved.extend(record.to_bytes()?.as_bytes()),
                SensorOutput::Send(frame) => outcome.sent.push(frame.as_bytes().to_vec()),
                SensorOutput::ReadPuf { challenge, response_bytes } => {
                    outcome.asked = Some((challenge, response_bytes));
                }
                SensorOutput::Established(session) => self.sensor_session = Some(session),
                SensorOutput::Failed(error) => return Err(error.into()),
            }
        }
        script.put(b'n', name.as_bytes()).put(b'i', input_bytes).put(b'g', &self.tape.given());
        script.put(b's', &outcome.sent.concat()).put(b'k', &outcome.saved);
        script.put(b'c', outcome.asked.as_ref().map_or(&[], |(challenge, _)| challenge.as_bytes()));
        for frame in outcome.sent {
            self.hub_input(HubInput::Frame(&frame))?;
        }
        Ok(outcome.asked)
    }

    fn hub_input(&mut self, input: HubInput<'_>) -> Result<(), Box<dyn Error>> {
        self.hub.handle(NOW, input, &mut self.tape)?;
        let mut claimed = None;
        while let Some(output) = self.hub.poll() {
            match output {
                HubOutput::Save(_) => {}
                HubOutput::Send(frame) => self.to_sensor.push_back(frame.as_bytes().to_vec()),
                HubOutput::ClaimPair(challenge) => claimed = Some(challenge),
                HubOutput::Established { session, .. } => self.hub_session = Some(session),
                HubOutput::Failed(error) => return Err(error.into()),
            }
        }
        let Some(challenge) = claimed else { return Ok(()) };
        let (challenge, enrolled) = match challenge {
            Some(challenge) => (challenge, self.enrolled.clone().ok_or("nothing was read yet")?),
            None => {
                let mut bytes = [0; 8];
                self.tape.fill_bytes(&mut bytes);
                let bits = if self.prefix == "polar256" { 32 } else { 64 };
                (Challenge::from(bytes), self.enrol(bits)?)
            }
        };
        self.tape.given();
        let result = self.hub_input(HubInput::Pair(challenge, &enrolled));
        self.tape.given();
        result
    }

    fn enrol(&mut self, bytes: usize) -> Result<Response, Box<dyn Error>> {
        let mut response = Response::zeroed(bytes)?;
        self.tape.fill_bytes(response.as_mut_bytes());
        self.enrolled = Some(response.clone());
        Ok(response)
    }

    /// Reads the PUF: what was enrolled, and some noise.
    fn read(&mut self, _challenge: &Challenge, bytes: usize) -> Result<Response, Box<dyn Error>> {
        let mut response = match self.enrolled.clone() {
            Some(response) => response,
            None => self.enrol(bytes)?,
        };
        for byte in response.as_mut_bytes() {
            for bit in 0..8 {
                let mut chance = [0];
                self.tape.fill_bytes(&mut chance);
                *byte ^= u8::from(chance[0] < NOISE_OF_256) << bit;
            }
        }
        self.tape.given();
        Ok(response)
    }

    /// Seals with the sensor's end what the hub's end must be able to open.
    fn payloads(mut self, script: &mut Script) -> Result<(), Box<dyn Error>> {
        let (Some(sensor), Some(hub)) = (self.sensor_session, self.hub_session) else {
            return Err("the handshake gave no session".into());
        };
        let (mut writer, mut reader) = (sensor.writer(SENSOR), hub.reader(SENSOR));
        let mut buffer = [0; PAYLOAD_BYTES_MAX];
        for bytes in PAYLOADS {
            let mut payload = vec![0; bytes];
            self.tape.fill_bytes(&mut payload);
            let frame = writer.seal(&payload)?;
            if reader.open(frame.as_bytes(), &mut buffer)?.payload != payload {
                return Err("the hub read something else".into());
            }
            let name = self.prefix;
            script.put(b'w', format!("{name}/seal {bytes} B").as_bytes());
            script.put(b'o', format!("{name}/open {bytes} B").as_bytes());
            script.put(b'p', &payload).put(b'f', frame.as_bytes());
        }
        script.put(b'.', &[]);
        Ok(())
    }
}

/// What the steps are called in the table.
fn step_name(prefix: &str, input: &[u8]) -> String {
    let step = match (prefix, input) {
        ("paper", [0, ..]) => "C and K",
        ("paper", [2, ..]) => "M1",
        ("paper", [1, 0x12, ..]) => "ack",
        ("paper", [1, 0x13, ..]) => "M2 check, ack",
        (_, [0, ..]) => "m1",
        (_, [1, 0x42, ..]) => "m2 check",
        (_, [2, ..]) => "m3",
        (_, [1, 0x44, ..]) => "m4 check, ratchet",
        _ => "unknown",
    };
    format!("{prefix}/{step}")
}
