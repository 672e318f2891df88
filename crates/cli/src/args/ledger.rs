//! Arguments of `bodywire ledger`.

use super::Output;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Checks and proofs of the ledger.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Reads every byte of a ledger directory and names what is damaged (exit code 3).
    Verify(VerifyOptions),
    /// Writes the proof that an entry is in a ledger (C2SP tlog-proof), from its published files alone.
    Prove(ProveOptions),
    /// Checks such a proof against the ledger's public key; nothing else is needed (exit code 3).
    Check(CheckOptions),
    /// Repairs a ledger directory from another copy; what is intact stays, and nothing unverified is saved.
    Repair(RepairOptions),
    /// Writes down how far the ledger has grown, to be kept elsewhere; `verify --anchor` holds the ledger to it.
    Anchor(AnchorOptions),
}

/// Options of `bodywire ledger verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyOptions {
    /// The ledger directory, such as bodywire-demo/clinic/ledger.
    pub directory: PathBuf,
    /// The log's public key as a C2SP verifier key; without it the key in the directory is believed.
    #[arg(long)]
    pub key: Option<String>,
    /// A file that `bodywire ledger anchor` wrote: the ledger must have grown from it.
    #[arg(long)]
    pub anchor: Option<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Options of `bodywire ledger prove`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  bodywire ledger prove bodywire-demo/clinic/ledger 7 > 7.tlog-proof")]
pub struct ProveOptions {
    /// The ledger directory, such as bodywire-demo/clinic/ledger.
    pub directory: PathBuf,
    /// Index of the entry, from 0.
    pub index: u64,
    /// The log's public key as a C2SP verifier key; without it the key in the directory is believed.
    #[arg(long)]
    pub key: Option<String>,
}

/// Options of `bodywire ledger check`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  bodywire ledger check 7.tlog-proof --key \"$(cat key.vkey)\"")]
pub struct CheckOptions {
    /// The proof.
    pub proof: PathBuf,
    /// The log's public key as a C2SP verifier key, from somebody who is trusted.
    #[arg(long)]
    pub key: String,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Options of `bodywire ledger repair`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Example:\n  bodywire ledger repair bodywire-demo/clinic/ledger --from bodywire-demo/replicas/1"
)]
pub struct RepairOptions {
    /// The ledger directory. Its writer must have been stopped.
    pub directory: PathBuf,
    /// Directory of another copy, such as a replica's; several are asked in turn.
    #[arg(long, required = true)]
    pub from: Vec<PathBuf>,
    /// The log's public key as a C2SP verifier key; without it the key in the directory is believed.
    #[arg(long)]
    pub key: Option<String>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Options of `bodywire ledger anchor`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Example:\n  bodywire ledger anchor bodywire-demo/clinic/ledger --file 2026-11.checkpoint"
)]
pub struct AnchorOptions {
    /// The ledger directory.
    pub directory: PathBuf,
    /// Where the signed checkpoint is written; it must not exist. Keep it where the ledger's machine cannot reach it.
    #[arg(long)]
    pub file: PathBuf,
    /// The log's public key as a C2SP verifier key; without it the key in the directory is believed.
    #[arg(long)]
    pub key: Option<String>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}
