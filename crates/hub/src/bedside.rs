//! What the hub makes of its sensors' payloads: an emergency verdict from the ECG, and reports for the clinic.

use crate::vitals::{Aggregation, Vitals};
use bodywire_ecg::decide::{EmergencyReason, State, UndeterminedReason, Verdict};
use bodywire_ecg::monitor::{Event, Monitor};
use bodywire_ecg::qualify::PoorReason;
use bodywire_ecg::settings::Settings;
use bodywire_proto::ask::{Refused, TYPE_REFUSAL};
use bodywire_proto::observation::{self, BATCH_HEADER_BYTES, Batch, BatchHeader, Scale, Signal};
use bodywire_proto::report::{self, Alarm, Condition, Kind, ReportHeader, Session};
use bodywire_proto::window::Window;
use bodywire_proto::wire::SensorId;
use bodywire_proto::{Error, RiskClass, consent};
use rand_core::CryptoRng;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Observations are sent when the oldest has waited this long, unless the hub is told otherwise: short enough for a live
/// trace.
pub const REPORT_AGE: Duration = Duration::from_millis(400);
/// Observations are sent earlier when they fill this much: a recording played fast must not make giant reports.
pub const REPORT_PARTS_BYTES: usize = 16 * 1024;

/// Length of the strip that goes with an alarm, in seconds: what a monitor prints, before the decision.
const STRIP_S: f64 = 8.0;
/// The strip has about this many samples a second. Its band ends at 40 Hz.
const STRIP_RATE_HZ: f64 = 125.0;
/// Longest strip: eight seconds at twice that rate, with deltas of three bytes.
const STRIP_BYTES_MAX: usize = BATCH_HEADER_BYTES + 3 * 2_000;
/// Steps of a strip per millivolt, times 1,000: microvolts.
const STRIP_GAIN_MILLI: u32 = 1_000_000;

/// Consents of a sensor that are told apart from their repetitions: those of a session that answers as many requests as a
/// sensor keeps open, for emergencies too, and of the session before.
const CONSENTS_REMEMBERED: usize = 10;

/// A condition that holds is said again this often, so that a clinic that was away or has restarted raises it too.
pub const ALARM_REPEAT_S: u64 = 10;

/// A sensor as the hub was told of it at enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SensorProfile {
    /// Its number.
    pub sensor: SensorId,
    /// What it measures.
    pub kind: Signal,
    /// Its risk class.
    pub class: RiskClass,
}

/// A report that has no number yet.
struct Draft {
    kind: Kind,
    sensor: SensorId,
    offset_ms: i64,
    body: Vec<u8>,
}

/// Parts that wait to be sent together.
#[derive(Default)]
struct Waiting {
    body: Vec<u8>,
    since_ms: u64,
    offset_ms: i64,
}

struct Bed {
    profile: SensorProfile,
    observations: Waiting,
    sealed: Waiting,
    /// The last consents, which a sensor repeats because nobody acknowledges them.
    consents: VecDeque<Vec<u8>>,
    watch: Option<Box<EcgWatch>>,
}

/// The sensors of one patient.
pub struct Bedside {
    report_age: Duration,
    beds: BTreeMap<SensorId, Bed>,
    ready: Vec<Draft>,
    vitals: Option<Vitals>,
    /// Samples of ECGs that have come, and that have not though later ones have.
    ecg_samples: (u64, u64),
}

impl Bedside {
    /// A bedside with these sensors, whose observations wait for `report_age` at most. With an aggregation its vital signs go
    /// into the ward's sums, too.
    pub fn new(
        profiles: impl IntoIterator<Item = SensorProfile>,
        report_age: Duration,
        aggregation: Option<Aggregation>,
    ) -> Self {
        let bed = |profile: SensorProfile| {
            let (observations, sealed, consents) = Default::default();
            (profile.sensor, Bed { profile, observations, sealed, consents, watch: None })
        };
        let beds = profiles.into_iter().map(bed).collect();
        Self {
            report_age,
            beds,
            ready: Vec::new(),
            vitals: aggregation.map(Vitals::new),
            ecg_samples: (0, 0),
        }
    }

    /// Takes the payload of an opened record. `now_ms` is the hub's clock, milliseconds since 1970.
    pub fn payload(&mut self, sensor: SensorId, now_ms: u64, payload: &[u8]) -> Result<(), Error> {
        let bed =
            self.beds.get_mut(&sensor).ok_or(Error::Misuse("a payload of a sensor that is not enrolled"))?;
        match (payload.first(), bed.profile.class) {
            (Some(&consent::TYPE_CONSENT), RiskClass::III) => {
                if !bed.consents.iter().any(|before| before == payload) {
                    bed.consents.truncate(CONSENTS_REMEMBERED - 1);
                    bed.consents.push_front(payload.to_vec());
                    let body = payload.to_vec();
                    self.ready.push(Draft { kind: Kind::Consent, sensor, offset_ms: 0, body });
                }
                Ok(())
            }
            (Some(&TYPE_REFUSAL), RiskClass::III) => self.refused(sensor, &Refused::from_payload(payload)?),
            (Some(&consent::TYPE_SEALED), RiskClass::III) => {
                if bed.sealed.add(payload, now_ms, 0) {
                    self.flush_sensor(sensor);
                }
                Ok(())
            }
            (Some(_), RiskClass::I | RiskClass::II) => self.batch(sensor, now_ms, payload),
            _ => Err(Error::Malformed { what: "payload", why: "does not fit the sensor's risk class" }),
        }
    }

    fn batch(&mut self, sensor: SensorId, now_ms: u64, payload: &[u8]) -> Result<(), Error> {
        let batch = Batch::parse(payload)?;
        let Some(bed) = self.beds.get_mut(&sensor) else { return Ok(()) };
        if batch.header.signal != bed.profile.kind {
            return Err(Error::Malformed {
                what: "payload",
                why: "is of another signal than the sensor was enrolled for",
            });
        }
        let offset_ms = now_ms.cast_signed() - (batch.header.time_us / 1_000).cast_signed();
        let mut full = bed.observations.add(payload, now_ms, offset_ms);
        if let Some(vitals) = &mut self.vitals {
            vitals.observe(&batch, now_ms);
        }
        if batch.header.signal == Signal::Ecg {
            let found = EcgWatch::of(&mut bed.watch, &batch.header)?.push(&batch);
            let (taken, missing) = &mut self.ecg_samples;
            *taken = taken.saturating_add(batch.len() as u64);
            *missing = missing.saturating_add(found.missing);
            for rate in &found.rates {
                full |= bed.observations.add(rate, now_ms, offset_ms);
                if let Some(vitals) = &mut self.vitals {
                    vitals.observe(&Batch::parse(rate)?, now_ms);
                }
            }
            if !found.alarms.is_empty() {
                // The evidence goes first.
                self.flush_sensor(sensor);
                for (alarm, strip) in found.alarms {
                    let body = [&alarm.to_bytes()?[..], &strip].concat();
                    self.ready.push(Draft { kind: Kind::Alarm, sensor, offset_ms, body });
                }
            }
        }
        if full {
            self.flush_sensor(sensor);
        }
        Ok(())
    }

    /// Samples of ECGs that have come, and those that have not though later ones of the same stream have.
    pub fn ecg_samples(&self) -> (u64, u64) {
        self.ecg_samples
    }

    /// A sensor and the hub have authenticated each other.
    pub fn established(
        &mut self,
        sensor: SensorId,
        epoch: u32,
        bits: u32,
        noise_bits: u32,
    ) -> Result<(), Error> {
        let bed =
            self.beds.get(&sensor).ok_or(Error::Misuse("a session of a sensor that is not enrolled"))?;
        let noise_bits = u16::try_from(noise_bits).unwrap_or(u16::MAX);
        let body = Session { epoch, class: bed.profile.class, bits, noise_bits }.to_bytes()?.to_vec();
        self.ready.push(Draft { kind: Kind::Session, sensor, offset_ms: 0, body });
        Ok(())
    }

    /// The key of a sensor was not given.
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn refused(&mut self, sensor: SensorId, refused: &Refused) -> Result<(), Error> {
        let body = refused.to_bytes()?.to_vec();
        self.ready.push(Draft { kind: Kind::Declined, sensor, offset_ms: 0, body });
        Ok(())
    }

    /// Encrypts the windows of vital signs that are over at `now_ms`; with `everything` also the one that is not.
    ///
    /// # Errors
    /// That of the library for the encryption, which is a fault of the program.
    pub fn close_window(
        &mut self,
        now_ms: u64,
        everything: bool,
        rng: &mut impl CryptoRng,
    ) -> Result<(), crate::Error> {
        while let Some(vitals) = &mut self.vitals
            && let Some((window, vector)) = vitals.take(now_ms, everything, rng)?
        {
            self.vector(window, &vector)?;
        }
        Ok(())
    }

    /// The encrypted vector of a window's readings. What [`Self::take`] makes of one that is too long for a report
    /// ([`report::REPORT_BYTES_MAX`]) the clinic would refuse, so that it is refused here.
    ///
    /// # Errors
    /// [`Error::Limit`] for such a vector; nothing is queued.
    pub fn vector(&mut self, window: Window, vector: &[u8]) -> Result<(), Error> {
        let body = [&window.to_bytes()[..], vector].concat();
        if report::REPORT_HEADER_BYTES + body.len() > report::REPORT_BYTES_MAX {
            return Err(Error::Limit { limit: "REPORT_BYTES_MAX", value: report::REPORT_BYTES_MAX as u64 });
        }
        self.ready.push(Draft { kind: Kind::Vector, sensor: report::OF_THE_BED, offset_ms: 0, body });
        Ok(())
    }

    /// When [`Self::take`] has something to give that was not ready at once.
    pub fn next_due_ms(&self) -> Option<u64> {
        let waiting = self.beds.values().flat_map(|bed| [&bed.observations, &bed.sealed]);
        let window = self.vitals.as_ref().and_then(Vitals::due_ms);
        let due = |w: &Waiting| w.since_ms + self.report_age.as_millis() as u64;
        waiting.filter(|w| !w.body.is_empty()).map(due).chain(window).min()
    }

    /// The reports that are due at `now_ms`, numbered from `first` on; all that wait when `everything` is set.
    pub fn take(
        &mut self,
        now_ms: u64,
        first: u64,
        backlog: u64,
        everything: bool,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let age = self.report_age.as_millis() as u64;
        let due: Vec<SensorId> = self
            .beds
            .iter()
            .filter(|(_, bed)| {
                [&bed.observations, &bed.sealed]
                    .iter()
                    .any(|w| !w.body.is_empty() && (everything || now_ms >= w.since_ms + age))
            })
            .map(|(sensor, _)| *sensor)
            .collect();
        due.into_iter().for_each(|sensor| self.flush_sensor(sensor));
        let backlog = u32::try_from(backlog).unwrap_or(u32::MAX);
        (first..)
            .zip(self.ready.drain(..))
            .map(|(number, draft)| {
                let Draft { kind, sensor, offset_ms, body } = draft;
                let header = ReportHeader { kind, sensor, number, hub_time_ms: now_ms, offset_ms, backlog };
                Ok([&report::emit_header(&header)?[..], &body].concat())
            })
            .collect()
    }

    /// True when [`Self::take`] has something to give now.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    fn flush_sensor(&mut self, sensor: SensorId) {
        let Some(bed) = self.beds.get_mut(&sensor) else { return };
        for (kind, waiting) in [(Kind::Observations, &mut bed.observations), (Kind::Sealed, &mut bed.sealed)]
        {
            if !waiting.body.is_empty() {
                let Waiting { body, offset_ms, .. } = std::mem::take(waiting);
                self.ready.push(Draft { kind, sensor, offset_ms, body });
            }
        }
    }
}

impl Waiting {
    /// Adds a part; true when there is enough for a report.
    fn add(&mut self, part: &[u8], now_ms: u64, offset_ms: i64) -> bool {
        if self.body.is_empty() {
            (self.since_ms, self.offset_ms) = (now_ms, offset_ms);
        }
        let len = u16::try_from(part.len()).unwrap_or(u16::MAX);
        self.body.extend_from_slice(&len.to_be_bytes());
        self.body.extend_from_slice(part.get(..usize::from(len)).unwrap_or(part));
        self.body.len() >= REPORT_PARTS_BYTES
    }
}

/// The emergency detector on one ECG.
struct EcgWatch {
    monitor: Monitor,
    header: BatchHeader,
    /// Sample number that the monitor counts as zero.
    base: u64,
    /// Number of the next heart rate.
    rates: u64,
    /// The condition that holds, as it was said, with its strip.
    active: Option<(Alarm, Vec<u8>)>,
    /// Sample of the monitor at which it is to be said again.
    repeat_at: u64,
}

#[derive(Default)]
struct Found {
    /// Heart rates, as batches.
    rates: Vec<Vec<u8>>,
    /// Samples between the last batch and this one, which have not come.
    missing: u64,
    /// With the strip that shows why, which may be empty.
    alarms: Vec<(Alarm, Vec<u8>)>,
}

impl EcgWatch {
    /// The watch of a stream; begun anew when the stream starts over or changes its scale.
    fn of<'a>(slot: &'a mut Option<Box<Self>>, header: &BatchHeader) -> Result<&'a mut Self, Error> {
        let goes_on = slot.as_ref().is_some_and(|watch| {
            (watch.header.scale, watch.header.rate_millihertz) == (header.scale, header.rate_millihertz)
                && header.first_index >= watch.number_of(watch.monitor.next_sample())
        });
        if !goes_on {
            let settings = Settings::new(
                f64::from(header.rate_millihertz) / 1_000.0,
                f64::from(header.scale.gain_milli) / 1_000.0,
                i32::from(header.scale.baseline),
            );
            let monitor = Monitor::new(settings)
                .map_err(|_| Error::Malformed { what: "ECG", why: "rate or gain is not that of an ECG" })?;
            let fresh = Self {
                monitor,
                header: *header,
                base: header.first_index,
                rates: 0,
                // What held in the stream before ends with the first verdict of this one that says otherwise.
                active: slot.as_ref().and_then(|before| before.active.clone()),
                repeat_at: 0,
            };
            *slot = Some(Box::new(fresh));
        }
        slot.as_deref_mut().ok_or(Error::Misuse("the watch has just been set"))
    }

    /// The sensor's number of the monitor's sample. Saturates: the numbers are the sensor's to choose.
    fn number_of(&self, sample: u64) -> u64 {
        self.base.saturating_add(sample)
    }

    fn push(&mut self, batch: &Batch<'_>) -> Found {
        let mut found = Found::default();
        let missing = batch.header.first_index.saturating_sub(self.number_of(self.monitor.next_sample()));
        found.missing = missing;
        if missing > 0 {
            self.monitor.gap(missing);
            self.drain(&batch.header, &mut found);
        }
        for sample in batch.samples() {
            self.monitor.push(sample);
            self.drain(&batch.header, &mut found);
        }
        self.repeat(&mut found.alarms);
        found
    }

    fn drain(&mut self, header: &BatchHeader, found: &mut Found) {
        while let Some(event) = self.monitor.poll() {
            match event {
                // While there are no beats to count, a number would be one of the noise's.
                Event::Rate { .. }
                    if self.active.as_ref().is_some_and(|(alarm, _)| has_no_rate(alarm.condition)) => {}
                Event::Rate { bpm_tenths, at_sample } => {
                    found.rates.extend(self.rate_batch(header, bpm_tenths, at_sample));
                }
                Event::Verdict(verdict) => self.verdict(header, &verdict, &mut found.alarms),
                Event::Beat { .. } => {}
            }
        }
    }

    fn rate_batch(&mut self, header: &BatchHeader, bpm_tenths: u16, at_sample: u64) -> Option<Vec<u8>> {
        let number = self.number_of(at_sample);
        let behind = header.first_index.saturating_sub(number);
        let since_first = number.saturating_sub(header.first_index);
        let period_us = 1_000_000_000 / u64::from(header.rate_millihertz);
        let rate = BatchHeader {
            signal: Signal::HeartRate,
            simulated: header.simulated,
            rate_millihertz: 1_000,
            scale: Scale { gain_milli: 10_000, baseline: 0 },
            first_index: self.rates,
            time_us: header.time_of(since_first).saturating_sub(behind.saturating_mul(period_us)),
        };
        self.rates += 1;
        let mut buffer = [0u8; BATCH_HEADER_BYTES + 3];
        let sample = i16::try_from(bpm_tenths).ok()?;
        let (len, _) = observation::emit(&rate, &[sample], &mut buffer).ok()?;
        buffer.get(..len).map(<[u8]>::to_vec)
    }

    /// The ECG before the decision, as the detector saw it; nothing when it has seen none.
    fn strip(&self, header: &BatchHeader) -> Vec<u8> {
        let strip = self.monitor.strip();
        let rate_hz = f64::from(header.rate_millihertz) / 1_000.0;
        let step = ((rate_hz / STRIP_RATE_HZ) as u64).max(1);
        let from = strip.start().max(strip.end().saturating_sub((STRIP_S * rate_hz) as u64));
        let sample = |at: u64| {
            // What was never measured is not drawn.
            if self.monitor.is_bridged(at) {
                Some(Alarm::LOST)
            } else {
                Some(strip.microvolts(at)?.max(-i16::MAX))
            }
        };
        let samples: Vec<i16> = (from..strip.end()).step_by(step as usize).filter_map(sample).collect();
        let number = self.number_of(from);
        let period_us = 1_000_000_000 / u64::from(header.rate_millihertz);
        let behind_us = header.first_index.saturating_sub(number).saturating_mul(period_us);
        let after = number.saturating_sub(header.first_index);
        let header = BatchHeader {
            rate_millihertz: header.rate_millihertz / u32::try_from(step).unwrap_or(1),
            scale: Scale { gain_milli: STRIP_GAIN_MILLI, baseline: 0 },
            first_index: number,
            time_us: header.time_of(after).saturating_sub(behind_us),
            ..*header
        };
        let mut bytes = vec![0; STRIP_BYTES_MAX];
        match observation::emit(&header, &samples, &mut bytes) {
            Ok((len, _)) => bytes.truncate(len),
            Err(_) => bytes.clear(),
        }
        bytes
    }

    fn verdict(&mut self, header: &BatchHeader, verdict: &Verdict, alarms: &mut Vec<(Alarm, Vec<u8>)>) {
        let next = condition_of(verdict.state);
        if next == self.active.as_ref().map(|(alarm, _)| alarm.condition) {
            return;
        }
        let (onset_index, decided_index) =
            (self.number_of(verdict.onset), self.number_of(verdict.decided_at));
        let alarm = |condition, present| Alarm {
            condition,
            present,
            onset_index,
            decided_index,
            correlation: verdict.correlation.and_then(|c| c.rho()).map(|rho| rho as f32),
            threshold: verdict.threshold as f32,
        };
        alarms.extend(self.active.take().map(|(before, _)| (alarm(before.condition, false), Vec::new())));
        self.active = next.map(|condition| (alarm(condition, true), self.strip(header)));
        alarms.extend(self.active.clone());
        self.schedule_repeat();
    }

    fn schedule_repeat(&mut self) {
        let samples = ALARM_REPEAT_S * u64::from(self.header.rate_millihertz) / 1_000;
        self.repeat_at = self.monitor.next_sample().saturating_add(samples);
    }

    /// Says a condition again that still holds. One that holds from a stream before ends when this one is normal.
    fn repeat(&mut self, alarms: &mut Vec<(Alarm, Vec<u8>)>) {
        let due = self.monitor.next_sample() >= self.repeat_at;
        let Some((alarm, strip)) = self.active.as_ref().filter(|_| due) else { return };
        if condition_of(self.monitor.state()) == Some(alarm.condition) {
            alarms.push((*alarm, strip.clone()));
        } else if self.monitor.state() == State::Normal {
            alarms.push((Alarm { present: false, ..*alarm }, Vec::new()));
            self.active = None;
        }
        self.schedule_repeat();
    }
}

/// True for a condition in which the heart has no rate.
const fn has_no_rate(condition: Condition) -> bool {
    matches!(condition, Condition::VentricularFibrillation | Condition::Asystole | Condition::LeadOff)
}

/// The alarm that a state of the detector means, if any.
fn condition_of(state: State) -> Option<Condition> {
    match state {
        State::Learning | State::Normal => None,
        State::Undetermined(UndeterminedReason::Signal(PoorReason::LeadOff)) => Some(Condition::LeadOff),
        State::Undetermined(_) => Some(Condition::PoorSignal),
        State::Emergency(reason) => Some(match reason {
            EmergencyReason::VentricularFibrillation => Condition::VentricularFibrillation,
            EmergencyReason::Asystole => Condition::Asystole,
            EmergencyReason::VentricularTachycardia => Condition::VentricularTachycardia,
            EmergencyReason::Pause => Condition::Pause,
            EmergencyReason::Tachycardia => Condition::Tachycardia,
            EmergencyReason::Bradycardia => Condition::Bradycardia,
            EmergencyReason::ShapeChange => Condition::PatternLost,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bodywire_ecg::SampleRate;
    use bodywire_ecg::synthetic::{EcgModel, Rhythm};
    use bodywire_proto::report::{Priority, Report};
    use rand_chacha::ChaCha20Rng;
    use rand_core::{Rng, SeedableRng};

    const ECG: SensorId = SensorId(1);
    const PUMP: SensorId = SensorId(2);

    fn bedside() -> Bedside {
        let profiles = [
            SensorProfile { sensor: ECG, kind: Signal::Ecg, class: RiskClass::II },
            SensorProfile { sensor: PUMP, kind: Signal::InsulinRate, class: RiskClass::III },
        ];
        Bedside::new(profiles, REPORT_AGE, None)
    }

    fn feed(bedside: &mut Bedside, first: u64, samples: &[i16]) {
        let header = BatchHeader {
            signal: Signal::Ecg,
            simulated: true,
            rate_millihertz: 360_000,
            scale: Scale { gain_milli: 200_000, baseline: 0 },
            first_index: first,
            time_us: first * 1_000_000 / 360,
        };
        let mut buffer = [0; 1_000];
        let (len, taken) = observation::emit(&header, samples, &mut buffer).unwrap();
        assert_eq!(taken, samples.len());
        bedside.payload(ECG, header.time_us / 1_000, &buffer[..len]).unwrap();
    }

    fn alarms(bedside: &mut Bedside) -> Vec<Alarm> {
        let reports = bedside.take(0, 0, 0, true).unwrap();
        let parsed = reports.iter().map(|bytes| Report::parse(bytes).unwrap());
        parsed.filter(|r| r.header.kind == Kind::Alarm).map(|r| Alarm::parse(r.body()).unwrap().0).collect()
    }

    #[test]
    fn an_alarm_carries_the_seconds_that_led_to_it_and_its_end_does_not() {
        let mut bedside = bedside();
        let mut rng = ChaCha20Rng::seed_from_u64(8);
        let rate = SampleRate::new(360.0).unwrap();
        let mut model = EcgModel::new(rate, 200.0, 0, 0.02, Rhythm::Sinus { bpm: 75.0 }).unwrap();
        let (mut present, mut over) = (Vec::new(), Vec::new());
        // A record is lost while the heart fibrillates.
        const LOST: u64 = 4 * 15 + 5;
        for chunk in 0..4 * 120u64 {
            if chunk == 4 * 15 {
                model.switch(Rhythm::VentricularFibrillation).unwrap();
            } else if chunk == 4 * 30 {
                model.switch(Rhythm::Sinus { bpm: 75.0 }).unwrap();
            }
            let samples: Vec<i16> = (0..90).map(|_| model.next_sample(&mut || rng.next_u32())).collect();
            if chunk == LOST {
                continue;
            }
            feed(&mut bedside, chunk * 90, &samples);
            for bytes in bedside.take(0, 0, 0, true).unwrap() {
                let report = Report::parse(&bytes).unwrap();
                if report.header.kind == Kind::Alarm {
                    let (alarm, strip) = Alarm::parse(report.body()).unwrap();
                    let strip = strip.map(|s| (s.header, s.samples().map(i32::from).collect::<Vec<_>>()));
                    if alarm.present { present.push((alarm, strip)) } else { over.push(strip) }
                }
            }
        }
        assert!(!over.is_empty() && over.iter().all(Option::is_none));
        assert_eq!(bedside.ecg_samples(), ((4 * 120 - 1) * 90, 90));
        for (alarm, strip) in &present {
            let (header, microvolts) = strip.as_ref().unwrap();
            assert_eq!(
                (header.signal, header.rate_millihertz, header.simulated),
                (Signal::Ecg, 180_000, true)
            );
            assert_eq!(microvolts.len(), 8 * 180);
            let end = header.first_index + 2 * microvolts.len() as u64;
            assert!(end.abs_diff(alarm.decided_index) <= 2, "{end} {alarm:?}");
            // The period is counted in whole microseconds.
            assert!(header.time_us.abs_diff(header.first_index * 1_000_000 / 360) < 3_000, "{header:?}");
            let lost = |at: u64| (LOST * 90..(LOST + 1) * 90).contains(&at);
            for (at, value) in (header.first_index..).step_by(2).zip(microvolts) {
                assert_eq!(*value == i32::from(Alarm::LOST), lost(at), "{at}");
            }
            assert!(microvolts.iter().any(|v| v.abs() > 200 && *v > -30_000), "a heart is on it");
        }
    }

    #[test]
    fn a_deteriorating_patient_raises_a_high_alarm_within_ten_seconds() {
        let mut bedside = bedside();
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let rate = SampleRate::new(360.0).unwrap();
        let mut model = EcgModel::new(rate, 200.0, 0, 0.02, Rhythm::Sinus { bpm: 75.0 }).unwrap();
        let mut raised = None;
        for chunk in 0..4 * 30u64 {
            if chunk == 4 * 15 {
                model.switch(Rhythm::VentricularFibrillation).unwrap();
            }
            let samples: Vec<i16> = (0..90).map(|_| model.next_sample(&mut || rng.next_u32())).collect();
            feed(&mut bedside, chunk * 90, &samples);
            for alarm in alarms(&mut bedside) {
                assert!(chunk >= 4 * 15, "a false alarm: {alarm:?}");
                if alarm.present && alarm.condition.priority() == Priority::High {
                    raised.get_or_insert(chunk);
                }
            }
        }
        assert!(raised.expect("an alarm is raised") <= 4 * 25);
    }

    #[test]
    fn a_condition_that_holds_is_said_again_and_ends_with_a_new_stream() {
        let mut bedside = bedside();
        let mut rng = ChaCha20Rng::seed_from_u64(9);
        let rate = SampleRate::new(360.0).unwrap();
        let mut model = EcgModel::new(rate, 200.0, 0, 0.02, Rhythm::VentricularFibrillation).unwrap();
        let mut said = Vec::new();
        let mut stream =
            |bedside: &mut Bedside, model: &mut EcgModel, seconds: u64, said: &mut Vec<Alarm>| {
                for chunk in 0..4 * seconds {
                    let samples: Vec<i16> =
                        (0..90).map(|_| model.next_sample(&mut || rng.next_u32())).collect();
                    feed(bedside, chunk * 90, &samples);
                    said.extend(alarms(bedside));
                }
            };
        stream(&mut bedside, &mut model, 40, &mut said);
        let rates = |bedside: &mut Bedside| {
            let reports = bedside.take(0, 0, 0, true).unwrap();
            let parts =
                reports.iter().flat_map(|bytes| Report::parse(bytes).unwrap().parts().collect::<Vec<_>>());
            let signals =
                parts.filter_map(|part| Batch::parse(part.ok()?).ok().map(|batch| batch.header.signal));
            signals.filter(|signal| *signal == Signal::HeartRate).count()
        };
        let chunk: Vec<i16> = (0..360).map(|_| model.next_sample(&mut || 7)).collect();
        feed(&mut bedside, 40 * 360, &chunk);
        assert_eq!(rates(&mut bedside), 0, "a fibrillating heart has no rate");
        let present = said.iter().filter(|alarm| alarm.present).count();
        assert!((3..=5).contains(&present), "{said:?}");
        said.clear();
        model.switch(Rhythm::Sinus { bpm: 75.0 }).unwrap();
        stream(&mut bedside, &mut model, 60, &mut said);
        assert!(said.iter().any(|alarm| !alarm.present), "the old condition is never ended: {said:?}");
        assert!(!said.last().unwrap().present, "{said:?}");
    }

    #[test]
    fn reports_carry_the_samples_unchanged_and_in_order() {
        let mut bedside = bedside();
        let samples: Vec<i16> = (0..360).map(|i| (i * 7 % 400) as i16).collect();
        for (first, part) in (0..).step_by(90).zip(samples.chunks(90)) {
            feed(&mut bedside, first, part);
        }
        let reports = bedside.take(10_000, 5, 2, false).unwrap();
        let report = Report::parse(&reports[0]).unwrap();
        assert_eq!((report.header.number, report.header.backlog, reports.len()), (5, 2, 1));
        let read: Vec<i16> = report
            .parts()
            .flat_map(|part| Batch::parse(part.unwrap()).unwrap().samples().collect::<Vec<_>>())
            .collect();
        assert_eq!(read, samples);
    }

    #[test]
    fn a_vector_goes_out_at_once_as_a_report_of_the_bed() {
        let mut bedside = bedside();
        let window = Window { start_ms: 3_600_000, length_ms: 3_600_000, simulated: true };
        let vector = vec![9; 64 * 1024];
        bedside.vector(window, &vector).unwrap();
        assert!(bedside.vector(window, &vec![9; report::REPORT_BYTES_MAX]).is_err());
        assert!(bedside.has_ready());
        let reports = bedside.take(7_200_100, 3, 1, false).unwrap();
        assert_eq!(reports.len(), 1);
        let report = Report::parse(&reports[0]).unwrap();
        let header = report.header;
        assert_eq!((header.kind, header.sensor, header.number), (Kind::Vector, report::OF_THE_BED, 3));
        assert_eq!((header.hub_time_ms, header.offset_ms), (7_200_100, 0));
        assert_eq!(Window::parse(report.body()), Ok((window, &vector[..])));
    }

    #[test]
    fn sample_numbers_at_the_end_of_their_range_do_no_harm() {
        let mut bedside = bedside();
        for first in [0, u64::MAX / 2, u64::MAX - 1_000, u64::MAX - 500, 3] {
            let header = BatchHeader {
                signal: Signal::Ecg,
                simulated: true,
                rate_millihertz: 360_000,
                scale: Scale { gain_milli: 200_000, baseline: 0 },
                first_index: first,
                time_us: u64::MAX - 3,
            };
            let mut buffer = [0; 1_000];
            let (len, _) = observation::emit(&header, &[5; 400], &mut buffer).unwrap();
            bedside.payload(ECG, 0, &buffer[..len]).unwrap();
        }
        assert!(!bedside.take(0, 0, 0, true).unwrap().is_empty());
    }

    #[test]
    fn a_class_iii_sensor_speaks_sealed_or_not_at_all() {
        let mut bedside = bedside();
        let mut buffer = [0; 64];
        let header = BatchHeader {
            signal: Signal::InsulinRate,
            simulated: true,
            rate_millihertz: 200,
            scale: Scale { gain_milli: 1_000, baseline: 0 },
            first_index: 0,
            time_us: 0,
        };
        let (len, _) = observation::emit(&header, &[5], &mut buffer).unwrap();
        assert!(bedside.payload(PUMP, 0, &buffer[..len]).is_err());
        assert!(bedside.payload(ECG, 0, &[consent::TYPE_SEALED, 1, 2]).is_err());
        assert!(bedside.payload(SensorId(9), 0, &[1]).is_err());
        bedside.payload(PUMP, 0, &[consent::TYPE_SEALED, 1, 2]).unwrap();
        let reports = bedside.take(0, 0, 0, true).unwrap();
        assert_eq!(Report::parse(&reports[0]).unwrap().header.kind, Kind::Sealed);
    }
}
