//! Arbiter PUFs in the additive delay model (Lim, 2004; Rührmair et al., CCS 2010), one or several XORed (Suh and
//! Devadas, DAC 2007).
//!
//! Two signals race through `n` stages; bit `i` of a sub-challenge crosses them or not, and the arbiter says which came
//! first. The delay difference is linear: `D = w · phi`, with `phi_i = prod_{j >= i} (1 - 2 c_j)` for i = 0 to n - 1 and
//! `phi_n = 1`. A bit of the response is `[D + noise > 0]`, or the XOR of that over several chains which all get the
//! same sub-challenge.
//!
//! A response of many bits to one challenge needs many sub-challenges. They come out of a **public** expansion of the
//! challenge, [`sub_challenges`]: nothing secret protects them, and an attacker computes them as the device does.

use super::normal::normal;
use crate::error::Error;
use bodywire_proto::puf::{Challenge, Puf, Response};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use shake::Shake128;
use shake::digest::{ExtendableOutput, Update, XofReader};

/// Stages of a chain: the usual length in the literature on modelling attacks (Rührmair et al., CCS 2010).
pub const STAGES: usize = 64;
/// Longest chain that a sub-challenge can address.
pub const STAGES_MAX: usize = 128;
/// Most chains that are XORed: at typical noise eight leave a fifth of the bits wrong, and more is no PUF any more.
pub const CHAINS_MAX: usize = 8;

/// Which stages cross the two signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SubChallenge {
    bits: u128,
    stages: usize,
}

impl SubChallenge {
    /// Stage `i` crosses when bit `i` is set. Bits beyond `stages` (1 to [`STAGES_MAX`]) are dropped.
    pub fn new(bits: u128, stages: usize) -> Result<Self, Error> {
        if !(1..=STAGES_MAX).contains(&stages) {
            return Err(Error::Limit { limit: "STAGES_MAX", value: STAGES_MAX as u64 });
        }
        Ok(Self { bits: bits & (u128::MAX >> (STAGES_MAX - stages)), stages })
    }

    /// Whether stage `i` crosses.
    pub const fn crosses(&self, stage: usize) -> bool {
        self.bits >> stage & 1 == 1
    }

    /// Number of stages.
    pub const fn stages(&self) -> usize {
        self.stages
    }

    /// `phi`: what the delay difference is linear in, `stages + 1` values of 1 or -1, the last always 1. This is what a
    /// modelling attack learns from.
    pub fn features(&self) -> Vec<f64> {
        let mut features = vec![1.0; self.stages + 1];
        for i in (0..self.stages).rev() {
            features[i] = if self.crosses(i) { -features[i + 1] } else { features[i + 1] };
        }
        features
    }
}

/// The sub-challenges that a challenge is expanded to, one for each bit of the response, without end.
///
/// `SHAKE128("bodywire puf" | stages 1 | challenge)`, cut into pieces of `ceil(stages / 8)` bytes; bit `i` of a piece,
/// the least significant of its first byte being 0, is stage `i`. Public.
pub fn sub_challenges(
    challenge: &Challenge,
    stages: usize,
) -> Result<impl Iterator<Item = SubChallenge> + use<>, Error> {
    let first = SubChallenge::new(0, stages)?;
    let mut hash = Shake128::default();
    hash.update(b"bodywire puf");
    hash.update(&[stages as u8]);
    hash.update(challenge.as_bytes());
    let mut stream = hash.finalize_xof();
    let mask = u128::MAX >> (STAGES_MAX - stages);
    Ok(std::iter::repeat_with(move || {
        let mut bytes = [0; STAGES_MAX / 8];
        stream.read(&mut bytes[..stages.div_ceil(8)]);
        SubChallenge { bits: u128::from_le_bytes(bytes) & mask, ..first }
    }))
}

/// The sub-challenge behind bit `bit` of the response to `challenge`: one of [`sub_challenges`].
pub fn sub_challenge(challenge: &Challenge, bit: usize, stages: usize) -> Result<SubChallenge, Error> {
    sub_challenges(challenge, stages)?.nth(bit).ok_or(Error::Misuse("the expansion has no end"))
}

/// Error rate of `chains` XORed arbiters of which each is wrong in a share `single` of its bits:
/// `(1 - (1 - 2 single)^chains) / 2`.
pub fn xor_error_rate(single: f64, chains: usize) -> f64 {
    (1.0 - (1.0 - 2.0 * single).powi(chains as i32)) / 2.0
}

/// A chip with one or more chains.
pub struct ArbiterPuf {
    /// For each chain `stages + 1` weights.
    chains: Vec<Vec<f64>>,
    stages: usize,
    /// Standard deviation of the noise of one race.
    noise: f64,
    readings: ChaCha20Rng,
}

impl ArbiterPuf {
    /// The chip with this seed: `chains` (1 to [`CHAINS_MAX`]) of [`STAGES`] stages. `noise` is in units of the standard
    /// deviation of a delay difference; `readings` seeds it.
    pub fn new(chip: [u8; 32], chains: usize, noise: f64, readings: u64) -> Result<Self, Error> {
        let mut rng = ChaCha20Rng::from_seed(chip);
        let chains = (0..chains).map(|_| chain(&mut rng, STAGES)).collect();
        // The variances of the weights add up to the number of stages.
        Self::with_weights(chains, noise * (STAGES as f64).sqrt(), readings)
    }

    /// A chip with these weights, for instance learnt ones: for each chain one for each stage and a last one.
    /// `noise` is the standard deviation of the noise of one race, in the weights' unit.
    pub fn with_weights(chains: Vec<Vec<f64>>, noise: f64, readings: u64) -> Result<Self, Error> {
        if !(1..=CHAINS_MAX).contains(&chains.len()) {
            return Err(Error::Limit { limit: "CHAINS_MAX", value: CHAINS_MAX as u64 });
        }
        let stages = chains.first().map_or(0, |chain| chain.len().saturating_sub(1));
        SubChallenge::new(0, stages)?;
        if chains.iter().any(|chain| chain.len() != stages + 1) {
            return Err(Error::Misuse("chains that are XORed have the same number of stages"));
        }
        Ok(Self { chains, stages, noise, readings: ChaCha20Rng::seed_from_u64(readings) })
    }

    /// The weights of each chain. What an attacker is after.
    pub fn weights(&self) -> &[Vec<f64>] {
        &self.chains
    }

    /// Number of stages of each chain.
    pub const fn stages(&self) -> usize {
        self.stages
    }

    /// The delay difference of each chain, without noise.
    pub fn delays(&self, sub_challenge: &SubChallenge) -> Vec<f64> {
        let features = sub_challenge.features();
        let delay = |chain: &Vec<f64>| chain.iter().zip(&features).map(|(w, phi)| w * phi).sum();
        self.chains.iter().map(delay).collect()
    }

    /// The bit without noise.
    pub fn ideal_bit(&self, sub_challenge: &SubChallenge) -> bool {
        self.delays(sub_challenge).iter().fold(false, |bit, delay| bit ^ (*delay > 0.0))
    }

    /// One reading of the bit.
    pub fn read_bit(&mut self, sub_challenge: &SubChallenge) -> bool {
        let delays = self.delays(sub_challenge);
        delays.iter().fold(false, |bit, delay| bit ^ (delay + self.noise * normal(&mut self.readings) > 0.0))
    }
}

/// The weights of one chain from the delays of its stages, each with two delay differences, straight and crossed, drawn
/// from a standard normal distribution. A weight sums half the differences of two neighbouring stages.
fn chain(rng: &mut ChaCha20Rng, stages: usize) -> Vec<f64> {
    let mut weights = vec![0.0; stages + 1];
    for stage in 0..stages {
        let (straight, crossed) = (normal(rng), normal(rng));
        weights[stage] += (straight - crossed) / 2.0;
        weights[stage + 1] += (straight + crossed) / 2.0;
    }
    weights
}

impl Puf for ArbiterPuf {
    fn respond(&mut self, challenge: &Challenge, response: &mut Response) {
        // The number of stages was checked when the chip was made.
        let Ok(mut subs) = sub_challenges(challenge, self.stages) else { return };
        for byte in response.as_mut_bytes() {
            *byte = subs
                .by_ref()
                .take(8)
                .enumerate()
                .fold(0, |byte, (bit, sub)| byte | u8::from(self.read_bit(&sub)) << bit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NOISE_TYPICAL, error_rate};
    use super::*;

    fn read(puf: &mut ArbiterPuf, challenge: u64) -> Response {
        let mut response = Response::zeroed(64).unwrap();
        puf.respond(&challenge.to_be_bytes().into(), &mut response);
        response
    }

    fn distance(a: &mut ArbiterPuf, b: &mut ArbiterPuf) -> f64 {
        let bits: u32 = (0..60).map(|challenge| read(a, challenge).distance(&read(b, challenge))).sum();
        f64::from(bits) / (60.0 * 512.0)
    }

    #[test]
    fn features_are_the_products_of_the_later_stages() {
        let sub = SubChallenge::new(0b1_0110, 4).unwrap();
        assert_eq!((0..4).map(|i| sub.crosses(i)).collect::<Vec<_>>(), [false, true, true, false]);
        assert_eq!(sub.features(), [1.0, 1.0, -1.0, 1.0, 1.0]);
        assert!(SubChallenge::new(0, 0).is_err() && SubChallenge::new(0, STAGES_MAX + 1).is_err());
    }

    /// Against the race itself: both signals go through every stage, crossed or straight.
    #[test]
    fn the_linear_model_is_the_race() {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let stages: Vec<(f64, f64)> = (0..16).map(|_| (normal(&mut rng), normal(&mut rng))).collect();
        let mut weights = vec![0.0; 17];
        for (i, (straight, crossed)) in stages.iter().enumerate() {
            weights[i] += (straight - crossed) / 2.0;
            weights[i + 1] += (straight + crossed) / 2.0;
        }
        let puf = ArbiterPuf::with_weights(vec![weights], 0.0, 0).unwrap();
        for bits in 0..2000u128 {
            let sub = SubChallenge::new(bits * 33, 16).unwrap();
            let race =
                (0..16).fold(
                    0.0,
                    |lead: f64, i| {
                        if sub.crosses(i) { -lead + stages[i].1 } else { lead + stages[i].0 }
                    },
                );
            assert!((puf.delays(&sub)[0] - race).abs() < 1e-9);
        }
    }

    #[test]
    fn the_expansion_is_public_and_fixed() {
        let challenge = Challenge::from([7; 8]);
        let first: Vec<_> = sub_challenges(&challenge, 64).unwrap().take(300).collect();
        assert_eq!(sub_challenge(&challenge, 299, 64).unwrap(), first[299]);
        assert_ne!(first[0], sub_challenge(&Challenge::from([8; 8]), 0, 64).unwrap());
        // Computed with Python's hashlib: shake_128(b"bodywire puf" + bytes([64]) + bytes([7] * 8)).digest(8).
        assert_eq!(first[0].bits, u128::from(u64::from_le_bytes(EXPANSION_VECTOR)));
        let crossings: u32 = first.iter().map(|sub| sub.bits.count_ones()).sum();
        assert!((f64::from(crossings) / (300.0 * 64.0) - 0.5).abs() < 0.02);
    }

    const EXPANSION_VECTOR: [u8; 8] = [114, 25, 61, 43, 241, 134, 178, 54];

    #[test]
    fn noise_and_xor_follow_their_laws() {
        for chains in [1, 2, 4, 8] {
            let mut ideal = ArbiterPuf::new([1; 32], chains, 0.0, 0).unwrap();
            let mut noisy = ArbiterPuf::new([1; 32], chains, NOISE_TYPICAL, 3).unwrap();
            let (measured, law) =
                (distance(&mut ideal, &mut noisy), xor_error_rate(error_rate(NOISE_TYPICAL), chains));
            // One chip's delays spread a little more or less than the average chip's.
            assert!((measured / law - 1.0).abs() < 0.2, "{chains} chains: {measured} against {law}");
        }
        assert!((xor_error_rate(0.05, 4) - 0.172).abs() < 0.001);
    }

    #[test]
    fn a_chip_is_unlike_others() {
        for chains in [1, 4] {
            let mut one = ArbiterPuf::new([1; 32], chains, 0.0, 0).unwrap();
            let mut other = ArbiterPuf::new([2; 32], chains, 0.0, 0).unwrap();
            let inter = distance(&mut one, &mut other);
            assert!((inter - 0.5).abs() < 0.12, "{chains} chains: {inter}");
            assert!(distance(&mut one, &mut ArbiterPuf::new([1; 32], chains, 0.0, 9).unwrap()) == 0.0);
        }
    }

    #[test]
    fn impossible_chips_are_refused() {
        assert!(ArbiterPuf::new([1; 32], 0, 0.0, 0).is_err());
        assert!(ArbiterPuf::new([1; 32], CHAINS_MAX + 1, 0.0, 0).is_err());
        assert!(ArbiterPuf::with_weights(vec![vec![1.0; 65], vec![1.0; 64]], 0.0, 0).is_err());
        assert!(ArbiterPuf::with_weights(vec![vec![1.0]], 0.0, 0).is_err());
    }
}
