//! The hub as a service: moves bytes between link, bedside, spool and paths, and wakes their timers.

mod asking;

use crate::asks::Asks;
use crate::bedside::{Bedside, SensorProfile};
use crate::error::Error;
use crate::link::{Link, Output as LinkOutput};
use crate::pairs::Pairs;
use crate::spool::{Outgoing, Spool};
use crate::vitals::Aggregation;
use bodywire_channels::sender::{Input, Output, Sender, Token};
use bodywire_channels::session::{self, HubNumber};
use bodywire_channels::state::State;
use bodywire_channels::topic::{Rendezvous, Shard};
use bodywire_channels::{Priority, Spread, ack, downlink};
use bodywire_paths::{Broker, Delivery, Event as PathEvent, Path, Publication, Will};
use bodywire_proto::access::IssuerKey;
use bodywire_proto::puf::Challenge;
use bodywire_proto::report::{self, Kind, Report, ReportHeader};
use bodywire_proto::wire::{Frame, HubId, SensorId, claimed_sensor};
use ed25519_dalek::{SigningKey, VerifyingKey};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// Frames from the air that wait for the hub: a second of a full bed played at a hundred times its speed.
pub const FRAMES_QUEUE: usize = 4_096;
/// Path events that wait for the hub.
const EVENTS_QUEUE: usize = 4_096;
/// Frames to a sensor that wait for the radio; a handshake has two.
pub const RADIO_QUEUE: usize = 64;
/// Reports read from the spool at once.
const SPOOL_READ: usize = 64;
/// How long a stopping hub waits for the clinic to acknowledge what is in the spool.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// A clinic that has acknowledged nothing for this long, with reports waiting, may have lost the session.
const CLINIC_SILENT: Duration = Duration::from_secs(60);
/// How often the hub asks the database who was revoked.
const REVOCATION_CHECK: Duration = Duration::from_secs(5);
/// Longest sleep between two looks at the timers.
const TICK: Duration = Duration::from_millis(100);

/// What a hub is told at start.
pub struct Config {
    /// Its number at the clinic.
    pub hub: HubId,
    /// Signs the start of sessions.
    pub signing_key: SigningKey,
    /// The clinic's verification key.
    pub clinic: VerifyingKey,
    /// The secret behind the topic names.
    pub rendezvous: Rendezvous,
    /// The shard of the clinic.
    pub shard: Shard,
    /// The paths, one for each fragment.
    pub paths: Vec<Broker>,
    /// How messages are spread over the paths.
    pub spread: Spread,
    /// The sensors.
    pub sensors: Vec<SensorProfile>,
    /// How long observations wait at most for others to share a report with.
    pub report_age: Duration,
    /// How its vital signs go into the ward's sums, if they do.
    pub aggregation: Option<Aggregation>,
    /// Whose certificates count when somebody asks a class III sensor. Without it every ask is refused.
    pub issuer: Option<IssuerKey>,
}

/// What a hub has done so far; read by whoever runs it.
#[derive(Debug, Default)]
pub struct Counters {
    /// Reports made.
    pub reports: AtomicU64,
    /// Reports the clinic has acknowledged.
    pub acknowledged: AtomicU64,
    /// Reports that wait in the spool.
    pub pending: AtomicU64,
    /// Bytes of the reports that wait in the spool.
    pub spool_bytes: AtomicU64,
    /// Reports that were not even made, because the spool was full.
    pub dropped: AtomicU64,
    /// Fragments that had to be sent again.
    pub resent: AtomicU64,
    /// Completed authentications.
    pub authentications: AtomicU64,
    /// Bits of the last authentication on the air.
    pub handshake_bits: AtomicU64,
    /// Frames, acknowledgements and prekeys that were refused.
    pub refused: AtomicU64,
    /// Payload bytes of the fragments that went out.
    pub fragment_bytes: AtomicU64,
    /// By path.
    pub paths: Vec<PathCounters>,
}

/// What has gone out on a path.
#[derive(Debug, Default)]
pub struct PathCounters {
    /// 1 when its broker has accepted the connection.
    pub up: AtomicU64,
    /// 1 when the clinic misses a tenth of what the path was given.
    pub degraded: AtomicU64,
    /// Fragments that went out.
    pub fragments: AtomicU64,
    /// Publications that the path could not take, because its queue was full or it was down.
    pub refused: AtomicU64,
}

/// Where the radio heard a frame, and where an answer is to go: a number the radio gives out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RadioAddress(pub u64);

/// A frame from the air.
#[derive(Debug)]
pub struct Heard {
    /// Where it came from. Not authenticated.
    pub from: RadioAddress,
    /// The frame. Not trusted.
    pub bytes: Vec<u8>,
}

/// The way to the sensors. False when the radio cannot take the frame now, which is lost as it would be on the air.
pub type Transmit = Box<dyn Fn(RadioAddress, &Frame) -> bool + Send>;

/// A running hub.
pub struct Hub {
    config: Config,
    pairs: Pairs,
    spool: Spool,
    links: BTreeMap<SensorId, Link>,
    transmit: Transmit,
    /// Where each sensor was heard last with a frame that verified, and who was heard there.
    address_of: BTreeMap<SensorId, RadioAddress>,
    sensor_at: BTreeMap<RadioAddress, SensorId>,
    /// When the database is asked next who was revoked.
    revocation_due: Duration,
    bedside: Bedside,
    asks: Asks,
    paths: Vec<Path>,
    up: Vec<bool>,
    sender: Option<Sender>,
    /// The clinic's newest prekey, and the one the session was started with.
    prekey: Option<Vec<u8>>,
    /// When the clinic was heard last, or the session was started.
    heard: Duration,
    /// Reports below these numbers have been given to the sender of this session, alarms and others.
    submitted_urgent: u64,
    submitted: u64,
    rng: StdRng,
    /// Tell this run of the hub from the one before, in what it says of its connection on each path. They differ, so that
    /// two brokers cannot join them.
    connections: Vec<u64>,
    started: Instant,
    counters: Arc<Counters>,
}

impl Hub {
    /// Opens nothing but connections: spool and database are the caller's, so that it can say where they are.
    /// `transmit` leads to the sensors.
    pub fn new(config: Config, pairs: Pairs, spool: Spool, transmit: Transmit) -> Result<Self, Error> {
        let links = spool.sensors()?.into_iter().map(|record| (record.sensor, Link::new(record))).collect();
        let sensors = config.sensors.iter().copied();
        let bedside = Bedside::new(sensors, config.report_age, config.aggregation.clone());
        let asks = Asks::new(config.issuer);
        let paths = config.paths.iter().map(|_| PathCounters::default()).collect();
        let connections = config.paths.iter().map(|_| rand::rng().next_u64()).collect();
        let counters = Arc::new(Counters { paths, ..Counters::default() });
        counters.pending.store(spool.pending(), Ordering::Relaxed);
        Ok(Self {
            up: vec![false; config.paths.len()],
            config,
            pairs,
            spool,
            links,
            transmit,
            address_of: BTreeMap::new(),
            sensor_at: BTreeMap::new(),
            revocation_due: Duration::ZERO,
            bedside,
            asks,
            paths: Vec::new(),
            sender: None,
            prekey: None,
            heard: Duration::ZERO,
            submitted_urgent: 0,
            submitted: 0,
            rng: StdRng::from_rng(&mut rand::rng()),
            connections,
            started: Instant::now(),
            counters,
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
        for (index, broker) in self.config.paths.iter().enumerate() {
            let client_id = format!("bw{:016x}", self.rng.next_u64());
            let will = self.state(index, false)?;
            let will = Will { topic: will.topic, payload: will.payload, retain: will.retain };
            self.paths.push(Path::connect(index, broker, &client_id, Some(will), events_in.clone())?);
        }
        drop(events_in);
        let mut stopping: Option<Instant> = None;
        loop {
            tokio::select! {
                Some(heard) = frames.recv() => self.frame(&heard).await?,
                Some((path, event)) = events.recv() => self.path_event(path, event)?,
                _ = tokio::time::sleep(self.until_next_timer()) => {}
                _ = stop.changed(), if stopping.is_none() => stopping = Some(Instant::now()),
            }
            // Take what else has come, so that reports of one moment share one sync of the spool.
            while let Ok(heard) = frames.try_recv() {
                self.frame(&heard).await?;
            }
            self.end_revoked().await;
            self.timers().await?;
            self.judge_paths();
            self.report(stopping.is_some())?;
            self.submit()?;
            if let Some(since) = stopping
                && (self.spool.pending() == 0 || self.paths.is_empty() || since.elapsed() > DRAIN_TIMEOUT)
            {
                self.paths.iter().for_each(Path::disconnect);
                for path in &self.paths {
                    path.ended().await;
                }
                return blocking(|| self.pairs.publish());
            }
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn until_next_timer(&self) -> Duration {
        let now = self.now();
        let sender = self.sender.as_ref().and_then(Sender::next_timeout);
        let links = self.links.values().filter_map(Link::next_timeout);
        let asks = self.asks.next_timeout();
        let next = links.chain(sender).chain(asks).map(|due| due.saturating_sub(now)).min().unwrap_or(TICK);
        let reports = self
            .bedside
            .next_due_ms()
            .map_or(TICK, |due| Duration::from_millis(due.saturating_sub(now_ms())));
        next.min(reports).clamp(Duration::from_millis(1), TICK)
    }

    async fn timers(&mut self) -> Result<(), Error> {
        let now = self.now();
        let due: Vec<SensorId> = self
            .links
            .iter()
            .filter(|(_, link)| link.next_timeout().is_some_and(|at| now >= at))
            .map(|(sensor, _)| *sensor)
            .collect();
        for sensor in due {
            let refused = match self.links.get_mut(&sensor) {
                Some(link) => link_result(link.timeout(now, &mut self.rng)),
                None => false,
            };
            self.refused_if(refused);
            self.drain_link(sensor).await?;
        }
        self.ask_sensors().await?;
        if self.sender.as_ref().is_some_and(|sender| sender.is_spent(now))
            && let Some(prekey) = self.prekey.take()
        {
            // An expired prekey starts nothing; then the old session goes on until the clinic offers a new one.
            self.begin_session(prekey)?;
        }
        if let Some(sender) = &mut self.sender
            && sender.next_timeout().is_some_and(|at| now >= at)
        {
            sender.handle(now, Input::Timeout, &mut self.rng)?;
            self.counters.resent.store(sender.resent(), Ordering::Relaxed);
            self.drain_sender()?;
        }
        Ok(())
    }

    fn refused_if(&self, refused: bool) {
        if refused {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn frame(&mut self, heard: &Heard) -> Result<(), Error> {
        let now = self.now();
        let claimed = claimed_sensor(&heard.bytes);
        // m3 names nobody: it belongs to the run that was begun from the same place.
        let sensor = claimed.or_else(|| self.sensor_at.get(&heard.from).copied());
        let Some((sensor, link)) =
            sensor.and_then(|sensor| self.links.get_mut(&sensor).map(|link| (sensor, link)))
        else {
            self.refused_if(true);
            return Ok(());
        };
        let refused = link_result(link.frame(now, &heard.bytes, &mut self.rng));
        if !refused && claimed.is_some() {
            self.found_at(sensor, heard.from);
        }
        self.refused_if(refused);
        self.drain_link(sensor).await
    }

    /// A frame of this sensor has verified: answers go where it came from.
    fn found_at(&mut self, sensor: SensorId, address: RadioAddress) {
        if let Some(before) = self.address_of.insert(sensor, address)
            && before != address
        {
            self.sensor_at.remove(&before);
        }
        self.sensor_at.insert(address, sensor);
    }

    /// Ends the links of sensors that were revoked.
    async fn end_revoked(&mut self) {
        let now = self.now();
        if now < self.revocation_due {
            return;
        }
        self.revocation_due = now + REVOCATION_CHECK;
        if let Err(error) = blocking(|| self.pairs.publish()) {
            tracing::error!(%error, "the record of used pairs was not published");
        }
        match self.pairs.revoked().await {
            Ok(revoked) => {
                for sensor in revoked {
                    if self.links.remove(&sensor).is_some() {
                        tracing::warn!("a sensor was revoked");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "it is not known who was revoked"),
        }
    }

    async fn drain_link(&mut self, sensor: SensorId) -> Result<(), Error> {
        loop {
            let Some(output) = self.links.get_mut(&sensor).and_then(Link::poll) else { return Ok(()) };
            match output {
                LinkOutput::Save(record) => blocking(|| self.spool.save_sensor(&record))?,
                LinkOutput::ClaimPair(wanted) => self.claim_pair(sensor, wanted.as_ref()).await?,
                LinkOutput::Send(frame) => {
                    // A full radio loses the frame as the air would; the sensor tries again.
                    let to = self.address_of.get(&sensor);
                    let sent = to.is_some_and(|to| (self.transmit)(*to, &frame));
                    self.refused_if(!sent);
                }
                LinkOutput::Established { epoch, bits, noise_bits } => {
                    self.counters.authentications.fetch_add(1, Ordering::Relaxed);
                    self.counters.handshake_bits.store(u64::from(bits), Ordering::Relaxed);
                    self.bedside.established(sensor, epoch, bits, noise_bits)?;
                }
                LinkOutput::Payload(payload) => {
                    let taken = match self.asks.hear(sensor, &payload) {
                        Ok(true) => self.bedside.payload(sensor, now_ms(), &payload),
                        Ok(false) => Ok(()),
                        Err(error) => Err(error),
                    };
                    self.refused_if(link_result(taken));
                }
                LinkOutput::Failed(error) => tracing::warn!(%error, "a handshake failed"),
            }
        }
    }

    async fn claim_pair(&mut self, sensor: SensorId, wanted: Option<&Challenge>) -> Result<(), Error> {
        let pair = match self.pairs.claim(sensor, wanted, now_ms()).await {
            Ok(pair) => pair,
            Err(error) => {
                // The pair may be gone with the error, or could not be put on record. It is burnt, never asked for again.
                tracing::warn!(%error, "no pair could be claimed");
                None
            }
        };
        let now = self.now();
        let refused = match self.links.get_mut(&sensor) {
            Some(link) => link_result(link.pair(now, pair, &mut self.rng)),
            None => false,
        };
        self.refused_if(refused);
        Ok(())
    }

    /// Moves what is due from the bedside into the spool.
    fn report(&mut self, everything: bool) -> Result<(), Error> {
        self.bedside.close_window(now_ms(), everything, &mut self.rng)?;
        let reports =
            self.bedside.take(now_ms(), self.spool.next_number(), self.spool.pending(), everything)?;
        if reports.is_empty() {
            return Ok(());
        }
        let mut reports: Vec<Outgoing> = reports.into_iter().map(outgoing).collect();
        let mut pushed = blocking(|| self.spool.push(&reports));
        if let Err(error @ Error::SpoolFull { .. }) = pushed {
            // What is older is kept: it has been promised. The jump of the sample numbers will show the gap. Alarms still
            // have room.
            tracing::error!(%error, "new reports are dropped");
            let made = reports.len();
            reports = renumbered(reports.into_iter().filter(|one| one.urgent), self.spool.next_number())?;
            pushed = blocking(|| self.spool.push(&reports));
            if let Err(Error::SpoolFull { .. }) = pushed {
                reports.clear();
                pushed = Ok(());
            }
            self.counters.dropped.fetch_add((made - reports.len()) as u64, Ordering::Relaxed);
        }
        pushed?;
        self.counters.reports.fetch_add(reports.len() as u64, Ordering::Relaxed);
        self.counters.pending.store(self.spool.pending(), Ordering::Relaxed);
        self.counters.spool_bytes.store(self.spool.bytes(), Ordering::Relaxed);
        Ok(())
    }

    /// Gives the sender what it can take, from the spool and in order, alarms first.
    fn submit(&mut self) -> Result<(), Error> {
        while self.may_submit(Priority::Emergency) && self.submitted_urgent < self.spool.next_number() {
            let batch = self.spool.urgent(self.submitted_urgent, SPOOL_READ)?;
            self.submitted_urgent = self.submit_batch(Priority::Emergency, batch, self.submitted_urgent)?;
        }
        while self.may_submit(Priority::Routine) && self.submitted < self.spool.next_number() {
            let batch = self.spool.waiting(self.submitted, SPOOL_READ)?;
            self.submitted = self.submit_batch(Priority::Routine, batch, self.submitted)?;
        }
        Ok(())
    }

    fn may_submit(&self, priority: Priority) -> bool {
        self.sender.as_ref().is_some_and(|sender| sender.ready(priority))
    }

    /// Submits what the sender takes of a batch; the result is the number up to which everything is submitted.
    fn submit_batch(
        &mut self,
        priority: Priority,
        batch: Vec<(u64, Vec<u8>)>,
        submitted: u64,
    ) -> Result<u64, Error> {
        let now = self.now();
        let Some(sender) = &mut self.sender else { return Ok(submitted) };
        let mut up_to = if batch.is_empty() { self.spool.next_number() } else { submitted };
        for (number, report) in batch {
            if !sender.ready(priority) {
                break;
            }
            sender.handle(now, Input::Submit(Token(number), priority, &report), &mut self.rng)?;
            up_to = number + 1;
        }
        self.drain_sender()?;
        Ok(up_to)
    }

    fn drain_sender(&mut self) -> Result<(), Error> {
        let mut acknowledged = Vec::new();
        while let Some(output) = self.sender.as_mut().and_then(Sender::poll) {
            match output {
                Output::Start { path, payload } => {
                    let topic = self.config.rendezvous.session_topic(&self.config.shard, path)?;
                    self.publish(path, topic, Delivery::AtLeastOnce, payload);
                }
                Output::Fragment { path, priority, payload } => {
                    self.counters.fragment_bytes.fetch_add(payload.len() as u64, Ordering::Relaxed);
                    let delivery = match priority {
                        Priority::Preview => Delivery::AtMostOnce,
                        Priority::Emergency | Priority::Routine => Delivery::AtLeastOnce,
                    };
                    let keys = self.sender.as_ref().map(Sender::keys);
                    if let Some(topic) = keys.and_then(|keys| self.config.shard.fragments(keys, path)) {
                        self.publish(path, topic, delivery, payload);
                    }
                }
                Output::Confirmed => tracing::info!("the clinic has confirmed the session"),
                Output::Acknowledged(Token(number)) => acknowledged.push(number),
                Output::Ordered(content) => self.ordered(&content)?,
            }
        }
        if !acknowledged.is_empty() {
            let removed = blocking(|| self.spool.acknowledge(&acknowledged))?;
            self.counters.acknowledged.fetch_add(removed as u64, Ordering::Relaxed);
            self.counters.pending.store(self.spool.pending(), Ordering::Relaxed);
            self.counters.spool_bytes.store(self.spool.bytes(), Ordering::Relaxed);
        }
        Ok(())
    }

    fn path_event(&mut self, path: usize, event: PathEvent) -> Result<(), Error> {
        match event {
            PathEvent::Up { .. } => {
                self.set_up(path, true);
                let prekeys = self.config.rendezvous.prekey_topic(&self.config.shard, path)?;
                self.subscribe(path, &prekeys);
                self.listen_for_acks(path);
                let online = self.state(path, true)?;
                // When it does not fit, the clinic goes on believing what it heard before.
                let _ = self.paths.get(path).is_some_and(|p| p.publish(online));
                self.sender_input(|| Input::PathUp(path))
            }
            PathEvent::Down(reason) => {
                tracing::warn!(path, %reason, "a path is down");
                self.set_up(path, false);
                self.sender_input(|| Input::PathDown(path))
            }
            PathEvent::Message { topic, payload } if topic.ends_with("/p") => self.prekey(payload),
            PathEvent::Message { payload, .. } if downlink::is_order(&payload) => {
                self.sender_input(|| Input::Order(path, &payload))
            }
            PathEvent::Message { payload, .. } => {
                let known = self.sender.as_ref().is_some_and(|s| ack::open(s.keys(), path, &payload).is_ok());
                self.refused_if(!known);
                if known {
                    self.heard = self.now();
                    self.sender_input(|| Input::Ack(path, &payload))
                } else {
                    Ok(())
                }
            }
        }
    }

    /// What this hub says of its connection to a path's broker, or its will says for it.
    fn state(&self, path: usize, online: bool) -> Result<Publication, Error> {
        let Config { rendezvous, shard, .. } = &self.config;
        let connection = self.connections.get(path).copied().unwrap_or_default();
        let payload = State { online, connection }.to_bytes(rendezvous, path)?;
        let topic = rendezvous.state_topic(shard, path)?;
        Ok(Publication { topic, payload, delivery: Delivery::AtLeastOnce, retain: true })
    }

    fn publish(&self, path: usize, topic: String, delivery: Delivery, payload: Vec<u8>) {
        let publication = Publication { topic, payload, delivery, retain: false };
        let published = self.paths.get(path).is_some_and(|p| p.publish(publication));
        if let Some(counters) = self.counters.paths.get(path) {
            let counter = if published { &counters.fragments } else { &counters.refused };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Says in the counters which paths lose what they are given.
    fn judge_paths(&self) {
        let Some(sender) = &self.sender else { return };
        for (path, counters) in self.counters.paths.iter().enumerate() {
            let degraded = self.up.get(path) == Some(&true) && sender.health().is_degraded(path);
            if counters.degraded.swap(u64::from(degraded), Ordering::Relaxed) != u64::from(degraded) {
                tracing::warn!(path, degraded, "what the clinic misses of a path has changed");
            }
        }
    }

    fn set_up(&mut self, path: usize, up: bool) {
        if let Some(counters) = self.counters.paths.get(path) {
            counters.up.store(u64::from(up), Ordering::Relaxed);
        }
        if let Some(slot) = self.up.get_mut(path) {
            *slot = up;
        }
    }

    fn subscribe(&self, path: usize, topic: &str) {
        let listening = self.paths.get(path).is_some_and(|p| p.subscribe(topic));
        if !listening {
            tracing::warn!(path, "the path's queue is full; it will be asked again at its next connection");
        }
    }

    fn listen_for_acks(&self, path: usize) {
        if let Some(topic) = self.sender.as_ref().and_then(|s| self.config.shard.acks(s.keys(), path)) {
            self.subscribe(path, &topic);
        }
    }

    fn sender_input<'a>(&mut self, input: impl FnOnce() -> Input<'a>) -> Result<(), Error> {
        let now = self.now();
        let handled = match &mut self.sender {
            Some(sender) => sender.handle(now, input(), &mut self.rng),
            None => Ok(()),
        };
        match handled {
            // What a peer sent and the sender refused is counted; it must not stop the hub.
            Err(bodywire_channels::Error::Refused(_)) => self.refused_if(true),
            other => other?,
        }
        self.drain_sender()
    }

    /// A prekey of the clinic: a newer one begins a new session. An older one, which a broker may have kept, does so
    /// only when the clinic has been silent for long: then its clock may have been set back.
    fn prekey(&mut self, prekey: Vec<u8>) -> Result<(), Error> {
        if let Some(present) = &self.prekey {
            let newer = session::not_after_ms(&prekey) > session::not_after_ms(present);
            let silent = self.now().saturating_sub(self.heard) > CLINIC_SILENT && self.spool.pending() > 0;
            if *present == prekey || !(newer || silent) {
                return Ok(());
            }
        }
        self.begin_session(prekey)
    }

    /// Starts a session with this prekey, in place of the running one.
    fn begin_session(&mut self, prekey: Vec<u8>) -> Result<(), Error> {
        let Config { hub, signing_key, clinic, spread, .. } = &self.config;
        let number = HubNumber(hub.0);
        let started = session::start(number, signing_key, clinic, &prekey, *spread, now_ms(), &mut self.rng);
        let started = match started {
            Ok(started) => started,
            Err(error) => {
                tracing::warn!(%error, "a prekey was refused");
                self.refused_if(true);
                return Ok(());
            }
        };
        self.prekey = Some(prekey);
        self.submitted_urgent = 0;
        self.submitted = 0;
        let now = self.now();
        self.heard = now;
        let mut sender = Sender::new(started, now);
        for path in (0..self.up.len()).filter(|path| self.up.get(*path) == Some(&true)) {
            sender.handle(now, Input::PathUp(path), &mut self.rng)?;
        }
        self.sender = Some(sender);
        // The acknowledgements are asked for before the start goes out, or the first would be missed.
        (0..self.paths.len()).for_each(|path| self.listen_for_acks(path));
        self.drain_sender()
    }
}

/// A report on its way into the spool; alarms go before the others.
fn outgoing(report: Vec<u8>) -> Outgoing {
    let urgent = Report::parse(&report).is_ok_and(|report| report.header.kind == Kind::Alarm);
    Outgoing { report, urgent }
}

/// Reports with new numbers, from `first` on without a gap.
fn renumbered(reports: impl Iterator<Item = Outgoing>, first: u64) -> Result<Vec<Outgoing>, Error> {
    let renumber = |(number, outgoing): (u64, Outgoing)| {
        let report = Report::parse(&outgoing.report)?;
        let header = ReportHeader { number, ..report.header };
        let report = [&report::emit_header(&header)?[..], report.body()].concat();
        Ok(Outgoing { report, ..outgoing })
    };
    (first..).zip(reports).map(renumber).collect()
}

/// True when a peer's input was refused. What is refused is counted; the peer gets no answer.
fn link_result(result: Result<(), bodywire_proto::Error>) -> bool {
    if let Err(error) = &result {
        tracing::debug!(%error, "refused");
    }
    result.is_err()
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

#[cfg(test)]
mod tests {
    use super::*;
    use bodywire_channels::session::Prekey;
    use bodywire_store::{DatabaseKey, Store};

    async fn hub(directory: &std::path::Path) -> Hub {
        let key = DatabaseKey::new([1; 32]);
        let store = Store::open(&directory.join("test.db"), &key).await.unwrap();
        let config = Config {
            hub: HubId(1),
            signing_key: SigningKey::from_bytes(&[2; 32]),
            clinic: SigningKey::from_bytes(&[3; 32]).verifying_key(),
            rendezvous: Rendezvous::new([4; 32]),
            shard: Shard::new("0").unwrap(),
            paths: Vec::new(),
            spread: Spread::TWO_OF_THREE,
            sensors: Vec::new(),
            report_age: crate::bedside::REPORT_AGE,
            aggregation: None,
            issuer: None,
        };
        let spool = Spool::open(&directory.join("spool.redb")).unwrap();
        let record = directory.join("pairs");
        let pairs = Pairs::open(&record, HubId(1), &config.signing_key, store.pairs(), []).await.unwrap();
        Hub::new(config, pairs, spool, Box::new(|_, _| true)).unwrap()
    }

    fn session(hub: &Hub) -> Option<[u8; 8]> {
        hub.sender.as_ref()?.keys().pseudonym(0)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_broker_that_offers_an_old_prekey_again_ends_no_session() {
        let directory = tempfile::tempdir().unwrap();
        let mut hub = hub(directory.path()).await;
        let clinic = SigningKey::from_bytes(&[3; 32]);
        let mut rng = StdRng::seed_from_u64(1);
        let mut prekey = |at| Prekey::generate(&clinic, at, &mut rng).published().to_vec();
        let (old, new) = (prekey(now_ms() - 1_000), prekey(now_ms()));
        hub.prekey(old.clone()).unwrap();
        let first = session(&hub).unwrap();
        hub.prekey(new.clone()).unwrap();
        let second = session(&hub).unwrap();
        assert_ne!(first, second);
        hub.prekey(old.clone()).unwrap();
        hub.prekey(new).unwrap();
        assert_eq!(session(&hub), Some(second), "the session goes on");
        // The clinic has been silent for long while a report waits: perhaps its clock was set back.
        hub.spool.push(&[Outgoing { report: b"report".to_vec(), urgent: false }]).unwrap();
        hub.prekey(old.clone()).unwrap();
        assert_eq!(session(&hub), Some(second), "not yet");
        hub.started -= CLINIC_SILENT + Duration::from_secs(1);
        hub.heard = Duration::ZERO;
        hub.prekey(old).unwrap();
        assert_ne!(session(&hub), Some(second));
        let mut forged = hub.prekey.clone().unwrap();
        forged[9] ^= 0x40;
        let before = session(&hub);
        hub.prekey(forged).unwrap();
        assert_eq!((session(&hub), hub.counters.refused.load(Ordering::Relaxed)), (before, 1));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_peer_sends_is_counted_and_never_stops_the_hub() {
        let directory = tempfile::tempdir().unwrap();
        let mut hub = hub(directory.path()).await;
        let bytes = b"\x41 nobody knows this sensor".to_vec();
        hub.frame(&Heard { from: RadioAddress(9), bytes }).await.unwrap();
        hub.path_event(0, PathEvent::Message { topic: "bw/1/0/x/a".into(), payload: vec![1; 40] }).unwrap();
        hub.path_event(1, PathEvent::Message { topic: "bw/1/0/x/p".into(), payload: vec![1; 40] }).unwrap();
        hub.path_event(2, PathEvent::Down(bodywire_paths::Reason::Closed)).unwrap();
        assert_eq!(hub.counters.refused.load(Ordering::Relaxed), 3);
    }
}
