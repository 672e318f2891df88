//! Writing annotation files in MIT format: annot(5).

#![deny(clippy::indexing_slicing)]

use super::annotation::{AUX, Annotation, AnnotationCode, CHN, NUM, SKIP, SUB, TIME_RESOLUTION};
use crate::Error;
use core::fmt::Write;

/// Longest auxiliary text, in bytes: its length must fit one byte for the readers there are.
pub const ANNOTATION_TEXT_MAX: usize = 255;

/// Longest interval that stands in an annotation's own word.
const INTERVAL_MAX: i64 = 0x3ff;
/// Longest interval of one skip.
const SKIP_MAX: i64 = i32::MAX as i64;

/// Ends the definitions at a file's start: a skip back by one, and a word without a code for one forth.
const DEFINED: [u8; 8] = [0, (SKIP << 2) as u8, 0xff, 0xff, 0xff, 0xff, 1, 0];

/// A line of text on the stack.
struct Short {
    bytes: [u8; 40],
    len: usize,
}

impl core::fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let end = self.len.saturating_add(text.len());
        self.bytes.get_mut(self.len..end).ok_or(core::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// Writes an annotation file into a buffer, annotation by annotation, in the order given. Earlier than the one before is
/// possible, though most readers want the order of time.
///
/// Where annot(5) leaves a choice the bytes are those of the Python package wfdb: a skip takes the whole of an interval
/// over 1023, and number, subtype, channel and text follow in this order, each only where it changes something.
#[derive(Debug)]
pub struct AnnotationWriter<'b> {
    out: &'b mut [u8],
    len: usize,
    time: i64,
    channel: u8,
    number: i8,
}

impl<'b> AnnotationWriter<'b> {
    /// A writer of an empty file.
    pub fn new(out: &'b mut [u8]) -> Self {
        Self { out, len: 0, time: 0, channel: 0, number: 0 }
    }

    /// Says that sample numbers count ticks of `hz` per second instead of frames
    /// ([`Annotation::time_resolution_hz`]); before the first annotation.
    ///
    /// # Errors
    /// [`Error::AnnotationUnwritable`] for a rate that is not positive, not finite or not short, and behind an
    /// annotation; [`Error::BufferTooSmall`].
    pub fn time_resolution(&mut self, hz: f64) -> Result<(), Error> {
        let mut text = Short { bytes: [0; 40], len: 0 };
        let written = write!(text, "{TIME_RESOLUTION} {hz}").is_ok();
        if !(written && hz.is_finite() && hz > 0.0 && self.len == 0) {
            let what = "a time resolution is a short positive number and stands before all else";
            return Err(Error::AnnotationUnwritable { what });
        }
        let (needed, given) = (2 + 2 + text.len.next_multiple_of(2) + DEFINED.len() + 2, self.out.len());
        if needed > given {
            return Err(Error::BufferTooSmall { needed, given });
        }
        let aux = text.bytes.get(..text.len).unwrap_or(&[]);
        self.push(&Annotation { aux, ..Annotation::new(0, AnnotationCode::NOTE) })?;
        self.put(&DEFINED);
        Ok(())
    }

    /// Adds an annotation. On an error nothing is added.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`]; [`Error::AnnotationUnwritable`] for a text over [`ANNOTATION_TEXT_MAX`] bytes or a
    /// sample over 2^63 - 1.
    pub fn push(&mut self, annotation: &Annotation<'_>) -> Result<(), Error> {
        let unwritable = |what| Error::AnnotationUnwritable { what };
        let time = i64::try_from(annotation.sample).map_err(|_| {
            unwritable("its sample number is over 2^63 - 1; number from the recording's start")
        })?;
        if annotation.aux.len() > ANNOTATION_TEXT_MAX {
            return Err(unwritable("its text is longer than 255 bytes; shorten it"));
        }
        // Both are from 0 to 2^63 - 1.
        let mut interval = time - self.time;
        let whole = interval.unsigned_abs();
        let skips = if (0..=INTERVAL_MAX).contains(&interval) { 0 } else { whole.div_ceil(SKIP_MAX as u64) };
        let modifiers = [
            (NUM, annotation.number.cast_unsigned(), annotation.number != self.number),
            (SUB, annotation.subtype.cast_unsigned(), annotation.subtype != 0),
            (CHN, annotation.channel, annotation.channel != self.channel),
            // The length was checked above.
            (AUX, annotation.aux.len() as u8, !annotation.aux.is_empty()),
        ];
        let modified = modifiers.iter().filter(|(_, _, write)| *write).count();
        let text = annotation.aux.len().next_multiple_of(2);
        let skip_bytes = usize::try_from(skips).unwrap_or(usize::MAX).saturating_mul(6);
        // One word more: the end mark has to fit, too.
        let needed = self.len.saturating_add(skip_bytes).saturating_add(2 + 2 * modified + text + 2);
        if needed > self.out.len() {
            return Err(Error::BufferTooSmall { needed, given: self.out.len() });
        }
        while !(0..=INTERVAL_MAX).contains(&interval) {
            let part = interval.clamp(-SKIP_MAX, SKIP_MAX);
            interval -= part;
            let [a, b, c, d] = (part as i32).to_le_bytes();
            self.put(&[0, (SKIP << 2) as u8, c, d, a, b]);
        }
        self.put(&(u16::from(annotation.code.number()) << 10 | interval as u16).to_le_bytes());
        for (code, value, _) in modifiers.into_iter().filter(|(_, _, write)| *write) {
            self.put(&[value, (code << 2) as u8]);
        }
        self.put(annotation.aux);
        if annotation.aux.len() % 2 == 1 {
            self.put(&[0]);
        }
        (self.time, self.channel, self.number) = (time, annotation.channel, annotation.number);
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        if let Some(slot) = self.out.get_mut(self.len..end) {
            slot.copy_from_slice(bytes);
            self.len = end;
        }
    }

    /// Ends the file and returns its length in bytes.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] for a buffer of less than two bytes.
    pub fn finish(mut self) -> Result<usize, Error> {
        let needed = self.len.saturating_add(2);
        self.put(&[0, 0]);
        if self.len == needed {
            Ok(needed)
        } else {
            Err(Error::BufferTooSmall { needed, given: self.out.len() })
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::wfdb::Annotations;
    use proptest::prelude::*;
    use std::{vec, vec::Vec};

    fn written(annotations: &[Annotation<'_>]) -> Vec<u8> {
        let mut out = vec![0; annotations.len() * 600 + 2];
        let mut writer = AnnotationWriter::new(&mut out);
        annotations.iter().for_each(|a| writer.push(a).unwrap());
        let len = writer.finish().unwrap();
        out.truncate(len);
        out
    }

    /// The same annotations, written by wfdb.wrann of the Python package wfdb 4.3.1.
    #[test]
    fn writes_what_wfdb_writes() {
        let code = |n| AnnotationCode::new(n).unwrap();
        let all = [
            Annotation { aux: b"(VFL\0", ..Annotation::new(18, AnnotationCode::RHYTHM) },
            Annotation { subtype: -1, channel: 1, ..Annotation::new(1041, AnnotationCode::NORMAL) },
            Annotation { number: 3, channel: 1, ..Annotation::new(2065, AnnotationCode::PVC) },
            Annotation { number: 3, aux: b"note", ..Annotation::new(70_000, code(22)) },
        ];
        let expected = [
            18, 112, 5, 252, 40, 86, 70, 76, 0, 0, 255, 7, 255, 244, 1, 248, 0, 236, 0, 0, 0, 4, 0, 20, 3,
            240, 0, 236, 1, 0, 95, 9, 0, 88, 0, 248, 4, 252, 110, 111, 116, 101, 0, 0,
        ];
        assert_eq!(written(&all), expected);
    }

    /// As the WFDB library begins the files of ECG-ID.
    #[test]
    fn a_time_resolution_comes_first() {
        let mut out = [0; 40];
        let mut writer = AnnotationWriter::new(&mut out);
        writer.time_resolution(500.0).unwrap();
        let n = Annotation::new(7, AnnotationCode::NORMAL);
        writer.push(&n).unwrap();
        assert!(matches!(writer.time_resolution(500.0), Err(Error::AnnotationUnwritable { .. })));
        assert_eq!(writer.finish(), Ok(40));
        assert_eq!(out[..4], [0, 88, 23, 252]);
        assert_eq!(out[27..], [0, 0, 236, 255, 255, 255, 255, 1, 0, 7, 4, 0, 0]);
        let all: Vec<_> = Annotations::new(&out).collect::<Result<_, _>>().unwrap();
        assert_eq!((all[0].time_resolution_hz(), all[1]), (Some(500.0), n));
        let mut writer = AnnotationWriter::new(&mut out[..37]);
        assert_eq!(writer.time_resolution(500.0), Err(Error::BufferTooSmall { needed: 38, given: 37 }));
        for hz in [0.0, f64::NAN, f64::INFINITY, 1e30, 1.0 / 3.0 * 1e-9] {
            assert!(matches!(writer.time_resolution(hz), Err(Error::AnnotationUnwritable { .. })), "{hz}");
        }
        assert_eq!(writer.finish(), Ok(2));
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let n = Annotation::new(5, AnnotationCode::NORMAL);
        let mut out = [9; 7];
        let mut writer = AnnotationWriter::new(&mut out);
        writer.push(&n).unwrap();
        writer.push(&n).unwrap();
        assert_eq!(writer.push(&n), Err(Error::BufferTooSmall { needed: 8, given: 7 }));
        assert!(writer.push(&Annotation { sample: u64::MAX / 4, ..n }).is_err());
        assert_eq!(writer.finish(), Ok(6));
        assert_eq!(out, [5, 4, 0, 4, 0, 0, 9]);
        let mut writer = AnnotationWriter::new(&mut out);
        for a in [Annotation { aux: &[b'x'; 256], ..n }, Annotation { sample: 1 << 63, ..n }] {
            assert!(matches!(writer.push(&a), Err(Error::AnnotationUnwritable { .. })));
        }
        assert_eq!(
            AnnotationWriter::new(&mut [0]).finish(),
            Err(Error::BufferTooSmall { needed: 2, given: 1 })
        );
    }

    fn sample() -> impl Strategy<Value = u64> {
        // Around the limits of a word and of a skip, and far apart.
        prop_oneof![0u64..3_000, 0x7fff_fff0u64..0x8000_0410, 0u64..1 << 36]
    }

    proptest! {
        #[test]
        fn written_annotations_read_back_in_order(
            all in prop::collection::vec(
                (sample(), 1u8..=49, any::<(i8, u8, i8)>(), prop::collection::vec(any::<u8>(), 0..=255)), 0..20),
        ) {
            let all: Vec<_> = all.iter().map(|(sample, code, (subtype, channel, number), aux)| Annotation {
                sample: *sample, code: AnnotationCode::new(*code).unwrap(), subtype: *subtype, channel: *channel,
                number: *number, aux,
            }).collect();
            let bytes = written(&all);
            let back: Vec<_> = Annotations::new(&bytes).collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(&back, &all);
            prop_assert_eq!(written(&back), bytes);
        }
    }
}
