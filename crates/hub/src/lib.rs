//! The bedside hub (the papers' control node).
//!
//! ```text
//! frames ──► Link (handshake, records) ──► Bedside (emergency detector, batching) ──► Spool ──► Sender ──► paths
//! ```
//!
//! [`link`] and [`bedside`] are state machines without input or output; [`spool`] is what survives a crash;
//! [`service`] moves bytes between them and wakes timers.

pub mod asks;
pub mod bedside;
pub mod enrolment;
mod error;
pub mod link;
pub mod pairs;
pub mod service;
pub mod spool;
mod vitals;

pub use error::Error;
pub use pairs::Pairs;
pub use service::{Config, Counters, Hub, PathCounters};
pub use vitals::{Aggregation, WINDOW_MAX, WINDOW_MIN};
