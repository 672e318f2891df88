//! `bodywire ecg`.

use crate::args::Output;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Options of `bodywire ecg RECORDING`.
#[derive(Debug, Clone, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  bodywire ecg mitdb/100\n  bodywire ecg mitdb/203 --annotations atr --plot 203.html\n  \
bodywire ecg evaluate mitdb --plot mitdb.html\n  bodywire ecg correlate mitdb/100 mitdb/105"
)]
pub struct EcgOptions {
    /// Over whole directories, or between recordings.
    #[command(subcommand)]
    pub command: Option<EcgCommand>,
    /// The recording: a WFDB header, with or without .hea.
    #[arg(required = true)]
    pub recording: Option<PathBuf>,
    /// Which signal, from 0.
    #[arg(long, default_value_t = 0)]
    pub signal: usize,
    /// Ending of an annotation file beside the recording to compare with, such as atr.
    #[arg(long, value_name = "ENDING")]
    pub annotations: Option<String>,
    /// Draws the result: a picture (.svg), or a page with a strip of every emergency (.html).
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Over whole directories, or between recordings.
#[derive(Debug, Clone, Subcommand)]
pub enum EcgCommand {
    /// Scores the detector on every annotated recording of a directory, by the rules of ANSI/AAMI EC57.
    Evaluate(EcgEvaluateOptions),
    /// The weighted cross-correlation of paper B between the beats of recordings, by the printed equations and by ours.
    Correlate(EcgCorrelateOptions),
}

/// Options of `bodywire ecg evaluate`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Beats match within 150 ms; ventricular flutter is left out of the beats. An emergency is false when it \
begins outside annotated ventricular tachycardia, flutter, fibrillation, asystole, noise, pauses and rates beyond the \
limits, and more than 10 s after them."
)]
pub struct EcgEvaluateOptions {
    /// Directory with recordings; those below it too.
    pub directory: PathBuf,
    /// Ending of the annotation files.
    #[arg(long, value_name = "ENDING", default_value = "atr")]
    pub annotations: String,
    /// Which signal of each, from 0.
    #[arg(long, default_value_t = 0)]
    pub signal: usize,
    /// Draws the result: a page with the table (.html).
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Options of `bodywire ecg correlate`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Figures 12 and 13 of paper B, then 14:\n  bodywire ecg correlate mitdb/100 --plot figure-13.svg\n  \
bodywire ecg correlate mitdb/100 mitdb/105 --plot figure-14.svg"
)]
pub struct EcgCorrelateOptions {
    /// The recording whose first normal beats are the reference.
    pub reference: PathBuf,
    /// The recording whose beats are compared; the reference itself without it.
    pub recording: Option<PathBuf>,
    /// Weights of the PR interval, the QRS complex, and the ST segment with the T wave. They are divided by their sum.
    #[arg(
        long,
        value_name = "PR,QRS,ST",
        default_value = "0.2,0.8,0.2",
        value_delimiter = ',',
        num_args = 1
    )]
    pub weights: Vec<f64>,
    /// Ending of the annotation files; without such a file the beats are those that are detected.
    #[arg(long, value_name = "ENDING", default_value = "atr")]
    pub annotations: String,
    /// Draws coefficients by lag and by beat (.svg).
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}
