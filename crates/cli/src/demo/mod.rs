//! `bodywire demo`: a ward in one process.
//!
//! `provision` is the secure room where it begins; `bed` are the sensors; `ward` runs them all; `terminal` reads keys;
//! `tamper` plays the intruder; `summary` judges a run.

mod bed;
mod people;
mod provision;
mod replicas;
mod summary;
mod tamper;
mod terminal;
mod ward;

use crate::args::DemoOptions;
use crate::exit::Failure;

/// Runs the demo until it is quit, or until a headless run has ended.
pub fn run(options: &DemoOptions) -> Result<(), Failure> {
    crate::block_on(ward::run(options))
}
