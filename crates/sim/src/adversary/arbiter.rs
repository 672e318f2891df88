//! A 64-stage arbiter PUF in the additive delay model, as a device and as what an attacker learns of it (Lim et al., IEEE
//! Trans. VLSI 13, 2005; Rührmair et al., CCS 2010): `r = sign(w . phi(c))`, `phi_i = prod_{j >= i} (1 - 2 c_j)`.

use bodywire_proto::puf::{Challenge, Puf, Response};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// Stages.
const STAGES: usize = 64;
/// Delay differences: one for each stage, and one of the arbiter.
pub(super) const WEIGHTS: usize = STAGES + 1;
/// Noise in units of the delays' spread: 3 % of the bits of a reading differ from the noiseless response.
const NOISE: f64 = 0.0945;

/// A chip.
#[derive(Clone)]
pub(super) struct ArbiterPuf {
    weights: [f64; WEIGHTS],
    noise: f64,
    readings: ChaCha20Rng,
}

impl ArbiterPuf {
    /// The chip with this seed.
    pub(super) fn new(chip: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(chip);
        let weights = std::array::from_fn(|_| normal(&mut rng));
        Self { weights, noise: NOISE * (WEIGHTS as f64).sqrt(), readings: rng }
    }

    /// The same chip read often and averaged, as at enrolment.
    pub(super) fn enrolled(&self) -> Self {
        Self { noise: 0.0, ..self.clone() }
    }

    /// A chip that answers as a learnt model says.
    pub(super) fn model(weights: [f64; WEIGHTS]) -> Self {
        Self { weights, noise: 0.0, readings: ChaCha20Rng::seed_from_u64(0) }
    }
}

impl Puf for ArbiterPuf {
    fn respond(&mut self, challenge: &Challenge, response: &mut Response) {
        let mut stages = stages(challenge);
        for byte in response.as_mut_bytes() {
            *byte = (0..8).fold(0, |byte, bit| {
                let mut delay = dot(&self.weights, &features(stages.next_u64()));
                if self.noise > 0.0 {
                    delay += self.noise * normal(&mut self.readings);
                }
                byte | u8::from(delay > 0.0) << bit
            });
        }
    }
}

/// The challenges of the single bits, expanded from the one on the air. Public.
pub(super) fn stages(challenge: &Challenge) -> ChaCha20Rng {
    ChaCha20Rng::from_seed(Sha256::digest(challenge.as_bytes()).into())
}

/// `phi`.
pub(super) fn features(stages: u64) -> [f64; WEIGHTS] {
    let mut phi = [1.0; WEIGHTS];
    for i in (0..STAGES).rev() {
        phi[i] = if stages >> i & 1 == 1 { -phi[i + 1] } else { phi[i + 1] };
    }
    phi
}

/// The scalar product.
pub(super) fn dot(a: &[f64; WEIGHTS], b: &[f64; WEIGHTS]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A draw from the standard normal distribution (Box and Muller, 1958).
fn normal(rng: &mut ChaCha20Rng) -> f64 {
    let uniform = |rng: &mut ChaCha20Rng| (f64::from(rng.next_u32()) + 0.5) / 4_294_967_296.0;
    (-2.0 * uniform(rng).ln()).sqrt() * (std::f64::consts::TAU * uniform(rng)).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(puf: &mut ArbiterPuf, challenge: u64) -> Response {
        let mut response = Response::zeroed(80).unwrap();
        puf.respond(&Challenge::new(&challenge.to_be_bytes()).unwrap(), &mut response);
        response
    }

    #[test]
    fn a_chip_is_like_itself_and_unlike_others() {
        let (mut a, mut b) = (ArbiterPuf::new(1), ArbiterPuf::new(2));
        let mut ideal = a.enrolled();
        let share = |bits: u32| f64::from(bits) / (40.0 * 640.0);
        let intra = share((0..40).map(|c| read(&mut a, c).distance(&read(&mut ideal, c))).sum());
        assert!((intra - NOISE.atan() / std::f64::consts::PI).abs() < 0.01, "{intra}");
        let inter = share((0..40).map(|c| read(&mut a, c).distance(&read(&mut b, c))).sum());
        assert!((inter - 0.5).abs() < 0.15, "{inter}");
    }
}
