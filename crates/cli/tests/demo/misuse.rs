//! Bad input gives one clear line with the next step, and the documented exit code.

use crate::world::{bodywire, headless, run};
use std::net::TcpListener;
use std::path::Path;

/// Runs with `arguments` and expects one line that ends with advice.
fn refused(state: &Path, arguments: &[&str], code: i32, says: &str) {
    let result = run(&mut headless(state, arguments));
    assert_eq!(result.code, Some(code), "{arguments:?}: {}", result.stderr);
    assert!(result.stdout.is_empty(), "{arguments:?}: {}", result.stdout);
    assert!(result.stderr.contains(says), "{arguments:?}: {}", result.stderr);
    if code != 2 {
        assert_eq!(result.stderr.trim_end().lines().count(), 1, "{arguments:?}: {}", result.stderr);
        assert!(result.stderr.contains("; "), "no next step: {}", result.stderr);
    }
}

#[test]
fn recordings_that_cannot_be_played() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    refused(directory.path(), &["--recording", &at("none")], 6, "none.hea");
    std::fs::write(at("cut.hea"), "cut 1 360 100\ncut.dat 16 200 12 0 0 0 0 ECG\n").unwrap();
    std::fs::write(at("cut.dat"), [0; 50]).unwrap();
    refused(directory.path(), &["--recording", &at("cut")], 6, "cut short");
    std::fs::write(at("odd.hea"), "odd 1 360 100\nodd.dat 61 200 12 0 0 0 0 ECG\n").unwrap();
    refused(directory.path(), &["--recording", &at("odd")], 6, "61");
    std::fs::write(at("junk.hea"), [0xff, 0xfe, 0]).unwrap();
    refused(directory.path(), &["--recording", &at("junk")], 6, "junk.hea");
    std::fs::write(at("two.hea"), "two 1 360 1\ntwo.dat 16 200 12 0 0 0 0 ECG\n").unwrap();
    refused(directory.path(), &["--recording", &at("two"), "--signal", "4"], 6, "signal 4");
}

#[test]
fn options_that_do_not_exist_or_do_not_fit() {
    let directory = tempfile::tempdir().unwrap();
    refused(directory.path(), &["--bogus"], 2, "--bogus");
    refused(directory.path(), &["--speed", "0"], 2, "0.1 to 1000");
    refused(directory.path(), &["--kill-path", "4"], 2, "4");
    refused(directory.path(), &["--duration", "soon"], 2, "soon");
    refused(directory.path(), &["--broker", "nowhere"], 2, "HOST:PORT");
    refused(directory.path(), &["--broker", "127.0.0.1:9"], 6, "one broker for each path");
    refused(directory.path(), &[], 6, "--duration 20s");
}

#[test]
fn ports_that_are_taken() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    refused(directory.path(), &["--duration", "1s", "--mqtt-port", &port], 6, "--mqtt-port");
    let mut command = bodywire();
    command.args(["demo", "--mqtt-port", "0", "--port", &port, "--state"]).arg(directory.path());
    let result = run(&mut command);
    assert_eq!(result.code, Some(6));
    assert!(result.stderr.contains("--port N"), "{}", result.stderr);
}

#[test]
fn directories_that_cannot_be_used() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    refused(&file.join("state"), &["--duration", "1s"], 6, "--state DIR");
    let result = run(bodywire().args(["ledger", "verify"]).arg(directory.path().join("none")));
    assert_eq!(result.code, Some(6), "{}", result.stderr);
    let result = run(bodywire().args(["ledger", "verify"]).arg(directory.path()));
    assert_ne!(result.code, Some(0), "an empty directory is no ledger: {}", result.stdout);
}

#[test]
fn two_demos_do_not_share_a_state() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = headless(directory.path(), &["--duration", "30s"]);
    let mut first = crate::world::Guard(first.stdout(std::process::Stdio::null()).spawn().unwrap());
    let mark = directory.path().join("provisioned");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !mark.exists() && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let second = run(&mut headless(directory.path(), &["--duration", "1s"]));
    assert_eq!(second.code, Some(6), "{}", second.stderr);
    assert!(second.stderr.contains("another process"), "{}", second.stderr);
    assert!(first.0.try_wait().unwrap().is_none(), "the first one goes on");
}
