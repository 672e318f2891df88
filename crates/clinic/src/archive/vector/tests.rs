use super::*;
use crate::archive::Item;
use crate::erasure::Erasures;
use bodywire_ledger::Origin;
use bodywire_proto::report::{OF_THE_BED, ReportHeader, emit_header};
use bodywire_proto::wire::SensorId;
use bodywire_store::{DatabaseKey, HubRow, Location, Store};
use ed25519_dalek::SigningKey;
use std::path::Path;

const HUBS: [HubId; 2] = [HubId(1), HubId(2)];
const WINDOW: Window = Window { start_ms: 3_600_000, length_ms: 3_600_000, simulated: true };

async fn store(directory: &Path) -> Store {
    let location = Location::file(directory.join("test.db"));
    let store = Store::open(&location, &DatabaseKey::new([7; 32])).await.unwrap();
    for hub in HUBS {
        store.enroll_hub(&HubRow { hub, verify_key: [1; 32], rendezvous: [2; 32] }).await.unwrap();
    }
    store
}

async fn archive(directory: &Path, store: &Store) -> Archive {
    let origin = Origin::new("ward.example/log").unwrap();
    let key = SigningKey::from_bytes(&[1; 32]);
    Archive::open(&directory.join("ledger"), origin, key, store.clone(), None).await.unwrap().0
}

fn item(hub: HubId, number: u64, kind: Kind, body: &[u8]) -> Item {
    let sensor = if kind == Kind::Vector { OF_THE_BED } else { SensorId(2) };
    let header = ReportHeader { kind, sensor, number, hub_time_ms: 5, offset_ms: 0, backlog: 0 };
    let report = [&emit_header(&header).unwrap()[..], body].concat();
    Item {
        hub,
        number,
        sensor,
        hub_time_ms: 5,
        late: false,
        class: bodywire_proto::risk::RiskClass::II,
        report,
    }
}

fn vector(hub: HubId, number: u64) -> Item {
    item(hub, number, Kind::Vector, &[&WINDOW.to_bytes()[..], &[number as u8; 100]].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vector_lies_in_the_ledger_as_it_came() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path()).await;
    let patient = store.admit_patient(b"somebody", HUBS[0], 10).await.unwrap();
    let mut archive = archive(directory.path(), &store).await;
    let session = item(HUBS[0], 1, Kind::Session, &[0; 11]);
    let no_vector = item(HUBS[0], 4, Kind::Vector, b"too short");
    let items = [session, vector(HUBS[0], 2), vector(HUBS[1], 3), no_vector];
    let appended = archive.append(&items, 6).await.unwrap();
    assert_eq!(appended.entries, 0..4);
    let stored = archive.vector(1).await.unwrap();
    assert_eq!((stored.hub, stored.patient, stored.window), (HUBS[0], Some(patient), WINDOW));
    assert_eq!((stored.vector.as_slice(), stored.entry.stream_seq), (&[2; 100][..], 2));
    assert_eq!(
        (stored.entry.kind, stored.entry.payload_len),
        (EntryKind::HomomorphicVector, 13 + 100 + VECTOR_TAG_BYTES as u32)
    );
    let other = archive.vector(2).await.unwrap();
    assert_eq!((other.hub, other.patient), (HUBS[1], None));
    assert_eq!(appended.vectors, [stored.row(1), other.row(2)]);
    // Everything of a patient at a bed is under one key, a vector's payload is only named by it.
    let (_, _, report, _) = archive.read(0).await.unwrap();
    assert_eq!(report.key, stored.entry.key);
    assert_ne!(report.stream, stored.entry.stream);
    for index in [0, 3] {
        assert!(matches!(archive.vector(index).await, Err(Error::NoVector { .. })));
        assert!(archive.read(index).await.is_ok());
    }
    assert!(matches!(archive.read(1).await, Err(Error::NoReport { index: 1 })));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_patients_vectors_are_gone_and_the_others_stay() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path()).await;
    let first = store.admit_patient(b"first", HUBS[0], 10).await.unwrap();
    store.admit_patient(b"second", HUBS[1], 10).await.unwrap();
    let mut archive = archive(directory.path(), &store).await;
    let items = [vector(HUBS[0], 1), vector(HUBS[1], 2), vector(HUBS[0], 3)];
    archive.append(&items, 6).await.unwrap();
    let kept = archive.vector(1).await.unwrap();
    assert_eq!(archive.vector(0).await.unwrap().vector, [1; 100]);
    store.erase_patient(first, 20).await.unwrap();
    // The bytes are still there, and nobody gets them any more.
    assert!(matches!(archive.vector(0).await, Err(Error::Erased { index: 0 })));
    Erasures::default().go_on(&mut archive, &store, &[], 21).await.unwrap();
    for index in [0, 2] {
        assert!(matches!(archive.log().read(index), Err(bodywire_ledger::Error::Erased { .. })));
        assert!(matches!(archive.vector(index).await, Err(Error::Erased { .. })));
        assert!(matches!(archive.read(index).await, Err(Error::Erased { .. })));
    }
    assert_eq!(archive.vector(1).await.unwrap(), kept);
    // What comes from that bed now is nobody's.
    let appended = archive.append(&[vector(HUBS[0], 4)], 22).await.unwrap();
    assert_eq!(archive.vector(appended.entries.start).await.unwrap().patient, None);
}
