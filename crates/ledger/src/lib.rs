//! A tamper-evident log that outside auditors can check with tools they already have.
//!
//! The tree is RFC 6962 (SHA-256); what is published is C2SP `tlog-tiles` with `tlog-checkpoint` heads in Ed25519
//! `signed-note`s. An entry is 128 bytes without personal data; the sealed payload lies beside the tree and is bound
//! to it by its hash, so that a payload can be erased and every proof stays valid.
//!
//! * [`Log`] appends batches durably (one write, one sync), reads, and publishes tiles and a checkpoint.
//! * [`fsck::check`] re-reads every byte of a directory and names what is wrong; it shares no code with the writer
//!   but the hash functions and the parsers of the format.
//! * [`prove`] makes and verifies inclusion proofs in the C2SP `tlog-proof` text form.
//!
//! The crate has no clock and no random numbers: times and keys are arguments, and Ed25519 signatures are
//! deterministic, so the same calls give the same bytes. Files are reached through [`Disk`] only.
//! The byte-exact format is in `docs/ledger-format.md`.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod audit;
mod chart;
pub mod checkpoint;
mod contents;
pub mod cosignature;
pub mod disk;
pub mod entry;
pub mod erase;
mod erasures;
pub mod error;
pub mod fsck;
pub mod hash;
pub mod head;
mod index;
mod locate;
pub mod log;
pub mod mem_disk;
pub mod merkle;
pub mod mirror;
pub mod note;
pub mod peer;
pub mod policy;
pub mod prove;
mod recovery;
pub mod repair;
mod resume;
mod scan;
pub mod segment;
pub mod snapshot;
mod stored;
mod tail;
pub mod tile;
mod window;
pub mod witness;

pub use checkpoint::{Checkpoint, Origin};
pub use cosignature::CosignerKey;
pub use disk::{Disk, FileDisk};
pub use entry::{Draft, Entry, EntryKind, KeyId, StreamId};
pub use erase::Erased;
pub use error::Error;
pub use hash::Hash;
pub use log::{Floor, KEY_FILE, Log};
pub use mem_disk::MemDisk;
pub use mirror::Mirror;
pub use note::VerifierKey;
pub use recovery::Recovery;
