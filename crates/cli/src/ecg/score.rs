//! A monitor's course over a recording, judged by the annotations.

use crate::exit::Failure;
use crate::recording::Lead;
use bodywire_ecg::evaluate::course::Course;
use bodywire_ecg::evaluate::episodes::{Episode, EpisodeScore, false_alarms, latency, samples_at_risk};
use bodywire_ecg::evaluate::{BeatClass, BeatScore, Match, match_beats, reference};
use serde_json::{Value, json};

/// Beats match within this time (EC57, 4.3.2).
const MATCH_S: f64 = 0.15;
/// An emergency that begins this soon after an annotated one is still about that one.
const SLACK_S: f64 = 10.0;
/// Fibrillation that lasts this long has to be an emergency within [`WITHIN_S`].
const FIBRILLATION_MIN_S: f64 = 10.0;
/// Time for that.
pub(crate) const WITHIN_S: f64 = 10.0;
/// Tachycardia or fibrillation that lasts this long is counted: shorter runs are none for a monitor.
const VENTRICULAR_MIN_S: f64 = 3.0;

/// One reference beat that was missed, or one detection too many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mistake {
    /// When, in seconds.
    pub(crate) at_s: f64,
    /// Class of the beat that was missed; nothing when there is no beat.
    pub(crate) missed: Option<BeatClass>,
}

/// How right a monitor was on one recording, or on several together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Score {
    /// Hours of recording.
    pub(crate) hours: f64,
    /// Share of the time without a verdict, in hours.
    pub(crate) undetermined_hours: f64,
    /// Beats, when the recording has annotated ones.
    pub(crate) beats: Option<BeatScore>,
    /// Reference beats and how many of them were missed, by class.
    pub(crate) classes: [(u64, u64); BeatClass::ALL.len()],
    /// Emergencies.
    pub(crate) alarms: u64,
    /// Those that are false.
    pub(crate) false_alarms: u64,
    /// Time in which an emergency would have been false, in hours.
    pub(crate) hours_at_risk: f64,
    /// Annotated ventricular tachycardia, flutter and fibrillation of at least three seconds.
    pub(crate) ventricular: EpisodeScore,
    /// Seconds until annotated fibrillation or flutter of at least ten was an emergency; infinite when it never was.
    pub(crate) latencies: Vec<f64>,
    /// Mistakes in beats; not added up.
    pub(crate) mistakes: Vec<Mistake>,
}

impl Score {
    /// Judges what a monitor said; nothing when nobody annotated the recording.
    pub(crate) fn of(lead: &Lead, course: &Course) -> Result<Option<Self>, Failure> {
        let annotations = lead.annotations()?;
        if annotations.is_none() && !lead.has_windows() {
            return Ok(None);
        }
        let annotations = annotations.unwrap_or_default();
        let (rate, length) = (lead.rate, lead.samples.len() as u64);
        let hours = |samples: u64| rate.seconds(samples) / 3600.0;
        let mut fibrillation = reference::fibrillation(&annotations, length);
        fibrillation.extend(lead.windows());
        let fibrillation = reference::merged(fibrillation);
        let mut ventricular = reference::ventricular(&annotations, length, rate);
        ventricular.extend(lead.windows());
        let ventricular = reference::merged(ventricular);
        let mut excused = ventricular.clone();
        excused.extend(reference::rhythms(&annotations, length, &["(ASYS", "(NOISE"]));
        excused.extend(reference::rate_excursions(&annotations, rate, &lead.settings.limits));
        let excused = reference::merged(excused);
        let (found, slack) = (course.episodes(), rate.samples(SLACK_S));
        let lasting = |list: &[Episode], seconds: f64| -> Vec<Episode> {
            list.iter().copied().filter(|e| rate.seconds(e.samples()) >= seconds).collect()
        };
        let mut score = Self {
            hours: hours(length),
            undetermined_hours: hours(course.undetermined_samples),
            alarms: found.len() as u64,
            false_alarms: false_alarms(&found, &excused, slack).count() as u64,
            hours_at_risk: hours(samples_at_risk(length, &excused, slack)),
            ventricular: EpisodeScore::of(&lasting(&ventricular, VENTRICULAR_MIN_S), &found),
            latencies: lasting(&fibrillation, FIBRILLATION_MIN_S)
                .into_iter()
                .map(|episode| {
                    latency(episode, &found).map_or(f64::INFINITY, |samples| rate.seconds(samples))
                })
                .collect(),
            ..Self::default()
        };
        // EC57 leaves flutter out of the beats.
        let outside = |at: u64| !fibrillation.iter().any(|e| (e.start..=e.end).contains(&at));
        let marked: Vec<(u64, BeatClass)> = annotations
            .iter()
            .filter_map(|a| Some((a.sample, BeatClass::of(a.code)?)))
            .filter(|(at, _)| outside(*at))
            .collect();
        if !marked.is_empty() {
            let detected: Vec<u64> =
                course.beats.iter().map(|b| b.sample).filter(|at| outside(*at)).collect();
            score.beats(lead, &marked, &detected);
        }
        Ok(Some(score))
    }

    fn beats(&mut self, lead: &Lead, marked: &[(u64, BeatClass)], detected: &[u64]) {
        let mut beats = BeatScore::default();
        let window = lead.rate.samples(MATCH_S);
        for found in match_beats(marked.iter().map(|(at, _)| *at), detected.iter().copied(), window) {
            let class = |reference: usize| marked.get(reference).copied();
            match found {
                Match::Pair { reference, .. } => {
                    beats.found += 1;
                    self.classed(class(reference), false);
                }
                Match::Missed { reference } => {
                    beats.missed += 1;
                    self.classed(class(reference), true);
                    if let Some((at, class)) = class(reference) {
                        self.mistakes.push(Mistake { at_s: lead.rate.seconds(at), missed: Some(class) });
                    }
                }
                Match::Extra { detected: number } => {
                    beats.extra += 1;
                    let at = detected.get(number).copied().unwrap_or_default();
                    self.mistakes.push(Mistake { at_s: lead.rate.seconds(at), missed: None });
                }
            }
        }
        self.beats = Some(beats);
    }

    fn classed(&mut self, beat: Option<(u64, BeatClass)>, missed: bool) {
        let slot = beat.and_then(|(_, class)| self.classes.get_mut(class as usize));
        if let Some((all, lost)) = slot {
            *all += 1;
            *lost += u64::from(missed);
        }
    }

    /// Adds another recording's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.hours += other.hours;
        self.undetermined_hours += other.undetermined_hours;
        if let Some(more) = other.beats {
            let mut sum = self.beats.unwrap_or_default();
            sum += more;
            self.beats = Some(sum);
        }
        for ((all, lost), (more, missed)) in self.classes.iter_mut().zip(other.classes) {
            *all += more;
            *lost += missed;
        }
        self.alarms += other.alarms;
        self.false_alarms += other.false_alarms;
        self.hours_at_risk += other.hours_at_risk;
        self.ventricular += other.ventricular;
        self.latencies.extend(&other.latencies);
    }

    /// False emergencies per hour in which they could have been.
    pub(crate) fn false_per_hour(&self) -> Option<f64> {
        (self.hours_at_risk > 0.0).then(|| self.false_alarms as f64 / self.hours_at_risk)
    }

    /// How many episodes of fibrillation were an emergency in time.
    pub(crate) fn in_time(&self) -> usize {
        self.latencies.iter().filter(|s| **s <= WITHIN_S).count()
    }

    /// For programs.
    pub(crate) fn to_json(&self) -> Value {
        let finite = |value: Option<f64>| value.filter(|v| v.is_finite());
        let beats = self.beats.map(|b| {
            json!({
                "reference": b.found + b.missed, "found": b.found, "missed": b.missed, "extra": b.extra,
                "sensitivity": b.sensitivity(), "positive_predictivity": b.positive_predictivity(), "f1": b.f1(),
                "by_class": BeatClass::ALL.iter().zip(self.classes).map(|(class, (all, missed))| {
                    (class.letter().to_string(), json!({ "reference": all, "missed": missed }))
                }).collect::<serde_json::Map<_, _>>(),
            })
        });
        json!({
            "hours": self.hours,
            "undetermined_hours": self.undetermined_hours,
            "beats": beats,
            "emergencies": self.alarms,
            "false_emergencies": self.false_alarms,
            "hours_at_risk": self.hours_at_risk,
            "false_emergencies_per_hour": self.false_per_hour(),
            "ventricular_episodes": self.ventricular.reference,
            "ventricular_episodes_found": self.ventricular.found,
            "fibrillation_episodes": self.latencies.len(),
            "fibrillation_within_10_s": self.in_time(),
            "fibrillation_latency_median_s": finite(super::percentile(&self.latencies, 0.5)),
            "fibrillation_latency_95_percent_s": finite(super::percentile(&self.latencies, 0.95)),
        })
    }
}
