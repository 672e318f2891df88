//! Simulated PUFs, each a chip from a seed: an SRAM that powers up, an arbiter over delay lines, and several arbiters
//! XORed. And [`metrics`], by which PUFs are judged.
//!
//! Real ones plug in by the trait [`bodywire_proto::puf::Puf`].

mod arbiter;
pub mod metrics;
mod normal;
mod sram;

pub use arbiter::{
    ArbiterPuf, CHAINS_MAX, STAGES, STAGES_MAX, SubChallenge, sub_challenge, sub_challenges, xor_error_rate,
};
pub use sram::{
    AGEING_EXPONENT, AGEING_TWO_YEARS, Environment, REFERENCE_CELSIUS, SramPuf, TEMPERATURE_PER_KELVIN,
};

/// Noise of a good PUF at room temperature: 3 % of the bits of a reading differ from the noiseless response. In units
/// of the standard deviation of what a bit is decided by, a cell's skew or a delay difference.
pub const NOISE_TYPICAL: f64 = 0.0945;

/// Share of bits in which a reading with `noise` differs from the noiseless response, when both what decides a bit and
/// its noise are normal: `atan(noise) / pi`.
pub fn error_rate(noise: f64) -> f64 {
    noise.atan() / std::f64::consts::PI
}
