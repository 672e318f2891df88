//! The handshake's two ends together: every order of events within a bound, and a long drill at random.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod drill;
mod ratchet;
mod two_ends;
