//! The demo is killed at any moment; what was acknowledged is still there, and the next run goes on.

use crate::world::{Guard, bodywire, headless, run};
use std::process::Stdio;
use std::time::Duration;

#[test]
fn kill_minus_nine_loses_nothing_that_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    // From the middle of provisioning to the middle of the stream.
    for (round, after_ms) in [30u64, 400, 1_700, 2_900, 4_300].into_iter().enumerate() {
        let mut command = headless(directory.path(), &["--duration", "60s", "--speed", "3"]);
        let mut child = Guard(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        std::thread::sleep(Duration::from_millis(after_ms));
        child.0.kill().unwrap();
        child.0.wait().unwrap();
        let ledger = directory.path().join("clinic/ledger");
        if ledger.join("checkpoint").exists() {
            let verified = run(bodywire().args(["ledger", "verify"]).arg(&ledger));
            assert_eq!(verified.code, Some(0), "round {round}: {}{}", verified.stdout, verified.stderr);
        }
        let result = run(&mut headless(directory.path(), &["--duration", "1s", "--emergency-at", "never"]));
        assert_eq!(result.code, Some(0), "round {round}: {}", result.stderr);
        let summary = result.summary();
        // Lost means: given a number by the hub, and now neither in its spool nor stored at the clinic.
        assert_eq!(
            (summary["lost"].as_u64(), summary["duplicated"].as_u64()),
            (Some(0), Some(0)),
            "round {round}"
        );
        assert_eq!((summary["pending"].as_u64(), summary["authenticated"].as_u64()), (Some(0), Some(5)));
    }
}

#[test]
fn a_changed_record_is_named_and_the_demo_refuses_to_write_over_it() {
    let directory = tempfile::tempdir().unwrap();
    let first = run(&mut headless(directory.path(), &["--duration", "3s", "--emergency-at", "never"]));
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let ledger = directory.path().join("clinic/ledger");
    let segment = std::fs::read_dir(ledger.join("segment")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&segment).unwrap();
    // Behind the records there is reserved space, zeros.
    let middle = bytes.iter().rposition(|byte| *byte != 0).unwrap() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let verified = run(bodywire().args(["ledger", "verify", "--output", "json"]).arg(&ledger));
    assert_eq!(verified.code, Some(3));
    let report: serde_json::Value = serde_json::from_str(&verified.stdout).unwrap();
    let named = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .any(|f| f["failure"] == true && f["entries"].is_array());
    assert!(named && report["verified"] == false, "{report}");
    assert!(verified.stderr.contains("entry") || verified.stderr.contains("entries"), "{}", verified.stderr);
    let again = run(&mut headless(directory.path(), &["--duration", "1s"]));
    assert_eq!(again.code, Some(3), "{}", again.stderr);
    assert_eq!(std::fs::read(&segment).unwrap(), bytes, "the damaged file is evidence and stays as it is");
}

#[test]
fn an_entry_is_proved_to_somebody_who_has_the_key_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let first = run(&mut headless(directory.path(), &["--duration", "3s", "--emergency-at", "never"]));
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let ledger = directory.path().join("clinic/ledger");
    let key = std::fs::read_to_string(ledger.join("key.vkey")).unwrap();
    let proved = run(bodywire().args(["ledger", "prove"]).arg(&ledger).arg("3"));
    assert_eq!(proved.code, Some(0), "{}", proved.stderr);
    let file = directory.path().join("3.tlog-proof");
    let check = |text: &str, key: &str| {
        std::fs::write(&file, text).unwrap();
        run(bodywire().args(["ledger", "check", "--output", "json", "--key", key]).arg(&file))
    };
    let checked = check(&proved.stdout, key.trim());
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    let said: serde_json::Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!((said["verified"].as_bool(), said["index"].as_u64()), (Some(true), Some(3)));
    let other = check(&proved.stdout.replacen("index 3", "index 2", 1), key.trim());
    assert_eq!(other.code, Some(3), "{}", other.stderr);
    assert!(other.stderr.contains("ask for the proof again"), "{}", other.stderr);
    assert_eq!(check("no proof", key.trim()).code, Some(6));
    assert_eq!(check(&proved.stdout, "no key").code, Some(6));
    let missing = run(bodywire().args(["ledger", "prove"]).arg(&ledger).arg("1000000"));
    assert_eq!(missing.code, Some(6), "{}", missing.stderr);
    assert!(missing.stderr.contains("bodywire ledger verify"), "{}", missing.stderr);
}
