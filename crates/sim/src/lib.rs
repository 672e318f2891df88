//! Simulated parts of a body area network, each from a seed: [`puf`]s, what a [`patient`] measures, and the
//! [`sensor`] that ties a PUF and a signal to the real protocol code.
//!
//! Nothing here is ever part of a device, and everything that comes out of it is marked as simulated. No clock: time
//! is an argument.

mod error;
pub mod patient;
pub mod puf;
pub mod sensor;

pub use error::Error;
