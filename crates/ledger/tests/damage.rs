//! Whatever is changed in a log directory, the check finds it, and names the file and the entry.

#![expect(clippy::unwrap_used, reason = "what tests share may panic as the tests do")]

mod drill;

use std::collections::BTreeMap;

use bodywire_ledger::{
    Floor, MemDisk,
    fsck::{self, Finding, FindingKind, Options, Report},
    segment::{FRAME_HEADER_BYTES, Frame},
};

type Files = BTreeMap<String, Vec<u8>>;

const FRAMES: [u64; 7] = [3, 9, 1, 7, 8, 4, 8];

/// Forty entries in seven frames and three segments.
fn files() -> Files {
    let files = drill::published_files(&FRAMES, 2500);
    assert_eq!(files.keys().filter(|file| file.starts_with("segment/")).count(), 3, "{:?}", files.keys());
    files
}

fn check(files: Files, outside_key: bool) -> Report {
    let key = outside_key.then(drill::verifier);
    fsck::check(&MemDisk::from_files(files), &Options { key, floor: 0 }).unwrap()
}

/// The entry that each byte of each segment belongs to, where it belongs to one.
fn owners(files: &Files) -> BTreeMap<String, Vec<Option<u64>>> {
    let mut index = 0;
    let mut out = BTreeMap::new();
    for (file, bytes) in files.iter().filter(|(file, _)| file.starts_with("segment/")) {
        let mut owner = vec![None; bytes.len()];
        let mut at = 0;
        while at < bytes.len() {
            let frame = Frame::parse(&bytes[at..]).unwrap();
            let mut start = at + FRAME_HEADER_BYTES;
            for item in &frame.items {
                let end = start + 136 + item.payload.len();
                owner[start..end].fill(Some(index));
                start = end;
                index += 1;
            }
            at += frame.header.len as usize;
        }
        out.insert(file.clone(), owner);
    }
    assert_eq!(index, 40);
    out
}

/// The file that has been found damaged, if all findings blame the same one.
fn blamed(findings: &[Finding]) -> Option<&str> {
    let first = findings.first()?;
    findings.iter().all(|finding| finding.file == first.file).then_some(first.file.as_str())
}

#[test]
fn a_sound_log_has_no_findings() {
    let report = check(files(), true);
    assert_eq!(report.findings, []);
    assert!(report.is_sound());
    assert_eq!((report.entries, report.payloads, report.tiles), (40, 40, 2));
    assert_eq!(report.origin, Some(drill::origin()));
    let (log, _) = drill::open(MemDisk::from_files(files()), Floor::NONE).unwrap();
    assert_eq!(report.root, Some(log.root()));
    // Without a key from outside the directory's own is used.
    assert_eq!(check(files(), false).findings, []);
}

#[test]
fn every_changed_byte_of_every_file_is_found_and_named() {
    let (files, mut flips) = (files(), 0);
    let owners = owners(&files);
    for (file, bytes) in &files {
        for at in 0..bytes.len() {
            // Every bit is flipped somewhere, and never all of them, so that letters change their case too.
            let mask = 1u8 << ((at * 5 + at / 8) % 8);
            let mut bad = files.clone();
            bad.get_mut(file).unwrap()[at] ^= mask;
            let report = check(bad, at % 2 == 0 || file != "key.vkey");
            assert_eq!(
                blamed(&report.findings),
                Some(file.as_str()),
                "{file} byte {at}: {:?}",
                report.findings
            );
            let slot_kind = file == "head" && report.findings[0].kind == FindingKind::TornSlot;
            assert!(!report.is_sound() || slot_kind, "{file} byte {at}: {:?}", report.findings);
            if let Some(Some(owner)) = owners.get(file).map(|owner| owner[at]) {
                let named = &report.findings[0].entries;
                assert_eq!(named, &Some(owner..owner + 1), "{file} byte {at}: {:?}", report.findings);
                assert_eq!(report.findings.len(), 1, "{file} byte {at}: {:?}", report.findings);
            }
            let item = if file.starts_with("tile/0/") { 32 } else { 130 };
            if file.starts_with("tile/") {
                let entry = (at / item) as u64;
                assert_eq!(report.findings[0].entries, Some(entry..entry + 1), "{file} byte {at}");
            }
            flips += 1;
        }
    }
    eprintln!("{flips} bytes changed, each found and named");
    assert!(flips > 20_000);
}

#[test]
fn every_deleted_file_is_found_and_named() {
    let files = files();
    for file in files.keys() {
        let mut bad = files.clone();
        bad.remove(file);
        let report = check(bad, true);
        if file == "snapshot" {
            assert_eq!(report.findings, [], "it is derived, and a log need not have one");
            continue;
        }
        assert_eq!(blamed(&report.findings), Some(file.as_str()), "{file}: {:?}", report.findings);
        assert!(!report.is_sound(), "{file}");
    }
}

#[test]
fn every_truncation_is_found_and_named() {
    let files = files();
    for (file, bytes) in &files {
        let step = if file == "head" { 61 } else { 1 };
        // An empty snapshot is how an erasure says that there is none.
        let least = usize::from(file == "snapshot");
        for len in (least..bytes.len()).step_by(step) {
            let mut bad = files.clone();
            bad.get_mut(file).unwrap().truncate(len);
            let report = check(bad, true);
            assert!(!report.is_sound(), "{file} cut to {len}: {:?}", report.findings);
            // Cut between two frames of a closed segment, the rest could as well have been a file of its own.
            let named = report.findings.iter().all(|f| f.file == *file || f.what.contains(file.as_str()));
            assert!(named, "{file} cut to {len}: {:?}", report.findings);
        }
    }
}

#[test]
fn trailing_bytes_are_found_and_named() {
    let files = files();
    let last = files.keys().rfind(|file| file.starts_with("segment/")).unwrap();
    for file in files.keys() {
        for extra in [&b"x"[..], &[7; 40], b"BWFRAME1"] {
            let mut bad = files.clone();
            bad.get_mut(file).unwrap().extend_from_slice(extra);
            let report = check(bad.clone(), true);
            assert_eq!(blamed(&report.findings), Some(file.as_str()), "{file}: {:?}", report.findings);
            if file == last {
                // Behind everything that is known to have been stored it is a write that was never finished.
                assert_eq!(report.findings[0].kind, FindingKind::TornTail);
                assert!(report.is_sound());
                let (log, recovery) = drill::open(MemDisk::from_files(bad), Floor::NONE).unwrap();
                assert_eq!(log.size(), 40);
                assert_eq!(recovery.torn_tail.unwrap().bytes, extra.len() as u64);
            } else {
                assert!(!report.is_sound(), "{file}");
            }
        }
    }
}

#[test]
fn strangers_and_leftovers_are_named() {
    for (name, kind) in [
        ("notes.txt", FindingKind::Unexpected),
        ("segment/1.seg", FindingKind::Unexpected),
        ("tile/0/001.p/7", FindingKind::Damage),
        ("checkpoint.tmp", FindingKind::Leftover),
    ] {
        let mut bad = files();
        bad.insert(name.to_owned(), vec![1, 2, 3]);
        let report = check(bad, true);
        assert_eq!(
            report.findings.first().map(|f| (f.file.as_str(), f.kind)),
            Some((name, kind)),
            "{report:?}"
        );
    }
}

#[test]
fn forged_names_and_sizes_do_not_make_the_check_run_away() {
    for name in ["segment/18446744073709551615.seg", "segment/00000001000000000000.seg"] {
        let mut bad = files();
        bad.insert(name.to_owned(), vec![0; 64]);
        assert!(!check(bad, true).is_sound());
    }
    let slot = |seq| bodywire_ledger::head::HeadSlot {
        seq,
        size: u64::MAX,
        root: bodywire_ledger::Hash::ZERO,
        segment_first: 0,
        segment_len: 0,
    };
    let mut bad = files();
    bad.insert("head".to_owned(), [slot(8).emit(), slot(9).emit()].concat());
    assert!(!check(bad, true).is_sound());
}

/// Someone with access to the disk but not to the key changes an entry and repairs every checksum.
#[test]
fn a_forgery_with_right_checksums_is_found_and_named() {
    let files = files();
    for (file, owner) in owners(&files) {
        let bytes = &files[&file];
        for at in
            (0..bytes.len()).filter(|at| owner[*at].is_some() && (*at == 0 || owner[*at] != owner[at - 1]))
        {
            let mut forged = bytes.clone();
            forged[at + 11] ^= 1; // the time of the entry
            let sum = crc32c::crc32c(&forged[at..at + 132]);
            forged[at + 132..at + 136].copy_from_slice(&sum.to_be_bytes());
            let mut start = 0;
            while let Ok(header) = bodywire_ledger::segment::FrameHeader::parse(&forged[start..]) {
                let end = start + header.len as usize;
                let sum = crc32c::crc32c(&forged[start..end - 4]);
                forged[end - 4..end].copy_from_slice(&sum.to_be_bytes());
                start = end;
                if start == forged.len() {
                    break;
                }
            }
            let mut bad = files.clone();
            bad.insert(file.clone(), forged);
            let index = owner[at].unwrap();
            let report = check(bad.clone(), true);
            let named = |f: &Finding| f.file == file && f.entries == Some(index..index + 1);
            assert!(report.findings.iter().any(named), "{index}: {:?}", report.findings);
            // A snapshot lets the log open without reading closed segments; whoever reads them finds it.
            bad.remove("snapshot");
            assert!(drill::open(MemDisk::from_files(bad), Floor::NONE).is_err());
        }
    }
}

#[test]
fn a_directory_made_anew_with_another_key_is_found_with_the_key_from_outside() {
    let disk = MemDisk::new();
    let other = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
    let (mut log, _) = bodywire_ledger::Log::open(disk.clone(), drill::origin(), other, Floor::NONE).unwrap();
    log.append(drill::drafts(0..5)).unwrap();
    log.publish().unwrap();
    assert!(check(disk.files(), false).is_sound());
    assert!(!check(disk.files(), true).is_sound());
}

#[test]
fn many_tiles_are_checked_and_a_damaged_one_is_named() {
    let files = drill::published_files(&[300, 300, 1], 1 << 20);
    let report = check(files.clone(), true);
    assert_eq!((report.findings, report.tiles), (vec![], 7));
    for file in files.keys().filter(|file| file.starts_with("tile/")) {
        let mut bad = files.clone();
        bad.get_mut(file).unwrap()[40] ^= 1;
        let report = check(bad, true);
        assert_eq!(blamed(&report.findings), Some(file.as_str()), "{:?}", report.findings);
    }
}

/// Several kinds of damage at once, in any files: found, and never a panic.
#[test]
fn heaps_of_damage_are_found() {
    let files = drill::published_files(&[60, 200, 5, 40], 9000);
    let names: Vec<&String> = files.keys().collect();
    for seed in 0..300u64 {
        let mut word = seed;
        let mut draw = |limit: usize| {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (word >> 33) as usize % limit
        };
        let mut bad = files.clone();
        for _ in 0..=draw(6) {
            let name = names[draw(names.len())];
            let Some(bytes) = bad.get_mut(name).filter(|bytes| !bytes.is_empty()) else { continue };
            let at = draw(bytes.len());
            let end = (at + 1 + draw(2000)).min(bytes.len());
            match draw(6) {
                0 => bytes[at] ^= 1 << draw(8),
                1 => bytes[at..end].fill(0),
                2 => bytes.truncate(at),
                3 => drop(bytes.drain(at..end)),
                4 => {
                    let run = bytes[at..end].to_vec();
                    bytes.splice(at..at, run);
                }
                _ => drop(bad.remove(name)),
            }
        }
        let mut same = files.clone();
        if bad.get("snapshot").is_none_or(Vec::is_empty) {
            same.remove("snapshot");
            bad.remove("snapshot");
        }
        let changed = bad != same;
        let report = check(bad.clone(), true);
        assert_eq!(report.findings.is_empty(), !changed, "seed {seed}: {:?}", report.findings);
        let _ = drill::open(MemDisk::from_files(bad), Floor::NONE);
    }
}
