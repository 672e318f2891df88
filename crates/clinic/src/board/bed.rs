//! One bed: all that is on its screen.

use super::alarms::Alarms;
use super::load::Load;
use super::trend::Trends;
use super::view::{
    BoardView, CorrelationView, LedgerView, LogLine, NumericView, PathView, PatientView, PauseView,
    RiskClass, SensorView, Signal, Source,
};
use super::wave::Waves;
use crate::limits::{Changed, LIMITED, Limit, LimitView, Monitor};
use bodywire_proto::access::condition::Watch;
use std::collections::{BTreeMap, VecDeque};

#[derive(Debug, Default)]
pub(super) struct Bed {
    pub(super) patient: PatientView,
    pub(super) numerics: BTreeMap<Signal, NumericView>,
    pub(super) alarms: Alarms,
    pub(super) paths: BTreeMap<u8, PathView>,
    pub(super) sensors: Vec<SensorView>,
    pub(super) ledger: Option<LedgerView>,
    pub(super) buffer: u64,
    pub(super) correlations: VecDeque<CorrelationView>,
    pub(super) log: VecDeque<LogLine>,
    pub(super) waves: Waves,
    pub(super) late_numerics: u64,
    pub(super) trends: Trends,
    pub(super) load: Load,
    pub(super) pause: Option<PauseView>,
    pub(super) monitors: Vec<(Monitor, Option<Changed>)>,
    pub(super) watch: Watch,
    /// The condition that was said last.
    pub(super) condition: Option<&'static str>,
}

impl Bed {
    /// The watch on a signal's limits; as they come when nobody has set any.
    pub(super) fn monitor(&mut self, signal: Signal) -> Option<&mut (Monitor, Option<Changed>)> {
        if self.monitors.is_empty() {
            let limits = LIMITED.into_iter().filter_map(Limit::default_of);
            self.monitors = limits.map(|limit| (Monitor::new(limit), None)).collect();
        }
        self.monitors.iter_mut().find(|(monitor, _)| monitor.limit().signal == signal)
    }

    pub(super) fn limits(&self) -> Vec<LimitView> {
        self.monitors.iter().map(|(monitor, changed)| monitor.limit().view(changed.clone())).collect()
    }

    /// From which class on an alarm may be shown: a limit's from that of its signal, the detector's from that of the ECG,
    /// what is wrong with the equipment from class I.
    pub(super) fn class_of_alarm(&self, condition: &str) -> RiskClass {
        if let Some(of) = condition.strip_prefix("limit.") {
            let signal = self.numerics.values().find(|numeric| of.starts_with(numeric.signal.name()));
            return signal.map_or(RiskClass::II, |numeric| numeric.class);
        }
        if condition.starts_with("ecg.") { RiskClass::II } else { RiskClass::I }
    }

    pub(super) fn view(&self, bed: u16, last_event_id: u64, source: &Source, now_ms: u64) -> BoardView {
        BoardView {
            bed,
            last_event_id,
            source: source.clone(),
            patient: self.patient.clone(),
            numerics: self.numerics.values().cloned().collect(),
            alarms: self.alarms.views(),
            paths: self.paths.values().cloned().collect(),
            sensors: self.sensors.clone(),
            ledger: self.ledger.clone(),
            buffer: self.buffer,
            correlations: self.correlations.iter().cloned().collect(),
            log: self.log.iter().cloned().collect(),
            late_numerics: self.late_numerics,
            limits: self.limits(),
            pause: self.pause.clone().filter(|pause| pause.until_ms > now_ms),
            alarm_load: self.load.view(now_ms),
            condition: (bed != super::WARD).then(|| super::view::condition_name(self.watch.at(now_ms))),
        }
    }
}
