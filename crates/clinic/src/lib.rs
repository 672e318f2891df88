//! The clinic's side of BodyWire.
//!
//! [`board`] is the state one bed's screen shows: numerics, waves, alarms, paths, sensors, ledger. Ingest code writes it.
//! [`web`] serves that state to a browser and takes back acknowledgements. Nothing here is a medical device.

pub mod board;
mod error;
pub mod web;

pub use error::Error;
