//! What the gate has done, as numbers. No label says who, about whom or in which bed.

use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers of a gate.
#[derive(Debug, Default)]
pub struct Figures {
    /// Requests granted, those whose sensor is being asked among them.
    pub granted: AtomicU64,
    /// Requests refused.
    pub refused: AtomicU64,
    /// Glass broken.
    pub overrides: AtomicU64,
    /// Consents of class III sensors that were taken.
    pub consents: AtomicU64,
    /// Glass that is broken now.
    pub open: AtomicU64,
    /// Grants in force.
    pub grants: AtomicU64,
    /// Records in the journal that the ledger has not taken yet.
    pub journal: AtomicU64,
}

impl Figures {
    pub(super) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set(state: &AtomicU64, value: usize) {
        state.store(value as u64, Ordering::Relaxed);
    }
}
