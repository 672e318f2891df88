//! The clinic's side of a world: its process, its timers, what is stored, and what is judged of that.

use super::broker::Client;
use super::checks::{Rule, contains};
use super::clinic::{Clinic, Shown};
use super::trace::Actor;
use super::{Event, Phase, World, nanos};
use crate::agenda::Time;
use bodywire_clinic::chart::{AlarmChange, SensorAnswer};
use bodywire_ledger::fsck;
use bodywire_paths::{Delivery, Publication};
use bodywire_proto::observation::{Batch, Signal};
use bodywire_proto::report::{Kind, Report};
use bodywire_proto::wire::HubId;
use std::sync::PoisonError;
use std::time::Duration;

/// How often the clinic looks at its timers, and publishes its ledger; as the process does.
const TICK: Duration = Duration::from_millis(250);
const PUBLISH_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked who holds what.
const GRANTS_EVERY: Duration = Duration::from_secs(2);
/// How long it takes until a clinic that could not begin is started again.
const RESTART_AFTER: Duration = Duration::from_secs(1);
/// How long it takes from the log's append to the head register.
const REGISTER_AFTER: Duration = Duration::from_millis(1);
/// An emergency is on the screen within this time: ten seconds for the detector (IEC 60601-2-27), and five for paths that are slow or
/// being replaced.
pub(super) const ALARM_WITHIN: Duration = Duration::from_secs(15);
/// Bytes of a report that are looked for where they must not be: long enough never to be there by chance.
const NEEDLE_BYTES: usize = 12;
/// Reports of a large world of which one is looked at.
const LARGE_SAMPLE_ONE_IN: u64 = 64;
/// One report in so many is looked for.
const SEARCH_ONE_IN: u64 = 16;

impl World {
    /// The clinic's process begins.
    pub(super) fn boot_clinic(&mut self, at: Time) {
        if self.clinic_down > 0 || self.clinic.is_some() {
            return;
        }
        let witnessed = self.replicas.witnessed();
        let opened = self.vault.lock().open(witnessed.as_ref());
        if let Err(error) = opened {
            // A disk that fails while the ledger is opened: whoever runs the clinic tries again.
            if matches!(error, bodywire_ledger::Error::Disk { .. }) && self.phase == Phase::Running {
                self.agenda.schedule(at + RESTART_AFTER, Event::BootClinic);
            } else {
                self.checks.violate(at, Rule::NothingStops, format!("the ledger does not open: {error}"));
            }
            return;
        }
        self.clinic_boots += 1;
        self.checks.forget_handed_out();
        match Clinic::boot(&self.told, self.vault.clone(), at, self.clinic_boots) {
            Ok(clinic) => self.clinic = Some(clinic),
            Err(error) => {
                self.checks.violate(at, Rule::NothingStops, format!("the clinic does not begin: {error}"));
                return;
            }
        }
        let boot = self.clinic_boots;
        let size = self.vault.lock().open.as_ref().map_or(0, |ledger| ledger.log.size());
        self.trace.note(at, Actor::Clinic, "begins with entries", &[size], &[]);
        (0..self.brokers.len()).for_each(|path| self.reconcile(at, path, Client::Clinic));
        self.agenda.schedule(at + TICK, Event::ClinicTick { boot });
        self.agenda.schedule(at + PUBLISH_EVERY, Event::Publish { boot });
    }

    /// It is killed, or its power goes.
    pub(super) fn crash_clinic(&mut self, at: Time, power: bool) {
        self.clinic = None;
        self.trace.note(at, Actor::Clinic, if power { "loses its power" } else { "is killed" }, &[], &[]);
        let seed = self.chance.below(u64::MAX);
        {
            let mut vault = self.vault.lock();
            vault.open = None;
            if power {
                vault.disk = vault.disk.power_cut(seed);
            }
        }
        (0..self.brokers.len()).for_each(|path| self.reconcile(at, path, Client::Clinic));
    }

    pub(super) fn clinic_path_up(&mut self, at: Time, path: usize) {
        let Some(clinic) = &mut self.clinic else { return };
        clinic.ingest.path_up();
        let shard = &self.shard;
        let filters = [shard.fragments_filter(), shard.sessions_filter(), shard.states_filter()];
        for filter in filters {
            self.subscribe(at, path, Client::Clinic, filter);
        }
        self.offer_prekey(at, path);
    }

    fn offer_prekey(&mut self, at: Time, path: usize) {
        let Some(prekey) = self.clinic.as_ref().and_then(|clinic| clinic.ingest.prekey().map(<[u8]>::to_vec))
        else {
            return;
        };
        let topics: Vec<String> = self
            .told
            .hubs
            .iter()
            .filter_map(|(_, _, rendezvous)| rendezvous.prekey_topic(&self.shard, path).ok())
            .collect();
        for topic in topics {
            let (payload, delivery) = (prekey.clone(), Delivery::AtLeastOnce);
            self.publish(at, path, Client::Clinic, Publication { topic, payload, delivery, retain: true });
        }
    }

    pub(super) fn clinic_hears(&mut self, at: Time, path: usize, topic: &str, payload: &[u8]) {
        let Some(clinic) = &mut self.clinic else { return };
        let before = clinic.arrived.len();
        let answers = clinic.message(at, path, (topic, payload));
        for arrived in clinic.arrived.get(before..).unwrap_or(&[]) {
            if !self.is_large {
                self.checks.handed_out(at, self.clinic_boots, arrived.receipt);
            }
        }
        self.publish_all(at, answers);
        self.store_soon(at);
    }

    fn store_soon(&mut self, at: Time) {
        let Some(clinic) = &mut self.clinic else { return };
        if clinic.storing.is_none() && !clinic.arrived.is_empty() && !clinic.is_planned {
            clinic.is_planned = true;
            let delay = Duration::from_millis(self.scenario.commit_ms);
            self.agenda.schedule(at + delay, Event::Store { boot: self.clinic_boots });
        }
    }

    /// What has arrived is appended to the ledger.
    pub(super) fn store(&mut self, at: Time, boot: u64) {
        if boot != self.clinic_boots {
            return;
        }
        let Some(clinic) = &mut self.clinic else { return };
        clinic.is_planned = false;
        match clinic.store(at) {
            Ok(true) => self.agenda.schedule(at + REGISTER_AFTER, Event::Register { boot }),
            Ok(false) => {}
            Err(error) => {
                // A disk has failed; whoever runs the clinic starts it again.
                self.trace.note(at, Actor::Clinic, "stops, since its disk fails", &[], error.as_bytes());
                self.signals.count("stops for a failed disk", 1);
                self.crash_clinic(at, false);
                self.boot_clinic(at);
            }
        }
    }

    /// It is indexed, acknowledged and shown.
    pub(super) fn register(&mut self, at: Time, boot: u64) {
        if boot != self.clinic_boots {
            return;
        }
        let Some(clinic) = &mut self.clinic else { return };
        let stored = clinic.stored_reports();
        let (publications, shown) = clinic.register(at);
        self.trace.note(at, Actor::Clinic, "has stored reports", &[stored.len() as u64], &[]);
        self.signals.count("reports stored", stored.len() as u64);
        for (hub, report) in &stored {
            self.judge_report(at, *hub, report);
        }
        self.publish_all(at, publications);
        self.shown(at, shown);
        self.store_soon(at);
    }

    fn shown(&mut self, at: Time, shown: Shown) {
        for (hub, change) in shown.alarms {
            if let AlarmChange::Raised(_, condition) = change {
                self.trace.note(at, Actor::Clinic, "raises an alarm of hub", &[u64::from(hub.0)], &[]);
                if condition.priority() == bodywire_proto::report::Priority::High {
                    self.checks.unseen.remove(&hub);
                    self.signals.count("high alarms", 1);
                }
            }
        }
        for text in shown.unshown {
            self.checks.violate(
                at,
                Rule::OnlyWhatWasMeasured,
                format!("a stored report cannot be read: {text}"),
            );
        }
        for (hub, answer) in shown.answers {
            let Some(clinic) = &self.clinic else { return };
            match answer {
                SensorAnswer::Released { sensor, asked, until_ms } => {
                    self.consents.extend(asked);
                    let released = clinic.gate.sensor_released(hub.0, sensor, asked, until_ms);
                    self.runtime.block_on(released);
                    self.trace.note(
                        at,
                        Actor::Clinic,
                        "hears that a sensor gives its key",
                        &[u64::from(hub.0)],
                        &[],
                    );
                    self.signals.count("consents", 1);
                }
                SensorAnswer::Declined { sensor, asked, why } => {
                    clinic.gate.sensor_declined(hub.0, sensor, asked, why);
                    self.signals.count("refusals of sensors", 1);
                }
            }
        }
    }

    pub(super) fn clinic_tick(&mut self, at: Time, boot: u64) {
        if boot != self.clinic_boots {
            return;
        }
        let Some(clinic) = &mut self.clinic else { return };
        let looked = clinic.tick(at);
        let gate = clinic.gate.clone();
        self.agenda.schedule(at + TICK, Event::ClinicTick { boot });
        if looked.prekey {
            (0..self.brokers.len()).for_each(|path| self.offer_prekey(at, path));
        }
        self.publish_all(at, looked.publications);
        self.runtime.block_on(gate.tick());
        // Each look verifies certificates, which costs more than all the rest.
        if at.as_nanos() / nanos(GRANTS_EVERY) != at.since(Time::ZERO + TICK) / nanos(GRANTS_EVERY) {
            self.look_at_grants(at);
        }
        self.store_soon(at);
    }

    /// The ledger is published, and replicas take it.
    pub(super) fn publish_ledger(&mut self, at: Time, boot: u64) {
        if boot != self.clinic_boots || self.clinic.is_none() {
            return;
        }
        self.agenda.schedule(at + PUBLISH_EVERY, Event::Publish { boot });
        let mut vault = self.vault.lock();
        let published = vault.open.as_mut().map(|ledger| ledger.log.publish());
        if let Some(Err(error)) = published {
            drop(vault);
            self.trace.note(at, Actor::Clinic, "cannot publish", &[], error.to_string().as_bytes());
            self.crash_clinic(at, false);
            self.boot_clinic(at);
            return;
        }
        let replicated = self.replicas.replicate(at, &vault, &mut self.trace);
        drop(vault);
        if let Err(text) = replicated {
            self.checks.violate(at, Rule::LedgerVerifies, text);
        }
        let (mirrored, witnessed) = self.replicas.vouched();
        if let Some(clinic) = &mut self.clinic {
            let publications = clinic.settle(at, mirrored, witnessed);
            self.publish_all(at, publications);
        }
    }

    /// What was stored, compared with what was measured, and looked for where it must not be.
    fn judge_report(&mut self, at: Time, hub: HubId, bytes: &[u8]) {
        let Ok(report) = Report::parse(bytes) else { return };
        // In a large world a few say how long it takes.
        let is_sample = !self.is_large || report.header.number.is_multiple_of(LARGE_SAMPLE_ONE_IN);
        if !is_sample || report.header.kind != Kind::Observations {
            return;
        }
        for part in report.parts() {
            let Some(batch) = part.ok().and_then(|part| Batch::parse(part).ok()) else { continue };
            // The hub works this out.
            if batch.header.signal == Signal::HeartRate {
                continue;
            }
            let late_ms = super::unix_ms(at).saturating_sub(batch.header.time_us / 1_000);
            if self.phase == Phase::Running {
                self.signals.note("sample to ledger, ms", late_ms as f64);
            }
            if self.is_large {
                continue;
            }
            self.checks.samples += 1;
            let sensor = report.header.sensor;
            let stored = (batch.header.first_index, batch.samples().collect());
            let lives = self.lives_with(hub, sensor, &stored);
            self.checks.batch(at, (hub, sensor), stored, lives);
        }
        if !self.is_large && self.chance.below(SEARCH_ONE_IN) == 0 {
            self.search(at, (hub, report.header.number), bytes);
        }
    }

    /// How many lives of a sensor have measured this.
    fn lives_with(
        &self,
        hub: HubId,
        sensor: bodywire_proto::wire::SensorId,
        (first, samples): &(u64, Vec<i16>),
    ) -> usize {
        let bed = usize::from(hub.0).checked_sub(1).and_then(|bed| self.beds.get(bed));
        let Some(device) = bed.and_then(|bed| bed.devices.iter().find(|device| device.number == sensor))
        else {
            return 0;
        };
        let Ok(first) = usize::try_from(*first) else { return 0 };
        let has_measured = |life: &&super::device::Life| {
            let kept = life.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.get(first..first + samples.len()).is_some_and(|measured| measured == samples.as_slice())
        };
        device.lives.iter().filter(has_measured).count()
    }

    /// Looks for a piece of a report in what the brokers have carried and in its entry of the ledger.
    fn search(&mut self, at: Time, number: (HubId, u64), report: &[u8]) {
        let middle = report.len().saturating_sub(NEEDLE_BYTES) / 2;
        let Some(needle) = report.get(middle..middle + NEEDLE_BYTES) else { return };
        let distinct: std::collections::BTreeSet<u8> = needle.iter().copied().collect();
        if distinct.len() < NEEDLE_BYTES / 2 {
            // A flat line is everywhere.
            return;
        }
        self.checks.searched += 1;
        let on_path = self
            .carried
            .iter()
            .find(|(_, topic, payload)| contains(payload, needle) || contains(topic.as_bytes(), needle));
        if let Some((path, ..)) = on_path {
            let text = format!("a piece of a report is readable on path {path}");
            self.checks.violate(at, Rule::NothingReadable, text);
        }
        let vault = self.vault.lock();
        let index = vault.database.index.get(&number).copied();
        let read = index.and_then(|index| vault.open.as_ref()?.log.read(index).ok());
        drop(vault);
        if let (Some(index), true) = (index, read.is_some_and(|(_, payload)| contains(&payload, needle))) {
            let text = format!("a piece of a report is readable in entry {index} of the ledger");
            self.checks.violate(at, Rule::NothingReadable, text);
        }
    }

    pub(super) fn alarm_due(&mut self, at: Time, bed: usize, since: Time) {
        let Some(of) = self.beds.get(bed) else { return };
        if self.checks.unseen.contains(&of.hub) && of.emergencies > 0 {
            let text = format!(
                "nothing is on the screen of bed {} after {:.1} s of an emergency",
                bed + 1,
                at.since(since) as f64 / 1e9
            );
            self.checks.violate(at, Rule::AlarmInTime, text);
        }
    }

    /// The end: what must be true of it all.
    pub(super) fn judge(&mut self) {
        let at = self.agenda.now();
        self.count();
        if !matches!(self.phase, Phase::Draining { .. }) || self.is_large {
            return;
        }
        let vault = self.vault.lock();
        let mut texts = Vec::new();
        let mut entries: std::collections::BTreeMap<(HubId, u64), u32> = std::collections::BTreeMap::new();
        let size = vault.open.as_ref().map_or(0, |ledger| ledger.log.size());
        for index in 0..size {
            match vault.report(index) {
                Ok(Some((hub, number, _))) => *entries.entry((hub, number)).or_default() += 1,
                Ok(None) => {}
                Err(error) => texts.push((Rule::LedgerVerifies, format!("entry {index}: {error}"))),
            }
        }
        for bed in &self.beds {
            let made = bed.machine.as_ref().map_or(0, |machine| machine.next_number());
            let lost: Vec<u64> =
                (0..made).filter(|number| !entries.contains_key(&(bed.hub, *number))).collect();
            let twice: Vec<u64> =
                (0..made).filter(|number| entries.get(&(bed.hub, *number)).is_some_and(|n| *n > 1)).collect();
            for (which, what) in [(lost, "not in the ledger"), (twice, "more than once in the ledger")] {
                if let Some(first) = which.first() {
                    let text = format!(
                        "{} of {made} reports of hub {} are {what}, the first is number {first}",
                        which.len(),
                        bed.hub.0
                    );
                    texts.push((Rule::NothingLost, text));
                }
            }
        }
        match fsck::check(&vault.disk, &fsck::Options::default()) {
            Ok(report) => {
                let bad = report.findings.iter().filter(|finding| finding.kind.is_failure());
                texts.extend(bad.map(|finding| (Rule::LedgerVerifies, format!("{finding:?}"))));
            }
            Err(error) => texts.push((Rule::LedgerVerifies, error.to_string())),
        }
        drop(vault);
        texts.extend(self.replicas.damage().into_iter().map(|text| (Rule::LedgerVerifies, text)));
        for (rule, text) in texts {
            self.checks.violate(at, rule, text);
        }
    }

    fn count(&mut self) {
        use std::sync::atomic::Ordering::Relaxed;
        for bed in &self.beds {
            let Some(counters) = bed.machine.as_ref().map(|machine| machine.counters()) else { continue };
            for (what, count) in [
                ("authentications", &counters.authentications),
                ("reports made", &counters.reports),
                ("fragments sent again", &counters.resent),
                ("refused by hubs", &counters.refused),
                ("reports dropped", &counters.dropped),
            ] {
                self.signals.count(what, count.load(Relaxed));
            }
        }
        for bed in &self.beds {
            let Some(medium) = &bed.medium else { continue };
            for sensor in 0..bed.devices.len() {
                let seconds = self.agenda.now().as_secs_f64().max(1.0);
                self.signals.note("radio of a sensor, mW", 1e3 * medium.joules(sensor + 1).total() / seconds);
            }
        }
        self.signals.count("batches compared with what was measured", self.checks.samples);
        self.signals.count("searches for readable pieces", self.checks.searched);
        let size = self.vault.lock().open.as_ref().map_or(0, |ledger| ledger.log.size());
        self.signals.count("entries of the ledger", size);
        self.signals.count("events", self.agenda.happened());
    }
}
