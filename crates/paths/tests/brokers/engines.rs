//! Starts brokers, and listens to paths.

use bodywire_paths::{Broker, Delivery, Event, Path, Publication, Will};
use std::net::{TcpListener, TcpStream};
use std::path::{Path as File, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Nothing on the loopback takes this long, on a busy machine either.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A program this test needs, or nothing when it is not installed; in CI that is a failure.
pub(crate) fn engine(test: &str, program: &str) -> Option<PathBuf> {
    let places = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let found = places.iter().map(|place| File::new(place).join(program)).find(|path| path.is_file());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{test}: {program} is not installed");
        eprintln!("left out: {test} ({program} is not installed)");
    }
    found
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .expect("the test can be set up")
        .local_addr()
        .expect("the test can be set up")
        .port()
}

/// A broker that ends with its test.
pub(crate) struct Running {
    child: Child,
    pub(crate) port: u16,
    pub(crate) directory: tempfile::TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn start(mut command: Command, port: u16, directory: tempfile::TempDir) -> Self {
        let log = std::fs::File::create(directory.path().join("log")).expect("the test can be set up");
        let child = command
            .stdout(log.try_clone().expect("the test can be set up"))
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .expect("the test can be set up");
        let running = Self { child, port, directory };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "the broker does not listen: {}", running.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        running
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).expect("the test can be set up")
    }

    /// A description of the broker over plain TCP.
    pub(crate) fn broker(&self) -> Broker {
        Broker::plain("path", "127.0.0.1", self.port)
    }

    /// Ends the broker without a word, and starts one in its place that remembers nothing.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the test can be set up");
        self.child.wait().expect("the test can be set up");
    }

    pub(crate) fn start_again(&mut self, program: &File) {
        self.child = Command::new(program)
            .arg("-c")
            .arg(self.directory.path().join("broker.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the test can be set up");
    }
}

/// A Mosquitto on 127.0.0.1 with these lines after the one of its listener. `{dir}` is its directory, in which `files`
/// are.
pub(crate) fn mosquitto(program: &File, lines: &str, files: &[(&str, &[u8])]) -> Running {
    let directory = tempfile::tempdir().expect("the test can be set up");
    for (name, bytes) in files {
        std::fs::write(directory.path().join(name), bytes).expect("the test can be set up");
    }
    let port = free_port();
    let lines = lines.replace("{dir}", &directory.path().display().to_string());
    let config = directory.path().join("broker.conf");
    // As root, Mosquitto would become a user who may not read its directory.
    let text = format!("user root\nlog_type all\nlistener {port} 127.0.0.1\n{lines}\n");
    std::fs::write(&config, text).expect("the test can be set up");
    let mut command = Command::new(program);
    command.arg("-c").arg(&config);
    Running::start(command, port, directory)
}

/// A single NATS server with MQTT.
pub(crate) fn nats(program: &File) -> Running {
    let directory = tempfile::tempdir().expect("the test can be set up");
    let port = free_port();
    let config = directory.path().join("broker.conf");
    let store = directory.path().join("store");
    let text = format!(
        "server_name: n1\nlisten: 127.0.0.1:{}\njetstream {{ store_dir: \"{}\", max_mem: 64M, max_file: 64M }}\n\
         mqtt {{ listen: 127.0.0.1:{port} }}\n",
        free_port(),
        store.display()
    );
    std::fs::write(&config, text).expect("the test can be set up");
    let mut command = Command::new(program);
    command.arg("-c").arg(&config);
    Running::start(command, port, directory)
}

/// A path with the events that came out of it.
pub(crate) struct Listening {
    pub(crate) path: Path,
    events: mpsc::Receiver<(usize, Event)>,
}

impl Listening {
    pub(crate) fn to(broker: &Broker, client_id: &str, will: Option<Will>) -> Self {
        let (events_in, events) = mpsc::channel(64);
        let path = Path::connect(3, broker, client_id, will, events_in).expect("the test can be set up");
        Self { path, events }
    }

    pub(crate) async fn next(&mut self) -> Event {
        let event = tokio::time::timeout(PATIENCE, self.events.recv()).await;
        let (index, event) = event.expect("something happens").expect("the path goes on");
        assert_eq!(index, 3);
        eprintln!("{event:.200?}");
        event
    }

    /// Waits until the path is up and says which version it speaks.
    pub(crate) async fn up(&mut self) -> bodywire_paths::Version {
        loop {
            if let Event::Up { version } = self.next().await {
                return version;
            }
        }
    }

    /// Waits for the reason that the path is down.
    pub(crate) async fn down(&mut self) -> bodywire_paths::Reason {
        loop {
            if let Event::Down(reason) = self.next().await {
                return reason;
            }
        }
    }

    /// Waits for a message.
    pub(crate) async fn message(&mut self) -> (String, Vec<u8>) {
        loop {
            if let Event::Message { topic, payload } = self.next().await {
                return (topic, payload);
            }
        }
    }

    /// Listens to `topic`, and returns when the broker knows.
    pub(crate) async fn listen(&mut self, topic: &str) {
        assert!(self.path.subscribe(topic));
        assert!(self.path.subscribe("ready"));
        // A path keeps its order, so that one's own echo on the second subscription proves the first.
        assert!(self.path.publish(publication("ready", b"now")));
        assert_eq!(self.message().await.0, "ready");
    }

    /// Whatever comes within a while, which should be nothing.
    pub(crate) async fn quiet(&mut self) -> Option<Event> {
        let event = tokio::time::timeout(Duration::from_millis(400), self.events.recv()).await;
        event.ok().flatten().map(|(_, event)| event)
    }
}

pub(crate) fn publication(topic: &str, payload: &[u8]) -> Publication {
    let (topic, payload) = (topic.to_owned(), payload.to_vec());
    Publication { topic, payload, delivery: Delivery::AtLeastOnce, retain: false }
}
