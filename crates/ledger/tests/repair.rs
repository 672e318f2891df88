//! Damage of any kind, repaired from another copy; and peers that do not help.

#![expect(clippy::unwrap_used, reason = "what tests share may panic as the tests do")]

mod drill;

use std::collections::BTreeMap;

use bodywire_ledger::{
    Draft, EntryKind, Error, Floor, KeyId, Log, MemDisk,
    fsck::{self, Options},
    peer::Peer,
    repair::{Repaired, repair},
};

type Files = BTreeMap<String, Vec<u8>>;

/// 738 entries in frames of many sizes and several segments, so that there are full and partial tiles of two levels.
fn files() -> Files {
    let frames: Vec<u64> = (0..100).map(|n| n % 14 + 1).collect();
    drill::published_files(&frames, 9_000)
}

/// What a peer with these files answers.
fn peer(files: &Files) -> impl FnMut(u64) -> Result<Option<Vec<u8>>, Error> + use<> {
    let mut peer = Peer::open(MemDisk::from_files(files.clone())).unwrap();
    move |first| peer.frame(first)
}

fn repaired(files: Files, good: &Files) -> (Result<Repaired, Error>, Files) {
    let mut disk = MemDisk::from_files(files);
    let done = repair(&mut disk, &drill::verifier(), Floor::NONE, peer(good));
    (done, disk.files())
}

fn assert_sound(files: &Files, what: &str) {
    let options = Options { key: Some(drill::verifier()), floor: 0 };
    let report = fsck::check(&MemDisk::from_files(files.clone()), &options).unwrap();
    assert!(report.is_sound(), "{what}: {:?}", report.findings);
    assert_eq!(report.entries, 738, "{what}");
}

/// The files but for the head slots, the segments as one.
fn comparable(files: &Files) -> (Files, Vec<u8>) {
    let (segments, rest): (Files, Files) = files
        .clone()
        .into_iter()
        .filter(|(n, _)| n != "head" && n != "snapshot")
        .partition(|(n, _)| n.starts_with("segment/"));
    (rest, segments.into_values().flatten().collect())
}

#[test]
fn a_sound_log_is_left_as_it_is() {
    let good = files();
    let (done, after) = repaired(good.clone(), &good);
    let done = done.unwrap();
    assert_eq!((done.fetched.len(), done.written, done.removed), (0, vec![], vec![]));
    assert_eq!(after, good);
}

#[test]
fn every_damaged_file_is_repaired_from_a_peer() {
    let good = files();
    let mut rng = 1u64;
    let mut random = |below: usize| {
        rng = rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (rng >> 33) as usize % below
    };
    let names: Vec<&String> = good.keys().collect();
    for round in 0..300 {
        let name = names[random(names.len())].clone();
        let mut bad = good.clone();
        let bytes = bad.get_mut(&name).unwrap();
        let at = random(bytes.len());
        let kind = round % 4;
        match kind {
            0 => bytes[at] ^= 1 << random(8),
            1 => {
                let end = (at + 1 + random(3_000)).min(bytes.len());
                bytes[at..end].fill(0);
            }
            2 => bytes.truncate(at),
            _ => drop(bad.remove(&name)),
        }
        let what = format!("round {round}: {name} at {at}, kind {kind}");
        let changed = bad != good;
        let (done, after) = repaired(bad, &good);
        let done = done.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_sound(&after, &what);
        let idle = done.written.is_empty() && done.removed.is_empty();
        // A log without a snapshot is whole.
        assert!(!changed || !idle || name == "snapshot", "{what}: {done:?}");
        // Only the slots count on, the snapshot goes, and a segment that was lost whole may be cut elsewhere.
        assert!(comparable(&after) == comparable(&good), "{what}");
        drill::open(MemDisk::from_files(after), Floor::NONE)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
    }
}

#[test]
fn a_copy_that_was_rolled_back_or_emptied_catches_up() {
    let good = files();
    let old = drill::published_files(&(0..40).map(|n| n % 14 + 1).collect::<Vec<_>>(), 9_000);
    let (done, after) = repaired(old, &good);
    assert!(done.unwrap().fetched.len() >= 60);
    assert_sound(&after, "rolled back");
    let (done, after) = repaired(Files::new(), &good);
    assert_eq!(done.unwrap().fetched.len(), 100);
    assert_sound(&after, "emptied");
}

#[test]
fn without_help_nothing_intact_is_lost_and_the_entry_is_named() {
    let good = files();
    let mut bad = good.clone();
    let name = good.keys().filter(|name| name.starts_with("segment/")).nth(2).unwrap();
    bad.get_mut(name).unwrap()[300] ^= 1;
    let mut disk = MemDisk::from_files(bad.clone());
    let error = repair(&mut disk, &drill::verifier(), Floor::NONE, |_| Ok(None)).unwrap_err();
    assert!(matches!(&error, Error::Damaged { file, .. } if file == name), "{error}");
    assert_eq!(disk.files()[name], bad[name], "what is damaged stays as it is");
}

#[test]
fn what_a_lying_peer_sends_is_never_saved() {
    let good = files();
    let mut bad = good.clone();
    let name = good.keys().filter(|name| name.starts_with("segment/")).nth(1).unwrap();
    bad.get_mut(name).unwrap()[200] ^= 1;
    // One flipped bit at any place of the frame; the frame of another place; the frame of another history.
    let mut honest = peer(&good);
    for at in (0..400).step_by(7) {
        let mut disk = MemDisk::from_files(bad.clone());
        let error = repair(&mut disk, &drill::verifier(), Floor::NONE, |first| {
            let mut frame = honest(first)?.unwrap();
            let at = at % frame.len();
            frame[at] ^= 4;
            Ok(Some(frame))
        });
        assert!(error.is_err(), "byte {at}");
        assert_eq!(disk.files()[name], bad[name], "byte {at}");
    }
    let mut disk = MemDisk::from_files(bad.clone());
    assert!(repair(&mut disk, &drill::verifier(), Floor::NONE, |_| honest(0)).is_err());
    assert_eq!(disk.files()[name], bad[name]);
    // The log's key has signed two histories: the peer's contradicts what is known here.
    let (mut forked, _): (Log<MemDisk>, _) = drill::open(MemDisk::new(), Floor::NONE).unwrap();
    for n in 0..100u64 {
        let size = forked.size();
        forked
            .append(
                (size..size + n % 14 + 1)
                    .map(|index| {
                        let mut d = drill::draft(index);
                        d.flags ^= 1;
                        d
                    })
                    .collect(),
            )
            .unwrap();
    }
    let mut emptied = MemDisk::from_files(
        good.iter()
            .filter(|(n, _)| !n.starts_with("segment/"))
            .map(|(n, b)| (n.clone(), b.clone()))
            .collect(),
    );
    let error = repair(&mut emptied, &drill::verifier(), Floor::NONE, |first| Ok(forked.frame(first).ok()));
    assert!(matches!(error, Err(Error::Forked { .. })), "{error:?}");
}

#[test]
fn what_was_erased_here_stays_erased_though_the_peer_still_has_it() {
    let disk = MemDisk::new();
    let (mut log, _) = drill::open(disk.clone(), Floor::NONE).unwrap();
    let mut log = {
        log = log.with_segment_bytes(2_000);
        log
    };
    let (key, word) = (KeyId([77; 16]), b"a word that nobody may read again");
    for n in 0..30 {
        let mut drafts = drill::drafts(log.size()..log.size() + 3);
        drafts[1].key = key;
        drafts[1].payload = word.to_vec();
        if n == 20 {
            drafts[2] = Draft { kind: EntryKind::KeyErased, key, payload: Vec::new(), ..drafts[2].clone() };
        }
        log.append(drafts).unwrap();
    }
    log.publish().unwrap();
    let unerased = disk.files();
    log.erase(&[key]).unwrap();
    log.publish().unwrap();
    let mut bad = disk.files();
    let finds =
        |files: &Files| files.values().any(|bytes| bytes.windows(word.len()).any(|found| found == word));
    assert!(finds(&unerased) && !finds(&bad));
    let lost = bad.keys().filter(|name| name.starts_with("segment/")).nth(1).unwrap().clone();
    bad.remove(&lost);
    let (done, after) = repaired(bad, &unerased);
    assert!(!done.unwrap().fetched.is_empty());
    assert!(!finds(&after), "the peer's copy has come back");
    let options = Options { key: Some(drill::verifier()), floor: 0 };
    let report = fsck::check(&MemDisk::from_files(after), &options).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
}
