//! Seal, split, reassemble and open against plain AES-256-GCM, on one core.

use crate::figure::Figure;
use crate::rounds::side_by_side;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use bodywire_channels::fragment::MESSAGE_BYTES_MAX;
use bodywire_channels::{Cipher, Spread};
use bodywire_sim::measure::session::{Ends, named};

const TAG_BYTES: usize = 16;
const SEED: u64 = 1;
/// A cache, a database page pool; below the 32 MiB up to which glibc learns from it.
const FREED_ONCE_BYTES: usize = 16 << 20;
/// Messages of a sensor, of a report, of an hour's catch-up; the last is the longest that there is.
pub(crate) const SIZES: [usize; 4] = [256, 1024, 4096, MESSAGE_BYTES_MAX - TAG_BYTES];

/// What `aws-lc-rs` does with a message when nothing else is wanted of it: sealed and opened again where it stands, so
/// that it is neither copied nor allocated, as no program could do it.
pub(crate) struct Plain {
    key: LessSafeKey,
    counter: u64,
    /// The message and room for the tag.
    buffer: Vec<u8>,
}

impl Plain {
    pub(crate) fn new(message: &[u8]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, &[7; 32]).expect("a key of 32 bytes");
        let buffer = [message, &[0; TAG_BYTES]].concat();
        Self { key: LessSafeKey::new(key), counter: 0, buffer }
    }

    /// Takes another message.
    pub(crate) fn put(&mut self, message: &[u8]) {
        self.buffer.clear();
        self.buffer.extend_from_slice(message);
        self.buffer.resize(message.len() + TAG_BYTES, 0);
    }

    fn nonce(&self) -> Nonce {
        let mut bytes = [0; NONCE_LEN];
        if let Some(last) = bytes.last_chunk_mut() {
            *last = self.counter.to_be_bytes();
        }
        Nonce::assume_unique_for_key(bytes)
    }

    /// Seals the message and opens it again.
    pub(crate) fn round_trip(&mut self) -> &[u8] {
        self.counter += 1;
        let (seal, open) = (self.nonce(), self.nonce());
        let (message, tag) =
            self.buffer.split_last_chunk_mut::<TAG_BYTES>().expect("there is room for a tag");
        let made = self.key.seal_in_place_separate_tag(seal, Aad::empty(), message).expect("a short message");
        tag.copy_from_slice(made.as_ref());
        self.key.open_in_place(open, Aad::empty(), &mut self.buffer).expect("what was just sealed")
    }
}

/// Every size, or one: bytes of messages a second, and bytes on the wire.
pub(crate) fn figures(seconds: f64, only: Option<usize>) -> Vec<Figure> {
    let sizes = only.map_or_else(|| SIZES.to_vec(), |size| vec![size]);
    let split = |cipher| Spread::split(cipher, 3).expect("three paths");
    let spreads = [Spread::TWO_OF_THREE, split(Cipher::Aes128), split(Cipher::Aes192), split(Cipher::Aes256)];
    let cells = spreads.into_iter().flat_map(|spread| sizes.iter().map(move |size| (spread, *size)));
    cells.flat_map(|(spread, size)| of_size(spread, size, seconds)).collect()
}

fn of_size(spread: Spread, size: usize, seconds: f64) -> [Figure; 2] {
    // A program that has run for a while has freed more than this once. Before that, glibc gives the memory of every
    // large message back to the kernel, and page faults are measured.
    drop(std::hint::black_box(vec![1u8; FREED_ONCE_BYTES]));
    let message: Vec<u8> = (0..size).map(|i| i as u8).collect();
    let fresh = || Ends::new(spread, SEED).expect("two ends agree");
    let (mut ends, mut plain) = (fresh(), Plain::new(&message));
    let wire = fresh().wire_bytes(&message).expect("a message within the limits") as f64;
    let both = side_by_side(
        seconds,
        || {
            let back = ends.round_trip(std::hint::black_box(&message)).expect("it comes back");
            assert_eq!(back.len(), size);
        },
        || assert_eq!(std::hint::black_box(plain.round_trip()).len(), size),
    );
    let megabytes = size as f64 / 1e6;
    let peer = "AES-256-GCM of aws-lc-rs".to_owned();
    let speed = Figure {
        ratio: Some(both.ratio),
        ..Figure::new(
            format!("{}, {size} B, there and back", named(spread)),
            "MB/s",
            both.ours * megabytes,
            peer,
            both.peer * megabytes,
        )
    };
    let name = format!("{}, {size} B, on the wire", named(spread));
    [speed, Figure::new(name, "B", wire, "the plain bytes".to_owned(), size as f64)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peer_gives_back_what_it_was_given() {
        let mut plain = Plain::new(b"vital signs");
        assert_eq!(
            (plain.round_trip().to_vec(), plain.round_trip()),
            (b"vital signs".to_vec(), &b"vital signs"[..])
        );
    }
}
