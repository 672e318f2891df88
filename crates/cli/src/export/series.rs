//! What is exported: series of samples with their gaps.

use super::{Error, calendar};
use bodywire_proto::observation::{Batch, Scale, Signal};
use bodywire_proto::report::Condition;
use bodywire_proto::wire::SensorId;

/// Samples in one recording: a day of ECG at 360 Hz has 31 million. It is held in memory, two bytes each.
pub const SAMPLES_MAX: usize = 40_000_000;
/// Series in one recording: as many as one WFDB header names signals.
pub const SERIES_MAX: usize = 16;
/// Segments in one recording: one gap a second for a day, and each costs an entry in three formats.
pub const SEGMENTS_MAX: usize = 86_400;
/// Alarm changes in one recording; a thousand an hour for a day would still fit.
pub const ALARMS_MAX: usize = 24_000;
/// How far the hub's time of a batch may be from where the samples before it say it is, before it is a segment of its
/// own: above the jitter of the radio, and a crystal that is off by 50 ppm takes five hours to drift as far.
pub const CLOCK_STEP_MS: u64 = 1_000;

/// Samples without a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The hub's clock at the first sample, milliseconds since 1970.
    pub start_ms: u64,
    /// The samples, in order; at least one.
    pub samples: Vec<i16>,
}

/// What one sensor has measured of one signal, at one rate and on one scale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// The sensor's number in its body network.
    pub sensor: SensorId,
    /// What was measured.
    pub signal: Signal,
    /// Samples per second, times 1,000; never 0.
    pub rate_millihertz: u32,
    /// Steps and zero of the samples.
    pub scale: Scale,
    /// The samples come from a simulation.
    pub simulated: bool,
    /// What was measured, in the order it was pushed. Between two segments nothing is known.
    pub segments: Vec<Segment>,
    /// The sensor's number of the sample that would follow without a gap.
    next_index: u64,
}

/// A segment on a grid that all segments of a series share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed<'a> {
    /// Number of the grid point of its first sample.
    pub(super) at: u64,
    pub(super) samples: &'a [i16],
}

impl Placed<'_> {
    /// The grid point behind its last sample.
    pub(super) fn end(&self) -> u64 {
        self.at.saturating_add(self.samples.len() as u64)
    }
}

impl Series {
    /// The unit of [`Scale::value`], in UCUM where [`Signal::unit`] is.
    pub const fn unit(&self) -> &'static str {
        self.signal.unit()
    }

    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.segments.iter().map(|segment| segment.samples.len()).sum()
    }

    /// When sample `index` of `segment` was measured, in microseconds since 1970.
    pub fn time_us(&self, segment: &Segment, index: usize) -> u64 {
        segment.start_ms.saturating_mul(1_000).saturating_add(duration_us(index, self.rate_millihertz))
    }

    /// The segments on the grid of this series' rate that begins at `zero_ms`. Each begins at the point nearest to its
    /// time, so at most half a sample away from it; one that begins before the end of the one before, since a clock was
    /// set back, follows it directly.
    pub(super) fn placed(&self, zero_ms: u64) -> Vec<Placed<'_>> {
        let mut end = 0;
        let mut place = |segment: &'_ Segment| {
            let after = u128::from(segment.start_ms.saturating_sub(zero_ms));
            let point = (after * u128::from(self.rate_millihertz) + 500_000) / 1_000_000;
            let at = u64::try_from(point).unwrap_or(u64::MAX).max(end);
            end = at.saturating_add(segment.samples.len() as u64);
            at
        };
        self.segments.iter().map(|s| Placed { at: place(s), samples: &s.samples }).collect()
    }

    fn same(&self, sensor: SensorId, batch: &Batch<'_>) -> bool {
        let header = &batch.header;
        self.sensor == sensor
            && self.signal == header.signal
            && self.rate_millihertz == header.rate_millihertz
            && self.scale == header.scale
            && self.simulated == header.simulated
    }
}

/// Microseconds that `samples` samples take, rounded down.
fn duration_us(samples: usize, rate_millihertz: u32) -> u64 {
    let us = samples as u128 * 1_000_000_000 / u128::from(rate_millihertz.max(1));
    u64::try_from(us).unwrap_or(u64::MAX)
}

/// An alarm that begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlarmMark {
    /// The hub's clock, milliseconds since 1970.
    pub at_ms: u64,
    /// What was found.
    pub condition: Condition,
    /// True when it begins, false when it is over.
    pub present: bool,
}

impl AlarmMark {
    /// The text of an annotation.
    pub(super) fn text(&self) -> String {
        format!("{} {}", if self.present { "ALARM BEGINS:" } else { "ALARM ENDS:" }, self.condition.text())
    }
}

/// Everything about one bed in a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// An opaque name of the patient; nothing that says who it is.
    pub subject: String,
    /// The bed.
    pub bed: String,
    /// Begin, milliseconds since 1970; samples before it are left out.
    pub from_ms: u64,
    /// End, milliseconds since 1970; samples at and after it are left out.
    pub to_ms: u64,
    /// What was measured.
    pub series: Vec<Series>,
    /// Alarms that began or ended.
    pub alarms: Vec<AlarmMark>,
    /// Samples and segments in all series, counted along: a day has a third of a million batches.
    samples_held: usize,
    segments_held: usize,
}

impl Recording {
    /// An empty recording of `from_ms..to_ms`, milliseconds since 1970.
    ///
    /// # Errors
    /// [`Error::Time`] when the end lies behind the year 9999 or before the beginning.
    pub fn new(
        subject: impl Into<String>,
        bed: impl Into<String>,
        from_ms: u64,
        to_ms: u64,
    ) -> Result<Self, Error> {
        calendar::check(to_ms)?;
        if from_ms > to_ms {
            return Err(Error::Time { ms: to_ms, why: "it is the end, and lies before the beginning" });
        }
        let (subject, bed) = (subject.into(), bed.into());
        let (series, alarms) = (Vec::new(), Vec::new());
        Ok(Self { subject, bed, from_ms, to_ms, series, alarms, samples_held: 0, segments_held: 0 })
    }

    /// Takes in the samples of `batch` that lie in the recording's time. `start_ms` is the hub's clock at its first
    /// sample, milliseconds since 1970. Batches of a sensor are pushed in the order they were measured; one joins what was
    /// pushed before when its sample numbers follow without a gap and its time agrees ([`CLOCK_STEP_MS`]).
    /// Returns the number of samples taken.
    ///
    /// # Errors
    /// [`Error::Limit`].
    pub fn push(&mut self, sensor: SensorId, batch: &Batch<'_>, start_ms: u64) -> Result<usize, Error> {
        let header = &batch.header;
        let start_us = start_ms.saturating_mul(1_000);
        let inside = |index: &usize| {
            let ms = start_us.saturating_add(duration_us(*index, header.rate_millihertz)) / 1_000;
            (self.from_ms..self.to_ms).contains(&ms)
        };
        let Some(skip) = (0..batch.len()).find(inside) else { return Ok(0) };
        let samples: Vec<i16> =
            batch.samples().enumerate().skip(skip).take_while(|(i, _)| inside(i)).map(|(_, s)| s).collect();
        let taken = samples.len();
        limit("samples", SAMPLES_MAX, self.samples_held.saturating_add(taken))?;
        let first_index = header.first_index.saturating_add(skip as u64);
        let start_us = start_us.saturating_add(duration_us(skip, header.rate_millihertz));
        let known = self.series.iter().position(|series| series.same(sensor, batch));
        let series = match known.and_then(|at| self.series.get_mut(at)) {
            Some(series) => series,
            None => {
                limit("series", SERIES_MAX, self.series.len() + 1)?;
                self.series.push_mut(Series {
                    sensor,
                    signal: header.signal,
                    rate_millihertz: header.rate_millihertz,
                    scale: header.scale,
                    simulated: header.simulated,
                    segments: Vec::new(),
                    next_index: first_index,
                })
            }
        };
        let follows = series.next_index == first_index;
        series.next_index = first_index.saturating_add(taken as u64);
        let rate = series.rate_millihertz;
        match series.segments.last_mut() {
            Some(last) if follows && agrees(last, rate, start_us) => last.samples.extend(samples),
            _ => {
                limit("segments", SEGMENTS_MAX, self.segments_held + 1)?;
                self.segments_held += 1;
                series.segments.push(Segment { start_ms: start_us / 1_000, samples });
            }
        }
        self.samples_held += taken;
        Ok(taken)
    }

    /// Takes in an alarm that began or ended in the recording's time; others are left out.
    ///
    /// # Errors
    /// [`Error::Limit`].
    pub fn push_alarm(&mut self, alarm: AlarmMark) -> Result<(), Error> {
        if (self.from_ms..self.to_ms).contains(&alarm.at_ms) {
            limit("alarms", ALARMS_MAX, self.alarms.len() + 1)?;
            self.alarms.push(alarm);
        }
        Ok(())
    }

    /// Number of samples in all series.
    pub fn samples(&self) -> usize {
        self.series.iter().map(Series::samples).sum()
    }

    /// Whether anything in it was simulated.
    pub fn simulated(&self) -> bool {
        self.series.iter().any(|series| series.simulated)
    }

    /// When the first sample of all was measured, milliseconds since 1970.
    pub fn first_ms(&self) -> Option<u64> {
        self.series.iter().flat_map(|series| &series.segments).map(|segment| segment.start_ms).min()
    }
}

/// Whether a batch that begins at `start_us` begins where `segment` ends.
fn agrees(segment: &Segment, rate_millihertz: u32, start_us: u64) -> bool {
    let end = duration_us(segment.samples.len(), rate_millihertz);
    let expected = segment.start_ms.saturating_mul(1_000).saturating_add(end);
    expected.abs_diff(start_us) <= CLOCK_STEP_MS * 1_000
}

/// Refuses more than `most`.
pub(super) fn limit(what: &'static str, most: usize, found: usize) -> Result<(), Error> {
    if found > most {
        return Err(Error::Limit { what, limit: most as u64, found: found as u64 });
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use bodywire_proto::observation::{BatchHeader, emit};
    use proptest::prelude::*;

    /// A batch's header of simulated ECG at 250 Hz that begins at sample `first`.
    pub(in crate::export) fn ecg(first: u64) -> BatchHeader {
        BatchHeader {
            signal: Signal::Ecg,
            simulated: true,
            rate_millihertz: 250_000,
            scale: Scale { gain_milli: 200_000, baseline: 1_024 },
            first_index: first,
            time_us: 0,
        }
    }

    /// Pushes samples as a batch, as a clinic reads them from a report.
    pub(in crate::export) fn push(
        recording: &mut Recording,
        header: &BatchHeader,
        samples: &[i16],
        start_ms: u64,
    ) -> Result<usize, Error> {
        let mut buffer = vec![0; 64 + 3 * samples.len()];
        let (used, taken) = emit(header, samples, &mut buffer).unwrap();
        assert_eq!(taken, samples.len());
        recording.push(SensorId(2), &Batch::parse(&buffer[..used]).unwrap(), start_ms)
    }

    fn starts(series: &Series) -> Vec<(u64, usize)> {
        series.segments.iter().map(|s| (s.start_ms, s.samples.len())).collect()
    }

    #[test]
    fn batches_join_where_numbers_and_time_follow() {
        let mut recording = Recording::new("p", "b", 0, 100_000).unwrap();
        for (first, start_ms) in
            [(0, 1_000), (25, 1_103), (75, 1_300), (100, 1_400), (125, 4_000), (0, 4_100)]
        {
            assert_eq!(push(&mut recording, &ecg(first), &[7; 25], start_ms).unwrap(), 25);
        }
        let series = &recording.series[0];
        // A jump of the numbers, a jump of the clock, and a sensor that counts anew.
        assert_eq!(starts(series), [(1_000, 50), (1_300, 50), (4_000, 25), (4_100, 25)]);
        assert_eq!((series.unit(), recording.samples(), recording.simulated()), ("mV", 150, true));
        assert_eq!(series.time_us(&series.segments[0], 1), 1_004_000);
        assert_eq!(recording.first_ms(), Some(1_000));
        let placed: Vec<_> = series.placed(1_000).iter().map(|p| (p.at, p.end())).collect();
        assert_eq!(placed, [(0, 50), (75, 125), (750, 775), (775, 800)]);
    }

    #[test]
    fn another_rate_scale_or_label_is_another_series() {
        let mut recording = Recording::new("p", "b", 0, 100_000).unwrap();
        let first = ecg(0);
        let other_scale = Scale { gain_milli: 1, baseline: 0 };
        let batches = [
            first,
            BatchHeader { rate_millihertz: 1, ..first },
            BatchHeader { scale: other_scale, ..first },
            BatchHeader { simulated: false, ..first },
            BatchHeader { signal: Signal::SpO2, ..first },
        ];
        for header in batches {
            push(&mut recording, &header, &[1], 5).unwrap();
        }
        assert_eq!(recording.series.len(), 5);
    }

    #[test]
    fn what_lies_outside_the_time_is_left_out() {
        let mut recording = Recording::new("p", "b", 1_000, 1_100).unwrap();
        let samples: Vec<i16> = (0..100).collect();
        assert_eq!(push(&mut recording, &ecg(0), &samples, 900).unwrap(), 25);
        assert_eq!(push(&mut recording, &ecg(100), &samples, 1_300).unwrap(), 0);
        assert_eq!(starts(&recording.series[0]), [(1_000, 25)]);
        assert_eq!(recording.series[0].segments[0].samples, (25..50).collect::<Vec<i16>>());
        for (at_ms, kept) in [(999, 0), (1_000, 1), (1_100, 1)] {
            let alarm = AlarmMark { at_ms, condition: Condition::Asystole, present: true };
            recording.push_alarm(alarm).unwrap();
            assert_eq!(recording.alarms.len(), kept);
        }
        assert_eq!(recording.alarms[0].text(), "ALARM BEGINS: ASYSTOLE");
    }

    #[test]
    fn limits_and_times() {
        assert!(Recording::new("p", "b", 2, 1).is_err());
        assert!(Recording::new("p", "b", 0, calendar::LAST_MS + 1).is_err());
        let mut recording = Recording::new("p", "b", 0, 100).unwrap();
        for sensor in 0..=SERIES_MAX {
            let header = BatchHeader { rate_millihertz: 1 + sensor as u32, ..ecg(0) };
            assert_eq!(push(&mut recording, &header, &[1], 0).is_ok(), sensor < SERIES_MAX);
        }
        let refused = push(&mut recording, &BatchHeader { rate_millihertz: 99, ..ecg(0) }, &[1], 0);
        assert_eq!(
            refused.unwrap_err().to_string(),
            "an export takes at most 16 series, this one has 17; ask for a shorter time (--from, --to)"
        );
    }

    proptest! {
        #[test]
        fn no_sample_is_lost_or_made_up(batches in prop::collection::vec((0u64..3, prop::collection::vec(any::<i16>(), 1..20), 0u64..5_000), 1..20)) {
            let mut recording = Recording::new("p", "b", 0, calendar::LAST_MS).unwrap();
            let (mut first, mut all) = (0, Vec::new());
            for (jump, samples, start_ms) in batches {
                first += jump;
                push(&mut recording, &ecg(first), &samples, start_ms).unwrap();
                first += samples.len() as u64;
                all.extend(samples);
            }
            let series = &recording.series[0];
            let held: Vec<i16> = series.segments.iter().flat_map(|s| s.samples.clone()).collect();
            prop_assert_eq!(held, all);
            let placed = series.placed(0);
            prop_assert!(placed.is_sorted_by(|a, b| a.end() <= b.at));
        }
    }
}
