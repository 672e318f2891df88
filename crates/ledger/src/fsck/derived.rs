//! Tiles and entry bundles: each is computed anew from the entries and compared byte for byte. Before that they serve
//! as a second witness of what an entry in a damaged segment was.

use super::{Check, Finding, FindingKind, replay::tree_hash};
use crate::{
    Disk, Hash,
    entry::ENTRY_BYTES,
    hash::HASH_BYTES,
    tile::{self, MAX_TILE_LEVEL, TILE_WIDTH, TileKind, TilePath},
};

const BUNDLE_ITEM_BYTES: usize = 2 + ENTRY_BYTES;

/// Leaf hashes of the frame at hand, and the rightmost tile of each level: all that a check holds of the tree, however
/// long the log.
#[derive(Default)]
pub(super) struct Leaves {
    /// Entries whose leaf hashes have gone into the tiles.
    settled: u64,
    /// Those of the frame at hand, where they are known.
    open: Vec<Option<Hash>>,
    levels: Vec<Level>,
}

#[derive(Default)]
struct Level {
    /// Full tiles before this one.
    index: u64,
    hashes: Vec<Option<Hash>>,
}

impl Leaves {
    pub(super) fn size(&self) -> u64 {
        self.settled + self.open.len() as u64
    }

    pub(super) fn push(&mut self, leaf: Option<Hash>) {
        self.open.push(leaf);
    }

    fn place(&self, index: u64) -> Option<usize> {
        usize::try_from(index.checked_sub(self.settled)?).ok()
    }

    /// Leaf hash of an entry of the frame at hand.
    pub(super) fn get(&self, index: u64) -> Option<Hash> {
        self.open.get(self.place(index)?).copied().flatten()
    }

    /// Another leaf hash for an entry of the frame at hand.
    pub(super) fn correct(&mut self, index: u64, leaf: Option<Hash>) {
        if let Some(slot) = self.place(index).and_then(|place| self.open.get_mut(place)) {
            *slot = leaf;
        }
    }

    /// Hashes of a level so far.
    fn items(&self, level: u8) -> u64 {
        let level = self.levels.get(usize::from(level));
        level.map_or(0, |level| level.index * TILE_WIDTH + level.hashes.len() as u64)
    }

    /// Moves the leaves of the frame at hand into the tiles, and gives the tiles that are full now: level, index, hashes.
    fn settle(&mut self) -> Vec<(u8, u64, Vec<Option<Hash>>)> {
        let mut full = Vec::new();
        self.settled = self.size();
        for leaf in core::mem::take(&mut self.open) {
            let mut carried = Some(leaf);
            for number in 0..=MAX_TILE_LEVEL {
                let Some(hash) = carried.take() else { break };
                if self.levels.len() <= usize::from(number) {
                    self.levels.push(Level::default());
                }
                let Some(level) = self.levels.get_mut(usize::from(number)) else { break };
                level.hashes.push(hash);
                if level.hashes.len() as u64 == TILE_WIDTH {
                    let hashes = core::mem::take(&mut level.hashes);
                    let known: Option<Vec<Hash>> = hashes.iter().copied().collect();
                    carried = Some(known.map(|hashes| tree_hash(&hashes)));
                    full.push((number, level.index, hashes));
                    level.index += 1;
                }
            }
        }
        full
    }

    /// The tiles that are not full: level, index, hashes.
    fn open_tiles(&self) -> Vec<(u8, u64, Vec<Option<Hash>>)> {
        let levels = (0u8..).zip(&self.levels).filter(|(_, level)| !level.hashes.is_empty());
        levels.map(|(number, level)| (number, level.index, level.hashes.clone())).collect()
    }
}

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

    /// The frame at hand is judged: its leaves go into the tiles, and a tile that is full is compared at once.
    pub(super) fn settle(&mut self) {
        for (level, index, hashes) in self.leaves.settle() {
            self.compare_tiles_at(level, index, &hashes);
        }
    }

    /// Compares the tiles that are not full, and names those that are published but not there, or there without reason.
    pub(super) fn finish_tiles(&mut self) {
        self.settle();
        for (level, index, hashes) in self.leaves.open_tiles() {
            self.compare_tiles_at(level, index, &hashes);
        }
        for path in self.present.iter().copied().collect::<Vec<_>>() {
            let level = match path.kind {
                TileKind::Hashes(level) => level,
                TileKind::Entries => 0,
            };
            // The others were compared when the last of their hashes was known.
            if path.index.saturating_mul(TILE_WIDTH) >= self.leaves.items(level)
                && self.read_tile(path).is_some()
            {
                self.tiles += 1;
                self.without_entries(path);
            }
        }
        self.tile_findings.sort_by(|a, b| a.file.cmp(&b.file));
        self.findings.append(&mut self.tile_findings);
        let size = self.published.as_ref().map_or(0, |head| head.size.min(self.size()));
        for level in 0..=MAX_TILE_LEVEL {
            let items = tile::level_items(level, size);
            for index in 0..items.div_ceil(TILE_WIDTH) {
                let path = TilePath::holding(TileKind::Hashes(level), index * TILE_WIDTH, items);
                let bundle = (level == 0).then_some(TilePath { kind: TileKind::Entries, ..path });
                for path in [Some(path), bundle].into_iter().flatten() {
                    // C2SP lets a full tile stand for the partial ones at its place.
                    let full = TilePath { width: 256, ..path };
                    if !self.present.contains(&path) && !self.present.contains(&full) {
                        let entries = self.entries_of(path, 0, u64::from(path.width));
                        let file = path.to_string();
                        self.find(FindingKind::Missing, &file, Some(entries), "the file is missing");
                    }
                }
            }
        }
    }

    /// Compares what is there of a tile, and of the bundle at the same place, with the hashes that belong there.
    fn compare_tiles_at(&mut self, level: u8, index: u64, hashes: &[Option<Hash>]) {
        let kinds = [Some(TileKind::Hashes(level)), (level == 0).then_some(TileKind::Entries)];
        for kind in kinds.into_iter().flatten() {
            let at = |width| TilePath { kind, index, width };
            let here: Vec<TilePath> = self.present.range(at(0)..=at(u16::MAX)).copied().collect();
            for path in here {
                self.compare_tile(path, hashes);
            }
        }
    }

    fn find_in_tile(
        &mut self,
        kind: FindingKind,
        file: &str,
        entries: Option<core::ops::Range<u64>>,
        what: impl Into<String>,
    ) {
        self.tile_findings.push(Finding { kind, file: file.to_owned(), entries, what: what.into() });
    }

    fn read_tile(&mut self, path: TilePath) -> Option<Vec<u8>> {
        let before = self.findings.len();
        let bytes = self.read(&path.to_string());
        let unreadable = self.findings.split_off(before);
        self.tile_findings.extend(unreadable);
        bytes
    }

    fn without_entries(&mut self, path: TilePath) {
        let what = "it is about entries that the segments do not hold";
        self.find_in_tile(FindingKind::Damage, &path.to_string(), None, what);
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

    fn compare_tile(&mut self, path: TilePath, hashes: &[Option<Hash>]) {
        let Some(bytes) = self.read_tile(path) else { return };
        self.tiles += 1;
        let file = &path.to_string();
        let item_bytes = match path.kind {
            TileKind::Hashes(_) => HASH_BYTES,
            TileKind::Entries => BUNDLE_ITEM_BYTES,
        };
        let Some(expected) = hashes.get(..usize::from(path.width)) else {
            self.without_entries(path);
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
                self.find_in_tile(
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
            self.find_in_tile(kind, file, entries, what);
        }
    }
}
