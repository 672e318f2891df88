//! `bodywire replica`: copies of ledgers as a process of its own.

use crate::args::{Output, ReplicaOptions};
use crate::config::ReplicaSection;
use crate::config::files::Loaded;
use crate::exit::Failure;
use crate::state::{Holder, State};
use crate::{logging, ready};
use bodywire_replica::{Config, Counters, FileDisks, Replica, router};
use ed25519_dalek::SigningKey;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Runs a replica until it is interrupted.
pub fn run(options: &ReplicaOptions) -> Result<(), Failure> {
    let loaded = options.config.as_deref().map(Loaded::read).transpose()?;
    logging::start(loaded.as_ref().map(|loaded| loaded.config.log));
    crate::block_on(serve(options, loaded.as_ref()))
}

/// What is to be run, and in which directory.
fn section(options: &ReplicaOptions, loaded: Option<&Loaded>) -> Result<(ReplicaSection, PathBuf), Failure> {
    match loaded {
        Some(loaded) => {
            let section =
                loaded.config.replica.clone().ok_or_else(|| loaded.missing("replica", "replica"))?;
            Ok((section, loaded.state()))
        }
        None => {
            let section = ReplicaSection {
                name: options.name.clone(),
                listen: options.listen,
                logs: options.logs.clone(),
                peers: options.peers.clone(),
                token: None,
            };
            Ok((section, options.state.clone()))
        }
    }
}

async fn serve(options: &ReplicaOptions, loaded: Option<&Loaded>) -> Result<(), Failure> {
    let (section, directory) = section(options, loaded)?;
    let token = match (loaded, &section.token) {
        (Some(loaded), Some(token)) => Some(loaded.password(token)?.to_string()),
        _ => None,
    };
    let state = State::open(&directory, Holder::Replica)?;
    state.set_of_roles()?;
    let key = |name: &str| state.secret(name).map(|secret| SigningKey::from_bytes(&secret));
    let config = Config {
        name: section.name.to_string(),
        witness: key("keys/witness")?,
        mirror: key("keys/mirror")?,
        logs: section.logs,
        peers: section.peers,
        token,
        clock: || crate::now_ms() / 1000,
    };
    let refused = |error: std::io::Error| Failure::Configuration {
        what: format!("replica.listen {}", section.listen),
        why: error.to_string(),
        next: "choose a free address, or any port with port 0".to_owned(),
    };
    let disks = FileDisks::new(state.replica());
    let replica = tokio::task::block_in_place(|| Replica::open(config, disks))?;
    let listener = TcpListener::bind(section.listen).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    logging::say(&format!("mirror key {}", replica.mirror_key()?));
    logging::say(&format!("witness key {}", replica.witness_key()?));
    logging::say(&format!("replica on http://{address}"));
    let counters = replica.counters();
    if let Some(listen) = loaded.and_then(|loaded| loaded.config.metrics) {
        let counted = Arc::clone(&counters);
        let figures = Arc::new(move || crate::metrics::of_replica(&counted));
        let address = crate::metrics::serve(listen, figures).await?;
        logging::say(&format!("metrics at http://{address}/metrics"));
    }
    let (stop, stopped) = watch::channel(false);
    let scrubber = tokio::spawn(replica.clone().scrub(stopped.clone()));
    let server = tokio::spawn(bodywire_replica::serve(listener, router(replica), stopped));
    ready();
    crate::asked_to_stop().await;
    stop.send_replace(true);
    // What is running ends first: a frame that is being stored is stored.
    server.await?;
    scrubber.await?;
    crate::print(&summary(&counters, options.output));
    Ok(())
}

/// Picks one of the counters.
type Pick = fn(&Counters) -> &AtomicU64;

const COUNTED: [(&str, Pick); 7] = [
    ("frames", |c| &c.frames),
    ("frame_bytes", |c| &c.frame_bytes),
    ("mirrored", |c| &c.mirrored),
    ("witnessed", |c| &c.witnessed),
    ("refused", |c| &c.refused),
    ("damaged", |c| &c.damaged),
    ("repaired", |c| &c.repaired),
];

fn summary(counters: &Counters, output: Output) -> String {
    let rows = COUNTED.map(|(name, counter)| (name, counter(counters).load(Ordering::Relaxed)));
    crate::rows(&rows, output)
}
