//! Where acts go: the clinic's ledger, with the database's index behind it, or whatever else keeps them.

use super::act::Act;
use crate::archive::Archive;
use bodywire_ledger::{EntryKind, VerifierKey};
use bodywire_store::{ActRow, Store};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Weak;
use tokio::sync::Mutex;

/// What becomes of an act: its entry, or nothing when the place does not take it now.
pub type Appending<'a> = Pin<Box<dyn Future<Output = Option<u64>> + Send + 'a>>;

/// A place that keeps acts.
pub trait Acts: Send + Sync {
    /// Appends an act ([`Act::to_bytes`]) at its time; it is durable there when its entry is returned.
    fn append<'a>(&'a self, kind: EntryKind, act: &'a Act) -> Appending<'a>;
}

/// A ledger that is open.
#[derive(Clone)]
pub struct LedgerPlace {
    /// Its writer. Only a clinic that runs holds it.
    pub archive: Weak<Mutex<Archive>>,
    /// Its name.
    pub origin: String,
    /// Its directory.
    pub directory: PathBuf,
    /// Verifies its checkpoints.
    pub key: VerifierKey,
}

/// A ledger, and the database that has an index of its acts.
pub(super) struct Indexed {
    ledger: LedgerPlace,
    store: Store,
}

impl Indexed {
    pub(super) const fn new(ledger: LedgerPlace, store: Store) -> Self {
        Self { ledger, store }
    }

    async fn note(&self, kind: EntryKind, act: &Act) -> Option<u64> {
        let archive = self.ledger.archive.upgrade()?;
        let entry = archive.lock().await.note(kind, &act.to_bytes(), act.at_ms).await;
        drop(archive);
        let entry = entry.inspect_err(|error| tracing::error!(%error, "the ledger took no record")).ok()?;
        let (store, origin, row) = (self.store.clone(), self.ledger.origin.clone(), row_of(kind, entry, act));
        // Derived, and nothing waits for it: after a crash, or when this fails, it is made anew from the ledger.
        tokio::spawn(async move {
            if let Err(error) = store.add_acts(&origin, &[row]).await {
                tracing::error!(%error, "a record of access is in the ledger and not in the index");
            }
        });
        Some(entry)
    }
}

impl Acts for Indexed {
    fn append<'a>(&'a self, kind: EntryKind, act: &'a Act) -> Appending<'a> {
        Box::pin(self.note(kind, act))
    }
}

/// What the index says of an act.
pub(crate) fn row_of(kind: EntryKind, entry: u64, act: &Act) -> ActRow {
    let mut person = [0; 16];
    if let Ok(bytes) = data_encoding::HEXLOWER.decode(act.person.as_bytes())
        && let Ok(bytes) = <[u8; 16]>::try_from(bytes)
    {
        person = bytes;
    }
    ActRow {
        ledger_index: entry,
        kind: kind.code(),
        at_ms: act.at_ms,
        bed: act.bed,
        patient: act.patient,
        person,
        purpose: act.purpose.clone(),
    }
}
