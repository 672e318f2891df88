//! Leases of shards. The tests use the real clock: on a server it is the one that decides.

use super::*;
use std::time::{Duration, SystemTime};

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(600);

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64
}

pub(crate) async fn a_lease_is_given_again_after_it_ran_out_or_was_given_back(place: &impl Place) {
    let store = open(place).await;
    let first = store.acquire_lease("0", "a", LONG, now()).await.unwrap().unwrap();
    assert_eq!((first.shard.as_str(), first.owner.as_str(), first.term), ("0", "a", 1));
    for owner in ["a", "b"] {
        assert_eq!(store.acquire_lease("0", owner, LONG, now()).await.unwrap(), None);
    }
    assert!(store.acquire_lease("1", "b", LONG, now()).await.unwrap().is_some(), "another shard");
    assert!(store.renew_lease(&first, SHORT, now()).await.unwrap());
    tokio::time::sleep(2 * SHORT).await;
    assert!(!store.renew_lease(&first, LONG, now()).await.unwrap(), "it has run out");
    let second = store.acquire_lease("0", "b", LONG, now()).await.unwrap().unwrap();
    assert_eq!((second.owner.as_str(), second.term), ("b", 2));
    assert!(
        !store.renew_lease(&first, LONG, now()).await.unwrap() && !store.release_lease(&first).await.unwrap()
    );
    assert_eq!(store.leases().await.unwrap()[0], second);
    assert!(store.release_lease(&second).await.unwrap() && !store.release_lease(&second).await.unwrap());
    assert!(!store.renew_lease(&second, LONG, now()).await.unwrap(), "it was given back");
    assert_eq!(store.leases().await.unwrap().len(), 1, "of the other shard");
    let third = store.acquire_lease("0", "a", LONG, now()).await.unwrap().unwrap();
    assert_eq!(third.term, 3);
}

pub(crate) async fn of_many_who_ask_one_gets_the_lease(place: &impl Place) {
    let stores = [open(place).await, open(place).await];
    let tasks: Vec<_> = (0..16)
        .map(|at| {
            let store = stores[at % 2].clone();
            tokio::spawn(
                async move { store.acquire_lease("0", &format!("p{at}"), LONG, now()).await.unwrap() },
            )
        })
        .collect();
    let mut given = 0;
    for task in tasks {
        given += u32::from(task.await.unwrap().is_some());
    }
    assert_eq!(given, 1);
}
