//! Reads what the build has written down for an image to play: items `tag 1 | length 2, little-endian | bytes`.

/// A script and how far it was read.
#[derive(Debug)]
pub struct Script {
    rest: &'static [u8],
}

impl Script {
    /// From the beginning.
    pub const fn new(bytes: &'static [u8]) -> Self {
        Self { rest: bytes }
    }

    /// True when there is nothing more.
    pub const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next item if it has this tag.
    pub fn take(&mut self, tag: u8) -> Option<&'static [u8]> {
        let (&[found, low, high], rest) = self.rest.split_first_chunk()?;
        if found != tag {
            return None;
        }
        let (item, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([low, high])))?;
        self.rest = rest;
        Some(item)
    }

    /// The next item, which must have this tag. An image whose script does not fit stops.
    pub fn need(&mut self, tag: u8) -> &'static [u8] {
        match self.take(tag) {
            Some(item) => item,
            None => crate::meter::leave(false),
        }
    }
}
