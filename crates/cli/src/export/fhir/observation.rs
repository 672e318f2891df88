//! Observations: numbers one by one, an ECG in pieces.

use super::super::calendar::Moment;
use super::super::series::Placed;
use super::super::{Error, Recording, Series};
use super::{Bundle, address, codes, concept, decimal, patient, resource, sensor_key};
use bodywire_proto::observation::Signal;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write;

/// Length of a piece of an ECG, in seconds: some 100 KiB of text.
const PIECE_SECONDS: u64 = 60;
/// Samples in a piece, for sensors that are faster than any ECG needs; bounds how many `E` a gap can cost.
const PIECE_SAMPLES_MAX: u64 = 60_000;
/// Stands for a sample that was not measured ([SampledData](http://hl7.org/fhir/R4/datatypes.html#SampledData)).
const NOT_MEASURED: &str = "E";
const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";

/// Writes the observations of a series.
pub(super) fn write<W: Write>(
    recording: &Recording,
    series: &Series,
    bundle: &mut Bundle<'_, W>,
) -> Result<(), Error> {
    let mut keys = Keys::default();
    if series.signal == Signal::Ecg {
        let zero_ms = series.segments.first().map_or(0, |segment| segment.start_ms);
        for piece in pieces(series, zero_ms) {
            let key = keys.of(recording, series, piece.start_us);
            bundle.entry(&key, wave(recording, series, &piece, &key))?;
        }
        return Ok(());
    }
    for segment in &series.segments {
        for (index, sample) in segment.samples.iter().enumerate() {
            let time_us = series.time_us(segment, index);
            let key = keys.of(recording, series, time_us);
            bundle.entry(&key, number(recording, series, time_us, *sample, &key))?;
        }
    }
    Ok(())
}

/// Makes keys of a series' times, also when a clock was set back and a time returns.
#[derive(Default)]
struct Keys {
    latest_us: Option<u64>,
    returned: u64,
}

impl Keys {
    fn of(&mut self, recording: &Recording, series: &Series, time_us: u64) -> String {
        if self.latest_us.is_some_and(|latest| time_us <= latest) {
            self.returned += 1;
        } else {
            self.latest_us = Some(time_us);
        }
        let (Recording { subject, bed, .. }, scale) = (recording, series.scale);
        format!(
            "observation\n{subject}\n{bed}\n{}\n{}\n{}\n{}\n{}\n{}\n{time_us}\n{}",
            series.sensor.0,
            series.signal.code(),
            series.rate_millihertz,
            scale.gain_milli,
            scale.baseline,
            series.simulated,
            self.returned
        )
    }
}

fn coded(signal: Signal) -> Value {
    let code =
        |code: &codes::Code| json!({"system": code.system, "code": code.code, "display": code.display});
    json!({"coding": codes::row(signal).codes.iter().map(code).collect::<Vec<_>>()})
}

fn quantity(signal: Signal, value: f64) -> Value {
    let row = codes::row(signal);
    json!({"value": decimal(value), "unit": row.unit, "system": codes::UCUM, "code": row.ucum})
}

fn observation(recording: &Recording, series: &Series, key: &str, own: Value) -> Value {
    let row = codes::row(series.signal);
    let mut fields = json!({
        "status": "final",
        "category": [concept(CATEGORY, row.category.0, row.category.1)],
        "code": coded(series.signal),
        "subject": patient(&recording.subject),
        "device": {"reference": address(&sensor_key(&recording.bed, series.sensor))},
    });
    if let (Some(fields), Value::Object(mut own)) = (fields.as_object_mut(), own) {
        fields.append(&mut own);
    }
    resource("Observation", key, row.profile, series.simulated, fields)
}

fn number(recording: &Recording, series: &Series, time_us: u64, sample: i16, key: &str) -> Value {
    let own = json!({
        "effectiveDateTime": Moment::of_us(time_us).iso_us(),
        "valueQuantity": quantity(series.signal, series.scale.value(sample)),
    });
    observation(recording, series, key, own)
}

/// A run of samples of at most [`PIECE_SECONDS`], which begins and ends with a measured one.
struct Piece {
    start_us: u64,
    end_us: u64,
    data: String,
}

/// The pieces of an ECG. A gap within one is written as `E`, one between two is not written.
fn pieces(series: &Series, zero_ms: u64) -> Vec<Piece> {
    let rate = u64::from(series.rate_millihertz);
    let longest = (PIECE_SECONDS * rate / 1_000).clamp(1, PIECE_SAMPLES_MAX);
    let time = |at: u64| {
        let after = u128::from(at) * 1_000_000_000 / u128::from(rate.max(1));
        zero_ms.saturating_mul(1_000).saturating_add(u64::try_from(after).unwrap_or(u64::MAX))
    };
    let mut pieces: Vec<Piece> = Vec::new();
    // Grid points of the open piece's begin and behind its end.
    let mut open: Option<(u64, u64)> = None;
    for Placed { at, samples } in series.placed(zero_ms) {
        for (at, sample) in (at..).zip(samples) {
            match (open, pieces.last_mut()) {
                (Some((begin, end)), Some(piece)) if at - begin < longest => {
                    for _ in end..at {
                        let _ = write!(piece.data, " {NOT_MEASURED}");
                    }
                    // Writing to a string cannot fail.
                    let _ = write!(piece.data, " {sample}");
                    piece.end_us = time(at);
                    open = Some((begin, at + 1));
                }
                _ => {
                    pieces.push(Piece { start_us: time(at), end_us: time(at), data: sample.to_string() });
                    open = Some((at, at + 1));
                }
            }
        }
    }
    pieces
}

fn wave(recording: &Recording, series: &Series, piece: &Piece, key: &str) -> Value {
    let row = codes::row(series.signal);
    let own = json!({
        "effectivePeriod": {
            "start": Moment::of_us(piece.start_us).iso_us(),
            "end": Moment::of_us(piece.end_us).iso_us(),
        },
        "component": [{
            "code": coded(series.signal),
            "valueSampledData": {
                "origin": {
                    "value": decimal(series.scale.value(0)),
                    "unit": row.unit,
                    "system": codes::UCUM,
                    "code": row.ucum,
                },
                "period": decimal(1_000_000.0 / f64::from(series.rate_millihertz)),
                "factor": decimal(1_000.0 / f64::from(series.scale.gain_milli)),
                "dimensions": 1,
                "data": piece.data,
            },
        }],
    });
    observation(recording, series, key, own)
}
