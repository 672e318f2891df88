//! The one error type of this crate.

/// What can go wrong, by whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A header line does not follow the WFDB grammar (header(5)).
    #[error("header line {line}: {what}; compare it with the WFDB header(5) page")]
    HeaderMalformed {
        /// Line number in the header file, from 1.
        line: usize,
        /// Which field is wrong.
        what: &'static str,
    },
    /// A signal format other than 16, 80, 212, 310 and 311.
    #[error("signal format {format} is not supported; convert the recording to format 16 or 212 with xform")]
    UnsupportedFormat {
        /// Format number in the header.
        format: u16,
    },
    /// A layout of a signal file that this reader does not know (mixed formats, very long frames).
    #[error("{what} is not supported; write the recording again without it")]
    Unsupported {
        /// Name of the feature.
        what: &'static str,
    },
    /// The record is made of segments (`name/segments` in the record line).
    #[error("the record has {segments} segments, which is not supported; read its segments one by one")]
    SegmentedRecord {
        /// Number of segments in the record line.
        segments: u32,
    },
    /// More signals than the fixed-size header holds.
    #[error("the header names {found} signals, at most {max} are supported; split the recording")]
    TooManySignals {
        /// Number of signals in the record line.
        found: u32,
        /// The limit, [`crate::wfdb::SIGNALS_MAX`].
        max: u32,
    },
    /// No signal of the header lies in the file asked for, or the header has no signal.
    #[error("no signal of this header is stored in that file; check the file name against the header")]
    NoSignal,
    /// The header's signals lie in several files and no file was named.
    #[error("the signals are spread over several files; open each with Recording::of_file")]
    SeveralFiles,
    /// A recording, annotation file or buffer ends early.
    #[error("{expected} bytes expected, {found} found: the file is cut short; fetch it again")]
    Truncated {
        /// Bytes the header or the annotation demands.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// The annotation file holds a word that cannot stand where it stands.
    #[error("annotation file, byte {at}: {what}; the file is damaged, fetch it again")]
    AnnotationMalformed {
        /// Byte offset of the word.
        at: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// An annotation that the file format cannot hold.
    #[error("the annotation cannot be written: {what}")]
    AnnotationUnwritable {
        /// What is wrong with it.
        what: &'static str,
    },
    /// A sample that the chosen format cannot hold.
    #[error("sample {index} is {value}, outside the range of the format; use format 16")]
    SampleOutOfRange {
        /// Position in the given samples.
        index: usize,
        /// The sample.
        value: i16,
    },
    /// The caller's buffer is smaller than the encoded samples.
    #[error("the buffer holds {given} bytes, {needed} are needed; give a larger one")]
    BufferTooSmall {
        /// Bytes needed.
        needed: usize,
        /// Bytes given.
        given: usize,
    },
    /// The writer the header was written to refused.
    #[error("the header could not be written: its destination refused; check that it has room")]
    WriteFailed,
    /// A sampling rate outside what the filters are designed for.
    #[error("sampling rate {hz} Hz is outside 100 to 1000 Hz; resample the signal")]
    SampleRate {
        /// The rate given.
        hz: f64,
    },
    /// Part weights that are negative, not finite, or sum to nothing.
    #[error(
        "the part weights must be finite, not negative, and sum to more than zero; use the default 0.2, 0.6, 0.2"
    )]
    Weights,
    /// A setting outside its clinical range.
    #[error("setting {name}: {what}; see Settings for the ranges")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
}
