//! A disk in memory for drills: it loses power, tears writes, fails and runs full on command.
//!
//! Model of a power cut: of everything written since a file's last sync, each 512-byte sector independently keeps its
//! old bytes, has its new ones, or holds garbage; the length is the old one, the new one, or between; files created
//! or removed since may or may not exist. Replacing a file is atomic.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::disk::{Disk, TEMPORARY_SUFFIX};

/// Bytes that the model writes or loses together: the smallest sector of real disks, which tears the most.
pub const SECTOR_BYTES: usize = 512;

/// What happens at the chosen operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The power goes: this and every later operation fails. See [`MemDisk::power_cut`].
    PowerCut,
    /// This operation fails with EIO and does nothing; later ones work.
    Io,
    /// This and every later write fails with ENOSPC after half of its bytes; reads work.
    NoSpace,
}

#[derive(Clone, Debug, Default)]
struct MemFile {
    durable: Option<Vec<u8>>,
    current: Option<Vec<u8>>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, MemFile>,
    operations: u64,
    fault: Option<(u64, Fault)>,
    interrupted_replace: Option<(String, Vec<u8>)>,
    reserves: bool,
}

/// A disk in memory. Clones share their files, so that a drill can look at them while a log owns the disk.
#[derive(Clone, Debug, Default)]
pub struct MemDisk(Arc<Mutex<State>>);

/// SplitMix64 (Steele, Lea and Flood 2014): enough for drills, and the same everywhere.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % (limit.max(1) as u64)) as usize
    }
}

impl MemDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A disk with these files, all durable.
    #[must_use]
    pub fn from_files(files: BTreeMap<String, Vec<u8>>) -> Self {
        let files = files
            .into_iter()
            .map(|(path, bytes)| (path, MemFile { durable: Some(bytes.clone()), current: Some(bytes) }))
            .collect();
        Self(Arc::new(Mutex::new(State { files, ..State::default() })))
    }

    /// The same disk, which reserves space when it is asked to. A fault strikes that too: with [`Fault::NoSpace`] the
    /// file stays as it is.
    #[must_use]
    pub fn reserving(self) -> Self {
        self.state().reserves = true;
        self
    }

    /// All files as a reader sees them now.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        state.files.iter().filter_map(|(path, file)| Some((path.clone(), file.current.clone()?))).collect()
    }

    /// Number of changing operations (write, truncate, sync, replace, remove) so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Lets `fault` happen at the changing operation number `at`, counted as [`MemDisk::operations`] does.
    pub fn fail_at(&self, at: u64, fault: Fault) {
        self.state().fault = Some((at, fault));
    }

    /// What is on the disk after the power went: a new disk, chosen by `seed`.
    #[must_use]
    pub fn power_cut(&self, seed: u64) -> Self {
        let state = self.state();
        let mut rng = SplitMix(seed);
        let mut files = BTreeMap::new();
        for (path, file) in &state.files {
            if let Some(bytes) = survive(file, &mut rng) {
                files.insert(path.clone(), bytes);
            }
        }
        if let Some((path, bytes)) = &state.interrupted_replace {
            match rng.below(3) {
                0 => {}
                1 => {
                    let temporary = MemFile { durable: None, current: Some(bytes.clone()) };
                    if let Some(bytes) = survive(&temporary, &mut rng) {
                        files.insert(format!("{path}{TEMPORARY_SUFFIX}"), bytes);
                    }
                }
                _ => {
                    files.insert(path.clone(), bytes.clone());
                }
            }
        }
        let after = Self::from_files(files);
        if state.reserves { after.reserving() } else { after }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn survive(file: &MemFile, rng: &mut SplitMix) -> Option<Vec<u8>> {
    let (old, new) = match (&file.durable, &file.current) {
        (Some(old), Some(new)) if old == new => return Some(old.clone()),
        (None, None) => return None,
        (old, new) if old.is_none() || new.is_none() => {
            if rng.below(3) == 0 {
                return old.clone();
            }
            (old.clone().unwrap_or_default(), new.clone().or_else(|| old.clone()).unwrap_or_default())
        }
        (old, new) => (old.clone().unwrap_or_default(), new.clone().unwrap_or_default()),
    };
    let (short, long) = (old.len().min(new.len()), old.len().max(new.len()));
    let len = match rng.below(4) {
        0 => old.len(),
        1 => short + rng.below(long - short + 1),
        _ => new.len(),
    };
    let mut out = vec![0; len];
    for (sector, place) in out.chunks_mut(SECTOR_BYTES).enumerate() {
        let start = sector * SECTOR_BYTES;
        let choice = rng.below(5);
        for (at, byte) in place.iter_mut().enumerate() {
            let (before, after) = (old.get(start + at).copied(), new.get(start + at).copied());
            *byte = match choice {
                _ if before == after => before.unwrap_or(0),
                0 | 1 => before.unwrap_or(0),
                2 => rng.next().to_le_bytes()[0],
                _ => after.or(before).unwrap_or(0),
            };
        }
    }
    Some(out)
}

impl State {
    /// Counts a changing operation and says whether a fault strikes it.
    fn strike(&mut self) -> Result<Option<Fault>, io::Error> {
        self.operations += 1;
        match self.fault {
            Some((at, Fault::PowerCut)) if self.operations > at => Err(power_lost()),
            Some((at, Fault::PowerCut)) if self.operations == at => Ok(Some(Fault::PowerCut)),
            Some((at, Fault::Io)) if self.operations == at => Ok(Some(Fault::Io)),
            Some((at, Fault::NoSpace)) if self.operations >= at => Ok(Some(Fault::NoSpace)),
            _ => Ok(None),
        }
    }

    fn readable(&self) -> io::Result<()> {
        match self.fault {
            Some((at, Fault::PowerCut)) if self.operations >= at => Err(power_lost()),
            _ => Ok(()),
        }
    }

    fn current(&self, path: &str) -> io::Result<&Vec<u8>> {
        self.readable()?;
        let file = self.files.get(path).and_then(|file| file.current.as_ref());
        file.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn power_lost() -> io::Error {
    io::Error::other("power lost")
}

fn eio() -> io::Error {
    io::Error::from_raw_os_error(5)
}

impl Disk for MemDisk {
    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let state = self.state();
        state.readable()?;
        let below = |path: &str| {
            folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        };
        let present = state.files.iter().filter(|(path, file)| below(path) && file.current.is_some());
        Ok(present.map(|(path, _)| path.clone()).collect())
    }

    fn len(&self, path: &str) -> io::Result<u64> {
        Ok(self.state().current(path)?.len() as u64)
    }

    fn read(&self, path: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let state = self.state();
        let bytes = state.current(path)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let range = bytes.get(start..start.saturating_add(len));
        range.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let fault = state.strike()?;
        let bytes = match fault {
            Some(Fault::Io) => return Err(eio()),
            Some(Fault::NoSpace) => bytes.split_at(bytes.len() / 2).0,
            _ => bytes,
        };
        let file = state.files.entry(path.to_owned()).or_default().current.get_or_insert_default();
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        if file.len() < start + bytes.len() {
            file.resize(start + bytes.len(), 0);
        }
        file[start..start + bytes.len()].copy_from_slice(bytes);
        match fault {
            Some(Fault::NoSpace) => Err(io::ErrorKind::StorageFull.into()),
            Some(_) => Err(power_lost()),
            None => Ok(()),
        }
    }

    fn reserve(&mut self, path: &str, len: u64) -> io::Result<()> {
        let mut state = self.state();
        if !state.reserves {
            return Ok(());
        }
        let fault = state.strike()?;
        match fault {
            Some(Fault::Io) => return Err(eio()),
            Some(Fault::NoSpace) => return Err(io::ErrorKind::StorageFull.into()),
            _ => {}
        }
        let file = state.files.entry(path.to_owned()).or_default().current.get_or_insert_default();
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        if file.len() < len {
            file.resize(len, 0);
        }
        if fault.is_some() { Err(power_lost()) } else { Ok(()) }
    }

    fn truncate(&mut self, path: &str, len: u64) -> io::Result<()> {
        let mut state = self.state();
        let fault = state.strike()?;
        if fault == Some(Fault::Io) {
            return Err(eio());
        }
        let file = state.files.get_mut(path).and_then(|file| file.current.as_mut());
        let file = file.ok_or(io::ErrorKind::NotFound)?;
        file.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        if fault == Some(Fault::PowerCut) { Err(power_lost()) } else { Ok(()) }
    }

    fn sync(&mut self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        match state.strike()? {
            Some(Fault::Io) => return Err(eio()),
            Some(Fault::PowerCut) => return Err(power_lost()),
            _ => {}
        }
        let file = state.files.get_mut(path).ok_or(io::ErrorKind::NotFound)?;
        file.durable.clone_from(&file.current);
        Ok(())
    }

    fn replace(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        match state.strike()? {
            Some(Fault::Io) => return Err(eio()),
            Some(Fault::NoSpace) => return Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::PowerCut) => {
                state.interrupted_replace = Some((path.to_owned(), bytes.to_vec()));
                return Err(power_lost());
            }
            None => {}
        }
        let file = MemFile { durable: Some(bytes.to_vec()), current: Some(bytes.to_vec()) };
        state.files.insert(path.to_owned(), file);
        Ok(())
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        let fault = state.strike()?;
        if fault == Some(Fault::Io) {
            return Err(eio());
        }
        let file = state.files.get_mut(path).filter(|file| file.current.is_some());
        file.ok_or(io::ErrorKind::NotFound)?.current = None;
        if fault == Some(Fault::PowerCut) { Err(power_lost()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_synced_survives_and_what_was_not_may_tear() {
        let mut torn = 0;
        for seed in 0..200 {
            let mut disk = MemDisk::new();
            disk.write("a", 0, &[1; 2048]).unwrap();
            disk.sync("a").unwrap();
            disk.write("a", 2048, &[2; 2048]).unwrap();
            let after = disk.power_cut(seed).files().remove("a").unwrap();
            assert_eq!(after[..2048], [1; 2048]);
            torn += usize::from(after.len() != 4096 || after[2048..] != [2; 2048]);
        }
        assert!(torn > 100);
    }

    #[test]
    fn a_replaced_file_is_old_or_new() {
        let mut seen = [false; 2];
        for seed in 0..50 {
            let mut disk = MemDisk::new();
            disk.replace("a", &[1; 600]).unwrap();
            disk.fail_at(2, Fault::PowerCut);
            assert!(disk.replace("a", &[2; 700]).is_err());
            assert!(disk.read("a", 0, 1).is_err());
            let after = disk.power_cut(seed).files().remove("a").unwrap();
            assert!(after == [1; 600] || after == [2; 700]);
            seen[usize::from(after.len() == 700)] = true;
        }
        assert_eq!(seen, [true, true]);
    }
}
