//! A simulated SRAM PUF.
//!
//! Each cell has a skew, drawn once for a chip from a normal distribution, and powers up as one when skew plus noise is
//! positive (the hidden variable model of Maes, CHES 2013). With a noise of standard deviation `s` (in units of the
//! skew's), a reading differs from the noiseless one in a share of `atan(s) / pi` of the bits: 0.126 gives 4 %.
//!
//! Temperature moves each cell's skew by an amount of its own for each kelvin (same model). Age moves every skew toward
//! the value that the cell did not prefer, since the transistors that hold the preferred one are stressed most (Maes and
//! van der Leest, HOST 2014).

use super::normal::normal;
use bodywire_proto::puf::{Challenge, Puf, Response};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// Temperature at which a chip is enrolled, and without influence, in degrees Celsius.
pub const REFERENCE_CELSIUS: f64 = 25.0;
/// Standard deviation of a cell's drift for each kelvin away from the reference, in units of the skew's. Our choice: it
/// doubles the error rate of typical noise to 6 % at 85 degrees; measurements of SRAM between -40 and 85 degrees stay
/// below about 10 % (Katzenbeisser et al., CHES 2012).
pub const TEMPERATURE_PER_KELVIN: f64 = 0.002_76;
/// How far two years of use move a skew, in units of the skew's standard deviation. Chosen so that readings with typical
/// noise differ from the enrolled response in 19.3 % more bits than when new, as measured on sixteen chips under nominal
/// conditions (Wang, Selimis, Maes and Goossens, DATE 2020, arXiv 2007.15909).
pub const AGEING_TWO_YEARS: f64 = 0.0139;
/// Ageing goes with this power of time (reaction and diffusion of hydrogen: Alam and Mahapatra, Microelectronics
/// Reliability 45, 2005).
pub const AGEING_EXPONENT: f64 = 0.25;

/// Where and when a chip is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Environment {
    /// Temperature of the chip in degrees Celsius.
    pub celsius: f64,
    /// Years of use since enrolment, not negative.
    pub years: f64,
}

impl Environment {
    /// As when it was enrolled.
    pub const ENROLMENT: Self = Self { celsius: REFERENCE_CELSIUS, years: 0.0 };

    fn drift(&self) -> f64 {
        AGEING_TWO_YEARS * libm::pow(self.years.max(0.0) / 2.0, AGEING_EXPONENT)
    }
}

/// One chip.
pub struct SramPuf {
    chip: [u8; 32],
    noise: f64,
    skew_mean: f64,
    environment: Environment,
    readings: ChaCha20Rng,
}

impl SramPuf {
    /// The chip with this seed, read with `noise`; `readings` seeds the noise, which is another one after each power-up.
    pub fn new(chip: [u8; 32], noise: f64, readings: u64) -> Self {
        let readings = ChaCha20Rng::seed_from_u64(readings);
        Self { chip, noise, skew_mean: 0.0, environment: Environment::ENROLMENT, readings }
    }

    /// The same chip with cells that prefer one value: the skews' mean in units of their standard deviation. The share
    /// of ones is the normal distribution function of it; 0.324 gives the 62.7 % of Wang et al. (2020).
    pub const fn with_skew_mean(mut self, mean: f64) -> Self {
        self.skew_mean = mean;
        self
    }

    /// From now on it is read there and then.
    pub const fn set_environment(&mut self, environment: Environment) {
        self.environment = environment;
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

    /// How the same cells answer to heat: drawn apart from their skews.
    fn coefficients(&self, challenge: &Challenge) -> ChaCha20Rng {
        let mut rng = self.cells(challenge);
        // Far behind what the skews of the longest response take from the stream.
        rng.set_word_pos(1 << 32);
        rng
    }
}

impl Puf for SramPuf {
    fn respond(&mut self, challenge: &Challenge, response: &mut Response) {
        let (mut cells, mut coefficients) = (self.cells(challenge), self.coefficients(challenge));
        let heat = (self.environment.celsius - REFERENCE_CELSIUS) * TEMPERATURE_PER_KELVIN;
        let drift = self.environment.drift();
        for byte in response.as_mut_bytes() {
            *byte = (0..8).fold(0, |byte, bit| {
                let skew = self.skew_mean + normal(&mut cells);
                let heated = if heat == 0.0 { 0.0 } else { heat * normal(&mut coefficients) };
                let skew = skew - drift.copysign(skew) + heated;
                let level = skew + self.noise * normal(&mut self.readings);
                byte | u8::from(level > 0.0) << bit
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NOISE_TYPICAL, error_rate};
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

    /// Error rate of one chip against its noiseless response when new, over 2,000 blocks of 256 cells.
    fn errors(environment: Environment) -> f64 {
        let mut ideal = SramPuf::new([4; 32], 0.0, 0);
        let mut noisy = SramPuf::new([4; 32], NOISE_TYPICAL, 5);
        noisy.set_environment(environment);
        let bits: u32 =
            (0..2000).map(|block| read(&mut ideal, block).distance(&read(&mut noisy, block))).sum();
        f64::from(bits) / 512_000.0
    }

    #[test]
    fn heat_and_age_cost_what_their_constants_say() {
        let new = errors(Environment::ENROLMENT);
        assert!((new / error_rate(NOISE_TYPICAL) - 1.0).abs() < 0.04, "{new}");
        let aged = errors(Environment { celsius: REFERENCE_CELSIUS, years: 2.0 });
        assert!((aged / new - 1.193).abs() < 0.05, "{aged} after two years, {new} when new");
        let (hot, cold) = (85.0, -35.0);
        for celsius in [hot, cold] {
            let errors = errors(Environment { celsius, years: 0.0 });
            assert!((errors - 0.06).abs() < 0.002, "{errors} at {celsius} degrees");
        }
        assert!(errors(Environment { celsius: hot, years: 10.0 }) > 0.06);
    }

    #[test]
    fn a_chip_can_prefer_ones() {
        let mut chip = SramPuf::new([5; 32], 0.0, 0).with_skew_mean(0.324);
        let ones: u32 =
            (0..400).map(|block| read(&mut chip, block).distance(&Response::zeroed(32).unwrap())).sum();
        assert!((f64::from(ones) / 102_400.0 - 0.627).abs() < 0.006);
    }
}
