//! `bodywire broker`: embedded brokers as a process of their own, each a path.

use crate::args::BrokerOptions;
use crate::broker;
use crate::config::BrokerTls;
use crate::config::files::Loaded;
use crate::exit::Failure;
use crate::{logging, ready};
use mqtt5::broker::config::TlsConfig;
use mqtt5::broker::{BrokerShutdownHandle, MqttBroker};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a broker may take to say goodbye to its clients.
const GOODBYE: Duration = Duration::from_secs(3);

/// A broker that runs.
struct Running {
    shutdown: BrokerShutdownHandle,
    task: JoinHandle<mqtt5::Result<()>>,
}

/// Runs the brokers until the process is asked to end.
pub fn run(options: &BrokerOptions) -> Result<(), Failure> {
    let loaded = options.config.as_deref().map(Loaded::read).transpose()?;
    logging::start(loaded.as_ref().map(|loaded| loaded.config.log));
    crate::block_on(serve(options, loaded.as_ref()))
}

async fn serve(options: &BrokerOptions, loaded: Option<&Loaded>) -> Result<(), Failure> {
    let (addresses, tls) = match loaded {
        Some(loaded) => {
            let section = loaded.config.broker.as_ref().ok_or_else(|| loaded.missing("broker", "broker"))?;
            let tls = section.tls.as_ref().map(|tls| tls_of(loaded, tls)).transpose()?;
            (section.listen.clone(), tls)
        }
        None => (options.listen.clone(), None),
    };
    let mut brokers = Vec::new();
    for address in addresses {
        let (running, address) = start(address, tls.clone()).await?;
        let how = if tls.is_some() { "with TLS" } else { "without TLS" };
        logging::say(&format!("broker on {address} {how}"));
        brokers.push(running);
    }
    ready();
    let mut stopped = false;
    while !stopped {
        tokio::select! {
            () = crate::asked_to_stop() => stopped = true,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        if let Some(ended) = brokers.iter_mut().find(|broker| broker.task.is_finished()) {
            let why = match (&mut ended.task).await? {
                Ok(()) => "it has ended by itself".to_owned(),
                Err(error) => error.to_string(),
            };
            return Err(Failure::Failed(format!("a broker has stopped: {why}; start it again")));
        }
    }
    for Running { shutdown, task } in brokers {
        shutdown.shutdown();
        // A client that does not let go ends with the process.
        let _ = tokio::time::timeout(GOODBYE, task).await;
    }
    Ok(())
}

/// Files for the broker, which opens them itself; that they are there and private is seen here.
fn tls_of(loaded: &Loaded, tls: &BrokerTls) -> Result<TlsConfig, Failure> {
    loaded.public(&tls.cert)?;
    loaded.secret(&tls.key)?;
    let mut config = TlsConfig::new(loaded.place(&tls.cert)?, loaded.place(&tls.key)?);
    if let Some(ca) = &tls.ca {
        loaded.public(ca)?;
        config.ca_file = Some(loaded.place(ca)?);
        config.require_client_cert = true;
    }
    Ok(config)
}

async fn start(address: SocketAddr, tls: Option<TlsConfig>) -> Result<(Running, SocketAddr), Failure> {
    let refused = |why: String| Failure::Configuration {
        what: format!("broker on {address}"),
        why,
        next: "choose a free address, or any port with port 0".to_owned(),
    };
    // Asked for beforehand, because the broker's own refusal fills a screen.
    std::net::TcpListener::bind(address).map_err(|error| refused(error.to_string()))?;
    let mut config = broker::config(address);
    if let Some(mut tls) = tls {
        tls.bind_addresses = std::mem::take(&mut config.bind_addresses);
        config.tls_config = Some(tls);
    }
    let mut broker = MqttBroker::with_config(config).await.map_err(|error| refused(error.to_string()))?;
    let bound = broker.local_addr().or_else(|| broker.tls_local_addr()).unwrap_or(address);
    let shutdown = broker.shutdown_handle();
    let task = tokio::spawn(async move { broker.run().await });
    Ok((Running { shutdown, task }, bound))
}
