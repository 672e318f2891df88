//! Scenarios: what a world is made of, and what goes wrong in it when. A file in TOML, or drawn from a seed
//! ([`super::random`]).

use crate::radio;
use crate::radio::standard::{IEEE_802_15_4, IEEE_802_15_6};
use crate::radio::tdma::Slots;
use serde::{Deserialize, Serialize};

/// Beds of a world at most: a clinic's shard of a thousand hubs and five times as much to spare.
pub const BEDS_MAX: u16 = 5_000;
/// Sensors of a bed at most; a body-area network has 15 (paper B, 4.2.1).
pub const SENSORS_MAX: usize = 15;
/// Paths at most, as for a message ([`bodywire_channels::PATHS_MAX`]).
pub const PATHS_MAX: usize = bodywire_channels::PATHS_MAX;
/// Simulated seconds at most: a day.
pub const SECONDS_MAX: u64 = 86_400;
/// Replicas at most: a quorum of two in three is what is recommended, and more are asked one after the other.
pub const REPLICAS_MAX: u8 = 5;
/// How long an electrode must have been worn before an emergency is certain to be seen, milliseconds.
const WORN_MS: u64 = 25_000;
/// Share of frames that may be lost in the air while an alarm is promised. The detector leads over single losses; far above this
/// it says that it cannot judge, which is an alarm of another kind.
const AIR_LOSS_MAX: f64 = 0.03;
/// Slowest way of a hub to a broker, kbit/s: a little more than a bed of five sensors makes.
pub const KBIT_PER_S_MIN: u32 = 12;
/// How long after a heart begins to fibrillate its hub may still be cut off, if the alarm must come all the same, milliseconds.
const BACK_AFTER_MS: u64 = 3_000;
/// Paths at least: a message is put together from two.
pub const PATHS_MIN: usize = 2;
/// Faults and attackers at most; a file with more is a mistake.
pub const FAULTS_MAX: usize = 10_000;

/// Distances of a sensor from its hub, metres: a body, and a room.
pub const RADIUS_M: (f64, f64) = (0.1, 10.0);

/// What a world is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// Its name, for people.
    pub name: String,
    /// Simulated seconds before everything is mended and has to settle.
    pub seconds: u64,
    /// Beds, each with a hub of its own.
    pub beds: u16,
    /// The sensors of each bed.
    pub sensors: Vec<Wearable>,
    /// How often a sensor looks at its clock, milliseconds.
    pub sensor_tick_ms: u64,
    /// How long a hub's observations wait for others to share a report with, milliseconds.
    pub report_ms: u64,
    /// The air of each bed.
    pub air: Air,
    /// The brokers.
    pub paths: Vec<Path>,
    /// How long the clinic takes to store what has arrived, milliseconds.
    pub commit_ms: u64,
    /// Replicas of the clinic's ledger.
    pub replicas: u8,
    /// Whether the clinic waits for a quorum of them before it acknowledges.
    pub wait_for_replicas: bool,
    /// Requests for access in a minute, of people with and without a right.
    pub requests_per_minute: u32,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Who does wrong.
    pub attackers: Vec<Attacker>,
}

impl Default for Scenario {
    /// A bed with five sensors, three paths, three replicas and nothing wrong.
    fn default() -> Self {
        Self {
            name: "a quiet bed".to_owned(),
            seconds: 60,
            beds: 1,
            sensors: vec![
                Wearable::Ecg,
                Wearable::SpO2,
                Wearable::Respiration,
                Wearable::Temperature,
                Wearable::InsulinPump,
            ],
            sensor_tick_ms: 25,
            report_ms: 400,
            air: Air::default(),
            paths: vec![Path::default(); 3],
            commit_ms: 5,
            replicas: 3,
            wait_for_replicas: false,
            requests_per_minute: 4,
            faults: Vec::new(),
            attackers: Vec::new(),
        }
    }
}

/// What a sensor measures, and with it its risk class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wearable {
    /// A chest electrode, class II.
    Ecg,
    /// A finger clip, class II.
    #[serde(rename = "spo2")]
    SpO2,
    /// A belt, class I.
    Respiration,
    /// A patch, class I.
    Temperature,
    /// A pump, class III: sealed by the sensor.
    InsulinPump,
}

/// The air between a bed's sensors and its hub.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Air {
    /// Chance that a frame is lost.
    pub loss: f64,
    /// Chance that it arrives twice.
    pub duplicate: f64,
    /// Chance that a bit of it is changed.
    pub lie: f64,
    /// The least time it takes, milliseconds.
    pub delay_ms: u64,
    /// How much longer it takes at most, milliseconds.
    pub jitter_ms: u64,
    /// The radio with its medium access in place of delay and jitter; what is lost or changed comes on top of what it loses itself.
    pub radio: Option<Radio>,
}

impl Default for Air {
    fn default() -> Self {
        Self { loss: 0.0, duplicate: 0.0, lie: 0.0, delay_ms: 4, jitter_ms: 4, radio: None }
    }
}

/// A body-area radio ([`crate::radio`]).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Radio {
    /// Whose.
    pub standard: Standard,
    /// Who may send when.
    pub access: Access,
    /// Distance of the sensors from the hub, metres.
    pub radius_m: f64,
}

/// A standard of radio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standard {
    /// IEEE 802.15.4, 2.4 GHz, 250 kbit/s.
    #[serde(rename = "802.15.4")]
    Ieee802154,
    /// IEEE 802.15.6, narrowband at 2.4 GHz, 971.4 kbit/s.
    #[serde(rename = "802.15.6")]
    Ieee802156,
}

/// Medium access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// CSMA/CA, as the standard has it.
    Contention,
    /// A slot for each node in a beacon period.
    Slots,
}

impl Radio {
    /// The radio of a star of so many sensors.
    pub(super) fn config(&self, sensors: usize) -> radio::Config {
        let standard = match self.standard {
            Standard::Ieee802154 => IEEE_802_15_4,
            Standard::Ieee802156 => IEEE_802_15_6,
        };
        let mut config = radio::Config::star(standard, sensors, self.radius_m);
        if self.access == Access::Slots {
            config.access =
                radio::Access::Slots(Slots::new(&standard, sensors + 1, standard.payload_bytes_max));
        }
        config
    }
}

/// A broker, and the way to it from both sides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Path {
    /// Chance that a publication is lost; half of it for what is sent at least once.
    pub loss: f64,
    /// Chance that it arrives twice.
    pub duplicate: f64,
    /// Chance that a bit of it is changed.
    pub lie: f64,
    /// The least time it takes, milliseconds.
    pub delay_ms: u64,
    /// How much longer it takes at most, milliseconds.
    pub jitter_ms: u64,
    /// What a hub's way to it carries, kbit/s; what is more waits its turn. 0: anything at once.
    pub kbit_per_s: u32,
}

impl Default for Path {
    fn default() -> Self {
        Self { loss: 0.0, duplicate: 0.0, lie: 0.0, delay_ms: 15, jitter_ms: 20, kbit_per_s: 0 }
    }
}

/// Something that goes wrong at a time, and is mended after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// When, milliseconds after the start.
    pub at_ms: u64,
    /// For how long, milliseconds.
    #[serde(default)]
    pub for_ms: u64,
    /// What.
    pub what: What,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum What {
    /// A hub's connection to a broker.
    HubCut {
        /// The bed.
        bed: u16,
        /// The path.
        path: usize,
    },
    /// The clinic's connection to a broker.
    ClinicCut {
        /// The path.
        path: usize,
    },
    /// A broker ends and comes back with what it has retained.
    BrokerDown {
        /// The path.
        path: usize,
    },
    /// A hub's process is killed, or its power goes.
    HubCrash {
        /// The bed.
        bed: u16,
        /// The power goes: what was not synced may be gone.
        power: bool,
    },
    /// The clinic's process is killed, or its power goes.
    ClinicCrash {
        /// The power goes.
        power: bool,
    },
    /// The clinic's ledger is exchanged for an older copy while it is down; it must refuse that, and gets its own back.
    LedgerRolledBack,
    /// Whoever has the ledger's signing key makes another history from an older copy, and shows it to the replicas. Each must
    /// refuse it and keep evidence. Not mended: the true ledger goes on.
    LedgerForked,
    /// The disk of the clinic's ledger fails once.
    LedgerDiskFails,
    /// A sensor loses its power, and comes back with what is in its non-volatile memory.
    SensorReset {
        /// The bed.
        bed: u16,
        /// The place in [`Scenario::sensors`].
        sensor: usize,
    },
    /// The air of a bed carries nothing.
    Jammed {
        /// The bed.
        bed: u16,
    },
    /// The air of a bed loses frames of the hub only, so that last messages of handshakes are lost.
    HubUnheard {
        /// The bed.
        bed: u16,
    },
    /// The database of pairs does not answer.
    PairsAway,
    /// A replica's power goes.
    ReplicaCrash {
        /// Which.
        replica: u8,
    },
    /// The patient's heart fibrillates.
    Emergency {
        /// The bed.
        bed: u16,
    },
    /// The clinic's ledger takes no records of access.
    RecordsAway,
}

/// Who does wrong all the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attacker {
    /// Sends again what was heard in the air, to hub and sensors, from other places.
    AirReplayer,
    /// Sends changed and invented frames.
    AirForger,
    /// Sends a sensor its own frames back.
    AirReflector,
    /// Owns a broker: sends again what it has carried.
    PathReplayer,
    /// Owns a broker: sends changed and invented messages under names that it has seen.
    PathForger,
}

impl Attacker {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::AirReplayer, Self::AirForger, Self::AirReflector, Self::PathReplayer, Self::PathForger];
}

/// Why a scenario cannot be played.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the scenario cannot be played: {0}; `bodywire sim --print` shows one that can")]
pub struct Unplayable(pub String);

impl Scenario {
    /// Reads a scenario in TOML.
    ///
    /// # Errors
    /// [`Unplayable`], with the place in the text.
    pub fn parse(text: &str) -> Result<Self, Unplayable> {
        let scenario: Self = toml::from_str(text).map_err(|error| Unplayable(error.to_string()))?;
        scenario.check()?;
        Ok(scenario)
    }

    /// The scenario in TOML.
    ///
    /// # Errors
    /// None for one that was read.
    pub fn to_toml(&self) -> Result<String, Unplayable> {
        toml::to_string(self).map_err(|error| Unplayable(error.to_string()))
    }

    /// Whether all its numbers are within their limits.
    ///
    /// # Errors
    /// [`Unplayable`], with the first that is not.
    pub fn check(&self) -> Result<(), Unplayable> {
        let refuse = |why: String| Err(Unplayable(why));
        if !(1..=BEDS_MAX).contains(&self.beds) {
            return refuse(format!("beds must be 1 to {BEDS_MAX}"));
        }
        if !(1..=SENSORS_MAX).contains(&self.sensors.len()) {
            return refuse(format!("sensors must be 1 to {SENSORS_MAX}"));
        }
        if !(PATHS_MIN..=PATHS_MAX).contains(&self.paths.len()) {
            return refuse(format!("paths must be {PATHS_MIN} to {PATHS_MAX}"));
        }
        if !(1..=SECONDS_MAX).contains(&self.seconds) {
            return refuse(format!("seconds must be 1 to {SECONDS_MAX}"));
        }
        if self.replicas > REPLICAS_MAX {
            return refuse(format!("replicas must be 0 to {REPLICAS_MAX}"));
        }
        if self.wait_for_replicas && self.replicas == 0 {
            return refuse("there is no replica to wait for".to_owned());
        }
        if self.sensor_tick_ms == 0 || self.report_ms == 0 {
            return refuse("sensor_tick_ms and report_ms must be above 0".to_owned());
        }
        if self.faults.len() > FAULTS_MAX || self.attackers.len() > FAULTS_MAX {
            return refuse(format!("there are more than {FAULTS_MAX} faults or attackers"));
        }
        let paths = self.paths.iter().flat_map(|path| [path.loss, path.duplicate, path.lie]);
        let chances = paths.chain([self.air.loss, self.air.duplicate, self.air.lie]);
        if self.paths.iter().any(|path| (1..KBIT_PER_S_MIN).contains(&path.kbit_per_s)) {
            return refuse(format!("kbit_per_s must be 0 or at least {KBIT_PER_S_MIN}"));
        }
        if let Some(chance) = chances.into_iter().find(|chance| !(0.0..=1.0).contains(chance)) {
            return refuse(format!("{chance} is no probability"));
        }
        if self.air.radio.is_some_and(|radio| !(RADIUS_M.0..=RADIUS_M.1).contains(&radio.radius_m)) {
            return refuse(format!("radius_m must be {} to {}", RADIUS_M.0, RADIUS_M.1));
        }
        self.faults.iter().try_for_each(|fault| self.check_fault(fault.what))
    }

    /// Whether the alarm of this emergency must come: nothing else is wrong around it that would excuse it. A patient who has worn
    /// the electrode for a while, one path too few at most, and time enough.
    pub(super) fn alarm_is_promised(&self, number: usize) -> bool {
        let Some(Fault { at_ms, for_ms, what: What::Emergency { bed } }) = self.faults.get(number).copied()
        else {
            return false;
        };
        let watched_ms = u64::try_from(super::ward::ALARM_WITHIN.as_millis()).unwrap_or(u64::MAX) + 500;
        let fits = at_ms >= WORN_MS && for_ms >= watched_ms && at_ms + watched_ms <= 1_000 * self.seconds;
        if !fits || self.air.loss + self.air.lie > AIR_LOSS_MAX || !self.sensors.contains(&Wearable::Ecg) {
            return false;
        }
        let around =
            |fault: &Fault| fault.at_ms < at_ms + watched_ms && fault.at_ms + fault.for_ms + WORN_MS > at_ms;
        let mut paths: Vec<usize> = (0..self.paths.len())
            .filter(|path| self.paths.get(*path).is_some_and(|of| of.loss > 0.05 || of.lie > 0.05))
            .collect();
        if self.attackers.iter().any(|who| matches!(who, Attacker::PathForger | Attacker::PathReplayer)) {
            paths.push(0);
        }
        let others =
            self.faults.iter().enumerate().filter(|(other, fault)| *other != number && around(fault));
        for (_, fault) in others {
            match fault.what {
                What::HubCut { bed: of, .. }
                | What::HubCrash { bed: of, .. }
                | What::SensorReset { bed: of, .. }
                | What::Jammed { bed: of }
                | What::HubUnheard { bed: of }
                | What::Emergency { bed: of }
                    if of != bed => {}
                // It is back in time, however much has been kept until then.
                What::HubCut { .. } if fault.at_ms + fault.for_ms <= at_ms + BACK_AFTER_MS => {}
                What::HubCut { path, .. } | What::ClinicCut { path } | What::BrokerDown { path } => {
                    paths.push(path);
                }
                What::ReplicaCrash { .. } | What::LedgerForked | What::RecordsAway => {}
                _ => return false,
            }
        }
        paths.sort_unstable();
        paths.dedup();
        // Of three paths one may be missing.
        paths.len() + 2 <= self.paths.len()
    }

    fn check_fault(&self, what: What) -> Result<(), Unplayable> {
        let (bed, path, sensor, replica) = match what {
            What::HubCut { bed, path } => (Some(bed), Some(path), None, None),
            What::ClinicCut { path } | What::BrokerDown { path } => (None, Some(path), None, None),
            What::HubCrash { bed, .. }
            | What::Jammed { bed }
            | What::HubUnheard { bed }
            | What::Emergency { bed } => (Some(bed), None, None, None),
            What::SensorReset { bed, sensor } => (Some(bed), None, Some(sensor), None),
            What::ReplicaCrash { replica } => (None, None, None, Some(replica)),
            What::ClinicCrash { .. }
            | What::LedgerRolledBack
            | What::LedgerForked
            | What::LedgerDiskFails
            | What::PairsAway
            | What::RecordsAway => (None, None, None, None),
        };
        let is_there = bed.is_none_or(|bed| bed < self.beds)
            && path.is_none_or(|path| path < self.paths.len())
            && sensor.is_none_or(|sensor| sensor < self.sensors.len())
            && replica.is_none_or(|replica| replica < self.replicas);
        if is_there { Ok(()) } else { Err(Unplayable(format!("{what:?} names what is not there"))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_survives_its_file_and_mistakes_are_named() {
        let scenario = Scenario {
            faults: vec![
                Fault { at_ms: 5, for_ms: 7, what: What::HubCut { bed: 0, path: 2 } },
                Fault { at_ms: 9, for_ms: 0, what: What::LedgerRolledBack },
            ],
            attackers: Attacker::ALL.to_vec(),
            ..Scenario::default()
        };
        let text = scenario.to_toml().unwrap();
        assert_eq!(Scenario::parse(&text).unwrap(), scenario, "{text}");
        for (text, why) in [
            ("beds = 0", "beds"),
            ("bed = 1", "unknown field"),
            ("[[paths]]\nkbit_per_s = 3\n[[paths]]", "kbit_per_s"),
            ("sensors = [\"tail\"]", "tail"),
            ("[air]\nloss = 1.5", "1.5"),
            ("replicas = 0\nwait_for_replicas = true", "no replica"),
            ("[[faults]]\nat_ms = 1\nwhat = { hub-cut = { bed = 3, path = 0 } }", "HubCut"),
        ] {
            let error = Scenario::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
