//! Grants that are in force. A grant is of one certificate, for one bed and the patient who lay in it, and ends by itself.

use super::directory::Directory;
use bodywire_proto::access::decide::Terms;
use bodywire_proto::access::{Bed, PatientNumber, Person, Purpose, Relation, Request, RevocationList, Role};
use bodywire_proto::risk::RiskClass;
use bodywire_proto::wire::SensorId;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Grants at once: 64 sessions with 32 beds each. Beyond it, who asks is told to close some.
pub const GRANTS_MAX: usize = 4_096;

/// A grant.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) id: u64,
    pub(super) serial: u64,
    pub(super) person: Person,
    pub(super) role: Role,
    pub(super) bed: Bed,
    pub(super) patient: Option<PatientNumber>,
    pub(super) terms: Terms,
    /// For class III: the one sensor that has consented.
    pub(super) sensor: Option<SensorId>,
    pub(super) purpose: Purpose,
    pub(super) from_ms: u64,
    pub(super) overrides: bool,
    pub(super) withheld: Option<&'static str>,
    /// While the sensor is asked: its request, to decide again when it has answered.
    pub(super) waiting: Option<Waiting>,
    /// The question that its sensor has answered.
    pub(super) asked: Option<[u8; 16]>,
    /// The entry on record.
    pub(super) entry: Option<u64>,
    /// What was read under it.
    pub(super) read: BTreeSet<String>,
}

/// A sensor that is being asked.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) sensor: SensorId,
    pub(super) request: Request,
    /// First half of the SHA-256 of the request's bytes: what the sensor's answer names.
    pub(super) asked: [u8; 16],
    pub(super) until_ms: u64,
}

/// A grant as the screen shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AccessView {
    /// Its number.
    pub id: u64,
    /// The bed.
    pub bed: u16,
    /// The highest class.
    pub class: crate::board::RiskClass,
    /// What for.
    pub purpose: &'static str,
    /// From when, milliseconds since 1970.
    pub from_ms: u64,
    /// Until when.
    pub until_ms: u64,
    /// By break-glass.
    #[serde(rename = "override")]
    pub overrides: bool,
    /// Why it is less than was asked for.
    pub withheld: Option<&'static str>,
    /// A sensor is being asked for class III.
    pub waiting: bool,
    /// Name of the class III sensor, asked or open.
    pub sensor: Option<String>,
}

impl Held {
    pub(super) fn view(&self, directory: &Directory) -> AccessView {
        let asked = self.waiting.as_ref().map(|waiting| waiting.sensor);
        AccessView {
            id: self.id,
            bed: self.bed.0,
            class: self.terms.highest.into(),
            purpose: purpose_name(self.purpose),
            from_ms: self.from_ms,
            until_ms: self.terms.until_ms,
            overrides: self.overrides,
            withheld: self.withheld,
            waiting: self.waiting.is_some(),
            sensor: self
                .sensor
                .or(asked)
                .and_then(|sensor| Some(directory.beds.get(&self.bed)?.sensors.get(&sensor)?.name.clone())),
        }
    }

    /// Whether it still stands on what it was given for: the same patient, and a relation that reaches as far.
    pub(super) fn stands(&self, directory: &Directory) -> bool {
        let place = directory.beds.get(&self.bed);
        if place.and_then(|place| place.patient) != self.patient {
            return false;
        }
        let relation = directory.relation(self.person, self.bed);
        match self.purpose {
            Purpose::BreakGlass => true,
            Purpose::EmergencyTreatment => relation.is_of_staff(),
            Purpose::Treatment | Purpose::OwnData | Purpose::Review => {
                let relation = if (relation == Relation::Own) == (self.role == Role::Patient) {
                    relation
                } else {
                    Relation::None
                };
                directory.policy(self.patient).highest(self.role, relation) >= Some(self.terms.highest)
            }
        }
    }

    pub(super) fn is_named_by(&self, list: &RevocationList<'_>) -> bool {
        list.names(self.serial)
    }
}

/// What one session may see of one bed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BedRights {
    /// The highest class below III.
    pub class: Option<RiskClass>,
    /// Class III sensors that have consented.
    pub sensors: BTreeSet<u16>,
}

impl BedRights {
    /// Whether something of this class, of this sensor, may be shown.
    #[must_use]
    pub fn reach(&self, class: RiskClass, sensor: u16) -> bool {
        match class {
            RiskClass::III => self.sensors.contains(&sensor),
            class => self.class >= Some(class),
        }
    }
}

/// What one session may see, for as long as nothing changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// By bed.
    pub beds: BTreeMap<u16, BedRights>,
    /// Numbers of the grants.
    pub grants: BTreeSet<u64>,
    /// The first time at which something ends, milliseconds since 1970.
    pub until_ms: Option<u64>,
    /// A clinician sees that there is an alarm, whatever else is closed.
    pub clinician: bool,
}

impl Rights {
    pub(super) fn add(&mut self, held: &Held) {
        self.grants.insert(held.id);
        let rights = self.beds.entry(held.bed.0).or_default();
        rights.class = rights.class.max(Some(held.terms.highest.min(RiskClass::II)));
        if held.terms.highest == RiskClass::III {
            rights.sensors.extend(held.sensor.map(|sensor| sensor.0));
        }
        self.until_ms =
            Some(self.until_ms.map_or(held.terms.until_ms, |until| until.min(held.terms.until_ms)));
    }

    /// Whether something of a bed may be shown.
    #[must_use]
    pub fn reach(&self, bed: u16, class: RiskClass, sensor: u16) -> bool {
        self.beds.get(&bed).is_some_and(|rights| rights.reach(class, sensor))
    }
}

/// The purpose's name on the wire.
#[must_use]
pub const fn purpose_name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Treatment => "treatment",
        Purpose::EmergencyTreatment => "emergency-treatment",
        Purpose::BreakGlass => "break-glass",
        Purpose::OwnData => "own-data",
        Purpose::Review => "review",
    }
}
