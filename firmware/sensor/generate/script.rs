//! The form of what the images play: items `tag 1 | length 2, little-endian | bytes`, see `src/script.rs`.

/// A script that is being written.
#[derive(Default)]
pub(crate) struct Script {
    bytes: Vec<u8>,
}

impl Script {
    /// Adds an item.
    pub(crate) fn put(&mut self, tag: u8, bytes: &[u8]) -> &mut Self {
        self.bytes.push(tag);
        self.bytes.extend((bytes.len() as u16).to_le_bytes());
        self.bytes.extend(bytes);
        self
    }

    /// The whole script.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
