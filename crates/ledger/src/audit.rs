//! Reading a log as an auditor does: from its published bundles, every entry against the signed root.

#![deny(clippy::indexing_slicing)]

use crate::{
    Checkpoint, Disk, Entry, Error, Hash, VerifierKey,
    merkle::Frontier,
    tile::{self, CHECKPOINT_FILE, TILE_WIDTH, TileKind, TilePath},
};

/// The entries that `wanted` picks, each with its index, and the checkpoint that signs them. Nothing is returned unless all
/// entries together have the root in the checkpoint.
///
/// # Errors
/// [`Error::Unpublished`]; [`Error::BadSignature`]; [`Error::Damaged`] naming the bundle that cannot be read, or, where all
/// can, the first entry of a log whose entries are not those that were signed; [`Error::Disk`].
pub fn entries(
    disk: &impl Disk,
    key: &VerifierKey,
    mut wanted: impl FnMut(u64, &Entry) -> bool,
) -> Result<(Vec<(u64, Entry)>, Checkpoint), Error> {
    let head = match disk.read_all(CHECKPOINT_FILE) {
        Ok(bytes) => Checkpoint::open(&bytes, key)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(Error::Unpublished),
        Err(error) => return Err(Error::disk("read", CHECKPOINT_FILE)(error)),
    };
    let mut frontier = Frontier::new();
    let mut picked = Vec::new();
    for first in (0..head.size).step_by(TILE_WIDTH as usize) {
        let path = TilePath::holding(TileKind::Entries, first, head.size);
        let name = path.to_string();
        let bytes = read(disk, path).map_err(Error::disk("read", &name))?;
        let bundle =
            tile::parse_bundle(&bytes).map_err(|error| Error::damaged(&name, first, error.to_string()))?;
        let bundle = bundle
            .get(..usize::from(path.width))
            .ok_or_else(|| Error::damaged(&name, first, "it has too few entries"))?;
        for (index, bytes) in (first..).zip(bundle) {
            frontier.append(Hash::leaf(bytes), |_, _| {});
            let entry =
                Entry::parse(bytes).map_err(|error| Error::damaged(&name, index, error.to_string()))?;
            if wanted(index, &entry) {
                picked.push((index, entry));
            }
        }
    }
    if frontier.root() != head.root {
        return Err(Error::damaged("tile/entries", 0, "the entries are not those that the checkpoint signs"));
    }
    Ok((picked, head))
}

/// A bundle; where a partial one is gone, the full one has it as its beginning (C2SP tlog-tiles).
fn read(disk: &impl Disk, path: TilePath) -> std::io::Result<Vec<u8>> {
    match disk.read_all(&path.to_string()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            disk.read_all(&TilePath { width: 256, ..path }.to_string())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::{Draft, EntryKind, Floor, KeyId, Log, MemDisk, Origin, StreamId};

    #[test]
    fn what_is_picked_is_signed_and_a_changed_bundle_gives_nothing() {
        let origin = Origin::new("ward.example/log").unwrap();
        let key = SigningKey::from_bytes(&[1; 32]);
        let disk = MemDisk::new();
        let (mut log, _) = Log::open(disk.clone(), origin, key, Floor::NONE).unwrap();
        let draft = |n: u64| Draft {
            kind: if n % 100 == 7 { EntryKind::Read } else { EntryKind::Telemetry },
            flags: 0,
            time_ms: n,
            stream: StreamId([1; 16]),
            stream_seq: n,
            key: KeyId([2; 16]),
            payload: Vec::new(),
        };
        log.append((0..600).map(draft).collect()).unwrap();
        log.publish().unwrap();
        let verifier = VerifierKey::new("ward.example/log", log.verifying_key()).unwrap();
        let reads = |disk: &MemDisk| entries(disk, &verifier, |_, entry| entry.kind == EntryKind::Read);
        let (picked, head) = reads(&disk).unwrap();
        assert_eq!(picked.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [7, 107, 207, 307, 407, 507]);
        assert_eq!((head.size, head.root), (600, log.root()));
        let files = disk.files();
        for (at, file) in [(20, "tile/entries/000"), (9_000, "tile/entries/002.p/88")] {
            let mut bad = files.clone();
            bad.get_mut(file).unwrap()[at] ^= 1;
            assert!(matches!(reads(&MemDisk::from_files(bad)), Err(Error::Damaged { .. })), "{file}");
        }
    }
}
