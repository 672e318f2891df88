//! The hub's detector against the annotations of every recording at hand: sensitivity and false alarms.

use super::Asked;
use super::chart::{Axis, Chart, Mark, Point, Series};
use super::figure::{Figure, STATISTICAL, Spread, Verdict};
use super::interval::{rate, share};
use super::recordings::Recordings;
use super::section::{Layout, Section};
use crate::ecg::{Score, course_of};
use crate::exit::Failure;
use crate::recording::Lead;

const ANNOTATIONS: &str = "atr";
/// More false emergencies than this in an hour and nobody listens: a design goal of ours, and no figure of the paper.
const GOAL_PER_HOUR: f64 = 0.5;

/// Adds what the detector does on each database.
pub(crate) fn add(asked: &Asked, section: Section) -> Result<Section, Failure> {
    let (mut figures, mut found, mut alarms, mut names) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for database in Recordings::databases() {
        let paths = asked.recordings.of(database, asked.of(4, usize::MAX))?;
        let (mut total, mut records) = (Score::default(), 0);
        for path in &paths {
            let lead = Lead::read(path, 0, Some(ANNOTATIONS))?;
            if let Some(score) = Score::of(&lead, &course_of(&lead, path)?)? {
                total.add(&score);
                records += 1;
            }
        }
        if records == 0 {
            continue;
        }
        let x = names.len() as f64;
        names.push(database.to_owned());
        let row = format!("{database}, {records} records, {:.1} h", total.hours);
        let (rows, episodes) = of(&row, &total);
        figures.extend(rows);
        if let Some((y, interval)) = episodes {
            found.push(Point { x, y, interval: Some(interval) });
        }
        if let Some(y) = total.false_per_hour() {
            alarms.push(Point { x, y, interval: Some(rate(total.false_alarms as f64, total.hours_at_risk)) });
        }
    }
    let which = if asked.quick { "some of the recordings (quick)" } else { "all recordings at hand" };
    let bars = |id, caption: &str, y: Axis, points| Chart {
        id,
        caption: caption.to_owned(),
        x: Axis::named("database", names.clone()),
        y,
        series: vec![Series { name: "the hub's detector".to_owned(), points, mark: Mark::Bars }],
    };
    Ok(section
        .about(
            "The detector's parameters were chosen on these recordings, so that its figures flatter; docs/figures/ecg.md has what leaving \
             a record out gives. An emergency is false when it begins outside annotated ventricular tachycardia, flutter, fibrillation, \
             asystole, noise, pauses and rates beyond the limits, and more than 10 s after them.",
        )
        .table("detector", Layout::List, format!("The hub's detector by the rules of ANSI/AAMI EC57, {which}"), figures)
        .chart(bars(
            "episodes",
            "Share of annotated ventricular tachycardia, flutter and fibrillation of 3 s and more that became an emergency, with 95 % \
             intervals.",
            Axis::linear("share found"),
            found,
        ))
        .chart(bars(
            "false-alarms",
            "False emergencies an hour, with 95 % intervals.",
            Axis::linear("false emergencies, 1/h"),
            alarms,
        )))
}

type Episodes = Option<(f64, (f64, f64))>;

fn of(row: &str, total: &Score) -> (Vec<Figure>, Episodes) {
    let part = |what: &str, found: u64, of: u64| {
        let (low, high) = share(found as f64, of as f64);
        let value = found as f64 / of.max(1) as f64;
        Figure::new(row, what, format!("share of {of}").as_str(), value)
            .between(low, high, Spread::Confidence)
            .class(STATISTICAL)
    };
    let mut figures = Vec::new();
    if let Some(beats) = total.beats {
        figures.push(part("beats found (sensitivity)", beats.found, beats.found + beats.missed));
        figures.push(part("detections that are beats (+P)", beats.found, beats.found + beats.extra));
    }
    let episodes = total.ventricular;
    let mut interval = None;
    if episodes.reference > 0 {
        figures.push(part("tachycardia, flutter, fibrillation found", episodes.found, episodes.reference));
        let value = episodes.found as f64 / episodes.reference as f64;
        interval = Some((value, share(episodes.found as f64, episodes.reference as f64)));
    }
    if !total.latencies.is_empty() {
        let (in_time, all) = (total.in_time() as u64, total.latencies.len() as u64);
        figures.push(part("fibrillation of 10 s, within 10 s", in_time, all));
    }
    if let Some(per_hour) = total.false_per_hour() {
        let (low, high) = rate(total.false_alarms as f64, total.hours_at_risk);
        figures.push(
            Figure::new(row, "false emergencies", "1/h", per_hour)
                .between(low, high, Spread::Confidence)
                .paper("easily and accurately judged")
                .verdict(
                    if per_hour <= GOAL_PER_HOUR { Verdict::Holds } else { Verdict::DoesNotHold },
                    format!(
                        "{} in {:.1} h outside annotated emergencies; above {GOAL_PER_HOUR} an hour is taken for not accurate",
                        total.false_alarms, total.hours_at_risk
                    ),
                )
                .class(STATISTICAL),
        );
    }
    (figures, interval)
}
