//! `bodywire sim`: scenarios from files, and what the command says when a rule is broken.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn sim(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bodywire")).arg("sim").args(arguments).output().unwrap()
}

fn scenarios() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 6, "{files:?}");
    files
}

#[test]
fn every_scenario_of_the_tree_is_played_without_a_broken_rule() {
    for file in scenarios() {
        let output = sim(&[file.to_str().unwrap(), "--seed", "7", "--output", "json"]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}: {said}", file.display());
        let told: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(told["simulated"], true);
        let world = &told["worlds"][0];
        assert_eq!(world["violations"], Value::Array(Vec::new()));
        assert!(world["signals"]["counts"]["reports stored"].as_u64().unwrap() > 50, "{world}");
    }
}

#[test]
fn a_seed_repeats_its_log_and_its_scenario_can_be_written_down() {
    let trace = || sim(&["--seed", "12", "--trace"]);
    let (one, other) = (trace(), trace());
    assert!(one.status.success() && one.stdout == other.stdout);
    assert!(String::from_utf8_lossy(&one.stdout).lines().count() > 300);
    let printed = sim(&["--seed", "12", "--print"]).stdout;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("twelve.toml");
    std::fs::write(&file, printed).unwrap();
    let from_file = sim(&[file.to_str().unwrap(), "--seed", "12", "--trace"]);
    assert_eq!(from_file.stdout, one.stdout);
}

#[test]
fn a_scenario_that_cannot_be_played_says_why_and_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("wrong.toml");
    std::fs::write(&file, "beds = 0\n").unwrap();
    let output = sim(&[file.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(said.contains("beds must be 1 to") && said.contains("--print"), "{said}");
}

#[test]
fn wards_of_several_sizes_are_played_in_shards() {
    let output = sim(&["scale", "--hubs", "1,3", "--seconds", "6", "--output", "json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&rows[0]["hubs"], &rows[1]["shards"]), (&Value::from(1), &Value::from(2)));
    for row in rows.as_array().unwrap() {
        let (reports, entries) = (row["reports"].as_u64().unwrap(), row["ledger_entries"].as_u64().unwrap());
        assert!(reports > 0 && reports <= entries, "{row}");
    }
}
