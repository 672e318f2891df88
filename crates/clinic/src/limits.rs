//! Limits of a patient's numbers, and the alarms that come of them (IEC 60601-1-8: limit alarms of the physiological kind).
//!
//! A limit is violated when the number stays beyond it for its delay; the alarm ends when the number is back inside by the
//! hysteresis. Without both, a number that plays about its limit raises an alarm a minute, and people stop looking. A pure
//! state machine: time is an argument.

use crate::board::{AlarmInput, Priority, Signal};
use serde::Serialize;

/// Signals that have limits.
pub const LIMITED: [Signal; 4] = [Signal::HeartRate, Signal::Spo2, Signal::Resp, Signal::Temp];

/// The limits of one signal of one patient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// What is measured.
    pub signal: Signal,
    /// Below this is an alarm; nothing: no lower limit.
    pub low: Option<f64>,
    /// Above this is an alarm; nothing: no upper limit.
    pub high: Option<f64>,
    /// How urgent.
    pub priority: Priority,
    /// False is "alarm off": nothing is raised, and the screen shows a crossed bell.
    pub enabled: bool,
}

/// A limit as the screen shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LimitView {
    /// What is measured.
    pub signal: Signal,
    /// The lower limit.
    pub low: Option<f64>,
    /// The upper limit.
    pub high: Option<f64>,
    /// How far back inside the number must be for the alarm to end.
    pub hysteresis: f64,
    /// How long it must be beyond, seconds.
    pub delay_s: f64,
    /// How urgent.
    pub priority: Priority,
    /// Whether alarms are raised.
    pub enabled: bool,
    /// Unit in print.
    pub unit: &'static str,
    /// Who changed it last; nothing: as it came.
    pub changed: Option<Changed>,
}

/// Who changed a limit, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// Name of the person.
    pub who: String,
    /// Milliseconds since 1970.
    pub at_ms: u64,
}

/// What a signal's limits can be, and how they behave.
struct Rule {
    unit: &'static str,
    short: &'static str,
    /// A limit outside is a slip of the finger.
    sensible: (f64, f64),
    hysteresis: f64,
    delay_ms: u64,
    decimals: usize,
    /// As it comes: low, high.
    default: (Option<f64>, Option<f64>),
}

// Defaults are common adult settings of central stations; a house changes them for each patient. The delays keep a cough
// and a turn in bed silent, and are below the averaging of bedside monitors.
const fn rule(signal: Signal) -> Option<Rule> {
    Some(match signal {
        Signal::HeartRate => Rule {
            unit: "/min",
            short: "HR",
            sensible: (15.0, 300.0),
            hysteresis: 2.0,
            delay_ms: 3_000,
            decimals: 0,
            default: (Some(50.0), Some(120.0)),
        },
        Signal::Spo2 => Rule {
            unit: "%",
            short: "SpO2",
            sensible: (50.0, 100.0),
            hysteresis: 1.0,
            delay_ms: 10_000,
            decimals: 0,
            default: (Some(90.0), None),
        },
        Signal::Resp => Rule {
            unit: "/min",
            short: "RESP",
            sensible: (2.0, 80.0),
            hysteresis: 1.0,
            delay_ms: 5_000,
            decimals: 0,
            default: (Some(8.0), Some(30.0)),
        },
        Signal::Temp => Rule {
            unit: "Cel",
            short: "TEMP",
            sensible: (25.0, 45.0),
            hysteresis: 0.2,
            delay_ms: 10_000,
            decimals: 1,
            default: (Some(35.5), Some(39.0)),
        },
        Signal::Ecg | Signal::PumpRate | Signal::Pleth => return None,
    })
}

impl Limit {
    /// The limits of a signal as they come; nothing for one that has none.
    #[must_use]
    pub const fn default_of(signal: Signal) -> Option<Self> {
        match rule(signal) {
            Some(Rule { default: (low, high), .. }) => {
                Some(Self { signal, low, high, priority: Priority::Medium, enabled: true })
            }
            None => None,
        }
    }

    /// Checks limits that somebody has typed.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn check(self) -> Result<Self, String> {
        let Some(rule) = rule(self.signal) else {
            return Err(format!("{} has no limits", self.signal.name()));
        };
        let (least, most) = rule.sensible;
        let outside = |limit: Option<f64>| limit.is_some_and(|limit| !(least..=most).contains(&limit));
        if outside(self.low) || outside(self.high) {
            return Err(format!("limits of {} lie from {least} to {most} {}", rule.short, rule.unit));
        }
        let apart = self.low.zip(self.high).is_none_or(|(low, high)| high - low >= 2.0 * rule.hysteresis);
        if !apart {
            let gap = 2.0 * rule.hysteresis;
            return Err(format!("the lower limit must be at least {gap} {} below the upper one", rule.unit));
        }
        if self.priority == Priority::Technical {
            return Err("the priority of a limit is low, medium or high".to_owned());
        }
        Ok(self)
    }

    /// As the screen shows it.
    #[must_use]
    pub fn view(&self, changed: Option<Changed>) -> LimitView {
        let rule = rule(self.signal);
        LimitView {
            signal: self.signal,
            low: self.low,
            high: self.high,
            hysteresis: rule.as_ref().map_or(0.0, |rule| rule.hysteresis),
            delay_s: rule.as_ref().map_or(0.0, |rule| rule.delay_ms as f64 / 1_000.0),
            priority: self.priority,
            enabled: self.enabled,
            unit: rule.as_ref().map_or("", |rule| rule.unit),
            changed,
        }
    }
}

/// Which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Low,
    High,
}

/// What a watch has to say.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Raise this, or say it again with the worst value.
    Raise(AlarmInput),
    /// The condition is over.
    End(String),
}

/// Watches one signal of one patient.
#[derive(Debug, Clone)]
pub struct Monitor {
    limit: Limit,
    /// Since when the number has been beyond a limit.
    beyond: Option<(Side, u64)>,
    /// The alarm that was raised, with the worst value since.
    raised: Option<(Side, f64)>,
}

impl Monitor {
    /// A watch on a limit.
    #[must_use]
    pub const fn new(limit: Limit) -> Self {
        Self { limit, beyond: None, raised: None }
    }

    /// The limit it watches.
    #[must_use]
    pub const fn limit(&self) -> Limit {
        self.limit
    }

    /// Takes other limits. What was raised under the old ones ends; the next number raises it anew.
    pub fn set(&mut self, limit: Limit) -> Vec<Verdict> {
        let ended = self.raised.map(|(side, _)| Verdict::End(name(self.limit.signal, side)));
        *self = Self::new(limit);
        ended.into_iter().collect()
    }

    /// A number of the signal, at the sensor's time. No number (lead off) changes nothing: that is a technical alarm.
    pub fn value(&mut self, value: f64, at_ms: u64) -> Vec<Verdict> {
        let Some(rule) = rule(self.limit.signal).filter(|_| self.limit.enabled && value.is_finite()) else {
            return Vec::new();
        };
        let mut verdicts = Vec::new();
        if let Some((side, worst)) = self.raised {
            if self.is_back(side, value, rule.hysteresis) {
                self.raised = None;
                verdicts.push(Verdict::End(name(self.limit.signal, side)));
            } else {
                let worse = if side == Side::Low { value.min(worst) } else { value.max(worst) };
                if worse != worst {
                    self.raised = Some((side, worse));
                    verdicts.extend(self.alarm(side, worse, at_ms, &rule));
                }
            }
        }
        let side = self.side(value);
        self.beyond = match (side, self.beyond) {
            (Some(side), Some((before, since))) if side == before => Some((side, since)),
            (side, _) => side.map(|side| (side, at_ms)),
        };
        if let Some((side, since)) = self.beyond
            && self.raised.is_none()
            && at_ms.saturating_sub(since) >= rule.delay_ms
        {
            self.raised = Some((side, value));
            verdicts.extend(self.alarm(side, value, at_ms, &rule));
        }
        verdicts
    }

    fn side(&self, value: f64) -> Option<Side> {
        if self.limit.low.is_some_and(|low| value < low) {
            Some(Side::Low)
        } else if self.limit.high.is_some_and(|high| value > high) {
            Some(Side::High)
        } else {
            None
        }
    }

    fn is_back(&self, side: Side, value: f64, hysteresis: f64) -> bool {
        match side {
            Side::Low => self.limit.low.is_none_or(|low| value >= low + hysteresis),
            Side::High => self.limit.high.is_none_or(|high| value <= high - hysteresis),
        }
    }

    fn alarm(&self, side: Side, worst: f64, at_ms: u64, rule: &Rule) -> Option<Verdict> {
        let (sign, limit) = match side {
            Side::Low => ("<", self.limit.low?),
            Side::High => (">", self.limit.high?),
        };
        let decimals = rule.decimals;
        let text = format!("{} {worst:.decimals$} {sign} {limit:.decimals$}", rule.short);
        let condition = name(self.limit.signal, side);
        let priority = self.limit.priority;
        Some(Verdict::Raise(AlarmInput { condition, priority, text, at_ms, evidence: None, strip: None }))
    }
}

fn name(signal: Signal, side: Side) -> String {
    format!("limit.{}.{}", signal.name(), if side == Side::Low { "low" } else { "high" })
}

/// Codes of limits in the record of alarms begin here; those of the detector are below.
const RECORD_CODES: u8 = 100;

/// The code under which an alarm of a limit is on record; nothing for another condition.
pub(crate) fn record_code(condition: &str) -> Option<u8> {
    let names = LIMITED.into_iter().flat_map(|signal| [name(signal, Side::Low), name(signal, Side::High)]);
    (RECORD_CODES..).zip(names).find(|(_, name)| name == condition).map(|(code, _)| code)
}

/// Condition and words of a code on record.
pub(crate) fn recorded(code: u8) -> Option<(String, String)> {
    let at = usize::from(code.checked_sub(RECORD_CODES)?);
    let signal = *LIMITED.get(at / 2)?;
    let side = if at.is_multiple_of(2) { Side::Low } else { Side::High };
    let which = if side == Side::Low { "BELOW" } else { "ABOVE" };
    Some((name(signal, side), format!("{} {which} ITS LIMIT", rule(signal)?.short)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn heart() -> Monitor {
        Monitor::new(Limit::default_of(Signal::HeartRate).unwrap())
    }

    fn raised(verdicts: &[Verdict]) -> Option<&str> {
        match verdicts {
            [Verdict::Raise(input)] => Some(&input.text),
            _ => None,
        }
    }

    #[test]
    fn raises_after_the_delay_says_the_worst_value_and_ends_inside_by_the_hysteresis() {
        let mut monitor = heart();
        assert!(monitor.value(128.0, 0).is_empty());
        assert!(monitor.value(128.0, 2_999).is_empty());
        assert_eq!(raised(&monitor.value(128.0, 3_000)), Some("HR 128 > 120"));
        assert_eq!(raised(&monitor.value(140.0, 4_000)), Some("HR 140 > 120"));
        assert!(monitor.value(130.0, 5_000).is_empty(), "less bad is no news");
        assert!(monitor.value(119.0, 6_000).is_empty(), "inside, but not by the hysteresis");
        assert_eq!(monitor.value(118.0, 7_000), [Verdict::End("limit.heart-rate.high".to_owned())]);
    }

    #[test]
    fn a_short_visit_beyond_raises_nothing() {
        let mut monitor = heart();
        for second in 0..600u64 {
            let value = if second % 3 == 2 { 100.0 } else { 130.0 };
            assert!(monitor.value(value, second * 1_000).is_empty(), "second {second}");
        }
    }

    #[test]
    fn alarm_off_raises_nothing_and_new_limits_end_what_was_raised() {
        let mut monitor = heart();
        monitor.value(30.0, 0);
        assert_eq!(raised(&monitor.value(30.0, 3_000)), Some("HR 30 < 50"));
        let off = Limit { enabled: false, ..monitor.limit() };
        assert_eq!(monitor.set(off), [Verdict::End("limit.heart-rate.low".to_owned())]);
        assert!((0..100).all(|n| monitor.value(10.0, n * 1_000).is_empty()));
    }

    #[test]
    fn limits_that_cannot_be_meant_are_refused() {
        let good = Limit::default_of(Signal::Spo2).unwrap();
        assert!(good.check().is_ok());
        for bad in [
            Limit { low: Some(500.0), ..good },
            Limit { low: Some(f64::NAN), ..good },
            Limit { low: Some(95.0), high: Some(96.0), ..good },
            Limit { low: Some(96.0), high: Some(92.0), ..good },
            Limit { priority: Priority::Technical, ..good },
            Limit { signal: Signal::Ecg, ..good },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn limits_on_record_keep_their_codes() {
        assert_eq!(record_code("limit.heart-rate.low"), Some(100));
        assert_eq!(record_code("limit.temp.high"), Some(107));
        assert_eq!((record_code("ecg.1"), recorded(99), recorded(108)), (None, None, None));
        for code in 100..108 {
            assert_eq!(record_code(&recorded(code).unwrap().0), Some(code));
        }
        assert_eq!(recorded(103).unwrap().1, "SpO2 ABOVE ITS LIMIT");
    }

    proptest! {
        #[test]
        fn raise_and_end_take_turns_whatever_the_numbers(
            values in proptest::collection::vec((0.0f64..400.0, 1u64..5_000), 0..200)
        ) {
            let (mut monitor, mut now, mut open) = (heart(), 0, None::<String>);
            for (value, step) in values {
                now += step;
                for verdict in monitor.value(value, now) {
                    match verdict {
                        Verdict::Raise(input) => {
                            prop_assert!(open.as_ref().is_none_or(|open| *open == input.condition));
                            open = Some(input.condition);
                        }
                        Verdict::End(condition) => prop_assert_eq!(open.take(), Some(condition)),
                    }
                }
            }
        }
    }
}
