//! Claims of pairs, committed together.
//!
//! SQLite has one writer and each commit waits for the disk. One task collects the claims that come while a commit runs
//! and makes them one transaction: first come, first served, so that a device that asks all the time cannot keep others
//! out, and no waiting for a lock that others get by luck.

use crate::engine::{Engine, Pools};
use crate::error::Error;
use bodywire_proto::puf::Challenge;
use bodywire_proto::wire::{HubId, SensorId};
use sqlx::any::AnyRow;
use sqlx::{Any, AssertSqlSafe, Executor};
use tokio::sync::{mpsc, oneshot};

/// Claims in one transaction. With more, the last waits longer than the commit itself takes; with fewer, the disk is asked
/// more often.
const GROUP_MAX: usize = 256;
/// Claims that wait before callers wait for room: two transactions' worth, a few KiB.
const QUEUE_MAX: usize = 2 * GROUP_MAX;

/// Which pair is wanted.
pub(crate) struct Which {
    hub: i64,
    sensor: i64,
    challenge: Option<Vec<u8>>,
}

impl Which {
    pub(crate) fn new(hub: HubId, sensor: SensorId, wanted: Option<&Challenge>) -> Self {
        let challenge = wanted.map(|challenge| challenge.as_bytes().to_vec());
        Self { hub: hub.0.into(), sensor: sensor.0.into(), challenge }
    }
}

struct Request {
    which: Which,
    reply: oneshot::Sender<Result<Option<AnyRow>, Error>>,
}

/// Hands claims to the task that commits them. The task ends with the last handle.
#[derive(Clone)]
pub(crate) struct Group(mpsc::Sender<Request>);

impl Group {
    pub(crate) fn start(pools: Pools) -> Self {
        let (sender, requests) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(run(pools, requests));
        Self(sender)
    }

    pub(crate) async fn claim(&self, which: Which) -> Result<Option<AnyRow>, Error> {
        let (reply, answer) = oneshot::channel();
        let gone = || Error::Claim("the database is closed".to_owned());
        self.0.send(Request { which, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

async fn run(pools: Pools, mut requests: mpsc::Receiver<Request>) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while requests.recv_many(&mut group, GROUP_MAX).await > 0 {
        // Callers that were just served ask again at once: let them in before the disk is asked.
        tokio::task::yield_now().await;
        while group.len() < GROUP_MAX
            && let Ok(request) = requests.try_recv()
        {
            group.push(request);
        }
        // Who has stopped waiting gets nothing, and loses nothing.
        group.retain(|request| !request.reply.is_closed());
        let done = commit(&pools, &group).await;
        answer(done, group.drain(..));
    }
}

/// Deletes what is wanted in one transaction. With an error nobody gets anything.
async fn commit(pools: &Pools, group: &[Request]) -> Result<Vec<Option<AnyRow>>, Error> {
    let mut rows = Vec::with_capacity(group.len());
    let mut transaction = pools.begin().await?;
    for request in group {
        rows.push(delete(pools.engine, &mut *transaction, &request.which).await?);
    }
    transaction.commit().await?;
    Ok(rows)
}

fn answer(done: Result<Vec<Option<AnyRow>>, Error>, group: impl Iterator<Item = Request>) {
    // A caller that has gone does not hear it: its pair is burnt.
    match done {
        Ok(rows) => group.zip(rows).for_each(|(request, row)| drop(request.reply.send(Ok(row)))),
        Err(error) => {
            let why = error.to_string();
            group.for_each(|request| drop(request.reply.send(Err(Error::Claim(why.clone())))));
        }
    }
}

/// Deletes one pair and returns what it was.
///
/// On a server many claims run at once. Without `SKIP LOCKED` all would wait for the same first pair and then find it gone,
/// though others are left; SQLite, with one writer, does not know the words.
pub(crate) async fn delete<'e>(
    engine: Engine,
    executor: impl Executor<'e, Database = Any>,
    which: &Which,
) -> Result<Option<AnyRow>, Error> {
    let lock = match engine {
        Engine::Sqlite => "",
        Engine::Postgres => "FOR UPDATE SKIP LOCKED",
    };
    let wanted = if which.challenge.is_some() { "AND challenge = $3" } else { "" };
    let text = format!(
        "DELETE FROM pair WHERE (hub, sensor, number) = \
         (SELECT hub, sensor, number FROM pair WHERE hub = $1 AND sensor = $2 {wanted} ORDER BY number LIMIT 1 {lock}) \
         RETURNING number, challenge, response"
    );
    let query = sqlx::query(AssertSqlSafe(text)).bind(which.hub).bind(which.sensor);
    let query = match &which.challenge {
        Some(challenge) => query.bind(challenge.clone()),
        None => query,
    };
    // To the end, so that the deletion is committed before the pair leaves.
    Ok(query.fetch_all(executor).await?.into_iter().next())
}
