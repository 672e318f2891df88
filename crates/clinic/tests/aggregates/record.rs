//! What is on record in the ledger: who asked what, before it is answered, and sealed.

use crate::replica::Character;
use crate::ward::{ANALYST, Ward, answered, ask, query, refused};
use bodywire_ledger::EntryKind;
use std::time::Duration;

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|part| part == text)
}

#[tokio::test(flavor = "multi_thread")]
async fn query_and_result_are_on_record_and_say_nothing_to_replicas() {
    let ward = Ward::full().await;
    let answer = answered(&ward.alone(), &query("mean", "heart-rate", 0, 3, "")).await;
    let entries = ward.entries();
    assert_eq!(entries.len(), 38);
    assert_eq!((answer.audit.query, answer.audit.result), (36, 37));
    assert_eq!([entries[36].0, entries[37].0], [EntryKind::AggregateQuery, EntryKind::AggregateResult]);
    for (_, payload) in &entries[36..] {
        for text in [ANALYST, "mean", "heart-rate", "from_ms"] {
            assert!(!holds(payload, text.as_bytes()), "{text}");
        }
        assert!(payload.len() > 100, "sealed, and not empty");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_on_record_before_anybody_adds() {
    let ward = Ward::full().await;
    let aggregates = ward.with(&[Character::Silent; 2]).await;
    let asked = tokio::spawn(async move { ask(&aggregates, &query("mean", "spo2", 0, 3, "")).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!asked.is_finished());
    let kinds = |ward: &Ward| ward.records().into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
    assert_eq!(kinds(&ward), [EntryKind::AggregateQuery]);
    assert_eq!(asked.await.unwrap().1.unwrap_err().0, "replicas");
    assert_eq!(kinds(&ward), [EntryKind::AggregateQuery, EntryKind::Refusal]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_on_record_too() {
    let ward = Ward::empty().await;
    ward.append((1..=4).map(|bed| (bed, 0))).await;
    assert_eq!(refused(&ward.alone(), &query("mean", "heart-rate", 0, 3, "")).await, "cohort");
    let records = ward.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].0, EntryKind::Refusal);
    for text in [ANALYST, "cohort", "heart-rate"] {
        assert!(!holds(&records[0].1, text.as_bytes()), "{text}");
    }
}
