//! A replica: another node that holds copies of logs and vouches for them.
//!
//! * As a **mirror** it takes over whole frames, entries and payloads, verifies each, and cosigns a checkpoint when all
//!   up to it is durable and published ([`bodywire_ledger::Mirror`]).
//! * As a **witness** it cosigns checkpoints that continue what it has cosigned before
//!   ([`bodywire_ledger::witness`], C2SP tlog-witness). The two have keys of their own.
//! * It reads its own bytes again and again, serves nothing that it knows to be damaged, and repairs itself from its peers,
//!   of whom it believes nothing.
//! * It adds up encrypted vectors of its copy on request, and cannot open one.
//!
//! [`Replica`] does that over HTTP with a clock; [`LogCopy`] does the same with one log by calls, with times as arguments.
//!
//! It has no key of a log and none that opens a payload. A log's own signature is what lets somebody write; the bytes of
//! requests and answers are in `docs/replication.md`.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod answer;
mod book;
mod copy;
mod disks;
mod evaluate;
mod evidence;
mod frames;
mod held;
mod holding;
mod http;
mod peers;
mod records;
mod scrub;
mod serve;
mod service;
mod status;
mod upload;

pub use answer::Refused;
pub use copy::LogCopy;
pub use disks::{Disks, FileDisks, MemDisks, Part};
pub use evaluate::{EVALUATE_BYTES_MAX, EVALUATIONS_MAX, TERMS_MAX, Terms, TermsError};
pub use evidence::EVIDENCE_MAX;
pub use http::{READ_TIMEOUT, router};
pub use peers::PEER_TIMEOUT;
pub use serve::{CONNECTIONS_MAX, HEAD_TIMEOUT, serve};
pub use service::{Config, Counters, Error, Replica, log_hash};
pub use status::{LogState, PeerState, Status};
pub use upload::{UPLOAD_BYTES_MAX, UPLOAD_TIME_MAX, UPLOADS_MAX};
