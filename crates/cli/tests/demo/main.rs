//! The whole system as its users run it: the binary, real brokers, real files.

mod crash;
mod eavesdrop;
mod engines;
mod misuse;
mod run;
mod samples;
mod world;
