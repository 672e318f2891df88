//! The samples of a signal file, signal by signal: WFDB Applications Guide, signal(5) and header(5).

#![deny(clippy::indexing_slicing)]

use super::{
    format::Format,
    header::{Header, SIGNALS_MAX, SignalSpec},
};
use crate::Error;

/// Most samples that one frame of a file may hold: sixteen signals with four samples each; bounds [`Frame`]'s size.
pub const FRAME_SAMPLES_MAX: usize = 64;

/// Where the samples of one signal lie.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Samples before its first one in each frame.
    first: usize,
    per_frame: u64,
    skew_frames: u64,
}

impl Place {
    const EMPTY: Self = Self { first: 0, per_frame: 1, skew_frames: 0 };
}

/// The samples of one file, with the signals of the header that lie in it.
///
/// A signal may have several samples in each frame, and then its rate is that multiple of the frames'
/// ([`SignalSpec::sample_rate_hz`]). A skew is undone: what is handed out with the same number was measured at the same
/// time. Where that asks for samples beyond the end of the file, [`Format::invalid_sample`] stands.
#[derive(Debug, Clone, Copy)]
pub struct Recording<'a> {
    bytes: &'a [u8],
    format: Format,
    places: [Place; SIGNALS_MAX],
    signals: usize,
    frame_len: usize,
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

    /// The signals of `header` stored in `file_name`, whose content is `bytes`. Signal numbers count within the file;
    /// [`Header::signals_in`] tells which they are.
    ///
    /// # Errors
    /// [`Error::NoSignal`]; [`Error::Truncated`] when the file is shorter than the header's number of frames;
    /// [`Error::Unsupported`] when the signals of the file differ in format or offset, or when a frame holds more than
    /// [`FRAME_SAMPLES_MAX`] samples.
    pub fn of_file(header: &Header<'_>, file_name: &str, bytes: &'a [u8]) -> Result<Self, Error> {
        let mut group = header.signals_in(file_name).map(|(_, spec)| spec).peekable();
        let SignalSpec { format, byte_offset, .. } = **group.peek().ok_or(Error::NoSignal)?;
        let (mut places, mut signals, mut frame_len) = ([Place::EMPTY; SIGNALS_MAX], 0usize, 0usize);
        for (place, spec) in places.iter_mut().zip(group) {
            if (spec.format, spec.byte_offset) != (format, byte_offset) {
                return Err(Error::Unsupported { what: "a file that mixes formats or offsets" });
            }
            *place = Place {
                first: frame_len,
                per_frame: u64::from(spec.samples_per_frame).max(1),
                skew_frames: u64::from(spec.skew_frames),
            };
            frame_len = frame_len.saturating_add(usize::from(spec.samples_per_frame).max(1));
            signals += 1;
        }
        if frame_len > FRAME_SAMPLES_MAX {
            return Err(Error::Unsupported { what: "a frame of more than 64 samples" });
        }
        let found = bytes.len() as u64;
        let samples = header.frames().unwrap_or(0).saturating_mul(frame_len as u64);
        let expected = format.bytes_for(samples).saturating_add(byte_offset);
        let start = usize::try_from(byte_offset).ok().filter(|_| expected <= found);
        let bytes = start.and_then(|at| bytes.get(at..)).ok_or(Error::Truncated { expected, found })?;
        let whole = format.samples_in(bytes.len() as u64) / (frame_len as u64).max(1);
        Ok(Self { bytes, format, places, signals, frame_len, frames: header.frames().unwrap_or(whole) })
    }

    /// Number of frames.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Number of signals in this file.
    pub fn signals(&self) -> usize {
        self.signals
    }

    fn place(&self, signal: usize) -> Option<Place> {
        self.places.get(..self.signals)?.get(signal).copied()
    }

    /// Number of samples of one signal: frames times samples per frame; 0 when there is no such signal.
    pub fn samples(&self, signal: usize) -> u64 {
        self.place(signal).map_or(0, |place| self.frames.saturating_mul(place.per_frame))
    }

    /// One sample in ADC units, or nothing outside the recording. Counting is from 0, in the signal's own samples.
    pub fn sample(&self, index: u64, signal: usize) -> Option<i16> {
        let place = self.place(signal)?;
        self.sample_at(place, index / place.per_frame, index % place.per_frame)
    }

    fn sample_at(&self, place: Place, frame: u64, within: u64) -> Option<i16> {
        if frame >= self.frames {
            return None;
        }
        let stored = frame.checked_add(place.skew_frames).filter(|&stored| stored < self.frames);
        let Some(stored) = stored else { return Some(self.format.invalid_sample()) };
        let index = stored.checked_mul(self.frame_len as u64)?.checked_add(place.first as u64)?;
        self.format.decode(self.bytes, index.checked_add(within)?)
    }

    /// All frames in order.
    pub fn iter(&self) -> Frames<'a> {
        Frames { recording: *self, next: 0 }
    }

    /// The samples of one signal in order; empty when there is no such signal.
    pub fn signal(&self, signal: usize) -> impl Iterator<Item = i16> + use<'a> {
        let recording = *self;
        (0..recording.samples(signal)).map_while(move |index| recording.sample(index, signal))
    }
}

/// The samples of every signal of a file within one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    samples: [i16; FRAME_SAMPLES_MAX],
    /// Where each signal's samples end.
    ends: [usize; SIGNALS_MAX],
    signals: usize,
}

impl Frame {
    /// All samples in ADC units, signal by signal in the order of the header.
    pub fn samples(&self) -> &[i16] {
        let end = self.signals.checked_sub(1).and_then(|last| self.ends.get(last)).copied();
        self.samples.get(..end.unwrap_or(0)).unwrap_or(&[])
    }

    /// The samples of one signal in order of time; none when there is no such signal.
    pub fn signal(&self, signal: usize) -> &[i16] {
        let ends = self.ends.get(..self.signals).unwrap_or(&[]);
        let start = signal.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
        ends.get(signal).and_then(|&end| self.samples.get(start..end)).unwrap_or(&[])
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
        let signals = self.recording.signals;
        let mut frame = Frame { samples: [0; FRAME_SAMPLES_MAX], ends: [0; SIGNALS_MAX], signals };
        let mut slots = frame.samples.iter_mut();
        let mut len = 0;
        for (place, end) in self.recording.places.iter().zip(&mut frame.ends).take(signals) {
            for within in 0..place.per_frame {
                *slots.next()? = self.recording.sample_at(*place, self.next, within)?;
                len += 1;
            }
            *end = len;
        }
        self.next += 1;
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::wfdb::{checksum, encode, encoded_len};
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
    fn reads_frames_and_stops_at_their_end() {
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
        let h = Header::parse("r 2 360 1\na 80x64\na 80\n").unwrap();
        assert!(matches!(Recording::new(&h, &[0; 99]), Err(Error::Unsupported { .. })));
        let h = Header::parse("r 1 360\na 80+3\n").unwrap();
        assert_eq!(Recording::new(&h, &[0; 2]).unwrap_err(), Error::Truncated { expected: 3, found: 2 });
    }

    #[test]
    fn several_samples_in_a_frame_and_an_offset() {
        let h = Header::parse("r 3 250 2\na 80x2+1\nb 16\na 80+1\n").unwrap();
        let bytes = [9, 128, 129, 130, 131, 132, 133];
        let r = Recording::of_file(&h, "a", &bytes).unwrap();
        assert_eq!((r.frames(), r.signals(), r.samples(0), r.samples(1), r.samples(2)), (2, 2, 4, 2, 0));
        assert!(r.signal(0).eq([0, 1, 3, 4]) && r.signal(1).eq([2, 5]) && r.signal(2).eq([]));
        let frame = r.iter().nth(1).unwrap();
        assert_eq!(
            (frame.samples(), frame.signal(0), frame.signal(1)),
            (&[3, 4, 5][..], &[3, 4][..], &[5][..])
        );
        assert!(frame.signal(2).is_empty() && r.iter().nth(2).is_none());
        assert_eq!(
            (h.signals()[0].sample_rate_hz(250.0), h.signals()[1].sample_rate_hz(250.0)),
            (500.0, 250.0)
        );
        assert!(h.signals_in("a").map(|(number, _)| number).eq([0, 2]));
    }

    #[test]
    fn a_skew_is_undone() {
        let h = Header::parse("r 2 250 3\na 80\na 80:1\n").unwrap();
        let r = Recording::new(&h, &[129, 0, 130, 131, 132, 133]).unwrap();
        assert!(r.signal(0).eq([1, 2, 4]) && r.signal(1).eq([3, 5, -128]));
        assert_eq!(r.iter().next().unwrap().samples(), [1, 3]);
    }

    proptest! {
        #[test]
        fn encoded_recordings_decode(
            format in prop::sample::select(&Format::ALL[..]), counts in prop::collection::vec(1u16..=4, 1..=5),
            frames in 1usize..30, offset in 0usize..5, seed: [i16; 7],
        ) {
            let len: usize = counts.iter().map(|&n| usize::from(n)).sum();
            let range = *format.range().start() as i32..*format.range().end() as i32 + 1;
            let samples: Vec<i16> = (0..frames * len)
                .map(|i| (i32::from(seed[i % 7]).wrapping_mul(i as i32 + 1)).rem_euclid(range.len() as i32) + range.start)
                .map(|s| s as i16)
                .collect();
            let mut bytes = vec![7; offset + encoded_len(format, samples.len())];
            prop_assert_eq!(encode(format, &samples, &mut bytes[offset..]).unwrap(), bytes.len() - offset);
            let mut text = std::format!("r {} 360 {frames}\n", counts.len());
            for n in &counts {
                text += &std::format!("r.dat {}x{n}+{offset} 200\n", format.number());
            }
            let h = Header::parse(&text).unwrap();
            let r = Recording::new(&h, &bytes).unwrap();
            let back: Vec<i16> = r.iter().flat_map(|f| f.samples().to_vec()).collect();
            prop_assert_eq!(&back, &samples);
            let mut first = 0;
            for (signal, &n) in counts.iter().enumerate() {
                let own: Vec<i16> =
                    samples.chunks(len).flat_map(|f| f[first..first + usize::from(n)].to_vec()).collect();
                prop_assert!(r.signal(signal).eq(own.iter().copied()));
                let parts: Vec<i16> = r.iter().flat_map(|f| f.signal(signal).to_vec()).collect();
                prop_assert_eq!(&parts, &own);
                let sum = own.iter().map(|&s| i64::from(s)).sum::<i64>() & 0xffff;
                prop_assert_eq!(i64::from(checksum(own)), sum);
                first += usize::from(n);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(
            text in "r [0-3] [0-9]{1,3}( [0-9]{1,2})?\n(a (16|80|212|310|311)(x[0-9])?(:[0-9])?(\\+[0-9])?\n){0,3}",
            bytes: Vec<u8>,
        ) {
            if let Ok(h) = Header::parse(&text) && let Ok(r) = Recording::new(&h, &bytes) {
                prop_assert_eq!(r.iter().count() as u64, r.frames());
                for signal in 0..r.signals() {
                    prop_assert_eq!(r.signal(signal).count() as u64, r.samples(signal));
                }
            }
        }
    }
}
