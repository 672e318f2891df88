//! Power cuts, bit flips, failing and full disks: nothing that was acknowledged is lost, and damage is never taken for
//! a torn tail. `BODYWIRE_DRILL=full` runs the long form of each drill.

#![expect(clippy::unwrap_used, reason = "what tests share may panic as the tests do")]

mod drill;

use bodywire_ledger::{
    Disk as _, Error, Floor, Log, MemDisk,
    fsck::{self, Options},
    mem_disk::Fault,
};

fn rounds(short: u64, full: u64) -> u64 {
    if std::env::var("BODYWIRE_DRILL").is_ok_and(|drill| drill == "full") { full } else { short }
}

/// Appends and publishes until the disk fails. Returns what was acknowledged and published.
fn work(disk: &MemDisk, start: u64, seed: u64) -> (u64, u64) {
    let (mut acknowledged, mut published) = (start, 0);
    let Ok((log, recovery)) = drill::open(disk.clone(), Floor::NONE) else { return (start, 0) };
    assert!(recovery.entries >= start);
    acknowledged = acknowledged.max(recovery.entries);
    let mut log = log.with_segment_bytes(2000 + seed % 3000);
    for step in 0..12 {
        let size = log.size();
        match log.append(drill::drafts(size..size + 1 + (seed + step) % 9)) {
            Ok(range) => acknowledged = range.end,
            Err(_) => break,
        }
        if (seed + step).is_multiple_of(3) {
            match log.publish() {
                Ok(head) => published = head.size,
                Err(_) => break,
            }
        }
    }
    (acknowledged, published)
}

#[test]
fn no_power_cut_loses_what_was_acknowledged() {
    let rounds = rounds(2_000, 20_000);
    let (mut torn, mut second_cuts) = (0, 0);
    for seed in 0..rounds {
        let disk = if seed % 3 == 0 { MemDisk::new() } else { MemDisk::new().reserving() };
        disk.fail_at(1 + seed.wrapping_mul(0x9e37_79b9) % 60, Fault::PowerCut);
        let (acknowledged, published) = work(&disk, 0, seed);
        let mut after = disk.power_cut(seed);
        // The check before anything is repaired: a cut leaves nothing that needs repair from elsewhere.
        if acknowledged > 0 {
            let options = Options { key: Some(drill::verifier()), floor: acknowledged };
            let report = fsck::check(&after, &options).unwrap();
            assert!(report.is_sound(), "seed {seed}: {:?}", report.findings);
        }
        // Every fourth round loses power again while it recovers.
        if seed % 4 == 0 {
            after.fail_at(1 + seed % 7, Fault::PowerCut);
            let (again, _) = work(&after, acknowledged, seed + 1);
            assert!(again >= acknowledged);
            after = after.power_cut(seed + 1);
            second_cuts += 1;
        }
        let floor = Floor { size: acknowledged, root: None };
        let (mut log, recovery) =
            drill::open(after, floor).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert!(log.size() >= acknowledged, "seed {seed}");
        assert!(log.published() >= published, "seed {seed}");
        assert!((0..log.size()).all(|index| drill::holds(&log, index)), "seed {seed}");
        torn += u64::from(recovery.torn_tail.is_some());
        let size = log.size();
        log.append(drill::drafts(size..size + 2)).unwrap();
        log.publish().unwrap();
        let report = fsck::check(log.disk(), &Options::default()).unwrap();
        assert_eq!(report.findings, [], "seed {seed}");
    }
    eprintln!("{rounds} power cuts ({second_cuts} twice), {torn} torn tails, nothing acknowledged lost");
    assert!(torn > rounds / 20);
}

#[test]
fn no_flipped_bit_is_taken_for_a_torn_tail() {
    let rounds = rounds(2_000, 20_000);
    let (mut refused, mut skipped) = (0, 0);
    for seed in 0..rounds {
        let disk = MemDisk::new();
        let mut log = drill::open(disk.clone(), Floor::NONE).unwrap().0.with_segment_bytes(1500);
        for step in 0..2 + seed % 4 {
            let size = log.size();
            log.append(drill::drafts(size..size + 1 + (seed + step) % 5)).unwrap();
        }
        let (head, mut files) = (log.checkpoint(), disk.files());
        let snapshot = files.remove("snapshot");
        let segments: Vec<String> = files.keys().filter(|f| f.starts_with("segment/")).cloned().collect();
        let mix = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let file = &segments[(mix >> 40) as usize % segments.len()];
        let bytes = files.get_mut(file).unwrap();
        let at = (mix >> 8) as usize % bytes.len();
        bytes[at] ^= 1 << (mix % 8);
        let damaged = MemDisk::from_files(files.clone());
        match drill::open(damaged.clone(), Floor::from(&head)) {
            Err(Error::Damaged { file: named, .. }) => assert_eq!(named, *file, "seed {seed}"),
            Err(other) => panic!("seed {seed}: {other}"),
            Ok(_) => panic!("seed {seed} is not found"),
        }
        assert_eq!(damaged.files(), files, "a refused log is left as it was");
        let options = Options { key: Some(drill::verifier()), floor: head.size };
        let report = fsck::check(&damaged, &options).unwrap();
        assert!(!report.is_sound(), "seed {seed}: {:?}", report.findings);
        assert!(report.findings.iter().any(|f| f.file == *file), "seed {seed}: {:?}", report.findings);
        refused += 1;
        let Some(snapshot) = snapshot else { continue };
        // With the snapshot closed segments are not read: then the check finds it, and nothing of them is changed.
        files.insert("snapshot".to_owned(), snapshot);
        let damaged = MemDisk::from_files(files.clone());
        match drill::open(damaged.clone(), Floor::from(&head)) {
            Err(Error::Damaged { file: named, .. }) => assert_eq!(named, *file, "seed {seed}"),
            Err(other) => panic!("seed {seed}: {other}"),
            Ok((log, recovery)) => {
                assert_eq!((log.size(), log.root()), (head.size, head.root));
                assert!(recovery.from_snapshot > 0 && file != segments.last().unwrap(), "seed {seed}");
                assert_eq!(recovery.torn_tail, None);
                assert_eq!(damaged.files()[file], files[file]);
                skipped += 1;
            }
        }
        let report = fsck::check(&damaged, &options).unwrap();
        assert!(report.findings.iter().any(|f| f.file == *file), "seed {seed}: {:?}", report.findings);
    }
    assert_eq!(refused, rounds);
    assert!(skipped > rounds / 10);
}

#[test]
fn a_failed_disk_stops_the_writer_and_reopening_tells_what_is_stored() {
    for (fault, operation) in [
        (Fault::Io, 1),
        (Fault::Io, 2),
        (Fault::NoSpace, 1),
        (Fault::Io, 3),
        (Fault::Io, 5),
        (Fault::NoSpace, 3),
    ] {
        let disk = MemDisk::new();
        let (mut log, _) = drill::open(disk.clone(), Floor::NONE).unwrap();
        log.append(drill::drafts(0..4)).unwrap();
        disk.fail_at(disk.operations() + operation, fault);
        let failed = match log.append(drill::drafts(4..9)) {
            Ok(_) => log.publish().unwrap_err(),
            Err(error) => error,
        };
        assert!(matches!(failed, Error::Disk { .. }), "{failed}");
        assert!(matches!(log.append(drill::drafts(4..5)), Err(Error::Stopped)));
        assert!(matches!(log.publish(), Err(Error::Stopped)));
        // Reading goes on.
        assert!((0..4).all(|index| drill::holds(&log, index)));
        drop(log);
        let healed = MemDisk::from_files(disk.files());
        let (mut log, _) = drill::open(healed, Floor { size: 4, root: None }).unwrap();
        let size = log.size();
        assert!(size == 4 || size == 9, "{size}");
        log.append(drill::drafts(size..size + 3)).unwrap();
        log.publish().unwrap();
        assert!((0..log.size()).all(|index| drill::holds(&log, index)));
        assert_eq!(fsck::check(log.disk(), &Options::default()).unwrap().findings, []);
    }
}

/// With reserved space a full disk is met before anything of a frame is written, and the writer goes on when there is
/// space again.
#[test]
fn a_full_disk_is_met_before_a_frame_is_half_written() {
    let disk = MemDisk::new().reserving();
    let mut log = drill::open(disk.clone(), Floor::NONE).unwrap().0.with_segment_bytes(3000);
    let mut refused = 0;
    for step in 0..40u64 {
        let size = log.size();
        if step % 5 == 0 {
            disk.fail_at(disk.operations() + 1, Fault::NoSpace);
        }
        let before = disk.files();
        match log.append(drill::drafts(size..size + 4)) {
            Ok(_) => {}
            Err(Error::Disk { action: "reserve space in", .. }) => {
                assert_eq!(disk.files(), before);
                refused += 1;
            }
            // A segment is closed first, and then the writer stops.
            Err(Error::Disk { .. }) => {
                disk.fail_at(0, Fault::Io);
                let floor = Floor { size, root: None };
                log = drill::open(disk.clone(), floor).unwrap().0.with_segment_bytes(3000);
            }
            Err(other) => panic!("{other}"),
        }
        disk.fail_at(0, Fault::Io);
        assert!((0..log.size()).all(|index| drill::holds(&log, index)));
    }
    assert!(refused > 0);
    log.publish().unwrap();
    assert_eq!(fsck::check(&disk, &Options::default()).unwrap().findings, []);
}

#[test]
fn a_log_that_is_shorter_than_its_floor_or_forked_is_refused() {
    let disk = MemDisk::new();
    let (mut log, _) = drill::open(disk.clone(), Floor::NONE).unwrap();
    log.append(drill::drafts(0..5)).unwrap();
    let old = disk.files();
    let early = log.checkpoint();
    log.append(drill::drafts(5..9)).unwrap();
    let head = log.checkpoint();
    drop(log);
    // A restored older copy, opened by someone who knows the newer head.
    let error = drill::open(MemDisk::from_files(old), Floor::from(&head)).unwrap_err();
    assert!(matches!(error, Error::Damaged { index: 5, .. }), "{error}");
    // The same key on another disk wrote other entries.
    let fork = MemDisk::new();
    let (mut log, _) = drill::open(fork.clone(), Floor::NONE).unwrap();
    log.append(drill::drafts(1..6)).unwrap();
    drop(log);
    let error = drill::open(fork, Floor::from(&early)).unwrap_err();
    assert!(matches!(error, Error::Forked { size: 5, .. }), "{error}");
    // Both heads are met by the true log.
    drill::open(disk.clone(), Floor::from(&early)).unwrap();
    drill::open(disk, Floor::from(&head)).unwrap();
}

#[test]
fn without_a_floor_the_published_part_is_protected() {
    let files = drill::published_files(&[3, 3], 1 << 20);
    let mut bad = files.clone();
    let segment = bad.get_mut("segment/00000000000000000000.seg").unwrap();
    let last = segment.len() - 30;
    segment[last] ^= 1;
    assert!(matches!(
        drill::open(MemDisk::from_files(bad), Floor::NONE),
        Err(Error::Damaged { index: 3, .. })
    ));
}

#[test]
fn a_lost_head_or_key_file_or_another_key_is_refused() {
    let files = drill::published_files(&[3, 3], 1 << 20);
    for file in ["head", "key.vkey", "checkpoint"] {
        let mut bad = files.clone();
        bad.remove(file);
        let error = drill::open(MemDisk::from_files(bad), Floor::NONE).unwrap_err();
        assert!(matches!(&error, Error::Damaged { file: named, .. } if named == file), "{error}");
    }
    let other = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
    let error =
        Log::open(MemDisk::from_files(files.clone()), drill::origin(), other, Floor::NONE).unwrap_err();
    assert!(matches!(error, Error::WrongKey { .. }), "{error}");
    // One bad slot is written anew.
    let mut bad = files;
    bad.get_mut("head").unwrap()[100] ^= 1;
    let disk = MemDisk::from_files(bad);
    let (log, recovery) = drill::open(disk, Floor::NONE).unwrap();
    assert!(recovery.head_slot_repaired);
    assert_eq!(fsck::check(log.disk(), &Options::default()).unwrap().findings, []);
}

#[test]
fn preallocated_zeros_after_the_last_frame_are_not_torn() {
    let mut files = drill::published_files(&[3, 3], 1 << 20);
    files.get_mut("segment/00000000000000000000.seg").unwrap().extend([0; 5000]);
    let rolled = MemDisk::from_files(files.clone());
    let disk = MemDisk::from_files(files);
    assert_eq!(fsck::check(&disk, &Options::default()).unwrap().findings, []);
    let (mut log, recovery) = drill::open(disk.clone(), Floor::NONE).unwrap();
    assert_eq!(recovery.torn_tail, None);
    log.append(drill::drafts(6..8)).unwrap();
    log.publish().unwrap();
    assert!(disk.len("segment/00000000000000000000.seg").unwrap() > 5000);
    assert_eq!(fsck::check(&disk, &Options::default()).unwrap().findings, []);
    // A segment that is closed loses them.
    let mut log = drill::open(rolled.clone(), Floor::NONE).unwrap().0.with_segment_bytes(1);
    log.append(drill::drafts(6..8)).unwrap();
    drop(log);
    assert!(rolled.len("segment/00000000000000000000.seg").unwrap() < 5000);
    assert_eq!(drill::open(rolled.clone(), Floor::NONE).unwrap().0.size(), 8);
    assert_eq!(fsck::check(&rolled, &Options::default()).unwrap().findings, []);
}
