//! A replica without HTTP, in memory: a log grows, the power goes, the log is rolled back.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use bodywire_ledger::note::Note;
use bodywire_ledger::{Draft, EntryKind, Floor, KeyId, Log, MemDisk, Origin, StreamId, VerifierKey, witness};
use bodywire_replica::{LogCopy, MemDisks, Part, Refused, log_hash};
use ed25519_dalek::SigningKey;
use std::sync::Arc;

const ORIGIN: &str = "ward.example/log";
const NOW_S: u64 = 1_700_000_000;

fn secret() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

fn key() -> VerifierKey {
    VerifierKey::new(ORIGIN, secret().verifying_key()).unwrap()
}

fn log(disk: MemDisk) -> Log<MemDisk> {
    Log::open(disk, Origin::new(ORIGIN).unwrap(), secret(), Floor::NONE).unwrap().0
}

/// Appends an entry, the first of its stream, publishes, and returns the entry's frame.
fn write(log: &mut Log<MemDisk>, salt: u8) -> Vec<u8> {
    let first = log.size();
    let (stream, key) = (StreamId([salt; 16]), KeyId([9; 16]));
    let (kind, payload) = (EntryKind::Telemetry, vec![salt; 100]);
    let draft = Draft { kind, flags: 0, time_ms: 1, stream, stream_seq: first, key, payload };
    log.append(vec![draft]).unwrap();
    log.publish().unwrap();
    log.frame(first).unwrap()
}

/// The disks stay with the test: a simulated machine may lose its power, and its process what it knew.
struct Machine {
    disks: Arc<MemDisks>,
    copy: LogCopy<Arc<MemDisks>>,
}

impl Machine {
    fn on(disks: MemDisks) -> Self {
        let disks = Arc::new(disks);
        let (witness, mirror) = (SigningKey::from_bytes(&[5; 32]), SigningKey::from_bytes(&[6; 32]));
        let shared = Arc::clone(&disks);
        Self { copy: LogCopy::open("replica-1.example", witness, mirror, key(), shared).unwrap(), disks }
    }

    fn begun(log: &Log<MemDisk>) -> Self {
        let mut machine = Self::on(MemDisks::default());
        machine.copy.begin(&log.empty_checkpoint().unwrap()).unwrap();
        machine
    }

    fn power_cut(self, seed: u64) -> Self {
        Self::on(self.disks.power_cut(seed))
    }

    fn witnesses(&mut self, log: &Log<MemDisk>, old: u64) -> Result<String, Refused> {
        let body = witness::request_of(log.disk(), &key(), old).unwrap();
        self.copy.add_checkpoint(body.as_bytes(), NOW_S)
    }

    /// Both cosignatures are over the checkpoint of the log as it is now.
    fn vouches_for(&self, log: &Log<MemDisk>) {
        let signed = log.signed_checkpoint().unwrap();
        let text = Note::parse(signed.as_bytes()).unwrap().text().to_owned();
        for (whole, key) in [
            (self.copy.mirrored().unwrap(), self.copy.mirror_key().unwrap()),
            (self.copy.witnessed().unwrap(), self.copy.witness_key().unwrap()),
        ] {
            let note = Note::parse(whole.as_bytes()).unwrap();
            assert_eq!(note.text(), text);
            assert_eq!(key.verify(&note).unwrap(), NOW_S);
        }
    }
}

#[test]
fn a_log_grows_and_a_power_cut_loses_nothing_that_was_cosigned() {
    for seed in 0..32 {
        let mut log = log(MemDisk::new());
        let mut machine = Machine::begun(&log);
        let mut frames = Vec::new();
        for salt in 0..5 {
            frames.push(write(&mut log, salt));
        }
        machine.copy.add_frames(0, &frames.concat(), NOW_S).unwrap();
        machine.witnesses(&log, 0).unwrap();
        machine.vouches_for(&log);
        let before = log.size();

        let mut machine = machine.power_cut(seed);
        assert_eq!(machine.copy.size(), Ok(before));
        assert_eq!((machine.copy.retired(), machine.copy.damage()), (None, Vec::new()));
        machine.vouches_for(&log);
        for (first, frame) in (0..).zip(&frames) {
            assert_eq!(&machine.copy.frame(first).unwrap(), frame);
        }
        // It goes on, and says the right size to who does not know it.
        let next = write(&mut log, 5);
        assert_eq!(machine.copy.add_frames(0, &frames[0], NOW_S), Err(Refused::Size(before)));
        machine.copy.add_frames(before, &next, NOW_S).unwrap();
        machine.witnesses(&log, before).unwrap();
        machine.vouches_for(&log);
        assert_eq!(machine.copy.evidence(), serde_json::json!([]));
    }
}

#[test]
fn a_log_that_was_rolled_back_is_refused_and_the_evidence_outlives_the_process() {
    let mut log = log(MemDisk::new());
    let mut machine = Machine::begun(&log);
    let first = write(&mut log, 0);
    let backup = MemDisk::from_files(log.disk().files());
    let second = write(&mut log, 1);
    machine.copy.add_frames(0, &[first, second].concat(), NOW_S).unwrap();
    machine.witnesses(&log, 0).unwrap();

    // From a backup, and on with another history.
    let mut rolled_back = self::log(backup);
    assert_eq!(rolled_back.size(), 1);
    write(&mut rolled_back, 7);
    let body = witness::request_of(rolled_back.disk(), &key(), 1).unwrap();
    assert_eq!(machine.copy.add_checkpoint(body.as_bytes(), NOW_S), Err(Refused::Size(2)));
    assert_eq!(machine.witnesses(&rolled_back, 2), Err(Refused::Inconsistent));
    let third = write(&mut rolled_back, 8);
    assert_eq!(machine.copy.add_frames(2, &third, NOW_S), Err(Refused::Inconsistent));
    assert_eq!(machine.copy.size(), Ok(2));
    let evidence = machine.copy.evidence();
    let charges: Vec<_> =
        evidence.as_array().unwrap().iter().map(|piece| piece["charge"].as_str().unwrap()).collect();
    assert!(charges.contains(&"equivocation") && charges.contains(&"fork"), "{charges:?}");

    let machine = machine.power_cut(3);
    assert_eq!(machine.copy.evidence(), evidence);
    machine.vouches_for(&log);
}

#[test]
fn a_copy_is_repaired_from_another_one_and_lies_do_not_pass() {
    let mut log = log(MemDisk::new());
    let (mut damaged, mut sound) = (Machine::begun(&log), Machine::begun(&log));
    for salt in 0..4 {
        let (first, frame) = (log.size(), write(&mut log, salt));
        damaged.copy.add_frames(first, &frame, NOW_S).unwrap();
        sound.copy.add_frames(first, &frame, NOW_S).unwrap();
    }
    damaged.witnesses(&log, 0).unwrap();
    // A byte of the last payload turns over on the disk.
    let hash = log_hash(ORIGIN);
    let mut files = damaged.disks.disk(&hash, Part::Copy).files();
    let segment = files.iter_mut().find(|(path, _)| path.starts_with("segment/")).unwrap().1;
    let at = segment.windows(100).rposition(|window| window == [3; 100]).unwrap();
    segment[at] ^= 1;
    let records = damaged.disks.disk(&hash, Part::Records).files();
    let mut damaged = Machine::on(MemDisks::from_disks([
        ((hash.clone(), Part::Copy), MemDisk::from_files(files)),
        ((hash, Part::Records), MemDisk::from_files(records)),
    ]));
    assert!(!damaged.copy.damage().is_empty());
    let lie = damaged.copy.repair(|_| Ok(Some(b"no frame".to_vec())));
    assert!(lie.is_err());
    assert!(!damaged.copy.damage().is_empty());
    let repaired = damaged.copy.repair(|first| Ok(sound.copy.frame(first).ok())).unwrap();
    assert_eq!((repaired.entries, repaired.fetched.len()), (4, 1));
    assert_eq!((damaged.copy.damage(), damaged.copy.size()), (Vec::new(), Ok(4)));
    damaged.copy.add_frames(4, &[], NOW_S).unwrap();
    damaged.vouches_for(&log);
}
