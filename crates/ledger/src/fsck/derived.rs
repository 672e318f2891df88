//! Tiles and entry bundles: each is computed anew from the entries and compared byte for byte. Before that they serve
//! as a second witness of what an entry in a damaged segment was.

use std::collections::BTreeSet;

use super::{Check, FindingKind, replay::tree_hash};
use crate::{
    Disk, Hash,
    entry::ENTRY_BYTES,
    hash::HASH_BYTES,
    tile::{self, MAX_TILE_LEVEL, TILE_WIDTH, TileKind, TilePath},
};

const BUNDLE_ITEM_BYTES: usize = 2 + ENTRY_BYTES;

impl<D: Disk> Check<'_, D> {
    /// Leaf hash of an entry by the published level-0 tile.
    pub(super) fn tile_leaf(&self, index: u64) -> Option<Hash> {
        let bytes = self.derived_item(TileKind::Hashes(0), index, HASH_BYTES)?;
        Some(Hash(bytes.try_into().ok()?))
    }

    /// The entry's bytes by the published bundle, if they have the leaf hash of the published tile.
    pub(super) fn bundle_entry(&self, index: u64) -> Option<[u8; ENTRY_BYTES]> {
        let bytes = self.derived_item(TileKind::Entries, index, BUNDLE_ITEM_BYTES)?;
        let entry: [u8; ENTRY_BYTES] = bytes.get(2..)?.try_into().ok()?;
        (Some(Hash::leaf(&entry)) == self.tile_leaf(index)).then_some(entry)
    }

    fn derived_item(&self, kind: TileKind, index: u64, bytes: usize) -> Option<Vec<u8>> {
        let size = self.published.as_ref().map(|head| head.size).filter(|size| index < *size)?;
        let path = TilePath::holding(kind, index, size).to_string();
        let offset = (index % TILE_WIDTH) * bytes as u64;
        self.disk.read(&path, offset, bytes).ok()
    }

    /// Compares every tile and bundle that is there, and names those that are published but not there.
    pub(super) fn compare_tiles(&mut self, files: &[String]) {
        let levels = self.levels();
        let mut present = BTreeSet::new();
        for file in files {
            if let Ok(path) = TilePath::parse(file) {
                present.insert(path);
                self.compare_tile(file, path, &levels);
            }
        }
        let known = self.leaves.len() as u64;
        let size = self.published.as_ref().map_or(0, |head| head.size.min(known));
        for level in 0..=MAX_TILE_LEVEL {
            let items = tile::level_items(level, size);
            for index in 0..items.div_ceil(TILE_WIDTH) {
                let path = TilePath::holding(TileKind::Hashes(level), index * TILE_WIDTH, items);
                let bundle = (level == 0).then_some(TilePath { kind: TileKind::Entries, ..path });
                for path in [Some(path), bundle].into_iter().flatten() {
                    // C2SP lets a full tile stand for the partial ones at its place.
                    let full = TilePath { width: 256, ..path };
                    if !present.contains(&path) && !present.contains(&full) {
                        let entries = self.entries_of(path, 0, u64::from(path.width));
                        self.find(
                            FindingKind::Missing,
                            &path.to_string(),
                            Some(entries),
                            "the file is missing",
                        );
                    }
                }
            }
        }
    }

    /// The hashes of every tile level, where they can be computed.
    fn levels(&self) -> Vec<Vec<Option<Hash>>> {
        let mut levels = vec![self.leaves.clone()];
        while let Some(below) = levels.last().filter(|level| level.len() as u64 >= TILE_WIDTH) {
            let above = below.chunks_exact(TILE_WIDTH as usize).map(|tile| {
                let known: Option<Vec<Hash>> = tile.iter().copied().collect();
                known.map(|hashes| tree_hash(&hashes))
            });
            levels.push(above.collect());
        }
        levels
    }

    /// The entries below items `from..to` of a tile.
    fn entries_of(&self, path: TilePath, from: u64, to: u64) -> core::ops::Range<u64> {
        let level = match path.kind {
            TileKind::Hashes(level) => u32::from(level),
            TileKind::Entries => 0,
        };
        let span = 1u64.checked_shl(level * tile::TILE_HEIGHT).unwrap_or(u64::MAX);
        let start = path.index.saturating_mul(TILE_WIDTH);
        start.saturating_add(from).saturating_mul(span)..start.saturating_add(to).saturating_mul(span)
    }

    fn compare_tile(&mut self, file: &str, path: TilePath, levels: &[Vec<Option<Hash>>]) {
        let Some(bytes) = self.read(file) else { return };
        self.tiles += 1;
        let (level, item_bytes) = match path.kind {
            TileKind::Hashes(level) => (usize::from(level), HASH_BYTES),
            TileKind::Entries => (0, BUNDLE_ITEM_BYTES),
        };
        let start = usize::try_from(path.index.saturating_mul(TILE_WIDTH)).unwrap_or(usize::MAX);
        let range = start..start.saturating_add(usize::from(path.width));
        let Some(expected) = levels.get(level).and_then(|hashes| hashes.get(range)) else {
            self.find(FindingKind::Damage, file, None, "it is about entries that the segments do not hold");
            return;
        };
        for ((at, item), expected) in (0u64..).zip(bytes.chunks(item_bytes)).zip(expected) {
            let right = match (path.kind, expected) {
                (_, None) => item.len() == item_bytes,
                (TileKind::Hashes(_), Some(hash)) => item == hash.0,
                (TileKind::Entries, Some(hash)) => item
                    .strip_prefix(&(ENTRY_BYTES as u16).to_be_bytes())
                    .is_some_and(|entry| Hash::leaf(entry) == *hash),
            };
            if !right {
                let entries = self.entries_of(path, at, at + 1);
                self.find(
                    FindingKind::Damage,
                    file,
                    Some(entries),
                    "it is not what the segments' entries give",
                );
            }
        }
        let whole = item_bytes * usize::from(path.width);
        if bytes.len() != whole {
            let what = format!("it is {} bytes long instead of {whole}", bytes.len());
            let held = (bytes.len() / item_bytes).min(usize::from(path.width)) as u64;
            let lost = self.entries_of(path, held, u64::from(path.width));
            let (kind, entries) = if bytes.len() < whole {
                (FindingKind::Missing, Some(lost))
            } else {
                (FindingKind::Damage, None)
            };
            self.find(kind, file, entries, what);
        }
    }
}
