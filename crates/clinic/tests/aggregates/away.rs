//! Patients who are erased, and people who go away, while a query is worked out.

use crate::replica::Character;
use crate::ward::{ANALYST, Ward, answered, ask, query, refused};
use bodywire_clinic::aggregates::{Query, Update};
use bodywire_ledger::EntryKind;
use std::time::Duration;
use tokio::sync::mpsc;

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_who_is_erased_meanwhile_is_in_no_number() {
    let ward = Ward::full().await;
    for (aggregates, patient) in
        [(ward.alone(), ward.patients[3]), (ward.with(&[Character::Honest; 2]).await, ward.patients[4])]
    {
        let question = query("trend", "spo2", 0, 3, "");
        // The index has been read, and the ledger is waited for.
        let held = ward.archive.lock().await;
        let asked = tokio::spawn({
            let (aggregates, question) = (aggregates.clone(), question.clone());
            async move { ask(&aggregates, &question).await }
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        ward.store.erase_patient(patient, 20).await.unwrap();
        drop(held);
        let (code, text) = asked.await.unwrap().1.unwrap_err();
        assert_eq!(code, "erased");
        assert!(text.contains("erased") && !text.contains(|letter: char| letter.is_ascii_digit()), "{text}");
        // Nothing was opened, so that it may be asked again at once.
        let patients = answered(&aggregates, &question).await.patients;
        assert_eq!(patients, if patient == ward.patients[3] { 11 } else { 10 });
    }
    // Who was in an answered query and is not now would be the difference.
    let aggregates = ward.alone();
    answered(&aggregates, &query("mean", "spo2", 0, 3, "")).await;
    ward.store.erase_patient(ward.patients[7], 20).await.unwrap();
    assert_eq!(refused(&aggregates, &query("mean", "spo2", 0, 3, "")).await, "difference");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_away_in_the_middle_ends_the_query() {
    let ward = Ward::full().await;
    let (updates, mut received) = mpsc::channel(1);
    let parsed = Query::parse(query("trend", "spo2", 0, 3, "").as_bytes()).unwrap();
    let aggregates = ward.alone();
    let held = ward.archive.lock().await;
    let asked = tokio::spawn({
        let aggregates = aggregates.clone();
        async move { aggregates.ask(ANALYST, parsed, updates).await }
    });
    drop(held);
    assert!(matches!(received.recv().await, Some(Update::Progress { done: 12, of: 36 })));
    drop(received);
    tokio::time::timeout(Duration::from_secs(10), asked).await.unwrap().unwrap();
    let kinds: Vec<_> = ward.records().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [EntryKind::AggregateQuery, EntryKind::Refusal], "nothing was opened");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_on_misses_progress_and_not_the_end() {
    let ward = Ward::full().await;
    let (updates, mut received) = mpsc::channel(1);
    let parsed = Query::parse(query("trend", "spo2", 0, 3, "").as_bytes()).unwrap();
    let aggregates = ward.alone();
    let asked = tokio::spawn(async move { aggregates.ask(ANALYST, parsed, updates).await });
    let end = tokio::time::Instant::now() + Duration::from_secs(20);
    while ward.records().len() < 2 {
        assert!(tokio::time::Instant::now() < end, "the query waits for its reader");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(matches!(received.recv().await, Some(Update::Progress { done: 12, of: 36 })));
    assert!(matches!(received.recv().await, Some(Update::Answer(_))));
    asked.await.unwrap();
}
