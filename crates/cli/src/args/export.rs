//! Arguments of `bodywire export`.

use super::access::moment;
use super::{ClinicPlace, Output, class_named};
use bodywire_proto::RiskClass;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// What a clinic has on record of a bed, as files that others open.
#[derive(Debug, Subcommand)]
pub enum ExportCommand {
    /// A table: one row for each sample, times in UTC.
    Csv(ExportOptions),
    /// WFDB records (PhysioNet), one for each sampling rate, alarms as annotations.
    Wfdb(ExportOptions),
    /// EDF+ files, alarms and gaps as annotations.
    Edf(ExportEdfOptions),
    /// A FHIR R4 bundle: observations, devices, who read them, and consents.
    Fhir(ExportOptions),
    /// Prints the FHIR capability statement: what can be written. Needs no clinic.
    Capability,
}

/// Options of an export.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  bodywire export csv --bed 7 --last 5m --out bed7.csv --config clinic.toml\n  \
bodywire export wfdb --bed 7 --from 2026-12-01T08:00:00Z --to 2026-12-01T09:00:00Z --out records --config clinic.toml\n\n\
Needs a credential: bodywire access invite PERSON --export --config FILE"
)]
pub struct ExportOptions {
    /// The bed, by the number of its hub.
    #[arg(long)]
    pub bed: u16,
    /// From when, such as 2026-12-01 or 2026-12-01T08:00:00Z.
    #[arg(long, value_parser = moment, required_unless_present = "last", conflicts_with = "last")]
    pub from: Option<SystemTime>,
    /// Until when; without it until now.
    #[arg(long, value_parser = moment, conflicts_with = "last")]
    pub to: Option<SystemTime>,
    /// The last so much time, such as 5m, instead of from and to.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub last: Option<Duration>,
    /// The highest class that is asked for: I, II, or III with the sensor that is to consent.
    #[arg(long, value_parser = class_named, default_value = "II", requires_if("III", "sensor"))]
    pub class: RiskClass,
    /// The class III sensor that is asked for its consent.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub sensor: Option<u16>,
    /// A directory, or for csv and fhir a file. Nothing that is there is replaced.
    #[arg(long, value_name = "PATH")]
    pub out: PathBuf,
    /// The credential; without it the one that the clinic's directory has.
    #[arg(long, value_name = "FILE")]
    pub credential: Option<PathBuf>,
    /// The console's address, such as http://127.0.0.1:8443, when the credential does not say it or it has changed.
    #[arg(long, value_name = "URL")]
    pub console: Option<String>,
    /// The clinic.
    #[command(flatten)]
    pub place: ClinicPlace,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Options of `bodywire export edf`.
#[derive(Debug, Clone, Args)]
pub struct ExportEdfOptions {
    /// As for every format.
    #[command(flatten)]
    pub options: ExportOptions,
    /// Leaves records without any sample out (EDF+D), which some programs refuse or join; without it they are written as not
    /// measured (EDF+C).
    #[arg(long)]
    pub leave_gaps_out: bool,
}
