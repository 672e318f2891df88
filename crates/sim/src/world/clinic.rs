//! The clinic of a world: the real sessions and reassembly, intake, charts, board, gate and orders to sensors. Its ledger is in
//! [`super::ledger`]; what it publishes goes back to whoever asked.

use super::chance::{Chance, bytes};
use super::clock;
use super::ledger::SharedVault;
use crate::agenda::Time;
use bodywire_channels::session::HubNumber;
use bodywire_channels::topic::{Rendezvous, Shard};
use bodywire_clinic::archive::Item;
use bodywire_clinic::asks::{Asks, SensorAsk};
use bodywire_clinic::board::{Board, Source};
use bodywire_clinic::chart::{AlarmChange, Chart, SensorAnswer, SensorCard};
use bodywire_clinic::gate::directory::Directory;
use bodywire_clinic::gate::journal::Journal;
use bodywire_clinic::gate::{Gate, Parts};
use bodywire_clinic::ingest::{Arrived, Ingest, Publication, Receipt};
use bodywire_clinic::intake::{Intake, Known, rows};
use bodywire_clinic::{Acknowledge, Batch};
use bodywire_proto::access::IssuerKey;
use bodywire_proto::report::Report;
use bodywire_proto::wire::{HubId, SensorId};
use ed25519_dalek::{SigningKey, VerifyingKey};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// What a clinic is told at start: the same each time.
pub(super) struct Told {
    pub(super) seed: u64,
    pub(super) shard: Shard,
    pub(super) hubs: Vec<(HubId, VerifyingKey, Rendezvous)>,
    pub(super) cards: BTreeMap<HubId, BTreeMap<SensorId, SensorCard>>,
    pub(super) issuer: IssuerKey,
    pub(super) directory: Directory,
    pub(super) revocations: Vec<u8>,
    pub(super) acknowledge: Acknowledge,
    pub(super) replicated: bool,
}

/// The clinic's key: the same in every life.
pub(super) fn signing_key(seed: u64) -> SigningKey {
    SigningKey::from_bytes(&bytes(seed, "clinic key"))
}

/// What was stored and waits for its moment: the head register, then the acknowledgements.
pub(super) struct Stored {
    items: Vec<Item>,
    rows: Vec<bodywire_store::ReportRow>,
    batch: Option<Batch>,
    acknowledge: Vec<Receipt>,
}

/// A clinic that runs.
pub(super) struct Clinic {
    booted: Time,
    pub(super) ingest: Ingest,
    intake: Intake,
    charts: BTreeMap<HubId, Chart>,
    pub(super) gate: Gate,
    asks: Asks,
    questions: mpsc::Receiver<SensorAsk>,
    vault: SharedVault,
    chance: Chance,
    prekey_made_ms: u64,
    /// What has arrived and is not stored yet.
    pub(super) arrived: Vec<Arrived>,
    /// What is being stored.
    pub(super) storing: Option<Stored>,
    /// It is planned to be stored.
    pub(super) is_planned: bool,
}

/// What a look at the clinic's timers gives.
#[derive(Default)]
pub(super) struct Looked {
    pub(super) publications: Vec<Publication>,
    /// There is a new prekey to offer.
    pub(super) prekey: bool,
}

impl Clinic {
    /// Begins a life: what the ledger has and the index does not is indexed. The vault is open.
    pub(super) fn boot(told: &Told, vault: SharedVault, at: Time, boot: u64) -> Result<Self, String> {
        let mut chance = Chance::new(told.seed, &format!("clinic {boot}"));
        let now_ms = super::unix_ms(at);
        let board = Board::new(now_ms, Source::Simulated);
        let journal = Journal::in_memory(SigningKey::from_bytes(&bytes(told.seed, "journal key")));
        let gate = Gate::new(Parts {
            board: board.clone(),
            issuers: vec![told.issuer],
            journal,
            clock: clock::now_ms,
            random: clock::random,
        });
        gate.set_directory(told.directory.clone());
        gate.set_revocations(&told.revocations)?;
        gate.set_acts(Arc::new(vault.clone()));
        let questions = gate.questions();
        let charts = told.cards.iter().map(|(hub, cards)| (*hub, Chart::new(board.at(hub.0), cards.clone())));
        let hubs = told.hubs.iter().map(|(hub, key, _)| (HubNumber(hub.0), *key));
        let mut ingest = Ingest::new(told.shard.clone(), signing_key(told.seed), hubs);
        ingest.renew_prekey(now_ms, &mut chance.rng);
        let mut clinic = Self {
            booted: at,
            ingest,
            intake: Intake::new(told.acknowledge, told.replicated),
            charts: charts.collect(),
            gate,
            asks: Asks::new(None),
            questions,
            vault,
            chance,
            prekey_made_ms: now_ms,
            arrived: Vec::new(),
            storing: None,
            is_planned: false,
        };
        clinic.recover()?;
        let vault = clinic.vault.lock();
        let enrolled = told.cards.iter().flat_map(|(hub, cards)| cards.keys().map(|sensor| (*hub, *sensor)));
        clinic.intake.know(enrolled, vault.database.newest.iter().map(|(of, number)| (*of, *number)));
        drop(vault);
        Ok(clinic)
    }

    /// Indexes what only the ledger has.
    fn recover(&mut self) -> Result<(), String> {
        let mut vault = self.vault.lock();
        let head = vault.head()?;
        let registered = vault.database.head.map_or(0, |(size, _)| size);
        let mut found = Vec::new();
        for index in registered..head.size {
            if let Some((hub, number, report)) = vault.report(index)? {
                let parsed = Report::parse(&report).map_err(|error| error.to_string())?;
                found.push(bodywire_store::ReportRow {
                    hub,
                    number,
                    ledger_index: index,
                    sensor: parsed.header.sensor,
                    kind: parsed.header.kind as u8,
                    hub_time_ms: parsed.header.hub_time_ms,
                });
            }
        }
        let batch = Batch { head, rows: found, vectors: Vec::new(), receipts: Vec::new() };
        if let Some(batch) = self.intake.recovered(batch) {
            vault.register(&batch.head, &batch.rows);
        }
        Ok(())
    }

    fn now(&self, at: Time) -> Duration {
        Duration::from_nanos(at.since(self.booted))
    }

    /// A message on a path.
    pub(super) fn message(
        &mut self,
        at: Time,
        path: usize,
        (topic, payload): (&str, &[u8]),
    ) -> Vec<Publication> {
        if topic.ends_with("/f") {
            let answers = self.ingest.fragment(self.now(at), path, payload);
            self.take_arrived();
            answers
        } else if topic.ends_with("/s") {
            // What hubs say of their connections is for screens.
            Vec::new()
        } else {
            self.ingest.start(path, payload, super::unix_ms(at))
        }
    }

    fn take_arrived(&mut self) {
        while let Some(arrived) = self.ingest.poll() {
            self.arrived.push(arrived);
        }
    }

    /// Appends what has arrived to the ledger, durably; nothing when there is nothing, or something is being stored.
    ///
    /// # Errors
    /// When the ledger's disk fails: the clinic must end, and has acknowledged nothing of it.
    pub(super) fn store(&mut self, at: Time) -> Result<bool, String> {
        if self.storing.is_some() {
            return Ok(false);
        }
        let Some(numbers) = self.intake.hold(std::mem::take(&mut self.arrived)) else { return Ok(false) };
        let now_ms = super::unix_ms(at);
        let mut vault = self.vault.lock();
        let stored: HashSet<_> =
            numbers.into_iter().filter(|number| vault.database.index.contains_key(number)).collect();
        let charts = &self.charts;
        let class_of = |hub: HubId, sensor: SensorId| charts.get(&hub)?.class_of(sensor);
        // No hub of this world has the ward's public key.
        let takes = |_: &Report<'_>| Err(bodywire_clinic::Error::VectorOfNoWindow);
        let sorted = self.intake.sort(Known { stored, class_of: &class_of, takes: &takes, now_ms });
        let (mut rows_of, mut batch) = (Vec::new(), None);
        if !sorted.items.is_empty() {
            let first = vault.append(&sorted.items, now_ms)?;
            rows_of = rows(first, &sorted.items);
            let head = vault.head()?;
            batch = self.intake.appended(Batch {
                head,
                rows: rows_of.clone(),
                vectors: Vec::new(),
                receipts: sorted.wait,
            });
        }
        drop(vault);
        self.storing =
            Some(Stored { items: sorted.items, rows: rows_of, batch, acknowledge: sorted.acknowledge });
        Ok(true)
    }

    /// The reports that are being stored, each with its hub.
    pub(super) fn stored_reports(&self) -> Vec<(HubId, Vec<u8>)> {
        let items = self.storing.iter().flat_map(|stored| &stored.items);
        items.map(|item| (item.hub, item.report.clone())).collect()
    }

    /// Indexes what was appended, acknowledges it, and shows it. Gives what the sensors have said, and the alarms.
    pub(super) fn register(&mut self, at: Time) -> (Vec<Publication>, Shown) {
        let Some(Stored { items, rows, batch, mut acknowledge }) = self.storing.take() else {
            return Default::default();
        };
        if let Some(batch) = batch {
            self.vault.lock().register(&batch.head, &batch.rows);
            acknowledge.extend(batch.receipts);
        }
        let now = self.now(at);
        let publications = self.ingest.acknowledge(now, &acknowledge);
        let mut shown = Shown::default();
        for (item, _) in items.iter().zip(&rows) {
            self.show(at, item, &mut shown);
        }
        (publications, shown)
    }

    fn show(&mut self, at: Time, item: &Item, shown: &mut Shown) {
        self.asks.hear(item.hub, &item.report);
        let Some(chart) = self.charts.get_mut(&item.hub) else { return };
        let changes = Report::parse(&item.report).and_then(|report| chart.show(&report, super::unix_ms(at)));
        shown.answers.extend(chart.answers().into_iter().map(|answer| (item.hub, answer)));
        match changes {
            Ok(changes) => shown.alarms.extend(changes.into_iter().map(|change| (item.hub, change))),
            Err(error) => shown.unshown.push(error.to_string()),
        }
    }

    /// Indexes and acknowledges what replicas have by now.
    pub(super) fn settle(&mut self, at: Time, mirrored: u64, witnessed: u64) -> Vec<Publication> {
        let mut publications = Vec::new();
        for batch in self.intake.settle(mirrored, witnessed) {
            self.vault.lock().register(&batch.head, &batch.rows);
            publications.extend(self.ingest.acknowledge(self.now(at), &batch.receipts));
        }
        publications
    }

    /// Looks at the clock.
    pub(super) fn tick(&mut self, at: Time) -> Looked {
        let (now, now_ms) = (self.now(at), super::unix_ms(at));
        self.ingest.expire(now);
        self.take_arrived();
        let mut looked = Looked { publications: self.ingest.complain(now), prekey: false };
        while let Ok(ask) = self.questions.try_recv() {
            self.asks.take(now, &ask);
        }
        for (hub, order) in self.asks.due(now) {
            looked.publications.extend(self.ingest.order(HubNumber(hub.0), &order));
        }
        self.charts.values().for_each(|chart| chart.listen(now_ms));
        if now_ms.saturating_sub(self.prekey_made_ms) > bodywire_channels::session::PREKEY_LIFETIME_MS / 2 {
            self.prekey_made_ms = now_ms;
            self.ingest.renew_prekey(now_ms, &mut self.chance.rng);
            looked.prekey = true;
        }
        looked
    }

    /// Reports that wait for replicas, or for the ledger.
    pub(super) fn is_idle(&self) -> bool {
        self.arrived.is_empty()
            && self.storing.is_none()
            && self.intake.held() == 0
            && self.intake.unsettled() == 0
    }
}

/// What was seen when reports were shown.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) answers: Vec<(HubId, SensorAnswer)>,
    pub(super) alarms: Vec<(HubId, AlarmChange)>,
    /// Reports that a chart could not read.
    pub(super) unshown: Vec<String>,
}
