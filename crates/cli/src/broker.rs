//! The brokers, one for each path: embedded ones on the loopback, or somebody else's.

use crate::args::BrokerAddress;
use crate::exit::Failure;
use mqtt5::broker::config::{StorageBackend, StorageConfig};
use mqtt5::broker::{BrokerConfig, BrokerShutdownHandle, MqttBroker};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Clients of one path: hub, clinic, and a few people who look at what is (not) to be seen.
const CLIENTS_MAX: usize = 32;
/// Largest packet: a fragment of the longest message, twice over.
const PACKET_BYTES_MAX: usize = 256 * 1024;
/// How long a broker may take to let its port go when it is restored.
const RESTORE_TIMEOUT: Duration = Duration::from_secs(3);

/// One path's broker.
pub(crate) struct Broker {
    address: BrokerAddress,
    /// Somebody else's: it is used, never started or stopped.
    external: bool,
    running: Option<(BrokerShutdownHandle, JoinHandle<()>)>,
}

impl Broker {
    /// Starts a broker on 127.0.0.1; port 0 takes any free one.
    pub(crate) async fn start(port: u16) -> Result<Self, Failure> {
        let address = BrokerAddress { host: Ipv4Addr::LOCALHOST.to_string(), port };
        let mut broker = Self { address, external: false, running: None };
        broker.restore().await.map_err(|why| Failure::Configuration {
            what: format!("port {port} for an embedded broker"),
            why,
            next: "choose three free ones with --mqtt-port N, or any with --mqtt-port 0".to_owned(),
        })?;
        Ok(broker)
    }

    /// A broker that is somebody else's.
    pub(crate) const fn external(address: BrokerAddress) -> Self {
        Self { address, external: true, running: None }
    }

    /// Where it listens, or listened.
    pub(crate) const fn address(&self) -> &BrokerAddress {
        &self.address
    }

    pub(crate) const fn is_external(&self) -> bool {
        self.external
    }

    pub(crate) const fn is_running(&self) -> bool {
        self.external || self.running.is_some()
    }

    /// Cuts the path: all connections end and nobody listens any more.
    pub(crate) async fn stop(&mut self) {
        if let Some((handle, task)) = self.running.take() {
            handle.shutdown();
            if tokio::time::timeout(RESTORE_TIMEOUT, task).await.is_err() {
                // Dropping the task's handle leaves it to end by itself; the port is asked for again on restore.
                handle.shutdown();
            }
        }
    }

    /// Brings the path back on the same port. It has forgotten everything.
    pub(crate) async fn restore(&mut self) -> Result<(), String> {
        if self.is_running() {
            return Ok(());
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.address.port));
        // Asked for beforehand, because the broker's own refusal fills a screen.
        std::net::TcpListener::bind(address).map_err(|error| error.to_string())?;
        let mut broker = MqttBroker::with_config(config(address)).await.map_err(|error| error.to_string())?;
        if let Some(address) = broker.local_addr() {
            self.address.port = address.port();
        }
        let handle = broker.shutdown_handle();
        let task = tokio::spawn(async move {
            if let Err(error) = broker.run().await {
                eprintln!("bodywire: an embedded broker stopped: {error}");
            }
        });
        self.running = Some((handle, task));
        Ok(())
    }
}

/// How an embedded broker is run: for two clients of ours, without a memory, and closed to nobody.
pub(crate) fn config(address: SocketAddr) -> BrokerConfig {
    let mut config = BrokerConfig {
        bind_addresses: vec![address],
        max_clients: CLIENTS_MAX,
        max_packet_size: PACKET_BYTES_MAX,
        sys_topics_enabled: false,
        storage_config: StorageConfig {
            backend: StorageBackend::Memory,
            enable_persistence: false,
            ..StorageConfig::default()
        },
        ..BrokerConfig::default()
    };
    // Anybody on this machine may listen: the paths are not trusted, and there is nothing to be read on them.
    config.auth_config.allow_anonymous = true;
    config
}
