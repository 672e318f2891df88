//! `bodywire attacks`, and the page that shows its matrix.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use bodywire_sim::adversary::expectation::expected;
use bodywire_sim::adversary::{Attack, Scheme};
use serde_json::Value;
use std::process::{Command, Output};

fn bodywire(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bodywire")).arg("attacks").args(arguments).output().unwrap()
}

fn json(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_cell_is_printed_with_its_transcript() {
    let cells = json(&bodywire(&["--output", "json"]));
    let all = Attack::ALL.iter().flat_map(|attack| Scheme::ALL.iter().map(move |scheme| (*attack, *scheme)));
    let mut wanted =
        all.filter_map(|(attack, scheme)| Some((attack, scheme, expected(attack, scheme)?.outcome)));
    for cell in &cells {
        let (attack, scheme, outcome) = wanted.next().unwrap();
        let names = [("attack", attack.name()), ("scheme", scheme.name()), ("outcome", outcome.name())];
        for (key, name) in names {
            assert_eq!(cell[key], name, "{cell}");
        }
        assert!(!cell["why"].as_str().unwrap().is_empty());
        let steps = cell["transcript"].as_array().unwrap();
        assert!(!steps.is_empty(), "{attack} {scheme}");
        for step in steps {
            let who = step["who"].as_str().unwrap();
            assert!(["sensor", "hub", "responder", "attacker"].contains(&who), "{step}");
            let bytes = step["bytes"].as_str().unwrap();
            assert!(bytes.chars().all(|c| c.is_ascii_hexdigit() || c == '.'), "{step}");
        }
    }
    assert_eq!(wanted.next(), None);
}

#[test]
fn one_cell_is_printed_with_its_steps_and_repeats_with_its_seed() {
    let arguments = ["--attack", "reflect", "--scheme", "paper", "--seed", "7"];
    let output = bodywire(&arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(text.contains("reflect               falls") && text.contains("accepts the run"), "{text}");
    assert!(!text.contains('\x1b'), "there is no terminal");
    assert_eq!(text, String::from_utf8(bodywire(&arguments).stdout).unwrap());
    assert_eq!(bodywire(&["--attack", "magic"]).status.code(), Some(2));
}

/// The matrix of `docs/attacks.md`, which stands there for readers without the program.
#[test]
fn the_page_shows_the_matrix_that_the_program_is_held_to() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/attacks.md");
    let page = std::fs::read_to_string(path).unwrap();
    let mut lines = page.lines().skip_while(|line| !line.starts_with("| attack | paper |"));
    let head = lines.next().unwrap();
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().trim_matches(['*', '`']).to_owned())
            .collect()
    };
    let names = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    let schemes: Vec<&str> = Scheme::ALL.iter().map(|scheme| scheme.name()).collect();
    assert_eq!(cells(head), names(&[&["attack"], &schemes[..]].concat()));
    let rows: Vec<Vec<String>> = lines.skip(1).take_while(|line| line.starts_with('|')).map(cells).collect();
    assert_eq!(rows.len(), Attack::ALL.len());
    for (row, attack) in rows.iter().zip(Attack::ALL) {
        let outcomes =
            Scheme::ALL.iter().map(|scheme| expected(*attack, *scheme).map_or("-", |e| e.outcome.name()));
        let wanted: Vec<&str> = std::iter::once(attack.name()).chain(outcomes).collect();
        assert_eq!(row, &names(&wanted), "correct the row in docs/attacks.md");
        assert!(
            page.contains(&format!("### `{}`", attack.name())),
            "docs/attacks.md does not explain {attack}"
        );
    }
}
