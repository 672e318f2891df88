//! Replicas over HTTP on loopback: growth, restarts, damage, lies and bad manners.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod evaluate;
mod growth;
mod lies;
mod manners;
mod repair;
mod ward;
