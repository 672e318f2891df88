//! A sensor of a world: the real sensor on a simulated chip and a simulated body, with memory that survives its resets.

use super::chance::{Chance, bytes};
use super::scenario::Wearable;
use crate::Error;
use crate::patient::{Condition, Kept, Source};
use crate::puf::{NOISE_TYPICAL, SramPuf};
use crate::sensor::{Release, Rule, Sealing, Sensor, Wearer};
use bodywire_hub::bedside::SensorProfile;
use bodywire_proto::RiskClass;
use bodywire_proto::access::IssuerKey;
use bodywire_proto::handshake::{HubRecord, Profile, SensorRecord, enrolled};
use bodywire_proto::observation::Signal;
use bodywire_proto::prf::Key;
use bodywire_proto::puf::{Challenge, Puf, Response};
use bodywire_proto::wire::{HubId, SensorId, Suite};
use std::collections::BTreeSet;

impl Wearable {
    /// What it measures.
    #[must_use]
    pub const fn signal(self) -> Signal {
        match self {
            Self::Ecg => Signal::Ecg,
            Self::SpO2 => Signal::SpO2,
            Self::Respiration => Signal::Respiration,
            Self::Temperature => Signal::Temperature,
            Self::InsulinPump => Signal::InsulinRate,
        }
    }

    /// Its risk class (paper B, 3.3).
    #[must_use]
    pub const fn class(self) -> RiskClass {
        match self {
            Self::Respiration | Self::Temperature => RiskClass::I,
            Self::Ecg | Self::SpO2 => RiskClass::II,
            Self::InsulinPump => RiskClass::III,
        }
    }
}

/// One life of a sensor, from power to power.
pub(super) struct Life {
    /// What it has measured.
    pub(super) kept: Kept,
}

/// A sensor.
pub(super) struct Device {
    pub(super) sensor: Sensor<SramPuf>,
    pub(super) number: SensorId,
    pub(super) wearable: Wearable,
    pub(super) chance: Chance,
    /// It has begun to look for its hub in this life.
    pub(super) begun: bool,
    /// Counts its lives; what was planned in an earlier one is void.
    pub(super) lives: Vec<Life>,
    seed: u64,
    name: String,
    record: SensorRecord,
    answers: Vec<u8>,
    wrapping: Key,
    issuer: IssuerKey,
    condition: Condition,
    keeps: bool,
}

/// What a hub and a clinic are told of a new sensor.
pub(super) struct Enrolment {
    pub(super) at_hub: HubRecord,
    pub(super) profile: SensorProfile,
    pub(super) wrapping: Key,
    pub(super) pairs: PairStore,
}

impl Device {
    /// A sensor that has just been enrolled at a hub. With `keeps` what it measures is kept for comparison.
    pub(super) fn enrol(
        seed: u64,
        (bed, place): (usize, usize),
        wearable: Wearable,
        (issuer, condition, keeps): (&IssuerKey, &Condition, bool),
    ) -> Result<(Self, Enrolment), Error> {
        let name = format!("sensor {bed}.{place}");
        let mut chance = Chance::new(seed, &name);
        let number = SensorId(u16::try_from(place + 1).unwrap_or(u16::MAX));
        let hub = HubId(u16::try_from(bed + 1).unwrap_or(u16::MAX));
        // Both suites, so that worlds have both.
        let suite = if place % 2 == 0 { Suite::Polar256 } else { Suite::Polar512 };
        let profile = Profile::Hardened(suite);
        let (record, at_hub) = enrolled(profile, number, hub, &mut chance.rng)?;
        let wrapping = Key::new(chance.bytes());
        let pairs = PairStore {
            chip: SramPuf::new(bytes(seed, &format!("chip {bed}.{place}")), 0.0, 0),
            bytes: profile.response_bytes(),
            next: 0,
            used: BTreeSet::new(),
        };
        let sensor = SensorProfile { sensor: number, kind: wearable.signal(), class: wearable.class() };
        let enrolment = Enrolment { at_hub, profile: sensor, wrapping: wrapping.clone(), pairs };
        let (issuer, condition) = (*issuer, condition.clone());
        let answers = Vec::new();
        let mut device = Self {
            sensor: idle(&record, seed, &name)?,
            number,
            wearable,
            chance,
            begun: false,
            lives: Vec::new(),
            seed,
            name,
            record,
            answers,
            wrapping,
            issuer,
            condition,
            keeps,
        };
        device.power_on()?;
        Ok((device, enrolment))
    }

    /// Begins a life with what is in the non-volatile memory.
    pub(super) fn power_on(&mut self) -> Result<(), Error> {
        let kept = Kept::default();
        let seed = self.chance.below(u64::MAX);
        let source = match self.wearable.signal() {
            Signal::Ecg => Source::synthetic_ecg(seed, self.condition.clone())?,
            signal => Source::number(signal, seed, self.condition.clone()),
        };
        let source = if self.keeps { source.keeping(&kept) } else { source };
        let sealing = if self.wearable.class() == RiskClass::III {
            let rule = Rule { issuer: Some(self.issuer), wearer: Wearer::Agrees, emergency_consent: false };
            let release = Release::new(self.wrapping.clone(), rule);
            let release =
                if self.answers.is_empty() { release } else { release.with_memory(&self.answers)? };
            Sealing::ForClinic(Box::new(release))
        } else {
            Sealing::Open
        };
        let chip = chip(self.seed, &self.name, self.chance.below(u64::MAX));
        self.sensor = Sensor::new(self.record.clone(), chip, source, sealing, 1.0);
        self.begun = false;
        self.lives.push(Life { kept });
        Ok(())
    }

    /// Its non-volatile memory: the state of the link.
    pub(super) fn save(&mut self, record: SensorRecord) {
        self.record = record;
    }

    /// Its non-volatile memory: what it has answered to whom.
    pub(super) fn remember(&mut self, answers: Vec<u8>) {
        self.answers = answers;
    }
}

fn chip(seed: u64, name: &str, readings: u64) -> SramPuf {
    SramPuf::new(bytes(seed, &name.replace("sensor", "chip")), NOISE_TYPICAL, readings)
}

fn idle(record: &SensorRecord, seed: u64, name: &str) -> Result<Sensor<SramPuf>, Error> {
    let source = Source::number(Signal::Temperature, 0, Condition::new());
    Ok(Sensor::new(record.clone(), chip(seed, name, 0), source, Sealing::Open, 1.0))
}

/// The pairs of one sensor in the database: the response of the chip without noise, which is what a majority of readings
/// comes to. Each is served once.
pub(super) struct PairStore {
    chip: SramPuf,
    bytes: usize,
    next: u64,
    used: BTreeSet<Vec<u8>>,
}

impl PairStore {
    /// Takes a pair out for good: the wanted one, or the next. `None` for one that was used.
    pub(super) fn claim(&mut self, wanted: Option<Challenge>) -> Option<(Challenge, Response)> {
        let challenge = wanted.unwrap_or_else(|| {
            let challenge = self.next.to_be_bytes().into();
            self.next += 1;
            challenge
        });
        if !self.used.insert(challenge.as_bytes().to_vec()) {
            return None;
        }
        let mut response = Response::zeroed(self.bytes).ok()?;
        self.chip.respond(&challenge, &mut response);
        Some((challenge, response))
    }
}
