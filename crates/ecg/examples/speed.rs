//! What the monitor costs. Best of several runs each, time on the clock, nothing read or printed meanwhile.
//!
//! ```text
//! cargo run --release -p bodywire-ecg --example speed          on synthetic patients
//! speed record HEADER       first signal of a recording: seconds of the detector's path, seconds of the monitor, R peaks
//! speed patients HEADER...  many monitors in turns, fed with the first signals of recordings
//! ```
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use bodywire_ecg::{
    SampleRate,
    clean::Cleaner,
    detect::Detector,
    monitor::{Event, Monitor},
    settings::Settings,
    strip::Strip,
    synthetic::{EcgModel, Rhythm},
    wfdb::{Header, Recording},
};
use std::{error::Error, fs, path::Path, time::Instant};

const MINUTES: u64 = 30;
const RUNS: usize = 3;
/// Their monitors together are larger than any cache.
const PATIENTS: usize = 2000;
/// Each patient's seconds before the first that count: by then most have a template and verdicts.
const WARM_UP_S: usize = 60;
const RUN_S: usize = 20;

type Done<T> = Result<T, Box<dyn Error>>;

/// One lead as a hub gets it.
struct Lead {
    settings: Settings,
    samples: Vec<i16>,
}

fn main() -> Done<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => {
            for hz in [250.0, 360.0, 1000.0] {
                let lead = synthetic(hz)?;
                let count = lead.samples.len() as f64;
                let (detect_s, peaks) = detect(&lead)?;
                let (monitor_s, _) = monitor(&lead)?;
                println!(
                    "{hz} Hz, a monitor alone: {:.1} ns per sample; detector's path {:.1} ns ({detect_s:.4} s per {MINUTES} \
                     minutes, {} beats)",
                    monitor_s / count * 1e9,
                    detect_s / count * 1e9,
                    peaks.len(),
                );
            }
            patients(&[synthetic(360.0)?])
        }
        ["record", header] => {
            let lead = recorded(header)?;
            let ((detect_s, peaks), (monitor_s, beats)) = (detect(&lead)?, monitor(&lead)?);
            if peaks != beats {
                return Err("the monitor's beats are not the detector's".into());
            }
            println!("{detect_s}\n{monitor_s}");
            peaks.iter().for_each(|peak| println!("{peak}"));
            Ok(())
        }
        ["patients", ref headers @ ..] if !headers.is_empty() => {
            patients(&headers.iter().map(|header| recorded(header)).collect::<Done<Vec<_>>>()?)
        }
        _ => Err("see the head of crates/ecg/examples/speed.rs for the arguments".into()),
    }
}

fn synthetic(hz: f64) -> Done<Lead> {
    let mut state = 1u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state
    };
    let mut model = EcgModel::new(SampleRate::new(hz)?, 200.0, 1024, 0.02, Rhythm::Sinus { bpm: 75.0 })?;
    let samples = (0..MINUTES * 60 * hz as u64).map(|_| model.next_sample(&mut random)).collect();
    Ok(Lead { settings: Settings::new(hz, 200.0, 1024), samples })
}

fn recorded(path: &str) -> Done<Lead> {
    let text = fs::read_to_string(path)?;
    let header = Header::parse(&text)?;
    let spec = header.signals().first().ok_or("the record has no signal")?;
    let name = header.file_names().next().ok_or("the record has no file")?;
    let bytes = fs::read(Path::new(path).with_file_name(name))?;
    let samples = Recording::of_file(&header, name, &bytes)?.signal(0).collect();
    let hz = spec.sample_rate_hz(header.sample_rate_hz());
    Ok(Lead { settings: Settings::new(hz, spec.gain, spec.baseline), samples })
}

/// What a run finds, and the seconds of the fastest.
fn best<T>(mut run: impl FnMut() -> Done<T>) -> Done<(f64, T)> {
    let mut timed = || {
        let start = Instant::now();
        run().map(|found| (start.elapsed().as_secs_f64(), found))
    };
    let mut fastest = timed()?;
    for _ in 1..RUNS {
        let again = timed()?;
        if again.0 < fastest.0 {
            fastest = again;
        }
    }
    Ok(fastest)
}

/// The part of the monitor that finds R peaks, without verdicts.
fn detect(lead: &Lead) -> Done<(f64, Vec<u64>)> {
    best(|| {
        let rate = lead.settings.check()?;
        let (mut cleaner, mut detector, mut strip) =
            (Cleaner::new(rate), Detector::new(rate, 0), Strip::new(0));
        let mut peaks = Vec::new();
        for &sample in &lead.samples {
            let offset = f64::from(sample) - f64::from(lead.settings.baseline_adu);
            let cleaned = cleaner.push((offset / lead.settings.adu_per_mv) as f32);
            strip.push(cleaned.shape_mv);
            peaks.extend(detector.push(cleaned, &strip));
        }
        Ok(peaks)
    })
}

fn monitor(lead: &Lead) -> Done<(f64, Vec<u64>)> {
    best(|| {
        let mut monitor = Box::new(Monitor::new(lead.settings)?);
        let mut beats = Vec::new();
        feed(&mut monitor, &lead.samples, |event| {
            if let Event::Beat { r_sample, .. } = event {
                beats.push(r_sample);
            }
        });
        Ok(beats)
    })
}

fn feed(monitor: &mut Monitor, samples: &[i16], mut take: impl FnMut(Event)) {
    for &sample in samples {
        monitor.push(sample);
        while let Some(event) = monitor.poll() {
            take(event);
        }
    }
}

/// Many monitors on one core, a second of samples for each in turn, so that each finds the caches full of the others.
fn patients(leads: &[Lead]) -> Done<()> {
    let hz = leads.first().map_or(0.0, |lead| lead.settings.fs_hz);
    let (second, seconds) = (hz as usize, WARM_UP_S + RUNS * RUN_S);
    if leads.iter().any(|lead| lead.settings.fs_hz != hz || lead.samples.len() < 2 * seconds * second) {
        return Err(format!("the signals must have one sampling rate and {} seconds", 2 * seconds).into());
    }
    // Those who share a signal are at different places of it.
    let mut ward = (0..PATIENTS)
        .map(|number| {
            let lead = &leads[number % leads.len()];
            let starts = lead.samples.len() / second - seconds;
            let start = number / leads.len() * 61 % starts * second;
            Ok((Monitor::new(lead.settings)?, &lead.samples[start..][..seconds * second]))
        })
        .collect::<Done<Vec<_>>>()?;
    let mut events = 0u64;
    let mut turns = |from: usize, count: usize| {
        let start = Instant::now();
        for turn in from..from + count {
            for (monitor, samples) in &mut ward {
                feed(monitor, &samples[turn * second..][..second], |_| events += 1);
            }
        }
        start.elapsed().as_secs_f64()
    };
    turns(0, WARM_UP_S);
    let fastest = (0..RUNS).map(|run| turns(WARM_UP_S + run * RUN_S, RUN_S)).fold(f64::INFINITY, f64::min);
    let per_second = (PATIENTS * RUN_S * second) as f64 / fastest;
    println!(
        "{PATIENTS} monitors in turns, a second at a time: {:.2} million samples per second and core ({:.1} ns each), \
         {:.0} patients at {hz} Hz per core, {} bytes per patient ({events} events)",
        per_second / 1e6,
        1e9 / per_second,
        per_second / hz,
        size_of::<Monitor>(),
    );
    Ok(())
}
