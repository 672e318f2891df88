//! The second step: reads the configuration's file and what it names. Secrets must be private.

use super::parse::{CONFIG_BYTES_MAX, Config, Database, PathSection};
use super::problem::Problem;
use super::values::Source;
use crate::exit::Failure;
use bodywire_paths::{Broker, ClientCertificate, Login, Tls};
use bodywire_store::Location;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Longest certificate or secret that is read: a chain with all its authorities has some KiB.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Where systemd puts credentials.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// A configuration, and where it came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    file: PathBuf,
}

/// What a file may be to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Privacy {
    /// Anybody may read it.
    Public,
    /// Its owner only.
    Secret,
}

impl Loaded {
    /// Reads and understands a configuration.
    pub fn read(file: &Path) -> Result<Self, Failure> {
        let next = "name a configuration; bodywire config print shows one";
        let mut text = String::new();
        let opened = File::open(file).map_err(|error| Failure::path(file, error, next))?;
        // One byte more than is allowed, so that the parser sees that it is too long.
        let most = CONFIG_BYTES_MAX as u64 + 1;
        opened.take(most).read_to_string(&mut text).map_err(|error| Failure::path(file, error, next))?;
        let config = Config::parse(&text)
            .map_err(|problems| Failure::Problems { file: file.display().to_string(), problems })?;
        Ok(Self { config, file: file.to_owned() })
    }

    /// The configuration's own file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// A file as the configuration names it: relative to its own directory.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(path)
    }

    /// Directory of the role.
    pub fn state(&self) -> PathBuf {
        self.resolve(&self.config.state)
    }

    /// A section that the role cannot do without.
    pub fn missing(&self, section: &str, role: &str) -> Failure {
        let problem = Problem {
            line: None,
            key: section.to_owned(),
            why: "is missing".to_owned(),
            next: format!("write [{section}]; see bodywire config print --role {role}"),
        };
        Failure::Problems { file: self.file.display().to_string(), problems: vec![problem] }
    }

    /// The brokers of all paths, with their certificates and passwords.
    pub fn brokers(&self) -> Result<Vec<Broker>, Failure> {
        self.config.paths.iter().map(|path| self.broker(path)).collect()
    }

    /// The broker of one path.
    pub fn broker(&self, path: &PathSection) -> Result<Broker, Failure> {
        let tls = match &path.tls {
            Some(tls) => Some(Tls {
                authorities: self.public(&tls.ca)?,
                client: match &tls.client {
                    Some((chain, key)) => {
                        Some(ClientCertificate { chain: self.public(chain)?, key: self.secret(key)? })
                    }
                    None => None,
                },
            }),
            None => None,
        };
        let login = match &path.login {
            Some((user, password)) => Some(Login { user: user.clone(), password: self.password(password)? }),
            None => None,
        };
        Ok(Broker {
            name: path.name.clone(),
            host: path.host.clone(),
            port: path.port,
            version: path.version,
            bind: path.bind.clone(),
            tls,
            login,
        })
    }

    /// The hub's database, with its password, when it is on a server.
    pub fn hub_database(&self) -> Result<Option<Location>, Failure> {
        self.database(self.config.hub.as_ref().and_then(|hub| hub.database.as_ref()))
    }

    /// The clinic's database, with its password, when it is on a server.
    pub fn clinic_database(&self) -> Result<Option<Location>, Failure> {
        self.database(self.config.clinic.as_ref().and_then(|clinic| clinic.database.as_ref()))
    }

    fn database(&self, database: Option<&Database>) -> Result<Option<Location>, Failure> {
        let Some(Database { location, password }) = database else { return Ok(None) };
        let location = location.clone();
        Ok(Some(match password {
            Some(password) => location.with_password(&self.password(password)?)?,
            None => location,
        }))
    }

    /// A certificate.
    pub(crate) fn public(&self, source: &Source) -> Result<Vec<u8>, Failure> {
        Ok(self.bytes(source, Privacy::Public)?.to_vec())
    }

    /// A private key.
    pub(crate) fn secret(&self, source: &Source) -> Result<Zeroizing<Vec<u8>>, Failure> {
        self.bytes(source, Privacy::Secret)
    }

    /// A password or token: one line of a secret file.
    pub(crate) fn password(&self, source: &Source) -> Result<Zeroizing<String>, Failure> {
        let bytes = self.secret(source)?;
        let text = std::str::from_utf8(&bytes)
            .map(|text| Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()));
        match text {
            Ok(text) if !text.is_empty() => Ok(text),
            _ => {
                let next = "write the password in one line";
                Err(Failure::path(&self.place(source)?, "is empty or no text", next))
            }
        }
    }

    /// The file behind a source.
    pub(crate) fn place(&self, source: &Source) -> Result<PathBuf, Failure> {
        match source {
            Source::File(path) => Ok(self.resolve(path)),
            Source::Credential(name) => match std::env::var_os(CREDENTIALS) {
                Some(directory) => Ok(Path::new(&directory).join(name)),
                None => Err(Failure::Configuration {
                    what: format!("credential:{name}"),
                    why: format!("{CREDENTIALS} is not set: nobody has handed over credentials"),
                    next: "start it from systemd with LoadCredential=, or name a file".to_owned(),
                }),
            },
        }
    }

    fn bytes(&self, source: &Source, privacy: Privacy) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let place = self.place(source)?;
        let next = "see the documentation of the key that names it (docs/configuration.md)";
        let failed = |error: std::io::Error| Failure::path(&place, error, next);
        let file = File::open(&place).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.permissions().mode();
        if privacy == Privacy::Secret && mode & readable_by_others(source) != 0 {
            let next = "make it readable by its owner only: chmod 600";
            return Err(Failure::path(&place, "others may read this secret", next));
        }
        let mut bytes = Zeroizing::new(Vec::new());
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(Failure::path(&place, "is far too long for a certificate or secret", next));
        }
        Ok(bytes)
    }
}

/// Mode bits that a secret may not have. systemd lets the service's user read a credential by an access control list,
/// whose mask shows as the group's bits; nobody else gets into its directory.
pub(crate) const fn readable_by_others(source: &Source) -> u32 {
    match source {
        Source::File(_) => 0o077,
        Source::Credential(_) => 0o007,
    }
}
