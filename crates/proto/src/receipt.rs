//! What a hub tells a sensor now and then: that it is heard. A sensor that is not, although it speaks, authenticates
//! anew: its hub may have lost the session in a restart, and refuses its records in silence.
//!
//! ```text
//! payload of a record, hub to sensor:   0x52 | counter 4        one more than the highest counter that was opened
//! ```

use crate::error::Error;
use crate::wire::Reader;
use core::time::Duration;

/// First byte of a receipt.
pub const TYPE_RECEIPT: u8 = 0x52;
/// A hub says that it hears a sensor at most this often: one frame in eight at four records a second.
pub const RECEIPT_INTERVAL: Duration = Duration::from_secs(2);
/// A sensor that has spoken for this long unheard begins a new run: five receipts in a row would have to be lost.
pub const UNHEARD_MAX: Duration = Duration::from_secs(10);

/// The hub has opened a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// One more than the highest counter.
    pub next: u32,
}

impl Receipt {
    /// Length of the payload.
    pub const BYTES: usize = 5;

    /// The payload.
    pub const fn emit(&self) -> [u8; Self::BYTES] {
        let [a, b, c, d] = self.next.to_be_bytes();
        [TYPE_RECEIPT, a, b, c, d]
    }

    /// Reads a payload.
    pub fn parse(payload: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::new("receipt", payload);
        r.expect_type(TYPE_RECEIPT)?;
        let next = r.u32()?;
        r.finish()?;
        Ok(Self { next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_read_back_and_nothing_else() {
        let receipt = Receipt { next: 0x0102_0304 };
        assert_eq!(receipt.emit(), [0x52, 1, 2, 3, 4]);
        assert_eq!(Receipt::parse(&receipt.emit()), Ok(receipt));
        assert!(Receipt::parse(&receipt.emit()[..4]).is_err());
        assert!(Receipt::parse(&[0x53, 0, 0, 0, 0]).is_err());
    }
}
