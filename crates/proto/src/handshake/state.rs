//! What each side keeps between runs, and its form on durable storage.
//!
//! ```text
//! sensor   sensor 2 | hub 2 | 1 | suite 1 | attempt 2 | key 32 | epoch 4 | floor 8                        52 bytes
//! hub      sensor 2 | hub 2 | 1 | suite 1 | attempt 2 | key 32 | epoch 4 | has pending 1 | pending 32      77 bytes
//! both     sensor 2 | hub 2 | 2 | seed 80 | delta 2                         the paper's profile            87 bytes
//! ```

use super::Profile;
use super::hardened::{Chain, HubChain};
use crate::error::Error;
#[cfg(feature = "paper")]
use crate::paper::SeedState;
use crate::prf::{KEY_BYTES, Key, wipe};
use crate::wire::{HubId, Reader, SensorId, Suite, Writer};
use rand_core::CryptoRng;

const HARDENED: u8 = 1;
#[cfg(feature = "paper")]
const PAPER: u8 = 2;

/// What a sensor remembers. Written to its non-volatile memory in two slots, so that a torn write leaves the old one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SensorRecord {
    /// The sensor's number at its hub.
    pub sensor: SensorId,
    /// The hub it belongs to.
    pub hub: HubId,
    /// The secret of its profile.
    pub secret: SensorSecret,
}

/// A sensor's secret, by the profile it was enrolled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SensorSecret {
    /// A key that every run replaces.
    Hardened(Chain),
    /// The paper's seed, which never changes. Not for patients.
    #[cfg(feature = "paper")]
    Paper(SeedState),
}

/// What a hub remembers of one sensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubRecord {
    /// The sensor.
    pub sensor: SensorId,
    /// This hub.
    pub hub: HubId,
    /// The secret of the sensor's profile.
    pub secret: HubSecret,
}

/// A hub's secret for one sensor, by the profile the sensor was enrolled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HubSecret {
    /// A key that every run replaces.
    Hardened(HubChain),
    /// The paper's seed, which never changes. Not for patients.
    #[cfg(feature = "paper")]
    Paper(SeedState),
}

/// A record's form on storage. Secret: it is wiped when dropped and cannot be printed.
#[derive(Clone)]
#[repr(align(4))]
pub struct Stored {
    bytes: [u8; Self::BYTES_MAX],
    len: usize,
}

impl Drop for Stored {
    fn drop(&mut self) {
        wipe(&mut self.bytes);
    }
}

impl Stored {
    /// Longest record, in bytes, filled up to whole words.
    pub const BYTES_MAX: usize = if cfg!(feature = "paper") { 88 } else { 80 };

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }

    fn new(fill: impl FnOnce(&mut Writer<'_>) -> Result<(), Error>) -> Result<Self, Error> {
        let mut stored = Self { bytes: [0; Self::BYTES_MAX], len: 0 };
        let mut writer = Writer::new(&mut stored.bytes);
        fill(&mut writer)?;
        stored.len = writer.len();
        Ok(stored)
    }
}

impl core::fmt::Debug for Stored {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Stored({} bytes)", self.len)
    }
}

impl SensorRecord {
    /// The form on storage.
    pub fn to_bytes(&self) -> Result<Stored, Error> {
        Stored::new(|w| {
            w.put(&self.sensor.0.to_be_bytes())?.put(&self.hub.0.to_be_bytes())?;
            match &self.secret {
                SensorSecret::Hardened(chain) => {
                    w.put(&[HARDENED, chain.suite.code()])?.put(&chain.attempt.to_be_bytes())?;
                    w.put(chain.key.as_bytes())?;
                    w.put(&chain.epoch.to_be_bytes())?.put(&chain.floor.to_be_bytes())?;
                }
                #[cfg(feature = "paper")]
                SensorSecret::Paper(seed) => put_seed(w, seed)?,
            }
            Ok(())
        })
    }

    /// Reads [`Self::to_bytes`] back.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::new("sensor record", bytes);
        let (sensor, hub) = (SensorId(r.u16()?), HubId(r.u16()?));
        let secret = match r.u8()? {
            HARDENED => {
                let (suite, attempt) = (suite(&mut r)?, r.u16()?);
                let (key, epoch, floor) = (Key::new(r.array()?), r.u32()?, r.u64()?);
                SensorSecret::Hardened(Chain { suite, key, epoch, attempt, floor })
            }
            #[cfg(feature = "paper")]
            PAPER => SensorSecret::Paper(SeedState::new(r.array()?, r.u16()?)?),
            _ => return Err(Error::malformed("sensor record", "unknown profile")),
        };
        r.finish()?;
        Ok(Self { sensor, hub, secret })
    }
}

impl HubRecord {
    /// The form on storage.
    pub fn to_bytes(&self) -> Result<Stored, Error> {
        Stored::new(|w| {
            w.put(&self.sensor.0.to_be_bytes())?.put(&self.hub.0.to_be_bytes())?;
            match &self.secret {
                HubSecret::Hardened(chain) => {
                    let none = [0u8; KEY_BYTES];
                    let pending = chain.pending.as_ref();
                    w.put(&[HARDENED, chain.suite.code()])?.put(&chain.attempt.to_be_bytes())?;
                    w.put(chain.key.as_bytes())?.put(&chain.epoch.to_be_bytes())?;
                    w.put(&[u8::from(pending.is_some())])?;
                    w.put(pending.map_or(&none, |key| key.as_bytes()))?;
                }
                #[cfg(feature = "paper")]
                HubSecret::Paper(seed) => put_seed(w, seed)?,
            }
            Ok(())
        })
    }

    /// Reads [`Self::to_bytes`] back.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::new("hub record", bytes);
        let (sensor, hub) = (SensorId(r.u16()?), HubId(r.u16()?));
        let secret = match r.u8()? {
            HARDENED => {
                let (suite, attempt) = (suite(&mut r)?, r.u16()?);
                let (key, epoch) = (Key::new(r.array()?), r.u32()?);
                let (has_pending, pending) = (r.u8()?, Key::new(r.array()?));
                let pending = match has_pending {
                    0 => None,
                    1 => Some(pending),
                    _ => return Err(Error::malformed("hub record", "bad flag")),
                };
                HubSecret::Hardened(HubChain { suite, key, epoch, pending, attempt })
            }
            #[cfg(feature = "paper")]
            PAPER => HubSecret::Paper(SeedState::new(r.array()?, r.u16()?)?),
            _ => return Err(Error::malformed("hub record", "unknown profile")),
        };
        r.finish()?;
        Ok(Self { sensor, hub, secret })
    }
}

/// Both records of a sensor that is being enrolled, with a fresh secret.
///
/// In the paper's profile each sensor gets a seed of its own here; the paper has one for the whole house.
pub fn enrolled(
    profile: Profile,
    sensor: SensorId,
    hub: HubId,
    rng: &mut impl CryptoRng,
) -> Result<(SensorRecord, HubRecord), Error> {
    let (at_sensor, at_hub) = match profile {
        Profile::Hardened(suite) => {
            let mut key = [0; KEY_BYTES];
            rng.fill_bytes(&mut key);
            let key = Key::new(key);
            let chain = HubChain::enrolled(suite, key.clone());
            (SensorSecret::Hardened(Chain::enrolled(suite, key)), HubSecret::Hardened(chain))
        }
        #[cfg(feature = "paper")]
        Profile::Paper => {
            let mut seed = [0; crate::paper::SEED_BYTES];
            rng.fill_bytes(&mut seed);
            let seed = SeedState::new(seed, 0)?;
            (SensorSecret::Paper(seed.clone()), HubSecret::Paper(seed))
        }
    };
    Ok((SensorRecord { sensor, hub, secret: at_sensor }, HubRecord { sensor, hub, secret: at_hub }))
}

fn suite(r: &mut Reader<'_>) -> Result<Suite, Error> {
    Suite::from_code(r.u8()?).ok_or(Error::malformed("record", "unknown suite"))
}

#[cfg(feature = "paper")]
fn put_seed(w: &mut Writer<'_>, seed: &SeedState) -> Result<(), Error> {
    w.put(&[PAPER])?.put(seed.initial())?.put(&seed.delta().to_be_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_storage() {
        let chain =
            Chain { suite: Suite::Polar512, key: Key::new([8; 32]), epoch: 70_000, attempt: 4, floor: 9 };
        let sensor =
            SensorRecord { sensor: SensorId(3), hub: HubId(1), secret: SensorSecret::Hardened(chain) };
        let stored = sensor.to_bytes().unwrap();
        assert_eq!(stored.as_bytes().len(), 52);
        assert_eq!(SensorRecord::from_bytes(stored.as_bytes()), Ok(sensor));
        assert!(SensorRecord::from_bytes(&stored.as_bytes()[1..]).is_err());
        let mut chain = HubChain::enrolled(Suite::Polar256, Key::new([8; 32]));
        for pending in [None, Some(Key::new([9; 32]))] {
            chain.pending = pending;
            let secret = HubSecret::Hardened(chain.clone());
            let hub = HubRecord { sensor: SensorId(3), hub: HubId(1), secret };
            let mut bytes = hub.to_bytes().unwrap().as_bytes().to_vec();
            assert_eq!(bytes.len(), 77);
            assert_eq!(HubRecord::from_bytes(&bytes), Ok(hub));
            bytes[44] = 2;
            assert_eq!(HubRecord::from_bytes(&bytes), Err(Error::malformed("hub record", "bad flag")));
        }
    }

    #[cfg(feature = "paper")]
    #[test]
    fn the_papers_seed_survives_storage_too() {
        let seed = SeedState::new(core::array::from_fn(|i| i as u8), 639).unwrap();
        let hub = HubRecord { sensor: SensorId(3), hub: HubId(1), secret: HubSecret::Paper(seed.clone()) };
        let sensor = SensorRecord { sensor: SensorId(3), hub: HubId(1), secret: SensorSecret::Paper(seed) };
        let bytes = hub.to_bytes().unwrap();
        assert_eq!(bytes.as_bytes().len(), 87);
        assert_eq!(HubRecord::from_bytes(bytes.as_bytes()), Ok(hub));
        assert_eq!(SensorRecord::from_bytes(bytes.as_bytes()), Ok(sensor));
        let mut beyond = bytes.as_bytes().to_vec();
        beyond[85..].copy_from_slice(&640u16.to_be_bytes());
        assert!(SensorRecord::from_bytes(&beyond).is_err());
    }
}
