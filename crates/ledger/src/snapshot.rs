//! A snapshot: what a reader would know after reading the log up to a size, so that opening need not read it all. It
//! is derived and rebuildable; one that is wrong in any way is ignored. Layout in `docs/ledger-format.md`, "Snapshot".
//!
//! Size, frontier and tile edge are covered by the log's signature: the root that they give must be the signed one.
//! Stream heads, erased keys and the index are covered by the file's own hash only.

#![deny(clippy::indexing_slicing)]

use crate::{
    Checkpoint, Error, Hash, KeyId, StreamId, VerifierKey,
    erasures::Pending,
    hash::HASH_BYTES,
    index::{Point, Segment},
    merkle::Frontier,
    note::MAX_NOTE_BYTES,
    tile::{self, MAX_TILE_LEVEL, TILE_WIDTH, TileEdge, TileKind, TilePath},
};

/// Name of the file.
pub const SNAPSHOT_FILE: &str = "snapshot";

/// First bytes of the file; the digit is the format's version.
pub const SNAPSHOT_MAGIC: [u8; 8] = *b"BWSNAP1\0";

/// Largest snapshot in bytes that is read or written: five million streams, or the index of two billion entries.
pub const MAX_SNAPSHOT_BYTES: usize = 256 << 20;

/// A snapshot. Its parts mean nothing before [`Snapshot::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub(crate) size: u64,
    /// Size and root of the published checkpoint and of the newest head slot when it was made.
    pub(crate) published: (u64, Hash),
    pub(crate) head: (u64, Hash),
    /// The log's signed checkpoint of this size.
    pub(crate) signed: String,
    /// Of each tile level the last hashes that do not fill a tile.
    pub(crate) rows: Vec<Vec<Hash>>,
    /// The full tiles that were not published, by level and position.
    pub(crate) tiles: Vec<Vec<Hash>>,
    pub(crate) segments: Vec<Segment>,
    /// Sorted, as are the keys.
    pub(crate) streams: Vec<(StreamId, Hash)>,
    pub(crate) erased_keys: Vec<KeyId>,
    pub(crate) pending: Vec<(KeyId, Pending)>,
}

/// The paths of the full tiles of a tree of `size` entries that one of `published` does not have.
pub(crate) fn full_tiles(published: u64, size: u64) -> impl Iterator<Item = TilePath> {
    (0..=MAX_TILE_LEVEL).flat_map(move |level| {
        let full = |size| tile::level_items(level, size) / TILE_WIDTH;
        (full(published)..full(size)).map(move |index| TilePath {
            kind: TileKind::Hashes(level),
            index,
            width: 256,
        })
    })
}

fn bad(why: &'static str) -> Error {
    Error::Malformed { what: "a snapshot", why }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (field, rest) = self.0.split_first_chunk().ok_or_else(|| bad("it is cut off"))?;
        self.0 = rest;
        Ok(*field)
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], Error> {
        let (field, rest) = self.0.split_at_checked(len).ok_or_else(|| bad("it is cut off"))?;
        self.0 = rest;
        Ok(field)
    }

    fn u64(&mut self) -> Result<u64, Error> {
        self.take().map(u64::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, Error> {
        self.take().map(u32::from_be_bytes)
    }

    fn hashes(&mut self, count: u64) -> Result<Vec<Hash>, Error> {
        (0..count).map(|_| self.take::<HASH_BYTES>().map(Hash)).collect()
    }

    /// A number of items and the items. Nothing is reserved for items that are not there.
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        let count = self.u32()?;
        let mut out = Vec::new();
        for _ in 0..count {
            out.push(item(self)?);
        }
        out.shrink_to_fit();
        Ok(out)
    }

    fn segment(&mut self) -> Result<Segment, Error> {
        let (first, len) = (self.u64()?, self.u64()?);
        let points = self.list(|reader| Ok(Point { place: reader.u32()?, word: reader.u32()? }))?;
        let ascending = points.is_sorted_by(|a, b| a.place < b.place && a.offset() < b.offset());
        let inside = points.last().is_none_or(|point| point.offset() < len);
        if ascending && inside && points.first().is_none_or(|point| point.place > 0) {
            Ok(Segment::from_parts(first, len, points))
        } else {
            Err(bad("its index is not in order"))
        }
    }
}

impl Snapshot {
    /// Parses a snapshot file. Every accepted input is emitted again byte for byte.
    ///
    /// # Errors
    /// [`Error::Malformed`] with the first rule that is broken.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_SNAPSHOT_BYTES {
            return Err(bad("it is too long"));
        }
        let (body, hash) = bytes.split_last_chunk::<HASH_BYTES>().ok_or_else(|| bad("it is cut off"))?;
        if Hash::of(body).0 != *hash {
            return Err(bad("its hash is wrong"));
        }
        let mut reader = Reader(body);
        if reader.take()? != SNAPSHOT_MAGIC {
            return Err(bad("it does not start with the snapshot mark"));
        }
        let size = reader.u64()?;
        let published = (reader.u64()?, Hash(reader.take()?));
        let head = (reader.u64()?, Hash(reader.take()?));
        let note_len = reader.u32()? as usize;
        if note_len > MAX_NOTE_BYTES || published.0 > size || head.0 > size || size == 0 {
            return Err(bad("a number in it is impossible"));
        }
        let signed = String::from_utf8(reader.bytes(note_len)?.to_vec())
            .map_err(|_| bad("its checkpoint is not text"))?;
        let mut rows = Vec::new();
        for level in (0..=MAX_TILE_LEVEL).take_while(|level| tile::level_items(*level, size) > 0) {
            rows.push(reader.hashes(tile::level_items(level, size) % TILE_WIDTH)?);
        }
        let mut tiles = Vec::new();
        for _ in full_tiles(published.0, size) {
            tiles.push(reader.hashes(TILE_WIDTH)?);
        }
        let segments = reader.list(Reader::segment)?;
        let ordered = segments.is_sorted_by(|a, b| a.first < b.first)
            && segments.first().is_some_and(|segment| segment.first == 0)
            && segments.last().is_some_and(|segment| segment.first < size);
        let streams = reader.list(|reader| Ok((StreamId(reader.take()?), Hash(reader.take()?))))?;
        let erased_keys = reader.list(|reader| reader.take().map(KeyId))?;
        let pending = reader.list(|reader| {
            Ok((KeyId(reader.take()?), Pending { first: reader.u64()?, count: reader.u64()? }))
        })?;
        let sorted = streams.is_sorted_by(|a, b| a.0 < b.0)
            && erased_keys.is_sorted_by(|a, b| a < b)
            && pending.is_sorted_by(|a, b| a.0 < b.0);
        if !ordered || !sorted || !reader.0.is_empty() {
            return Err(bad("its parts are not in order, or bytes follow them"));
        }
        Ok(Self { size, published, head, signed, rows, tiles, segments, streams, erased_keys, pending })
    }

    /// The bytes of the file.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let mut out = SNAPSHOT_MAGIC.to_vec();
        out.extend(self.size.to_be_bytes());
        for (size, root) in [self.published, self.head] {
            out.extend(size.to_be_bytes());
            out.extend(root.0);
        }
        let count =
            |out: &mut Vec<u8>, n: usize| out.extend(u32::try_from(n).unwrap_or(u32::MAX).to_be_bytes());
        count(&mut out, self.signed.len());
        out.extend(self.signed.as_bytes());
        for hash in self.rows.iter().chain(&self.tiles).flatten() {
            out.extend(hash.0);
        }
        count(&mut out, self.segments.len());
        for segment in &self.segments {
            out.extend(segment.first.to_be_bytes());
            out.extend(segment.len.to_be_bytes());
            count(&mut out, segment.points().len());
            for point in segment.points() {
                out.extend(point.place.to_be_bytes());
                out.extend(point.word.to_be_bytes());
            }
        }
        count(&mut out, self.streams.len());
        for (stream, hash) in &self.streams {
            out.extend(stream.0);
            out.extend(hash.0);
        }
        count(&mut out, self.erased_keys.len());
        self.erased_keys.iter().for_each(|key| out.extend(key.0));
        count(&mut out, self.pending.len());
        for (key, pending) in &self.pending {
            out.extend(key.0);
            out.extend(pending.first.to_be_bytes());
            out.extend(pending.count.to_be_bytes());
        }
        let hash = Hash::of(&out);
        out.extend(hash.0);
        out
    }

    /// Compares rows, tiles and size with the signed checkpoint and gives the tree. `key` is the log's.
    ///
    /// # Errors
    /// [`Error::BadSignature`]; [`Error::Malformed`] if another tree than this was signed.
    pub fn verify(&self, key: &VerifierKey) -> Result<Frontier, Error> {
        let head = Checkpoint::open(self.signed.as_bytes(), key)?;
        let frontier = Frontier::from_peaks(self.size, self.peaks());
        if (head.size, head.root) != (self.size, frontier.root()) {
            return Err(bad("its hashes do not give the root that is signed"));
        }
        // A full tile's root is a hash of the level above: in its row, or in a full tile there.
        let tiles: std::collections::HashMap<TilePath, &Vec<Hash>> =
            full_tiles(self.published.0, self.size).zip(&self.tiles).collect();
        for (path, hashes) in &tiles {
            let TileKind::Hashes(level) = path.kind else { continue };
            let above = level + 1;
            let (tile, place) = (path.index / TILE_WIDTH, (path.index % TILE_WIDTH) as usize);
            let full = TilePath { kind: TileKind::Hashes(above), index: tile, width: 256 };
            let row = tile::level_items(above, self.size) / TILE_WIDTH == tile;
            let parent = if row { self.rows.get(usize::from(above)) } else { tiles.get(&full).copied() };
            if parent.and_then(|hashes| hashes.get(place)) != Some(&tile::subtree_root(hashes)) {
                return Err(bad("a tile in it does not belong to the signed tree"));
            }
        }
        Ok(frontier)
    }

    /// The complete subtrees that make up the tree, largest first.
    fn peaks(&self) -> Vec<Hash> {
        let mut peaks = Vec::new();
        for row in self.rows.iter().rev() {
            let mut rest = row.as_slice();
            for bit in (0..tile::TILE_HEIGHT).rev() {
                if row.len() & (1 << bit) != 0
                    && let Some((block, after)) = rest.split_at_checked(1 << bit)
                {
                    peaks.push(tile::subtree_root(block));
                    rest = after;
                }
            }
        }
        peaks
    }

    /// The writer's tiles for a log of which `published` entries are published.
    pub(crate) fn edge(&self, published: u64) -> TileEdge {
        let full = full_tiles(self.published.0, self.size).zip(&self.tiles);
        TileEdge::from_parts(self.rows.clone(), full.map(|(path, hashes)| (path, hashes.clone())), published)
    }
}
