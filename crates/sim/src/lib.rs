//! Simulated parts of a body area network, each from a seed: `puf`s, what a `patient` measures, and the `sensor` that
//! ties a PUF and a signal to the real protocol code. And the rivals: [`schemes`] that BodyWire is compared with.
//!
//! Nothing here is ever part of a device, and everything that comes out of it is marked as simulated. No clock: time
//! is an argument. Without the feature `std` only [`schemes`] is built, which needs no heap.
#![cfg_attr(not(feature = "std"), no_std)]

#[cfg(feature = "std")]
pub mod adversary;
#[cfg(feature = "std")]
pub mod agenda;
#[cfg(feature = "std")]
pub mod broadcast;
mod error;
#[cfg(feature = "std")]
pub mod measure;
#[cfg(feature = "std")]
pub mod patient;
#[cfg(feature = "std")]
pub mod puf;
#[cfg(feature = "std")]
pub mod radio;
#[cfg(feature = "std")]
pub mod responder;
pub mod schemes;
#[cfg(feature = "std")]
pub mod sensor;
#[cfg(feature = "std")]
pub mod world;

pub use error::Error;
