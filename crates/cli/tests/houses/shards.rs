//! Clinic processes that share a shard over PostgreSQL: one serves, one waits, and a killed one is replaced within seconds.

use crate::process::{Process, json};
use crate::server::{self, Server};
use crate::world::{HUB, ORIGIN, World, secret};
use bodywire_ledger::{EntryKind, FileDisk, Floor, Log, Origin};
use bodywire_proto::wire::HubId;
use bodywire_store::{DatabaseKey, Location, Store};
use ed25519_dalek::SigningKey;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Two clinics with the same keys, database and ledger, and directories of their own.
fn configure(world: &World, database: &str) {
    let text = std::fs::read_to_string(world.path("clinic.toml")).unwrap();
    let shared = format!(
        "bed = \"402\"\nshards = [\"0\"]\ndatabase = \"{database}\"\nledger = \"{}\"\n",
        world.file("ledger")
    );
    let text = text.replace("bed = \"402\"\n", &shared);
    std::fs::write(world.path("clinic.toml"), &text).unwrap();
    std::fs::write(world.path("spare.toml"), text.replace("dir = \"clinic\"", "dir = \"spare\"")).unwrap();
    let keys = world.path("spare/keys");
    std::fs::create_dir_all(&keys).unwrap();
    for key in ["clinic", "ledger", "database"] {
        std::fs::copy(world.path("clinic/keys").join(key), keys.join(key)).unwrap();
    }
}

fn clinic(world: &World, name: &str) -> Process {
    Process::start(&["clinic", "--output", "json", "--config", &world.file(&format!("{name}.toml"))])
}

#[tokio::test]
async fn a_killed_clinic_is_replaced_by_a_spare_and_nothing_is_lost_or_stored_twice() {
    let Some(bin) = server::installed("clinics that share a shard") else { return };
    let postgres = Server::start(&bin);
    let database = postgres.database();
    let world = World::new();
    json(&["clinic", "card", "--config", &world.file("clinic.toml")]);
    configure(&world, &database);
    world.enroll("1", &[]);
    world.enroll("2", &["--kind", "temperature", "--class", "I"]);
    world.admit();
    let mut serving = clinic(&world, "clinic");
    serving.until("serving shard 0");
    let mut spare = clinic(&world, "spare");
    spare.until("this one is a spare");
    let (hub, address) = world.hub();
    let mut sensors = [world.sensor("1", &address, "25s"), world.sensor("2", &address, "25s")];
    let mut names = ["clinic", "spare"];
    for _ in 0..3 {
        std::thread::sleep(Duration::from_secs(5));
        let killed = Instant::now();
        serving.kill();
        spare.until("serving shard 0");
        eprintln!("taken over after {:.1} s", killed.elapsed().as_secs_f64());
        serving = spare;
        // Whoever was killed comes back as the spare.
        spare = clinic(&world, names[0]);
        spare.until("this one is a spare");
        names.reverse();
    }
    for sensor in &mut sensors {
        sensor.finish();
    }
    let done: Value = serde_json::from_str(&hub.stop()).unwrap();
    assert_eq!(done["pending"], 0, "{done}");
    serving.stop();
    // The lease was given back: the spare need not wait until it runs out.
    spare.until("serving shard 0");
    spare.stop();
    let reports = done["reports"].as_u64().unwrap();
    assert!(reports > 25, "{done}");
    let verified = json(&["ledger", "verify", &world.file("ledger/0")]);
    assert_eq!(verified["verified"], true, "{verified}");
    let key = SigningKey::from_bytes(&secret(&world.path("clinic/keys/ledger")));
    let disk = FileDisk::open(&world.path("ledger/0")).unwrap();
    let origin = Origin::new(&format!("{ORIGIN}/0")).unwrap();
    let (log, _) = Log::open(disk, origin.clone(), key, Floor::NONE).unwrap();
    let mut times: BTreeMap<u64, u32> = BTreeMap::new();
    for entry in log.entries_from(0) {
        let (_, entry, _) = entry.unwrap();
        if matches!(entry.kind, EntryKind::Telemetry | EntryKind::HomomorphicVector) {
            *times.entry(entry.stream_seq).or_default() += 1;
        }
    }
    assert_eq!(times.keys().copied().collect::<Vec<_>>(), (0..reports).collect::<Vec<_>>(), "lost");
    assert!(times.values().all(|times| *times == 1), "stored twice: {times:?}");
    let key = DatabaseKey::new(secret(&world.path("clinic/keys/database")));
    let store = Store::open(Location::parse(&database).unwrap(), &key).await.unwrap();
    assert_eq!(store.reports(HubId(HUB)).await.unwrap().len() as u64, reports, "index and ledger agree");
    let head = store.head(origin.as_str()).await.unwrap().unwrap();
    assert_eq!((head.size, head.root), (log.size(), log.root().0));
}
