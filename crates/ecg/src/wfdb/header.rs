//! The header file `NAME.hea`: WFDB Applications Guide, header(5).

#![deny(clippy::indexing_slicing)]

use super::signal::Format;
use crate::Error;

/// Most signals one header may name: 12 standard leads plus a few vital signs; bounds the struct's size.
pub const SIGNALS_MAX: usize = 16;

/// Gain taken when the header gives none or zero, ADC units per millivolt (header(5), "ADC gain").
pub const GAIN_DEFAULT_ADU_PER_UNIT: f64 = 200.0;

/// Sampling rate taken when the record line gives none (header(5), "sampling frequency").
pub const SAMPLE_RATE_DEFAULT_HZ: f64 = 250.0;

/// One signal of a recording: where it lies and how its ADC units become physical ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignalSpec<'a> {
    /// File that holds the samples, relative to the header.
    pub file_name: &'a str,
    /// Storage format.
    pub format: Format,
    /// Bytes before the first sample in the file.
    pub byte_offset: u64,
    /// ADC units per physical unit.
    pub gain: f64,
    /// ADC value of zero physical units.
    pub baseline: i32,
    /// Physical unit, `mV` unless the header says otherwise.
    pub units: &'a str,
    /// Bits of the ADC.
    pub adc_resolution_bits: u8,
    /// ADC value in the middle of its range.
    pub adc_zero: i32,
    /// Value of the first sample.
    pub initial_value: i32,
    /// Sum of all samples modulo 65536, when the header gives it.
    pub checksum: Option<u16>,
    /// Free text, often the lead's name.
    pub description: &'a str,
}

impl SignalSpec<'_> {
    const EMPTY: SignalSpec<'static> = SignalSpec {
        file_name: "",
        format: Format::Pcm16,
        byte_offset: 0,
        gain: GAIN_DEFAULT_ADU_PER_UNIT,
        baseline: 0,
        units: "mV",
        adc_resolution_bits: 12,
        adc_zero: 0,
        initial_value: 0,
        checksum: None,
        description: "",
    };

    /// `sample` in physical units ([`Self::units`]).
    pub fn physical(&self, sample: i16) -> f64 {
        (f64::from(sample) - f64::from(self.baseline)) / self.gain
    }
}

/// A parsed header. It borrows its names from the text it was parsed from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Header<'a> {
    record_name: &'a str,
    sample_rate_hz: f64,
    frames: Option<u64>,
    signals: [SignalSpec<'a>; SIGNALS_MAX],
    signal_count: usize,
    text: &'a str,
}

impl<'a> Header<'a> {
    /// Reads a header file's text.
    ///
    /// # Errors
    /// [`Error::HeaderMalformed`], [`Error::UnsupportedFormat`], [`Error::Unsupported`], [`Error::SegmentedRecord`],
    /// [`Error::TooManySignals`].
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        let mut lines = text
            .lines()
            .enumerate()
            .map(|(i, l)| (i + 1, l.trim()))
            .filter(|(_, l)| !l.is_empty() && !l.starts_with('#'));
        let (line, first) =
            lines.next().ok_or(Error::HeaderMalformed { line: 1, what: "the record line is missing" })?;
        let record = parse_record_line(line, first)?;
        let mut signals = [SignalSpec::EMPTY; SIGNALS_MAX];
        for slot in signals.iter_mut().take(record.signals) {
            let (line, text) = lines
                .next()
                .ok_or(Error::HeaderMalformed { line, what: "fewer signal lines than signals" })?;
            *slot = parse_signal_line(line, text)?;
        }
        Ok(Self {
            record_name: record.name,
            sample_rate_hz: record.sample_rate_hz,
            frames: record.frames,
            signals,
            signal_count: record.signals,
            text,
        })
    }

    /// A header to be written.
    ///
    /// # Errors
    /// [`Error::TooManySignals`]; [`Error::HeaderMalformed`] (line 0) for names the grammar cannot carry, a rate or
    /// gain that is not positive and finite.
    pub fn new(
        record_name: &'a str,
        sample_rate_hz: f64,
        frames: Option<u64>,
        specs: &[SignalSpec<'a>],
    ) -> Result<Self, Error> {
        let bad = |what| Error::HeaderMalformed { line: 0, what };
        if specs.len() > SIGNALS_MAX {
            let found = u32::try_from(specs.len()).unwrap_or(u32::MAX);
            return Err(Error::TooManySignals { found, max: SIGNALS_MAX as u32 });
        }
        if !is_word(record_name) || record_name.contains('/') || record_name.starts_with('#') {
            return Err(bad("the record name must be one word without a slash"));
        }
        if !(sample_rate_hz.is_finite() && sample_rate_hz > 0.0) {
            return Err(bad("the sampling rate must be positive"));
        }
        if frames == Some(0) {
            return Err(bad("a count of zero frames means unknown; give none"));
        }
        let mut signals = [SignalSpec::EMPTY; SIGNALS_MAX];
        for (slot, spec) in signals.iter_mut().zip(specs) {
            if !is_word(spec.file_name) || spec.file_name.starts_with('#') {
                return Err(bad("a signal's file name must be one word"));
            }
            if !is_word(spec.units) {
                return Err(bad("a signal's unit must be one word"));
            }
            if !(spec.gain.is_finite() && spec.gain > 0.0) {
                return Err(bad("a signal's gain must be positive"));
            }
            let plain = !spec.description.contains(|c: char| c.is_control());
            if !plain || spec.description.trim() != spec.description {
                return Err(bad("a description must be one line without spaces around it"));
            }
            if !spec.description.is_empty() && spec.checksum.is_none() {
                return Err(bad("a description needs the checksum before it"));
            }
            *slot = *spec;
        }
        Ok(Self { record_name, sample_rate_hz, frames, signals, signal_count: specs.len(), text: "" })
    }

    /// The record's name.
    pub fn record_name(&self) -> &'a str {
        self.record_name
    }

    /// Frames per second; each frame holds one sample of every signal.
    pub fn sample_rate_hz(&self) -> f64 {
        self.sample_rate_hz
    }

    /// Number of frames, unless the header leaves it open.
    pub fn frames(&self) -> Option<u64> {
        self.frames
    }

    /// The signals, in the header's order.
    pub fn signals(&self) -> &[SignalSpec<'a>] {
        self.signals.get(..self.signal_count).unwrap_or(&[])
    }

    /// The comment lines after the signal lines, without their `#`.
    pub fn comments(&self) -> impl Iterator<Item = &'a str> {
        self.text.lines().filter_map(|l| l.trim().strip_prefix('#')).map(str::trim)
    }

    /// Writes the header file's text (comments excluded).
    ///
    /// # Errors
    /// [`Error::WriteFailed`] when `out` refuses.
    pub fn write(&self, out: &mut impl core::fmt::Write) -> Result<(), Error> {
        self.write_lines(out).map_err(|_| Error::WriteFailed)
    }

    fn write_lines(&self, out: &mut impl core::fmt::Write) -> core::fmt::Result {
        write!(out, "{} {} {}", self.record_name, self.signal_count, self.sample_rate_hz)?;
        if let Some(frames) = self.frames {
            write!(out, " {frames}")?;
        }
        writeln!(out)?;
        for s in self.signals() {
            write!(out, "{} {}", s.file_name, s.format.number())?;
            if s.byte_offset > 0 {
                write!(out, "+{}", s.byte_offset)?;
            }
            write!(out, " {}({})/{} {}", s.gain, s.baseline, s.units, s.adc_resolution_bits)?;
            write!(out, " {} {}", s.adc_zero, s.initial_value)?;
            if let Some(sum) = s.checksum {
                // The field is a signed 16-bit number in every PhysioNet header.
                write!(out, " {} 0", sum.cast_signed())?;
                if !s.description.is_empty() {
                    write!(out, " {}", s.description)?;
                }
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

struct RecordLine<'a> {
    name: &'a str,
    signals: usize,
    sample_rate_hz: f64,
    frames: Option<u64>,
}

fn parse_record_line(line: usize, text: &str) -> Result<RecordLine<'_>, Error> {
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
    let sample_rate_hz = match fields.next() {
        None => SAMPLE_RATE_DEFAULT_HZ,
        Some(field) => {
            // `360/360(0)`: the counter frequency and base count do not concern the samples.
            let hz = field.split('/').next().unwrap_or(field);
            let hz: f64 = hz.parse().map_err(|_| bad("the sampling rate is not a number"))?;
            if !(hz.is_finite() && hz > 0.0) {
                return Err(bad("the sampling rate must be positive"));
            }
            hz
        }
    };
    let frames = match fields.next() {
        None => None,
        Some(field) => {
            let n: u64 = field.parse().map_err(|_| bad("the number of samples is not a number"))?;
            (n > 0).then_some(n)
        }
    };
    Ok(RecordLine { name, signals, sample_rate_hz, frames })
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

fn parse_signal_line(line: usize, text: &str) -> Result<SignalSpec<'_>, Error> {
    let bad = |what| Error::HeaderMalformed { line, what };
    let mut rest = text;
    let mut spec = SignalSpec::EMPTY;
    spec.file_name = take_field(&mut rest).ok_or(bad("the signal's file name is missing"))?;
    let format = take_field(&mut rest).ok_or(bad("the signal's format is missing"))?;
    (spec.format, spec.byte_offset) = parse_format(line, format)?;

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
        let _block_size: i64 = field.parse().map_err(|_| bad("the block size is not a number"))?;
    }
    spec.description = rest.trim();
    spec.baseline = baseline.unwrap_or(spec.adc_zero);
    Ok(spec)
}

/// `format[xsamples][:skew][+offset]`.
fn parse_format(line: usize, field: &str) -> Result<(Format, u64), Error> {
    let bad = |what| Error::HeaderMalformed { line, what };
    let (head, offset) = match field.split_once('+') {
        Some((head, o)) => (head, o.parse().map_err(|_| bad("the byte offset is not a number"))?),
        None => (field, 0),
    };
    let (head, skew) = match head.split_once(':') {
        Some((head, s)) => (head, s.parse::<u32>().map_err(|_| bad("the skew is not a number"))?),
        None => (head, 0),
    };
    let (head, per_frame) = match head.split_once('x') {
        Some((head, n)) => (head, n.parse::<u32>().map_err(|_| bad("samples per frame is not a number"))?),
        None => (head, 1),
    };
    let number: u16 = head.parse().map_err(|_| bad("the format is not a number"))?;
    let format = Format::from_number(number)?;
    if skew != 0 {
        return Err(Error::Unsupported { what: "skew between signals" });
    }
    if per_frame != 1 {
        return Err(Error::Unsupported { what: "more than one sample per frame" });
    }
    Ok((format, offset))
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

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::string::String;

    const MIT_100: &str = "100 2 360 650000\n100.dat 212 200 11 1024 995 -22131 0 MLII\n\
                           100.dat 212 200 11 1024 1011 20052 0 V5\n# 69 M 1085 1629 x1\n# Aldomet, Inderal\n";

    #[test]
    fn reads_the_header_of_mitdb_100() {
        let h = Header::parse(MIT_100).unwrap();
        assert_eq!((h.record_name(), h.sample_rate_hz(), h.frames()), ("100", 360.0, Some(650_000)));
        let s = h.signals()[1];
        assert_eq!((s.file_name, s.format, s.gain, s.baseline), ("100.dat", Format::Packed212, 200.0, 1024));
        assert_eq!((s.adc_resolution_bits, s.adc_zero, s.initial_value), (11, 1024, 1011));
        assert_eq!((s.checksum, s.description, s.units), (Some(20052), "V5", "mV"));
        assert_eq!(s.physical(1224), 1.0);
        assert_eq!(h.signals()[0].checksum, Some((-22131i16).cast_unsigned()));
        assert!(h.comments().eq(["69 M 1085 1629 x1", "Aldomet, Inderal"]));
    }

    #[test]
    fn defaults_and_optional_fields() {
        let h = Header::parse("# c\nr 2\na.dat 16\nb.dat 212+512 0(5)/uV 12 7").unwrap();
        assert_eq!((h.sample_rate_hz(), h.frames()), (250.0, None));
        assert_eq!(h.signals()[0].gain, 200.0);
        let b = h.signals()[1];
        assert_eq!((b.gain, b.baseline, b.units, b.byte_offset), (200.0, 5, "uV", 512));
        assert_eq!((b.adc_zero, b.initial_value, b.checksum), (7, 7, None));
        assert_eq!(Header::parse("r 1 128.5/64(3) 10\na 16 100 12 9").unwrap().signals()[0].baseline, 9);
    }

    #[test]
    fn names_what_it_does_not_support() {
        assert_eq!(Header::parse("r/3 2 360 10"), Err(Error::SegmentedRecord { segments: 3 }));
        assert_eq!(Header::parse("r 1 360\na 80 200"), Err(Error::UnsupportedFormat { format: 80 }));
        assert_eq!(Header::parse("r 17 360"), Err(Error::TooManySignals { found: 17, max: 16 }));
        assert!(matches!(Header::parse("r 1 360\na 16x4 200"), Err(Error::Unsupported { .. })));
        assert!(matches!(Header::parse("r 1 360\na 16:4 200"), Err(Error::Unsupported { .. })));
        for text in
            ["", "r", "r x", "r 1", "r 1 0\na 16", "r 1 nan\na 16", "r 1 360 -1\na 16", "r 1 360\na 16 1("]
        {
            assert!(matches!(Header::parse(text), Err(Error::HeaderMalformed { .. })), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*|([a-z0-9/+x:() .\n-]{0,200})") {
            let _ = Header::parse(&text);
        }

        #[test]
        fn written_headers_read_back(
            rate in 1.0f64..5000.0, frames in proptest::option::of(1u64..u64::MAX),
            gain in 0.001f64..1e6, baseline: i32, zero: i32, initial: i32, sum: u16, bits: u8, offset: u64,
            packed: bool, count in 0usize..=SIGNALS_MAX, description in "([a-z]{1,9}( [a-z0-9(]{1,9}){0,2})?",
        ) {
            let format = if packed { Format::Packed212 } else { Format::Pcm16 };
            let spec = SignalSpec {
                file_name: "r.dat", format, byte_offset: offset, gain, baseline, units: "mV",
                adc_resolution_bits: bits, adc_zero: zero, initial_value: initial, checksum: Some(sum),
                description: &description,
            };
            let specs = [spec; SIGNALS_MAX];
            let h = Header::new("r", rate, frames, &specs[..count]).unwrap();
            let mut text = String::new();
            h.write(&mut text).unwrap();
            let back = Header::parse(&text).unwrap();
            prop_assert_eq!(back.signals(), h.signals());
            prop_assert_eq!(back.sample_rate_hz(), rate);
            prop_assert_eq!(back.frames(), frames);
        }
    }
}
