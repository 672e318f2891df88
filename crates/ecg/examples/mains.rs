//! F1 of the QRS detection on MIT-BIH with added mains: `cargo run --release -p bodywire-ecg --example mains`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the figures are the output; a surprise stops it"
)]

#[path = "../tests/recordings/mod.rs"]
mod recordings;

use bodywire_ecg::{
    SampleRate,
    clean::Cleaner,
    detect::Detector,
    evaluate::{BeatScore, score_beats},
    strip::Strip,
    wfdb::AnnotationCode,
};
use recordings::Loaded;
use std::f64::consts::TAU;

/// Sample indices of flutter, which EC57 leaves out.
fn flutter(r: &Loaded) -> Vec<(u64, u64)> {
    let (mut episodes, mut open) = (Vec::new(), None);
    for (at, code, _) in &r.annotations {
        if *code == AnnotationCode::FLUTTER_START {
            open = Some(*at);
        } else if *code == AnnotationCode::FLUTTER_END {
            episodes.extend(open.take().map(|from| (from, *at)));
        }
    }
    episodes
}

/// Score with mains of this amplitude and frequency, and the share of the time in which some were taken away.
fn score(r: &Loaded, mains_mv: f64, hz: f64) -> (BeatScore, f64) {
    let rate = SampleRate::new(r.rate_hz).unwrap();
    let (mut cleaner, mut detector, mut strip) = (Cleaner::new(rate), Detector::new(rate, 0), Strip::new(0));
    let (mut beats, mut taken) = (Vec::new(), 0u64);
    let held = std::iter::repeat_n(r.samples.last().unwrap(), r.rate_hz as usize);
    for (i, &sample) in (0u64..).zip(r.samples.iter().chain(held)) {
        let clean = (f64::from(sample) - f64::from(r.baseline)) / r.gain;
        let hum = mains_mv * (TAU * hz * rate.seconds(i)).sin();
        let cleaned = cleaner.push((clean + hum) as f32);
        taken += u64::from(cleaned.mains_amplitude_mv > 0.0);
        strip.push(cleaned.shape_mv);
        beats.extend(detector.push(cleaned, &strip).filter(|beat| *beat < r.samples.len() as u64));
    }
    let out = flutter(r);
    let keep = |at: &u64| !out.iter().any(|(from, to)| (*from..=*to).contains(at));
    let reference = r.annotations.iter().filter(|(_, c, _)| c.is_beat()).map(|(at, _, _)| *at).filter(keep);
    let score = score_beats(reference, beats.into_iter().filter(keep), (0.15 * r.rate_hz) as u64);
    (score, taken as f64 / r.samples.len() as f64)
}

fn main() {
    let records = recordings::load_all("mitdb");
    for (mains_mv, hz) in [
        (0.0, 50.0),
        (0.2, 50.0),
        (0.5, 50.0),
        (1.0, 50.0),
        (0.2, 60.0),
        (0.5, 60.0),
        (1.0, 60.0),
        (0.5, 49.7),
        (1.0, 49.8),
        (0.5, 60.3),
    ] {
        let (mut gross, mut share) = (BeatScore::default(), 0.0);
        let mut by_record = String::new();
        for r in &records {
            let (score, taken) = score(r, mains_mv, hz);
            gross += score;
            share += taken / records.len() as f64;
            by_record.push_str(&format!("{} {}/{} ({:.2}) ", r.name, score.missed, score.extra, taken));
        }
        println!(
            "mains of {mains_mv} mV at {hz} Hz: F1 {:.5}, missed {}, extra {}, taken away {:.1} % of the time; {by_record}",
            gross.f1(),
            gross.missed,
            gross.extra,
            100.0 * share
        );
    }
}
