//! What is in a backup, and whether it is still what was written.

use super::{DATABASE, ERASURES};
use crate::args::BackupRole;
use crate::exit::Failure;
use data_encoding::HEXLOWER as HEX;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The one format there is.
const FORMAT: &str = "bodywire-backup/1";
/// Its name in a backup.
const MANIFEST: &str = "manifest.json";
/// What vouches for the manifest itself.
const SUM: &str = "manifest.sha256";
/// Longest manifest that is read: four files take less than a KiB.
const MANIFEST_BYTES_MAX: u64 = 64 << 10;
/// As much of a file is hashed at once.
const CHUNK_BYTES: usize = 64 << 10;
/// What to do with a backup that is damaged.
const NEXT: &str = "use another backup, and see with bodywire backup verify whether it is whole";

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sum {
    size: u64,
    sha256: String,
}

/// The content of `manifest.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    format: String,
    /// Of the program that made it.
    pub(super) version: String,
    /// When, milliseconds since 1970.
    pub(super) time_ms: u64,
    /// `clinic` or `hub`.
    role: String,
    pub(super) files: BTreeMap<String, Sum>,
}

impl Manifest {
    /// Describes files that are there, writes the manifest, and last what vouches for it.
    pub(super) fn write(directory: &Path, role: BackupRole, names: &[&str]) -> Result<Self, Failure> {
        let failed = |name: &str| {
            let path = directory.join(name);
            move |error: std::io::Error| Failure::path(&path, error, "make room, and make the backup again")
        };
        let mut files = BTreeMap::new();
        for name in names {
            files.insert((*name).to_owned(), sum(&directory.join(name)).map_err(failed(name))?);
        }
        let role = match role {
            BackupRole::Clinic => "clinic",
            BackupRole::Hub => "hub",
        };
        let manifest = Self {
            format: FORMAT.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            time_ms: crate::now_ms(),
            role: role.to_owned(),
            files,
        };
        let text =
            serde_json::to_string_pretty(&manifest).map_err(|error| Failure::Failed(error.to_string()))?;
        crate::state::write_private(&directory.join(MANIFEST), text.as_bytes())?;
        let line = format!("{}  {MANIFEST}\n", HEX.encode(&Sha256::digest(&text)));
        crate::state::write_private(&directory.join(SUM), line.as_bytes())?;
        Ok(manifest)
    }

    /// Reads the manifest and compares every file with it.
    ///
    /// # Errors
    /// [`Failure::NotVerified`] for whatever is damaged or missing.
    pub(super) fn check(directory: &Path) -> Result<Self, Failure> {
        if !directory.is_dir() {
            let next = "name a directory that bodywire backup make has written";
            return Err(Failure::path(directory, "there is no such directory", next));
        }
        let text = read(directory, MANIFEST, MANIFEST_BYTES_MAX)?;
        let line = read(directory, SUM, MANIFEST_BYTES_MAX)?;
        if line != format!("{}  {MANIFEST}\n", HEX.encode(&Sha256::digest(&text))).as_bytes() {
            return Err(damaged(directory, MANIFEST, "is not what was written"));
        }
        let manifest: Self =
            serde_json::from_slice(&text).map_err(|error| damaged(directory, MANIFEST, error))?;
        if manifest.format != FORMAT {
            return Err(damaged(directory, MANIFEST, "is of another format than this version knows"));
        }
        for name in [DATABASE, ERASURES] {
            if !manifest.files.contains_key(name) {
                return Err(damaged(directory, MANIFEST, format!("names no {name}")));
            }
        }
        for (name, written) in &manifest.files {
            // A name from outside must not lead out of the directory.
            if name.contains('/') || name == ".." {
                return Err(damaged(directory, MANIFEST, "names a file that is elsewhere"));
            }
            let found = sum(&directory.join(name)).map_err(|error| damaged(directory, name, error))?;
            if found != *written {
                return Err(damaged(directory, name, "is not what was written"));
            }
        }
        Ok(manifest)
    }

    /// Whose database it is.
    pub(super) fn role(&self) -> BackupRole {
        if self.role == "hub" { BackupRole::Hub } else { BackupRole::Clinic }
    }

    /// Its name.
    pub(super) fn role_name(&self) -> &str {
        &self.role
    }

    /// Size of the database, bytes.
    pub(super) fn database_bytes(&self) -> u64 {
        self.files.get(DATABASE).map_or(0, |file| file.size)
    }
}

/// Something of a backup is not as it was.
pub(super) fn damaged(directory: &Path, name: &str, why: impl std::fmt::Display) -> Failure {
    Failure::NotVerified(format!("{}: {why}; {NEXT}", directory.join(name).display()))
}

/// A small file of a backup.
pub(super) fn read(directory: &Path, name: &str, most: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    File::open(directory.join(name))
        .and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
        .map_err(|error| damaged(directory, name, error))?;
    if bytes.len() as u64 > most {
        return Err(damaged(directory, name, "is far too long"));
    }
    Ok(bytes)
}

fn sum(path: &Path) -> std::io::Result<Sum> {
    let mut file = File::open(path)?;
    let (mut hasher, mut size) = (Sha256::new(), 0);
    let mut chunk = vec![0u8; CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk)?;
        let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        hasher.update(bytes);
        size += bytes.len() as u64;
    }
    Ok(Sum { size, sha256: HEX.encode(&hasher.finalize()) })
}
