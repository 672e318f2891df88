//! Normal draws from a seeded generator.

use rand_chacha::ChaCha20Rng;
use rand_core::Rng;

/// A draw from the standard normal distribution (Box and Muller, 1958).
pub(super) fn normal(rng: &mut ChaCha20Rng) -> f64 {
    let uniform = |rng: &mut ChaCha20Rng| (f64::from(rng.next_u32()) + 0.5) / 4_294_967_296.0;
    // Not those of the platform: a seed means the same everywhere.
    libm::sqrt(-2.0 * libm::log(uniform(rng))) * libm::cos(std::f64::consts::TAU * uniform(rng))
}
