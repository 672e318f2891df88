//! Vital signs in the formats that others open: FHIR R4, WFDB, EDF+ and CSV.
//!
//! A [`Recording`] is built from batches; a writer turns it into files. Samples are written as they were measured, a
//! gap stays a gap, and what was simulated says so in every format. `command` gets the batches from a clinic that runs and
//! writes the files; the writers open none.

mod calendar;
mod clinic;
mod command;
pub mod csv;
pub mod edf;
pub mod fhir;
mod history;
mod record;
pub mod series;
#[cfg(test)]
mod specimen;
pub mod wfdb;

use bodywire_proto::observation::Signal;

pub use command::run;
pub use series::{AlarmMark, Recording, Segment, Series};

/// A file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name, without a folder.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What stands beside every simulated value, in words.
pub const SIMULATED: &str = "SIMULATED (HTEST): test data, not of a patient in care";

/// Why a recording cannot be built or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More than a writer takes.
    #[error(
        "an export takes at most {limit} {what}, this one has {found}; ask for a shorter time (--from, --to)"
    )]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// The most that is taken.
        limit: u64,
        /// What was found.
        found: u64,
    },
    /// A time that the formats cannot say.
    #[error("the time {ms} ms since 1970 cannot be written: {why}; check the hub's clock (bodywire doctor)")]
    Time {
        /// The time, in milliseconds since 1970.
        ms: u64,
        /// What stands against it.
        why: &'static str,
    },
    /// A rate or a scale that the format cannot say.
    #[error("the {signal} cannot be written as {format}: {why}; export it as CSV or FHIR")]
    Signal {
        /// What was measured.
        signal: &'static str,
        /// The format.
        format: &'static str,
        /// What stands against it.
        why: &'static str,
    },
    /// The WFDB part refused.
    #[error("the recording cannot be written as WFDB: {0}")]
    Wfdb(#[from] bodywire_ecg::Error),
    /// The recording holds nothing.
    #[error("there is no sample in this time; ask for another one (--from, --to)")]
    Empty,
    /// What is written to has refused.
    #[error("the export cannot be written: {0}")]
    Write(#[from] std::io::Error),
}

/// The unit as WFDB and EDF+ programs write it: without brackets, which mean something else in their headers.
const fn plain_unit(signal: Signal) -> &'static str {
    match signal {
        Signal::Ecg => "mV",
        Signal::SpO2 => "%",
        Signal::Respiration | Signal::HeartRate => "1/min",
        Signal::Temperature => "degC",
        Signal::InsulinRate => "U/h",
    }
}

/// `text` in visible ASCII, other characters as `_`; formats with fixed fields hold nothing else.
fn ascii_word(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect()
}
