//! The figures as Markdown.

use crate::check::{CEILING_CYCLES, CEILING_ROW, must_be_constant_time};
use crate::figures::{Figures, Row, Size};
use std::fmt::Write as _;

/// The clock of the paper's sensor.
const CYCLES_PER_MS: f64 = 72_000.0;
/// What the paper's sensor draws, in milliwatts.
const MILLIWATT: f64 = 118.8;

/// The whole text.
pub(crate) fn render(figures: &Figures) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}.\n{}; {}.\n", figures.about, figures.compiler, figures.emulator);
    out.push_str(
        "| operation | emulated instructions | modelled cycles low | mid | high | 72 MHz flash | ms | mJ | ms flash | mJ flash \
         | stack B | long mul/div | bits on the air | constant time |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n",
    );
    for row in &figures.rows {
        let _ = writeln!(out, "{}", line(row));
    }
    out.push_str("\n| image | code and constants B | state B |\n|---|--:|--:|\n");
    for Size { image, flash_bytes, state_bytes } in &figures.sizes {
        let _ = writeln!(out, "| {image} | {flash_bytes} | {state_bytes} |");
    }
    if let Some(row) = figures.row(CEILING_ROW) {
        let percent = 100.0 * row.cycles as f64 / CEILING_CYCLES as f64;
        let _ = writeln!(
            out,
            "\n{CEILING_ROW}: {percent:.1} % of the ceiling of {CEILING_CYCLES} modelled cycles."
        );
    }
    out
}

fn line(row: &Row) -> String {
    let ms = |cycles: u64| cycles as f64 / CYCLES_PER_MS;
    let mj = |cycles: u64| ms(cycles) * MILLIWATT / 1_000.0;
    let name = if row.operation.ends_with("/handshake") {
        format!("**{}**", row.operation)
    } else {
        row.operation.clone()
    };
    let range = |least: u64, most: u64| {
        if least == most { most.to_string() } else { format!("{least} to {most}") }
    };
    let same = match (row.varies() || row.operand_dependent > 0, must_be_constant_time(row)) {
        (false, _) => format!("yes, {} inputs", row.runs),
        (true, true) => "NO".to_owned(),
        (true, false) => "no".to_owned(),
    };
    let bits = if row.air_bits == 0 { String::new() } else { row.air_bits.to_string() };
    format!(
        "| {name} | {} | {} | {} | {} | {} | {:.3} | {:.4} | {:.3} | {:.4} | {} | {} | {bits} | {same} |",
        range(row.instructions_least, row.instructions),
        row.cycles_low,
        range(row.cycles_least, row.cycles),
        row.cycles_high,
        row.cycles_flash,
        ms(row.cycles),
        mj(row.cycles),
        ms(row.cycles_flash),
        mj(row.cycles_flash),
        row.stack_bytes,
        row.operand_dependent,
    )
}
