//! An independent check of a log directory: every byte of every file, read again and compared with what the entries
//! give. It shares the hash functions and the format's parsers with the writer, and nothing else: it replays the tree
//! with its own arithmetic, so a mistake of the writer does not hide itself.
//!
//! The check never stops at the first finding, never panics on what it reads, and changes nothing.

#![deny(clippy::indexing_slicing)]

mod derived;
mod erasures;
mod frames;
mod replay;
mod snapshot;

use core::fmt;
use core::ops::Range;
use std::collections::{BTreeMap, BTreeSet};

use derived::Leaves;
use erasures::Erasures;
use snapshot::Expected;

use crate::{
    Checkpoint, Disk, Error, Hash, Origin, VerifierKey,
    disk::TEMPORARY_SUFFIX,
    hash::HASH_BYTES,
    head::{self, HEAD_FILE, HEAD_FILE_BYTES, HeadSlot},
    log::KEY_FILE,
    segment,
    snapshot::SNAPSHOT_FILE,
    tile::{CHECKPOINT_FILE, TilePath},
};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// Bytes are not what they must be.
    Damage,
    /// A file or its end is gone.
    Missing,
    /// A file that does not belong to a log.
    Unexpected,
    /// The last write was torn by a power cut and never acknowledged; opening the log cuts it off. Not a failure.
    TornTail,
    /// One head slot is unreadable, as a power cut while publishing leaves it; the other one holds, and opening the
    /// log writes it anew. Not a failure.
    TornSlot,
    /// The snapshot is not what the log gives. Opening may have gone by it, or has ignored it and read everything; delete
    /// the file, and the log makes another one.
    Snapshot,
    /// A temporary file of an interrupted replacement; opening the log removes it. Not a failure.
    Leftover,
}

impl FindingKind {
    /// Whether the log needs repair.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Damage | Self::Missing | Self::Unexpected | Self::Snapshot)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub kind: FindingKind,
    /// The file, relative to the log directory.
    pub file: String,
    /// The entries it concerns, where it concerns any.
    pub entries: Option<Range<u64>>,
    /// What is wrong, in words.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        match &self.entries {
            Some(range) if range.end == range.start + 1 => write!(f, "entry {}: ", range.start)?,
            Some(range) => write!(f, "entries {} to {}: ", range.start, range.end.saturating_sub(1))?,
            None => {}
        }
        f.write_str(&self.what)
    }
}

/// What to check against, beside the directory itself.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The log's public key, from a source that is trusted. Without it the key in the directory is used, and then the
    /// check finds damage but not a directory that someone made anew with a key of his own.
    pub key: Option<VerifierKey>,
    /// Entries that are known to have been acknowledged.
    pub floor: u64,
}

/// Result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Entries that the segments hold.
    pub entries: u64,
    /// Payloads whose hash was computed and is right.
    pub payloads: u64,
    /// Payloads that were erased, as an entry of the log says.
    pub erased: u64,
    /// Tiles and entry bundles that were compared.
    pub tiles: u64,
    /// Root over all entries, unless damage hides it.
    pub root: Option<Hash>,
    /// The log's name, if a key was readable.
    pub origin: Option<Origin>,
    /// The key that the signatures were verified with.
    pub key: Option<VerifierKey>,
    /// Everything that is wrong, in the order in which it was found.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether nothing needs repair.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        !self.findings.iter().any(|finding| finding.kind.is_failure())
    }
}

/// What the parts of the check share.
struct Check<'a, D> {
    disk: &'a D,
    key: Option<VerifierKey>,
    /// The largest size that anything claims to have been stored.
    floor: u64,
    /// More entries than this cannot have been published with the bytes that are here; so no forged number in a file
    /// makes the check work longer than its bytes are worth.
    most_entries: u64,
    heads: Vec<HeadSlot>,
    published: Option<Checkpoint>,
    /// Leaf hashes of the frame at hand, and the tiles that are not full yet.
    leaves: Leaves,
    /// Tiles and bundles that are there.
    present: BTreeSet<TilePath>,
    /// Root after a frame, replayed or signed, for the sizes that heads and checkpoint speak of.
    roots: BTreeMap<u64, Hash>,
    root: Option<Hash>,
    /// Entries that the segments hold, and those that only the published files still know.
    entries: u64,
    filled: u64,
    payloads: u64,
    erasures: Erasures,
    snapshot: Option<Expected>,
    snapshot_wrong: Option<String>,
    tiles: u64,
    findings: Vec<Finding>,
    /// What is wrong with tiles, which are compared as soon as their entries are known and named after the rest.
    tile_findings: Vec<Finding>,
}

/// Checks the log on `disk`.
///
/// # Errors
/// [`Error::Disk`] if the list of files cannot be read. A file that cannot be read is a finding.
pub fn check(disk: &impl Disk, options: &Options) -> Result<Report, Error> {
    let files = disk.list("").map_err(Error::disk("list", "the log directory"))?;
    let mut check = Check {
        disk,
        key: None,
        floor: options.floor,
        most_entries: 0,
        heads: Vec::new(),
        published: None,
        leaves: Leaves::default(),
        present: files.iter().filter_map(|file| TilePath::parse(file).ok()).collect(),
        roots: BTreeMap::new(),
        root: None,
        entries: 0,
        filled: 0,
        payloads: 0,
        erasures: Erasures::default(),
        snapshot: None,
        snapshot_wrong: None,
        tiles: 0,
        findings: Vec::new(),
        tile_findings: Vec::new(),
    };
    let bytes: u64 = files.iter().filter_map(|file| disk.len(file).ok()).fold(0, u64::saturating_add);
    check.most_entries = bytes / HASH_BYTES as u64;
    check.read_key(options);
    check.read_head(&files);
    check.read_checkpoint(&files);
    check.read_snapshot(&files);
    check.read_segments(&files);
    check.judge_erasures();
    check.compare_heads();
    check.compare_checkpoint();
    check.finish_tiles();
    check.name_strangers(&files);
    check.judge_snapshot();
    Ok(Report {
        entries: check.entries,
        payloads: check.payloads,
        erased: check.erasures.accepted,
        tiles: check.tiles,
        root: check.root,
        origin: check.key.as_ref().and_then(|key| Origin::new(key.name()).ok()),
        key: check.key,
        findings: check.findings,
    })
}

impl<D: Disk> Check<'_, D> {
    /// Entries known so far, from segments or published files.
    fn size(&self) -> u64 {
        self.leaves.size()
    }

    /// Keeps the root after an entry if somebody will ask for it.
    fn note_root(&mut self, size: u64, root: Hash) {
        let published = self.published.as_ref().map(|head| head.size);
        let known = self.snapshot.as_ref().is_some_and(|snapshot| snapshot.asks(size));
        if known || published == Some(size) || self.heads.iter().any(|slot| slot.size == size) {
            self.roots.insert(size, root);
        }
    }

    fn find(&mut self, kind: FindingKind, file: &str, entries: Option<Range<u64>>, what: impl Into<String>) {
        self.findings.push(Finding { kind, file: file.to_owned(), entries, what: what.into() });
    }

    /// Reads a file that must be there; otherwise a finding.
    fn read(&mut self, file: &str) -> Option<Vec<u8>> {
        match self.disk.read_all(file) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.unreadable(file, &error);
                None
            }
        }
    }

    fn unreadable(&mut self, file: &str, error: &std::io::Error) {
        if error.kind() == std::io::ErrorKind::NotFound {
            self.find(FindingKind::Missing, file, None, "the file is missing");
        } else {
            self.find(FindingKind::Damage, file, None, format!("the file cannot be read: {error}"));
        }
    }

    fn read_key(&mut self, options: &Options) {
        let stored = self.read(KEY_FILE).and_then(|bytes| {
            let text = String::from_utf8(bytes).ok();
            let key = text.as_deref().and_then(|text| text.strip_suffix('\n')).map(VerifierKey::parse);
            match key {
                Some(Ok(key)) => Some(key),
                _ => {
                    self.find(FindingKind::Damage, KEY_FILE, None, "it is not a verifier key and a newline");
                    None
                }
            }
        });
        if let (Some(given), Some(stored)) = (&options.key, &stored)
            && given != stored
        {
            let what = format!(
                "it holds the key {}, but the log was given as that of {}",
                stored.label(),
                given.label()
            );
            self.find(FindingKind::Damage, KEY_FILE, None, what);
        }
        self.key = options.key.clone().or(stored);
    }

    fn read_head(&mut self, files: &[String]) {
        if files.is_empty() {
            return;
        }
        let Some(bytes) = self.read(HEAD_FILE) else { return };
        let slots = head::parse_file(&bytes);
        let one_holds = slots.iter().any(Result::is_ok);
        for (place, slot) in slots.into_iter().enumerate() {
            match slot {
                Ok(slot) => {
                    self.floor = self.floor.max(slot.size);
                    self.heads.push(slot);
                }
                Err(error) => {
                    let kind = if one_holds { FindingKind::TornSlot } else { FindingKind::Damage };
                    self.find(kind, HEAD_FILE, None, format!("slot {place}: {error}"));
                }
            }
        }
        if bytes.len() != HEAD_FILE_BYTES {
            let what = format!("it is {} bytes long instead of {HEAD_FILE_BYTES}", bytes.len());
            self.find(FindingKind::Damage, HEAD_FILE, None, what);
        }
    }

    fn read_checkpoint(&mut self, files: &[String]) {
        if files.is_empty() {
            return;
        }
        let Some(bytes) = self.read(CHECKPOINT_FILE) else { return };
        match self.open_note(&bytes) {
            Ok(head) => {
                self.floor = self.floor.max(head.size);
                self.published = Some(head);
            }
            Err(error) => self.find(FindingKind::Damage, CHECKPOINT_FILE, None, error.to_string()),
        }
    }

    /// Parses a signed checkpoint, and verifies it if a key is known.
    fn open_note(&self, bytes: &[u8]) -> Result<Checkpoint, Error> {
        match &self.key {
            Some(key) => Checkpoint::open(bytes, key),
            None => Checkpoint::parse(crate::note::Note::parse(bytes)?.text()),
        }
    }

    fn compare_heads(&mut self) {
        for slot in core::mem::take(&mut self.heads) {
            if slot.size > self.size() {
                continue;
            }
            let root =
                if slot.size == 0 { Some(Hash::empty_root()) } else { self.roots.get(&slot.size).copied() };
            match root {
                Some(root) if root != slot.root => {
                    let what = format!("slot {} has another root than the entries give", slot.seq % 2);
                    self.find(FindingKind::Damage, HEAD_FILE, Some(0..slot.size), what);
                }
                None if self.root.is_some() => {
                    let what = format!("slot {}: no frame ends at its size {}", slot.seq % 2, slot.size);
                    self.find(FindingKind::Damage, HEAD_FILE, None, what);
                }
                _ => {}
            }
        }
    }

    fn compare_checkpoint(&mut self) {
        let Some(head) = self.published.clone() else { return };
        if head.size > self.size() {
            return;
        }
        let root =
            if head.size == 0 { Some(Hash::empty_root()) } else { self.roots.get(&head.size).copied() };
        match root {
            Some(root) if root != head.root => {
                let what =
                    "it is signed for another root than the entries give: the log was changed or forked";
                self.find(FindingKind::Damage, CHECKPOINT_FILE, Some(0..head.size), what);
            }
            None if self.root.is_some() => {
                let what = format!("no frame ends at its size {}", head.size);
                self.find(FindingKind::Damage, CHECKPOINT_FILE, None, what);
            }
            _ => {}
        }
    }

    fn name_strangers(&mut self, files: &[String]) {
        for file in files {
            let known = file == KEY_FILE
                || file == HEAD_FILE
                || file == CHECKPOINT_FILE
                || file == SNAPSHOT_FILE
                || segment::parse_path(file).is_some()
                || TilePath::parse(file).is_ok();
            if file.ends_with(TEMPORARY_SUFFIX) {
                self.find(FindingKind::Leftover, file, None, "an interrupted replacement left it");
            } else if !known {
                self.find(FindingKind::Unexpected, file, None, "no file of a log has this name");
            }
        }
    }
}
