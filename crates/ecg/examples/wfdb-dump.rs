//! What the crate reads and writes, for comparison with other software (`scripts/cross-check-ecg`):
//!
//! ```text
//! wfdb-dump samples HEADER              samples of all signals, signal by signal, as 16-bit numbers, low byte first
//! wfdb-dump annotations FILE            a line for each: sample, code, subtype, channel, number, text in hexadecimal
//! wfdb-dump write HEADER FORMAT SHIFT FOLDER   the record again in another format, samples shifted right by SHIFT bits
//! wfdb-dump rewrite FILE OUT            the annotation file again
//! wfdb-dump peaks HEADER                R peaks of the first signal, a sample index on each line
//! wfdb-dump match REFERENCE DETECTED TOLERANCE   pairs of line numbers, from 0, of two files of sample indices
//! ```
#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

use bodywire_ecg::{
    SampleRate,
    clean::Cleaner,
    detect::Detector,
    evaluate::{Match, match_beats},
    strip::Strip,
    wfdb::{
        AnnotationWriter, Annotations, Format, Header, Recording, SignalSpec, checksum, encode, encoded_len,
    },
};
use std::{
    error::Error,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

type Done<T> = Result<T, Box<dyn Error>>;

fn main() -> Done<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["samples", header] => samples(header),
        ["annotations", file] => annotations(file),
        ["write", header, format, shift, folder] => write(header, format.parse()?, shift.parse()?, folder),
        ["rewrite", file, out] => rewrite(file, out),
        ["peaks", header] => peaks(header),
        ["match", reference, detected, tolerance] => matched(reference, detected, tolerance.parse()?),
        _ => Err("see the head of crates/ecg/examples/wfdb-dump.rs for the arguments".into()),
    }
}

/// The samples of every signal, in the order of the header.
fn signals(header: &Header<'_>, path: &str) -> Done<Vec<Vec<i16>>> {
    let mut all = vec![Vec::new(); header.signals().len()];
    for name in header.file_names() {
        let bytes = fs::read(Path::new(path).with_file_name(name))?;
        let recording = Recording::of_file(header, name, &bytes)?;
        for (within, (number, _)) in header.signals_in(name).enumerate() {
            all[number] = recording.signal(within).collect();
        }
    }
    Ok(all)
}

fn samples(path: &str) -> Done<()> {
    let text = fs::read_to_string(path)?;
    let samples: Vec<i16> = signals(&Header::parse(&text)?, path)?.concat();
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    Ok(std::io::stdout().write_all(&bytes)?)
}

fn annotations(path: &str) -> Done<()> {
    let mut lines = String::new();
    for annotation in Annotations::new(&fs::read(path)?) {
        let a = annotation?;
        write!(lines, "{} {} {} {} {} ", a.sample, a.code.number(), a.subtype, a.channel, a.number)?;
        a.aux.iter().try_for_each(|byte| write!(lines, "{byte:02x}"))?;
        lines.push('\n');
    }
    print!("{lines}");
    Ok(())
}

fn write(path: &str, format: u16, shift: u32, folder: &str) -> Done<()> {
    let text = fs::read_to_string(path)?;
    let header = Header::parse(&text)?;
    let format = Format::ALL.into_iter().find(|f| f.number() == format).ok_or("there is no such format")?;
    let mut all = signals(&header, path)?;
    all.iter_mut().flatten().for_each(|sample| *sample >>= shift);
    let specs: Vec<SignalSpec<'_>> = header
        .signals()
        .iter()
        .zip(&all)
        .map(|(spec, samples)| SignalSpec {
            format,
            byte_offset: 0,
            skew_frames: 0,
            gain: spec.gain / f64::from(1u32 << shift),
            baseline: spec.baseline >> shift,
            initial_value: samples.first().copied().unwrap_or(0).into(),
            checksum: Some(checksum(samples.iter().copied())),
            ..*spec
        })
        .collect();
    let frames = all.first().map_or(0, Vec::len) / specs.first().map_or(1, |s| s.samples_per_frame.into());
    let comments: Vec<&str> = header.comments().collect();
    let comments = comments.join("\n");
    let written = Header::new(header.record_name(), header.sample_rate_hz(), Some(frames as u64), &specs)?
        .with_start(header.start_time(), header.start_date())?
        .with_comments(&comments);
    let (mut text, folder) = (String::new(), PathBuf::from(folder));
    written.write(&mut text)?;
    let mut name = PathBuf::from(header.record_name());
    name.set_extension("hea");
    fs::write(folder.join(name), text)?;
    for name in written.file_names() {
        let mut interleaved = Vec::new();
        for frame in 0..frames {
            for (number, spec) in written.signals_in(name) {
                let count = usize::from(spec.samples_per_frame);
                interleaved.extend_from_slice(&all[number][frame * count..][..count]);
            }
        }
        let mut bytes = vec![0; encoded_len(format, interleaved.len())];
        encode(format, &interleaved, &mut bytes)?;
        fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}

fn rewrite(path: &str, out: &str) -> Done<()> {
    let bytes = fs::read(path)?;
    // What this writer adds to another's file is a skip and a few modifiers for each annotation at most.
    let mut buffer = vec![0; bytes.len() * 8 + 2];
    let mut writer = AnnotationWriter::new(&mut buffer);
    for (number, annotation) in Annotations::new(&bytes).enumerate() {
        let annotation = annotation?;
        match annotation.time_resolution_hz() {
            Some(hz) if number == 0 => writer.time_resolution(hz)?,
            _ => writer.push(&annotation)?,
        }
    }
    let len = writer.finish()?;
    Ok(fs::write(out, &buffer[..len])?)
}

fn peaks(path: &str) -> Done<()> {
    let text = fs::read_to_string(path)?;
    let header = Header::parse(&text)?;
    let spec = header.signals().first().ok_or("the record has no signal")?;
    let rate = SampleRate::new(spec.sample_rate_hz(header.sample_rate_hz()))?;
    let (mut cleaner, mut detector, mut strip) = (Cleaner::new(rate), Detector::new(rate, 0), Strip::new(0));
    let mut lines = String::new();
    for sample in signals(&header, path)?.swap_remove(0) {
        let cleaned = cleaner.push(spec.physical(sample) as f32);
        strip.push(cleaned.shape_mv);
        if let Some(peak) = detector.push(cleaned, &strip) {
            writeln!(lines, "{peak}")?;
        }
    }
    print!("{lines}");
    Ok(())
}

fn matched(reference: &str, detected: &str, tolerance: u64) -> Done<()> {
    let read = |path: &str| -> Done<Vec<u64>> {
        fs::read_to_string(path)?.lines().map(|line| Ok(line.parse()?)).collect()
    };
    for found in match_beats(read(reference)?, read(detected)?, tolerance) {
        if let Match::Pair { reference, detected } = found {
            println!("{reference} {detected}");
        }
    }
    Ok(())
}
