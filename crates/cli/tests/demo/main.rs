//! The whole system as its users run it: the binary, real brokers, real files.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod backup;
mod crash;
mod eavesdrop;
mod engines;
mod misuse;
mod run;
mod samples;
mod world;
