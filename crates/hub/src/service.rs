//! The hub as a service: the sockets, clocks and databases around its [`Machine`].

use crate::config::Config;
use crate::counters::Counters;
use crate::error::Error;
use crate::machine::{Action, Heard, Machine, Moment, RadioAddress};
use crate::pairs::Pairs;
use crate::spool::Spool;
use bodywire_paths::{Event as PathEvent, Path, Publication, Will};
use bodywire_proto::wire::{Frame, SensorId};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// Frames from the air that wait for the hub: a second of a full bed played at a hundred times its speed.
pub const FRAMES_QUEUE: usize = 4_096;
/// Path events that wait for the hub.
const EVENTS_QUEUE: usize = 4_096;
/// Frames to a sensor that wait for the radio; a handshake has two.
pub const RADIO_QUEUE: usize = 64;
/// How long a stopping hub waits for the clinic to acknowledge what is in the spool.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// How often the hub asks the database who was revoked.
const REVOCATION_CHECK: Duration = Duration::from_secs(5);
/// Longest sleep between two looks at the timers.
const TICK: Duration = Duration::from_millis(100);

/// The way to the sensors. False when the radio cannot take the frame now, which is lost as it would be on the air.
pub type Transmit = Box<dyn Fn(RadioAddress, &Frame) -> bool + Send>;

/// A running hub.
pub struct Hub {
    machine: Machine,
    pairs: Pairs,
    transmit: Transmit,
    /// When the database is asked next who was revoked.
    revocation_due: Duration,
    paths: Vec<Path>,
    rng: StdRng,
    started: Instant,
    counters: Arc<Counters>,
}

impl Hub {
    /// Opens nothing but connections: spool and database are the caller's, so that it can say where they are.
    /// `transmit` leads to the sensors.
    pub fn new(config: Config, pairs: Pairs, spool: Spool, transmit: Transmit) -> Result<Self, Error> {
        let mut rng = StdRng::from_rng(&mut rand::rng());
        let machine = Machine::new(config, spool, &mut rng)?;
        Ok(Self {
            counters: machine.counters(),
            machine,
            pairs,
            transmit,
            revocation_due: Duration::ZERO,
            paths: Vec::new(),
            rng,
            started: Instant::now(),
        })
    }

    /// What the hub has done; stays valid while it runs.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Runs until `stop` turns true, then sends what is left and waits for the clinic's word on it.
    /// `frames` are what the radio hears.
    pub async fn run(
        mut self,
        mut frames: mpsc::Receiver<Heard>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), Error> {
        let (events_in, mut events) = mpsc::channel(EVENTS_QUEUE);
        for (index, broker) in self.machine.config().paths.iter().enumerate() {
            let client_id = format!("bw{:016x}", self.rng.next_u64());
            let Publication { topic, payload, retain, .. } = self.machine.state(index, false)?;
            let will = Will { topic, payload, retain };
            self.paths.push(Path::connect(index, broker, &client_id, Some(will), events_in.clone())?);
        }
        drop(events_in);
        let mut stopping: Option<Instant> = None;
        loop {
            tokio::select! {
                Some(heard) = frames.recv() => self.frame(&heard).await?,
                Some((path, event)) = events.recv() => self.path_event(path, event).await?,
                _ = tokio::time::sleep(self.until_next_timer()) => {}
                _ = stop.changed(), if stopping.is_none() => stopping = Some(Instant::now()),
            }
            // Take what else has come, so that reports of one moment share one sync of the spool.
            while let Ok(heard) = frames.try_recv() {
                self.frame(&heard).await?;
            }
            self.end_revoked().await;
            let at = self.moment();
            blocking(|| self.machine.turn(at, stopping.is_some(), &mut self.rng))?;
            self.act().await?;
            if let Some(since) = stopping
                && (self.machine.pending() == 0 || self.paths.is_empty() || since.elapsed() > DRAIN_TIMEOUT)
            {
                self.paths.iter().for_each(Path::disconnect);
                for path in &self.paths {
                    path.ended().await;
                }
                return blocking(|| self.pairs.publish());
            }
        }
    }

    fn moment(&self) -> Moment {
        Moment { now: self.started.elapsed(), unix_ms: now_ms() }
    }

    fn until_next_timer(&self) -> Duration {
        let at = self.moment();
        let next = self.machine.next_timeout(at).map_or(TICK, |due| due.saturating_sub(at.now));
        next.clamp(Duration::from_millis(1), TICK)
    }

    async fn frame(&mut self, heard: &Heard) -> Result<(), Error> {
        let at = self.moment();
        blocking(|| self.machine.frame(at, heard, &mut self.rng))?;
        self.act().await
    }

    async fn path_event(&mut self, path: usize, event: PathEvent) -> Result<(), Error> {
        let at = self.moment();
        let Self { machine, rng, .. } = self;
        blocking(|| match event {
            PathEvent::Up { .. } => machine.path_up(at, path, rng),
            PathEvent::Down(reason) => {
                tracing::warn!(path, %reason, "a path is down");
                machine.path_down(at, path, rng)
            }
            PathEvent::Message { topic, payload } => machine.message(at, path, (&topic, payload), rng),
        })?;
        self.act().await
    }

    /// Does what the machine wants done.
    async fn act(&mut self) -> Result<(), Error> {
        while let Some(action) = self.machine.poll() {
            match action {
                Action::ClaimPair(sensor, wanted) => {
                    let claimed = self.pairs.claim(sensor, wanted.as_ref(), now_ms()).await;
                    // The pair may be gone with an error, or could not be put on record. It is burnt, never asked for again.
                    let pair = claimed.unwrap_or_else(|error| {
                        tracing::warn!(%error, "no pair could be claimed");
                        None
                    });
                    let at = self.moment();
                    blocking(|| self.machine.pair(at, sensor, pair, &mut self.rng))?;
                }
                Action::Transmit(to, frame) => {
                    // A full radio loses the frame as the air would; the sensor tries again.
                    if !(self.transmit)(to, &frame) {
                        self.counters.refused.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Action::Publish(path, publication) => self.publish(path, publication),
                Action::Subscribe(path, topic) => self.subscribe(path, &topic),
            }
        }
        Ok(())
    }

    /// Ends the links of sensors that were revoked.
    async fn end_revoked(&mut self) {
        let now = self.started.elapsed();
        if now < self.revocation_due {
            return;
        }
        self.revocation_due = now + REVOCATION_CHECK;
        if let Err(error) = blocking(|| self.pairs.publish()) {
            tracing::error!(%error, "the record of used pairs was not published");
        }
        let revoked: Vec<SensorId> = self.pairs.revoked().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "it is not known who was revoked");
            Vec::new()
        });
        revoked.into_iter().for_each(|sensor| self.machine.revoke(sensor));
    }

    fn publish(&self, path: usize, publication: Publication) {
        // What a hub says of its connection is no fragment, nor a refusal of one.
        let counted = !publication.retain;
        let published = self.paths.get(path).is_some_and(|p| p.publish(publication));
        if let Some(counters) = self.counters.paths.get(path).filter(|_| counted) {
            let counter = if published { &counters.fragments } else { &counters.refused };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn subscribe(&self, path: usize, topic: &str) {
        let listening = self.paths.get(path).is_some_and(|p| p.subscribe(topic));
        if !listening {
            tracing::warn!(path, "the path's queue is full; it will be asked again at its next connection");
        }
    }
}

/// Runs a short synchronous piece of work, such as a sync of the spool, without holding up other tasks.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(work)
}

/// Milliseconds since 1970 by this machine's clock.
fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |elapsed| elapsed.as_millis() as u64)
}
