//! Which version of MQTT is tried, and which was found to work.

use crate::broker::Version;
use crate::reason::{Reason, Refusal};

/// What a path knows about its broker's versions.
#[derive(Debug)]
pub(crate) struct Versions {
    wanted: Version,
    worked: Option<Spoken>,
}

/// A version as it is on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoken {
    V5,
    V311,
}

impl From<Spoken> for Version {
    fn from(spoken: Spoken) -> Self {
        match spoken {
            Spoken::V5 => Self::V5,
            Spoken::V311 => Self::V311,
        }
    }
}

impl Versions {
    pub(crate) const fn new(wanted: Version) -> Self {
        Self { wanted, worked: None }
    }

    /// The version to begin with.
    pub(crate) const fn first(&self) -> Spoken {
        match (self.wanted, self.worked) {
            (Version::V5, _) | (Version::Newest, None) => Spoken::V5,
            (Version::V311, _) => Spoken::V311,
            (Version::Newest, Some(worked)) => worked,
        }
    }

    /// The version to try when `tried`, the first one, has failed for `reason`; nothing when it would not help.
    pub(crate) fn second(&self, tried: Spoken, reason: &Reason) -> Option<Spoken> {
        if self.wanted != Version::Newest {
            return None;
        }
        let refused = matches!(reason, Reason::Refused(Refusal::Version));
        // Old brokers hang up on a version that they do not know, or answer in the form of the one that they know.
        let hung_up = matches!(reason, Reason::TurnedAway | Reason::Protocol(_));
        match (tried, self.worked) {
            // A broker that has spoken 5 before is restarting rather than forgetting it.
            (Spoken::V5, Some(Spoken::V5)) => refused.then_some(Spoken::V311),
            (Spoken::V5, _) => (refused || hung_up).then_some(Spoken::V311),
            (Spoken::V311, _) => refused.then_some(Spoken::V5),
        }
    }

    /// The broker has accepted this version.
    pub(crate) const fn works(&mut self, spoken: Spoken) {
        self.worked = Some(spoken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO: Reason = Reason::Refused(Refusal::Version);

    #[test]
    fn the_newest_falls_back_and_stays_with_what_worked() {
        let mut versions = Versions::new(Version::Newest);
        assert_eq!(versions.first(), Spoken::V5);
        assert_eq!(versions.second(Spoken::V5, &NO), Some(Spoken::V311));
        assert_eq!(versions.second(Spoken::V5, &Reason::TurnedAway), Some(Spoken::V311));
        versions.works(Spoken::V311);
        assert_eq!(versions.first(), Spoken::V311);
        // And goes up again when the broker has been replaced by one that wants 5.
        assert_eq!(versions.second(Spoken::V311, &NO), Some(Spoken::V5));
    }

    #[test]
    fn a_restart_is_no_reason_to_speak_an_older_version() {
        let mut versions = Versions::new(Version::Newest);
        versions.works(Spoken::V5);
        assert_eq!(versions.second(Spoken::V5, &Reason::TurnedAway), None);
    }

    #[test]
    fn other_faults_and_fixed_versions_are_not_tried_otherwise() {
        let newest = Versions::new(Version::Newest);
        for reason in [Reason::Timeout, Reason::Refused(Refusal::Login), Reason::Unreachable(String::new())] {
            assert_eq!(newest.second(Spoken::V5, &reason), None);
        }
        for (wanted, spoken) in [(Version::V5, Spoken::V5), (Version::V311, Spoken::V311)] {
            let versions = Versions::new(wanted);
            assert_eq!((versions.first(), versions.second(spoken, &NO)), (spoken, None));
        }
    }
}
