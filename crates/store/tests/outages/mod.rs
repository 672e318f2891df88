//! A server that dies in the middle of work: nothing that was acknowledged is lost, and nothing is served twice.

use crate::server::{self, Server};
use crate::suite::{HUB, Place, SENSOR, enrolled, key};
use bodywire_store::{Location, LogHead, Store};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

const PAIRS: u64 = 20_000;
/// Tasks that claim.
const TASKS: u64 = 16;
/// How long everything works before the server is killed.
const WORK: Duration = Duration::from_secs(2);
const ORIGIN: &str = "ward.example/ledger";

struct At(String);

impl Place for At {
    fn location(&self) -> Location {
        Location::parse(&self.0).unwrap()
    }
}

fn head(size: u64) -> LogHead {
    LogHead { size, root: [size as u8; 32], note: size.to_string() }
}

/// Work on a server until it fails or is told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    /// What each task was served, and how many of its claims ended in an error.
    claims: Vec<JoinHandle<(Vec<u64>, u64)>>,
    /// The last size that was acknowledged.
    heads: JoinHandle<u64>,
}

impl Load {
    fn start(store: &Store) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let claims = (0..TASKS)
            .map(|_| {
                let (pool, stop) = (store.pairs(), Arc::clone(&stop));
                tokio::spawn(async move {
                    let mut served = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        // Who waits longer than this after a kill only waits for a new connection.
                        let claim =
                            tokio::time::timeout(Duration::from_secs(2), pool.claim(HUB, SENSOR, None));
                        match claim.await {
                            Ok(Ok(claimed)) => served.push(claimed.expect("there are enough").number),
                            _ => return (served, 1),
                        }
                    }
                    (served, 0)
                })
            })
            .collect();
        let (store, end) = (store.clone(), Arc::clone(&stop));
        let heads = tokio::spawn(async move {
            let mut size = 0;
            while !end.load(Ordering::Relaxed) {
                let next = head(size + 1);
                let swap =
                    tokio::time::timeout(Duration::from_secs(2), store.advance_head(ORIGIN, size, &next));
                match swap.await {
                    Ok(Ok(won)) => assert!(won, "there is no other writer"),
                    _ => return size,
                }
                size += 1;
            }
            size
        });
        Self { stop, claims, heads }
    }

    /// What was acknowledged: the pairs, how many may be burnt, and the size of the ledger.
    async fn end(self) -> (HashSet<u64>, u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        let (mut served, mut unknown) = (HashSet::new(), 0);
        for task in self.claims {
            let (numbers, failed) = task.await.unwrap();
            unknown += failed;
            for number in numbers {
                assert!(served.insert(number), "{number} was served twice");
            }
        }
        (served, unknown, self.heads.await.unwrap())
    }
}

/// What is left agrees with what was acknowledged, and is served to the end.
async fn nothing_is_lost(location: &Location, (mut served, unknown, size): (HashSet<u64>, u64, u64)) {
    let store = Store::open(location, &key()).await.unwrap();
    let now = store.head(ORIGIN).await.unwrap().map_or(0, |head| head.size);
    assert!(now == size || now == size + 1, "acknowledged {size}, found {now}");
    assert!(served.len() as u64 > TASKS && size > 10, "{} claims and {size} heads are no load", served.len());
    let left = store.pairs().left(HUB, SENSOR).await.unwrap();
    let gone = PAIRS - left;
    let acknowledged = served.len() as u64;
    assert!(
        (acknowledged..=acknowledged + unknown).contains(&gone),
        "{acknowledged} served, {unknown} unknown, {gone} gone"
    );
    eprintln!(
        "{acknowledged} served, {unknown} unknown, {left} left of {PAIRS}; head {size} acknowledged, {now} found"
    );
    let pool = store.pairs();
    for _ in 0..200 {
        let number = pool.claim(HUB, SENSOR, None).await.unwrap().expect("there are enough").number;
        assert!(served.insert(number), "{number} was served twice");
    }
    assert!(store.advance_head(ORIGIN, now, &head(now + 1)).await.unwrap());
    store.check_integrity().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_has_lost_nothing_and_serves_nothing_twice() {
    let Some(bin) = server::installed("a_killed_server_has_lost_nothing") else { return };
    let mut server = Server::start(&bin);
    let place = At(server.database());
    let store = enrolled(&place, &[SENSOR], PAIRS).await;
    let load = Load::start(&store);
    tokio::time::sleep(WORK).await;
    server.kill();
    let done = load.end().await;
    server.launch(&[]);
    nothing_is_lost(&place.location(), done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over_with_everything_that_was_acknowledged() {
    let Some(bin) = server::installed("a_standby_takes_over") else { return };
    let mut primary = Server::start(&bin);
    let place = At(primary.database());
    let store = enrolled(&place, &[SENSOR], PAIRS).await;
    let standby = primary.standby();
    primary.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'");
    primary.sql("postgres", "SELECT pg_reload_conf()");
    let deadline = Instant::now() + Duration::from_secs(20);
    while primary.sql("postgres", "SELECT sync_state FROM pg_stat_replication") != "quorum" {
        assert!(Instant::now() < deadline, "the standby does not follow");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let load = Load::start(&store);
    tokio::time::sleep(WORK).await;
    primary.kill();
    let done = load.end().await;
    standby.promote();
    let name = place.0.rsplit('/').next().unwrap();
    nothing_is_lost(&Location::parse(&standby.url(name)).unwrap(), done).await;
}
