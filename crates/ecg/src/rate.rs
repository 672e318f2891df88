//! The sampling rate, checked once.

use crate::Error;

/// Lowest sampling rate in Hz: the 40 Hz band edge needs it, and QRS peaks need 10 ms.
pub const SAMPLE_RATE_MIN_HZ: f64 = 100.0;

/// Highest sampling rate in Hz: the strip and the moving windows are sized for it.
pub const SAMPLE_RATE_MAX_HZ: f64 = 1000.0;

/// A sampling rate between 100 and 1000 Hz.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleRate(f64);

impl SampleRate {
    /// Checks a rate in Hz.
    ///
    /// # Errors
    /// [`Error::SampleRate`] outside 100 to 1000 Hz.
    pub fn new(hz: f64) -> Result<Self, Error> {
        // Not a number fails the comparison too.
        if (SAMPLE_RATE_MIN_HZ..=SAMPLE_RATE_MAX_HZ).contains(&hz) {
            Ok(Self(hz))
        } else {
            Err(Error::SampleRate { hz })
        }
    }

    /// The rate in Hz.
    pub fn hz(self) -> f64 {
        self.0
    }

    /// `seconds` in samples, rounded.
    pub fn samples(self, seconds: f64) -> u64 {
        // Saturating cast: negative durations become 0.
        libm::round(seconds * self.0) as u64
    }

    /// `samples` in seconds.
    pub fn seconds(self, samples: u64) -> f64 {
        samples as f64 / self.0
    }
}
