//! `bodywire ecg evaluate DIR`: how right the detector is on annotated recordings.

use super::score::{Score, WITHIN_S};
use super::{NOT_A_DEVICE, course, drawn_as, page, percentile, plot, write};
use crate::args::{EcgEvaluateOptions, Output};
use crate::exit::Failure;
use crate::recording::{Lead, headers};
use bodywire_ecg::evaluate::BeatClass;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

/// The columns of the table.
const COLUMNS: [&str; 14] = [
    "recording",
    "beats",
    "missed",
    "extra",
    "Se",
    "+P",
    "F1",
    "emerg.",
    "false",
    "false/h",
    "VT/VF",
    "VF 10 s",
    "VF med. s",
    "no verdict",
];

/// Scores every annotated recording of the directory, each and all together.
pub fn run(options: &EcgEvaluateOptions) -> Result<(), Failure> {
    if let Some(plot) = &options.plot {
        drawn_as(plot, &["html"])?;
    }
    let paths = headers(&options.directory)?;
    let bar = ProgressBar::new(paths.len() as u64);
    // The template is a constant that a test holds.
    if let Ok(style) = ProgressStyle::with_template(PROGRESS) {
        bar.set_style(style);
    }
    let (mut rows, mut total, mut skipped) = (Vec::new(), Score::default(), 0usize);
    for path in &paths {
        let lead = Lead::read(path, options.signal, Some(&options.annotations))?;
        bar.set_message(lead.name.clone());
        let said = course::course_of(&lead, path)?;
        match Score::of(&lead, &said)? {
            Some(score) => {
                total.add(&score);
                rows.push((lead.name, score));
            }
            None => skipped += 1,
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if rows.is_empty() {
        return Err(Failure::path(
            &options.directory,
            "holds no annotated recording",
            "name a directory with .hea files and annotations beside them, or their ending with --annotations",
        ));
    }
    if let Some(file) = &options.plot {
        write(file, &as_page(&rows, &total)?)?;
    }
    crate::print(&match options.output {
        Output::Json => json!({
            "recordings": rows.iter().map(|(name, score)| {
                json!({ "recording": name, "score": score.to_json() })
            }).collect::<Vec<_>>(),
            "total": total.to_json(),
            "without_annotations": skipped,
        })
        .to_string(),
        Output::Table => as_table(&rows, &total, skipped),
    });
    Ok(())
}

const PROGRESS: &str = "{bar:30} {pos}/{len} {msg} {eta}";

/// One line of the table.
fn cells(name: &str, score: &Score) -> [String; COLUMNS.len()] {
    let none = || "-".to_owned();
    let beats = |of: &dyn Fn(bodywire_ecg::evaluate::BeatScore) -> String| score.beats.map_or_else(none, of);
    let seconds = |value: Option<f64>| match value {
        Some(value) if value.is_finite() => format!("{value:.1}"),
        Some(_) => "never".to_owned(),
        None => none(),
    };
    let of = |part: u64, whole: u64| if whole == 0 { none() } else { format!("{part}/{whole}") };
    [
        name.to_owned(),
        beats(&|b| (b.found + b.missed).to_string()),
        beats(&|b| b.missed.to_string()),
        beats(&|b| b.extra.to_string()),
        beats(&|b| format!("{:.4}", b.sensitivity())),
        beats(&|b| format!("{:.4}", b.positive_predictivity())),
        beats(&|b| format!("{:.4}", b.f1())),
        score.alarms.to_string(),
        score.false_alarms.to_string(),
        score.false_per_hour().map_or_else(none, |rate| format!("{rate:.1}")),
        of(score.ventricular.found, score.ventricular.reference),
        of(score.in_time() as u64, score.latencies.len() as u64),
        seconds(percentile(&score.latencies, 0.5)),
        format!("{:.1} %", 100.0 * score.undetermined_hours / score.hours.max(f64::MIN_POSITIVE)),
    ]
}

fn as_table(rows: &[(String, Score)], total: &Score, skipped: usize) -> String {
    let mut lines: Vec<[String; COLUMNS.len()]> = vec![COLUMNS.map(str::to_owned)];
    lines.extend(rows.iter().map(|(name, score)| cells(name, score)));
    lines.push(cells("all", total));
    let widths: Vec<usize> = (0..COLUMNS.len())
        .map(|column| {
            lines
                .iter()
                .filter_map(|line| line.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for line in &lines {
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let padded = if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") };
            text.push_str(&padded);
        }
        text.push('\n');
    }
    text.push_str(&summary(total));
    if skipped > 0 {
        text.push_str(&format!("\n{skipped} recordings have no annotations and are left out."));
    }
    text.push_str(&format!("\n\n{NOT_A_DEVICE}"));
    text
}

/// What the columns cannot say.
fn summary(total: &Score) -> String {
    let mut text = String::new();
    if total.beats.is_some() {
        let class = |(class, (all, missed)): (&BeatClass, (u64, u64))| {
            format!("{} {missed} of {all}", class.letter())
        };
        let classes: Vec<String> = BeatClass::ALL.iter().zip(total.classes).map(class).collect();
        text.push_str(&format!("\nmissed beats by class: {}", classes.join(", ")));
    }
    if !total.latencies.is_empty() {
        let late = percentile(&total.latencies, 0.95).filter(|s| s.is_finite());
        text.push_str(&format!(
            "\nfibrillation or flutter of 10 s and more: {} of {} an emergency within {WITHIN_S} s, 95 % within {}",
            total.in_time(),
            total.latencies.len(),
            late.map_or("no time".to_owned(), |s| format!("{s:.1} s"))
        ));
    }
    text.push_str(&format!(
        "\nfalse emergencies: {} in {:.2} h outside annotated ones",
        total.false_alarms, total.hours_at_risk
    ));
    text
}

fn as_page(rows: &[(String, Score)], total: &Score) -> Result<String, Failure> {
    let mut body = String::new();
    let mistakes: Vec<(String, u64, u64)> =
        rows.iter().filter_map(|(name, s)| Some((name.clone(), s.beats?.missed, s.beats?.extra))).collect();
    if !mistakes.is_empty() {
        body.push_str(&plot::mistakes(&mistakes)?);
    }
    let line = |class: &str, tag: &str, cells: &[String]| {
        let cells: String =
            cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", page::escaped(cell))).collect();
        format!("<tr{class}>{cells}</tr>\n")
    };
    body.push_str("\n<table>\n");
    body.push_str(&line("", "th", &COLUMNS.map(str::to_owned)));
    for (name, score) in rows {
        body.push_str(&line("", "td", &cells(name, score)));
    }
    body.push_str(&line(" class=\"total\"", "td", &cells("all", total)));
    body.push_str(&format!("</table>\n<p>{}</p>", page::escaped(&summary(total)).replace('\n', "<br>")));
    Ok(page::page("ECG detector against annotated recordings", &body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bodywire_ecg::evaluate::BeatScore;

    #[test]
    fn the_progress_line_is_one() {
        assert!(ProgressStyle::with_template(PROGRESS).is_ok());
    }

    #[test]
    fn what_was_not_measured_is_a_dash() {
        let nothing = cells("x", &Score { hours: 1.0, ..Score::default() });
        assert_eq!(nothing.iter().filter(|cell| *cell == "-").count(), 10, "{nothing:?}");
        let mut total = Score::default();
        let one = Score {
            hours: 0.5,
            hours_at_risk: 0.5,
            false_alarms: 1,
            alarms: 2,
            beats: Some(BeatScore { found: 98, missed: 2, extra: 0 }),
            latencies: vec![3.0, f64::INFINITY],
            ..Score::default()
        };
        total.add(&one);
        total.add(&one);
        assert_eq!(total.false_per_hour(), Some(2.0));
        assert_eq!((total.in_time(), total.latencies.len()), (2, 4));
        assert_eq!(total.to_json()["fibrillation_latency_95_percent_s"], serde_json::Value::Null);
        let table = as_table(&[("a".to_owned(), one)], &total, 1);
        assert!(
            table.contains("0.9800") && table.contains("2/4") && table.contains("1 recordings"),
            "{table}"
        );
    }
}
