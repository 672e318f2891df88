//! Brokers of several makes, three of each: one for each path.

use crate::process::Process;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What a broker's start may take; a cluster has to find itself.
const PATIENCE: Duration = Duration::from_secs(40);

/// A make of brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Make {
    /// `bodywire broker`.
    Embedded,
    /// Eclipse Mosquitto; the third wants TLS with a client certificate.
    Mosquitto,
    /// A NATS cluster of three nodes with MQTT.
    Nats,
}

/// Three brokers that run.
pub(crate) struct Engines {
    make: Make,
    program: PathBuf,
    directory: tempfile::TempDir,
    pub(crate) ports: [u16; 3],
    running: [Option<Running>; 3],
}

enum Running {
    Ours(Process),
    Theirs(Guard),
}

struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Engines {
    /// Starts them; nothing when the make is not installed, which in CI is a failure.
    pub(crate) fn start(make: Make, test: &str) -> Option<Self> {
        let program = match make {
            Make::Embedded => PathBuf::new(),
            Make::Mosquitto => installed(test, "mosquitto")?,
            Make::Nats => installed(test, "nats-server")?,
        };
        let directory = tempfile::tempdir().unwrap();
        let ports = free_ports();
        let mut engines = Self { make, program, directory, ports, running: [None, None, None] };
        match make {
            Make::Embedded => {}
            Make::Mosquitto => engines.configure_mosquitto(),
            Make::Nats => engines.configure_nats(),
        }
        (0..3).for_each(|index| engines.launch(index));
        (0..3).for_each(|index| engines.wait_for(index));
        Some(engines)
    }

    /// Kills one without a word.
    pub(crate) fn kill(&mut self, index: usize) {
        match self.running[index].take() {
            Some(Running::Ours(process)) => process.kill(),
            Some(Running::Theirs(guard)) => drop(guard),
            None => {}
        }
    }

    /// Starts one again where it was.
    pub(crate) fn restart(&mut self, index: usize) {
        self.launch(index);
        self.wait_for(index);
    }

    /// What a path to the broker takes beside host and port.
    pub(crate) fn lines(&self, index: usize) -> String {
        if self.make == Make::Mosquitto && index == 2 {
            let file = |name: &str| self.directory.path().join(name).display().to_string();
            return format!(
                "tls = {{ ca = {:?}, cert = {:?}, key = {:?} }}\n",
                file("ca.pem"),
                file("client.pem"),
                file("client.key")
            );
        }
        String::new()
    }

    fn launch(&mut self, index: usize) {
        let configuration = self.directory.path().join(format!("{index}.conf"));
        let running = match self.make {
            Make::Embedded => {
                let broker =
                    Process::start(&["broker", "--listen", &format!("127.0.0.1:{}", self.ports[index])]);
                broker.until("broker on ");
                Running::Ours(broker)
            }
            Make::Mosquitto | Make::Nats => {
                let mut command = Command::new(&self.program);
                command.arg("-c").arg(configuration).stdout(Stdio::null()).stderr(Stdio::null());
                Running::Theirs(Guard(command.spawn().unwrap()))
            }
        };
        self.running[index] = Some(running);
    }

    fn wait_for(&self, index: usize) {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.ports[index])).is_err() {
            assert!(Instant::now() < deadline, "{:?} {index} does not listen", self.make);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn configure_mosquitto(&self) {
        let root = self.directory.path();
        certify(root);
        let file = |name: &str| root.join(name).display().to_string();
        for (index, port) in self.ports.iter().enumerate() {
            let mut text = format!("listener {port} 127.0.0.1\nallow_anonymous true\n");
            if index == 2 {
                text.push_str(&format!(
                    "cafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\n",
                    file("ca.pem"),
                    file("server.pem"),
                    file("server.key")
                ));
            }
            std::fs::write(root.join(format!("{index}.conf")), text).unwrap();
        }
    }

    fn configure_nats(&self) {
        let (clients, routes) = (free_ports(), free_ports());
        let all: Vec<String> = routes.iter().map(|port| format!("nats-route://127.0.0.1:{port}")).collect();
        for (index, port) in self.ports.iter().enumerate() {
            let store = self.directory.path().join(format!("store{index}"));
            let text = format!(
                "server_name: n{index}\nlisten: 127.0.0.1:{}\n\
                 jetstream {{ store_dir: {:?}, max_mem: 256M, max_file: 1G }}\n\
                 cluster {{ name: C1, listen: 127.0.0.1:{}, routes: [{}] }}\n\
                 mqtt {{ listen: 127.0.0.1:{port}, ack_wait: \"10s\", max_ack_pending: 1000 }}\n",
                clients[index],
                store.display().to_string(),
                routes[index],
                all.join(", ")
            );
            std::fs::write(self.directory.path().join(format!("{index}.conf")), text).unwrap();
        }
    }
}

/// An authority of this test, and certificates of a broker and a client.
fn certify(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    // A leaf of the same name as its authority would look as if it had signed itself.
    params.distinguished_name.push(DnType::CommonName, "authority of a test");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).unwrap();
    let write = |name: &str, text: String| {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        // The broker gives up its rights and must still read its own; a client's key is its owner's only.
        let mode = if name == "client.key" { 0o600 } else { 0o644 };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    write("ca.pem", authority.pem());
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755)).unwrap();
    let issuer = Issuer::new(params, key);
    for (name, subject) in [("server", "127.0.0.1"), ("client", "bodywire")] {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new([subject.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        write(&format!("{name}.pem"), certificate.pem());
        write(&format!("{name}.key"), key.serialize_pem());
    }
}

fn free_ports() -> [u16; 3] {
    // All are held until the last is found, so that they differ.
    let listeners = [(); 3].map(|()| TcpListener::bind(("127.0.0.1", 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn installed(test: &str, program: &str) -> Option<PathBuf> {
    let places = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let found = places.iter().map(|place| Path::new(place).join(program)).find(|path| path.is_file());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{test}: {program} is not installed");
        eprintln!("left out: {test} ({program} is not installed)");
    }
    found
}
