//! The clinic's side of BodyWire.
//!
//! ```text
//! paths ──► Ingest (sessions, reassembly) ──► Archive (ledger) ──► Store (index) ──► acknowledgement
//!                                                                     └──► Chart ──► Board ──► web ──► browser
//! ```
//!
//! [`ingest`], [`intake`] and [`chart`] are state machines without input or output; [`archive`] is the ledger with the keys to what is
//! in it; [`board`] is the state one bed's screen shows and [`web`] serves it; [`service`] ties them together;
//! [`mirrors`] sends the ledger to replicas; [`evaluators`] has them add up encrypted vectors, and finds those that lie.
//! Nothing here is a medical device.

pub mod aggregates;
mod alarm_log;
pub mod archive;
pub mod asks;
pub mod board;
pub mod chart;
mod counters;
mod erasure;
mod error;
pub mod evaluators;
pub mod gate;
mod index;
pub mod ingest;
pub mod intake;
pub mod limits;
pub mod mirrors;
pub mod record_read;
mod replicas;
mod scrub;
mod sensor_clock;
pub mod service;
mod settle;
mod trends;
pub mod web;

pub use asks::SensorAsk;
pub use counters::{Counters, PathCounters};
pub use error::Error;
pub use service::{Clinic, Config, Handle, HubCard};
pub use settle::{Acknowledge, Batch, UNSETTLED_MAX};
