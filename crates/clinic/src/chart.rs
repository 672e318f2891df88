//! From a stored report to the screen: numbers, waves, alarms, sensors.

use crate::board::{
    AlarmId, AlarmInput, Board, CorrelationView, Evidence, NumericView, Priority, RiskClass, SensorView,
    Signal, WaveChunk,
};
use bodywire_proto::consent::{self, Granted};
use bodywire_proto::observation::{self, Batch};
use bodywire_proto::prf::Key;
use bodywire_proto::report::{self, Alarm, Kind, Report, Session};
use bodywire_proto::wire::SensorId;
use bodywire_proto::{Error, risk};
use std::collections::BTreeMap;

/// A report older than this when it arrives comes from the spool: it goes into the record, never onto the live screen.
pub const LATE_AFTER_MS: u64 = 5_000;
/// A report made while no more than these waited in the hub's spool was fresh when it was made. Whatever the clocks
/// say of it, an alarm in it is raised.
const FRESH_BACKLOG: u32 = 4;
/// A sensor that has not been heard for this long raises a technical alarm: three readings of the slowest sensor.
pub const SILENT_AFTER_MS: u64 = 15_000;
/// Data keys kept for one class III sensor: its running session and the one before, which may still be in the spool.
const GRANTS_KEPT: usize = 2;

/// A sensor as it was enrolled.
#[derive(Debug, Clone)]
pub struct SensorCard {
    /// What it measures.
    pub kind: observation::Signal,
    /// Its risk class.
    pub class: risk::RiskClass,
    /// Opens its consents.
    pub wrapping_key: Key,
}

/// An alarm that a report has raised or ended, for the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmChange {
    /// It was raised under this number on the board.
    Raised(AlarmId, report::Condition),
    /// The condition is over.
    Ended(report::Condition),
}

/// The patient's chart of one hub.
pub struct Chart {
    board: Board,
    sensors: BTreeMap<SensorId, SensorCard>,
    grants: BTreeMap<SensorId, Vec<Granted>>,
    /// When each sensor was heard last, by the clinic's clock.
    heard: BTreeMap<SensorId, u64>,
}

impl Chart {
    /// A chart that draws on `board`.
    pub fn new(board: Board, sensors: BTreeMap<SensorId, SensorCard>) -> Self {
        for (sensor, card) in &sensors {
            // A full board cannot happen here: a hub has fewer sensors than the board has places.
            let _ = board.sensor_state(sensor_view(*sensor, card, None));
        }
        Self { board, sensors, grants: BTreeMap::new(), heard: BTreeMap::new() }
    }

    /// Draws a report that has just been stored. `now_ms` is the clinic's clock.
    pub fn show(&mut self, report: &Report<'_>, now_ms: u64) -> Result<Vec<AlarmChange>, Error> {
        let header = &report.header;
        let late = now_ms.saturating_sub(header.hub_time_ms) > LATE_AFTER_MS;
        let fresh = header.backlog <= FRESH_BACKLOG;
        self.board.buffer(u64::from(header.backlog));
        self.hear(header.sensor, now_ms);
        if fresh {
            self.compare_clocks(header.hub_time_ms, now_ms);
        }
        match header.kind {
            Kind::Observations => {
                for part in report.parts() {
                    self.batch(&Batch::parse(part?)?, header.offset_ms, now_ms, late, None);
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
            Kind::Alarm => Alarm::parse(report.body())
                .map(|alarm| self.alarm(&alarm, header.hub_time_ms, late && !fresh)),
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
        for (sensor, last) in &self.heard {
            if now_ms.saturating_sub(*last) > SILENT_AFTER_MS {
                let kind = self.sensors.get(sensor).map_or("sensor", |card| card.kind.name());
                let text = format!("NO DATA FROM {}", kind.to_uppercase());
                self.technical(silence_of(*sensor), text, now_ms);
            }
        }
    }

    /// Hub and clinic must agree about the time, or late data cannot be told from live data.
    fn compare_clocks(&self, hub_time_ms: u64, now_ms: u64) {
        let apart = now_ms.abs_diff(hub_time_ms);
        if apart > LATE_AFTER_MS {
            self.technical(
                "hub.clock".to_owned(),
                format!("HUB CLOCK DIFFERS BY {} S", apart / 1_000),
                now_ms,
            );
        } else {
            self.board.end_alarm("hub.clock", now_ms);
        }
    }

    fn technical(&self, condition: String, text: String, at_ms: u64) {
        let input = AlarmInput { condition, priority: Priority::Technical, text, at_ms, evidence: None };
        if let Err(error) = self.board.raise_alarm(input) {
            tracing::error!(%error, "a technical alarm cannot be shown");
        }
    }

    fn batch(&self, batch: &Batch<'_>, offset_ms: i64, now_ms: u64, late: bool, note: Option<String>) {
        let header = &batch.header;
        let Some(signal) = shown_as(header.signal) else { return };
        // The sensor's time on the clinic's clock. A sensor whose clock runs ahead must not show numbers from the future.
        let at = |after: u64| (header.time_of(after) / 1_000).saturating_add_signed(offset_ms).min(now_ms);
        if header.signal == observation::Signal::Ecg {
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
        self.board.numeric(NumericView {
            signal,
            value: Some(header.scale.value(sample)),
            unit: header.signal.unit().to_owned(),
            sensor_time_ms: at(last),
            late,
            note: note.or_else(|| header.simulated.then(|| "simulated (HTEST)".to_owned())),
        });
    }

    fn consent(&mut self, sensor: SensorId, body: &[u8], now_ms: u64) -> Result<(), Error> {
        let card =
            self.sensors.get(&sensor).ok_or(Error::Misuse("a consent of a sensor that is not enrolled"))?;
        let granted = consent::open_grant(&card.wrapping_key, sensor, body)?;
        if granted.until < now_ms {
            return Err(Error::Malformed { what: "consent", why: "has ended" });
        }
        let grants = self.grants.entry(sensor).or_default();
        grants.retain(|other| other.session != granted.session);
        grants.insert(0, granted);
        grants.truncate(GRANTS_KEPT);
        Ok(())
    }

    fn sealed(&self, sensor: SensorId, part: &[u8], now_ms: u64, late: bool) -> Result<(), Error> {
        let session = consent::session_of(part)?;
        let grants = self.grants.get(&sensor).map_or(&[][..], Vec::as_slice);
        let granted = grants.iter().find(|granted| granted.session == session && granted.until >= now_ms);
        // Without a consent the payload is stored and stays closed.
        let Some(granted) = granted else { return Ok(()) };
        let mut buffer = vec![0u8; part.len()];
        let len = consent::open(granted, sensor, part, &mut buffer)?;
        let batch = Batch::parse(buffer.get(..len).unwrap_or(&[]))?;
        // The hub has not seen the batch, so that its clock offset is not known; the sensor's own clock counts.
        let note = Some("class III: sealed for the clinic, open by standing consent".to_owned());
        self.batch(&batch, 0, now_ms, late, note);
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

    fn alarm(&self, alarm: &Alarm, at_ms: u64, late: bool) -> Vec<AlarmChange> {
        let (name, condition) = (format!("ecg.{}", alarm.condition as u8), alarm.condition);
        if late {
            let what = if alarm.present { "began" } else { "ended" };
            self.board.event(at_ms, &format!("Late report: {} {what}", condition.text()));
            return Vec::new();
        }
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
        match self.board.raise_alarm(AlarmInput { condition: name, priority, text, at_ms, evidence }) {
            Ok(id) => vec![AlarmChange::Raised(id, condition)],
            Err(error) => {
                tracing::error!(%error, "an alarm cannot be shown");
                Vec::new()
            }
        }
    }
}

/// Name of the condition that a sensor is silent.
fn silence_of(sensor: SensorId) -> String {
    format!("silent.{}", sensor.0)
}

/// The board's word for a signal.
const fn shown_as(signal: observation::Signal) -> Option<Signal> {
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
        name: format!("{}-{}", card.kind.name(), sensor.0),
        kind: card.kind.name().to_owned(),
        class: match card.class {
            risk::RiskClass::I => RiskClass::I,
            risk::RiskClass::II => RiskClass::II,
            risk::RiskClass::III => RiskClass::III,
        },
        authenticated_at_ms: session.map(|(at, _)| at),
        bits: session.map_or(0, |(_, bits)| bits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::{AlarmState, Source};
    use bodywire_proto::consent::{DataKey, Sealer, grant};
    use bodywire_proto::observation::{BatchHeader, Scale};
    use bodywire_proto::report::{Condition, ReportHeader};

    const ECG: SensorId = SensorId(1);
    const PUMP: SensorId = SensorId(5);
    const NOW: u64 = 1_000_000;

    fn chart() -> (Chart, Board) {
        let board = Board::new(0, Source::Simulated);
        let card = |kind, class| SensorCard { kind, class, wrapping_key: Key::new([7; 32]) };
        let sensors = BTreeMap::from([
            (ECG, card(observation::Signal::Ecg, risk::RiskClass::II)),
            (PUMP, card(observation::Signal::InsulinRate, risk::RiskClass::III)),
        ]);
        (Chart::new(board.clone(), sensors), board)
    }

    /// Shows a report made at `hub_time_ms` with `backlog` others waiting; the clinic's clock is at `NOW`.
    fn show(
        chart: &mut Chart,
        kind: Kind,
        sensor: SensorId,
        times: (u64, u32),
        body: &[u8],
    ) -> Vec<AlarmChange> {
        let (hub_time_ms, backlog) = times;
        let header = ReportHeader { kind, sensor, number: 0, hub_time_ms, offset_ms: 0, backlog };
        let bytes = [&report::emit_header(&header).unwrap()[..], body].concat();
        chart.show(&Report::parse(&bytes).unwrap(), NOW).unwrap()
    }

    fn part(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
    }

    fn number(signal: observation::Signal, sample: i16) -> Vec<u8> {
        let scale = Scale { gain_milli: 10_000, baseline: 0 };
        let header = BatchHeader {
            signal,
            simulated: true,
            rate_millihertz: 1_000,
            scale,
            first_index: 0,
            time_us: NOW * 1_000,
        };
        let mut buffer = [0; 64];
        let (len, _) = observation::emit(&header, &[sample], &mut buffer).unwrap();
        buffer[..len].to_vec()
    }

    fn fibrillation(present: bool) -> Vec<u8> {
        let condition = Condition::VentricularFibrillation;
        let (onset_index, decided_index, threshold) = (0, 9, 0.4);
        let alarm =
            Alarm { condition, present, onset_index, decided_index, correlation: Some(0.1), threshold };
        alarm.to_bytes().unwrap().to_vec()
    }

    #[test]
    fn live_numbers_are_shown_as_simulated_and_late_ones_are_kept_off() {
        let (mut chart, board) = chart();
        let body = part(&number(observation::Signal::SpO2, 975));
        show(&mut chart, Kind::Observations, ECG, (NOW - 60_000, 90), &body);
        assert!(board.snapshot().numerics.is_empty());
        show(&mut chart, Kind::Observations, ECG, (NOW, 0), &body);
        let shown = board.snapshot();
        assert_eq!(shown.numerics[0].value, Some(97.5));
        assert_eq!(shown.numerics[0].note.as_deref(), Some("simulated (HTEST)"));
        assert_eq!(shown.late_numerics, 1);
    }

    #[test]
    fn an_alarm_from_the_spool_is_history_and_a_fresh_one_counts_whatever_the_clocks_say() {
        let (mut chart, board) = chart();
        assert!(show(&mut chart, Kind::Alarm, ECG, (NOW - 60_000, 90), &fibrillation(true)).is_empty());
        assert!(board.snapshot().alarms.is_empty());
        // The hub's clock is a minute behind: the alarm is raised, and so is one about the clock.
        let raised = show(&mut chart, Kind::Alarm, ECG, (NOW - 60_000, 0), &fibrillation(true));
        assert!(matches!(raised[..], [AlarmChange::Raised(_, Condition::VentricularFibrillation)]));
        let texts: Vec<String> = board.snapshot().alarms.into_iter().map(|alarm| alarm.text).collect();
        assert!(texts.contains(&"VENTRICULAR FIBRILLATION".to_owned()), "{texts:?}");
        assert!(texts.contains(&"HUB CLOCK DIFFERS BY 60 S".to_owned()), "{texts:?}");
        show(&mut chart, Kind::Alarm, ECG, (NOW, 0), &fibrillation(false));
        let alarms = board.snapshot().alarms;
        assert_eq!(alarms.len(), 1);
        assert_eq!(alarms[0].state, AlarmState::Latched);
    }

    #[test]
    fn silence_is_an_alarm_until_the_sensor_is_heard_again() {
        let (mut chart, board) = chart();
        let body = part(&number(observation::Signal::SpO2, 975));
        show(&mut chart, Kind::Observations, ECG, (NOW, 0), &body);
        chart.listen(NOW + SILENT_AFTER_MS);
        assert!(board.snapshot().alarms.is_empty());
        chart.heard.insert(ECG, NOW - SILENT_AFTER_MS - 1);
        chart.listen(NOW);
        assert_eq!(board.snapshot().alarms[0].text, "NO DATA FROM ECG");
        show(&mut chart, Kind::Observations, ECG, (NOW, 0), &body);
        assert!(board.snapshot().alarms.is_empty());
    }

    #[test]
    fn a_sealed_number_is_shown_only_after_the_sensors_consent() {
        let (mut chart, board) = chart();
        let (key, mut sealed) = (DataKey::new([3; 16]), [0u8; 128]);
        let plain = number(observation::Signal::InsulinRate, 9);
        let len = Sealer::new(key.clone(), PUMP, 4).seal(&plain, &mut sealed).unwrap();
        let body = part(&sealed[..len]);
        show(&mut chart, Kind::Sealed, PUMP, (NOW, 0), &body);
        assert!(board.snapshot().numerics.is_empty());
        let consent = grant(&Key::new([7; 32]), PUMP, 4, NOW + 1, &key).unwrap();
        show(&mut chart, Kind::Consent, PUMP, (NOW, 0), &consent);
        show(&mut chart, Kind::Sealed, PUMP, (NOW, 0), &body);
        let shown = board.snapshot().numerics;
        assert_eq!(shown[0].value, Some(0.9));
        assert!(shown[0].note.as_deref().unwrap().contains("standing consent"));
    }
}
