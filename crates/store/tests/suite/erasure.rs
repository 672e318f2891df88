//! Erasure of a patient.

use super::*;
use bodywire_store::{AlarmRow, Erasure, Error, PatientId, ReportRow, StreamRow};

fn report(number: u64, hub_time_ms: u64) -> ReportRow {
    ReportRow { hub: HUB, number, ledger_index: number + 100, sensor: SENSOR, kind: 1, hub_time_ms }
}

fn alarm(alarm: u64, raised_ms: u64) -> AlarmRow {
    let (ended_ms, acknowledged) = (None, None);
    AlarmRow { alarm, hub: HUB, sensor: SENSOR, condition: 3, raised_ms, ended_ms, acknowledged }
}

/// Two patients at one hub, one after the other: 10 to 20, and 20 on.
pub(crate) async fn two_patients(store: &Store) -> [PatientId; 2] {
    let first = store.admit_patient(b"first", HUB, 10).await.unwrap();
    store.add_data_key([1; 16], &[0x11; 32], Some(HUB), Some(first), 10).await.unwrap();
    store.add_data_key([2; 16], &[0x22; 32], None, Some(first), 15).await.unwrap();
    let stream = |name: u8, patient| StreamRow { stream: [name; 16], hub: HUB, sensor: SENSOR, patient };
    store.add_stream(stream(1, Some(first))).await.unwrap();
    store.add_stream(stream(9, None)).await.unwrap();
    store.discharge(first, 20).await.unwrap();
    let second = store.admit_patient(b"second", HUB, 20).await.unwrap();
    store.add_data_key([3; 16], &[0x33; 32], Some(HUB), Some(second), 20).await.unwrap();
    store.add_data_key([4; 16], &[0x44; 32], Some(HUB), None, 20).await.unwrap();
    store.add_stream(stream(3, Some(second))).await.unwrap();
    store
        .index_reports(&[report(1, 10), report(2, 19), report(3, 20), report(4, 25)], &[], None)
        .await
        .unwrap();
    for row in [alarm(101, 12), alarm(103, 20)] {
        store.raise_alarm(&row).await.unwrap();
    }
    [first, second]
}

async fn left(store: &Store) -> (Vec<u64>, Vec<u64>, Vec<u8>) {
    let reports = store.reports(HUB).await.unwrap().iter().map(|row| row.number).collect();
    let alarms = store.alarms().await.unwrap().iter().map(|row| row.alarm).collect();
    let mut streams: Vec<u8> = store.streams().await.unwrap().iter().map(|row| row.stream[0]).collect();
    streams.sort_unstable();
    (reports, alarms, streams)
}

pub(crate) async fn everything_of_an_erased_patient_is_gone_and_listed(place: &impl Place) {
    let store = open(place).await;
    let [first, second] = two_patients(&store).await;
    assert_eq!(store.data_keys_of(first).await.unwrap(), [[1; 16], [2; 16]]);
    let erased = store.erase_patient(first, 50).await.unwrap();
    assert_eq!((erased.keys, erased.streams), (vec![[1; 16], [2; 16]], vec![[1; 16]]));
    assert_eq!(left(&store).await, (vec![3, 4], vec![103], vec![3, 9]));
    assert_eq!(
        (store.data_key([1; 16]).await.unwrap(), store.data_key([2; 16]).await.unwrap()),
        (None, None)
    );
    assert_eq!(store.data_key([3; 16]).await.unwrap(), Some([0x33; 32]));
    let rows = store.patients().await.unwrap();
    assert_eq!((rows[0].attributes.as_ref(), rows[0].erased_ms), (None, Some(50)));
    assert_eq!((rows[1].attributes.is_some(), rows[1].erased_ms), (true, None));
    let line = |key| Erasure { patient: first, key, asked_ms: 50 };
    assert_eq!(store.erasures().await.unwrap(), [line(None), line(Some([1; 16])), line(Some([2; 16]))]);
    // Once more is no fault, and names the keys again.
    let again = store.erase_patient(first, 60).await.unwrap();
    assert_eq!((again.keys.len(), again.streams.len()), (2, 0));
    assert_eq!(store.patients().await.unwrap()[0].erased_ms, Some(50));
    // The second is still there. Afterwards nothing is indexed, and the index still knows how far it was.
    assert_eq!(store.last_indexed().await.unwrap(), Some(104));
    assert_eq!(store.erase_patient(second, 70).await.unwrap().keys, [[3; 16]]);
    assert_eq!(store.patient_at(HUB).await.unwrap(), None);
    assert_eq!(
        (left(&store).await, store.last_indexed().await.unwrap()),
        ((vec![], vec![], vec![9]), Some(104))
    );
    assert_eq!(store.data_key([4; 16]).await.unwrap(), Some([0x44; 32]), "of the hub, and of nobody");
    assert!(matches!(store.erase_patient(PatientId(1), 80).await, Err(Error::NoSuchPatient)));
    store.check_integrity().await.unwrap();
}

pub(crate) async fn a_list_is_applied_again_after_a_restore(place: &impl Place) {
    let store = open(place).await;
    let [first, second] = two_patients(&store).await;
    // As if the list came from a database that is newer than this one, whose stay had an end.
    let list = [
        Erasure { patient: first, key: None, asked_ms: 50 },
        Erasure { patient: first, key: Some([1; 16]), asked_ms: 50 },
        Erasure { patient: second, key: None, asked_ms: 22 },
        Erasure { patient: PatientId(77), key: Some([4; 16]), asked_ms: 51 },
        Erasure { patient: PatientId(78), key: Some([0xee; 16]), asked_ms: 52 },
    ];
    assert_eq!(store.reapply_erasures(&list).await.unwrap(), 2, "of those that are named");
    for gone in [1, 2, 3, 4] {
        assert_eq!(store.data_key([gone; 16]).await.unwrap(), None);
    }
    // The second stay ended when the erasure was asked for: who came later keeps what is theirs.
    assert_eq!(left(&store).await, (vec![4], vec![], vec![9]));
    assert!(store.patients().await.unwrap().iter().all(|row| row.attributes.is_none()));
    let now = store.erasures().await.unwrap();
    assert!(list.iter().all(|line| now.contains(line)), "{now:?}");
    assert_eq!(store.reapply_erasures(&now).await.unwrap(), 0);
    assert_eq!(store.erasures().await.unwrap().len(), now.len());
}

pub(crate) async fn nothing_is_added_behind_an_erasure(place: &impl Place) {
    let store = open(place).await;
    let patient = store.admit_patient(b"first", HUB, 10).await.unwrap();
    store.erase_patient(patient, 20).await.unwrap();
    let key = store.add_data_key([1; 16], &[1; 32], None, Some(patient), 30).await;
    assert!(matches!(key, Err(Error::NoSuchPatient)));
    let row = StreamRow { stream: [1; 16], hub: HUB, sensor: SENSOR, patient: Some(patient) };
    assert!(matches!(store.add_stream(row).await, Err(Error::NoSuchPatient)));
    assert!(matches!(store.begin_stay(patient, HUB, 30).await, Err(Error::NoSuchPatient)));
    assert_eq!(store.data_key([1; 16]).await.unwrap(), None);
}
