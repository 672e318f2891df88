//! Aggregates from reports in a ledger to answers, with replicas on loopback, and through the console's router.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod away;
mod functions;
#[expect(dead_code, reason = "the tests of access use the rest")]
#[path = "../house/mod.rs"]
mod house;
mod http;
mod record;
mod refusals;
mod replica;
mod replicas;
mod ward;
