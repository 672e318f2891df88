//! What the houses know of each other, and that nothing is lost between them.

use crate::process::{Process, json, run};
use crate::world::{HUB, World, secret};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Every file below a directory.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

fn assert_nowhere(secrets: &[&str], of: &Path, below: &Path) {
    let files = files(below);
    assert!(files.len() > 4, "{}", below.display());
    for name in secrets {
        let secret = secret(&of.join(name));
        for (file, bytes) in &files {
            assert!(!bytes.windows(32).any(|window| *window == secret), "{name} is in {file}");
        }
    }
}

fn summary(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_houses_share_no_key_and_lose_nothing_when_the_clinic_is_killed() {
    let world = World::new();
    world.enroll("1", &[]);
    world.enroll("2", &["--kind", "insulin-rate", "--class", "III"]);
    world.admit();
    let clinic = world.clinic();
    let (hub, address) = world.hub();
    let mut sensors = [world.sensor("1", &address, "14s"), world.sensor("2", &address, "14s")];
    std::thread::sleep(Duration::from_secs(5));
    clinic.kill();
    std::thread::sleep(Duration::from_secs(2));
    let clinic = world.clinic();
    for sensor in &mut sensors {
        assert!(summary(&sensor.finish())["sessions"].as_u64() >= Some(1));
    }
    let done = summary(&hub.stop());
    assert_eq!(done["pending"], 0, "{done}");
    let reports = done["reports"].as_u64().unwrap();
    assert!(reports > 20 && done["acknowledged"].as_u64() >= Some(reports), "{done}");
    let kept = summary(&clinic.stop());
    assert_eq!((&kept["malformed"], &kept["unknown_sensors"]), (&0.into(), &0.into()), "{kept}");

    let verified = json(&["ledger", "verify", &world.file("clinic/clinic/ledger")]);
    assert_eq!(verified["verified"], true);
    let stored = world.stored().await;
    assert_eq!(stored.keys().copied().collect::<Vec<_>>(), (0..reports).collect::<Vec<_>>(), "lost");
    assert!(stored.values().all(|times| *times == 1), "duplicated: {stored:?}");

    let (hub, clinic) = (world.path("hub"), world.path("clinic"));
    assert_nowhere(&["keys/clinic", "keys/ledger", "keys/database"], &clinic, &hub);
    assert_nowhere(&["keys/hub", "keys/pairs"], &hub, &clinic);
    assert!(!hub.join("clinic").exists() && !clinic.join("hub").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sensor_that_is_enrolled_later_loses_nothing_until_its_card_comes() {
    let world = World::new();
    world.enroll("1", &[]);
    let clinic = world.clinic();
    clinic.until("no hub is admitted yet");
    world.admit();
    let link = |world: &World| std::fs::read_to_string(world.path("clinic/clinic/console-link")).unwrap();
    let first = link(&world);
    assert!(first.starts_with("http://127.0.0.1:") && first.contains("once="));
    clinic.signal("HUP");
    clinic.until("one-time link in");
    assert_ne!(link(&world), first);
    world.enroll("9", &["--kind", "spo2"]);
    let (hub, address) = world.hub();
    let mut sensors = [world.sensor("1", &address, "6s"), world.sensor("9", &address, "6s")];
    std::thread::sleep(Duration::from_secs(4));
    world.admit();
    sensors.iter_mut().for_each(|sensor| drop(sensor.finish()));
    let done = summary(&hub.stop());
    assert_eq!(done["pending"], 0, "{done}");
    drop(clinic.stop());
    let reports = done["reports"].as_u64().unwrap();
    assert_eq!(world.stored().await.len() as u64, reports);
}

#[test]
fn a_hub_that_is_told_to_end_listens_no_more_and_says_what_is_left() {
    let mut world = World::new();
    world.enroll("1", &[]);
    world.admit();
    // Nobody acknowledges: the hub waits its time for the clinic, and ends without an error.
    let (hub, address) = world.hub();
    let _sensor = world.sensor("1", &address, "60s");
    std::thread::sleep(Duration::from_secs(4));
    let begun = Instant::now();
    let done = summary(&hub.stop());
    assert!(done["pending"].as_u64() > Some(0), "{done}");
    assert!(begun.elapsed() < Duration::from_secs(50), "it waits for its limit, not for ever");
    // The brokers let go when they are asked to.
    world.brokers.drain(..).for_each(|broker| drop(broker.stop()));
}

#[test]
fn cards_are_private_and_another_hub_does_not_take_a_number() {
    let world = World::new();
    world.enroll("1", &[]);
    let (card, clinic) = (world.file("hub.card"), world.file("clinic.toml"));
    let write = ["hub", "card", &card, "--config", &world.file("hub.toml")];
    assert_eq!(json(&write)["hub"], HUB);
    let mode = |mode| std::fs::set_permissions(&card, PermissionsExt::from_mode(mode)).unwrap();
    assert_eq!(std::fs::metadata(&card).unwrap().permissions().mode() & 0o777, 0o600);
    let fails = |arguments: &[&str], code: i32, says: &str| {
        let output = run(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(code) && text.contains(says), "{arguments:?}: {text}");
    };
    let admit = ["clinic", "admit", &card, "--config", &clinic];
    mode(0o644);
    fails(&admit, 6, "chmod 600");
    mode(0o600);
    assert_eq!(json(&admit)["done"], "admitted");
    assert_eq!(json(&admit)["done"], "brought up to date");
    // The same number, another house.
    let other = std::fs::read_to_string(world.path("hub.toml")).unwrap().replace("\"hub\"", "\"other\"");
    std::fs::write(world.path("other.toml"), other).unwrap();
    json(&["hub", "card", &card, "--config", &world.file("other.toml")]);
    fails(&admit, 4, "--replace");
    assert_eq!(json(&[&admit[..], &["--replace"]].concat())["done"], "brought up to date");
    std::fs::write(&card, "version = 1\n").unwrap();
    fails(&admit, 6, "is no hub's card");
    // A directory belongs to one hub.
    let eighth = std::fs::read_to_string(world.path("hub.toml")).unwrap().replace("number = 7", "number = 8");
    std::fs::write(world.path("eighth.toml"), eighth).unwrap();
    fails(&["hub", "--config", &world.file("eighth.toml")], 6, "belongs to hub 7");
    fails(&["clinic", "--config", &world.file("hub.toml")], 6, "write [clinic]");
    fails(&["hub", "--config", &clinic], 6, "write [hub]");
    fails(&["broker", "--config", &clinic], 6, "write [broker]");
    fails(&["clinic"], 2, "--config");
    fails(&["hub", "--config", &clinic, "--listen", "127.0.0.1:1"], 2, "cannot be used with");
    let started = Process::start(&["broker", "--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"]);
    assert_ne!(started.until("broker on"), started.until("broker on"));
}
