//! What the bench and `bodywire report` both measure, so that it is measured in one way: real code at both ends, in memory.
//!
//! There is no clock here. What is timed takes one as an argument: [`Clock`] says how long something has been going on,
//! [`Stopwatch`] how long a call takes.

pub mod appends;
pub mod binomial;
pub mod delay;
pub mod handshake;
pub mod paillier;
pub mod paths;
pub mod session;
pub mod sums;

use crate::Error;
use std::time::Duration;

/// Time since some moment, of the caller's choice: by the clock on the wall, or of this thread on a processor.
pub type Clock = fn() -> Duration;

/// Says how long a call takes.
pub trait Stopwatch {
    /// Seconds of one call: the median of some turns.
    ///
    /// # Errors
    /// The call's, at the first that fails.
    fn seconds_each(&self, call: &mut dyn FnMut() -> Result<(), Error>) -> Result<f64, Error>;
}

/// An error of another crate, with what was measured.
fn failed<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> Error {
    move |error| Error::Measured { what, why: error.to_string() }
}

/// What came out is not what went in.
fn wrong(what: &'static str, why: &str) -> Error {
    Error::Measured { what, why: why.to_owned() }
}

/// A watch that always shows a second.
#[cfg(test)]
struct Once;

#[cfg(test)]
impl Stopwatch for Once {
    fn seconds_each(&self, call: &mut dyn FnMut() -> Result<(), Error>) -> Result<f64, Error> {
        call().map(|()| 1.0)
    }
}
