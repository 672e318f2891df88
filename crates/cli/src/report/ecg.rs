//! Paper B's Figures 11 to 14: an ECG, and how alike the beats of one person and of two are.

use super::Asked;
use super::chart::{Axis, Chart, Mark, Series, point};
use super::detector;
use super::figure::{Class, Figure, STATISTICAL, Spread, Verdict, short};
use super::interval::mean;
use super::recordings::Recordings;
use super::section::{Layout, Section};
use crate::ecg::{Comparison, Group, Way, course_of, percentile};
use crate::exit::Failure;
use crate::recording::Lead;
use bodywire_ecg::correlate::Weights;
use std::path::Path;

/// The paper's example, which is divided by its sum.
const WEIGHTS: (f64, f64, f64) = (0.2, 0.8, 0.2);
const ANNOTATIONS: &str = "atr";
/// The equations in the order in which a comparison has them.
const PLAIN: usize = 0;
const PRINTED: usize = 1;
const BOUNDED: usize = 2;
const PARTS: usize = 3;
/// A strip begins here and lasts so long, in seconds.
const STRIP_S: (f64, f64) = (60.0, 6.0);
/// Values of which a median has an interval at all.
const MEDIAN_MIN: usize = 6;
/// Cut-offs of a curve.
const CUTS: usize = 200;
/// Classes of EC57 whose beats are normal, and ventricular.
const NORMAL: &str = "class N";
const VENTRICULAR: &str = "class V";

fn weights() -> Result<Weights, Failure> {
    let (pr, qrs, st) = WEIGHTS;
    Weights::new(pr, qrs, st).map_err(|error| Failure::Failed(error.to_string()))
}

/// The paper's figures from recordings 100 and 105, or from a synthetic ECG, then everything at hand.
pub(crate) fn section(asked: &Asked) -> Result<Section, Failure> {
    let section = Section::new(
        "b-ecg",
        "The ECG: correlation of beats, and the detector",
        "paper B, 4.2.2 (8) and (9), Figures 11 to 14",
    )
    .about(
        "Each beat is compared with the median of the first eight normal beats of its reference, over lags of 50 ms either way, by four \
         equations: without weights (Pearson); (4) to (9) as printed; version A, where the weights are in the variances, too; version B, \
         where each part is compared for itself. Weights 0.2, 0.8, 0.2 as in the paper's example, divided by their sum.",
    );
    let (Some(own), Some(other)) = (asked.recordings.one("mitdb/100"), asked.recordings.one("mitdb/105"))
    else {
        return synthetic(asked, section);
    };
    let itself = Comparison::of(&own, None, ANNOTATIONS, weights()?)?;
    let stranger = Comparison::of(&own, Some(&other), ANNOTATIONS, weights()?)?;
    let mut rows = Vec::new();
    for (figure, comparison, class) in [
        ("Fig. 12: normal beats of 100", &itself, NORMAL),
        ("Fig. 13: atrial beats of 100", &itself, "class S"),
        ("Fig. 13: ventricular beats of 100", &itself, VENTRICULAR),
        ("Fig. 14: normal beats of 105", &stranger, NORMAL),
    ] {
        if let Some(group) = group(comparison, class) {
            rows.extend(medians(figure, comparison, group));
        }
    }
    let mut section = section
        .about("Recordings 100 and 105 of MIT-BIH Arrhythmia, first signal, beats by their annotations.")
        .table(
            "coefficients",
            Layout::Matrix,
            "Median coefficient of all beats with the reference of 100",
            rows,
        )
        .table("claims", Layout::List, "What paper B says of its figures", claims(&itself, &stranger));
    if asked.strips {
        section = section.chart(strip(&other, "figure-11", "Figure 11: recording 105, lead MLII.")?);
    }
    section = section
        .chart(lags("figure-12", "Figure 12: the median normal beat of 100 with its own reference, by lag and equation.", &ways_of(&itself, NORMAL)))
        .chart(lags("figure-13", "Figure 13: normal, atrial and ventricular beats of 100 with its own reference, by lag, version A.", &classes(&itself)))
        .chart(lags("figure-14", "Figure 14: the median normal beats of 100 and of 105 with the reference of 100, by lag, version A.", &[
            ("100 with itself".to_owned(), curve(&itself, NORMAL, BOUNDED)),
            ("105 with 100".to_owned(), curve(&stranger, NORMAL, BOUNDED)),
        ]));
    section = apart(asked, section)?;
    detector::add(asked, section)
}

fn group<'a>(comparison: &'a Comparison, class: &str) -> Option<&'a Group> {
    comparison.groups.iter().find(|group| group.name == class)
}

fn way(comparison: &Comparison, number: usize) -> Option<&Way> {
    comparison.ways.get(number)
}

fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5).unwrap_or(f64::NAN)
}

fn coefficients(comparison: &Comparison, class: &str, number: usize) -> Vec<f64> {
    match (group(comparison, class), way(comparison, number)) {
        (Some(group), Some(way)) => comparison.coefficients(group, way),
        _ => Vec::new(),
    }
}

/// Median and its 95 % interval by order statistics.
fn sure_median(values: &[f64]) -> (f64, f64, f64) {
    let half = 0.98 / (values.len().max(1) as f64).sqrt();
    let at = |share: f64| percentile(values, share.clamp(0.0, 1.0)).unwrap_or(f64::NAN);
    (at(0.5 - half), at(0.5), at(0.5 + half))
}

fn medians(row: &str, comparison: &Comparison, group: &Group) -> Vec<Figure> {
    let all = comparison.ways.iter().map(|way| {
        let values = comparison.coefficients(group, way);
        let (low, middle, high) = sure_median(&values);
        let mut figure = Figure::new(format!("{row} ({})", values.len()), way.name.as_str(), "", middle)
            .class(Class::Statistical { relative: 1e-9 });
        if values.len() >= MEDIAN_MIN {
            figure = figure.between(low, high, Spread::Confidence);
        }
        let beyond = values.iter().filter(|rho| rho.abs() > 1.0).count();
        if beyond > 0 {
            figure.paper("closer to 1").verdict(
                Verdict::CannotBeRight,
                format!(
                    "{} % of the coefficients are above 1: the weights enter (4) and not the variances (7) and (8), so that (9) as printed \
                     is no coefficient of correlation",
                    (100.0 * beyond as f64 / values.len() as f64).round()
                ),
            )
        } else {
            figure
        }
    });
    all.collect()
}

fn claims(itself: &Comparison, stranger: &Comparison) -> Vec<Figure> {
    let at = |comparison, class, number| median(&coefficients(comparison, class, number));
    let verdict = |holds| if holds { Verdict::Holds } else { Verdict::DoesNotHold };
    let (plain, weighted) = (at(itself, NORMAL, PLAIN), at(itself, NORMAL, BOUNDED));
    let ill = coefficients(itself, VENTRICULAR, BOUNDED);
    let distance = weighted - median(&ill);
    let away = weighted - at(stranger, NORMAL, BOUNDED);
    let others = coefficients(stranger, NORMAL, BOUNDED);
    let own = coefficients(itself, NORMAL, BOUNDED);
    let overlap = equal_error(&own, &others);
    let fixed = Class::Statistical { relative: 1e-9 };
    vec![
        Figure::new("Fig. 12", "1 - median, weighted", "", 1.0 - weighted)
            .paper("closer to 1")
            .verdict(
                verdict(weighted > plain),
                format!("without weights it is {}; version A, since the printed form exceeds 1", short(1.0 - plain)),
            )
            .class(fixed),
        Figure::new("Fig. 13", "normal minus ventricular", "", distance)
            .paper("a certain distance")
            .verdict(
                verdict(distance > 0.2),
                format!(
                    "{} ventricular beat in record 100; over all records see the curves below. The atrial beats of Fig. 13 lie {} away: \
                     weights that speak for the QRS complex hide them",
                    ill.len(),
                    short(weighted - at(itself, "class S", BOUNDED))
                ),
            )
            .class(fixed),
        Figure::new("Fig. 14", "own minus other person's", "", away)
            .paper("easy to be found")
            .verdict(
                verdict(overlap < 0.05),
                format!(
                    "with the best cut-off {} % of either are taken for the other, of this one pair of persons; over many persons one in \
                     ten is (docs/figures/ecg.md), which is evidence and no authentication",
                    short(100.0 * overlap)
                ),
            )
            .class(fixed),
    ]
}

/// Share of either group that is on the wrong side of the best common cut-off.
fn equal_error(high: &[f64], low: &[f64]) -> f64 {
    let (curve, _) = roc(high, low);
    curve.iter().map(|(wrong, found)| (*wrong).max(1.0 - found)).fold(1.0, f64::min)
}

/// Share of `low` taken for high, share of `high` found, by cut-off; and the area below.
fn roc(high: &[f64], low: &[f64]) -> (Vec<(f64, f64)>, f64) {
    let (mut high, mut low) = (high.to_vec(), low.to_vec());
    high.sort_by(f64::total_cmp);
    low.sort_by(f64::total_cmp);
    if high.is_empty() || low.is_empty() {
        return (Vec::new(), f64::NAN);
    }
    let above = |sorted: &[f64], cut: f64| {
        let below = sorted.partition_point(|value| *value < cut);
        (sorted.len() - below) as f64 / sorted.len() as f64
    };
    // The chance that one of the high ones is above one of the low ones (Mann and Whitney), ties counted half.
    let wins: f64 = high
        .iter()
        .map(|value| {
            let (under, upto) = (low.partition_point(|l| l < value), low.partition_point(|l| l <= value));
            (under + upto) as f64 / 2.0
        })
        .sum();
    let area = wins / (high.len() * low.len()) as f64;
    // Cut-offs where the values are: equal steps in rank of both groups.
    let rank = |sorted: &[f64], i: usize| sorted.get(i * sorted.len().saturating_sub(1) / CUTS).copied();
    let mut cuts: Vec<f64> =
        (0..=CUTS).flat_map(|i| [rank(&high, i), rank(&low, i)]).flatten().chain([f64::INFINITY]).collect();
    cuts.sort_by(f64::total_cmp);
    cuts.dedup();
    (cuts.into_iter().map(|cut| (above(&low, cut), above(&high, cut))).collect(), area)
}

/// Normal and ventricular beats of all annotated records, each with the reference of its own patient.
fn apart(asked: &Asked, section: Section) -> Result<Section, Failure> {
    let paths = asked.recordings.of("mitdb", asked.of(6, usize::MAX))?;
    let mut pooled: Vec<(String, [Vec<f64>; 2], Vec<f64>)> = Vec::new();
    let mut records = 0;
    for path in &paths {
        // A recording whose beats are all paced has no reference.
        let Ok(comparison) = Comparison::of(path, None, ANNOTATIONS, weights()?) else { continue };
        records += 1;
        for (number, way) in comparison.ways.iter().enumerate() {
            if pooled.len() <= number {
                pooled.push((way.name.clone(), [Vec::new(), Vec::new()], Vec::new()));
            }
            let Some((_, groups, areas)) = pooled.get_mut(number) else { continue };
            let [normal, ill] = [NORMAL, VENTRICULAR].map(|class| coefficients(&comparison, class, number));
            let (_, area) = roc(&normal, &ill);
            if area.is_finite() {
                areas.push(area);
            }
            let [all_normal, all_ill] = groups;
            all_normal.extend(normal);
            all_ill.extend(ill);
        }
    }
    let (mut figures, mut series) = (Vec::new(), Vec::new());
    for (name, [normal, ill], areas) in &pooled {
        let (curve, area) = roc(normal, ill);
        let (low, middle, high) = mean(areas);
        let row = format!("{name}; {} normal, {} ventricular beats", normal.len(), ill.len());
        figures.push(
            Figure::new(row.as_str(), format!("area, mean of {} records with both", areas.len()), "", middle)
                .between(low, high.min(1.0), Spread::Confidence)
                .class(STATISTICAL),
        );
        figures.push(
            Figure::new(row.as_str(), format!("area, beats of {records} records pooled"), "", area)
                .note("one cut-off for all patients")
                .class(STATISTICAL),
        );
        // A curve says what is found of the ventricular beats against normal ones that are taken for them.
        let points = curve.iter().map(|(ill_high, normal_high)| point((1.0 - normal_high, 1.0 - ill_high)));
        let mut points: Vec<_> = points.collect();
        points.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
        series.push(Series { name: name.clone(), points, mark: Mark::Line });
    }
    let which = if asked.quick { "some of the records at hand (quick)" } else { "all records at hand" };
    Ok(section
        .table("apart", Layout::List, format!("Ventricular beats told from normal ones, mitdb, {which}"), figures)
        .chart(Chart {
            id: "roc",
            caption: "Ventricular beats found against normal beats taken for them, one cut-off of the coefficient for all patients, every \
                      beat for itself."
                .to_owned(),
            x: Axis::linear("normal beats taken for ventricular, share"),
            y: Axis::linear("ventricular beats found, share"),
            series,
        }))
}

fn curve(comparison: &Comparison, class: &str, number: usize) -> Vec<(f64, f64)> {
    match (group(comparison, class), way(comparison, number)) {
        (Some(group), Some(way)) => comparison.by_lag(group, way),
        _ => Vec::new(),
    }
}

type Curves = Vec<(String, Vec<(f64, f64)>)>;

fn ways_of(comparison: &Comparison, class: &str) -> Curves {
    let number = [PLAIN, PRINTED, BOUNDED, PARTS];
    let named =
        number.iter().filter_map(|n| Some((way(comparison, *n)?.name.clone(), curve(comparison, class, *n))));
    named.collect()
}

fn classes(comparison: &Comparison) -> Curves {
    let named = [("normal", NORMAL), ("atrial", "class S"), ("ventricular", VENTRICULAR)];
    named.iter().map(|(name, class)| ((*name).to_owned(), curve(comparison, class, BOUNDED))).collect()
}

fn lags(id: &'static str, caption: &str, curves: &[(String, Vec<(f64, f64)>)]) -> Chart {
    let series = curves.iter().filter(|(_, points)| !points.is_empty()).map(|(name, points)| Series {
        name: name.clone(),
        points: points.iter().copied().map(point).collect(),
        mark: Mark::Line,
    });
    Chart {
        id,
        caption: caption.to_owned(),
        x: Axis::linear("lag, ms"),
        y: Axis::linear("coefficient"),
        series: series.collect(),
    }
}

/// A few seconds of a recording with the beats that the detector finds.
fn strip(path: &Path, id: &'static str, caption: &str) -> Result<Chart, Failure> {
    let lead = Lead::read(path, 0, None)?;
    let course = course_of(&lead, path)?;
    let (from_s, length_s) = STRIP_S;
    let (first, last) = (lead.rate.samples(from_s), lead.rate.samples(from_s + length_s));
    let at = |sample: u64| {
        let held = lead.samples.get(usize::try_from(sample).ok()?)?;
        Some(point((lead.rate.seconds(sample), lead.mv(*held))))
    };
    let beats = course.beats.iter().map(|beat| beat.sample).filter(|sample| (first..last).contains(sample));
    Ok(Chart {
        id,
        caption: format!("{caption} {length_s} s, with the beats that the hub's detector finds."),
        x: Axis::linear("seconds"),
        y: Axis::linear("mV"),
        series: vec![
            Series {
                name: "ECG".to_owned(),
                points: (first..last).filter_map(at).collect(),
                mark: Mark::Line,
            },
            Series {
                name: "detected beats".to_owned(),
                points: beats.filter_map(at).collect(),
                mark: Mark::Markers,
            },
        ],
    })
}

/// What can be shown without recordings: one heart made of formulas, well and ill.
fn synthetic(asked: &Asked, section: Section) -> Result<Section, Failure> {
    let made = asked.recordings.synthetic(asked.seed)?;
    let itself = Comparison::of(&made.normal, None, ANNOTATIONS, weights()?)?;
    let ill = Comparison::of(&made.normal, Some(&made.ill), ANNOTATIONS, weights()?)?;
    let mut rows = Vec::new();
    for (row, comparison) in
        [("synthetic, normal beats", &itself), ("synthetic, ventricular tachycardia", &ill)]
    {
        rows.extend(comparison.groups.iter().flat_map(|group| medians(row, comparison, group)));
    }
    let class = "detected";
    let databases = Recordings::databases().join(", ");
    let why = format!(
        "needs the recordings of other persons: give the directory of {databases} with --data DIR or BODYWIRE_ECG_DATA"
    );
    let missing = ["Fig. 14: 105 against 100", "curves over all records", "the detector against annotations"]
        .map(|row| Figure::missing(row, "median", "", why.as_str()));
    Ok(section
        .about(
            "There are no recordings at hand. What follows is a SYNTHETIC ECG, a heart made of formulas (McSharry et al. 2003), normal and in \
             ventricular tachycardia, beats as the detector finds them. It shows that the equations work and says nothing of patients.",
        )
        .table("coefficients", Layout::Matrix, "Median coefficient with the reference, synthetic ECG", rows)
        .table("missing", Layout::List, "What is left out", missing.to_vec())
        .chart(strip(&made.normal, "figure-11", "In the place of Figure 11: synthetic ECG.")?)
        .chart(lags("figure-12", "In the place of Figure 12: synthetic normal beats with their own reference, by lag and equation.", &ways_of(&itself, class)))
        .chart(lags("figure-13", "In the place of Figure 13: synthetic normal beats and ventricular tachycardia, by lag, version A.", &[
            ("normal".to_owned(), curve(&itself, class, BOUNDED)),
            ("ventricular tachycardia".to_owned(), curve(&ill, class, BOUNDED)),
        ])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_and_errors_are_those_of_small_examples() {
        let (curve, area) = roc(&[2.0, 3.0, 4.0], &[0.0, 1.0]);
        assert_eq!(area, 1.0);
        assert!(curve.contains(&(0.0, 1.0)) && curve.contains(&(1.0, 1.0)) && curve.contains(&(0.0, 0.0)));
        assert_eq!(equal_error(&[2.0, 3.0, 4.0], &[0.0, 1.0]), 0.0);
        assert_eq!(roc(&[1.0, 2.0], &[1.0, 2.0]).1, 0.5);
        assert!(roc(&[], &[1.0]).1.is_nan());
        assert_eq!(equal_error(&[0.0, 2.0], &[1.0, 3.0]), 0.5);
    }
}
