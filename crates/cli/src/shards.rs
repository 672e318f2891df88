//! Shards that several clinic processes share: a lease in the database says who serves which.
//!
//! A lease is a hint that saves two processes from getting into each other's way; what makes a second writer harmless is the
//! ledger's head register, which only one of them can advance.

use crate::exit::Failure;
use crate::{logging, now_ms};
use bodywire_channels::topic::Shard;
use bodywire_store::{Lease, Store};
use data_encoding::HEXLOWER as HEX;
use std::time::{Duration, Instant};

/// How long a lease lasts without its holder's word: a takeover takes this and the start of the clinic.
const LEASE: Duration = Duration::from_secs(3);
/// How often a holder says that it lives: two words may be lost.
const RENEW_EVERY: Duration = Duration::from_secs(1);
/// How often a spare process asks for a lease.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// A shard that this process serves.
pub(crate) struct Held {
    pub(crate) shard: Shard,
    lease: Lease,
    store: Store,
}

impl Held {
    /// Waits until one of the shards is free, and takes it.
    pub(crate) async fn acquire(store: &Store, shards: &[Shard]) -> Result<Self, Failure> {
        let owner = HEX.encode(&rand::random::<[u8; 8]>());
        let mut waiting = false;
        loop {
            for shard in shards {
                if let Some(lease) = store.acquire_lease(shard.name(), &owner, LEASE, now_ms()).await? {
                    logging::say(&format!("serving shard {}, term {}", shard.name(), lease.term));
                    return Ok(Self { shard: shard.clone(), lease, store: store.clone() });
                }
            }
            if !waiting {
                waiting = true;
                logging::say("every shard is served by another process; this one is a spare");
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// Keeps the lease; returns when it is lost.
    pub(crate) async fn keep(&self) -> Failure {
        let mut sure_until = Instant::now() + LEASE;
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            let asked = Instant::now();
            match tokio::time::timeout(LEASE, self.store.renew_lease(&self.lease, LEASE, now_ms())).await {
                Ok(Ok(true)) => sure_until = asked + LEASE,
                Ok(Ok(false)) => return self.lost("another process has taken it"),
                Ok(Err(error)) => tracing::warn!(%error, "the lease could not be renewed"),
                Err(_) => tracing::warn!("the database does not answer"),
            }
            if Instant::now() >= sure_until {
                return self.lost("the database could not be asked for too long");
            }
        }
    }

    fn lost(&self, why: &str) -> Failure {
        let name = self.shard.name();
        Failure::Failed(format!(
            "the lease of shard {name} is lost: {why}; start this process again as a spare"
        ))
    }

    /// Gives the lease back, so that a spare need not wait.
    pub(crate) async fn release(&self) -> Result<(), Failure> {
        self.store.release_lease(&self.lease).await?;
        Ok(())
    }
}
