//! Nanoseconds per sample of the monitor on a synthetic patient: `cargo run --release -p bodywire-ecg --example speed`.
#![expect(clippy::print_stdout, reason = "the figure is the output")]

use bodywire_ecg::{
    Error, SampleRate,
    clean::Cleaner,
    detect::Detector,
    monitor::Monitor,
    settings::Settings,
    strip::Strip,
    synthetic::{EcgModel, Rhythm},
};
use std::time::Instant;

const MINUTES: u64 = 30;

fn main() -> Result<(), Error> {
    for hz in [250.0, 360.0, 1000.0] {
        let rate = SampleRate::new(hz)?;
        let mut state = 1u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state
        };
        let mut model = EcgModel::new(rate, 200.0, 1024, 0.02, Rhythm::Sinus { bpm: 75.0 })?;
        let samples: Vec<i16> =
            (0..MINUTES * 60 * hz as u64).map(|_| model.next_sample(&mut random)).collect();

        let mut monitor = Box::new(Monitor::new(Settings::new(hz, 200.0, 1024))?);
        let start = Instant::now();
        let mut events = 0u64;
        for &s in &samples {
            monitor.push(s);
            while monitor.poll().is_some() {
                events += 1;
            }
        }
        let whole = start.elapsed().as_secs_f64() / samples.len() as f64 * 1e9;

        let (mut cleaner, mut detector, mut strip) =
            (Cleaner::new(rate), Detector::new(rate, 0), Strip::new(0));
        let start = Instant::now();
        let mut beats = 0u64;
        for &s in &samples {
            let cleaned = cleaner.push((f32::from(s) - 1024.0) / 200.0);
            strip.push(cleaned.shape_mv);
            beats += u64::from(detector.push(cleaned, &strip).is_some());
        }
        let detect = start.elapsed().as_secs_f64() / samples.len() as f64 * 1e9;
        println!(
            "{hz} Hz: monitor {whole:.1} ns per sample ({events} events), detection alone {detect:.1} ns \
             ({:.3} s per 30 minutes, {beats} beats), {} bytes per patient",
            detect * samples.len() as f64 / 1e9,
            size_of::<Monitor>()
        );
    }
    Ok(())
}
