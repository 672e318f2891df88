//! Monitors under noise and electrode faults, and arrests spliced behind a normal stretch.
#![allow(dead_code, reason = "the test and the example use a part")]

use crate::noise::{Kind, resample, signal_power, with_lead_offs, with_noise};
use crate::recordings::Loaded;
use crate::truth;
use bodywire_ecg::{
    decide::EmergencyReason,
    evaluate::{
        course::{Alarm, Course},
        episodes::Episode,
    },
    settings::Settings,
};

/// Steps of the converter that the noisy signals are written with: 200 per mV, rails at 5 mV, as in MIT-BIH.
const ADU_PER_MV: f64 = 200.0;
pub(crate) const RAIL_MV: f64 = 5.0;

pub(crate) fn millivolts(r: &Loaded) -> Vec<f64> {
    r.samples.iter().map(|s| (f64::from(*s) - f64::from(r.baseline)) / r.gain).collect()
}

/// Runs a monitor over millivolts through a converter with rails.
pub(crate) fn run(mv: &[f64], rate_hz: f64) -> Course {
    run_with_losses(mv, rate_hz, |_| false)
}

/// As [`run`], with the samples of which `lost` is true lost on the way.
pub(crate) fn run_with_losses(mv: &[f64], rate_hz: f64, lost: impl Fn(usize) -> bool) -> Course {
    let rail = (RAIL_MV * ADU_PER_MV) as i16;
    let sample = |v: &f64| (v * ADU_PER_MV).round().clamp(-f64::from(rail), f64::from(rail)) as i16;
    let samples = mv.iter().enumerate().map(|(at, v)| (!lost(at)).then(|| sample(v)));
    let mut settings = Settings::new(rate_hz, ADU_PER_MV, 0);
    settings.rails_adu = (-rail, rail);
    Course::of(settings, samples).unwrap()
}

/// Emergencies that the same recording has not without the noise (or not within 10 s).
pub(crate) fn new_alarms(clean: &Course, noisy: &Course, rate_hz: f64) -> Vec<Alarm> {
    let slack = (10.0 * rate_hz) as u64;
    let meets = |a: &Alarm, b: &Alarm| {
        let wide = Episode { start: b.episode.start.saturating_sub(slack), end: b.episode.end + slack };
        a.episode.common(wide) > 0
    };
    noisy.alarms.iter().filter(|a| !clean.alarms.iter().any(|b| meets(a, b))).copied().collect()
}

pub(crate) fn noisy(r: &Loaded, kind: Kind, db: f64, seed: u64) -> Vec<f64> {
    let mv = millivolts(r);
    with_noise(&mv, signal_power(&mv, r.rate_hz), kind, db, r.rate_hz, seed)
}

pub(crate) fn with_faults(r: &Loaded, seed: u64) -> Vec<f64> {
    let mut mv = millivolts(r);
    with_lead_offs(&mut mv, RAIL_MV, r.rate_hz, seed);
    mv
}

/// An arrest behind a normal stretch.
pub(crate) struct Arrest {
    pub(crate) mv: Vec<f64>,
    pub(crate) onset: Episode,
}

/// Seconds of normal rhythm before an arrest.
const BEFORE_S: f64 = 60.0;
/// Seconds of arrest.
const ARREST_S: f64 = 30.0;

/// The start of `normal`, then `arrest` in mV at the same rate, faded over 0.1 s; noise over both, by the power of the
/// normal part.
pub(crate) fn splice(normal: &Loaded, arrest: &[f64], noise: Option<(Kind, f64)>, seed: u64) -> Arrest {
    let rate = normal.rate_hz;
    let mut mv: Vec<f64> = millivolts(normal).into_iter().take((BEFORE_S * rate) as usize).collect();
    let (power, start, last) = (signal_power(&mv, rate), mv.len(), mv[mv.len() - 1]);
    let fade = 0.1 * rate;
    let tail = arrest.iter().take((ARREST_S * rate) as usize).enumerate();
    mv.extend(tail.map(|(i, v)| {
        let share = (i as f64 / fade).min(1.0);
        share * v + (1.0 - share) * last
    }));
    if let Some((kind, db)) = noise {
        mv = with_noise(&mv, power, kind, db, rate, seed);
    }
    let end = mv.len() as u64;
    Arrest { mv, onset: Episode { start: start as u64, end } }
}

/// Fibrillation of each CUDB recording that has 30 s of it, at `rate_hz`, without its offset.
pub(crate) fn fibrillations(cudb: &[Loaded], rate_hz: f64) -> Vec<(String, Vec<f64>)> {
    let mut out = Vec::new();
    for r in cudb {
        let long = |e: &&Episode| e.samples() as f64 >= (ARREST_S + 5.0) * r.rate_hz;
        // The first window may begin with beats still.
        if let Some(e) = truth::fibrillation(r).iter().find(long) {
            let from = e.start as usize + (5.0 * r.rate_hz) as usize;
            let part = &millivolts(r)[from..from + (ARREST_S * r.rate_hz) as usize];
            let mean = part.iter().sum::<f64>() / part.len() as f64;
            let centred: Vec<f64> = part.iter().map(|v| v - mean).collect();
            out.push((r.name.clone(), resample(&centred, r.rate_hz, rate_hz)));
        }
    }
    out
}

/// A baseline with respiration, 0.05 mV.
pub(crate) fn asystole(rate_hz: f64) -> Vec<f64> {
    (0..(ARREST_S * rate_hz) as usize).map(|i| 0.05 * (1.6 * i as f64 / rate_hz).sin()).collect()
}

/// Seconds from the arrest to the first emergency in it that is not one from before, and its gravest reason.
pub(crate) fn found(arrest: &Arrest, rate_hz: f64) -> (Option<f64>, Option<EmergencyReason>, Course) {
    found_in(run(&arrest.mv, rate_hz), arrest, rate_hz)
}

/// As [`found`], in what a monitor said.
pub(crate) fn found_in(
    c: Course,
    arrest: &Arrest,
    rate_hz: f64,
) -> (Option<f64>, Option<EmergencyReason>, Course) {
    let alarm = c.alarms.iter().find(|a| a.episode.common(arrest.onset) > 0).copied();
    let delay = alarm.map(|a| a.episode.start.saturating_sub(arrest.onset.start) as f64 / rate_hz);
    (delay, alarm.map(|a| a.gravest), c)
}
