//! The report as files for programs: one JSON of all figures, and a CSV for each table and chart.

use super::figure::{Figure, Value};
use super::origin::Origin;
use super::section::Section;
use crate::exit::Failure;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Name of the JSON file.
pub(crate) const JSON_FILE: &str = "report.json";
/// Name of the page.
pub(crate) const PAGE_FILE: &str = "index.html";
/// Longest JSON file that is read back; one with all sections is below 1 MiB.
const JSON_BYTES_MAX: u64 = 32 << 20;

/// What is in the JSON file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Where and how it was made.
    pub(crate) origin: Origin,
    /// Every figure, in the order of the page.
    pub(crate) figures: Vec<Figure>,
}

impl Record {
    /// Of these sections.
    pub(crate) fn of(origin: Origin, sections: &[Section]) -> Self {
        Self { origin, figures: sections.iter().flat_map(Section::figures).cloned().collect() }
    }

    /// Reads an earlier report.
    ///
    /// # Errors
    /// [`Failure::Configuration`] when it is none.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let next = "name the report.json of an earlier bodywire report";
        let unusable = |why: &dyn std::fmt::Display| Failure::path(path, why, next);
        let size = std::fs::metadata(path).map_err(|error| unusable(&error))?.len();
        if size > JSON_BYTES_MAX {
            return Err(unusable(&format!("is longer than {JSON_BYTES_MAX} bytes")));
        }
        let text = std::fs::read(path).map_err(|error| unusable(&error))?;
        serde_json::from_slice(&text).map_err(|error| unusable(&error))
    }
}

/// A cell of a CSV file (RFC 4180).
pub(crate) fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// The columns of a table's CSV file.
const COLUMNS: &str = "row,column,unit,paper,ours,low,high,interval,verdict,why\n";

fn line(figure: &Figure) -> String {
    let value = |value: &Option<Value>| match value {
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Word(word)) => word.clone(),
        None => String::new(),
    };
    let number = |number: Option<f64>| number.map_or_else(String::new, |n| n.to_string());
    let cells = [
        figure.row.clone(),
        figure.column.clone(),
        figure.unit.clone(),
        value(&figure.paper),
        value(&figure.ours),
        number(figure.low),
        number(figure.high),
        figure.spread.name().to_owned(),
        figure.verdict.words().to_owned(),
        figure.why.clone(),
    ];
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    cells.join(",") + "\n"
}

/// Writes a file into the report's directory.
///
/// # Errors
/// [`Failure::Configuration`] when that cannot be done.
pub(crate) fn write(directory: &Path, name: &str, text: &str) -> Result<(), Failure> {
    let path = directory.join(name);
    std::fs::write(&path, text)
        .map_err(|error| Failure::path(&path, error, "choose a writable directory with --out DIR"))
}

/// Writes the JSON file and all CSV files.
///
/// # Errors
/// [`Failure::Configuration`] when the directory cannot be written to.
pub(crate) fn write_all(directory: &Path, record: &Record, sections: &[Section]) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(record)
        .map_err(|error| Failure::Failed(format!("the figures cannot be written as JSON: {error}")))?;
    write(directory, JSON_FILE, &(json + "\n"))?;
    for section in sections {
        for table in &section.tables {
            let lines: String = table.figures.iter().map(line).collect();
            write(directory, &table_file(section, table.id), &format!("{COLUMNS}{lines}"))?;
        }
        for chart in &section.charts {
            write(directory, &chart_file(section, chart.id), &chart.csv())?;
        }
    }
    Ok(())
}

/// Name of a table's CSV file.
pub(crate) fn table_file(section: &Section, id: &str) -> String {
    format!("{}-{id}.csv", section.id)
}

/// Name of a chart's CSV file.
pub(crate) fn chart_file(section: &Section, id: &str) -> String {
    format!("{}-chart-{id}.csv", section.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_and_quotes_stay_in_their_cell() {
        assert_eq!(cell("a, \"b\""), "\"a, \"\"b\"\"\"");
        let figure = Figure::new("HASH, L", "bits", "bit", 1312.0);
        assert_eq!(line(&figure), "\"HASH, L\",bits,bit,,1312,,,,nothing printed,\n");
    }
}
