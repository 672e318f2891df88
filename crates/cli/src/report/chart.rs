//! Charts as SVG, and the same points as CSV.
//!
//! A line differs from the others by colour, dash and marker, so that it is known without colours. The colours in the SVG are
//! names: the page's style sheet turns each into one that is readable on its background, light or dark.

use super::figure::short;
use crate::exit::Failure;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;

/// Width of a chart, and of the legend at its right.
const WIDTH: u32 = 860;
const LEGEND: u32 = 230;
/// Height of a chart.
const HEIGHT: u32 = 340;
const FONT: &str = "sans-serif";
const TEXT: i32 = 13;
/// Half the size of a marker.
const MARKER: i32 = 4;
/// Characters of the legend that fit.
const LEGEND_CHARACTERS: usize = 32;

/// Okabe and Ito's colours, which people see apart who do not see all colours; dark and light for the two themes; dashes.
pub(super) const STYLES: [(&str, &str, &str); 7] = [
    ("#0072B2", "#6CB6E8", ""),
    ("#D55E00", "#FF9B57", "7 4"),
    ("#009E73", "#3FD1A6", "2 3"),
    ("#AA4499", "#E6A0D6", "9 3 2 3"),
    ("#8A6D00", "#E7C75A", "12 4"),
    ("#444444", "#C8C8C8", "4 4"),
    ("#7F3C00", "#C99A6B", "1 4"),
];

/// The colour of axes and text, and that of the mesh.
const INK: RGBColor = RGBColor(0, 0, 0);
const MESH: RGBColor = RGBColor(0xe4, 0xe4, 0xe4);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A line.
    Line,
    /// A line with a marker at each point.
    LineAndMarkers,
    /// Markers.
    Markers,
    /// Bars, of which those of other series stand beside it.
    Bars,
}

/// A point, with its interval if it has one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    /// Along.
    pub(crate) x: f64,
    /// Up.
    pub(crate) y: f64,
    /// The interval of `y`.
    pub(crate) interval: Option<(f64, f64)>,
}

/// A point without an interval.
pub(crate) const fn point((x, y): (f64, f64)) -> Point {
    Point { x, y, interval: None }
}

/// A series with its name in the legend.
pub(crate) struct Series {
    /// What it is.
    pub(crate) name: String,
    /// Its points, in order.
    pub(crate) points: Vec<Point>,
    /// How it is drawn.
    pub(crate) mark: Mark,
}

/// An axis.
pub(crate) struct Axis {
    /// What is on it, with its unit.
    pub(crate) name: &'static str,
    /// By powers of ten.
    pub(crate) log: bool,
    /// Names in place of numbers: the n-th stands for the number n.
    pub(crate) names: Vec<String>,
}

impl Axis {
    /// In equal steps.
    pub(crate) const fn linear(name: &'static str) -> Self {
        Self { name, log: false, names: Vec::new() }
    }

    /// By powers of ten.
    pub(crate) const fn log(name: &'static str) -> Self {
        Self { name, log: true, names: Vec::new() }
    }

    /// Names in place of numbers.
    pub(crate) const fn named(name: &'static str, names: Vec<String>) -> Self {
        Self { name, log: false, names }
    }

    fn place(&self, value: f64) -> f64 {
        if self.log { value.max(f64::MIN_POSITIVE).log10() } else { value }
    }

    /// Where it begins and ends, and its marks.
    fn range(&self, values: impl Iterator<Item = f64>, from_zero: bool) -> (f64, f64, Vec<f64>) {
        if !self.names.is_empty() {
            let marks = (0..self.names.len()).map(|i| i as f64);
            return (-0.5, self.names.len() as f64 - 0.5, marks.collect());
        }
        let finite = values.filter(|v| v.is_finite() && (!self.log || *v > 0.0)).map(|v| self.place(v));
        let (mut low, mut high) = finite.fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if from_zero && !self.log {
            low = low.min(0.0);
        }
        let room = ((high - low) * 0.06).max(if self.log { 0.1 } else { 1e-9 + high.abs() * 0.01 });
        let low = if from_zero && low == 0.0 { low } else { low - room };
        let high = high + room;
        (low, high, if self.log { decades(low, high) } else { steps(low, high) })
    }

    fn mark(&self, value: f64) -> String {
        if !self.names.is_empty() {
            return self.names.get(value.round().max(0.0) as usize).cloned().unwrap_or_default();
        }
        short(if self.log { rounded(10f64.powf(value)) } else { rounded(value) })
    }
}

/// An axis whose marks are given.
struct Marked {
    from: f64,
    to: f64,
    marks: Vec<f64>,
}

impl Ranged for Marked {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let along = (value - self.from) / (self.to - self.from).max(f64::MIN_POSITIVE);
        first + (along * f64::from(last - first)).round() as i32
    }

    fn key_points<H: KeyPointHint>(&self, hint: H) -> Vec<f64> {
        // Light lines between the marks are not drawn.
        if hint.weight().allow_light_points() { Vec::new() } else { self.marks.clone() }
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.from..self.to
    }
}

impl ValueFormatter<f64> for Marked {}

/// Without what adding steps leaves behind.
fn rounded(value: f64) -> f64 {
    if value.abs() < 1e-12 { 0.0 } else { value }
}

/// About six round numbers between two.
fn steps(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 6.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= rough).unwrap_or(power);
    let first = (low / step).ceil();
    (0..32).map(|i| (first + f64::from(i)) * step).take_while(|v| *v <= high + step * 1e-9).collect()
}

/// Powers of ten, and 2 and 5 times them when there are few.
fn decades(low: f64, high: f64) -> Vec<f64> {
    let whole: Vec<f64> = (low.floor() as i32..=high.ceil() as i32).map(f64::from).collect();
    let times: &[f64] = if high - low < 3.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let all = whole.iter().flat_map(|power| times.iter().map(move |m| power + m.log10()));
    let inside: Vec<f64> = all.filter(|v| (low..=high).contains(v)).collect();
    // Of very many decades every second is enough.
    let every = inside.len().div_ceil(10).max(1);
    inside.into_iter().step_by(every).collect()
}

/// A chart.
pub(crate) struct Chart {
    /// Name of its CSV file.
    pub(crate) id: &'static str,
    /// What it shows; stands below it and is read out in its place.
    pub(crate) caption: String,
    /// Along.
    pub(crate) x: Axis,
    /// Up.
    pub(crate) y: Axis,
    /// What is drawn.
    pub(crate) series: Vec<Series>,
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!("a chart cannot be drawn: {error}"))
}

fn style(number: usize) -> (RGBColor, RGBColor) {
    let name = STYLES.get(number % STYLES.len()).map_or("#000000", |style| style.0);
    let part = |at: usize| name.get(at..at + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).unwrap_or(0);
    let (r, g, b) = (part(1), part(3), part(5));
    // What must not be dashed, intervals and markers, has a neighbour of the colour as its name.
    (RGBColor(r, g, b), RGBColor(r, g, b ^ 1))
}

impl Chart {
    /// The SVG element, to stand inside a page.
    ///
    /// # Errors
    /// [`Failure::Failed`] when it cannot be drawn.
    pub(crate) fn svg(&self) -> Result<String, Failure> {
        let mut text = String::new();
        {
            let root = SVGBackend::with_string(&mut text, (WIDTH, HEIGHT)).into_drawing_area();
            let (plot, legend) = root.split_horizontally(WIDTH - LEGEND);
            self.draw(&plot)?;
            self.legend(&legend)?;
            root.present().map_err(failed)?;
        }
        let label = crate::ecg::escaped(&self.caption);
        Ok(text
            .replacen(
                "xmlns=\"http://www.w3.org/2000/svg\"",
                &format!("role=\"img\" aria-label=\"{label}\""),
                1,
            )
            .replacen("<svg ", "<svg class=\"chart\" ", 1))
    }

    fn draw(&self, area: &Area<'_>) -> Result<(), Failure> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let bars = self.series.iter().any(|series| series.mark == Mark::Bars);
        let (x0, x1, x_marks) = self.x.range(points().map(|p| p.x), false);
        let heights = points().flat_map(|p| {
            let (low, high) = p.interval.unwrap_or((p.y, p.y));
            [p.y, low, high]
        });
        let (y0, y1, y_marks) = self.y.range(heights, bars);
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .x_label_area_size(46)
            .y_label_area_size(78)
            .build_cartesian_2d(
                Marked { from: x0, to: x1, marks: x_marks },
                Marked { from: y0, to: y1, marks: y_marks },
            )
            .map_err(failed)?;
        chart
            .configure_mesh()
            .x_desc(self.x.name)
            .y_desc(self.y.name)
            .x_label_formatter(&|value| self.x.mark(*value))
            .y_label_formatter(&|value| self.y.mark(*value))
            .label_style((FONT, TEXT).into_font().color(&INK))
            .axis_desc_style((FONT, TEXT).into_font().color(&INK))
            .axis_style(INK.stroke_width(1))
            .light_line_style(TRANSPARENT)
            .bold_line_style(MESH.stroke_width(1))
            .draw()
            .map_err(failed)?;
        let sets = self.series.iter().filter(|series| series.mark == Mark::Bars).count().max(1) as f64;
        for (number, series) in self.series.iter().enumerate() {
            let (colour, plain) = style(number);
            let place = |p: &Point| (self.x.place(p.x), self.y.place(p.y));
            let width = 0.8 / sets;
            let aside = if series.mark == Mark::Bars { -0.4 + width * (number as f64 + 0.5) } else { 0.0 };
            if matches!(series.mark, Mark::Line | Mark::LineAndMarkers) {
                let line = LineSeries::new(series.points.iter().map(place), colour.stroke_width(2));
                chart.draw_series(line).map_err(failed)?;
            }
            if series.mark == Mark::Bars {
                let bar = |p: &Point| {
                    let (x, y) = place(p);
                    let corners = [(x + aside - width * 0.46, y0), (x + aside + width * 0.46, y)];
                    Rectangle::new(corners, plain.filled())
                };
                chart.draw_series(series.points.iter().map(bar)).map_err(failed)?;
            }
            let intervals = series.points.iter().filter_map(|p| {
                let ((low, high), x) = (p.interval?, self.x.place(p.x) + aside);
                let ends = [(x, self.y.place(low).max(y0)), (x, self.y.place(high).min(y1))];
                let ink = if series.mark == Mark::Bars { INK } else { plain };
                Some(PathElement::new(ends, ink.stroke_width(1)))
            });
            chart.draw_series(intervals).map_err(failed)?;
            if matches!(series.mark, Mark::Markers | Mark::LineAndMarkers) {
                let mark = |p: &Point| EmptyElement::at(place(p)) + marker(number, plain);
                chart.draw_series(series.points.iter().map(mark)).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn legend(&self, area: &Area<'_>) -> Result<(), Failure> {
        // The caption says what a lone series is.
        if self.series.len() < 2 {
            return Ok(());
        }
        let text = (FONT, TEXT).into_font().color(&INK);
        let mut y = 18;
        for (number, series) in self.series.iter().enumerate() {
            let (colour, plain) = style(number);
            if matches!(series.mark, Mark::Line | Mark::LineAndMarkers) {
                let line = PathElement::new([(4, y), (34, y)], colour.stroke_width(2));
                area.draw(&line).map_err(failed)?;
            }
            if series.mark == Mark::Bars {
                area.draw(&Rectangle::new([(8, y - 5), (30, y + 5)], plain.filled())).map_err(failed)?;
            }
            if matches!(series.mark, Mark::Markers | Mark::LineAndMarkers) {
                area.draw(&(EmptyElement::at((19, y)) + marker(number, plain))).map_err(failed)?;
            }
            for line in broken(&series.name, LEGEND_CHARACTERS) {
                area.draw(&Text::new(line, (42, y - 6), text.clone())).map_err(failed)?;
                y += 16;
            }
            y += 8;
        }
        Ok(())
    }

    /// All points, for other programs.
    pub(crate) fn csv(&self) -> String {
        let mut text = format!(
            "series,{},{},low,high\n",
            super::files::cell(self.x.name),
            super::files::cell(self.y.name)
        );
        for series in &self.series {
            for p in &series.points {
                let x = if self.x.names.is_empty() { p.x.to_string() } else { self.x.mark(p.x) };
                let (low, high) = p.interval.map_or((String::new(), String::new()), |(low, high)| {
                    (low.to_string(), high.to_string())
                });
                let cells = [series.name.clone(), x, p.y.to_string(), low, high];
                let cells: Vec<String> = cells.iter().map(|cell| super::files::cell(cell)).collect();
                text.push_str(&cells.join(","));
                text.push('\n');
            }
        }
        text
    }
}

/// A shape around the origin, another for each series.
fn marker(number: usize, colour: RGBColor) -> Polygon<(i32, i32)> {
    let m = MARKER;
    let corners: Vec<(i32, i32)> = match number % 4 {
        // A disc of eight corners.
        0 => vec![(m, 2), (2, m), (-2, m), (-m, 2), (-m, -2), (-2, -m), (2, -m), (m, -2)],
        1 => vec![(0, -m - 1), (m + 1, m), (-m - 1, m)],
        2 => vec![(m, m), (-m, m), (-m, -m), (m, -m)],
        _ => vec![(0, m + 2), (m + 2, 0), (0, -m - 2), (-m - 2, 0)],
    };
    Polygon::new(corners, colour.filled())
}

/// Lines of at most so many characters, broken between words.
fn broken(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_numbers() {
        assert_eq!(steps(0.0, 1.06), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        let said: Vec<String> = decades(0.5, 3.1).iter().map(|v| Axis::log("").mark(*v)).collect();
        assert_eq!(said, ["5", "10", "20", "50", "100", "200", "500", "1,000"]);
        assert_eq!(decades(-6.0, 6.0).len(), 7);
    }

    #[test]
    fn a_chart_is_drawn_and_its_points_are_in_the_csv() {
        let series = |name: &str, mark| Series {
            name: name.to_owned(),
            points: vec![Point { x: 5.0, y: 0.1, interval: Some((0.05, 0.2)) }, point((10.0, 3.0))],
            mark,
        };
        let chart = Chart {
            id: "c",
            caption: "a < b".to_owned(),
            x: Axis::log("sensors"),
            y: Axis::log("delay, ms"),
            series: vec![series("one, two", Mark::LineAndMarkers), series("paper", Mark::Markers)],
        };
        let svg = chart.svg().unwrap();
        assert!(svg.contains("aria-label=\"a &lt; b\"") && svg.contains("#0072B2") && !svg.contains("http"));
        let csv = chart.csv();
        assert!(
            csv.starts_with("series,sensors,\"delay, ms\",low,high\n\"one, two\",5,0.1,0.05,0.2\n"),
            "{csv}"
        );
        assert_eq!(csv.lines().count(), 5);
    }

    #[test]
    fn long_names_are_broken_between_words() {
        assert_eq!(broken("aa bb cc", 5), ["aa bb", "cc"]);
    }
}
