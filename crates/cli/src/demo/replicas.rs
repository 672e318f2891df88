//! Three replicas of the demo's ledger, in its process and spoken to over HTTP as if they were on other machines.

use crate::exit::Failure;
use crate::state::State;
use bodywire_clinic::mirrors::{MirrorAddress, Mirrors};
use bodywire_ledger::fsck;
use bodywire_ledger::{FileDisk, VerifierKey};
use bodywire_replica::{Config, FileDisks, Replica, log_hash, router};
use ed25519_dalek::SigningKey;
use serde::Serialize;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// So many there are.
const REPLICAS: usize = 3;
/// So many must have a report before its hub may forget it.
const QUORUM: usize = 2;

/// Running replicas.
pub(super) struct Replicas {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// A replica's copy, looked at when nobody runs any more.
#[derive(Debug, Serialize)]
pub(super) struct ReplicaSummary {
    entries: u64,
    pub(super) verified: bool,
}

fn directory(state: &State, number: usize) -> PathBuf {
    state.root().join(format!("replicas/{number}"))
}

/// Starts them, and says how the clinic reaches them.
pub(super) async fn start(state: &State, log: &VerifierKey) -> Result<(Replicas, Mirrors), Failure> {
    let broken = |error: std::io::Error| Failure::Failed(format!("no address for a replica: {error}"));
    let mut listeners = Vec::new();
    let mut bases = Vec::new();
    for _ in 0..REPLICAS {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(broken)?;
        bases.push(format!("http://{}", listener.local_addr().map_err(broken)?));
        listeners.push(listener);
    }
    let (stop, stopped) = watch::channel(false);
    let mut tasks = Vec::new();
    let mut addresses = Vec::new();
    for (number, (listener, base)) in (1..).zip(listeners.into_iter().zip(&bases)) {
        let key = |of: &str| {
            state.secret(&format!("keys/replica-{number}.{of}")).map(|secret| SigningKey::from_bytes(&secret))
        };
        let config = Config {
            name: format!("bodywire.invalid/demo/replica-{number}"),
            witness: key("witness")?,
            mirror: key("mirror")?,
            logs: vec![log.clone()],
            peers: bases.iter().filter(|other| *other != base).cloned().collect(),
            token: None,
            clock: || crate::now_ms() / 1000,
        };
        let disks = FileDisks::new(directory(state, number));
        let replica = tokio::task::block_in_place(|| Replica::open(config, disks))?;
        let (mirror, witness) = (replica.mirror_key()?, Some(replica.witness_key()?));
        addresses.push(MirrorAddress { base: base.clone(), mirror, witness });
        tasks.push(tokio::spawn(replica.clone().scrub(stopped.clone())));
        tasks.push(tokio::spawn(bodywire_replica::serve(listener, router(replica), stopped.clone())));
    }
    let mirrors = Mirrors::new(log.name(), addresses, QUORUM)
        .map_err(|error| Failure::Failed(format!("{error}; report this as a defect")))?;
    Ok((Replicas { stop, tasks }, mirrors))
}

impl Replicas {
    /// Lets what is running end, and waits for it.
    pub(super) async fn stop(self) -> Result<(), Failure> {
        self.stop.send_replace(true);
        for task in self.tasks {
            task.await?;
        }
        Ok(())
    }
}

/// Reads every byte of every copy.
pub(super) fn check(state: &State, log: &VerifierKey) -> Result<Vec<ReplicaSummary>, Failure> {
    (1..=REPLICAS)
        .map(|number| {
            let disk =
                FileDisk::open_read_only(&directory(state, number).join(log_hash(log.name())).join("log"));
            let report = fsck::check(&disk, &fsck::Options { key: Some(log.clone()), floor: 0 })?;
            Ok(ReplicaSummary { entries: report.entries, verified: report.is_sound() })
        })
        .collect()
}
