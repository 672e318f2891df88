//! The writer against a small reader of EDF+ and against exact bytes.

use super::super::AlarmMark;
use super::super::series::tests::{ecg, push};
use super::*;
use bodywire_proto::observation::{BatchHeader, Scale, Signal};
use bodywire_proto::report::Condition;
use proptest::prelude::*;

/// 31 January 2026, 08:15:00.250.
const START_MS: u64 = 1_769_847_300_250;

/// What stands in a file: the onset of each record in microseconds, samples of each signal by record, all texts.
struct Read {
    plus: String,
    onsets: Vec<f64>,
    signals: Vec<Vec<Vec<i16>>>,
    texts: Vec<String>,
}

fn read(bytes: &[u8]) -> Read {
    let text = |at: usize, len: usize| std::str::from_utf8(&bytes[at..at + len]).unwrap().trim().to_owned();
    let signals: usize = text(252, 4).parse().unwrap();
    let (head, records): (usize, usize) = (text(184, 8).parse().unwrap(), text(236, 8).parse().unwrap());
    assert_eq!(head, 256 * (signals + 1));
    let widths: Vec<usize> =
        (0..signals).map(|n| text(256 + 216 * signals + 8 * n, 8).parse().unwrap()).collect();
    assert_eq!(bytes.len(), head + records * 2 * widths.iter().sum::<usize>());
    let mut read =
        Read { plus: text(192, 44), onsets: vec![], signals: vec![vec![]; signals - 1], texts: vec![] };
    let mut at = head;
    for _ in 0..records {
        for (number, width) in widths.iter().enumerate() {
            let part = &bytes[at..at + 2 * width];
            at += 2 * width;
            if let Some(signal) = read.signals.get_mut(number) {
                signal.push(part.chunks(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect());
                continue;
            }
            for (index, list) in part.split(|b| *b == 0).filter(|list| !list.is_empty()).enumerate() {
                let list = std::str::from_utf8(list).unwrap();
                if index == 0 {
                    read.onsets.push(list.trim_end_matches('\u{14}').parse().unwrap());
                } else {
                    read.texts.push(list.replace('\u{14}', "|").replace('\u{15}', "~"));
                }
            }
        }
    }
    read
}

fn numerics(rate_millihertz: u32) -> BatchHeader {
    let scale = Scale { gain_milli: 10_000, baseline: 0 };
    BatchHeader { signal: Signal::SpO2, simulated: false, rate_millihertz, scale, ..ecg(0) }
}

#[test]
fn exact_header_and_what_a_gap_looks_like() {
    let mut recording = Recording::new("p 7", "b 1", 0, 1 << 41).unwrap();
    push(&mut recording, &ecg(0), &[5; 250], START_MS).unwrap();
    push(&mut recording, &ecg(500), &[6; 100], START_MS + 2_000).unwrap();
    push(&mut recording, &ecg(625), &[7; 125], START_MS + 2_500).unwrap();
    let alarm = AlarmMark { at_ms: START_MS + 2_125, condition: Condition::Pause, present: false };
    recording.push_alarm(alarm).unwrap();
    let files = write(&recording, "x", Gaps::LeftOut).unwrap();
    assert_eq!((files.len(), files[0].name.as_str()), (1, "x.edf"));
    let header = std::str::from_utf8(&files[0].bytes[..768]).unwrap();
    let fields = [
        ("0", 8),
        ("p_7 X X X", 80),
        ("Startdate 31-JAN-2026 b_1 X BodyWire SIMULATED", 80),
        ("31.01.26", 8),
        ("08.15.00", 8),
        ("768", 8),
        ("EDF+D", 44),
        ("2", 8),
        ("1", 8),
        ("2", 4),
        ("ECG", 16),
        ("EDF Annotations", 16),
        ("sensor 2 SIMULATED", 80),
        ("", 80),
        ("mV", 8),
        ("", 8),
        ("-168.960", 8),
        ("-1", 8),
        ("158.7150", 8),
        ("1", 8),
        ("-32768", 8),
        ("-32768", 8),
        ("32767", 8),
        ("32767", 8),
        ("", 160),
        ("250", 8),
        ("", 72),
    ];
    let mut at = 0;
    for (text, len) in fields.into_iter().take(25) {
        assert_eq!(&header[at..at + len], format!("{text:<len$}"), "at {at}");
        at += len;
    }
    let read = read(&files[0].bytes);
    assert_eq!((read.plus.as_str(), read.onsets), ("EDF+D", vec![0.25, 2.25]));
    let second = [vec![6; 100], vec![NOT_MEASURED; 25], vec![7; 125]].concat();
    assert_eq!(read.signals, [[vec![5; 250], second]]);
    assert_eq!(
        read.texts,
        [
            "+0.25|SIMULATED (HTEST): test data, not of a patient in care|",
            "+2.375|ALARM ENDS: PAUSE|",
            "+2.65~0.1|Not measured: ECG|"
        ]
    );
}

#[test]
fn gaps_are_written_where_that_is_wanted() {
    let mut recording = Recording::new("p", "b", 0, 1 << 41).unwrap();
    push(&mut recording, &ecg(0), &[5; 250], START_MS).unwrap();
    push(&mut recording, &ecg(750), &[6; 250], START_MS + 3_000).unwrap();
    let read = read(&write(&recording, "x", Gaps::Written).unwrap()[0].bytes);
    assert_eq!((read.plus.as_str(), read.onsets), ("EDF+C", vec![0.25, 1.25, 2.25, 3.25]));
    assert_eq!(read.signals[0].concat(), [vec![5; 250], vec![NOT_MEASURED; 500], vec![6; 250]].concat());
    assert_eq!(read.texts[1], "+1.25~2|Not measured: ECG|");
}

#[test]
fn rates_share_records_when_a_minute_holds_whole_samples_of_all() {
    let mut recording = Recording::new("p", "b", 0, 1 << 41).unwrap();
    push(&mut recording, &ecg(0), &[5; 2_500], START_MS).unwrap();
    push(&mut recording, &numerics(200), &[970, 980], START_MS).unwrap();
    let files = write(&recording, "x", Gaps::LeftOut).unwrap();
    let read_file = read(&files[0].bytes);
    assert_eq!((read_file.plus.as_str(), read_file.onsets), ("EDF+C", vec![0.25, 5.25]));
    assert_eq!(read_file.signals[1], [[970], [980]]);
    push(&mut recording, &numerics(7), &[1], START_MS).unwrap();
    let files = write(&recording, "x", Gaps::LeftOut).unwrap();
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["x_1.edf", "x_2.edf", "x_3.edf"]);
    assert!(files.iter().all(|file| read(&file.bytes).plus == "EDF+C"));
}

#[test]
fn what_cannot_be_said_is_refused() {
    let mut recording = Recording::new("p", "b", 0, 1 << 41).unwrap();
    assert!(matches!(write(&recording, "x", Gaps::LeftOut), Err(Error::Empty)));
    push(&mut recording, &ecg(0), &[1], 0).unwrap();
    assert!(matches!(write(&recording, "x", Gaps::LeftOut), Err(Error::Time { .. })));
    for (rate_millihertz, gain_milli) in [(u32::MAX, 1_000), (250_000, 1)] {
        let mut recording = Recording::new("p", "b", 0, 1 << 41).unwrap();
        let scale = Scale { gain_milli, baseline: 0 };
        push(&mut recording, &BatchHeader { rate_millihertz, scale, ..ecg(0) }, &[1], START_MS).unwrap();
        assert!(
            matches!(write(&recording, "x", Gaps::LeftOut), Err(Error::Signal { .. })),
            "{rate_millihertz}"
        );
    }
}

proptest! {
    #[test]
    fn every_sample_is_read_back_at_its_time(
        runs in prop::collection::vec((prop::collection::vec(-32_767i16.., 1..400), 0u64..700), 1..6),
        readings in prop::collection::vec(-32_767i16.., 0..9),
        gaps in prop::sample::select(vec![Gaps::LeftOut, Gaps::Written]),
    ) {
        let mut recording = Recording::new("p", "b", 0, 1 << 41).unwrap();
        let (mut at, mut expected) = (0u64, std::collections::BTreeMap::new());
        for (samples, gap) in &runs {
            push(&mut recording, &ecg(at), samples, START_MS + at * 4).unwrap();
            expected.extend(samples.iter().enumerate().map(|(i, s)| (at + i as u64, *s)));
            at += samples.len() as u64 + gap;
        }
        if !readings.is_empty() {
            push(&mut recording, &numerics(500), &readings, START_MS).unwrap();
        }
        let files = write(&recording, "x", gaps).unwrap();
        let read = read(&files[0].bytes);
        let mut found = std::collections::BTreeMap::new();
        for (onset, record) in read.onsets.iter().zip(&read.signals[0]) {
            let first = ((onset - 0.25) * 250.0).round() as u64;
            let measured = record.iter().enumerate().filter(|(_, s)| **s != NOT_MEASURED);
            found.extend(measured.map(|(i, s)| (first + i as u64, *s)));
        }
        prop_assert_eq!(found, expected);
        let texts: f64 = read.texts.iter().filter(|t| t.contains("measured: ECG")).map(|t| {
            t.split(['~', '|']).nth(1).unwrap().parse::<f64>().unwrap()
        }).sum();
        let holes = read.signals[0].iter().flatten().filter(|s| **s == NOT_MEASURED).count();
        prop_assert!((texts * 250.0 - holes as f64).abs() < 0.01);
    }
}
