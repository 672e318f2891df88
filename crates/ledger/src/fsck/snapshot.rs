//! The snapshot: compared with what every frame that it covers gives. It is only a help to open the log quickly, so a
//! wrong one is a finding of its own kind, and is named only where the log itself is sound.

use std::collections::{BTreeMap, HashMap};

use super::{Check, FindingKind, erasures::Erasures};
use crate::{
    Disk, Hash, StreamId, VerifierKey,
    segment::FrameHeader,
    snapshot::{MAX_SNAPSHOT_BYTES, SNAPSHOT_FILE, Snapshot},
};

/// A snapshot and what has been found wrong with it.
pub(super) struct Expected {
    snapshot: Snapshot,
    wrong: Option<String>,
    /// Segments that begin before its end.
    segments: usize,
    /// A frame ends at its size.
    reached: bool,
}

impl Expected {
    fn differs(&mut self, what: impl Into<String>) {
        self.wrong.get_or_insert_with(|| what.into());
    }

    /// Whether the root of this size is wanted.
    pub(super) fn asks(&self, size: u64) -> bool {
        [self.snapshot.published.0, self.snapshot.head.0].contains(&size)
    }

    /// Compares extents and index with a frame: where it lies, and the offsets of its items in it.
    pub(super) fn frame(&mut self, segment: u64, at: u64, header: FrameHeader, items: &[usize]) {
        if header.first >= self.snapshot.size {
            return;
        }
        let end = at + u64::from(header.len);
        self.segments += usize::from(at == 0);
        let number = self.snapshot.segments.partition_point(|known| known.first < segment);
        let known = self.snapshot.segments.get(number).filter(|known| known.first == segment);
        let Some(known) = known.filter(|known| end <= known.len) else {
            return self.differs("it has another segment where this log has entries");
        };
        let place = |entry: u64| u32::try_from(entry.saturating_sub(segment)).unwrap_or(u32::MAX);
        let from = known.points().partition_point(|point| point.place < place(header.first));
        let inside = known.points().get(from..).unwrap_or(&[]).iter();
        let right = inside.take_while(|point| point.place < place(header.end())).all(|point| {
            let item = (point.place - place(header.first)) as usize;
            let offset = items.get(item).map(|offset| at + *offset as u64);
            if point.is_frame() { item == 0 && point.offset() == at } else { Some(point.offset()) == offset }
        });
        let is_last = header.end() == self.snapshot.size
            || self.snapshot.segments.get(number + 1).is_some_and(|next| next.first == header.end());
        if !right || (is_last && end != known.len) {
            self.differs(format!("its index of segment {segment} leads elsewhere"));
        }
    }

    /// Compares the rest when the frames that it covers have been read.
    pub(super) fn reached(
        &mut self,
        header: FrameHeader,
        root: Option<Hash>,
        streams: &HashMap<StreamId, (Hash, u64)>,
        erasures: &Erasures,
        roots: &BTreeMap<u64, Hash>,
    ) {
        if header.end() != self.snapshot.size {
            return;
        }
        self.reached = true;
        let signed = crate::note::Note::parse(self.snapshot.signed.as_bytes());
        let head = signed.and_then(|note| crate::Checkpoint::parse(note.text()));
        if !head.is_ok_and(|head| Some(head.root) == root && head.size == self.snapshot.size) {
            self.differs("its checkpoint is not that of the entries");
        }
        let heads = [self.snapshot.published, self.snapshot.head];
        let empty = (0, Hash::empty_root());
        if heads.iter().any(|head| *head != empty && roots.get(&head.0) != Some(&head.1)) {
            self.differs("it knows tree heads that are not the log's");
        }
        let same = streams.len() == self.snapshot.streams.len()
            && self
                .snapshot
                .streams
                .iter()
                .all(|(stream, hash)| streams.get(stream).is_some_and(|(own, _)| own == hash));
        if !same {
            self.differs("its last entries of the streams are not those of the log");
        }
        if !erasures.are(&self.snapshot.erased_keys, &self.snapshot.pending) {
            self.differs("its erased keys are not those of the log");
        }
        if self.segments != self.snapshot.segments.len() {
            self.differs("it names segments that do not exist");
        }
    }
}

impl<D: Disk> Check<'_, D> {
    pub(super) fn read_snapshot(&mut self, files: &[String]) {
        if !files.iter().any(|file| file == SNAPSHOT_FILE) {
            return;
        }
        match self.disk.len(SNAPSHOT_FILE) {
            // Dropped by an erasure, until the next one is written.
            Ok(0) => return,
            Ok(len) if len > MAX_SNAPSHOT_BYTES as u64 => {
                self.snapshot_wrong = Some("it is too long".to_owned());
                return;
            }
            _ => {}
        }
        let Some(bytes) = self.read(SNAPSHOT_FILE) else { return };
        match Snapshot::parse(&bytes) {
            Ok(snapshot) => {
                self.snapshot = Some(Expected { snapshot, wrong: None, segments: 0, reached: false });
            }
            Err(error) => self.snapshot_wrong = Some(error.to_string()),
        }
    }

    /// Names a wrong snapshot. Where the log is damaged it is the log that has to be repaired.
    pub(super) fn judge_snapshot(&mut self) {
        let wrong = match self.snapshot.take() {
            Some(expected) => {
                let verified = |key: &VerifierKey| expected.snapshot.verify(key).err();
                let unsigned = self.key.as_ref().and_then(verified).map(|error| error.to_string());
                let ends = (!expected.reached).then(|| "no frame ends at its size".to_owned());
                unsigned.or(expected.wrong).or(ends)
            }
            None => self.snapshot_wrong.take(),
        };
        if let Some(what) = wrong
            && !self.findings.iter().chain(&self.tile_findings).any(|finding| finding.kind.is_failure())
        {
            self.find(FindingKind::Snapshot, SNAPSHOT_FILE, None, what);
        }
    }
}
