//! The equal error rate of telling persons apart by their ECG.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test prints its figures and stops at a surprise"
)]

mod noise;
mod persons;
#[allow(dead_code, reason = "only the folder is used here")]
mod recordings;

use bodywire_ecg::identity::SAME_PERSON;

#[test]
fn persons_are_told_apart_as_well_as_stated() {
    let sessions = persons::sessions();
    if sessions.is_empty() {
        return;
    }
    let (rate, threshold, text) = persons::equal_error(&sessions, 100);
    println!("{text}");
    // Measured: 0.10, far too much for access.
    assert!(rate < 0.16 && (threshold - SAME_PERSON).abs() < 0.1);
}
