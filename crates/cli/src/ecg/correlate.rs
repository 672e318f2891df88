//! `bodywire ecg correlate`: the figures of paper B, by its printed equations and by the two well-defined forms.

use super::plot::{GROUPS, Line};
use super::{NOT_A_DEVICE, course, drawn_as, percentile, plot, write};
use crate::args::{EcgCorrelateOptions, Output};
use crate::exit::Failure;
use crate::recording::Lead;
use bodywire_ecg::clean::Cleaner;
use bodywire_ecg::correlate::{Form, Weights, correlate, correlate_samples};
use bodywire_ecg::evaluate::BeatClass;
use bodywire_ecg::segment::{
    CYCLE_SAMPLES, CYCLE_WITH_MARGINS, Cycle, LAG_MAX_SAMPLES, NOMINAL_RATE_HZ, nominal_parts, segment,
};
use bodywire_ecg::strip::Strip;
use serde_json::{Value, json};
use std::path::Path;

/// Normal beats whose median is the reference, as in the detector.
const REFERENCE_BEATS: usize = 8;
/// Bins of the histograms.
const BINS: usize = 60;
/// Weights that make no part count more than its length: PR 300 ms, QRS 200 ms, ST 300 ms of 800 ms.
const BY_LENGTH: (f64, f64, f64) = (3.0, 2.0, 3.0);

/// The beats of a recording beside a reference, by every equation.
pub(crate) struct Comparison {
    /// Name of the recording that the reference is of.
    pub(crate) reference_name: String,
    /// Name of the recording whose beats are compared.
    pub(crate) name: String,
    /// Median of the first normal beats.
    reference: Cycle,
    /// Beats that are shown together, by class.
    pub(crate) groups: Vec<Group>,
    /// The equations.
    pub(crate) ways: Vec<Way>,
}

impl Comparison {
    /// Compares the beats of a recording, or the reference's own without one, with the median of the reference's first
    /// normal beats.
    pub(crate) fn of(
        reference: &Path,
        recording: Option<&Path>,
        annotations: &str,
        weights: Weights,
    ) -> Result<Self, Failure> {
        let of = |path: &Path| beats(path, annotations);
        let (reference_name, own) = of(reference)?;
        let normal: Vec<&Cycle> = own
            .iter()
            .filter(|b| matches!(b.class, Some(BeatClass::Normal) | None))
            .map(|b| &b.cycle)
            .collect();
        let first = normal.get(..REFERENCE_BEATS).ok_or_else(|| {
            Failure::path(
                reference,
                format!("has fewer than {REFERENCE_BEATS} normal beats"),
                "name another recording as reference",
            )
        })?;
        let median = median(first);
        let (name, compared) = match recording {
            Some(path) => of(path)?,
            // The reference's own beats prove nothing against it.
            None => (reference_name.clone(), own.into_iter().skip(REFERENCE_BEATS).collect()),
        };
        let (groups, ways) = (grouped(compared), ways(weights)?);
        Ok(Self { reference_name, name, reference: median, groups, ways })
    }

    /// The coefficient of each beat of a group.
    pub(crate) fn coefficients(&self, group: &Group, way: &Way) -> Vec<f64> {
        coefficients(&self.reference, group, way)
    }

    /// The coefficient of a group's median beat at each lag, in milliseconds.
    pub(crate) fn by_lag(&self, group: &Group, way: &Way) -> Vec<(f64, f64)> {
        by_lag(&self.reference, group, way)
    }
}

/// A cycle, by the class of the beat that it begins with; nothing when nobody annotated it.
struct Beat {
    class: Option<BeatClass>,
    cycle: Cycle,
}

/// Beats that are shown together.
pub(crate) struct Group {
    /// What they have in common.
    pub(crate) name: String,
    cycles: Vec<Cycle>,
}

/// An equation with its weights.
pub(crate) struct Way {
    /// What it is called.
    pub(crate) name: String,
    form: Form,
    weights: Weights,
}

/// Correlates the beats of a recording with the reference and prints the coefficients by class of beat.
pub fn run(options: &EcgCorrelateOptions) -> Result<(), Failure> {
    if let Some(plot) = &options.plot {
        drawn_as(plot, &["svg"])?;
    }
    let weights = weights_of(&options.weights)?;
    let recording = options.recording.as_deref();
    let compared = Comparison::of(&options.reference, recording, &options.annotations, weights)?;
    let Comparison { reference_name, name, reference, groups, ways } = &compared;
    if let Some(file) = &options.plot {
        write(file, &picture(reference, groups, ways)?)?;
    }
    crate::print(&match options.output {
        Output::Json => as_json(reference_name, name, reference, groups, ways).to_string(),
        Output::Table => as_table(reference_name, name, reference, groups, ways),
    });
    Ok(())
}

fn weights_of(values: &[f64]) -> Result<Weights, Failure> {
    let refused = |why: String| Failure::Configuration {
        what: "--weights".to_owned(),
        why,
        next: "say three numbers, as in --weights 0.2,0.8,0.2".to_owned(),
    };
    let &[pr, qrs, st] = values else { return Err(refused(format!("has {} numbers", values.len()))) };
    Weights::new(pr, qrs, st).map_err(|error| refused(error.to_string()))
}

fn ways(weights: Weights) -> Result<Vec<Way>, Failure> {
    let (pr, qrs, st) = BY_LENGTH;
    let plain = Weights::new(pr, qrs, st).map_err(|error| Failure::Failed(error.to_string()))?;
    let way = |name: &str, form, weights| Way { name: name.to_owned(), form, weights };
    Ok(vec![
        way("without weights (Pearson)", Form::VersionA, plain),
        way("(4) to (9) as printed", Form::Printed, weights),
        way("version A, weights throughout", Form::VersionA, weights),
        way("version B, each part for itself", Form::VersionB, weights),
    ])
}

/// The cycles of a recording, from annotated beats when there are any, else from detected ones.
fn beats(path: &Path, annotations: &str) -> Result<(String, Vec<Beat>), Failure> {
    let lead = Lead::read(path, 0, Some(annotations))?;
    let mut peaks: Vec<(u64, Option<BeatClass>)> = match lead.annotations()? {
        Some(list) => list.iter().filter_map(|a| Some((a.sample, Some(BeatClass::of(a.code)?)))).collect(),
        None => course::course_of(&lead, path)?.beats.iter().map(|b| (b.sample, None)).collect(),
    };
    peaks.sort_by_key(|(at, _)| *at);
    let (mut cleaner, mut strip) = (Cleaner::new(lead.rate), Strip::new(0));
    let mut cycles = Vec::new();
    // What a cycle needs after its last R peak: the margin of the lag search, and a sample for the interpolation.
    let behind = lead.rate.samples(LAG_MAX_SAMPLES as f64 / NOMINAL_RATE_HZ) + 2;
    let mut pairs = peaks.iter().zip(peaks.iter().skip(1)).peekable();
    for sample in &lead.samples {
        strip.push(cleaner.push(lead.mv(*sample) as f32).shape_mv);
        while let Some(((from, class), (to, _))) = pairs.next_if(|(_, (to, _))| to + behind < strip.end()) {
            if let Ok(cycle) = segment(&strip, lead.rate, *from, *to) {
                cycles.push(Beat { class: *class, cycle });
            }
        }
    }
    Ok((lead.name, cycles))
}

fn median(cycles: &[&Cycle]) -> Cycle {
    let mut millivolts = [0.0f32; CYCLE_WITH_MARGINS];
    for (i, slot) in millivolts.iter_mut().enumerate() {
        let mut column: Vec<f32> = cycles.iter().filter_map(|c| c.with_margins().get(i).copied()).collect();
        column.sort_by(f32::total_cmp);
        *slot = column.get(column.len() / 2).copied().unwrap_or_default();
    }
    Cycle::from_millivolts(millivolts)
}

fn grouped(beats: Vec<Beat>) -> Vec<Group> {
    let mut groups: Vec<Group> = BeatClass::ALL
        .iter()
        .map(|class| Group { name: format!("class {}", class.letter()), cycles: Vec::new() })
        .collect();
    groups.push(Group { name: "detected".to_owned(), cycles: Vec::new() });
    let last = groups.len() - 1;
    for beat in beats {
        if let Some(group) = groups.get_mut(beat.class.map_or(last, |class| class as usize)) {
            group.cycles.push(beat.cycle);
        }
    }
    groups.retain(|group| !group.cycles.is_empty());
    groups
}

fn coefficients(reference: &Cycle, group: &Group, way: &Way) -> Vec<f64> {
    group
        .cycles
        .iter()
        .filter_map(|cycle| correlate(reference, cycle, way.form, way.weights, 0.0).rho())
        .collect()
}

/// Coefficient of the group's median beat at each lag, in milliseconds.
fn by_lag(reference: &Cycle, group: &Group, way: &Way) -> Vec<(f64, f64)> {
    let current = median(&group.cycles.iter().collect::<Vec<_>>());
    let x: Vec<f64> = reference.samples().iter().map(|v| f64::from(*v)).collect();
    let y: Vec<f64> = current.with_margins().iter().map(|v| f64::from(*v)).collect();
    let shifted = y.windows(CYCLE_SAMPLES).enumerate();
    let at = shifted.filter_map(|(from, y)| {
        let rho = correlate_samples(&x, y, &nominal_parts(), way.form, way.weights, 0.0).rho()?;
        Some(((from as f64 - LAG_MAX_SAMPLES as f64) * 1_000.0 / NOMINAL_RATE_HZ, rho))
    });
    at.collect()
}

fn histogram(values: &[f64]) -> Vec<(f64, f64)> {
    let low = values.iter().fold(0.0f64, |low, v| low.min(*v));
    let width = (values.iter().fold(1.0f64, |high, v| high.max(*v)) - low) / BINS as f64;
    let mut counts = [0u64; BINS + 1];
    for value in values {
        if let Some(count) = counts.get_mut(((value - low) / width) as usize) {
            *count += 1;
        }
    }
    let share = |count: u64| count as f64 / values.len().max(1) as f64;
    // A step for each bin.
    (0..)
        .zip(counts)
        .flat_map(|(i, count)| {
            let from = low + f64::from(i) * width;
            [(from, share(count)), (from + width, share(count))]
        })
        .collect()
}

fn picture(reference: &Cycle, groups: &[Group], ways: &[Way]) -> Result<String, Failure> {
    let panels: Vec<_> = ways
        .iter()
        .map(|way| {
            let lines = |of: &dyn Fn(&Group) -> Vec<(f64, f64)>| -> Vec<Line> {
                let coloured = groups.iter().zip(GROUPS);
                coloured
                    .map(|(group, colour)| Line {
                        name: format!("{} ({})", group.name, group.cycles.len()),
                        colour,
                        points: of(group),
                    })
                    .collect()
            };
            let lags = lines(&|group| by_lag(reference, group, way));
            let all = lines(&|group| histogram(&coefficients(reference, group, way)));
            (way.name.clone(), lags, all)
        })
        .collect();
    plot::coefficients(&panels)
}

fn as_table(reference_name: &str, name: &str, reference: &Cycle, groups: &[Group], ways: &[Way]) -> String {
    let mut text = format!(
        "beats of {name} with the median of the first {REFERENCE_BEATS} normal beats of {reference_name}, lag up to 50 ms\n\n\
         {:<34}{:<14}{:>7}{:>10}{:>10}{:>10}",
        "equation", "beats", "count", "1 %", "median", "99 %"
    );
    for way in ways {
        for group in groups {
            let values = coefficients(reference, group, way);
            let at = |p| percentile(&values, p).map_or("-".to_owned(), |v| format!("{v:.3}"));
            text.push_str(&format!(
                "\n{:<34}{:<14}{:>7}{:>10}{:>10}{:>10}",
                way.name,
                group.name,
                values.len(),
                at(0.01),
                at(0.5),
                at(0.99)
            ));
        }
    }
    text.push_str("\n\nEquation (9) as printed is not bounded by 1: the weights enter (4) but not the variances (7) and (8).");
    text.push_str(&format!("\n{NOT_A_DEVICE}"));
    text
}

fn as_json(reference_name: &str, name: &str, reference: &Cycle, groups: &[Group], ways: &[Way]) -> Value {
    let rows = ways.iter().flat_map(|way| {
        groups.iter().map(|group| {
            let values = coefficients(reference, group, way);
            json!({
                "equation": way.name,
                "beats": group.name,
                "count": values.len(),
                "percentile_1": percentile(&values, 0.01),
                "median": percentile(&values, 0.5),
                "percentile_99": percentile(&values, 0.99),
                "by_lag_ms": by_lag(reference, group, way),
            })
        })
    });
    json!({ "reference": reference_name, "recording": name, "coefficients": rows.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_three_numbers() {
        assert!(weights_of(&[0.2, 0.8, 0.2]).is_ok());
        for bad in [vec![], vec![1.0], vec![0.0; 3], vec![1.0, -1.0, 1.0], vec![1.0; 4]] {
            let error = weights_of(&bad).unwrap_err().to_string();
            assert!(error.ends_with("as in --weights 0.2,0.8,0.2"), "{error}");
        }
    }

    #[test]
    fn a_histogram_adds_up_to_one() {
        let steps = histogram(&[-0.5, 0.1, 0.1, 1.0, 2.5]);
        let sum: f64 = steps.iter().step_by(2).map(|(_, share)| share).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    }
}
