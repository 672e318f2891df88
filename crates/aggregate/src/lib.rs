//! Sums over encrypted vital signs, computed by whoever stores them and read by the ward only.
//!
//! Source: paper M, section 3.2, equations (1) to (4): a scheme is `(KG, Enc, Dec, Eval)`, with `W(v1 + v2) = W(v1) + W(v2)`
//! and `W(f v1) = f W(v1)`. Here KG is [`SecretKey::from_owner`] with [`PublicKey::generate`], Enc [`PublicKey::encrypt`],
//! Eval [`Sum`], Dec [`SecretKey::open`]. The paper names no scheme; [`parameters`] says which this is, and why.
//!
//! * A [`Vector`] holds thousands of small numbers in one ciphertext; its header says how large they can be by now, so that an
//!   addition that could wrap is refused before it is made ([`bounds`]).
//! * [`Readings`] and [`Totals`] put the vital signs of one patient and time window into such a vector: histograms, from which
//!   mean, variance, counts above any threshold and quantiles follow, and a series for the trend ([`layout`]).
//! * A [`Tag`] is a linear authenticator under a key that the evaluator lacks: a sum that leaves out, repeats, swaps or alters
//!   anything is found ([`tag`]).
//! * [`custody`] splits the owner's secret among people.
//!
//! The crate has no clock and no sockets, and randomness is an argument, with one exception that is the library's: `fhe` draws the
//! public half of a public key from the system's generator.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod bounds;
pub mod custody;
mod decrypt;
pub mod encoding;
mod encrypt;
pub mod error;
pub mod evaluate;
mod kernel;
pub mod keys;
pub mod layout;
mod owner;
pub mod parameters;
pub mod scheme;
pub mod statistics;
pub mod tag;
pub mod vector;

pub use bounds::Bounds;
pub use encoding::Encoding;
pub use error::Error;
pub use evaluate::Sum;
pub use keys::{KeyId, PublicKey, SecretKey};
pub use layout::{Readings, Totals, Vital};
pub use owner::{OWNER_BYTES, Owner};
pub use scheme::AdditiveHe;
pub use statistics::Distribution;
pub use tag::{Tag, TagKey};
pub use vector::{Stored, Vector, VectorRef};
