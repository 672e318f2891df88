//! The state that one bed's screen shows, and the stream of its changes.
//!
//! Ingest code calls the setters; the web server reads snapshots, events and waves. Time is always an argument. Every
//! collection is bounded by a named constant. A change that changes nothing sends nothing.

mod alarms;
mod journal;
mod view;
mod wave;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::{broadcast, watch};

pub use alarms::{
    Acknowledgement, AlarmId, AlarmInput, AlarmState, AlarmView, Evidence, MAX_ALARMS, Priority,
};
pub use journal::{Event, MAX_EVENTS, Since};
pub use view::{
    BoardView, CorrelationView, LedgerView, LogLine, NumericView, PathCondition, PathView, PatientView,
    RiskClass, SensorView, Signal, Source,
};
pub use wave::{FRAME_HEADER_BYTES, FRAME_VERSION, MAX_CHUNK_SAMPLES, MAX_RECENT_CHUNKS, WaveChunk};

use crate::Error;
use alarms::Alarms;
use journal::Journal;
use wave::Waves;

/// Paths of one bed; the channels crate splits over far fewer.
pub const MAX_PATHS: usize = 16;

/// Sensors of one bed; the papers go to 15 per patient.
pub const MAX_SENSORS: usize = 32;

/// Lines of the event list, more than a screen holds.
pub const MAX_LOG_LINES: usize = 50;

/// Judgements of the emergency detector kept for its curve: two minutes at one a second.
pub const MAX_CORRELATIONS: usize = 120;

/// Characters of any text on the board: two lines on a wide screen.
pub const MAX_TEXT_CHARS: usize = 200;

/// Wave frames a slow client may fall behind before it loses the oldest: about 8 s of two waves.
pub const MAX_WAVE_QUEUE_FRAMES: usize = 64;

/// One bed's board. Clones share the same state.
#[derive(Debug, Clone)]
pub struct Board {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    newest: watch::Sender<u64>,
    waves: broadcast::Sender<Arc<[u8]>>,
}

#[derive(Debug)]
struct State {
    journal: Journal,
    source: Source,
    patient: PatientView,
    numerics: BTreeMap<Signal, NumericView>,
    alarms: Alarms,
    paths: BTreeMap<u8, PathView>,
    sensors: Vec<SensorView>,
    ledger: Option<LedgerView>,
    buffer: u64,
    correlations: VecDeque<CorrelationView>,
    log: VecDeque<LogLine>,
    waves: Waves,
    late_numerics: u64,
}

/// What one screen reads of the waves; frames as in `docs/console-api.md`.
#[derive(Debug)]
pub struct WaveFeed {
    /// Frames of the recent past, oldest first.
    pub recent: Vec<Arc<[u8]>>,
    /// New frames; a slow reader loses the oldest beyond [`MAX_WAVE_QUEUE_FRAMES`].
    pub live: broadcast::Receiver<Arc<[u8]>>,
}

impl Board {
    /// An empty board. `started_at_ms` (milliseconds since the Unix epoch) makes event ids grow across restarts.
    #[must_use]
    pub fn new(started_at_ms: u64, source: Source) -> Self {
        let journal = Journal::new(started_at_ms);
        let newest = watch::Sender::new(journal.last_id());
        let state = State {
            journal,
            source,
            patient: PatientView { bed: String::new(), label: String::new() },
            numerics: BTreeMap::new(),
            alarms: Alarms::default(),
            paths: BTreeMap::new(),
            sensors: Vec::new(),
            ledger: None,
            buffer: 0,
            correlations: VecDeque::new(),
            log: VecDeque::new(),
            waves: Waves::default(),
            late_numerics: 0,
        };
        let waves = broadcast::Sender::new(MAX_WAVE_QUEUE_FRAMES);
        Self { shared: Arc::new(Shared { state: Mutex::new(state), newest, waves }) }
    }

    /// Names the bed and its patient.
    pub fn set_patient(&self, bed: &str, label: &str) {
        let mut state = self.state();
        let patient = PatientView { bed: bounded(bed), label: bounded(label) };
        if state.patient != patient {
            self.emit(&mut state, "patient", &patient);
            state.patient = patient;
        }
    }

    /// Says where the data comes from.
    pub fn set_source(&self, source: Source) {
        let mut state = self.state();
        if state.source != source {
            self.emit(&mut state, "source", &source);
            state.source = source;
        }
    }

    /// Something simulated has arrived: what was said to be a patient's sensors is labelled so from now on.
    pub fn note_simulated(&self) {
        let is_live = self.state().source == Source::Live;
        if is_live {
            self.set_source(Source::Simulated);
        }
    }

    /// A new number. A late one, or one older than what is shown, is counted and kept off the screen.
    pub fn numeric(&self, mut numeric: NumericView) {
        let mut state = self.state();
        let older = state
            .numerics
            .get(&numeric.signal)
            .is_some_and(|shown| shown.sensor_time_ms > numeric.sensor_time_ms);
        if numeric.late || older {
            state.late_numerics += 1;
            return;
        }
        numeric.value = numeric.value.filter(|value| value.is_finite());
        numeric.unit = bounded(&numeric.unit);
        numeric.note = numeric.note.as_deref().map(bounded);
        self.emit(&mut state, "numeric", &numeric);
        state.numerics.insert(numeric.signal, numeric);
    }

    /// A stretch of a wave.
    ///
    /// # Errors
    /// [`Error::MalformedWave`] when the chunk cannot be drawn.
    pub fn wave(&self, chunk: &WaveChunk) -> Result<(), Error> {
        let frame = self.state().waves.push(chunk)?;
        // An error only says that no screen is open.
        let _ = self.shared.waves.send(frame);
        Ok(())
    }

    /// A condition begins or still holds; see [`AlarmInput`].
    ///
    /// # Errors
    /// [`Error::BoardFull`] when [`MAX_ALARMS`] alarms of the same or higher priority are present.
    pub fn raise_alarm(&self, mut input: AlarmInput) -> Result<AlarmId, Error> {
        input.text = bounded(&input.text);
        input.condition = bounded(&input.condition);
        let at_ms = input.at_ms;
        let mut state = self.state();
        let (id, changed) = state.alarms.raise(input)?;
        for alarm in &changed {
            self.emit(&mut state, "alarm", alarm);
            if alarm.state == AlarmState::On && alarm.raised_at_ms == at_ms {
                self.log(&mut state, at_ms, &format!("Alarm: {}", alarm.text));
            }
        }
        Ok(id)
    }

    /// A condition no longer holds. Unknown conditions are fine: they have ended already.
    pub fn end_alarm(&self, condition: &str, at_ms: u64) {
        let mut state = self.state();
        let Some(alarm) = state.alarms.end(&bounded(condition), at_ms) else { return };
        self.emit(&mut state, "alarm", &alarm);
        let how = if alarm.state == AlarmState::Latched { "Ended, not yet seen" } else { "Ended" };
        self.log(&mut state, at_ms, &format!("{how}: {}", alarm.text));
    }

    /// Somebody looked at an alarm.
    ///
    /// # Errors
    /// [`Error::UnknownAlarm`] when it is off, [`Error::AlreadyAcknowledged`] when somebody was faster.
    pub fn acknowledge(&self, id: AlarmId, who: &str, at_ms: u64) -> Result<AlarmView, Error> {
        let who = bounded(who);
        let mut state = self.state();
        let alarm = state.alarms.acknowledge(id, who.clone(), at_ms)?;
        self.emit(&mut state, "alarm", &alarm);
        self.log(&mut state, at_ms, &format!("Acknowledged by {who}: {}", alarm.text));
        Ok(alarm)
    }

    /// The ECG that led to an alarm, as a frame of a wave.
    ///
    /// # Errors
    /// [`Error::UnknownAlarm`] for one that is off, or that came without.
    pub fn alarm_strip(&self, id: AlarmId) -> Result<Arc<[u8]>, Error> {
        self.state().alarms.strip(id)
    }

    /// State of one path.
    ///
    /// # Errors
    /// [`Error::BoardFull`] beyond [`MAX_PATHS`].
    pub fn path_state(
        &self,
        index: u8,
        name: &str,
        condition: PathCondition,
        reason: &str,
    ) -> Result<(), Error> {
        let mut state = self.state();
        if state.paths.len() >= MAX_PATHS && !state.paths.contains_key(&index) {
            return Err(Error::BoardFull { limit: "MAX_PATHS", max: MAX_PATHS });
        }
        let path = PathView { index, name: bounded(name), condition, reason: bounded(reason) };
        if state.paths.get(&index) != Some(&path) {
            self.emit(&mut state, "path", &path);
            state.paths.insert(index, path);
        }
        Ok(())
    }

    /// State of one sensor, known by its name.
    ///
    /// # Errors
    /// [`Error::BoardFull`] beyond [`MAX_SENSORS`].
    pub fn sensor_state(&self, mut sensor: SensorView) -> Result<(), Error> {
        sensor.name = bounded(&sensor.name);
        sensor.kind = bounded(&sensor.kind);
        let mut state = self.state();
        match state.sensors.iter().position(|known| known.name == sensor.name) {
            Some(at) if state.sensors.get(at) == Some(&sensor) => return Ok(()),
            Some(at) => {
                self.emit(&mut state, "sensor", &sensor);
                if let Some(known) = state.sensors.get_mut(at) {
                    *known = sensor;
                }
            }
            None if state.sensors.len() >= MAX_SENSORS => {
                return Err(Error::BoardFull { limit: "MAX_SENSORS", max: MAX_SENSORS });
            }
            None => {
                self.emit(&mut state, "sensor", &sensor);
                state.sensors.push(sensor);
            }
        }
        Ok(())
    }

    /// Result of the last verification of the ledger.
    pub fn ledger_state(&self, mut ledger: LedgerView) {
        ledger.damage = ledger.damage.as_deref().map(bounded);
        let mut state = self.state();
        if state.ledger.as_ref() != Some(&ledger) {
            self.emit(&mut state, "ledger", &ledger);
            state.ledger = Some(ledger);
        }
    }

    /// Messages that wait in the hub's spool for the clinic's acknowledgement.
    pub fn buffer(&self, depth: u64) {
        let mut state = self.state();
        if state.buffer != depth {
            self.emit(&mut state, "buffer", &depth);
            state.buffer = depth;
        }
    }

    /// A judgement of the emergency detector.
    pub fn correlation(&self, mut correlation: CorrelationView) {
        correlation.reason = bounded(&correlation.reason);
        let mut state = self.state();
        self.emit(&mut state, "correlation", &correlation);
        keep_last(&mut state.correlations, correlation, MAX_CORRELATIONS);
    }

    /// A line for the event list.
    pub fn event(&self, at_ms: u64, text: &str) {
        let mut state = self.state();
        self.log(&mut state, at_ms, text);
    }

    /// Everything at once.
    #[must_use]
    pub fn snapshot(&self) -> BoardView {
        let state = self.state();
        BoardView {
            last_event_id: state.journal.last_id(),
            source: state.source.clone(),
            patient: state.patient.clone(),
            numerics: state.numerics.values().cloned().collect(),
            alarms: state.alarms.views(),
            paths: state.paths.values().cloned().collect(),
            sensors: state.sensors.clone(),
            ledger: state.ledger.clone(),
            buffer: state.buffer,
            correlations: state.correlations.iter().cloned().collect(),
            log: state.log.iter().cloned().collect(),
            late_numerics: state.late_numerics,
        }
    }

    /// What happened after an event id.
    #[must_use]
    pub fn events_since(&self, id: u64) -> Since {
        self.state().journal.since(id)
    }

    /// Wakes when there is a newer event.
    #[must_use]
    pub fn watch_events(&self) -> watch::Receiver<u64> {
        self.shared.newest.subscribe()
    }

    /// Recent and new wave frames for one screen.
    #[must_use]
    pub fn watch_waves(&self) -> WaveFeed {
        // Both under the lock that `wave` takes before it sends: a frame may come twice, never be missed.
        let state = self.state();
        WaveFeed { recent: state.waves.recent(), live: self.shared.waves.subscribe() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn emit(&self, state: &mut State, kind: &'static str, data: &impl Serialize) {
        // These shapes have string keys only, so JSON cannot fail; `null` would make the page ask for a snapshot.
        let data = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
        let id = state.journal.push(kind, data);
        self.shared.newest.send_replace(id);
    }

    fn log(&self, state: &mut State, at_ms: u64, text: &str) {
        let line = LogLine { at_ms, text: bounded(text) };
        self.emit(state, "log", &line);
        keep_last(&mut state.log, line, MAX_LOG_LINES);
    }
}

fn keep_last<T>(queue: &mut VecDeque<T>, item: T, max: usize) {
    if queue.len() >= max {
        queue.pop_front();
    }
    queue.push_back(item);
}

fn bounded(text: &str) -> String {
    text.chars().take(MAX_TEXT_CHARS).collect()
}

#[cfg(test)]
mod tests;
