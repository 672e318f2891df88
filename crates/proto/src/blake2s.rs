//! Keyed BLAKE2s-256 (RFC 7693) for inputs of one or two blocks, laid out as words: a small processor moves and wipes
//! words in a quarter of the time it needs for bytes.

use blake2::Blake2sVarCore;
use blake2::digest::block_api::{Block, Buffer, UpdateCore, VariableOutputCore};
use zeroize::Zeroize;

/// Bytes of a key and of the output.
pub(crate) const OUTPUT_BYTES: usize = 32;
/// Words of a block.
const BLOCK_WORDS: usize = 16;
/// Bytes of a block.
const BLOCK_BYTES: usize = 4 * BLOCK_WORDS;
/// Longest input: two blocks. The longest there is binds a response of 64 bytes to a run.
pub(crate) const MESSAGE_BYTES_MAX: usize = 2 * BLOCK_BYTES;
/// Words of an input of one block, with room for what is shifted out of the last word.
pub(crate) const ONE_BLOCK: usize = BLOCK_WORDS + 2;
/// Words of an input of two blocks, with the same room.
pub(crate) const TWO_BLOCKS: usize = 2 * BLOCK_WORDS + 2;

/// An input, as the words that the hash takes in, with zeros behind it. Whoever lays out a secret wipes it.
#[derive(Clone, Zeroize)]
pub(crate) struct Message<const WORDS: usize> {
    words: [u32; WORDS],
    bytes: usize,
}

impl<const WORDS: usize> Message<WORDS> {
    pub(crate) const EMPTY: Self = Self { words: [0; WORDS], bytes: 0 };
    /// Longest input it takes.
    const BYTES_MAX: usize = 4 * (WORDS - 2);

    /// Makes it begin with two bytes and `gap` zeros, to be replaced. It was empty; false when that is too long.
    pub(crate) const fn begin(&mut self, first: u8, second: u8, gap: usize) -> bool {
        self.words[0] = u32::from_le_bytes([first, second, 0, 0]);
        self.bytes = 2 + gap;
        self.bytes <= Self::BYTES_MAX
    }

    /// Appends `bytes`; false, and nothing is appended, when they are too many.
    ///
    /// Inlined: where it is called with fields of known lengths, all shifts are known, too, and it becomes plain moves.
    #[inline(always)]
    pub(crate) fn put(&mut self, bytes: &[u8]) -> bool {
        let (at, shift) = (self.bytes / 4, 8 * (self.bytes as u32 % 4));
        if bytes.len() > Self::BYTES_MAX - self.bytes {
            return false;
        }
        let (words, rest) = bytes.as_chunks();
        let Some((slots, [last, behind, ..])) =
            self.words.get_mut(at..).and_then(|slots| slots.split_at_mut_checked(words.len()))
        else {
            return false;
        };
        self.bytes += bytes.len();
        let mut carry = *slots.first().unwrap_or(last);
        for (slot, word) in slots.iter_mut().zip(words) {
            let word = u32::from_le_bytes(*word);
            *slot = carry | word << shift;
            carry = word >> 1 >> (31 - shift);
        }
        let rest = match *rest {
            [a] => u32::from(a),
            [a, b] => u32::from_le_bytes([a, b, 0, 0]),
            [a, b, c] => u32::from_le_bytes([a, b, c, 0]),
            _ => 0,
        };
        *last = carry | rest << shift;
        *behind = rest >> 1 >> (31 - shift);
        true
    }

    /// Puts `byte` where another one stands.
    pub(crate) fn replace(&mut self, at: usize, byte: u8) {
        if let Some(word) = self.words.get_mut(at / 4) {
            let shift = 8 * (at % 4);
            *word = *word & !(0xff << shift) | u32::from(byte) << shift;
        }
    }
}

/// What the hash keeps between blocks.
#[derive(Clone)]
pub(crate) struct Chaining(Blake2sVarCore);

impl Chaining {
    /// After the block of a key of 32 bytes (RFC 7693, section 3.3).
    pub(crate) fn keyed(key: &[u8; OUTPUT_BYTES]) -> Self {
        let mut block = Block::<Blake2sVarCore>::default();
        block.iter_mut().zip(key).for_each(|(slot, byte)| *slot = *byte);
        let mut core = Blake2sVarCore::new_with_params(&[], &[], OUTPUT_BYTES, OUTPUT_BYTES);
        core.update_blocks(core::slice::from_ref(&block));
        // The rest was never anything but zeros.
        block.iter_mut().take(OUTPUT_BYTES).for_each(Zeroize::zeroize);
        Self(core)
    }

    /// Writes the hash of what came before and of `message`, which must not be empty: the block before was not the last
    /// one. In place, for a returned array is copied once more.
    pub(crate) fn finish<const WORDS: usize>(
        &self,
        message: &Message<WORDS>,
        output: &mut [u8; OUTPUT_BYTES],
    ) {
        let mut core = self.0.clone();
        let mut buffer = Buffer::<Blake2sVarCore>::default();
        match message.words.as_chunks().0 {
            [first, second] if message.bytes > BLOCK_BYTES => {
                core.update_blocks(&[block_of(first)]);
                buffer.set(block_of(second), message.bytes - BLOCK_BYTES);
            }
            [first, ..] => buffer.set(block_of(first), message.bytes),
            [] => {}
        }
        core.finalize_variable_core(&mut buffer, output.into());
    }
}

fn block_of(words: &[u32; BLOCK_WORDS]) -> Block<Blake2sVarCore> {
    let mut block = Block::<Blake2sVarCore>::default();
    for (bytes, word) in block.as_chunks_mut().0.iter_mut().zip(words) {
        *bytes = word.to_le_bytes();
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use blake2::Blake2sMac256;
    use blake2::digest::{FixedOutput, KeyInit, Update};
    use proptest::prelude::*;
    use std::format;

    /// The keyed entries of the official BLAKE2s known-answer file (blake2s-kat.txt) for inputs 00.. of one to 65 bytes
    /// under the key 00..1f.
    #[test]
    fn official_keyed_vectors() {
        let chaining = Chaining::keyed(&core::array::from_fn(|i| i as u8));
        let input: [u8; 65] = core::array::from_fn(|i| i as u8);
        for (len, expected) in [
            (1, "40d15fee7c328830166ac3f918650f807e7e01e177258cdc0a39b11f598066f1"),
            (2, "6bb71300644cd3991b26ccd4d274acd1adeab8b1d7914546c1198bbe9fc9d803"),
            (64, "8975b0577fd35566d750b362b0897a26c399136df07bababbde6203ff2954ed4"),
            (65, "21fe0ceb0052be7fb0f004187cacd7de67fa6eb0938d927677f2398c132317a8"),
        ] {
            let mut message = Message::<TWO_BLOCKS>::EMPTY;
            assert!(message.put(&input[..len]));
            let mut output = [0; OUTPUT_BYTES];
            chaining.finish(&message, &mut output);
            let hex: std::string::String = output.iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(hex, expected);
        }
    }

    #[test]
    fn a_message_is_full_at_two_blocks_and_a_byte_can_be_replaced() {
        let mut message = Message::<TWO_BLOCKS>::EMPTY;
        assert!(message.put(&[7; MESSAGE_BYTES_MAX - 1]) && !message.put(&[7; 2]) && message.put(&[9]));
        assert!(message.put(&[]) && !message.put(&[7]));
        let mut other = Message::EMPTY;
        assert!(other.put(&[7; MESSAGE_BYTES_MAX]));
        other.replace(MESSAGE_BYTES_MAX - 1, 9);
        assert_eq!(message.words, other.words);
    }

    proptest! {
        #[test]
        fn the_crate_blake2_says_the_same(key in any::<[u8; 32]>(),
                                          parts in proptest::collection::vec(
                                              proptest::collection::vec(any::<u8>(), 0..32), 1..5)) {
            prop_assume!(parts.iter().any(|part| !part.is_empty()));
            let (mut mac, mut message) = (Blake2sMac256::new((&key).into()), Message::<TWO_BLOCKS>::EMPTY);
            for part in &parts {
                Update::update(&mut mac, part);
                prop_assert!(message.put(part));
            }
            let expected: [u8; 32] = mac.finalize_fixed().into();
            let mut output = [0; OUTPUT_BYTES];
            Chaining::keyed(&key).finish(&message, &mut output);
            prop_assert_eq!(output, expected);
        }
    }
}
