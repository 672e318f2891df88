//! Reading and writing recordings in the WFDB formats of PhysioNet: header(5), signal(5), annot(5).
//!
//! Bytes in, values out: no file is opened here. Formats 16, 80, 212, 310 and 311, one segment; all else is a typed
//! error. No input can panic.

mod annotate;
mod annotation;
mod format;
mod grammar;
mod header;
mod signal;

pub use annotate::{ANNOTATION_TEXT_MAX, AnnotationWriter};
pub use annotation::{Annotation, AnnotationCode, Annotations};
pub use format::{Format, checksum, encode, encoded_len};
pub use header::{GAIN_DEFAULT_ADU_PER_UNIT, Header, SAMPLE_RATE_DEFAULT_HZ, SIGNALS_MAX, SignalSpec};
pub use signal::{FRAME_SAMPLES_MAX, Frame, Frames, Recording};
