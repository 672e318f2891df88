//! Where a replica's files lie: for each log a directory with the copy and one with what the replica has said about it.

use bodywire_ledger::{Disk, Error, FileDisk, MemDisk};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Which files of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The copy, as the log's writer has it.
    Copy,
    /// What was cosigned, and the evidence against the log.
    Records,
}

impl Part {
    const fn folder(self) -> &'static str {
        match self {
            Self::Copy => "log",
            Self::Records => "records",
        }
    }
}

/// Opens the disks of logs by the hash of their names.
pub trait Disks: Send + Sync + 'static {
    /// What is opened.
    type Disk: Disk + Send + 'static;
    /// Opens for writing, for one writer at a time.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process has it; [`Error::Disk`].
    fn writable(&self, log: &str, part: Part) -> Result<Self::Disk, Error>;
    /// Opens for reading beside the writer.
    fn readable(&self, log: &str, part: Part) -> Self::Disk;
}

impl<S: Disks> Disks for Arc<S> {
    type Disk = S::Disk;

    fn writable(&self, log: &str, part: Part) -> Result<Self::Disk, Error> {
        S::writable(self, log, part)
    }

    fn readable(&self, log: &str, part: Part) -> Self::Disk {
        S::readable(self, log, part)
    }
}

/// Directories below one directory.
#[derive(Debug, Clone)]
pub struct FileDisks {
    root: PathBuf,
}

impl FileDisks {
    /// Below this directory.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn place(&self, log: &str, part: Part) -> PathBuf {
        self.root.join(log).join(part.folder())
    }
}

impl Disks for FileDisks {
    type Disk = FileDisk;

    fn writable(&self, log: &str, part: Part) -> Result<FileDisk, Error> {
        FileDisk::open(&self.place(log, part))
    }

    fn readable(&self, log: &str, part: Part) -> FileDisk {
        FileDisk::open_read_only(&self.place(log, part))
    }
}

/// Disks in memory, for drills and the fuzzer.
#[derive(Debug, Default)]
pub struct MemDisks(Mutex<BTreeMap<(String, Part), MemDisk>>);

impl MemDisks {
    /// These disks, by the hash of their log's name and the part.
    #[must_use]
    pub fn from_disks(disks: impl IntoIterator<Item = ((String, Part), MemDisk)>) -> Self {
        Self(Mutex::new(disks.into_iter().collect()))
    }

    /// The files of a log; clones share them.
    pub fn disk(&self, log: &str, part: Part) -> MemDisk {
        let mut disks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        disks.entry((log.to_owned(), part)).or_default().clone()
    }

    /// What is on the disks after the power went: new disks, chosen by `seed`; see [`MemDisk::power_cut`].
    #[must_use]
    pub fn power_cut(&self, seed: u64) -> Self {
        let disks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // In the order of their names, so that the same seed cuts the same.
        let cut = (0..).zip(disks.iter());
        let cut = cut.map(|(n, (name, disk))| (name.clone(), disk.power_cut(seed.wrapping_add(n))));
        Self(Mutex::new(cut.collect()))
    }
}

impl Disks for MemDisks {
    type Disk = MemDisk;

    fn writable(&self, log: &str, part: Part) -> Result<MemDisk, Error> {
        Ok(self.disk(log, part))
    }

    fn readable(&self, log: &str, part: Part) -> MemDisk {
        self.disk(log, part)
    }
}
