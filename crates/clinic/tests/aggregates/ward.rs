//! A ward of twelve beds whose readings are known, its ledger and its index.

use crate::replica::{self, Character, Copy};
use bodywire_aggregate::{Owner, PublicKey, Readings, SecretKey, Vital};
use bodywire_clinic::Counters;
use bodywire_clinic::aggregates::{Aggregates, Answer, Parts, Policy, Query, Update, WardKeys};
use bodywire_clinic::archive::{Archive, Item};
use bodywire_clinic::evaluators::Evaluators;
use bodywire_ledger::{EntryKind, FileDisk, Floor, Log, Origin};
use bodywire_proto::RiskClass;
use bodywire_proto::handshake::Profile;
use bodywire_proto::observation::Signal;
use bodywire_proto::prf::Key;
use bodywire_proto::report::{Kind, OF_THE_BED, ReportHeader, emit_header};
use bodywire_proto::window::Window;
use bodywire_proto::wire::{HubId, SensorId, Suite};
use bodywire_store::{DatabaseKey, HubRow, Location, PatientId, PufQuality, SensorRow, Store};
use ed25519_dalek::SigningKey;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{Mutex, mpsc};

pub(crate) const BEDS: u16 = 12;
pub(crate) const WINDOWS: u64 = 3;
pub(crate) const WINDOW_MS: u32 = 3_600_000;
pub(crate) const START_MS: u64 = 1_699_999_200_000;
pub(crate) const ANALYST: &str = "Dr Quentin Analyst";
const ORIGIN: &str = "ward.example/log";

/// The readings of a bed in a window: vital sign, slot, and steps of its scale.
pub(crate) fn plain(bed: u16, window: u64) -> Vec<(Vital, usize, u32)> {
    let seed = u32::from(bed) * 7 + window as u32 * 3;
    let slots = (0..60).filter(|slot| !(slot + bed as usize).is_multiple_of(9));
    slots
        .flat_map(|slot| {
            let s = slot as u32;
            [
                (Vital::HeartRate, slot, 50 + (seed + s * 5) % 90),
                // Some are no saturation, and are beyond the scale.
                (Vital::SpO2, slot, 88 + (seed + s) % 14),
                (Vital::Temperature, slot, 360 + (seed + s) % 35),
            ]
        })
        .collect()
}

fn keys() -> &'static Arc<WardKeys> {
    static KEYS: OnceLock<Arc<WardKeys>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let owner = Owner::from_bytes([3; 32]);
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let public = PublicKey::generate(&SecretKey::from_owner(&owner).unwrap(), &mut rng).unwrap();
        Arc::new(WardKeys::new(&owner, public).unwrap())
    })
}

/// The encrypted vector of a bed's window. Those of all tests are the same, since encryption takes its time.
fn vector(bed: u16, window: u64) -> Vec<u8> {
    type Made = std::sync::Mutex<BTreeMap<(u16, u64), Vec<u8>>>;
    static MADE: OnceLock<Made> = OnceLock::new();
    let mut made = MADE.get_or_init(Default::default).lock().unwrap();
    let make = || {
        let mut readings = Readings::new();
        for (vital, slot, steps) in plain(bed, window) {
            assert!(readings.set(vital, slot, f64::from(steps) / f64::from(vital.steps_per_unit())));
        }
        let mut rng = ChaCha20Rng::seed_from_u64(u64::from(bed) << 32 | window);
        readings.encrypt(&keys().public, &mut rng).unwrap().to_bytes()
    };
    made.entry((bed, window)).or_insert_with(make).clone()
}

pub(crate) struct Ward {
    pub(crate) directory: TempDir,
    pub(crate) store: Store,
    pub(crate) archive: Arc<Mutex<Archive>>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) patients: Vec<PatientId>,
    pub(crate) copy: Arc<Copy>,
    pub(crate) policy: Policy,
    next: std::sync::atomic::AtomicU64,
}

pub(crate) fn origin() -> Origin {
    Origin::new(ORIGIN).unwrap()
}

impl Ward {
    /// A ward with patients in all beds and whole windows of all.
    pub(crate) async fn full() -> Self {
        let ward = Self::empty().await;
        for window in 0..WINDOWS {
            ward.append((1..=BEDS).map(|bed| (bed, window))).await;
        }
        ward
    }

    pub(crate) async fn empty() -> Self {
        Self::measuring(|_, _| true).await
    }

    /// A ward whose beds have these sensors.
    pub(crate) async fn measuring(has: impl Fn(u16, Signal) -> bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::file(directory.path().join("test.db"));
        let store = Store::open(&location, &DatabaseKey::new([7; 32])).await.unwrap();
        let mut patients = Vec::new();
        for hub in (1..=BEDS).map(HubId) {
            let kinds = [Signal::Ecg, Signal::SpO2, Signal::Respiration, Signal::Temperature];
            let sensor = |(number, kind): (u16, Signal)| SensorRow {
                hub,
                sensor: SensorId(number),
                kind,
                class: RiskClass::II,
                profile: Profile::Hardened(Suite::Polar256),
                wrapping_key: Some(Key::new([3; 32])),
                enrolled_ms: 1,
                quality: PufQuality { reliability: 1.0, uniformity: 0.5, uniqueness: None },
                revoked_ms: None,
            };
            let sensors: Vec<_> =
                (1..).zip(kinds).filter(|(_, kind)| has(hub.0, *kind)).map(sensor).collect();
            let row = HubRow { hub, verify_key: [1; 32], rendezvous: [2; 32] };
            store.admit(&row, &sensors).await.unwrap();
            patients
                .push(store.admit_patient(format!("patient {}", hub.0).as_bytes(), hub, 10).await.unwrap());
        }
        let (path, key) = (directory.path().join("ledger"), SigningKey::from_bytes(&[1; 32]));
        let (mut archive, _) = Archive::open(&path, origin(), key, store.clone(), None).await.unwrap();
        archive.tag_with(Arc::clone(keys()));
        let (archive, copy) = (Arc::new(Mutex::new(archive)), Arc::new(Copy::default()));
        let (counters, policy, next) = (Arc::new(Counters::default()), Policy::default(), 1.into());
        Self { directory, store, archive, counters, patients, copy, policy, next }
    }

    /// Vectors of beds and windows come in, are stored and indexed, and replicas have them.
    pub(crate) async fn append(&self, vectors: impl IntoIterator<Item = (u16, u64)>) {
        let item = |(bed, window)| {
            let start_ms = START_MS + window * u64::from(WINDOW_MS);
            let window_of = Window { start_ms, length_ms: WINDOW_MS, simulated: bed == 1 };
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let header = ReportHeader {
                kind: Kind::Vector,
                sensor: OF_THE_BED,
                number,
                hub_time_ms: 5,
                offset_ms: 0,
                backlog: 0,
            };
            let body = [&window_of.to_bytes()[..], &vector(bed, window)].concat();
            let report = [&emit_header(&header).unwrap()[..], &body].concat();
            Item {
                hub: HubId(bed),
                number,
                sensor: OF_THE_BED,
                hub_time_ms: 5,
                late: false,
                class: bodywire_proto::risk::RiskClass::II,
                report,
            }
        };
        let items: Vec<Item> = vectors.into_iter().map(item).collect();
        let mut archive = self.archive.lock().await;
        let appended = archive.append(&items, 6).await.unwrap();
        let head = archive.head().unwrap();
        archive.register(&head, &[], &appended.vectors).await.unwrap();
        for index in appended.entries {
            let stored = archive.vector(index).await.unwrap();
            let bytes = [&stored.vector[..], &stored.tag].concat();
            self.copy.put(index, stored.entry.leaf_hash(), bytes);
        }
        self.counters.mirrored.store(head.size, Ordering::Relaxed);
    }

    /// Without replicas.
    pub(crate) fn alone(&self) -> Aggregates {
        self.aggregates(None)
    }

    /// With replicas of these characters.
    pub(crate) async fn with(&self, characters: &[Character]) -> Aggregates {
        let mut bases = Vec::new();
        for character in characters {
            bases.push(replica::start(&self.copy, *character).await);
        }
        let evaluators = Evaluators::new(bases.iter().map(String::as_str), None).unwrap();
        self.aggregates(Some(evaluators.with_patience(Duration::from_secs(3))))
    }

    fn aggregates(&self, evaluators: Option<Evaluators>) -> Aggregates {
        Aggregates::new(Parts {
            archive: Arc::clone(&self.archive),
            ward: Arc::clone(keys()),
            evaluators,
            log: replica::LOG.to_owned(),
            store: self.store.clone(),
            hubs: (1..=BEDS).map(HubId).collect(),
            policy: self.policy,
            counters: Arc::clone(&self.counters),
            clock: || 1_700_100_000_000,
        })
    }

    /// Kind and payload of each entry of the ledger, as they lie on the disk now.
    pub(crate) fn entries(&self) -> Vec<(EntryKind, Vec<u8>)> {
        let copy = tempfile::tempdir().unwrap();
        copy_all(&self.directory.path().join("ledger"), copy.path());
        let disk = FileDisk::open(copy.path()).unwrap();
        let (log, _) = Log::open(disk, origin(), SigningKey::from_bytes(&[1; 32]), Floor::NONE).unwrap();
        (0..log.size())
            .map(|index| log.read(index).unwrap())
            .map(|(entry, payload)| (entry.kind, payload))
            .collect()
    }

    /// The entries that are no vectors.
    pub(crate) fn records(&self) -> Vec<(EntryKind, Vec<u8>)> {
        let all = self.entries().into_iter();
        all.filter(|(kind, _)| *kind != EntryKind::HomomorphicVector).collect()
    }
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A query over the windows from `first` on, before `end`.
pub(crate) fn query(function: &str, signal: &str, first: u64, end: u64, more: &str) -> String {
    let at = |window: u64| START_MS + window * u64::from(WINDOW_MS);
    let (from, to) = (at(first), at(end));
    format!(r#"{{"function":"{function}","signal":"{signal}","from_ms":{from},"to_ms":{to}{more}}}"#)
}

/// What comes of a query: the progress that was told, and the answer or the code and text of a refusal.
pub(crate) async fn ask(
    aggregates: &Aggregates,
    query: &str,
) -> (Vec<(usize, usize)>, Result<Answer, (&'static str, String)>) {
    let (updates, mut received) = mpsc::channel(64);
    aggregates.ask(ANALYST, Query::parse(query.as_bytes()).unwrap(), updates).await;
    let mut progress = Vec::new();
    while let Some(update) = received.recv().await {
        match update {
            Update::Progress { done, of } => progress.push((done, of)),
            Update::Answer(answer) => return (progress, Ok(*answer)),
            Update::Refusal { code, error } => return (progress, Err((code, error))),
        }
    }
    panic!("a query ended without an end");
}

/// The answer to a query that must be answered.
pub(crate) async fn answered(aggregates: &Aggregates, query: &str) -> Answer {
    ask(aggregates, query).await.1.unwrap()
}

/// The code of the refusal of a query that must be refused.
pub(crate) async fn refused(aggregates: &Aggregates, query: &str) -> &'static str {
    ask(aggregates, query).await.1.unwrap_err().0
}
