//! The annotation files in MIT format: WFDB Applications Guide, annot(5).

#![deny(clippy::indexing_slicing)]

use crate::Error;

/// Annotation code of annot(5), 1 to 49.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnnotationCode(u8);

impl AnnotationCode {
    /// Normal beat, `N`.
    pub const NORMAL: Self = Self(1);
    /// Premature ventricular contraction, `V`.
    pub const PVC: Self = Self(5);
    /// Comment, `"`.
    pub const NOTE: Self = Self(22);
    /// Rhythm change, `+`; the rhythm's name is in the auxiliary text.
    pub const RHYTHM: Self = Self(28);
    /// Start of ventricular flutter or fibrillation, `[`.
    pub const FLUTTER_START: Self = Self(32);
    /// Ventricular flutter wave, `!`.
    pub const FLUTTER_WAVE: Self = Self(31);
    /// End of ventricular flutter or fibrillation, `]`.
    pub const FLUTTER_END: Self = Self(33);

    /// The code with this number; nothing outside 1 to 49.
    pub fn new(number: u8) -> Option<Self> {
        (1..=CODE_LAST).contains(&number).then_some(Self(number))
    }

    /// The number of annot(5).
    pub fn number(self) -> u8 {
        self.0
    }

    /// Whether the annotation marks a beat, by the map that WFDB's `isqrs` uses (flutter waves and blocked P waves
    /// are not beats).
    pub fn is_beat(self) -> bool {
        matches!(self.0, 1..=13 | 25 | 30 | 34 | 35 | 38 | 41)
    }
}

/// One annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Annotation<'a> {
    /// Frame it stands at, from 0, unless the file has a time resolution of its own
    /// ([`Self::time_resolution_hz`]).
    pub sample: u64,
    /// What it says.
    pub code: AnnotationCode,
    /// Subtype, 0 unless given.
    pub subtype: i8,
    /// Signal it belongs to.
    pub channel: u8,
    /// `num` field.
    pub number: i8,
    /// Auxiliary text, such as `(VFL`; often ends in a NUL.
    pub aux: &'a [u8],
}

impl<'a> Annotation<'a> {
    /// A plain annotation of signal 0, without subtype, number and text.
    pub fn new(sample: u64, code: AnnotationCode) -> Self {
        Self { sample, code, subtype: 0, channel: 0, number: 0, aux: &[] }
    }

    /// Auxiliary text without trailing NULs; empty when it is not UTF-8.
    pub fn text(&self) -> &'a str {
        core::str::from_utf8(self.aux).unwrap_or("").trim_end_matches('\0')
    }

    /// The ticks per second in which this file counts, when this annotation is the note that says so: a first
    /// annotation at 0 with the text `## time resolution: 360`. Without one the file counts frames.
    pub fn time_resolution_hz(&self) -> Option<f64> {
        let said = self.text().strip_prefix(TIME_RESOLUTION).filter(|_| self.code == AnnotationCode::NOTE);
        said?.trim().parse().ok().filter(|&hz: &f64| hz.is_finite() && hz > 0.0)
    }
}

/// What the note of a time resolution begins with.
pub(super) const TIME_RESOLUTION: &str = "## time resolution:";

pub(super) const SKIP: u16 = 59;
pub(super) const NUM: u16 = 60;
pub(super) const SUB: u16 = 61;
pub(super) const CHN: u16 = 62;
pub(super) const AUX: u16 = 63;
const CODE_LAST: u8 = 49;

/// Iterator over an annotation file; after an error it ends. Words with code 0, which mark nothing but time, are passed
/// over.
#[derive(Debug, Clone)]
pub struct Annotations<'a> {
    bytes: &'a [u8],
    at: usize,
    time: i64,
    channel: u8,
    number: i8,
    done: bool,
}

impl<'a> Annotations<'a> {
    /// Reads the content of an annotation file.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, time: 0, channel: 0, number: 0, done: false }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Error> {
        let end = self.at.saturating_add(len);
        let found = self.bytes.len() as u64;
        let part = self.bytes.get(self.at..end).ok_or(Error::Truncated { expected: end as u64, found })?;
        self.at = end;
        Ok(part)
    }

    fn word(&mut self) -> Result<u16, Error> {
        let pair = self.take(2)?;
        Ok(pair.iter().rev().fold(0, |w, &b| w << 8 | u16::from(b)))
    }

    fn malformed(&self, what: &'static str) -> Error {
        Error::AnnotationMalformed { at: self.at.saturating_sub(2) as u64, what }
    }

    /// `None` is the end mark; else the number of the code, with the time moved on.
    fn head(&mut self) -> Result<Option<u8>, Error> {
        loop {
            let word = self.word()?;
            let (code, interval) = (word >> 10, word & 0x3ff);
            match (code, u8::try_from(code)) {
                (0, _) if interval == 0 => return Ok(None),
                (SKIP, _) => {
                    // A PDP-11 long: high word first, each word low byte first.
                    let (high, low) = (self.word()?, self.word()?);
                    let skip = (u32::from(high) << 16 | u32::from(low)).cast_signed();
                    self.time = self.time.saturating_add(i64::from(skip));
                }
                (_, Ok(code @ 0..=CODE_LAST)) => {
                    self.time = self.time.saturating_add(i64::from(interval));
                    return Ok(Some(code));
                }
                _ => return Err(self.malformed("a modifier or unknown code without an annotation")),
            }
        }
    }

    /// What follows a code: subtype and text, with channel and number remembered.
    fn modifiers(&mut self) -> Result<(i8, &'a [u8]), Error> {
        let (mut subtype, mut aux): (i8, &[u8]) = (0, &[]);
        loop {
            let before = self.at;
            // The end mark may be missing: the file then ends after the last annotation.
            let Ok(word) = self.word() else { break };
            let low = (word & 0xff) as u8;
            match word >> 10 {
                NUM => self.number = low.cast_signed(),
                SUB => subtype = low.cast_signed(),
                CHN => self.channel = low,
                AUX => {
                    let len = usize::from(word & 0x3ff);
                    aux = self.take(len)?;
                    let _padding = self.take(len % 2)?;
                }
                _ => {
                    self.at = before;
                    break;
                }
            }
        }
        Ok((subtype, aux))
    }

    fn read(&mut self) -> Result<Option<Annotation<'a>>, Error> {
        loop {
            if self.at >= self.bytes.len() {
                return Ok(None);
            }
            let Some(number) = self.head()? else { return Ok(None) };
            let before_first = self.malformed("an annotation before the first sample");
            let (subtype, aux) = self.modifiers()?;
            let Some(code) = AnnotationCode::new(number) else { continue };
            let sample = u64::try_from(self.time).map_err(|_| before_first)?;
            return Ok(Some(Annotation {
                sample,
                code,
                subtype,
                channel: self.channel,
                number: self.number,
                aux,
            }));
        }
    }
}

impl<'a> Iterator for Annotations<'a> {
    type Item = Result<Annotation<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.read().transpose();
        self.done = !matches!(item, Some(Ok(_)));
        item
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn reads_intervals_skips_and_text() {
        let bytes = [
            18, 0x70, 0x05, 0xfc, b'(', b'V', b'F', b'L', 0,
            0, // + at 18 with 5 bytes of text and padding
            0x4d, 0x04, // N 77 later
            0x00, 0xec, 0x01, 0x00, 0x00, 0x00, // skip 65536
            0x0a, 0x14, 0x03, 0xf4, // V 10 later, subtype 3
            0, 0,
        ];
        let all: Vec<_> = Annotations::new(&bytes).collect::<Result<_, _>>().unwrap();
        assert_eq!(all.len(), 3);
        assert_eq!((all[0].sample, all[0].code, all[0].text()), (18, AnnotationCode::RHYTHM, "(VFL"));
        assert_eq!((all[1].sample, all[1].code), (95, AnnotationCode::NORMAL));
        assert_eq!((all[2].sample, all[2].code, all[2].subtype), (95 + 65546, AnnotationCode::PVC, 3));
        assert!(all[1].code.is_beat() && !all[0].code.is_beat());
    }

    #[test]
    fn words_that_mark_nothing_are_passed_over() {
        // The note and the words that end the definitions, as the WFDB library begins a file with them.
        let mut bytes = std::vec![0, 88, 23, 252];
        bytes.extend(b"## time resolution: 360\0");
        bytes.extend([0, 236, 255, 255, 255, 255, 1, 0, 7, 4, 0, 0]);
        let all: Vec<_> = Annotations::new(&bytes).collect::<Result<_, _>>().unwrap();
        assert_eq!((all.len(), all[0].time_resolution_hz()), (2, Some(360.0)));
        assert_eq!((all[1].sample, all[1].code), (7, AnnotationCode::NORMAL));
        assert_eq!(all[1].time_resolution_hz(), None);
        assert!(AnnotationCode::new(0).is_none() && AnnotationCode::new(50).is_none());
    }

    #[test]
    fn damage_is_named() {
        assert_eq!(Annotations::new(&[1]).next(), Some(Err(Error::Truncated { expected: 2, found: 1 })));
        let stray = Annotations::new(&[3, 0xf4]).next();
        assert!(matches!(stray, Some(Err(Error::AnnotationMalformed { at: 0, .. }))));
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes: Vec<u8>) {
            prop_assert!(Annotations::new(&bytes).count() <= bytes.len());
        }
    }
}
