//! Replicas over HTTP on loopback: growth, restarts, damage, lies and bad manners.

#![allow(clippy::unwrap_used)]

mod growth;
mod lies;
mod manners;
mod repair;
mod ward;
