//! What lies under a key: reports and records sealed, and the entries for them made. No store, no clock and no random source: keys
//! and times are arguments, so that whoever keeps the keys elsewhere seals with the same code.
//!
//! ```text
//! payload of a report = counter 8 | AES-256-GCM(data key, nonce = zero 4 ‖ counter 8, associated data = stream 16)
//! ```

use super::class_key::{self, ClassKey, EPOCH_MS};
use super::{FLAG_LATE, Item, vector};
use crate::Error;
use crate::aggregates::WardKeys;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use bodywire_ledger::{Draft, EntryKind, KeyId, StreamId};
use bodywire_proto::risk::RiskClass;

/// A key that is sealed under. It must be used by one process only, from a counter of 0 on: then no counter is ever used twice
/// under it, whatever was lost with the process before.
pub struct Sealing {
    key_id: KeyId,
    cipher: Aes256Gcm,
    counter: u64,
}

impl Sealing {
    /// A key that nothing was sealed under yet, and its number.
    #[must_use]
    pub fn new(key_id: KeyId, key: &[u8; 32]) -> Self {
        Self { key_id, cipher: Aes256Gcm::new(key.into()), counter: 0 }
    }

    /// The key's number, which entries name.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The payload of a report in a stream.
    ///
    /// # Errors
    /// [`Error::Sealing`], which no caller can cause.
    pub fn seal(&mut self, report: &[u8], stream: &StreamId) -> Result<Vec<u8>, Error> {
        let counter = self.counter.to_be_bytes();
        self.counter += 1;
        let sealed = self
            .cipher
            .encrypt(&nonce(counter), Payload { msg: report, aad: &stream.0 })
            .map_err(|_| Error::Sealing)?;
        Ok([&counter[..], &sealed].concat())
    }
}

/// A key that is opened with, and never sealed under: it has no counter.
pub struct Opening(Aes256Gcm);

impl Opening {
    /// With this key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }

    /// The report in a payload of a stream; nothing when it was sealed under another key, in another stream, or was changed.
    #[must_use]
    pub fn open(&self, payload: &[u8], stream: &StreamId) -> Option<Vec<u8>> {
        let (counter, sealed) = payload.split_first_chunk::<8>()?;
        self.0.decrypt(&nonce(*counter), Payload { msg: sealed, aad: &stream.0 }).ok()
    }
}

/// Number, class and key of each key of an epoch, class III first.
pub type EpochKeys = [(KeyId, RiskClass, ClassKey); 3];

/// The keys of one owner's reports for a while, class by class, derived downwards ([`class_key`]).
pub struct Epoch {
    since_ms: u64,
    classes: [(RiskClass, Sealing); 3],
}

impl Epoch {
    /// The keys below `root`, that of class III, from now on; beside them number, class and key of each, for whoever opens later.
    /// `ids` are their numbers, class III first. Root and numbers must be fresh random bytes.
    ///
    /// # Errors
    /// [`Error::Sealing`], which no caller can cause.
    pub fn new(root: [u8; 32], ids: [KeyId; 3], since_ms: u64) -> Result<(Self, EpochKeys), Error> {
        let [(three, a), (two, b), (one, c)] = class_key::all(root)?;
        let keys = {
            let [x, y, z] = ids;
            [(x, three, a), (y, two, b), (z, one, c)]
        };
        let classes = keys.each_ref().map(|(id, class, key)| (*class, Sealing::new(*id, key)));
        Ok((Self { since_ms, classes }, keys))
    }

    /// Whether new keys must be drawn: it has lasted longer than [`EPOCH_MS`].
    #[must_use]
    pub const fn is_over(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.since_ms) > EPOCH_MS
    }

    /// Whether one of its keys has this number.
    #[must_use]
    pub fn has(&self, key: &KeyId) -> bool {
        self.classes.iter().any(|(_, sealing)| sealing.key_id == *key)
    }

    /// The key of a class.
    ///
    /// # Errors
    /// [`Error::Sealing`], which no caller can cause: every epoch has all classes.
    pub fn of(&mut self, class: RiskClass) -> Result<&mut Sealing, Error> {
        let found = self.classes.iter_mut().find(|(of, _)| *of == class);
        found.map(|(_, sealing)| sealing).ok_or(Error::Sealing)
    }

    /// The entry for a report in a stream: sealed under its class, or, when it is an encrypted vector, as it came with the ward's
    /// tag behind it ([`vector`]); without the ward's keys that tag is zero.
    ///
    /// # Errors
    /// As [`Sealing::seal`].
    pub fn report(&mut self, item: &Item, stream: StreamId, ward: Option<&WardKeys>) -> Result<Draft, Error> {
        let sealing = self.of(item.class)?;
        let (kind, payload) = match vector::body_of(&item.report) {
            Some(body) => (EntryKind::HomomorphicVector, vector::payload(ward, &stream, item.number, body)),
            None => (EntryKind::Telemetry, sealing.seal(&item.report, &stream)?),
        };
        Ok(Draft {
            kind,
            flags: if item.late { FLAG_LATE } else { 0 },
            time_ms: item.hub_time_ms,
            stream,
            stream_seq: item.number,
            key: sealing.key_id,
            payload,
        })
    }

    /// The entry for a record of the clinic's own, sealed: replicas see that it is there, and not what it says.
    ///
    /// # Errors
    /// As [`Sealing::seal`].
    pub fn record(
        &mut self,
        kind: EntryKind,
        text: &[u8],
        (stream, stream_seq): (StreamId, u64),
        time_ms: u64,
    ) -> Result<Draft, Error> {
        let sealing = self.of(RiskClass::I)?;
        let payload = sealing.seal(text, &stream)?;
        Ok(Draft { kind, flags: 0, time_ms, stream, stream_seq, key: sealing.key_id, payload })
    }
}

fn nonce(counter: [u8; 8]) -> Nonce<aes_gcm::aead::consts::U12> {
    let [c0, c1, c2, c3, c4, c5, c6, c7] = counter;
    [0, 0, 0, 0, c0, c1, c2, c3, c4, c5, c6, c7].into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bodywire_proto::wire::{HubId, SensorId};

    const STREAM: StreamId = StreamId([4; 16]);
    const IDS: [KeyId; 3] = [KeyId([1; 16]), KeyId([2; 16]), KeyId([3; 16])];

    #[test]
    fn a_payload_opens_under_its_key_and_in_its_stream_only() {
        let mut sealing = Sealing::new(KeyId([1; 16]), &[7; 32]);
        let payload = sealing.seal(b"report", &STREAM).unwrap();
        let again = sealing.seal(b"report", &STREAM).unwrap();
        assert_ne!(payload, again, "each has a counter of its own");
        let opening = Opening::new(&[7; 32]);
        assert_eq!(opening.open(&payload, &STREAM).unwrap(), b"report");
        assert_eq!(opening.open(&again, &STREAM).unwrap(), b"report");
        assert!(opening.open(&payload, &StreamId([5; 16])).is_none());
        assert!(Opening::new(&[8; 32]).open(&payload, &STREAM).is_none());
        for cut in 0..payload.len() {
            assert!(opening.open(&payload[..cut], &STREAM).is_none());
        }
    }

    #[test]
    fn the_same_keys_make_the_same_entries_and_an_epoch_ends() {
        let item = Item {
            hub: HubId(1),
            number: 9,
            sensor: SensorId(2),
            hub_time_ms: 5,
            late: true,
            class: RiskClass::II,
            report: b"no vector".to_vec(),
        };
        let (mut one, keys) = Epoch::new([7; 32], IDS, 1_000).unwrap();
        let mut other = Epoch::new([7; 32], IDS, 1_000).unwrap().0;
        let draft = one.report(&item, STREAM, None).unwrap();
        assert_eq!(draft, other.report(&item, STREAM, None).unwrap());
        assert_eq!((draft.kind, draft.flags, draft.key), (EntryKind::Telemetry, FLAG_LATE, IDS[1]));
        let [_, (_, class, key), _] = &keys;
        assert_eq!(*class, RiskClass::II);
        assert_eq!(Opening::new(key).open(&draft.payload, &STREAM).unwrap(), item.report);
        let record = one.record(EntryKind::Read, b"text", (STREAM, 3), 8).unwrap();
        assert_eq!((record.key, record.stream_seq, record.time_ms), (IDS[2], 3, 8));
        assert!(one.has(&IDS[0]) && !one.has(&KeyId([9; 16])));
        assert!(!one.is_over(1_000 + EPOCH_MS) && one.is_over(1_001 + EPOCH_MS));
    }
}
