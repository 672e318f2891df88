//! Hub, clinic, brokers and sensors as processes of their own, with nothing in common but what a card says.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod aggregates;
mod doctor;
mod dump;
mod engines;
mod erasure;
mod outages;
mod process;
mod relay;
#[path = "../../../store/tests/server/mod.rs"]
mod server;
mod shards;
mod telemetry;
mod trust;
mod world;
