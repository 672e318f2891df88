//! Whether a snapshot may stand for the frames that it covers. Anything that does not fit means that it is ignored, and
//! the frames are read: it is never an error by itself.

use crate::{
    Checkpoint, Disk, Hash, VerifierKey,
    contents::Contents,
    erasures::Erasures,
    prove,
    scan::Claim,
    segment::{self, SEGMENT_FOLDER},
    snapshot::{MAX_SNAPSHOT_BYTES, SNAPSHOT_FILE, Snapshot},
};

/// What the snapshot says, if it holds. The claims that it settles are settled then.
pub(crate) fn contents(
    disk: &impl Disk,
    key: &VerifierKey,
    published: &Checkpoint,
    claims: &mut [Claim],
) -> Option<Contents> {
    disk.len(SNAPSHOT_FILE).ok().filter(|len| (1..=MAX_SNAPSHOT_BYTES as u64).contains(len))?;
    let snapshot = Snapshot::parse(&disk.read_all(SNAPSHOT_FILE).ok()?).ok()?;
    let frontier = snapshot.verify(key).ok()?;
    let root = frontier.root();
    let agrees = |claim: &Claim| {
        claim.root.is_none_or(|claimed| is_settled(disk, key, &snapshot, root, (claim.size, claimed)))
    };
    // Tiles that are not published any more would be missing.
    if snapshot.published.0 > published.size || !has_segments(disk, &snapshot)? || !claims.iter().all(agrees)
    {
        return None;
    }
    for claim in claims.iter_mut().filter(|claim| claim.size <= snapshot.size) {
        claim.root = None;
    }
    Some(Contents {
        frontier,
        edge: snapshot.edge(published.size),
        segments: snapshot.segments,
        streams: snapshot.streams.into_iter().collect(),
        erasures: Erasures {
            keys: snapshot.erased_keys.into_iter().collect(),
            pending: snapshot.pending.into_iter().collect(),
        },
        signed: Some(snapshot.signed),
        has_snapshot: true,
        ..Contents::default()
    })
}

/// Whether a tree head is one of this log, as far as that can be told without reading the frames: a larger one is met
/// when the rest is read; an equal one has the root; a smaller one is the one that the snapshot was made with, or the
/// published tiles lead from it to the published checkpoint, which is among the claims itself.
fn is_settled(
    disk: &impl Disk,
    key: &VerifierKey,
    snapshot: &Snapshot,
    root: Hash,
    claim: (u64, Hash),
) -> bool {
    claim.0 > snapshot.size
        || claim == (snapshot.size, root)
        || claim == (0, Hash::empty_root())
        || claim == snapshot.published
        || claim == snapshot.head
        || (claim.0 < snapshot.size
            && prove::consistency(disk, key, (claim.0, &claim.1))
                .is_ok_and(|(_, head)| claim != (head.size, head.root)))
}

/// Whether the segments are there. Those before the last are closed and have exactly their lengths; the last one may
/// have grown.
fn has_segments(disk: &impl Disk, snapshot: &Snapshot) -> Option<bool> {
    let files = disk.list(SEGMENT_FOLDER).ok()?;
    let last = snapshot.segments.len().checked_sub(1)?;
    for (place, segment) in snapshot.segments.iter().enumerate() {
        let file = files.get(place).filter(|file| **file == segment::path(segment.first))?;
        let len = disk.len(file).ok()?;
        if len < segment.len || (place < last && len != segment.len) {
            return Some(false);
        }
    }
    Some(true)
}
