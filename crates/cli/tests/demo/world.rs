//! Starts the binary and reads what it says.

use bodywire_clinic::archive::Archive;
use bodywire_ledger::Origin;
use bodywire_store::{DatabaseKey, Store};
use ed25519_dalek::SigningKey;
use serde_json::Value;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// What a run of the binary has left.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
    pub(crate) stdout: String,
}

impl Run {
    /// The summary of a headless run with `--output json`.
    pub(crate) fn summary(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }
}

pub(crate) fn bodywire() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bodywire"));
    command.stdin(Stdio::null()).env_remove("BODYWIRE_LOG");
    command
}

pub(crate) fn run(command: &mut Command) -> Run {
    let Output { status, stdout, stderr } = command.output().expect("the binary starts");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Run { code: status.code(), stdout: text(&stdout), stderr: text(&stderr) }
}

/// A headless demo on `state` that prints JSON, with any free ports.
pub(crate) fn headless(state: &Path, arguments: &[&str]) -> Command {
    let mut command = bodywire();
    command.args(["demo", "--headless", "--output", "json", "--state"]).arg(state).args(arguments);
    if !arguments.iter().any(|argument| ["--mqtt-port", "--broker"].contains(argument)) {
        command.args(["--mqtt-port", "0"]);
    }
    command
}

/// The first of three free ports in a row.
pub(crate) fn three_free_ports() -> u16 {
    (0..100)
        .find_map(|_| {
            let first = TcpListener::bind(("127.0.0.1", 0)).ok()?.local_addr().ok()?.port();
            let free = (1..3)
                .all(|i| first.checked_add(i).is_some_and(|p| TcpListener::bind(("127.0.0.1", p)).is_ok()));
            free.then_some(first)
        })
        .expect("there are three free ports in a row")
}

/// The real recordings, where they are. Absent, a test says by name that it was left out; in CI that is a failure.
pub(crate) fn recordings(test: &str) -> Option<PathBuf> {
    let directory = std::env::var_os("BODYWIRE_ECG_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ecg"),
        PathBuf::from,
    );
    if directory.is_dir() {
        return Some(directory);
    }
    assert!(std::env::var_os("CI").is_none(), "{test}: no recordings at {}", directory.display());
    eprintln!("left out: {test} (no recordings; set BODYWIRE_ECG_DATA)");
    None
}

/// A program this test needs, or nothing when it is not installed; in CI that is a failure.
pub(crate) fn engine(test: &str, program: &str) -> Option<PathBuf> {
    let places = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let found = places.iter().map(|place| Path::new(place).join(program)).find(|path| path.is_file());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{test}: {program} is not installed");
        eprintln!("left out: {test} ({program} is not installed)");
    }
    found
}

/// A child that does not outlive its test.
pub(crate) struct Guard(pub(crate) Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Opens what a stopped demo has stored.
pub(crate) async fn open(state: &Path) -> (Store, Archive) {
    let secret = |name: &str| -> [u8; 32] {
        std::fs::read(state.join("keys").join(name)).expect("the key is there").try_into().expect("32 bytes")
    };
    let key = DatabaseKey::new(secret("database"));
    let store = Store::open(&state.join("clinic/bodywire.db"), &key).await.expect("the database opens");
    let origin = Origin::new("bodywire.invalid/demo").expect("the origin is one");
    let signing_key = SigningKey::from_bytes(&secret("ledger"));
    let (archive, _) = Archive::open(&state.join("clinic/ledger"), origin, signing_key, store.clone(), None)
        .await
        .expect("the ledger opens");
    (store, archive)
}
