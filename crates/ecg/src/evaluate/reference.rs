//! What the annotations of a recording say of emergencies, as episodes.

#![deny(clippy::indexing_slicing)]

extern crate alloc;

use super::episodes::Episode;
use crate::{SampleRate, settings::Limits, wfdb::Annotation};
use alloc::vec::Vec;

/// Number of the annotation code of a change of rhythm, whose text names it.
const RHYTHM: u8 = 28;
/// Ventricular flutter wave.
const FLUTTER_WAVE: u8 = 31;
/// Premature ventricular contraction.
const PVC: u8 = 5;
/// Ventricular beats in a row that are a tachycardia.
const RUN_BEATS: usize = 4;
/// Rate from which such a run is a tachycardia, per minute.
const RUN_BPM: f64 = 100.0;
/// Length of the windows of CUDB's labels, in seconds.
const WINDOW_S: f64 = 5.0;

/// Joins what overlaps or touches; ascending.
pub fn merged(mut list: Vec<Episode>) -> Vec<Episode> {
    list.sort_by_key(|e| e.start);
    let mut out: Vec<Episode> = Vec::new();
    for e in list {
        match out.last_mut() {
            Some(last) if last.end >= e.start => last.end = last.end.max(e.end),
            _ => out.push(e),
        }
    }
    out
}

/// Episodes whose rhythm annotation begins with one of `prefixes`, such as `(VF`; a recording of `length` samples ends the
/// last one.
pub fn rhythms(annotations: &[Annotation<'_>], length: u64, prefixes: &[&str]) -> Vec<Episode> {
    let mut list = Vec::new();
    let mut since = None;
    for a in annotations.iter().filter(|a| a.code.number() == RHYTHM) {
        let end = a.sample;
        list.extend(since.take().map(|start| Episode { start, end }));
        since = prefixes.iter().any(|p| a.text().starts_with(p)).then_some(a.sample);
    }
    list.extend(since.map(|start| Episode { start, end: length }));
    merged(list)
}

/// Episodes from labels of one character per 5 s, in which `1` is fibrillation or flutter.
pub fn windows(labels: &str, rate: SampleRate) -> Vec<Episode> {
    let window = rate.samples(WINDOW_S);
    let set = (0u64..).zip(labels.trim().bytes()).filter(|(_, b)| *b == b'1');
    merged(set.map(|(i, _)| Episode { start: i * window, end: (i + 1) * window }).collect())
}

/// Ventricular fibrillation or flutter, by rhythm and by flutter waves.
pub fn fibrillation(annotations: &[Annotation<'_>], length: u64) -> Vec<Episode> {
    let mut list = rhythms(annotations, length, &["(VF"]);
    let waves: Vec<u64> = annotations
        .iter()
        .filter(|a| a.code.number() == FLUTTER_WAVE || a.code.is_beat())
        .map(|a| if a.code.is_beat() { u64::MAX } else { a.sample })
        .collect();
    for run in waves.split(|at| *at == u64::MAX) {
        if let (Some(&start), Some(&end)) = (run.first(), run.last())
            && end > start
        {
            list.push(Episode { start, end });
        }
    }
    merged(list)
}

/// True ventricular tachycardia, flutter or fibrillation of a recording with beat annotations: by rhythm, by at least four
/// ventricular beats in a row above 100 per minute, or by flutter waves.
pub fn ventricular(annotations: &[Annotation<'_>], length: u64, rate: SampleRate) -> Vec<Episode> {
    let mut list = rhythms(annotations, length, &["(VT", "(VF"]);
    let beats: Vec<(u64, bool)> = annotations
        .iter()
        .filter(|a| a.code.is_beat() || a.code.number() == FLUTTER_WAVE)
        .map(|a| (a.sample, matches!(a.code.number(), PVC | FLUTTER_WAVE)))
        .collect();
    for run in beats.chunk_by(|a, b| a.1 && b.1) {
        if let (Some(&(first, true)), Some(&(last, _))) = (run.first(), run.last())
            && run.len() >= RUN_BEATS
            && (run.len() - 1) as f64 * 60.0 > RUN_BPM * rate.seconds(last.saturating_sub(first))
        {
            list.push(Episode { start: first, end: last });
        }
    }
    merged(list)
}

/// Pauses and rates outside the limits for longer than allowed (median of three intervals), by the reference beats.
pub fn rate_excursions(annotations: &[Annotation<'_>], rate: SampleRate, limits: &Limits) -> Vec<Episode> {
    let beats: Vec<u64> = annotations.iter().filter(|a| a.code.is_beat()).map(|a| a.sample).collect();
    let pairs = beats.iter().zip(beats.iter().skip(1));
    let mut list: Vec<Episode> = pairs
        .map(|(&start, &end)| Episode { start, end })
        .filter(|e| rate.seconds(e.samples()) > limits.pause_s)
        .collect();
    let mut since: Option<u64> = None;
    for four in beats.windows(4) {
        let &[a, b, c, d] = four else { continue };
        let mut rr = [b.saturating_sub(a), c.saturating_sub(b), d.saturating_sub(c)];
        rr.sort_unstable();
        let [_, median, _] = rr;
        let bpm = 60.0 / rate.seconds(median.max(1));
        if (limits.rate_min_bpm..=limits.rate_max_bpm).contains(&bpm) {
            since = None;
            continue;
        }
        let start = *since.get_or_insert(a);
        // The reference beats tell of an excursion up to a cycle later than it began.
        if rate.seconds(d.saturating_sub(start)) >= limits.rate_sustained_s - 1.0 {
            list.push(Episode { start, end: d });
        }
    }
    merged(list)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::wfdb::AnnotationCode;
    use std::vec;

    fn at(sample: u64, code: u8) -> Annotation<'static> {
        Annotation::new(sample, AnnotationCode::new(code).unwrap())
    }

    fn rhythm(sample: u64, text: &'static str) -> Annotation<'static> {
        Annotation { aux: text.as_bytes(), ..at(sample, RHYTHM) }
    }

    const fn e(start: u64, end: u64) -> Episode {
        Episode { start, end }
    }

    #[test]
    fn rhythms_last_until_the_next() {
        let list = [
            rhythm(10, "(N"),
            rhythm(50, "(VFL"),
            rhythm(90, "(VFIB"),
            rhythm(120, "(N"),
            rhythm(200, "(VT"),
        ];
        assert_eq!(rhythms(&list, 300, &["(VF"]), [e(50, 120)]);
        assert_eq!(rhythms(&list, 300, &["(VT"]), [e(200, 300)]);
        assert_eq!(rhythms(&[], 300, &["(VT"]), []);
        assert_eq!(windows("0110\n", SampleRate::new(250.0).unwrap()), [e(1250, 3750)]);
    }

    #[test]
    fn runs_of_ventricular_beats_are_tachycardia() {
        let rate = SampleRate::new(100.0).unwrap();
        let run = |step: u64, code| (0..5).map(|i| at(1000 + i * step, code)).collect::<Vec<_>>();
        assert_eq!(ventricular(&run(40, 5), 9000, rate), [e(1000, 1160)]);
        assert_eq!(ventricular(&run(70, 5), 9000, rate), [], "too slow");
        assert_eq!(ventricular(&run(40, 1), 9000, rate), [], "normal beats");
        assert_eq!(fibrillation(&run(20, 31), 9000), [e(1000, 1080)]);
    }

    #[test]
    fn pauses_and_rates_are_excursions() {
        let rate = SampleRate::new(100.0).unwrap();
        let mut list = vec![at(0, 1), at(80, 1), at(500, 1)];
        assert_eq!(rate_excursions(&list, rate, &Limits::default()), [e(80, 500)]);
        list = (0..60).map(|i| at(i * 30, 1)).collect();
        assert_eq!(rate_excursions(&list, rate, &Limits::default()), [e(0, 1770)]);
    }
}
