//! A damaged neighbour does not make an intact entry unreadable, wherever the damage is and however large frames are.

#![expect(clippy::unwrap_used, reason = "what tests share may panic as the tests do")]

mod drill;

use bodywire_ledger::{
    Disk as _, Error, Floor, Log, MemDisk,
    segment::{self, FRAME_HEADER_BYTES, Frame},
};

/// Offset of each item in the only segment, its end, and the offsets of the frames.
fn places(bytes: &[u8]) -> (Vec<(usize, usize)>, Vec<usize>) {
    let (mut items, mut frames, mut at) = (Vec::new(), Vec::new(), 0);
    while at < bytes.len() {
        let frame = Frame::parse(&bytes[at..]).unwrap();
        frames.push(at);
        items.extend(
            frame.items.iter().map(|item| (at + item.offset, at + item.offset + 136 + item.payload.len())),
        );
        at += frame.header.len as usize;
    }
    (items, frames)
}

/// A log of frames of these sizes, in one segment.
fn log(frames: &[u64], publish: bool) -> (MemDisk, Log<MemDisk>) {
    let disk = MemDisk::new();
    let (mut log, _) = drill::open(disk.clone(), Floor::NONE).unwrap();
    for count in frames {
        let size = log.size();
        log.append(drill::drafts(size..size + count)).unwrap();
    }
    if publish {
        log.publish().unwrap();
    }
    (disk, log)
}

fn rot(disk: &MemDisk, at: usize, len: usize) -> Vec<u8> {
    let file = segment::path(0);
    let old = disk.read(&file, at as u64, len).unwrap();
    let bad: Vec<u8> = old.iter().map(|byte| byte ^ 0x55).collect();
    disk.clone().write(&file, at as u64, &bad).unwrap();
    old
}

/// Reads every entry; all but `hit` must be right.
fn only_these_are_lost(log: &Log<MemDisk>, hit: &[u64], what: &str) {
    for index in 0..log.size() {
        if hit.contains(&index) {
            assert!(matches!(log.read(index), Err(Error::Damaged { .. })), "{what}: entry {index}");
        } else {
            assert!(drill::holds(log, index), "{what}: entry {index}: {:?}", log.read(index));
        }
    }
    let read: Vec<bool> = log.entries_from(0).map(|entry| entry.is_ok()).collect();
    let expected: Vec<bool> = (0..log.size()).map(|index| !hit.contains(&index)).collect();
    assert_eq!(read, expected, "{what}: one after the other");
}

#[test]
fn every_byte_before_an_entry_may_be_damaged() {
    for publish in [false, true] {
        let (disk, log) = log(&[1, 7, 1, 1, 3], publish);
        let bytes = disk.read_all(&segment::path(0)).unwrap();
        let (items, _) = places(&bytes);
        for at in 0..bytes.len() {
            let old = rot(&disk, at, 1);
            let hit: Vec<u64> = (0..)
                .zip(&items)
                .filter(|(_, item)| (item.0..item.1).contains(&at))
                .map(|(n, _)| n)
                .collect();
            only_these_are_lost(&log, &hit, &format!("byte {at}, published {publish}"));
            disk.clone().write(&segment::path(0), at as u64, &old).unwrap();
        }
    }
}

#[test]
fn whole_headers_of_neighbours_may_be_gone() {
    for (frames, publish) in [
        (vec![150u64], false),
        (vec![150], true),
        (vec![1; 150], false),
        (vec![5, 70, 1, 64, 10], false),
        (vec![5, 70, 1, 64, 10], true),
    ] {
        let (disk, log) = log(&frames, publish);
        let bytes = disk.read_all(&segment::path(0)).unwrap();
        let (items, starts) = places(&bytes);
        // One item header, two next to each other, two with one between.
        for (index, second) in (0..items.len()).step_by(3).flat_map(|n| [(n, n), (n, n + 1), (n, n + 2)]) {
            if second >= items.len() {
                continue;
            }
            rot(&disk, items[index].0, 136);
            if second != index {
                rot(&disk, items[second].0, 136);
            }
            only_these_are_lost(
                &log,
                &[index as u64, second as u64],
                &format!("{frames:?}: {index} and {second}"),
            );
            disk.clone().write(&segment::path(0), 0, &bytes).unwrap();
        }
        for start in starts {
            rot(&disk, start, FRAME_HEADER_BYTES);
            only_these_are_lost(&log, &[], &format!("{frames:?}: frame at {start}"));
            disk.clone().write(&segment::path(0), 0, &bytes).unwrap();
        }
    }
}

/// A payload holds a copy of another entry's item, or of a whole frame: the search does not take it for one.
#[test]
fn what_a_payload_holds_is_not_taken_for_an_entry() {
    let (source, _) = log(&[1, 3], false);
    let bytes = source.read_all(&segment::path(0)).unwrap();
    let (items, _) = places(&bytes);
    let one = bytes[items[2].0..items[2].1].to_vec();
    for payload in [one.clone(), [vec![7; 11], one.clone(), one].concat(), bytes] {
        let disk = MemDisk::new();
        let (mut log, _) = drill::open(disk.clone(), Floor::NONE).unwrap();
        let mut drafts = drill::drafts(0..9);
        drafts[3].payload.clone_from(&payload);
        log.append(drafts[..2].to_vec()).unwrap();
        log.append(drafts[2..].to_vec()).unwrap();
        log.append(drill::drafts(9..12)).unwrap();
        let stored = disk.read_all(&segment::path(0)).unwrap();
        let (items, starts) = places(&stored);
        for (at, len, lost) in [(items[3].0, 136, Some(3)), (starts[1], 32, None), (items[2].0, 136, Some(2))]
        {
            rot(&disk, at, len);
            for index in (0..12).filter(|index| Some(*index) != lost && *index != 3) {
                assert!(drill::holds(&log, index), "{index}: {:?}", log.read(index));
            }
            assert_eq!(log.read(3).is_ok(), lost != Some(3));
            disk.clone().write(&segment::path(0), 0, &stored).unwrap();
        }
    }
}

#[test]
fn every_frame_start_is_reachable_and_only_those() {
    let frames = [1u64, 1, 70, 300, 1, 1, 1, 64, 65, 2];
    let (_, log) = log(&frames, false);
    let mut starts = vec![0];
    for count in frames {
        starts.push(starts.last().unwrap() + count);
    }
    for index in 0..log.size() {
        match log.frame(index) {
            Ok(bytes) => {
                assert!(starts.contains(&index));
                assert_eq!(Frame::parse(&bytes).unwrap().header.first, index);
            }
            Err(error) => {
                assert!(matches!(error, Error::NoSuchEntry { .. }) && !starts.contains(&index), "{error}");
            }
        }
    }
    assert!(matches!(log.frame(log.size()), Err(Error::NoSuchEntry { .. })));
}
