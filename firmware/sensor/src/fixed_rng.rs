//! A "generator" that gives out bytes fixed beforehand, so that a run is the one the hub has answered. A device has a
//! generator of its own, whose time is not in the figures; the copy of these bytes is.

use core::convert::Infallible;
use rand_core::{TryCryptoRng, TryRng};

/// Gives out the bytes of one run, then zeros.
#[derive(Debug)]
pub struct FixedRng {
    rest: &'static [u8],
}

impl FixedRng {
    /// Begins at the first of `bytes`.
    pub const fn new(bytes: &'static [u8]) -> Self {
        Self { rest: bytes }
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
        match self.rest.split_at_checked(out.len()) {
            Some((head, rest)) => {
                out.copy_from_slice(head);
                self.rest = rest;
            }
            None => out.fill(0),
        }
        Ok(())
    }
}

impl TryCryptoRng for FixedRng {}
