//! The scrubber: reads every byte of every copy again and again, and repairs what is damaged from the peers.

use crate::disks::{Disks, Part};
use crate::held::{Health, Held};
use crate::holding::Holding;
use crate::service::Replica;
use bodywire_ledger::{Disk, Error, Floor, VerifierKey, fsck, repair};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::watch;

/// Pause between two looks, at least.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The pause is at least this many times as long as the look took: a tenth of a core at most.
const PAUSE_FACTOR: u32 = 9;
/// Damaged places that are named: a status is read by people.
const NAMED_MAX: usize = 32;

impl<S: Disks> Replica<S> {
    /// Looks at all logs until `stop` is true.
    pub async fn scrub(self, mut stop: watch::Receiver<bool>) {
        loop {
            let begun = Instant::now();
            for held in self.inner.logs.values() {
                if *stop.borrow() {
                    return;
                }
                self.look(held).await;
            }
            let pause = (begun.elapsed() * PAUSE_FACTOR).max(PAUSE_MIN);
            let stopped = tokio::time::timeout(pause, stop.wait_for(|stop| *stop)).await;
            if stopped.is_ok() {
                return;
            }
        }
    }

    /// Looks at all logs once, and repairs them where that is possible.
    pub async fn look_once(&self) {
        for held in self.inner.logs.values() {
            self.look(held).await;
        }
    }

    async fn look(&self, held: &Arc<Held<S>>) {
        let (replica, held, handle) = (self.clone(), Arc::clone(held), Handle::current());
        let looked = tokio::task::spawn_blocking(move || replica.look_here(&held, &handle)).await;
        if looked.is_err() {
            tracing::error!("the scrubber has a defect");
        }
    }

    fn look_here(&self, held: &Held<S>, handle: &Handle) {
        self.inner.counters.looks.fetch_add(1, Relaxed);
        let begun = held.locked(|book| !matches!(book.copy, Holding::NotBegun));
        if !begun {
            return held.set_health(Health { looked_at: Some(self.now()), ..Health::default() });
        }
        let mut health = self.check(held);
        if !health.damaged.is_empty() {
            // It may have changed while it was read: a second look, with the writer waiting.
            health = held.locked(|_| self.check(held));
        }
        let open = held.locked(|book| matches!(book.copy, Holding::Open(_)));
        let sound = health.damaged.is_empty();
        if !sound {
            self.inner.counters.damaged.fetch_add(1, Relaxed);
            tracing::warn!(log = held.hash, places = health.damaged.len(), "a copy is damaged");
        }
        held.set_health(health);
        if !sound && self.inner.peers.count() > 0 {
            self.repair(held, handle);
        } else if !open && sound {
            let opened = held.locked(|book| book.reopen(&*held.disks, &held.hash));
            opened.unwrap_or_else(|error| tracing::error!(%error, "a copy does not open"));
        }
    }

    fn check(&self, held: &Held<S>) -> Health {
        let health = check(&held.disks.readable(&held.hash, Part::Copy), &held.key);
        Health { looked_at: Some(self.now()), ..health }
    }

    /// Repairs from the peers; whoever sends what does not fit is not asked again in this run.
    fn repair(&self, held: &Held<S>, handle: &Handle) {
        held.repairing(|book| {
            // Closed, since a directory is open once.
            book.copy = Holding::InRepair;
            let floor = book.floor();
            let mut trusted: HashSet<usize> = (0..self.inner.peers.count()).collect();
            while let Err((error, liar)) = self.repair_with(held, handle, floor, &trusted) {
                tracing::warn!(%error, log = held.hash, "a copy could not be repaired");
                match liar {
                    Some(peer) if trusted.remove(&peer) => self.inner.peers.accuse(peer),
                    _ => break,
                }
            }
            if let Err(error) = book.reopen(&*held.disks, &held.hash) {
                tracing::error!(%error, log = held.hash, "a copy does not open");
            }
            held.set_health(self.check(held));
        });
    }

    /// One run; on failure also which peer sent the last frame, if it is that which does not fit.
    fn repair_with(
        &self,
        held: &Held<S>,
        handle: &Handle,
        floor: Floor,
        trusted: &HashSet<usize>,
    ) -> Result<(), (Error, Option<usize>)> {
        let mut disk = held.disks.writable(&held.hash, Part::Copy).map_err(|error| (error, None))?;
        let mut last = None;
        let fetch = |first| {
            for peer in (0..self.inner.peers.count()).filter(|peer| trusted.contains(peer)) {
                let asked = self.inner.peers.frame(peer, &held.hash, &held.key, first);
                if let Some(frame) = handle.block_on(asked) {
                    last = Some(peer);
                    return Ok(Some(frame));
                }
            }
            last = None;
            Ok(None)
        };
        match repair::repair(&mut disk, &held.key, floor, fetch) {
            Ok(done) => {
                self.inner.counters.repaired.fetch_add(done.fetched.len() as u64, Relaxed);
                tracing::info!(log = held.hash, fetched = done.fetched.len(), "a copy was repaired");
                Ok(())
            }
            Err(error @ (Error::Malformed { .. } | Error::BadSignature { .. } | Error::Forked { .. })) => {
                Err((error, last))
            }
            Err(error) => Err((error, None)),
        }
    }
}

/// Looks at every byte.
pub(crate) fn check(disk: &impl Disk, key: &VerifierKey) -> Health {
    let options = fsck::Options { key: Some(key.clone()), floor: 0 };
    let mut health = Health::default();
    match fsck::check(disk, &options) {
        Ok(report) => {
            for finding in report.findings.iter().filter(|finding| finding.kind.is_failure()) {
                health.files.insert(finding.file.clone());
                if health.damaged.len() < NAMED_MAX {
                    health.damaged.push(finding.to_string());
                }
            }
        }
        Err(error) => health.damaged.push(error.to_string()),
    }
    // A copy that has lost everything has no finding where nothing claims that it was there.
    if disk.list("").is_ok_and(|files| files.is_empty()) {
        health.damaged.push("all files are gone".to_owned());
    }
    health
}
