//! From ECG samples to beats, weighted correlation and an emergency verdict; WFDB reading and writing.
//!
//! Pure: no clock, randomness, file or socket. No heap, but with the feature `recordings` in the two rooms of
//! [`evaluate`] that look at whole ones.
#![no_std]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod bank;
mod bridge;
pub mod clean;
pub mod correlate;
pub mod decide;
pub mod detect;
mod error;
pub mod evaluate;
pub mod fibrillation;
pub mod identity;
mod mains;
pub mod monitor;
pub mod personal;
pub mod qualify;
mod rate;
pub mod segment;
pub mod settings;
pub mod strip;
pub mod synthetic;
pub mod template;
pub mod wfdb;

pub use error::Error;
pub use rate::{SAMPLE_RATE_MAX_HZ, SAMPLE_RATE_MIN_HZ, SampleRate};
