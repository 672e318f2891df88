//! Everything that a hub and a replica have on their disks opens no class III payload. The sensor's own memory, which a
//! simulated sensor has in its hub's directory, does, and so does the clinic's.

use crate::erasure::{files_below, replica};
use crate::process::json;
use crate::world::{HUB, ORIGIN, World, secret};
use bodywire_clinic::archive::Archive;
use bodywire_hub::spool::Spool;
use bodywire_ledger::Origin;
use bodywire_proto::consent::{self, DataKey, Granted, Scope};
use bodywire_proto::prf::Key;
use bodywire_proto::report::{Kind, Report};
use bodywire_proto::wire::{HubId, SensorId};
use bodywire_store::{DatabaseKey, Store};
use ed25519_dalek::SigningKey;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PUMP: SensorId = SensorId(2);

/// What the pump has sent: its consents, and its sealed payloads.
#[derive(Default)]
struct Sent {
    consents: Vec<Vec<u8>>,
    sealed: Vec<Vec<u8>>,
}

impl Sent {
    fn take(&mut self, bytes: &[u8]) {
        let report = Report::parse(bytes).unwrap();
        match report.header.kind {
            Kind::Consent => self.consents.push(report.body().to_vec()),
            Kind::Sealed => self.sealed.extend(report.parts().map(|part| part.unwrap().to_vec())),
            _ => {}
        }
    }

    /// What the payloads say, for whoever has this wrapping key.
    fn plain(&self, wrapping: &Key) -> Vec<Vec<u8>> {
        let open = |consent: &Vec<u8>| consent::open_grant(wrapping, PUMP, consent).ok();
        let grants: Vec<Granted> = self.consents.iter().filter_map(open).collect();
        let mut buffer = [0; 256];
        let mut out = Vec::new();
        for sealed in &self.sealed {
            let opened = grants.iter().find_map(|grant| consent::open(grant, PUMP, sealed, &mut buffer).ok());
            out.extend(opened.map(|len| buffer[..len].to_vec()));
        }
        out
    }

    /// The files in which some window of bytes is a key that opens something.
    fn opened_by(&self, files: &[(PathBuf, Vec<u8>)]) -> Vec<PathBuf> {
        let (consent, sealed) = (self.consents.last().unwrap(), self.sealed.last().unwrap());
        let session = consent::session_of(sealed).unwrap();
        let mut buffer = [0; 256];
        let mut opens_payload = |window: &[u8]| {
            let (scope, asked, key) = (Scope::Emergency, [0; 16], DataKey::new(window.try_into().unwrap()));
            let granted = Granted { session, until: 0, scope, asked, key };
            consent::open(&granted, PUMP, sealed, &mut buffer).is_ok()
        };
        let opens_consent =
            |window: &[u8]| consent::open_grant(&Key::new(window.try_into().unwrap()), PUMP, consent).is_ok();
        let is_something = |window: &&[u8]| window.iter().any(|byte| *byte != 0);
        let mut found = Vec::new();
        for (file, bytes) in files {
            if bytes.windows(16).filter(is_something).any(&mut opens_payload)
                || bytes.windows(32).filter(is_something).any(opens_consent)
            {
                found.push(file.clone());
            }
        }
        found
    }
}

/// The files of a directory but for those below some folders.
fn files(directory: &Path, without: &[&str]) -> Vec<(PathBuf, Vec<u8>)> {
    let mut paths = Vec::new();
    files_below(directory, &mut paths);
    paths.retain(|path| !without.iter().any(|folder| path.starts_with(directory.join(folder))));
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

async fn store(world: &World, database: &str, key: &str) -> Store {
    Store::open(&world.path(database), &DatabaseKey::new(secret(&world.path(key)))).await.unwrap()
}

/// What the clinic has stored of the pump.
async fn stored(world: &World, store: &Store) -> Sent {
    let key = SigningKey::from_bytes(&secret(&world.path("clinic/keys/ledger")));
    let (ledger, origin) = (world.path("clinic/clinic/ledger"), Origin::new(ORIGIN).unwrap());
    let (mut archive, _) = Archive::open(&ledger, origin, key, store.clone(), None).await.unwrap();
    let mut sent = Sent::default();
    for row in store.reports(HubId(HUB)).await.unwrap() {
        sent.take(&archive.read(row.ledger_index).await.unwrap().3);
    }
    sent
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_and_a_replica_have_nothing_that_opens_class_iii() {
    let world = World::new();
    let card = json(&["clinic", "card", "--config", &world.file("clinic.toml")]);
    let log = card["ledger_keys"][0].as_str().unwrap().to_owned();
    let replica = replica(&world, 1, &log, "127.0.0.1:0");
    let text = std::fs::read_to_string(world.path("clinic.toml")).unwrap();
    std::fs::write(world.path("clinic.toml"), format!("{text}{}", replica.lines)).unwrap();
    world.enroll("1", &[]);
    world.enroll("2", &["--kind", "insulin-rate", "--class", "III", "--emergency-consent"]);
    world.admit();
    let clinic = world.clinic();
    let (hub, address) = world.hub();
    let sensors = [world.sensor("1", &address, "60s"), world.sensor("2", &address, "60s")];
    std::thread::sleep(Duration::from_secs(14));
    // What comes now stays in the hub's spool, and the hub dies with it.
    drop(clinic.stop());
    std::thread::sleep(Duration::from_secs(12));
    hub.kill();
    sensors.into_iter().for_each(|sensor| sensor.kill());
    drop(replica.process.stop());

    let clinic = store(&world, "clinic/clinic/bodywire.db", "clinic/keys/database").await;
    let mut sent = stored(&world, &clinic).await;
    let at_clinic = sent.sealed.len();
    let spool = Spool::open(&world.path("hub/hub/spool.redb")).unwrap();
    let waiting = spool.waiting(0, 1_000).unwrap();
    waiting.iter().for_each(|(_, report)| sent.take(report));
    assert!(at_clinic > 0 && sent.sealed.len() > at_clinic, "the pump spoke at both times");
    let rows = clinic.sensors().await.unwrap();
    let wrapping = rows.iter().find(|row| row.sensor == PUMP).unwrap().wrapping_key.clone().unwrap();
    let plain = sent.plain(&wrapping);
    assert_eq!(plain.len(), sent.sealed.len(), "the clinic opens all of it");
    drop(spool);

    // The sensor's own memory is not the hub's.
    let of_sensors = ["sensors", "chips"];
    let (hub, replica) = (files(&world.path("hub"), &of_sensors), files(&world.path("replica-1"), &[]));
    assert!(hub.len() > 4 && replica.len() > 4);
    for (file, bytes) in hub.iter().chain(&replica) {
        for text in &plain {
            // Number and time of the first sample: no two payloads share them, and nothing else does.
            let stamp = &text[12..28];
            assert!(!bytes.windows(16).any(|window| window == stamp), "{} can be read", file.display());
        }
    }
    assert_eq!(sent.opened_by(&hub), [] as [PathBuf; 0]);
    assert_eq!(sent.opened_by(&replica), [] as [PathBuf; 0]);
    // What the hub's keys open in its database is no key either.
    let at_hub = store(&world, "hub/hub/bodywire.db", "hub/keys/pairs").await;
    assert!(at_hub.sensors().await.unwrap().iter().all(|row| row.wrapping_key.is_none()));
    let pairs = at_hub.peek_pairs(1_000).await.unwrap();
    assert!(pairs.len() > 40);
    let pairs = pairs.iter().map(|(_, response)| (PathBuf::from("pair"), response.as_bytes().to_vec()));
    assert_eq!(sent.opened_by(&pairs.collect::<Vec<_>>()), [] as [PathBuf; 0]);
    // The search finds what there is to find.
    let own = sent.opened_by(&files(&world.path("hub/sensors"), &[]));
    assert_eq!(own, [world.path("hub/sensors/2.wrapping")]);
}
