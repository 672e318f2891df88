//! A ward in simulated time: the real sensors, hubs, channels, clinic, gate, ledger and replicas, and everything else simulated:
//! clocks, air, brokers, disks, databases, chips, patients, people and attackers. One seed decides all of it.
//!
//! ```text
//! sensor ── air ── hub ── brokers ── clinic ── ledger ── replicas
//!                                      └── gate ── people
//! ```
//!
//! Programs outside judge: what no fault and no attacker may bring about ([`checks`]) ends a run with the seed that repeats it.
//! The same seed gives the same log, byte for byte, on every machine.

mod air;
mod attacks;
mod bed;
mod broker;
pub mod chance;
pub mod checks;
mod clinic;
mod clock;
mod device;
mod faults;
mod ledger;
mod ledger_disk;
mod paths;
mod people;
pub mod random;
mod replicas;
mod requests;
pub mod scenario;
pub mod signals;
mod spool_disk;
pub mod trace;
mod ward;

use crate::Error;
use crate::agenda::{Agenda, Time};
use attacks::Overheard;
use bed::Bed;
use bodywire_channels::topic::{Rendezvous, Shard};
use bodywire_clinic::Acknowledge;
use bodywire_clinic::chart::SensorCard;
use bodywire_hub::machine::RadioAddress;
use bodywire_paths::Publication;
use bodywire_proto::wire::{HubId, SensorId};
use broker::{Broker, Client, Parcel};
use chance::Chance;
use checks::{Checks, Rule, Violation};
use clinic::{Clinic, Told};
use ledger::{SharedVault, Vault};
use paths::Link;
use people::People;
use replicas::Replicas;
use scenario::{Scenario, Unplayable};
use signals::Signals;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::time::Duration;
use trace::{Actor, Lines, Trace};

/// When worlds begin, milliseconds since 1970: the same always.
const T0_MS: u64 = 1_700_000_000_000;
/// How long everything may take to come back after the last fault.
pub const RETURN_WITHIN: Duration = Duration::from_secs(180);
/// How long everything that was promised may take to be stored when nothing new is made.
pub const DRAIN_WITHIN: Duration = Duration::from_secs(180);
/// How often a world looks whether it has settled.
const LOOK: Duration = Duration::from_millis(500);

/// What brokers do when nothing is wrong.
const FAIR: broker::Mood = broker::Mood {
    loss: 0.0,
    duplicate: 0.0,
    lie: 0.0,
    delay: Duration::from_millis(15),
    jitter: Duration::from_millis(20),
};

/// Milliseconds since 1970 in a world.
const fn unix_ms(at: Time) -> u64 {
    T0_MS + at.as_nanos() / 1_000_000
}

/// What is looked at while a world runs.
#[derive(Default)]
pub struct Options {
    /// Lines for people.
    pub lines: Option<Lines>,
    /// A directory for the ledger of a world whose beds fit into no memory otherwise: then samples are not kept for comparison, and no
    /// disk loses power.
    pub large: Option<PathBuf>,
    /// Told now and then how far it is, in simulated seconds.
    pub progress: Option<Box<dyn FnMut(u64)>>,
    /// How long this thread has been on a processor: then it is noted what that was for ([`Outcome::spent`]). It decides nothing.
    pub stopwatch: Option<fn() -> Duration>,
}

/// What a processor's time is spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// Sensors, with the samples that their patients make.
    Sensors,
    /// The radio.
    Radio,
    /// Hubs, with what they give their brokers.
    Hubs,
    /// The clinic, with its ledger.
    Clinic,
    /// Everything else of the world.
    World,
}

impl Work {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sensors => "sensors",
            Self::Radio => "radio",
            Self::Hubs => "hubs",
            Self::Clinic => "clinic",
            Self::World => "world",
        }
    }
}

/// How a run has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What must not be.
    pub violations: Vec<Violation>,
    /// SHA-256 of the log.
    pub digest: [u8; 32],
    /// Events that were simulated.
    pub events: u64,
    /// When it ended.
    pub ended: Time,
    /// Statistics.
    pub signals: Signals,
    /// Time on a processor, with a stopwatch.
    pub spent: BTreeMap<Work, Duration>,
}

enum Event {
    SensorTick { bed: usize, sensor: usize, life: usize },
    AtHub { bed: usize, from: RadioAddress, bytes: Vec<u8> },
    AtSensor { bed: usize, sensor: usize, bytes: Vec<u8> },
    Radio { bed: usize },
    HubTurn { bed: usize, boot: u64 },
    Connect { path: usize, client: Client },
    Through { path: usize, client: Client, connection: u64, publication: Publication },
    Noticed { path: usize, client: Client, connection: u64 },
    Arrives(usize, Parcel),
    ClinicTick { boot: u64 },
    Store { boot: u64 },
    Register { boot: u64 },
    Publish { boot: u64 },
    BootClinic,
    Ask,
    Fault(usize),
    Mend(usize),
    CopyLedger,
    AlarmDue { bed: usize, since: Time },
    Attack(usize),
    Look,
}

impl Event {
    const fn work(&self) -> Work {
        match self {
            Self::SensorTick { .. } | Self::AtSensor { .. } => Work::Sensors,
            Self::Radio { .. } => Work::Radio,
            Self::AtHub { .. }
            | Self::HubTurn { .. }
            | Self::Arrives(_, Parcel { to: Client::Hub(_), .. }) => Work::Hubs,
            Self::Arrives(..)
            | Self::ClinicTick { .. }
            | Self::Store { .. }
            | Self::Register { .. }
            | Self::Publish { .. } => Work::Clinic,
            _ => Work::World,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Faults and attackers.
    Running,
    /// Everything is mended and has to come back.
    Returning { since: Time },
    /// Sensors are silent, and what was promised has to be stored.
    Draining { since: Time },
}

/// A world.
pub struct World {
    scenario: Scenario,
    seed: u64,
    agenda: Agenda<Event>,
    phase: Phase,
    trace: Trace,
    checks: Checks,
    signals: Signals,
    is_large: bool,
    progress: Option<Box<dyn FnMut(u64)>>,
    stopwatch: Option<fn() -> Duration>,
    shard: Shard,
    beds: Vec<Bed>,
    brokers: Vec<Broker>,
    links: BTreeMap<(usize, Client), Link>,
    told: Told,
    vault: SharedVault,
    clinic: Option<Clinic>,
    clinic_boots: u64,
    /// Faults that keep the clinic down.
    clinic_down: u32,
    pairs_away: u32,
    records_away: u32,
    /// Faults that keep each broker down.
    broker_down: BTreeMap<usize, u32>,
    /// An older copy of the ledger, for whoever exchanges it.
    older: Option<ledger::Copied>,
    replicas: Replicas,
    people: People,
    runtime: tokio::runtime::Runtime,
    /// Questions that sensors have answered with their key.
    consents: BTreeSet<[u8; 16]>,
    overheard: VecDeque<Overheard>,
    carried: VecDeque<(usize, String, Vec<u8>)>,
    chance: Chance,
    /// The newest stored report of each sensor when everything was mended.
    newest_then: BTreeMap<(HubId, SensorId), u64>,
}

impl World {
    /// A world of this scenario and seed.
    ///
    /// # Errors
    /// [`Unplayable`].
    pub fn new(scenario: &Scenario, seed: u64, options: Options) -> Result<Self, Unplayable> {
        scenario.check()?;
        Self::build(scenario, seed, options).map_err(Unplayable)
    }

    fn build(scenario: &Scenario, seed: u64, options: Options) -> Result<Self, String> {
        let Options { lines, large, progress, stopwatch } = options;
        let is_large = large.is_some();
        let failed = |error: Error| error.to_string();
        let people = People::new(seed, T0_MS)?;
        let issuer = people.issuer()?;
        let shard = Shard::new("world").map_err(|error| error.to_string())?;
        let (mut beds, mut hubs, mut cards) = (Vec::new(), Vec::new(), BTreeMap::new());
        let mut classes = BTreeMap::new();
        for bed in 0..usize::from(scenario.beds) {
            let (made, enrolments) =
                Bed::new(seed, bed, scenario, (&shard, &issuer, !is_large)).map_err(failed)?;
            hubs.push((made.hub, made.verifying_key(), Rendezvous::new(made.rendezvous)));
            let of_bed: BTreeMap<SensorId, SensorCard> = enrolments
                .iter()
                .map(|(profile, wrapping)| {
                    let wrapping_key = Some(wrapping.clone());
                    (profile.sensor, SensorCard { kind: profile.kind, class: profile.class, wrapping_key })
                })
                .collect();
            classes.insert(
                made.hub.0,
                enrolments.iter().map(|(profile, _)| (profile.sensor, profile.class)).collect(),
            );
            cards.insert(made.hub, of_bed);
            beds.push(made);
        }
        let brokers = scenario.paths.iter().enumerate().map(|(path, of)| {
            let mood = broker::Mood {
                loss: of.loss,
                duplicate: of.duplicate,
                lie: of.lie,
                delay: Duration::from_millis(of.delay_ms),
                jitter: Duration::from_millis(of.jitter_ms),
            };
            Broker::new(mood, Chance::new(seed, &format!("broker {path}")))
        });
        let acknowledge = if scenario.wait_for_replicas { Acknowledge::Mirrored } else { Acknowledge::Local };
        let vault = Vault::new(seed, large);
        let key = vault.key().map_err(|error| error.to_string())?;
        let told = Told {
            seed,
            shard: shard.clone(),
            hubs,
            cards,
            issuer,
            directory: people.directory(&classes),
            revocations: people.revocations(T0_MS)?,
            acknowledge,
            replicated: scenario.replicas > 0,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        clock::begin(chance::bytes(seed, "gate"));
        clock::set(T0_MS);
        Ok(Self {
            agenda: Agenda::new(),
            phase: Phase::Running,
            trace: Trace::new(lines),
            checks: Checks::default(),
            signals: Signals::default(),
            is_large,
            progress,
            stopwatch,
            shard,
            beds,
            brokers: brokers.collect(),
            links: BTreeMap::new(),
            told,
            vault: SharedVault::new(vault),
            clinic: None,
            clinic_boots: 0,
            clinic_down: 0,
            pairs_away: 0,
            records_away: 0,
            broker_down: BTreeMap::new(),
            older: None,
            replicas: Replicas::new(seed, scenario.replicas, key)?,
            people,
            runtime: runtime.map_err(|error| error.to_string())?,
            consents: BTreeSet::new(),
            overheard: VecDeque::new(),
            carried: VecDeque::new(),
            chance: Chance::new(seed, "world"),
            newest_then: BTreeMap::new(),
            scenario: scenario.clone(),
            seed,
        })
    }

    /// Plays it to its end.
    #[must_use]
    pub fn run(mut self) -> Outcome {
        self.plan();
        let mut second = 0;
        let mut spent: BTreeMap<Work, Duration> = BTreeMap::new();
        let mut read = self.stopwatch.map(|stopwatch| stopwatch());
        while let Some((at, event)) = self.agenda.next() {
            clock::set(unix_ms(at));
            let (looks, work) = (matches!(event, Event::Look), event.work());
            self.happen(at, event);
            if let (Some(stopwatch), Some(before)) = (self.stopwatch, read) {
                let now = stopwatch();
                *spent.entry(work).or_default() += now.saturating_sub(before);
                read = Some(now);
            }
            let now = at.as_nanos() / 1_000_000_000;
            if now > second
                && let Some(progress) = &mut self.progress
            {
                second = now;
                progress(now);
            }
            if self.checks.is_full() || (looks && self.is_over(at)) {
                break;
            }
        }
        self.judge();
        Outcome {
            seed: self.seed,
            violations: self.checks.take(),
            digest: self.trace.digest(),
            events: self.agenda.happened(),
            ended: self.agenda.now(),
            signals: self.signals,
            spent,
        }
    }

    fn plan(&mut self) {
        let seconds = self.scenario.seconds;
        self.boot_clinic(Time::ZERO);
        for bed in 0..self.beds.len() {
            self.boot_hub(Time::ZERO, bed);
            for sensor in 0..self.scenario.sensors.len() {
                // Not all at once: people put them on one after the other.
                let at = Time::from_millis(self.chance.between(20, 400));
                self.agenda.schedule(at, Event::SensorTick { bed, sensor, life: 1 });
            }
        }
        for (number, fault) in self.scenario.faults.iter().enumerate() {
            let at = fault.at_ms.min(1_000 * seconds);
            let end = at.saturating_add(fault.for_ms).min(1_000 * seconds);
            self.agenda.schedule(Time::from_millis(at), Event::Fault(number));
            self.agenda.schedule(Time::from_millis(end), Event::Mend(number));
            if matches!(fault.what, scenario::What::LedgerRolledBack | scenario::What::LedgerForked) {
                self.agenda.schedule(Time::from_millis(at / 2), Event::CopyLedger);
            }
        }
        for number in 0..self.scenario.attackers.len() {
            self.agenda.schedule(Time::from_millis(700), Event::Attack(number));
        }
        if self.scenario.requests_per_minute > 0 {
            self.agenda.schedule(Time::from_millis(500), Event::Ask);
        }
        self.agenda.schedule(Time::from_secs(seconds), Event::Look);
    }

    fn happen(&mut self, at: Time, event: Event) {
        match event {
            Event::SensorTick { bed, sensor, life } => self.sensor_tick(at, bed, sensor, life),
            Event::AtHub { bed, from, bytes } => self.at_hub(at, bed, from, bytes),
            Event::AtSensor { bed, sensor, bytes } => self.at_sensor(at, bed, sensor, &bytes),
            Event::Radio { bed } => self.radio(at, bed),
            Event::HubTurn { bed, boot } => self.hub_turn(at, bed, boot),
            Event::Connect { path, client } => self.connect(at, path, client),
            Event::Through { path, client, connection, publication } => {
                self.through(at, path, client, connection, publication);
            }
            Event::Noticed { path, client, connection } => self.noticed(at, path, client, connection),
            Event::Arrives(path, parcel) => self.arrives(at, path, parcel),
            Event::ClinicTick { boot } => self.clinic_tick(at, boot),
            Event::Store { boot } => self.store(at, boot),
            Event::Register { boot } => self.register(at, boot),
            Event::Publish { boot } => self.publish_ledger(at, boot),
            Event::BootClinic => self.boot_clinic(at),
            Event::Ask => self.ask(at),
            Event::Fault(number) => self.fault(at, number),
            Event::Mend(number) => self.mend(at, number),
            Event::CopyLedger => self.older = Some(self.vault.lock().copy()),
            Event::AlarmDue { bed, since } => self.alarm_due(at, bed, since),
            Event::Attack(number) => self.attack(at, number),
            Event::Look => self.look(at),
        }
    }

    /// Whether it goes on to the next phase.
    fn look(&mut self, at: Time) {
        self.agenda.schedule(at + LOOK, Event::Look);
        match self.phase {
            Phase::Running => {
                self.trace.note(at, Actor::World, "everything is mended, and has to come back", &[], &[]);
                // The weather turns fair, too: how a sensor fares in bad air for ever is no promise.
                self.scenario.air =
                    scenario::Air { radio: self.scenario.air.radio, ..scenario::Air::default() };
                self.brokers.iter_mut().for_each(|broker| broker.mood = FAIR);
                self.newest_then.clone_from(&self.vault.lock().database.newest);
                self.phase = Phase::Returning { since: at };
            }
            Phase::Returning { since } if self.has_returned() => {
                self.signals.note("return, s", at.since(since) as f64 / 1e9);
                self.trace.note(at, Actor::World, "all sensors are back, and fall silent", &[], &[]);
                self.phase = Phase::Draining { since: at };
                for bed in &mut self.beds {
                    bed.is_silent = true;
                }
            }
            Phase::Returning { since } if at.since(since) > nanos(RETURN_WITHIN) => {
                let missing = self.missing();
                self.checks.violate(at, Rule::SensorsReturn, missing);
                self.phase = Phase::Draining { since: at };
                for bed in &mut self.beds {
                    bed.is_silent = true;
                }
            }
            Phase::Returning { .. } | Phase::Draining { .. } => {}
        }
    }

    fn is_over(&mut self, at: Time) -> bool {
        let Phase::Draining { since } = self.phase else { return false };
        if self.is_drained() {
            self.signals.note("drain, s", at.since(since) as f64 / 1e9);
            return true;
        }
        if at.since(since) > nanos(DRAIN_WITHIN) {
            let waiting: u64 = self.beds.iter().map(Bed::pending).sum();
            let text = format!("{waiting} reports still wait in spools, or the clinic's work is not done");
            self.checks.violate(at, Rule::NothingLost, text);
            return true;
        }
        false
    }

    /// True when something new of each sensor was stored since everything was mended.
    fn has_returned(&self) -> bool {
        let vault = self.vault.lock();
        self.sensors_of_all().all(|of| vault.database.newest.get(&of) > self.newest_then.get(&of))
    }

    fn missing(&self) -> String {
        let vault = self.vault.lock();
        let gone: Vec<String> = self
            .sensors_of_all()
            .filter(|of| vault.database.newest.get(of) <= self.newest_then.get(of))
            .map(|(hub, sensor)| format!("{}.{}", hub.0, sensor.0))
            .collect();
        format!(
            "nothing came from these sensors (bed.sensor) after everything was mended: {}",
            gone.join(", ")
        )
    }

    fn sensors_of_all(&self) -> impl Iterator<Item = (HubId, SensorId)> + '_ {
        self.beds.iter().flat_map(|bed| bed.devices.iter().map(|device| (bed.hub, device.number)))
    }

    fn is_drained(&self) -> bool {
        self.beds.iter().all(Bed::is_drained)
            && self.clinic.as_ref().is_some_and(Clinic::is_idle)
            && self.replicas.have_all(&self.vault.lock())
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
