//! Every key of the configuration, once: where it stands, who reads it, what it is when nothing is written, and what it
//! is for.

/// Which role reads a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// The bedside.
    Hub,
    /// The ward.
    Clinic,
    /// Embedded brokers as a process of their own.
    Broker,
    /// Another node's copy of ledgers.
    Replica,
    /// All of them.
    All,
}

/// What holds when a key is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// This value, as it would be written.
    Default(&'static str),
    /// Nothing; here is how one could be written.
    Optional(&'static str),
    /// The configuration is refused; here is how one could be written.
    Required(&'static str),
}

impl Presence {
    /// The value that is shown.
    pub const fn shown(self) -> &'static str {
        match self {
            Self::Default(text) | Self::Optional(text) | Self::Required(text) => text,
        }
    }
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The table it stands in, such as `hub.clinic`.
    pub table: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// Who reads it.
    roles: &'static [Role],
    /// What holds without it.
    pub presence: Presence,
    /// What it is for, for people.
    pub about: &'static str,
}

impl Key {
    /// Whether this role reads it.
    pub fn is_for(&self, role: Role) -> bool {
        role == Role::All || self.roles.contains(&role)
    }
}

/// One table, in the order in which they are shown.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Whether it may be written several times.
    pub repeats: bool,
    /// Whether it may be left out, though keys in it may not when it is there.
    pub optional: bool,
    /// What it is for.
    pub about: &'static str,
}

/// Every table.
pub const TABLES: [Table; 15] = [
    Table {
        name: "state",
        repeats: false,
        optional: false,
        about: "Where everything is kept that must survive a restart.",
    },
    Table {
        name: "hub",
        repeats: false,
        optional: false,
        about: "The bedside: sensors on one side, the clinic on the other.",
    },
    Table {
        name: "hub.clinic",
        repeats: false,
        optional: false,
        about: "The clinic that this hub reports to.",
    },
    Table {
        name: "hub.aggregate",
        repeats: false,
        optional: true,
        about: "The ward's sums over encrypted vital signs. Without it this bed is in none of them.",
    },
    Table {
        name: "clinic",
        repeats: false,
        optional: false,
        about: "The ward: ledger, database and console.",
    },
    Table {
        name: "clinic.aggregate",
        repeats: false,
        optional: false,
        about: "Which sums over encrypted vital signs may be read.",
    },
    Table {
        name: "path",
        repeats: true,
        optional: false,
        about: "A path: one MQTT connection to one broker. Written once for each path, in the same order at hub and \
                clinic. Two paths over one broker or one uplink protect against nothing.",
    },
    Table {
        name: "path.tls",
        repeats: false,
        optional: true,
        about: "TLS towards this broker. Without it the path is plain TCP.",
    },
    Table {
        name: "threshold",
        repeats: false,
        optional: false,
        about: "How a message is spread over the paths.",
    },
    Table {
        name: "metrics",
        repeats: false,
        optional: false,
        about: "Figures for Prometheus, without names of anybody.",
    },
    Table { name: "log", repeats: false, optional: false, about: "Log lines on standard error." },
    Table {
        name: "broker",
        repeats: false,
        optional: false,
        about: "Embedded brokers, run by `bodywire broker`.",
    },
    Table {
        name: "broker.tls",
        repeats: false,
        optional: true,
        about: "TLS of the embedded brokers. Without it they speak plain TCP.",
    },
    Table {
        name: "mirror",
        repeats: true,
        optional: true,
        about: "A replica that the clinic sends its ledger to. Written once for each. Three in three hands, with a quorum of \
                two, outlive the loss of one and the lie of one.",
    },
    Table {
        name: "replica",
        repeats: false,
        optional: false,
        about: "Another node's copy of ledgers, run by `bodywire replica`: it verifies, stores, cosigns and serves them.",
    },
];

use Presence::{Default, Optional, Required};
use Role::{Broker, Clinic, Hub, Replica};

const HUB: &[Role] = &[Hub];
const CLINIC: &[Role] = &[Clinic];
const BROKER: &[Role] = &[Broker];
const REPLICA: &[Role] = &[Replica];
const KEEPERS: &[Role] = &[Hub, Clinic, Replica];
const BOTH: &[Role] = &[Hub, Clinic];
const EVERYBODY: &[Role] = &[Hub, Clinic, Broker, Replica];

const fn key(
    table: &'static str,
    name: &'static str,
    roles: &'static [Role],
    presence: Presence,
    about: &'static str,
) -> Key {
    Key { table, name, roles, presence, about }
}

/// Every key. Paths of files are relative to the directory of the configuration.
pub const KEYS: [Key; 54] = [
    key(
        "state",
        "dir",
        KEEPERS,
        Default("\"bodywire-state\""),
        "Directory of this role: keys, database, spool, ledger or copies of ledgers. Made with mode 0700 when it is not there.",
    ),
    key(
        "hub",
        "number",
        HUB,
        Default("1"),
        "Number of this hub at its clinic, 1 to 65535; no two hubs share one.",
    ),
    key(
        "hub",
        "listen",
        HUB,
        Default("\"127.0.0.1:5710\""),
        "Address and port of the radio (UDP, IPv4); port 0 takes any free one.",
    ),
    key(
        "hub",
        "report_age_ms",
        HUB,
        Default("400"),
        "How long observations wait at most for others to share a report with, 1 to 5000 milliseconds: less is a smoother \
         trace, more is less traffic. An alarm never waits.",
    ),
    key(
        "hub",
        "database",
        HUB,
        Optional("\"postgres://hub@db.example/pairs\""),
        "PostgreSQL database, 15 or newer, of this role alone; without it, a SQLite file in `state.dir`. A server on \
         another machine must prove its name by a certificate unless the URL says `sslmode=`; `sslrootcert=/FILE` names an authority of one's own. No \
         password here.",
    ),
    key(
        "hub",
        "database_password_file",
        HUB,
        Optional("\"credential:database-password\""),
        "File with the password of `database`, readable by its owner only, or `credential:NAME` for a systemd credential.",
    ),
    key(
        "hub",
        "issuer_file",
        HUB,
        Optional("\"issuer.pub\""),
        "File with the public key of the house's issuer of certificates, 64 hexadecimal digits: the clinic's `access/issuer.pub`, \
         which is no secret. Without it, `access/issuer.pub` in `state.dir`; without either, every request to a class III sensor \
         is refused.",
    ),
    key(
        "hub.clinic",
        "verify_key",
        HUB,
        Required("\"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\""),
        "The clinic's verification key, 64 hexadecimal digits, as `bodywire clinic card` prints it.",
    ),
    key(
        "hub.clinic",
        "shard",
        HUB,
        Default("\"0\""),
        "The clinic's shard: a level in the topic names, the same as `clinic.shard` there.",
    ),
    key(
        "hub.aggregate",
        "key_file",
        HUB,
        Required("\"ward.pub\""),
        "File with the ward's public key, which is no secret, as `bodywire aggregate key export` writes it at the clinic.",
    ),
    key(
        "hub.aggregate",
        "window_s",
        HUB,
        Default("3600"),
        "Length of a window in seconds, 3 to 43200: each is cut into 60 slots with one reading each, and travels as one vector of \
         64 KiB. The same at all beds of a ward.",
    ),
    key(
        "clinic",
        "origin",
        CLINIC,
        Required("\"ward-4b.example/ledger\""),
        "Name of the ledger, given once and kept; auditors see it. No spaces, no plus sign.",
    ),
    key(
        "clinic",
        "shard",
        CLINIC,
        Default("\"0\""),
        "Which shard it serves: 1 to 32 letters, digits and hyphens.",
    ),
    key(
        "clinic",
        "shards",
        CLINIC,
        Optional("[\"0\", \"1\"]"),
        "Shards that several processes share: each process leases one of them in the database, and a spare one takes over \
         within seconds when its holder dies. Every shard has a ledger of its own, `origin/shard`. Needs `database` and \
         `ledger`; takes the place of `shard`.",
    ),
    key(
        "clinic",
        "ledger",
        CLINIC,
        Optional("\"/srv/bodywire/ledger\""),
        "Directory of the ledger; without it, one in `state.dir`. Processes that share shards share it, too, on storage \
         with file locks.",
    ),
    key(
        "clinic",
        "listen",
        CLINIC,
        Default("\"127.0.0.1:8080\""),
        "Address and port of the console (HTTP); port 0 takes any free one. Beyond this machine, put a proxy with TLS \
         before it.",
    ),
    key(
        "clinic",
        "hosts",
        CLINIC,
        Default("[]"),
        "Names under which browsers may ask for the console, such as `console.ward.example`, beside its address.",
    ),
    key(
        "clinic",
        "hubs",
        CLINIC,
        Optional("[1, 2]"),
        "Numbers of the hubs that are served; without it, every hub that was admitted.",
    ),
    key("clinic", "bed", CLINIC, Default("\"\""), "What the console calls the bed. Not a patient's name."),
    key(
        "clinic",
        "database",
        CLINIC,
        Optional("\"postgres://clinic@db.example/ward\""),
        "PostgreSQL database, 15 or newer, of this role alone; without it, a SQLite file in `state.dir`. A server on \
         another machine must prove its name by a certificate unless the URL says `sslmode=`; `sslrootcert=/FILE` names an authority of one's own. No \
         password here.",
    ),
    key(
        "clinic",
        "database_password_file",
        CLINIC,
        Optional("\"credential:database-password\""),
        "File with the password of `database`, readable by its owner only, or `credential:NAME` for a systemd credential.",
    ),
    key(
        "clinic",
        "acknowledge",
        CLINIC,
        Default("\"local\""),
        "When a hub may forget a report: `local`, it is durable in this clinic's ledger; `mirrored`, a quorum of the replicas has \
         it durably, too; `witnessed`, a quorum of their witnesses has cosigned it, too, which takes seconds. Alarms never wait.",
    ),
    key(
        "clinic",
        "quorum",
        CLINIC,
        Optional("1"),
        "How many of the replicas make a quorum; without it, more than half of them.",
    ),
    key(
        "mirror",
        "url",
        CLINIC,
        Required("\"http://replica-1.example:9580\""),
        "Base address of the replica.",
    ),
    key(
        "mirror",
        "key",
        CLINIC,
        Required("\"replica-1.example/mirror+7804bfee+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea\""),
        "The key that its mirror cosigns with, as `bodywire replica` says it at its start.",
    ),
    key(
        "mirror",
        "witness_key",
        CLINIC,
        Optional("\"replica-1.example/witness+a88ac5d5+BD1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM\""),
        "The key that its witness cosigns with; without it, it is not asked to.",
    ),
    key(
        "clinic.aggregate",
        "cohort",
        CLINIC,
        Default("5"),
        "Fewest patients of a sum, and fewest by which two sums may differ, 1 to 10000.",
    ),
    key(
        "clinic.aggregate",
        "queries_per_day",
        CLINIC,
        Default("200"),
        "Different queries that are answered within a day, over all analysts, 1 to 512; asking one again is free.",
    ),
    key(
        "clinic.aggregate",
        "token_file",
        CLINIC,
        Optional("\"credential:replica-token\""),
        "File with the token that reading from the replicas needs (`replica.token_file` there), readable by its owner only.",
    ),
    key(
        "path",
        "name",
        BOTH,
        Required("\"cable\""),
        "Name of the path for people, in logs, metrics and on the console; 1 to 24 letters, digits, spaces and hyphens.",
    ),
    key("path", "host", BOTH, Required("\"broker-a.example\""), "Host name or address of the broker."),
    key(
        "path",
        "port",
        BOTH,
        Required("8883"),
        "Port of the broker: usually 8883 with TLS and 1883 without.",
    ),
    key(
        "path",
        "version",
        BOTH,
        Default("\"newest\""),
        "Version of MQTT: `newest` (5, or 3.1.1 when the broker refuses it), `5` or `3.1.1`.",
    ),
    key(
        "path",
        "bind",
        BOTH,
        Optional("\"wlan0\""),
        "Local address or interface from which this path leaves the house.",
    ),
    key(
        "path",
        "user",
        BOTH,
        Optional("\"ward-4b-hub\""),
        "User name at the broker; says nothing about a patient.",
    ),
    key(
        "path",
        "password_file",
        BOTH,
        Optional("\"credential:path-1-password\""),
        "File with the password, readable by its owner only, or `credential:NAME` for a systemd credential.",
    ),
    key(
        "path.tls",
        "ca",
        BOTH,
        Required("\"ca.pem\""),
        "Certificates of the authorities that may have signed the broker's, PEM.",
    ),
    key(
        "path.tls",
        "cert",
        BOTH,
        Optional("\"hub.pem\""),
        "Certificate chain of this client, PEM; together with `key`.",
    ),
    key(
        "path.tls",
        "key",
        BOTH,
        Optional("\"credential:path-1-key\""),
        "Private key of this client, PEM: a file readable by its owner only, or `credential:NAME`.",
    ),
    key(
        "threshold",
        "mode",
        HUB,
        Default("\"threshold\""),
        "`threshold`: any k of the n paths bring a message back, and fewer learn nothing. `split`, `split-192`, \
         `split-256`: paper M's way with AES of 128, 192 or 256 bits, every path is needed; not for patients.",
    ),
    key(
        "threshold",
        "k",
        HUB,
        Optional("2"),
        "How many paths bring a message back; 2 without it. Not in the modes `split`.",
    ),
    key(
        "threshold",
        "n",
        HUB,
        Optional("3"),
        "How many paths there are; compared with what is written below `path`.",
    ),
    key(
        "metrics",
        "listen",
        EVERYBODY,
        Optional("\"127.0.0.1:9570\""),
        "Address and port of `/metrics` and `/healthz`; without it there are none.",
    ),
    key(
        "log",
        "format",
        EVERYBODY,
        Default("\"text\""),
        "`text` for people, `json` for programs: one object a line.",
    ),
    key(
        "log",
        "level",
        EVERYBODY,
        Default("\"error\""),
        "What is logged: `error`, `warn`, `info`, `debug` or `trace`. The variable BODYWIRE_LOG overrules it.",
    ),
    key(
        "broker",
        "listen",
        BROKER,
        Default("[\"127.0.0.1:1883\"]"),
        "Address and port of each embedded broker: each is a path of its own. Port 0 takes any free one.",
    ),
    key(
        "broker.tls",
        "ca",
        BROKER,
        Optional("\"ca.pem\""),
        "Authorities of client certificates, PEM; with it every client needs one.",
    ),
    key("broker.tls", "cert", BROKER, Required("\"broker.pem\""), "Certificate chain of the brokers, PEM."),
    key(
        "broker.tls",
        "key",
        BROKER,
        Required("\"broker-key.pem\""),
        "Private key of the brokers, PEM: as in `path.tls.key`.",
    ),
    key(
        "replica",
        "name",
        REPLICA,
        Required("\"replica-1.example\""),
        "Name of this replica, given once and kept; its cosigners are called NAME/witness and NAME/mirror. No spaces, no \
         plus sign.",
    ),
    key(
        "replica",
        "listen",
        REPLICA,
        Default("\"127.0.0.1:9580\""),
        "Address and port (HTTP); port 0 takes any free one. Beyond this machine, put a proxy with TLS before it.",
    ),
    key(
        "replica",
        "logs",
        REPLICA,
        Required("[\"ward-4b.example/ledger+75768ac1+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea\"]"),
        "Public keys of the ledgers that it holds, each as in the file `key.vkey` of its ledger.",
    ),
    key(
        "replica",
        "peers",
        REPLICA,
        Default("[]"),
        "Base addresses of other replicas that it is repaired from, such as `http://replica-2.example:9580`. They are not \
         believed anything.",
    ),
    key(
        "replica",
        "token_file",
        REPLICA,
        Optional("\"credential:replica-token\""),
        "File with a token, readable by its owner only, or `credential:NAME`: whoever reads needs it as a bearer token. The \
         same at all peers. Without it anybody who reaches the port reads ciphertext.",
    ),
];

/// The keys of a table.
pub fn keys_of(table: &str) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.table == table)
}

/// The tables directly inside a table; `""` is the document.
pub(super) fn tables_in(table: &str) -> impl Iterator<Item = &'static str> {
    TABLES.iter().filter_map(move |inner| match inner.name.rsplit_once('.') {
        Some((outer, name)) if outer == table => Some(name),
        None if table.is_empty() => Some(inner.name),
        _ => None,
    })
}
