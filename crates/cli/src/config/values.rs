//! One value of the configuration: from what is written to a type.

use bodywire_channels::PATHS_MAX;
use bodywire_channels::topic::Shard;
use bodywire_clinic::Acknowledge;
use bodywire_clinic::aggregates::DIFFERENCES_MAX;
use bodywire_clinic::mirrors::MIRRORS_MAX;
use bodywire_hub::{WINDOW_MAX, WINDOW_MIN};
use bodywire_ledger::{CosignerKey, Origin, VerifierKey};
use bodywire_paths::{Bind, Version};
use bodywire_store::Location;
use data_encoding::HEXLOWER_PERMISSIVE as HEX;
use ed25519_dalek::VerifyingKey;
use std::net::{SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

/// Longest name of a path: it has to fit into a tile of the console.
const PATH_NAME_CHARS_MAX: usize = 24;
/// Longest name of an interface (Linux: 16 with the zero behind it).
const INTERFACE_BYTES_MAX: usize = 15;
/// Longest name of a replica: its cosigners' names are longer by their role and may have 255 bytes.
const REPLICA_NAME_BYTES_MAX: usize = 240;
/// Longest text of any other kind; nothing that is named here is longer.
const TEXT_BYTES_MAX: usize = 4_096;

/// Longest that observations may wait: with more, half the time in which the clinic calls a sensor silent is gone.
const REPORT_AGE_MS_MAX: u16 = 5_000;

/// Largest cohort that can be asked for: no ward has more patients.
const COHORT_MAX: u16 = 10_000;

/// Why a value is refused: why, and what to write.
pub(super) type Refused = (String, String);
/// A value, or why it is refused.
pub(super) type Parsed<T> = Result<T, Refused>;

/// Where a secret or a certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// A credential that systemd hands over.
    Credential(String),
}

fn refused<T>(why: impl Into<String>, next: impl Into<String>) -> Parsed<T> {
    Err((why.into(), next.into()))
}

/// A text that is not empty, not endless, and has no control characters.
pub(super) fn text(value: &DeValue<'_>) -> Parsed<String> {
    let Some(text) = value.as_str() else {
        return refused(
            format!("is {} {}, not a text", article(value), value.type_str()),
            "write it in quotes",
        );
    };
    if text.contains("-----BEGIN") {
        return refused(
            "holds a certificate or key itself",
            "put it into a file of mode 0600 and write its name here",
        );
    }
    if text.len() > TEXT_BYTES_MAX || text.chars().any(char::is_control) {
        return refused("is too long or has control characters", "write it in one line");
    }
    Ok(text.to_owned())
}

fn article(value: &DeValue<'_>) -> &'static str {
    if matches!(value, DeValue::Integer(_) | DeValue::Array(_)) { "an" } else { "a" }
}

fn filled(value: &DeValue<'_>) -> Parsed<String> {
    match text(value)? {
        text if text.is_empty() => refused("is empty", "write a value, or leave the line out"),
        text => Ok(text),
    }
}

fn integer(value: &DeValue<'_>, least: u16, most: u16) -> Parsed<u16> {
    let DeValue::Integer(written) = value else {
        return refused(
            format!("is {} {}, not a number", article(value), value.type_str()),
            "write it without quotes",
        );
    };
    let number = u16::from_str_radix(written.as_str(), written.radix()).ok();
    match number.filter(|number| (least..=most).contains(number)) {
        Some(number) => Ok(number),
        None => {
            refused(format!("is not {least} to {most}"), format!("write a number from {least} to {most}"))
        }
    }
}

fn list<T>(value: &DeValue<'_>, of: impl Fn(&DeValue<'_>) -> Parsed<T>) -> Parsed<Vec<T>> {
    let Some(values) = value.as_array() else {
        return refused(
            format!("is a {}, not a list", value.type_str()),
            "write it in brackets, as in [1, 2]",
        );
    };
    values.iter().map(|value| of(value.get_ref())).collect()
}

fn one_of<T: Copy>(value: &DeValue<'_>, known: &[(&'static str, T)]) -> Parsed<T> {
    let written = text(value)?;
    match known.iter().find(|(name, _)| *name == written) {
        Some((_, found)) => Ok(*found),
        None => {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            let next = match super::closest(&written, names.iter().copied()) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => format!("write one of {}", names.join(", ")),
            };
            refused(format!("\"{written}\" is not known"), next)
        }
    }
}

/// A file or directory.
pub(super) fn path(value: &DeValue<'_>) -> Parsed<PathBuf> {
    Ok(PathBuf::from(filled(value)?))
}

/// A file or a credential.
pub(super) fn source(value: &DeValue<'_>) -> Parsed<Source> {
    let text = filled(value)?;
    let Some(name) = text.strip_prefix("credential:") else { return Ok(Source::File(PathBuf::from(text))) };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return refused(
            "the credential's name is none",
            "write credential:NAME with letters, digits and hyphens",
        );
    }
    Ok(Source::Credential(name.to_owned()))
}

/// A database on a server.
pub(super) fn database(value: &DeValue<'_>) -> Parsed<Location> {
    // What is refused is not repeated: it may hold a password.
    let next = "write it as in \"postgres://user@db.example/ward\"";
    let location = Location::parse(&filled(value)?).or_else(|error| refused(error.to_string(), next))?;
    if location.has_password() {
        let next = "take it out, put it into a file of mode 0600 and write database_password_file = \"FILE\"";
        return refused("secrets do not stand in the configuration", next);
    }
    if location.is_server() { Ok(location) } else { refused("is no postgres:// URL", next) }
}

/// A hub's number.
pub(super) fn hub_number(value: &DeValue<'_>) -> Parsed<u16> {
    integer(value, 1, u16::MAX)
}

/// Numbers of hubs.
pub(super) fn hub_numbers(value: &DeValue<'_>) -> Parsed<Vec<u16>> {
    list(value, hub_number)
}

/// How long observations wait for a report.
pub(super) fn report_age(value: &DeValue<'_>) -> Parsed<Duration> {
    integer(value, 1, REPORT_AGE_MS_MAX).map(|ms| Duration::from_millis(ms.into()))
}

/// Length of a window of vital signs.
pub(super) fn window(value: &DeValue<'_>) -> Parsed<Duration> {
    let seconds = |limit: Duration| u16::try_from(limit.as_secs()).unwrap_or(u16::MAX);
    integer(value, seconds(WINDOW_MIN), seconds(WINDOW_MAX)).map(|s| Duration::from_secs(s.into()))
}

/// Patients of a cohort.
pub(super) fn cohort(value: &DeValue<'_>) -> Parsed<usize> {
    integer(value, 1, COHORT_MAX).map(usize::from)
}

/// Queries a day.
pub(super) fn queries(value: &DeValue<'_>) -> Parsed<usize> {
    integer(value, 1, DIFFERENCES_MAX as u16).map(usize::from)
}

/// A port that somebody listens on.
pub(super) fn port(value: &DeValue<'_>) -> Parsed<u16> {
    integer(value, 1, u16::MAX)
}

/// How many paths.
pub(super) fn path_count(value: &DeValue<'_>) -> Parsed<u8> {
    integer(value, 1, PATHS_MAX as u16).map(|count| count as u8)
}

/// Address and port, IPv4.
pub(super) fn address_v4(value: &DeValue<'_>) -> Parsed<SocketAddrV4> {
    parsed(value, "is no IPv4 address with a port", "write it as in \"127.0.0.1:5710\"")
}

/// Address and port.
pub(super) fn address(value: &DeValue<'_>) -> Parsed<SocketAddr> {
    parsed(value, "is no address with a port", "write it as in \"127.0.0.1:8080\" or \"[::1]:8080\"")
}

/// Addresses and ports, at least one.
pub(super) fn addresses(value: &DeValue<'_>) -> Parsed<Vec<SocketAddr>> {
    match list(value, address)? {
        none if none.is_empty() => refused("is empty", "name an address, as in [\"127.0.0.1:1883\"]"),
        some => Ok(some),
    }
}

fn parsed<T: std::str::FromStr>(value: &DeValue<'_>, why: &str, next: &str) -> Parsed<T> {
    text(value)?.parse().or_else(|_| refused(why, next))
}

/// A verification key that is one.
pub(super) fn verify_key(value: &DeValue<'_>) -> Parsed<VerifyingKey> {
    let bytes: Option<[u8; 32]> =
        HEX.decode(text(value)?.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    let key = bytes.and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok()).filter(|key| !key.is_weak());
    let next = "copy what `bodywire clinic card` prints at the clinic";
    key.ok_or_else(|| ("is no verification key of 64 hexadecimal digits".to_owned(), next.to_owned()))
}

/// A shard's name.
pub(super) fn shard(value: &DeValue<'_>) -> Parsed<Shard> {
    Shard::new(&text(value)?).or_else(|error| refused(error.to_string(), "write it as in \"ward-4b\""))
}

/// Names of shards, none of them twice.
pub(super) fn shards(value: &DeValue<'_>) -> Parsed<Vec<Shard>> {
    let shards = list(value, shard)?;
    let names: std::collections::BTreeSet<&str> = shards.iter().map(Shard::name).collect();
    match !shards.is_empty() && names.len() == shards.len() {
        true => Ok(shards),
        false => refused("is empty or names a shard twice", "write it as in [\"0\", \"1\"]"),
    }
}

/// A ledger's name.
pub(super) fn origin(value: &DeValue<'_>) -> Parsed<Origin> {
    Origin::new(&text(value)?).or_else(|_| {
        refused("is empty, too long, or holds a space or a plus", "write it as in \"ward-4b.example/ledger\"")
    })
}

/// A replica's name.
pub(super) fn cosigner(value: &DeValue<'_>) -> Parsed<Origin> {
    let name = Origin::new(&text(value)?).ok().filter(|name| name.as_str().len() <= REPLICA_NAME_BYTES_MAX);
    let why = "is empty, too long, or holds a space or a plus";
    name.map_or_else(|| refused(why, "write it as in \"replica-1.example\""), Ok)
}

/// Public keys of ledgers, at least one, none twice.
pub(super) fn logs(value: &DeValue<'_>) -> Parsed<Vec<VerifierKey>> {
    let next = "copy the line in the file key.vkey of the ledger";
    let logs = list(value, |value| {
        VerifierKey::parse(&text(value)?).or_else(|error| refused(error.to_string(), next))
    })?;
    let twice =
        logs.iter().enumerate().any(|(at, log)| logs.iter().take(at).any(|other| other.name() == log.name()));
    match logs {
        none if none.is_empty() => refused("is empty", next),
        _ if twice => refused("names a ledger twice", "name each once"),
        some => Ok(some),
    }
}

/// Base addresses of replicas.
pub(super) fn peers(value: &DeValue<'_>) -> Parsed<Vec<String>> {
    list(value, peer)
}

/// Base address of a replica.
pub(super) fn peer(value: &DeValue<'_>) -> Parsed<String> {
    let peer = filled(value)?;
    let uri: Option<axum::http::Uri> = peer.parse().ok();
    if uri.is_some_and(|uri| uri.scheme_str() == Some("http") && uri.authority().is_some()) {
        Ok(peer)
    } else {
        refused("a replica's address is none", "write it as in \"http://replica-2.example:9580\"")
    }
}

/// The key of a mirror or a witness.
pub(super) fn cosigner_key(value: &DeValue<'_>) -> Parsed<CosignerKey> {
    let next = "copy the key that `bodywire replica` says at its start";
    CosignerKey::parse(&text(value)?).or_else(|error| refused(error.to_string(), next))
}

/// When a report is acknowledged.
pub(super) fn acknowledge(value: &DeValue<'_>) -> Parsed<Acknowledge> {
    let levels = [
        ("local", Acknowledge::Local),
        ("mirrored", Acknowledge::Mirrored),
        ("witnessed", Acknowledge::Witnessed),
    ];
    one_of(value, &levels)
}

/// How many replicas make a quorum.
pub(super) fn quorum(value: &DeValue<'_>) -> Parsed<u16> {
    integer(value, 1, MIRRORS_MAX as u16)
}

/// Host name or address.
pub(super) fn host(value: &DeValue<'_>) -> Parsed<String> {
    let host = filled(value)?;
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if is_address || host.chars().all(plain) {
        Ok(host)
    } else {
        refused("is no host name or address", "write the host alone, without mqtt:// and without its port")
    }
}

/// Host names that browsers ask for, with or without a port.
pub(super) fn hosts(value: &DeValue<'_>) -> Parsed<Vec<String>> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:[]".contains(c);
    list(value, |value| {
        let host = filled(value)?;
        if host.chars().all(plain) {
            Ok(host)
        } else {
            refused("a host is none", "write it as in \"console.example\"")
        }
    })
}

/// A path's name.
pub(super) fn path_name(value: &DeValue<'_>) -> Parsed<String> {
    let name = filled(value)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || " -".contains(c);
    if name.chars().all(plain) && name.chars().count() <= PATH_NAME_CHARS_MAX {
        Ok(name)
    } else {
        refused(
            format!("is not 1 to {PATH_NAME_CHARS_MAX} letters, digits, spaces and hyphens"),
            "write it as in \"cable\" or \"mobile 2\"",
        )
    }
}

/// Version of MQTT.
pub(super) fn version(value: &DeValue<'_>) -> Parsed<Version> {
    one_of(value, &[("newest", Version::Newest), ("5", Version::V5), ("3.1.1", Version::V311)])
}

/// Local address or interface.
pub(super) fn bind(value: &DeValue<'_>) -> Parsed<Bind> {
    let bind = filled(value)?;
    if let Ok(address) = bind.parse() {
        return Ok(Bind::Address(address));
    }
    let plain = |c: char| c.is_ascii_graphic() && !"/:".contains(c);
    if bind.len() <= INTERFACE_BYTES_MAX && bind.chars().all(plain) {
        Ok(Bind::Interface(bind))
    } else {
        refused("is no local address and no interface", "write it as in \"192.0.2.7\" or \"wlan0\"")
    }
}

/// One of some words.
pub(super) fn word<T: Copy>(known: &'static [(&'static str, T)]) -> impl Fn(&DeValue<'_>) -> Parsed<T> {
    move |value| one_of(value, known)
}

/// A user name.
pub(super) fn user(value: &DeValue<'_>) -> Parsed<String> {
    filled(value)
}
