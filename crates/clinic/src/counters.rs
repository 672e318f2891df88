//! What a clinic counts, for whoever runs it.

use crate::intake::Noticed;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a clinic has done so far.
#[derive(Debug, Default)]
pub struct Counters {
    /// Reports stored since the start.
    pub stored: AtomicU64,
    /// Encrypted vectors among them.
    pub vectors: AtomicU64,
    /// Reports that came again and were stored already.
    pub repeated: AtomicU64,
    /// Reports that came long after they were made, or after one that was made later.
    pub late: AtomicU64,
    /// Reports that came after one that was made later; they are among the late ones.
    pub out_of_order: AtomicU64,
    /// Messages that were not reports, or whose report was malformed.
    pub malformed: AtomicU64,
    /// Reports of sensors that no admitted card names; they are stored all the same.
    pub unknown_sensors: AtomicU64,
    /// Alarms of high priority raised.
    pub high_alarms: AtomicU64,
    /// All physiological alarms raised.
    pub alarms: AtomicU64,
    /// Fragments refused, but for repetitions.
    pub refused: AtomicU64,
    /// Reports found in the ledger and not in the database at the start.
    pub recovered: AtomicU64,
    /// Open sessions of hubs.
    pub sessions: AtomicU64,
    /// Bytes of messages that are not complete or wait for their turn.
    pub waiting_bytes: AtomicU64,
    /// Entries of the ledger.
    pub entries: AtomicU64,
    /// Entries that a quorum of replicas has durably.
    pub mirrored: AtomicU64,
    /// Entries that a quorum of witnesses has cosigned.
    pub witnessed: AtomicU64,
    /// Replicas that take what they are sent.
    pub replicas_up: AtomicU64,
    /// Reports that are stored here and wait for replicas.
    pub unsettled: AtomicU64,
    /// By path.
    pub paths: Vec<PathCounters>,
}

impl Counters {
    /// Adds what was noticed of messages.
    pub(crate) fn notice(&self, noticed: Noticed) {
        let Noticed { malformed, unknown_sensors, repeated, late, out_of_order } = noticed;
        for (counter, more) in [
            (&self.malformed, malformed),
            (&self.unknown_sensors, unknown_sensors),
            (&self.repeated, repeated),
            (&self.late, late),
            (&self.out_of_order, out_of_order),
        ] {
            counter.fetch_add(more, Ordering::Relaxed);
        }
    }
}

/// What has come in on a path.
#[derive(Debug, Default)]
pub struct PathCounters {
    /// 1 when its broker has accepted the connection.
    pub up: AtomicU64,
    /// 1 when it loses fragments, brings forged ones, or a hub is not connected to it.
    pub degraded: AtomicU64,
    /// Fragments that verified.
    pub verified: AtomicU64,
    /// Fragments that were forged or damaged, or did not fit the others: a path that lies is seen here.
    pub forged: AtomicU64,
    /// Everything else that was refused, but for repetitions.
    pub refused: AtomicU64,
}
