//! What a replica says about a log that it holds.

use serde::Serialize;

/// How a log is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogState {
    /// Nothing was sent yet.
    NotBegun,
    /// All is well.
    Serving,
    /// The copy does not open.
    Damaged,
    /// It is closed for the time of a repair.
    InRepair,
}

/// How a peer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerState {
    /// It was not asked yet.
    Unknown,
    /// It has answered.
    Up,
    /// It does not answer.
    Away,
    /// It has sent what is not the log's.
    Lying,
}

/// The state of a log, and of the peers it would be repaired from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// How it is held.
    pub state: LogState,
    /// Why it does not open.
    pub why: Option<String>,
    /// Entries that are stored.
    pub size: u64,
    /// Root of the tree over them, in hexadecimal.
    pub root: String,
    /// Size of the checkpoint that the mirror has cosigned last.
    pub mirrored: Option<u64>,
    /// Size of the checkpoint that the witness has cosigned last; none when it was retired.
    pub witnessed: Option<u64>,
    /// Why witness and mirror no longer cosign this log.
    pub retired: Option<String>,
    /// Pieces of evidence against the log.
    pub evidence: u64,
    /// What the last look found damaged.
    pub damaged: Vec<String>,
    /// When all bytes were looked at last, in seconds since 1970.
    pub looked_at: Option<u64>,
    /// Peers by number, in the order of the configuration.
    pub peers: Vec<PeerState>,
}
