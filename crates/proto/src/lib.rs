//! What a body sensor and its hub must agree on, byte for byte.
//!
//! The crate has no heap, no clock, no random generator and no input or output of its own: bytes, time and
//! randomness are arguments, and what a state machine wants done is polled from it. The same code runs on a
//! microcontroller, in the hub, in a simulated world and under a fuzzer.
//!
//! ```text
//!   PUF ──► SensorHandshake ──m1 m2 m3 m4──► HubHandshake      mutual, one challenge-response pair per run
//!              │ Session                        │ Session
//!              ▼                                ▼
//!          RecordWriter ──────records──────► RecordReader       Ascon-AEAD128, replay window
//!              ▲                                │
//!            Batch (observation)              Report ──► end-to-end to the clinic
//! ```
//!
//! The protocol is described in `docs/protocol.md`; the papers' parts are mapped in `docs/paper-map.md`.
#![no_std]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

#[cfg(test)]
extern crate std;

pub mod access;
pub mod ask;
mod blake2s;
pub mod consent;
mod error;
pub mod handshake;
pub mod observation;
#[cfg(feature = "paper")]
pub mod paper;
pub mod polar;
pub mod prf;
pub mod puf;
pub mod receipt;
pub mod record;
pub mod report;
pub mod risk;
pub mod session;
pub mod window;
pub mod wire;

pub use error::{Error, Misbehaviour};
pub use risk::RiskClass;
