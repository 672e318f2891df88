//! From text to a configuration, all of it or a list of what is wrong. Touches no file, clock or network.

use super::problem::Problem;
use super::section::{Findings, Section};
use super::values::{self, Source};
use bodywire_channels::topic::Shard;
use bodywire_channels::{Cipher, Mode, Spread};
use bodywire_clinic::Acknowledge;
use bodywire_clinic::aggregates::Policy;
use bodywire_ledger::{CosignerKey, Origin, VerifierKey};
use bodywire_paths::{Bind, Version};
use bodywire_proto::wire::HubId;
use bodywire_store::Location;
use ed25519_dalek::VerifyingKey;
use std::net::{SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeTable;

/// Longest configuration. One with eight paths and all keys has about 4 KiB.
pub const CONFIG_BYTES_MAX: usize = 256 * 1024;
/// Paths that bring a message back when nothing else is said.
const K_DEFAULT: u8 = 2;

/// A configuration that makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Directory of the role.
    pub state: PathBuf,
    /// `[hub]`, when it is written.
    pub hub: Option<HubSection>,
    /// `[clinic]`, when it is written.
    pub clinic: Option<ClinicSection>,
    /// `[broker]`, when it is written.
    pub broker: Option<BrokerSection>,
    /// `[replica]`, when it is written.
    pub replica: Option<ReplicaSection>,
    /// `[[mirror]]`, in their order.
    pub mirrors: Vec<MirrorSection>,
    /// `[[path]]`, in their order.
    pub paths: Vec<PathSection>,
    /// How messages are spread over them.
    pub spread: Spread,
    /// Where figures are served.
    pub metrics: Option<SocketAddr>,
    /// Log lines.
    pub log: Log,
}

/// `[hub]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubSection {
    /// Its number at the clinic.
    pub number: HubId,
    /// Where the radio listens.
    pub listen: SocketAddrV4,
    /// How long observations wait at most for others to share a report with.
    pub report_age: Duration,
    /// Verifies the clinic's prekeys.
    pub clinic: VerifyingKey,
    /// The clinic's shard.
    pub shard: Shard,
    /// Its database, when it is on a server.
    pub database: Option<Database>,
    /// The file with the issuer's public key, when it is not in the state directory.
    pub issuer: Option<Source>,
    /// How it takes part in the ward's sums: the file with the public key, and the length of a window.
    pub aggregate: Option<(Source, Duration)>,
}

/// `[clinic]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClinicSection {
    /// Name of the ledger.
    pub origin: Origin,
    /// The shard it serves.
    pub shard: Shard,
    /// Shards that it shares with other processes.
    pub shards: Option<Vec<Shard>>,
    /// Directory of the ledger, where it is not in the state directory.
    pub ledger: Option<PathBuf>,
    /// Where the console listens.
    pub listen: SocketAddr,
    /// Host names the console answers to.
    pub hosts: Vec<String>,
    /// The hubs it serves; all that were admitted when absent.
    pub hubs: Option<Vec<u16>>,
    /// What the console calls the bed.
    pub bed: String,
    /// Its database, when it is on a server.
    pub database: Option<Database>,
    /// When a report is acknowledged.
    pub acknowledge: Acknowledge,
    /// How many replicas make a quorum, where that is written.
    pub quorum: Option<u16>,
    /// Which sums may be read.
    pub policy: Policy,
    /// Where the token for reading from replicas is, when they want one.
    pub replica_token: Option<Source>,
}

/// One `[[mirror]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorSection {
    /// Its base address.
    pub url: String,
    /// The key that its mirror cosigns with.
    pub key: CosignerKey,
    /// The key that its witness cosigns with.
    pub witness: Option<CosignerKey>,
}

/// A database on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Where it is.
    pub location: Location,
    /// Where its password is, when it wants one.
    pub password: Option<Source>,
}

/// `[broker]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerSection {
    /// Where each listens.
    pub listen: Vec<SocketAddr>,
    /// Their TLS.
    pub tls: Option<BrokerTls>,
}

/// `[broker.tls]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerTls {
    /// Authorities of client certificates.
    pub ca: Option<Source>,
    /// Their chain.
    pub cert: Source,
    /// Their key.
    pub key: Source,
}

/// `[replica]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaSection {
    /// Its name.
    pub name: Origin,
    /// Where it listens.
    pub listen: SocketAddr,
    /// The logs that it holds.
    pub logs: Vec<VerifierKey>,
    /// Whom it is repaired from.
    pub peers: Vec<String>,
    /// The token that reading needs.
    pub token: Option<Source>,
}

/// One `[[path]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathSection {
    /// For people.
    pub name: String,
    /// The broker's host.
    pub host: String,
    /// The broker's port.
    pub port: u16,
    /// Version of MQTT.
    pub version: Version,
    /// From where it leaves.
    pub bind: Option<Bind>,
    /// TLS.
    pub tls: Option<PathTls>,
    /// User name, and where the password is.
    pub login: Option<(String, Source)>,
}

/// `[path.tls]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTls {
    /// Authorities.
    pub ca: Source,
    /// Chain and key of the client.
    pub client: Option<(Source, Source)>,
}

/// `[log]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// For whom.
    pub format: LogFormat,
    /// How much.
    pub level: LogLevel,
}

/// For whom log lines are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// People.
    Text,
    /// Programs.
    Json,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Only what has failed.
    Error,
    /// What may need somebody.
    Warn,
    /// What happens.
    Info,
    /// How it happens.
    Debug,
    /// Everything.
    Trace,
}

const MODES: &[(&str, Mode)] = &[
    ("threshold", Mode::Threshold),
    ("split", Mode::Split(Cipher::Aes128)),
    ("split-192", Mode::Split(Cipher::Aes192)),
    ("split-256", Mode::Split(Cipher::Aes256)),
];
const FORMATS: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];
const LEVELS: &[(&str, LogLevel)] = &[
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

impl LogLevel {
    /// As it is written.
    pub fn name(self) -> &'static str {
        LEVELS.iter().find(|(_, level)| *level == self).map_or("error", |(name, _)| name)
    }
}

impl Config {
    /// The configuration that a text describes, or everything that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let mut findings = Findings::new(text);
        if text.len() > CONFIG_BYTES_MAX {
            let why = format!("is longer than {CONFIG_BYTES_MAX} bytes");
            findings.add(None, "configuration", why, "see `bodywire config print` for one");
            return Err(findings.into_problems());
        }
        let document = match DeTable::parse(text) {
            Ok(document) => document,
            Err(error) => {
                let line = error.span().map(|place| findings.line(&place));
                findings.add(
                    line,
                    "configuration",
                    format!("is no TOML: {}", error.message()),
                    "mend this line",
                );
                return Err(findings.into_problems());
            }
        };
        let config = read(&Section::document(document.get_ref(), &mut findings), &mut findings);
        match config {
            Some(config) if findings.is_empty() => Ok(config),
            _ => Err(findings.into_problems()),
        }
    }
}

fn read(document: &Section<'_, '_>, findings: &mut Findings<'_>) -> Option<Config> {
    let state = document.table("state", findings).get("dir", values::path, findings);
    let hub = document.table("hub", findings);
    let of_clinic = document.table("clinic", findings);
    let broker = document.table("broker", findings);
    let hub = hub.is_written().then(|| read_hub(&hub, findings));
    let clinic = of_clinic.is_written().then(|| read_clinic(&of_clinic, findings));
    let broker = broker.is_written().then(|| read_broker(&broker, findings));
    let replica = document.table("replica", findings);
    let replica = replica.is_written().then(|| read_replica(&replica, findings));
    let mirrors: Vec<_> =
        document.tables("mirror", findings).iter().map(|mirror| read_mirror(mirror, findings)).collect();
    check_quorum(clinic.as_ref().and_then(Option::as_ref), &mirrors, &of_clinic, findings);
    let paths = read_paths(document, findings);
    let spread = read_spread(&document.table("threshold", findings), paths.len(), findings);
    let metrics = document.table("metrics", findings).get("listen", values::address, findings);
    let log = document.table("log", findings);
    let format = log.get("format", values::word(FORMATS), findings);
    let level = log.get("level", values::word(LEVELS), findings);
    Some(Config {
        state: state?,
        hub: hub.map_or(Some(None), |read| read.map(Some))?,
        clinic: clinic.map_or(Some(None), |read| read.map(Some))?,
        broker: broker.map_or(Some(None), |read| read.map(Some))?,
        replica: replica.map_or(Some(None), |read| read.map(Some))?,
        mirrors: mirrors.into_iter().collect::<Option<_>>()?,
        paths: paths.into_iter().collect::<Option<_>>()?,
        spread: spread?,
        metrics,
        log: Log { format: format?, level: level? },
    })
}

fn read_hub(hub: &Section<'_, '_>, findings: &mut Findings<'_>) -> Option<HubSection> {
    let number = hub.get("number", values::hub_number, findings);
    let listen = hub.get("listen", values::address_v4, findings);
    let age = hub.get("report_age_ms", values::report_age, findings);
    let database = read_database(hub, findings);
    let issuer = hub.get("issuer_file", values::source, findings);
    let clinic = hub.table("hub.clinic", findings);
    let key = clinic.get("verify_key", values::verify_key, findings);
    let shard = clinic.get("shard", values::shard, findings);
    let aggregate = hub.table("hub.aggregate", findings);
    let aggregate = aggregate.is_written().then(|| {
        let key = aggregate.get("key_file", values::source, findings);
        let window = aggregate.get("window_s", values::window, findings);
        Some((key?, window?))
    });
    Some(HubSection {
        number: HubId(number?),
        listen: listen?,
        report_age: age?,
        clinic: key?,
        shard: shard?,
        database,
        issuer,
        aggregate: aggregate.map_or(Some(None), |read| read.map(Some))?,
    })
}

fn read_clinic(clinic: &Section<'_, '_>, findings: &mut Findings<'_>) -> Option<ClinicSection> {
    let origin = clinic.get("origin", values::origin, findings);
    let shard = clinic.get("shard", values::shard, findings);
    let shards = clinic.get("shards", values::shards, findings);
    let ledger = clinic.get("ledger", values::path, findings);
    for (needed, why) in [("database", "leases lie in it"), ("ledger", "whoever takes over needs it")] {
        if shards.is_some() && !clinic.has(needed) {
            let next = format!("write `{needed}`, too: {why}");
            findings.add(clinic.line(), &clinic.full("shards"), format!("stands without `{needed}`"), next);
        }
    }
    let listen = clinic.get("listen", values::address, findings);
    let hosts = clinic.get("hosts", values::hosts, findings);
    let hubs = clinic.get("hubs", values::hub_numbers, findings);
    let bed = clinic.get("bed", values::text, findings);
    let database = read_database(clinic, findings);
    let acknowledge = clinic.get("acknowledge", values::acknowledge, findings);
    let quorum = clinic.get("quorum", values::quorum, findings);
    let aggregate = clinic.table("clinic.aggregate", findings);
    let cohort = aggregate.get("cohort", values::cohort, findings);
    let queries = aggregate.get("queries_per_day", values::queries, findings);
    let replica_token = aggregate.get("token_file", values::source, findings);
    Some(ClinicSection {
        origin: origin?,
        shard: shard?,
        shards,
        ledger,
        listen: listen?,
        hosts: hosts?,
        hubs,
        bed: bed?,
        database,
        acknowledge: acknowledge?,
        quorum,
        policy: Policy { cohort_min: cohort?, queries_per_day: queries? },
        replica_token,
    })
}

/// A database, and its password, which makes no sense alone.
fn read_database(section: &Section<'_, '_>, findings: &mut Findings<'_>) -> Option<Database> {
    let location = section.get("database", values::database, findings);
    let password = section.get("database_password_file", values::source, findings);
    if password.is_some() && !section.has("database") {
        let why = "stands without `database`";
        findings.add(section.line(), &section.full("database_password_file"), why, "write `database`, too");
    }
    Some(Database { location: location?, password })
}

fn read_broker(broker: &Section<'_, '_>, findings: &mut Findings<'_>) -> Option<BrokerSection> {
    let listen = broker.get("listen", values::addresses, findings);
    let tls = broker.table("broker.tls", findings);
    let tls = tls.is_written().then(|| {
        let ca = tls.get("ca", values::source, findings);
        let cert = tls.get("cert", values::source, findings);
        let key = tls.get("key", values::source, findings);
        Some(BrokerTls { ca, cert: cert?, key: key? })
    });
    Some(BrokerSection { listen: listen?, tls: tls.map_or(Some(None), |read| read.map(Some))? })
}

fn read_replica(replica: &Section<'_, '_>, findings: &mut Findings<'_>) -> Option<ReplicaSection> {
    let name = replica.get("name", values::cosigner, findings);
    let listen = replica.get("listen", values::address, findings);
    let logs = replica.get("logs", values::logs, findings);
    let peers = replica.get("peers", values::peers, findings);
    let token = replica.get("token_file", values::source, findings);
    Some(ReplicaSection { name: name?, listen: listen?, logs: logs?, peers: peers?, token })
}

fn read_mirror(mirror: &Section<'_, '_>, findings: &mut Findings<'_>) -> Option<MirrorSection> {
    let url = mirror.get("url", values::peer, findings);
    let key = mirror.get("key", values::cosigner_key, findings);
    let witness = mirror.get("witness_key", values::cosigner_key, findings);
    Some(MirrorSection { url: url?, key: key?, witness })
}

/// A quorum that cannot be is found when the file is read, not when the ward depends on it.
fn check_quorum(
    clinic: Option<&ClinicSection>,
    mirrors: &[Option<MirrorSection>],
    section: &Section<'_, '_>,
    findings: &mut Findings<'_>,
) {
    let Some(clinic) = clinic else { return };
    if mirrors.is_empty() && clinic.acknowledge != Acknowledge::Local {
        let next = "write a [[mirror]] for each replica, or acknowledge = \"local\"";
        findings.add(
            section.line(),
            &section.full("acknowledge"),
            "waits for replicas, and there are none",
            next,
        );
    }
    let quorum = clinic.quorum.map_or(mirrors.len() / 2 + 1, usize::from);
    let witnesses = mirrors.iter().flatten().filter(|mirror| mirror.witness.is_some()).count();
    if clinic.acknowledge == Acknowledge::Witnessed && !mirrors.is_empty() && witnesses < quorum {
        let why = format!("waits for {quorum} witnesses, and {witnesses} have a key here");
        findings.add(
            section.line(),
            &section.full("acknowledge"),
            why,
            "write witness_key below each [[mirror]]",
        );
    }
    if clinic.quorum.is_some_and(|quorum| usize::from(quorum) > mirrors.len()) {
        let why = format!("is more than the {} replicas there are", mirrors.len());
        findings.add(section.line(), &section.full("quorum"), why, "write a [[mirror]] for each replica");
    }
}

fn read_paths(document: &Section<'_, '_>, findings: &mut Findings<'_>) -> Vec<Option<PathSection>> {
    let sections = document.tables("path", findings);
    let mut paths: Vec<Option<PathSection>> = Vec::new();
    for section in sections {
        let path = read_path(&section, findings);
        let twin = |other: &PathSection| path.as_ref().is_some_and(|path| path.name == other.name);
        if paths.iter().flatten().any(twin) {
            let next = "give each path a name of its own";
            findings.add(section.line(), &section.full("name"), "another path has this name", next);
        }
        paths.push(path);
    }
    paths
}

fn read_path(path: &Section<'_, '_>, findings: &mut Findings<'_>) -> Option<PathSection> {
    let name = path.get("name", values::path_name, findings);
    let host = path.get("host", values::host, findings);
    let port = path.get("port", values::port, findings);
    let version = path.get("version", values::version, findings);
    let bind = path.get("bind", values::bind, findings);
    let user = path.get("user", values::user, findings);
    let password = path.get("password_file", values::source, findings);
    let tls = path.table("path.tls", findings);
    let tls = if tls.is_written() {
        let ca = tls.get("ca", values::source, findings);
        let cert = tls.get("cert", values::source, findings);
        let key = tls.get("key", values::source, findings);
        let client = both(cert, key, &tls, ["cert", "key"], findings);
        Some(PathTls { ca: ca?, client })
    } else {
        None
    };
    let login = both(user, password, path, ["user", "password_file"], findings);
    Some(PathSection { name: name?, host: host?, port: port?, version: version?, bind, tls, login })
}

/// Two keys that only make sense together.
fn both<A, B>(
    a: Option<A>,
    b: Option<B>,
    section: &Section<'_, '_>,
    names: [&str; 2],
    findings: &mut Findings<'_>,
) -> Option<(A, B)> {
    let [first, second] = names;
    let missing = match (&a, &b) {
        (Some(_), None) => Some((first, second)),
        (None, Some(_)) => Some((second, first)),
        _ => None,
    };
    // A key that is there and wrong has its finding already.
    if let Some((there, missing)) = missing
        && !section.has(missing)
    {
        let why = format!("stands without `{missing}`");
        findings.add(section.line(), &section.full(there), why, format!("write `{missing}`, too"));
    }
    a.zip(b)
}

fn read_spread(threshold: &Section<'_, '_>, paths: usize, findings: &mut Findings<'_>) -> Option<Spread> {
    let mode = threshold.get("mode", values::word(MODES), findings)?;
    let k = threshold.get("k", values::path_count, findings);
    let written_n = threshold.get("n", values::path_count, findings);
    // Without any path reports wait in the spool, and there is nothing to compare.
    let n = match (written_n, u8::try_from(paths).ok()) {
        (Some(n), Some(paths)) if n == paths || paths == 0 => n,
        (None, Some(0)) => Spread::TWO_OF_THREE.n() as u8,
        (None, Some(paths)) if usize::from(paths) <= bodywire_channels::PATHS_MAX => paths,
        (written, _) => {
            let most = bodywire_channels::PATHS_MAX;
            let why = match written {
                Some(n) => format!("is {n}, and there are {paths} paths"),
                None => format!("there are {paths} paths, and {most} are the most"),
            };
            findings.add(
                threshold.line(),
                &threshold.full("n"),
                why,
                "write one [[path]] for each path, and n paths",
            );
            return None;
        }
    };
    let k = match mode {
        Mode::Split(_) => match k {
            Some(k) if k != n => {
                let why = format!("is {k}, and in mode split all {n} paths are needed");
                findings.add(
                    threshold.line(),
                    &threshold.full("k"),
                    why,
                    "leave k out, or choose mode = \"threshold\"",
                );
                return None;
            }
            _ => n,
        },
        Mode::Threshold => k.unwrap_or(K_DEFAULT.min(n)),
    };
    if k > n {
        findings.add(
            threshold.line(),
            &threshold.full("k"),
            format!("is {k}, and there are {n} paths"),
            "write a k of at most n",
        );
        return None;
    }
    let spread = match mode {
        Mode::Threshold => Spread::threshold(k, n),
        Mode::Split(cipher) => Spread::split(cipher, n),
    };
    spread
        .map_err(|error| {
            findings.add(
                threshold.line(),
                &threshold.full("k"),
                error.to_string(),
                "write a k of 2 or more, and as many paths or more",
            );
        })
        .ok()
}
