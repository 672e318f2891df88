//! What the screens of a ward show, bed by bed, and the stream of its changes.
//!
//! A [`Board`] is a handle on one bed; [`Board::at`] gives those of others. Bed [`WARD`] is the ward itself: its paths, its
//! ledger, what is wrong with the equipment. Ingest code calls the setters; the web server reads snapshots, events and waves.
//! Time is always an argument. Every collection is bounded by a named constant. A change that changes nothing sends nothing.
//!
//! Nothing here decides who may see what: each event says from which class on it may be shown, and the gate says who has it.

mod alarms;
mod bed;
mod journal;
mod load;
mod trend;
mod view;
mod wave;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bodywire_proto::access::Condition;
use bodywire_proto::access::condition::Watch;
use bodywire_proto::report::Condition as Found;
use serde::Serialize;
use tokio::sync::{broadcast, watch};

pub use alarms::{
    Acknowledgement, AlarmId, AlarmInput, AlarmState, AlarmView, Evidence, MAX_ALARMS, Priority,
};
pub use journal::{Event, MAX_EVENTS, MAX_EVENTS_AT_ONCE, Since};
pub use load::{LOAD_WINDOW_MS, LoadView};
pub use trend::{TREND_MINUTES, TrendView};
pub(crate) use view::condition_name;
pub use view::{
    BoardView, CorrelationView, LedgerView, LogLine, NumericView, PathCondition, PathView, PatientView,
    PauseView, RiskClass, SensorView, Signal, Source,
};
pub use wave::{FRAME_HEADER_BYTES, FRAME_VERSION, MAX_CHUNK_SAMPLES, MAX_RECENT_CHUNKS, WaveChunk};

use crate::Error;
use crate::limits::{Changed, Limit, Verdict};
use bed::Bed;
use journal::{Journal, Mark};

/// The bed of what belongs to no bed. No hub has this number.
pub const WARD: u16 = 0;

/// Beds of one clinic process: more than any ward has, and eight screens full.
pub const MAX_BEDS: usize = 256;

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

/// Wave frames a slow client may fall behind before it loses the oldest: about 8 s of 32 beds with two waves.
pub const MAX_WAVE_QUEUE_FRAMES: usize = 2_048;

/// One bed's board. Clones, and those of other beds of the ward, share the same state.
#[derive(Debug, Clone)]
pub struct Board {
    bed: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    newest: watch::Sender<u64>,
    waves: broadcast::Sender<WaveFrame>,
    started_at_ms: u64,
}

#[derive(Debug)]
struct State {
    journal: Journal,
    source: Source,
    beds: BTreeMap<u16, Bed>,
    /// Of alarms, over all beds.
    last_alarm: u64,
    /// Trends of before the process began are read, or were.
    trends_begun: bool,
}

/// A frame of a wave, and the bed it is of.
#[derive(Debug, Clone)]
pub struct WaveFrame {
    /// The bed.
    pub bed: u16,
    /// The bytes, as in `docs/console-api.md`.
    pub bytes: Arc<[u8]>,
}

/// What one screen reads of the waves.
#[derive(Debug)]
pub struct WaveFeed {
    /// Frames of the recent past, oldest first.
    pub recent: Vec<WaveFrame>,
    /// New frames of all beds; a slow reader loses the oldest beyond [`MAX_WAVE_QUEUE_FRAMES`].
    pub live: broadcast::Receiver<WaveFrame>,
}

impl Board {
    /// The board of the ward itself, without a bed. `started_at_ms` (milliseconds since the Unix epoch) makes event ids grow
    /// across restarts.
    #[must_use]
    pub fn new(started_at_ms: u64, source: Source) -> Self {
        let journal = Journal::new(started_at_ms);
        let newest = watch::Sender::new(journal.last_id());
        let beds = BTreeMap::from([(WARD, Bed::default())]);
        let state = State { journal, source, beds, last_alarm: 0, trends_begun: false };
        let waves = broadcast::Sender::new(MAX_WAVE_QUEUE_FRAMES);
        Self {
            bed: WARD,
            shared: Arc::new(Shared { state: Mutex::new(state), newest, waves, started_at_ms }),
        }
    }

    /// The board of another bed of the same ward; an empty one when it is new. Beyond [`MAX_BEDS`] it is that of the ward.
    #[must_use]
    pub fn at(&self, bed: u16) -> Self {
        let mut state = self.state();
        let room = state.beds.len() <= MAX_BEDS;
        let bed = if room || state.beds.contains_key(&bed) { bed } else { WARD };
        state.beds.entry(bed).or_default();
        Self { bed, shared: Arc::clone(&self.shared) }
    }

    /// The board of a bed that is there already, not the ward's.
    #[must_use]
    pub fn at_known(&self, bed: u16) -> Option<Self> {
        let known = bed != WARD && self.state().beds.contains_key(&bed);
        known.then(|| Self { bed, shared: Arc::clone(&self.shared) })
    }

    /// The number of the bed.
    #[must_use]
    pub const fn bed(&self) -> u16 {
        self.bed
    }

    /// The beds of the ward, in ascending order, without [`WARD`].
    #[must_use]
    pub fn beds(&self) -> Vec<u16> {
        self.state().beds.keys().copied().filter(|bed| *bed != WARD).collect()
    }

    /// Names the bed and its patient.
    pub fn set_patient(&self, bed: &str, label: &str) {
        let patient = PatientView { bed: bounded(bed), label: bounded(label) };
        let mut state = self.state();
        if self.of(&mut state).patient != patient {
            self.emit(&mut state, "patient", Mark::of(RiskClass::I), &patient);
            self.of(&mut state).patient = patient;
        }
    }

    /// Says where the data comes from.
    pub fn set_source(&self, source: Source) {
        let mut state = self.state();
        if state.source != source {
            Self { bed: WARD, shared: Arc::clone(&self.shared) }.emit(
                &mut state,
                "source",
                Mark::OPEN,
                &source,
            );
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

    /// A new number. A late one, or one older than what is shown, is counted and kept off the screen; the trend has it.
    pub fn numeric(&self, mut numeric: NumericView) {
        let mut state = self.state();
        let bed = self.of(&mut state);
        numeric.value = numeric.value.filter(|value| value.is_finite());
        numeric.unit = bounded(&numeric.unit);
        let of = (numeric.class, numeric.sensor);
        if let Some(value) = numeric.value {
            bed.trends.value(numeric.signal, of, &numeric.unit, value, numeric.sensor_time_ms);
        }
        let older = bed
            .numerics
            .get(&numeric.signal)
            .is_some_and(|shown| shown.sensor_time_ms > numeric.sensor_time_ms);
        if numeric.late || older {
            bed.late_numerics += 1;
            return;
        }
        numeric.note = numeric.note.as_deref().map(bounded);
        bed.load.begin(numeric.sensor_time_ms);
        bed.numerics.insert(numeric.signal, numeric.clone());
        let watched = numeric.value.zip(bed.monitor(numeric.signal));
        let verdicts = watched.map(|(value, (monitor, _))| monitor.value(value, numeric.sensor_time_ms));
        let mark = Mark { class: Some(numeric.class), sensor: numeric.sensor, only: None };
        self.emit(&mut state, "numeric", mark, &numeric);
        drop(state);
        self.carry_out(verdicts.unwrap_or_default(), numeric.sensor_time_ms);
    }

    /// A stretch of a wave.
    ///
    /// # Errors
    /// [`Error::MalformedWave`] when the chunk cannot be drawn.
    pub fn wave(&self, chunk: &WaveChunk) -> Result<(), Error> {
        let bytes = self.of(&mut self.state()).waves.push(self.bed, chunk)?;
        // An error only says that no screen is open.
        let _ = self.shared.waves.send(WaveFrame { bed: self.bed, bytes });
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
        let next = AlarmId(state.last_alarm + 1);
        let class = self.of(&mut state).class_of_alarm(&input.condition);
        let (id, changed) = self.of(&mut state).alarms.raise(next, (self.bed, class), input)?;
        state.last_alarm = state.last_alarm.max(id.0);
        for alarm in &changed {
            let mark = self.mark_of(alarm);
            self.emit(&mut state, "alarm", mark, alarm);
            if alarm.state == AlarmState::On && alarm.raised_at_ms == at_ms {
                self.log(&mut state, at_ms, mark, &format!("Alarm: {}", alarm.text));
                if alarm.priority > Priority::Technical {
                    self.of(&mut state).load.raised(at_ms);
                    let load = self.of(&mut state).load.view(at_ms);
                    self.emit(&mut state, "load", Mark::of(RiskClass::I), &load);
                }
            }
        }
        Ok(id)
    }

    /// A condition no longer holds. Unknown conditions are fine: they have ended already.
    pub fn end_alarm(&self, condition: &str, at_ms: u64) {
        let mut state = self.state();
        let Some(alarm) = self.of(&mut state).alarms.end(&bounded(condition), at_ms) else { return };
        let mark = self.mark_of(&alarm);
        self.emit(&mut state, "alarm", mark, &alarm);
        let how = if alarm.state == AlarmState::Latched { "Ended, not yet seen" } else { "Ended" };
        self.log(&mut state, at_ms, mark, &format!("{how}: {}", alarm.text));
    }

    /// The bed of an alarm, and from which class on it may be shown; nothing when it is off.
    #[must_use]
    pub fn alarm_place(&self, id: AlarmId) -> Option<(u16, RiskClass)> {
        let state = self.state();
        state.beds.iter().find_map(|(number, bed)| bed.alarms.class(id).map(|class| (*number, class)))
    }

    /// Somebody looked at an alarm of any bed.
    ///
    /// # Errors
    /// [`Error::UnknownAlarm`] when it is off, [`Error::AlreadyAcknowledged`] when somebody was faster.
    pub fn acknowledge(&self, id: AlarmId, who: &str, at_ms: u64) -> Result<AlarmView, Error> {
        let (bed, _) = self.alarm_place(id).ok_or(Error::UnknownAlarm(id))?;
        let there = Self { bed, shared: Arc::clone(&self.shared) };
        let who = bounded(who);
        let mut state = self.state();
        let alarm = there.of(&mut state).alarms.acknowledge(id, who.clone(), at_ms)?;
        let mark = there.mark_of(&alarm);
        there.emit(&mut state, "alarm", mark, &alarm);
        there.log(&mut state, at_ms, mark, &format!("Acknowledged by {who}: {}", alarm.text));
        Ok(alarm)
    }

    /// The ECG that led to an alarm, as a frame of a wave.
    ///
    /// # Errors
    /// [`Error::UnknownAlarm`] for one that is off, or that came without.
    pub fn alarm_strip(&self, id: AlarmId) -> Result<Arc<[u8]>, Error> {
        let state = self.state();
        let found = state.beds.values().find_map(|bed| bed.alarms.strip(id));
        found.ok_or(Error::UnknownAlarm(id))
    }

    /// Silences the sound of this bed until `until_ms`; changes no alarm. A time that is over ends it.
    pub fn pause_audio(&self, until_ms: u64, who: &str, now_ms: u64) {
        let pause = (until_ms > now_ms).then(|| PauseView { until_ms, who: bounded(who) });
        let mut state = self.state();
        if self.of(&mut state).pause != pause {
            self.emit(&mut state, "pause", Mark::of(RiskClass::I), &pause);
            self.of(&mut state).pause = pause;
        }
    }

    /// Takes other limits of a signal of this bed's patient.
    pub fn set_limit(&self, limit: Limit, changed: Option<Changed>, now_ms: u64) {
        let verdicts = {
            let mut state = self.state();
            let bed = self.of(&mut state);
            let Some((monitor, by)) = bed.monitor(limit.signal) else { return };
            if monitor.limit() == limit && *by == changed {
                return;
            }
            let verdicts = if monitor.limit() == limit { Vec::new() } else { monitor.set(limit) };
            *by = changed;
            let limits = bed.limits();
            self.emit(&mut state, "limits", Mark::of(RiskClass::I), &limits);
            verdicts
        };
        self.carry_out(verdicts, now_ms);
    }

    fn carry_out(&self, verdicts: Vec<Verdict>, now_ms: u64) {
        for verdict in verdicts {
            match verdict {
                Verdict::Raise(input) => {
                    if let Err(error) = self.raise_alarm(AlarmInput { at_ms: now_ms, ..input }) {
                        tracing::error!(%error, "a limit's alarm cannot be shown");
                    }
                }
                Verdict::End(condition) => self.end_alarm(&condition, now_ms),
            }
        }
    }

    /// The hub's detector has found something, or (`present` false) finds it no more.
    pub fn found(&self, found: Found, present: bool, now_ms: u64) {
        self.watch(now_ms, |watch| watch.found(found, present, now_ms));
    }

    /// The hub's detector sees a usable signal and finds nothing.
    pub fn found_nothing(&self, now_ms: u64) {
        self.watch(now_ms, |watch| watch.normal(now_ms));
    }

    /// Says when the condition has changed by nothing but time.
    pub fn listen_for_condition(&self, now_ms: u64) {
        self.watch(now_ms, |_| {});
    }

    /// The patient's condition as access depends on it (paper B, Algorithm 2).
    #[must_use]
    pub fn condition(&self, now_ms: u64) -> Condition {
        self.of(&mut self.state()).watch.at(now_ms)
    }

    fn watch(&self, now_ms: u64, tell: impl FnOnce(&mut Watch)) {
        let mut state = self.state();
        let bed = self.of(&mut state);
        tell(&mut bed.watch);
        let condition = view::condition_name(bed.watch.at(now_ms));
        if bed.condition.replace(condition) != Some(condition) {
            self.emit(&mut state, "condition", Mark::of(RiskClass::II), &condition);
        }
    }

    /// A value of before the process began, for the trend alone. `of` is the signal, from which class on it may be shown, and its
    /// sensor.
    pub fn remember(&self, of: (Signal, RiskClass, u16), unit: &str, value: f64, at_ms: u64) {
        let (signal, class, sensor) = of;
        if value.is_finite() {
            self.of(&mut self.state()).trends.value(signal, (class, sensor), unit, value, at_ms);
        }
    }

    /// True for the first who asks: trends are read from the ledger once in a board's life.
    pub(crate) fn begin_trends(&self) -> bool {
        !std::mem::replace(&mut self.state().trends_begun, true)
    }

    /// Somebody else lies in the bed, or nobody: nothing of who lay there before stays on it but what is wrong with the equipment.
    pub(crate) fn forget_patient(&self, now_ms: u64) {
        let ended = {
            let mut state = self.state();
            let bed = self.of(&mut state);
            let (sensors, buffer) = (std::mem::take(&mut bed.sensors), bed.buffer);
            let alarms = std::mem::take(&mut bed.alarms);
            *bed = Bed { sensors, buffer, alarms, ..Bed::default() };
            let of_patient = |alarm: &AlarmView| alarm.priority > Priority::Technical;
            bed.alarms.views().into_iter().filter(of_patient).map(|alarm| alarm.id).collect::<Vec<_>>()
        };
        for id in ended {
            let mut state = self.state();
            let Some(alarm) = self.of(&mut state).alarms.forget(id, now_ms) else { continue };
            self.emit(&mut state, "alarm", self.mark_of(&alarm), &alarm);
        }
    }

    /// Trends of this bed from `from_ms` on.
    #[must_use]
    pub fn trends(&self, from_ms: u64) -> Vec<TrendView> {
        self.of(&mut self.state()).trends.since(from_ms)
    }

    /// When the board began, milliseconds since 1970: trends and figures are not older.
    #[must_use]
    pub fn started_at_ms(&self) -> u64 {
        self.shared.started_at_ms
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
        let bed = self.of(&mut state);
        if bed.paths.len() >= MAX_PATHS && !bed.paths.contains_key(&index) {
            return Err(Error::BoardFull { limit: "MAX_PATHS", max: MAX_PATHS });
        }
        let path = PathView { index, name: bounded(name), condition, reason: bounded(reason) };
        if bed.paths.get(&index) != Some(&path) {
            bed.paths.insert(index, path.clone());
            self.emit(&mut state, "path", Mark::OPEN, &path);
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
        let sensors = &mut self.of(&mut state).sensors;
        let full = sensors.len() >= MAX_SENSORS;
        match sensors.iter_mut().find(|known| known.name == sensor.name) {
            Some(known) if *known == sensor => return Ok(()),
            Some(known) => *known = sensor.clone(),
            None if full => {
                return Err(Error::BoardFull { limit: "MAX_SENSORS", max: MAX_SENSORS });
            }
            None => sensors.push(sensor.clone()),
        }
        self.emit(&mut state, "sensor", Mark::of(RiskClass::I), &sensor);
        Ok(())
    }

    /// Result of the last verification of the ledger.
    pub fn ledger_state(&self, mut ledger: LedgerView) {
        ledger.damage = ledger.damage.as_deref().map(bounded);
        let mut state = self.state();
        if self.of(&mut state).ledger.as_ref() != Some(&ledger) {
            self.emit(&mut state, "ledger", Mark::OPEN, &ledger);
            self.of(&mut state).ledger = Some(ledger);
        }
    }

    /// Messages that wait in the hub's spool for the clinic's acknowledgement.
    pub fn buffer(&self, depth: u64) {
        let mut state = self.state();
        if self.of(&mut state).buffer != depth {
            self.emit(&mut state, "buffer", Mark::of(RiskClass::I), &depth);
            self.of(&mut state).buffer = depth;
        }
    }

    /// A judgement of the emergency detector.
    pub fn correlation(&self, mut correlation: CorrelationView) {
        correlation.reason = bounded(&correlation.reason);
        let mut state = self.state();
        self.emit(&mut state, "correlation", Mark::of(RiskClass::II), &correlation);
        keep_last(&mut self.of(&mut state).correlations, correlation, MAX_CORRELATIONS);
    }

    /// A line for the event list. It may name no value: it is shown from class I on.
    pub fn event(&self, at_ms: u64, text: &str) {
        let mut state = self.state();
        self.log(&mut state, at_ms, Mark::of(RiskClass::I), text);
    }

    /// Something of this bed that only the session with the grant of this number is told.
    pub(crate) fn announce(&self, kind: &'static str, access: u64, data: &impl Serialize) {
        let mut state = self.state();
        self.emit(&mut state, kind, Mark { only: Some(access), ..Mark::OPEN }, data);
    }

    /// Which glasses are broken: everybody is told.
    pub(crate) fn announce_glass(&self, data: &impl Serialize) {
        let mut state = self.state();
        let ward = Self { bed: WARD, shared: Arc::clone(&self.shared) };
        ward.emit(&mut state, "break-glass", Mark::OPEN, data);
    }

    /// The most urgent alarm of the patient that the detector has given a reason for, with its strip: what an emergency was
    /// decided on, as bytes for a hash.
    pub(crate) fn alarm_evidence(&self) -> Vec<u8> {
        let mut state = self.state();
        let alarms = &self.of(&mut state).alarms;
        let Some(alarm) = alarms.views().into_iter().find(|alarm| alarm.evidence.is_some()) else {
            return Vec::new();
        };
        let mut bytes = serde_json::to_vec(&alarm).unwrap_or_default();
        bytes.extend(alarms.strip(alarm.id).iter().flat_map(|strip| strip.iter().copied()));
        bytes
    }

    /// The same, as it is shown before the glass is broken.
    #[must_use]
    pub fn alarm_evidence_view(&self) -> Option<(Evidence, AlarmView)> {
        let mut state = self.state();
        let views = self.of(&mut state).alarms.views();
        views.into_iter().find_map(|alarm| Some((alarm.evidence.clone()?, alarm)))
    }

    /// Everything of this bed at once.
    #[must_use]
    pub fn snapshot(&self) -> BoardView {
        self.view_at(0)
    }

    /// As [`Self::snapshot`], with what has run out by `now_ms` left out.
    #[must_use]
    pub fn view_at(&self, now_ms: u64) -> BoardView {
        let state = self.state();
        let last = state.journal.last_id();
        let bed = state.beds.get(&self.bed);
        bed.map_or_else(
            || Bed::default().view(self.bed, last, &state.source, now_ms),
            |bed| bed.view(self.bed, last, &state.source, now_ms),
        )
    }

    /// All beds at once, [`WARD`] first, at one event id.
    #[must_use]
    pub fn ward(&self, now_ms: u64) -> Vec<BoardView> {
        let state = self.state();
        let last = state.journal.last_id();
        state.beds.iter().map(|(number, bed)| bed.view(*number, last, &state.source, now_ms)).collect()
    }

    /// What happened in the ward after an event id.
    #[must_use]
    pub fn events_since(&self, id: u64) -> Since {
        self.state().journal.since(id)
    }

    /// Wakes when there is a newer event.
    #[must_use]
    pub fn watch_events(&self) -> watch::Receiver<u64> {
        self.shared.newest.subscribe()
    }

    /// Recent wave frames of these beds, and new ones of all, for one screen.
    #[must_use]
    pub fn watch_waves(&self, beds: &[u16]) -> WaveFeed {
        // Both under the lock that `wave` takes before it sends: a frame may come twice, never be missed.
        let state = self.state();
        let of = |bed: &u16| {
            let frames = state.beds.get(bed).map(|bed| bed.waves.recent()).unwrap_or_default();
            let bed = *bed;
            frames.into_iter().map(move |bytes| WaveFrame { bed, bytes })
        };
        WaveFeed { recent: beds.iter().flat_map(of).collect(), live: self.shared.waves.subscribe() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of<'a>(&self, state: &'a mut State) -> &'a mut Bed {
        state.beds.entry(self.bed).or_default()
    }

    /// Who an alarm may be shown to.
    const fn mark_of(&self, alarm: &AlarmView) -> Mark {
        if self.bed == WARD { Mark::OPEN } else { Mark::of(alarm.class) }
    }

    fn emit(&self, state: &mut State, kind: &'static str, mark: Mark, data: &impl Serialize) {
        // These shapes have string keys only, so JSON cannot fail; `null` would make the page ask for a snapshot.
        let data = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
        let id = state.journal.push(self.bed, kind, mark, data);
        self.shared.newest.send_replace(id);
    }

    fn log(&self, state: &mut State, at_ms: u64, mark: Mark, text: &str) {
        let line = LogLine { at_ms, text: bounded(text) };
        self.emit(state, "log", mark, &line);
        keep_last(&mut self.of(state).log, line, MAX_LOG_LINES);
    }
}

fn keep_last<T>(queue: &mut std::collections::VecDeque<T>, item: T, max: usize) {
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
