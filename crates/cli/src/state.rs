//! The directory of a house: of a demo, of a hub with its sensors, or of a clinic. Secrets are files that only their
//! owner may read.
//!
//! ```text
//! keys/       of a hub: hub, rendezvous, pairs; of a clinic: clinic, ledger, database, aggregate; 32 bytes each;
//!             aggregate.pub, no secret
//! access/     of a clinic: issuer, 32 bytes, secret; issuer.pub; revocations, the list
//! chips/      by sensor: the silicon of the simulated PUFs
//! sensors/    by sensor: what each remembers, in two slots; of class III also .wrapping, the secret behind its consents,
//!             .issuer, .emergency and .answers
//! access/     issuer.pub: whose certificates count
//! hub/        spool.redb, bodywire.db (in a demo that of the clinic is for both)
//! clinic/     bodywire.db, ledger/, console-link; queries-SHARD: where aggregates are asked for, and a token for it;
//!             access-journal: accesses in an emergency that the ledger has not taken yet;
//!             export-credential: what exports are asked for with
//! replica/    by ledger: log/, its copy; records/, what was cosigned, and evidence
//! provisioned appears last, when a demo is complete
//! roles       appears first, when single roles are to run here
//! lock        held by a demo alone, or by roles together
//! ```

use crate::exit::Failure;
use crate::issuer_key;
use bodywire_proto::access::IssuerKey;
use bodywire_proto::handshake::{SensorRecord, SensorSecret, Stored};
use bodywire_proto::wire::SensorId;
use rand::Rng;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const SUBDIRECTORIES: [&str; 6] = ["keys", "chips", "sensors", "hub", "clinic", "replica"];
/// What each has no use for.
const NOT_OF_CLINICS: [&str; 4] = ["chips", "sensors", "hub", "replica"];
const NOT_OF_HUBS: [&str; 2] = ["clinic", "replica"];
const NOT_OF_REPLICAS: [&str; 4] = ["chips", "sensors", "hub", "clinic"];
const NOT_OF_DEMOS: [&str; 1] = ["replica"];

/// Who wants the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A demo: nobody else at the same time.
    Demo,
    /// A hub, a sensor or a command about them: with other roles.
    Hub,
    /// A clinic or a command about it: with other roles.
    Clinic,
    /// A replica: with other roles.
    Replica,
    /// A restore: nobody else at the same time, and nothing is made but the directory itself.
    Restore,
}

/// The directory of one house.
#[derive(Debug)]
pub(crate) struct State {
    root: PathBuf,
    /// Locked until this is dropped, or the process dies.
    _lock: File,
}

impl State {
    /// Opens or creates the directory.
    pub(crate) fn open(root: &Path, holder: Holder) -> Result<Self, Failure> {
        create_directory(root)?;
        let path = root.join("lock");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let lock = lock.map_err(Failure::state(&path))?;
        let locked = match holder {
            Holder::Demo | Holder::Restore => lock.try_lock(),
            Holder::Hub | Holder::Clinic | Holder::Replica => lock.try_lock_shared(),
        };
        let next = "stop it, or use another directory with --state DIR";
        locked.map_err(|_| Failure::path(root, "another process has this directory", next))?;
        let state = Self { root: root.to_owned(), _lock: lock };
        if holder == Holder::Demo && state.is_of_roles() {
            let why = "single roles live here, and a demo would end them";
            return Err(Failure::path(root, why, "use another directory with --state DIR"));
        }
        state.create_directories(holder)?;
        Ok(state)
    }

    fn create_directories(&self, holder: Holder) -> Result<(), Failure> {
        let others: &[&str] = match holder {
            Holder::Demo => &NOT_OF_DEMOS,
            Holder::Hub => &NOT_OF_HUBS,
            Holder::Clinic => &NOT_OF_CLINICS,
            Holder::Replica => &NOT_OF_REPLICAS,
            Holder::Restore => return Ok(()),
        };
        let below = SUBDIRECTORIES.iter().filter(|directory| !others.contains(directory));
        for directory in below {
            create_directory(&self.root.join(directory))?;
        }
        match holder {
            Holder::Hub | Holder::Replica | Holder::Restore => Ok(()),
            Holder::Demo | Holder::Clinic => create_directory(&self.clinic_ledger()),
        }
    }

    /// Where it is.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// True when provisioning was completed.
    pub(crate) fn is_provisioned(&self) -> bool {
        self.root.join("provisioned").exists()
    }

    /// Provisioning is complete: everything it wrote is on the disk before this mark.
    pub(crate) fn set_provisioned(&self) -> Result<(), Failure> {
        self.write_new("provisioned", b"delete this directory to forget everything\n")?;
        File::open(&self.root).and_then(|d| d.sync_all()).map_err(Failure::state(&self.root))
    }

    /// True when single roles live here.
    pub(crate) fn is_of_roles(&self) -> bool {
        self.root.join("roles").exists()
    }

    /// From now on single roles live here, and no demo clears the directory. A demo's stays a demo's.
    pub(crate) fn set_of_roles(&self) -> Result<(), Failure> {
        if self.is_provisioned() || self.is_of_roles() {
            return Ok(());
        }
        let path = self.root.join("roles");
        // Two roles may begin at once: both write the same.
        fs::write(&path, "roles of this directory run as processes of their own\n")
            .map_err(Failure::state(&path))?;
        File::open(&self.root).and_then(|d| d.sync_all()).map_err(Failure::state(&self.root))
    }

    /// Removes what an interrupted provisioning left. Nothing has ever been acknowledged to or from it.
    pub(crate) fn clear(&self) -> Result<(), Failure> {
        for directory in SUBDIRECTORIES.iter().filter(|directory| !NOT_OF_DEMOS.contains(directory)) {
            let directory = self.root.join(directory);
            fs::remove_dir_all(&directory).map_err(Failure::state(&directory))?;
        }
        self.create_directories(Holder::Demo)
    }

    pub(crate) fn hub_database(&self) -> PathBuf {
        self.root.join("hub/bodywire.db")
    }

    /// Where a running clinic leaves the console's one-time link.
    /// Records of access that wait for a ledger.
    pub(crate) fn access_journal(&self) -> PathBuf {
        self.root.join("clinic/access-journal")
    }

    pub(crate) fn console_link(&self) -> PathBuf {
        self.root.join("clinic/console-link")
    }

    /// Where a running clinic leaves address and token for queries.
    pub(crate) fn queries(&self, shard: &str) -> PathBuf {
        self.root.join(format!("clinic/{QUERIES}{shard}"))
    }

    /// Bytes that are made once and kept, and are no secret.
    pub(crate) fn kept(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<Vec<u8>, Failure>,
    ) -> Result<Vec<u8>, Failure> {
        let path = self.root.join(name);
        if !path.exists() {
            self.write_new(name, &make()?)?;
        }
        fs::read(&path).map_err(Failure::state(path))
    }

    pub(crate) fn clinic_database(&self) -> PathBuf {
        self.root.join("clinic/bodywire.db")
    }

    pub(crate) fn clinic_ledger(&self) -> PathBuf {
        self.root.join("clinic/ledger")
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.root.join("hub/spool.redb")
    }

    /// The log of the pairs that the hub has used.
    pub(crate) fn used_pairs(&self) -> PathBuf {
        self.root.join("hub/pairs")
    }

    /// A replica's copies of ledgers, and what it has said about them.
    pub(crate) fn replica(&self) -> PathBuf {
        self.root.join("replica")
    }

    /// Whether there is such a file.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.root.join(name).exists()
    }

    /// A 32-byte secret; drawn when it is not there yet.
    pub(crate) fn secret(&self, name: &str) -> Result<[u8; 32], Failure> {
        let path = self.root.join(name);
        if !path.exists() {
            let mut secret = [0u8; 32];
            rand::rng().fill_bytes(&mut secret);
            self.write_new(name, &secret)?;
            return Ok(secret);
        }
        let mode = fs::metadata(&path).map_err(Failure::state(&path))?.permissions().mode();
        if mode & 0o077 != 0 {
            let next = "make it readable by its owner only: chmod 600";
            return Err(Failure::path(&path, "others may read this secret", next));
        }
        let bytes = fs::read(&path).map_err(Failure::state(&path))?;
        bytes
            .try_into()
            .map_err(|_| Failure::path(&path, "is not 32 bytes long", "restore it, or delete the directory"))
    }

    /// Replaces a secret by one that is given.
    pub(crate) fn set_secret(&self, name: &str, secret: &[u8; 32]) -> Result<(), Failure> {
        let path = self.root.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::state(path)(error)),
            _ => self.write_new(name, secret),
        }
    }

    fn write_new(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        write_private(&self.root.join(name), bytes)
    }

    /// The issuer's public key, when this directory was given it.
    pub(crate) fn issuer(&self) -> Result<Option<IssuerKey>, Failure> {
        if !self.has(ISSUER) {
            return Ok(None);
        }
        let path = self.root.join(ISSUER);
        let content = fs::read(&path).map_err(Failure::state(&path))?;
        issuer_key::parse(&content).map(Some).ok_or_else(|| issuer_key::refused(&path))
    }

    /// A sensor's non-volatile memory.
    pub(crate) fn memory(&self, sensor: SensorId) -> Result<Memory, Failure> {
        Memory::open(&self.root.join("sensors").join(sensor.0.to_string()))
    }
}

/// The issuer's public key: 64 hexadecimal digits.
const ISSUER: &str = "access/issuer.pub";
/// What the names of files with the access to queries begin with.
const QUERIES: &str = "queries-";

/// Shards of clinics that have left access to queries in a directory, and the files.
pub(crate) fn query_files(root: &Path) -> Vec<(String, PathBuf)> {
    let files = fs::read_dir(root.join("clinic")).into_iter().flatten().flatten();
    let mut found: Vec<(String, PathBuf)> = files
        .filter_map(|file| {
            let shard = file.file_name().to_str()?.strip_prefix(QUERIES)?.to_owned();
            Some((shard, file.path()))
        })
        .collect();
    found.sort();
    found
}

/// Writes a file that only its owner may read. It must not be there.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(Failure::state(path))
}

/// Replaces a file that only its owner may read; whoever reads it sees the old one or the new one.
pub(crate) fn replace_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let draft = path.with_file_name(name);
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Failure::state(draft)(error));
        }
        _ => write_private(&draft, bytes)?,
    }
    fs::rename(&draft, path).map_err(Failure::state(path))
}

pub(crate) fn create_directory(path: &Path) -> Result<(), Failure> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Failure::state(path))
}

const SLOT_BYTES: usize = 8 + 1 + Stored::BYTES_MAX + 4;

/// The non-volatile memory of a sensor: two slots, written in turn, so that a torn write leaves the other.
///
/// slot = sequence 8 | length 1 | record, filled up with zeros | CRC-32C 4
pub(crate) struct Memory {
    path: PathBuf,
    file: File,
    sequence: u64,
    record: Option<SensorRecord>,
}

impl Memory {
    fn open(path: &Path) -> Result<Self, Failure> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(path).map_err(Failure::state(path))?;
        let next = "stop it first";
        file.try_lock().map_err(|_| Failure::path(path, "another process is this sensor", next))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(Failure::state(path))?;
        let newest = bytes.chunks(SLOT_BYTES).filter_map(parse_slot).max_by_key(|(sequence, _)| *sequence);
        let (sequence, record) = newest.map_or((0, None), |(sequence, record)| (sequence, Some(record)));
        Ok(Self { path: path.to_owned(), file, sequence, record })
    }

    /// What was stored last.
    pub(crate) fn record(&self) -> Option<&SensorRecord> {
        self.record.as_ref()
    }

    /// Stores the record; durable when it returns. When the key has changed, the other slot is overwritten, too: a key
    /// that was replaced must not be found beside its successor.
    pub(crate) fn store(&mut self, record: SensorRecord) -> Result<(), Failure> {
        let replaced = self.record.as_ref().is_some_and(|old| has_other_key(old, &record));
        self.write_slot(&record)?;
        if replaced {
            self.write_slot(&record)?;
        }
        self.record = Some(record);
        Ok(())
    }

    fn write_slot(&mut self, record: &SensorRecord) -> Result<(), Failure> {
        let sequence = self.sequence + 1;
        let mut slot = Zeroizing::new(sequence.to_be_bytes().to_vec());
        let stored = record.to_bytes()?;
        slot.push(stored.as_bytes().len() as u8);
        slot.extend_from_slice(stored.as_bytes());
        slot.resize(SLOT_BYTES - 4, 0);
        let sum = crc32c::crc32c(&slot).to_be_bytes();
        slot.extend_from_slice(&sum);
        let at = (sequence % 2) * SLOT_BYTES as u64;
        self.file
            .seek(SeekFrom::Start(at))
            .and_then(|_| self.file.write_all(&slot))
            .and_then(|()| self.file.sync_data())
            .map_err(Failure::state(&self.path))?;
        self.sequence = sequence;
        Ok(())
    }
}

fn has_other_key(a: &SensorRecord, b: &SensorRecord) -> bool {
    match (&a.secret, &b.secret) {
        (SensorSecret::Hardened(a), SensorSecret::Hardened(b)) => a.key != b.key,
        (SensorSecret::Paper(a), SensorSecret::Paper(b)) => a.initial() != b.initial(),
        _ => true,
    }
}

fn parse_slot(slot: &[u8]) -> Option<(u64, SensorRecord)> {
    let (covered, sum) = slot.split_last_chunk::<4>().filter(|_| slot.len() == SLOT_BYTES)?;
    let (sequence, record) = covered.split_first_chunk::<8>()?;
    let (len, record) = record.split_first()?;
    let record = record.get(..usize::from(*len))?;
    (crc32c::crc32c(covered) == u32::from_be_bytes(*sum))
        .then(|| Some((u64::from_be_bytes(*sequence), SensorRecord::from_bytes(record).ok()?)))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bodywire_proto::handshake::hardened::Chain;
    use bodywire_proto::prf::Key;
    use bodywire_proto::wire::{HubId, Suite};

    fn record(epoch: u32) -> SensorRecord {
        let chain = Chain { suite: Suite::Polar256, key: Key::new([1; 32]), epoch, attempt: 0, floor: 0 };
        SensorRecord { sensor: SensorId(1), hub: HubId(1), secret: SensorSecret::Hardened(chain) }
    }

    #[test]
    fn a_torn_write_leaves_the_record_before() {
        let directory = tempfile::tempdir().unwrap();
        let state = State::open(directory.path(), Holder::Demo).unwrap();
        let mut memory = state.memory(SensorId(1)).unwrap();
        assert!(memory.record().is_none());
        (1..=3).for_each(|epoch| memory.store(record(epoch)).unwrap());
        assert!(state.memory(SensorId(1)).is_err(), "a sensor is one process");
        drop(memory);
        assert_eq!(state.memory(SensorId(1)).unwrap().record(), Some(&record(3)));
        let path = directory.path().join("sensors/1");
        let intact = fs::read(&path).unwrap();
        for at in SLOT_BYTES..2 * SLOT_BYTES {
            let mut torn = intact.clone();
            torn[at] ^= 0x40;
            fs::write(&path, &torn).unwrap();
            assert_eq!(state.memory(SensorId(1)).unwrap().record(), Some(&record(2)), "byte {at}");
        }
    }

    #[test]
    fn a_replaced_key_is_in_no_slot() {
        let directory = tempfile::tempdir().unwrap();
        let state = State::open(directory.path(), Holder::Demo).unwrap();
        let mut memory = state.memory(SensorId(1)).unwrap();
        (1..=2).for_each(|attempt| memory.store(record(attempt)).unwrap());
        let chain = Chain::enrolled(Suite::Polar256, Key::new([0xee; 32]));
        memory.store(SensorRecord { secret: SensorSecret::Hardened(chain), ..record(3) }).unwrap();
        drop(memory);
        let bytes = fs::read(directory.path().join("sensors/1")).unwrap();
        let times = |key: [u8; 32]| bytes.windows(32).filter(|window| **window == key).count();
        assert_eq!((times([1; 32]), times([0xee; 32])), (0, 2));
    }

    #[test]
    fn a_demo_is_alone_and_roles_are_safe_from_it() {
        let directory = tempfile::tempdir().unwrap();
        let first = State::open(directory.path(), Holder::Hub).unwrap();
        let second = State::open(directory.path(), Holder::Clinic).unwrap();
        assert_eq!(State::open(directory.path(), Holder::Demo).unwrap_err().code(), 6);
        first.set_of_roles().unwrap();
        drop((first, second));
        let refused = State::open(directory.path(), Holder::Demo).unwrap_err();
        assert!(refused.to_string().contains("single roles"), "{refused}");
    }

    #[test]
    fn secrets_are_drawn_once_and_must_be_private() {
        let directory = tempfile::tempdir().unwrap();
        let state = State::open(directory.path(), Holder::Demo).unwrap();
        let secret = state.secret("keys/hub").unwrap();
        assert_eq!(state.secret("keys/hub").unwrap(), secret);
        assert_ne!(state.secret("keys/clinic").unwrap(), secret);
        let path = directory.path().join("keys/hub");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(state.secret("keys/hub").unwrap_err().code(), 6);
    }
}
