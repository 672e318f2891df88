//! A made-up patient: fills the board, obeys the demo controls.

use std::time::Duration;

use bodywire_clinic::board::{
    AlarmInput, Board, CorrelationView, Evidence, LedgerView, NumericView, PathCondition, Priority,
    RiskClass, SensorView, Signal, WaveChunk,
};
use bodywire_clinic::web::DemoCommand;
use bodywire_proto::report::Condition;
use tokio::sync::mpsc;

use crate::{heart, now_ms};

const TICK_MS: u64 = 250;
const TICKS_PER_SECOND: u64 = 1000 / TICK_MS;
const ECG_PERIOD_US: u32 = 4_000;
const PLETH_PERIOD_US: u32 = 8_000;
const LSB_PER_MV: f32 = 200.0;
const PATHS: [&str; 3] = ["lan", "lte", "dmz"];
/// Any two of three fragments rebuild a message.
const PATHS_NEEDED: usize = 2;
const EMERGENCY_TICKS: u64 = 15 * TICKS_PER_SECOND;
const THRESHOLD: f64 = 0.80;
/// Ticks of waves the made-up spool holds: a minute.
const MAX_SPOOL_TICKS: usize = 240;

const SENSORS: [(&str, &str, RiskClass, Signal); 5] = [
    ("ecg-1", "ECG", RiskClass::II, Signal::Ecg),
    ("spo2-1", "SpO2", RiskClass::II, Signal::Spo2),
    ("resp-1", "Respiration", RiskClass::I, Signal::Resp),
    ("temp-1", "Temperature", RiskClass::I, Signal::Temp),
    ("pump-1", "Infusion pump", RiskClass::III, Signal::PumpRate),
];

struct Patient {
    /// The ward's.
    ward: Board,
    board: Board,
    up: [bool; PATHS.len()],
    emergency_until: u64,
    damaged: bool,
    entries: u64,
    spool: Vec<u64>,
}

/// Runs until the program ends.
pub(crate) async fn run(ward: Board, beds: u16, mut commands: mpsc::Receiver<DemoCommand>) {
    let start = now_ms() / TICK_MS;
    // The demo controls are about the first bed; the others are as healthy as it.
    let others: Vec<Patient> = (2..=beds).map(|bed| Patient::of(&ward, bed)).collect();
    for other in &others {
        (start.saturating_sub(60)..start).for_each(|tick| other.waves(tick, false));
    }
    let patient = Patient::of(&ward, 1);
    patient.board.event(now_ms(), "Sensors authenticated 5/5, mutual");
    patient.paths();
    run_all(patient, others, start, &mut commands).await;
}

async fn run_all(
    mut patient: Patient,
    mut others: Vec<Patient>,
    start: u64,
    commands: &mut mpsc::Receiver<DemoCommand>,
) {
    for tick in start.saturating_sub(60)..start {
        patient.waves(tick, false);
    }
    patient.second(start);
    let mut timer = tokio::time::interval(Duration::from_millis(TICK_MS / 5));
    let mut done = start;
    loop {
        timer.tick().await;
        while let Ok(command) = commands.try_recv() {
            patient.obey(command, now_ms() / TICK_MS);
        }
        while done < now_ms() / TICK_MS {
            patient.step(done);
            others.iter_mut().for_each(|other| other.step(done));
            done += 1;
        }
    }
}

impl Patient {
    fn of(ward: &Board, bed: u16) -> Self {
        Self {
            ward: ward.clone(),
            board: ward.at(bed),
            up: [true; PATHS.len()],
            emergency_until: 0,
            damaged: false,
            entries: 18_400,
            spool: Vec::new(),
        }
    }

    fn delivers(&self) -> bool {
        self.up.iter().filter(|up| **up).count() >= PATHS_NEEDED
    }

    fn step(&mut self, tick: u64) {
        if self.delivers() {
            self.waves(tick, false);
            for late in std::mem::take(&mut self.spool) {
                self.waves(late, true);
            }
        } else if self.spool.len() < MAX_SPOOL_TICKS {
            self.spool.push(tick);
        }
        self.board.buffer(self.spool.len() as u64);
        if tick.is_multiple_of(TICKS_PER_SECOND) {
            self.second(tick);
        }
    }

    fn in_emergency(&self, tick: u64) -> bool {
        tick < self.emergency_until && tick + EMERGENCY_TICKS >= self.emergency_until
    }

    fn waves(&self, tick: u64, late: bool) {
        let start_ms = tick * TICK_MS;
        let sick = self.in_emergency(tick);
        let ecg = |t: f64| if sick { heart::fibrillation(t) } else { heart::sinus(t) };
        let pleth = |t: f64| if sick { 0.08 * heart::pulse(t) } else { heart::pulse(t) };
        for (signal, period_us, shape) in [
            (Signal::Ecg, ECG_PERIOD_US, &ecg as &dyn Fn(f64) -> f64),
            (Signal::Pleth, PLETH_PERIOD_US, &pleth as &dyn Fn(f64) -> f64),
        ] {
            let count = TICK_MS * 1000 / u64::from(period_us);
            let samples = (0..count).map(|n| {
                let us = start_ms * 1000 + n * u64::from(period_us);
                // Seconds within a day keep the precision of the sine.
                let seconds = (us % 86_400_000_000) as f64 / 1e6;
                (shape(seconds) * f64::from(LSB_PER_MV)) as i16
            });
            let samples = samples.collect();
            let chunk =
                WaveChunk { signal, start_ms, period_us, lsb_per_mv: LSB_PER_MV, baseline: 0, samples, late };
            self.board.wave(&chunk).expect("the preview's chunks have a shape");
        }
    }

    fn second(&mut self, tick: u64) {
        let now = tick * TICK_MS;
        let sick = self.in_emergency(tick);
        let wander = ((tick / TICKS_PER_SECOND % 20) as f64 - 10.0) / 10.0;
        let (rho, reason) = if sick {
            (0.31 + 0.02 * wander, "two of three segments unlike the patient's own beat")
        } else {
            (0.94 + 0.02 * wander, "like the patient's own beat")
        };
        self.ledger(now);
        if !self.delivers() {
            return;
        }
        let number = |signal, (class, sensor), value, unit: &str, note: Option<&str>| {
            let numeric = NumericView {
                signal,
                class,
                sensor,
                value,
                unit: unit.into(),
                sensor_time_ms: now,
                period_ms: 1_000,
                late: false,
                note: note.map(str::to_owned),
            };
            self.board.numeric(numeric);
        };
        number(Signal::HeartRate, (RiskClass::II, 1), (!sick).then_some(72.0), "/min", None);
        number(Signal::Spo2, (RiskClass::II, 2), Some(if sick { 81.0 } else { 97.0 }), "%", None);
        number(Signal::Resp, (RiskClass::I, 3), Some(14.0), "/min", None);
        number(Signal::Temp, (RiskClass::I, 4), Some(36.9), "°C", None);
        let note = Some("opened at the clinic by the sensor's consent");
        number(Signal::PumpRate, (RiskClass::III, 5), Some(4.5), "ml/h", note);
        self.board.correlation(CorrelationView {
            rho,
            threshold: THRESHOLD,
            reason: reason.into(),
            at_ms: now,
        });
        if sick {
            self.board.found(Condition::PatternLost, true, now);
            self.alarm(
                "ecg.pattern-lost",
                Priority::High,
                "ECG PATTERN LOST  rho 0.31 < 0.80",
                now,
                Some(reason),
            );
        } else {
            self.board.found_nothing(now);
            self.board.end_alarm("ecg.pattern-lost", now);
        }
    }

    fn ledger(&mut self, now: u64) {
        self.entries += 4;
        for (index, (name, kind, class, signal)) in SENSORS.into_iter().enumerate() {
            let at = now.saturating_sub(now % 600_000).saturating_sub(7_000 * index as u64);
            let sensor = SensorView {
                sensor: index as u16 + 1,
                signal: Some(signal),
                name: name.into(),
                kind: kind.into(),
                class,
                authenticated_at_ms: Some(at),
                bits: 1472,
            };
            self.board.sensor_state(sensor).expect("five sensors fit");
        }
        let damage = self.damaged.then(|| "entry 18 207: leaf hash differs from the tree".to_owned());
        self.ward.ledger_state(LedgerView { entries: self.entries, verified_at_ms: now, damage });
    }

    fn obey(&mut self, command: DemoCommand, tick: u64) {
        let now = now_ms();
        match command {
            DemoCommand::Emergency => {
                self.emergency_until = tick + EMERGENCY_TICKS;
                self.board.event(now, "Demonstration: emergency now");
                self.second(tick);
            }
            DemoCommand::BreakPath(index) => self.set_path(index, false, now),
            DemoCommand::RestorePath(index) => self.set_path(index, true, now),
            DemoCommand::Tamper => {
                self.damaged = true;
                self.board.event(now, "Demonstration: one byte of a stored record changed");
                self.ledger(now);
                let text = "LEDGER DAMAGED  entry 18 207";
                self.alarm("ledger.damaged", Priority::Technical, text, now, None);
            }
            _ => {}
        }
    }

    fn set_path(&mut self, index: u8, up: bool, now: u64) {
        let Some(known) = self.up.get_mut(usize::from(index)) else { return };
        *known = up;
        self.paths();
        let name = PATHS[usize::from(index)];
        let condition = format!("path.{index}.down");
        if up {
            self.ward.end_alarm(&condition, now);
        } else {
            self.alarm(&condition, Priority::Technical, &format!("PATH {name} DOWN"), now, None);
        }
    }

    fn paths(&self) {
        for (index, name) in (0_u8..).zip(PATHS) {
            let up = self.up[usize::from(index)];
            let (condition, reason) =
                if up { (PathCondition::Up, "") } else { (PathCondition::Down, "broker does not answer") };
            self.ward.path_state(index, name, condition, reason).expect("three paths fit");
        }
    }

    fn alarm(&self, condition: &str, priority: Priority, text: &str, at_ms: u64, reason: Option<&str>) {
        let evidence =
            reason.map(|reason| Evidence { rho: 0.31, threshold: THRESHOLD, reason: reason.into() });
        let input = AlarmInput {
            condition: condition.into(),
            priority,
            text: text.into(),
            at_ms,
            evidence,
            strip: None,
        };
        let board = if priority == Priority::Technical { &self.ward } else { &self.board };
        board.raise_alarm(input).expect("few conditions fit");
    }
}
