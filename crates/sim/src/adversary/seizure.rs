//! What is worth to an attacker what was taken from BodyWire's own link, in both profiles: keys, pairs, devices.

use super::air::{Air, FalseHub, Frame, OTHER, Side, Target, VICTIM};
use super::capture::Capture;
use super::link::{self, Link};
use super::modelling::{helper, session_of};
use super::transcript::Transcript;
use super::{Scheme, Stage, Verdict, toolbox};
use crate::Error;
use bodywire_proto::handshake::SensorSecret;
use bodywire_proto::paper::{self, DataKey, SEEDS_MAX, Seed, SeedState};
use bodywire_proto::polar::Code;
use bodywire_proto::prf::Key;
use bodywire_proto::puf::Challenge;
use bodywire_proto::session::Session;
use bodywire_proto::wire::{SensorId, Suite};

/// Words of the code that are tried against a helper.
const WORDS: usize = 4_096;
/// Forged answers of a hub that has the pairs.
const FORGED_ANSWERS: usize = 32;

fn victims(stage: &Stage) -> Result<Air<Link>, Error> {
    let link = match stage.scheme {
        Scheme::Paper => link::paper(stage.seed)?,
        _ => link::hardened(stage.seed)?,
    };
    Ok(Air::new(Box::new(link)))
}

/// The seed that a captured sensor of the paper's profile holds.
fn seed_of(air: &Air<Link>, link: usize) -> Option<SeedState> {
    match &air.target.ends[link].sensor.record().secret {
        SensorSecret::Paper(state) => Some(state.clone()),
        SensorSecret::Hardened(_) => None,
    }
}

/// The keys that sensor and hub hold.
fn keys_of(air: &Air<Link>, link: usize) -> Vec<Key> {
    link::keys(air.target.ends[link].sensor.record(), air.target.ends[link].hub.record())
}

/// Takes the keys before or after a session.
pub(super) fn keys(stage: &mut Stage, when: Capture) -> Result<Verdict, Error> {
    let mut air = victims(stage)?;
    let mut seized = Vec::new();
    let mut seed = None;
    if when == Capture::Before {
        stage.log.note("attacker", "takes the keys of sensor and hub");
        (seized, seed) = (keys_of(&air, VICTIM), seed_of(&air, VICTIM));
    }
    let mut runs = Vec::new();
    for _ in 0..2 {
        let (_, frames) = air.honest(VICTIM, &mut stage.log)?;
        runs.push((frames, air.secret(VICTIM, Side::Hub).unwrap_or_default().to_vec()));
    }
    if when == Capture::After {
        stage.log.note("attacker", "takes the keys of sensor and hub");
        (seized, seed) = (keys_of(&air, VICTIM), seed_of(&air, VICTIM));
    }
    if let Some(seed) = seed {
        let opened = runs.iter().all(|(_, secret)| is_keystream(&seed, air.target.number(VICTIM), secret));
        return Ok(if opened {
            Verdict::falls(
                "the seed never changes and its variation is one of 640: it opens every run, past and future",
            )
        } else {
            Verdict::holds("the seed does not open the sessions")
        });
    }
    let mut tried = 0;
    for (frames, secret) in &runs {
        let (found, count) = guess_response(stage, &seized, frames, secret);
        tried += count;
        if let Some(how) = found {
            return Ok(Verdict::falls(format!("the keys open a session: {how}")));
        }
    }
    stage.log.note("attacker", format!("tries {tried} session keys made of K and what was heard"));
    Ok(Verdict::holds(format!(
        "none of {tried} session keys made of K and the air is right: the PUF's response enters each session, and K is \
         replaced"
    )))
}

/// Whether a seed gives a recorded session, by the first keystream.
fn is_keystream(seed: &SeedState, sensor: SensorId, secret: &[u8]) -> bool {
    (0..SEEDS_MAX).any(|delta| {
        let session = Session::Paper(DataKey::new(Seed::vary(seed.initial(), delta)));
        !secret.is_empty() && link::sealed(&session, sensor) == secret
    })
}

/// With K: takes the pad off the helper and tries responses near it, one for each word of the code that is guessed.
fn guess_response(
    stage: &mut Stage,
    keys: &[Key],
    frames: &[Frame],
    secret: &[u8],
) -> (Option<String>, usize) {
    let mut tried = 0;
    for key in keys {
        let Some((_, helper)) = helper(key, frames) else { continue };
        let [hello, challenge, ..] = frames else { continue };
        let mut word = [0; 32];
        for _ in 0..WORDS {
            let response: Vec<u8> = helper.iter().zip(word).map(|(a, b)| a ^ b).collect();
            tried += 1;
            let keys = link::traffic_keys(key, &hello.bytes, &challenge.bytes, &response);
            if keys.is_some_and(|keys| keys == *secret) {
                return (Some("a guessed word of the code was right".to_owned()), tried);
            }
            Code::of(Suite::Polar256).random_word(&mut word, &mut stage.rng);
        }
    }
    let known: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes().as_slice()).collect();
    let heard: Vec<&[u8]> = frames.iter().map(|frame| frame.bytes.as_slice()).collect();
    let search = toolbox::search(&heard, &known, secret);
    (search.found, tried + search.tried)
}

/// Takes the database of pairs.
pub(super) fn database(stage: &mut Stage) -> Result<Verdict, Error> {
    let mut air = victims(stage)?;
    let seed = seed_of(&air, VICTIM);
    let (_, frames) = air.honest(VICTIM, &mut stage.log)?;
    stage.log.note("attacker", "takes the database of challenge-response pairs as it was before the run");
    if let Some(seed) = seed {
        return Ok(database_of_paper(stage, &air, &seed, &frames));
    }
    let challenge = frames.get(1).and_then(|frame| Challenge::new(frame.bytes.get(1..9)?).ok());
    let stolen = challenge.and_then(|challenge| air.target.ends[VICTIM].database.stolen(&challenge));
    let stolen = stolen.map(|response| response.as_bytes().to_vec()).unwrap_or_default();
    let heard: Vec<&[u8]> = frames.iter().map(|frame| frame.bytes.as_slice()).collect();
    let search = toolbox::search(&heard, &[&stolen], air.secret(VICTIM, Side::Hub).unwrap_or_default());
    if let Some(how) = search.found {
        return Ok(Verdict::falls(format!("the pairs open a session: {how}")));
    }
    let before = air.accepted(VICTIM, Side::Sensor);
    for round in 0..FORGED_ANSWERS {
        // The challenge of a stolen pair; the tag can only be guessed without K.
        let mut forged = frames.get(1).map(|frame| frame.bytes.clone()).unwrap_or_default();
        let tag = stage.random(20);
        forged.splice(9.., tag);
        let mut liar =
            FalseHub(|number, _: &[u8]| if number == 0 { vec![forged.clone()] } else { Vec::new() });
        let log = if round == 0 { &mut stage.log } else { &mut Transcript::muted() };
        air.run(VICTIM, &mut liar, log)?;
    }
    Ok(if air.accepted(VICTIM, Side::Sensor) > before {
        Verdict::falls("with the pairs the attacker passes for the hub")
    } else {
        Verdict::holds(format!(
            "with the run's own pair none of {} candidates is its secret, and the sensor refuses {FORGED_ANSWERS} answers: \
             K is missing",
            search.tried
        ))
    })
}

/// `K = M2 ^ C ^ R'`: the pair of a run gives its key, and the key with M1 gives what the PUF said.
fn database_of_paper(stage: &mut Stage, air: &Air<Link>, seed: &SeedState, frames: &[Frame]) -> Verdict {
    let payload = |number: usize| -> Option<paper::Block> {
        frames.get(number)?.bytes.get(paper::wire::HEADER_BYTES..)?.try_into().ok()
    };
    let database = &air.target.ends[VICTIM].database;
    let (Some(m1), Some(m2)) = (payload(0), payload(2)) else { return Verdict::holds("nothing was heard") };
    for (challenge, enrolled) in &database.claimed {
        let Ok(challenge) = challenge.as_slice().try_into() else { continue };
        // E_K is an XOR, so that encrypting with R' instead of K gives K.
        let key: paper::Block = paper::encrypt(&challenge, &m2, enrolled.as_bytes());
        let reading = paper::decrypt(&challenge, &key, &m1);
        stage.log.bytes("attacker", "computes K = M2 ^ C ^ R'", &key);
        let near: u32 = reading.iter().zip(enrolled.as_bytes()).map(|(a, b)| (a ^ b).count_ones()).sum();
        // The attacker sees that it is right by the distance of the readings; the real key is the judge.
        let right = seed.seed().challenge_and_key(air.target.number(VICTIM)).1 == key;
        if right && near <= paper::DISTANCE_MAX {
            return Verdict::falls("the pair of a run and its M2 give the key: K = M2 ^ C ^ R'");
        }
    }
    Verdict::holds("the pairs give no key")
}

/// Takes the sensor's memory and its PUF.
pub(super) fn both(stage: &mut Stage) -> Result<Verdict, Error> {
    let mut air = victims(stage)?;
    air.honest(VICTIM, &mut stage.log)?;
    stage.log.note("attacker", "has the sensor's memory and its PUF");
    let mut puf = air.target.ends[VICTIM].taken(stage.seed)?;
    air.now += super::air::PAUSE;
    let Some(session) = session_of(stage, &mut air, &mut puf)? else {
        return Ok(Verdict::holds("the hub refuses the copied sensor"));
    };
    let said = b"I am your sensor";
    let frame = session.writer(air.target.number(VICTIM)).seal(said)?;
    air.inject(VICTIM, Side::Hub, frame.as_bytes(), &mut stage.log);
    let believed = air.target.ends[VICTIM].received.last().is_some_and(|(_, payload)| payload == said);
    Ok(if believed {
        Verdict::limit("who has all that a sensor remembers and is, is the sensor: the hub takes its data")
    } else {
        Verdict::holds("the hub refuses the copied sensor's data")
    })
}

/// Takes the second sensor with everything in it and attacks the first.
pub(super) fn node(stage: &mut Stage) -> Result<Verdict, Error> {
    let mut air = victims(stage)?;
    let (_, frames) = air.honest(VICTIM, &mut stage.log)?;
    let secret = air.secret(VICTIM, Side::Hub).unwrap_or_default().to_vec();
    stage.log.note("attacker", "takes the other sensor, opens it and reads its memory");
    if let Some(seed) = seed_of(&air, OTHER) {
        return Ok(if is_keystream(&seed, air.target.number(VICTIM), &secret) {
            Verdict::falls(
                "the receiver stores one seed for all its sensors: what one has opens every other one's data",
            )
        } else {
            Verdict::holds("the other sensor's seed opens nothing")
        });
    }
    let keys = keys_of(&air, OTHER);
    let (found, tried) = guess_response(stage, &keys, &frames, &secret);
    if let Some(how) = found {
        return Ok(Verdict::falls(format!("what one sensor has opens another one's session: {how}")));
    }
    let before = air.target.agreed(VICTIM, Side::Hub).len();
    let (_, own) = air.honest(OTHER, &mut Transcript::muted())?;
    for frame in own.iter().filter(|frame| frame.from == Side::Sensor) {
        let mut renamed = frame.bytes.clone();
        if renamed.len() == frames[0].bytes.len() {
            renamed.splice(2..4, air.target.number(VICTIM).0.to_be_bytes());
        }
        for bytes in [&frame.bytes, &renamed] {
            air.inject(VICTIM, Side::Hub, bytes, &mut stage.log);
        }
    }
    Ok(if air.target.agreed(VICTIM, Side::Hub).len() > before {
        Verdict::falls("the hub takes the captured sensor for another one")
    } else {
        Verdict::holds(format!(
            "what one sensor has neither passes for another one nor opens its session ({tried} keys tried)"
        ))
    })
}
