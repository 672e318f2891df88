//! The protocol as paper B prints it (Algorithm 1, sections 3.2.1 to 3.2.3), byte sizes included.
//!
//! **Not for patients.** It is here to be measured and attacked: a reflected M1 passes for M2, the seeds repeat after
//! 640 runs, acknowledgements are constant text, data is XORed with a keystream and checked by linear codes. A sensor in
//! production is built without the feature `paper` and does not contain it.
//!
//! The paper's symbols were reconstructed from its sentences: `C ‖ K = G(F(s0, delta) ‖ ID)`, `M1 = E_K(C XOR R)`,
//! `M2 = E_K(C XOR R')`, `E_K(x) = x XOR K`, since it "does not use symmetric encryption or asymmetric encryption", and G
//! is SHAKE128 (FIPS 202) where the paper names none. C and K are disjoint outputs: were they one, M1 would be R.

mod data;
mod fold;
mod parity;
mod run;
mod seed;
pub mod wire;

pub use data::{DATA_BYTES_MAX, DataKey, DataReader, DataWriter};
pub use fold::fold;
pub use parity::{insert_parity, remove_parity};
pub(crate) use run::{HubRun, SensorRun};
pub use run::{decrypt, encrypt};
pub use seed::{Block, SEED_BYTES, SEEDS_MAX, Seed, SeedState};

/// Bits in which a response may differ from the enrolled one, of 640: the acceptable error, about which the paper is
/// silent. At 128 another device passes with probability 2^-182 and a device with 10 % of noise fails once in 10^14.
pub const DISTANCE_MAX: u32 = 128;
