//! The configuration of hub, clinic, brokers and replica: one TOML file.
//!
//! [`keys`] is the table of all keys, from which the parser knows them, the example is printed and the documentation is
//! made; `parse` turns text into types without touching a file; [`files`] reads what the text names. Secrets are never
//! in the text: they come from files, or from systemd as credentials.

mod command;
pub mod files;
pub mod keys;
mod parse;
mod print;
mod problem;
mod section;
mod values;

pub use command::{check, print as print_example};
pub use parse::{
    BrokerSection, BrokerTls, CONFIG_BYTES_MAX, ClinicSection, Config, Database, HubSection, Log, LogFormat,
    LogLevel, MirrorSection, PathSection, PathTls, ReplicaSection,
};
pub use print::{example, markdown};
pub use problem::{Problem, closest};
pub use values::Source;

#[cfg(test)]
mod tests;
