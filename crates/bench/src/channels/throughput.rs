//! Seal, split, reassemble and open against plain AES-256-GCM, on one core.

use super::Ends;
use crate::figure::Figure;
use crate::rounds::side_by_side;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use bodywire_channels::Threshold;
use bodywire_channels::disperse::MESSAGE_BYTES_MAX;

/// Messages of a sensor, of a report, of an hour's catch-up; the last is the longest that there is.
pub(crate) const SIZES: [usize; 4] = [256, 1024, 4096, MESSAGE_BYTES_MAX - 16];

/// What `aws-lc-rs` does with a message when nothing else is wanted of it.
pub(crate) struct Plain {
    key: LessSafeKey,
    counter: u64,
    buffer: Vec<u8>,
}

impl Plain {
    pub(crate) fn new() -> Self {
        let key = UnboundKey::new(&AES_256_GCM, &[7; 32]).expect("a key of 32 bytes");
        Self { key: LessSafeKey::new(key), counter: 0, buffer: Vec::new() }
    }

    fn nonce(&self) -> Nonce {
        let mut bytes = [0; NONCE_LEN];
        if let Some(last) = bytes.last_chunk_mut() {
            *last = self.counter.to_be_bytes();
        }
        Nonce::assume_unique_for_key(bytes)
    }

    /// Seals a message and opens it again, in a buffer that stays.
    pub(crate) fn round_trip(&mut self, message: &[u8]) -> &[u8] {
        self.counter += 1;
        self.buffer.clear();
        self.buffer.extend_from_slice(message);
        let (seal, open) = (self.nonce(), self.nonce());
        self.key.seal_in_place_append_tag(seal, Aad::empty(), &mut self.buffer).expect("a short message");
        self.key.open_in_place(open, Aad::empty(), &mut self.buffer).expect("what was just sealed")
    }
}

/// Every size, or one: bytes of messages a second, and bytes on the wire.
pub(crate) fn figures(seconds: f64, only: Option<usize>) -> Vec<Figure> {
    let sizes = only.map_or_else(|| SIZES.to_vec(), |size| vec![size]);
    sizes.into_iter().flat_map(|size| of_size(Threshold::TWO_OF_THREE, size, seconds)).collect()
}

fn of_size(threshold: Threshold, size: usize, seconds: f64) -> [Figure; 2] {
    let message: Vec<u8> = (0..size).map(|i| i as u8).collect();
    let (mut ends, mut plain) = (Ends::new(threshold), Plain::new());
    let wire = ends.wire_bytes(&message) as f64;
    let both = side_by_side(
        seconds,
        || assert_eq!(ends.round_trip(std::hint::black_box(&message)).len(), size),
        || assert_eq!(std::hint::black_box(plain.round_trip(&message)).len(), size),
    );
    let (k, n, megabytes) = (threshold.k(), threshold.n(), size as f64 / 1e6);
    let peer = "AES-256-GCM of aws-lc-rs".to_owned();
    let speed = Figure {
        ratio: Some(both.ratio),
        ..Figure::new(
            format!("{k} of {n}, {size} B, there and back"),
            "MB/s",
            both.ours * megabytes,
            peer,
            both.peer * megabytes,
        )
    };
    let name = format!("{k} of {n}, {size} B, on the wire");
    [speed, Figure::new(name, "B", wire, "the plain bytes".to_owned(), size as f64)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peer_gives_back_what_it_was_given() {
        let mut plain = Plain::new();
        assert_eq!(plain.round_trip(b"one"), b"one");
        assert_eq!(plain.round_trip(b"another"), b"another");
    }
}
