//! Sums over encrypted vital signs with every part a process of its own: hub, three replicas, clinic, and the command that asks.

use crate::erasure::{One, files_below, replica};
use crate::process::{json, run};
use crate::world::World;
use serde_json::Value;
use std::time::{Duration, Instant};

fn states(answer: &Value) -> Vec<&str> {
    let replicas = answer["replicas"].as_array().unwrap();
    replicas.iter().map(|replica| replica["state"].as_str().unwrap()).collect()
}

#[test]
fn replicas_add_what_they_cannot_read_and_two_of_three_are_enough() {
    let world = World::new();
    let config = world.file("clinic.toml");
    let card = json(&["clinic", "card", "--config", &config]);
    let log = card["ledger_keys"][0].as_str().unwrap().to_owned();
    let mut replicas: Vec<One> = (1..=3).map(|number| replica(&world, number, &log, "127.0.0.1:0")).collect();
    let mirrors: String = replicas.iter().map(|one| one.lines.as_str()).collect();
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}\n[clinic.aggregate]\ncohort = 1\n{mirrors}")).unwrap();
    // The ward's public key goes to the hub as a file.
    let exported = json(&["aggregate", "key", "export", &world.file("ward.pub"), "--config", &config]);
    let hub = std::fs::read_to_string(world.path("hub.toml")).unwrap();
    let aggregate = "\n[hub.aggregate]\nkey_file = \"ward.pub\"\nwindow_s = 3\n";
    std::fs::write(world.path("hub.toml"), format!("{hub}{aggregate}")).unwrap();
    world.enroll("1", &["--kind", "spo2", "--class", "II"]);
    world.admit();
    let asleep = run(&["aggregate", "mean", "--signal", "spo2", "--config", &config]);
    assert_eq!(asleep.status.code(), Some(6), "nobody runs there");
    let clinic = world.clinic();
    let (hub, address) = world.hub();
    let mut sensor = world.sensor("1", &address, "12s");
    sensor.finish();
    hub.stop();
    let ask = |function: &str| {
        run(&["aggregate", function, "--signal", "spo2", "--config", &config, "--output", "json"])
    };
    let answer = |function: &str| -> Value {
        let output = ask(function);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    // Vectors count when a quorum of replicas has them; the last one may be on its way.
    let deadline = Instant::now() + Duration::from_secs(60);
    let mean = loop {
        let output = ask("mean");
        let mean: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if mean["windows"].as_u64() >= Some(3) && states(&mean) == ["agreed"; 3] {
            break mean;
        }
        assert!(Instant::now() < deadline, "{}", String::from_utf8_lossy(&output.stderr));
        std::thread::sleep(Duration::from_millis(300));
    };
    let value = mean["result"]["mean"].as_f64().unwrap();
    assert!((80.0..=100.0).contains(&value), "{mean}");
    assert_eq!((mean["patients"].as_u64(), mean["simulated"].as_bool()), (Some(1), Some(true)), "{mean}");
    assert_eq!(mean["seen"]["vectors"], mean["vectors"]);
    let (histogram, sum) = (answer("histogram"), answer("sum"));
    let bins = histogram["result"]["bins"].as_array().unwrap();
    let counted: f64 = bins.iter().map(|bin| bin[1].as_f64().unwrap()).sum();
    let added: f64 = bins.iter().map(|bin| bin[0].as_f64().unwrap() * bin[1].as_f64().unwrap()).sum();
    assert_eq!(histogram["readings"].as_f64(), Some(counted));
    assert_eq!(sum["result"]["sum"].as_f64(), Some(added));
    let key = exported["key"].as_str().unwrap();
    assert_eq!(key.len(), 32);
    // One of three is gone: the others are enough. Two are gone: one alone is not.
    replicas.remove(2).process.kill();
    let two = answer("mean");
    assert_eq!(
        (two["result"].clone(), states(&two)),
        (mean["result"].clone(), vec!["agreed", "agreed", "away"])
    );
    replicas.remove(1).process.kill();
    assert_eq!(ask("mean").status.code(), Some(5));
    clinic.stop();
    // Each query and each result is on record, and so is the refusal; nothing of it can be read.
    let ledger = world.file("clinic/clinic/ledger");
    let records = |kind: &str| {
        let listed = json(&["audit", "list", &ledger, "--kind", kind]);
        listed["records"].as_array().unwrap().len()
    };
    assert!(records("aggregate-query") > records("aggregate-result"));
    assert!(records("aggregate-result") >= 4 && records("refusal") >= 1);
    let mut files = Vec::new();
    files_below(&world.path("clinic/clinic/ledger"), &mut files);
    assert!(!files.is_empty());
    for file in files {
        let bytes = std::fs::read(file).unwrap();
        assert!(!bytes.windows(8).any(|window| window == b"operator" || window == b"\"signal\""));
    }
}

#[test]
fn the_secret_comes_back_from_enough_shares() {
    let world = World::new();
    let (config, shares) = (world.file("clinic.toml"), world.file("shares"));
    json(&["clinic", "card", "--config", &config]);
    let split =
        ["aggregate", "key", "split", &shares, "--shares", "3", "--threshold", "2", "--config", &config];
    assert_eq!(json(&split)["shares"], 3);
    let share = |number: u8| format!("{shares}/share-{number}");
    let join = |given: &[String], state: &str| {
        let given: Vec<&str> = given.iter().map(String::as_str).collect();
        let arguments =
            [&["aggregate", "key", "join"][..], &given, &["--state", state, "--output", "json"]].concat();
        run(&arguments)
    };
    let elsewhere = world.file("elsewhere");
    let few = join(&[share(1)], &elsewhere);
    assert_eq!(few.status.code(), Some(6), "{}", String::from_utf8_lossy(&few.stderr));
    let back = join(&[share(1), share(3)], &elsewhere);
    assert!(back.status.success(), "{}", String::from_utf8_lossy(&back.stderr));
    let secret = |state: &str| std::fs::read(world.path(&format!("{state}/keys/aggregate"))).unwrap();
    assert_eq!(secret("elsewhere"), secret("clinic"));
    // A directory that has another secret keeps it.
    let other = world.file("other");
    std::fs::create_dir_all(world.path("other/keys")).unwrap();
    json(&["aggregate", "key", "export", &world.file("other.pub"), "--state", &other]);
    assert_eq!(join(&[share(1), share(2)], &other).status.code(), Some(4));
}
