//! Where the database is: a SQLite file, or a PostgreSQL server.

use crate::error::Error;
use sqlx::any::AnyConnectOptions;
use std::path::{Path, PathBuf};
use std::str::FromStr;

const SCHEMES: [&str; 2] = ["postgres", "postgresql"];

/// A SQLite file or a PostgreSQL database. Printing it leaves out the password.
#[derive(Clone)]
pub struct Location(pub(crate) Place);

#[derive(Clone)]
pub(crate) enum Place {
    File(PathBuf),
    Server(AnyConnectOptions),
}

impl Location {
    /// A file of this name.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Place::File(path.into()))
    }

    /// `postgres://user@host:port/database?sslmode=...`, or a file's name.
    ///
    /// A server on another machine must prove its name by a certificate (`sslmode=verify-full`, with
    /// `sslrootcert=FILE` for an authority of one's own) unless the URL says something else: what is sent includes
    /// encrypted secrets with the times at which they are used.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let Some((scheme, _)) = text.split_once("://") else {
            return if text.is_empty() { refused("nothing is written") } else { Ok(Self::file(text)) };
        };
        if !SCHEMES.contains(&scheme) {
            return refused("only postgres:// is known");
        }
        // The text itself is not repeated: it may hold a password.
        let Ok(mut options) = AnyConnectOptions::from_str(text) else { return refused("this is no URL") };
        let url = &mut options.database_url;
        if url.path().trim_start_matches('/').is_empty() {
            return refused("the URL names no database");
        }
        let has = |name: &str| url.query_pairs().any(|(key, _)| key == name);
        // A host in the query overrules the one before it.
        let named = url.query_pairs().filter(|(key, _)| key == "host" || key == "hostaddr").last();
        let is_near = match named {
            Some((_, host)) => is_local(Some(&host)),
            None => is_local(url.host_str()),
        };
        if !is_near && !has("sslmode") && !has("ssl-mode") {
            url.query_pairs_mut().append_pair("sslmode", "verify-full");
        }
        Ok(Self(Place::Server(options)))
    }

    /// True for a server.
    pub const fn is_server(&self) -> bool {
        matches!(self.0, Place::Server(_))
    }

    /// True when the URL holds a password.
    pub fn has_password(&self) -> bool {
        match &self.0 {
            Place::File(_) => false,
            Place::Server(options) => {
                let url = &options.database_url;
                url.password().is_some() || url.query_pairs().any(|(key, _)| key == "password")
            }
        }
    }

    /// The same server with this password.
    pub fn with_password(mut self, password: &str) -> Result<Self, Error> {
        let Place::Server(options) = &mut self.0 else { return refused("a file has no password") };
        // Everything but letters and digits is written as %XX: the setter leaves `%` as it is, and it is decoded later.
        let mut encoded = zeroize::Zeroizing::new(String::with_capacity(3 * password.len()));
        for byte in password.bytes() {
            if byte.is_ascii_alphanumeric() {
                encoded.push(byte.into());
            } else {
                encoded.push_str(&format!("%{byte:02X}"));
            }
        }
        if options.database_url.set_password(Some(&encoded)).is_err() {
            return refused("a password needs a host in the URL");
        }
        Ok(self)
    }
}

/// A host on this machine: no name, a socket's directory, or a loopback address.
fn is_local(host: Option<&str>) -> bool {
    host.is_none_or(|host| {
        let is_loopback = |address: std::net::IpAddr| address.is_loopback();
        let bare = host.trim_matches(['[', ']']);
        host.is_empty()
            || host.starts_with('/')
            || host == "localhost"
            || host.to_ascii_lowercase().starts_with("%2f")
            || bare.parse().is_ok_and(is_loopback)
    })
}

fn refused<T>(why: &str) -> Result<T, Error> {
    Err(Error::Location(why.to_owned()))
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Place::File(path) => path.display().fmt(f),
            // Without the query: a password may stand there, too.
            Place::Server(options) => {
                let mut url = options.database_url.clone();
                url.set_query(None);
                if url.password().is_some() && url.set_password(Some("...")).is_err() {
                    return f.write_str("postgres://...");
                }
                f.write_str(url.as_str())
            }
        }
    }
}

impl std::fmt::Debug for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Location({self})")
    }
}

impl PartialEq for Location {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Place::File(a), Place::File(b)) => a == b,
            (Place::Server(a), Place::Server(b)) => a.database_url == b.database_url,
            _ => false,
        }
    }
}

impl Eq for Location {}

impl From<&Location> for Location {
    fn from(location: &Location) -> Self {
        location.clone()
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::file(path)
    }
}

impl From<&PathBuf> for Location {
    fn from(path: &PathBuf) -> Self {
        Self::file(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_a_file_or_a_server() {
        assert!(!Location::parse("a/b.db").unwrap().is_server());
        assert!(Location::parse("postgres://u@db.example/ward").unwrap().is_server());
        for wrong in ["", "mysql://u@h/d", "postgres://u@h", "postgres://[", "sqlite://x"] {
            assert!(matches!(Location::parse(wrong), Err(Error::Location(_))), "{wrong}");
        }
    }

    #[test]
    fn a_server_elsewhere_has_to_prove_its_name() {
        let query = |text: &str| match Location::parse(text).unwrap().0 {
            Place::Server(options) => options.database_url.query().map(str::to_owned),
            Place::File(_) => None,
        };
        assert_eq!(query("postgres://u@db.example/ward").as_deref(), Some("sslmode=verify-full"));
        assert_eq!(query("postgres://u@db.example/ward?sslmode=require").as_deref(), Some("sslmode=require"));
        let overruled = query("postgres://localhost/ward?host=db.example").unwrap();
        assert!(overruled.ends_with("&sslmode=verify-full"), "{overruled}");
        assert_eq!(query("postgres:///ward?host=/run/postgresql").as_deref(), Some("host=/run/postgresql"));
        for local in ["localhost", "127.0.0.1:5433", "[::1]", "%2Frun%2Fpostgresql"] {
            assert_eq!(query(&format!("postgres://u@{local}/ward")), None, "{local}");
        }
    }

    #[test]
    fn passwords_are_not_printed_and_arrive_as_they_are() {
        let plain = Location::parse("postgres://u@db.example/ward").unwrap();
        assert!(!plain.has_password());
        let secret = "hunter2%41/@:?";
        let with = plain.with_password(secret).unwrap();
        assert!(with.has_password());
        assert!(!format!("{with} {with:?}").contains("hunter2"), "{with}");
        let Place::Server(options) = &with.0 else { panic!("a server") };
        assert_eq!(options.database_url.password(), Some("hunter2%2541%2F%40%3A%3F"));
        let inline = Location::parse("postgres://u@h/d?password=hunter2").unwrap();
        assert!(inline.has_password() && !format!("{inline:?}").contains("hunter2"));
        assert!(Location::file("x.db").with_password("p").is_err());
    }
}
