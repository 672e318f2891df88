//! The clinic's ledger in a world: the real log on a disk that can lose power, the real sealing, and what a database would keep
//! beside it: the head register, the index and the keys.

use super::chance::{Chance, bytes};
use super::ledger_disk::LedgerDisk;
use bodywire_clinic::archive::Item;
use bodywire_clinic::archive::sealing::{Epoch, Opening};
use bodywire_clinic::gate::act::Act;
use bodywire_clinic::gate::{Acts, Appending};
use bodywire_ledger::{
    Checkpoint, Draft, EntryKind, Error, FileDisk, Floor, Hash, KeyId, Log, MemDisk, Origin, StreamId,
    VerifierKey,
};
use bodywire_proto::wire::{HubId, SensorId};
use bodywire_store::LogHead;
use ed25519_dalek::SigningKey;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Name of the ledger. `example` is a name that nobody has (RFC 2606).
const ORIGIN: &str = "world.example/clinic";

/// What survives the clinic: a database that is taken for durable.
#[derive(Debug, Default, Clone)]
pub(super) struct Database {
    /// The head register.
    pub(super) head: Option<(u64, [u8; 32])>,
    /// Which entry holds which report.
    pub(super) index: BTreeMap<(HubId, u64), u64>,
    /// The highest number of a stored report of each sensor, alarms aside.
    pub(super) newest: BTreeMap<(HubId, SensorId), u64>,
    keys: HashMap<KeyId, [u8; 32]>,
    streams: HashMap<StreamId, (HubId, SensorId)>,
    of: BTreeMap<(HubId, SensorId), StreamId>,
}

impl Database {
    pub(super) fn floor(&self) -> Floor {
        self.head.map_or(Floor::NONE, |(size, root)| Floor { size, root: Some(Hash(root)) })
    }
}

/// The ledger of a clinic that runs.
pub(super) struct Ledger {
    pub(super) log: Log<LedgerDisk>,
    epochs: BTreeMap<HubId, Epoch>,
    chance: Chance,
    own: StreamId,
}

/// What is behind the clinic: disk, database and the open ledger. Shared with the gate's record.
pub(super) struct Vault {
    pub(super) disk: MemDisk,
    pub(super) database: Database,
    pub(super) open: Option<Ledger>,
    /// Records of access are not taken.
    pub(super) records_away: bool,
    /// The disk has failed: until it is opened again the log takes nothing.
    pub(super) has_failed: bool,
    /// Where the files are, for a ledger that fits into no memory.
    files: Option<PathBuf>,
    signing_key: SigningKey,
    seed: u64,
    boots: u64,
}

/// Hub 0 is none: the clinic's own records.
const OF_THE_CLINIC: HubId = HubId(0);

impl Vault {
    pub(super) fn new(seed: u64, files: Option<PathBuf>) -> Self {
        Self {
            files,
            disk: MemDisk::new(),
            database: Database::default(),
            open: None,
            records_away: false,
            has_failed: false,
            signing_key: SigningKey::from_bytes(&bytes(seed, "ledger key")),
            seed,
            boots: 0,
        }
    }

    pub(super) fn key(&self) -> Result<VerifierKey, Error> {
        VerifierKey::new(ORIGIN, self.signing_key.verifying_key())
    }

    /// Opens the log, which must reach as far as the head register and what replicas have seen.
    pub(super) fn open(&mut self, witnessed: Option<&Checkpoint>) -> Result<(), Error> {
        self.boots += 1;
        let registered = self.database.floor();
        let known = witnessed.map_or(Floor::NONE, Floor::from);
        let floor = if known.size > registered.size { known } else { registered };
        let disk = match &self.files {
            Some(directory) => LedgerDisk::Files(FileDisk::open(directory)?),
            None => LedgerDisk::Memory(self.disk.clone()),
        };
        let (log, _) = Log::open(disk, Origin::new(ORIGIN)?, self.signing_key.clone(), floor)?;
        let mut chance = Chance::new(self.seed, &format!("vault {}", self.boots));
        let own = StreamId(stream(&mut chance));
        self.has_failed = false;
        self.open = Some(Ledger { log, epochs: BTreeMap::new(), chance, own });
        Ok(())
    }

    /// Another history, by whoever has the signing key: from an older copy on, with entries of his own up to `size`, and some
    /// more. Nothing when the copy reaches as far.
    pub(super) fn another_history(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        size: u64,
        chance: &mut Chance,
    ) -> Result<Option<Log<MemDisk>>, Error> {
        let disk = MemDisk::from_files(files.clone());
        let (mut log, _) = Log::open(disk, Origin::new(ORIGIN)?, self.signing_key.clone(), Floor::NONE)?;
        if log.size() >= size {
            return Ok(None);
        }
        // Half of his entries follow those that are there in a stream, as the true ones did.
        let known: Vec<StreamId> = self.database.of.values().copied().collect();
        for entries in [size - log.size(), 3] {
            let drafts = (0..entries).map(|_| {
                let stream = if chance.happens(0.5) { chance.pick(&known).copied() } else { None };
                Draft {
                    kind: EntryKind::Telemetry,
                    flags: 0,
                    time_ms: chance.below(u64::from(u32::MAX)),
                    stream: stream.unwrap_or_else(|| StreamId(self::stream(chance))),
                    stream_seq: chance.below(u64::from(u32::MAX)),
                    key: KeyId(self::stream(chance)),
                    payload: chance.bytes().to_vec(),
                }
            });
            log.append(drafts.collect())?;
        }
        log.publish()?;
        Ok(Some(log))
    }

    /// Appends reports; durable when it returns. The first entry.
    pub(super) fn append(&mut self, items: &[Item], now_ms: u64) -> Result<u64, String> {
        let Self { open, database, .. } = self;
        let ledger = open.as_mut().ok_or("the ledger is closed")?;
        let mut drafts = Vec::with_capacity(items.len());
        for item in items {
            let of = (item.hub, item.sensor);
            let stream = *database.of.entry(of).or_insert_with(|| StreamId(stream(&mut ledger.chance)));
            database.streams.insert(stream, of);
            let epoch = ledger.epoch(item.hub, now_ms, &mut database.keys)?;
            drafts.push(epoch.report(item, stream, None).map_err(|error| error.to_string())?);
        }
        let appended = ledger.log.append(drafts);
        self.has_failed = appended.is_err();
        Ok(appended.map_err(|error| error.to_string())?.start)
    }

    /// Indexes entries and moves the head register on, both together.
    pub(super) fn register(&mut self, head: &LogHead, rows: &[bodywire_store::ReportRow]) {
        for row in rows {
            self.database.index.insert((row.hub, row.number), row.ledger_index);
            if row.kind != bodywire_proto::report::Kind::Alarm as u8 {
                let newest = self.database.newest.entry((row.hub, row.sensor)).or_default();
                *newest = (*newest).max(row.number);
            }
        }
        if self.database.head.is_none_or(|(size, _)| head.size > size) {
            self.database.head = Some((head.size, head.root));
        }
    }

    /// The head as it is now.
    pub(super) fn head(&self) -> Result<LogHead, String> {
        let ledger = self.open.as_ref().ok_or("the ledger is closed")?;
        let note = ledger.log.signed_checkpoint().map_err(|error| error.to_string())?;
        Ok(LogHead { size: ledger.log.size(), root: ledger.log.root().0, note })
    }

    /// The report in an entry, opened; nothing when it holds none.
    pub(super) fn report(&self, index: u64) -> Result<Option<(HubId, u64, Vec<u8>)>, String> {
        let ledger = self.open.as_ref().ok_or("the ledger is closed")?;
        let (entry, payload) = ledger.log.read(index).map_err(|error| error.to_string())?;
        if entry.kind != EntryKind::Telemetry {
            return Ok(None);
        }
        let (hub, _) = *self.database.streams.get(&entry.stream).ok_or("a stream that nobody knows")?;
        let key = self.database.keys.get(&entry.key).ok_or("a key that nobody knows")?;
        let report = Opening::new(key).open(&payload, &entry.stream).ok_or("a payload does not open")?;
        Ok(Some((hub, entry.stream_seq, report)))
    }
}

impl Ledger {
    fn epoch(
        &mut self,
        hub: HubId,
        now_ms: u64,
        keys: &mut HashMap<KeyId, [u8; 32]>,
    ) -> Result<&mut Epoch, String> {
        if self.epochs.get(&hub).is_none_or(|epoch| epoch.is_over(now_ms)) {
            let root = self.chance.bytes();
            let ids = std::array::from_fn(|_| KeyId(stream(&mut self.chance)));
            let (epoch, drawn) = Epoch::new(root, ids, now_ms).map_err(|error| error.to_string())?;
            keys.extend(drawn.iter().map(|(id, _, key)| (*id, **key)));
            self.epochs.insert(hub, epoch);
        }
        self.epochs.get_mut(&hub).ok_or_else(|| "no epoch".to_owned())
    }
}

fn stream(chance: &mut Chance) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = chance.bytes();
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

/// A copy of the ledger, with what the database said then.
pub(super) struct Copied {
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) database: Database,
}

impl Vault {
    pub(super) fn copy(&self) -> Copied {
        Copied { files: self.disk.files(), database: self.database.clone() }
    }
}

/// The vault as several share it.
#[derive(Clone)]
pub(super) struct SharedVault(Arc<Mutex<Vault>>);

impl SharedVault {
    pub(super) fn new(vault: Vault) -> Self {
        Self(Arc::new(Mutex::new(vault)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Vault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Acts for SharedVault {
    fn append<'a>(&'a self, kind: EntryKind, act: &'a Act) -> Appending<'a> {
        Box::pin(std::future::ready(self.append_act(kind, act)))
    }
}

impl SharedVault {
    fn append_act(&self, kind: EntryKind, act: &Act) -> Option<u64> {
        let mut vault = self.lock();
        let Vault { open, database, records_away: false, has_failed, .. } = &mut *vault else { return None };
        let ledger = open.as_mut()?;
        let (own, size) = (ledger.own, ledger.log.size());
        let epoch = ledger.epoch(OF_THE_CLINIC, act.at_ms, &mut database.keys).ok()?;
        let draft = epoch.record(kind, &act.to_bytes(), (own, size), act.at_ms).ok()?;
        let appended = ledger.log.append(vec![draft]);
        *has_failed = appended.is_err();
        Some(appended.ok()?.start)
    }
}
