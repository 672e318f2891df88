//! C2SP tlog-tiles: paths, contents and the verifier of tiles and entry bundles.
//!
//! A tile is up to 256 consecutive hashes of one level; level L holds the roots of the complete subtrees of 256^L
//! leaves. An entry bundle is up to 256 entries, each behind its length in two bytes.

#![deny(clippy::indexing_slicing)]

use core::fmt;

use crate::{
    Error, Hash,
    checkpoint::parse_decimal,
    entry::ENTRY_BYTES,
    hash::HASH_BYTES,
    merkle::{Frontier, Node},
};

/// Hashes in a full tile and entries in a full bundle (C2SP: tile height 8).
pub const TILE_WIDTH: u64 = 256;

/// Levels of the tree that one tile spans.
pub const TILE_HEIGHT: u32 = 8;

/// Highest tile level that a tree of 2^64 entries has.
pub const MAX_TILE_LEVEL: u8 = 7;

/// Name of the published checkpoint file.
pub const CHECKPOINT_FILE: &str = "checkpoint";

/// Folder of tiles and bundles.
pub const TILE_FOLDER: &str = "tile";

/// Whether a path names hashes or entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TileKind {
    /// `tile/<L>/...`: hashes of level L, 0 to 7.
    Hashes(u8),
    /// `tile/entries/...`: an entry bundle.
    Entries,
}

/// Path of a tile or bundle: `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TilePath {
    /// Hashes or entries.
    pub kind: TileKind,
    /// Position within the level.
    pub index: u64,
    /// Number of hashes or entries, 1 to 256; 256 is the full tile, without suffix.
    pub width: u16,
}

impl TilePath {
    /// The tile of `kind` that holds item `item` of its level in a tree where that level has `items` items.
    #[must_use]
    pub fn holding(kind: TileKind, item: u64, items: u64) -> Self {
        let index = item / TILE_WIDTH;
        let width = items.saturating_sub(index * TILE_WIDTH).min(TILE_WIDTH);
        Self { kind, index, width: u16::try_from(width).unwrap_or(0) }
    }

    /// Parses a path relative to the log directory. Exactly one text is accepted for each path.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn parse(path: &str) -> Result<Self, Error> {
        let bad = || Error::Malformed { what: "a tile path", why: "it is not of the C2SP tlog-tiles form" };
        let rest = path.strip_prefix("tile/").ok_or_else(bad)?;
        let (kind, rest) = rest.split_once('/').ok_or_else(bad)?;
        let kind = match kind {
            "entries" => TileKind::Entries,
            level => {
                TileKind::Hashes(parse_decimal(level).and_then(|l| u8::try_from(l).ok()).ok_or_else(bad)?)
            }
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, parse_decimal(width).ok_or_else(bad)?),
            None => (rest, TILE_WIDTH),
        };
        let mut index: u64 = 0;
        for part in number.split('/') {
            let digits = part.strip_prefix('x').unwrap_or(part);
            if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(bad());
            }
            let value = digits.parse::<u64>().map_err(|_| bad())?;
            index = index.checked_mul(1000).and_then(|i| i.checked_add(value)).ok_or_else(bad)?;
        }
        let parsed = Self { kind, index, width: u16::try_from(width).map_err(|_| bad())? };
        let level_fits = !matches!(kind, TileKind::Hashes(level) if level > MAX_TILE_LEVEL);
        if level_fits && (1..=TILE_WIDTH).contains(&width) && parsed.to_string() == path {
            Ok(parsed)
        } else {
            Err(bad())
        }
    }

    /// Folder of the partial tiles at this position, without a final slash.
    #[must_use]
    pub fn partial_folder(&self) -> String {
        format!("{}.p", Self { width: 256, ..*self })
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes(level) => write!(f, "tile/{level}/")?,
            TileKind::Entries => write!(f, "tile/entries/")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for (place, group) in groups.iter().enumerate().rev() {
            if place > 0 { write!(f, "x{group:03}/")? } else { write!(f, "{group:03}")? }
        }
        if u64::from(self.width) < TILE_WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

/// Number of hashes that level `level` has in a tree of `size` entries: its complete subtrees of 256^level leaves.
#[must_use]
pub fn level_items(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level) * TILE_HEIGHT).unwrap_or(0)
}

/// Parses the hashes of a tile.
///
/// # Errors
/// [`Error::Malformed`] unless it is 1 to 256 whole hashes.
pub fn parse_hashes(bytes: &[u8]) -> Result<Vec<Hash>, Error> {
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    if !rest.is_empty() || hashes.is_empty() || hashes.len() as u64 > TILE_WIDTH {
        return Err(Error::Malformed { what: "a tile", why: "it is not 1 to 256 hashes of 32 bytes" });
    }
    Ok(hashes.iter().map(|hash| Hash(*hash)).collect())
}

/// The bytes of a tile.
#[must_use]
pub fn emit_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// Parses an entry bundle into the data of its entries, of any length each.
///
/// # Errors
/// [`Error::Malformed`] unless it is 1 to 256 whole entries behind their lengths.
pub fn parse_bundle(bytes: &[u8]) -> Result<Vec<&[u8]>, Error> {
    let bad = |why| Error::Malformed { what: "an entry bundle", why };
    let mut entries = Vec::new();
    let mut rest = bytes;
    while let Some((len, after)) = rest.split_first_chunk::<2>() {
        let len = usize::from(u16::from_be_bytes(*len));
        let (entry, after) = after.split_at_checked(len).ok_or_else(|| bad("its last entry is cut off"))?;
        entries.push(entry);
        rest = after;
        if entries.len() as u64 > TILE_WIDTH {
            return Err(bad("it has more than 256 entries"));
        }
    }
    if !rest.is_empty() || entries.is_empty() {
        return Err(bad("it is empty or has a trailing byte"));
    }
    Ok(entries)
}

/// The bytes of an entry bundle.
#[must_use]
pub fn emit_bundle(entries: &[[u8; ENTRY_BYTES]]) -> Vec<u8> {
    let prefix = (ENTRY_BYTES as u16).to_be_bytes();
    entries.iter().flat_map(|entry| prefix.into_iter().chain(*entry)).collect()
}

/// Root of the complete subtree over a power of two of hashes.
pub(crate) fn subtree_root(hashes: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    for hash in hashes {
        frontier.append(*hash, |_, _| {});
    }
    frontier.root()
}

/// Where to find the hash of a subtree: tile level, tile position, and the range of hashes inside that tile.
#[must_use]
pub fn locate(node: Node) -> (u8, u64, core::ops::Range<usize>) {
    let level = node.level / TILE_HEIGHT;
    let inside = node.level % TILE_HEIGHT;
    let start = node.index << inside;
    let offset = usize::try_from(start % TILE_WIDTH).unwrap_or(0);
    let end = offset + (1usize << inside);
    (u8::try_from(level).unwrap_or(MAX_TILE_LEVEL), start / TILE_WIDTH, offset..end)
}

/// Verifies that tiles and bundles are those of the tree over `entries`: each `(path, bytes)` is computed anew and
/// compared. Nothing is taken from a tile before it is verified, so bytes of a peer may be checked before they are
/// saved.
///
/// # Errors
/// [`Error::Damaged`] naming the first path that differs; [`Error::Malformed`] for a path outside the tree.
pub fn verify_all<'a>(
    entries: &[&[u8]],
    files: impl IntoIterator<Item = (TilePath, &'a [u8])>,
) -> Result<(), Error> {
    let mut levels: Vec<Vec<Hash>> = vec![entries.iter().map(|entry| Hash::leaf(entry)).collect()];
    while let Some(below) = levels.last().filter(|level| level.len() as u64 >= TILE_WIDTH) {
        levels.push(below.chunks_exact(TILE_WIDTH as usize).map(subtree_root).collect());
    }
    for (path, bytes) in files {
        let outside = || Error::Malformed { what: "a tile path", why: "the tree has no such tile" };
        let start = usize::try_from(path.index.saturating_mul(TILE_WIDTH)).map_err(|_| outside())?;
        let range = start..start.saturating_add(usize::from(path.width));
        let expected = match path.kind {
            TileKind::Hashes(level) => {
                let hashes = levels.get(usize::from(level)).and_then(|hashes| hashes.get(range));
                emit_hashes(hashes.ok_or_else(outside)?)
            }
            TileKind::Entries => {
                let mut bundle = Vec::new();
                for entry in entries.get(range).ok_or_else(outside)? {
                    let len = u16::try_from(entry.len()).map_err(|_| outside())?;
                    bundle.extend(len.to_be_bytes());
                    bundle.extend(*entry);
                }
                bundle
            }
        };
        if expected != bytes {
            let what = "its bytes are not those that the entries give";
            return Err(Error::damaged(&path.to_string(), start as u64, what));
        }
    }
    Ok(())
}

/// The hashes the writer keeps: of each level the last, not yet full tile, and the full tiles not yet published.
#[derive(Clone, Debug, Default)]
pub(crate) struct TileEdge {
    levels: Vec<Vec<Hash>>,
    full: Vec<(TilePath, Vec<Hash>)>,
}

impl TileEdge {
    /// Takes a completed subtree; only the multiples of the tile height are kept. Tiles that were full in a tree of
    /// `published` entries are dropped, because their files exist.
    pub(crate) fn completed(&mut self, node: Node, hash: Hash, published: u64) {
        if !node.level.is_multiple_of(TILE_HEIGHT) {
            return;
        }
        let Ok(level) = u8::try_from(node.level / TILE_HEIGHT) else { return };
        if self.levels.len() <= usize::from(level) {
            self.levels.push(Vec::new());
        }
        let Some(edge) = self.levels.get_mut(usize::from(level)) else { return };
        edge.push(hash);
        if edge.len() as u64 == TILE_WIDTH {
            let hashes = core::mem::take(edge);
            let path = TilePath { kind: TileKind::Hashes(level), index: node.index / TILE_WIDTH, width: 256 };
            if (path.index + 1) * TILE_WIDTH > level_items(level, published) {
                self.full.push((path, hashes));
            }
        }
    }

    /// The rows of each level and the full tiles; of these only the ones that a tree of `published` entries lacks.
    pub(crate) fn from_parts(
        levels: Vec<Vec<Hash>>,
        full: impl Iterator<Item = (TilePath, Vec<Hash>)>,
        published: u64,
    ) -> Self {
        let missing = |path: &TilePath| match path.kind {
            TileKind::Hashes(level) => (path.index + 1) * TILE_WIDTH > level_items(level, published),
            TileKind::Entries => false,
        };
        Self { levels, full: full.filter(|(path, _)| missing(path)).collect() }
    }

    /// Of each level the hashes that do not fill a tile.
    pub(crate) fn rows(&self) -> &[Vec<Hash>] {
        &self.levels
    }

    /// The full tiles that are not published.
    pub(crate) fn full(&self) -> &[(TilePath, Vec<Hash>)] {
        &self.full
    }

    /// The tiles whose files must be written to publish a tree of `size` entries after one of `published`.
    pub(crate) fn changed(&self, published: u64, size: u64) -> Vec<(TilePath, &[Hash])> {
        let mut out: Vec<_> = self.full.iter().map(|(path, hashes)| (*path, hashes.as_slice())).collect();
        for (level, hashes) in (0..).zip(&self.levels) {
            let items = level_items(level, size);
            if !hashes.is_empty() && items != level_items(level, published) {
                out.push((TilePath::holding(TileKind::Hashes(level), items - 1, items), hashes));
            }
        }
        out
    }

    /// Forgets the full tiles, which are published now, and returns their paths.
    pub(crate) fn published(&mut self) -> Vec<TilePath> {
        self.full.drain(..).map(|(path, _)| path).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let path = |kind, index, width| TilePath { kind, index, width }.to_string();
        assert_eq!(path(TileKind::Hashes(0), 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(path(TileKind::Hashes(2), 0, 1), "tile/2/000.p/1");
        assert_eq!(path(TileKind::Entries, 273, 112), "tile/entries/273.p/112");
        for text in ["tile/0/x001/x234/067", "tile/7/000.p/255", "tile/entries/x001/000"] {
            assert_eq!(TilePath::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "tile/8/000",
            "tile/00/000",
            "tile/0/00",
            "tile/0/0000",
            "tile/0/001/000",
            "tile/0/x000/000",
            "tile/0/x001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/1/2",
            "tile/0/",
            "tile/data/000",
            "checkpoint",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
        ] {
            assert!(TilePath::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_specification_example_of_70000_entries_has_its_tiles() {
        let mut frontier = Frontier::new();
        let mut edge = TileEdge::default();
        for i in 0..70_000u32 {
            frontier.append(Hash::leaf(&i.to_be_bytes()), |node, hash| edge.completed(node, hash, 0));
        }
        let changed = edge.changed(0, 70_000);
        let count = |level, full: bool| {
            changed
                .iter()
                .filter(|(p, _)| p.kind == TileKind::Hashes(level) && (p.width == 256) == full)
                .count()
        };
        assert_eq!((count(0, true), count(0, false)), (273, 1));
        assert_eq!((count(1, true), count(1, false)), (1, 1));
        assert_eq!((count(2, true), count(2, false)), (0, 1));
        let partial: Vec<_> =
            changed.iter().filter(|(p, _)| p.width < 256).map(|(p, _)| p.to_string()).collect();
        assert_eq!(partial, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
        assert!(changed.iter().all(|(p, hashes)| usize::from(p.width) == hashes.len()));
    }

    #[test]
    fn the_verifier_accepts_the_writers_tiles_and_refuses_a_poisoned_one() {
        let data: Vec<[u8; 4]> = (0..600u32).map(u32::to_be_bytes).collect();
        let entries: Vec<&[u8]> = data.iter().map(<[u8; 4]>::as_slice).collect();
        let (mut frontier, mut edge) = (Frontier::new(), TileEdge::default());
        for entry in &entries {
            frontier.append(Hash::leaf(entry), |node, hash| edge.completed(node, hash, 0));
        }
        let files: Vec<(TilePath, Vec<u8>)> =
            edge.changed(0, 600).into_iter().map(|(p, hashes)| (p, emit_hashes(hashes))).collect();
        assert_eq!(files.len(), 4);
        verify_all(&entries, files.iter().map(|(p, b)| (*p, b.as_slice()))).unwrap();
        for poisoned in 0..files.len() {
            let mut bad = files.clone();
            bad[poisoned].1[5] ^= 1;
            let error = verify_all(&entries, bad.iter().map(|(p, b)| (*p, b.as_slice()))).unwrap_err();
            let name = files[poisoned].0.to_string();
            assert!(matches!(error, Error::Damaged { file, .. } if file == name));
        }
    }

    #[test]
    fn bundles_round_trip_and_cut_ones_are_refused() {
        let entries = [[1; ENTRY_BYTES], [2; ENTRY_BYTES]];
        let bytes = emit_bundle(&entries);
        assert_eq!(bytes.len(), 260);
        assert_eq!(parse_bundle(&bytes).unwrap(), [&entries[0][..], &entries[1][..]]);
        for end in (0..bytes.len()).filter(|end| *end != 130) {
            assert!(parse_bundle(&bytes[..end]).is_err(), "{end}");
        }
        assert!(parse_hashes(&[0; 31]).is_err());
        assert!(parse_hashes(&[0; 32 * 257]).is_err());
        assert!(parse_hashes(&[]).is_err());
    }
}
