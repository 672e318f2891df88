//! `bodywire config`.

use crate::args::Output;
use crate::config::keys::Role;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Configurations.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Says everything that is wrong with a configuration, with its line and what to write (exit code 6).
    Check(ConfigCheckOptions),
    /// Prints a complete configuration: every key with its default and what it is for.
    Print(ConfigPrintOptions),
}

/// Options of `bodywire config check`.
#[derive(Debug, Clone, Args)]
pub struct ConfigCheckOptions {
    /// The configuration. Files that it names are not opened; bodywire doctor does that.
    pub file: PathBuf,
}

/// Options of `bodywire config print`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  bodywire config print --role hub > hub.toml")]
pub struct ConfigPrintOptions {
    /// Only the keys that this role reads.
    #[arg(long, value_enum, default_value_t = Role::All)]
    pub role: Role,
    /// An example in TOML, or the table of keys in Markdown.
    #[arg(long, value_enum, default_value_t = PrintAs::Toml)]
    pub output: PrintAs,
}

/// How the keys are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PrintAs {
    /// A configuration.
    Toml,
    /// Tables for the documentation.
    Markdown,
}

/// Options of `bodywire doctor`.
#[derive(Debug, Clone, Args)]
pub struct DoctorOptions {
    /// The configuration that is looked at.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}
