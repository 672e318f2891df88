//! The replica: its logs, its keys and its counters.

use crate::book::Cosigner;
use crate::disks::Disks;
use crate::evaluate::EVALUATIONS_MAX;
use crate::held::Held;
use crate::peers::{Peer, Peers};
use crate::upload::UPLOADS_MAX;
use bodywire_ledger::{CosignerKey, Hash, VerifierKey};
use ed25519_dalek::SigningKey;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::sync::Semaphore;

/// Frames that are read and sent at the same time: each is held in memory, up to 64 MiB.
pub(crate) const FRAME_READS_MAX: usize = 4;

/// What a replica needs to know.
pub struct Config {
    /// Its name; its cosigners are called `<name>/witness` and `<name>/mirror`.
    pub name: String,
    /// The witness's key. It must not be the mirror's.
    pub witness: SigningKey,
    /// The mirror's key.
    pub mirror: SigningKey,
    /// The logs that it holds.
    pub logs: Vec<VerifierKey>,
    /// Base addresses (`http://host:port`) of replicas that it is repaired from.
    pub peers: Vec<String>,
    /// With it, reading needs this bearer token. It is sent to the peers, too.
    pub token: Option<String>,
    /// Seconds since 1970.
    pub clock: fn() -> u64,
}

/// Why a replica cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A log's directory.
    #[error(transparent)]
    Ledger(#[from] bodywire_ledger::Error),
    /// One key for two cosigners, which C2SP tlog-cosignature forbids.
    #[error("witness and mirror have the same key: give each its own")]
    OneKey,
    /// The same log twice.
    #[error("the log {0} is given twice: name each once")]
    TwoLogs(String),
    /// An address of a peer.
    #[error("the peer {0} is no address: write it as in http://replica-2.example:9580")]
    Peer(String),
}

/// What it has done since it started.
#[derive(Debug, Default)]
pub struct Counters {
    /// Frames stored.
    pub frames: AtomicU64,
    /// Their bytes.
    pub frame_bytes: AtomicU64,
    /// Cosignatures of the mirror.
    pub mirrored: AtomicU64,
    /// Cosignatures of the witness.
    pub witnessed: AtomicU64,
    /// Requests refused.
    pub refused: AtomicU64,
    /// Looks at all bytes of a log.
    pub looks: AtomicU64,
    /// Looks that found damage.
    pub damaged: AtomicU64,
    /// Frames fetched from peers.
    pub repaired: AtomicU64,
    /// Sums of encrypted vectors.
    pub evaluations: AtomicU64,
    /// Vectors in them.
    pub vectors_added: AtomicU64,
}

/// The hash by which requests name a log: SHA-256 of its name, in hexadecimal (C2SP tlog-witness, tlog-mirror).
#[must_use]
pub fn log_hash(origin: &str) -> String {
    Hash::of(origin.as_bytes()).to_string()
}

/// Witness and mirror of the replica of this name.
pub(crate) fn cosigners(
    name: &str,
    witness: SigningKey,
    mirror: SigningKey,
) -> Result<(Cosigner, Cosigner), Error> {
    if witness.verifying_key() == mirror.verifying_key() {
        return Err(Error::OneKey);
    }
    let cosigner = |role: &str, key| Cosigner { name: format!("{name}/{role}"), key };
    let (witness, mirror) = (cosigner("witness", witness), cosigner("mirror", mirror));
    witness.key()?;
    mirror.key()?;
    Ok((witness, mirror))
}

/// A replica. Clones share it.
pub struct Replica<S: Disks> {
    pub(crate) inner: Arc<Inner<S>>,
}

impl<S: Disks> Clone for Replica<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

pub(crate) struct Inner<S: Disks> {
    pub(crate) witness: Cosigner,
    pub(crate) mirror: Cosigner,
    pub(crate) logs: BTreeMap<String, Arc<Held<S>>>,
    pub(crate) peers: Peers,
    pub(crate) token: Option<String>,
    pub(crate) clock: fn() -> u64,
    pub(crate) counters: Arc<Counters>,
    pub(crate) uploads: Semaphore,
    pub(crate) frame_reads: Semaphore,
    pub(crate) evaluations: Semaphore,
}

impl<S: Disks> Replica<S> {
    /// Opens all logs. What is stored is read and verified, which takes its time. A log that is damaged is held all the
    /// same, and says so.
    ///
    /// # Errors
    /// [`Error`].
    pub fn open(config: Config, disks: S) -> Result<Self, Error> {
        let (witness, mirror) = cosigners(&config.name, config.witness, config.mirror)?;
        let disks = Arc::new(disks);
        let mut logs = BTreeMap::new();
        for key in config.logs {
            let (hash, name) = (log_hash(key.name()), key.name().to_owned());
            let held = Arc::new(Held::open(Arc::clone(&disks), hash.clone(), key)?);
            if logs.insert(hash, held).is_some() {
                return Err(Error::TwoLogs(name));
            }
        }
        let peers = config.peers.into_iter().map(Peer::new).collect::<Result<_, _>>()?;
        let inner = Inner {
            witness,
            mirror,
            logs,
            peers: Peers::new(peers, config.token.clone()),
            token: config.token,
            clock: config.clock,
            counters: Arc::default(),
            uploads: Semaphore::new(UPLOADS_MAX),
            frame_reads: Semaphore::new(FRAME_READS_MAX),
            evaluations: Semaphore::new(EVALUATIONS_MAX),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The witness's key, for whoever trusts it.
    ///
    /// # Errors
    /// None: the name was checked when the replica was opened.
    pub fn witness_key(&self) -> Result<CosignerKey, bodywire_ledger::Error> {
        self.inner.witness.key()
    }

    /// The mirror's key, for whoever trusts it.
    ///
    /// # Errors
    /// None: the name was checked when the replica was opened.
    pub fn mirror_key(&self) -> Result<CosignerKey, bodywire_ledger::Error> {
        self.inner.mirror.key()
    }

    /// What it has done.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.inner.counters)
    }

    pub(crate) fn now(&self) -> u64 {
        (self.inner.clock)()
    }
}
