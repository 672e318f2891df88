//! What can be typed.

mod access;
mod aggregate;
mod audit;
mod backup;
mod config;
mod ecg;
mod export;
mod ledger;
mod patient;
mod report;
mod roles;
mod sensor;
mod sim;

pub use access::{
    AccessAddOptions, AccessCommand, AccessHouse, AccessInviteOptions, AccessPersonOptions,
    AccessPolicyOptions, AccessRelateOptions, AccessRevokeOptions, AccessUnrelateOptions, PolicyPlace,
};
pub(crate) use access::{relation_name, role_name};
pub use aggregate::{
    AggregateCommand, AggregateKeyCommand, AggregateOptions, ClinicPlace, CountOptions, KeyExportOptions,
    KeyJoinOptions, KeySplitOptions,
};
pub use audit::{AuditCommand, AuditListOptions, AuditProveOptions};
pub use backup::{
    BackupCommand, BackupHouse, BackupMakeOptions, BackupRestoreOptions, BackupRole, BackupVerifyOptions,
};
pub use config::{ConfigCheckOptions, ConfigCommand, ConfigPrintOptions, DoctorOptions, PrintAs};
pub use ecg::{EcgCommand, EcgCorrelateOptions, EcgEvaluateOptions, EcgOptions};
pub use export::{ExportCommand, ExportEdfOptions, ExportOptions};
pub use ledger::{AnchorOptions, CheckOptions, LedgerCommand, ProveOptions, RepairOptions, VerifyOptions};
pub use patient::{
    PatientAdmitOptions, PatientCommand, PatientEraseOptions, PatientListOptions, PatientOptions,
};
pub use report::ReportOptions;
pub use roles::{
    AdmitOptions, BrokerOptions, ClinicCardOptions, ClinicCommand, ClinicOptions, HubCardOptions, HubCommand,
    HubOptions, ReplicaOptions,
};
pub use sensor::{AirOptions, EnrollOptions, ListOptions, OneSensor, RunOptions, SensorCommand, StateOption};
pub(crate) use sensor::{class_named, profile_named, signal_name, signal_named};
pub use sim::{SimCommand, SimOptions, SimScaleOptions};

use bodywire_sim::adversary::{Attack, Scheme};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
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
    /// Runs a clinic: takes what hubs report into its ledger and database, and shows it in the console.
    Clinic(ClinicOptions),
    /// Runs embedded MQTT brokers, each a path of its own.
    Broker(BrokerOptions),
    /// Runs a replica: verifies, stores, cosigns and serves copies of ledgers, and repairs itself from its peers.
    Replica(ReplicaOptions),
    /// Looks at a configuration and everything it names, and says what is insecure though it works.
    ///
    /// Exit code 5 when a path cannot be reached, 6 when the configuration cannot be used, 1 for other problems; warnings
    /// are no failure.
    Doctor(DoctorOptions),
    /// Configurations of hub, clinic, brokers and replica: checks one, or shows every key.
    Config {
        /// Which.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Looks at a recorded ECG as a hub does: beats, correlation with the patient's own shapes, verdicts and why.
    Ecg(EcgOptions),
    /// What a clinic has on record of a bed, as CSV, WFDB, EDF+ or FHIR files.
    ///
    /// Needs a clinic that runs and a credential. Exit code 4 when the access is refused, 5 when the clinic does not answer.
    Export {
        /// As what.
        #[command(subcommand)]
        command: ExportCommand,
    },
    /// Patients of a clinic: who lies where, and the erasure of everything about somebody.
    Patient {
        /// What to do.
        #[command(subcommand)]
        command: PatientCommand,
    },
    /// Who may see what: issuer, persons, relations, policies, links and revocations.
    Access {
        /// What to do.
        #[command(subcommand)]
        command: AccessCommand,
    },
    /// Figures of the whole ward, worked out by replicas on encrypted vital signs; only the result is decrypted.
    ///
    /// Needs a clinic that runs. Exit code 4 when the rules of the house forbid it, 5 when clinic or replicas do not answer,
    /// 3 when no replica gave the sum that was asked for.
    Aggregate {
        /// What.
        #[command(subcommand)]
        command: AggregateCommand,
    },
    /// Who did what: the records of a ledger beside its telemetry.
    Audit {
        /// What to do.
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Backups of a database: made while roles run, tried out, and put back. They contain no keys.
    Backup {
        /// What to do.
        #[command(subcommand)]
        command: BackupCommand,
    },
    /// Checks and proofs of the ledger.
    Ledger {
        /// Which.
        #[command(subcommand)]
        command: LedgerCommand,
    },
    /// Carries out every attack against the link, against paper B's own protocol and against the schemes it is compared
    /// with, and compares what happens with what is documented (exit code 7 when it differs).
    Attacks(AttackOptions),
    /// A ward in simulated time, with faults and attackers, from a seed: the real code, judged from outside.
    ///
    /// Exit code 1 when a rule was broken, with the seed that repeats it.
    Sim(SimOptions),
    /// Every table and figure of the two papers again, measured: one page, with CSV and JSON beside it.
    /// Attacks, handshakes, encryption, delivery, sums and recordings are run on this machine; what is simulated, emulated or
    /// modelled is marked as such.
    Report(ReportOptions),
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
