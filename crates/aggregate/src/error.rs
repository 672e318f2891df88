//! What is refused, and why.

use crate::encoding::Encoding;

/// A refusal. Nothing of a plaintext or of a key is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Bytes that are no vector, key or share.
    #[error("{what} is malformed: {why}")]
    Malformed {
        /// What it should have been.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A vector under another public key.
    #[error("the vectors are encrypted under different keys: {0} and {1}")]
    KeyMismatch(crate::KeyId, crate::KeyId),
    /// Vectors of different encodings cannot be added.
    #[error("a vector of encoding {0} does not go with one of encoding {1}")]
    EncodingMismatch(Encoding, Encoding),
    /// More values than a vector has places.
    #[error("{values} values do not fit into the {places} places of a vector")]
    TooManyValues {
        /// How many were given.
        values: usize,
        /// How many fit.
        places: usize,
    },
    /// A value above the bound that was declared for all of them.
    #[error("the value at place {place} is above the declared bound {bound}")]
    ValueOutOfRange {
        /// Which it is.
        place: usize,
        /// The bound.
        bound: u64,
    },
    /// A sum that could be larger than a place can hold. It is refused before it is made.
    #[error(
        "a place could reach {largest} and holds {limit}: add at most {max_batches} vectors at once, then decrypt and add the results"
    )]
    LaneOverflow {
        /// What the sum could reach.
        largest: u64,
        /// What a place holds.
        limit: u64,
        /// So many vectors with this bound can be added.
        max_batches: u64,
    },
    /// A sum whose noise could spoil the result. It is refused before it is made.
    #[error(
        "the squares of the weights add up to {weights}, and {limit} is what the noise budget allows: decrypt in parts"
    )]
    NoiseBudget {
        /// Sum of the squares of all weights.
        weights: u64,
        /// What is allowed.
        limit: u64,
    },
    /// A weight of zero: leave the vector out.
    #[error("a weight is zero: leave that vector out")]
    ZeroWeight,
    /// Nothing was added.
    #[error("a sum of no vectors has no key and no encoding: give at least one")]
    Empty,
    /// The result is not what the named inputs give, or was not encrypted for this key. One error for all of that, so that who
    /// sends forged results learns nothing from the answer.
    #[error("the result is not authentic: it is not the sum of the vectors that were named")]
    NotAuthentic,
    /// The rest that decryption leaves is too large for a sum that was allowed.
    #[error("the noise of the result is too large to be sure of it: it is refused")]
    NoiseExceeded,
    /// Too few shares, or shares that do not belong together.
    #[error("the shares do not give a key: {0}")]
    Shares(&'static str),
    /// The library refused what it must accept; a fault of this program.
    #[error("the library for the encryption refused its parameters: this is a fault of the program")]
    Library,
}

impl Error {
    pub(crate) const fn malformed(what: &'static str, why: &'static str) -> Self {
        Self::Malformed { what, why }
    }
}
