//! One-time pairs as the hub uses them: out of the database for good, then on record in a log of the hub's own, and only
//! then in use (paper B: "use up one and then discard").
//!
//! The record is what a restored backup of the database cannot undo: when the hub starts, every pair on record is taken
//! out of the database again. An entry is a `pair spent` of the ledger's format without payload; its stream is a random
//! name for the sensor, its number that of the pair, so that the log says nothing about a patient or a secret.

use crate::error::Error;
use bodywire_ledger::{Draft, EntryKind, FileDisk, Floor, KeyId, Log, Origin, StreamId};
use bodywire_proto::puf::{Challenge, Response};
use bodywire_proto::wire::{HubId, SensorId};
use bodywire_store::PairPool;
use ed25519_dalek::SigningKey;
use hkdf::Hkdf;
use sha2::Sha256;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The pool and the record.
pub struct Pairs {
    pool: PairPool,
    hub: HubId,
    journal: Journal,
}

impl Pairs {
    /// Opens the record in `directory`, or begins one, and takes what is on record out of the pool. `sensors` are those
    /// that the hub may authenticate.
    ///
    /// # Errors
    /// [`Error::Ledger`] for a record that is damaged or another hub's; [`Error::Store`].
    pub async fn open(
        directory: &Path,
        hub: HubId,
        signing_key: &SigningKey,
        pool: PairPool,
        sensors: impl IntoIterator<Item = SensorId>,
    ) -> Result<Self, Error> {
        let journal = Journal::open(directory, hub, signing_key)?;
        for (sensor, spent) in journal.spent(sensors)? {
            let again = pool.burn(hub, sensor, &spent).await?;
            if again > 0 {
                tracing::warn!(
                    again,
                    "an older database was restored: pairs that were used are out of it again"
                );
            }
        }
        Ok(Self { pool, hub, journal })
    }

    /// Takes a pair of `sensor` for one authentication: any, or the one with the challenge that is `wanted`. When this
    /// returns, nobody gets it again, whatever is restored. Any error burns the pair.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Ledger`].
    pub async fn claim(
        &mut self,
        sensor: SensorId,
        wanted: Option<&Challenge>,
        now_ms: u64,
    ) -> Result<Option<(Challenge, Response)>, Error> {
        let Some(claimed) = self.pool.claim(self.hub, sensor, wanted).await? else { return Ok(None) };
        tokio::task::block_in_place(|| self.journal.record(sensor, claimed.number, now_ms))?;
        Ok(Some((claimed.challenge, claimed.response)))
    }

    /// Sensors that were revoked.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn revoked(&self) -> Result<Vec<SensorId>, Error> {
        Ok(self.pool.revoked(self.hub).await?)
    }

    /// Writes tiles and checkpoint of the record, so that an auditor can prove what is in it.
    ///
    /// # Errors
    /// [`Error::Ledger`].
    pub fn publish(&mut self) -> Result<(), Error> {
        self.journal.publish()
    }
}

struct Journal {
    /// `None` after its disk has failed: then the next record opens it again, which reads what is really there.
    log: Option<Log<FileDisk>>,
    directory: PathBuf,
    origin: Origin,
    key: SigningKey,
    names: Hkdf<Sha256>,
}

impl Journal {
    fn open(directory: &Path, hub: HubId, signing_key: &SigningKey) -> Result<Self, Error> {
        let names = Hkdf::<Sha256>::new(Some(b"bodywire hub journal"), signing_key.as_bytes());
        // A key of its own, so that a checkpoint can never be taken for anything else that the hub signs.
        let key = SigningKey::from_bytes(&expand(&names, b"signing key"));
        let origin = Origin::new(&format!("bodywire/hub-{}/pairs", hub.0))?;
        let mut journal = Self { log: None, directory: directory.to_owned(), origin, key, names };
        journal.log = Some(journal.read()?);
        Ok(journal)
    }

    fn read(&self) -> Result<Log<FileDisk>, Error> {
        let disk = FileDisk::open(&self.directory)?;
        Ok(Log::open(disk, self.origin.clone(), self.key.clone(), Floor::NONE)?.0)
    }

    fn stream(&self, sensor: SensorId) -> StreamId {
        StreamId(expand(&self.names, &[b"stream", &sensor.0.to_be_bytes()[..]].concat()))
    }

    fn record(&mut self, sensor: SensorId, number: u64, now_ms: u64) -> Result<(), Error> {
        let draft = Draft {
            kind: EntryKind::PairSpent,
            flags: 0,
            time_ms: now_ms,
            stream: self.stream(sensor),
            stream_seq: number,
            key: KeyId([0; 16]),
            payload: Vec::new(),
        };
        let mut log = match self.log.take() {
            Some(log) => log,
            None => self.read()?,
        };
        log.append(vec![draft])?;
        self.log = Some(log);
        Ok(())
    }

    /// The numbers on record, by sensor.
    fn spent(
        &self,
        sensors: impl IntoIterator<Item = SensorId>,
    ) -> Result<HashMap<SensorId, Vec<u64>>, Error> {
        let names: HashMap<StreamId, SensorId> =
            sensors.into_iter().map(|sensor| (self.stream(sensor), sensor)).collect();
        let mut out: HashMap<SensorId, Vec<u64>> = HashMap::new();
        for entry in self.log.iter().flat_map(|log| log.entries_from(0)) {
            let (_, entry, _) = entry?;
            if let (EntryKind::PairSpent, Some(sensor)) = (entry.kind, names.get(&entry.stream)) {
                out.entry(*sensor).or_default().push(entry.stream_seq);
            }
        }
        Ok(out)
    }

    fn publish(&mut self) -> Result<(), Error> {
        if let Some(log) = &mut self.log {
            log.publish()?;
        }
        Ok(())
    }
}

fn expand<const N: usize>(names: &Hkdf<Sha256>, label: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    // Fails only for more than 8160 bytes.
    if names.expand(label, &mut out).is_err() {
        tracing::error!("a name could not be derived; report this as a defect");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use bodywire_proto::RiskClass;
    use bodywire_proto::handshake::Profile;
    use bodywire_proto::observation::Signal;
    use bodywire_proto::prf::Key;
    use bodywire_proto::wire::Suite;
    use bodywire_store::{DatabaseKey, HubRow, Location, PufQuality, SensorRow, Store};
    use std::collections::HashSet;

    const HUB: HubId = HubId(1);
    const SENSORS: [SensorId; 2] = [SensorId(2), SensorId(3)];

    async fn store(file: &Path) -> Store {
        Store::open(&Location::file(file), &DatabaseKey::new([7; 32])).await.unwrap()
    }

    async fn enrolled(file: &Path, pairs: u64) -> Store {
        let store = store(file).await;
        let row = HubRow { hub: HUB, verify_key: [1; 32], rendezvous: [2; 32] };
        store.enroll_hub(&row).await.unwrap();
        for sensor in SENSORS {
            let row = SensorRow {
                hub: HUB,
                sensor,
                kind: Signal::Ecg,
                class: RiskClass::II,
                wrapping_key: Some(Key::new([5; 32])),
                enrolled_ms: 1_000,
                profile: Profile::Hardened(Suite::Polar256),
                quality: PufQuality { reliability: 0.96, uniformity: 0.5, uniqueness: None },
                revoked_ms: None,
            };
            let pair = |n: u64| (n.to_be_bytes().into(), Response::new(&[n as u8; 32]).unwrap());
            store.enroll_sensor(&row, &(0..pairs).map(pair).collect::<Vec<_>>()).await.unwrap();
        }
        store
    }

    async fn pairs(directory: &Path, store: &Store) -> Pairs {
        let key = SigningKey::from_bytes(&[3; 32]);
        Pairs::open(&directory.join("pairs"), HUB, &key, store.pairs(), SENSORS).await.unwrap()
    }

    fn name(sensor: SensorId, challenge: &Challenge) -> (u16, Vec<u8>) {
        (sensor.0, challenge.as_bytes().to_vec())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_restored_database_serves_nothing_twice() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("test.db");
        enrolled(&file, 100).await.close().await;
        let backup = std::fs::read(&file).unwrap();
        let mut used = HashSet::new();
        // Three lives of the hub, each with the database as it was at the beginning.
        for life in 0..3 {
            for old in ["test.db-wal", "test.db-shm"] {
                let _ = std::fs::remove_file(directory.path().join(old));
            }
            std::fs::write(&file, &backup).unwrap();
            let store = store(&file).await;
            let mut pairs = pairs(directory.path(), &store).await;
            for sensor in SENSORS {
                for _ in 0..20 {
                    let (challenge, _) = pairs.claim(sensor, None, 5_000).await.unwrap().unwrap();
                    assert!(used.insert(name(sensor, &challenge)), "life {life}: {challenge:?} again");
                }
            }
            pairs.publish().unwrap();
            drop(pairs);
            store.close().await;
        }
        // The last life's pool, raced for by 64 tasks: what is left comes once, and nothing else does.
        std::fs::write(&file, &backup).unwrap();
        let store = store(&file).await;
        drop(pairs(directory.path(), &store).await);
        let pool = store.pairs();
        let tasks: Vec<_> = (0..64)
            .map(|task: usize| {
                let (pool, sensor) = (pool.clone(), SENSORS[task % 2]);
                tokio::spawn(async move {
                    let mut got = Vec::new();
                    while let Some(claimed) = pool.claim(HUB, sensor, None).await.unwrap() {
                        got.push(name(sensor, &claimed.challenge));
                    }
                    got
                })
            })
            .collect();
        for task in tasks {
            for one in task.await.unwrap() {
                assert!(used.insert(one), "served twice");
            }
        }
        assert_eq!(used.len(), 200);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_pair_that_cannot_be_recorded_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let store = enrolled(&directory.path().join("test.db"), 3).await;
        let mut pairs = pairs(directory.path(), &store).await;
        // The record's disk fails: the handle is gone, and its directory is a file.
        pairs.journal.log = None;
        std::fs::remove_dir_all(directory.path().join("pairs")).unwrap();
        std::fs::write(directory.path().join("pairs"), "not a directory").unwrap();
        assert!(pairs.claim(SENSORS[0], None, 1).await.is_err());
        std::fs::remove_file(directory.path().join("pairs")).unwrap();
        let (challenge, _) = pairs.claim(SENSORS[0], None, 2).await.unwrap().unwrap();
        assert_eq!(challenge.as_bytes(), 1u64.to_be_bytes(), "the first one is burnt");
    }
}
