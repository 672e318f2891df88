//! What can be typed.

use crate::puf::PufChoice;
use crate::radio::air::Weather;
use bodywire_proto::RiskClass;
use bodywire_proto::handshake::Profile;
use bodywire_proto::observation::Signal;
use bodywire_sim::adversary::{Attack, Scheme};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::time::Duration;

/// Vital signs from body sensors to clinicians, past brokers and storage that nobody has to trust.
///
/// Research software, not a medical device.
#[derive(Debug, Parser)]
#[command(name = "bodywire", version, after_help = EXIT_CODES)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 ok, 1 failure, 2 usage, 3 verification failed, 4 denied, 5 unreachable, \
6 bad configuration, 7 outside tolerance";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// A ward in one process: five sensors, a hub, three MQTT paths, a clinic, a ledger and a console in the browser.
    ///
    /// Nothing has to be installed, and everything it writes is in one directory that can be deleted.
    Demo(DemoOptions),
    /// Sensors: enrol them, look after them, run one.
    Sensor {
        /// Which.
        #[command(subcommand)]
        command: SensorCommand,
    },
    /// Runs the hub of a house: authenticates its sensors over UDP and reports to the clinic over MQTT.
    Hub(HubOptions),
    /// Checks of the ledger.
    Ledger {
        /// Which.
        #[command(subcommand)]
        command: LedgerCommand,
    },
    /// Carries out every attack against the link, against paper B's own protocol and against the schemes it is compared
    /// with, and compares what happens with what is documented (exit code 7 when it differs).
    Attacks(AttackOptions),
    /// Prints shell completions.
    Completions {
        /// For which shell.
        shell: Shell,
    },
}

/// Options of `bodywire attacks`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  bodywire attacks\n  bodywire attacks --scheme hardened\n  \
bodywire attacks --attack reflect --scheme paper\n  bodywire attacks --output json --seed 7")]
pub struct AttackOptions {
    /// Only this attack.
    #[arg(long, value_name = "NAME", value_parser = attack_named())]
    pub attack: Option<Attack>,
    /// Only this scheme. With an attack too, the table shows the transcript.
    #[arg(long, value_name = "NAME", value_parser = scheme_named())]
    pub scheme: Option<Scheme>,
    /// Seed of victims and attackers. The same seed gives the same transcripts.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

fn attack_named() -> impl TypedValueParser<Value = Attack> {
    PossibleValuesParser::new(Attack::ALL.iter().map(|attack| attack.name()))
        .try_map(|name| Attack::named(&name).ok_or("there is no such attack"))
}

fn scheme_named() -> impl TypedValueParser<Value = Scheme> {
    PossibleValuesParser::new(Scheme::ALL.iter().map(|scheme| scheme.name()))
        .try_map(|name| Scheme::named(&name).ok_or("there is no such scheme"))
}

/// Checks of the ledger.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Reads every byte of a ledger directory and names what is damaged (exit code 3).
    Verify(VerifyOptions),
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// For programs: one JSON object on standard output.
    Json,
}

/// Options of `bodywire demo`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Keys: e emergency, b break a path or restore it, t tamper with a record, q quit.\n\n\
Examples:\n  bodywire demo\n  bodywire demo --recording recordings/100 --port 0\n  \
bodywire demo --headless --duration 20s --output json"
)]
pub struct DemoOptions {
    /// Directory for everything the demo writes. Deleting it forgets everything.
    #[arg(long, default_value = "bodywire-demo")]
    pub state: PathBuf,
    /// Plays this WFDB recording (path without .hea) instead of a synthetic ECG.
    #[arg(long)]
    pub recording: Option<PathBuf>,
    /// Which signal of the recording, from 0.
    #[arg(long, default_value_t = 0, requires = "recording")]
    pub signal: usize,
    /// How many times faster than life the sensors measure (0.1 to 1000).
    #[arg(long, default_value_t = 1.0, value_parser = speed)]
    pub speed: f64,
    /// No console and no keys; ends by itself and exits 0 only if everything checks.
    #[arg(long)]
    pub headless: bool,
    /// How long a headless run lasts after all sensors have authenticated, such as 20s. Without it a recording is played to its end.
    #[arg(long, value_parser = humantime::parse_duration, requires = "headless")]
    pub duration: Option<Duration>,
    /// When the synthetic patient deteriorates, after all sensors have authenticated; `never` for a calm patient.
    #[arg(long, default_value = "auto", value_parser = emergency_at)]
    pub emergency_at: EmergencyAt,
    /// Path (1 to 3) that dies five seconds after the start and stays dead.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=3))]
    pub kill_path: Option<u8>,
    /// Port of the console on 127.0.0.1; 0 takes any free one.
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// First of three ports for the embedded brokers on 127.0.0.1; 0 takes any free ones.
    #[arg(long, default_value_t = 18831)]
    pub mqtt_port: u16,
    /// Broker of a path (HOST:PORT), given three times: uses these instead of embedded ones.
    #[arg(long = "broker", value_name = "HOST:PORT", value_parser = broker, conflicts_with_all = ["mqtt_port", "kill_path"])]
    pub brokers: Vec<BrokerAddress>,
    /// How the result of a headless run is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Where a broker listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerAddress {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// When the synthetic patient deteriorates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmergencyAt {
    /// After 20 seconds, or half way through a shorter headless run.
    Auto,
    /// Not by itself.
    Never,
    /// After this time.
    After(Duration),
}

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
    #[arg(long, default_value = "bodywire-state")]
    pub state: PathBuf,
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
    #[arg(long, value_parser = signal, default_value = "ecg")]
    pub kind: Signal,
    /// Its risk class: I, II or III.
    #[arg(long, value_parser = class, default_value = "II")]
    pub class: RiskClass,
    /// The protocol it speaks: hardened-256, hardened-512, or paper (not for patients).
    #[arg(long, value_parser = profile, default_value = "hardened-256")]
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
    /// The air.
    #[command(flatten)]
    pub air: AirOptions,
    /// The house.
    #[command(flatten)]
    pub house: StateOption,
}

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

/// Options of `bodywire ledger verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyOptions {
    /// The ledger directory, such as bodywire-demo/clinic/ledger.
    pub directory: PathBuf,
    /// The log's public key as a C2SP verifier key; without it the key in the directory is believed.
    #[arg(long)]
    pub key: Option<String>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

fn emergency_at(text: &str) -> Result<EmergencyAt, String> {
    match text {
        "auto" => Ok(EmergencyAt::Auto),
        "never" => Ok(EmergencyAt::Never),
        other => humantime::parse_duration(other)
            .map(EmergencyAt::After)
            .map_err(|error| format!("{error}; say 15s, never or auto")),
    }
}

fn broker(text: &str) -> Result<BrokerAddress, String> {
    let (host, port) = text.rsplit_once(':').ok_or("say HOST:PORT")?;
    let port = port.parse().ok().filter(|port| *port != 0).ok_or("the port must be 1 to 65535")?;
    if host.is_empty() {
        return Err("the host is missing".to_owned());
    }
    Ok(BrokerAddress { host: host.to_owned(), port })
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

fn signal(text: &str) -> Result<Signal, String> {
    let found = SIGNALS.iter().find(|(name, _)| *name == text).map(|(_, signal)| *signal);
    found.ok_or_else(|| format!("say one of {}", SIGNALS.map(|(name, _)| name).join(", ")))
}

/// The name under which a kind of sensor is typed.
pub(crate) fn signal_name(signal: Signal) -> &'static str {
    SIGNALS.iter().find(|(_, known)| *known == signal).map_or("unknown", |(name, _)| name)
}

fn class(text: &str) -> Result<RiskClass, String> {
    match text {
        "I" | "1" => Ok(RiskClass::I),
        "II" | "2" => Ok(RiskClass::II),
        "III" | "3" => Ok(RiskClass::III),
        _ => Err("say I, II or III".to_owned()),
    }
}

fn profile(text: &str) -> Result<Profile, String> {
    let found = Profile::ALL.iter().copied().find(|profile| profile.name() == text);
    let names = || Profile::ALL.iter().map(|profile| profile.name()).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| format!("say one of {}", names()))
}

fn speed(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|speed| (0.1..=1_000.0).contains(speed))
        .ok_or_else(|| "must be 0.1 to 1000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn sensors_are_described_by_name() {
        assert_eq!((signal("insulin-rate"), class("III")), (Ok(Signal::InsulinRate), Ok(RiskClass::III)));
        assert_eq!(profile("hardened-512").map(Profile::name), Ok("hardened-512"));
        assert!(signal("pulse").is_err() && class("IV").is_err() && profile("soft").is_err());
        assert_eq!(chance("0.5"), Ok(0.5));
        assert!(["1", "-0.1", "nan", "often"].into_iter().all(|text| chance(text).is_err()));
    }

    #[test]
    fn attacks_and_schemes_have_names() {
        let parse =
            |arguments: &[&str]| Arguments::try_parse_from([&["bodywire", "attacks"], arguments].concat());
        let parsed = parse(&["--attack", "reflect", "--scheme", "paper"]).unwrap();
        let Command::Attacks(options) = parsed.command else { panic!("{parsed:?}") };
        assert_eq!((options.attack, options.scheme), (Some(Attack::Reflect), Some(Scheme::Paper)));
        assert!(parse(&["--attack", "magic"]).is_err() && parse(&["--scheme", "rot13"]).is_err());
    }

    #[test]
    fn brokers_need_host_and_port() {
        let expected = BrokerAddress { host: "mosq-a".to_owned(), port: 1883 };
        assert_eq!(broker("mosq-a:1883"), Ok(expected));
        assert!(["mosq-a", ":1883", "a:0", "a:x"].into_iter().all(|text| broker(text).is_err()));
    }

    #[test]
    fn speeds_and_times_are_checked() {
        assert_eq!(speed("10"), Ok(10.0));
        assert!(["0", "-1", "nan", "inf", "fast"].into_iter().all(|text| speed(text).is_err()));
        assert_eq!(emergency_at("15s"), Ok(EmergencyAt::After(Duration::from_secs(15))));
        assert_eq!(emergency_at("never"), Ok(EmergencyAt::Never));
        assert!(emergency_at("soon").is_err());
    }
}
