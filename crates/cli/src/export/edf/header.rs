//! The header record of EDF+: fields of fixed length in ASCII (sections 2.1.1 and 2.1.3).

use super::super::calendar::Moment;
use super::super::{Error, Recording, Series, ascii_word, plain_unit};
use super::Channel;
use bodywire_proto::observation::Signal;

/// Bytes of the header, and again for each signal.
const PART_BYTES: usize = 256;
/// Years that two digits can say (section 2.1.3, item 2).
const YEARS: std::ops::RangeInclusive<u64> = 1985..=2084;
/// Bytes of a number.
const NUMBER: usize = 8;

/// The signal's label: the standard texts of EDF+ where there is one.
pub(super) const fn label(series: &Series) -> &'static str {
    match series.signal {
        Signal::Ecg => "ECG",
        Signal::SpO2 => "SaO2",
        Signal::Respiration => "Resp rate",
        Signal::Temperature => "Temp body",
        Signal::InsulinRate => "Insulin rate",
        Signal::HeartRate => "Heart rate",
    }
}

/// `text` in exactly `len` bytes of ASCII, cut or filled with spaces.
fn field(out: &mut Vec<u8>, text: &str, len: usize) {
    let ascii = text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c as u8 } else { b'_' });
    out.extend(ascii.chain(std::iter::repeat(b' ')).take(len));
}

/// `value` as closely as eight characters say it, without an exponent.
fn number(value: f64) -> Option<String> {
    let decimals = (0..NUMBER).rev();
    let fits = |text: &String| text.len() <= NUMBER;
    decimals.map(|decimals| format!("{value:.decimals$}")).find(fits)
}

/// The value of a sample as it stands in the header.
fn physical(series: &Series, sample: i16) -> Result<String, Error> {
    let why = "the values of its lowest and highest sample do not fit eight characters";
    let bad = Error::Signal { signal: series.signal.name(), format: "EDF+", why };
    number(series.scale.value(sample)).ok_or(bad)
}

pub(super) fn write(
    recording: &Recording,
    channels: &[Channel<'_>],
    zero_ms: u64,
    record_ms: u64,
    annotation_bytes: usize,
    records: u64,
    plus: &str,
) -> Result<Vec<u8>, Error> {
    let at = Moment::of_ms(zero_ms);
    if !YEARS.contains(&at.year) {
        return Err(Error::Time { ms: zero_ms, why: "EDF+ has years from 1985 to 2084" });
    }
    let mut ranges = Vec::with_capacity(channels.len());
    for Channel { series, .. } in channels {
        let (low, high) = (physical(series, i16::MIN)?, physical(series, i16::MAX)?);
        if low == high {
            let why = "its lowest and highest sample are the same in eight characters";
            return Err(Error::Signal { signal: series.signal.name(), format: "EDF+", why });
        }
        ranges.push((low, high));
    }
    let signals = channels.len() + 1;
    let mut out = Vec::with_capacity(PART_BYTES * (signals + 1));
    let simulated = if recording.simulated() { " SIMULATED" } else { "" };
    field(&mut out, "0", NUMBER);
    // Code, sex, birth date and name: only the first is known here, and it is opaque.
    field(&mut out, &format!("{} X X X", ascii_word(&recording.subject)), 80);
    let start = format!("Startdate {:02}-{}-{:04}", at.day, at.month_name(), at.year);
    field(&mut out, &format!("{start} {} X BodyWire{simulated}", ascii_word(&recording.bed)), 80);
    field(&mut out, &format!("{:02}.{:02}.{:02}", at.day, at.month, at.year % 100), NUMBER);
    field(&mut out, &format!("{:02}.{:02}.{:02}", at.hour, at.minute, at.second), NUMBER);
    field(&mut out, &(PART_BYTES * (signals + 1)).to_string(), NUMBER);
    field(&mut out, plus, 44);
    field(&mut out, &records.to_string(), NUMBER);
    let seconds = format!("{}.{:03}", record_ms / 1_000, record_ms % 1_000);
    field(&mut out, seconds.trim_end_matches('0').trim_end_matches('.'), NUMBER);
    field(&mut out, &signals.to_string(), 4);

    // Each field for all signals, the annotations last.
    let mut column = |len, annotations: &str, of: &dyn Fn(usize, &Channel<'_>) -> String| {
        for (at, channel) in channels.iter().enumerate() {
            field(&mut out, &of(at, channel), len);
        }
        field(&mut out, annotations, len);
    };
    let range = |at: usize| ranges.get(at).cloned().unwrap_or_default();
    column(16, "EDF Annotations", &|_, c| label(c.series).to_owned());
    column(80, "", &|_, c| {
        let simulated = if c.series.simulated { " SIMULATED" } else { "" };
        format!("sensor {}{simulated}", c.series.sensor.0)
    });
    column(NUMBER, "", &|_, c| plain_unit(c.series.signal).to_owned());
    column(NUMBER, "-1", &|at, _| range(at).0);
    column(NUMBER, "1", &|at, _| range(at).1);
    column(NUMBER, "-32768", &|_, _| i16::MIN.to_string());
    column(NUMBER, "32767", &|_, _| i16::MAX.to_string());
    column(80, "", &|_, _| String::new());
    column(NUMBER, &(annotation_bytes / 2).to_string(), &|_, c| c.per_record.to_string());
    column(32, "", &|_, _| String::new());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_what_room_there_is() {
        assert_eq!(number(-168.96).as_deref(), Some("-168.960"));
        assert_eq!(number(-265.422_5).as_deref(), Some("-265.423"));
        assert_eq!(number(0.0).as_deref(), Some("0.000000"));
        assert_eq!(number(-32_768_000.0), None);
        assert_eq!(number(32_767_000.0).as_deref(), Some("32767000"));
    }

    #[test]
    fn fields_are_ascii_of_fixed_length() {
        let mut out = Vec::new();
        field(&mut out, "a\u{e9}\n b", 6);
        field(&mut out, "1234567", 4);
        assert_eq!(out, b"a__ b 1234");
    }
}
