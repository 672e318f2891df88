//! Writes a recording in every format, with what is in it beside, for readers by others: `scripts/cross-check-exports`.

use super::edf::Gaps;
use super::fhir::{Access, AuditRecord, ConsentRecord, Purpose};
use super::{AlarmMark, Recording, csv, edf, fhir, wfdb};
use bodywire_ecg::SampleRate;
use bodywire_ecg::synthetic::{EcgModel, Rhythm};
use bodywire_proto::observation::{BATCH_SAMPLES_MAX, Batch, BatchHeader, Scale, Signal, emit};
use bodywire_proto::report::Condition;
use bodywire_proto::wire::SensorId;
use serde_json::{Value, json};
use std::path::Path;

/// 31 January 2026, 08:15:00.250.
const START_MS: u64 = 1_769_847_300_250;

/// Pushes what one sensor measured, in batches, without the samples of `lost`.
fn measure(
    recording: &mut Recording,
    sensor: u16,
    header: BatchHeader,
    samples: &[i16],
    batch: usize,
    lost: &[std::ops::Range<usize>],
) {
    let kept = |at: &usize| !lost.iter().any(|range| range.contains(at));
    let mut at = 0;
    while at < samples.len() {
        let end = (at + 1..samples.len())
            .take(batch - 1)
            .find(|i| !kept(i))
            .unwrap_or((at + batch).min(samples.len()));
        if kept(&at) {
            let header = BatchHeader { first_index: at as u64, ..header };
            let mut buffer = vec![0; 64 + 3 * BATCH_SAMPLES_MAX];
            let (used, _) = emit(&header, &samples[at..end], &mut buffer).unwrap();
            let start_ms = START_MS + header.time_of(at as u64) / 1_000;
            recording.push(SensorId(sensor), &Batch::parse(&buffer[..used]).unwrap(), start_ms).unwrap();
            at = end;
        } else {
            at += 1;
        }
    }
}

/// Twelve minutes of a bed: an ECG with short and long gaps, numbers at other rates, one series that was not simulated,
/// one with all values of a sample but the one that means nothing was measured.
fn recording() -> Recording {
    let mut recording = Recording::new("subject-7", "bed 1", 0, 1 << 41).unwrap();
    let mut state = 1u32;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    let header = |signal, rate_millihertz, gain_milli, baseline| BatchHeader {
        signal,
        simulated: true,
        rate_millihertz,
        scale: Scale { gain_milli, baseline },
        first_index: 0,
        time_us: 0,
    };
    let rate = SampleRate::new(360.0).unwrap();
    let mut model = EcgModel::new(rate, 200.0, 0, 0.02, Rhythm::Sinus { bpm: 72.0 }).unwrap();
    let ecg: Vec<i16> = (0..720 * 360).map(|_| model.next_sample(&mut random)).collect();
    let lost = [100..103, 36_000..36_400, 50_000..50_001, 72_000..130_000, 259_000..259_100];
    measure(&mut recording, 2, header(Signal::Ecg, 360_000, 200_000, 0), &ecg, 90, &lost);
    let slow = |low: i16, span: u32, count: usize, random: &mut dyn FnMut() -> u32| -> Vec<i16> {
        (0..count).map(|_| low + (random() % span) as i16).collect()
    };
    let saturation = slow(900, 100, 144, &mut random);
    measure(&mut recording, 3, header(Signal::SpO2, 200, 10_000, 0), &saturation, 1, &[3..4, 60..100]);
    let temperature = BatchHeader { simulated: false, ..header(Signal::Temperature, 200, 10_000, -200) };
    measure(
        &mut recording,
        4,
        temperature,
        &slow(160, 30, 144, &mut random),
        2,
        std::slice::from_ref(&(10..30)),
    );
    measure(
        &mut recording,
        5,
        header(Signal::Respiration, 500, 10_000, 0),
        &slow(120, 80, 360, &mut random),
        5,
        &[],
    );
    measure(
        &mut recording,
        6,
        header(Signal::InsulinRate, 100, 1_000_000, 0),
        &slow(0, 2_000, 72, &mut random),
        1,
        &[],
    );
    let all: Vec<i16> = (i16::MIN + 1..=i16::MAX).collect();
    measure(&mut recording, 7, header(Signal::Ecg, 100_000, 123_457, 321), &all, 16_000, &[]);
    for (after_ms, present) in [(30_000, true), (45_500, false), (400_125, true)] {
        let alarm = AlarmMark { at_ms: START_MS + after_ms, condition: Condition::Tachycardia, present };
        recording.push_alarm(alarm).unwrap();
    }
    recording
}

fn truth(recording: &Recording) -> Value {
    let series = recording.series.iter().map(|series| {
        let segments = series.segments.iter().map(|s| json!({"start_ms": s.start_ms, "samples": s.samples}));
        json!({
            "sensor": series.sensor.0,
            "signal": series.signal.name(),
            "unit": series.unit(),
            "rate_millihertz": series.rate_millihertz,
            "gain_milli": series.scale.gain_milli,
            "baseline": series.scale.baseline,
            "simulated": series.simulated,
            "segments": segments.collect::<Vec<_>>(),
        })
    });
    let alarms = recording.alarms.iter().map(|alarm| json!({"at_ms": alarm.at_ms, "text": alarm.text()}));
    json!({
        "subject": recording.subject,
        "series": series.collect::<Vec<_>>(),
        "alarms": alarms.collect::<Vec<_>>(),
    })
}

fn audit() -> Vec<AuditRecord> {
    let accesses =
        [Access::Read, Access::Refused, Access::Exported, Access::OverrideStarted, Access::OverrideStopped];
    let record = |(entry, access): (u64, Access)| AuditRecord {
        house: "house-1".into(),
        entry,
        at_ms: START_MS + 1_000 * entry,
        access,
        who: "clinician-3".into(),
        purpose: if entry > 2 { Purpose::BreakTheGlass } else { Purpose::Treatment },
        reason: (entry > 2).then(|| "no pulse".into()),
        subject: "subject-7".into(),
        simulated: true,
    };
    (0..).zip(accesses).map(record).collect()
}

fn consent() -> ConsentRecord {
    ConsentRecord {
        subject: "subject-7".into(),
        bed: "bed 1".into(),
        sensor: SensorId(6),
        session: 3,
        given_ms: START_MS,
        until_ms: START_MS + 3_600_000,
        active: true,
        house: "house-1".into(),
        simulated: true,
    }
}

#[test]
fn is_written_in_every_format() {
    let recording = recording();
    assert_eq!(recording.series.len(), 6);
    let mut bundle = Vec::new();
    fhir::write(&recording, &audit(), &[consent()], &mut bundle).unwrap();
    let mut table = Vec::new();
    csv::write(&recording, &mut table).unwrap();
    let records = wfdb::write(&recording, "bed-1").unwrap();
    let edf = edf::write(&recording, "bed-1", Gaps::Written).unwrap();
    // With the ECG alone whole records are missing, so that the file is discontinuous.
    let mut alone = recording.clone();
    alone.series.truncate(1);
    let discontinuous = edf::write(&alone, "ecg-alone", Gaps::LeftOut).unwrap();
    let statement = fhir::capability_statement(env!("CARGO_PKG_VERSION"), "2026-01-31");
    // The script says where it wants the files; without it, that they can be made is all.
    let Some(folder) = std::env::var_os("BODYWIRE_EXPORTS") else { return };
    let write = |name: &str, bytes: &[u8]| std::fs::write(Path::new(&folder).join(name), bytes).unwrap();
    for file in records.iter().chain(&edf).chain(&discontinuous) {
        write(&file.name, &file.bytes);
    }
    write("bundle.json", &bundle);
    write("table.csv", &table);
    write("statement.json", statement.to_string().as_bytes());
    write("truth.json", truth(&recording).to_string().as_bytes());
}
