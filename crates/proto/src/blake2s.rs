//! BLAKE2s-256 (RFC 7693) with a key, for inputs of one or two blocks.
//!
//! Written here, although there is a good crate, because the sensor's budget is counted in cycles: a hash object with a
//! buffer of bytes is cleared, copied and cleared again for each use, which costs a Cortex-M3 half as much as the
//! compression itself. The tests compare it with that crate.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of a key and of the output.
pub(crate) const OUTPUT_BYTES: usize = 32;
/// Words of a block.
const BLOCK_WORDS: usize = 16;
/// Bytes of a block.
const BLOCK_BYTES: usize = 4 * BLOCK_WORDS;
/// Longest input: two blocks. The longest there is binds a response of 64 bytes to a run.
pub(crate) const MESSAGE_BYTES_MAX: usize = 2 * BLOCK_BYTES;

/// RFC 7693, section 2.6.
const IV: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// An input, as the words that the hash takes in, with zeros behind it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Message {
    /// Two blocks, and room for what is shifted out of the last word.
    words: [u32; 2 * BLOCK_WORDS + 2],
    bytes: usize,
}

impl Message {
    pub(crate) const EMPTY: Self = Self { words: [0; 2 * BLOCK_WORDS + 2], bytes: 0 };

    /// Makes it begin with two bytes and `gap` zeros, to be replaced. It was empty; false when that is too long.
    pub(crate) const fn begin(&mut self, first: u8, second: u8, gap: usize) -> bool {
        self.words[0] = u32::from_le_bytes([first, second, 0, 0]);
        self.bytes = 2 + gap;
        self.bytes <= MESSAGE_BYTES_MAX
    }

    /// Appends `bytes`; false, and nothing is appended, when they are too many.
    ///
    /// Inlined: where it is called with fields of known lengths, all shifts are known, too, and it becomes plain moves.
    #[inline(always)]
    pub(crate) fn put(&mut self, bytes: &[u8]) -> bool {
        let (at, shift) = (self.bytes / 4, 8 * (self.bytes as u32 % 4));
        if bytes.len() > MESSAGE_BYTES_MAX - self.bytes {
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

/// What the hash keeps between blocks, and how much went in.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Chaining {
    h: [u32; 8],
    bytes: u32,
}

impl Chaining {
    /// After the block of a key of 32 bytes (RFC 7693, section 3.3).
    pub(crate) fn keyed(key: &[u8; OUTPUT_BYTES]) -> Self {
        let mut chaining = Self { h: IV, bytes: 0 };
        // Digest length, key length, fan-out 1, depth 1.
        chaining.h[0] ^= 0x0101_0000 | (OUTPUT_BYTES as u32) << 8 | OUTPUT_BYTES as u32;
        let mut block = [0; BLOCK_WORDS];
        for (word, bytes) in block.iter_mut().zip(key.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        chaining.compress(&block, BLOCK_BYTES, false);
        block.zeroize();
        chaining
    }

    /// The hash of what came before and of `message`, which must not be empty: the block before was not the last one.
    pub(crate) fn finish(&self, message: &Message) -> [u8; OUTPUT_BYTES] {
        let mut chaining = self.clone();
        if let ([first, second], _) = message.words.as_chunks() {
            if message.bytes > BLOCK_BYTES {
                chaining.compress(first, BLOCK_BYTES, false);
                chaining.compress(second, message.bytes - BLOCK_BYTES, true);
            } else {
                chaining.compress(first, message.bytes, true);
            }
        }
        let [a, b, c, d, e, f, g, h] = chaining.h.map(u32::to_le_bytes);
        let mut output = [0; OUTPUT_BYTES];
        for (slot, word) in output.as_chunks_mut().0.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            *slot = word;
        }
        output
    }

    /// The compression function F (RFC 7693, section 3.2) for a block of which `used` bytes are input.
    #[inline(never)]
    fn compress(&mut self, m: &[u32; BLOCK_WORDS], used: usize, last: bool) {
        self.bytes = self.bytes.wrapping_add(used as u32);
        let mut v = [0u32; 16];
        v.iter_mut().zip(self.h.iter().chain(&IV)).for_each(|(slot, word)| *slot = *word);
        v[12] ^= self.bytes;
        v[14] ^= if last { u32::MAX } else { 0 };
        rounds(&mut v, m);
        let [low, high] = [&v[..8], &v[8..]];
        for ((h, a), b) in self.h.iter_mut().zip(low).zip(high) {
            *h ^= a ^ b;
        }
    }
}

/// The mixing function G (RFC 7693, section 3.1) on four words of `v`.
macro_rules! mix {
    ($v:ident, $a:literal, $b:literal, $c:literal, $d:literal, $x:expr, $y:expr) => {
        $v[$a] = $v[$a].wrapping_add($v[$b]).wrapping_add($x);
        $v[$d] = ($v[$d] ^ $v[$a]).rotate_right(16);
        $v[$c] = $v[$c].wrapping_add($v[$d]);
        $v[$b] = ($v[$b] ^ $v[$c]).rotate_right(12);
        $v[$a] = $v[$a].wrapping_add($v[$b]).wrapping_add($y);
        $v[$d] = ($v[$d] ^ $v[$a]).rotate_right(8);
        $v[$c] = $v[$c].wrapping_add($v[$d]);
        $v[$b] = ($v[$b] ^ $v[$c]).rotate_right(7);
    };
}

/// One round: columns, then diagonals; the words of the message in the order given (RFC 7693, section 2.7).
macro_rules! round {
    ($v:ident, $m:ident, $($s:literal)*) => { round!(@ $v, [$($m[$s]),*]) };
    (@ $v:ident, [$a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $f:expr, $g:expr, $h:expr,
                  $i:expr, $j:expr, $k:expr, $l:expr, $n:expr, $o:expr, $p:expr, $q:expr]) => {
        mix!($v, 0, 4, 8, 12, $a, $b);
        mix!($v, 1, 5, 9, 13, $c, $d);
        mix!($v, 2, 6, 10, 14, $e, $f);
        mix!($v, 3, 7, 11, 15, $g, $h);
        mix!($v, 0, 5, 10, 15, $i, $j);
        mix!($v, 1, 6, 11, 12, $k, $l);
        mix!($v, 2, 7, 8, 13, $n, $o);
        mix!($v, 3, 4, 9, 14, $p, $q);
    };
}

#[inline(always)]
fn rounds(v: &mut [u32; 16], m: &[u32; 16]) {
    round!(v, m, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    round!(v, m, 14 10 4 8 9 15 13 6 1 12 0 2 11 7 5 3);
    round!(v, m, 11 8 12 0 5 2 15 13 10 14 3 6 7 1 9 4);
    round!(v, m, 7 9 3 1 13 12 11 14 2 6 5 10 4 0 15 8);
    round!(v, m, 9 0 5 7 2 4 10 15 14 1 11 12 6 8 3 13);
    round!(v, m, 2 12 6 10 0 11 8 3 4 13 7 5 15 14 1 9);
    round!(v, m, 12 5 1 15 14 13 4 10 0 7 6 3 9 2 8 11);
    round!(v, m, 13 11 7 14 12 1 3 9 5 0 15 4 8 6 2 10);
    round!(v, m, 6 15 14 9 11 3 0 8 12 2 13 7 1 4 10 5);
    round!(v, m, 10 2 8 4 7 6 1 5 15 11 9 14 3 12 13 0);
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
            let mut message = Message::EMPTY;
            assert!(message.put(&input[..len]));
            let hex: std::string::String =
                chaining.finish(&message).iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(hex, expected);
        }
    }

    #[test]
    fn a_message_is_full_at_two_blocks_and_a_byte_can_be_replaced() {
        let mut message = Message::EMPTY;
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
            let (mut mac, mut message) = (Blake2sMac256::new((&key).into()), Message::EMPTY);
            for part in &parts {
                Update::update(&mut mac, part);
                prop_assert!(message.put(part));
            }
            let expected: [u8; 32] = mac.finalize_fixed().into();
            prop_assert_eq!(Chaining::keyed(&key).finish(&message), expected);
        }
    }
}
