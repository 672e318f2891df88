//! BodyWire's own link as victim, in both profiles: two sensors with their PUFs, and the hub with its database of pairs.

use super::air::{OTHER, Side, Target};
use crate::Error;
use crate::puf::{ArbiterPuf, NOISE_TYPICAL, STAGES};
use bodywire_proto::handshake::{
    HubHandshake, HubInput, HubOutput, HubRecord, HubSecret, Profile, SensorHandshake, SensorInput,
    SensorOutput, SensorRecord, SensorSecret, enrolled,
};
use bodywire_proto::prf::Key;
use bodywire_proto::puf::{CHALLENGE_BYTES, Challenge, Puf, Response};
use bodywire_proto::record::{PAYLOAD_BYTES_MAX, RecordKey};
use bodywire_proto::session::{Reader, Session, Writer};
use bodywire_proto::wire::{ChallengeMessage, Hello, HubId, SensorId, Suite, TYPE_CHALLENGE, TYPE_HELLO};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::time::Duration;

/// The hub's number.
pub(crate) const HUB: HubId = HubId(1);
/// Pairs in the database of one sensor. Paper B has 640 different challenges, so that no more make sense there.
const PAIRS: usize = 640;
/// Bytes of keystream by which a session of the paper's profile is known.
const KEYSTREAM_BYTES: usize = 32;

/// Both ends of a sensor's link.
pub(crate) struct Ends {
    pub(crate) sensor: SensorHandshake,
    pub(crate) hub: HubHandshake,
    pub(crate) puf: ArbiterPuf,
    pub(crate) database: Database,
    /// What came out of the PUF, and the sensor's and the hub's keys, as long as a run may still need them.
    readings: Vec<Response>,
    keys: Vec<Key>,
    hello: Vec<u8>,
    challenge: Vec<u8>,
    writer: Option<Writer>,
    reader: Option<Reader>,
    /// Payloads that the hub took for the sensor's, with their counters.
    pub(crate) received: Vec<(u32, Vec<u8>)>,
    /// As [`HubOutput::Save`] has it on storage.
    stored: HubRecord,
    secrets: [Vec<Vec<u8>>; 2],
}

/// The hub's pairs of one sensor. They are read when they are claimed, which gives what reading them at enrolment does.
pub(crate) struct Database {
    puf: ArbiterPuf,
    response_bytes: usize,
    /// What was claimed, and is not there any more.
    pub(crate) claimed: BTreeMap<Vec<u8>, Response>,
    size: usize,
    /// The lowest challenge of this enrolment, where the hub may choose: sensors answer none twice.
    first: u64,
}

impl Database {
    fn claim(&mut self, wanted: Option<Challenge>) -> Option<(Challenge, Response)> {
        let challenge = match wanted {
            Some(challenge) => challenge,
            None => Challenge::from((self.first + self.claimed.len() as u64).to_be_bytes()),
        };
        if self.left() == 0 || self.claimed.contains_key(challenge.as_bytes()) {
            return None;
        }
        let mut response = Response::zeroed(self.response_bytes).ok()?;
        self.puf.respond(&challenge, &mut response);
        self.claimed.insert(challenge.as_bytes().to_vec(), response.clone());
        Some((challenge, response))
    }

    fn left(&self) -> usize {
        self.size.saturating_sub(self.claimed.len())
    }

    /// The pair with this challenge, for a thief of the database.
    pub(crate) fn stolen(&self, challenge: &Challenge) -> Option<Response> {
        let mut response = Response::zeroed(self.response_bytes).ok()?;
        let mut puf = ArbiterPuf::with_weights(self.puf.weights().to_vec(), 0.0, 0).ok()?;
        puf.respond(challenge, &mut response);
        Some(response)
    }
}

/// Two links of one hub.
pub(crate) struct Link {
    pub(crate) ends: [Ends; 2],
    profile: Profile,
    rng: ChaCha20Rng,
}

/// The paper's profile, enrolled. All sensors have the one seed of the house: the paper counts one for the receiver.
pub(crate) fn paper(seed: u64) -> Result<Link, Error> {
    link(Profile::Paper, seed)
}

/// The hardened profile, enrolled.
pub(crate) fn hardened(seed: u64) -> Result<Link, Error> {
    link(Profile::Hardened(Suite::Polar256), seed)
}

fn link(profile: Profile, seed: u64) -> Result<Link, Error> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let first = rng.next_u32() as u16 | 1;
    let (sensor, hub) = enrolled(profile, SensorId(first), HUB, &mut rng)?;
    let second = SensorId(first ^ 6);
    let (mut other_sensor, mut other_hub) = enrolled(profile, second, HUB, &mut rng)?;
    if matches!(profile, Profile::Paper) {
        (other_sensor.secret, other_hub.secret) = (sensor.secret.clone(), hub.secret.clone());
    }
    let mut chips = [[0; 32]; 2];
    chips.iter_mut().for_each(|chip| rng.fill_bytes(chip));
    let ends = |sensor: SensorRecord, hub: HubRecord, chip: [u8; 32]| {
        let puf = ArbiterPuf::new(chip, 1, NOISE_TYPICAL, 0)?;
        let response_bytes = profile.response_bytes();
        let (claimed, enrolled) = (BTreeMap::new(), ArbiterPuf::new(chip, 1, 0.0, 0)?);
        Ok::<_, Error>(Ends {
            sensor: SensorHandshake::new(sensor),
            hub: HubHandshake::new(hub.clone()),
            puf,
            database: Database { puf: enrolled, response_bytes, claimed, size: PAIRS, first: 0 },
            readings: Vec::new(),
            keys: Vec::new(),
            hello: Vec::new(),
            challenge: Vec::new(),
            writer: None,
            reader: None,
            received: Vec::new(),
            stored: hub,
            secrets: [Vec::new(), Vec::new()],
        })
    };
    let ends = [ends(sensor, hub, chips[0])?, ends(other_sensor, other_hub, chips[1])?];
    Ok(Link { ends, profile, rng })
}

impl Link {
    /// The sensor of a link sends a payload, protected as its session says. Nothing without a session.
    pub(crate) fn seal(&mut self, link: usize, payload: &[u8]) -> Option<Vec<u8>> {
        let frame = self.ends[link].writer.as_mut()?.seal(payload).ok()?;
        Some(frame.as_bytes().to_vec())
    }

    /// The house reads as many pairs again, since they are used up.
    pub(crate) fn enrol_again(&mut self, link: usize) {
        let database = &mut self.ends[link].database;
        database.first += database.claimed.len() as u64;
        database.claimed.clear();
    }

    /// The hub loses its power: what is not on storage is gone.
    pub(crate) fn restart_hub(&mut self, link: usize) {
        let ends = &mut self.ends[link];
        ends.hub = HubHandshake::new(ends.stored.clone());
        ends.reader = None;
    }

    /// The number of a link's sensor. It is in the clear in every run.
    pub(crate) fn number(&self, link: usize) -> SensorId {
        self.ends[link].sensor.record().sensor
    }

    /// The outputs of a sensor, carried out; the PUF is read at once.
    fn sensor_outputs(&mut self, link: usize, now: Duration) -> Vec<Vec<u8>> {
        let ends = &mut self.ends[link];
        let mut sent = Vec::new();
        while let Some(output) = ends.sensor.poll() {
            match output {
                SensorOutput::Save(_) | SensorOutput::Failed(_) => {}
                SensorOutput::Send(frame) => {
                    if frame.as_bytes().first() == Some(&TYPE_HELLO) {
                        ends.hello = frame.as_bytes().to_vec();
                    }
                    sent.push(frame.as_bytes().to_vec());
                }
                SensorOutput::ReadPuf { challenge, response_bytes } => {
                    let Ok(mut response) = Response::zeroed(response_bytes) else { continue };
                    ends.puf.respond(&challenge, &mut response);
                    ends.readings.push(response.clone());
                    // A refusal is the machine's affair; it sends nothing then.
                    let _ = ends.sensor.handle(now, SensorInput::Response(&response), &mut self.rng);
                }
                SensorOutput::Established(session) => {
                    let secret = ends.secret_of(&session);
                    ends.secrets[0].push(secret);
                    ends.writer = Some(session.writer(ends.sensor.record().sensor));
                }
            }
        }
        sent
    }

    /// The outputs of the hub, carried out.
    fn hub_outputs(&mut self, link: usize, now: Duration) -> Vec<Vec<u8>> {
        let ends = &mut self.ends[link];
        let mut sent = Vec::new();
        while let Some(output) = ends.hub.poll() {
            match output {
                HubOutput::Save(record) => ends.stored = record,
                HubOutput::Failed(_) => {}
                HubOutput::Send(frame) => {
                    if frame.as_bytes().first() == Some(&TYPE_CHALLENGE) {
                        ends.challenge = frame.as_bytes().to_vec();
                    }
                    sent.push(frame.as_bytes().to_vec());
                }
                HubOutput::ClaimPair(wanted) => {
                    let pair = ends.database.claim(wanted);
                    let input = match &pair {
                        Some((challenge, response)) => HubInput::Pair(*challenge, response),
                        None => HubInput::NoPair,
                    };
                    let _ = ends.hub.handle(now, input, &mut self.rng);
                }
                HubOutput::Established { session, .. } => {
                    let secret = ends.secret_of(&session);
                    ends.secrets[1].push(secret);
                    ends.reader = Some(session.reader(ends.hub.record().sensor));
                }
            }
        }
        sent
    }
}

impl Ends {
    /// The PUF in the attacker's hands: the same chip, read anew.
    pub(crate) fn taken(&self, readings: u64) -> Result<ArbiterPuf, Error> {
        let noise = NOISE_TYPICAL * (STAGES as f64).sqrt();
        ArbiterPuf::with_weights(self.puf.weights().to_vec(), noise, readings)
    }

    /// The bytes by which a session is known: both traffic keys, or the beginning of the first keystream.
    fn secret_of(&self, session: &Session) -> Vec<u8> {
        match session {
            Session::Hardened(keys) => {
                let all = self.readings.iter().flat_map(|r| self.keys.iter().map(move |k| (k, r)));
                let mut derived =
                    all.filter_map(|(key, r)| traffic_keys(key, &self.hello, &self.challenge, r.as_bytes()));
                let ours = derived.find(|both| {
                    both.first_chunk().is_some_and(|up| RecordKey::new(*up) == keys.up)
                        && both.last_chunk().is_some_and(|down| RecordKey::new(*down) == keys.down)
                });
                // A session that was not made of these readings is known by what is sealed in it.
                ours.map_or_else(|| sealed(session, self.sensor.record().sensor), |both| both.to_vec())
            }
            Session::Paper(_) => sealed(session, self.sensor.record().sensor),
        }
    }
}

/// The first frame of a session with a payload of zeros. In the paper's profile its body is the keystream.
pub(crate) fn sealed(session: &Session, sensor: SensorId) -> Vec<u8> {
    let frame = session.clone().writer(sensor).seal(&[0; KEYSTREAM_BYTES]);
    let bytes = frame.map(|frame| frame.as_bytes().to_vec()).unwrap_or_default();
    bytes.get(9..9 + KEYSTREAM_BYTES).map(<[u8]>::to_vec).unwrap_or_default()
}

/// `up ‖ down = PRF(K, "t", R ‖ binder)` of a run with these first two messages.
pub(crate) fn traffic_keys(key: &Key, hello: &[u8], challenge: &[u8], response: &[u8]) -> Option<[u8; 32]> {
    key.prf("t", &[response, &binder(key, hello, challenge)?]).ok()
}

/// What stands for the run: the last bytes of T, which are never sent. Nothing when the tag of m2 is not K's.
pub(crate) fn binder(key: &Key, hello: &[u8], challenge: &[u8]) -> Option<[u8; 12]> {
    output_of_m2(key, hello, challenge)?.last_chunk().copied()
}

/// What the helper is sealed with: `U[8..] ‖ T[12..20]`.
pub(crate) fn pad(key: &Key, hello: &[u8], challenge: &[u8]) -> Option<[u8; 32]> {
    let t = output_of_m2(key, hello, challenge)?;
    let u = key.prf("m1", &[&Hello::parse(hello).ok()?.fields()]).ok()?;
    [u.get(8..)?, t.get(12..20)?].concat().try_into().ok()
}

/// `T = PRF(K, "m2", hub ‖ m1 fields ‖ m2 fields)`, of which the tag of m2 is the beginning.
fn output_of_m2(key: &Key, hello: &[u8], challenge: &[u8]) -> Option<[u8; 32]> {
    let hello = Hello::parse(hello).ok()?.fields();
    let message = ChallengeMessage::parse(challenge).ok()?;
    let t = key.prf("m2", &[&HUB.0.to_be_bytes(), &hello, &message.fields()]).ok()?;
    (t.first_chunk() == Some(&message.tag)).then_some(t)
}

/// The keys that a sensor and its hub keep in the hardened profile.
pub(crate) fn keys(sensor: &SensorRecord, hub: &HubRecord) -> Vec<Key> {
    let mut keys = Vec::new();
    if let SensorSecret::Hardened(chain) = &sensor.secret {
        keys.push(chain.key.clone());
    }
    if let HubSecret::Hardened(chain) = &hub.secret {
        keys.push(chain.key.clone());
        keys.extend(chain.pending.clone());
    }
    keys
}

impl Target for Link {
    fn start(&mut self, link: usize, now: Duration) -> Result<Vec<Vec<u8>>, Error> {
        let link = link.min(OTHER);
        let ends = &mut self.ends[link];
        ends.keys = keys(ends.sensor.record(), ends.hub.record());
        ends.readings.clear();
        // What was open has timed out by now.
        ends.hub.handle(now, HubInput::Timeout, &mut self.rng)?;
        if !ends.sensor.is_idle() {
            ends.sensor.handle(now, SensorInput::Timeout, &mut self.rng)?;
        }
        self.hub_outputs(link, now);
        self.sensor_outputs(link, now);
        self.ends[link].sensor.handle(now, SensorInput::Start, &mut self.rng)?;
        Ok(self.sensor_outputs(link, now))
    }

    fn deliver(&mut self, link: usize, to: Side, frame: &[u8], now: Duration) -> Vec<Vec<u8>> {
        let link = link.min(OTHER);
        let ends = &mut self.ends[link];
        match to {
            Side::Sensor => {
                let _ = ends.sensor.handle(now, SensorInput::Frame(frame), &mut self.rng);
                self.sensor_outputs(link, now)
            }
            Side::Hub if frame.first().is_some_and(|first| Reader::is_payload(*first)) => {
                let mut buffer = [0; PAYLOAD_BYTES_MAX];
                let opened = ends.reader.as_mut().map(|reader| reader.open(frame, &mut buffer));
                if let Some(Ok(opened)) = opened {
                    ends.received.push((opened.counter, opened.payload.to_vec()));
                }
                Vec::new()
            }
            Side::Hub => {
                // A run that waited too long is over before anything else happens.
                if ends.hub.next_timeout().is_some_and(|deadline| deadline <= now) {
                    let _ = ends.hub.handle(now, HubInput::Timeout, &mut self.rng);
                    while ends.hub.poll().is_some() {}
                }
                let _ = ends.hub.handle(now, HubInput::Frame(frame), &mut self.rng);
                self.hub_outputs(link, now)
            }
        }
    }

    fn agreed(&self, link: usize, side: Side) -> &[Vec<u8>] {
        let [sensor, hub] = &self.ends[link.min(OTHER)].secrets;
        match side {
            Side::Sensor => sensor,
            Side::Hub => hub,
        }
    }

    fn fields(&self, number: usize) -> &'static [usize] {
        let fields: &[&'static [usize]] = match self.profile {
            Profile::Paper => &[&[1, 2, 2, 80], &[1, 2, 2, 12], &[1, 2, 2, 80], &[1, 2, 2, 12]],
            _ => &[&[1, 1, 2, 4, 2, 8, 8], &[1, CHALLENGE_BYTES, 8, 12], &[1, 32, 16], &[1, 16]],
        };
        fields.get(number).copied().unwrap_or_default()
    }

    fn pairs_left(&self) -> Option<usize> {
        Some(self.ends[0].database.left())
    }

    fn restart_hub(&mut self, link: usize) {
        Self::restart_hub(self, link.min(OTHER));
    }
}

#[cfg(test)]
mod tests {
    use super::super::air::{Air, VICTIM};
    use super::super::modelling::helper;
    use super::super::transcript::Transcript;
    use super::*;
    use bodywire_proto::polar::Code;

    /// The attackers write the key schedule out themselves. Were it another one, they would fail for that alone.
    #[test]
    fn the_key_schedule_written_out_here_is_the_protocols() {
        let mut air = Air::new(Box::new(hardened(3).unwrap()));
        let (agreed, frames) = air.honest(VICTIM, &mut Transcript::muted()).unwrap();
        assert!(agreed);
        let ends = &air.target.ends[VICTIM];
        let (key, reading) = (&ends.keys[0], &ends.readings[0]);
        let derived = traffic_keys(key, &ends.hello, &ends.challenge, reading.as_bytes()).unwrap();
        assert_eq!(air.secret(VICTIM, Side::Sensor), Some(&derived[..]));
        assert_eq!(air.secret(VICTIM, Side::Hub), Some(&derived[..]));

        let (_, helper) = helper(key, &frames).unwrap();
        let word: Vec<u8> = helper.iter().zip(reading.as_bytes()).map(|(a, b)| a ^ b).collect();
        let mut nearest = Vec::new();
        Code::of(Suite::Polar256).decode(&word, |found| {
            nearest = found.to_vec();
            true
        });
        assert_eq!(word, nearest, "helper ^ reading is a word of the code");
        let strange = Key::new([1; 32]);
        assert_eq!(binder(&strange, &ends.hello, &ends.challenge), None);
    }
}
