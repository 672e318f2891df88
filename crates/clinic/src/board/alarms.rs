//! The life of an alarm.
//!
//! On, then acknowledged (still present, silent), then off; or on, then latched (the condition ended before anybody
//! looked), then off by acknowledgement. High alarms latch. An acknowledged alarm stays acknowledged until its condition
//! ends and returns, or returns with a higher priority.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::view::RiskClass;
use super::wave::WaveChunk;
use crate::Error;

/// Alarms on the board at once: every sensor, path and limit of one bed several times over.
pub const MAX_ALARMS: usize = 64;

/// Identifies one alarm on one board; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AlarmId(
    /// The number in the URL of its acknowledgement.
    pub u64,
);

impl fmt::Display for AlarmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Priority in ascending order. `Technical` speaks of the equipment, not of the patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// Equipment: leads off, path down, ledger damaged.
    Technical,
    /// Cyan, `*`.
    Low,
    /// Yellow, `**`.
    Medium,
    /// Red, `***`; latches.
    High,
}

/// Where an alarm is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlarmState {
    /// The condition holds and nobody has looked.
    On,
    /// The condition holds and somebody has looked.
    Acknowledged,
    /// The condition ended and nobody has looked.
    Latched,
    /// Gone.
    Off,
}

/// Why the emergency detector raised an alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Weighted correlation, -1 to 1.
    pub rho: f64,
    /// The patient's threshold.
    pub threshold: f64,
    /// In words.
    pub reason: String,
}

/// A condition that begins, or still holds with new words.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmInput {
    /// Stable name of the condition, such as `ecg.pattern-lost`: one alarm per condition.
    pub condition: String,
    /// How urgent.
    pub priority: Priority,
    /// What the alarm line says, without the asterisks.
    pub text: String,
    /// When the condition was seen, milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Evidence of the emergency detector, when that is the source.
    pub evidence: Option<Evidence>,
    /// The ECG that led to it.
    pub strip: Option<WaveChunk>,
}

/// Who acknowledged an alarm, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// The person of the session.
    pub who: String,
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// An alarm as the screen shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmView {
    /// Its identity.
    pub id: AlarmId,
    /// Name of the condition.
    pub condition: String,
    /// How urgent.
    pub priority: Priority,
    /// Where in its life.
    pub state: AlarmState,
    /// What the line says.
    pub text: String,
    /// When it was raised, milliseconds since the Unix epoch.
    pub raised_at_ms: u64,
    /// When the condition ended, for a latched alarm.
    pub ended_at_ms: Option<u64>,
    /// Who looked.
    pub acknowledged: Option<Acknowledgement>,
    /// Evidence, when the emergency detector raised it.
    pub evidence: Option<Evidence>,
    /// Whether the ECG that led to it can be asked for.
    pub strip: bool,
    /// From which class of the bed on it may be shown.
    pub class: RiskClass,
}

/// All alarms of a board. Each change returns the views that changed, for the event stream.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    by_condition: BTreeMap<String, AlarmView>,
    /// Strips by condition, as frames of a wave; never more than alarms.
    strips: BTreeMap<String, Arc<[u8]>>,
}

impl Alarms {
    /// Raises, renews or escalates; a new alarm gets the number `next`. Nothing changed gives an empty list.
    pub(super) fn raise(
        &mut self,
        next: AlarmId,
        (bed, class): (u16, RiskClass),
        input: AlarmInput,
    ) -> Result<(AlarmId, Vec<AlarmView>), Error> {
        // A strip that cannot be drawn does not keep its alarm back.
        let strip = input.strip.as_ref().and_then(|strip| strip.evidence(bed).ok());
        if let Some(alarm) = self.by_condition.get_mut(&input.condition) {
            let before = alarm.clone();
            if let Some(strip) = strip {
                alarm.strip = true;
                self.strips.insert(input.condition.clone(), strip);
            }
            let escalates = input.priority > alarm.priority;
            if escalates || alarm.state == AlarmState::Latched {
                alarm.state = AlarmState::On;
                alarm.raised_at_ms = input.at_ms;
                alarm.ended_at_ms = None;
                alarm.acknowledged = None;
            }
            alarm.priority = input.priority;
            alarm.text = input.text;
            alarm.evidence = input.evidence.or_else(|| before.evidence.clone());
            let changed = if *alarm == before { Vec::new() } else { vec![alarm.clone()] };
            return Ok((alarm.id, changed));
        }
        let mut changed = self.make_room(input.priority)?;
        let alarm = AlarmView {
            id: next,
            condition: input.condition.clone(),
            priority: input.priority,
            state: AlarmState::On,
            text: input.text,
            raised_at_ms: input.at_ms,
            ended_at_ms: None,
            acknowledged: None,
            evidence: input.evidence,
            strip: strip.is_some(),
            class,
        };
        if let Some(strip) = strip {
            self.strips.insert(input.condition.clone(), strip);
        }
        self.by_condition.insert(input.condition, alarm.clone());
        let id = alarm.id;
        changed.push(alarm);
        Ok((id, changed))
    }

    /// Gives up the oldest alarm of lower priority: a full board must still show what is urgent.
    fn make_room(&mut self, priority: Priority) -> Result<Vec<AlarmView>, Error> {
        if self.by_condition.len() < MAX_ALARMS {
            return Ok(Vec::new());
        }
        let least = self.by_condition.values().min_by_key(|alarm| (alarm.priority, alarm.id));
        let Some(condition) =
            least.filter(|alarm| alarm.priority < priority).map(|alarm| alarm.condition.clone())
        else {
            return Err(Error::BoardFull { limit: "MAX_ALARMS", max: MAX_ALARMS });
        };
        Ok(self.remove(&condition).into_iter().collect())
    }

    /// The condition no longer holds.
    pub(super) fn end(&mut self, condition: &str, at_ms: u64) -> Option<AlarmView> {
        let alarm = self.by_condition.get_mut(condition)?;
        match (alarm.state, alarm.priority) {
            (AlarmState::Latched, _) => None,
            (AlarmState::On, Priority::High) => {
                alarm.state = AlarmState::Latched;
                alarm.ended_at_ms = Some(at_ms);
                Some(alarm.clone())
            }
            _ => self.remove(condition).map(|alarm| AlarmView { ended_at_ms: Some(at_ms), ..alarm }),
        }
    }

    /// Somebody looked.
    pub(super) fn acknowledge(&mut self, id: AlarmId, who: String, at_ms: u64) -> Result<AlarmView, Error> {
        let alarm =
            self.by_condition.values_mut().find(|alarm| alarm.id == id).ok_or(Error::UnknownAlarm(id))?;
        if let Some(first) = &alarm.acknowledged {
            return Err(Error::AlreadyAcknowledged { id, who: first.who.clone() });
        }
        alarm.acknowledged = Some(Acknowledgement { who, at_ms });
        if alarm.state == AlarmState::Latched {
            let condition = alarm.condition.clone();
            return self.remove(&condition).ok_or(Error::UnknownAlarm(id));
        }
        alarm.state = AlarmState::Acknowledged;
        Ok(alarm.clone())
    }

    /// An alarm whose patient is gone.
    pub(super) fn forget(&mut self, id: AlarmId, at_ms: u64) -> Option<AlarmView> {
        let alarm = self.by_condition.values().find(|alarm| alarm.id == id)?;
        let condition = alarm.condition.clone();
        self.remove(&condition).map(|alarm| AlarmView { ended_at_ms: Some(at_ms), ..alarm })
    }

    /// All alarms that are not off, the most urgent first.
    pub(super) fn views(&self) -> Vec<AlarmView> {
        let mut views: Vec<_> = self.by_condition.values().cloned().collect();
        views.sort_by_key(|alarm| (std::cmp::Reverse(alarm.priority), alarm.id));
        views
    }

    fn remove(&mut self, condition: &str) -> Option<AlarmView> {
        let mut alarm = self.by_condition.remove(condition)?;
        self.strips.remove(condition);
        alarm.state = AlarmState::Off;
        Some(alarm)
    }

    /// The ECG that led to an alarm, as a frame of a wave.
    pub(super) fn strip(&self, id: AlarmId) -> Option<Arc<[u8]>> {
        let alarm = self.by_condition.values().find(|alarm| alarm.id == id)?;
        self.strips.get(&alarm.condition).cloned()
    }

    /// From which class on an alarm that is not off may be shown.
    pub(super) fn class(&self, id: AlarmId) -> Option<RiskClass> {
        self.by_condition.values().find(|alarm| alarm.id == id).map(|alarm| alarm.class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(condition: &str, priority: Priority, at_ms: u64) -> AlarmInput {
        AlarmInput {
            condition: condition.into(),
            priority,
            text: format!("{condition} text"),
            at_ms,
            evidence: None,
            strip: None,
        }
    }

    impl Alarms {
        fn raised(&mut self, input: AlarmInput) -> Result<(AlarmId, Vec<AlarmView>), Error> {
            let next = self.by_condition.values().map(|alarm| alarm.id.0).max().unwrap_or_default() + 1;
            let next = AlarmId(next.max(input.at_ms * 1_000));
            self.raise(next, (1, RiskClass::II), input)
        }
    }

    #[test]
    fn acknowledged_stays_until_the_condition_ends_and_returns() {
        let mut alarms = Alarms::default();
        let (id, _) = alarms.raised(input("hr.high", Priority::Medium, 1)).unwrap();
        let seen = alarms.acknowledge(id, "S. Ode".into(), 2).unwrap();
        assert_eq!(seen.state, AlarmState::Acknowledged);
        assert_eq!(seen.acknowledged, Some(Acknowledgement { who: "S. Ode".into(), at_ms: 2 }));

        let (same, changed) = alarms.raised(input("hr.high", Priority::Medium, 3)).unwrap();
        assert_eq!((same, changed.len()), (id, 0), "a condition that still holds changes nothing");

        assert_eq!(alarms.end("hr.high", 4).unwrap().state, AlarmState::Off);
        let (next, changed) = alarms.raised(input("hr.high", Priority::Medium, 5)).unwrap();
        assert_ne!(next, id);
        assert_eq!(changed[0].state, AlarmState::On);
    }

    #[test]
    fn high_alarm_latches_and_goes_by_acknowledgement() {
        let mut alarms = Alarms::default();
        let (id, _) = alarms.raised(input("ecg", Priority::High, 1)).unwrap();
        assert_eq!(alarms.end("ecg", 2).unwrap().state, AlarmState::Latched);
        assert_eq!(alarms.end("ecg", 3), None);
        assert_eq!(alarms.acknowledge(id, "x".into(), 4).unwrap().state, AlarmState::Off);
        assert!(alarms.views().is_empty());
        assert!(
            matches!(alarms.acknowledge(id, "x".into(), 5), Err(Error::UnknownAlarm(other)) if other == id)
        );
    }

    #[test]
    fn latched_alarm_that_returns_is_on_again() {
        let mut alarms = Alarms::default();
        let (id, _) = alarms.raised(input("ecg", Priority::High, 1)).unwrap();
        alarms.end("ecg", 2);
        let (same, changed) = alarms.raised(input("ecg", Priority::High, 3)).unwrap();
        assert_eq!(same, id);
        assert_eq!((changed[0].state, changed[0].ended_at_ms), (AlarmState::On, None));
    }

    #[test]
    fn lower_priorities_do_not_latch() {
        for priority in [Priority::Medium, Priority::Low, Priority::Technical] {
            let mut alarms = Alarms::default();
            alarms.raised(input("c", priority, 1)).unwrap();
            assert_eq!(alarms.end("c", 2).unwrap().state, AlarmState::Off);
        }
    }

    #[test]
    fn higher_priority_asks_for_a_new_look() {
        let mut alarms = Alarms::default();
        let (id, _) = alarms.raised(input("c", Priority::Low, 1)).unwrap();
        alarms.acknowledge(id, "x".into(), 2).unwrap();
        let (_, changed) = alarms.raised(input("c", Priority::High, 3)).unwrap();
        assert_eq!((changed[0].state, changed[0].acknowledged.clone()), (AlarmState::On, None));
    }

    #[test]
    fn the_first_acknowledgement_stands() {
        let mut alarms = Alarms::default();
        let (id, _) = alarms.raised(input("c", Priority::High, 1)).unwrap();
        alarms.acknowledge(id, "first".into(), 2).unwrap();
        let second = alarms.acknowledge(id, "second".into(), 3);
        assert!(matches!(second, Err(Error::AlreadyAcknowledged { who, .. }) if who == "first"));
    }

    #[test]
    fn full_board_gives_up_what_is_less_urgent() {
        let mut alarms = Alarms::default();
        for n in 0..MAX_ALARMS {
            alarms.raised(input(&format!("t{n}"), Priority::Technical, 1)).unwrap();
        }
        assert!(matches!(alarms.raised(input("u", Priority::Technical, 2)), Err(Error::BoardFull { .. })));
        let (_, changed) = alarms.raised(input("ecg", Priority::High, 3)).unwrap();
        assert_eq!(changed[0].state, AlarmState::Off);
        assert_eq!(alarms.views()[0].condition, "ecg");
        assert_eq!(alarms.views().len(), MAX_ALARMS);
    }
}
