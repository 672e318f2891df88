//! The sample files: WFDB Applications Guide, signal(5), formats 16 and 212.

#![deny(clippy::indexing_slicing)]

use super::header::{Header, SIGNALS_MAX, SignalSpec};
use crate::Error;

/// How samples are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Format 16: two bytes per sample, two's complement, low byte first.
    Pcm16,
    /// Format 212: two 12-bit samples in three bytes.
    Packed212,
}

impl Format {
    pub(super) fn from_number(number: u16) -> Result<Self, Error> {
        match number {
            16 => Ok(Self::Pcm16),
            212 => Ok(Self::Packed212),
            format => Err(Error::UnsupportedFormat { format }),
        }
    }

    /// The number that names the format in a header.
    pub fn number(self) -> u16 {
        match self {
            Self::Pcm16 => 16,
            Self::Packed212 => 212,
        }
    }

    /// The sample value that signal(5) reserves for "no valid sample here".
    pub fn invalid_sample(self) -> i16 {
        match self {
            Self::Pcm16 => i16::MIN,
            Self::Packed212 => -2048,
        }
    }

    fn bytes_for(self, samples: u64) -> u64 {
        match self {
            Self::Pcm16 => samples.saturating_mul(2),
            Self::Packed212 => (samples / 2).saturating_mul(3).saturating_add((samples % 2) * 2),
        }
    }

    fn samples_in(self, bytes: u64) -> u64 {
        match self {
            Self::Pcm16 => bytes / 2,
            Self::Packed212 => bytes / 3 * 2 + u64::from(bytes % 3 == 2),
        }
    }

    fn decode(self, bytes: &[u8], index: u64) -> Option<i16> {
        match self {
            Self::Pcm16 => {
                let at = usize::try_from(index.checked_mul(2)?).ok()?;
                let pair = bytes.get(at..at.checked_add(2)?)?;
                Some(i16::from_le_bytes(pair.try_into().ok()?))
            }
            Self::Packed212 => {
                let at = usize::try_from((index / 2).checked_mul(3)?).ok()?;
                let nibbles = i16::from(*bytes.get(at.checked_add(1)?)?);
                let raw = if index.is_multiple_of(2) {
                    (nibbles & 0x0f) << 8 | i16::from(*bytes.get(at)?)
                } else {
                    (nibbles & 0xf0) << 4 | i16::from(*bytes.get(at.checked_add(2)?)?)
                };
                Some((raw << 4) >> 4)
            }
        }
    }
}

/// The samples of one file, with the signals of the header that lie in it.
#[derive(Debug, Clone, Copy)]
pub struct Recording<'a> {
    bytes: &'a [u8],
    format: Format,
    signals: usize,
    frames: u64,
}

impl<'a> Recording<'a> {
    /// The recording whose signals all lie in one file with content `bytes`.
    ///
    /// # Errors
    /// [`Error::SeveralFiles`] when they do not, else as [`Self::of_file`].
    pub fn new(header: &Header<'_>, bytes: &'a [u8]) -> Result<Self, Error> {
        let first = header.signals().first().ok_or(Error::NoSignal)?;
        if header.signals().iter().any(|s| s.file_name != first.file_name) {
            return Err(Error::SeveralFiles);
        }
        Self::of_file(header, first.file_name, bytes)
    }

    /// The signals of `header` stored in `file_name`, whose content is `bytes`. Signal numbers count within the file.
    ///
    /// # Errors
    /// [`Error::NoSignal`]; [`Error::Truncated`] when the file is shorter than the header's number of frames;
    /// [`Error::Unsupported`] when the signals of the file differ in format or offset.
    pub fn of_file(header: &Header<'_>, file_name: &str, bytes: &'a [u8]) -> Result<Self, Error> {
        let mut group = header.signals().iter().filter(|s| s.file_name == file_name);
        let first: &SignalSpec<'_> = group.next().ok_or(Error::NoSignal)?;
        let mut signals = 1usize;
        for s in group {
            if (s.format, s.byte_offset) != (first.format, first.byte_offset) {
                return Err(Error::Unsupported { what: "a file that mixes formats or offsets" });
            }
            signals += 1;
        }
        let found = bytes.len() as u64;
        let expected_of = |frames: u64| {
            first.format.bytes_for(frames.saturating_mul(signals as u64)).saturating_add(first.byte_offset)
        };
        let start = usize::try_from(first.byte_offset).ok().filter(|&at| at <= bytes.len());
        let (Some(start), expected) = (start, header.frames().map_or(first.byte_offset, expected_of)) else {
            return Err(Error::Truncated { expected: first.byte_offset, found });
        };
        if found < expected {
            return Err(Error::Truncated { expected, found });
        }
        let bytes = bytes.get(start..).unwrap_or(&[]);
        let whole = first.format.samples_in(bytes.len() as u64) / signals as u64;
        Ok(Self { bytes, format: first.format, signals, frames: header.frames().unwrap_or(whole) })
    }

    /// Number of frames.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Number of signals in this file.
    pub fn signals(&self) -> usize {
        self.signals
    }

    /// One sample in ADC units, or nothing outside the recording. Counting is from 0.
    pub fn sample(&self, frame: u64, signal: usize) -> Option<i16> {
        if frame >= self.frames || signal >= self.signals {
            return None;
        }
        let index = frame.checked_mul(self.signals as u64)?.checked_add(signal as u64)?;
        self.format.decode(self.bytes, index)
    }

    /// All frames in order.
    pub fn iter(&self) -> Frames<'a> {
        Frames { recording: *self, next: 0 }
    }

    /// The samples of one signal in order; empty when there is no such signal.
    pub fn signal(&self, signal: usize) -> impl Iterator<Item = i16> + use<'a> {
        let recording = *self;
        (0..recording.frames).map_while(move |frame| recording.sample(frame, signal))
    }
}

/// One sample of every signal, taken at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    samples: [i16; SIGNALS_MAX],
    len: usize,
}

impl Frame {
    /// The samples in ADC units, in the order of the header.
    pub fn samples(&self) -> &[i16] {
        self.samples.get(..self.len).unwrap_or(&[])
    }
}

/// Iterator over the frames of a [`Recording`].
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    recording: Recording<'a>,
    next: u64,
}

impl Iterator for Frames<'_> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        let mut frame = Frame { samples: [0; SIGNALS_MAX], len: self.recording.signals };
        for (signal, slot) in frame.samples.iter_mut().take(self.recording.signals).enumerate() {
            *slot = self.recording.sample(self.next, signal)?;
        }
        self.next += 1;
        Some(frame)
    }
}

/// Sum of the samples of one signal modulo 65536: the header's checksum (header(5)).
pub fn checksum(samples: impl IntoIterator<Item = i16>) -> u16 {
    samples.into_iter().fold(0u16, |sum, s| sum.wrapping_add(s.cast_unsigned()))
}

/// Bytes that [`encode`] needs for `samples` samples.
pub fn encoded_len(format: Format, samples: usize) -> usize {
    usize::try_from(format.bytes_for(samples as u64)).unwrap_or(usize::MAX)
}

/// Writes interleaved samples (frame by frame) into `out` and returns the number of bytes written.
///
/// # Errors
/// [`Error::BufferTooSmall`]; [`Error::SampleOutOfRange`] for a sample that 12 bits cannot hold in format 212.
pub fn encode(format: Format, samples: &[i16], out: &mut [u8]) -> Result<usize, Error> {
    let needed = encoded_len(format, samples.len());
    let given = out.len();
    let out = out.get_mut(..needed).ok_or(Error::BufferTooSmall { needed, given })?;
    match format {
        Format::Pcm16 => {
            for (slot, sample) in out.chunks_exact_mut(2).zip(samples) {
                slot.copy_from_slice(&sample.to_le_bytes());
            }
        }
        Format::Packed212 => {
            if let Some((index, &value)) =
                samples.iter().enumerate().find(|&(_, s)| !(-2048..=2047).contains(s))
            {
                return Err(Error::SampleOutOfRange { index, value });
            }
            for (slot, pair) in out.chunks_mut(3).zip(samples.chunks(2)) {
                let [a0, a1] = pair.first().copied().unwrap_or(0).to_le_bytes();
                let [b0, b1] = pair.get(1).copied().unwrap_or(0).to_le_bytes();
                for (byte, value) in slot.iter_mut().zip([a0, (a1 & 0x0f) | (b1 & 0x0f) << 4, b0]) {
                    *byte = value;
                }
            }
        }
    }
    Ok(needed)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::{string::String, vec, vec::Vec};

    fn header_text(format: u16, signals: usize, frames: usize) -> String {
        let mut text = std::format!("r {signals} 360 {frames}\n");
        for _ in 0..signals {
            text += &std::format!("r.dat {format} 200\n");
        }
        text
    }

    #[test]
    fn decodes_the_documented_packing() {
        // signal(5): the first sample takes byte 0 and the low nibble of byte 1, the second byte 2 and the high nibble.
        let text = header_text(212, 2, 1);
        let h = Header::parse(&text).unwrap();
        let r = Recording::new(&h, &[0xe3, 0x33, 0xf3]).unwrap();
        assert_eq!(r.iter().next().unwrap().samples(), [0x3e3, 0x3f3]);
        let r = Recording::new(&h, &[0xff, 0x8f, 0x00]).unwrap();
        assert_eq!((r.sample(0, 0), r.sample(0, 1)), (Some(-1), Some(-2048)));
        assert_eq!((r.sample(1, 0), r.sample(0, 2)), (None, None));
    }

    #[test]
    fn reports_what_is_missing() {
        let text = header_text(212, 2, 100);
        let h = Header::parse(&text).unwrap();
        let err = Recording::new(&h, &[0; 299]).unwrap_err();
        assert_eq!(err, Error::Truncated { expected: 300, found: 299 });
        let h = Header::parse("r 2 360 1\na 16\nb 16\n").unwrap();
        assert_eq!(Recording::new(&h, &[0; 4]).unwrap_err(), Error::SeveralFiles);
        assert_eq!(Recording::of_file(&h, "b", &[1, 2]).unwrap().sample(0, 0), Some(0x201));
        assert_eq!(Recording::of_file(&h, "c", &[]).unwrap_err(), Error::NoSignal);
        let h = Header::parse("r 1 360 1\na 16+18446744073709551615\n").unwrap();
        assert!(matches!(Recording::new(&h, &[0; 4]), Err(Error::Truncated { .. })));
    }

    #[test]
    fn twelve_bits_are_a_limit() {
        let err = encode(Format::Packed212, &[0, 2048], &mut [0; 3]).unwrap_err();
        assert_eq!(err, Error::SampleOutOfRange { index: 1, value: 2048 });
        let err = encode(Format::Pcm16, &[0, 1], &mut [0; 3]).unwrap_err();
        assert_eq!(err, Error::BufferTooSmall { needed: 4, given: 3 });
    }

    proptest! {
        #[test]
        fn encoded_samples_decode(
            packed: bool, signals in 1usize..=5, frames in prop::collection::vec(any::<[i16; 5]>(), 1..40),
        ) {
            let format = if packed { Format::Packed212 } else { Format::Pcm16 };
            let samples: Vec<i16> = frames.iter()
                .flat_map(|f| f[..signals].to_vec())
                .map(|s| if packed { s >> 4 } else { s })
                .collect();
            let mut bytes = vec![0; encoded_len(format, samples.len())];
            prop_assert_eq!(encode(format, &samples, &mut bytes).unwrap(), bytes.len());
            let text = header_text(format.number(), signals, frames.len());
            let h = Header::parse(&text).unwrap();
            let r = Recording::new(&h, &bytes).unwrap();
            let back: Vec<i16> = r.iter().flat_map(|f| f.samples().to_vec()).collect();
            prop_assert_eq!(&back, &samples);
            let sum = samples.iter().step_by(signals).map(|&s| i64::from(s)).sum::<i64>() & 0xffff;
            prop_assert_eq!(i64::from(checksum(r.signal(0))), sum);
        }

        #[test]
        fn any_bytes_are_read_or_refused(text in "r [0-3] [0-9]{1,3}( [0-9]{1,2})?\n(a (16|212)(\\+[0-9])?\n){0,3}",
                                         bytes: Vec<u8>) {
            if let Ok(h) = Header::parse(&text) && let Ok(r) = Recording::new(&h, &bytes) {
                prop_assert_eq!(r.iter().count() as u64, r.frames());
            }
        }
    }
}
