//! Reviews of break-glass, and alarm limits.

use super::people::{physician, treats};
use super::*;
use bodywire_proto::access::{Person, Policy, Role};
use bodywire_store::{Error, LimitRow, PatientId, ReviewState};

const ENTRY: (HubId, u64) = (HUB, 812);

pub(crate) fn limit(person: Person, changed_ms: u64) -> LimitRow {
    LimitRow {
        hub: HUB,
        signal: Signal::Ecg,
        low: None,
        high: Some(120.5),
        priority: 2,
        enabled: true,
        changed_by: person,
        changed_ms,
    }
}

pub(crate) async fn opened(store: &Store, patient: PatientId, person: Person) {
    store.open_review(ENTRY, Some(patient), person, r#"{"statement":"no pulse"}"#, 100).await.unwrap();
}

pub(crate) async fn an_override_is_closed_and_judged_by_somebody_else(place: &impl Place) {
    let store = open(place).await;
    let person = physician(&store).await;
    let reviewer = store.add_person("R. Ono", Role::Reviewer, RiskClass::II, 11).await.unwrap();
    let patient = store.admit_patient(b"", HUB, 10).await.unwrap();
    opened(&store, patient, person).await;
    store.open_review(ENTRY, None, reviewer, "another story", 101).await.unwrap();
    let row = store.reviews(9).await.unwrap().remove(0);
    assert_eq!((row.hub, row.review, row.patient, row.person), (HUB, 812, Some(patient), person));
    assert_eq!((row.opened_ms, row.closed_ms, row.state), (100, None, ReviewState::Open));
    assert_eq!(
        (row.story.as_deref(), row.note, row.reviewed),
        (Some(r#"{"statement":"no pulse"}"#), None, None)
    );

    let judge = async |who, verdict| store.decide_review(ENTRY, verdict, who, "seen", 300).await;
    assert!(!judge(reviewer, ReviewState::Accepted).await.unwrap(), "it goes on");
    assert!(store.close_review(ENTRY, r#"{"seconds":40}"#, 140).await.unwrap());
    assert!(!store.close_review(ENTRY, "later", 150).await.unwrap(), "once");
    assert!(!judge(person, ReviewState::Accepted).await.unwrap(), "not one's own");
    assert!(matches!(judge(reviewer, ReviewState::Open).await, Err(Error::Damaged(_))));
    assert!(judge(reviewer, ReviewState::Questioned).await.unwrap());
    assert!(!judge(reviewer, ReviewState::Accepted).await.unwrap(), "the first verdict counts");
    let row = store.reviews(9).await.unwrap().remove(0);
    assert_eq!((row.closed_ms, row.state), (Some(140), ReviewState::Questioned));
    assert_eq!((row.story.as_deref(), row.note.as_deref()), (Some(r#"{"seconds":40}"#), Some("seen")));
    assert_eq!(row.reviewed, Some((reviewer, 300)));
    assert!(!format!("{row:?}").contains("seconds"));

    // What waits is not pushed out by what is done.
    store.open_review((HUB, 5), None, person, "older", 50).await.unwrap();
    let first = store.reviews(1).await.unwrap();
    assert_eq!((first.len(), first[0].review), (1, 5));
    let order: Vec<_> = store.reviews(9).await.unwrap().iter().map(|row| row.review).collect();
    assert_eq!(order, [812, 5], "newest first");
}

pub(crate) async fn limits_go_with_the_patient(place: &impl Place) {
    let store = open(place).await;
    let person = physician(&store).await;
    let patient = store.admit_patient(b"", HUB, 10).await.unwrap();
    let off = LimitRow { low: Some(40.0), high: None, enabled: false, ..limit(person, 30) };
    for row in [limit(person, 20), off] {
        store.put_limit(&row).await.unwrap();
        assert_eq!(store.limits(HUB).await.unwrap(), [row]);
    }
    assert!(store.limits(HubId(9)).await.unwrap().is_empty());
    for bad in [f64::NAN, f64::INFINITY] {
        assert!(store.put_limit(&LimitRow { low: Some(bad), ..off }).await.is_err());
    }
    store.discharge(patient, 40).await.unwrap();
    assert_eq!(store.limits(HUB).await.unwrap(), [off], "an empty bed keeps them");
    store.admit_patient(b"", HUB, 50).await.unwrap();
    assert!(store.limits(HUB).await.unwrap().is_empty(), "the next patient begins with the house's");
}

pub(crate) async fn an_erased_patient_has_no_relations_policy_limits_or_words(place: &impl Place) {
    let store = open(place).await;
    let person = physician(&store).await;
    let [patient, other] = [
        store.admit_patient(b"", HUB, 10).await.unwrap(),
        store.admit_patient(b"", HubId(2), 10).await.unwrap(),
    ];
    for of in [patient, other] {
        store.relate(&treats(person, of)).await.unwrap();
        store.put_policy(of, &Policy::PAPER).await.unwrap();
    }
    store.put_limit(&limit(person, 20)).await.unwrap();
    store.put_limit(&LimitRow { hub: HubId(2), ..limit(person, 20) }).await.unwrap();
    opened(&store, patient, person).await;
    store.erase_patient(patient, 50).await.unwrap();
    assert_eq!(store.relations(30).await.unwrap(), [treats(person, other)]);
    assert_eq!(store.access_policies().await.unwrap(), [(other, Policy::PAPER)]);
    assert_eq!((store.limits(HUB).await.unwrap().len(), store.limits(HubId(2)).await.unwrap().len()), (0, 1));
    // That somebody broke the glass stays, without words; what comes afterwards brings none back.
    assert!(!store.close_review(ENTRY, "what was seen", 110).await.unwrap());
    let reviewer = store.add_person("R. Ono", Role::Reviewer, RiskClass::II, 11).await.unwrap();
    assert!(store.decide_review(ENTRY, ReviewState::Accepted, reviewer, "words", 120).await.unwrap());
    let row = store.reviews(9).await.unwrap().remove(0);
    assert_eq!((row.story, row.note, row.closed_ms), (None, None, Some(110)));
    assert_eq!((row.person, row.state), (person, ReviewState::Accepted));
    assert!(matches!(store.put_policy(patient, &Policy::LEAST).await, Err(Error::NoSuchPatient)));
}
