//! Bytes in memory at a word's boundary. Where a buffer begins decides how fast it is copied; here all begin alike, so that
//! runs can be compared.

/// Longest content: a frame with room to spare.
pub const CAPACITY_BYTES: usize = 320;

/// Up to [`CAPACITY_BYTES`] bytes.
#[derive(Debug, Clone)]
#[repr(align(8))]
pub struct Aligned {
    bytes: [u8; CAPACITY_BYTES],
    len: usize,
}

impl Aligned {
    /// Nothing.
    pub const EMPTY: Self = Self { bytes: [0; CAPACITY_BYTES], len: 0 };

    /// A copy of `bytes`. What does not fit is a mistake in a script, and ends the run.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut copy = Self::EMPTY;
        copy.put(bytes);
        copy
    }

    /// Appends a copy of `bytes`.
    pub fn put(&mut self, bytes: &[u8]) {
        match self.bytes.get_mut(self.len..self.len + bytes.len()) {
            Some(slot) => slot.copy_from_slice(bytes),
            None => crate::meter::leave(false),
        }
        self.len += bytes.len();
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }
}
