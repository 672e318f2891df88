//! From a stored report to the screen: numbers, waves, alarms, sensors.

use crate::board::{
    AlarmId, AlarmInput, Board, CorrelationView, Evidence, NumericView, Priority, SensorView, Signal,
    WaveChunk,
};
use crate::sensor_clock::SensorClock;
use bodywire_proto::access::Condition;
use bodywire_proto::ask::Refused;
use bodywire_proto::consent::{self, ASKED_BYTES, Granted, Scope};
use bodywire_proto::observation::{self, Batch};
use bodywire_proto::prf::Key;
use bodywire_proto::report::{self, Alarm, Kind, Report, ReportHeader, Session};
use bodywire_proto::wire::SensorId;
use bodywire_proto::{Error, risk};
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroizing;

/// A report older than this when it arrives comes from the spool: it goes into the record, never onto the live screen.
pub const LATE_AFTER_MS: u64 = 5_000;
/// A report made while no more than these waited in the hub's spool was fresh when it was made. Whatever the clocks
/// say of it, an alarm in it is raised.
const FRESH_BACKLOG: u32 = 4;
/// Fresh reports in a row whose clocks disagree before that is an alarm: a few may have waited in a spool through a
/// restart, and say nothing about the clock.
const CLOCK_REPORTS: u32 = 8;
/// A sensor that has not been heard for this long raises a technical alarm: three readings of the slowest sensor.
pub const SILENT_AFTER_MS: u64 = 15_000;
/// How long a chart listens before the absence of an alarm says something: a hub repeats what holds every ten seconds.
const NORMAL_AFTER_MS: u64 = 12_000;
/// Consents kept for one class III sensor: those of its running session, which may answer four requests and be for emergencies,
/// too, and of the session before, which may still be in the spool.
const GRANTS_KEPT: usize = 10;

/// A sensor as it was enrolled.
#[derive(Debug, Clone)]
pub struct SensorCard {
    /// What it measures.
    pub kind: observation::Signal,
    /// Its risk class.
    pub class: risk::RiskClass,
    /// Opens its consents (class III).
    pub wrapping_key: Option<Key>,
}

/// An alarm that a report has raised or ended, for the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmChange {
    /// It was raised under this number on the board.
    Raised(AlarmId, report::Condition),
    /// The condition is over.
    Ended(report::Condition),
}

/// What a class III sensor has said to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SensorAnswer {
    /// It has released the key of its session.
    Released {
        /// The sensor.
        sensor: SensorId,
        /// The request that it answers; nothing: beforehand, for emergencies.
        asked: Option<[u8; ASKED_BYTES]>,
        /// Until when, milliseconds since 1970.
        until_ms: u64,
    },
    /// It, or its hub, declines.
    Declined {
        /// The sensor.
        sensor: SensorId,
        /// The request.
        asked: [u8; ASKED_BYTES],
        /// In words.
        why: &'static str,
    },
}

/// Answers that wait to be taken: a hub sends one at a time.
const ANSWERS_MAX: usize = 64;

/// The patient's chart of one hub.
pub struct Chart {
    board: Board,
    sensors: BTreeMap<SensorId, SensorCard>,
    grants: BTreeMap<SensorId, Vec<Granted>>,
    clocks: BTreeMap<SensorId, SensorClock>,
    /// When each sensor was heard last, by the clinic's clock.
    heard: BTreeMap<SensorId, u64>,
    /// Fresh reports in a row whose clocks disagreed.
    apart_reports: u32,
    /// What the hub's detector has found and not taken back.
    findings: BTreeSet<u8>,
    /// When the first report of an ECG came.
    listening_since_ms: Option<u64>,
    answers: Vec<SensorAnswer>,
}

impl Chart {
    /// A chart that draws on `board`.
    pub fn new(board: Board, sensors: BTreeMap<SensorId, SensorCard>) -> Self {
        for (sensor, card) in &sensors {
            // A full board cannot happen here: a hub has fewer sensors than the board has places.
            let _ = board.sensor_state(sensor_view(*sensor, card, None));
        }
        Self {
            board,
            sensors,
            grants: BTreeMap::new(),
            clocks: BTreeMap::new(),
            heard: BTreeMap::new(),
            apart_reports: 0,
            findings: BTreeSet::new(),
            listening_since_ms: None,
            answers: Vec::new(),
        }
    }

    /// Draws a report that has just been stored. `now_ms` is the clinic's clock.
    pub fn show(&mut self, report: &Report<'_>, now_ms: u64) -> Result<Vec<AlarmChange>, Error> {
        let header = &report.header;
        let late = now_ms.saturating_sub(header.hub_time_ms) > LATE_AFTER_MS;
        let fresh = header.backlog <= FRESH_BACKLOG;
        self.board.buffer(u64::from(header.backlog));
        // A vector is of no sensor, and says of none that it is there.
        if header.kind != Kind::Vector {
            self.hear(header.sensor, now_ms);
        }
        if fresh {
            self.compare_clocks(header.hub_time_ms, now_ms);
        }
        match header.kind {
            Kind::Observations => {
                let offset_ms = self.clock_offset(report)?;
                for part in report.parts() {
                    self.batch(header.sensor, &Batch::parse(part?)?, (offset_ms, now_ms, late), None);
                }
                Ok(Vec::new())
            }
            Kind::Sealed => {
                for part in report.parts() {
                    self.sealed(header.sensor, part?, now_ms, late)?;
                }
                Ok(Vec::new())
            }
            Kind::Consent => self.consent(header.sensor, report.body(), now_ms).map(|()| Vec::new()),
            Kind::Session => self.session(header.sensor, report, now_ms).map(|()| Vec::new()),
            Kind::Declined => {
                let Refused { asked, reason } = Refused::parse(report.body())?;
                self.answer(SensorAnswer::Declined { sensor: header.sensor, asked, why: reason.text() });
                Ok(Vec::new())
            }
            Kind::Vector => Ok(Vec::new()),
            Kind::Alarm => Alarm::parse(report.body())
                .map(|(alarm, strip)| self.alarm(&alarm, strip.as_ref(), header, (now_ms, late && !fresh))),
        }
    }

    /// The class of a sensor; nothing for one that is not enrolled.
    #[must_use]
    pub fn class_of(&self, sensor: SensorId) -> Option<risk::RiskClass> {
        self.sensors.get(&sensor).map(|card| card.class)
    }

    /// What class III sensors have said since the last call.
    pub fn answers(&mut self) -> Vec<SensorAnswer> {
        std::mem::take(&mut self.answers)
    }

    fn answer(&mut self, answer: SensorAnswer) {
        if self.answers.len() < ANSWERS_MAX {
            self.answers.push(answer);
        }
    }

    /// Notes that a sensor has been heard.
    fn hear(&mut self, sensor: SensorId, now_ms: u64) {
        if self
            .heard
            .insert(sensor, now_ms)
            .is_some_and(|before| now_ms.saturating_sub(before) > SILENT_AFTER_MS)
        {
            self.board.end_alarm(&silence_of(sensor), now_ms);
        }
    }

    /// Raises a technical alarm for each sensor that has fallen silent. To be called every second or so.
    pub fn listen(&self, now_ms: u64) {
        self.board.listen_for_condition(now_ms);
        for (sensor, last) in &self.heard {
            if now_ms.saturating_sub(*last) > SILENT_AFTER_MS {
                let kind = self.sensors.get(sensor).map_or("sensor", |card| card.kind.name());
                let text = format!("NO DATA FROM {}", kind.to_uppercase());
                self.technical(silence_of(*sensor), text, now_ms);
            }
        }
    }

    /// Hub clock minus sensor clock. The hub took it at the oldest part's arrival from the time of its first sample; the
    /// part cannot have been sent before its last sample, so that the way between the two is not delay.
    fn clock_offset(&mut self, report: &Report<'_>) -> Result<i64, Error> {
        let header = &report.header;
        let Some(oldest) = report.parts().next() else { return Ok(header.offset_ms) };
        if !self.sensors.contains_key(&header.sensor) {
            return Ok(header.offset_ms);
        }
        let oldest = Batch::parse(oldest?)?;
        let last = (oldest.len() as u64).saturating_sub(1);
        let length_ms = oldest.header.time_of(last).saturating_sub(oldest.header.time_us) / 1_000;
        let measured = header.offset_ms.saturating_sub_unsigned(length_ms);
        Ok(self.clocks.entry(header.sensor).or_default().heard(measured, header.hub_time_ms))
    }

    /// Hub and clinic must agree about the time, or late data cannot be told from live data.
    fn compare_clocks(&mut self, hub_time_ms: u64, now_ms: u64) {
        let apart = now_ms.abs_diff(hub_time_ms);
        if apart <= LATE_AFTER_MS {
            self.apart_reports = 0;
            self.board.end_alarm("hub.clock", now_ms);
            return;
        }
        self.apart_reports = self.apart_reports.saturating_add(1);
        if self.apart_reports >= CLOCK_REPORTS {
            let text = format!("HUB CLOCK DIFFERS BY {} S", apart / 1_000);
            self.technical("hub.clock".to_owned(), text, now_ms);
        }
    }

    fn technical(&self, condition: String, text: String, at_ms: u64) {
        let input =
            AlarmInput { condition, priority: Priority::Technical, text, at_ms, evidence: None, strip: None };
        if let Err(error) = self.board.raise_alarm(input) {
            tracing::error!(%error, "a technical alarm cannot be shown");
        }
    }

    /// `when` is the offset of the sensor's clock, the clinic's clock, and whether the batch is late.
    fn batch(&mut self, sensor: SensorId, batch: &Batch<'_>, when: (i64, u64, bool), note: Option<String>) {
        let (offset_ms, now_ms, late) = when;
        let header = &batch.header;
        let class = self.sensors.get(&sensor).map_or(risk::RiskClass::III, |card| card.class);
        if header.simulated {
            self.board.note_simulated();
        }
        let Some(signal) = shown_as(header.signal) else { return };
        // The sensor's time on the clinic's clock. A sensor whose clock runs ahead must not show numbers from the future.
        let at = |after: u64| (header.time_of(after) / 1_000).saturating_add_signed(offset_ms).min(now_ms);
        if header.signal == observation::Signal::Ecg {
            self.heard_ecg(now_ms, late);
            let samples: Vec<i16> = batch.samples().collect();
            for (first, samples) in (0..)
                .step_by(crate::board::MAX_CHUNK_SAMPLES)
                .zip(samples.chunks(crate::board::MAX_CHUNK_SAMPLES))
            {
                let chunk = WaveChunk {
                    signal,
                    start_ms: at(first),
                    period_us: 1_000_000_000 / header.rate_millihertz.max(1),
                    lsb_per_mv: header.scale.gain_milli as f32 / 1_000.0,
                    baseline: header.scale.baseline,
                    samples: samples.to_vec(),
                    late,
                };
                if let Err(error) = self.board.wave(&chunk) {
                    tracing::warn!(%error, "a wave cannot be drawn");
                }
            }
            return;
        }
        let Some((last, sample)) = (0u64..).zip(batch.samples()).last() else { return };
        let value = header.scale.value(sample);
        self.board.numeric(NumericView {
            signal,
            class: class.into(),
            sensor: sensor.0,
            value: Some(value),
            unit: header.signal.unit().to_owned(),
            sensor_time_ms: at(last),
            period_ms: 1_000_000 / header.rate_millihertz.max(1),
            late,
            note: note.or_else(|| header.simulated.then(|| "simulated (HTEST)".to_owned())),
        });
    }

    /// An ECG arrives, and the hub's detector has found nothing in it: the condition is normal.
    fn heard_ecg(&mut self, now_ms: u64, late: bool) {
        if late {
            return;
        }
        let since = *self.listening_since_ms.get_or_insert(now_ms);
        if self.findings.is_empty() && now_ms.saturating_sub(since) >= NORMAL_AFTER_MS {
            self.board.found_nothing(now_ms);
        }
    }

    /// Takes a sensor's consent: what it has sealed in that session can be opened until the consent ends.
    pub fn consent(&mut self, sensor: SensorId, body: &[u8], now_ms: u64) -> Result<(), Error> {
        let card =
            self.sensors.get(&sensor).ok_or(Error::Misuse("a consent of a sensor that is not enrolled"))?;
        let missing = Error::Misuse("a consent of a sensor whose card came without a wrapping key");
        let granted = consent::open_grant(card.wrapping_key.as_ref().ok_or(missing)?, sensor, body)?;
        if granted.until < now_ms {
            return Err(Error::Malformed { what: "consent", why: "has ended" });
        }
        let asked = (granted.scope == Scope::Request).then_some(granted.asked);
        self.answer(SensorAnswer::Released { sensor, asked, until_ms: granted.until });
        let grants = self.grants.entry(sensor).or_default();
        grants.retain(|other| (other.session, other.asked) != (granted.session, granted.asked));
        grants.insert(0, granted);
        grants.truncate(GRANTS_KEPT);
        Ok(())
    }

    fn sealed(&mut self, sensor: SensorId, part: &[u8], now_ms: u64, late: bool) -> Result<(), Error> {
        let session = consent::session_of(part)?;
        let grants = self.grants.get(&sensor).map_or(&[][..], Vec::as_slice);
        // What was released for emergencies is not opened without one.
        let emergency = self.board.condition(now_ms) == Condition::Emergency;
        let holds = |granted: &&Granted| {
            granted.session == session
                && granted.until > now_ms
                && (granted.scope == Scope::Request || emergency)
        };
        let granted = grants.iter().find(holds);
        // Without a consent the payload is stored and stays closed.
        let Some(granted) = granted else { return Ok(()) };
        let mut buffer = Zeroizing::new(vec![0u8; part.len()]);
        let len = consent::open(granted, sensor, part, &mut buffer)?;
        let batch = Batch::parse(buffer.get(..len).unwrap_or(&[]))?;
        // The hub has not seen the batch, so that its clock offset is not known; the sensor's own clock counts.
        let note = Some("class III: sealed by the sensor, open by its consent".to_owned());
        self.batch(sensor, &batch, (0, now_ms, late), note);
        Ok(())
    }

    fn session(&self, sensor: SensorId, report: &Report<'_>, now_ms: u64) -> Result<(), Error> {
        let session = Session::parse(report.body())?;
        let Some(card) = self.sensors.get(&sensor) else { return Ok(()) };
        let view = sensor_view(sensor, card, Some((report.header.hub_time_ms.min(now_ms), session.bits)));
        if let Err(error) = self.board.sensor_state(view) {
            tracing::warn!(%error, "a sensor cannot be shown");
        }
        Ok(())
    }

    fn alarm(
        &mut self,
        alarm: &Alarm,
        strip: Option<&Batch<'_>>,
        header: &ReportHeader,
        (now_ms, late): (u64, bool),
    ) -> Vec<AlarmChange> {
        let at_ms = header.hub_time_ms;
        let (name, condition) = (format!("ecg.{}", alarm.condition as u8), alarm.condition);
        if late {
            let what = if alarm.present { "began" } else { "ended" };
            self.board.event(at_ms, &format!("Late report: {} {what}", condition.text()));
            return Vec::new();
        }
        if alarm.present {
            self.findings.insert(condition as u8);
        } else {
            self.findings.remove(&(condition as u8));
        }
        self.board.found(condition, alarm.present, now_ms);
        if !alarm.present {
            self.board.end_alarm(&name, at_ms);
            return vec![AlarmChange::Ended(condition)];
        }
        let evidence = alarm.correlation.map(|rho| Evidence {
            rho: f64::from(rho),
            threshold: f64::from(alarm.threshold),
            reason: condition.text().to_owned(),
        });
        if let Some(evidence) = &evidence {
            let Evidence { rho, threshold, reason } = evidence.clone();
            self.board.correlation(CorrelationView { rho, threshold, reason, at_ms });
        }
        let priority = match condition.priority() {
            report::Priority::Technical => Priority::Technical,
            report::Priority::Low => Priority::Low,
            report::Priority::Medium => Priority::Medium,
            report::Priority::High => Priority::High,
        };
        let text = condition.text().to_owned();
        let strip = strip.map(|batch| strip_of(batch, header.offset_ms));
        match self.board.raise_alarm(AlarmInput { condition: name, priority, text, at_ms, evidence, strip }) {
            Ok(id) => vec![AlarmChange::Raised(id, condition)],
            Err(error) => {
                tracing::error!(%error, "an alarm cannot be shown");
                Vec::new()
            }
        }
    }
}

/// The ECG in an alarm, as a wave. `offset_ms` is the hub's clock minus the sensor's.
pub(crate) fn strip_of(batch: &Batch<'_>, offset_ms: i64) -> WaveChunk {
    WaveChunk {
        signal: Signal::Ecg,
        start_ms: (batch.header.time_us / 1_000).saturating_add_signed(offset_ms),
        period_us: 1_000_000_000 / batch.header.rate_millihertz.max(1),
        lsb_per_mv: batch.header.scale.gain_milli as f32 / 1_000.0,
        baseline: batch.header.scale.baseline,
        samples: batch.samples().take(crate::board::MAX_CHUNK_SAMPLES).collect(),
        late: false,
    }
}

/// Name of the condition that a sensor is silent.
fn silence_of(sensor: SensorId) -> String {
    format!("silent.{}", sensor.0)
}

/// The board's word for a signal.
pub(crate) const fn shown_as(signal: observation::Signal) -> Option<Signal> {
    Some(match signal {
        observation::Signal::Ecg => Signal::Ecg,
        observation::Signal::SpO2 => Signal::Spo2,
        observation::Signal::Respiration => Signal::Resp,
        observation::Signal::Temperature => Signal::Temp,
        observation::Signal::InsulinRate => Signal::PumpRate,
        observation::Signal::HeartRate => Signal::HeartRate,
    })
}

fn sensor_view(sensor: SensorId, card: &SensorCard, session: Option<(u64, u32)>) -> SensorView {
    SensorView {
        sensor: sensor.0,
        signal: shown_as(card.kind),
        name: format!("{}-{}", card.kind.name(), sensor.0),
        kind: card.kind.name().to_owned(),
        class: card.class.into(),
        authenticated_at_ms: session.map(|(at, _)| at),
        bits: session.map_or(0, |(_, bits)| bits),
    }
}

#[cfg(test)]
mod clock_tests;
#[cfg(test)]
mod tests;
