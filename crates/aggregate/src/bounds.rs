//! What is known of a vector without opening it: how large its numbers and its noise can be.

use crate::encoding::Encoding;
use crate::error::Error;

/// Bounds that each operation brings up to date before it touches a ciphertext.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// No place holds more than this.
    pub largest: u64,
    /// Sum of the squares of the weights of all fresh vectors in it; 1 for a fresh one.
    pub weights: u64,
    /// Fresh vectors in it.
    pub batches: u64,
}

impl Bounds {
    /// A fresh vector whose values are at most `largest`.
    pub const fn fresh(largest: u64) -> Self {
        Self { largest, weights: 1, batches: 1 }
    }

    /// The bounds of `weight` times a vector.
    ///
    /// # Errors
    /// [`Error::ZeroWeight`], [`Error::LaneOverflow`] and [`Error::NoiseBudget`] when the product would be no longer sure.
    pub fn scaled(self, weight: u32, encoding: Encoding) -> Result<Self, Error> {
        if weight == 0 {
            return Err(Error::ZeroWeight);
        }
        let by = u64::from(weight);
        let scaled = Self {
            largest: self.largest.saturating_mul(by),
            weights: self.weights.saturating_mul(by.saturating_mul(by)),
            batches: self.batches,
        };
        scaled.checked(encoding, self.largest.max(1))
    }

    /// The bounds of a sum.
    ///
    /// # Errors
    /// [`Error::LaneOverflow`] and [`Error::NoiseBudget`] when the sum would be no longer sure.
    pub fn plus(self, other: Self, encoding: Encoding) -> Result<Self, Error> {
        let sum = Self {
            largest: self.largest.saturating_add(other.largest),
            weights: self.weights.saturating_add(other.weights),
            batches: self.batches.saturating_add(other.batches),
        };
        sum.checked(encoding, other.largest.max(1))
    }

    /// Itself when nothing can wrap. `each` is the bound of one more vector, for the advice.
    pub(crate) fn checked(self, encoding: Encoding, each: u64) -> Result<Self, Error> {
        let (limit, weights_max) = (encoding.largest(), encoding.weights_max());
        if self.largest > limit {
            return Err(Error::LaneOverflow {
                largest: self.largest,
                limit,
                max_batches: (limit / each).min(weights_max),
            });
        }
        if self.weights > weights_max {
            return Err(Error::NoiseBudget { weights: self.weights, limit: weights_max });
        }
        Ok(self)
    }

    /// How many fresh vectors with the bound `largest` can be added.
    pub const fn batches_max(largest: u64, encoding: Encoding) -> u64 {
        let by_value = match encoding.largest().checked_div(largest) {
            Some(by_value) => by_value,
            None => u64::MAX,
        };
        let by_noise = encoding.weights_max();
        if by_value < by_noise { by_value } else { by_noise }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_vector_that_fits_is_accepted_and_the_next_refused() {
        let each = Bounds::fresh(300);
        let mut sum = each;
        for _ in 1..Bounds::batches_max(300, Encoding::Series) {
            sum = sum.plus(each, Encoding::Series).unwrap();
        }
        // 3,495 by size, 3,348 by noise.
        assert_eq!(sum.batches, 3_348);
        assert!(matches!(sum.plus(each, Encoding::Series), Err(Error::NoiseBudget { limit: 3_348, .. })));
        let large = Bounds::fresh(1_000_000);
        let refused = large.plus(Bounds::fresh(300), Encoding::Series);
        assert_eq!(refused, Ok(Bounds { largest: 1_000_300, weights: 2, batches: 2 }));
        let refused = large.plus(large, Encoding::Series);
        assert_eq!(
            refused,
            Err(Error::LaneOverflow { largest: 2_000_000, limit: 1_048_575, max_batches: 1 })
        );
    }

    #[test]
    fn weights_count_by_their_squares_and_never_wrap() {
        let one = Bounds::fresh(10).scaled(50, Encoding::Series).unwrap();
        assert_eq!(one, Bounds { largest: 500, weights: 2_500, batches: 1 });
        assert!(matches!(one.scaled(2, Encoding::Series), Err(Error::NoiseBudget { weights: 10_000, .. })));
        assert_eq!(one.scaled(0, Encoding::Series), Err(Error::ZeroWeight));
        let most = Bounds { largest: u64::MAX, weights: u64::MAX, batches: u64::MAX };
        assert!(most.scaled(u32::MAX, Encoding::Wide).is_err());
        assert!(most.plus(most, Encoding::Wide).is_err());
    }
}
