//! A database is saved, tried out and put back, and nothing comes back that must not.

use crate::world::{Run, bodywire, headless, run};
use bodywire_proto::wire::HubId;
use bodywire_store::{DatabaseKey, PatientId, Store};
use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A bed where no hub of the demo stands.
const BED: HubId = HubId(9);
const KEY: [u8; 16] = [7; 16];

fn demo(state: &Path) {
    let ran = run(&mut headless(state, &["--duration", "2s", "--emergency-at", "never"]));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let summary = ran.summary();
    assert_eq!((summary["lost"].as_u64(), summary["duplicated"].as_u64()), (Some(0), Some(0)), "{summary}");
}

fn backup(command: &str, directory: &Path, arguments: &[&str], house: &Path) -> Run {
    let option = if command == "verify" { "--keys" } else { "--state" };
    let mut line = bodywire();
    line.args(["backup", command, "--output", "json"]).arg(directory).arg(option).arg(house).args(arguments);
    run(&mut line)
}

async fn store(state: &Path) -> Store {
    let key: [u8; 32] = std::fs::read(state.join("keys/database")).unwrap().try_into().unwrap();
    Store::open(&state.join("clinic/bodywire.db"), &DatabaseKey::new(key)).await.unwrap()
}

async fn admit(state: &Path) -> PatientId {
    let store = store(state).await;
    let patient = store.admit_patient(b"Ada", BED, 1_000).await.unwrap();
    store.add_data_key(KEY, &[3; 32], Some(BED), Some(patient), 1_000).await.unwrap();
    store.close().await;
    patient
}

async fn erase(state: &Path, patient: PatientId) {
    let store = store(state).await;
    store.erase_patient(patient, 2_000).await.unwrap();
    store.close().await;
}

/// Whether anything of the patient is there.
async fn is_back(state: &Path, patient: PatientId) -> bool {
    let store = store(state).await;
    let row = store.patients().await.unwrap().into_iter().find(|row| row.patient == patient);
    let key = store.data_key(KEY).await.unwrap();
    store.close().await;
    row.is_some_and(|row| row.attributes.is_some()) || key.is_some()
}

fn pairs_are_used_once(state: &Path) {
    let listed = run(bodywire().args(["audit", "list", "--output", "json"]).arg(state.join("hub/pairs")));
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    let said: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    let mut used = HashSet::new();
    for record in said["records"].as_array().unwrap() {
        assert!(
            used.insert((record["stream"].to_string(), record["stream_seq"].as_u64())),
            "twice: {record}"
        );
    }
    assert!(used.len() >= 15, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_backup_brings_back_no_pair_no_patient_and_loses_no_report() {
    let directory = tempfile::tempdir().unwrap();
    let (state, saved) = (directory.path().join("state"), directory.path().join("saved"));
    demo(&state);
    let patient = admit(&state).await;
    let made = backup("make", &saved, &[], &state);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert_eq!(backup("make", &saved, &[], &state).code, Some(6), "a backup is never replaced");
    assert_eq!(std::fs::metadata(&saved).unwrap().permissions().mode() & 0o777, 0o700);
    for file in std::fs::read_dir(&saved).unwrap() {
        assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let verified = backup("verify", &saved, &[], &state);
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
    let said = verified.summary();
    assert_eq!(
        (said["verified"].as_bool(), said["tables"]["patient"].as_u64()),
        (Some(true), Some(2)),
        "the demo's own and Ada"
    );
    assert_eq!(said["head"]["size"], said["anchor"]["size"]);
    let by_key = backup("verify", &saved, &[], &state.join("keys/database"));
    assert_eq!(by_key.code, Some(0), "{}", by_key.stderr);
    let other = backup("verify", &saved, &[], &state.join("keys/hub"));
    assert_eq!(other.code, Some(3), "another key opens nothing: {}", other.stderr);

    erase(&state, patient).await;
    demo(&state);
    let refused = backup("restore", &saved, &[], &state);
    assert_eq!(refused.code, Some(4), "{}", refused.stderr);
    assert!(refused.stderr.contains("--replace"), "{}", refused.stderr);
    let restored = backup("restore", &saved, &["--replace"], &state);
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    let said = restored.summary();
    assert_eq!(
        (said["erased_again"].as_u64(), said["ledger"]["unreadable"].as_u64()),
        (Some(1), Some(0)),
        "{said}"
    );
    assert!(said["ledger"]["to_index"].as_u64().unwrap() > 0, "{said}");
    assert!(Path::new(said["aside"].as_str().unwrap()).is_file(), "{said}");
    assert!(!is_back(&state, patient).await);
    demo(&state);
    pairs_are_used_once(&state);
    assert!(!is_back(&state, patient).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_found_and_a_list_from_elsewhere_erases_again() {
    let directory = tempfile::tempdir().unwrap();
    let (state, saved) = (directory.path().join("state"), directory.path().join("saved"));
    demo(&state);
    let patient = admit(&state).await;
    assert_eq!(backup("make", &saved, &[], &state).code, Some(0));
    for name in ["bodywire.db", "manifest.json", "manifest.sha256", "erasures.json", "checkpoint", "key.vkey"]
    {
        let file = saved.join(name);
        let intact = std::fs::read(&file).unwrap();
        for at in [0, intact.len() / 2, intact.len() - 1] {
            let mut bytes = intact.clone();
            bytes[at] ^= 1;
            std::fs::write(&file, &bytes).unwrap();
            let found = backup("verify", &saved, &[], &state);
            assert_eq!(found.code, Some(3), "{name} at {at}: {}", found.stderr);
            let refused = backup("restore", &saved, &["--replace"], &state);
            assert_eq!(refused.code, Some(3), "{name} at {at}: {}", refused.stderr);
        }
        std::fs::write(&file, &intact).unwrap();
    }
    erase(&state, patient).await;
    demo(&state);
    let newer = directory.path().join("newer");
    assert_eq!(backup("make", &newer, &[], &state).code, Some(0));
    // The database is lost, and with it the list.
    std::fs::remove_file(state.join("clinic/bodywire.db")).unwrap();
    let list = newer.join("erasures.json");
    let restored = backup("restore", &saved, &["--erasures", list.to_str().unwrap()], &state);
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    assert!(!is_back(&state, patient).await);
    // What the second run sealed was sealed under keys of its own, which are lost; that is said.
    assert!(restored.summary()["ledger"]["unreadable"].as_u64().unwrap() > 0, "{}", restored.stdout);
    assert!(restored.stderr.contains("restore a newer one"), "{}", restored.stderr);
    let restored = backup("restore", &newer, &["--replace"], &state);
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    assert_eq!(restored.summary()["ledger"]["unreadable"].as_u64(), Some(0), "{}", restored.stdout);
    demo(&state);
    assert!(!is_back(&state, patient).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_is_in_use_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (state, saved) = (directory.path().join("state"), directory.path().join("saved"));
    demo(&state);
    assert_eq!(backup("make", &saved, &[], &state).code, Some(0));
    let lock = std::fs::File::open(state.join("lock")).unwrap();
    lock.lock_shared().unwrap();
    let refused = backup("restore", &saved, &["--replace"], &state);
    assert_eq!(refused.code, Some(6), "{}", refused.stderr);
    assert!(refused.stderr.contains("another process"), "{}", refused.stderr);
    let beside_roles = backup("make", &directory.path().join("second"), &[], &state);
    assert_eq!(beside_roles.code, Some(0), "{}", beside_roles.stderr);
    drop(lock);
    let empty = directory.path().join("empty");
    let keyless = backup("restore", &saved, &[], &empty);
    assert_eq!(keyless.code, Some(6), "{}", keyless.stderr);
    assert!(keyless.stderr.contains("keys"), "{}", keyless.stderr);
}
