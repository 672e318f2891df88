//! Reports in the ledger: sealed under a key of this process, appended durably, read back and opened.
//!
//! How a payload looks is in [`sealing`]; here are the keys and the streams, which the database keeps. Data keys are drawn at every start for each hub, and for each patient at its bed, one for each class ([`class_key`]), so that no
//! counter is ever used twice under one key, and a patient's keys can be erased without anybody else's. Encrypted vectors are
//! not sealed ([`vector`]).

pub mod class_key;
pub mod sealing;
pub mod vector;

use crate::Error;
use crate::aggregates::WardKeys;
use bodywire_ledger::{
    Checkpoint, Draft, Entry, EntryKind, FileDisk, Floor, Hash, KeyId, Log, Origin, Recovery, StreamId,
};
use bodywire_proto::risk::RiskClass;
use bodywire_proto::wire::{HubId, SensorId};
use bodywire_store::{LogHead, PatientId, ReportRow, Store, StreamRow, VectorRow};
use ed25519_dalek::SigningKey;
use sealing::{Epoch, Opening};
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

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
    /// The class of the sensor: whoever may open that class can open the report.
    pub class: RiskClass,
    /// The report.
    pub report: Vec<u8>,
}

/// What was appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The entries, one for each report in their order.
    pub entries: Range<u64>,
    /// What the index is to say of the vectors among them.
    pub vectors: Vec<VectorRow>,
}

/// The clinic's ledger and the keys to what is in it.
pub struct Archive {
    log: Log<FileDisk>,
    store: Store,
    origin: Origin,
    /// Entries that the database's head register says there are: how far this writer has got.
    registered: u64,
    /// What each hub's reports are sealed under, for the patient at its bed.
    sealing: HashMap<Owner, Epoch>,
    streams: HashMap<(Owner, SensorId), StreamId>,
    owners: HashMap<StreamId, (Owner, SensorId)>,
    opened: HashMap<KeyId, Opening>,
    /// Tags vectors.
    ward: Option<Arc<WardKeys>>,
    /// The stream of the clinic's own records.
    own: StreamId,
}

/// Whose a report is: the hub it came from, and the patient at whose bed that stands, if somebody was admitted.
type Owner = (HubId, Option<PatientId>);
/// The owner of the clinic's own records; no hub has this number.
const OF_THE_CLINIC: Owner = (HubId(0), None);

impl Archive {
    /// Opens the ledger in `directory`, or begins one.
    ///
    /// The ledger may not be smaller than the database's head register or than `witnessed`, a head that replicas know, nor differ
    /// from them: then it is damaged or was rolled back, and nothing is changed.
    pub async fn open(
        directory: &Path,
        origin: Origin,
        signing_key: SigningKey,
        store: Store,
        witnessed: Option<&Checkpoint>,
    ) -> Result<(Self, Recovery), Error> {
        let head = store.head(origin.as_str()).await?;
        let registered =
            head.map_or(Floor::NONE, |head| Floor { size: head.size, root: Some(Hash(head.root)) });
        let known = witnessed.map_or(Floor::NONE, Floor::from);
        let floor = if known.size > registered.size { known } else { registered };
        let disk = FileDisk::open(directory)?;
        let (log, recovery) = Log::open(disk, origin.clone(), signing_key, floor)?;
        let rows = store.streams().await?;
        let archive = Self {
            log,
            origin,
            registered: registered.size,
            sealing: HashMap::new(),
            streams: rows
                .iter()
                .map(|row| (((row.hub, row.patient), row.sensor), StreamId(row.stream)))
                .collect(),
            owners: rows
                .iter()
                .map(|row| (StreamId(row.stream), ((row.hub, row.patient), row.sensor)))
                .collect(),
            opened: HashMap::new(),
            ward: None,
            own: StreamId(rand::random()),
            store,
        };
        Ok((archive, recovery))
    }

    /// Appends reports in one batch. When this returns, they are durable here; the result says where.
    pub async fn append(&mut self, items: &[Item], now_ms: u64) -> Result<Appended, Error> {
        let drafts = match self.drafts(items, now_ms).await {
            // Somebody was erased in between; their bed is empty now.
            Err(Error::Store(bodywire_store::Error::NoSuchPatient)) => self.drafts(items, now_ms).await?,
            other => other?,
        };
        let vectors = self.vector_rows(self.log.size(), &drafts);
        let entries = tokio::task::block_in_place(|| self.log.append(drafts))?;
        Ok(Appended { entries, vectors })
    }

    async fn drafts(&mut self, items: &[Item], now_ms: u64) -> Result<Vec<Draft>, Error> {
        let mut patients: HashMap<HubId, Option<PatientId>> = HashMap::new();
        let mut drafts = Vec::with_capacity(items.len());
        for item in items {
            let patient = match patients.get(&item.hub) {
                Some(patient) => *patient,
                None => {
                    let patient = self.store.patient_at(item.hub).await?;
                    // The key of whoever was here before is not needed any more.
                    self.sealing.retain(|(hub, of), _| *hub != item.hub || *of == patient);
                    patients.insert(item.hub, patient);
                    patient
                }
            };
            let owner = (item.hub, patient);
            let stream = self.stream(owner, item.sensor).await?;
            let ward = self.ward.clone();
            let epoch = self.epoch(owner, now_ms).await?;
            drafts.push(epoch.report(item, stream, ward.as_deref())?);
        }
        Ok(drafts)
    }

    async fn stream(&mut self, owner: Owner, sensor: SensorId) -> Result<StreamId, Error> {
        if let Some(stream) = self.streams.get(&(owner, sensor)) {
            return Ok(*stream);
        }
        let stream = StreamId(rand::random());
        let (hub, patient) = owner;
        self.store.add_stream(StreamRow { stream: stream.0, hub, sensor, patient }).await?;
        self.streams.insert((owner, sensor), stream);
        self.owners.insert(stream, (owner, sensor));
        Ok(stream)
    }

    /// The keys that an owner's reports are under; drawn when there are none yet, or the epoch is over.
    async fn epoch(&mut self, owner: Owner, now_ms: u64) -> Result<&mut Epoch, Error> {
        if self.sealing.get(&owner).is_none_or(|epoch| epoch.is_over(now_ms)) {
            let epoch = self.draw(owner, now_ms).await?;
            self.sealing.insert(owner, epoch);
        }
        self.sealing.get_mut(&owner).ok_or(Error::Sealing)
    }

    async fn draw(&self, owner: Owner, now_ms: u64) -> Result<Epoch, Error> {
        let (hub, patient) = owner;
        let hub = (hub != OF_THE_CLINIC.0).then_some(hub);
        let ids: [[u8; 16]; 3] = rand::random();
        let (epoch, keys) = Epoch::new(rand::random(), ids.map(KeyId), now_ms)?;
        for (id, _, secret) in keys {
            self.store.add_data_key(id.0, &secret, hub, patient, now_ms).await?;
        }
        Ok(epoch)
    }

    /// The head of the log as it is now, for [`Self::register`].
    pub fn head(&self) -> Result<LogHead, Error> {
        let (size, root) = (self.log.size(), self.log.root().0);
        Ok(LogHead { size, root, note: self.log.signed_checkpoint()? })
    }

    /// Indexes entries and advances the head register, both or neither.
    ///
    /// # Errors
    /// [`bodywire_store::Error::Fenced`] when another writer has advanced it: this one must stop, and has acknowledged nothing
    /// of it.
    pub async fn register(
        &mut self,
        head: &LogHead,
        rows: &[ReportRow],
        vectors: &[VectorRow],
    ) -> Result<(), Error> {
        if head.size <= self.registered && rows.is_empty() && vectors.is_empty() {
            return Ok(());
        }
        self.store.index_reports(rows, vectors, Some((self.origin.as_str(), self.registered, head))).await?;
        self.registered = head.size;
        Ok(())
    }

    /// Appends a record of the clinic's own whose text is sealed: replicas see that it is there, and not what it says. Returns
    /// its index; it is durable.
    pub(crate) async fn note(&mut self, kind: EntryKind, text: &[u8], now_ms: u64) -> Result<u64, Error> {
        let stream = self.own;
        let seq = self.log.size();
        let draft = self.epoch(OF_THE_CLINIC, now_ms).await?.record(kind, text, (stream, seq), now_ms)?;
        let entries = tokio::task::block_in_place(|| self.log.append(vec![draft]))?;
        Ok(entries.start)
    }

    /// The text of a record of the clinic's own, as [`Self::note`] has sealed it.
    ///
    /// # Errors
    /// [`Error::Erased`] and [`Error::Unreadable`]; for an entry of another kind the text is not one.
    pub(crate) async fn noted(&mut self, index: u64) -> Result<(Entry, Vec<u8>), Error> {
        let (entry, payload) = self.entry(index)?;
        let text = self.unseal(index, &entry, &payload).await?;
        Ok((entry, text))
    }

    /// Kind and text of a record of access.
    ///
    /// # Errors
    /// As [`Self::read`]; [`Error::NoReport`] for an entry that is none.
    pub async fn act(&mut self, index: u64) -> Result<(EntryKind, Vec<u8>), Error> {
        let kind = self.kind(index)?;
        if !crate::gate::act::ACT_KINDS.contains(&kind) {
            return Err(Error::NoReport { index });
        }
        Ok((kind, self.noted(index).await?.1))
    }

    /// The kind of an entry.
    pub(crate) fn kind(&self, index: u64) -> Result<EntryKind, Error> {
        Ok(self.log.entry(index)?.kind)
    }

    /// Appends records of the clinic's own.
    pub(crate) fn record(&mut self, drafts: Vec<Draft>) -> Result<(), Error> {
        tokio::task::block_in_place(|| self.log.append(drafts))?;
        Ok(())
    }

    /// The log, for erasure and for replicas.
    pub(crate) const fn log(&mut self) -> &mut Log<FileDisk> {
        &mut self.log
    }

    /// Forgets keys, so that nothing is sealed under them or opened with them any more.
    pub(crate) fn forget(&mut self, keys: &[KeyId]) {
        self.sealing.retain(|_, epoch| !keys.iter().any(|key| epoch.has(key)));
        self.opened.retain(|key, _| !keys.contains(key));
    }

    /// Entries that the head register knows.
    pub const fn registered(&self) -> u64 {
        self.registered
    }

    /// Reads an entry and opens its report. An entry whose key has been erased is [`Error::Erased`], one that holds no report
    /// [`Error::NoReport`]; a vector is read by [`Self::vector`].
    pub async fn read(&mut self, index: u64) -> Result<(HubId, SensorId, Entry, Vec<u8>), Error> {
        let (entry, payload) = self.entry(index)?;
        if entry.kind != EntryKind::Telemetry {
            return Err(Error::NoReport { index });
        }
        let ((hub, _), sensor) = *self.owners.get(&entry.stream).ok_or(Error::UnknownStream { index })?;
        let report = self.unseal(index, &entry, &payload).await?;
        Ok((hub, sensor, entry, report))
    }

    /// Opens what is sealed in an entry.
    async fn unseal(&mut self, index: u64, entry: &Entry, payload: &[u8]) -> Result<Vec<u8>, Error> {
        if !self.opened.contains_key(&entry.key) {
            let secret = self.store.data_key(entry.key.0).await?.ok_or(Error::Erased { index })?;
            self.opened.insert(entry.key, Opening::new(&secret));
        }
        let opening = self.opened.get(&entry.key).ok_or(Error::Erased { index })?;
        opening.open(payload, &entry.stream).ok_or(Error::Unreadable { index })
    }

    /// Whose data an entry holds: the hub's, and the patient's who lay there. Nothing for streams that are not known here, such as
    /// those of a patient who was erased.
    pub fn owner(&self, entry: &Entry) -> Option<(HubId, Option<PatientId>)> {
        self.owners.get(&entry.stream).map(|(owner, _)| *owner)
    }

    /// An entry and its payload as it is stored.
    fn entry(&self, index: u64) -> Result<(Entry, Vec<u8>), Error> {
        match self.log.read(index) {
            Err(bodywire_ledger::Error::Erased { .. }) => Err(Error::Erased { index }),
            other => Ok(other?),
        }
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

#[cfg(test)]
mod tests;
