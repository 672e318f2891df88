//! What the doctor says of good and bad set-ups.

use crate::engines::{Engines, Make};
use crate::process::run;
use crate::world::World;
use serde_json::Value;

/// Exit code, and the findings by their id.
fn examine(world: &World, file: &str) -> (Option<i32>, Vec<Value>, String) {
    let output = run(&["doctor", "--config", &world.file(file), "--output", "json"]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    (output.status.code(), report["findings"].as_array().unwrap().clone(), stderr)
}

fn severity<'a>(findings: &'a [Value], id: &str) -> &'a str {
    let found = findings.iter().find(|finding| finding["id"] == id);
    found.unwrap_or_else(|| panic!("no {id}: {findings:#?}"))["severity"].as_str().unwrap()
}

#[test]
fn a_set_up_that_works_has_no_problem_and_its_weaknesses_are_named() {
    let world = World::new();
    let (code, findings, stderr) = examine(&world, "hub.toml");
    assert_eq!(code, Some(0), "{stderr}: {findings:#?}");
    for id in ["config", "clock", "path.0.reach", "path.1.qos1", "path.2.tls"] {
        assert_eq!(severity(&findings, id), "ok", "{id}");
    }
    // Three brokers of one machine that take anybody.
    for id in ["path.0.strangers", "paths.disjoint", "paths.bind"] {
        assert_eq!(severity(&findings, id), "warning", "{id}");
    }
    let advised = |finding: &Value| finding["severity"] == "ok" || finding["next"] != "";
    assert!(findings.iter().all(advised), "{findings:#?}");
    let table = run(&["doctor", "--config", &world.file("clinic.toml")]);
    let text = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.status.success() && text.contains("topic write bw/1/0/+/a"), "{text}");
}

#[test]
fn what_does_not_work_is_a_problem_with_its_next_step() {
    let mut world = World::new();
    drop(world.brokers.remove(1));
    let (code, findings, stderr) = examine(&world, "hub.toml");
    assert_eq!((code, severity(&findings, "path.1.reach")), (Some(5), "problem"), "{stderr}");
    let text = std::fs::read_to_string(world.path("hub.toml")).unwrap();
    // Two paths to one broker.
    let ports: Vec<&str> = text.lines().filter(|line| line.starts_with("port = ")).collect();
    std::fs::write(world.path("twice.toml"), text.replace(ports[1], ports[0])).unwrap();
    let (code, findings, _) = examine(&world, "twice.toml");
    assert_eq!((code, severity(&findings, "paths.disjoint")), (Some(1), "problem"));
    std::fs::write(world.path("split.toml"), format!("{text}[threshold]\nmode = \"split\"\n")).unwrap();
    assert_eq!(severity(&examine(&world, "split.toml").1, "config.mode"), "warning");
    std::fs::write(world.path("slip.toml"), text.replace("[hub]", "[hub]\nlisten_to = 3")).unwrap();
    let (code, findings, stderr) = examine(&world, "slip.toml");
    assert_eq!((code, severity(&findings, "config")), (Some(6), "problem"));
    assert!(stderr.contains("listen"), "{stderr}");
}

#[test]
fn a_broker_that_wants_a_certificate_is_seen_to_keep_strangers_out() {
    let test = "a_broker_that_wants_a_certificate_is_seen_to_keep_strangers_out";
    let Some(engines) = Engines::start(Make::Mosquitto, test) else { return };
    let mut paths = String::new();
    for (index, port) in engines.ports.iter().enumerate() {
        let lines = engines.lines(index);
        paths.push_str(&format!(
            "[[path]]\nname = \"p{index}\"\nhost = \"127.0.0.1\"\nport = {port}\n{lines}"
        ));
    }
    let world = World::over(&paths);
    let (code, findings, stderr) = examine(&world, "clinic.toml");
    assert_eq!(code, Some(0), "{stderr}: {findings:#?}");
    let of = |id: &str| findings.iter().find(|finding| finding["id"] == id).unwrap()["what"].to_string();
    assert!(of("path.2.tls").contains("TLSv1") && of("path.0.tls").contains("no TLS"));
    assert!(of("path.0.strangers").contains("anybody") && !of("path.2.strangers").contains("anybody"));
}
