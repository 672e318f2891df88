//! Options of the report.

use super::Output;
use crate::report::SECTIONS;
use clap::Args;
use clap::builder::PossibleValuesParser;
use std::path::PathBuf;

/// Options of `bodywire report`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  bodywire report --out report\n  bodywire report --out report --quick\n  \
bodywire report --out report --only b-security,m-delay\n  \
bodywire report --out new --seed 7 --against report/report.json\n\n\
Exit code 7 when a figure moved further than its class allows."
)]
pub struct ReportOptions {
    /// Directory that is written: index.html, report.json, and a CSV for each table and chart.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Fewer runs of everything: under a minute in place of ten.
    #[arg(long)]
    pub quick: bool,
    /// Seed of everything that is drawn by chance.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Directory with the WFDB databases mitdb, vfdb and cudb, or some of them; BODYWIRE_ECG_DATA without it. Where there is
    /// none, sections that need recordings use a synthetic ECG and say so.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Leaves the drawn ECG of a recording out, for a page that is given away without the recordings.
    #[arg(long)]
    pub no_strips: bool,
    /// Only these sections.
    #[arg(long, value_name = "SECTION", value_delimiter = ',', value_parser = PossibleValuesParser::new(SECTIONS))]
    pub only: Vec<String>,
    /// An earlier report.json: says what moved since.
    #[arg(long, value_name = "FILE")]
    pub against: Option<PathBuf>,
    /// A Python with the packages of scripts/aggregate-peers.requirements.txt: python-paillier and SEAL are measured, too.
    #[arg(long, value_name = "PYTHON")]
    pub peers: Option<PathBuf>,
    /// Runs of many hubs and sensors, a JSON file: adds their section.
    #[arg(long, value_name = "FILE")]
    pub scale: Option<PathBuf>,
    /// What the page says about when it was made; today without it.
    #[arg(long, value_name = "TEXT")]
    pub date: Option<String>,
    /// How the short summary is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}
