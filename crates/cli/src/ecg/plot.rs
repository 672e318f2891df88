//! Pictures of ECGs: a recording's course, strips, and coefficients.

use crate::exit::Failure;
use crate::recording::Lead;
use bodywire_ecg::decide::State;
use bodywire_ecg::evaluate::course::Course;
use plotters::coord::Shift;
use plotters::prelude::*;
use std::ops::Range;

/// Width of a picture.
const WIDTH: u32 = 1_100;
/// Height of one panel.
const PANEL: u32 = 210;
/// Height of a strip.
const STRIP: u32 = 190;
/// Length of a strip, in seconds: as a monitor prints it.
pub(super) const STRIP_S: f64 = 10.0;
/// A trace, a value, a mark; an emergency, and time without a verdict. Dark and light enough to be told apart without
/// colours.
const TRACE: RGBColor = RGBColor(20, 60, 90);
const MARK: RGBColor = RGBColor(200, 90, 0);
const EMERGENCY: RGBColor = RGBColor(190, 20, 40);
const UNDETERMINED: RGBColor = RGBColor(120, 120, 120);
const FONT: &str = "sans-serif";

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!("the picture cannot be drawn: {error}"))
}

/// Draws into an SVG of that height.
fn svg(height: u32, draw: impl FnOnce(&Area<'_>) -> Result<(), Failure>) -> Result<String, Failure> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        draw(&area)?;
        area.present().map_err(failed)?;
    }
    Ok(text)
}

/// One panel.
struct Panel<'a> {
    caption: &'a str,
    x: Range<f64>,
    y: Range<f64>,
    x_name: &'a str,
    y_name: &'a str,
    /// Ranges of x that are shaded, and how.
    bands: &'a [(f64, f64, RGBColor)],
    legend: SeriesLabelPosition,
    lines: &'a [Line],
    dots: Vec<(f64, f64, RGBColor)>,
    /// Radius of a dot.
    dot: i32,
}

/// A line with its name in the legend, which may be empty.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) colour: RGBColor,
    pub(super) points: Vec<(f64, f64)>,
}

impl Panel<'_> {
    fn draw(&self, area: &Area<'_>) -> Result<(), Failure> {
        let mut chart = ChartBuilder::on(area)
            .caption(self.caption, (FONT, 15))
            .margin(8)
            .x_label_area_size(34)
            .y_label_area_size(56)
            .build_cartesian_2d(self.x.clone(), self.y.clone())
            .map_err(failed)?;
        for (from, to, colour) in self.bands {
            let corners = [(*from, self.y.start), (*to, self.y.end)];
            chart.draw_series([Rectangle::new(corners, colour.mix(0.4).filled())]).map_err(failed)?;
        }
        chart
            .configure_mesh()
            .x_desc(self.x_name)
            .y_desc(self.y_name)
            .label_style((FONT, 12))
            .max_light_lines(1)
            .bold_line_style(RGBColor(228, 228, 228))
            .draw()
            .map_err(failed)?;
        for line in self.lines {
            let colour = line.colour;
            let drawn = chart
                .draw_series(LineSeries::new(line.points.iter().copied(), colour.stroke_width(1)))
                .map_err(failed)?;
            if !line.name.is_empty() {
                drawn
                    .label(line.name.as_str())
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
            }
        }
        chart
            .draw_series(
                self.dots.iter().map(|(x, y, colour)| Circle::new((*x, *y), self.dot, colour.filled())),
            )
            .map_err(failed)?;
        if self.lines.iter().any(|line| !line.name.is_empty()) {
            chart
                .configure_series_labels()
                .position(self.legend.clone())
                .label_font((FONT, 12))
                .background_style(WHITE.mix(0.8))
                .border_style(UNDETERMINED)
                .draw()
                .map_err(failed)?;
        }
        Ok(())
    }
}

/// The parts of the time that were an emergency, and those without a verdict, in minutes.
fn bands(lead: &Lead, course: &Course) -> Vec<(f64, f64, RGBColor)> {
    let minutes = |sample: u64| lead.rate.seconds(sample) / 60.0;
    let ends = course.verdicts.iter().skip(1).map(|v| v.decided_at).chain([course.samples]);
    let coloured = |state| match state {
        State::Emergency(_) => Some(EMERGENCY),
        State::Undetermined(_) => Some(UNDETERMINED),
        State::Learning | State::Normal => None,
    };
    // A short one must not vanish in half an hour.
    let least = lead.seconds() / 60.0 / 250.0;
    let spans = course.verdicts.iter().zip(ends);
    let wide = |from: f64, to: f64| to.max(from + least).min(lead.seconds() / 60.0);
    spans
        .filter_map(|(v, end)| {
            let from = minutes(v.decided_at);
            Some((from, wide(from, minutes(end)), coloured(v.state)?))
        })
        .collect()
}

/// Samples of the lead as points, seconds and millivolts, with the detected beats as dots.
fn draw_strip(
    lead: &Lead,
    course: &Course,
    caption: &str,
    from_s: f64,
    area: &Area<'_>,
) -> Result<(), Failure> {
    let (first, last) = (lead.rate.samples(from_s), lead.rate.samples(from_s + STRIP_S));
    let held = |at: u64| lead.samples.get(usize::try_from(at).ok()?).map(|s| lead.mv(*s));
    let points: Vec<(f64, f64)> =
        (first..last).filter_map(|at| Some((lead.rate.seconds(at), held(at)?))).collect();
    let (low, high) = points.iter().fold((f64::MAX, f64::MIN), |(l, h), (_, mv)| (l.min(*mv), h.max(*mv)));
    // At least a millivolt, so that a flat line looks flat.
    let (middle, half) = ((low + high) / 2.0, ((high - low) * 0.6).max(0.5));
    let beats = course.beats.iter().map(|b| b.sample).filter(|at| (first..last).contains(at));
    let dots = beats.map(|at| (lead.rate.seconds(at), middle + 0.93 * half, MARK)).collect();
    Panel {
        caption,
        x: from_s..from_s + STRIP_S,
        y: middle - half..middle + half,
        x_name: "seconds",
        y_name: "mV",
        bands: &[],
        legend: SeriesLabelPosition::UpperLeft,
        lines: &[Line { name: String::new(), colour: TRACE, points }],
        dots,
        dot: 2,
    }
    .draw(area)
}

/// Where a strip begins so that what happened at `at_s` is in it, with what led to it.
fn strip_around(lead: &Lead, at_s: f64) -> f64 {
    (at_s - 0.6 * STRIP_S).min(lead.seconds() - STRIP_S).max(0.0)
}

/// The course of a recording: a strip, the correlation of each beat, the heart rate. Emergencies are red, time without a
/// verdict is grey.
pub(super) fn course(lead: &Lead, course: &Course) -> Result<String, Failure> {
    let minutes = |sample: u64| lead.rate.seconds(sample) / 60.0;
    let whole = 0.0..lead.seconds() / 60.0;
    let bands = bands(lead, course);
    let first = course.alarms.first().map(|alarm| lead.rate.seconds(alarm.episode.start));
    let (caption, from_s) = match first {
        Some(at_s) => {
            (format!("{}: the first emergency; dots are detected beats", lead.name), strip_around(lead, at_s))
        }
        None => (format!("{}: dots are detected beats", lead.name), strip_around(lead, 60.0)),
    };
    let dots = course.beats.iter().filter_map(|b| Some((minutes(b.sample), b.correlation?.rho()?, TRACE)));
    let threshold = vec![(whole.start, course.threshold), (whole.end, course.threshold)];
    let rates: Vec<(f64, f64)> =
        course.rates.iter().map(|(at, tenths)| (minutes(*at), f64::from(*tenths) / 10.0)).collect();
    let fastest = rates.iter().fold(120.0f64, |top, (_, bpm)| top.max(*bpm));
    let panels = [
        Panel {
            caption: "correlation of each beat with the patient's own shapes; red: emergency, grey: no verdict",
            x: whole.clone(),
            y: -1.0..1.05,
            x_name: "minutes",
            y_name: "coefficient",
            bands: &bands,
            legend: SeriesLabelPosition::LowerLeft,
            lines: &[Line { name: "threshold".to_owned(), colour: MARK, points: threshold }],
            dots: dots.collect(),
            dot: 1,
        },
        Panel {
            caption: "heart rate",
            x: whole,
            y: 0.0..fastest * 1.1,
            x_name: "minutes",
            y_name: "per minute",
            bands: &bands,
            legend: SeriesLabelPosition::LowerLeft,
            lines: &[Line { name: String::new(), colour: TRACE, points: rates }],
            dots: Vec::new(),
            dot: 1,
        },
    ];
    svg(3 * PANEL, |area| {
        let parts = area.split_evenly((3, 1));
        let mut parts = parts.iter();
        if let Some(top) = parts.next() {
            draw_strip(lead, course, &caption, from_s, top)?;
        }
        panels.iter().zip(parts).try_for_each(|(panel, part)| panel.draw(part))
    })
}

/// The strip of one emergency.
pub(super) fn emergency(lead: &Lead, course: &Course, caption: &str, at_s: f64) -> Result<String, Failure> {
    svg(STRIP, |area| draw_strip(lead, course, caption, strip_around(lead, at_s), area))
}

/// Coefficients by lag, one panel for each form, and by beat, one histogram for each form.
pub(super) fn coefficients(forms: &[(String, Vec<Line>, Vec<Line>)]) -> Result<String, Failure> {
    let rows = forms.len().max(1);
    svg(PANEL * rows as u32, |area| {
        let parts = area.split_evenly((rows, 2));
        for ((form, by_lag, by_beat), pair) in forms.iter().zip(parts.chunks(2)) {
            let [left, right] = pair else { continue };
            let spread = |lines: &[Line]| {
                let all = lines.iter().flat_map(|line| &line.points);
                all.fold((0.0f64, 1.0f64), |(low, high), (_, y)| (low.min(*y), high.max(*y)))
            };
            let (low, high) = spread(by_lag);
            Panel {
                caption: &format!("{form}: median beat, by lag"),
                x: -50.0..50.0,
                y: low - 0.05..high * 1.1,
                x_name: "lag, ms",
                y_name: "coefficient",
                bands: &[],
                legend: SeriesLabelPosition::UpperLeft,
                lines: by_lag,
                dots: Vec::new(),
                dot: 1,
            }
            .draw(left)?;
            let all = || by_beat.iter().flat_map(|line| &line.points);
            let (from, to) = all().fold((f64::MAX, f64::MIN), |(a, b), (x, _)| (a.min(*x), b.max(*x)));
            let top = all().fold(0.0f64, |top, (_, y)| top.max(*y));
            Panel {
                caption: &format!("{form}: every beat"),
                x: from.min(0.0)..to.max(1.0),
                y: 0.0..top.max(0.1) * 1.1,
                x_name: "coefficient",
                y_name: "share of beats",
                bands: &[],
                legend: SeriesLabelPosition::UpperLeft,
                lines: by_beat,
                dots: Vec::new(),
                dot: 1,
            }
            .draw(right)?;
        }
        Ok(())
    })
}

/// Colours of groups, in order.
pub(super) const GROUPS: [RGBColor; 6] =
    [TRACE, MARK, EMERGENCY, RGBColor(110, 60, 150), RGBColor(40, 120, 60), UNDETERMINED];

/// Missed beats and detections too many of each recording.
pub(super) fn mistakes(rows: &[(String, u64, u64)]) -> Result<String, Failure> {
    let most =
        rows.iter().map(|(_, missed, extra)| missed.max(extra)).max().copied().unwrap_or(0).max(1) as f64;
    svg(PANEL + 60, |area| {
        let count = rows.len().max(1) as f64;
        let mut chart = ChartBuilder::on(area)
            .caption("beats missed (dark) and detections too many (light), by recording", (FONT, 15))
            .margin(8)
            .x_label_area_size(34)
            .y_label_area_size(56)
            .build_cartesian_2d(0.0..count, 0.0..most * 1.1)
            .map_err(failed)?;
        let name = |at: &f64| rows.get(*at as usize).map_or(String::new(), |(name, ..)| name.clone());
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(rows.len().clamp(2, 30))
            .x_label_formatter(&name)
            .label_style((FONT, 12))
            .y_desc("beats")
            .bold_line_style(RGBColor(228, 228, 228))
            .draw()
            .map_err(failed)?;
        for (i, (_, missed, extra)) in rows.iter().enumerate() {
            let x = i as f64;
            let bar = |from: f64, value: u64, colour: RGBAColor| {
                Rectangle::new([(x + from, 0.0), (x + from + 0.38, value as f64)], colour.filled())
            };
            chart
                .draw_series([bar(0.1, *missed, TRACE.mix(1.0)), bar(0.5, *extra, MARK.mix(0.6))])
                .map_err(failed)?;
        }
        Ok(())
    })
}
