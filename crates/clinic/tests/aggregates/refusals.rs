//! Sums over too few patients, and such as differ by too few, are refused.

use crate::replica::Character;
use crate::ward::{Ward, answered, ask, query, refused};
use bodywire_clinic::aggregates::Policy;
use bodywire_proto::observation::Signal;
use std::sync::atomic::Ordering;

#[tokio::test(flavor = "multi_thread")]
async fn too_few_patients_and_too_few_with_a_weight_of_their_own() {
    let ward = Ward::empty().await;
    let aggregates = ward.alone();
    let mean = query("mean", "spo2", 0, 3, "");
    assert_eq!(refused(&aggregates, &mean).await, "nothing");
    ward.append((1..=4).map(|bed| (bed, 0))).await;
    let (progress, refusal) = ask(&aggregates, &mean).await;
    assert_eq!(refusal.unwrap_err().0, "cohort");
    assert!(progress.is_empty(), "nothing was added");
    // More windows are no more patients.
    ward.append((1..=4).map(|bed| (bed, 1))).await;
    assert_eq!(refused(&aggregates, &mean).await, "cohort");
    ward.append((5..=9).map(|bed| (bed, 0))).await;
    let weighted = query("mean", "spo2", 0, 3, ",\"weights\":[[1,3]]");
    assert_eq!(refused(&aggregates, &weighted).await, "group");
    // In the second window there are still four.
    assert_eq!(refused(&aggregates, &query("trend", "spo2", 0, 3, "")).await, "cohort");
    assert_eq!(answered(&aggregates, &mean).await.patients, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_vector_does_not_set_its_patient_apart() {
    let ward = Ward::empty().await;
    ward.append((1..=11).flat_map(|bed| [(bed, 0), (bed, 1)])).await;
    let aggregates = ward.alone();
    answered(&aggregates, &query("trend", "spo2", 0, 2, "")).await;
    ward.append([(12, 1)]).await;
    for function in ["mean", "trend", "histogram"] {
        assert_eq!(refused(&aggregates, &query(function, "spo2", 0, 2, "")).await, "difference");
        assert_eq!(refused(&aggregates, &query(function, "spo2", 1, 2, "")).await, "difference");
    }
    // What the trend showed already may be asked for, and other signals.
    assert_eq!(answered(&aggregates, &query("mean", "spo2", 0, 1, "")).await.patients, 11);
    assert_eq!(answered(&aggregates, &query("mean", "heart-rate", 0, 2, "")).await.patients, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_do_not_set_a_patient_apart() {
    let ward = Ward::full().await;
    let aggregates = ward.alone();
    let weights = |beds: std::ops::RangeInclusive<u16>, weight: u32| {
        beds.map(|bed| format!("[{bed},{weight}]")).collect::<Vec<_>>().join(",")
    };
    let ask = |weights: String| query("sum", "spo2", 0, 3, &format!(",\"weights\":[{weights}]"));
    answered(&aggregates, &ask(weights(1..=6, 2))).await;
    assert_eq!(refused(&aggregates, &ask(weights(1..=7, 2))).await, "difference");
    // Twice the same, but for one bed.
    let twice = [weights(1..=5, 4), weights(6..=12, 2)].join(",");
    assert_eq!(refused(&aggregates, &ask(twice)).await, "difference");
    assert_eq!(refused(&aggregates, &ask(weights(1..=6, 4_000_000_000))).await, "bounds");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_of_a_day_is_for_queries_that_were_answered() {
    let mut ward = Ward::full().await;
    ward.policy = Policy { queries_per_day: 2, ..ward.policy };
    let lone = ward.with(&[Character::Silent]).await;
    let aggregates = ward.alone();
    for _ in 0..2 {
        answered(&aggregates, &query("mean", "spo2", 0, 1, "")).await;
        answered(&aggregates, &query("mean", "spo2", 1, 2, "")).await;
    }
    let (_, refusal) = ask(&aggregates, &query("mean", "spo2", 2, 3, "")).await;
    let (code, text) = refusal.unwrap_err();
    assert_eq!(code, "budget");
    assert!(text.starts_with("2 different queries"), "{text}");
    assert_eq!(refused(&aggregates, &query("mean", "heart-rate", 2, 3, "")).await, "budget");
    // The other one has answered none.
    for window in 0..3 {
        assert_eq!(refused(&lone, &query("mean", "spo2", window, window + 1, "")).await, "replicas");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_replicas_have_not_got_yet_is_left_out() {
    let ward = Ward::full().await;
    ward.counters.mirrored.store(24, Ordering::Relaxed);
    let aggregates = ward.with(&[Character::Honest; 2]).await;
    let answer = answered(&aggregates, &query("mean", "spo2", 0, 3, "")).await;
    assert_eq!((answer.vectors, answer.windows), (24, 2));
    assert_eq!(refused(&aggregates, &query("mean", "spo2", 2, 3, "")).await, "nothing");
    assert_eq!(answered(&ward.alone(), &query("mean", "spo2", 2, 3, "")).await.vectors, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn beds_that_do_not_measure_a_signal_are_no_cohort_for_it() {
    let ward = Ward::measuring(|bed, kind| bed <= 2 || kind != Signal::Temperature).await;
    ward.append((1..=12).map(|bed| (bed, 0))).await;
    let aggregates = ward.alone();
    assert_eq!(answered(&aggregates, &query("mean", "spo2", 0, 1, "")).await.patients, 12);
    assert_eq!(refused(&aggregates, &query("mean", "temperature", 0, 1, "")).await, "cohort");
}
