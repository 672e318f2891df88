//! A bed of a world: its hub, the sensors on its patient, the database of their pairs, and the disk of the hub.

use super::chance::{Chance, bytes};
use super::device::{Device, PairStore};
use super::scenario::Scenario;
use super::spool_disk::SpoolDisk;
use super::{Event, World, unix_ms};
use crate::Error;
use crate::agenda::Time;
use crate::patient::Condition;
use crate::radio::medium::Medium;
use crate::world::checks::Rule;
use crate::world::trace::Actor;
use bodywire_channels::Spread;
use bodywire_channels::topic::{Rendezvous, Shard};
use bodywire_hub::Config;
use bodywire_hub::bedside::SensorProfile;
use bodywire_hub::machine::{Action, Machine, Moment};
use bodywire_hub::spool::Spool;
use bodywire_paths::Broker;
use bodywire_proto::access::IssuerKey;
use bodywire_proto::prf::Key;
use bodywire_proto::wire::{HubId, SensorId};
use ed25519_dalek::{SigningKey, VerifyingKey};
use std::time::Duration;

/// How soon after something has come a hub takes its turn: what comes at the same time is handled together.
const TURN_AFTER: Duration = Duration::from_millis(1);
/// Longest sleep of a hub between two turns, as in a process.
const TURN_AT_LEAST_EVERY: Duration = Duration::from_millis(100);

/// A bed.
pub(super) struct Bed {
    pub(super) hub: HubId,
    pub(super) rendezvous: [u8; 32],
    pub(super) machine: Option<Machine>,
    pub(super) boots: u64,
    /// Faults that keep the hub down, jam the air, and keep the hub unheard.
    pub(super) down: u32,
    pub(super) jammed: u32,
    pub(super) unheard: u32,
    pub(super) devices: Vec<Device>,
    pub(super) condition: Condition,
    /// Faults that keep the patient in an emergency.
    pub(super) emergencies: u32,
    /// The patient has been in an emergency.
    pub(super) was_emergency: bool,
    /// Sensors measure nothing any more.
    pub(super) is_silent: bool,
    pub(super) chance: Chance,
    pub(super) pairs: Vec<PairStore>,
    /// The radio of the bed, and when it is to be looked at; nothing: plain air.
    pub(super) medium: Option<Medium>,
    pub(super) radio_at: Option<Time>,
    booted: Time,
    turn_at: Option<Time>,
    disk: SpoolDisk,
    signing_key: SigningKey,
    clinic: VerifyingKey,
    shard: Shard,
    issuer: IssuerKey,
    profiles: Vec<SensorProfile>,
    paths: usize,
    report_age: Duration,
}

impl Bed {
    /// A bed whose sensors have just been enrolled. What the clinic is told of each comes with it.
    pub(super) fn new(
        seed: u64,
        bed: usize,
        scenario: &Scenario,
        (shard, issuer, keeps): (&Shard, &IssuerKey, bool),
    ) -> Result<(Self, Vec<(SensorProfile, Key)>), Error> {
        let hub = HubId(u16::try_from(bed + 1).unwrap_or(u16::MAX));
        let condition = Condition::new();
        let disk = SpoolDisk::default();
        let spool = Spool::on_backend(disk.clone())?;
        let (mut devices, mut pairs, mut told) = (Vec::new(), Vec::new(), Vec::new());
        for (place, wearable) in scenario.sensors.iter().enumerate() {
            let (device, enrolment) =
                Device::enrol(seed, (bed, place), *wearable, (issuer, &condition, keeps))?;
            spool.save_sensor(&enrolment.at_hub)?;
            devices.push(device);
            pairs.push(enrolment.pairs);
            told.push((enrolment.profile, enrolment.wrapping));
        }
        let radio = scenario.air.radio.map(|radio| radio.config(scenario.sensors.len()));
        let mut chance = Chance::new(seed, &format!("hub {bed}"));
        let medium = radio.map(|config| Medium::new(&config, chance.below(u64::MAX))).transpose()?;
        let made = Self {
            hub,
            rendezvous: bytes(seed, &format!("rendezvous {bed}")),
            machine: None,
            boots: 0,
            down: 0,
            jammed: 0,
            unheard: 0,
            devices,
            condition,
            emergencies: 0,
            was_emergency: false,
            is_silent: false,
            chance,
            pairs,
            medium,
            radio_at: None,
            booted: Time::ZERO,
            turn_at: None,
            disk,
            signing_key: SigningKey::from_bytes(&bytes(seed, &format!("hub key {bed}"))),
            clinic: super::clinic::signing_key(seed).verifying_key(),
            shard: shard.clone(),
            issuer: *issuer,
            profiles: told.iter().map(|(profile, _)| *profile).collect(),
            paths: scenario.paths.len(),
            report_age: Duration::from_millis(scenario.report_ms),
        };
        Ok((made, told))
    }

    pub(super) fn verifying_key(&self) -> VerifyingKey {
        self.signing_key.verifying_key()
    }

    fn config(&self) -> Result<Config, Error> {
        let paths = (0..self.paths).map(|path| Broker::plain(format!("path {path}"), "world.example", 1_883));
        let paths: Vec<Broker> = paths.collect();
        // All but one bring a message back; with two paths both are needed.
        let count = u8::try_from(paths.len()).unwrap_or(u8::MAX);
        let spread = Spread::threshold(count.saturating_sub(1).max(2), count)?;
        Ok(Config {
            hub: self.hub,
            signing_key: self.signing_key.clone(),
            clinic: self.clinic,
            rendezvous: Rendezvous::new(self.rendezvous),
            shard: self.shard.clone(),
            spread,
            paths,
            sensors: self.profiles.clone(),
            report_age: self.report_age,
            aggregation: None,
            issuer: Some(self.issuer),
        })
    }

    /// The hub's process begins with what is on its disk.
    fn boot(&mut self, at: Time) -> Result<(), Error> {
        let spool = Spool::on_backend(self.disk.clone())?;
        self.boots += 1;
        self.booted = at;
        self.turn_at = None;
        let config = self.config()?;
        self.machine = Some(Machine::new(config, spool, &mut self.chance.rng)?);
        Ok(())
    }

    /// It is killed, or its power goes.
    pub(super) fn crash(&mut self, power: bool) {
        // What it had not written is gone with it; what it does at its end must not reach the disk.
        let disk =
            if power { self.disk.after_a_power_cut(&mut self.chance) } else { self.disk.after_a_kill() };
        self.machine = None;
        self.disk = disk;
    }

    fn moment(&self, at: Time) -> Moment {
        Moment { now: Duration::from_nanos(at.since(self.booted)), unix_ms: unix_ms(at) }
    }

    /// Reports that wait in the spool.
    pub(super) fn pending(&self) -> u64 {
        self.machine.as_ref().map_or(0, Machine::pending)
    }

    /// Whether everything that it promised is stored.
    pub(super) fn is_drained(&self) -> bool {
        self.machine.as_ref().is_some_and(|machine| machine.pending() == 0 && !machine.has_ready())
    }
}

impl World {
    pub(super) fn boot_hub(&mut self, at: Time, bed: usize) {
        let Some(of) = self.beds.get_mut(bed) else { return };
        if of.down > 0 || of.machine.is_some() {
            return;
        }
        match of.boot(at) {
            Ok(()) => self.trace.note(at, Actor::Hub(bed), "begins", &[], &[]),
            Err(error) => {
                self.checks.violate(at, Rule::NothingStops, format!("hub {bed} does not begin: {error}"))
            }
        }
        (0..self.brokers.len()).for_each(|path| self.reconcile(at, path, super::Client::Hub(bed)));
        self.turn_soon(at, bed);
    }

    /// Hands something to a bed's hub, if it runs, and does what it wants done.
    pub(super) fn with_hub(
        &mut self,
        at: Time,
        bed: usize,
        input: impl FnOnce(&mut Machine, Moment, &mut rand_chacha::ChaCha20Rng) -> Result<(), bodywire_hub::Error>,
    ) {
        let Some(of) = self.beds.get_mut(bed) else { return };
        let moment = of.moment(at);
        let Some(machine) = &mut of.machine else { return };
        if let Err(error) = input(machine, moment, &mut of.chance.rng) {
            self.checks.violate(at, Rule::NothingStops, format!("hub {} stopped: {error}", bed + 1));
        }
        self.act(at, bed);
    }

    /// Does what a hub wants done.
    fn act(&mut self, at: Time, bed: usize) {
        while let Some(action) = self.beds.get_mut(bed).and_then(|of| of.machine.as_mut()?.poll()) {
            match action {
                Action::ClaimPair(sensor, wanted) => self.claim_pair(at, bed, sensor, wanted),
                Action::Transmit(to, frame) => self.send_to_sensor(at, bed, to, frame.as_bytes()),
                Action::Publish(path, publication) => {
                    self.publish(at, path, super::Client::Hub(bed), publication);
                }
                Action::Subscribe(path, topic) => self.subscribe(at, path, super::Client::Hub(bed), topic),
            }
        }
    }

    fn claim_pair(
        &mut self,
        at: Time,
        bed: usize,
        sensor: SensorId,
        wanted: Option<bodywire_proto::puf::Challenge>,
    ) {
        let Some(of) = self.beds.get_mut(bed) else { return };
        let place = of.devices.iter().position(|device| device.number == sensor);
        let pair = match place.and_then(|place| of.pairs.get_mut(place)) {
            Some(pairs) if self.pairs_away == 0 => pairs.claim(wanted),
            _ => None,
        };
        let found = u64::from(pair.is_some());
        self.trace.note(
            at,
            Actor::Hub(bed),
            "asks the database for a pair of sensor, found",
            &[u64::from(sensor.0), found],
            &[],
        );
        let moment = of.moment(at);
        let Some(machine) = &mut of.machine else { return };
        if let Err(error) = machine.pair(moment, sensor, pair, &mut of.chance.rng) {
            self.checks.violate(at, Rule::NothingStops, format!("hub {} stopped: {error}", bed + 1));
        }
    }

    /// A hub takes its turn soon.
    pub(super) fn turn_soon(&mut self, at: Time, bed: usize) {
        self.turn_at_latest(at + TURN_AFTER, bed);
    }

    fn turn_at_latest(&mut self, at: Time, bed: usize) {
        let Some(of) = self.beds.get_mut(bed) else { return };
        if of.turn_at.is_none_or(|planned| at < planned) {
            of.turn_at = Some(at);
            self.agenda.schedule(at, Event::HubTurn { bed, boot: of.boots });
        }
    }

    pub(super) fn hub_turn(&mut self, at: Time, bed: usize, boot: u64) {
        let Some(of) = self.beds.get_mut(bed) else { return };
        if of.boots != boot || of.turn_at != Some(at) || of.machine.is_none() {
            return;
        }
        of.turn_at = None;
        let everything = of.is_silent;
        self.with_hub(at, bed, |machine, moment, rng| machine.turn(moment, everything, rng));
        let Some(of) = self.beds.get_mut(bed) else { return };
        let moment = of.moment(at);
        let latest = moment.now + TURN_AT_LEAST_EVERY;
        let next = of.machine.as_ref().and_then(|machine| machine.next_timeout(moment));
        let due = next.unwrap_or(latest).clamp(moment.now + TURN_AFTER, latest);
        self.turn_at_latest(of_world(at, moment.now, due), bed);
    }
}

/// A time of a hub's clock in the world.
fn of_world(at: Time, now: Duration, due: Duration) -> Time {
    at + due.saturating_sub(now)
}
