//! WFDB, the format of PhysioNet: WFDB Applications Guide, header(5), signal(5) and annot(5).
//!
//! One record for each sampling rate, all signals of a record in one file of format 16. Every record has a grid of its
//! own that begins at its first sample; a point where nothing was measured holds -32768, which signal(5) reserves for
//! that.

use super::calendar::Moment;
use super::series::{Placed, limit};
use super::{Error, File, Recording, SIMULATED, Series, plain_unit};
use bodywire_ecg::wfdb::{
    Annotation, AnnotationCode, AnnotationWriter, Format, Header, SignalSpec, checksum, encode, encoded_len,
};
use bodywire_proto::observation::Signal;

/// Grid points of all signals of a record, gaps included: 128 MiB. Bounds what a long gap costs.
pub const POINTS_MAX: usize = 64 << 20;
/// Ending of the annotations that hold the alarms. It says which program annotated; `atr` is for experts.
pub const ALARMS_ENDING: &str = "alarms";
/// Bytes for one annotation: a skip, its word, and its text with a word before it.
const ANNOTATION_BYTES: usize = 6 + 2 + 2 + 64;

/// `name` in the characters that a record name may have.
fn record_name(name: &str) -> String {
    let word: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if word.is_empty() { "recording".to_owned() } else { word }
}

/// The records of `recording`: header, samples, and alarms if there are any. Their names begin with `name`.
///
/// # Errors
/// [`Error::Empty`], [`Error::Limit`], [`Error::Wfdb`].
pub fn write(recording: &Recording, name: &str) -> Result<Vec<File>, Error> {
    let mut rates: Vec<u32> = recording.series.iter().map(|series| series.rate_millihertz).collect();
    // The fastest first, so that the alarms are with the ECG.
    rates.sort_unstable_by(|a, b| b.cmp(a));
    rates.dedup();
    let (mut files, mut names) = (Vec::new(), Vec::new());
    for rate in rates {
        let group: Vec<&Series> = recording.series.iter().filter(|s| s.rate_millihertz == rate).collect();
        let what = if group.iter().any(|s| s.signal == Signal::Ecg) { "ecg" } else { "numerics" };
        let before = names.iter().filter(|known| **known == what).count();
        names.push(what);
        let number = if before > 0 { format!("_{}", before + 1) } else { String::new() };
        let alarms = files.is_empty();
        let name = format!("{}_{what}{number}", record_name(name));
        record(recording, &group, rate, &name, alarms, &mut files)?;
    }
    if files.is_empty() { Err(Error::Empty) } else { Ok(files) }
}

fn record(
    recording: &Recording,
    group: &[&Series],
    rate_millihertz: u32,
    name: &str,
    alarms: bool,
    files: &mut Vec<File>,
) -> Result<(), Error> {
    let starts = group.iter().flat_map(|series| &series.segments).map(|segment| segment.start_ms);
    let zero_ms = starts.min().ok_or(Error::Empty)?;
    let placed: Vec<Vec<Placed<'_>>> = group.iter().map(|series| series.placed(zero_ms)).collect();
    let frames = placed.iter().flatten().map(Placed::end).max().unwrap_or(0);
    let frames = usize::try_from(frames).unwrap_or(usize::MAX);
    limit("points of a WFDB record", POINTS_MAX, frames.saturating_mul(group.len()))?;

    let mut points = vec![Format::Pcm16.invalid_sample(); frames * group.len()];
    for (number, segments) in placed.iter().enumerate() {
        for segment in segments {
            let begin = (segment.at as usize).saturating_mul(group.len()).saturating_add(number);
            let own = points.iter_mut().skip(begin).step_by(group.len());
            for (point, sample) in own.zip(segment.samples) {
                *point = *sample;
            }
        }
    }
    let mut data = vec![0; encoded_len(Format::Pcm16, points.len())];
    encode(Format::Pcm16, &points, &mut data)?;

    let data_name = format!("{name}.dat");
    let labels: Vec<String> = group.iter().map(|series| label(series)).collect();
    let specs: Vec<SignalSpec<'_>> = group
        .iter()
        .zip(&labels)
        .enumerate()
        .map(|(number, (series, description))| SignalSpec {
            file_name: &data_name,
            gain: f64::from(series.scale.gain_milli) / 1_000.0,
            baseline: i32::from(series.scale.baseline),
            units: plain_unit(series.signal),
            adc_resolution_bits: 16,
            initial_value: points.get(number).copied().map_or(0, i32::from),
            checksum: Some(checksum(points.iter().skip(number).step_by(group.len()).copied())),
            description,
            ..SignalSpec::DEFAULT
        })
        .collect();
    let Moment { year, month, day, hour, minute, second, micros } = Moment::of_ms(zero_ms);
    let time = format!("{hour:02}:{minute:02}:{second:02}.{:03}", micros / 1_000);
    let date = format!("{day:02}/{month:02}/{year:04}");
    let comments = comments(recording, group);
    let rate_hz = f64::from(rate_millihertz) / 1_000.0;
    let mut header = String::new();
    Header::new(name, rate_hz, Some(frames as u64), &specs)?
        .with_start(&time, &date)?
        .with_comments(&comments)
        .write(&mut header)?;

    files.push(File { name: format!("{name}.hea"), bytes: header.into_bytes() });
    files.push(File { name: data_name, bytes: data });
    if alarms && !recording.alarms.is_empty() {
        let bytes = annotations(recording, rate_millihertz, zero_ms)?;
        files.push(File { name: format!("{name}.{ALARMS_ENDING}"), bytes });
    }
    Ok(())
}

/// A signal's description; no two of a record are the same unless their scales differ.
fn label(series: &Series) -> String {
    let simulated = if series.simulated { " SIMULATED" } else { "" };
    format!("{} sensor {}{simulated}", series.signal.name(), series.sensor.0)
}

fn comments(recording: &Recording, group: &[&Series]) -> String {
    let line = |text: &str| text.replace(|c: char| c.is_control(), " ");
    let mut lines = format!("subject {}\nbed {}\n", line(&recording.subject), line(&recording.bed));
    if group.iter().any(|series| series.simulated) {
        lines.push_str(SIMULATED);
        lines.push('\n');
    }
    lines.push_str("-32768: nothing was measured\n");
    lines
}

/// The alarms in the order of time, as notes at the nearest grid point.
fn annotations(recording: &Recording, rate_millihertz: u32, zero_ms: u64) -> Result<Vec<u8>, Error> {
    let mut alarms = recording.alarms.clone();
    alarms.sort_by_key(|alarm| alarm.at_ms);
    let mut bytes = vec![0; 64 + alarms.len() * ANNOTATION_BYTES];
    let mut writer = AnnotationWriter::new(&mut bytes);
    for alarm in alarms {
        let after = u128::from(alarm.at_ms.saturating_sub(zero_ms));
        let point = (after * u128::from(rate_millihertz) + 500_000) / 1_000_000;
        let text = alarm.text();
        let sample = u64::try_from(point).unwrap_or(u64::MAX);
        writer.push(&Annotation { aux: text.as_bytes(), ..Annotation::new(sample, AnnotationCode::NOTE) })?;
    }
    let used = writer.finish()?;
    bytes.truncate(used);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::AlarmMark;
    use super::super::series::tests::{ecg, push};
    use super::*;
    use bodywire_ecg::wfdb::{Annotations, Recording as Read};
    use bodywire_proto::observation::{BatchHeader, Scale};
    use bodywire_proto::report::Condition;
    use proptest::prelude::*;

    fn file<'a>(files: &'a [File], name: &str) -> &'a [u8] {
        &files.iter().find(|file| file.name == name).unwrap().bytes
    }

    #[test]
    fn exact_text() {
        let mut recording = Recording::new("p 7\nx", "b", 0, 1 << 41).unwrap();
        push(&mut recording, &ecg(0), &[1_024, 1_224], 1_769_847_300_250).unwrap();
        push(&mut recording, &ecg(4), &[1_026], 1_769_847_300_266).unwrap();
        let saturation = BatchHeader {
            signal: Signal::SpO2,
            simulated: false,
            rate_millihertz: 200,
            scale: Scale { gain_milli: 10_000, baseline: 0 },
            ..ecg(0)
        };
        push(&mut recording, &saturation, &[970], 1_769_847_301_000).unwrap();
        let alarm = AlarmMark { at_ms: 1_769_847_300_255, condition: Condition::Pause, present: true };
        recording.push_alarm(alarm).unwrap();
        let files = write(&recording, "bed 1").unwrap();
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "bed_1_ecg.hea",
                "bed_1_ecg.dat",
                "bed_1_ecg.alarms",
                "bed_1_numerics.hea",
                "bed_1_numerics.dat"
            ]
        );
        assert_eq!(
            String::from_utf8_lossy(file(&files, "bed_1_ecg.hea")),
            "bed_1_ecg 1 250 5 08:15:00.250 31/01/2026\n\
             bed_1_ecg.dat 16 200(1024)/mV 16 0 1024 3274 0 ecg sensor 2 SIMULATED\n\
             # subject p 7 x\n# bed b\n# SIMULATED (HTEST): test data, not of a patient in care\n\
             # -32768: nothing was measured\n"
        );
        assert_eq!(file(&files, "bed_1_ecg.dat"), [0, 4, 200, 4, 0, 128, 0, 128, 2, 4]);
        assert_eq!(
            String::from_utf8_lossy(file(&files, "bed_1_numerics.hea")),
            "bed_1_numerics 1 0.2 1 08:15:01.000 31/01/2026\n\
             bed_1_numerics.dat 16 10(0)/% 16 0 970 970 0 spo2 sensor 2\n\
             # subject p 7 x\n# bed b\n# -32768: nothing was measured\n"
        );
        let notes: Vec<_> = Annotations::new(file(&files, "bed_1_ecg.alarms")).map(Result::unwrap).collect();
        assert_eq!((notes[0].sample, notes[0].text()), (1, "ALARM BEGINS: PAUSE"));
    }

    #[test]
    fn nothing_and_a_gap_of_years_are_refused() {
        let mut recording = Recording::new("p", "b", 0, 1 << 41).unwrap();
        assert!(matches!(write(&recording, "x"), Err(Error::Empty)));
        push(&mut recording, &ecg(0), &[1], 0).unwrap();
        push(&mut recording, &ecg(1), &[1], 1 << 40).unwrap();
        assert!(matches!(write(&recording, "x"), Err(Error::Limit { .. })));
    }

    #[test]
    fn the_longest_text_of_an_alarm_fits() {
        let longest = Condition::ALL
            .into_iter()
            .map(|condition| AlarmMark { at_ms: 0, condition, present: true }.text().len());
        assert!(longest.max().unwrap() <= 64);
    }

    proptest! {
        #[test]
        fn our_own_reader_reads_it(
            runs in prop::collection::vec((prop::collection::vec(-32_767i16.., 1..40), 0u64..50), 1..6),
            others in prop::collection::vec(prop::collection::vec(any::<i16>(), 1..9), 0..4),
        ) {
            let mut recording = Recording::new("p", "b", 0, 1 << 41).unwrap();
            let (mut at, mut expected) = (0u64, Vec::new());
            for (samples, gap) in &runs {
                push(&mut recording, &ecg(at), samples, 4_000 + at * 4).unwrap();
                at += samples.len() as u64 + gap;
                expected.extend(samples);
                expected.extend(vec![i16::MIN; *gap as usize]);
            }
            expected.truncate(expected.len() - runs.last().unwrap().1 as usize);
            for (number, samples) in others.iter().enumerate() {
                let header = BatchHeader { signal: Signal::SpO2, rate_millihertz: 200 + number as u32, ..ecg(0) };
                push(&mut recording, &header, samples, 5_000).unwrap();
            }
            let files = write(&recording, "x").unwrap();
            let mut records = 0;
            for header in files.iter().filter(|file| file.name.ends_with(".hea")) {
                let text = std::str::from_utf8(&header.bytes).unwrap();
                let header = Header::parse(text).unwrap();
                let data = file(&files, header.signals()[0].file_name);
                let read = Read::new(&header, data).unwrap();
                let samples: Vec<i16> = read.signal(0).collect();
                prop_assert_eq!(header.signals()[0].checksum, Some(checksum(samples.iter().copied())));
                if header.sample_rate_hz() == 250.0 {
                    prop_assert_eq!(&samples, &expected);
                } else {
                    prop_assert!(others.contains(&samples));
                }
                records += 1;
            }
            prop_assert_eq!(records, 1 + others.len());
        }
    }
}
