//! `bodywire attacks`.

use crate::args::{AttackOptions, Output};
use crate::exit::Failure;
use crate::sensor::PAPER_WARNING;
use bodywire_sim::adversary::expectation::expected;
use bodywire_sim::adversary::{Attack, Cell, Outcome, Scheme, Step, attack};
use serde_json::{Value, json};
use std::io::IsTerminal;

/// Width of the column of attacks, and of each scheme.
const WIDTHS: (usize, usize) = (22, 10);

/// Carries out the attacks, prints what happened, and fails when it is not what is documented.
pub fn run(options: &AttackOptions) -> Result<(), Failure> {
    let attacks: Vec<Attack> = options.attack.map_or_else(|| Attack::ALL.to_vec(), |attack| vec![attack]);
    let schemes: Vec<Scheme> = options.scheme.map_or_else(|| Scheme::ALL.to_vec(), |scheme| vec![scheme]);
    let bar = indicatif::ProgressBar::new((attacks.len() * schemes.len()) as u64);
    let mut cells = Vec::new();
    for each in &attacks {
        for scheme in &schemes {
            cells.push((*each, *scheme, attack(*each, *scheme, options.seed)?));
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let differences: Vec<String> = cells.iter().filter_map(difference).collect();
    crate::print(&match options.output {
        Output::Json => as_json(&cells).to_string(),
        Output::Table => {
            let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let mut text = as_table(&cells, &schemes, colour);
            if options.attack.is_some() && options.scheme.is_some() {
                text.push_str(&transcripts(&cells));
            }
            text
        }
    });
    if differences.is_empty() {
        Ok(())
    } else {
        Err(Failure::OutsideTolerance(format!(
            "what happened is not what is documented: {}; correct docs/attacks.md or the code",
            differences.join("; ")
        )))
    }
}

type Row = (Attack, Scheme, Option<Cell>);

/// How a cell differs from what is documented.
fn difference((attack, scheme, cell): &Row) -> Option<String> {
    let happened = cell.as_ref().map(|cell| cell.outcome);
    let documented = expected(*attack, *scheme);
    let name = |outcome: Option<Outcome>| outcome.map_or("-", Outcome::name);
    let wanted = documented.map(|documented| documented.outcome);
    (happened != wanted).then(|| {
        let source = documented.map_or("it does not apply", |documented| documented.source);
        format!("{attack} against {scheme}: {}, documented {} ({source})", name(happened), name(wanted))
    })
}

fn as_json(cells: &[Row]) -> Value {
    let step = |step: &Step| json!({"who": step.who, "what": step.what, "bytes": step.bytes});
    let cells = cells.iter().filter_map(|(_, _, cell)| cell.as_ref());
    let cells = cells.map(|cell| {
        json!({
            "attack": cell.attack.name(),
            "scheme": cell.scheme.name(),
            "outcome": cell.outcome.name(),
            "why": cell.why,
            "transcript": cell.transcript.iter().map(step).collect::<Vec<_>>(),
        })
    });
    Value::Array(cells.collect())
}

fn as_table(cells: &[Row], schemes: &[Scheme], colour: bool) -> String {
    let (first, width) = WIDTHS;
    let mut text = format!("{:first$}", "attack");
    for scheme in schemes {
        text.push_str(&format!("{scheme:width$}"));
    }
    for row in cells.chunks(schemes.len().max(1)) {
        let Some((attack, ..)) = row.first() else { continue };
        text = format!("{}\n{attack:first$}", text.trim_end());
        for (_, _, cell) in row {
            text.push_str(&painted(cell.as_ref().map(|cell| cell.outcome), width, colour));
        }
    }
    text = text.trim_end().to_owned();
    text.push('\n');
    for cell in cells.iter().filter_map(|(_, _, cell)| cell.as_ref()).filter(|c| c.outcome != Outcome::Holds)
    {
        text.push_str(&format!("\n{} {} {}: {}", cell.attack, cell.scheme, cell.outcome, cell.why));
    }
    let applied: Vec<&Cell> = cells.iter().filter_map(|(_, _, cell)| cell.as_ref()).collect();
    if let [only] = applied[..]
        && only.outcome == Outcome::Holds
    {
        text.push_str(&format!("\n{} {} {}: {}", only.attack, only.scheme, only.outcome, only.why));
    }
    if schemes.contains(&Scheme::Paper) {
        text.push_str(&format!("\n\n{PAPER_WARNING}"));
    }
    text
}

/// An outcome in its column: red for what falls, yellow for a limit, green for what holds.
fn painted(outcome: Option<Outcome>, width: usize, colour: bool) -> String {
    let plain = format!("{:width$}", outcome.map_or("-", Outcome::name));
    let code = match outcome {
        Some(Outcome::Falls) => 31,
        Some(Outcome::Limit) => 33,
        Some(Outcome::Holds) => 32,
        None => return plain,
    };
    if colour { format!("\x1b[{code}m{plain}\x1b[0m") } else { plain }
}

fn transcripts(cells: &[Row]) -> String {
    let mut text = String::from("\n");
    for step in cells.iter().filter_map(|(_, _, cell)| cell.as_ref()).flat_map(|cell| &cell.transcript) {
        text.push_str(&format!("\n{:9} {}", step.who, step.what));
        if !step.bytes.is_empty() {
            text.push_str(&format!("\n{:9} {}", "", step.bytes));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        let cell = attack(Attack::Reflect, Scheme::Paper, 1).unwrap();
        vec![(Attack::Reflect, Scheme::Paper, cell), (Attack::Reflect, Scheme::HashL, None)]
    }

    #[test]
    fn the_table_has_colour_on_a_terminal_only() {
        let schemes = [Scheme::Paper, Scheme::HashL];
        let plain = as_table(&rows(), &schemes, false);
        let lines: Vec<&str> = plain.lines().collect();
        assert_eq!(lines[0], "attack                paper     hash-l");
        assert_eq!(lines[1], "reflect               falls     -");
        assert!(lines[3].starts_with("reflect paper falls: "), "{plain}");
        assert!(!plain.contains('\x1b'));
        assert!(as_table(&rows(), &schemes, true).contains("\x1b[31mfalls"));
        assert!(transcripts(&rows()).contains("sends message 1"));
    }

    #[test]
    fn what_is_not_documented_is_named() {
        let rows = rows();
        assert_eq!(difference(&rows[0]), None);
        let named = difference(&rows[1]).unwrap();
        assert!(named.starts_with("reflect against hash-l: -, documented holds"), "{named}");
    }
}
