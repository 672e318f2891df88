//! A "generator" that gives out bytes fixed beforehand, so that a run is the one the hub has answered. A device has a
//! generator of its own, whose time is not in the figures; the copy of these bytes is.

use crate::aligned::Aligned;
use core::convert::Infallible;
use rand_core::{TryCryptoRng, TryRng};

/// Gives out the bytes of one run, then zeros.
#[derive(Debug)]
pub struct FixedRng {
    bytes: Aligned,
    at: usize,
}

impl FixedRng {
    /// Begins at the first of `bytes`.
    pub fn new(bytes: &[u8]) -> Self {
        Self { bytes: Aligned::copy_of(bytes), at: 0 }
    }

    /// True when everything was given out.
    pub fn is_used_up(&self) -> bool {
        self.at == self.bytes.as_bytes().len()
    }
}

impl TryRng for FixedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        let end = self.at + out.len();
        match self.bytes.as_bytes().get(self.at..end) {
            Some(given) => {
                out.copy_from_slice(given);
                self.at = end;
            }
            None => out.fill(0),
        }
        Ok(())
    }
}

impl TryCryptoRng for FixedRng {}
