//! The binary as a process that is read, asked to end, or killed.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

/// How long anybody waits for a line; a busy machine has time to spare.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn bodywire() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bodywire"));
    command.stdin(Stdio::null()).env_remove("BODYWIRE_LOG").env_remove("NOTIFY_SOCKET");
    command
}

/// Runs a command to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    bodywire().args(arguments).output().unwrap()
}

/// Runs a command that succeeds and prints JSON.
pub(crate) fn json(arguments: &[&str]) -> Value {
    let output = run(&[arguments, &["--output", "json"]].concat());
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {stderr}"))
}

/// A process that does not outlive its test.
pub(crate) struct Process {
    child: Child,
    lines: mpsc::Receiver<String>,
    said: Arc<Mutex<String>>,
}

impl Process {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child =
            bodywire().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (send, lines) = mpsc::channel();
        let said = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                kept.lock().unwrap().push_str(&format!("{line}\n"));
                let _ = send.send(line);
            }
        });
        Self { child, lines, said }
    }

    /// The first line of standard error that holds these words.
    pub(crate) fn until(&self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let line = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now()));
            let line =
                line.unwrap_or_else(|_| panic!("nobody says {words:?}: {}", self.said.lock().unwrap()));
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Everything it has said on standard error.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Asks it to end; it must do so without an error. What it printed.
    pub(crate) fn stop(mut self) -> String {
        self.signal("TERM");
        self.finish()
    }

    /// Waits for its end; it must be without an error. What it printed.
    pub(crate) fn finish(&mut self) -> String {
        let mut text = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {text}{}", self.said());
        text
    }

    /// Ends it without a word, as a power failure would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
