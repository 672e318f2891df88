//! The radio between sensors and a hub that are processes of their own: UDP datagrams, one frame each, and an [`air`]
//! that loses, repeats, reorders and delays them on purpose.
//!
//! It stands for a body-area radio and is no more trustworthy than one.

pub mod air;
pub(crate) mod udp;
