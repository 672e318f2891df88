//! What the annotations say of emergencies, and what a monitor says on a recording, both as episodes.
#![allow(dead_code, reason = "each test and the example use a part")]

use crate::recordings::Loaded;
use bodywire_ecg::{
    decide::{EmergencyReason, State, Verdict},
    evaluate::episodes::Episode,
    monitor::{Event, Monitor},
    settings::Settings,
};

/// Beat annotation codes of WFDB (`ecgcodes.h`): 1 to 13, 25, 30, 34, 35, 38, 41.
fn is_beat(code: u8) -> bool {
    matches!(code, 1..=13 | 25 | 30 | 34 | 35 | 38 | 41)
}

/// Ventricular beats: PVC and fusion; flutter waves come with it.
fn is_ventricular(code: u8) -> bool {
    matches!(code, 5 | 31)
}

fn merged(mut list: Vec<Episode>) -> Vec<Episode> {
    list.sort_by_key(|e| e.start);
    let mut out: Vec<Episode> = Vec::new();
    for e in list {
        match out.last_mut() {
            Some(last) if last.end >= e.start => last.end = last.end.max(e.end),
            _ => out.push(e),
        }
    }
    out
}

/// Episodes whose rhythm annotation begins with one of `prefixes`, ascending and apart.
pub(crate) fn rhythms(r: &Loaded, prefixes: &[&str]) -> Vec<Episode> {
    let changes: Vec<(u64, bool)> = r
        .annotations
        .iter()
        .filter(|(_, c, _)| c.number() == 28)
        .map(|(at, _, text)| (*at, prefixes.iter().any(|p| text.starts_with(p))))
        .chain([(r.samples.len() as u64, false)])
        .collect();
    let list = changes.windows(2).filter(|w| w[0].1).map(|w| Episode { start: w[0].0, end: w[1].0 });
    merged(list.collect())
}

/// Fibrillation or flutter: rhythm `(VF`, `(VFIB`, `(VFL`, or CUDB's windows of 5 s.
pub(crate) fn fibrillation(r: &Loaded) -> Vec<Episode> {
    let window = (5.0 * r.rate_hz) as u64;
    let windows = r.windows.bytes().enumerate().filter(|(_, b)| *b == b'1');
    let mut list: Vec<Episode> =
        windows.map(|(i, _)| Episode { start: i as u64 * window, end: (i as u64 + 1) * window }).collect();
    list.extend(rhythms(r, &["(VF"]));
    merged(list)
}

/// True ventricular tachycardia, flutter or fibrillation of a recording with beat annotations: by rhythm, by at least
/// four ventricular beats in a row above 100 per minute, or by flutter waves.
pub(crate) fn ventricular(r: &Loaded) -> Vec<Episode> {
    let mut list = rhythms(r, &["(VT", "(VF"]);
    let beats: Vec<(u64, u8)> = r
        .annotations
        .iter()
        .map(|(at, c, _)| (*at, c.number()))
        .filter(|(_, c)| is_beat(*c) || *c == 31)
        .collect();
    for run in beats.chunk_by(|a, b| is_ventricular(a.1) && is_ventricular(b.1)) {
        let (first, last) = (run[0].0, run[run.len() - 1].0);
        let seconds = (last - first) as f64 / r.rate_hz;
        if run.len() >= 4 && is_ventricular(run[0].1) && (run.len() - 1) as f64 * 60.0 > 100.0 * seconds {
            list.push(Episode { start: first, end: last });
        }
    }
    merged(list)
}

/// Pauses over 3 s and rates outside 35 to 180 per minute (median of three intervals) for 10 s, by the reference beats.
pub(crate) fn rate_excursions(r: &Loaded) -> Vec<Episode> {
    let beats: Vec<u64> =
        r.annotations.iter().filter(|(_, c, _)| is_beat(c.number())).map(|(at, _, _)| *at).collect();
    let mut list: Vec<Episode> = beats
        .windows(2)
        .filter(|w| (w[1] - w[0]) as f64 > 3.0 * r.rate_hz)
        .map(|w| Episode { start: w[0], end: w[1] })
        .collect();
    let mut since: Option<u64> = None;
    for w in beats.windows(4) {
        let mut rr = [w[1] - w[0], w[2] - w[1], w[3] - w[2]];
        rr.sort_unstable();
        let bpm = 60.0 * r.rate_hz / rr[1] as f64;
        if (35.0..=180.0).contains(&bpm) {
            since = None;
            continue;
        }
        let from = *since.get_or_insert(w[0]);
        if (w[3] - from) as f64 >= 9.0 * r.rate_hz {
            list.push(Episode { start: from, end: w[3] });
        }
    }
    merged(list)
}

/// An emergency as a monitor saw it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alarm {
    pub(crate) episode: Episode,
    /// The reason it began with.
    pub(crate) reason: EmergencyReason,
    /// The gravest reason.
    pub(crate) worst: EmergencyReason,
}

/// What a monitor says on a recording.
pub(crate) struct Course {
    pub(crate) alarms: Vec<Alarm>,
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) beats: Vec<u64>,
    pub(crate) undetermined_samples: u64,
    pub(crate) learning_samples: u64,
    pub(crate) last: State,
}

impl Course {
    pub(crate) fn episodes(&self) -> Vec<Episode> {
        self.alarms.iter().map(|a| a.episode).collect()
    }
}

/// The settings of a recording; its header does not say where the converter's rails are.
pub(crate) fn settings(r: &Loaded) -> Settings {
    Settings::new(r.rate_hz, r.gain, r.baseline)
}

/// Runs a monitor over samples.
pub(crate) fn course(settings: Settings, samples: &[i16]) -> Course {
    let mut monitor = Box::new(Monitor::new(settings).unwrap());
    let mut c = Course {
        alarms: Vec::new(),
        verdicts: Vec::new(),
        beats: Vec::new(),
        undetermined_samples: 0,
        learning_samples: 0,
        last: State::Learning,
    };
    let mut open: Option<Alarm> = None;
    for (i, &sample) in samples.iter().enumerate() {
        monitor.push(sample);
        while let Some(event) = monitor.poll() {
            match event {
                Event::Verdict(v) => c.verdicts.push(v),
                Event::Beat { r_sample, .. } => c.beats.push(r_sample),
                Event::Rate { .. } => {}
            }
        }
        let at = i as u64;
        match (monitor.state(), &mut open) {
            (State::Emergency(reason), None) => {
                open = Some(Alarm { episode: Episode { start: at, end: at + 1 }, reason, worst: reason });
            }
            (State::Emergency(reason), Some(alarm)) => {
                alarm.episode.end = at + 1;
                alarm.worst = alarm.worst.min(reason);
            }
            (_, Some(_)) => c.alarms.extend(open.take()),
            _ => {}
        }
        c.undetermined_samples += u64::from(matches!(monitor.state(), State::Undetermined(_)));
        c.learning_samples += u64::from(monitor.state() == State::Learning);
    }
    c.alarms.extend(open);
    c.last = monitor.state();
    c
}
