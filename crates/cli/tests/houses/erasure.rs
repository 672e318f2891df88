//! A ward with three replicas as processes: a killed one catches up, and an erased patient is gone from every copy, while every
//! proof still holds.

use crate::process::{Process, json, run};
use crate::world::{HUB, World};
use bodywire_ledger::{EntryKind, FileDisk, VerifierKey, peer::Peer, segment::Frame};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A replica: its process, its directory, and its lines in the clinic's configuration.
pub(crate) struct One {
    pub(crate) process: Process,
    pub(crate) lines: String,
}

pub(crate) fn replica(world: &World, number: u8, log: &str, listen: &str) -> One {
    let process = Process::start(&[
        "replica",
        "--log",
        log,
        "--name",
        &format!("replica-{number}.example"),
        "--listen",
        listen,
        "--state",
        &world.file(&format!("replica-{number}")),
    ]);
    let after = |words: &str| process.until(words).split(words).nth(1).unwrap().trim().to_owned();
    let (mirror, witness, url) = (after("mirror key "), after("witness key "), after("replica on "));
    let lines = format!("[[mirror]]\nurl = \"{url}\"\nkey = \"{mirror}\"\nwitness_key = \"{witness}\"\n");
    One { process, lines }
}

pub(crate) fn files_below(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_below(&path, out) } else { out.push(path) }
    }
}

/// Payloads of telemetry in a copy.
fn payloads(copy: &Path) -> Vec<Vec<u8>> {
    let mut peer = Peer::open(FileDisk::open_read_only(copy)).unwrap();
    let (mut first, mut out) = (0, Vec::new());
    while let Some(bytes) = peer.frame(first).unwrap() {
        let frame = Frame::parse(&bytes).unwrap();
        let telemetry = frame.items.iter().filter(|item| item.header.entry.kind == EntryKind::Telemetry);
        out.extend(telemetry.map(|item| item.payload.to_vec()).filter(|payload| !payload.is_empty()));
        first = frame.header.end();
    }
    out
}

fn records(ledger: &str, kind: &str) -> usize {
    let listed = json(&["audit", "list", ledger, "--kind", kind]);
    listed["records"].as_array().unwrap().len()
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} takes too long");
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn an_erased_patient_is_gone_from_every_copy_and_proofs_still_hold() {
    let world = World::new();
    let config = world.file("clinic.toml");
    let card = json(&["clinic", "card", "--config", &config]);
    let log = card["ledger_keys"][0].as_str().unwrap().to_owned();
    let mut replicas: Vec<One> = (1..=3).map(|number| replica(&world, number, &log, "127.0.0.1:0")).collect();
    let text = std::fs::read_to_string(world.path("clinic.toml")).unwrap();
    let text = text.replace("bed = \"402\"\n", "bed = \"402\"\nacknowledge = \"mirrored\"\nquorum = 2\n");
    let mirrors: String = replicas.iter().map(|one| one.lines.as_str()).collect();
    std::fs::write(world.path("clinic.toml"), format!("{text}{mirrors}")).unwrap();
    world.enroll("1", &[]);
    world.admit();
    std::fs::write(world.path("patient"), "Ada Example, born 1815").unwrap();
    let hub_number = HUB.to_string();
    let admit = |attributes: &str| {
        let arguments =
            ["patient", "admit", "--hub", &hub_number, "--attributes", attributes, "--config", &config];
        json(&arguments)["patient"].as_u64().unwrap().to_string()
    };
    let patient = admit(&world.file("patient"));
    let clinic = world.clinic();
    let (hub, address) = world.hub();
    let mut sensor = world.sensor("1", &address, "20s");
    // One of three is killed and comes back; the others carry on.
    std::thread::sleep(Duration::from_secs(5));
    let gone = replicas.remove(2);
    let at = gone.lines.split("http://").nth(1).unwrap().split('"').next().unwrap().to_owned();
    gone.process.kill();
    std::thread::sleep(Duration::from_secs(5));
    replicas.push(replica(&world, 3, &log, &at));
    sensor.finish();
    let done: Value = serde_json::from_str(&hub.stop()).unwrap();
    assert_eq!(done["pending"], 0, "{done}");
    let ledger = world.file("clinic/clinic/ledger");
    let key = VerifierKey::parse(&log).unwrap();
    let copies: Vec<PathBuf> = (1..=3)
        .map(|number| {
            let hash = bodywire_replica::log_hash(key.name());
            world.path(&format!("replica-{number}/replica/{hash}/log"))
        })
        .collect();
    let before = payloads(Path::new(&ledger));
    assert!(before.len() > 15, "{}", before.len());
    wait_for("every replica has everything", || {
        copies.iter().all(|copy| payloads(copy).len() == before.len())
    });
    let looked = json(&["doctor", "--config", &config]);
    let shown = |number: u8| {
        let id = format!("replica.{number}");
        let finding =
            looked["findings"].as_array().unwrap().iter().find(|finding| finding["id"] == id).unwrap();
        finding["severity"] == "ok"
    };
    assert!((1..=3).all(shown), "{looked}");
    let proof = world.path("3.tlog-proof");
    let proved = run(&["audit", "prove", &ledger, "3", "--file", &proof.display().to_string()]);
    assert!(proved.status.success(), "{}", String::from_utf8_lossy(&proved.stderr));
    // Not without being asked twice.
    let hasty = run(&["patient", "erase", &patient, "--config", &config]);
    assert_eq!(hasty.status.code(), Some(4));
    let erased = json(&["patient", "erase", &patient, "--really", "--config", &config]);
    let keys = erased["keys"].as_u64().unwrap() as usize;
    assert!(keys >= 1);
    wait_for("the erasure", || records(&ledger, "erasure-done") == 4 * keys);
    assert_eq!(records(&ledger, "key-erased"), keys);
    // What comes now is somebody else's, and stays.
    let next = admit(&world.file("patient"));
    assert_ne!(next, patient);
    clinic.stop();
    replicas.into_iter().for_each(|one| drop(one.process.stop()));
    let mut files = Vec::new();
    for folder in ["clinic", "replica-1", "replica-2", "replica-3"] {
        files_below(&world.path(folder), &mut files);
    }
    assert!(files.len() > 20);
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        for payload in &before {
            let probe = &payload[..payload.len().min(64)];
            let found = bytes.windows(probe.len()).any(|window| window == probe);
            assert!(!found, "{} still holds a payload", file.display());
        }
    }
    for copy in copies.iter().map(|copy| copy.display().to_string()).chain([ledger.clone()]) {
        let verified = json(&["ledger", "verify", &copy, "--key", &log]);
        assert_eq!(verified["verified"], true, "{copy}: {verified}");
    }
    let checked = run(&["ledger", "check", &proof.display().to_string(), "--key", &log]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let again = json(&["audit", "list", &ledger, "--kind", "telemetry"]);
    assert_eq!(again["records"].as_array().unwrap().len(), before.len(), "every entry is still there");
    let patients = json(&["patient", "list", "--config", &config]);
    assert!(patients.as_array().unwrap().iter().any(|row| row["erased_ms"].is_u64()));
}
