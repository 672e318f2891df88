//! What is on record of a bed in a time, read back from the ledger and opened: for exports.
//!
//! Samples are the sensor's own integers, times the hub's clock. What was measured of another patient in the same bed is never
//! given, nor what lies above the class that was granted. Class III payloads are opened only with a consent that is on record, in
//! force, and counts for the asker; all others stay sealed.

use crate::Error;
use crate::archive::Archive;
use crate::sensor_clock::SensorClock;
use bodywire_proto::consent::{self, Granted};
use bodywire_proto::observation::{self, Batch};
use bodywire_proto::prf::Key;
use bodywire_proto::report::{Alarm, Kind, Report};
use bodywire_proto::risk::RiskClass;
use bodywire_proto::wire::{HubId, SensorId};
use bodywire_store::{PatientId, ReportRow, Store};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use tokio::sync::Mutex;

/// Reports that are asked for at once: two minutes of a bed, and the ledger is free between two of them.
const PAGE_REPORTS: u32 = 256;
/// How long after its first sample a report may have been made and still hold samples of the time that is asked for: the
/// longest batch of the slowest sensor, with air to spare. Reports from a spool were made in their time, too.
const REPORT_LENGTH_MS: u64 = 60_000;
/// Oldest consent that is looked at, in milliseconds: none holds longer.
const CONSENT_AGE_MAX_MS: u64 = bodywire_proto::access::authority::GRANT_MAX_MS as u64;
/// Consents of one sensor that are looked at: one for each session and question of half a day.
const CONSENTS_MAX: u32 = 256;

/// What is asked for, after it was granted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The bed.
    pub hub: HubId,
    /// Whose data; nothing: what belongs to nobody.
    pub patient: Option<PatientId>,
    /// From when, milliseconds since 1970.
    pub from_ms: u64,
    /// Until when; this millisecond is left out.
    pub to_ms: u64,
    /// The highest class that was granted.
    pub class: RiskClass,
}

/// Whether a consent counts for the asker. That it is in force is looked at here.
pub type Counts = dyn Fn(SensorId, &Granted) -> bool + Send + Sync;

/// One thing on record.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Found {
    /// Samples.
    Samples(Samples),
    /// A verdict of the detector that began or ended.
    Alarm {
        /// It.
        alarm: AlarmChanged,
    },
    /// A sensor's consent that opened what follows.
    Consent {
        /// It.
        consent: Consented,
    },
}

/// Equidistant samples of one sensor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Samples {
    /// Its number at the bed.
    pub sensor: u16,
    /// What was measured.
    pub signal: &'static str,
    /// Its risk class.
    pub class: String,
    /// The hub's clock at the first sample, milliseconds since 1970.
    pub start_ms: u64,
    /// Distance of two samples, microseconds, rounded down; `rate_millihertz` is exact.
    pub period_us: u64,
    /// Samples per second, times 1,000.
    pub rate_millihertz: u32,
    /// The sensor's number of the first sample: a jump is a gap.
    pub first_index: u64,
    /// Steps per unit, times 1,000.
    pub gain_milli: u32,
    /// The sample that means zero.
    pub baseline: i16,
    /// UCUM.
    pub unit: &'static str,
    /// The samples come from a simulation (HTEST).
    pub simulated: bool,
    /// As they were measured.
    pub samples: Vec<i16>,
}

/// A verdict of the detector.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlarmChanged {
    /// The hub's clock, milliseconds since 1970.
    pub at_ms: u64,
    /// Its code.
    pub condition: u8,
    /// In words.
    pub text: &'static str,
    /// It began; false: it ended.
    pub present: bool,
}

/// A consent on record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Consented {
    /// The sensor.
    pub sensor: u16,
    /// The session whose key it gave away.
    pub session: u32,
    /// When the hub passed it on, milliseconds since 1970.
    pub given_ms: u64,
    /// Until when it holds.
    pub until_ms: u64,
}

struct Known {
    class: RiskClass,
    wrapping_key: Option<Key>,
}

/// Reads the record in pages.
pub struct Reading {
    wanted: Wanted,
    sensors: BTreeMap<SensorId, Known>,
    clocks: BTreeMap<SensorId, SensorClock>,
    grants: BTreeMap<SensorId, Vec<Granted>>,
    after: Option<u64>,
    found: VecDeque<Found>,
    ended: bool,
}

impl Reading {
    /// Looks up sensors and, for class III, consents. `counts` says which of those are for the asker.
    ///
    /// # Errors
    /// When database or ledger fail.
    pub async fn begin(
        wanted: Wanted,
        archive: &Mutex<Archive>,
        store: &Store,
        now_ms: u64,
        counts: &Counts,
    ) -> Result<Self, Error> {
        let rows = store.sensors().await?;
        let of_bed = rows.into_iter().filter(|row| row.hub == wanted.hub);
        let sensors = of_bed
            .map(|row| (row.sensor, Known { class: row.class, wrapping_key: row.wrapping_key }))
            .collect();
        let (clocks, grants, found) = (BTreeMap::new(), BTreeMap::new(), VecDeque::new());
        let mut reading = Self { wanted, sensors, clocks, grants, after: None, found, ended: false };
        if wanted.class >= RiskClass::III {
            reading.consents(archive, store, now_ms, counts).await?;
        }
        Ok(reading)
    }

    /// The next page; nothing at the end.
    ///
    /// # Errors
    /// When database or ledger fail. What was erased in between is left out, and no error.
    pub async fn next(
        &mut self,
        archive: &Mutex<Archive>,
        store: &Store,
    ) -> Result<Option<Vec<Found>>, Error> {
        if !self.found.is_empty() {
            return Ok(Some(self.found.drain(..).collect()));
        }
        if self.ended {
            return Ok(None);
        }
        let Wanted { hub, from_ms, to_ms, .. } = self.wanted;
        let made = (from_ms, to_ms.saturating_add(REPORT_LENGTH_MS));
        let rows = store.reports_between(hub, made, self.after, PAGE_REPORTS).await?;
        self.ended = rows.len() < PAGE_REPORTS as usize;
        self.after = rows.last().map(|row| row.number).or(self.after);
        for row in &rows {
            let Some(report) = self.report(archive, row).await? else { continue };
            let read = Report::parse(&report).and_then(|report| self.take(&report));
            if let Err(error) = read {
                // It was checked when it came; a version that knew more has written it.
                tracing::warn!(index = row.ledger_index, %error, "a report on record cannot be read");
            }
        }
        Ok(Some(self.found.drain(..).collect()))
    }

    /// A report of the patient; nothing for those of others, of other kinds, and erased ones.
    async fn report(&self, archive: &Mutex<Archive>, row: &ReportRow) -> Result<Option<Vec<u8>>, Error> {
        let (observed, sealed) = (Kind::Observations as u8, Kind::Sealed as u8);
        let kinds = [observed, Kind::Alarm as u8, sealed, Kind::Consent as u8];
        if !kinds.contains(&row.kind) || self.class_of(row) > self.wanted.class {
            return Ok(None);
        }
        let mut archive = archive.lock().await;
        let (_, _, entry, report) = match archive.read(row.ledger_index).await {
            Ok(read) => read,
            Err(Error::Erased { .. } | Error::UnknownStream { .. } | Error::NoReport { .. }) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let ours = archive.owner(&entry) == Some((self.wanted.hub, self.wanted.patient));
        Ok(ours.then_some(report))
    }

    /// The class that a report is of before it is opened, so that nothing above the grant is.
    fn class_of(&self, row: &ReportRow) -> RiskClass {
        let of_sensor = self.sensors.get(&row.sensor).map_or(RiskClass::I, |known| known.class);
        match Kind::from_code(row.kind) {
            Some(Kind::Sealed | Kind::Consent) => RiskClass::III,
            // Verdicts are on the ECG.
            Some(Kind::Alarm) => of_sensor.max(RiskClass::II),
            _ => of_sensor,
        }
    }

    fn take(&mut self, report: &Report<'_>) -> Result<(), bodywire_proto::Error> {
        let header = &report.header;
        match header.kind {
            Kind::Observations => {
                let offset_ms = self.offset(report)?;
                for part in report.parts() {
                    self.batch(header.sensor, &Batch::parse(part?)?, offset_ms);
                }
            }
            Kind::Sealed => {
                for part in report.parts() {
                    self.sealed(header.sensor, part?)?;
                }
            }
            Kind::Alarm => {
                let (alarm, _) = Alarm::parse(report.body())?;
                if (self.wanted.from_ms..self.wanted.to_ms).contains(&header.hub_time_ms) {
                    let (condition, text) = (alarm.condition as u8, alarm.condition.text());
                    let alarm =
                        AlarmChanged { at_ms: header.hub_time_ms, condition, text, present: alarm.present };
                    self.found.push_back(Found::Alarm { alarm });
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The hub's clock minus the sensor's, as the chart works it out.
    fn offset(&mut self, report: &Report<'_>) -> Result<i64, bodywire_proto::Error> {
        let header = &report.header;
        let Some(oldest) = report.parts().next() else { return Ok(header.offset_ms) };
        let oldest = Batch::parse(oldest?)?;
        let last = (oldest.len() as u64).saturating_sub(1);
        let length_ms = oldest.header.time_of(last).saturating_sub(oldest.header.time_us) / 1_000;
        let measured = header.offset_ms.saturating_sub_unsigned(length_ms);
        Ok(self.clocks.entry(header.sensor).or_default().heard(measured, header.hub_time_ms))
    }

    fn batch(&mut self, sensor: SensorId, batch: &Batch<'_>, offset_ms: i64) {
        let header = &batch.header;
        let at = |after: u64| (header.time_of(after) / 1_000).saturating_add_signed(offset_ms);
        let (start_ms, end_ms) = (at(0), at(batch.len() as u64));
        let class = self.sensors.get(&sensor).map_or(RiskClass::I, |known| known.class);
        let class = class.max(class_of_signal(header.signal));
        let inside = start_ms < self.wanted.to_ms && end_ms > self.wanted.from_ms;
        if !inside || class > self.wanted.class {
            return;
        }
        self.found.push_back(Found::Samples(Samples {
            sensor: sensor.0,
            signal: header.signal.name(),
            class: class.to_string(),
            start_ms,
            period_us: 1_000_000_000 / u64::from(header.rate_millihertz.max(1)),
            rate_millihertz: header.rate_millihertz,
            first_index: header.first_index,
            gain_milli: header.scale.gain_milli,
            baseline: header.scale.baseline,
            unit: header.signal.unit(),
            simulated: header.simulated,
            samples: batch.samples().collect(),
        }));
    }

    fn sealed(&mut self, sensor: SensorId, part: &[u8]) -> Result<(), bodywire_proto::Error> {
        let session = consent::session_of(part)?;
        let grants = self.grants.get(&sensor).map_or(&[][..], Vec::as_slice);
        let Some(granted) = grants.iter().find(|granted| granted.session == session) else { return Ok(()) };
        let mut buffer = vec![0u8; part.len()];
        let len = consent::open(granted, sensor, part, &mut buffer)?;
        // The hub has not seen the batch, so that its clock's offset is not known; the sensor's own clock counts.
        self.batch(sensor, &Batch::parse(buffer.get(..len).unwrap_or(&[]))?, 0);
        Ok(())
    }

    /// Consents on record that are in force and count for the asker.
    async fn consents(
        &mut self,
        archive: &Mutex<Archive>,
        store: &Store,
        now_ms: u64,
        counts: &Counts,
    ) -> Result<(), Error> {
        let sealed: Vec<SensorId> = self
            .sensors
            .iter()
            .filter(|(_, known)| known.class == RiskClass::III)
            .map(|(sensor, _)| *sensor)
            .collect();
        let since = now_ms.saturating_sub(CONSENT_AGE_MAX_MS);
        for sensor in sealed {
            let kind = Kind::Consent as u8;
            let rows = store.reports_since((self.wanted.hub, sensor), kind, since, CONSENTS_MAX).await?;
            for row in &rows {
                let Some(report) = self.report(archive, row).await? else { continue };
                let known = self.sensors.get(&sensor);
                let Some(wrapping_key) = known.and_then(|known| known.wrapping_key.as_ref()) else {
                    continue;
                };
                let opened = Report::parse(&report)
                    .and_then(|report| consent::open_grant(wrapping_key, sensor, report.body()));
                let Ok(granted) = opened else { continue };
                if granted.until < now_ms || !counts(sensor, &granted) {
                    continue;
                }
                let consent = Consented {
                    sensor: sensor.0,
                    session: granted.session,
                    given_ms: row.hub_time_ms,
                    until_ms: granted.until,
                };
                self.found.push_back(Found::Consent { consent });
                self.grants.entry(sensor).or_default().push(granted);
            }
        }
        Ok(())
    }
}

/// The least class that a signal is of, whatever its sensor was enrolled as.
const fn class_of_signal(signal: observation::Signal) -> RiskClass {
    match signal {
        observation::Signal::Respiration | observation::Signal::Temperature => RiskClass::I,
        observation::Signal::Ecg | observation::Signal::SpO2 | observation::Signal::HeartRate => {
            RiskClass::II
        }
        observation::Signal::InsulinRate => RiskClass::III,
    }
}

#[cfg(test)]
mod tests;
