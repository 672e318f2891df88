//! Butterfly seed generation and the generator behind it (paper B, sections 3.2.1 (1) and 3.2.3, after its
//! reference 24).

use crate::error::Error;
use crate::wire::SensorId;
use shake::Shake128;
use shake::digest::{ExtendableOutput, Update, XofReader};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of everything the paper works with: 640 bits.
pub const SEED_BYTES: usize = 80;
/// How many different seeds there are. After that all challenges, keys and responses repeat.
pub const SEEDS_MAX: u16 = 640;

/// 640 bits.
pub type Block = [u8; SEED_BYTES];

/// What a side of the paper's protocol remembers: the initial seed and the variation, which moves on after each run.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SeedState {
    initial: Block,
    delta: u16,
}

impl SeedState {
    /// `initial` is the secret of the house, `delta` 0 to 639; anything higher is malformed.
    pub const fn new(initial: Block, delta: u16) -> Result<Self, Error> {
        if delta >= SEEDS_MAX {
            return Err(Error::malformed("seed", "the variation is beyond 639"));
        }
        Ok(Self { initial, delta })
    }

    /// The initial seed. Secret.
    pub const fn initial(&self) -> &Block {
        &self.initial
    }

    /// The present variation.
    pub const fn delta(&self) -> u16 {
        self.delta
    }

    /// The present seed.
    pub fn seed(&self) -> Seed {
        Seed::vary(&self.initial, self.delta)
    }

    /// Moves on to the next variation.
    pub const fn advance(&mut self) {
        self.delta = (self.delta + 1) % SEEDS_MAX;
    }
}

impl core::fmt::Debug for SeedState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SeedState(.., delta {})", self.delta)
    }
}

/// One of the 640 seeds.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Seed(Block);

impl Seed {
    /// `F(s0, delta) = s0 XOR (2^(delta+1) - 1)`: the bits from the lowest to the `delta`-th are inverted. Big-endian,
    /// so that bit 0 is the lowest bit of the last byte.
    pub fn vary(initial: &Block, delta: u16) -> Self {
        let mut seed = *initial;
        let inverted = usize::from(delta) + 1;
        for (i, byte) in seed.iter_mut().rev().enumerate() {
            let bits = inverted.saturating_sub(8 * i).min(8);
            *byte ^= ((1u16 << bits) - 1) as u8;
        }
        Self(seed)
    }

    /// `C ‖ K = SHAKE128(s ‖ ID ‖ "ban-p/CK")`: the challenge and the key of a run.
    pub fn challenge_and_key(&self, sensor: SensorId) -> (Block, Block) {
        let (mut challenge, mut key) = ([0; SEED_BYTES], [0; SEED_BYTES]);
        let mut output = self.generate(&[&sensor.0.to_be_bytes(), b"ban-p/CK"]);
        output.read(&mut challenge);
        output.read(&mut key);
        (challenge, key)
    }

    /// `C_T = SHAKE128(s ‖ ID ‖ T ‖ "ban-p/D")`: the keystream for data at the time variable `t`.
    pub fn keystream(&self, sensor: SensorId, t: u32, out: &mut [u8]) {
        self.generate(&[&sensor.0.to_be_bytes(), &t.to_be_bytes(), b"ban-p/D"]).read(out);
    }

    fn generate(&self, suffix: &[&[u8]]) -> impl XofReader + use<> {
        let mut xof = Shake128::default();
        xof.update(&self.0);
        suffix.iter().for_each(|part| xof.update(part));
        xof.finalize_xof()
    }

    #[cfg(test)]
    pub(super) const fn as_bytes(&self) -> &Block {
        &self.0
    }
}

impl core::fmt::Debug for Seed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Seed(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const S0: Block = {
        let mut s = [0u8; SEED_BYTES];
        let mut i = 0;
        while i < SEED_BYTES {
            s[i] = i as u8;
            i += 1;
        }
        s
    };

    #[test]
    fn the_lowest_bits_are_inverted() {
        for (delta, end) in [(0, [0x4d, 0x4e, 0x4e]), (7, [0x4d, 0x4e, 0xb0]), (8, [0x4d, 0x4f, 0xb0])] {
            assert!(Seed::vary(&S0, delta).as_bytes().ends_with(&end), "delta {delta}");
        }
        let all = Seed::vary(&S0, 639);
        assert!(all.as_bytes().iter().zip(S0).all(|(a, b)| *a == !b));
    }

    #[test]
    fn there_are_640_seeds_and_then_they_repeat() {
        let mut state = SeedState::new(S0, 0).unwrap();
        let mut seen = BTreeSet::new();
        for _ in 0..5_000 {
            seen.insert(*state.seed().as_bytes());
            state.advance();
        }
        assert_eq!(seen.len(), usize::from(SEEDS_MAX));
        assert!(SeedState::new(S0, SEEDS_MAX).is_err());
        assert_eq!(std::format!("{state:?}"), "SeedState(.., delta 520)");
    }

    /// FIPS 202: SHAKE128 of the empty message (NIST's example values).
    #[test]
    fn official_vector() {
        let mut output = [0u8; 16];
        Shake128::default().finalize_xof().read(&mut output);
        assert_eq!(output, 0x7f9c_2ba4_e88f_827d_6160_4550_7605_853e_u128.to_be_bytes());
    }

    #[test]
    fn reference_vectors_of_the_generator() {
        let seed = Seed::vary(&S0, 3);
        let (challenge, key) = seed.challenge_and_key(SensorId(1));
        assert!(challenge.starts_with(&[0x08, 0xc7, 0x3a, 0xb8, 0xf1, 0x93, 0x37, 0xf7]));
        assert!(key.starts_with(&[0x26, 0x69, 0x6e, 0x32, 0xd1, 0xc9, 0xec, 0xfa]));
        let mut stream = [0u8; 16];
        seed.keystream(SensorId(1), 1_000, &mut stream);
        let expected = 0x645d_67d8_045d_9d9d_d941_f2d7_7e05_cdf1_u128.to_be_bytes();
        assert_eq!(stream, expected);
    }
}
