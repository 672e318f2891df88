//! Arguments of `bodywire aggregate`.

use super::Output;
use bodywire_aggregate::Vital;
use bodywire_channels::topic::Shard;
use bodywire_proto::wire::HubId;
use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Sums over the ward's encrypted vital signs.
#[derive(Debug, Subcommand)]
pub enum AggregateCommand {
    /// The mean of all readings.
    Mean(AggregateOptions),
    /// The sum of all readings.
    Sum(AggregateOptions),
    /// Variance and standard deviation of all readings, as a whole population.
    Variance(AggregateOptions),
    /// How many readings are above one limit or below another.
    Count(CountOptions),
    /// How many readings there are of each value, and quantiles.
    Histogram(AggregateOptions),
    /// The mean over time.
    Trend(AggregateOptions),
    /// The ward's keys for all this: the public one for hubs, and custody of the secret one.
    Key {
        /// What to do.
        #[command(subcommand)]
        command: AggregateKeyCommand,
    },
}

/// What is asked for, and of which clinic.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  bodywire aggregate mean --signal hr --state bodywire-demo\n  \
bodywire aggregate variance --signal spo2 --ward 4b --from 24h --config clinic.toml\n  \
bodywire aggregate histogram --signal temp --from 2026-11-26T00:00:00Z --to 2026-11-27T00:00:00Z --config clinic.toml")]
pub struct AggregateOptions {
    /// The vital sign.
    #[arg(long, value_parser = signal())]
    pub signal: Vital,
    /// The ward: the clinic's shard. Needed only where several run on this state directory.
    #[arg(long, value_name = "WARD", value_parser = |text: &str| Shard::new(text).map_err(|error| error.to_string()))]
    pub ward: Option<Shard>,
    /// Windows from this time on: a time such as 2026-11-26T08:00:00Z, or how long ago, such as 24h.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = moment)]
    pub from: SystemTime,
    /// Windows that end before this time; without it, now.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub to: Option<SystemTime>,
    /// A bed that does not count once: HUB=WEIGHT. May be given several times.
    #[arg(long = "weight", value_name = "HUB=WEIGHT", value_parser = weight)]
    pub weights: Vec<(HubId, u32)>,
    /// Where the clinic runs.
    #[command(flatten)]
    pub place: ClinicPlace,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Options of `bodywire aggregate count`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Example:\n  bodywire aggregate count --signal hr --above 120 --from 24h --config clinic.toml"
)]
pub struct CountOptions {
    /// Readings above this, in the unit of the signal.
    #[arg(long, required_unless_present = "below", allow_negative_numbers = true)]
    pub above: Option<f64>,
    /// Readings below this.
    #[arg(long, allow_negative_numbers = true)]
    pub below: Option<f64>,
    /// The rest.
    #[command(flatten)]
    pub of: AggregateOptions,
}

/// A clinic by its configuration, or a demo by its directory.
#[derive(Debug, Clone, Args)]
pub struct ClinicPlace {
    /// Directory of a demo, or of a clinic.
    #[arg(long, default_value = "bodywire-demo", value_name = "DIR", conflicts_with = "config")]
    pub state: PathBuf,
    /// The clinic's configuration.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// About the ward's keys.
#[derive(Debug, Subcommand)]
pub enum AggregateKeyCommand {
    /// Writes the public key, which every hub of the ward needs (hub.aggregate.key_file). It is no secret.
    Export(KeyExportOptions),
    /// Splits the secret into shares for people, of which some bring it back; fewer say nothing.
    Split(KeySplitOptions),
    /// Puts the secret together from shares, in a directory that has none or the same.
    Join(KeyJoinOptions),
}

/// Options of `bodywire aggregate key export`.
#[derive(Debug, Clone, Args)]
pub struct KeyExportOptions {
    /// The file to write; it must not exist.
    pub file: PathBuf,
    /// Where the clinic lives.
    #[command(flatten)]
    pub place: ClinicPlace,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Options of `bodywire aggregate key split`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Example:\n  bodywire aggregate key split --shares 5 --threshold 3 shares --config clinic.toml"
)]
pub struct KeySplitOptions {
    /// Directory to make, with a file for each share that only its owner may read.
    pub directory: PathBuf,
    /// How many shares, 2 to 32.
    #[arg(long, value_parser = clap::value_parser!(u8).range(2..=32))]
    pub shares: u8,
    /// How many of them are needed.
    #[arg(long, value_parser = clap::value_parser!(u8).range(2..=32))]
    pub threshold: u8,
    /// Where the clinic lives.
    #[command(flatten)]
    pub place: ClinicPlace,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Options of `bodywire aggregate key join`.
#[derive(Debug, Clone, Args)]
pub struct KeyJoinOptions {
    /// Files with one share each.
    #[arg(required = true)]
    pub shares: Vec<PathBuf>,
    /// Where the clinic lives.
    #[command(flatten)]
    pub place: ClinicPlace,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Short names that people type.
const SHORT: [(&str, Vital); 4] = [
    ("hr", Vital::HeartRate),
    ("spo2", Vital::SpO2),
    ("resp", Vital::Respiration),
    ("temp", Vital::Temperature),
];

fn signal() -> impl TypedValueParser<Value = Vital> {
    let values = SHORT.map(|(short, vital)| PossibleValue::new(vital.name()).alias(short));
    let named = |name: String| {
        let short = SHORT.into_iter().find(|(short, _)| *short == name).map(|(_, vital)| vital);
        short.or_else(|| Vital::from_name(&name)).ok_or("there is no such signal")
    };
    clap::builder::PossibleValuesParser::new(values).try_map(named)
}

/// A time, or how long ago it was.
fn moment(text: &str) -> Result<SystemTime, String> {
    let ago = |ago: Duration| SystemTime::now().checked_sub(ago);
    if let Some(then) = humantime::parse_duration(text).ok().and_then(ago) {
        return Ok(then);
    }
    let midnight = format!("{text}T00:00:00Z");
    humantime::parse_rfc3339_weak(text)
        .or_else(|_| humantime::parse_rfc3339(&midnight))
        .map_err(|_| "write a time such as 2026-11-26T08:00:00Z, or how long ago such as 24h".to_owned())
}

fn weight(text: &str) -> Result<(HubId, u32), String> {
    let pair = text.split_once('=').and_then(|(hub, weight)| Some((hub.parse().ok()?, weight.parse().ok()?)));
    pair.filter(|(hub, weight)| *hub > 0 && *weight > 0)
        .map(|(hub, weight)| (HubId(hub), weight))
        .ok_or_else(|| "write HUB=WEIGHT as in 3=2".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_weights_are_read() {
        let then = moment("24h").unwrap();
        let day = SystemTime::now().duration_since(then).unwrap();
        assert!(day >= Duration::from_secs(86_400) && day < Duration::from_secs(86_460));
        assert_eq!(moment("1970-01-01T00:00:09Z").unwrap(), SystemTime::UNIX_EPOCH + Duration::from_secs(9));
        assert_eq!(moment("1970-01-02").unwrap(), SystemTime::UNIX_EPOCH + Duration::from_secs(86_400));
        assert!(moment("yesterday").is_err());
        assert_eq!(weight("3=2"), Ok((HubId(3), 2)));
        assert!(["3", "3=0", "0=3", "3=-1", "x=1"].iter().all(|text| weight(text).is_err()));
    }
}
