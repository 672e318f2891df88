//! Arguments of `bodywire backup`.

use super::Output;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Backups of a database.
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// Copies the database of a state, its erasure list and how far its ledger is into a new directory. No keys.
    ///
    /// Roles may run meanwhile; a demo may not. Keep the keys separately and offline: without them a backup says nothing.
    Make(BackupMakeOptions),
    /// A drill: restores into a temporary directory and checks everything there (exit code 3).
    Verify(BackupVerifyOptions),
    /// Puts a backup in the place of a state's database and erases again whoever was erased since.
    Restore(BackupRestoreOptions),
}

/// Whose database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BackupRole {
    /// A clinic's, or a demo's.
    Clinic,
    /// A hub's.
    Hub,
}

/// Which state.
#[derive(Debug, Clone, Args)]
pub struct BackupHouse {
    /// Directory of the clinic, the hub or the demo.
    #[arg(long, value_name = "DIR", required_unless_present = "config", conflicts_with = "config")]
    pub state: Option<PathBuf>,
    /// The configuration of the clinic or the hub, which names the directory.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Options of `bodywire backup make`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  bodywire backup make /mnt/backup/2026-11-27 --config clinic.toml\n  \
bodywire backup make demo.backup --state bodywire-demo")]
pub struct BackupMakeOptions {
    /// The directory to write; it must not exist.
    pub directory: PathBuf,
    /// The house.
    #[command(flatten)]
    pub house: BackupHouse,
    /// Whose database, where a directory has both.
    #[arg(long, value_enum)]
    pub role: Option<BackupRole>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Options of `bodywire backup verify`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  bodywire backup verify demo.backup --keys bodywire-demo")]
pub struct BackupVerifyOptions {
    /// The backup.
    pub directory: PathBuf,
    /// The state directory with the keys, or the file with the database's key.
    #[arg(long, value_name = "STATE_OR_KEY")]
    pub keys: PathBuf,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Options of `bodywire backup restore`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  bodywire backup restore demo.backup --state bodywire-demo --replace \
--erasures newer.backup/erasures.json")]
pub struct BackupRestoreOptions {
    /// The backup.
    pub directory: PathBuf,
    /// The house, with its keys. Nothing of it may run.
    #[command(flatten)]
    pub house: BackupHouse,
    /// Moves the present database aside, to bodywire.db.before-restore-MILLISECONDS, after taking from it what is newer.
    #[arg(long)]
    pub replace: bool,
    /// A further erasure list, such as the erasures.json of a newer backup.
    #[arg(long, value_name = "FILE")]
    pub erasures: Vec<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}
