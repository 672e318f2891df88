//! From ECG samples to beats, weighted correlation and an emergency verdict; WFDB reading and writing.
//!
//! Pure: no clock, randomness, file or socket. No heap.
#![no_std]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod error;
pub mod wfdb;

pub use error::Error;
