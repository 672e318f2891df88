//! Chance: what is random in a world comes from here, from the world's seed and a name, so that one part that draws more often
//! does not change what another one draws.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// A source of randomness of one part of a world.
#[derive(Debug, Clone)]
pub struct Chance {
    /// For machines that take one.
    pub rng: ChaCha20Rng,
}

impl Chance {
    /// That of the part with this name, in the world with this seed.
    #[must_use]
    pub fn new(seed: u64, part: &str) -> Self {
        Self { rng: ChaCha20Rng::from_seed(bytes(seed, part)) }
    }

    /// A number below `bound`; 0 when that is 0. The bias of the remainder is below 2^-32 for all bounds in use.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.rng.next_u64() % bound.max(1)
    }

    /// A number from `least` to `most`.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// True with this probability.
    pub fn happens(&mut self, probability: f64) -> bool {
        // Nothing is drawn for what never happens: most worlds have few faults.
        probability > 0.0 && f64::from(self.rng.next_u32()) < probability * 4_294_967_296.0
    }

    /// A time up to `most`.
    pub fn within(&mut self, most: Duration) -> Duration {
        let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        if nanos == 0 { Duration::ZERO } else { Duration::from_nanos(self.below(nanos)) }
    }

    /// One of several; `None` of none.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let index = usize::try_from(self.below(of.len() as u64)).ok()?;
        of.get(index)
    }

    /// Turns one bit over.
    pub fn change(&mut self, bytes: &mut [u8]) {
        let bit = self.below(8 * bytes.len() as u64);
        if let Some(byte) = usize::try_from(bit / 8).ok().and_then(|index| bytes.get_mut(index)) {
            *byte ^= 1 << (bit % 8);
        }
    }

    /// 32 random bytes.
    pub fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }
}

/// 32 bytes for a part of a world: keys, chips.
#[must_use]
pub fn bytes(seed: u64, part: &str) -> [u8; 32] {
    Sha256::new().chain_update(seed.to_be_bytes()).chain_update(part.as_bytes()).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_draw_for_themselves_and_a_seed_repeats() {
        let draws = |seed, part| {
            let mut chance = Chance::new(seed, part);
            (chance.below(1 << 40), chance.between(3, 5), chance.bytes())
        };
        assert_eq!(draws(1, "a"), draws(1, "a"));
        assert_ne!(draws(1, "a"), draws(1, "b"));
        assert_ne!(draws(1, "a"), draws(2, "a"));
        let mut chance = Chance::new(1, "c");
        assert!((0..100).all(|_| (3..=5).contains(&chance.between(3, 5)) && !chance.happens(0.0)));
        assert!((0..100).all(|_| chance.happens(1.0)));
        let mut one = [0u8; 4];
        chance.change(&mut one);
        assert_eq!(one.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
    }
}
