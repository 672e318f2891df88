//! Patients and their stays.

use super::*;
use bodywire_store::{Error, PatientId};

pub(crate) async fn a_patient_is_admitted_moved_and_discharged(place: &impl Place) {
    let store = open(place).await;
    assert_eq!(store.patient_at(HUB).await.unwrap(), None);
    let patient = store.admit_patient(b"J. Doe", HUB, 10).await.unwrap();
    assert_eq!(store.patient_at(HUB).await.unwrap(), Some(patient));
    store.begin_stay(patient, HubId(9), 20).await.unwrap();
    assert!(store.discharge(patient, 30).await.unwrap());
    assert!(!store.discharge(patient, 31).await.unwrap(), "once");
    assert_eq!(store.patient_at(HUB).await.unwrap(), None);
    let stays = store.stays(patient).await.unwrap();
    let shown: Vec<_> = stays.iter().map(|stay| (stay.hub.0, stay.from_ms, stay.to_ms)).collect();
    assert_eq!(shown, [(1, 10, Some(30)), (9, 20, Some(30))]);
    let back = store.begin_stay(patient, HUB, 40).await;
    assert!(back.is_ok() && store.patient_at(HUB).await.unwrap() == Some(patient));
    assert!(matches!(store.begin_stay(PatientId(5), HubId(2), 40).await, Err(Error::NoSuchPatient)));
    // A clock that was set back ends no stay before it began.
    assert!(store.discharge(patient, 1).await.unwrap());
    assert!(store.stays(patient).await.unwrap().iter().all(|stay| stay.to_ms >= Some(stay.from_ms)));
}

pub(crate) async fn two_patients_are_not_at_one_hub(place: &impl Place) {
    let store = open(place).await;
    let first = store.admit_patient(b"first", HUB, 10).await.unwrap();
    let refused = store.admit_patient(b"second", HUB, 20).await;
    assert!(matches!(refused, Err(Error::Occupied { hub: 1 })), "{refused:?}");
    assert_eq!(store.patients().await.unwrap().len(), 1, "the second was not half admitted");
    store.discharge(first, 20).await.unwrap();
    let second = store.admit_patient(b"second", HUB, 20).await.unwrap();
    assert_eq!(store.patient_at(HUB).await.unwrap(), Some(second));
    let rows = store.patients().await.unwrap();
    let shown: Vec<_> = rows.iter().map(|row| row.attributes.as_deref().unwrap().as_slice()).collect();
    assert_eq!(shown, [b"first".as_slice(), b"second"]);
    assert!(!format!("{rows:?}").contains("attributes"), "{rows:?}");
}

pub(crate) async fn what_a_patient_said_needs_the_key(place: &impl Place) {
    let store = open(place).await;
    store.admit_patient(b"J. Doe", HUB, 10).await.unwrap();
    store.close().await;
    let store = Store::open(&place.location(), &DatabaseKey::new([8; 32])).await.unwrap();
    assert!(matches!(store.patients().await, Err(Error::Undecryptable { column: "patient.attributes" })));
}
