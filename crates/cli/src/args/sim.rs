//! `bodywire sim`.

use super::Output;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Options of `bodywire sim`.
#[derive(Debug, Clone, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  bodywire sim --seed 955 --trace\n  bodywire sim scenarios/bad-minute.toml --seed 7\n  \
bodywire sim --seeds 2000\n  bodywire sim --seed 955 --print > mine.toml\n  \
bodywire sim scale --hubs 10,100,1000 --seconds 60"
)]
pub struct SimOptions {
    /// How a ward grows.
    #[command(subcommand)]
    pub command: Option<SimCommand>,
    /// A scenario in TOML. Without one it is drawn from the seed.
    pub scenario: Option<PathBuf>,
    /// The seed. The same seed gives the same log, byte for byte.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// As many worlds, with the seeds from --seed on.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seeds: u64,
    /// Prints what happens, line by line.
    #[arg(long, conflicts_with = "seeds")]
    pub trace: bool,
    /// Prints the scenario and ends.
    #[arg(long, conflicts_with_all = ["seeds", "trace"])]
    pub print: bool,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Other uses of the world.
#[derive(Debug, Clone, Subcommand)]
pub enum SimCommand {
    /// How time and memory grow with the hubs of a ward: quiet beds with five sensors each, their radio included, on real code.
    Scale(SimScaleOptions),
}

/// Options of `bodywire sim scale`.
#[derive(Debug, Clone, Args)]
pub struct SimScaleOptions {
    /// Numbers of hubs, each played once, in ascending order.
    #[arg(long, value_delimiter = ',', default_value = "10,30,100,300,1000")]
    pub hubs: Vec<u16>,
    /// Simulated seconds.
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
    /// Threads; each plays a shard of the hubs with a clinic of its own.
    #[arg(long, default_value_t = 2)]
    pub threads: u16,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Where the ledgers are written while it runs; a temporary directory when absent.
    #[arg(long, value_name = "DIRECTORY")]
    pub directory: Option<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}
