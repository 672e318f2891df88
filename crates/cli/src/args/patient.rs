//! Arguments of `bodywire patient`.

use super::Output;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Patients of a clinic: who lies where, and the erasure of everything about somebody.
#[derive(Debug, Subcommand)]
pub enum PatientCommand {
    /// Admits a patient to the bed at which a hub stands; what comes from then on is sealed under keys of their own.
    Admit(PatientAdmitOptions),
    /// Ends a patient's stay; what was stored stays.
    Discharge(PatientOptions),
    /// Lists patients and their stays. Attributes are not shown.
    List(PatientListOptions),
    /// Erases a patient for good: attributes, keys, index and alarms, and the payloads in the ledger and at every replica.
    Erase(PatientEraseOptions),
}

/// Options of `bodywire patient admit`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Example:\n  bodywire patient admit --hub 7 --attributes patient.json --config clinic.toml"
)]
pub struct PatientAdmitOptions {
    /// The hub at the bed.
    #[arg(long)]
    pub hub: u16,
    /// File with what is to be known of the patient, at most 64 KiB of any form; it is stored encrypted. `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    pub attributes: Option<PathBuf>,
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Options of `bodywire patient discharge`.
#[derive(Debug, Clone, Args)]
pub struct PatientOptions {
    /// The patient's number, as `bodywire patient list` shows it.
    pub patient: u64,
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Options of `bodywire patient list`.
#[derive(Debug, Clone, Args)]
pub struct PatientListOptions {
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Options of `bodywire patient erase`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  bodywire patient erase 4711 --really --config clinic.toml")]
pub struct PatientEraseOptions {
    /// The patient's number, as `bodywire patient list` shows it.
    pub patient: u64,
    /// Nothing of it can be taken back.
    #[arg(long)]
    pub really: bool,
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}
