//! What each side keeps between runs, and its form on durable storage.

use crate::error::Error;
use crate::prf::{KEY_BYTES, Key};
use crate::wire::{HubId, Reader, SensorId};

/// What a sensor remembers. Written to its non-volatile memory in two slots, so that a torn write leaves the old one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SensorRecord {
    /// The sensor's number at its hub.
    pub sensor: SensorId,
    /// The hub it belongs to.
    pub hub: HubId,
    /// The current key.
    pub key: Key,
    /// How often the key has been replaced.
    pub epoch: u32,
    /// Attempts in this epoch.
    pub attempt: u16,
}

impl SensorRecord {
    /// Length on storage.
    pub const BYTES: usize = 2 + 2 + KEY_BYTES + 4 + 2;

    /// The form on storage. Secret.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut out = [0u8; Self::BYTES];
        let parts: [&[u8]; 5] = [
            &self.sensor.0.to_be_bytes(),
            &self.hub.0.to_be_bytes(),
            self.key.as_bytes(),
            &self.epoch.to_be_bytes(),
            &self.attempt.to_be_bytes(),
        ];
        out.iter_mut().zip(parts.into_iter().flatten()).for_each(|(slot, byte)| *slot = *byte);
        out
    }

    /// Reads [`Self::to_bytes`] back.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::new("sensor record", bytes);
        let record = Self {
            sensor: SensorId(r.u16()?),
            hub: HubId(r.u16()?),
            key: Key::new(r.array()?),
            epoch: r.u32()?,
            attempt: r.u16()?,
        };
        r.finish()?;
        Ok(record)
    }
}

/// What a hub remembers of one sensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubRecord {
    /// The sensor.
    pub sensor: SensorId,
    /// This hub.
    pub hub: HubId,
    /// The key of `epoch`.
    pub key: Key,
    /// How often the key has been replaced, as far as the sensor has confirmed it.
    pub epoch: u32,
    /// The key of `epoch + 1`, given out in a last message that the sensor may have missed.
    pub pending: Option<Key>,
    /// Highest attempt of `epoch` that was answered.
    pub attempt: u16,
}

impl HubRecord {
    /// Length on storage.
    pub const BYTES: usize = 2 + 2 + KEY_BYTES + 4 + 1 + KEY_BYTES + 2;

    /// The record of a sensor that has just been enrolled with `key`.
    pub const fn enrolled(sensor: SensorId, hub: HubId, key: Key) -> Self {
        Self { sensor, hub, key, epoch: 0, pending: None, attempt: 0 }
    }

    /// The form on storage. Secret.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let none = [0u8; KEY_BYTES];
        let mut out = [0u8; Self::BYTES];
        let parts: [&[u8]; 7] = [
            &self.sensor.0.to_be_bytes(),
            &self.hub.0.to_be_bytes(),
            self.key.as_bytes(),
            &self.epoch.to_be_bytes(),
            &[u8::from(self.pending.is_some())],
            self.pending.as_ref().map_or(&none[..], |key| key.as_bytes()),
            &self.attempt.to_be_bytes(),
        ];
        out.iter_mut().zip(parts.into_iter().flatten()).for_each(|(slot, byte)| *slot = *byte);
        out
    }

    /// Reads [`Self::to_bytes`] back.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::new("hub record", bytes);
        let (sensor, hub, key, epoch) = (SensorId(r.u16()?), HubId(r.u16()?), Key::new(r.array()?), r.u32()?);
        let (has_pending, pending) = (r.u8()?, Key::new(r.array()?));
        let pending = match has_pending {
            0 => None,
            1 => Some(pending),
            _ => return Err(Error::malformed("hub record", "bad flag")),
        };
        let record = Self { sensor, hub, key, epoch, pending, attempt: r.u16()? };
        r.finish()?;
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_storage() {
        let sensor = SensorRecord {
            sensor: SensorId(3),
            hub: HubId(1),
            key: Key::new([8; 32]),
            epoch: 70_000,
            attempt: 4,
        };
        assert_eq!(SensorRecord::from_bytes(&sensor.to_bytes()), Ok(sensor.clone()));
        assert!(SensorRecord::from_bytes(&sensor.to_bytes()[1..]).is_err());
        let mut hub = HubRecord::enrolled(SensorId(3), HubId(1), Key::new([8; 32]));
        assert_eq!(HubRecord::from_bytes(&hub.to_bytes()), Ok(hub.clone()));
        hub.pending = Some(Key::new([9; 32]));
        let mut bytes = hub.to_bytes();
        assert_eq!(HubRecord::from_bytes(&bytes), Ok(hub));
        bytes[40] = 2;
        assert!(HubRecord::from_bytes(&bytes).is_err());
    }
}
