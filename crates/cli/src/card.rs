//! A hub's card: what a clinic has to know of a hub and its sensors. It goes from the one to the other by hand, as a file
//! that only its owner may read, because the names and the wrapping keys in it are secret.
//!
//! TOML, version 1: `version`, `hub`, `verify_key`, `rendezvous`, and for each `[[sensor]]` its `number`, `kind`, `class`,
//! `profile`, `wrapping_key`, `enrolled_ms`, `reliability`, `uniformity`, `uniqueness` and `revoked_ms`; the last two and
//! the wrapping key may be absent. The key is that of a class III sensor, and comes from the sensor's own memory: the hub's
//! database does not have it. A card without it leaves the clinic the one that it has. Bytes are hexadecimal.

use crate::args::{class_named, profile_named, signal_name, signal_named};
use bodywire_proto::prf::Key;
use bodywire_proto::wire::{HubId, SensorId};
use bodywire_store::{HubRow, PufQuality, SensorRow};
use data_encoding::HEXLOWER_PERMISSIVE as HEX;
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

/// The version of cards that this program writes and reads.
const VERSION: u32 = 1;
/// Longest card: more than three thousand sensors.
pub const CARD_BYTES_MAX: usize = 1 << 20;

/// A hub and its sensors, as a clinic admits them.
pub struct Card {
    /// The hub.
    pub(crate) hub: HubRow,
    /// Its sensors.
    pub(crate) sensors: Vec<SensorRow>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    hub: u16,
    verify_key: String,
    rendezvous: String,
    #[serde(default, rename = "sensor")]
    sensors: Vec<WrittenSensor>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSensor {
    number: u16,
    kind: String,
    class: String,
    profile: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrapping_key: Option<String>,
    enrolled_ms: i64,
    reliability: f64,
    uniformity: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    uniqueness: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_ms: Option<i64>,
}

impl Drop for Written {
    fn drop(&mut self) {
        self.rendezvous.zeroize();
        self.sensors.iter_mut().for_each(|sensor| sensor.wrapping_key.zeroize());
    }
}

impl Card {
    /// Reads a card. The error says why it is none, and nothing of what is in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > CARD_BYTES_MAX {
            return Err(format!("it is longer than {CARD_BYTES_MAX} bytes"));
        }
        // The parser's own error shows the line, with the secret that may be in it.
        let written: Written = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |place| {
                text.as_bytes().get(..place.start).unwrap_or_default().iter().filter(|b| **b == b'\n').count()
                    + 1
            });
            format!("line {line} is not that of a card")
        })?;
        if written.version != VERSION {
            return Err(format!(
                "it has version {}, and this program reads version {VERSION}",
                written.version
            ));
        }
        let hub = HubId(written.hub);
        let verify_key = bytes("verify_key", &written.verify_key)?;
        let key = VerifyingKey::from_bytes(&verify_key).ok().filter(|key| !key.is_weak());
        if hub.0 == 0 || key.is_none() {
            return Err("its hub has no number, or its verification key is none".to_owned());
        }
        let rendezvous = bytes("rendezvous", &written.rendezvous)?;
        let sensors: Vec<SensorRow> =
            written.sensors.iter().map(|sensor| row(hub, sensor)).collect::<Result<_, _>>()?;
        let mut numbers: Vec<u16> = sensors.iter().map(|row| row.sensor.0).collect();
        numbers.sort_unstable();
        if numbers.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err("two of its sensors have one number".to_owned());
        }
        Ok(Self { hub: HubRow { hub, verify_key, rendezvous }, sensors })
    }

    /// The card as it is written.
    pub fn emit(&self) -> Result<Zeroizing<String>, String> {
        let written = Written {
            version: VERSION,
            hub: self.hub.hub.0,
            verify_key: HEX.encode(&self.hub.verify_key),
            rendezvous: HEX.encode(&self.hub.rendezvous),
            sensors: self.sensors.iter().map(written).collect(),
        };
        let body = Zeroizing::new(toml::to_string(&written).map_err(|error| error.to_string())?);
        let head = "# Card of a hub: for its clinic and nobody else. Delete it when it has been admitted.\n";
        Ok(Zeroizing::new(format!("{head}{}", *body)))
    }
}

fn bytes(what: &str, text: &str) -> Result<[u8; 32], String> {
    let decoded = HEX.decode(text.as_bytes()).ok().map(Zeroizing::new);
    let array = decoded.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
    array.ok_or_else(|| format!("its {what} is not 64 hexadecimal digits"))
}

fn row(hub: HubId, written: &WrittenSensor) -> Result<SensorRow, String> {
    let of = |why: String| format!("sensor {}: {why}", written.number);
    let shares = [Some(written.reliability), Some(written.uniformity), written.uniqueness];
    if written.number == 0 || shares.iter().flatten().any(|share| !(0.0..=1.0).contains(share)) {
        return Err(of("its number or its quality is none".to_owned()));
    }
    Ok(SensorRow {
        hub,
        sensor: SensorId(written.number),
        kind: signal_named(&written.kind).map_err(of)?,
        class: class_named(&written.class).map_err(of)?,
        profile: profile_named(&written.profile).map_err(of)?,
        wrapping_key: written
            .wrapping_key
            .as_ref()
            .map(|text| bytes("wrapping_key", text).map(Key::new))
            .transpose()
            .map_err(of)?,
        enrolled_ms: written.enrolled_ms,
        quality: PufQuality {
            reliability: written.reliability,
            uniformity: written.uniformity,
            uniqueness: written.uniqueness,
        },
        revoked_ms: written.revoked_ms,
    })
}

fn written(row: &SensorRow) -> WrittenSensor {
    WrittenSensor {
        number: row.sensor.0,
        kind: signal_name(row.kind).to_owned(),
        class: format!("{:?}", row.class),
        profile: row.profile.name().to_owned(),
        wrapping_key: row.wrapping_key.as_ref().map(|key| HEX.encode(key.as_bytes())),
        enrolled_ms: row.enrolled_ms,
        reliability: row.quality.reliability,
        uniformity: row.quality.uniformity,
        uniqueness: row.quality.uniqueness,
        revoked_ms: row.revoked_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bodywire_proto::RiskClass;
    use bodywire_proto::handshake::Profile;
    use bodywire_proto::observation::Signal;
    use ed25519_dalek::SigningKey;

    fn card() -> Card {
        let sensor = |number, class, revoked_ms: Option<i64>| SensorRow {
            hub: HubId(7),
            sensor: SensorId(number),
            kind: Signal::InsulinRate,
            class,
            profile: Profile::Paper,
            wrapping_key: (class == RiskClass::III).then(|| Key::new([0xcd; 32])),
            enrolled_ms: 1_000,
            quality: PufQuality { reliability: 0.97, uniformity: 0.5, uniqueness: revoked_ms.map(|_| 0.49) },
            revoked_ms,
        };
        let verify_key = SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes();
        Card {
            hub: HubRow { hub: HubId(7), verify_key, rendezvous: [0xab; 32] },
            sensors: vec![sensor(1, RiskClass::II, None), sensor(300, RiskClass::III, Some(5))],
        }
    }

    #[test]
    fn a_card_comes_back_as_it_was() {
        let text = card().emit().unwrap();
        let again = Card::parse(&text).unwrap();
        assert_eq!(*again.emit().unwrap(), *text);
        assert_eq!((again.hub.hub, again.hub.rendezvous, again.sensors.len()), (HubId(7), [0xab; 32], 2));
        assert_eq!(again.sensors[1].wrapping_key, Some(Key::new([0xcd; 32])));
        assert_eq!((text.matches("wrapping_key").count(), &again.sensors[0].wrapping_key), (1, &None));
    }

    #[test]
    fn what_is_no_card_is_refused_without_saying_what_is_in_it() {
        let text = card().emit().unwrap();
        for (from, to, says) in [
            ("version = 1", "version = 2", "this program reads version 1"),
            ("hub = 7", "hub = 0", "no number"),
            ("number = 300", "number = 1", "two of its sensors"),
            ("insulin-rate", "pulse", "insulin-rate"),
            ("class = \"II\"", "class = \"IV\"", "I, II or III"),
            ("uniformity = 0.5", "uniformity = 1.5", "quality"),
            ("wrapping_key = \"cd", "wrapping_key = \"x", "64 hexadecimal"),
            ("rendezvous = \"", "rendezvous = \"ab", "64 hexadecimal"),
            ("rendezvous = \"", "rendezvous = ", "line 5"),
            ("hub = 7", "hub = 7\nname = \"Mr X\"", "line 4"),
        ] {
            let why = Card::parse(&text.replacen(from, to, 1)).err().unwrap_or_else(|| panic!("{to}"));
            assert!(why.contains(says) && !why.contains("abab") && !why.contains("cdcd"), "{to}: {why}");
        }
        assert!(Card::parse(&" ".repeat(CARD_BYTES_MAX + 1)).is_err());
    }
}
