//! A clinic without paths, given what arrives by hand.

use super::*;
use crate::aggregates::{Policy, WardKeys};
use crate::board::Source;
use bodywire_aggregate::layout::LARGEST;
use bodywire_aggregate::{Bounds, Encoding, Owner, PublicKey, Readings, SecretKey, Vector, Vital};
use bodywire_channels::MessageId;
use bodywire_channels::reassemble::SessionNumber;
use bodywire_proto::report::{OF_THE_BED, ReportHeader, emit_header};
use bodywire_proto::window::Window;
use bodywire_store::{DatabaseKey, HubRow, Location, VectorRow};
use rand_chacha::ChaCha20Rng;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;

const HUB: HubId = HubId(1);
const WINDOW: Window = Window { start_ms: 3_600_000, length_ms: 3_600_000, simulated: true };

async fn store(directory: &Path) -> Store {
    let location = Location::file(directory.join("test.db"));
    Store::open(&location, &DatabaseKey::new([7; 32])).await.unwrap()
}

fn ward(seed: u8) -> WardKeys {
    let owner = Owner::from_bytes([seed; 32]);
    let mut rng = ChaCha20Rng::seed_from_u64(u64::from(seed));
    let public = PublicKey::generate(&SecretKey::from_owner(&owner).unwrap(), &mut rng).unwrap();
    WardKeys::new(&owner, public).unwrap()
}

/// The keys of this ward. The library draws half of a public key itself, so that there is one for all tests.
fn ours() -> Arc<WardKeys> {
    static OURS: OnceLock<Arc<WardKeys>> = OnceLock::new();
    Arc::clone(OURS.get_or_init(|| Arc::new(ward(3))))
}

async fn clinic(directory: &Path, store: &Store) -> Clinic {
    let config = Config {
        signing_key: SigningKey::from_bytes(&[1; 32]),
        ledger_key: SigningKey::from_bytes(&[2; 32]),
        origin: Origin::new("ward.example/log").unwrap(),
        ledger: directory.join("ledger"),
        shard: Shard::new("ward").unwrap(),
        paths: Vec::new(),
        hubs: Vec::new(),
        mirrors: None,
        acknowledge: Acknowledge::Local,
        ward: ours(),
        policy: Policy::default(),
        gate: None,
    };
    let board = Board::new(0, Source::Simulated);
    Clinic::open(config, store.clone(), board).await.unwrap().0
}

fn report(kind: Kind, sensor: SensorId, number: u64, body: &[u8]) -> Vec<u8> {
    let header = ReportHeader { kind, sensor, number, hub_time_ms: now_ms(), offset_ms: 0, backlog: 0 };
    [&emit_header(&header).unwrap()[..], body].concat()
}

fn vector_of(number: u64, vector: &[u8]) -> Vec<u8> {
    report(Kind::Vector, OF_THE_BED, number, &[&WINDOW.to_bytes()[..], vector].concat())
}

/// A vector as a bed of the ward makes it, with one reading.
fn readings(ward: &WardKeys) -> Vector {
    let mut readings = Readings::new();
    assert!(readings.set(Vital::HeartRate, 7, 71.0));
    readings.encrypt(&ward.public, &mut ChaCha20Rng::seed_from_u64(9)).unwrap()
}

fn vector(number: u64) -> Vec<u8> {
    vector_of(number, &readings(&ours()).to_bytes())
}

fn arrived(messages: &[Vec<u8>]) -> Vec<Arrived> {
    let one = |(id, message): (u64, &Vec<u8>)| Arrived {
        receipt: Receipt { session: SessionNumber(0), id: MessageId(id) },
        hub: HubNumber(HUB.0),
        priority: bodywire_channels::Priority::Routine,
        late: false,
        message: message.clone(),
    };
    (0..).zip(messages).map(one).collect()
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

async fn vectors(store: &Store) -> Vec<VectorRow> {
    store.vectors(&[HUB], 0, u64::MAX).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vector_is_stored_and_indexed_like_a_report_and_shown_to_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path()).await;
    let mut clinic = clinic(directory.path(), &store).await;
    clinic.charts.insert(HUB, Chart::new(clinic.board.clone(), BTreeMap::new()));
    let shown = clinic.board.snapshot().last_event_id;
    clinic.commit(arrived(&[vector(7), vector(9)])).await.unwrap();
    let c = Arc::clone(&clinic.counters);
    assert_eq!((read(&c.stored), read(&c.vectors)), (2, 2));
    assert_eq!((read(&c.unknown_sensors), read(&c.malformed), read(&c.late)), (0, 0, 0));
    assert_eq!(clinic.board.snapshot().last_event_id, shown);
    assert_eq!(store.stored(&[(HUB, 7), (HUB, 8), (HUB, 9)]).await.unwrap().len(), 2);
    let rows = vectors(&store).await;
    assert_eq!(rows.iter().map(|row| (row.number, row.ledger_index)).collect::<Vec<_>>(), [(7, 0), (9, 1)]);
    assert_eq!((rows[0].start_ms, rows[0].length_ms, rows[0].simulated), (3_600_000, 3_600_000, true));
    // A report of a sensor that was made before is not behind, and one that comes again is stored once.
    let session = report(Kind::Session, SensorId(2), 3, &[0, 0, 0, 1, 2, 0, 0, 0, 9, 0, 0]);
    clinic.commit(arrived(&[session, vector(9)])).await.unwrap();
    assert_eq!((read(&c.stored), read(&c.vectors), read(&c.repeated)), (3, 2, 1));
    assert_eq!((read(&c.late), read(&c.out_of_order)), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_says_that_it_is_a_vector_is_malformed() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path()).await;
    let mut clinic = clinic(directory.path(), &store).await;
    let no_length = Window { length_ms: 0, ..WINDOW };
    let bad = [
        report(Kind::Vector, OF_THE_BED, 1, &[]),
        report(Kind::Vector, OF_THE_BED, 2, &no_length.to_bytes()),
        report(Kind::Vector, SensorId(2), 3, &WINDOW.to_bytes()),
    ];
    clinic.commit(arrived(&bad)).await.unwrap();
    assert_eq!((read(&clinic.counters.malformed), read(&clinic.counters.stored)), (3, 0));
    assert!(vectors(&store).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_before_the_index_loses_no_vector() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path()).await;
    store.enroll_hub(&HubRow { hub: HUB, verify_key: [1; 32], rendezvous: [2; 32] }).await.unwrap();
    let patient = store.admit_patient(b"somebody", HUB, 10).await.unwrap();
    let item = |number, sensor, report| Item {
        hub: HUB,
        number,
        sensor,
        hub_time_ms: 5,
        late: false,
        class: bodywire_proto::risk::RiskClass::II,
        report,
    };
    let items = [
        item(1, OF_THE_BED, vector(1)),
        item(2, SensorId(2), report(Kind::Session, SensorId(2), 2, &[0; 11])),
        item(3, OF_THE_BED, vector(3)),
    ];
    let before = {
        let clinic = clinic(directory.path(), &store).await;
        let mut archive = clinic.archive.lock().await;
        archive.append(&items, 6).await.unwrap().vectors
    };
    assert!(vectors(&store).await.is_empty());
    let clinic = clinic(directory.path(), &store).await;
    assert_eq!(read(&clinic.counters.recovered), 3);
    let rows = vectors(&store).await;
    assert_eq!(rows, before, "as they would have been indexed");
    assert_eq!(
        rows.iter().map(|row| (row.number, row.patient)).collect::<Vec<_>>(),
        [(1, Some(patient)), (3, Some(patient))]
    );
    let reports = store.reports(HUB).await.unwrap();
    let of = |number: u64| reports.iter().find(|row| row.number == number).unwrap();
    assert_eq!((of(3).kind, of(3).sensor, of(3).hub_time_ms), (Kind::Vector as u8, OF_THE_BED, 5));
    assert_eq!((of(2).kind, reports.len()), (Kind::Session as u8, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vector_that_no_sum_could_take_is_malformed_and_not_stored() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path()).await;
    let mut clinic = clinic(directory.path(), &store).await;
    let (ours, other) = (ours(), ward(4));
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let good = readings(&ours);
    let with = |bounds: Bounds| {
        let mut vector = good.clone();
        vector.header.bounds = bounds;
        vector.to_bytes()
    };
    let fresh = good.header.bounds;
    let unreduced = [&good.to_bytes()[..good.to_bytes().len() - 8], &[0xff; 8]].concat();
    let bad = [
        vec![7; good.to_bytes().len()],
        good.to_bytes()[1..].to_vec(),
        unreduced,
        readings(&other).to_bytes(),
        ours.public.encrypt(Encoding::Series, &[1, 2], LARGEST, &mut rng).unwrap().to_bytes(),
        with(Bounds { largest: fresh.largest + 1, ..fresh }),
        with(Bounds { largest: fresh.largest - 1, ..fresh }),
        with(Bounds { weights: 2, ..fresh }),
        with(Bounds { batches: 2, ..fresh }),
    ];
    let messages: Vec<_> = (1..).zip(&bad).map(|(number, bytes)| vector_of(number, bytes)).collect();
    clinic.commit(arrived(&messages)).await.unwrap();
    let c = Arc::clone(&clinic.counters);
    assert_eq!((read(&c.malformed), read(&c.stored), read(&c.vectors)), (bad.len() as u64, 0, 0));
    assert!(vectors(&store).await.is_empty());
    clinic.commit(arrived(&[vector(99)])).await.unwrap();
    assert_eq!((read(&c.malformed), read(&c.stored), read(&c.vectors)), (bad.len() as u64, 1, 1));
}
