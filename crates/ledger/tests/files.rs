//! The log on a real directory: reopening, two writers, publishing, proofs.

#![expect(clippy::unwrap_used, reason = "what tests share may panic as the tests do")]

mod drill;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
};

use bodywire_ledger::{
    Disk as _, Error, FileDisk, Floor, Hash, Log, MemDisk,
    fsck::{self, Options},
    prove::{self, Proof},
};

/// A directory below Cargo's own for tests, empty at the start.
fn directory(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    if path.exists() {
        fs::remove_dir_all(&path).unwrap();
    }
    path
}

fn open(path: &std::path::Path) -> Log<FileDisk> {
    let disk = FileDisk::open(path).unwrap();
    Log::open(disk, drill::origin(), drill::signing_key(), Floor::NONE).unwrap().0
}

#[test]
fn a_log_outlives_its_writer_again_and_again() {
    let path = directory("reopened");
    let mut size = 0;
    for round in 0..8u64 {
        let mut log = open(&path).with_segment_bytes(9000);
        assert_eq!(log.size(), size);
        let range = log.append(drill::drafts(size..size + 40 + round)).unwrap();
        assert_eq!(range, size..size + 40 + round);
        size = range.end;
        if round % 2 == 0 {
            log.publish().unwrap();
        }
        // Dropped without any farewell, as a killed process would.
    }
    let mut log = open(&path);
    log.publish().unwrap();
    for (entry, index) in log.entries_from(0).zip(0..) {
        let (at, entry, payload) = entry.unwrap();
        assert_eq!(
            (at, entry.time_ms, payload),
            (index, drill::draft(index).time_ms, drill::draft(index).payload)
        );
    }
    assert!(matches!(log.read(size), Err(Error::NoSuchEntry { .. })));
    let report = fsck::check(&FileDisk::open_read_only(&path), &Options::default()).unwrap();
    assert_eq!((report.findings, report.entries, report.root), (vec![], size, Some(log.root())));
    // The partial tiles of the first 256 entries are gone, the full ones are there.
    assert!(path.join("tile/0/000").is_file());
    assert!(!path.join("tile/0/000.p").exists());
    // The same calls on another kind of disk give the same bytes.
    let copy = MemDisk::new();
    let mut twin = drill::open(copy.clone(), Floor::NONE).unwrap().0;
    twin.append(drill::drafts(0..size)).unwrap();
    assert_eq!((twin.size(), twin.root()), (log.size(), log.root()));
}

#[test]
fn a_torn_file_is_cut_and_a_read_only_disk_refuses_to_write() {
    let path = directory("torn");
    let mut log = open(&path);
    log.append(drill::drafts(0..5)).unwrap();
    drop(log);
    let segment = path.join("segment/00000000000000000000.seg");
    // Behind the frame there is reserved space, zeros.
    let mut whole = fs::read(&segment).unwrap();
    whole.truncate(bodywire_ledger::segment::FrameHeader::parse(&whole).unwrap().len as usize);
    fs::write(&segment, [whole.clone(), b"BWFRAME1 and then the lights went out".to_vec()].concat()).unwrap();
    let disk = FileDisk::open(&path).unwrap();
    let (log, recovery) = Log::open(disk, drill::origin(), drill::signing_key(), Floor::NONE).unwrap();
    assert_eq!(recovery.torn_tail.unwrap().offset, whole.len() as u64);
    assert_eq!((log.size(), fs::read(&segment).unwrap()), (5, whole));
    let mut disk = FileDisk::open_read_only(&path);
    assert!(disk.write("head", 0, b"x").is_err() && disk.replace("head", b"x").is_err());
    assert!(disk.remove("head").is_err() && disk.truncate("head", 0).is_err());
}

#[test]
fn a_second_writer_is_refused_while_the_first_lives() {
    let path = directory("two");
    let first = open(&path);
    let error = FileDisk::open(&path).unwrap_err();
    assert!(matches!(&error, Error::Locked { .. }), "{error}");
    assert!(error.to_string().contains("another writer"));
    drop(first);
    drop(open(&path));
}

#[test]
fn proofs_made_from_published_files_hold_for_their_entry_alone() {
    let disk = MemDisk::new();
    let (mut log, _) = drill::open(disk.clone(), Floor::NONE).unwrap();
    let key = drill::verifier();
    assert!(matches!(prove::inclusion(&disk, &key, 0), Err(Error::NoSuchEntry { size: 0, .. })));
    assert!(matches!(prove::inclusion(&MemDisk::new(), &key, 0), Err(Error::Unpublished)));
    log.append(drill::drafts(0..100)).unwrap();
    let early = log.publish().unwrap();
    log.append(drill::drafts(100..700)).unwrap();
    log.publish().unwrap();
    for index in [0, 1, 99, 255, 256, 511, 512, 698, 699] {
        let proof = prove::inclusion(&disk, &key, index).unwrap();
        let text = proof.emit();
        let parsed = Proof::parse(&text).unwrap();
        assert_eq!(parsed, proof);
        let payload = drill::draft(index).payload;
        let (entry, head) = parsed.verify_payload(&key, &payload).unwrap();
        assert_eq!((entry.time_ms, head.size), (drill::draft(index).time_ms, 700));
        assert!(parsed.verify_payload(&key, b"another payload").is_err());
        let forged = Proof { index: index ^ 1, ..proof.clone() };
        assert!(forged.verify(&key).is_err());
        for at in 0..text.len() {
            let mut bad = text.clone().into_bytes();
            bad[at] ^= 1 << (at % 7);
            if let Ok(bad) = String::from_utf8(bad) {
                assert!(Proof::parse(&bad).and_then(|proof| proof.verify(&key)).is_err(), "byte {at}");
            }
        }
    }
    assert!(matches!(prove::inclusion(&disk, &key, 700), Err(Error::NoSuchEntry { .. })));
    let (hashes, head) = prove::consistency(&disk, &key, (early.size, &early.root)).unwrap();
    assert_eq!(head.size, 700);
    assert!(!hashes.is_empty());
    assert!(prove::consistency(&disk, &key, (early.size, &Hash::ZERO)).is_err());
    // A poisoned tile gives no proof.
    for tile in disk.list("tile").unwrap() {
        let mut files = disk.files();
        files.get_mut(&tile).unwrap().iter_mut().step_by(32).for_each(|byte| *byte ^= 1);
        let poisoned = MemDisk::from_files(files);
        let all = (0..700).step_by(50).all(|index| prove::inclusion(&poisoned, &key, index).is_ok());
        assert!(!all || tile.contains("000.p/100"), "{tile}");
    }
}

#[test]
fn limits_are_refused_with_nothing_written() {
    let disk = MemDisk::new();
    let (mut log, _) = drill::open(disk.clone(), Floor::NONE).unwrap();
    assert_eq!(log.append(Vec::new()).unwrap(), 0..0);
    let before = disk.operations();
    let mut large = drill::draft(0);
    large.payload = vec![0; bodywire_ledger::entry::MAX_PAYLOAD_BYTES + 1];
    assert!(matches!(log.append(vec![large]), Err(Error::Limit { .. })));
    let many = vec![drill::draft(0); bodywire_ledger::segment::MAX_FRAME_ENTRIES + 1];
    assert!(matches!(log.append(many), Err(Error::Limit { .. })));
    assert_eq!(disk.operations(), before);
    assert_eq!(log.append(drill::drafts(0..1)).unwrap(), 0..1);
}

#[test]
fn an_empty_log_publishes_an_empty_tree() {
    let disk = MemDisk::new();
    let (mut log, recovery) = drill::open(disk.clone(), Floor::NONE).unwrap();
    assert!(recovery.created);
    assert_eq!(fsck::check(&disk, &Options::default()).unwrap().findings, []);
    let head = log.publish().unwrap();
    assert_eq!((head.size, head.root), (0, Hash::empty_root()));
    assert_eq!(fsck::check(&disk, &Options::default()).unwrap().findings, []);
    drop(log);
    assert!(!drill::open(disk, Floor::NONE).unwrap().1.created);
}

/// An entry that rots between its append and its publication is not published.
#[test]
fn publishing_reads_back_what_it_publishes() {
    let disk = MemDisk::new();
    let (mut log, _) = drill::open(disk.clone(), Floor::NONE).unwrap();
    log.append(drill::drafts(0..5)).unwrap();
    let mut rot = disk.clone();
    rot.write("segment/00000000000000000000.seg", 40, &[0xff; 3]).unwrap();
    assert!(matches!(log.publish(), Err(Error::Damaged { index: 0, .. })));
    assert_eq!(prove::consistency(&disk, &drill::verifier(), (0, &Hash::empty_root())).unwrap().1.size, 0);
}

#[cfg(target_os = "linux")]
#[test]
fn space_is_reserved_in_steps_and_given_back_when_a_segment_is_closed() {
    use bodywire_ledger::segment::RESERVE_BYTES;
    let path = directory("reserved");
    let mut log = open(&path);
    log.append(drill::drafts(0..5)).unwrap();
    let len = |first: u64| fs::metadata(path.join(bodywire_ledger::segment::path(first))).unwrap().len();
    assert_eq!(len(0), RESERVE_BYTES);
    log.append(drill::drafts(5..50)).unwrap();
    assert_eq!(len(0), RESERVE_BYTES);
    drop(log);
    let mut log = open(&path).with_segment_bytes(1);
    log.append(drill::drafts(50..60)).unwrap();
    assert!(len(0) < 20_000 && len(50) < 20_000);
    log.publish().unwrap();
    let report = fsck::check(&FileDisk::open_read_only(&path), &Options::default()).unwrap();
    assert_eq!((report.findings, report.entries), (vec![], 60));
}

const CHILD_DIRECTORY: &str = "BODYWIRE_LEDGER_CHILD_DIRECTORY";

/// The test starts itself again as a writer, kills it in the middle, and finds everything that it had acknowledged.
#[test]
fn a_killed_writer_has_lost_nothing_it_acknowledged() {
    if let Some(path) = std::env::var_os(CHILD_DIRECTORY) {
        return write_until_killed(std::path::Path::new(&path));
    }
    let path = directory("killed");
    let mut known = 0;
    for round in 0..6u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "a_killed_writer_has_lost_nothing_it_acknowledged"])
            .env(CHILD_DIRECTORY, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let acknowledged =
            lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("stored ")?.parse().ok());
        for size in acknowledged.take(5 + 3 * round as usize) {
            known = size;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let disk = FileDisk::open(&path).unwrap();
        let floor = Floor { size: known, root: None };
        let (log, _) = Log::open(disk, drill::origin(), drill::signing_key(), floor).unwrap();
        assert!(known > 0 && log.size() >= known);
        let sound = log
            .entries_from(0)
            .all(|entry| entry.is_ok_and(|(at, _, payload)| payload == drill::draft(at).payload));
        assert!(sound);
    }
    let report = fsck::check(&FileDisk::open_read_only(&path), &Options::default()).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
}

fn write_until_killed(path: &std::path::Path) {
    let mut log = open(path);
    // An end, should the parent be gone.
    for step in 0..2_000u64 {
        let size = log.size();
        let range = log.append(drill::drafts(size..size + 1 + step % 20)).unwrap();
        eprintln!("stored {}", range.end);
        if step % 7 == 0 {
            log.publish().unwrap();
        }
    }
}
