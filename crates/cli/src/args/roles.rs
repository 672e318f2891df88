//! `bodywire hub`, `bodywire clinic`, `bodywire broker` and `bodywire replica`.

use super::sensor::{AirOptions, StateOption};
use super::{BrokerAddress, Output, broker};
use crate::config::files::Loaded;
use crate::exit::Failure;
use bodywire_ledger::{Origin, VerifierKey};
use clap::{Args, Subcommand};
use std::net::{SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

/// Options of `bodywire hub`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Examples:\n  bodywire hub --config hub.toml\n  bodywire hub card hub-1.card --config hub.toml\n  \
bodywire hub --listen 127.0.0.1:5710 --duration 60s"
)]
pub struct HubOptions {
    /// Or something about it.
    #[command(subcommand)]
    pub command: Option<HubCommand>,
    /// Address and port of the radio; port 0 takes any free one and says which.
    #[arg(long, default_value = "127.0.0.1:5710", conflicts_with = "config")]
    pub listen: SocketAddrV4,
    /// Broker of a path to the clinic (HOST:PORT), given three times. Without any, reports wait in the spool.
    #[arg(long = "broker", value_name = "HOST:PORT", value_parser = broker, conflicts_with = "config")]
    pub brokers: Vec<BrokerAddress>,
    /// Ends after this time; without it, when it is interrupted.
    #[arg(long, value_parser = humantime::parse_duration)]
    pub duration: Option<Duration>,
    /// The air.
    #[command(flatten)]
    pub air: AirOptions,
    /// The house.
    #[command(flatten)]
    pub house: StateOption,
}

/// About a hub.
#[derive(Debug, Clone, Subcommand)]
pub enum HubCommand {
    /// Writes the hub's card for its clinic: who it is, and its sensors. Secret; only its owner may read it.
    Card(HubCardOptions),
}

/// Options of `bodywire hub card`.
#[derive(Debug, Clone, Args)]
pub struct HubCardOptions {
    /// The file to write; one that is there is replaced.
    pub file: PathBuf,
    /// The house.
    #[command(flatten)]
    pub house: StateOption,
}

/// Options of `bodywire clinic`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(
    after_help = "Examples:\n  bodywire clinic --config clinic.toml\n  bodywire clinic card --config clinic.toml\n  \
bodywire clinic admit hub-1.card --config clinic.toml"
)]
pub struct ClinicOptions {
    /// Or something about it.
    #[command(subcommand)]
    pub command: Option<ClinicCommand>,
    /// The configuration.
    #[arg(long, value_name = "FILE", required = true)]
    config: Option<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

impl ClinicOptions {
    /// Its configuration.
    pub(crate) fn loaded(&self) -> Result<Loaded, Failure> {
        Loaded::read(self.config.as_deref().unwrap_or(std::path::Path::new("clinic.toml")))
    }
}

/// About a clinic.
#[derive(Debug, Clone, Subcommand)]
pub enum ClinicCommand {
    /// Prints what a hub has to know of the clinic, as lines for its configuration. Not secret.
    Card(ClinicCardOptions),
    /// Takes a hub's card into the clinic's database; again when the hub has other sensors.
    Admit(AdmitOptions),
}

/// Options of `bodywire clinic card`.
#[derive(Debug, Clone, Args)]
pub struct ClinicCardOptions {
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Options of `bodywire clinic admit`.
#[derive(Debug, Clone, Args)]
pub struct AdmitOptions {
    /// The card, as `bodywire hub card` wrote it.
    pub card: PathBuf,
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Takes it though another hub is admitted under this number (else exit code 4).
    #[arg(long)]
    pub replace: bool,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Options of `bodywire broker`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  bodywire broker --listen 127.0.0.1:1883 --listen 127.0.0.1:1884\n  \
bodywire broker --config brokers.toml")]
pub struct BrokerOptions {
    /// Address and port, once for each broker; port 0 takes any free one and says which.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:1883", conflicts_with = "config")]
    pub listen: Vec<SocketAddr>,
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Options of `bodywire replica`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  bodywire replica --config replica.toml\n  \
bodywire replica --log \"$(cat bodywire-demo/clinic/ledger/key.vkey)\"")]
pub struct ReplicaOptions {
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Public key of a ledger that it holds, once for each.
    #[arg(long = "log", value_name = "VKEY", value_parser = log, conflicts_with = "config", required_unless_present = "config")]
    pub logs: Vec<VerifierKey>,
    /// Name of the replica; its cosigners are called NAME/witness and NAME/mirror.
    #[arg(long, value_parser = name, default_value = "replica.invalid", conflicts_with = "config")]
    pub name: Origin,
    /// Address and port; port 0 takes any free one and says which.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:9580", conflicts_with = "config")]
    pub listen: SocketAddr,
    /// Base address of another replica that it is repaired from, once for each.
    #[arg(long = "peer", value_name = "URL", conflicts_with = "config")]
    pub peers: Vec<String>,
    /// Directory for everything it writes.
    #[arg(long, value_name = "DIR", default_value = "bodywire-replica", conflicts_with = "config")]
    pub state: PathBuf,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

fn log(text: &str) -> Result<VerifierKey, String> {
    VerifierKey::parse(text.trim()).map_err(|error| error.to_string())
}

fn name(text: &str) -> Result<Origin, String> {
    Origin::new(text).map_err(|error| error.to_string())
}
