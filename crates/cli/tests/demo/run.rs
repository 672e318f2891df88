//! The main job: a headless run checks itself, and survives a path that dies.

use crate::world::{headless, run};
use serde_json::json;

#[test]
fn a_headless_run_authenticates_everyone_loses_nothing_and_raises_the_alarm() {
    let directory = tempfile::tempdir().unwrap();
    let result = run(&mut headless(directory.path(), &["--duration", "20s", "--emergency-at", "8s"]));
    assert_eq!(result.code, Some(0), "{}", result.stderr);
    let summary = result.summary();
    assert_eq!(summary["sensors"], 5);
    assert_eq!(summary["authenticated"], 5);
    assert_eq!(summary["handshake_bits"], 968);
    assert_eq!((&summary["lost"], &summary["duplicated"]), (&json!(0), &json!(0)));
    assert_eq!(summary["observations_sent"], summary["observations_acknowledged"]);
    assert!(summary["observations_sent"].as_u64().unwrap() >= 40);
    assert_eq!(summary["alarms"]["expected"], true);
    assert!(summary["alarms"]["high"].as_u64().unwrap() >= 1);
    assert_eq!(summary["ledger"]["verified"], true);
    assert_eq!(summary["ledger"]["entries"], summary["observations_sent"]);
    assert!(summary["paths"].as_array().unwrap().iter().all(|path| path["up"] == true));
}

#[test]
fn a_path_may_die_and_nothing_is_lost() {
    for path in ["1", "3"] {
        let directory = tempfile::tempdir().unwrap();
        let arguments = ["--duration", "9s", "--kill-path", path, "--emergency-at", "never"];
        let result = run(&mut headless(directory.path(), &arguments));
        assert_eq!(result.code, Some(0), "{}", result.stderr);
        let summary = result.summary();
        assert_eq!((&summary["lost"], &summary["duplicated"]), (&json!(0), &json!(0)));
        let up = summary["paths"].as_array().unwrap().iter().filter(|path| path["up"] == true).count();
        assert_eq!(up, 2);
        assert_eq!(summary["alarms"]["high"], 0);
    }
}

#[test]
fn a_second_run_continues_on_the_same_state() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["--duration", "2s", "--emergency-at", "never"];
    let first = run(&mut headless(directory.path(), &arguments)).summary();
    let second = run(&mut headless(directory.path(), &arguments)).summary();
    let total = first["observations_sent"].as_u64().unwrap() + second["observations_sent"].as_u64().unwrap();
    assert_eq!(second["ledger"]["entries"], total);
    assert_eq!((&second["lost"], &second["duplicated"]), (&json!(0), &json!(0)));
    assert_eq!(second["authenticated"], 5);
}
