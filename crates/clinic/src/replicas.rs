//! The clinic's ledger as its replicas are told of it, and what they say.

use crate::archive::Archive;
use crate::mirrors::{Frames, MirrorEvent, MirrorState, MirrorView, Mirrors, MirrorsHandle};
use bodywire_ledger::{Error, VerifierKey, witness};
use std::sync::{Arc, Weak};
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, watch};
use tokio::task::block_in_place;

/// Replicas that are being fed.
pub(crate) struct Replicas {
    handle: MirrorsHandle,
    mirrored: watch::Receiver<u64>,
    events: mpsc::Receiver<MirrorEvent>,
}

impl Replicas {
    pub(crate) fn start(mirrors: Mirrors, archive: Arc<Mutex<Archive>>, key: &VerifierKey) -> Self {
        let source = Source { archive: Arc::downgrade(&archive), key: key.clone() };
        let (handle, events) = mirrors.spawn(source);
        Self { mirrored: handle.mirrored_size(), handle, events }
    }

    /// So many entries are durable here.
    pub(crate) fn durable(&self, size: u64) {
        self.handle.durable(size);
    }

    /// Entries that a quorum has durably.
    pub(crate) fn mirrored(&self) -> u64 {
        *self.mirrored.borrow()
    }

    /// Entries that a quorum of witnesses has cosigned.
    pub(crate) fn witnessed(&self) -> u64 {
        *self.handle.witnessed().borrow()
    }

    /// Replicas that take what they are sent.
    pub(crate) fn up(&self) -> u64 {
        self.views().iter().filter(|view| view.state == MirrorState::Up).count() as u64
    }

    pub(crate) fn views(&self) -> Vec<MirrorView> {
        self.handle.views().borrow().clone()
    }

    /// Returns when a quorum has more.
    pub(crate) async fn changed(&mut self) {
        // Its sender lives as long as the handle.
        let _ = self.mirrored.changed().await;
    }

    /// What people must know of, in words for the board.
    pub(crate) fn news(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.events.try_recv().ok())
            .map(|event| match event {
                MirrorEvent::Forked { mirror } => {
                    format!("LEDGER FORKED, replica {} holds another history", mirror + 1)
                }
                MirrorEvent::Ahead { mirror, size } => {
                    format!("LEDGER ROLLED BACK, replica {} has {size} records", mirror + 1)
                }
            })
            .collect()
    }
}

struct Source {
    /// The clinic's own: a request to a replica that is slow must not keep the ledger from whoever opens it next.
    archive: Weak<Mutex<Archive>>,
    key: VerifierKey,
}

impl Source {
    async fn archive(&self) -> Result<OwnedMutexGuard<Archive>, Error> {
        // Without a clinic there is nothing to show; the sending ends with it.
        Ok(self.archive.upgrade().ok_or(Error::Unpublished)?.lock_owned().await)
    }
}

impl Frames for Source {
    async fn empty(&self) -> Result<String, Error> {
        self.archive().await?.log().empty_checkpoint()
    }

    async fn frame(&self, first: u64) -> Result<Vec<u8>, Error> {
        let mut archive = self.archive().await?;
        block_in_place(|| archive.log().frame(first))
    }

    async fn checkpoint(&self) -> Result<String, Error> {
        self.archive().await?.log().signed_checkpoint()
    }

    async fn witness_request(&self, old: u64) -> Result<String, Error> {
        let mut archive = self.archive().await?;
        block_in_place(|| witness::request_of(archive.log().disk(), &self.key, old))
    }
}
