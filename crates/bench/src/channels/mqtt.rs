//! Mosquitto processes of our own, and connections to them.

use rumqttc::NetworkOptions;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Publications that wait inside a client: more than are ever under way here.
const QUEUE_MESSAGES: usize = 1_024;
/// Larger than every message and every fragment.
const PACKET_BYTES_MAX: u32 = 128 * 1024;
/// How long a broker may take to listen.
const START_MAX: Duration = Duration::from_secs(5);
/// Without these two limits Mosquitto drops or holds back what the bench sends as fast as it can. The third sends
/// small packets at once, as the clients do.
const LIMITS: &str = "max_inflight_messages 0\nmax_queued_messages 0\nset_tcp_nodelay true";

/// A broker that does not outlive the bench.
pub(crate) struct Broker {
    child: Child,
    pub(crate) port: u16,
    _directory: tempfile::TempDir,
}

impl Broker {
    /// Starts Mosquitto on a free port of the loopback interface. `Err` says what to install.
    pub(crate) fn start() -> Result<Self, String> {
        let places = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/opt/homebrew/sbin"];
        let program = places
            .iter()
            .map(|place| Path::new(place).join("mosquitto"))
            .find(|path| path.is_file())
            .ok_or("mosquitto is not installed; on Debian: apt-get install mosquitto")?;
        let failed = |what: &str, error: std::io::Error| format!("{what}: {error}");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map_err(|error| failed("no free port on 127.0.0.1", error))?
            .port();
        let directory = tempfile::tempdir().map_err(|error| failed("no temporary directory", error))?;
        let file = directory.path().join("mosquitto.conf");
        std::fs::File::create(&file)
            .and_then(|mut f| writeln!(f, "listener {port} 127.0.0.1\nallow_anonymous true\n{LIMITS}"))
            .map_err(|error| failed("the broker's configuration cannot be written", error))?;
        let child = Command::new(program)
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| failed("mosquitto does not start", error))?;
        let broker = Self { child, port, _directory: directory };
        let begun = Instant::now();
        while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if begun.elapsed() > START_MAX {
                return Err(format!("mosquitto does not listen on 127.0.0.1:{port} after {START_MAX:?}"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(broker)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One connection: MQTT 5 over TCP, clean start, small packets at once.
pub(crate) struct Connection {
    client: AsyncClient,
}

impl Connection {
    /// Connects. What arrives on `topic`, when there is one, goes to `heard`, in the task that reads the socket.
    pub(crate) async fn open(
        port: u16,
        id: &str,
        topic: Option<&str>,
        heard: impl FnMut(&[u8]) + Send + 'static,
    ) -> Self {
        let mut options = MqttOptions::new(id, "127.0.0.1", port);
        options.set_clean_start(true).set_max_packet_size(Some(PACKET_BYTES_MAX));
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        let (client, events) = AsyncClient::new(options, QUEUE_MESSAGES);
        let (ready, told) = oneshot::channel();
        if let Some(topic) = topic {
            client.subscribe(topic, QoS::AtLeastOnce).await.expect("an empty queue takes one request");
        }
        tokio::spawn(read(events, topic.is_some(), ready, heard));
        told.await.expect("a broker on the loopback interface accepts");
        Self { client }
    }

    /// Publishes with QoS 1; waits while the client's queue is full.
    pub(crate) async fn publish(&self, topic: &str, payload: Vec<u8>) {
        let published = self.client.publish(topic, QoS::AtLeastOnce, false, payload).await;
        published.expect("the connection outlives the bench");
    }
}

async fn read(
    mut events: EventLoop,
    subscribes: bool,
    ready: oneshot::Sender<()>,
    mut heard: impl FnMut(&[u8]),
) {
    let mut ready = Some(ready);
    // An error is the end of the broker, and of the bench.
    while let Ok(event) = events.poll().await {
        let is_ready = match event {
            Event::Incoming(Packet::ConnAck(_)) => !subscribes,
            Event::Incoming(Packet::SubAck(_)) => true,
            Event::Incoming(Packet::Publish(message)) => {
                heard(&message.payload);
                false
            }
            _ => false,
        };
        if is_ready && let Some(ready) = ready.take() {
            let _ = ready.send(());
        }
    }
}
