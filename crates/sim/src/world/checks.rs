//! What no fault and no attacker may bring about, judged from outside.

use crate::agenda::Time;
use bodywire_clinic::ingest::Receipt;
use bodywire_proto::wire::{HubId, SensorId};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Violations of one run that are kept: the first says what is wrong, and some more whether it is one thing.
const VIOLATIONS_MAX: usize = 8;

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// What is stored is what a sensor has measured: nothing forged, nothing changed.
    OnlyWhatWasMeasured,
    /// Every report that a hub has made is in the ledger in the end, once.
    NothingLost,
    /// A message is handed out once.
    HandedOutOnce,
    /// Brokers and ledger see nothing of a report.
    NothingReadable,
    /// An emergency is on the screen in time.
    AlarmInTime,
    /// The ledger passes an independent check, and replicas have the same.
    LedgerVerifies,
    /// An older ledger is not taken for the newest.
    NoRollback,
    /// A log with two histories is not vouched for, and is convicted by evidence.
    OneHistory,
    /// Nobody is given more than is theirs, nor less than care needs, and everything is on record.
    Access,
    /// After the last fault every sensor is heard again.
    SensorsReturn,
    /// No machine stops by itself.
    NothingStops,
}

impl Rule {
    /// In words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::OnlyWhatWasMeasured => "what is stored was measured",
            Self::NothingLost => "nothing that was promised is lost or stored twice",
            Self::HandedOutOnce => "a message is handed out once",
            Self::NothingReadable => "brokers and ledger see nothing of a report",
            Self::AlarmInTime => "an emergency is on the screen in time",
            Self::LedgerVerifies => "the ledger verifies, and replicas have the same",
            Self::NoRollback => "an older ledger is refused",
            Self::OneHistory => "a second history is refused, and evidence of it is kept",
            Self::Access => "access as the table says, and on record",
            Self::SensorsReturn => "every sensor is heard again",
            Self::NothingStops => "no machine stops by itself",
        }
    }
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// When it was seen, nanoseconds of simulated time.
    pub at_ns: u64,
    /// The rule.
    pub rule: Rule,
    /// What was seen.
    pub text: String,
}

/// What is watched.
#[derive(Debug, Default)]
pub(super) struct Checks {
    violations: Vec<Violation>,
    handed_out: BTreeSet<(u64, Receipt)>,
    /// How often a batch was stored, by its sensor, the number of its first sample, and its samples.
    batches: BTreeMap<(HubId, SensorId, u64, Vec<i16>), usize>,
    /// Emergencies whose alarm has not been seen.
    pub(super) unseen: BTreeSet<HubId>,
    /// How often each was looked at that may be looked at never.
    pub(super) samples: u64,
    pub(super) searched: u64,
}

impl Checks {
    pub(super) fn violate(&mut self, at: Time, rule: Rule, text: String) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(Violation { at_ns: at.as_nanos(), rule, text });
        }
    }

    pub(super) const fn is_full(&self) -> bool {
        self.violations.len() >= VIOLATIONS_MAX
    }

    pub(super) fn take(&mut self) -> Vec<Violation> {
        std::mem::take(&mut self.violations)
    }

    /// A message came out of the reassembly of a clinic's life.
    pub(super) fn handed_out(&mut self, at: Time, boot: u64, receipt: Receipt) {
        if !self.handed_out.insert((boot, receipt)) {
            self.violate(at, Rule::HandedOutOnce, format!("{receipt:?} came out of the reassembly again"));
        }
    }

    /// A batch of a sensor was stored that begins with sample number `first`. So many lives of the sensor have measured it.
    pub(super) fn batch(
        &mut self,
        at: Time,
        (hub, sensor): (HubId, SensorId),
        (first, samples): (u64, Vec<i16>),
        lives: usize,
    ) {
        let stored = self.batches.entry((hub, sensor, first, samples)).or_default();
        *stored += 1;
        if *stored > lives {
            let what = if lives == 0 { "has not measured what is stored" } else { "is stored again" };
            let text = format!("sensor {}.{} {what}, from sample {first} on", hub.0, sensor.0);
            self.violate(at, Rule::OnlyWhatWasMeasured, text);
        }
    }

    /// A clinic's life is over, and what it has handed out comes again.
    pub(super) fn forget_handed_out(&mut self) {
        self.handed_out.clear();
    }
}

/// Whether bytes contain these.
pub(super) fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len().max(1)).any(|window| window == wanted)
}
