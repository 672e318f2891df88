//! What the drills share: a log with known entries, in memory.

use std::collections::BTreeMap;

use bodywire_ledger::{
    Draft, EntryKind, Error, Floor, KeyId, Log, MemDisk, Origin, Recovery, StreamId, VerifierKey,
};
use ed25519_dalek::SigningKey;

pub(crate) fn signing_key() -> SigningKey {
    SigningKey::from_bytes(&[42; 32])
}

pub(crate) fn origin() -> Origin {
    Origin::new("ward.example/log").unwrap()
}

#[allow(dead_code, reason = "each test binary uses a part of this module")]
pub(crate) fn verifier() -> VerifierKey {
    VerifierKey::new(origin().as_str(), signing_key().verifying_key()).unwrap()
}

/// The `index`-th draft: three streams in turn, payloads of 0 to 60 bytes.
pub(crate) fn draft(index: u64) -> Draft {
    let kind = EntryKind::ALL[(index % 12) as usize];
    let length = if kind == EntryKind::KeyErased { 0 } else { (index * 7 % 61) as usize };
    Draft {
        kind,
        flags: index as u16,
        time_ms: 1_700_000_000_000 + index,
        stream: StreamId([(index % 3) as u8 + 1; 16]),
        stream_seq: index / 3,
        // What is erased is another key, so that the payloads here may stay.
        key: KeyId([if kind == EntryKind::KeyErased { 8 } else { 9 }; 16]),
        payload: (0..length).map(|at| (index as usize * 31 + at) as u8).collect(),
    }
}

pub(crate) fn drafts(range: std::ops::Range<u64>) -> Vec<Draft> {
    range.map(draft).collect()
}

pub(crate) fn open(disk: MemDisk, floor: Floor) -> Result<(Log<MemDisk>, Recovery), Error> {
    Log::open(disk, origin(), signing_key(), floor)
}

/// A log of entries in frames of the given sizes, segments of `segment_bytes`, published at the end.
#[allow(dead_code, reason = "each test binary uses a part of this module")]
pub(crate) fn published_files(frames: &[u64], segment_bytes: u64) -> BTreeMap<String, Vec<u8>> {
    let disk = MemDisk::new();
    let mut log = open(disk.clone(), Floor::NONE).unwrap().0.with_segment_bytes(segment_bytes);
    for count in frames {
        let size = log.size();
        log.append(drafts(size..size + count)).unwrap();
    }
    log.publish().unwrap();
    disk.files()
}

/// Whether entry `index` of the log is what [`draft`] says.
#[allow(dead_code, reason = "each test binary uses a part of this module")]
pub(crate) fn holds(log: &Log<MemDisk>, index: u64) -> bool {
    let expected = draft(index);
    log.read(index).is_ok_and(|(entry, payload)| {
        payload == expected.payload && entry.time_ms == expected.time_ms && entry.stream == expected.stream
    })
}
