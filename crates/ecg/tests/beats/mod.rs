//! The detector's beats on a recording, with or without mains added to it, against the reference.
#![allow(dead_code, reason = "the test and the example use a part")]

use crate::recordings::Loaded;
use bodywire_ecg::{
    SampleRate,
    clean::Cleaner,
    detect::Detector,
    evaluate::{BeatScore, score_beats},
    strip::Strip,
    wfdb::AnnotationCode,
};

/// A sine added to a recording: amplitude in mV, frequency in Hz.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mains {
    pub(crate) mv: f64,
    pub(crate) hz: f64,
}

/// What the detector did on a recording.
pub(crate) struct Detected {
    pub(crate) score: BeatScore,
    /// Samples from each R peak to its report.
    pub(crate) delays: Vec<u64>,
    /// Samples from which mains were taken off.
    pub(crate) cancelled: u64,
}

/// Flutter episodes are left out, as EC57 asks.
fn flutter(r: &Loaded) -> Vec<(u64, u64)> {
    let mut episodes = Vec::new();
    let mut open = None;
    for (at, code, _) in &r.annotations {
        if *code == AnnotationCode::FLUTTER_START {
            open = Some(*at);
        } else if *code == AnnotationCode::FLUTTER_END {
            episodes.extend(open.take().map(|from| (from, *at)));
        }
    }
    episodes
}

pub(crate) fn detect(r: &Loaded, mains: Option<Mains>) -> Detected {
    let rate = SampleRate::new(r.rate_hz).unwrap();
    let (mut cleaner, mut detector, mut strip) = (Cleaner::new(rate), Detector::new(rate, 0), Strip::new(0));
    let (mut beats, mut delays, mut cancelled) = (Vec::new(), Vec::new(), 0);
    // A recording ends while its last beats are pending: its last value is held for a second.
    let held = std::iter::repeat_n(r.samples.last().unwrap(), r.rate_hz as usize);
    for (i, &sample) in (0..).zip(r.samples.iter().chain(held)) {
        let mv = (f64::from(sample) - f64::from(r.baseline)) / r.gain;
        let hum = mains.map_or(0.0, |m| m.mv * (std::f64::consts::TAU * m.hz * rate.seconds(i)).sin());
        let cleaned = cleaner.push((mv + hum) as f32);
        cancelled += u64::from(cleaned.mains_amplitude_mv > 0.0);
        strip.push(cleaned.shape_mv);
        if let Some(beat) = detector.push(cleaned, &strip)
            && beat < r.samples.len() as u64
        {
            beats.push(beat);
            delays.push(i - beat);
        }
    }
    let out = flutter(r);
    let keep = |at: &u64| !out.iter().any(|(from, to)| (*from..=*to).contains(at));
    let reference = r.annotations.iter().filter(|(_, c, _)| c.is_beat()).map(|(at, _, _)| *at).filter(keep);
    let score = score_beats(reference, beats.into_iter().filter(keep), (0.15 * r.rate_hz) as u64);
    Detected { score, delays, cancelled }
}
