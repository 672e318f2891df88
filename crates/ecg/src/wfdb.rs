//! Reading and writing recordings in the WFDB formats of PhysioNet: header(5), signal(5), annot(5).
//!
//! Bytes in, values out: no file is opened here. Formats 16 and 212, one segment, one sample per frame; all else is
//! a typed error. No input can panic.

mod annotation;
mod header;
mod signal;

pub use annotation::{Annotation, AnnotationCode, Annotations};
pub use header::{GAIN_DEFAULT_ADU_PER_UNIT, Header, SAMPLE_RATE_DEFAULT_HZ, SIGNALS_MAX, SignalSpec};
pub use signal::{Format, Frame, Frames, Recording, checksum, encode, encoded_len};
