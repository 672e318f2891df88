//! The console's server, asked as a browser would ask it.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

mod asking;
mod events;
mod routes;
mod waves;
