//! Where the database, its key and its ledger are.

use crate::args::{BackupHouse, BackupRole};
use crate::config::files::Loaded;
use crate::exit::Failure;
use crate::state::State;
use bodywire_store::DatabaseKey;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A state, before it is opened.
pub(super) struct Place {
    pub(super) root: PathBuf,
    ledger: Option<PathBuf>,
    /// The role that a configuration names.
    configured: Option<BackupRole>,
}

impl Place {
    /// Finds out from options. A database on a server is none of ours.
    pub(super) fn of(house: &BackupHouse) -> Result<Self, Failure> {
        let Some(file) = &house.config else {
            let root = house.state.clone().unwrap_or_default();
            return Ok(Self { root, ledger: None, configured: None });
        };
        let loaded = Loaded::read(file)?;
        let clinic = loaded.config.clinic.as_ref();
        let on_server = match (clinic, &loaded.config.hub) {
            (Some(_), _) => loaded.clinic_database()?,
            (None, Some(_)) => loaded.hub_database()?,
            (None, None) => return Err(loaded.missing("clinic", "clinic")),
        };
        if on_server.is_some() {
            return Err(Failure::path(
                file,
                "its database is on a PostgreSQL server",
                "save it with pg_basebackup or pg_dump (docs/operations.md)",
            ));
        }
        Ok(Self {
            root: loaded.state(),
            ledger: clinic.and_then(|clinic| clinic.ledger.as_ref()).map(|ledger| loaded.resolve(ledger)),
            configured: Some(if clinic.is_some() { BackupRole::Clinic } else { BackupRole::Hub }),
        })
    }

    /// Whose database is to be saved.
    pub(super) fn role(&self, wanted: Option<BackupRole>) -> Result<BackupRole, Failure> {
        if let Some(role) = wanted.or(self.configured) {
            return Ok(role);
        }
        let has = |name: &str| self.root.join(name).is_file();
        match (has("clinic/bodywire.db"), has("hub/bodywire.db")) {
            (true, false) => Ok(BackupRole::Clinic),
            (false, true) => Ok(BackupRole::Hub),
            (true, true) => Err(Failure::path(
                &self.root,
                "has the database of a clinic and of a hub",
                "say which with --role clinic or --role hub",
            )),
            (false, false) => Err(Failure::path(
                &self.root,
                "has no database",
                "name the directory of a clinic, a hub or a demo with --state DIR",
            )),
        }
    }

    /// The key must be there already: a new one would open nothing.
    pub(super) fn has_key(&self, role: BackupRole) -> Result<(), Failure> {
        let path = self.root.join(key_name(role));
        if path.is_file() {
            return Ok(());
        }
        let next = "put the keys in place first, from where they are kept; a backup has none";
        Err(Failure::path(&path, "is not there, and only it opens the database", next))
    }

    /// The ledger, if this role has one.
    pub(super) fn ledger(&self, state: &State, role: BackupRole) -> Option<PathBuf> {
        let ledger = self.ledger.clone().unwrap_or_else(|| state.clinic_ledger());
        (role == BackupRole::Clinic).then_some(ledger)
    }
}

/// File of the key, below a state.
pub(super) const fn key_name(role: BackupRole) -> &'static str {
    match role {
        BackupRole::Clinic => "keys/database",
        BackupRole::Hub => "keys/pairs",
    }
}

/// The database of a role.
pub(super) fn database(state: &State, role: BackupRole) -> PathBuf {
    match role {
        BackupRole::Clinic => state.clinic_database(),
        BackupRole::Hub => state.hub_database(),
    }
}

/// A secret of 32 bytes that only its owner may read.
pub(super) fn secret(path: &Path) -> Result<[u8; 32], Failure> {
    let next = "name the state directory, or its file keys/database, with --keys";
    let failed = |error: std::io::Error| Failure::path(path, error, next);
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.permissions().mode() & 0o077 != 0 {
        let next = "make it readable by its owner only: chmod 600";
        return Err(Failure::path(path, "others may read this secret", next));
    }
    if metadata.len() != 32 {
        return Err(Failure::path(path, "is not 32 bytes long", next));
    }
    let bytes = fs::read(path).map_err(failed)?;
    bytes.try_into().map_err(|_| Failure::path(path, "is not 32 bytes long", next))
}

/// The key for a database.
pub(super) fn database_key(secret: [u8; 32]) -> DatabaseKey {
    DatabaseKey::new(secret)
}

/// A new directory that only its owner may enter.
pub(super) fn new_directory(path: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(path)
}

/// Copies a file into a new one that only its owner may read; durable when it returns.
pub(super) fn copy_private(from: &Path, to: &Path) -> std::io::Result<()> {
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    std::io::copy(&mut File::open(from)?, &mut target)?;
    target.sync_all()
}

/// Makes names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

/// The file of SQLite beside a database.
pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
