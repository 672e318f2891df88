//! CSV: one file for all series.
//!
//! The first line names the columns with their units. Each row is a time and what was measured at it; a time at which
//! nothing was measured has no row, so that a gap is a jump of the time. The last column says `SIMULATED` or is empty;
//! what was simulated and what was measured never share a row.

use super::calendar::Moment;
use super::{Error, Recording, Series};
use std::io::Write;

/// What the last column holds for simulated values.
const LABEL: &str = "SIMULATED";

/// The place in a series.
struct Cursor<'a> {
    series: &'a Series,
    segment: usize,
    index: usize,
}

impl Cursor<'_> {
    /// Time and value of the sample at the cursor.
    fn sample(&self) -> Option<(u64, i16)> {
        let segment = self.series.segments.get(self.segment)?;
        Some((self.series.time_us(segment, self.index), *segment.samples.get(self.index)?))
    }

    fn advance(&mut self) {
        self.index += 1;
        if self.series.segments.get(self.segment).is_none_or(|s| self.index >= s.samples.len()) {
            (self.segment, self.index) = (self.segment + 1, 0);
        }
    }
}

/// Writes the recording as CSV (RFC 4180, lines end in CR LF), times in UTC with microseconds.
///
/// # Errors
/// [`Error::Write`].
pub fn write(recording: &Recording, out: &mut impl Write) -> Result<(), Error> {
    write!(out, "time")?;
    for series in &recording.series {
        write!(out, ",{} sensor {} [{}]", series.signal.name(), series.sensor.0, series.unit())?;
    }
    write!(out, ",simulated\r\n")?;
    let mut cursors: Vec<Cursor<'_>> =
        recording.series.iter().map(|series| Cursor { series, segment: 0, index: 0 }).collect();
    // The earliest of all next samples; a clock that was set back makes a time return.
    while let Some((time_us, simulated)) =
        cursors.iter().filter_map(|c| Some((c.sample()?.0, c.series.simulated))).min()
    {
        write!(out, "{}", Moment::of_us(time_us).iso_us())?;
        for cursor in &mut cursors {
            write!(out, ",")?;
            let Some((time, sample)) = cursor.sample() else { continue };
            if (time, cursor.series.simulated) == (time_us, simulated) {
                write!(out, "{}", cursor.series.scale.value(sample))?;
                cursor.advance();
            }
        }
        write!(out, ",{}\r\n", if simulated { LABEL } else { "" })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::series::tests::{ecg, push};
    use super::*;
    use bodywire_proto::observation::{BatchHeader, Scale, Signal};
    use proptest::prelude::*;

    fn text(recording: &Recording) -> String {
        let mut out = Vec::new();
        write(recording, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn exact_text() {
        let mut recording = Recording::new("p", "b", 0, 100_000).unwrap();
        push(&mut recording, &ecg(0), &[1_024, 1_224, 1_023], 1_000).unwrap();
        push(&mut recording, &ecg(13), &[1_026], 1_052).unwrap();
        let temperature = BatchHeader {
            signal: Signal::Temperature,
            simulated: false,
            rate_millihertz: 200,
            scale: Scale { gain_milli: 10_000, baseline: 0 },
            ..ecg(0)
        };
        push(&mut recording, &temperature, &[366, 367], 1_004).unwrap();
        assert_eq!(
            text(&recording),
            "time,ecg sensor 2 [mV],temperature sensor 2 [Cel],simulated\r\n\
             1970-01-01T00:00:01.000000Z,0,,SIMULATED\r\n\
             1970-01-01T00:00:01.004000Z,,36.6,\r\n\
             1970-01-01T00:00:01.004000Z,1,,SIMULATED\r\n\
             1970-01-01T00:00:01.008000Z,-0.005,,SIMULATED\r\n\
             1970-01-01T00:00:01.052000Z,0.01,,SIMULATED\r\n\
             1970-01-01T00:00:06.004000Z,,36.7,\r\n"
        );
        let empty = Recording::new("p", "b", 0, 1).unwrap();
        assert_eq!(text(&empty), "time,simulated\r\n");
    }

    proptest! {
        #[test]
        fn every_sample_is_read_back(samples in prop::collection::vec(any::<i16>(), 1..50), gap in 0u64..9, gain_milli in 1u32..) {
            let mut recording = Recording::new("p", "b", 0, 1 << 40).unwrap();
            let header = BatchHeader { scale: Scale { gain_milli, baseline: -7 }, ..ecg(0) };
            push(&mut recording, &header, &samples, 3).unwrap();
            let second = BatchHeader { first_index: samples.len() as u64 + gap, ..header };
            push(&mut recording, &second, &samples, 3 + (samples.len() as u64 + gap) * 4).unwrap();
            let text = text(&recording);
            let read: Vec<f64> = text.lines().skip(1).map(|l| l.split(',').nth(1).unwrap().parse().unwrap()).collect();
            let expected: Vec<f64> = samples.iter().chain(&samples).map(|s| header.scale.value(*s)).collect();
            prop_assert_eq!(read, expected);
        }
    }
}
