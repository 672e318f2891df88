//! Recordings in the WFDB formats, from anywhere, and samples from any sensor.

use bodywire_ecg::correlate::Correlation;
use bodywire_ecg::monitor::{Event, Monitor};
use bodywire_ecg::settings::Settings;
use bodywire_ecg::synthetic::{EcgModel, Rhythm};
use bodywire_ecg::wfdb::{AnnotationWriter, Annotations, Header, Recording, encode, encoded_len};

/// A header file. What is written of it says the same.
pub fn header(data: &[u8]) -> bool {
    let Some(header) = std::str::from_utf8(data).ok().and_then(|text| Header::parse(text).ok()) else {
        return false;
    };
    let mut written = String::new();
    if header.write(&mut written).is_ok() {
        let again = Header::parse(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
        let around =
            |h: &Header<'_>| (h.frames(), h.counter_rate_hz(), h.counter_base(), h.comments().count());
        assert_eq!(again.signals().len(), header.signals().len(), "{written}");
        assert_eq!(around(&again), around(&header), "{written}");
        let files: Vec<_> = header.file_names().collect();
        assert_eq!(
            files.iter().map(|name| header.signals_in(name).count()).sum::<usize>(),
            header.signals().len()
        );
    }
    true
}

/// A header file and, behind the first zero byte, the samples it describes.
pub fn recording(data: &[u8]) -> bool {
    let Some(end) = data.iter().position(|byte| *byte == 0) else { return false };
    let (text, samples) = (&data[..end], &data[end + 1..]);
    let Some(header) = std::str::from_utf8(text).ok().and_then(|text| Header::parse(text).ok()) else {
        return false;
    };
    let Ok(recording) = Recording::new(&header, samples) else { return false };
    assert_eq!(recording.iter().count() as u64, recording.frames());
    for signal in 0..recording.signals() {
        let samples = recording.samples(signal);
        assert_eq!(recording.signal(signal).count() as u64, samples);
        assert_eq!(recording.sample(samples, signal), None);
    }
    let samples: Vec<i16> = recording.iter().flat_map(|frame| frame.samples().to_vec()).collect();
    let format = header.signals()[0].format;
    let mut written = vec![0; encoded_len(format, samples.len())];
    assert_eq!(encode(format, &samples, &mut written), Ok(written.len()), "what was read fits its format");
    recording.frames() > 0
}

/// An annotation file. What is written of it says the same.
pub fn annotations(data: &[u8]) -> bool {
    let mut read = Vec::new();
    for annotation in Annotations::new(data) {
        let Ok(annotation) = annotation else { return false };
        let _ = (annotation.text(), annotation.time_resolution_hz());
        read.push(annotation);
        assert!(read.len() <= data.len(), "more annotations than bytes");
    }
    // A skip, the word, the modifiers, and the longest text.
    let mut out = vec![0; read.len() * 512 + 2];
    let mut writer = AnnotationWriter::new(&mut out);
    if read.iter().all(|annotation| writer.push(annotation).is_ok()) {
        let len = writer.finish().unwrap_or_else(|error| panic!("{error}"));
        let again: Result<Vec<_>, _> = Annotations::new(&out[..len]).collect();
        assert_eq!(again.as_ref(), Ok(&read));
    }
    !read.is_empty()
}

/// Samples that one input may make the monitor take.
const SAMPLES_MAX: usize = 12_000;

/// Settings, and then samples, gaps and stretches of a heart for a monitor. Nothing that it says is not a number.
pub fn monitor(data: &[u8]) -> bool {
    let Some((&[rate, gain, baseline, rails], mut steps)) = data.split_first_chunk::<4>() else {
        return false;
    };
    let settings = Settings {
        rails_adu: [(i16::MIN, i16::MAX), (-2048, 2047), (0, 1)][usize::from(rails) % 3],
        ..Settings::new(
            [100.0, 250.0, 360.0, 500.0, 1000.0, 137.31][usize::from(rate) % 6],
            [200.0, 1.0, 1e-6, 1e9, f64::MIN_POSITIVE, f64::MAX][usize::from(gain) % 6],
            [0, 1024, i32::MIN, i32::MAX][usize::from(baseline) % 4],
        )
    };
    let Ok(mut monitor) = Monitor::new(settings).map(Box::new) else { return false };
    let (mut taken, mut beats, mut state) = (0, 0, 1u32);
    while let Some((&[kind, a, b], rest)) = steps.split_first_chunk::<3>() {
        steps = rest;
        let times = 1 + usize::from(kind >> 3);
        match kind & 7 {
            // All gaps of an input together stay below the monitor's largest sample index.
            0 => monitor.gap(1 << (a % 48)),
            1 => monitor.relearn(),
            2 | 3 => {
                let Ok(rate) = settings.check() else { return false };
                let rhythms = [Rhythm::Sinus { bpm: 20.0 + f64::from(b) }, Rhythm::VentricularFibrillation];
                let rhythm = rhythms[usize::from(kind & 1)];
                let Ok(mut heart) = EcgModel::new(rate, 200.0, 1024, f64::from(a) / 100.0, rhythm) else {
                    return false;
                };
                let mut random = || {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    state
                };
                for _ in 0..times * 100 {
                    feed(&mut monitor, heart.next_sample(&mut random), &mut taken, &mut beats);
                }
            }
            // The same again and again, or back and forth.
            low => {
                let sample = i16::from_le_bytes([a, b]);
                for n in 0..times {
                    let flip = low >= 6 && n % 2 == 1;
                    feed(&mut monitor, if flip { !sample } else { sample }, &mut taken, &mut beats);
                }
            }
        }
        if taken > SAMPLES_MAX {
            break;
        }
    }
    beats > 0
}

fn feed(monitor: &mut Monitor, sample: i16, taken: &mut usize, beats: &mut u64) {
    let finite = |correlation: Option<Correlation>| {
        if let Some(Correlation::Defined { rho, parts, .. }) = correlation {
            let all = parts.into_iter().chain([rho]);
            assert!(all.into_iter().all(|value| (-1.001..=1.001).contains(&value)), "{correlation:?}");
        }
    };
    monitor.push(sample);
    *taken += 1;
    while let Some(event) = monitor.poll() {
        match event {
            Event::Beat { r_sample, correlation, with_previous, .. } => {
                assert!(r_sample < monitor.next_sample());
                finite(correlation);
                finite(with_previous);
                *beats += 1;
            }
            Event::Verdict(verdict) => {
                assert!(
                    verdict.threshold.is_finite() && verdict.decided_at <= monitor.next_sample(),
                    "{verdict:?}"
                );
                finite(verdict.correlation);
            }
            Event::Rate { .. } => {}
        }
    }
    assert!(monitor.threshold().is_finite());
}
