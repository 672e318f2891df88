//! The disk under a hub's spool. When the power goes, each sector that was written since the last sync is the old one or the new
//! one.

use super::chance::Chance;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that a disk writes as one.
const SECTOR: usize = 512;

#[derive(Debug, Default)]
struct Medium {
    now: Vec<u8>,
    synced_len: usize,
    /// What the sectors held at the last sync that were written since.
    before: BTreeMap<usize, Vec<u8>>,
}

/// A disk in memory. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(super) struct SpoolDisk(Arc<Mutex<Medium>>);

impl SpoolDisk {
    fn medium(&self) -> MutexGuard<'_, Medium> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disk after the process was killed: everything that was written is there.
    pub(super) fn after_a_kill(&self) -> Self {
        let now = self.medium().now.clone();
        Self(Arc::new(Mutex::new(Medium { synced_len: now.len(), now, before: BTreeMap::new() })))
    }

    /// The disk after the power went.
    pub(super) fn after_a_power_cut(&self, chance: &mut Chance) -> Self {
        let medium = self.medium();
        let mut after = medium.now.clone();
        if after.len() != medium.synced_len && chance.happens(0.5) {
            after.resize(medium.synced_len, 0);
        }
        for (sector, before) in &medium.before {
            let end = (sector * SECTOR + before.len()).min(after.len());
            let Some(place) = after.get_mut(sector * SECTOR..end).filter(|_| chance.happens(0.5)) else {
                continue;
            };
            if let Some(before) = before.get(..place.len()) {
                place.copy_from_slice(before);
            }
        }
        Self(Arc::new(Mutex::new(Medium { synced_len: after.len(), now: after, before: BTreeMap::new() })))
    }
}

impl redb::StorageBackend for SpoolDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.medium().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let medium = self.medium();
        let from = usize::try_from(offset).map_err(io::Error::other)?;
        let found = medium.now.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.medium().now.resize(len, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut medium = self.medium();
        medium.synced_len = medium.now.len();
        medium.before.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut medium = self.medium();
        let Medium { now, before, .. } = &mut *medium;
        let from = usize::try_from(offset).map_err(io::Error::other)?;
        let to = from + data.len();
        for sector in from / SECTOR..to.div_ceil(SECTOR) {
            let end = (sector * SECTOR + SECTOR).min(now.len());
            before.entry(sector).or_insert_with(|| now.get(sector * SECTOR..end).unwrap_or(&[]).to_vec());
        }
        now.get_mut(from..to).ok_or(io::ErrorKind::UnexpectedEof)?.copy_from_slice(data);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::StorageBackend as _;

    #[test]
    fn only_what_was_not_synced_may_be_lost() {
        let disk = SpoolDisk::default();
        disk.set_len(2 * SECTOR as u64).unwrap();
        disk.write(0, &[1; SECTOR]).unwrap();
        disk.sync_data().unwrap();
        disk.write(SECTOR as u64, &[2; SECTOR]).unwrap();
        let mut chance = Chance::new(1, "disk");
        let mut seen = [false; 2];
        for _ in 0..50 {
            let after = disk.after_a_power_cut(&mut chance);
            let now = after.medium().now.clone();
            assert_eq!(now[..SECTOR], [1; SECTOR]);
            seen[usize::from(now[SECTOR] == 2)] = true;
        }
        assert_eq!(seen, [true; 2], "sometimes it is there and sometimes not");
        assert_eq!(disk.after_a_kill().medium().now[SECTOR], 2);
    }
}
