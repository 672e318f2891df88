//! A private PostgreSQL server from Debian's package: sockets and data in a directory of its own, gone when it is dropped.
#![allow(dead_code, reason = "the example needs a part of it")]

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A start takes a second; a recovery after a crash some.
const PATIENCE: Duration = Duration::from_secs(60);
/// The first name that has to prove itself by a password; everybody else on this machine is trusted.
pub(crate) const WITH_PASSWORD: &str = "secretive";

/// The newest installed server that is supported, or nothing; in CI that is a failure.
pub(crate) fn installed(what: &str) -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions
        .map(|entry| entry.path())
        .filter(|path| version(path) >= Some(15))
        .max_by_key(|path| version(path));
    let found = newest.map(|path| path.join("bin")).filter(|bin| bin.join("postgres").is_file());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{what}: postgresql is not installed");
        eprintln!("left out: {what} (postgresql is not installed)");
    }
    found
}

/// A running server.
pub(crate) struct Server {
    bin: PathBuf,
    directory: tempfile::TempDir,
    port: u16,
    child: Option<Child>,
    databases: AtomicU32,
}

impl Server {
    /// A new server with nothing in it.
    pub(crate) fn start(bin: &Path) -> Self {
        let mut server = Self::prepare(bin);
        let data = server.data();
        let mut initdb = server.command("initdb");
        initdb.args([
            "--data-checksums",
            "--no-sync",
            "-U",
            "bodywire",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
        ]);
        run(initdb.arg("-D").arg(&data));
        let rules =
            format!("host all {WITH_PASSWORD} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n");
        let rules = format!("{rules}local all all trust\nlocal replication all trust\n");
        std::fs::write(data.join("pg_hba.conf"), rules).expect("the rules can be written");
        server.launch(&[]);
        server
    }

    fn prepare(bin: &Path) -> Self {
        let directory = tempfile::Builder::new().prefix("bodywire-pg-").tempdir().expect("a directory");
        if is_root() {
            run(Command::new("chown").arg("postgres:postgres").arg(directory.path()));
        }
        let port = TcpListener::bind(("127.0.0.1", 0))
            .and_then(|socket| socket.local_addr())
            .expect("a port")
            .port();
        Self { bin: bin.to_owned(), directory, port, child: None, databases: AtomicU32::new(0) }
    }

    /// A standby of this server, which streams from it.
    pub(crate) fn standby(&self) -> Self {
        let mut standby = Self::prepare(&self.bin);
        let data = standby.data();
        let mut copy = self.command("pg_basebackup");
        copy.args(["-R", "-X", "stream", "--checkpoint=fast", "--no-sync", "-U", "bodywire", "-h"]);
        copy.arg(self.directory.path()).args(["-p", &self.port.to_string()]);
        run(copy.arg("-D").arg(&data));
        standby.launch(&[]);
        standby
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// A program of the server as the user that it runs as: it refuses root.
    fn command(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.directory.path()).stdin(Stdio::null());
        command
    }

    /// Starts the server on its data, with further settings.
    pub(crate) fn launch(&mut self, settings: &[&str]) {
        let log = std::fs::File::options().append(true).create(true).open(self.directory.path().join("log"));
        let log = log.expect("a log");
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(self.directory.path());
        command.args(["-p", &self.port.to_string(), "-c", "fsync=on", "-c", "listen_addresses=127.0.0.1"]);
        for setting in settings {
            command.args(["-c", setting]);
        }
        command.stdout(log.try_clone().expect("a log")).stderr(log);
        let deadline = Instant::now() + PATIENCE;
        let mut child = command.spawn().expect("the server starts");
        while !self.is_ready() {
            assert!(Instant::now() < deadline, "the server does not answer: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
            // After a kill, children of the old server may hold its memory for a moment, and a new one refuses to start.
            if child.try_wait().is_ok_and(|ended| ended.is_some()) {
                child = command.spawn().expect("the server starts");
            }
        }
        self.child = Some(child);
    }

    fn is_ready(&self) -> bool {
        let mut ask = self.command("pg_isready");
        ask.arg("-q").arg("-h").arg(self.directory.path()).args(["-p", &self.port.to_string()]);
        ask.status().is_ok_and(|status| status.success())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Runs a statement as the owner, and returns what it says.
    pub(crate) fn sql(&self, database: &str, statement: &str) -> String {
        let mut psql = self.command("psql");
        psql.args(["-XAtq", "-U", "bodywire", "-p", &self.port.to_string(), "-h"]).arg(self.directory.path());
        run(psql.args(["-d", database, "-c", statement]))
    }

    /// Puts a file among its data that only the server may read.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.data().join(name);
        std::fs::write(&path, text).expect("the file can be written");
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, private).expect("the file can be made private");
        if is_root() {
            run(Command::new("chown").arg("postgres:postgres").arg(&path));
        }
    }

    /// A new database: its URL over TCP.
    pub(crate) fn database(&self) -> String {
        let name = format!("ward{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// The URL of a database here.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://bodywire@127.0.0.1:{}/{database}", self.port)
    }

    /// The same over the socket.
    pub(crate) fn socket_url(&self, database: &str) -> String {
        let directory = self.directory.path().to_str().expect("a name").replace('/', "%2F");
        format!("postgres://bodywire@{directory}:{}/{database}", self.port)
    }

    /// `kill -9` of the postmaster. Its children see that and go.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the server can be killed");
            child.wait().expect("the server ends");
        }
    }

    /// Makes a standby the primary.
    pub(crate) fn promote(&self) {
        assert_eq!(self.sql("postgres", "SELECT pg_promote()"), "t");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // Immediate: nobody needs what is in it.
        let _ = Command::new("kill").args(["-QUIT", &child.id().to_string()]).status();
        let deadline = Instant::now() + Duration::from_secs(10);
        while child.try_wait().is_ok_and(|ended| ended.is_none()) {
            if Instant::now() > deadline {
                let _ = child.kill();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|of| of.uid() == 0)
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
