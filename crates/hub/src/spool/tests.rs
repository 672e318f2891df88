use super::*;
use bodywire_proto::handshake::HubSecret;
use bodywire_proto::handshake::hardened::HubChain;
use bodywire_proto::prf::Key;
use bodywire_proto::wire::{HubId, SensorId, Suite};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

fn routine(report: &[u8]) -> Outgoing {
    Outgoing { report: report.to_vec(), urgent: false }
}

fn urgent(report: &[u8]) -> Outgoing {
    Outgoing { report: report.to_vec(), urgent: true }
}

#[test]
fn reports_wait_until_they_are_acknowledged_and_numbers_never_repeat() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("spool.redb");
    let mut spool = Spool::open(&file).unwrap();
    spool.push(&[routine(b"a"), routine(b"b"), routine(b"c")]).unwrap();
    assert_eq!(spool.waiting(1, 9).unwrap(), [(1, b"b".to_vec()), (2, b"c".to_vec())]);
    assert_eq!(spool.acknowledge(&[1, 1, 7]).unwrap(), 1);
    drop(spool);
    let mut spool = Spool::open(&file).unwrap();
    assert_eq!((spool.pending(), spool.next_number()), (2, 3));
    spool.acknowledge(&[0, 2]).unwrap();
    drop(spool);
    let spool = Spool::open(&file).unwrap();
    assert_eq!((spool.pending(), spool.next_number()), (0, 3));
}

#[test]
fn urgent_reports_are_found_without_the_others_and_have_room_when_it_is_full() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(&directory.path().join("spool.redb")).unwrap().with_limit(10);
    spool.push(&[routine(b"aaaa"), urgent(b"!"), routine(b"bbbb")]).unwrap();
    assert_eq!(spool.waiting(0, 9).unwrap(), [(0, b"aaaa".to_vec()), (2, b"bbbb".to_vec())]);
    assert!(matches!(spool.push(&[routine(b"cccc")]), Err(Error::SpoolFull { .. })));
    assert!(matches!(spool.push(&[routine(b"cc"), urgent(b"!")]), Err(Error::SpoolFull { .. })));
    assert_eq!((spool.next_number(), spool.bytes()), (3, 9), "what is not taken has no number");
    spool.push(&[urgent(b"alarm")]).unwrap();
    assert_eq!(spool.urgent(0, 9).unwrap(), [(1, b"!".to_vec()), (3, b"alarm".to_vec())]);
    assert_eq!(spool.urgent(2, 9).unwrap().len(), 1);
    spool.acknowledge(&[0, 1, 3]).unwrap();
    assert_eq!((spool.urgent(0, 9).unwrap().len(), spool.bytes()), (0, 4));
    spool.push(&[routine(b"cccc")]).unwrap();
}

#[test]
fn sensor_records_survive() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("spool.redb");
    let chain = HubChain::enrolled(Suite::Polar512, Key::new([3; 32]));
    let secret = HubSecret::Hardened(chain);
    let record = HubRecord { sensor: SensorId(4), hub: HubId(1), secret };
    Spool::open(&file).unwrap().save_sensor(&record).unwrap();
    let spool = Spool::open(&file).unwrap();
    assert_eq!(spool.sensors().unwrap(), [record]);
    assert!(matches!(Spool::open(&file), Err(Error::SpoolTaken(_))));
}

/// Bytes that a disk writes as one.
const SECTOR: usize = 512;

/// A disk that can lose power: what was written since the last sync may be there or not, sector by sector.
#[derive(Debug, Default)]
struct Medium {
    synced: Vec<u8>,
    now: Vec<u8>,
}

#[derive(Debug, Clone, Default)]
struct FragileDisk(Arc<Mutex<Medium>>);

impl FragileDisk {
    /// What is on the disk when the power comes back: each unsynced sector is the old one or the new one.
    fn cut(&self, rng: &mut ChaCha20Rng) -> Self {
        let medium = self.0.lock().unwrap();
        let mut after = medium.synced.clone();
        if rng.next_u32().is_multiple_of(2) {
            after.resize(medium.now.len(), 0);
        }
        for (sector, now) in after.chunks_mut(SECTOR).zip(medium.now.chunks(SECTOR)) {
            if rng.next_u32().is_multiple_of(2) {
                let len = sector.len().min(now.len());
                sector[..len].copy_from_slice(&now[..len]);
            }
        }
        Self(Arc::new(Mutex::new(Medium { synced: after.clone(), now: after })))
    }
}

impl redb::StorageBackend for FragileDisk {
    fn len(&self) -> std::io::Result<u64> {
        Ok(self.0.lock().unwrap().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        let medium = self.0.lock().unwrap();
        let from = offset as usize;
        let found = medium.now.get(from..from + out.len()).ok_or(std::io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.0.lock().unwrap().now.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> std::io::Result<()> {
        let mut medium = self.0.lock().unwrap();
        medium.synced = medium.now.clone();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        let from = offset as usize;
        self.0.lock().unwrap().now[from..from + data.len()].copy_from_slice(data);
        Ok(())
    }
}

fn opened(disk: &FragileDisk) -> Spool {
    Spool::on_backend(disk.clone()).unwrap()
}

/// How often the power fails; `BODYWIRE_DRILL=full` for twenty times as often.
fn power_cuts() -> u32 {
    if std::env::var("BODYWIRE_DRILL").is_ok_and(|value| value == "full") { 4_000 } else { 200 }
}

#[test]
fn no_power_cut_loses_a_report_that_was_taken_or_its_number() {
    let mut rng = ChaCha20Rng::seed_from_u64(11);
    let mut disk = FragileDisk::default();
    // What was taken and is not acknowledged; and the lowest number that may be given next.
    let (mut taken, mut next) = (BTreeSet::new(), 0);
    for cut in 0..power_cuts() {
        let mut spool = opened(&disk);
        let found: BTreeSet<u64> = spool.waiting(0, usize::MAX).unwrap().iter().map(|(n, _)| *n).collect();
        assert!(found.is_superset(&taken), "cut {cut}: lost {:?}", taken.difference(&found));
        assert!(spool.next_number() >= next, "cut {cut}: a number repeats");
        // An acknowledgement is not synced, so that more than is needed may be there.
        taken = found;
        for _ in 0..rng.next_u32() % 6 {
            let first = spool.next_number();
            let reports: Vec<Outgoing> = (0..1 + rng.next_u32() % 3)
                .map(|i| routine(&vec![i as u8; rng.next_u32() as usize % 3_000]))
                .collect();
            spool.push(&reports).unwrap();
            taken.extend(first..spool.next_number());
            next = spool.next_number();
            let acknowledged: Vec<u64> = taken.iter().copied().filter(|n| n % 3 != 0).take(4).collect();
            spool.acknowledge(&acknowledged).unwrap();
            acknowledged.iter().for_each(|number| {
                taken.remove(number);
            });
        }
        if taken.len() > 40 {
            let oldest: Vec<u64> = taken.iter().copied().take(30).collect();
            spool.acknowledge(&oldest).unwrap();
            taken = taken.split_off(&oldest[29]);
            taken.remove(&oldest[29]);
        }
        // The power fails now: what the spool would still write when it is dropped goes to a disk that is gone.
        disk = disk.cut(&mut rng);
    }
}
