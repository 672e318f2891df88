//! What a hub counts, for whoever runs it.

use std::sync::atomic::AtomicU64;

/// What a hub has done so far; read by whoever runs it.
#[derive(Debug, Default)]
pub struct Counters {
    /// Reports made.
    pub reports: AtomicU64,
    /// Reports the clinic has acknowledged.
    pub acknowledged: AtomicU64,
    /// Reports that wait in the spool.
    pub pending: AtomicU64,
    /// Bytes of the reports that wait in the spool.
    pub spool_bytes: AtomicU64,
    /// Reports that were not even made, because the spool was full.
    pub dropped: AtomicU64,
    /// Fragments that had to be sent again.
    pub resent: AtomicU64,
    /// Completed authentications.
    pub authentications: AtomicU64,
    /// Bits of the last authentication on the air.
    pub handshake_bits: AtomicU64,
    /// Frames, acknowledgements and prekeys that were refused.
    pub refused: AtomicU64,
    /// Samples of ECGs that have come, and those before them that have not: lost in the air, or while a sensor was away.
    pub ecg_samples: AtomicU64,
    /// See [`Self::ecg_samples`].
    pub ecg_samples_missing: AtomicU64,
    /// Payload bytes of the fragments that went out.
    pub fragment_bytes: AtomicU64,
    /// By path.
    pub paths: Vec<PathCounters>,
}

/// What has gone out on a path.
#[derive(Debug, Default)]
pub struct PathCounters {
    /// 1 when its broker has accepted the connection.
    pub up: AtomicU64,
    /// 1 when the clinic misses a tenth of what the path was given.
    pub degraded: AtomicU64,
    /// Fragments that went out.
    pub fragments: AtomicU64,
    /// Publications that the path could not take, because its queue was full or it was down.
    pub refused: AtomicU64,
}
