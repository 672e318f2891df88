//! The disk under a world's ledger: in memory, where it may lose power, or real files for wards whose ledger fits into no memory.

use bodywire_ledger::{Disk, FileDisk, MemDisk};
use std::io;

/// One of the two.
pub(super) enum LedgerDisk {
    /// In memory.
    Memory(MemDisk),
    /// Files.
    Files(FileDisk),
}

macro_rules! delegate {
    ($self:ident, $disk:ident => $call:expr) => {
        match $self {
            Self::Memory($disk) => $call,
            Self::Files($disk) => $call,
        }
    };
}

impl Disk for LedgerDisk {
    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        delegate!(self, disk => disk.list(folder))
    }

    fn len(&self, path: &str) -> io::Result<u64> {
        delegate!(self, disk => disk.len(path))
    }

    fn read(&self, path: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        delegate!(self, disk => disk.read(path, offset, len))
    }

    fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        delegate!(self, disk => disk.write(path, offset, bytes))
    }

    fn truncate(&mut self, path: &str, len: u64) -> io::Result<()> {
        delegate!(self, disk => disk.truncate(path, len))
    }

    fn sync(&mut self, path: &str) -> io::Result<()> {
        delegate!(self, disk => disk.sync(path))
    }

    fn replace(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        delegate!(self, disk => disk.replace(path, bytes))
    }

    fn replace_all(&mut self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        delegate!(self, disk => disk.replace_all(files))
    }

    fn replace_wiping(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        delegate!(self, disk => disk.replace_wiping(path, bytes))
    }

    fn reserve(&mut self, path: &str, len: u64) -> io::Result<()> {
        delegate!(self, disk => disk.reserve(path, len))
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        delegate!(self, disk => disk.remove(path))
    }
}
