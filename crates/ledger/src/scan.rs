//! Reading the segments in order when a log is opened. The one decision that can lose data is made here: whether a bad
//! frame at the end is a torn write that was never acknowledged, or damage.

use crate::{
    Checkpoint, Disk, Error, Hash, VerifierKey,
    contents::Contents,
    erasures::Mark,
    index::Segment,
    recovery::TornTail,
    segment::{self, Frame, SEGMENT_FOLDER},
    tail::Tail,
};

/// A tree head that this log must agree with.
pub(crate) struct Claim {
    pub(crate) size: u64,
    pub(crate) root: Option<Hash>,
    pub(crate) witness: &'static str,
    pub(crate) file: &'static str,
}

/// Reads the segments in order.
pub(crate) struct Scan<'a> {
    key: &'a VerifierKey,
    pub(crate) claims: Vec<Claim>,
    floor: u64,
    pub(crate) contents: Contents,
    pub(crate) frames: u64,
    pub(crate) torn_tail: Option<TornTail>,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(key: &'a VerifierKey, claims: Vec<Claim>, floor: u64) -> Self {
        Self { key, claims, floor, contents: Contents::default(), frames: 0, torn_tail: None }
    }

    pub(crate) fn size(&self) -> u64 {
        self.contents.frontier.size()
    }

    pub(crate) fn run(&mut self, disk: &impl Disk) -> Result<(), Error> {
        self.check_claims("")?;
        let files = disk.list(SEGMENT_FOLDER).map_err(Error::disk("list", SEGMENT_FOLDER))?;
        let count = files.len();
        let known = self.contents.segments.len();
        if let Some(file) = known.checked_sub(1).and_then(|last| files.get(last)) {
            let mut tail = Tail::of(disk, file, known == count)?;
            tail.at = self.contents.segments.last().map_or(0, |segment| segment.len);
            self.segment(&mut tail)?;
        }
        for (at, file) in files.iter().enumerate().skip(known) {
            let first = segment::parse_path(file)
                .ok_or_else(|| Error::damaged(file, self.size(), "it is not named like a segment"))?;
            if first != self.size() {
                let what = format!("the segment of entry {} is missing or cut off", self.size());
                return Err(Error::damaged(&segment::path(self.size()), self.size(), what));
            }
            self.contents.segments.push(Segment::new(first));
            self.segment(&mut Tail::of(disk, file, at + 1 == count)?)?;
        }
        if self.size() < self.floor {
            let what =
                format!("{} entries are known to have been stored, {} are here", self.floor, self.size());
            let file = self.contents.segments.last().map_or(0, |segment| segment.first);
            return Err(Error::damaged(&segment::path(file), self.size(), what));
        }
        // A tree head is signed at the end of a frame only, so every claim has been met at one.
        match self.claims.iter().find(|claim| claim.root.is_some()) {
            Some(claim) if claim.file.is_empty() => {
                Err(Error::Forked { size: claim.size, witness: claim.witness })
            }
            Some(claim) => Err(Error::damaged(claim.file, claim.size, "no frame ends at its size")),
            None => Ok(()),
        }
    }

    /// Compares the claims that are about the present size.
    fn check_claims(&mut self, file: &str) -> Result<(), Error> {
        let (size, root) = (self.size(), self.contents.frontier.root());
        for claim in self.claims.iter_mut().filter(|claim| claim.size == size) {
            match claim.root.take() {
                Some(claimed) if claimed != root && claim.file.is_empty() => {
                    return Err(Error::Forked { size, witness: claim.witness });
                }
                Some(claimed) if claimed != root => {
                    let what = format!("its root contradicts {} at {size} entries", claim.witness);
                    return Err(Error::damaged(file, size, what));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads the frames of one segment, one at a time.
    fn segment<D: Disk>(&mut self, tail: &mut Tail<'_, D>) -> Result<(), Error> {
        while tail.at < tail.len {
            let file = tail.file;
            let error = match tail.frame().and_then(Frame::parse) {
                Ok(frame) => {
                    self.frame(file, &frame)?;
                    let len = u64::from(frame.header.len);
                    tail.at += len;
                    continue;
                }
                Err(error @ Error::Disk { .. }) => return Err(error),
                Err(error) => error,
            };
            // Zeros are the unused rest of a preallocated segment.
            if !(tail.last && tail.is_unused()?) {
                self.judge_tail(tail, &error)?;
                let (offset, bytes) = (tail.at, tail.len - tail.at);
                self.torn_tail = Some(TornTail { file: file.to_owned(), offset, bytes });
            }
            break;
        }
        if !tail.last
            && let Some(segment) = self.contents.segments.last_mut()
        {
            segment.close();
        }
        Ok(())
    }

    /// Takes over a whole frame. What is wrong here was not torn: the checksums are right.
    fn frame(&mut self, file: &str, frame: &Frame<'_>) -> Result<(), Error> {
        let first = self.size();
        if frame.header.first != first {
            return Err(Error::damaged(
                file,
                first,
                format!("a frame claims to start at entry {}", frame.header.first),
            ));
        }
        let published = self.contents.published;
        for (index, item) in (first..).zip(&frame.items) {
            let stream = item.header.entry.stream;
            let hash = Hash::of(&item.header.entry_bytes);
            let previous = self.contents.streams.insert(stream, hash).unwrap_or(Hash::ZERO);
            if previous != item.header.entry.previous {
                return Err(Error::damaged(
                    file,
                    index,
                    "the entry does not follow the last one of its stream",
                ));
            }
            let Contents { frontier, edge, erasures, .. } = &mut self.contents;
            Mark::of(index, &item.header).for_each(|mark| erasures.take(mark));
            frontier.append(Hash::leaf(&item.header.entry_bytes), |node, hash| {
                edge.completed(node, hash, published)
            });
        }
        let head = Checkpoint::open(frame.note, self.key)
            .map_err(|error| Error::damaged(file, first, format!("checkpoint of the frame: {error}")))?;
        if (head.size, head.root) != (self.size(), self.contents.frontier.root()) {
            return Err(Error::damaged(
                file,
                first,
                "the frame's signed checkpoint is that of other entries",
            ));
        }
        if let Some(segment) = self.contents.segments.last().map(|segment| segment.first) {
            let items: Vec<u64> = frame.items.iter().map(|item| item.offset as u64).collect();
            self.contents.add_frame(segment, first, u64::from(frame.header.len), &items);
        }
        self.contents.signed = String::from_utf8(frame.note.to_vec()).ok();
        self.frames += 1;
        self.check_claims(file)
    }

    /// Accepts a bad frame as torn, or says why it is damage.
    fn judge_tail<D: Disk>(&self, tail: &Tail<'_, D>, error: &Error) -> Result<(), Error> {
        let (file, size) = (tail.file, self.size());
        if !tail.last {
            return Err(Error::damaged(file, size, format!("{error}; later segments follow")));
        }
        if size < self.floor {
            let what = format!("{error}; {} entries are known to have been stored", self.floor);
            return Err(Error::damaged(file, size, what));
        }
        if tail.frame_follows(size, self.key)? {
            return Err(Error::damaged(file, size, format!("{error}; a whole frame follows")));
        }
        Ok(())
    }
}
