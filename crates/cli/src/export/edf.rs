//! EDF+ (Kemp and Olivan 2003, doi 10.1016/S1388-2457(03)00123-8; www.edfplus.info/specs/edfplus.html).
//!
//! All signals share data records of equal length. A data record in which nothing was measured is left out if that is
//! wanted ([`Gaps`]): the file is EDF+D then, and each record says when it begins. Where a record that is kept has no
//! sample, the lowest number stands, and an annotation says so with its begin and its length, since EDF+ has no number
//! for "not measured".

mod annotations;
mod header;

use super::series::{Placed, limit};
use super::{Error, File, Recording, SIMULATED, Series};
use annotations::Text;

/// Longest data record of signals with different rates, milliseconds; with a longer one, each rate gets a file.
const SHARED_RECORD_MS_MAX: u64 = 60_000;
/// Shortest data record, milliseconds: EDF+ recommends at least a second.
const RECORD_MS_MIN: u64 = 1_000;
/// Samples of a data record: readers refuse records above 10 MB, and this is a tenth.
const RECORD_SAMPLES_MAX: u64 = 500_000;
/// Samples of a file, places without one included: 128 MiB.
pub const FILE_SAMPLES_MAX: usize = 64 << 20;
/// Stands where nothing was measured.
pub const NOT_MEASURED: i16 = i16::MIN;
/// Microhertz-milliseconds in a cycle: `rate_millihertz * ms / CYCLE` is a number of samples.
const CYCLE: u64 = 1_000_000;

/// What becomes of data records in which nothing was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gaps {
    /// They are left out (EDF+D). The smallest file; some programs refuse it, and some join what is left.
    LeftOut,
    /// They are written as not measured (EDF+C), which programs for EDF open.
    Written,
}

/// One file of the recording, or one for each rate when no data record of up to a minute holds whole samples of all.
/// Names begin with `name`.
///
/// # Errors
/// [`Error::Empty`], [`Error::Limit`], [`Error::Signal`] for a rate or a scale that eight characters cannot say,
/// [`Error::Time`] outside 1985 to 2084.
pub fn write(recording: &Recording, name: &str, gaps: Gaps) -> Result<Vec<File>, Error> {
    let all: Vec<&Series> = recording.series.iter().collect();
    if shared_record_ms(&all).is_some_and(|ms| ms <= SHARED_RECORD_MS_MAX) {
        return Ok(vec![File { name: format!("{name}.edf"), bytes: file(recording, &all, true, gaps)? }]);
    }
    let mut rates: Vec<u32> = all.iter().map(|series| series.rate_millihertz).collect();
    rates.sort_unstable_by(|a, b| b.cmp(a));
    rates.dedup();
    let mut files = Vec::new();
    for (number, rate) in rates.into_iter().enumerate() {
        let group: Vec<&Series> = all.iter().copied().filter(|s| s.rate_millihertz == rate).collect();
        let bytes = file(recording, &group, number == 0, gaps)?;
        files.push(File { name: format!("{name}_{}.edf", number + 1), bytes });
    }
    if files.is_empty() { Err(Error::Empty) } else { Ok(files) }
}

/// The shortest data record, in milliseconds, with a whole number of samples of each series; `None` for none.
fn shared_record_ms(group: &[&Series]) -> Option<u64> {
    let mut ms: u64 = 1;
    for series in group {
        let own = CYCLE / common_divisor(u64::from(series.rate_millihertz), CYCLE);
        ms = (ms / common_divisor(ms, own)).checked_mul(own)?;
    }
    let shortest = RECORD_MS_MIN.div_ceil(ms).saturating_mul(ms);
    (!group.is_empty()).then_some(shortest)
}

fn common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// A series in data records.
struct Channel<'a> {
    series: &'a Series,
    /// Samples in one data record.
    per_record: u64,
    placed: Vec<Placed<'a>>,
}

impl Channel<'_> {
    /// The data records that the samples lie in, as ranges.
    fn records(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.placed.iter().map(|p| (p.at / self.per_record, p.end().div_ceil(self.per_record)))
    }
}

fn file(recording: &Recording, group: &[&Series], alarms: bool, gaps: Gaps) -> Result<Vec<u8>, Error> {
    let starts = group.iter().flat_map(|series| &series.segments).map(|segment| segment.start_ms);
    let zero_ms = starts.min().ok_or(Error::Empty)?;
    let record_ms = shared_record_ms(group).ok_or(Error::Empty)?;
    let mut channels = Vec::with_capacity(group.len());
    for &series in group {
        let per_record = u64::from(series.rate_millihertz) * record_ms / CYCLE;
        if !(1..=RECORD_SAMPLES_MAX).contains(&per_record) {
            let why = "no data record holds a whole number of its samples and is short enough";
            return Err(Error::Signal { signal: series.signal.name(), format: "EDF+", why });
        }
        channels.push(Channel { series, per_record, placed: series.placed(zero_ms) });
    }
    let mut runs = runs(&channels);
    if let (Gaps::Written, Some(&(begin, _)), Some(&(_, end))) = (gaps, runs.first(), runs.last()) {
        runs = vec![(begin, end)];
    }
    let records: u64 = runs.iter().map(|(begin, end)| end - begin).sum();
    let width: u64 = channels.iter().map(|channel| channel.per_record).sum();
    let found = usize::try_from(records.saturating_mul(width)).unwrap_or(usize::MAX);
    limit("samples of an EDF+ file", FILE_SAMPLES_MAX, found)?;

    let mut texts = Vec::new();
    if group.iter().any(|series| series.simulated) {
        texts.push(Text { onset_us: 0, duration_us: None, text: SIMULATED.to_owned() });
    }
    for channel in &channels {
        not_measured(channel, &runs, record_ms, &mut texts);
    }
    for alarm in recording.alarms.iter().filter(|_| alarms) {
        let onset_us = alarm.at_ms.saturating_sub(zero_ms).saturating_mul(1_000);
        texts.push(Text { onset_us, duration_us: None, text: alarm.text() });
    }
    texts.sort_by_key(|text| text.onset_us);
    // The header counts whole seconds; the rest is the onset of the first record.
    let rest_us = zero_ms % 1_000 * 1_000;
    let onsets: Vec<u64> = runs.iter().flat_map(|&(begin, end)| begin..end).collect();
    let lists = annotations::in_records(&texts, &onsets, record_ms * 1_000, rest_us);

    let plus = if runs.len() <= 1 { "EDF+C" } else { "EDF+D" };
    let mut out = header::write(recording, &channels, zero_ms, record_ms, lists.width, records, plus)?;
    let mut samples: Vec<_> = channels.iter().map(|channel| samples(channel, &runs)).collect();
    for list in lists.records {
        for (channel, samples) in channels.iter().zip(&mut samples) {
            out.extend(samples.by_ref().take(channel.per_record as usize).flat_map(i16::to_le_bytes));
        }
        let end = out.len() + lists.width;
        out.extend(list);
        out.resize(end, 0);
    }
    Ok(out)
}

/// The data records in which something was measured, as ranges that do not touch.
fn runs(channels: &[Channel<'_>]) -> Vec<(u64, u64)> {
    let mut all: Vec<(u64, u64)> = channels.iter().flat_map(Channel::records).collect();
    all.sort_unstable();
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for (begin, end) in all {
        match runs.last_mut() {
            Some(last) if begin <= last.1 => last.1 = last.1.max(end),
            _ => runs.push((begin, end)),
        }
    }
    runs
}

/// The pieces of the kept records in which `channel` has no sample, as ranges of its samples.
fn holes(channel: &Channel<'_>, runs: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut holes = Vec::new();
    let mut placed = channel.placed.iter().peekable();
    for (begin, end) in runs {
        let (mut at, end) = (begin * channel.per_record, end * channel.per_record);
        while let Some(segment) = placed.next_if(|segment| segment.at < end) {
            if at < segment.at {
                holes.push((at, segment.at));
            }
            at = segment.end();
        }
        if at < end {
            holes.push((at, end));
        }
    }
    holes
}

fn not_measured(channel: &Channel<'_>, runs: &[(u64, u64)], record_ms: u64, texts: &mut Vec<Text>) {
    let time = |sample: u64| {
        let us = u128::from(sample) * u128::from(record_ms) * 1_000 / u128::from(channel.per_record);
        u64::try_from(us).unwrap_or(u64::MAX)
    };
    for (begin, end) in holes(channel, runs) {
        let (onset_us, duration_us) = (time(begin), Some(time(end).saturating_sub(time(begin))));
        texts.push(Text {
            onset_us,
            duration_us,
            text: format!("Not measured: {}", header::label(channel.series)),
        });
    }
}

/// All samples of a channel in the kept records, holes filled with [`NOT_MEASURED`].
fn samples<'a>(channel: &'a Channel<'_>, runs: &[(u64, u64)]) -> impl Iterator<Item = i16> + use<'a> {
    // Holes and segments together cover the kept records, each once.
    let mut pieces: Vec<(u64, u64, &[i16])> =
        holes(channel, runs).into_iter().map(|(begin, end)| (begin, end - begin, &[][..])).collect();
    pieces.extend(channel.placed.iter().map(|p| (p.at, p.samples.len() as u64, p.samples)));
    pieces.sort_by_key(|(at, ..)| *at);
    pieces.into_iter().flat_map(|(_, len, samples)| {
        (0..len as usize).map(move |index| samples.get(index).copied().unwrap_or(NOT_MEASURED))
    })
}

#[cfg(test)]
mod tests;
