//! Replicas over HTTP on loopback that add vectors up; whoever lies is named, and no lie is ever a result.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod replica;
mod ward;

use bodywire_clinic::evaluators::{
    Evaluation, Evaluators, EvaluatorsError, Input, Judged, Lie, Reply, inputs_hash, judge,
};
use bodywire_ledger::Hash;
use replica::{Character, start};
use std::sync::Arc;
use std::time::{Duration, Instant};
use ward::{LOG, Ward};

const TERMS: [(u64, u32); 4] = [(0, 2), (1, 1), (3, 1), (5, 3)];
/// 10 * (1 + 3 + 5 * 3).
const SUM: u64 = 190;
const TOKEN: Option<&str> = Some("opensesame");

async fn ask(ward: &Arc<Ward>, characters: &[Character]) -> (Evaluation, Judged) {
    let mut bases = Vec::new();
    for character in characters {
        bases.push(start(ward, *character).await);
    }
    let evaluators = Evaluators::new(bases.iter().map(String::as_str), TOKEN).unwrap();
    let evaluators = evaluators.with_patience(Duration::from_secs(2));
    assert_eq!(evaluators.count(), characters.len());
    let evaluation = evaluators.evaluate(LOG, &TERMS, ward.inputs(&TERMS)).await;
    let judged = judge(&evaluation, |result| ward.verifies(result, &TERMS));
    (evaluation, judged)
}

#[tokio::test(flavor = "multi_thread")]
async fn honest_replicas_agree() {
    let ward = Arc::new(Ward::new());
    let (_, judged) = ask(&ward, &[Character::Honest; 3]).await;
    assert_eq!(ward.open(&judged.result.unwrap()), SUM);
    assert_eq!((judged.agreed, judged.liars.len()), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_liar_is_named_and_the_true_sum_is_found() {
    let ward = Arc::new(Ward::new());
    for (character, lie) in [
        (Character::Drops, Lie::Differs),
        (Character::DropsOpenly, Lie::WrongInputs),
        (Character::Repeats, Lie::Differs),
        (Character::Unweighted, Lie::Differs),
        (Character::Bends, Lie::Differs),
        (Character::Belittles, Lie::Differs),
        (Character::Retags, Lie::Differs),
        (Character::Older, Lie::Differs),
        (Character::Misnames, Lie::WrongInputs),
        (Character::Garbage, Lie::NotAResult),
        (Character::Noise, Lie::NotAResult),
        (Character::Huge, Lie::NotAResult),
        (Character::Says(200, ""), Lie::NotAResult),
        (Character::Says(204, ""), Lie::NotAResult),
        (Character::Says(301, ""), Lie::NotAResult),
        (Character::Says(410, "4\n"), Lie::NotAResult),
        (Character::Says(410, "gone\n"), Lie::NotAResult),
    ] {
        let (evaluation, judged) = ask(&ward, &[Character::Honest, character, Character::Honest]).await;
        assert_eq!(judged.liars, [(1, lie)], "{:?}", evaluation.replies[1]);
        assert_eq!((ward.open(&judged.result.unwrap()), judged.agreed), (SUM, 2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_honest_replica_is_enough_and_a_majority_that_lies_is_not_believed() {
    let ward = Arc::new(Ward::new());
    let (_, judged) = ask(&ward, &[Character::Drops, Character::Honest, Character::Drops]).await;
    assert_eq!((ward.open(&judged.result.unwrap()), judged.agreed), (SUM, 1));
    assert_eq!(judged.liars, [(0, Lie::Differs), (2, Lie::Differs)]);
    for lie in [Character::Drops, Character::Belittles, Character::Older] {
        let (evaluation, judged) = ask(&ward, &[lie; 3]).await;
        assert!(matches!(&evaluation.replies[..], [Reply::Answered(a), Reply::Answered(b), _] if a == b));
        assert_eq!((judged.result, judged.agreed), (None, 0));
        assert_eq!(judged.liars, [0, 1, 2].map(|replica| (replica, Lie::Differs)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_away_or_refuses_does_not_lie() {
    let ward = Arc::new(Ward::new());
    let begun = Instant::now();
    let characters = [
        Character::Silent,
        Character::Stops,
        Character::Says(503, "too many requests at once\n"),
        Character::Says(409, "7\n"),
        Character::Says(412, ""),
        Character::Says(410, "3\n"),
        Character::Says(422, "entry 3 is no\u{1b}[2J encrypted vector\n"),
        Character::Honest,
    ];
    let (evaluation, judged) = ask(&ward, &characters).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "all are asked at once, and none is waited for");
    let (replies, honest) = evaluation.replies.split_at(7);
    let refused = Reply::Refused("entry 3 is no[2J encrypted vector".to_owned());
    assert_eq!(
        replies,
        [Reply::Away, Reply::Away, Reply::Away, Reply::Away, Reply::Away, Reply::Erased(3), refused]
    );
    assert!(matches!(honest, [Reply::Answered(_)]));
    assert_eq!((judged.agreed, judged.liars.len()), (1, 0));
    // Nobody there at all, and without the token.
    let base = start(&ward, Character::Honest).await;
    let nobody = ["http://127.0.0.1:9", &base];
    let evaluators = Evaluators::new(nobody, None).unwrap().with_patience(Duration::from_secs(2));
    let evaluation = evaluators.evaluate(LOG, &TERMS, ward.inputs(&TERMS)).await;
    assert_eq!(evaluation.replies, [Reply::Away, Reply::Refused("a bearer token is needed".to_owned())]);
    let judged = judge(&evaluation, |_| true);
    assert_eq!(judged, Judged { result: None, agreed: 0, liars: Vec::new() });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_supports_two_results_gives_none() {
    let ward = Arc::new(Ward::new());
    let (evaluation, _) = ask(&ward, &[Character::Honest, Character::Belittles]).await;
    // The tag alone says nothing of the header, which is why the judge is to compare that, too.
    let judged = judge(&evaluation, |_| true);
    assert_eq!(judged, Judged { result: None, agreed: 0, liars: Vec::new() });
}

#[test]
fn addresses_and_tokens_are_looked_at() {
    let error = |bases: &[&str], token| Evaluators::new(bases.iter().copied(), token).unwrap_err();
    assert_eq!(error(&[], None), EvaluatorsError::Count(0));
    assert_eq!(error(&["http://a:1"; 17], None), EvaluatorsError::Count(17));
    assert_eq!(error(&["a:1"], None), EvaluatorsError::Address("a:1".to_owned()));
    assert_eq!(error(&["http://a:1"], Some("a\nb")), EvaluatorsError::Token);
}

#[test]
fn the_hash_of_the_inputs_is_that_of_the_document() {
    let leaf = Hash([0x22; 32]);
    let inputs =
        [Input { index: 1, weight: 2, leaf }, Input { index: 0x0102_0304_0506_0708, weight: 3, leaf }];
    let mut bytes = Vec::new();
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]);
    bytes.extend([0x22; 32]);
    bytes.extend([1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 3]);
    bytes.extend([0x22; 32]);
    assert_eq!(inputs_hash(&inputs), Hash::of(&bytes).0);
}
