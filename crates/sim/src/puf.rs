//! A simulated SRAM PUF.
//!
//! Each cell has a skew, drawn once for a chip from a normal distribution, and powers up as one when skew plus noise is
//! positive. With a noise of standard deviation `s` (in units of the skew's), a reading differs from the noiseless one
//! in a share of `atan(s) / pi` of the bits: 0.126 gives 4 %.

use bodywire_proto::puf::{Challenge, Puf, Response};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// Noise of a good memory at room temperature: 3 % of the bits of a reading differ from the noiseless response.
pub const NOISE_TYPICAL: f64 = 0.0945;

/// One chip.
pub struct SramPuf {
    chip: [u8; 32],
    noise: f64,
    readings: ChaCha20Rng,
}

impl SramPuf {
    /// The chip with this seed, read with `noise`; `readings` seeds the noise, which is another one after each power-up.
    pub fn new(chip: [u8; 32], noise: f64, readings: u64) -> Self {
        Self { chip, noise, readings: ChaCha20Rng::seed_from_u64(readings) }
    }

    /// The cells of one block: the chip's seed and the block's address decide them.
    fn cells(&self, challenge: &Challenge) -> ChaCha20Rng {
        let mut rng = ChaCha20Rng::from_seed(self.chip);
        rng.set_stream(
            challenge
                .as_bytes()
                .iter()
                .fold(0, |address, byte| address << 8 ^ address >> 56 ^ u64::from(*byte)),
        );
        rng
    }
}

impl Puf for SramPuf {
    fn respond(&mut self, challenge: &Challenge, response: &mut Response) {
        let mut cells = self.cells(challenge);
        for byte in response.as_mut_bytes() {
            *byte = (0..8).fold(0, |byte, bit| {
                let level = normal(&mut cells) + self.noise * normal(&mut self.readings);
                byte | u8::from(level > 0.0) << bit
            });
        }
    }
}

/// A draw from the standard normal distribution (Box and Muller, 1958).
fn normal(rng: &mut ChaCha20Rng) -> f64 {
    let uniform = |rng: &mut ChaCha20Rng| (f64::from(rng.next_u32()) + 0.5) / 4_294_967_296.0;
    (-2.0 * uniform(rng).ln()).sqrt() * (std::f64::consts::TAU * uniform(rng)).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bodywire_hub::enrolment::{enroll, numbered_challenges};
    use bodywire_proto::handshake::Profile;
    use bodywire_proto::wire::Suite;

    fn read(puf: &mut SramPuf, block: u64) -> Response {
        let mut response = Response::new(&[0xff; 32]).unwrap();
        puf.respond(&block.to_be_bytes().into(), &mut response);
        response
    }

    /// Mean share of differing bits over a hundred blocks.
    fn distance(a: &mut SramPuf, b: &mut SramPuf) -> f64 {
        let bits: u32 = (0..100).map(|block| read(a, block).distance(&read(b, block))).sum();
        f64::from(bits) / 25_600.0
    }

    #[test]
    fn a_chip_is_like_itself_and_unlike_others() {
        let mut ideal = SramPuf::new([1; 32], 0.0, 0);
        let mut noisy = SramPuf::new([1; 32], NOISE_TYPICAL, 7);
        let intra = distance(&mut ideal, &mut noisy);
        assert!((intra - NOISE_TYPICAL.atan() / std::f64::consts::PI).abs() < 0.004, "{intra}");
        let inter = distance(&mut ideal, &mut SramPuf::new([2; 32], 0.0, 0));
        assert!((inter - 0.5).abs() < 0.01, "{inter}");
        assert!(distance(&mut ideal, &mut SramPuf::new([1; 32], 0.0, 9)) == 0.0);
    }

    #[test]
    fn the_typical_chip_can_be_enrolled() {
        let mut chip = SramPuf::new([3; 32], NOISE_TYPICAL, 1);
        let enrolled =
            enroll(&mut chip, Profile::Hardened(Suite::Polar256), numbered_challenges(64), &[], |_| {})
                .unwrap();
        assert!(enrolled.quality.reliability > 0.96, "{:?}", enrolled.quality);
    }
}
