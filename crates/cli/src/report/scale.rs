//! Runs of many hubs and sensors, made by another command and handed over as a file.

use super::Asked;
use super::chart::{Axis, Chart, Mark, Series, point};
use super::figure::{Class, Figure};
use super::section::{Layout, Section};
use crate::exit::Failure;
use serde::Deserialize;

/// Longest file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A run: a list of these is the file. Fields that are not known are left alone.
#[derive(Debug, Deserialize)]
struct Run {
    /// Hubs.
    hubs: u64,
    /// Sensors of all hubs.
    sensors: u64,
    /// Seconds of simulated time.
    simulated_s: f64,
    /// Seconds on processors.
    cpu_s: f64,
    /// Seconds by the clock.
    wall_s: f64,
    /// Most memory of the process.
    memory_bytes: u64,
    /// Events of the simulation.
    events: u64,
}

fn read(asked: &Asked) -> Result<Vec<Run>, Failure> {
    let Some(path) = &asked.scale else { return Ok(Vec::new()) };
    let next = "name a JSON list of runs, each with hubs, sensors, simulated_s, cpu_s, wall_s, memory_bytes and events";
    let unusable = |why: &dyn std::fmt::Display| Failure::path(path, why, next);
    let size = std::fs::metadata(path).map_err(|error| unusable(&error))?.len();
    if size > FILE_BYTES_MAX {
        return Err(unusable(&format!("is longer than {FILE_BYTES_MAX} bytes")));
    }
    let text = std::fs::read(path).map_err(|error| unusable(&error))?;
    serde_json::from_slice(&text).map_err(|error| unusable(&error))
}

/// The runs of the file.
pub(crate) fn section(asked: &Asked) -> Result<Section, Failure> {
    let mut runs = read(asked)?;
    runs.sort_by_key(|run| run.sensors);
    let figures = runs.iter().flat_map(|run| {
        let row = format!("{} sensors, {} hubs", run.sensors, run.hubs);
        let of = |what: &str, unit: &str, value: f64| {
            Figure::new(row.as_str(), what, unit, value).class(Class::Information)
        };
        [
            of("simulated", "s", run.simulated_s),
            of("processor", "s", run.cpu_s),
            of("clock", "s", run.wall_s),
            of("memory", "MB", run.memory_bytes as f64 / 1e6),
            of("events", "", run.events as f64),
            of("events a second", "1/s", run.events as f64 / run.wall_s.max(f64::MIN_POSITIVE)),
            of("faster than life", "times", run.simulated_s / run.wall_s.max(f64::MIN_POSITIVE)),
        ]
    });
    let figures = figures.collect();
    let line = |name: &str, of: fn(&Run) -> f64| Series {
        name: name.to_owned(),
        points: runs.iter().map(|run| point((run.sensors as f64, of(run)))).collect(),
        mark: Mark::LineAndMarkers,
    };
    let series = vec![
        line("processor seconds for a simulated minute", |run| {
            60.0 * run.cpu_s / run.simulated_s.max(f64::MIN_POSITIVE)
        }),
        line("memory, MB", |run| run.memory_bytes as f64 / 1e6),
    ];
    Ok(Section::new("scale", "Many hubs and sensors", "beyond both papers, which stop at 15 sensors")
        .about("Simulated sensors on many hubs, with the real code of hub, clinic and ledger; from the file given with --scale.")
        .table("runs", Layout::Matrix, "Runs", figures)
        .chart(Chart {
            id: "runs",
            caption: "What a run costs, by the number of sensors. By powers of ten.".to_owned(),
            x: Axis::log("sensors"),
            y: Axis::log("s, and MB"),
            series,
        }))
}
