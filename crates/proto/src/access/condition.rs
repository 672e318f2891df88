//! The patient's condition as far as access depends on it: normal, emergency, or undetermined (paper B, Algorithm 2).
//!
//! A poor signal or an electrode that is off is never normal, and never an emergency. It does not end an emergency either:
//! chest compressions look like noise, and electrodes come off. What the detector has called an emergency stays one through
//! a poor signal, until there is a normal verdict again or [`EMERGENCY_HELD_MS`] are over.

use crate::report::{Condition as Found, Priority};

/// How long an emergency lasts after it was said last, in milliseconds: as long as one override. Without an end, who silences
/// a sensor in an emergency would keep it open for good. A hub that says it again, as it does until there are normal beats,
/// begins the time anew.
pub const EMERGENCY_HELD_MS: u64 = 15 * 60 * 1000;
/// A verdict older than this says nothing any more, in milliseconds: alarms are repeated every ten seconds while they
/// hold, and three in a row must be lost.
pub const VERDICT_AGE_MAX_MS: u64 = 30 * 1000;
/// A condition that ends for less than this before the signal is lost has not become normal, in milliseconds. One verdict
/// takes the place of another in two steps, and the detector itself waits five seconds.
pub const NORMAL_SETTLED_MS: u64 = 5 * 1000;

/// What access is decided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Condition {
    /// The detector sees a usable signal and no emergency.
    Normal = 0,
    /// Nobody can say: poor signal, electrode off, no sensor, no news.
    Undetermined = 1,
    /// The detector has called an emergency.
    Emergency = 2,
}

impl Condition {
    /// All conditions.
    pub const ALL: [Self; 3] = [Self::Normal, Self::Undetermined, Self::Emergency];

    /// The condition of a code on record.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|condition| *condition as u8 == code)
    }

    /// What one finding of the detector means while it is present. An emergency is what is raised with high priority: heart
    /// rates beyond a patient's limit and pauses need somebody soon, but open nothing that treating staff cannot open anyway.
    pub const fn of(found: Found) -> Self {
        match found.priority() {
            Priority::Technical => Self::Undetermined,
            Priority::Low | Priority::Medium => Self::Normal,
            Priority::High => Self::Emergency,
        }
    }
}

/// Follows the detector of one bed. It begins undetermined: no news is not good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Watch {
    /// One bit for each finding that is present, by its code.
    present: u16,
    /// When the last verdict came.
    heard_ms: Option<u64>,
    /// When an emergency was last seen that no settled normal verdict has ended.
    emergency_ms: Option<u64>,
    /// Since when nothing but normal was said.
    normal_since_ms: Option<u64>,
}

impl Watch {
    /// A watch that has heard nothing.
    pub const fn new() -> Self {
        Self { present: 0, heard_ms: None, emergency_ms: None, normal_since_ms: None }
    }

    /// The detector has found something, still finds it, or (`present` false) finds it no more. `at_ms` is in milliseconds
    /// since 1970 and does not go back: a verdict that is older than the last one is taken as of the same time.
    pub fn found(&mut self, found: Found, present: bool, at_ms: u64) {
        let bit = 1u16 << (found as u8 & 15);
        self.present = if present { self.present | bit } else { self.present & !bit };
        self.judge(at_ms);
    }

    /// The detector sees a usable signal and finds nothing. To be said at least every [`VERDICT_AGE_MAX_MS`].
    pub fn normal(&mut self, at_ms: u64) {
        self.present = 0;
        self.judge(at_ms);
    }

    fn judge(&mut self, at_ms: u64) {
        let at_ms = self.heard_ms.map_or(at_ms, |heard| heard.max(at_ms));
        // Before this verdict: how long had it been normal?
        let settled = self.normal_since_ms.is_some_and(|since| at_ms - since.min(at_ms) >= NORMAL_SETTLED_MS);
        if settled {
            self.emergency_ms = None;
        }
        match self.seen() {
            Condition::Emergency => (self.emergency_ms, self.normal_since_ms) = (Some(at_ms), None),
            Condition::Undetermined => self.normal_since_ms = None,
            Condition::Normal => self.normal_since_ms = self.normal_since_ms.or(Some(at_ms)),
        }
        self.heard_ms = Some(at_ms);
    }

    fn seen(&self) -> Condition {
        let present = |found: &Found| self.present & (1u16 << (*found as u8 & 15)) != 0;
        let mut worst = Condition::Normal;
        for found in Found::ALL.iter().filter(|found| present(found)) {
            match (Condition::of(*found), worst) {
                (Condition::Emergency, _) => return Condition::Emergency,
                (Condition::Undetermined, _) => worst = Condition::Undetermined,
                (Condition::Normal, _) => {}
            }
        }
        worst
    }

    /// The condition at `now_ms`, milliseconds since 1970.
    pub fn at(&self, now_ms: u64) -> Condition {
        let fresh = self.heard_ms.is_some_and(|heard| now_ms.saturating_sub(heard) <= VERDICT_AGE_MAX_MS);
        let seen = if fresh { self.seen() } else { Condition::Undetermined };
        let held = self.emergency_ms.is_some_and(|seen| now_ms.saturating_sub(seen) <= EMERGENCY_HELD_MS);
        if seen == Condition::Undetermined && held { Condition::Emergency } else { seen }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const T: u64 = 1_700_000_000_000;

    #[test]
    fn poor_signal_and_lead_off_are_neither_normal_nor_an_emergency() {
        for found in [Found::PoorSignal, Found::LeadOff] {
            assert_eq!(Condition::of(found), Condition::Undetermined);
            let mut watch = Watch::new();
            watch.normal(T);
            assert_eq!(watch.at(T), Condition::Normal);
            watch.found(found, true, T + 1_000);
            assert_eq!(watch.at(T + 1_000), Condition::Undetermined);
            watch.found(found, false, T + 2_000);
            assert_eq!(watch.at(T + 2_000), Condition::Normal);
        }
        let emergencies =
            Found::ALL.into_iter().filter(|found| Condition::of(*found) == Condition::Emergency);
        assert!(emergencies.eq([
            Found::PatternLost,
            Found::Asystole,
            Found::VentricularFibrillation,
            Found::VentricularTachycardia
        ]));
    }

    #[test]
    fn no_news_is_undetermined() {
        assert_eq!(Watch::new().at(T), Condition::Undetermined);
        let mut watch = Watch::new();
        watch.normal(T);
        assert_eq!(watch.at(T + VERDICT_AGE_MAX_MS), Condition::Normal);
        assert_eq!(watch.at(T + VERDICT_AGE_MAX_MS + 1), Condition::Undetermined);
    }

    #[test]
    fn a_lost_signal_does_not_close_an_emergency_but_time_does() {
        for ended in [false, true] {
            let mut watch = Watch::new();
            watch.normal(T);
            watch.found(Found::VentricularFibrillation, true, T + 10_000);
            if ended {
                // The verdict changes in two steps.
                watch.found(Found::VentricularFibrillation, false, T + 20_000);
            }
            watch.found(Found::LeadOff, true, T + 20_000);
            if !ended {
                watch.found(Found::VentricularFibrillation, false, T + 20_000);
            }
            let last = if ended { T + 10_000 } else { T + 20_000 };
            for after in [0, 60_000, EMERGENCY_HELD_MS] {
                assert_eq!(watch.at(last + after), Condition::Emergency, "{ended} {after}");
            }
            assert_eq!(watch.at(last + EMERGENCY_HELD_MS + 1), Condition::Undetermined);
        }
    }

    #[test]
    fn a_normal_verdict_ends_an_emergency_at_once_and_for_good_when_it_has_settled() {
        let mut watch = Watch::new();
        watch.found(Found::Asystole, true, T);
        watch.found(Found::Asystole, false, T + 1_000);
        assert_eq!(watch.at(T + 1_000), Condition::Normal);
        watch.normal(T + 1_000 + NORMAL_SETTLED_MS);
        watch.found(Found::PoorSignal, true, T + 2_000 + NORMAL_SETTLED_MS);
        assert_eq!(watch.at(T + 2_000 + NORMAL_SETTLED_MS), Condition::Undetermined);
    }

    #[test]
    fn silence_in_an_emergency_keeps_it_for_a_while() {
        let mut watch = Watch::new();
        watch.found(Found::PatternLost, true, T);
        assert_eq!(watch.at(T + VERDICT_AGE_MAX_MS + 1), Condition::Emergency);
        assert_eq!(watch.at(T + EMERGENCY_HELD_MS + 1), Condition::Undetermined);
    }

    proptest! {
        /// Whatever the order and the clock: technical findings alone never make an emergency, and an emergency is only ever
        /// said within its time of one that was found.
        #[test]
        fn an_emergency_was_always_found(
            steps in proptest::collection::vec((0usize..10, any::<bool>(), 0u64..400_000), 0..40),
        ) {
            let (mut watch, mut now, mut found_at) = (Watch::new(), T, None);
            for (which, present, wait) in steps {
                now += wait;
                match Found::ALL.get(which) {
                    Some(found) => watch.found(*found, present, now),
                    None => watch.normal(now),
                }
                if watch.seen() == Condition::Emergency {
                    found_at = Some(now);
                }
                if watch.at(now) == Condition::Emergency {
                    prop_assert!(found_at.is_some_and(|at| now - at <= EMERGENCY_HELD_MS));
                }
                let technical = [Found::LeadOff, Found::PoorSignal].map(|f| watch.present & (1 << f as u8) != 0);
                if technical.contains(&true) {
                    prop_assert_ne!(watch.at(now), Condition::Normal);
                }
                let _ = (watch.at(0), watch.at(u64::MAX));
            }
        }
    }
}
