//! The console's server, asked as a browser would ask it.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

mod access;
mod alarms;
mod asking;
mod attempts;
mod crowd;
mod events;
#[path = "../house/mod.rs"]
mod house;
mod openapi;
mod routes;
mod waves;
