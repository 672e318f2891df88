//! The bedside hub (the papers' control node).
//!
//! ```text
//! frames ──► Link (handshake, records) ──► Bedside (emergency detector, batching) ──► Spool ──► Sender ──► paths
//! ```
//!
//! [`machine`] is the hub as a state machine, made of [`link`], [`bedside`] and a sender, without input or output;
//! [`spool`] is what survives a crash; [`service`] moves bytes and wakes timers.

pub mod asks;
pub mod bedside;
mod config;
mod counters;
pub mod enrolment;
mod error;
pub mod link;
pub mod machine;
pub mod pairs;
pub mod service;
pub mod spool;
mod vitals;

pub use config::Config;
pub use counters::{Counters, PathCounters};
pub use error::Error;
pub use machine::Machine;
pub use pairs::Pairs;
pub use service::Hub;
pub use vitals::{Aggregation, WINDOW_MAX, WINDOW_MIN};
