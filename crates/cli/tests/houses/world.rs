//! Two houses, a hub's and a clinic's, and three brokers between them.

use crate::process::{Process, json};
use bodywire_clinic::archive::Archive;
use bodywire_ledger::{EntryKind, FileDisk, Floor, Log, Origin};
use bodywire_proto::wire::HubId;
use bodywire_store::{DatabaseKey, ReportRow, Store};
use ed25519_dalek::SigningKey;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(crate) const ORIGIN: &str = "ward.example/ledger";
pub(crate) const HUB: u16 = 7;

/// A world in a directory that goes away.
pub(crate) struct World {
    directory: tempfile::TempDir,
    pub(crate) brokers: Vec<Process>,
    paths: String,
    clinic: std::cell::Cell<Option<Process>>,
}

impl World {
    /// Three embedded brokers, each a process, and the two configurations.
    pub(crate) fn new() -> Self {
        let mut paths = String::new();
        let mut brokers = Vec::new();
        for name in ["cable", "wlan", "mobile"] {
            let broker = Process::start(&["broker", "--listen", "127.0.0.1:0"]);
            let line = broker.until("broker on ");
            let (_, port) = line.split(' ').nth(2).unwrap().rsplit_once(':').unwrap();
            paths.push_str(&format!("[[path]]\nname = \"{name}\"\nhost = \"127.0.0.1\"\nport = {port}\n"));
            brokers.push(broker);
        }
        Self { brokers, ..Self::over(&paths) }
    }

    /// The two configurations, over paths that are somebody else's.
    pub(crate) fn over(paths: &str) -> Self {
        let (directory, brokers) = (tempfile::tempdir().unwrap(), Vec::new());
        let world = Self { directory, brokers, paths: paths.to_owned(), clinic: None.into() };
        world.configure_clinic("");
        let card = json(&["clinic", "card", "--config", &world.file("clinic.toml")]);
        world.configure_hub(card["verify_key"].as_str().unwrap(), "");
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn configure_clinic(&self, more: &str) {
        let text = format!(
            "[state]\ndir = \"clinic\"\n[clinic]\norigin = \"{ORIGIN}\"\nlisten = \"127.0.0.1:0\"\nbed = \"402\"\n{}{more}",
            self.paths
        );
        std::fs::write(self.path("clinic.toml"), text).unwrap();
    }

    fn configure_hub(&self, verify_key: &str, more: &str) {
        let text = format!(
            "[state]\ndir = \"hub\"\n[hub]\nnumber = {HUB}\nlisten = \"127.0.0.1:0\"\n[hub.clinic]\n\
             verify_key = \"{verify_key}\"\n{}{more}",
            self.paths
        );
        std::fs::write(self.path("hub.toml"), text).unwrap();
    }

    /// Adds lines to both configurations.
    pub(crate) fn configure_both(&self, more: &str) {
        for name in ["clinic.toml", "hub.toml"] {
            let text = std::fs::read_to_string(self.path(name)).unwrap();
            std::fs::write(self.path(name), format!("{text}{more}")).unwrap();
        }
    }

    pub(crate) fn enroll(&self, sensor: &str, arguments: &[&str]) {
        let config = self.file("hub.toml");
        json(&[&["sensor", "enroll", sensor, "--pairs", "40", "--config", &config], arguments].concat());
    }

    /// The hub's card, carried to the clinic.
    pub(crate) fn admit(&self) {
        let card = self.file("hub.card");
        json(&["hub", "card", &card, "--config", &self.file("hub.toml")]);
        json(&["clinic", "admit", &card, "--config", &self.file("clinic.toml")]);
        std::fs::remove_file(card).unwrap();
    }

    pub(crate) fn start_clinic(&self) -> Process {
        Process::start(&["clinic", "--output", "json", "--config", &self.file("clinic.toml")])
    }

    pub(crate) fn start_hub(&self) -> Process {
        Process::start(&["hub", "--output", "json", "--config", &self.file("hub.toml")])
    }

    pub(crate) fn clinic(&self) -> Process {
        let clinic = self.start_clinic();
        clinic.until("one-time link in");
        clinic
    }

    /// Looks after the clinic while somebody else may kill it.
    pub(crate) fn keep(&self, clinic: Process) {
        self.clinic.set(Some(clinic));
    }

    /// The clinic that was given to be kept.
    pub(crate) fn kept(&self) -> Process {
        self.clinic.take().unwrap()
    }

    /// The hub, and where its radio listens.
    pub(crate) fn hub(&self) -> (Process, String) {
        let hub = self.start_hub();
        let line = hub.until("listening on ");
        let address = line.split("listening on ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        (hub, address)
    }

    pub(crate) fn sensor(&self, sensor: &str, hub: &str, duration: &str) -> Process {
        self.sensor_with(sensor, hub, duration, &[])
    }

    pub(crate) fn sensor_with(&self, sensor: &str, hub: &str, duration: &str, more: &[String]) -> Process {
        let config = self.file("hub.toml");
        let mut arguments = vec![
            "sensor",
            "run",
            sensor,
            "--hub",
            hub,
            "--duration",
            duration,
            "--config",
            &config,
            "--output",
            "json",
        ];
        arguments.extend(more.iter().map(String::as_str));
        Process::start(&arguments)
    }

    /// The index of what the hub has sent. Nobody may be running.
    pub(crate) async fn rows(&self) -> Vec<ReportRow> {
        let key = DatabaseKey::new(secret(&self.path("clinic/keys/database")));
        let store = Store::open(&self.path("clinic/clinic/bodywire.db"), &key).await.unwrap();
        store.reports(HubId(HUB)).await.unwrap()
    }

    /// How often each report of the hub stands in the ledger. Nobody may be running.
    pub(crate) async fn stored(&self) -> BTreeMap<u64, u32> {
        let secret = |name: &str| secret(&self.path("clinic/keys").join(name));
        let key = SigningKey::from_bytes(&secret("ledger"));
        let ledger = self.path("clinic/clinic/ledger");
        let origin = Origin::new(ORIGIN).unwrap();
        let mut times = BTreeMap::new();
        {
            let disk = FileDisk::open(&ledger).unwrap();
            let (log, _) = Log::open(disk, origin.clone(), key.clone(), Floor::NONE).unwrap();
            for entry in log.entries_from(0) {
                let (_, entry, _) = entry.unwrap();
                if matches!(entry.kind, EntryKind::Telemetry | EntryKind::HomomorphicVector) {
                    *times.entry(entry.stream_seq).or_insert(0) += 1;
                }
            }
        }
        // What stands there can be opened, and belongs to the hub.
        let database = self.path("clinic/clinic/bodywire.db");
        let store = Store::open(&database, &DatabaseKey::new(secret("database"))).await.unwrap();
        let (mut archive, _) = Archive::open(&ledger, origin, key, store.clone(), None).await.unwrap();
        assert_eq!(archive.read(0).await.unwrap().0, HubId(HUB));
        let indexed: Vec<u64> =
            store.reports(HubId(HUB)).await.unwrap().iter().map(|row| row.number).collect();
        assert_eq!(indexed, times.keys().copied().collect::<Vec<_>>(), "index and ledger agree");
        times
    }

    /// Reports that stand in the ledger behind a later one of their sensor and are not marked late; alarms go out of turn.
    pub(crate) async fn unmarked(&self) -> usize {
        let secret = |name: &str| secret(&self.path("clinic/keys").join(name));
        let key = SigningKey::from_bytes(&secret("ledger"));
        let disk = FileDisk::open(&self.path("clinic/clinic/ledger")).unwrap();
        let (log, _) = Log::open(disk, Origin::new(ORIGIN).unwrap(), key, Floor::NONE).unwrap();
        let flags: BTreeMap<u64, u16> = log
            .entries_from(0)
            .map(|entry| entry.map(|(index, entry, _)| (index, entry.flags)).unwrap())
            .collect();
        let mut rows = self.rows().await;
        rows.sort_by_key(|row| row.ledger_index);
        let mut newest = BTreeMap::new();
        let mut unmarked = 0;
        for row in rows.iter().filter(|row| row.kind != bodywire_proto::report::Kind::Alarm as u8) {
            let place = newest.entry(row.sensor).or_insert(0);
            let late = flags[&row.ledger_index] & bodywire_clinic::archive::FLAG_LATE != 0;
            unmarked += usize::from(row.number < *place && !late);
            *place = row.number.max(*place);
        }
        unmarked
    }
}

pub(crate) fn secret(file: &Path) -> [u8; 32] {
    std::fs::read(file).unwrap().try_into().unwrap()
}
