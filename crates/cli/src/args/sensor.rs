//! `bodywire sensor`.

use super::Output;
use crate::puf::PufChoice;
use crate::radio::air::Weather;
use bodywire_proto::RiskClass;
use bodywire_proto::handshake::Profile;
use bodywire_proto::observation::Signal;
use clap::{Args, Subcommand};
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::time::Duration;

/// Sensors.
#[derive(Debug, Subcommand)]
pub enum SensorCommand {
    /// Reads a sensor's PUF, judges it, and stores its challenge-response pairs. The hub must not run.
    Enroll(EnrollOptions),
    /// Lists the sensors with the quality of their PUFs, their pairs and when these run out.
    List(ListOptions),
    /// Gives a sensor and its hub a fresh secret; the pairs stay. For a sensor whose memory was rolled back or lost.
    Resync(OneSensor),
    /// Ends a sensor for good: its pairs are deleted, and a hub that runs drops it within seconds.
    Revoke(OneSensor),
    /// Runs a simulated sensor that speaks to its hub over UDP.
    Run(RunOptions),
}

/// The state directory of a house.
#[derive(Debug, Clone, Args)]
pub struct StateOption {
    /// Directory of the house: keys, database, what hub and sensors remember.
    #[arg(long, default_value = "bodywire-state", value_name = "DIR", conflicts_with = "config")]
    pub state: PathBuf,
    /// The hub's configuration, which names the directory and the hub's number.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Options of `bodywire sensor enroll`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  bodywire sensor enroll 1 --kind ecg --class II\n  \
bodywire sensor enroll 2 --kind insulin-rate --class III --profile hardened-512 --puf xor-arbiter:4\n  \
bodywire sensor enroll 3 --puf exec:./read-my-board --pairs 1000")]
pub struct EnrollOptions {
    /// Number of the sensor, 1 to 65535.
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub sensor: u16,
    /// What it measures.
    #[arg(long, value_parser = signal_named, default_value = "ecg")]
    pub kind: Signal,
    /// Its risk class: I, II or III.
    #[arg(long, value_parser = class_named, default_value = "II")]
    pub class: RiskClass,
    /// The protocol it speaks: hardened-256, hardened-512, or paper (not for patients).
    #[arg(long, value_parser = profile_named, default_value = "hardened-256")]
    pub profile: Profile,
    /// How many challenge-response pairs are read; each authentication uses one. The paper's profile has 640 at most.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub pairs: u32,
    /// Its PUF: sram, arbiter, xor-arbiter:K (simulated), exec:PROGRAM (asked line by line), or csv:FILE (readings).
    #[arg(long, default_value_t = PufChoice::Sram)]
    pub puf: PufChoice,
    /// Authentications a day that are planned for, to say when the pairs run out.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub runs_per_day: u32,
    /// Class III: release the key for detected emergencies without being asked. Who wears it has agreed to that.
    #[arg(long)]
    pub emergency_consent: bool,
    /// The house.
    #[command(flatten)]
    pub house: StateOption,
}

/// Options of `bodywire sensor list`.
#[derive(Debug, Clone, Args)]
pub struct ListOptions {
    /// The house.
    #[command(flatten)]
    pub house: StateOption,
}

/// A sensor that was enrolled.
#[derive(Debug, Clone, Args)]
pub struct OneSensor {
    /// Number of the sensor.
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub sensor: u16,
    /// The house.
    #[command(flatten)]
    pub house: StateOption,
}

/// How bad the simulated air is, both ways.
#[derive(Debug, Clone, Args)]
pub struct AirOptions {
    /// Chance that a frame is lost, 0 to 0.99.
    #[arg(long, default_value_t = 0.0, value_parser = chance)]
    pub loss: f64,
    /// Chance that a frame comes twice, 0 to 0.99.
    #[arg(long, default_value_t = 0.0, value_parser = chance)]
    pub duplicate: f64,
    /// Chance that a frame is overtaken by those behind it, 0 to 0.99.
    #[arg(long, default_value_t = 0.0, value_parser = chance)]
    pub reorder: f64,
    /// How long every frame takes, such as 20ms.
    #[arg(long, default_value = "0ms", value_parser = humantime::parse_duration)]
    pub delay: Duration,
    /// Decides what the air does; the same seed gives the same chances.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl AirOptions {
    pub(crate) const fn weather(&self) -> Weather {
        Weather { loss: self.loss, duplicate: self.duplicate, reorder: self.reorder, delay: self.delay }
    }
}

/// Options of `bodywire sensor run`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example, against a hub started with --listen 127.0.0.1:5710:\n  \
bodywire sensor run 1 --hub 127.0.0.1:5710 --loss 0.3 --sessions 1 --duration 2m")]
pub struct RunOptions {
    /// Number of the sensor.
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub sensor: u16,
    /// Where the hub listens.
    #[arg(long, default_value = "127.0.0.1:5710")]
    pub hub: SocketAddrV4,
    /// Ends after this time; without it, when it is interrupted.
    #[arg(long, value_parser = humantime::parse_duration)]
    pub duration: Option<Duration>,
    /// Ends as soon as this many authentications have succeeded. A sensor that has a session begins the next at once.
    #[arg(long)]
    pub sessions: Option<u32>,
    /// Its PUF, as it was enrolled: sram, arbiter, xor-arbiter:K, exec:PROGRAM or csv:FILE.
    #[arg(long, default_value_t = PufChoice::Sram)]
    pub puf: PufChoice,
    /// Plays this WFDB recording (path without .hea) instead of a synthetic signal.
    #[arg(long)]
    pub recording: Option<PathBuf>,
    /// How many seconds of the signal pass in one.
    #[arg(long, default_value_t = 1.0, value_parser = crate::args::speed)]
    pub speed: f64,
    /// Class III: the wearer agrees to no request.
    #[arg(long)]
    pub wearer_declines: bool,
    /// The air.
    #[command(flatten)]
    pub air: AirOptions,
    /// The house.
    #[command(flatten)]
    pub house: StateOption,
}

fn chance(text: &str) -> Result<f64, String> {
    let chance = text.parse().ok().filter(|chance| (0.0..=0.99).contains(chance));
    chance.ok_or_else(|| "must be 0 to 0.99".to_owned())
}

/// The kinds of sensors by the names that are typed.
const SIGNALS: [(&str, Signal); 5] = [
    ("ecg", Signal::Ecg),
    ("spo2", Signal::SpO2),
    ("respiration", Signal::Respiration),
    ("temperature", Signal::Temperature),
    ("insulin-rate", Signal::InsulinRate),
];

pub(crate) fn signal_named(text: &str) -> Result<Signal, String> {
    let found = SIGNALS.iter().find(|(name, _)| *name == text).map(|(_, signal)| *signal);
    found.ok_or_else(|| format!("say one of {}", SIGNALS.map(|(name, _)| name).join(", ")))
}

/// The name under which a kind of sensor is typed.
pub(crate) fn signal_name(signal: Signal) -> &'static str {
    SIGNALS.iter().find(|(_, known)| *known == signal).map_or("unknown", |(name, _)| name)
}

pub(crate) fn class_named(text: &str) -> Result<RiskClass, String> {
    match text {
        "I" | "1" => Ok(RiskClass::I),
        "II" | "2" => Ok(RiskClass::II),
        "III" | "3" => Ok(RiskClass::III),
        _ => Err("say I, II or III".to_owned()),
    }
}

pub(crate) fn profile_named(text: &str) -> Result<Profile, String> {
    let found = Profile::ALL.iter().copied().find(|profile| profile.name() == text);
    let names = || Profile::ALL.iter().map(|profile| profile.name()).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| format!("say one of {}", names()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sensors_are_described_by_name() {
        assert_eq!(
            (signal_named("insulin-rate"), class_named("III")),
            (Ok(Signal::InsulinRate), Ok(RiskClass::III))
        );
        assert_eq!(profile_named("hardened-512").map(Profile::name), Ok("hardened-512"));
        assert!(
            signal_named("pulse").is_err() && class_named("IV").is_err() && profile_named("soft").is_err()
        );
        assert_eq!(chance("0.5"), Ok(0.5));
        assert!(["1", "-0.1", "nan", "often"].into_iter().all(|text| chance(text).is_err()));
    }
}
