//! The grammar of the lines of a header file: header(5).

#![deny(clippy::indexing_slicing)]

use super::{
    format::Format,
    header::{GAIN_DEFAULT_ADU_PER_UNIT, SAMPLE_RATE_DEFAULT_HZ, SIGNALS_MAX, SignalSpec, is_date, is_time},
};
use crate::Error;

/// What stands in the first line.
pub(super) struct RecordLine<'a> {
    pub(super) name: &'a str,
    pub(super) signals: usize,
    pub(super) sample_rate_hz: f64,
    pub(super) counter_rate_hz: Option<f64>,
    pub(super) counter_base: Option<f64>,
    pub(super) frames: Option<u64>,
    pub(super) time: &'a str,
    pub(super) date: &'a str,
}

/// `name signals [rate[/counter rate[(counter base)]] [frames [time [date]]]]`.
pub(super) fn record_line(line: usize, text: &str) -> Result<RecordLine<'_>, Error> {
    let bad = |what| Error::HeaderMalformed { line, what };
    let mut fields = text.split_whitespace();
    let name = fields.next().ok_or(bad("the record name is missing"))?;
    if let Some((_, segments)) = name.split_once('/') {
        let segments = segments.parse().map_err(|_| bad("the number of segments is not a number"))?;
        return Err(Error::SegmentedRecord { segments });
    }
    let found: u32 =
        fields.next().and_then(|f| f.parse().ok()).ok_or(bad("the number of signals is not a number"))?;
    let signals = found as usize;
    if signals > SIGNALS_MAX {
        return Err(Error::TooManySignals { found, max: SIGNALS_MAX as u32 });
    }
    let (sample_rate_hz, counter_rate_hz, counter_base) = match fields.next() {
        None => (SAMPLE_RATE_DEFAULT_HZ, None, None),
        Some(field) => rates(line, field)?,
    };
    let frames = match fields.next() {
        None => None,
        Some(field) => {
            let n: u64 = field.parse().map_err(|_| bad("the number of samples is not a number"))?;
            (n > 0).then_some(n)
        }
    };
    let (time, date) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
    if !is_time(time) || !is_date(date) {
        return Err(bad("the start must be a time such as 12:30:00 and a date such as 31/01/1990"));
    }
    Ok(RecordLine { name, signals, sample_rate_hz, counter_rate_hz, counter_base, frames, time, date })
}

/// `rate[/counter rate[(counter base)]]`, as in `360/720(5)`.
fn rates(line: usize, field: &str) -> Result<(f64, Option<f64>, Option<f64>), Error> {
    let bad = |what| Error::HeaderMalformed { line, what };
    let number = |text: &str, what| text.parse().ok().filter(|n: &f64| n.is_finite()).ok_or(bad(what));
    let (rate, counter) =
        field.split_once('/').map_or((field, None), |(rate, counter)| (rate, Some(counter)));
    let rate = number(rate, "the sampling rate is not a number")?;
    if rate <= 0.0 {
        return Err(bad("the sampling rate must be positive"));
    }
    let Some(counter) = counter else { return Ok((rate, None, None)) };
    let (counter, base) = match counter.split_once('(') {
        None => (counter, None),
        Some((counter, base)) => {
            let base = base.strip_suffix(')').ok_or(bad("the counter's base lacks its closing bracket"))?;
            (counter, Some(number(base, "the counter's base is not a number")?))
        }
    };
    let counter = number(counter, "the counter's rate is not a number")?;
    // Zero or less means that the counter runs with the frames: only its base tells anything.
    let counter = if counter > 0.0 { Some(counter) } else { base.map(|_| rate) };
    Ok((rate, counter, base))
}

/// Takes the next blank-separated field off the front of `rest`.
fn take_field<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let text = rest.trim_start();
    if text.is_empty() {
        return None;
    }
    let (field, tail) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    *rest = tail;
    Some(field)
}

/// `file format[x..][:..][+..] [gain[(baseline)][/units] [bits [zero [first [sum [block [description]]]]]]]`.
pub(super) fn signal_line(line: usize, text: &str) -> Result<SignalSpec<'_>, Error> {
    let bad = |what| Error::HeaderMalformed { line, what };
    let mut rest = text;
    let mut spec = SignalSpec::DEFAULT;
    spec.file_name = take_field(&mut rest).ok_or(bad("the signal's file name is missing"))?;
    let format = take_field(&mut rest).ok_or(bad("the signal's format is missing"))?;
    parse_format(line, format, &mut spec)?;

    let mut baseline = None;
    if let Some(field) = take_field(&mut rest) {
        (spec.gain, baseline, spec.units) = parse_gain(line, field)?;
    }
    if let Some(field) = take_field(&mut rest) {
        spec.adc_resolution_bits = field.parse().map_err(|_| bad("the ADC resolution is not a number"))?;
    }
    if let Some(field) = take_field(&mut rest) {
        spec.adc_zero = field.parse().map_err(|_| bad("the ADC zero is not a number"))?;
    }
    spec.initial_value = match take_field(&mut rest) {
        Some(field) => field.parse().map_err(|_| bad("the initial value is not a number"))?,
        None => spec.adc_zero,
    };
    if let Some(field) = take_field(&mut rest) {
        let sum: i32 = field.parse().map_err(|_| bad("the checksum is not a number"))?;
        // Signed in most headers, unsigned in some: both mean the same 16 bits.
        spec.checksum = Some((sum & 0xffff) as u16);
    }
    if let Some(field) = take_field(&mut rest) {
        spec.block_size_bytes = field.parse().map_err(|_| bad("the block size is not a number"))?;
    }
    spec.description = rest.trim();
    spec.baseline = baseline.unwrap_or(spec.adc_zero);
    Ok(spec)
}

/// `format[xsamples][:skew][+offset]`.
fn parse_format(line: usize, field: &str, spec: &mut SignalSpec<'_>) -> Result<(), Error> {
    let bad = |what| Error::HeaderMalformed { line, what };
    let mut head = field;
    if let Some((rest, offset)) = head.split_once('+') {
        spec.byte_offset = offset.parse().map_err(|_| bad("the byte offset is not a number"))?;
        head = rest;
    }
    if let Some((rest, skew)) = head.split_once(':') {
        spec.skew_frames = skew.parse().map_err(|_| bad("the skew is not a number"))?;
        head = rest;
    }
    if let Some((rest, count)) = head.split_once('x') {
        spec.samples_per_frame = count.parse().map_err(|_| bad("samples per frame is not a number"))?;
        if spec.samples_per_frame == 0 {
            return Err(bad("a frame holds at least one sample of each signal"));
        }
        head = rest;
    }
    let number = head.parse().map_err(|_| bad("the format is not a number"))?;
    spec.format = Format::from_number(number)?;
    Ok(())
}

/// `gain[(baseline)][/units]`.
fn parse_gain(line: usize, field: &str) -> Result<(f64, Option<i32>, &str), Error> {
    let bad = |what| Error::HeaderMalformed { line, what };
    let (head, units) = field.split_once('/').unwrap_or((field, "mV"));
    let (number, baseline) = match head.split_once('(') {
        Some((number, tail)) => {
            let inner = tail.strip_suffix(')').ok_or(bad("the baseline lacks its closing bracket"))?;
            (number, Some(inner.parse().map_err(|_| bad("the baseline is not a number"))?))
        }
        None => (head, None),
    };
    let gain: f64 = number.parse().map_err(|_| bad("the gain is not a number"))?;
    if !gain.is_finite() || gain < 0.0 {
        return Err(bad("the gain must be positive"));
    }
    let gain = if gain == 0.0 { GAIN_DEFAULT_ADU_PER_UNIT } else { gain };
    Ok((gain, baseline, if units.is_empty() { "mV" } else { units }))
}
