//! Arguments of `bodywire audit`.

use super::Output;
use bodywire_ledger::EntryKind;
use clap::{Args, Subcommand, builder::PossibleValuesParser, builder::TypedValueParser};
use std::path::PathBuf;
use std::time::SystemTime;

/// Who did what: the records of a ledger beside its telemetry.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Lists the records of a ledger, each verified against its signed checkpoint (exit code 3).
    List(AuditListOptions),
    /// Writes the proof of one record, and says what it proves and how anybody can check it.
    Prove(AuditProveOptions),
}

/// Options of `bodywire audit list`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Example:\n  bodywire audit list bodywire-demo/hub/pairs --kind pair-spent --since 2026-11-01T00:00:00Z"
)]
pub struct AuditListOptions {
    /// The ledger directory, such as bodywire-demo/clinic/ledger or a hub's record of used pairs.
    pub directory: PathBuf,
    /// Kinds of records, several with commas; without it all but telemetry and homomorphic vectors.
    #[arg(long, value_delimiter = ',', value_parser = kind())]
    pub kind: Vec<EntryKind>,
    /// Records from this time on, such as 2026-11-01T00:00:00Z.
    #[arg(long, value_parser = humantime::parse_rfc3339)]
    pub since: Option<SystemTime>,
    /// Records before this time.
    #[arg(long, value_parser = humantime::parse_rfc3339)]
    pub until: Option<SystemTime>,
    /// The log's public key as a C2SP verifier key; without it the key in the directory is believed.
    #[arg(long)]
    pub key: Option<String>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Options of `bodywire audit prove`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  bodywire audit prove bodywire-demo/hub/pairs 7 --file 7.tlog-proof")]
pub struct AuditProveOptions {
    /// The ledger directory.
    pub directory: PathBuf,
    /// Index of the record, as `bodywire audit list` shows it.
    pub index: u64,
    /// Where the proof is written; it must not exist.
    #[arg(long)]
    pub file: PathBuf,
    /// The log's public key as a C2SP verifier key; without it the key in the directory is believed.
    #[arg(long)]
    pub key: Option<String>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

fn kind() -> impl TypedValueParser<Value = EntryKind> {
    PossibleValuesParser::new(EntryKind::ALL.map(EntryKind::name))
        .try_map(|name| EntryKind::from_name(&name).ok_or("there is no such kind"))
}
