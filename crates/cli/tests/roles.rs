//! Hub and sensors as processes of their own, over UDP and bad air.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn bodywire(state: &Path, arguments: &[&str]) -> Output {
    command(state, arguments).output().unwrap()
}

fn command(state: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bodywire"));
    command.args(arguments).args(["--output", "json", "--state"]).arg(state).stdin(Stdio::null());
    command
}

fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}\n{}", String::from_utf8_lossy(&output.stderr)))
}

fn enroll(state: &Path, arguments: &[&str]) -> Value {
    let output = bodywire(state, &[&["sensor", "enroll"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    json(&output)
}

/// A hub that is stopped with the test.
struct Hub {
    child: Child,
    address: String,
}

impl Hub {
    fn start(state: &Path, listen: &str) -> Self {
        let arguments = ["hub", "--listen", listen];
        let mut child =
            command(state, &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.next().expect("the hub says where it listens").unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        let address = line.split(' ').nth(2).unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { child, address }
    }

    /// Interrupts it and reads what it has done.
    fn stop(mut self) -> Value {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let stdout = self.child.stdout.take().unwrap();
        let text = std::io::read_to_string(stdout).unwrap();
        assert!(self.child.wait().unwrap().success());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn sensors_of_every_profile_meet_their_hub_through_bad_air() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path();
    enroll(state, &["1", "--pairs", "60"]);
    enroll(
        state,
        &["2", "--pairs", "60", "--profile", "hardened-512", "--kind", "insulin-rate", "--class", "III"],
    );
    let paper = enroll(state, &["3", "--pairs", "900", "--profile", "paper", "--kind", "spo2"]);
    assert_eq!(
        (&paper["pairs"], &paper["warning"]),
        (&640.into(), &"paper profile: not for patients".into())
    );
    let hub = Hub::start(state, "127.0.0.1:0");
    let air = ["--loss", "0.08", "--duplicate", "0.25", "--reorder", "0.2", "--delay", "15ms"];
    let run = ["sensor", "run", "--hub", &hub.address, "--duration", "90s"];
    for (sensor, sessions, air) in [("1", "3", &air[..]), ("2", "2", &air[..]), ("3", "3", &[])] {
        let output = bodywire(state, &[&run[..], &[sensor, "--sessions", sessions], air].concat());
        assert!(output.status.success(), "sensor {sensor}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(json(&output)["sessions"].to_string(), sessions);
    }
    // The air may have lost an m4: then the hub has a session more than the sensor.
    let done = hub.stop();
    assert!(done["authentications"].as_u64().unwrap() >= 8, "{done}");
    let list = json(&bodywire(state, &["sensor", "list"]));
    let left = |at: usize| list[at]["pairs_left"].as_u64().unwrap();
    assert!(left(0) <= 57 && left(1) <= 58 && left(2) == 637, "{list}");
}

#[test]
fn sensors_have_pufs_of_any_kind() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path();
    // Readings of 20 challenges, each another one; byte k of the response to n is a mix of both.
    let row = |n: u32| {
        let byte = |k: u32| {
            (n.wrapping_mul(0x9e37_79b9) ^ (k + 1).wrapping_mul(0x85eb_ca6b)).wrapping_mul(0xc2b2_ae35) >> 24
        };
        format!("{n:016x},{}", (0..32).map(|k| format!("{:02x}", byte(k))).collect::<String>())
    };
    let file = state.join("readings.csv");
    std::fs::write(&file, (0..20).map(row).collect::<Vec<_>>().join("\n")).unwrap();
    let csv = format!("csv:{}", file.display());
    // Answers every challenge with the same words: fit to be asked, not to be enrolled.
    let program = state.join("puf.sh");
    let script = "#!/bin/sh\nwhile read -r line; do echo '{\"response\":\"00\"}'; done\n";
    std::fs::write(&program, script).unwrap();
    let mut permissions = std::fs::metadata(&program).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    std::fs::set_permissions(&program, permissions).unwrap();
    let exec = format!("exec:{}", program.display());

    let enrolled = enroll(state, &["1", "--pairs", "20", "--puf", &csv]);
    assert_eq!(enrolled["reliability"], 1.0, "one reading of each has no noise");
    // One chain in three leans to one side by more than the hub takes: another device, as the message says.
    let fair = (10..40).map(|sensor| sensor.to_string()).find(|sensor| {
        let output = bodywire(state, &["sensor", "enroll", sensor, "--pairs", "20", "--puf", "arbiter"]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() || text.contains("uniformity"), "{text}");
        output.status.success()
    });
    let fair = fair.expect("thirty chips in a row would all lean");
    for (puf, says) in [
        ("xor-arbiter:4", "reliability"),
        (&exec, "8 bits, and 256 were asked"),
        ("csv:/no/such/file", "challenge,response"),
    ] {
        let refused = bodywire(state, &["sensor", "enroll", "3", "--pairs", "20", "--puf", puf]);
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && text.contains(says), "{puf}: {text}");
    }
    let hub = Hub::start(state, "127.0.0.1:0");
    let run = ["sensor", "run", "--hub", &hub.address, "--sessions", "2", "--duration", "30s"];
    for arguments in [["1", "--puf", &csv], [&fair, "--puf", "arbiter"]] {
        let output = bodywire(state, &[&run[..], &arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    // Another PUF than the enrolled one is another device.
    let wrong = bodywire(state, &["sensor", "run", "1", "--hub", &hub.address, "--duration", "3s"]);
    assert_eq!(wrong.status.code(), Some(5));
    let gone =
        bodywire(state, &["sensor", "run", "1", "--hub", &hub.address, "--duration", "5s", "--puf", &exec]);
    assert_eq!(gone.status.code(), Some(6), "{}", String::from_utf8_lossy(&gone.stderr));
}

#[test]
fn a_sensor_finds_its_hub_again_when_that_has_crashed() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path();
    enroll(state, &["1", "--pairs", "60"]);
    let mut hub = Hub::start(state, "127.0.0.1:0");
    let address = hub.address.clone();
    let run = ["sensor", "run", "1", "--hub", &address, "--duration", "30s"];
    let sensor = command(state, &run).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(4));
    hub.child.kill().unwrap();
    hub.child.wait().unwrap();
    let hub = Hub::start(state, &address);
    let output = sensor.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(json(&output)["sessions"].as_u64().unwrap() >= 2, "{}", json(&output));
    let done = hub.stop();
    assert!(done["authentications"].as_u64() >= Some(1) && done["pending"].as_u64() > Some(5), "{done}");
}

#[test]
fn a_sensor_that_was_rolled_back_is_refused_until_it_is_resynchronised_and_a_revoked_one_for_good() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path();
    enroll(state, &["7", "--pairs", "30"]);
    let memory = state.join("sensors/7");
    let old = std::fs::read(&memory).unwrap();
    let hub = Hub::start(state, "127.0.0.1:0");
    let run = |hub: &Hub, time: &str| {
        bodywire(state, &["sensor", "run", "7", "--hub", &hub.address, "--sessions", "2", "--duration", time])
    };
    assert!(run(&hub, "20s").status.success());
    std::fs::write(&memory, old).unwrap();
    let refused = run(&hub, "3s");
    assert_eq!(refused.status.code(), Some(5), "{}", json(&refused));
    let busy = bodywire(state, &["sensor", "resync", "7"]);
    assert_eq!(busy.status.code(), Some(6));
    assert!(String::from_utf8_lossy(&busy.stderr).contains("stop the hub first"));
    assert!(hub.stop()["refused"].as_u64() >= Some(1));
    assert!(bodywire(state, &["sensor", "resync", "7"]).status.success());
    let hub = Hub::start(state, "127.0.0.1:0");
    assert!(run(&hub, "20s").status.success());
    assert!(bodywire(state, &["sensor", "revoke", "7"]).status.success());
    assert_eq!(bodywire(state, &["sensor", "revoke", "7"]).status.code(), Some(6), "once");
    assert_eq!(run(&hub, "8s").status.code(), Some(5), "a running hub drops it");
    let list = json(&bodywire(state, &["sensor", "list"]));
    assert!(list[0]["revoked"].is_string() && list[0]["pairs_left"] == 0, "{list}");
}

#[test]
fn what_cannot_be_done_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path();
    let fails = |arguments: &[&str], code: i32, says: &str| {
        let output = bodywire(state, arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(code) && text.contains(says), "{arguments:?}: {text}");
    };
    fails(&["hub", "--listen", "127.0.0.1:0"], 6, "bodywire sensor enroll 1");
    enroll(state, &["1", "--pairs", "8"]);
    fails(&["sensor", "enroll", "1"], 6, "enrolled already");
    fails(&["sensor", "run", "2"], 6, "bodywire sensor enroll 2");
    fails(&["sensor", "enroll", "2", "--kind", "pulse"], 2, "insulin-rate");
    fails(&["sensor", "enroll", "0"], 2, "0");
    fails(&["hub", "--listen", "127.0.0.1:0", "--broker", "127.0.0.1:1"], 6, "one broker for each path");
    fails(&["sensor", "run", "1", "--duration", "1s", "--hub", "127.0.0.1:9"], 5, "see that the hub runs");
    fails(&["demo", "--headless", "--duration", "1s"], 6, "single roles");
}
