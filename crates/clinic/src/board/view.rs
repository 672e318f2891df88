//! The shapes the screen reads. Field names are the wire names of `docs/console-api.md`.

use serde::{Deserialize, Serialize};

use super::alarms::AlarmView;
use super::load::LoadView;
use crate::limits::LimitView;
use bodywire_proto::access::Condition;
use bodywire_proto::risk;

/// What a number or a wave measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Signal {
    /// Electrocardiogram, a wave in millivolts.
    Ecg,
    /// Heart rate, beats per minute.
    HeartRate,
    /// Oxygen saturation, percent.
    Spo2,
    /// Respiration rate, breaths per minute.
    Resp,
    /// Body temperature, degrees Celsius.
    Temp,
    /// Infusion pump rate, millilitres per hour.
    PumpRate,
    /// Plethysmogram, a wave without a unit.
    Pleth,
}

impl Signal {
    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ecg => "ecg",
            Self::HeartRate => "heart-rate",
            Self::Spo2 => "spo2",
            Self::Resp => "resp",
            Self::Temp => "temp",
            Self::PumpRate => "pump-rate",
            Self::Pleth => "pleth",
        }
    }

    /// The signal's byte in a wave frame (`docs/console-api.md`, wave frame).
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ecg => 1,
            Self::HeartRate => 2,
            Self::Spo2 => 3,
            Self::Resp => 4,
            Self::Temp => 5,
            Self::PumpRate => 6,
            Self::Pleth => 7,
        }
    }
}

/// Risk class of a sensor: I low, III a device that can hurt (Yang et al. 2021, section 3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RiskClass {
    /// Low risk.
    I,
    /// Medium risk.
    II,
    /// High risk, such as an infusion pump.
    III,
}

impl From<risk::RiskClass> for RiskClass {
    fn from(class: risk::RiskClass) -> Self {
        match class {
            risk::RiskClass::I => Self::I,
            risk::RiskClass::II => Self::II,
            risk::RiskClass::III => Self::III,
        }
    }
}

/// The condition's name on the wire.
pub(crate) const fn condition_name(condition: Condition) -> &'static str {
    match condition {
        Condition::Normal => "normal",
        Condition::Undetermined => "undetermined",
        Condition::Emergency => "emergency",
    }
}

/// Who has silenced a bed's sound, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PauseView {
    /// Milliseconds since the Unix epoch.
    pub until_ms: u64,
    /// The person of the session.
    pub who: String,
}

/// Where the data comes from. The page prints it in its footer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "name", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Source {
    /// Generated values: FHIR security label HTEST, "test health data".
    Simulated,
    /// A public recording played again, by name.
    Recording(String),
    /// A patient's sensors.
    Live,
}

/// Who lies in the bed, as far as the screen says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PatientView {
    /// Bed, such as `402`.
    pub bed: String,
    /// Label of the patient; a pseudonym in a demonstration.
    pub label: String,
}

/// One number on the screen, in and out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NumericView {
    /// What is measured.
    pub signal: Signal,
    /// Class of the sensor that measures it: who may see it.
    pub class: RiskClass,
    /// Number of that sensor at its hub.
    pub sensor: u16,
    /// The value, or nothing when the sensor has none (leads off); never a made-up zero.
    pub value: Option<f64>,
    /// Unit in print, such as `/min`.
    pub unit: String,
    /// When the sensor measured it, milliseconds since the Unix epoch.
    pub sensor_time_ms: u64,
    /// Distance between two readings, milliseconds: the screen calls a number stale by its own rate.
    pub period_ms: u32,
    /// True when it came from the spool after an outage. Late values never reach the live screen.
    pub late: bool,
    /// A sentence under the number, such as by which right it is open.
    pub note: Option<String>,
}

/// State of one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathCondition {
    /// Carries fragments.
    Up,
    /// Carries fragments slowly or with loss.
    Degraded,
    /// Carries nothing.
    Down,
}

/// One path between hub and clinic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PathView {
    /// Number of the path from 0.
    pub index: u8,
    /// Name from the configuration.
    pub name: String,
    /// Its state.
    pub condition: PathCondition,
    /// Why it is not up; empty when it is.
    pub reason: String,
}

/// One sensor of the patient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SensorView {
    /// Its number at its hub.
    pub sensor: u16,
    /// What it measures, as the screen calls it.
    pub signal: Option<Signal>,
    /// Name, unique on the board.
    pub name: String,
    /// What kind of sensor, in words.
    pub kind: String,
    /// Risk class.
    pub class: RiskClass,
    /// Last mutual authentication, milliseconds since the Unix epoch; nothing when it never passed.
    pub authenticated_at_ms: Option<u64>,
    /// Bits on the sensor link that the authentication took.
    pub bits: u32,
}

/// What is known about the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerView {
    /// Number of entries under the last verified head.
    pub entries: u64,
    /// When it was verified, milliseconds since the Unix epoch.
    pub verified_at_ms: u64,
    /// The damaged record by name, when verification failed.
    pub damage: Option<String>,
}

/// One judgement of the emergency detector: weighted correlation against the patient's threshold
/// (Yang et al. 2021, algorithm 2). Below the threshold is an emergency.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CorrelationView {
    /// Correlation with the patient's own beat, -1 to 1.
    pub rho: f64,
    /// The patient's threshold.
    pub threshold: f64,
    /// The detector's reason in words.
    pub reason: String,
    /// When, milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// One line of the event list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// When, milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What happened.
    pub text: String,
}

/// Everything one screen shows, at one event id.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BoardView {
    /// Number of the bed; 0 is the ward.
    pub bed: u16,
    /// Id of the last event that is contained here.
    pub last_event_id: u64,
    /// Origin of the data.
    pub source: Source,
    /// Bed and patient.
    pub patient: PatientView,
    /// Current numbers, one per signal.
    pub numerics: Vec<NumericView>,
    /// Alarms that are on, acknowledged or latched.
    pub alarms: Vec<AlarmView>,
    /// Paths by number.
    pub paths: Vec<PathView>,
    /// Sensors in the order they were first named.
    pub sensors: Vec<SensorView>,
    /// Ledger, when one was verified.
    pub ledger: Option<LedgerView>,
    /// Messages waiting in the hub's spool.
    pub buffer: u64,
    /// Recent judgements of the emergency detector, oldest first.
    pub correlations: Vec<CorrelationView>,
    /// Recent events, oldest first.
    pub log: Vec<LogLine>,
    /// Numbers that arrived late and were kept off the live screen.
    pub late_numerics: u64,
    /// Limits of the patient's numbers.
    pub limits: Vec<LimitView>,
    /// Who has silenced the sound, while it is.
    pub pause: Option<PauseView>,
    /// How many alarms the bed has.
    pub alarm_load: LoadView,
    /// The patient's condition: `normal`, `undetermined` or `emergency`.
    pub condition: Option<&'static str>,
}
