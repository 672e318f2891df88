//! How samples lie in a file: WFDB Applications Guide, signal(5), formats 16, 80, 212, 310 and 311.

#![deny(clippy::indexing_slicing)]

use crate::Error;
use core::ops::RangeInclusive;

/// How samples are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Format 16: two bytes per sample, two's complement, low byte first.
    Pcm16,
    /// Format 80: one byte per sample, offset binary: 128 stands for zero.
    Offset80,
    /// Format 212: two 12-bit samples in three bytes.
    Packed212,
    /// Format 310: three 10-bit samples in two 16-bit words. The first two lie in bits 1 to 10 of a word each, the
    /// third in the upper five bits of both; bit 0 of each word is unused.
    Packed310,
    /// Format 311: three 10-bit samples in a 32-bit word, the first lowest; the two highest bits are unused.
    Packed311,
}

/// Samples that share bytes, and the bytes they take.
#[derive(Debug, Clone, Copy)]
struct Group {
    samples: u64,
    bytes: u64,
}

fn sign_extended(value: u16, bits: u32) -> i16 {
    let unused = 16u32.saturating_sub(bits);
    (value << unused).cast_signed() >> unused
}

impl Format {
    /// Every format, in the order of their numbers.
    pub const ALL: [Self; 5] =
        [Self::Pcm16, Self::Offset80, Self::Packed212, Self::Packed310, Self::Packed311];

    pub(super) fn from_number(number: u16) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|f| f.number() == number);
        known.ok_or(Error::UnsupportedFormat { format: number })
    }

    /// The number that names the format in a header.
    pub fn number(self) -> u16 {
        match self {
            Self::Pcm16 => 16,
            Self::Offset80 => 80,
            Self::Packed212 => 212,
            Self::Packed310 => 310,
            Self::Packed311 => 311,
        }
    }

    /// The samples that the format can hold, in ADC units; [`Self::invalid_sample`] is the lowest of them.
    pub fn range(self) -> RangeInclusive<i16> {
        match self {
            Self::Pcm16 => i16::MIN..=i16::MAX,
            Self::Offset80 => -128..=127,
            Self::Packed212 => -2048..=2047,
            Self::Packed310 | Self::Packed311 => -512..=511,
        }
    }

    /// The sample value that signal(5) reserves for "no valid sample here".
    pub fn invalid_sample(self) -> i16 {
        *self.range().start()
    }

    fn group(self) -> Group {
        match self {
            Self::Pcm16 => Group { samples: 1, bytes: 2 },
            Self::Offset80 => Group { samples: 1, bytes: 1 },
            Self::Packed212 => Group { samples: 2, bytes: 3 },
            Self::Packed310 | Self::Packed311 => Group { samples: 3, bytes: 4 },
        }
    }

    /// Bytes needed to read the first `samples` samples of a group that is not full.
    fn tail_bytes(self, samples: u64) -> u64 {
        match (self, samples) {
            (_, 0) => 0,
            (Self::Packed311, 2) => 3,
            // One sample of format 212, 310 or 311 reaches into a second byte; the second of format 310 into a fourth.
            (_, 1) => 2,
            _ => 4,
        }
    }

    /// Bytes that hold `samples` samples.
    pub(super) fn bytes_for(self, samples: u64) -> u64 {
        let group = self.group();
        (samples / group.samples)
            .saturating_mul(group.bytes)
            .saturating_add(self.tail_bytes(samples % group.samples))
    }

    /// Bytes written for `samples` samples: format 311 fills its last word when it holds two, because the WFDB library
    /// reads nothing less.
    fn bytes_written(self, samples: u64) -> u64 {
        let padding = u64::from(self == Self::Packed311 && samples % 3 == 2);
        self.bytes_for(samples).saturating_add(padding)
    }

    /// Samples that `bytes` bytes hold. A last group that was filled up counts in full.
    pub(super) fn samples_in(self, bytes: u64) -> u64 {
        let group = self.group();
        let rest = bytes % group.bytes;
        let tail = (1..group.samples).rev().find(|&n| self.tail_bytes(n) <= rest).unwrap_or(0);
        (bytes / group.bytes).saturating_mul(group.samples).saturating_add(tail)
    }

    /// The sample with this index, or nothing beyond the end.
    pub(super) fn decode(self, bytes: &[u8], index: u64) -> Option<i16> {
        let group = self.group();
        let at = usize::try_from((index / group.samples).checked_mul(group.bytes)?).ok()?;
        let byte = |offset: usize| bytes.get(at.checked_add(offset)?).copied().map(u16::from);
        let word = |offset: usize| Some(byte(offset)? | byte(offset.checked_add(1)?)? << 8);
        let value = match (self, index % group.samples) {
            (Self::Pcm16, _) => word(0)?.cast_signed(),
            (Self::Offset80, _) => byte(0)?.cast_signed() - 128,
            (Self::Packed212, 0) => sign_extended(word(0)?, 12),
            (Self::Packed212, _) => sign_extended((byte(1)? & 0xf0) << 4 | byte(2)?, 12),
            (Self::Packed310, 0) => sign_extended(word(0)? >> 1, 10),
            (Self::Packed310, 1) => sign_extended(word(2)? >> 1, 10),
            (Self::Packed310, _) => sign_extended(word(0)? >> 11 | (word(2)? >> 11) << 5, 10),
            (Self::Packed311, 0) => sign_extended(word(0)?, 10),
            (Self::Packed311, 1) => sign_extended(word(1)? >> 2, 10),
            (Self::Packed311, _) => sign_extended(word(2)? >> 4, 10),
        };
        Some(value)
    }

    /// The bytes of a group whose missing samples are zero.
    fn packed(self, samples: &[i16]) -> [u8; 4] {
        let sample = |n: usize| samples.get(n).copied().unwrap_or(0).cast_unsigned();
        let (a, b, c) = (sample(0), sample(1), sample(2));
        let words = |low: u16, high: u16| u32::from(low) | u32::from(high) << 16;
        let packed = match self {
            Self::Pcm16 => words(a, 0),
            // The sum is the sample plus 128 modulo 256: the range was checked.
            Self::Offset80 => words(a.wrapping_add(128) & 0xff, 0),
            Self::Packed212 => words(a & 0x0fff | (b & 0x0f00) << 4, b & 0xff),
            Self::Packed310 => {
                words((a & 0x3ff) << 1 | (c & 0x1f) << 11, (b & 0x3ff) << 1 | (c >> 5 & 0x1f) << 11)
            }
            Self::Packed311 => u32::from(a & 0x3ff) | u32::from(b & 0x3ff) << 10 | u32::from(c & 0x3ff) << 20,
        };
        packed.to_le_bytes()
    }
}

/// Bytes that [`encode`] needs for `samples` samples.
pub fn encoded_len(format: Format, samples: usize) -> usize {
    usize::try_from(format.bytes_written(samples as u64)).unwrap_or(usize::MAX)
}

/// Writes samples in the order of the file (frame by frame, within a frame signal by signal) into `out` and returns the
/// number of bytes written.
///
/// # Errors
/// [`Error::BufferTooSmall`]; [`Error::SampleOutOfRange`] for a sample outside [`Format::range`].
pub fn encode(format: Format, samples: &[i16], out: &mut [u8]) -> Result<usize, Error> {
    let needed = encoded_len(format, samples.len());
    let given = out.len();
    let out = out.get_mut(..needed).ok_or(Error::BufferTooSmall { needed, given })?;
    let range = format.range();
    if let Some((index, &value)) = samples.iter().enumerate().find(|(_, s)| !range.contains(s)) {
        return Err(Error::SampleOutOfRange { index, value });
    }
    let group = format.group();
    let groups = samples.chunks(group.samples as usize);
    for (slot, group) in out.chunks_mut(group.bytes as usize).zip(groups) {
        for (byte, value) in slot.iter_mut().zip(format.packed(group)) {
            *byte = value;
        }
    }
    Ok(needed)
}

/// Sum of the samples of one signal modulo 65536: the header's checksum (header(5)).
pub fn checksum(samples: impl IntoIterator<Item = i16>) -> u16 {
    samples.into_iter().fold(0u16, |sum, s| sum.wrapping_add(s.cast_unsigned()))
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::{vec, vec::Vec};

    fn encoded(format: Format, samples: &[i16]) -> Vec<u8> {
        let mut bytes = vec![0xaa; encoded_len(format, samples.len())];
        assert_eq!(encode(format, samples, &mut bytes), Ok(bytes.len()));
        bytes
    }

    /// By the text of signal(5), and read alike by the Python package wfdb.
    #[test]
    fn packs_as_documented() {
        assert_eq!(encoded(Format::Pcm16, &[-2, 513]), [0xfe, 0xff, 0x01, 0x02]);
        assert_eq!(encoded(Format::Offset80, &[-128, 0, 127]), [0, 128, 255]);
        assert_eq!(encoded(Format::Packed212, &[0x3e3, 0x3f3]), [0xe3, 0x33, 0xf3]);
        assert_eq!(encoded(Format::Packed212, &[-1, -2048, 0x123]), [0xff, 0x8f, 0x00, 0x23, 0x01]);
        // 1, 2, and 0b00011_00100 for the third: its low five bits above the first sample, its high ones above the second.
        assert_eq!(encoded(Format::Packed310, &[1, 2, 100]), [0x02, 0x20, 0x04, 0x18]);
        assert_eq!(encoded(Format::Packed310, &[-1, -512, 511]), [0xfe, 0xff, 0x00, 0x7c]);
        assert_eq!(encoded(Format::Packed311, &[1, 2, 100]), [0x01, 0x08, 0x40, 0x06]);
        assert_eq!(encoded(Format::Packed311, &[-1, -512, 511]), [0xff, 0x03, 0xf8, 0x1f]);
    }

    #[test]
    fn last_groups_are_as_long_as_the_wfdb_library_wants_them() {
        let lengths = |format| [1, 2, 3, 4, 5, 6].map(|n| encoded_len(format, n));
        assert_eq!(lengths(Format::Offset80), [1, 2, 3, 4, 5, 6]);
        assert_eq!(lengths(Format::Packed212), [2, 3, 5, 6, 8, 9]);
        assert_eq!(lengths(Format::Packed310), [2, 4, 4, 6, 8, 8]);
        assert_eq!(lengths(Format::Packed311), [2, 4, 4, 6, 8, 8]);
        assert_eq!(Format::Packed311.bytes_for(5), 7);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for format in Format::ALL {
            for value in [format.range().start().checked_sub(1), format.range().end().checked_add(1)] {
                let Some(value) = value else { continue };
                let err = encode(format, &[0, value], &mut [0; 8]).unwrap_err();
                assert_eq!(err, Error::SampleOutOfRange { index: 1, value });
            }
        }
        let err = encode(Format::Pcm16, &[0, 1], &mut [0; 3]).unwrap_err();
        assert_eq!(err, Error::BufferTooSmall { needed: 4, given: 3 });
    }

    proptest! {
        #[test]
        fn encoded_samples_decode(
            format in prop::sample::select(&Format::ALL[..]), samples in prop::collection::vec(any::<i16>(), 0..40),
        ) {
            let bits = format.range().end().count_ones() + 1;
            let samples: Vec<i16> = samples.into_iter().map(|s| s >> (16 - bits)).collect();
            let bytes = encoded(format, &samples);
            let back: Vec<i16> = (0..).map_while(|i| format.decode(&bytes, i)).take(samples.len()).collect();
            prop_assert_eq!(&back, &samples);
            // The bytes that reading asks for suffice, and with one less the last sample is gone.
            let needed = format.bytes_for(samples.len() as u64) as usize;
            if let Some(last) = samples.len().checked_sub(1) {
                prop_assert_eq!(format.decode(&bytes[..needed], last as u64), Some(samples[last]));
                prop_assert_eq!(format.decode(&bytes[..needed - 1], last as u64), None);
            }
            prop_assert!(format.samples_in(needed as u64 ) >= samples.len() as u64);
        }

        #[test]
        fn as_many_samples_decode_as_the_length_says(
            format in prop::sample::select(&Format::ALL[..]), bytes in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let found = (0..).map_while(|i| format.decode(&bytes, i)).count() as u64;
            prop_assert_eq!(format.samples_in(bytes.len() as u64), found);
            prop_assert!(format.bytes_for(found) <= bytes.len() as u64);
        }
    }
}
