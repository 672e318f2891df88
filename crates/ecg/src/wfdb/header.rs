//! The header file `NAME.hea`: WFDB Applications Guide, header(5).

#![deny(clippy::indexing_slicing)]

use super::{format::Format, grammar};
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
    /// Samples in each frame, at least 1: the signal's rate is that multiple of the header's.
    pub samples_per_frame: u16,
    /// Frames at the file's start whose samples of this signal are older than frame 0.
    pub skew_frames: u32,
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
    /// Size of the blocks in which a device must be read; 0 for a file.
    pub block_size_bytes: i32,
    /// Free text, often the lead's name.
    pub description: &'a str,
}

impl SignalSpec<'_> {
    /// What header(5) takes for fields that are not there, with 12 bits and an empty file name.
    pub const DEFAULT: SignalSpec<'static> = SignalSpec {
        file_name: "",
        format: Format::Pcm16,
        samples_per_frame: 1,
        skew_frames: 0,
        byte_offset: 0,
        gain: GAIN_DEFAULT_ADU_PER_UNIT,
        baseline: 0,
        units: "mV",
        adc_resolution_bits: 12,
        adc_zero: 0,
        initial_value: 0,
        checksum: None,
        block_size_bytes: 0,
        description: "",
    };

    /// `sample` in physical units ([`Self::units`]).
    pub fn physical(&self, sample: i16) -> f64 {
        (f64::from(sample) - f64::from(self.baseline)) / self.gain
    }

    /// Samples per second, given the header's frames per second.
    pub fn sample_rate_hz(&self, frame_rate_hz: f64) -> f64 {
        frame_rate_hz * f64::from(self.samples_per_frame)
    }
}

/// A parsed header. It borrows its names from the text it was parsed from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Header<'a> {
    record_name: &'a str,
    sample_rate_hz: f64,
    counter_rate_hz: Option<f64>,
    counter_base: Option<f64>,
    frames: Option<u64>,
    time: &'a str,
    date: &'a str,
    signals: [SignalSpec<'a>; SIGNALS_MAX],
    signal_count: usize,
    comments: Comments<'a>,
}

/// Where the comments are found.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Comments<'a> {
    /// In the lines of a header file that begin with `#`.
    Parsed(&'a str),
    /// Each line is one.
    Given(&'a str),
}

impl<'a> Header<'a> {
    /// Reads a header file's text.
    ///
    /// # Errors
    /// [`Error::HeaderMalformed`], [`Error::UnsupportedFormat`], [`Error::SegmentedRecord`],
    /// [`Error::TooManySignals`].
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        let mut lines = text
            .lines()
            .enumerate()
            .map(|(i, l)| (i + 1, l.trim()))
            .filter(|(_, l)| !l.is_empty() && !l.starts_with('#'));
        let (line, first) =
            lines.next().ok_or(Error::HeaderMalformed { line: 1, what: "the record line is missing" })?;
        let record = grammar::record_line(line, first)?;
        let mut signals = [SignalSpec::DEFAULT; SIGNALS_MAX];
        for slot in signals.iter_mut().take(record.signals) {
            let (line, text) = lines
                .next()
                .ok_or(Error::HeaderMalformed { line, what: "fewer signal lines than signals" })?;
            *slot = grammar::signal_line(line, text)?;
        }
        Ok(Self {
            record_name: record.name,
            sample_rate_hz: record.sample_rate_hz,
            counter_rate_hz: record.counter_rate_hz,
            counter_base: record.counter_base,
            frames: record.frames,
            time: record.time,
            date: record.date,
            signals,
            signal_count: record.signals,
            comments: Comments::Parsed(text),
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
        let mut signals = [SignalSpec::DEFAULT; SIGNALS_MAX];
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
            if spec.samples_per_frame == 0 {
                return Err(bad("a frame holds at least one sample of each signal"));
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
        Ok(Self {
            record_name,
            sample_rate_hz,
            counter_rate_hz: None,
            counter_base: None,
            frames,
            time: "",
            date: "",
            signals,
            signal_count: specs.len(),
            comments: Comments::Given(""),
        })
    }

    /// With the time of day (`12:30:00`, empty for none) and the date (`31/01/1990`, empty for none) of frame 0.
    ///
    /// # Errors
    /// [`Error::HeaderMalformed`] (line 0) for other characters, and for a date without a time.
    pub fn with_start(mut self, time: &'a str, date: &'a str) -> Result<Self, Error> {
        if !is_time(time) || !is_date(date) || (time.is_empty() && !date.is_empty()) {
            let what = "the start must be a time such as 12:30:00 and a date such as 31/01/1990";
            return Err(Error::HeaderMalformed { line: 0, what });
        }
        (self.time, self.date) = (time, date);
        Ok(self)
    }

    /// With the rate of a counter that ran beside the recording, in Hz, and its value at frame 0.
    ///
    /// # Errors
    /// [`Error::HeaderMalformed`] (line 0) for a rate that is not positive, or anything that is not finite.
    pub fn with_counter(mut self, rate_hz: f64, base: Option<f64>) -> Result<Self, Error> {
        if !(rate_hz.is_finite() && rate_hz > 0.0 && base.is_none_or(f64::is_finite)) {
            let what = "the counter's rate must be positive, its base finite";
            return Err(Error::HeaderMalformed { line: 0, what });
        }
        (self.counter_rate_hz, self.counter_base) = (Some(rate_hz), base);
        Ok(self)
    }

    /// With comments, one for each line of `lines`.
    pub fn with_comments(mut self, lines: &'a str) -> Self {
        self.comments = Comments::Given(lines);
        self
    }

    /// The record's name.
    pub fn record_name(&self) -> &'a str {
        self.record_name
    }

    /// Frames per second. A signal with several samples per frame has that multiple
    /// ([`SignalSpec::sample_rate_hz`]).
    pub fn sample_rate_hz(&self) -> f64 {
        self.sample_rate_hz
    }

    /// Rate of a counter that ran beside the recording, in Hz, when it is not that of the frames.
    pub fn counter_rate_hz(&self) -> Option<f64> {
        self.counter_rate_hz
    }

    /// The counter's value at frame 0.
    pub fn counter_base(&self) -> Option<f64> {
        self.counter_base
    }

    /// Time of day of frame 0 as the header writes it; empty when it does not.
    pub fn start_time(&self) -> &'a str {
        self.time
    }

    /// Date of frame 0 as the header writes it, day first; empty when it does not.
    pub fn start_date(&self) -> &'a str {
        self.date
    }

    /// Number of frames, unless the header leaves it open.
    pub fn frames(&self) -> Option<u64> {
        self.frames
    }

    /// The signals, in the header's order.
    pub fn signals(&self) -> &[SignalSpec<'a>] {
        self.signals.get(..self.signal_count).unwrap_or(&[])
    }

    /// The signals that lie in one file, in their order there, each with its number in this header.
    pub fn signals_in(&self, file_name: &str) -> impl Iterator<Item = (usize, &SignalSpec<'a>)> {
        self.signals().iter().enumerate().filter(move |(_, spec)| spec.file_name == file_name)
    }

    /// The files that hold the signals, each once, in order of their first signal.
    pub fn file_names(&self) -> impl Iterator<Item = &'a str> {
        let first = |name: &str| self.signals_in(name).next().map(|(number, _)| number);
        let signals = self.signals().iter().enumerate();
        signals
            .filter(move |(number, spec)| first(spec.file_name) == Some(*number))
            .map(|(_, spec)| spec.file_name)
    }

    /// The comment lines, without their `#`.
    pub fn comments(&self) -> impl Iterator<Item = &'a str> {
        let (text, parsed) = match self.comments {
            Comments::Parsed(text) => (text, true),
            Comments::Given(text) => (text, false),
        };
        let line = move |line: &'a str| if parsed { line.trim().strip_prefix('#') } else { Some(line) };
        text.lines().filter_map(line).map(str::trim)
    }

    /// Writes the header file's text.
    ///
    /// # Errors
    /// [`Error::WriteFailed`] when `out` refuses.
    pub fn write(&self, out: &mut impl core::fmt::Write) -> Result<(), Error> {
        self.write_lines(out).map_err(|_| Error::WriteFailed)
    }

    fn write_lines(&self, out: &mut impl core::fmt::Write) -> core::fmt::Result {
        write!(out, "{} {} {}", self.record_name, self.signal_count, self.sample_rate_hz)?;
        if let Some(rate) = self.counter_rate_hz {
            write!(out, "/{rate}")?;
            self.counter_base.map_or(Ok(()), |base| write!(out, "({base})"))?;
        }
        // Fields are known by their place: a time needs a number of frames before it.
        if self.frames.is_some() || !self.time.is_empty() {
            write!(out, " {}", self.frames.unwrap_or(0))?;
        }
        for field in [self.time, self.date].iter().filter(|field| !field.is_empty()) {
            write!(out, " {field}")?;
        }
        writeln!(out)?;
        for s in self.signals() {
            write!(out, "{} {}", s.file_name, s.format.number())?;
            if s.samples_per_frame > 1 {
                write!(out, "x{}", s.samples_per_frame)?;
            }
            if s.skew_frames > 0 {
                write!(out, ":{}", s.skew_frames)?;
            }
            if s.byte_offset > 0 {
                write!(out, "+{}", s.byte_offset)?;
            }
            write!(out, " {}({})/{} {}", s.gain, s.baseline, s.units, s.adc_resolution_bits)?;
            write!(out, " {} {}", s.adc_zero, s.initial_value)?;
            if let Some(sum) = s.checksum {
                // The field is a signed 16-bit number in every PhysioNet header.
                write!(out, " {} {}", sum.cast_signed(), s.block_size_bytes)?;
                if !s.description.is_empty() {
                    write!(out, " {}", s.description)?;
                }
            }
            writeln!(out)?;
        }
        for comment in self.comments() {
            writeln!(out, "#{}{comment}", if comment.is_empty() { "" } else { " " })?;
        }
        Ok(())
    }
}

/// Whether this may stand for a time of day; nothing may.
pub(super) fn is_time(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || b == b':' || b == b'.')
}

/// Whether this may stand for a date; nothing may.
pub(super) fn is_date(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || b == b'/')
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
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
        assert_eq!(SignalSpec { file_name: "a.dat", ..SignalSpec::DEFAULT }, h.signals()[0]);
    }

    #[test]
    fn reads_what_stands_around_the_samples() {
        let text =
            "r 3 128.5/64(-3.5) 10 12:30:00.5 1/2/1990\na 16x4:7+8 100 12 9 5 6 512 II\nb 80\na 16\n#x\n";
        let h = Header::parse(text).unwrap();
        assert_eq!((h.counter_rate_hz(), h.counter_base()), (Some(64.0), Some(-3.5)));
        assert_eq!((h.start_time(), h.start_date()), ("12:30:00.5", "1/2/1990"));
        let still = Header::parse("r 0 360/0(7)").unwrap();
        assert_eq!((still.counter_rate_hz(), still.counter_base()), (Some(360.0), Some(7.0)));
        assert_eq!(Header::parse("r 0 360/-1").unwrap().counter_rate_hz(), None);
        let a = h.signals()[0];
        assert_eq!((a.samples_per_frame, a.skew_frames, a.byte_offset, a.block_size_bytes), (4, 7, 8, 512));
        assert_eq!(a.sample_rate_hz(h.sample_rate_hz()), 514.0);
        assert!(h.file_names().eq(["a", "b"]) && h.comments().eq(["x"]));
    }

    #[test]
    fn names_what_it_does_not_support() {
        assert_eq!(Header::parse("r/3 2 360 10"), Err(Error::SegmentedRecord { segments: 3 }));
        assert_eq!(Header::parse("r 1 360\na 61 200"), Err(Error::UnsupportedFormat { format: 61 }));
        assert_eq!(Header::parse("r 17 360"), Err(Error::TooManySignals { found: 17, max: 16 }));
        for text in [
            "",
            "r",
            "r x",
            "r 1",
            "r 1 0\na 16",
            "r 1 nan\na 16",
            "r 1 360 -1\na 16",
            "r 1 360\na 16 1(",
            "r 1 360/x\na 16",
            "r 1 360/7(\na 16",
            "r 1 360 5 noon\na 16",
            "r 1 360 5 12:00 May\na 16",
            "r 1 360\na 16x0",
            "r 1 360\na 16x",
            "r 1 360\na 16:-1",
            "r 1 360\na 16+",
        ] {
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
            (rate, frames) in (1.0f64..5000.0, proptest::option::of(1u64..u64::MAX)),
            counter in proptest::option::of((0.001f64..1e6, proptest::option::of(-1e6f64..1e6))),
            (time, date) in ("([0-9]{1,2}:[0-9]{2}(\\.[0-9]{1,3})?)?", "([0-9]{1,2}/[0-9]{1,2}/[0-9]{4})?"),
            (gain, baseline, units) in (0.001f64..1e6, any::<i32>(), "[a-zA-Z%]{1,5}"),
            (zero, initial, sum, bits, block) in any::<(i32, i32, u16, u8, i32)>(),
            format in prop::sample::select(&Format::ALL[..]),
            (samples_per_frame, skew_frames, offset) in (1u16..=9, any::<u32>(), any::<u64>()),
            count in 0usize..=SIGNALS_MAX, description in "([a-z]{1,9}( [a-z0-9(]{1,9}){0,2})?",
            comments in "([a-z #:]{0,9}\n){0,3}",
        ) {
            let spec = SignalSpec {
                file_name: "r.dat", format, samples_per_frame, skew_frames, byte_offset: offset, gain, baseline,
                units: &units, adc_resolution_bits: bits, adc_zero: zero, initial_value: initial,
                checksum: Some(sum), block_size_bytes: block, description: &description,
            };
            let specs = [spec; SIGNALS_MAX];
            let mut h = Header::new("r", rate, frames, &specs[..count]).unwrap().with_comments(&comments);
            if let Some((rate, base)) = counter {
                h = h.with_counter(rate, base).unwrap();
            }
            prop_assert_eq!(h.with_start("", &date).is_ok(), date.is_empty());
            if !time.is_empty() {
                h = h.with_start(&time, &date).unwrap();
            }
            let mut text = String::new();
            h.write(&mut text).unwrap();
            let back = Header::parse(&text).unwrap();
            prop_assert_eq!(back.signals(), h.signals());
            prop_assert_eq!(back.sample_rate_hz(), rate);
            prop_assert_eq!(back.frames(), frames);
            prop_assert_eq!((back.counter_rate_hz(), back.counter_base()), (h.counter_rate_hz(), h.counter_base()));
            prop_assert_eq!((back.start_time(), back.start_date()), (h.start_time(), h.start_date()));
            prop_assert!(back.comments().eq(h.comments()), "{}", text);
            let mut again = String::new();
            back.write(&mut again).unwrap();
            prop_assert_eq!(again, text);
        }
    }
}
