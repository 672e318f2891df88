//! The judgement of a run: what was sent, what is stored, and whether the two agree.

use super::replicas::{self, ReplicaSummary};
use crate::exit::Failure;
use crate::house::HUB;
use crate::state::State;
use bodywire_hub::spool::Spool;
use bodywire_ledger::{EntryKind, FileDisk, Floor, Log, Origin, VerifierKey, fsck};
use bodywire_store::Store;
use ed25519_dalek::SigningKey;
use serde::Serialize;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How soon an alarm must have been raised after the patient deteriorated.
pub(super) const ALARM_WITHIN: Duration = Duration::from_secs(10);

/// What is known when everything has stopped.
pub(super) struct Facts<'a> {
    pub(super) sensors: usize,
    pub(super) authenticated: usize,
    pub(super) measured: u64,
    pub(super) paths: Vec<bool>,
    pub(super) expect_alarm: bool,
    pub(super) hub: &'a bodywire_hub::Counters,
    pub(super) clinic: &'a bodywire_clinic::Counters,
}

/// The result of a run. Field names are the names in the JSON output.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    /// Sensors on the patient.
    sensors: usize,
    /// Sensors that have authenticated, and the hub to them.
    authenticated: usize,
    /// Bits of the last handshake on the air.
    handshake_bits: u64,
    /// Samples measured by all sensors in this run.
    samples_measured: u64,
    /// Reports the hub has made in this run.
    observations_sent: u64,
    /// Reports the clinic has acknowledged in this run, from the run before included.
    observations_acknowledged: u64,
    /// Reports made in all runs of this state that are neither stored nor in the spool, and those of this run that a
    /// full spool could not take.
    lost: u64,
    /// Reports of all runs that stand in the ledger more than once.
    duplicated: u64,
    /// Reports that wait in the spool.
    pending: u64,
    /// Messages that had to be sent again.
    resent: u64,
    /// Reports that a crash had left in the ledger only.
    recovered: u64,
    /// Fragments, acknowledgements and frames that were refused.
    refused: u64,
    /// Payload bytes of all fragments.
    fragment_bytes: u64,
    /// The paths at the end.
    paths: Vec<PathSummary>,
    /// Alarms raised.
    alarms: AlarmSummary,
    /// The ledger.
    ledger: LedgerSummary,
    /// Its replicas' copies.
    replicas: Vec<ReplicaSummary>,
    /// Everything that is generated is labelled so.
    data: &'static str,
}

#[derive(Debug, Serialize)]
struct PathSummary {
    name: String,
    up: bool,
}

#[derive(Debug, Serialize)]
struct AlarmSummary {
    raised: u64,
    high: u64,
    /// True when the patient deteriorated long enough ago that an alarm had to be raised.
    expected: bool,
}

#[derive(Debug, Serialize)]
struct LedgerSummary {
    entries: u64,
    verified: bool,
    origin: String,
    root: String,
    finding: Option<String>,
}

impl Summary {
    /// Looks at what is stored. Nothing may be running any more.
    pub(super) async fn gather(
        facts: &Facts<'_>,
        state: &State,
        store: &Store,
        origin: Origin,
        ledger_key: SigningKey,
    ) -> Result<Self, Failure> {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let stored: HashSet<u64> = store.reports(HUB).await?.iter().map(|row| row.number).collect();
        let spool = Spool::open(&state.spool())?;
        let waiting: HashSet<u64> =
            spool.waiting(0, usize::MAX)?.into_iter().map(|(number, _)| number).collect();
        let missing = |number: &u64| !stored.contains(number) && !waiting.contains(number);
        let vanished = (0..spool.next_number()).filter(missing).count() as u64;
        let lost = vanished + read(&facts.hub.dropped);
        let ledger = check_ledger(state, &origin, &ledger_key)?;
        let log = VerifierKey::new(origin.as_str(), ledger_key.verifying_key())?;
        let replicas = replicas::check(state, &log)?;
        let duplicated = duplicates(state, origin, ledger_key)?;
        Ok(Self {
            sensors: facts.sensors,
            authenticated: facts.authenticated,
            handshake_bits: read(&facts.hub.handshake_bits),
            samples_measured: facts.measured,
            observations_sent: read(&facts.hub.reports),
            observations_acknowledged: read(&facts.hub.acknowledged),
            lost,
            duplicated,
            pending: spool.pending(),
            resent: read(&facts.hub.resent),
            recovered: read(&facts.clinic.recovered),
            refused: read(&facts.hub.refused) + read(&facts.clinic.refused) + read(&facts.clinic.malformed),
            fragment_bytes: read(&facts.hub.fragment_bytes),
            paths: (1..)
                .zip(&facts.paths)
                .map(|(i, up)| PathSummary { name: format!("path {i}"), up: *up })
                .collect(),
            alarms: AlarmSummary {
                raised: read(&facts.clinic.alarms),
                high: read(&facts.clinic.high_alarms),
                expected: facts.expect_alarm,
            },
            ledger,
            replicas,
            data: "HTEST: test data, not of a patient in care",
        })
    }

    /// One JSON object.
    pub(super) fn to_json(&self) -> String {
        // The fields are numbers, strings and flags, which always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// A few lines for people.
    pub(super) fn to_table(&self) -> String {
        let up = self.paths.iter().filter(|path| path.up).count();
        let verified = if self.ledger.verified { "verified" } else { "NOT VERIFIED" };
        let sound = self.replicas.iter().filter(|replica| replica.verified).count();
        [
            format!(
                "  sensors        {} of {} authenticated, {} bits each",
                self.authenticated, self.sensors, self.handshake_bits
            ),
            format!(
                "  observations   {} sent, {} acknowledged, {} pending",
                self.observations_sent, self.observations_acknowledged, self.pending
            ),
            format!(
                "  lost           {}   duplicated {}   sent again {}",
                self.lost, self.duplicated, self.resent
            ),
            format!("  paths          {up} of {} up", self.paths.len()),
            format!("  alarms         {} raised, {} of high priority", self.alarms.raised, self.alarms.high),
            format!("  ledger         {} entries, {verified}", self.ledger.entries),
            format!("  replicas       {sound} of {} verified", self.replicas.len()),
        ]
        .join("\n")
    }

    /// Whether everything checks; the first thing that does not is the failure.
    pub(super) fn judge(&self) -> Result<(), Failure> {
        if !self.ledger.verified {
            let what = self.ledger.finding.clone().unwrap_or_default();
            return Err(Failure::NotVerified(format!(
                "the ledger is damaged: {what}; delete the state directory to begin anew"
            )));
        }
        let checks = [
            (self.replicas.iter().all(|replica| replica.verified), "a replica's copy is damaged"),
            (self.authenticated == self.sensors, "not every sensor has authenticated"),
            (self.lost == 0, "reports were lost"),
            (self.duplicated == 0, "reports were stored twice"),
            (self.pending == 0, "reports are still in the spool; run again to deliver them"),
            (self.observations_acknowledged >= self.observations_sent, "reports were not acknowledged"),
            (
                !self.alarms.expected || self.alarms.high > 0,
                "the patient deteriorated and no alarm was raised",
            ),
        ];
        match checks.into_iter().find(|(ok, _)| !ok) {
            None => Ok(()),
            Some((_, what)) => Err(Failure::Failed(what.to_owned())),
        }
    }
}

fn check_ledger(state: &State, origin: &Origin, key: &SigningKey) -> Result<LedgerSummary, Failure> {
    let key = VerifierKey::new(origin.as_str(), key.verifying_key())?;
    let options = fsck::Options { key: Some(key), floor: 0 };
    let report = fsck::check(&FileDisk::open_read_only(&state.clinic_ledger()), &options)?;
    Ok(LedgerSummary {
        entries: report.entries,
        verified: report.is_sound(),
        origin: origin.to_string(),
        root: report.root.as_ref().map_or_else(String::new, ToString::to_string),
        finding: report.findings.iter().find(|f| f.kind.is_failure()).map(ToString::to_string),
    })
}

/// Reports whose number stands in the ledger more than once.
fn duplicates(state: &State, origin: Origin, key: SigningKey) -> Result<u64, Failure> {
    let disk = FileDisk::open(&state.clinic_ledger())?;
    // A damaged ledger has been reported already; what cannot be read is not counted.
    let Ok((log, _)) = Log::open(disk, origin, key, Floor::NONE) else { return Ok(0) };
    let mut seen = HashSet::new();
    let mut twice = 0;
    for entry in log.entries_from(0) {
        let entry = match entry {
            Ok((_, entry, _)) => entry,
            // Erased since: its number is not needed any more either.
            Err(bodywire_ledger::Error::Erased { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        let reported = matches!(entry.kind, EntryKind::Telemetry | EntryKind::HomomorphicVector);
        if reported && !seen.insert(entry.stream_seq) {
            twice += 1;
        }
    }
    Ok(twice)
}
