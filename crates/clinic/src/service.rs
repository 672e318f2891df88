//! The clinic as a service: paths in, ledger and database, board out, acknowledgements back.
//!
//! The order is what makes an acknowledgement mean something: a message is appended to the ledger (durable), where that is
//! asked for a quorum of replicas has it, it is indexed and the head register goes on, and then it is acknowledged. It is shown
//! as soon as it is durable here, and an alarm is acknowledged then, too. After a crash the index is rebuilt from the ledger.

mod paths;

use crate::Error;
use crate::aggregates::{Aggregates, Parts, Policy, WardKeys};
use crate::alarm_log::AlarmLog;
use crate::archive::{Appended, Archive, Item};
use crate::asks::Asks;
use crate::board::{AlarmInput, Board, PathCondition, Priority};
use crate::chart::{AlarmChange, Chart, SensorAnswer, SensorCard};
use crate::counters::{Counters, PathCounters};
use crate::erasure::Erasures;
use crate::gate::{Gate, LedgerPlace};
use crate::index::unregistered;
use crate::ingest::{Arrived, Ingest, Publication, Receipt};
use crate::intake::{Intake, Known, Sorted, rows, vector_of_the_ward};
use crate::mirrors::Mirrors;
use crate::replicas::Replicas;
use crate::scrub::scrub;
use crate::settle::{Acknowledge, Batch};
use bodywire_channels::session::{HubNumber, PREKEY_LIFETIME_MS};
use bodywire_channels::state::State;
use bodywire_channels::topic::{Rendezvous, Shard};
use bodywire_ledger::{Hash, Origin, Recovery, VerifierKey};
use bodywire_paths::{Broker, Delivery, Event as PathEvent, Path as MqttPath};
use bodywire_proto::access::authority::GRANT_MAX_MS;
use bodywire_proto::report::{Kind, Report};
use bodywire_proto::wire::{HubId, SensorId};
use bodywire_store::{ReportRow, Store};
use ed25519_dalek::{SigningKey, VerifyingKey};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Notify, mpsc, watch};

/// Path events that wait for the clinic.
const EVENTS_QUEUE: usize = 8_192;
/// Messages that share one commit at most; a batch this large already costs less than one sync per message.
const COMMIT_MESSAGES_MAX: usize = 256;
/// Consents of one sensor that are looked at when the clinic begins: as many as its chart keeps.
const CONSENTS_RESTORED: u32 = 10;
/// Pause between two looks at timers.
const TICK: Duration = Duration::from_millis(250);
/// How often the clinic looks whether somebody was erased.
const ERASURES_EVERY: Duration = Duration::from_secs(3);
/// How long an ending clinic waits for those who read its ledger: they read some dozen payloads, or one frame.
const LEDGER_FREE_WITHIN: Duration = Duration::from_secs(2);
/// A checkpoint at most this often: each one costs the witnesses work.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// A hub that may start sessions here.
#[derive(Debug, Clone)]
pub struct HubCard {
    /// Its number.
    pub hub: HubId,
    /// Verifies the start of its sessions.
    pub key: VerifyingKey,
    /// The secret behind its topic names.
    pub rendezvous: Rendezvous,
}

/// What a clinic is told at start.
pub struct Config {
    /// Signs prekeys.
    pub signing_key: SigningKey,
    /// Signs checkpoints of the ledger.
    pub ledger_key: SigningKey,
    /// Name of the ledger.
    pub origin: Origin,
    /// Directory of the ledger.
    pub ledger: PathBuf,
    /// The shard it serves.
    pub shard: Shard,
    /// The paths.
    pub paths: Vec<Broker>,
    /// The hubs.
    pub hubs: Vec<HubCard>,
    /// The replicas that the ledger is sent to, if there are any.
    pub mirrors: Option<Mirrors>,
    /// When a report is acknowledged.
    pub acknowledge: Acknowledge,
    /// The ward's keys for sums over encrypted vital signs.
    pub ward: Arc<WardKeys>,
    /// Which of those sums may be read.
    pub policy: Policy,
    /// Who may see which bed; nothing: nobody.
    pub gate: Option<Gate>,
}

/// A handle on a running clinic.
#[derive(Clone)]
pub struct Handle {
    /// What it has done.
    pub counters: Arc<Counters>,
    scrub: Arc<Notify>,
}

impl Handle {
    /// Asks for a check of the ledger now instead of at its time.
    pub fn check_ledger(&self) {
        self.scrub.notify_one();
    }
}

/// A clinic with one board.
pub struct Clinic {
    config: Config,
    store: Store,
    archive: Arc<Mutex<Archive>>,
    board: Board,
    charts: BTreeMap<HubId, Chart>,
    ingest: Ingest,
    intake: Intake,
    paths: Vec<MqttPath>,
    /// Which paths' brokers have accepted the connection.
    up: Vec<bool>,
    /// What each hub has said of its connections.
    presence: BTreeMap<(usize, HubId), State>,
    asks: Asks,
    alarm_log: AlarmLog,
    replicas: Option<Replicas>,
    erasures: Erasures,
    erasures_due: Instant,
    prekey_made_ms: u64,
    published: Instant,
    started: Instant,
    rng: StdRng,
    counters: Arc<Counters>,
    scrub: Arc<Notify>,
    aggregates: Aggregates,
}

impl Clinic {
    /// Opens the ledger, brings the index up to date with it, and reads who is enrolled.
    pub async fn open(config: Config, store: Store, board: Board) -> Result<(Self, Recovery), Error> {
        let now = now_ms();
        let key = VerifierKey::new(config.origin.as_str(), config.ledger_key.verifying_key())?;
        let witnessed = match &config.mirrors {
            Some(mirrors) => mirrors.head(&key).await,
            None => None,
        };
        if config.mirrors.is_some() && witnessed.is_none() {
            tracing::warn!("no replica says how far the ledger is; the database's word has to do");
        }
        let (mut archive, recovery) = Archive::open(
            &config.ledger,
            config.origin.clone(),
            config.ledger_key.clone(),
            store.clone(),
            witnessed.as_ref(),
        )
        .await?;
        archive.tag_with(Arc::clone(&config.ward));
        let paths = config.paths.iter().map(|_| PathCounters::default()).collect();
        let counters = Arc::new(Counters { paths, ..Counters::default() });
        let mut intake = Intake::new(config.acknowledge, config.mirrors.is_some());
        let (recovered, acts) = unregistered(&mut archive).await?;
        store.add_acts(config.origin.as_str(), &acts).await?;
        counters.recovered.store(recovered.rows.len() as u64, Ordering::Relaxed);
        if let Some(batch) = intake.recovered(recovered) {
            archive.register(&batch.head, &batch.rows, &batch.vectors).await?;
        }
        archive.publish()?;
        let rows = store.sensors().await?;
        let newest = store.newest_reports(Kind::Alarm as u8).await?.into_iter();
        intake.know(
            rows.iter().map(|row| (row.hub, row.sensor)),
            newest.map(|(hub, sensor, number)| ((hub, sensor), number)),
        );
        let mut charts = BTreeMap::new();
        for hub in config.hubs.iter().map(|card| card.hub) {
            let of_hub = rows.iter().filter(|row| row.hub == hub);
            let cards: BTreeMap<SensorId, SensorCard> = of_hub
                .map(|row| {
                    let wrapping_key = row.wrapping_key.clone();
                    (row.sensor, SensorCard { kind: row.kind, class: row.class, wrapping_key })
                })
                .collect();
            let mut chart = Chart::new(board.at(hub.0), cards.clone());
            for sensor in cards.keys() {
                restore_consents(&mut archive, &store, &mut chart, hub, *sensor).await?;
            }
            charts.insert(hub, chart);
        }
        let hubs = config.hubs.iter().map(|card| (HubNumber(card.hub.0), card.key));
        let mut rng = StdRng::from_rng(&mut rand::rng());
        let mut ingest = Ingest::new(config.shard.clone(), config.signing_key.clone(), hubs);
        ingest.renew_prekey(now, &mut rng);
        for (index, path) in (0u8..).zip(&config.paths) {
            board.path_state(index, &path.name, PathCondition::Down, "connecting")?;
        }
        let archive = Arc::new(Mutex::new(archive));
        if let Some(gate) = &config.gate {
            let place = LedgerPlace {
                archive: Arc::downgrade(&archive),
                origin: config.origin.as_str().to_owned(),
                directory: config.ledger.clone(),
                key,
            };
            gate.set_ledger(place, &store);
        }
        let aggregates = Aggregates::new(Parts {
            archive: Arc::clone(&archive),
            ward: Arc::clone(&config.ward),
            evaluators: config.mirrors.as_ref().map(Mirrors::evaluators),
            log: Hash::of(config.origin.as_str().as_bytes()).to_string(),
            store: store.clone(),
            hubs: config.hubs.iter().map(|card| card.hub).collect(),
            policy: config.policy,
            counters: Arc::clone(&counters),
            clock: now_ms,
        });
        let clinic = Self {
            asks: Asks::new(config.gate.as_ref().map(Gate::questions)),
            alarm_log: AlarmLog::new(&board),
            replicas: None,
            erasures: Erasures::default(),
            erasures_due: Instant::now(),
            up: vec![false; config.paths.len()],
            presence: BTreeMap::new(),
            config,
            store,
            archive,
            aggregates,
            board,
            charts,
            ingest,
            intake,
            paths: Vec::new(),
            prekey_made_ms: now,
            published: Instant::now(),
            started: Instant::now(),
            rng,
            counters,
            scrub: Arc::new(Notify::new()),
        };
        Ok((clinic, recovery))
    }

    /// A handle that stays valid while the clinic runs.
    pub fn handle(&self) -> Handle {
        Handle { counters: Arc::clone(&self.counters), scrub: Arc::clone(&self.scrub) }
    }

    /// The sums over this clinic's encrypted vital signs; they stay valid while it runs.
    pub fn aggregates(&self) -> Aggregates {
        self.aggregates.clone()
    }

    /// Runs until `stop` turns true, then publishes the ledger and leaves.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), Error> {
        let (events_in, mut events) = mpsc::channel(EVENTS_QUEUE);
        for (index, broker) in self.config.paths.iter().enumerate() {
            let client_id = format!("bw{:016x}", self.rng.next_u64());
            self.paths.push(MqttPath::connect(index, broker, &client_id, None, events_in.clone())?);
        }
        drop(events_in);
        if let Some(mirrors) = self.config.mirrors.take() {
            let replicas = Replicas::start(mirrors, Arc::clone(&self.archive), &self.key()?);
            replicas.durable(self.archive.lock().await.size());
            self.replicas = Some(replicas);
        }
        let scrubber = tokio::spawn(scrub(
            self.config.ledger.clone(),
            self.key()?,
            Arc::clone(&self.archive),
            self.board.clone(),
            Arc::clone(&self.scrub),
        ));
        let restoring = tokio::spawn(crate::trends::restore(
            Arc::downgrade(&self.archive),
            self.store.clone(),
            self.board.clone(),
            self.charts.keys().copied().collect(),
        ));
        let mut tick = tokio::time::interval(TICK);
        while !*stop.borrow() {
            let mut arrived = Vec::new();
            tokio::select! {
                Some((path, event)) = events.recv() => self.path_event(path, event, &mut arrived)?,
                _ = tick.tick() => self.timers(&mut arrived).await?,
                () = vouched(&mut self.replicas) => {}
                ask = self.asks.next() => self.ask(&ask),
                _ = stop.changed() => {}
            }
            while arrived.len() < COMMIT_MESSAGES_MAX
                && let Ok((path, event)) = events.try_recv()
            {
                self.path_event(path, event, &mut arrived)?;
            }
            self.settle().await?;
            self.commit(arrived).await?;
        }
        restoring.abort();
        scrubber.abort();
        // The task holds the ledger until it is really gone; that it was aborted is no error.
        let _ = scrubber.await;
        self.alarm_log.write(&self.board, &self.store).await?;
        self.archive.lock().await.publish()?;
        self.paths.iter().for_each(MqttPath::disconnect);
        for path in &self.paths {
            path.ended().await;
        }
        // Queries and what feeds the replicas hold the ledger for moments; whoever opens it next must find it free.
        let Self { archive, replicas, .. } = self;
        drop(replicas);
        let until = Instant::now() + LEDGER_FREE_WITHIN;
        while Arc::strong_count(&archive) > 1 && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    fn path_event(&mut self, path: usize, event: PathEvent, arrived: &mut Vec<Arrived>) -> Result<(), Error> {
        let now = self.started.elapsed();
        match event {
            PathEvent::Up { .. } => {
                self.set_up(path, true);
                self.ingest.path_up();
                self.listen(path);
                self.offer_prekey(path)?;
                self.show_path(path, PathCondition::Up, "")
            }
            PathEvent::Down(reason) => {
                // The operator learns why; a clinician learns that it is.
                tracing::warn!(path, %reason, "a path is down");
                self.set_up(path, false);
                self.show_path(path, PathCondition::Down, "connection lost")
            }
            PathEvent::Message { topic, payload } if topic.ends_with("/f") => {
                let answers = self.ingest.fragment(now, path, &payload);
                self.publish(answers);
                arrived.extend(std::iter::from_fn(|| self.ingest.poll()));
                Ok(())
            }
            PathEvent::Message { topic, payload } if topic.ends_with("/s") => {
                self.hub_state(path, &topic, &payload);
                Ok(())
            }
            PathEvent::Message { payload, .. } => {
                let answers = self.ingest.start(path, &payload, now_ms());
                self.publish(answers);
                Ok(())
            }
        }
    }

    fn offer_prekey(&self, path: usize) -> Result<(), Error> {
        let Some(prekey) = self.ingest.prekey() else { return Ok(()) };
        for hub in &self.config.hubs {
            let topic = hub.rendezvous.prekey_topic(&self.config.shard, path)?;
            let offered =
                self.paths.get(path).is_some_and(|p| p.publish(publication(topic, true, prekey.to_vec())));
            if !offered {
                tracing::warn!(path, "the path's queue is full; no prekey was left on it");
            }
        }
        Ok(())
    }

    fn publish(&self, publications: Vec<Publication>) {
        for Publication { path, topic, payload } in publications {
            let published =
                self.paths.get(path).is_some_and(|p| p.publish(publication(topic, false, payload)));
            if !published {
                tracing::debug!(path, "the path's queue is full");
            }
        }
    }

    /// Stores what has arrived, acknowledges what need not wait, and shows it.
    async fn commit(&mut self, arrived: Vec<Arrived>) -> Result<(), Error> {
        let Some(numbers) = self.intake.hold(arrived) else { return Ok(()) };
        let stored = self.store.stored(&numbers).await?;
        let (charts, ward) = (&self.charts, &*self.config.ward);
        let Sorted { items, acknowledge, wait, noticed } = self.intake.sort(Known {
            stored,
            class_of: &|hub, sensor| charts.get(&hub)?.class_of(sensor),
            takes: &|report| vector_of_the_ward(ward, report),
            now_ms: now_ms(),
        });
        self.counters.notice(noticed);
        let rows = if items.is_empty() { Vec::new() } else { self.store_batch(&items, wait).await? };
        self.counters.stored.fetch_add(rows.len() as u64, Ordering::Relaxed);
        if !acknowledge.is_empty() {
            let answers = self.ingest.acknowledge(self.started.elapsed(), &acknowledge);
            self.publish(answers);
        }
        for (row, item) in rows.iter().zip(&items) {
            self.show(row, item).await?;
        }
        Ok(())
    }

    /// Appends reports to the ledger. They are indexed at once, or when the replicas have them.
    async fn store_batch(&mut self, batch: &[Item], receipts: Vec<Receipt>) -> Result<Vec<ReportRow>, Error> {
        let mut archive = self.archive.lock().await;
        let Appended { entries, vectors } = archive.append(batch, now_ms()).await?;
        let rows = rows(entries.start, batch);
        let head = archive.head()?;
        drop(archive);
        self.counters.vectors.fetch_add(vectors.len() as u64, Ordering::Relaxed);
        self.settle_or_wait(Batch { head, rows: rows.clone(), vectors, receipts }).await?;
        Ok(rows)
    }

    /// Indexes what was appended, or lets it wait for the replicas, which are told of it.
    async fn settle_or_wait(&mut self, batch: Batch) -> Result<(), Error> {
        if let Some(replicas) = &self.replicas {
            replicas.durable(batch.head.size);
        }
        if let Some(batch) = self.intake.appended(batch) {
            self.archive.lock().await.register(&batch.head, &batch.rows, &batch.vectors).await?;
        }
        Ok(())
    }

    /// Indexes and acknowledges what a quorum of replicas has by now.
    async fn settle(&mut self) -> Result<(), Error> {
        let Some(replicas) = &self.replicas else { return Ok(()) };
        for batch in self.intake.settle(replicas.mirrored(), replicas.witnessed()) {
            self.archive.lock().await.register(&batch.head, &batch.rows, &batch.vectors).await?;
            if !batch.receipts.is_empty() {
                let answers = self.ingest.acknowledge(self.started.elapsed(), &batch.receipts);
                self.publish(answers);
            }
        }
        Ok(())
    }

    fn key(&self) -> Result<VerifierKey, Error> {
        Ok(VerifierKey::new(self.config.origin.as_str(), self.config.ledger_key.verifying_key())?)
    }

    async fn show(&mut self, row: &ReportRow, item: &Item) -> Result<(), Error> {
        self.asks.hear(item.hub, &item.report);
        let Some(chart) = self.charts.get_mut(&item.hub) else { return Ok(()) };
        let shown = Report::parse(&item.report).and_then(|report| chart.show(&report, now_ms()));
        let answers = chart.answers();
        self.tell_gate(item.hub, answers).await;
        match shown {
            Ok(changes) => {
                for change in changes {
                    let new = self.alarm_log.note(change, row, &self.store).await?;
                    if new && let AlarmChange::Raised(_, condition) = change {
                        self.counters.alarms.fetch_add(1, Ordering::Relaxed);
                        let high = condition.priority() == bodywire_proto::report::Priority::High;
                        self.counters.high_alarms.fetch_add(u64::from(high), Ordering::Relaxed);
                    }
                }
            }
            Err(error) => {
                tracing::error!(%error, "a stored report cannot be shown");
                self.counters.malformed.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// Tells the gate what class III sensors have said.
    async fn tell_gate(&self, hub: HubId, answers: Vec<SensorAnswer>) {
        let Some(gate) = &self.config.gate else { return };
        for answer in answers {
            match answer {
                SensorAnswer::Released { sensor, asked, until_ms } => {
                    gate.sensor_released(hub.0, sensor, asked, until_ms).await;
                }
                SensorAnswer::Declined { sensor, asked, why } => {
                    gate.sensor_declined(hub.0, sensor, asked, why);
                }
            }
        }
    }

    /// Removes from the ledger what the database says was erased.
    async fn erase(&mut self) -> Result<(), Error> {
        let views = self.replicas.as_ref().map(Replicas::views).unwrap_or_default();
        let mut archive = self.archive.lock().await;
        let appended = self.erasures.go_on(&mut archive, &self.store, &views, now_ms()).await?;
        let head = archive.head()?;
        drop(archive);
        // Records of aggregate queries are appended by those, and must not wait for the next report.
        if appended || head.size > self.intake.told() {
            self.settle_or_wait(Batch::of_head(head)).await
        } else {
            Ok(())
        }
    }

    /// Brings the figures about replicas up to date, and tells people what they must know.
    fn look_at_replicas(&mut self) {
        self.counters.unsettled.store(self.intake.unsettled() as u64, Ordering::Relaxed);
        let Some(replicas) = &mut self.replicas else { return };
        self.counters.mirrored.store(replicas.mirrored(), Ordering::Relaxed);
        self.counters.witnessed.store(replicas.witnessed(), Ordering::Relaxed);
        self.counters.replicas_up.store(replicas.up(), Ordering::Relaxed);
        for text in replicas.news() {
            let (priority, at_ms) = (Priority::Technical, now_ms());
            let condition = "ledger.replicas".to_owned();
            let input = AlarmInput { condition, priority, text, at_ms, evidence: None, strip: None };
            // A full board shows the mark of the ledger all the same.
            let _ = self.board.raise_alarm(input);
        }
    }

    async fn timers(&mut self, arrived: &mut Vec<Arrived>) -> Result<(), Error> {
        let now = self.started.elapsed();
        self.ingest.expire(now);
        arrived.extend(std::iter::from_fn(|| self.ingest.poll()));
        let complaints = self.ingest.complain(now);
        self.publish(complaints);
        self.give_orders();
        self.judge_paths(now)?;
        self.count_paths();
        self.charts.values().for_each(|chart| chart.listen(now_ms()));
        let refused: u64 = self
            .ingest
            .refusals()
            .iter()
            .filter(|((_, refusal), _)| *refusal != bodywire_channels::Refusal::Replayed)
            .map(|(_, count)| count)
            .sum();
        self.counters.refused.store(refused, Ordering::Relaxed);
        if self.published.elapsed() >= PUBLISH_EVERY {
            self.published = Instant::now();
            let mut archive = self.archive.lock().await;
            archive.publish()?;
            self.counters.entries.store(archive.size(), Ordering::Relaxed);
        }
        self.look_at_replicas();
        if self.erasures_due <= Instant::now() {
            self.erasures_due = Instant::now() + ERASURES_EVERY;
            self.erase().await?;
        }
        if now_ms().saturating_sub(self.prekey_made_ms) > PREKEY_LIFETIME_MS / 2 {
            self.prekey_made_ms = now_ms();
            self.ingest.renew_prekey(self.prekey_made_ms, &mut self.rng);
            (0..self.paths.len()).try_for_each(|path| self.offer_prekey(path))?;
        }
        self.alarm_log.write(&self.board, &self.store).await
    }
}

fn publication(topic: String, retain: bool, payload: Vec<u8>) -> bodywire_paths::Publication {
    bodywire_paths::Publication { topic, payload, delivery: Delivery::AtLeastOnce, retain }
}

/// Returns when the replicas have vouched for more.
async fn vouched(replicas: &mut Option<Replicas>) {
    match replicas {
        Some(replicas) => replicas.changed().await,
        None => std::future::pending().await,
    }
}

/// The consents of a sensor that may still hold, so that what its session has left in the hub's spool can be opened, and what is
/// granted stays open when the clinic begins anew.
async fn restore_consents(
    archive: &mut Archive,
    store: &Store,
    chart: &mut Chart,
    hub: HubId,
    sensor: SensorId,
) -> Result<(), Error> {
    let since = now_ms().saturating_sub(u64::from(GRANT_MAX_MS));
    let rows = store.reports_since((hub, sensor), Kind::Consent as u8, since, CONSENTS_RESTORED).await?;
    // The newest comes first there, and last here.
    for row in rows.iter().rev() {
        let report = match archive.read(row.ledger_index).await {
            Ok((_, _, _, report)) => report,
            Err(Error::Erased { .. }) => continue,
            Err(error) => return Err(error),
        };
        let restored =
            Report::parse(&report).and_then(|report| chart.consent(sensor, report.body(), now_ms()));
        if let Err(error) = restored {
            tracing::info!(%error, "an old consent no longer holds");
        }
    }
    Ok(())
}

/// Milliseconds since 1970 by this machine's clock.
pub(crate) fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |elapsed| elapsed.as_millis() as u64)
}

#[cfg(test)]
mod tests;
