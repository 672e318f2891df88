//! The stretch of time that a vector of readings is about ([`crate::report::Kind::Vector`]).
//!
//! ```text
//! start_ms 8 | length_ms 4 | flags 1     then the vector, whose bytes mean nothing here
//! ```

use crate::error::Error;
use crate::wire::Reader;

/// Bytes of a window.
pub const WINDOW_BYTES: usize = 8 + 4 + 1;

/// Some reading was simulated. All other bits are zero.
const FLAG_SIMULATED: u8 = 1;

/// From when to when readings were taken, by the hub's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Where it begins, milliseconds since 1970.
    pub start_ms: u64,
    /// How long it is, milliseconds; never 0.
    pub length_ms: u32,
    /// Some reading in it was simulated.
    pub simulated: bool,
}

impl Window {
    /// Its bytes. [`Self::parse`] refuses those of a window without a length or an end.
    pub fn to_bytes(&self) -> [u8; WINDOW_BYTES] {
        let [s0, s1, s2, s3, s4, s5, s6, s7] = self.start_ms.to_be_bytes();
        let [l0, l1, l2, l3] = self.length_ms.to_be_bytes();
        let flags = if self.simulated { FLAG_SIMULATED } else { 0 };
        [s0, s1, s2, s3, s4, s5, s6, s7, l0, l1, l2, l3, flags]
    }

    /// Reads a window, and hands back what is behind it.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is cut short, has no length or an unknown flag, or ends behind the last millisecond that
    /// 64 bits can say.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), Error> {
        let mut r = Reader::new("window", bytes);
        let (start_ms, length_ms, flags) = (r.u64()?, r.u32()?, r.u8()?);
        if length_ms == 0 {
            return Err(Error::malformed("window", "it has no length"));
        }
        if flags & !FLAG_SIMULATED != 0 {
            return Err(Error::malformed("window", "unknown flag"));
        }
        if start_ms.checked_add(u64::from(length_ms)).is_none() {
            return Err(Error::malformed("window", "its end cannot be said"));
        }
        Ok((Self { start_ms, length_ms, simulated: flags & FLAG_SIMULATED != 0 }, r.rest()))
    }

    /// Where it ends: the first millisecond that is not in it.
    pub const fn end_ms(&self) -> u64 {
        self.start_ms.saturating_add(self.length_ms as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    const HOUR: Window = Window { start_ms: 0x0102_0304_0506_0708, length_ms: 3_600_000, simulated: true };

    #[test]
    fn its_layout_is_what_is_written_down() {
        let bytes = HOUR.to_bytes();
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 7, 8, 0, 0x36, 0xee, 0x80, 1]);
        assert_eq!(Window::parse(&[&bytes[..], b"vector"].concat()), Ok((HOUR, &b"vector"[..])));
        assert_eq!(Window::parse(&bytes), Ok((HOUR, &b""[..])));
        assert_eq!(HOUR.end_ms(), HOUR.start_ms + 3_600_000);
    }

    #[test]
    fn what_cannot_be_a_window_is_refused() {
        for len in 0..WINDOW_BYTES {
            assert!(Window::parse(&HOUR.to_bytes()[..len]).is_err(), "{len} bytes");
        }
        let with = |at: usize, byte: u8| {
            let mut bytes = HOUR.to_bytes();
            bytes[at] = byte;
            Window::parse(&bytes).is_ok()
        };
        assert!(with(12, 0) && !with(12, 2) && !with(12, 0x81), "flags");
        assert!(Window::parse(&Window { length_ms: 0, ..HOUR }.to_bytes()).is_err());
        let last = Window { start_ms: u64::MAX - 3_600_000, ..HOUR };
        assert_eq!(Window::parse(&last.to_bytes()), Ok((last, &b""[..])));
        assert_eq!(last.end_ms(), u64::MAX);
        let over = Window { start_ms: last.start_ms + 1, ..HOUR };
        assert!(Window::parse(&over.to_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_again_byte_for_byte(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok((window, rest)) = Window::parse(&bytes) {
                let again: Vec<u8> = [&window.to_bytes()[..], rest].concat();
                prop_assert_eq!(again, bytes);
                prop_assert!(window.end_ms() > window.start_ms);
            }
        }

        #[test]
        fn a_window_round_trips(start_ms in 0..u64::MAX / 2, length_ms in 1u32.., simulated: bool) {
            let window = Window { start_ms, length_ms, simulated };
            let bytes = window.to_bytes();
            prop_assert_eq!(Window::parse(&bytes), Ok((window, &b""[..])));
        }
    }
}
