//! A snapshot makes opening quick and changes nothing else; one that is wrong in any way is ignored, and named by the
//! check.

#![expect(clippy::unwrap_used, reason = "what tests share may panic as the tests do")]

mod drill;

use std::collections::BTreeMap;

use bodywire_ledger::{
    Checkpoint, Error, Floor, Hash, Log, MemDisk, StreamId,
    fsck::{self, FindingKind, Options},
    snapshot::{SNAPSHOT_FILE, Snapshot},
};

type Files = BTreeMap<String, Vec<u8>>;

/// Frames of one to ninety entries, published now and then; not at the end.
fn grown(steps: u64, segment_bytes: u64) -> (MemDisk, Vec<Checkpoint>) {
    let disk = MemDisk::new();
    let mut log = drill::open(disk.clone(), Floor::NONE).unwrap().0.with_segment_bytes(segment_bytes);
    let mut heads = vec![log.checkpoint()];
    for step in 0..steps {
        let size = log.size();
        log.append(drill::drafts(size..size + 1 + step * 37 % 90)).unwrap();
        heads.push(log.checkpoint());
        if step % 5 == 2 {
            log.publish().unwrap();
        }
    }
    (disk, heads)
}

fn without(files: &Files) -> Files {
    files.clone().into_iter().filter(|(file, _)| file != SNAPSHOT_FILE).collect()
}

fn sound(files: &Files) -> bool {
    fsck::check(&MemDisk::from_files(files.clone()), &Options::default()).unwrap().findings.is_empty()
}

fn streams(log: &Log<MemDisk>) -> Vec<Option<Hash>> {
    (0..5).map(|stream| log.stream_head(&StreamId([stream; 16]))).collect()
}

#[test]
fn a_log_opened_by_its_snapshot_is_the_one_that_reads_everything() {
    let mut used = 0;
    for (steps, segment_bytes) in (1..40).flat_map(|steps| [(steps, 3000), (steps, 20_000)]) {
        let (disk, heads) = grown(steps, segment_bytes);
        let files = disk.files();
        assert!(sound(&files));
        let (quick, slow) = (MemDisk::from_files(files.clone()), MemDisk::from_files(without(&files)));
        let (mut a, how) = drill::open(quick.clone(), Floor::from(heads.last().unwrap())).unwrap();
        let (mut b, read) = drill::open(slow.clone(), Floor::NONE).unwrap();
        assert_eq!(how.from_snapshot > 0, files.contains_key(SNAPSHOT_FILE));
        assert_eq!((how.entries, read.from_snapshot), (read.entries, 0));
        assert!(how.from_snapshot == 0 || how.frames < read.frames);
        assert_eq!((a.root(), streams(&a), a.published()), (b.root(), streams(&b), b.published()));
        assert!((0..a.size()).all(|index| drill::holds(&a, index)));
        for log in [&mut a, &mut b] {
            let size = log.size();
            log.append(drill::drafts(size..size + 70)).unwrap();
            log.publish().unwrap();
        }
        assert_eq!(without(&quick.files()), without(&slow.files()), "{steps} {segment_bytes}");
        assert!(sound(&quick.files()));
        used += u64::from(how.from_snapshot > 0);
    }
    assert!(used > 40, "{used}");
}

#[test]
fn a_changed_snapshot_is_ignored_and_named() {
    let files = grown(6, 8000).0.files();
    let snapshot = &files[SNAPSHOT_FILE];
    for at in 0..snapshot.len() {
        let mut bad = files.clone();
        bad.get_mut(SNAPSHOT_FILE).unwrap()[at] ^= 1 << (at % 8);
        if at % 13 == 0 {
            bad.get_mut(SNAPSHOT_FILE).unwrap().truncate(at);
        }
        let report = fsck::check(&MemDisk::from_files(bad.clone()), &Options::default()).unwrap();
        let kinds: Vec<_> = report.findings.iter().map(|finding| finding.kind).collect();
        assert_eq!(kinds, if at == 0 { vec![] } else { vec![FindingKind::Snapshot] }, "byte {at}");
        let (log, recovery) = drill::open(MemDisk::from_files(bad), Floor::NONE).unwrap();
        assert_eq!((recovery.from_snapshot, recovery.entries), (0, log.size()));
    }
}

/// The hash of the file is right, what it says is not: the signature or the check tells.
#[test]
fn a_forged_snapshot_is_named_and_its_tree_is_refused() {
    let files = grown(6, 8000).0.files();
    let snapshot = &files[SNAPSHOT_FILE];
    let (mut refused, mut parsed) = (0, 0);
    for at in (0..snapshot.len() - 32).filter(|at| *at < 400 || at % 3 == 0 || *at > snapshot.len() - 800) {
        let mut forged = snapshot.clone();
        forged[at] ^= 1 << (at % 7);
        let body = forged.len() - 32;
        let hash = Hash::of(&forged[..body]);
        forged[body..].copy_from_slice(&hash.0);
        let tree_holds =
            Snapshot::parse(&forged).is_ok_and(|forged| forged.verify(&drill::verifier()).is_ok());
        parsed += u64::from(Snapshot::parse(&forged).is_ok());
        let mut bad = files.clone();
        bad.insert(SNAPSHOT_FILE.to_owned(), forged);
        let report = fsck::check(&MemDisk::from_files(bad.clone()), &Options::default()).unwrap();
        let kinds: Vec<_> = report.findings.iter().map(|finding| finding.kind).collect();
        assert_eq!(kinds, [FindingKind::Snapshot], "byte {at}");
        let opened = drill::open(MemDisk::from_files(bad), Floor::NONE);
        if !tree_holds {
            assert_eq!(opened.unwrap().1.from_snapshot, 0, "byte {at}");
            refused += 1;
        }
    }
    assert!(refused > 300 && parsed > 500, "{refused} {parsed}");
}

#[test]
fn a_snapshot_of_another_time_or_log_does_no_harm() {
    let disk = MemDisk::new();
    let mut log = drill::open(disk.clone(), Floor::NONE).unwrap().0.with_segment_bytes(4000);
    let mut older = Vec::new();
    for step in 0..12u64 {
        let size = log.size();
        log.append(drill::drafts(size..size + 20 + step)).unwrap();
        if step % 4 == 0 {
            log.publish().unwrap();
        }
        older.extend(disk.files().remove(SNAPSHOT_FILE));
    }
    let files = disk.files();
    let mut used = 0;
    for snapshot in &older {
        let mut old = files.clone();
        old.insert(SNAPSHOT_FILE.to_owned(), snapshot.clone());
        let (log, recovery) = drill::open(MemDisk::from_files(old), Floor::NONE).unwrap();
        used += u64::from(recovery.from_snapshot > 0);
        assert!((0..log.size()).all(|index| drill::holds(&log, index)));
    }
    assert!(used > 5);
    // A snapshot of segments that are gone: the log itself is judged, as without one.
    let mut cut = files.clone();
    let last = files.keys().rfind(|file| file.starts_with("segment/")).unwrap();
    for _ in 0..2 {
        let gone = cut.keys().rfind(|file| file.starts_with("segment/")).unwrap().clone();
        cut.remove(&gone);
    }
    assert!(matches!(
        drill::open(MemDisk::from_files(cut), Floor { size: log.size(), root: None }),
        Err(Error::Damaged { .. })
    ));
    // A closed segment with one byte more or less.
    for change in [Vec::pop as fn(&mut Vec<u8>) -> Option<u8>, |bytes| {
        bytes.push(0);
        None
    }] {
        let mut bad = files.clone();
        change(bad.get_mut("segment/00000000000000000000.seg").unwrap());
        assert!(matches!(
            drill::open(MemDisk::from_files(bad), Floor::NONE),
            Err(Error::Damaged { file, .. }) if file != *last
        ));
    }
    // Another log's, with the same key.
    let mut other = files.clone();
    let fork = MemDisk::new();
    let mut log = drill::open(fork.clone(), Floor::NONE).unwrap().0.with_segment_bytes(4000);
    for step in 0..8u64 {
        let size = log.size() + 1;
        log.append(drill::drafts(size..size + 20 + step)).unwrap();
    }
    other.insert(SNAPSHOT_FILE.to_owned(), fork.files()[SNAPSHOT_FILE].clone());
    assert!(!sound(&other));
}

#[test]
fn tree_heads_of_before_the_snapshot_are_still_compared() {
    let (disk, heads) = grown(14, 3000);
    let files = disk.files();
    let (_, recovery) = drill::open(MemDisk::from_files(files.clone()), Floor::NONE).unwrap();
    let (mut by_snapshot, mut read) = (0, 0);
    for head in heads {
        let (_, now) = drill::open(MemDisk::from_files(files.clone()), Floor::from(&head)).unwrap();
        // Published ones are proved by the tiles; of the others a few are known, the rest has to be read.
        by_snapshot += u64::from(now.from_snapshot == recovery.from_snapshot);
        read += u64::from(now.from_snapshot == 0);
        let forked = Floor { size: head.size, root: Some(Hash::ZERO) };
        let error = drill::open(MemDisk::from_files(files.clone()), forked).unwrap_err();
        assert!(matches!(error, Error::Forked { .. }), "{}: {error}", head.size);
    }
    assert!(by_snapshot > 9, "{by_snapshot} {read}");
}
