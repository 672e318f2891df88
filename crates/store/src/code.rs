//! The short code that a person says before break-glass, kept as its Argon2id hash (RFC 9106).
//!
//! Six digits are a million guesses: whoever holds the database finds one within hours. The code opens nothing without the
//! person's signing key, which is in no database; it is there so that a browser that was left open is not enough.

use crate::error::Error;
use argon2::{Algorithm, Argon2, Params, Version};
use subtle::ConstantTimeEq;

/// Digits of a code: what can be remembered for a shift and typed in an emergency.
pub const CODE_DIGITS: usize = 6;
/// Longest text that is hashed, in bytes. What is longer is no code, and is refused before it costs anything.
const CODE_BYTES_MAX: usize = 64;

/// A code as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeHash {
    /// Random, for this code alone.
    pub salt: [u8; 16],
    /// Argon2id of the code: 19 MiB, two passes, one lane, the crate's defaults.
    pub hash: [u8; 32],
}

impl CodeHash {
    /// Hashes a code. Takes some ten milliseconds; callers that must not wait hand it to another thread.
    ///
    /// # Errors
    /// [`Error::Code`] for a text longer than 64 bytes.
    pub fn new(code: &str, salt: [u8; 16]) -> Result<Self, Error> {
        if code.len() > CODE_BYTES_MAX {
            return Err(Error::Code("it is longer than 64 bytes".to_owned()));
        }
        let mut hash = [0; 32];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
            .hash_password_into(code.as_bytes(), &salt, &mut hash)
            .map_err(|error| Error::Code(error.to_string()))?;
        Ok(Self { salt, hash })
    }

    /// Whether this is the code; compared in constant time. As slow as [`Self::new`].
    pub fn is(&self, code: &str) -> bool {
        Self::new(code, self.salt).is_ok_and(|given| given.hash.ct_eq(&self.hash).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_known_again_and_no_other_is() {
        let kept = CodeHash::new("204815", [7; 16]).unwrap();
        assert!(kept.is("204815"));
        for other in ["204816", "", " 204815", "20481", &"9".repeat(65)] {
            assert!(!kept.is(other), "{other}");
        }
        let elsewhere = CodeHash::new("204815", [8; 16]).unwrap();
        assert_ne!(kept.hash, elsewhere.hash, "the salt counts");
        assert!(CodeHash::new(&"9".repeat(65), [0; 16]).is_err());
    }
}
