//! `bodywire ecg`: a recording under the hub's detector, and how right the detector is.

mod correlate;
mod course;
mod evaluate;
mod page;
mod plot;
mod score;

pub use correlate::run as correlate;
pub(crate) use correlate::{Comparison, Group, Way};
pub(crate) use course::course_of;
pub use course::run as course;
pub use evaluate::run as evaluate;
pub(crate) use page::escaped;
pub(crate) use score::Score;

use crate::exit::Failure;
use bodywire_ecg::decide::{EmergencyReason, State, UndeterminedReason};
use bodywire_ecg::qualify::PoorReason;
use std::path::Path;

/// What figures of recordings are worth, said wherever they are shown.
const NOT_A_DEVICE: &str = "Research software, not a medical device.";

/// A state in words.
fn state_name(state: State) -> &'static str {
    match state {
        State::Learning => "learning",
        State::Normal => "normal",
        State::Undetermined(UndeterminedReason::Gap) => "undetermined: samples are missing",
        State::Undetermined(UndeterminedReason::Signal(reason)) => match reason {
            PoorReason::LeadOff => "undetermined: lead off",
            PoorReason::Saturated => "undetermined: converter at its limit",
            PoorReason::Noise => "undetermined: noise",
            PoorReason::Motion => "undetermined: motion",
        },
        State::Emergency(reason) => reason_name(reason),
    }
}

/// A reason in words.
fn reason_name(reason: EmergencyReason) -> &'static str {
    match reason {
        EmergencyReason::VentricularFibrillation => "ventricular fibrillation or flutter",
        EmergencyReason::Asystole => "asystole",
        EmergencyReason::VentricularTachycardia => "ventricular tachycardia",
        EmergencyReason::Pause => "pause",
        EmergencyReason::Tachycardia => "heart rate above the limit",
        EmergencyReason::Bradycardia => "heart rate below the limit",
        EmergencyReason::ShapeChange => "beats unlike the patient's own",
    }
}

/// Seconds as hours, minutes and seconds.
fn clock(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    format!("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60)
}

/// The value below which the share `p` of the values lies; nothing when there are none.
pub(crate) fn percentile(values: &[f64], p: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    bodywire_ecg::evaluate::episodes::percentile(&sorted, p)
}

/// Writes a picture or page where it was asked for.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| {
        Failure::path(path, error, "name a file in a directory that can be written, with --plot FILE")
    })
}

/// The ending of a file that is to be drawn, among those that can be.
fn drawn_as(path: &Path, endings: &'static [&'static str]) -> Result<&'static str, Failure> {
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    endings.iter().find(|known| **known == ending).copied().ok_or_else(|| {
        Failure::path(
            path,
            "cannot be drawn",
            &format!("name a file that ends in .{}", endings.join(" or .")),
        )
    })
}
