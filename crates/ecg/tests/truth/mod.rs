//! What the annotations of a loaded recording say of emergencies, and what a monitor says on it.
#![allow(dead_code, reason = "each test and the example use a part")]

use crate::recordings::Loaded;
use bodywire_ecg::{
    SampleRate,
    evaluate::{course::Course, episodes::Episode, reference},
    settings::{Limits, Settings},
    wfdb::Annotation,
};

fn annotations(r: &Loaded) -> Vec<Annotation<'_>> {
    let list = r.annotations.iter();
    list.map(|(at, code, text)| Annotation { aux: text.as_bytes(), ..Annotation::new(*at, *code) }).collect()
}

fn rate(r: &Loaded) -> SampleRate {
    SampleRate::new(r.rate_hz).unwrap()
}

pub(crate) fn rhythms(r: &Loaded, prefixes: &[&str]) -> Vec<Episode> {
    reference::rhythms(&annotations(r), r.samples.len() as u64, prefixes)
}

/// Fibrillation or flutter, by the annotations and by CUDB's windows.
pub(crate) fn fibrillation(r: &Loaded) -> Vec<Episode> {
    let mut list = reference::fibrillation(&annotations(r), r.samples.len() as u64);
    list.extend(reference::windows(&r.windows, rate(r)));
    reference::merged(list)
}

pub(crate) fn ventricular(r: &Loaded) -> Vec<Episode> {
    reference::ventricular(&annotations(r), r.samples.len() as u64, rate(r))
}

pub(crate) fn rate_excursions(r: &Loaded) -> Vec<Episode> {
    reference::rate_excursions(&annotations(r), rate(r), &Limits::default())
}

/// Runs a monitor over the recording; its header does not say where the converter's rails are.
pub(crate) fn course(r: &Loaded) -> Course {
    course_with_losses(r, |_| false)
}

/// As [`course`], with the samples of which `lost` is true lost on the way.
pub(crate) fn course_with_losses(r: &Loaded, lost: impl Fn(usize) -> bool) -> Course {
    let samples = r.samples.iter().enumerate().map(|(at, sample)| (!lost(at)).then_some(*sample));
    Course::of(Settings::new(r.rate_hz, r.gain, r.baseline), samples).unwrap()
}
