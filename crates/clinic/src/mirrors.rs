//! The writer's side of replicas: sends each what it does not have, and knows how far each has vouched.
//!
//! Each replica has a task of its own, so that one that is away delays nothing for the others. Nothing that a replica
//! says is believed but its cosignatures; a size that it names is only where the next frame is sent from. The bytes are in
//! `docs/replication.md`.

pub(crate) mod client;
mod one;

use crate::evaluators::Evaluators;
use bodywire_ledger::{Checkpoint, CosignerKey, Error, Hash, VerifierKey};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Replicas that a log is sent to. More cost the writer's uplink, and add nothing to a quorum that people can name.
pub const MIRRORS_MAX: usize = 16;

/// Events that wait to be taken. A fork repeats itself, so that one that finds no place comes again.
const EVENTS_MAX: usize = 64;

/// How long the start of a clinic waits for replicas: a ward must not be kept from its alarms by a node far away.
const HEAD_PATIENCE: Duration = Duration::from_secs(2);

/// Reads the log that is mirrored. Everything is durable here before it is asked for.
pub trait Frames: Send + Sync + 'static {
    /// The log's signed checkpoint of size 0, with which a copy begins.
    fn empty(&self) -> impl Future<Output = Result<String, Error>> + Send;
    /// The frame that begins at entry `first`.
    fn frame(&self, first: u64) -> impl Future<Output = Result<Vec<u8>, Error>> + Send;
    /// The signed checkpoint over all entries.
    fn checkpoint(&self) -> impl Future<Output = Result<String, Error>> + Send;
    /// What a witness that has cosigned `old` entries is asked
    /// ([`bodywire_ledger::witness::request_of`], over the published checkpoint).
    fn witness_request(&self, old: u64) -> impl Future<Output = Result<String, Error>> + Send;
}

/// A replica.
#[derive(Debug, Clone)]
pub struct MirrorAddress {
    /// Base address: `http://host:port`, with a path if there is one.
    pub base: String,
    /// The key its mirror cosigns with.
    pub mirror: CosignerKey,
    /// The key its witness cosigns with; without one it is not asked to.
    pub witness: Option<CosignerKey>,
}

/// How a replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MirrorState {
    /// It takes what it is sent.
    Up,
    /// It does not answer, or has no room now.
    Away,
    /// It answers nonsense, or cosigns what is not the log's.
    Lying,
    /// It refuses this log.
    Refused,
}

/// What is known of one replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorView {
    /// How it is.
    pub state: MirrorState,
    /// Entries that it has durably, by its own cosignature.
    pub mirrored: u64,
    /// Entries that its witness has cosigned.
    pub witnessed: u64,
    /// The mirror's signature line over the checkpoint of `mirrored` entries.
    pub mirror_line: Option<String>,
    /// The witness's signature line over the checkpoint of `witnessed` entries.
    pub witness_line: Option<String>,
}

impl Default for MirrorView {
    fn default() -> Self {
        let (mirror_line, witness_line) = (None, None);
        Self { state: MirrorState::Away, mirrored: 0, witnessed: 0, mirror_line, witness_line }
    }
}

/// Something that people must know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MirrorEvent {
    /// The replica holds another history under this log's key: this copy was restored from an old state, or the key is in
    /// two hands.
    Forked {
        /// Which replica, in the order in which they were given.
        mirror: usize,
    },
    /// The replica has more entries than this log: this copy has lost some.
    Ahead {
        /// Which replica.
        mirror: usize,
        /// Entries that it says it has.
        size: u64,
    },
}

/// Why the replicas cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MirrorsError {
    /// Too many, or a quorum that cannot be.
    #[error("{k} of {n} replicas is no quorum: name 1 to {MIRRORS_MAX} replicas and a quorum among them")]
    Quorum {
        /// How many must vouch.
        k: usize,
        /// How many there are.
        n: usize,
    },
    /// Not an address.
    #[error("the replica {0} is no address: write it as in http://replica-1.example:9580")]
    Address(String),
    /// A token that no request can carry. It is not in the text.
    #[error("the token for reading from replicas has letters that no request can carry: use visible ASCII")]
    Token,
    /// One key twice: it would count twice.
    #[error("the key of {0} is given twice: each replica has its own")]
    Key(String),
}

/// The replicas of a log, and how many of them make a quorum.
#[derive(Debug)]
pub struct Mirrors {
    addresses: Vec<MirrorAddress>,
    quorum: usize,
    origin: String,
    token: Option<client::Bearer>,
}

impl Mirrors {
    /// Replicas of the log of this name; `k` of them make a quorum.
    ///
    /// # Errors
    /// [`MirrorsError`].
    pub fn new(origin: &str, addresses: Vec<MirrorAddress>, k: usize) -> Result<Self, MirrorsError> {
        let n = addresses.len();
        if !(1..=MIRRORS_MAX).contains(&n) || !(1..=n).contains(&k) {
            return Err(MirrorsError::Quorum { k, n });
        }
        let mut keys = Vec::new();
        for address in &addresses {
            client::base(&address.base).ok_or_else(|| MirrorsError::Address(address.base.clone()))?;
            for key in std::iter::once(&address.mirror).chain(&address.witness) {
                if keys.contains(&key.key()) {
                    return Err(MirrorsError::Key(key.name().to_owned()));
                }
                keys.push(key.key());
            }
        }
        Ok(Self { addresses, quorum: k, origin: origin.to_owned(), token: None })
    }

    /// With the token that reading from the replicas needs.
    ///
    /// # Errors
    /// [`MirrorsError::Token`].
    pub fn with_token(self, token: &str) -> Result<Self, MirrorsError> {
        let token = Some(client::Bearer::new(token).ok_or(MirrorsError::Token)?);
        Ok(Self { token, ..self })
    }

    /// The largest head of the log that a replica can show, with the log's own signature on it: what a writer asks before it
    /// signs anything, since its own copy may have been restored from an old state. A replica that does not answer in
    /// time says nothing; one that needs another token for reading neither.
    pub async fn head(&self, key: &VerifierKey) -> Option<Checkpoint> {
        let path = format!("/{}/checkpoint", Hash::of(self.origin.as_bytes()));
        let asked = self.addresses.iter().map(|address| {
            let path = &path;
            async move {
                let text =
                    client::Client::new(&address.base).get(path, self.token.as_ref(), HEAD_PATIENCE).await?;
                Checkpoint::open(text.as_bytes(), key).ok()
            }
        });
        let heads = futures_util::future::join_all(asked).await;
        heads.into_iter().flatten().max_by_key(|head| head.size)
    }

    /// The same replicas as evaluators of sums.
    pub fn evaluators(&self) -> Evaluators {
        Evaluators::of(self.addresses.iter().map(|address| address.base.as_str()), self.token.clone())
    }

    /// Begins to send. It ends when the handle is dropped.
    pub fn spawn(self, frames: impl Frames) -> (MirrorsHandle, mpsc::Receiver<MirrorEvent>) {
        let (durable, _) = watch::channel(0);
        let (views, _) = watch::channel(vec![MirrorView::default(); self.addresses.len()]);
        let (mirrored, _) = watch::channel(0);
        let (witnessed, _) = watch::channel(0);
        let (events, taken) = mpsc::channel(EVENTS_MAX);
        let handle = MirrorsHandle { durable, views, mirrored, witnessed };
        let frames = Arc::new(frames);
        for (number, address) in self.addresses.into_iter().enumerate() {
            let shared = one::Shared {
                number,
                quorum: self.quorum,
                views: handle.views.clone(),
                mirrored: handle.mirrored.clone(),
                witnessed: handle.witnessed.clone(),
                events: events.clone(),
            };
            let one = one::One::new(address, &self.origin, Arc::clone(&frames), shared);
            tokio::spawn(one.run(handle.durable.subscribe()));
        }
        (handle, taken)
    }
}

/// What is told to the replicas' tasks, and what they tell. When it is dropped, they end.
#[derive(Debug)]
pub struct MirrorsHandle {
    durable: watch::Sender<u64>,
    views: watch::Sender<Vec<MirrorView>>,
    mirrored: watch::Sender<u64>,
    witnessed: watch::Sender<u64>,
}

impl MirrorsHandle {
    /// So many entries are durable here.
    pub fn durable(&self, size: u64) {
        self.durable.send_replace(size);
    }

    /// Entries that a quorum of mirrors has durably; it only grows.
    #[must_use]
    pub fn mirrored_size(&self) -> watch::Receiver<u64> {
        self.mirrored.subscribe()
    }

    /// Entries that a quorum of witnesses has cosigned; it only grows.
    #[must_use]
    pub fn witnessed(&self) -> watch::Receiver<u64> {
        self.witnessed.subscribe()
    }

    /// Each replica, in the order in which they were given.
    #[must_use]
    pub fn views(&self) -> watch::Receiver<Vec<MirrorView>> {
        self.views.subscribe()
    }
}

/// The largest size that at least `k` have reached.
fn kth_largest(sizes: impl Iterator<Item = u64>, k: usize) -> u64 {
    let mut sizes: Vec<u64> = sizes.collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    k.checked_sub(1).and_then(|place| sizes.get(place)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests;
