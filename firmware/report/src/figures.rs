//! The figures of all images, and their form on disk.

use crate::emulate::{Emulator, Region};
use crate::image;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What the images show, in the order of the table. `empty` is subtracted from the others' sizes.
pub(crate) const IMAGES: [&str; 8] =
    ["hardened", "hardened_records", "paper", "paper_records", "hash_l", "hash_i", "ecc_ez", "ecc_eh"];

/// What one operation costs: the most of all its runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// `scheme/step`; the step `handshake` is the sum of a scheme's steps.
    pub(crate) operation: String,
    /// Emulated instructions.
    pub(crate) instructions: u64,
    /// Emulated instructions of the run with the fewest.
    pub(crate) instructions_least: u64,
    /// Modelled cycles, memory without wait states, shortest reading of the manual.
    pub(crate) cycles_low: u64,
    /// Modelled cycles, memory without wait states.
    pub(crate) cycles: u64,
    /// The same of the run with the fewest.
    pub(crate) cycles_least: u64,
    /// Modelled cycles, memory without wait states, longest reading of the manual.
    pub(crate) cycles_high: u64,
    /// Estimated cycles at 72 MHz with flash.
    pub(crate) cycles_flash: u64,
    /// Executed long multiplications and divisions, whose time depends on their operands.
    pub(crate) operand_dependent: u64,
    /// Bytes of stack below the caller's.
    pub(crate) stack_bytes: u64,
    /// Bits on the air that belong to it.
    pub(crate) air_bits: u64,
    /// How many runs with different inputs.
    pub(crate) runs: u64,
}

impl Row {
    /// True when runs differ.
    pub(crate) const fn varies(&self) -> bool {
        self.instructions != self.instructions_least || self.cycles != self.cycles_least
    }
}

/// What one image takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Size {
    /// Name of the image.
    pub(crate) image: String,
    /// Code and constants above those of the empty image, without the script it plays.
    pub(crate) flash_bytes: u64,
    /// Memory that is taken between messages.
    pub(crate) state_bytes: u64,
}

/// All figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// What the numbers are.
    pub(crate) about: String,
    /// The compiler that built the images.
    pub(crate) compiler: String,
    /// What emulated them.
    pub(crate) emulator: String,
    /// Operations.
    pub(crate) rows: Vec<Row>,
    /// Images.
    pub(crate) sizes: Vec<Size>,
}

impl Figures {
    /// Runs all images of a directory.
    pub(crate) fn collect(emulator: &Emulator, images: &Path) -> Result<Self, String> {
        emulator.run(&images.join("empty"))?;
        let empty = image::flash_bytes(&images.join("empty"))?;
        let (mut rows, mut sizes) = (Vec::new(), Vec::new());
        for name in IMAGES {
            let file = images.join(name);
            let run = emulator.run(&file)?;
            let note = |key: &str| run.notes.get(key).copied().unwrap_or(0);
            sizes.push(Size {
                image: name.to_owned(),
                flash_bytes: image::flash_bytes(&file)?.saturating_sub(empty + note("script_bytes")),
                state_bytes: note("state_bytes"),
            });
            let counted_elsewhere = |region: &Region| name.ends_with("_records") && !is_payload(&region.name);
            let regions: Vec<Region> = run.regions.into_iter().filter(|r| !counted_elsewhere(r)).collect();
            rows.extend(rows_of(&regions));
        }
        Ok(Self {
            about: "Emulated instructions and modelled cycles of a Cortex-M3, not measured on silicon; without PUF \
                    and random generator"
                .to_owned(),
            compiler: compiler(),
            emulator: emulator.version.clone(),
            rows,
            sizes,
        })
    }

    /// The checked-in figures.
    pub(crate) fn read(file: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
    }

    /// Their form on disk.
    pub(crate) fn to_json(&self) -> Result<String, String> {
        serde_json::to_string_pretty(self).map_err(|error| error.to_string())
    }

    /// The row of an operation.
    pub(crate) fn row(&self, operation: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.operation == operation)
    }
}

fn is_payload(operation: &str) -> bool {
    operation.split_once('/').is_some_and(|(_, step)| step.starts_with("seal") || step.starts_with("open"))
}

/// Rows in the order of their first appearance, and one more for each scheme: the sum of its steps, run by run.
pub(crate) fn rows_of(regions: &[Region]) -> Vec<Row> {
    let mut names: Vec<String> = Vec::new();
    let mut groups: BTreeMap<String, Vec<Region>> = BTreeMap::new();
    for region in regions {
        if !names.contains(&region.name) {
            names.push(region.name.clone());
        }
        groups.entry(region.name.clone()).or_default().push(region.clone());
    }
    let mut rows = Vec::new();
    for (i, name) in names.iter().enumerate() {
        rows.extend(groups.get(name).map(|group| row(name, group)));
        let (scheme, _) = name.split_once('/').unwrap_or((name, ""));
        let last = names.get(i + 1).is_none_or(|next| !next.starts_with(&format!("{scheme}/")));
        if last && !is_payload(name) {
            let steps = names.iter().filter(|name| name.starts_with(&format!("{scheme}/")));
            let steps: Vec<&Vec<Region>> = steps.filter_map(|name| groups.get(name)).collect();
            rows.push(row(&format!("{scheme}/handshake"), &sums(&steps)));
        }
    }
    rows
}

/// One region for each run: the sum of its steps.
fn sums(steps: &[&Vec<Region>]) -> Vec<Region> {
    let runs = steps.iter().map(|step| step.len()).min().unwrap_or(0);
    let mut sums = vec![Region::default(); runs];
    for step in steps {
        for (sum, region) in sums.iter_mut().zip(step.iter()) {
            sum.instructions += region.instructions;
            sum.cycles_low += region.cycles_low;
            sum.cycles_mid += region.cycles_mid;
            sum.cycles_high += region.cycles_high;
            sum.cycles_flash += region.cycles_flash;
            sum.operand_dependent += region.operand_dependent;
            sum.stack_bytes = sum.stack_bytes.max(region.stack_bytes);
            sum.air_bytes += region.air_bytes;
        }
    }
    sums
}

fn row(operation: &str, runs: &[Region]) -> Row {
    let most = |value: fn(&Region) -> u64| runs.iter().map(value).max().unwrap_or(0);
    let least = |value: fn(&Region) -> u64| runs.iter().map(value).min().unwrap_or(0);
    Row {
        operation: operation.to_owned(),
        instructions: most(|r| r.instructions),
        instructions_least: least(|r| r.instructions),
        cycles_low: most(|r| r.cycles_low),
        cycles: most(|r| r.cycles_mid),
        cycles_least: least(|r| r.cycles_mid),
        cycles_high: most(|r| r.cycles_high),
        cycles_flash: most(|r| r.cycles_flash),
        operand_dependent: most(|r| r.operand_dependent),
        stack_bytes: most(|r| r.stack_bytes),
        air_bits: 8 * most(|r| r.air_bytes),
        runs: runs.len() as u64,
    }
}

/// The compiler's version line, as the build's environment has it.
fn compiler() -> String {
    let program = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(program).arg("--version").output();
    output.map_or_else(|_| "unknown".to_owned(), |o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(name: &str, instructions: u64, cycles_mid: u64) -> Region {
        Region { name: name.to_owned(), instructions, cycles_mid, air_bytes: 2, ..Region::default() }
    }

    #[test]
    fn runs_are_grouped_and_steps_are_summed() {
        let regions =
            [region("a/1", 10, 20), region("a/2", 1, 2), region("a/1", 10, 20), region("a/2", 3, 2)];
        let rows = rows_of(&regions);
        let [first, second, sum] = &rows[..] else { panic!("two steps and their sum: {rows:?}") };
        assert_eq!((first.operation.as_str(), first.instructions, first.varies()), ("a/1", 10, false));
        assert_eq!((second.instructions, second.instructions_least, second.varies()), (3, 1, true));
        assert_eq!(sum.operation, "a/handshake");
        assert_eq!((sum.instructions, sum.cycles, sum.air_bits, sum.runs), (13, 22, 32, 2));
    }

    #[test]
    fn payloads_are_not_part_of_a_handshake() {
        let rows = rows_of(&[region("a/seal 16 B", 1, 1), region("a/open 16 B", 1, 1)]);
        assert!(rows.iter().all(|row| row.operation != "a/handshake"));
    }
}
