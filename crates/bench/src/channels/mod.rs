//! What a message over several paths costs, beside one that is only encrypted.

pub(crate) mod delay;
pub(crate) mod latency;
mod mqtt;
pub(crate) mod paths;
pub(crate) mod throughput;
