//! A simulated body-area radio: one star of sensors around a hub, bytes in and bytes out.
//!
//! | module | what it is |
//! |---|---|
//! | [`standard`] | times, rates and sizes of IEEE 802.15.4 and of IEEE 802.15.6 |
//! | [`path_loss`] | how much of a signal arrives: distance and the body's shadow |
//! | [`reception`] | from signal, noise and other signals to the chance that a frame is whole |
//! | [`csma`], [`tdma`] | who may send when |
//! | [`queue`] | what waits at a node |
//! | [`energy`] | what a node's radio uses, from data sheets |
//! | [`config`] | what a star's radio is made from |
//! | [`medium`] | all of it as one machine: `send`, `handle`, `poll`, `next_timeout` |
//! | [`star`] | a scenario: so many sensors, so much traffic, so long |
//! | [`outcome`] | the signals of a run, and of several |
//! | [`authentication`] | one run of each scheme and of the link's handshake over the radio |
//! | [`statistics`] | means, intervals, losses by reason |
//!
//! Everything is modelled; nothing was measured on a radio. One seed gives one run: the only source of chance is a
//! seeded generator, and formulas are computed in software ([`libm`]), so that machines agree to the last bit. What the
//! model leaves out: propagation delay (3 ns a metre), clock drift, other networks, and movement other than the body's
//! shadow. IEEE 802.15.4 with contention is compared with ns-3 by `scripts/cross-check-ns3`; the figures
//! are in `docs/figures/radio.md`. IEEE 802.15.6 and slots have no peer to be compared with.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod air;
pub mod authentication;
pub mod config;
pub mod csma;
mod ends;
pub mod energy;
pub mod medium;
pub mod outcome;
pub mod path_loss;
pub mod queue;
pub mod reception;
pub mod standard;
pub mod star;
pub mod statistics;
pub mod tdma;

pub use config::{Access, Config};
pub use medium::{Event, Medium, Reason};
pub use standard::Standard;
