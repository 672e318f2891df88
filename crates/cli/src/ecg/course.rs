//! `bodywire ecg RECORDING`: beats, correlation over time, verdicts and why.

use super::score::Score;
use super::{NOT_A_DEVICE, clock, drawn_as, page, percentile, plot, reason_name, state_name, write};
use crate::args::{EcgOptions, Output};
use crate::exit::Failure;
use crate::recording::Lead;
use bodywire_ecg::decide::State;
use bodywire_ecg::evaluate::course::Course;
use serde_json::{Value, json};
use std::path::Path;

/// Verdicts and mistakes that the table names; JSON has them all.
const LISTED_MAX: usize = 40;

/// Runs the detector over one recording and says what it said.
pub fn run(options: &EcgOptions) -> Result<(), Failure> {
    let Some(path) = &options.recording else { return Ok(()) };
    let drawn = options.plot.as_deref().map(|plot| drawn_as(plot, &["svg", "html"])).transpose()?;
    let lead = Lead::read(path, options.signal, options.annotations.as_deref())?;
    if let Some(ending) = &options.annotations
        && lead.annotations()?.is_none()
    {
        return Err(Failure::path(
            &path.with_extension(ending),
            "is not there",
            "leave --annotations out, or name the ending of the file beside the recording",
        ));
    }
    let course = course_of(&lead, path)?;
    let score = if options.annotations.is_some() { Score::of(&lead, &course)? } else { None };
    if let (Some(file), Some(ending)) = (&options.plot, drawn) {
        let picture = plot::course(&lead, &course)?;
        let text = if ending == "svg" {
            picture
        } else {
            page::of_course(&lead, &course, score.as_ref(), &picture)?
        };
        write(file, &text)?;
    }
    crate::print(&match options.output {
        Output::Json => as_json(&lead, &course, score.as_ref()).to_string(),
        Output::Table => as_table(&lead, &course, score.as_ref()),
    });
    Ok(())
}

pub(crate) fn course_of(lead: &Lead, path: &Path) -> Result<Course, Failure> {
    Course::of(lead.settings, lead.samples.iter().copied()).map_err(|error| {
        Failure::path(path, error, "name a recording of an ECG, or another signal with --signal")
    })
}

/// Coefficients of all beats that have one.
fn coefficients(course: &Course) -> Vec<f64> {
    course.beats.iter().filter_map(|beat| beat.correlation?.rho()).collect()
}

fn rates(course: &Course) -> Vec<f64> {
    course.rates.iter().map(|(_, tenths)| f64::from(*tenths) / 10.0).collect()
}

pub(super) fn as_table(lead: &Lead, course: &Course, score: Option<&Score>) -> String {
    let at = |sample: u64| clock(lead.rate.seconds(sample));
    let quantiles = |values: &[f64], digits: usize| match [0.01, 0.5, 0.99].map(|p| percentile(values, p)) {
        [Some(low), Some(middle), Some(high)] => {
            format!("median {middle:.digits$}, 98 % of them {low:.digits$} to {high:.digits$}")
        }
        _ => "none".to_owned(),
    };
    let hertz = lead.rate.hz();
    let mut text = format!(
        "recording     {}, signal {} ({}), {hertz} Hz, {}",
        lead.name,
        lead.signal,
        lead.description,
        clock(lead.seconds())
    );
    text.push_str(&format!("\nbeats         {}", course.beats.len()));
    text.push_str(&format!("\nheart rate    {} per minute", quantiles(&rates(course), 0)));
    text.push_str(&format!(
        "\ncorrelation   {}; this patient's threshold {:.2}",
        quantiles(&coefficients(course), 3),
        course.threshold
    ));
    let share = |samples: u64| 100.0 * samples as f64 / course.samples.max(1) as f64;
    let alarmed: u64 = course.alarms.iter().map(|alarm| alarm.episode.samples()).sum();
    text.push_str(&format!(
        "\nstates        emergency {:.1} % of the time, undetermined {:.1} %, learning {:.1} %",
        share(alarmed),
        share(course.undetermined_samples),
        share(course.learning_samples)
    ));
    text.push_str(&format!("\nemergencies   {}", course.alarms.len()));
    text.push_str("\n\nverdicts");
    for verdict in course.verdicts.iter().take(LISTED_MAX) {
        let why = match (verdict.state, verdict.correlation.and_then(|c| c.rho())) {
            (State::Emergency(_), Some(rho)) => {
                format!("; since {}, last correlation {rho:.2}", at(verdict.onset))
            }
            (State::Emergency(_), None) => format!("; since {}", at(verdict.onset)),
            _ => String::new(),
        };
        let mark = if matches!(verdict.state, State::Emergency(_)) { "EMERGENCY: " } else { "" };
        text.push_str(&format!("\n  {}  {mark}{}{why}", at(verdict.decided_at), state_name(verdict.state)));
    }
    more(&mut text, course.verdicts.len());
    if let Some(score) = score {
        judged(&mut text, score);
    }
    text.push_str(&format!("\n\n{NOT_A_DEVICE}"));
    text
}

fn judged(text: &mut String, score: &Score) {
    text.push_str("\n\nagainst the annotations");
    if let Some(beats) = score.beats {
        text.push_str(&format!(
            "\n  beats          sensitivity {:.4}, positive predictivity {:.4}, F1 {:.4}: {} found, {} missed, {} too many",
            beats.sensitivity(),
            beats.positive_predictivity(),
            beats.f1(),
            beats.found,
            beats.missed,
            beats.extra
        ));
    }
    text.push_str(&format!(
        "\n  emergencies    {} of {} false; ventricular tachycardia, flutter or fibrillation: {} of {} found",
        score.false_alarms, score.alarms, score.ventricular.found, score.ventricular.reference
    ));
    for mistake in score.mistakes.iter().take(LISTED_MAX) {
        let what = match mistake.missed {
            Some(class) => format!("missed a beat of class {}", class.letter()),
            None => "found a beat where none is".to_owned(),
        };
        text.push_str(&format!("\n  {}  {what}", clock(mistake.at_s)));
    }
    more(text, score.mistakes.len());
}

fn more(text: &mut String, all: usize) {
    if let Some(rest) = all.checked_sub(LISTED_MAX).filter(|rest| *rest > 0) {
        text.push_str(&format!("\n  and {rest} more: --output json"));
    }
}

fn as_json(lead: &Lead, course: &Course, score: Option<&Score>) -> Value {
    let seconds = |sample: u64| lead.rate.seconds(sample);
    json!({
        "recording": lead.name,
        "signal": lead.description,
        "rate_hz": lead.rate.hz(),
        "seconds": lead.seconds(),
        "threshold": course.threshold,
        "undetermined_s": seconds(course.undetermined_samples),
        "learning_s": seconds(course.learning_samples),
        "beats": course.beats.iter().map(|beat| json!({
            "sample": beat.sample,
            "rr_s": beat.rr_samples.map(seconds),
            "correlation": beat.correlation.and_then(|c| c.rho()),
        })).collect::<Vec<_>>(),
        "rates": course.rates.iter().map(|(at, tenths)| {
            json!({ "at_s": seconds(*at), "per_minute": f64::from(*tenths) / 10.0 })
        }).collect::<Vec<_>>(),
        "verdicts": course.verdicts.iter().map(|v| json!({
            "at_s": seconds(v.decided_at),
            "onset_s": seconds(v.onset),
            "state": state_name(v.state),
            "emergency": matches!(v.state, State::Emergency(_)),
            "correlation": v.correlation.and_then(|c| c.rho()),
            "threshold": v.threshold,
        })).collect::<Vec<_>>(),
        "emergencies": course.alarms.iter().map(|a| json!({
            "from_s": seconds(a.episode.start),
            "to_s": seconds(a.episode.end),
            "reason": reason_name(a.reason),
            "gravest": reason_name(a.gravest),
        })).collect::<Vec<_>>(),
        "against_annotations": score.map(Score::to_json),
    })
}
