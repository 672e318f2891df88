//! What class III sensors have released: whose question each answered, and until when. The keys themselves are with the chart.

use bodywire_proto::access::Bed;
use bodywire_proto::access::facts::{Consent, Scope};
use bodywire_proto::wire::SensorId;
use std::collections::BTreeMap;

/// Consents kept for one sensor: as many as a sensor remembers, twice.
const RELEASED_MAX: usize = 8;

/// One consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Release {
    /// The question it answers; nothing: released beforehand for emergencies.
    pub(super) asked: Option<[u8; 16]>,
    pub(super) until_ms: u64,
}

/// All that are in force.
#[derive(Debug, Default)]
pub(super) struct Released {
    by_sensor: BTreeMap<(Bed, SensorId), Vec<Release>>,
}

impl Released {
    pub(super) fn add(&mut self, bed: Bed, sensor: SensorId, release: Release) {
        let of = self.by_sensor.entry((bed, sensor)).or_default();
        of.retain(|other| other.asked != release.asked);
        of.insert(0, release);
        of.truncate(RELEASED_MAX);
    }

    /// Whether somebody's question was answered, and whether there is one for emergencies.
    pub(super) fn scopes(&self, bed: Bed, sensor: SensorId, now_ms: u64) -> (bool, bool) {
        let of = self.by_sensor.get(&(bed, sensor)).map_or(&[][..], Vec::as_slice);
        let any = |answers: bool| {
            of.iter().any(|release| release.until_ms > now_ms && release.asked.is_some() == answers)
        };
        (any(true), any(false))
    }

    /// What there is for this question.
    pub(super) fn consent(
        &self,
        bed: Bed,
        sensor: Option<SensorId>,
        asked: [u8; 16],
        now_ms: u64,
    ) -> Consent {
        let Some(of) = sensor.and_then(|sensor| self.by_sensor.get(&(bed, sensor))) else {
            return Consent::None;
        };
        let in_force = || of.iter().filter(|release| release.until_ms > now_ms);
        let given = |release: &Release, scope| Consent::Given { until_ms: release.until_ms, scope };
        let answer = in_force().find(|release| release.asked == Some(asked));
        let beforehand = in_force().find(|release| release.asked.is_none());
        answer
            .map(|release| given(release, Scope::Any))
            .or_else(|| beforehand.map(|release| given(release, Scope::Emergency)))
            .unwrap_or(Consent::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consent_is_for_its_question_only_and_ends() {
        let mut released = Released::default();
        let (bed, pump) = (Bed(1), SensorId(5));
        released.add(bed, pump, Release { asked: Some([1; 16]), until_ms: 100 });
        let at = |asked, now| released.consent(bed, Some(pump), asked, now);
        assert_eq!(at([1; 16], 99), Consent::Given { until_ms: 100, scope: Scope::Any });
        assert_eq!(at([1; 16], 100), Consent::None);
        assert_eq!(at([2; 16], 99), Consent::None);
        assert_eq!(released.consent(Bed(2), Some(pump), [1; 16], 99), Consent::None);
        assert_eq!(released.consent(bed, None, [1; 16], 99), Consent::None);
        released.add(bed, pump, Release { asked: None, until_ms: 200 });
        assert_eq!(
            released.consent(bed, Some(pump), [2; 16], 99),
            Consent::Given { until_ms: 200, scope: Scope::Emergency }
        );
    }
}
