use super::class_key::EPOCH_MS;
use super::*;
use bodywire_store::{DatabaseKey, Location};

fn item(number: u64) -> Item {
    let report = format!("report {number}").into_bytes();
    Item {
        hub: HubId(1),
        number,
        // A sensor for each, since a stream is named once.
        sensor: SensorId(number as u16),
        hub_time_ms: 5,
        late: false,
        class: RiskClass::II,
        report,
    }
}

async fn archive(directory: &Path, name: &str, store: &Store) -> Archive {
    let origin = Origin::new("ward.example/log").unwrap();
    let key = SigningKey::from_bytes(&[1; 32]);
    Archive::open(&directory.join(name), origin, key, store.clone(), None).await.unwrap().0
}

async fn write(archive: &mut Archive, number: u64) -> Result<(), Error> {
    archive.append(&[item(number)], 6).await?;
    let head = archive.head()?;
    archive.register(&head, &[], &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_writers_with_one_key_the_second_is_fenced_and_what_it_wrote_was_never_registered() {
    let directory = tempfile::tempdir().unwrap();
    let location = Location::file(directory.path().join("test.db"));
    let store = Store::open(&location, &DatabaseKey::new([7; 32])).await.unwrap();
    // Two machines that each believe to be the clinic: their disks know nothing of each other.
    let mut first = archive(directory.path(), "first", &store).await;
    let mut second = archive(directory.path(), "second", &store).await;
    write(&mut first, 1).await.unwrap();
    let fenced = write(&mut second, 2).await;
    assert!(matches!(fenced, Err(Error::Store(bodywire_store::Error::Fenced { size: 1, .. }))), "{fenced:?}");
    write(&mut first, 3).await.unwrap();
    let head = store.head("ward.example/log").await.unwrap().unwrap();
    assert_eq!((head.size, head.root), (2, first.head().unwrap().root));
    drop(second);
    // It does not come back either: what it holds is not what was registered.
    let origin = Origin::new("ward.example/log").unwrap();
    let key = SigningKey::from_bytes(&[1; 32]);
    let again = Archive::open(&directory.path().join("second"), origin, key, store.clone(), None).await;
    assert!(again.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_has_keys_of_their_own_and_only_those_go() {
    let directory = tempfile::tempdir().unwrap();
    let location = Location::file(directory.path().join("test.db"));
    let store = Store::open(&location, &DatabaseKey::new([7; 32])).await.unwrap();
    let row = bodywire_store::HubRow { hub: HubId(1), verify_key: [1; 32], rendezvous: [2; 32] };
    store.enroll_hub(&row).await.unwrap();
    let mut archive = archive(directory.path(), "ledger", &store).await;
    write(&mut archive, 1).await.unwrap();
    let patient = store.admit_patient(b"somebody", HubId(1), 10).await.unwrap();
    write(&mut archive, 2).await.unwrap();
    write(&mut archive, 3).await.unwrap();
    let erased = store.erase_patient(patient, 20).await.unwrap();
    assert_eq!(erased.keys.len(), 3, "one for each class");
    write(&mut archive, 4).await.unwrap();
    archive.forget(&erased.keys.iter().copied().map(KeyId).collect::<Vec<_>>());
    let readable: Vec<bool> = [
        archive.read(0).await.is_ok(),
        archive.read(1).await.is_ok(),
        archive.read(2).await.is_ok(),
        archive.read(3).await.is_ok(),
    ]
    .to_vec();
    assert_eq!(readable, [true, false, false, true]);
    assert!(matches!(archive.read(1).await, Err(Error::Erased { index: 1 })));
}

/// What a clinic gives away when it gives the key of class II away.
#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_a_class_opens_it_and_those_below_and_an_epoch_ends() {
    let directory = tempfile::tempdir().unwrap();
    let location = Location::file(directory.path().join("test.db"));
    let store = Store::open(&location, &DatabaseKey::new([7; 32])).await.unwrap();
    let mut archive = archive(directory.path(), "ledger", &store).await;
    let of = |number, class| Item { class, ..item(number) };
    let items = [of(1, RiskClass::I), of(2, RiskClass::II), of(3, RiskClass::III)];
    archive.append(&items, 6).await.unwrap();
    archive.append(&[of(4, RiskClass::II)], 7 + EPOCH_MS).await.unwrap();
    let entries: Vec<_> = (0..4).map(|index| archive.entry(index).unwrap()).collect();
    let given = store.data_key(entries[1].0.key.0).await.unwrap().unwrap();
    let lower = class_key::below(&given, RiskClass::II).unwrap().unwrap().1;
    let opens = |key: &[u8; 32], at: usize| {
        let (entry, payload) = &entries[at];
        Opening::new(key).open(payload, &entry.stream).is_some()
    };
    assert_eq!([opens(&lower, 0), opens(&given, 1), opens(&given, 2)], [true, true, false]);
    assert!(!opens(&lower, 1) && !opens(&lower, 2), "nothing upwards");
    assert!(!opens(&given, 3), "the next epoch has keys of its own");
    assert_eq!(archive.read(3).await.unwrap().3, b"report 4");
}
