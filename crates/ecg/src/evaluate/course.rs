//! What a monitor says on a whole recording.

#![deny(clippy::indexing_slicing)]

extern crate alloc;

use super::episodes::Episode;
use crate::{
    Error,
    correlate::Correlation,
    decide::{EmergencyReason, State, Verdict},
    monitor::{Event, Monitor},
    settings::Settings,
};
use alloc::{boxed::Box, vec::Vec};

/// A beat.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beat {
    /// Sample index of its R peak.
    pub sample: u64,
    /// Samples since the beat before, when it was found without a gap between.
    pub rr_samples: Option<u64>,
    /// Correlation of the cycle that it ends with the patient's template, once there is one.
    pub correlation: Option<Correlation>,
}

/// An emergency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alarm {
    /// From the decision to the end of the state.
    pub episode: Episode,
    /// The reason it began with.
    pub reason: EmergencyReason,
    /// The gravest reason it had.
    pub gravest: EmergencyReason,
}

/// What a monitor said.
#[derive(Debug, Clone, Default)]
pub struct Course {
    /// Every beat.
    pub beats: Vec<Beat>,
    /// Sample index and heart rate in tenths per minute, about once a second.
    pub rates: Vec<(u64, u16)>,
    /// Every change of state.
    pub verdicts: Vec<Verdict>,
    /// Every emergency.
    pub alarms: Vec<Alarm>,
    /// Samples for which nothing could be said.
    pub undetermined_samples: u64,
    /// Samples without a template yet.
    pub learning_samples: u64,
    /// All samples.
    pub samples: u64,
    /// The patient's threshold at the end.
    pub threshold: f64,
    last: Option<i16>,
}

/// How long the last value is held, in seconds; the detector reports a beat within one, but for search-back.
const HOLD_S: f64 = 1.0;

impl Course {
    /// Runs a monitor over samples in ADC units; `None` is one that was lost on the way, of which the monitor hears with the
    /// next that was not.
    ///
    /// # Errors
    /// As [`Settings::check`].
    pub fn of<S: Into<Option<i16>>>(
        settings: Settings,
        samples: impl IntoIterator<Item = S>,
    ) -> Result<Self, Error> {
        let mut monitor = Box::new(Monitor::new(settings)?);
        let mut course = Self::default();
        let mut open: Option<Alarm> = None;
        let mut missing = 0;
        for (at, sample) in (0u64..).zip(samples) {
            course.samples = at + 1;
            match sample.into() {
                Some(sample) => {
                    if missing > 0 {
                        monitor.gap(core::mem::take(&mut missing));
                    }
                    monitor.push(sample);
                    course.last = Some(sample);
                }
                None => missing += 1,
            }
            while let Some(event) = monitor.poll() {
                course.note(event);
            }
            match (monitor.state(), &mut open) {
                (State::Emergency(reason), Some(alarm)) => {
                    alarm.episode.end = at + 1;
                    alarm.gravest = alarm.gravest.min(reason);
                }
                (State::Emergency(reason), None) => {
                    open =
                        Some(Alarm { episode: Episode { start: at, end: at + 1 }, reason, gravest: reason });
                }
                (other, _) => {
                    course.alarms.extend(open.take());
                    course.undetermined_samples += u64::from(matches!(other, State::Undetermined(_)));
                    course.learning_samples += u64::from(other == State::Learning);
                }
            }
        }
        course.alarms.extend(open);
        course.threshold = monitor.threshold();
        course.late_beats(&mut monitor, settings);
        Ok(course)
    }

    /// Beats of the last second are reported after it: the last value is held until they are. Nothing else is taken from
    /// what was never measured.
    fn late_beats(&mut self, monitor: &mut Monitor, settings: Settings) {
        let Some(last) = self.last else { return };
        for _ in 0..(settings.fs_hz * HOLD_S) as u64 {
            monitor.push(last);
            while let Some(event) = monitor.poll() {
                if let Event::Beat { r_sample, .. } = event
                    && r_sample < self.samples
                {
                    self.note(event);
                }
            }
        }
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Beat { r_sample, rr_samples, correlation, .. } => {
                self.beats.push(Beat { sample: r_sample, rr_samples, correlation });
            }
            Event::Rate { bpm_tenths, at_sample } => self.rates.push((at_sample, bpm_tenths)),
            Event::Verdict(verdict) => self.verdicts.push(verdict),
        }
    }

    /// The state at the end.
    pub fn last(&self) -> State {
        self.verdicts.last().map_or(State::Learning, |verdict| verdict.state)
    }

    /// The emergencies as episodes.
    pub fn episodes(&self) -> Vec<Episode> {
        self.alarms.iter().map(|alarm| alarm.episode).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_line_is_undetermined_and_no_alarm() {
        let course = Course::of(Settings::new(250.0, 200.0, 0), core::iter::repeat_n(0, 5000)).unwrap();
        assert_eq!(course.samples, 5000);
        assert!(course.undetermined_samples > 4000 && course.alarms.is_empty() && course.beats.is_empty());
        assert_eq!(course.learning_samples + course.undetermined_samples, 5000);
    }

    #[test]
    fn an_alarm_that_lasts_to_the_end_is_counted() {
        // A wave of 5 Hz from the start: fibrillation.
        let wave = (0..5000).map(|i| (200.0 * libm::sin(f64::from(i) * 0.1256)) as i16);
        let course = Course::of(Settings::new(250.0, 200.0, 0), wave).unwrap();
        let last = course.alarms.last().unwrap();
        assert_eq!(last.episode.end, 5000);
        assert_eq!(last.gravest, EmergencyReason::VentricularFibrillation);
        assert_eq!(course.last(), State::Emergency(last.gravest));
    }
}
