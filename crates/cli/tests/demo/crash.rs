//! The demo is killed at any moment; what was acknowledged is still there, and the next run goes on.

use crate::world::{Guard, bodywire, headless, run};
use std::path::Path;
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

#[test]
fn a_damaged_ledger_is_mended_from_a_copy_and_held_to_its_anchor() {
    let directory = tempfile::tempdir().unwrap();
    let run_demo = || {
        let ran = run(&mut headless(directory.path(), &["--duration", "3s", "--emergency-at", "never"]));
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    };
    run_demo();
    let ledger = directory.path().join("clinic/ledger");
    let early = directory.path().join("early");
    copy(&ledger, &early);
    run_demo();
    let (whole, anchor) = (directory.path().join("whole"), directory.path().join("anchor"));
    copy(&ledger, &whole);
    let verify =
        |anchor: &Path| run(bodywire().args(["ledger", "verify", "--anchor"]).arg(anchor).arg(&ledger));
    let anchored = run(bodywire().args(["ledger", "anchor"]).arg(&ledger).arg("--file").arg(&anchor));
    assert_eq!(anchored.code, Some(0), "{}", anchored.stderr);
    assert_eq!(verify(&anchor).code, Some(0));
    let again = run(bodywire().args(["ledger", "anchor"]).arg(&ledger).arg("--file").arg(&anchor));
    assert_eq!(again.code, Some(6), "an anchor is never replaced: {}", again.stderr);
    // Rolled back to what is a sound ledger by itself.
    std::fs::remove_dir_all(&ledger).unwrap();
    copy(&early, &ledger);
    let rolled_back = verify(&anchor);
    assert_eq!(rolled_back.code, Some(3), "{}", rolled_back.stderr);
    assert!(rolled_back.stderr.contains("rolled back"), "{}", rolled_back.stderr);
    // And damaged in a segment.
    let segment = ledger.join("segment").join("00000000000000000000.seg");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[700] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let repair = |from: &Path| {
        run(bodywire().args(["ledger", "repair", "--output", "json"]).arg(&ledger).arg("--from").arg(from))
    };
    let empty = directory.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let helpless = repair(&empty);
    assert_eq!(helpless.code, Some(3), "{}", helpless.stderr);
    assert!(helpless.stderr.contains("--from"), "{}", helpless.stderr);
    let mended = repair(&whole);
    assert_eq!(mended.code, Some(0), "{}", mended.stderr);
    let said: serde_json::Value = serde_json::from_str(&mended.stdout).unwrap();
    assert_eq!(said["verified"], true);
    assert!(said["fetched"].as_array().unwrap().len() > 1, "{said}");
    let kept = Path::new(said["kept"].as_str().unwrap()).join("segment/00000000000000000000.seg");
    assert_eq!(std::fs::read(kept).unwrap(), bytes, "the damaged file is kept");
    assert_eq!(verify(&anchor).code, Some(0));
    run_demo();
}

#[test]
fn a_state_that_was_put_back_is_refused_by_what_replicas_know() {
    let directory = tempfile::tempdir().unwrap();
    let demo = || run(&mut headless(directory.path(), &["--duration", "3s", "--emergency-at", "never"]));
    assert_eq!(demo().code, Some(0));
    let (clinic, old) = (directory.path().join("clinic"), directory.path().join("old"));
    copy(&clinic, &old);
    assert_eq!(demo().code, Some(0));
    // Ledger and database together, as a snapshot of the machine would: both agree with each other.
    std::fs::remove_dir_all(&clinic).unwrap();
    copy(&old, &clinic);
    let ledger = clinic.join("ledger");
    assert_eq!(run(bodywire().args(["ledger", "verify"]).arg(&ledger)).code, Some(0));
    let before = std::fs::read(ledger.join("checkpoint")).unwrap();
    let refused = demo();
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(refused.stderr.contains("are known to have been stored"), "{}", refused.stderr);
    assert_eq!(std::fs::read(ledger.join("checkpoint")).unwrap(), before, "nothing was signed");
    let copies = std::fs::read_dir(directory.path().join("replicas/1")).unwrap().next().unwrap().unwrap();
    let mended =
        run(bodywire().args(["ledger", "repair"]).arg(&ledger).arg("--from").arg(copies.path().join("log")));
    assert_eq!(mended.code, Some(0), "{}", mended.stderr);
}

#[test]
fn every_pair_that_was_used_is_on_record_and_can_be_proved() {
    let directory = tempfile::tempdir().unwrap();
    let ran = run(&mut headless(directory.path(), &["--duration", "3s", "--emergency-at", "never"]));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let log = directory.path().join("hub/pairs");
    let listed = run(bodywire().args(["audit", "list", "--output", "json"]).arg(&log));
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    let said: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    let records = said["records"].as_array().unwrap();
    assert!(records.len() >= 5 && records.iter().all(|record| record["kind"] == "pair-spent"), "{said}");
    let none =
        run(bodywire().args(["audit", "list", "--output", "json", "--kind", "read,refusal"]).arg(&log));
    let said: serde_json::Value = serde_json::from_str(&none.stdout).unwrap();
    assert_eq!(said["records"].as_array().unwrap().len(), 0);
    let proof = directory.path().join("1.tlog-proof");
    let proved = run(bodywire().args(["audit", "prove"]).arg(&log).args(["1", "--file"]).arg(&proof));
    assert_eq!(proved.code, Some(0), "{}", proved.stderr);
    let key = std::fs::read_to_string(log.join("key.vkey")).unwrap();
    let checked = run(bodywire().args(["ledger", "check", "--key", key.trim()]).arg(&proof));
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    // A bundle that was changed gives no list at all.
    let bundle = std::fs::read_dir(log.join("tile/entries/000.p")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&bundle).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&bundle, &bytes).unwrap();
    let refused = run(bodywire().args(["audit", "list"]).arg(&log));
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(3), ""), "{}", refused.stderr);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
