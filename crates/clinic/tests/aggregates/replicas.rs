//! Replicas that lie or are away: they are named, and never believed.

use crate::replica::Character;
use crate::ward::{Ward, answered, ask, query, refused};
use bodywire_clinic::aggregates::Verdict;

const WEIGHTS: &str = ",\"weights\":[[1,2],[2,2],[3,2],[4,2],[5,2]]";

#[tokio::test(flavor = "multi_thread")]
async fn a_liar_is_named_and_its_answer_not_used() {
    let ward = Ward::full().await;
    let question = query("histogram", "heart-rate", 0, 3, WEIGHTS);
    let right = answered(&ward.alone(), &question).await.result;
    for (character, state) in [
        (Character::Drops, Verdict::Lying),
        (Character::Unweighted, Verdict::Lying),
        (Character::Bends, Verdict::Lying),
        (Character::Belittles, Verdict::Lying),
        (Character::Misnames, Verdict::Lying),
        (Character::Garbage, Verdict::Lying),
        (Character::Says(410, "999\n"), Verdict::Lying),
        (Character::Says(410, "3\n"), Verdict::Refused),
        (Character::Says(422, "entry 3 is no encrypted vector\n"), Verdict::Refused),
        (Character::Says(503, "busy\n"), Verdict::Away),
        (Character::Silent, Verdict::Away),
    ] {
        let aggregates = ward.with(&[character, Character::Honest, Character::Honest]).await;
        let answer = answered(&aggregates, &question).await;
        assert_eq!(answer.result, right, "{character:?}");
        let states: Vec<_> = answer.replicas.iter().map(|replica| (replica.number, replica.state)).collect();
        assert_eq!(states, [(1, state), (2, Verdict::Agreed), (3, Verdict::Agreed)], "{character:?}");
        assert!(answer.replicas[0].why.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_lie_alike_are_not_believed() {
    let ward = Ward::full().await;
    for lie in [Character::Drops, Character::Unweighted, Character::Bends, Character::Belittles] {
        let aggregates = ward.with(&[lie; 2]).await;
        assert_eq!(refused(&aggregates, &query("mean", "spo2", 0, 3, WEIGHTS)).await, "authentic");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_honest_replica_of_three_is_too_few() {
    let ward = Ward::full().await;
    for other in [Character::Drops, Character::Silent, Character::Says(500, "")] {
        let aggregates = ward.with(&[Character::Honest, other, other]).await;
        let (_, refusal) = ask(&aggregates, &query("mean", "spo2", 0, 3, "")).await;
        let (code, text) = refusal.unwrap_err();
        assert_eq!(code, "replicas", "{text}");
        assert!(text.starts_with("1 replicas have answered, and 2 are needed"), "{text}");
    }
    // Where there is one only, that one is enough.
    let lone = ward.with(&[Character::Honest]).await;
    assert_eq!(answered(&lone, &query("mean", "spo2", 0, 3, "")).await.replicas.len(), 1);
}
