//! F1 of the QRS detection on MIT-BIH with added mains: `cargo run --release -p bodywire-ecg --example mains`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the figures are the output; a surprise stops it"
)]

#[path = "../tests/beats/mod.rs"]
mod beats;
#[expect(dead_code, reason = "the window labels of CUDB are for a test")]
#[path = "../tests/recordings/mod.rs"]
mod recordings;

use bodywire_ecg::evaluate::BeatScore;

fn main() {
    let records = recordings::load_all("mitdb");
    let samples: usize = records.iter().map(|r| r.samples.len()).sum();
    for hz in [49.7, 49.8, 50.0, 50.3, 60.0, 60.3] {
        for mv in [0.0, 0.2, 0.5, 1.0] {
            let (mut gross, mut cancelled) = (BeatScore::default(), 0);
            for r in &records {
                let found = beats::detect(r, Some(beats::Mains { mv, hz }));
                gross += found.score;
                cancelled += found.cancelled;
            }
            println!(
                "mains of {mv} mV at {hz} Hz: F1 {:.5}, missed {}, extra {}; taken away {:.1} % of the time",
                gross.f1(),
                gross.missed,
                gross.extra,
                100.0 * cancelled as f64 / samples as f64
            );
        }
    }
}
