//! What a class III sensor keeps in its own memory beside the handshake's record: the secret that it shares with the clinic,
//! whose requests it answers, and what it has answered. The simulated sensor lives in its hub's directory; the hub reads
//! none of it.
//!
//! ```text
//! sensors/N.wrapping   32 bytes, secret            sensors/N.issuer    the issuer's public key, 64 hexadecimal digits
//! sensors/N.answers    what it has answered        sensors/N.emergency is there when its key is released for emergencies
//! ```

use crate::exit::Failure;
use crate::state::{State, replace_private};
use crate::{house, issuer_key};
use bodywire_proto::access::IssuerKey;
use bodywire_proto::prf::Key;
use bodywire_proto::wire::SensorId;
use bodywire_sim::sensor::{Release, Rule, Wearer};
use data_encoding::HEXLOWER as HEX;
use std::fs;
use std::path::PathBuf;

fn name(sensor: SensorId, what: &str) -> String {
    format!("sensors/{}.{what}", sensor.0)
}

fn path(state: &State, sensor: SensorId, what: &str) -> PathBuf {
    state.root().join(name(sensor, what))
}

/// Enrols: draws the wrapping key, and notes whose requests the sensor answers.
pub(crate) fn enroll(
    state: &State,
    sensor: SensorId,
    issuer: Option<&IssuerKey>,
    emergency_consent: bool,
) -> Result<(), Failure> {
    state.set_secret(&name(sensor, "wrapping"), &house::draw())?;
    give_issuer(state, sensor, issuer)?;
    if emergency_consent {
        replace_private(
            &path(state, sensor, "emergency"),
            b"the key is released for detected emergencies\n",
        )?;
    }
    Ok(())
}

/// Tells a sensor in the secure room whose requests it answers; nothing when no issuer is known.
pub(crate) fn give_issuer(
    state: &State,
    sensor: SensorId,
    issuer: Option<&IssuerKey>,
) -> Result<(), Failure> {
    let Some(issuer) = issuer else { return Ok(()) };
    let text = format!("{}\n", HEX.encode(&issuer.to_bytes()));
    replace_private(&path(state, sensor, "issuer"), text.as_bytes())
}

/// The secret behind its consents, for the card; `None` for a sensor that is not of class III, or is not here any more.
pub(crate) fn wrapping_key(state: &State, sensor: SensorId) -> Result<Option<Key>, Failure> {
    let name = name(sensor, "wrapping");
    state.has(&name).then(|| state.secret(&name).map(Key::new)).transpose()
}

/// The part of a running sensor that gives its key away, with what it remembers.
pub(crate) fn release(state: &State, sensor: SensorId, wearer: Wearer) -> Result<Release, Failure> {
    let missing = || Failure::Configuration {
        what: format!("sensor {}", sensor.0),
        why: "it has lost the secret that it shares with the clinic".to_owned(),
        next: "enrol it anew under another number".to_owned(),
    };
    let wrapping = wrapping_key(state, sensor)?.ok_or_else(missing)?;
    let file = path(state, sensor, "issuer");
    let issuer = match read(&file)? {
        Some(content) => Some(issuer_key::parse(&content).ok_or_else(|| issuer_key::refused(&file))?),
        None => None,
    };
    let emergency_consent = state.has(&name(sensor, "emergency"));
    remembering(Release::new(wrapping, Rule { issuer, wearer, emergency_consent }), state, sensor)
}

/// With what the sensor has answered before.
pub(crate) fn remembering(release: Release, state: &State, sensor: SensorId) -> Result<Release, Failure> {
    let file = path(state, sensor, "answers");
    match read(&file)? {
        Some(bytes) => release.with_memory(&bytes).map_err(|error| {
            let next = "remove it only if no request was answered in the last ten minutes";
            Failure::path(&file, error, next)
        }),
        None => Ok(release),
    }
}

/// Where the sensor writes what it has answered.
pub(crate) fn answers(state: &State, sensor: SensorId) -> PathBuf {
    path(state, sensor, "answers")
}

fn read(file: &PathBuf) -> Result<Option<Vec<u8>>, Failure> {
    match fs::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::state(file)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Holder;
    use ed25519_dalek::SigningKey;

    #[test]
    fn a_sensor_finds_what_it_was_told() {
        let directory = tempfile::tempdir().unwrap();
        let state = State::open(directory.path(), Holder::Hub).unwrap();
        let sensor = SensorId(5);
        assert!(wrapping_key(&state, sensor).unwrap().is_none());
        assert_eq!(release(&state, sensor, Wearer::Agrees).err().unwrap().code(), 6);
        let key = SigningKey::from_bytes(&[4; 32]).verifying_key().to_bytes();
        let issuer = IssuerKey::from_bytes(&key).unwrap();
        enroll(&state, sensor, Some(&issuer), true).unwrap();
        assert!(wrapping_key(&state, sensor).unwrap().is_some());
        assert!(state.has("sensors/5.emergency") && !state.has("sensors/5.answers"));
        assert!(release(&state, sensor, Wearer::Agrees).is_ok());
        fs::write(answers(&state, sensor), b"worn").unwrap();
        assert_eq!(release(&state, sensor, Wearer::Agrees).err().unwrap().code(), 6);
        fs::remove_file(answers(&state, sensor)).unwrap();
        fs::write(path(&state, sensor, "issuer"), b"nobody").unwrap();
        let refused = release(&state, sensor, Wearer::Agrees).err().unwrap();
        assert!(refused.to_string().contains("access/issuer.pub"), "{refused}");
    }
}
