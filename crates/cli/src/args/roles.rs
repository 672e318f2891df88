//! `bodywire hub`.

use super::sensor::{AirOptions, StateOption};
use super::{BrokerAddress, broker};
use clap::Args;
use std::net::SocketAddrV4;
use std::time::Duration;

/// Options of `bodywire hub`.
#[derive(Debug, Clone, Args)]
pub struct HubOptions {
    /// Address and port of the radio; port 0 takes any free one and says which.
    #[arg(long, default_value = "127.0.0.1:5710")]
    pub listen: SocketAddrV4,
    /// Broker of a path to the clinic (HOST:PORT), given three times. Without any, reports wait in the spool.
    #[arg(long = "broker", value_name = "HOST:PORT", value_parser = broker)]
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
