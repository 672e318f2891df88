//! One-time pairs: served once, whatever runs at once.

use super::*;
use bodywire_store::PairPool;
use std::collections::HashSet;
use std::time::Duration;

const TASKS: usize = 64;

/// 64 tasks that claim until nothing is left; everything they got.
async fn claim_all(pool: &PairPool, sensors: &[SensorId]) -> Vec<(SensorId, u64)> {
    let tasks: Vec<_> = (0..TASKS)
        .map(|at| {
            let (pool, sensor) = (pool.clone(), sensors[at % sensors.len()]);
            tokio::spawn(async move {
                let mut got = Vec::new();
                while let Some(claimed) = pool.claim(HUB, sensor, None).await.unwrap() {
                    assert_eq!(claimed.challenge, Challenge::from(claimed.number.to_be_bytes()));
                    assert_eq!(claimed.response.as_bytes(), [claimed.number as u8; 32]);
                    got.push((sensor, claimed.number));
                }
                assert!(!got.is_empty(), "task {at} got nothing");
                got
            })
        })
        .collect();
    let mut got = Vec::new();
    for task in tasks {
        got.extend(task.await.unwrap());
    }
    got
}

async fn nothing_twice(place: &impl Place, sensors: &[SensorId], each: u64) {
    let store = enrolled(place, sensors, each).await;
    let got = claim_all(&store.pairs(), sensors).await;
    let unique: HashSet<_> = got.iter().collect();
    assert_eq!(unique.len(), got.len(), "a pair was served twice");
    assert_eq!(got.len() as u64, each * sensors.len() as u64, "all were served");
    for sensor in sensors {
        assert_eq!(store.pairs().left(HUB, *sensor).await.unwrap(), 0);
    }
    assert!(store.pairs().claim(HUB, SensorId(99), None).await.unwrap().is_none());
}

pub(crate) async fn racing_claims_serve_no_pair_twice_and_starve_nobody(place: &impl Place) {
    nothing_twice(place, &[SensorId(1), SensorId(2), SensorId(3)], 1_000).await;
}

pub(crate) async fn one_hot_device_serves_everybody(place: &impl Place) {
    nothing_twice(place, &[SENSOR], 1_500).await;
}

pub(crate) async fn callers_that_go_away_burn_their_pair_at_worst(place: &impl Place) {
    let store = enrolled(place, &[SENSOR], 300).await;
    let pool = store.pairs();
    let tasks: Vec<_> = (0..200)
        .map(|at| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let patience = Duration::from_micros(at * 100);
                let claim = pool.claim(HUB, SENSOR, None);
                tokio::time::timeout(patience, claim)
                    .await
                    .ok()
                    .map(|claimed| claimed.unwrap().unwrap().number)
            })
        })
        .collect();
    let mut served = HashSet::new();
    for task in tasks {
        if let Some(number) = task.await.unwrap() {
            assert!(served.insert(number), "{number} was served twice");
        }
    }
    while let Some(claimed) = pool.claim(HUB, SENSOR, None).await.unwrap() {
        assert!(served.insert(claimed.number), "{} was served twice", claimed.number);
    }
    assert!(served.len() >= 100, "one pair at most for each caller that went away: {}", served.len());
}

pub(crate) async fn a_wanted_pair_is_served_once_and_no_other_in_its_place(place: &impl Place) {
    let store = enrolled(place, &[SENSOR], 3).await;
    let wanted = Challenge::from(2u64.to_be_bytes());
    let claimed = store.pairs().claim(HUB, SENSOR, Some(&wanted)).await.unwrap().unwrap();
    assert_eq!((claimed.number, claimed.challenge, claimed.response.as_bytes()[0]), (2, wanted, 2));
    assert!(store.pairs().claim(HUB, SENSOR, Some(&wanted)).await.unwrap().is_none());
    assert_eq!(store.pairs().left(HUB, SENSOR).await.unwrap(), 2);
    assert_eq!(store.pairs().lowest_challenge(HUB, SENSOR).await.unwrap(), Some(0));
    let peeked = store.peek_pairs(1).await.unwrap();
    assert_eq!((peeked.len(), peeked[0].0), (1, 0u64.to_be_bytes().into()));
    assert_eq!(store.pairs().left(HUB, SENSOR).await.unwrap(), 2);
}

pub(crate) async fn what_a_ledger_says_is_spent_is_not_served_again(place: &impl Place) {
    let store = enrolled(place, &[SENSOR], 10).await;
    let pool = store.pairs();
    assert_eq!(pool.burn(HUB, SENSOR, &[0, 1, 2, 7]).await.unwrap(), 4);
    assert_eq!(pool.burn(HUB, SENSOR, &[2, 3, 99, u64::MAX]).await.unwrap(), 1, "what has gone is no fault");
    assert_eq!(pool.burn(HUB, SensorId(3), &[4]).await.unwrap(), 0);
    let mut left = Vec::new();
    while let Some(claimed) = pool.claim(HUB, SENSOR, None).await.unwrap() {
        left.push(claimed.number);
    }
    assert_eq!(left, [4, 5, 6, 8, 9]);
}

pub(crate) async fn a_damaged_response_is_burnt_and_stops_nobody(place: &impl Place) {
    let store = enrolled(place, &[SENSOR], 2).await;
    store.close().await;
    // Another key stands for damage in every row.
    let other = Store::open(&place.location(), &DatabaseKey::new([8; 32])).await.unwrap();
    assert!(other.pairs().claim(HUB, SENSOR, None).await.is_err());
    other.close().await;
    let store = open(place).await;
    assert_eq!(store.pairs().claim(HUB, SENSOR, None).await.unwrap().unwrap().number, 1);
    assert!(store.pairs().claim(HUB, SENSOR, None).await.unwrap().is_none());
}
