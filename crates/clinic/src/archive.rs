//! Reports in the ledger: sealed under a key of this process, appended durably, read back and opened.
//!
//! ```text
//! payload of an entry = counter 8 | AES-256-GCM(data key, nonce = zero 4 ‖ counter 8, associated data = stream 16)
//! ```
//!
//! A data key is drawn at every start, so that no counter is ever used twice under one key, whatever was lost with
//! the last process.

use crate::Error;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use bodywire_ledger::{Draft, Entry, EntryKind, FileDisk, Floor, KeyId, Log, Origin, Recovery, StreamId};
use bodywire_proto::wire::{HubId, SensorId};
use bodywire_store::{Store, StreamRow};
use ed25519_dalek::SigningKey;
use rand::Rng;
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

/// Flag of an entry whose report came late: long after it was made, or after one that was made later.
pub const FLAG_LATE: u16 = 1;

/// One report on its way into the ledger.
#[derive(Debug, Clone)]
pub struct Item {
    /// The hub it came from.
    pub hub: HubId,
    /// The hub's number for it; also its sequence number in the stream.
    pub number: u64,
    /// Whose data it is.
    pub sensor: SensorId,
    /// The hub's clock, milliseconds since 1970.
    pub hub_time_ms: u64,
    /// It came late: long after it was made, or after one that was made later.
    pub late: bool,
    /// The report.
    pub report: Vec<u8>,
}

/// The clinic's ledger and the keys to what is in it.
pub struct Archive {
    log: Log<FileDisk>,
    store: Store,
    key_id: KeyId,
    cipher: Aes256Gcm,
    counter: u64,
    streams: HashMap<(HubId, SensorId), StreamId>,
    owners: HashMap<StreamId, (HubId, SensorId)>,
    opened: HashMap<KeyId, Aes256Gcm>,
}

impl Archive {
    /// Opens the ledger in `directory`, or begins one, with a data key of its own.
    ///
    /// The ledger may not be smaller than what the database has indexed: then it is damaged, and nothing is changed.
    pub async fn open(
        directory: &Path,
        origin: Origin,
        signing_key: SigningKey,
        store: Store,
        now_ms: u64,
    ) -> Result<(Self, Recovery), Error> {
        let size = store.last_indexed().await?.map_or(0, |last| last + 1);
        let disk = FileDisk::open(directory)?;
        let (log, recovery) = Log::open(disk, origin, signing_key, Floor { size, root: None })?;
        let (mut id, mut secret) = ([0u8; 16], [0u8; 32]);
        rand::rng().fill_bytes(&mut id);
        rand::rng().fill_bytes(&mut secret);
        store.add_data_key(id, &secret, None, None, now_ms).await?;
        let rows = store.streams().await?;
        let archive = Self {
            log,
            key_id: KeyId(id),
            cipher: Aes256Gcm::new(&secret.into()),
            counter: 0,
            streams: rows.iter().map(|row| ((row.hub, row.sensor), StreamId(row.stream))).collect(),
            owners: rows.iter().map(|row| (StreamId(row.stream), (row.hub, row.sensor))).collect(),
            opened: HashMap::new(),
            store,
        };
        Ok((archive, recovery))
    }

    /// Appends reports in one batch. When this returns, they are durable; the result is the range of their entries.
    pub async fn append(&mut self, items: &[Item]) -> Result<Range<u64>, Error> {
        let mut drafts = Vec::with_capacity(items.len());
        for item in items {
            let stream = self.stream(item.hub, item.sensor).await?;
            drafts.push(Draft {
                kind: EntryKind::Telemetry,
                flags: if item.late { FLAG_LATE } else { 0 },
                time_ms: item.hub_time_ms,
                stream,
                stream_seq: item.number,
                key: self.key_id,
                payload: self.seal(&stream, &item.report)?,
            });
        }
        Ok(tokio::task::block_in_place(|| self.log.append(drafts))?)
    }

    async fn stream(&mut self, hub: HubId, sensor: SensorId) -> Result<StreamId, Error> {
        if let Some(stream) = self.streams.get(&(hub, sensor)) {
            return Ok(*stream);
        }
        let mut stream = [0u8; 16];
        rand::rng().fill_bytes(&mut stream);
        self.store.add_stream(StreamRow { stream, hub, sensor, patient: None }).await?;
        self.streams.insert((hub, sensor), StreamId(stream));
        self.owners.insert(StreamId(stream), (hub, sensor));
        Ok(StreamId(stream))
    }

    fn seal(&mut self, stream: &StreamId, report: &[u8]) -> Result<Vec<u8>, Error> {
        let counter = self.counter.to_be_bytes();
        self.counter += 1;
        let sealed = self
            .cipher
            .encrypt(&nonce(counter), Payload { msg: report, aad: &stream.0 })
            .map_err(|_| Error::Sealing)?;
        Ok([&counter[..], &sealed].concat())
    }

    /// Reads an entry and opens its report. An entry whose key has been erased is [`Error::Erased`].
    pub async fn read(&mut self, index: u64) -> Result<(HubId, SensorId, Entry, Vec<u8>), Error> {
        let (entry, payload) = self.log.read(index)?;
        let (hub, sensor) = *self.owners.get(&entry.stream).ok_or(Error::UnknownStream { index })?;
        if !self.opened.contains_key(&entry.key) {
            let secret = self.store.data_key(entry.key.0).await?.ok_or(Error::Erased { index })?;
            self.opened.insert(entry.key, Aes256Gcm::new(&secret.into()));
        }
        let cipher = self.opened.get(&entry.key).ok_or(Error::Erased { index })?;
        let (counter, sealed) = payload.split_first_chunk::<8>().ok_or(Error::Unreadable { index })?;
        let report = cipher
            .decrypt(&nonce(*counter), Payload { msg: sealed, aad: &entry.stream.0 })
            .map_err(|_| Error::Unreadable { index })?;
        Ok((hub, sensor, entry, report))
    }

    /// Writes tiles and checkpoint for what has been appended.
    pub fn publish(&mut self) -> Result<(), Error> {
        tokio::task::block_in_place(|| self.log.publish())?;
        Ok(())
    }

    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.log.size()
    }
}

fn nonce(counter: [u8; 8]) -> Nonce<aes_gcm::aead::consts::U12> {
    let [c0, c1, c2, c3, c4, c5, c6, c7] = counter;
    [0, 0, 0, 0, c0, c1, c2, c3, c4, c5, c6, c7].into()
}
