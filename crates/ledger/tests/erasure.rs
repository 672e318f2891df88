//! Erased payloads are gone from every file, and every proof made before holds after. An erasure that is interrupted
//! leaves a log that opens, and is finished by erasing again.

#![expect(clippy::unwrap_used, reason = "what tests share may panic as the tests do")]

mod drill;

use std::{collections::BTreeMap, fs, path::PathBuf};

use bodywire_ledger::{
    Disk as _, Draft, EntryKind, Error, FileDisk, Floor, KeyId, Log, MemDisk, Mirror, StreamId,
    fsck::{self, Options},
    mem_disk::Fault,
    prove,
};

const FIRST: KeyId = KeyId([0xa1; 16]);
const SECOND: KeyId = KeyId([0xb2; 16]);

/// Every third payload is sealed under the first key, every third under the second.
fn draft(index: u64) -> Draft {
    let key = [FIRST, SECOND, KeyId([9; 16])][(index % 3) as usize];
    let payload = format!("payload {index} of the patient, sealed").into_bytes();
    let payload = if index.is_multiple_of(10) { Vec::new() } else { payload };
    Draft { kind: EntryKind::Telemetry, key, payload, ..drill::draft(index) }
}

fn key_erased(key: KeyId) -> Draft {
    Draft {
        kind: EntryKind::KeyErased,
        key,
        payload: Vec::new(),
        stream: StreamId([8; 16]),
        ..drill::draft(1)
    }
}

fn fill<D: bodywire_ledger::Disk>(log: &mut Log<D>, frames: &[u64]) {
    for count in frames {
        let size = log.size();
        log.append((size..size + count).map(draft).collect()).unwrap();
    }
}

fn is_erased(key: KeyId, index: u64) -> bool {
    draft(index).key == key && !draft(index).payload.is_empty()
}

/// Entries 0..`count` are what they were, but for the payloads under these keys.
fn holds(log: &Log<MemDisk>, count: u64, erased: &[KeyId]) {
    for (index, read) in (0..count).zip(log.entries_from(0)) {
        if erased.iter().any(|key| is_erased(*key, index)) {
            assert!(matches!(read, Err(Error::Erased { index: at }) if at == index), "{index}: {read:?}");
            assert!(matches!(log.read(index), Err(Error::Erased { .. })));
        } else {
            assert_eq!(read.unwrap().2, draft(index).payload, "{index}");
            assert_eq!(log.read(index).unwrap().1, draft(index).payload, "{index}");
        }
    }
}

const FRAMES: [u64; 6] = [1, 40, 3, 1, 90, 5];

fn written(segment_bytes: u64) -> (MemDisk, Log<MemDisk>) {
    let disk = MemDisk::new();
    let mut log = drill::open(disk.clone(), Floor::NONE).unwrap().0.with_segment_bytes(segment_bytes);
    fill(&mut log, &FRAMES);
    log.append(vec![key_erased(FIRST)]).unwrap();
    log.publish().unwrap();
    (disk, log)
}

fn sound(disk: &MemDisk) -> fsck::Report {
    let report = fsck::check(disk, &Options { key: Some(drill::verifier()), floor: 0 }).unwrap();
    assert_eq!(report.findings, []);
    report
}

#[test]
fn payloads_go_and_proofs_stay() {
    for segment_bytes in [2000, 9000, 1 << 20] {
        let (disk, mut log) = written(segment_bytes);
        let (size, root) = (log.size(), log.root());
        let key = drill::verifier();
        let proofs: Vec<_> = (0..size).map(|index| prove::inclusion(&disk, &key, index).unwrap()).collect();
        let expected = (0..140).filter(|index| is_erased(FIRST, *index)).count() as u64;
        let erased = log.erase(&[FIRST]).unwrap();
        assert_eq!(erased.payloads, expected);
        holds(&log, 140, &[FIRST]);
        for proof in &proofs {
            proof.verify(&key).unwrap();
            assert_eq!(prove::inclusion(&disk, &key, proof.index).unwrap(), *proof);
        }
        assert_eq!((log.size(), log.root()), (size, root));
        assert_eq!(sound(&disk).erased, expected);
        assert_eq!(log.erase(&[FIRST]).unwrap().payloads, 0);
        // The log goes on, and opens again.
        fill(&mut log, &[7]);
        log.publish().unwrap();
        drop(log);
        let (log, recovery) = drill::open(disk.clone(), Floor { size: size + 7, root: None }).unwrap();
        assert_eq!(recovery.from_snapshot > 0, segment_bytes < 1 << 20);
        holds(&log, 140, &[FIRST]);
        assert_eq!(sound(&disk).erased, expected);
    }
}

#[test]
fn a_key_that_is_not_logged_as_erased_is_refused_with_nothing_changed() {
    let (disk, mut log) = written(2000);
    let files = disk.files();
    let error = log.erase(&[FIRST, SECOND]).unwrap_err();
    assert!(matches!(error, Error::NotLogged { .. }) && error.to_string().contains("b2b2"), "{error}");
    assert_eq!(disk.files(), files);
}

#[test]
fn no_byte_of_a_payload_is_left_in_any_file() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("erased");
    let _ = fs::remove_dir_all(&path);
    let disk = FileDisk::open(&path).unwrap();
    let (log, _) = Log::open(disk, drill::origin(), drill::signing_key(), Floor::NONE).unwrap();
    let mut log = log.with_segment_bytes(4000);
    fill(&mut log, &FRAMES);
    log.append(vec![key_erased(FIRST)]).unwrap();
    log.publish().unwrap();
    // Another name of the old file: what is left of it after it was replaced.
    let kept = path.with_extension("old");
    let _ = fs::remove_file(&kept);
    fs::hard_link(path.join("segment/00000000000000000000.seg"), &kept).unwrap();
    log.erase(&[FIRST]).unwrap();
    let mut files: Vec<Vec<u8>> =
        log.disk().list("").unwrap().iter().map(|file| log.disk().read_all(file).unwrap()).collect();
    let old = fs::read(&kept).unwrap();
    assert!(!old.is_empty() && old.iter().all(|byte| *byte == 0));
    files.push(old);
    let found = |payload: &[u8]| {
        files.iter().any(|bytes| bytes.windows(payload.len().max(1)).any(|window| window == payload))
    };
    for index in (0..140).filter(|index| !draft(*index).payload.is_empty()) {
        let expected = !is_erased(FIRST, index);
        // The first segment's old file held some of the others too; they are in its successor.
        assert_eq!(found(&draft(index).payload), expected, "{index}");
    }
    fs::remove_file(kept).unwrap();
    fs::remove_dir_all(path).unwrap();
}

#[test]
fn a_power_cut_at_any_step_of_an_erasure_loses_nothing_and_erasing_again_finishes_it() {
    for (seed, step) in (0..60u64).flat_map(|seed| (1..14).map(move |step| (seed, step))) {
        let (disk, mut log) = written(1500 + seed * 100);
        let (size, root) = (log.size(), log.root());
        disk.fail_at(disk.operations() + step, Fault::PowerCut);
        let interrupted = log.erase(&[FIRST]);
        let after = disk.power_cut(seed * 100 + step);
        drop(log);
        let (mut log, _) = drill::open(after.clone(), Floor { size, root: Some(root) })
            .unwrap_or_else(|error| panic!("{seed} {step}: {error}"));
        let report = fsck::check(&after, &Options { key: Some(drill::verifier()), floor: size }).unwrap();
        assert!(report.is_sound(), "{:?}", report.findings);
        let again = log.erase(&[FIRST]).unwrap();
        assert!(interrupted.is_err() || again.payloads == 0, "{seed} {step}");
        holds(&log, 140, &[FIRST]);
        fill(&mut log, &[3]);
        log.publish().unwrap();
        sound(&after);
    }
}

/// The segments with payloads removed although no entry says so.
fn without_reason() -> (BTreeMap<String, Vec<u8>>, Vec<u64>) {
    let (disk, mut log) = written(1 << 20);
    log.erase(&[FIRST]).unwrap();
    let mut files = disk.files();
    let frames: Vec<Vec<u8>> = [0, 1, 41, 44, 45, 135].map(|first| log.frame(first).unwrap()).to_vec();
    files.insert("segment/00000000000000000000.seg".to_owned(), frames.concat());
    // As it was published before the entry came.
    let twin = MemDisk::new();
    let mut log = drill::open(twin.clone(), Floor::NONE).unwrap().0;
    fill(&mut log, &FRAMES);
    log.publish().unwrap();
    for (file, bytes) in twin.files().into_iter().filter(|(file, _)| !file.starts_with("segment")) {
        files.insert(file, bytes);
    }
    files.retain(|file, _| !file.contains(".p/141"));
    (files, (0..140).filter(|index| is_erased(FIRST, *index)).collect())
}

#[test]
fn a_payload_that_is_gone_without_a_reason_is_damage_and_named() {
    let (files, gone) = without_reason();
    let disk = MemDisk::from_files(files);
    let error = drill::open(disk.clone(), Floor::NONE).unwrap_err();
    assert!(matches!(&error, Error::Damaged { index, .. } if *index == gone[0]), "{error}");
    let report = fsck::check(&disk, &Options::default()).unwrap();
    let named: Vec<u64> = report.findings.iter().flat_map(|f| f.entries.clone().unwrap()).collect();
    assert_eq!((named, report.erased), (gone, 0));
    assert!(!report.is_sound());
}

#[test]
fn a_mirror_takes_erased_payloads_and_waits_for_the_entry_that_says_why() {
    let (disk, mut log) = written(2000);
    log.erase(&[FIRST]).unwrap();
    let empty = String::from_utf8(
        MemDisk::from_files(drill::published_files(&[], 1)).read_all("checkpoint").unwrap(),
    )
    .unwrap();
    let copy = MemDisk::new();
    let mut mirror = Mirror::open(copy.clone(), drill::verifier(), &empty, Floor::NONE).unwrap().0;
    for first in [0, 1, 41, 44, 45, 135] {
        mirror.append(&log.frame(first).unwrap()).unwrap();
    }
    let gone = (0..140).filter(|index| is_erased(FIRST, *index)).count();
    assert_eq!(mirror.pending_erasures(), gone);
    assert!(matches!(mirror.publish(), Err(Error::ErasurePending { .. })));
    // Opening again in between is no reason to refuse.
    drop(mirror);
    let mut mirror = Mirror::open(copy.clone(), drill::verifier(), &empty, Floor::NONE).unwrap().0;
    assert_eq!(mirror.pending_erasures(), gone);
    mirror.append(&log.frame(140).unwrap()).unwrap();
    assert_eq!(mirror.pending_erasures(), 0);
    mirror.publish().unwrap();
    assert_eq!(sound(&copy).erased, gone as u64);
    assert_eq!(sound(&disk).erased, gone as u64);
    // A mirror erases for itself.
    log.append(vec![key_erased(SECOND)]).unwrap();
    assert!(matches!(mirror.erase(&[SECOND]), Err(Error::NotLogged { .. })));
    mirror.append(&log.frame(141).unwrap()).unwrap();
    assert!(mirror.erase(&[SECOND]).unwrap().payloads > 0);
    mirror.publish().unwrap();
    log.erase(&[SECOND]).unwrap();
    log.publish().unwrap();
    for first in [0, 1, 41, 44, 45, 135, 140, 141] {
        assert_eq!(mirror.frame(first).unwrap(), log.frame(first).unwrap());
    }
    holds(&log, 140, &[FIRST, SECOND]);
}

/// A damaged segment is left for a repair; the others are erased.
#[test]
fn damage_is_not_given_new_checksums() {
    let (disk, mut log) = written(2000);
    let files = disk.list("segment").unwrap();
    let before = disk.read_all(&files[0]).unwrap();
    disk.clone().write(&files[0], 60, &[before[60] ^ 1]).unwrap();
    let damaged = disk.read_all(&files[0]).unwrap();
    assert!(matches!(log.erase(&[FIRST]), Err(Error::Damaged { file, .. }) if file == files[0]));
    assert_eq!(disk.read_all(&files[0]).unwrap(), damaged);
    disk.clone().write(&files[0], 60, &before[60..61]).unwrap();
    assert_eq!(log.erase(&[FIRST]).unwrap().segments, 1);
    holds(&log, 140, &[FIRST]);
    sound(&disk);
}
