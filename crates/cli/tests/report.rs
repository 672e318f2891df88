//! `bodywire report`: the page, its files, and the comparison with an earlier report. Only sections that are quickly measured.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// Sections without recordings, disks or long measurements.
const CHEAP: &str = "m-aes,m-delay";

fn report(out: &Path, arguments: &[&str]) -> Output {
    let out = out.display().to_string();
    Command::new(env!("CARGO_BIN_EXE_bodywire"))
        .args(["report", "--quick", "--only", CHEAP, "--out", &out])
        .args(arguments)
        .env_remove("BODYWIRE_ECG_DATA")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Every element that is opened is closed, in order.
fn well_formed(page: &str) {
    const ALONE: [&str; 11] =
        ["!doctype", "meta", "br", "path", "rect", "line", "polyline", "polygon", "circle", "input", "hr"];
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1) {
        let (inside, _) = tag.split_once('>').unwrap();
        let name = inside.split([' ', '\n', '/']).find(|word| !word.is_empty()).unwrap();
        if inside.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{inside}");
        } else if !inside.ends_with('/') && !ALONE.contains(&name) {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn the_page_stands_alone_and_its_files_agree() {
    let folder = tempfile::tempdir().unwrap();
    let output = report(folder.path(), &["--date", "a <day>", "--output", "json"]);
    assert!(output.status.success(), "{}", said(&output));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let record = json(&folder.path().join("report.json"));
    let figures = record["figures"].as_array().unwrap();
    assert_eq!(summary["figures"].as_u64().unwrap() as usize, figures.len());
    assert_eq!(
        (record["origin"]["seed"].as_u64(), record["origin"]["quick"].as_bool()),
        (Some(1), Some(true))
    );

    let page = std::fs::read_to_string(folder.path().join("index.html")).unwrap();
    well_formed(&page);
    for section in CHEAP.split(',') {
        assert!(page.contains(&format!("<section id=\"{section}\">")), "{section}");
    }
    assert!(!page.contains("<section id=\"b-security\">"));
    assert!(page.contains("a &lt;day&gt;"), "words from outside are no markup");
    for outside in ["http:", "https:", "//cdn", "<script", "<link", "@import", "url("] {
        assert!(!page.contains(outside), "{outside} leads out of the page");
    }
    assert!(page.contains("prefers-color-scheme:dark") && page.contains("@media print"));

    // Each figure is in the CSV of its table, with the number that the JSON has.
    for figure in figures {
        let text = |key: &str| figure[key].as_str().unwrap().to_owned();
        let file = folder.path().join(format!("{}-{}.csv", text("section"), text("table")));
        let csv = std::fs::read_to_string(file).unwrap();
        let row = if text("row").contains(',') { format!("\"{}\"", text("row")) } else { text("row") };
        let line = csv.lines().find(|line| line.starts_with(&format!("{row},{},", text("column"))));
        let line = line.unwrap_or_else(|| panic!("{figure}"));
        if let Some(number) = figure["ours"].as_f64() {
            // Reading JSON may cost the last digit.
            let same =
                |cell: &str| cell.parse::<f64>().is_ok_and(|it| (it - number).abs() <= 1e-12 * number.abs());
            assert!(line.split(',').any(same), "{line} has not {number}");
        }
    }
    let rounds = figures.iter().find(|f| f["row"] == "AES-192" && f["column"] == "rounds").unwrap();
    assert_eq!((rounds["ours"].as_f64(), rounds["verdict"].as_str()), (Some(12.0), Some("holds")));
}

#[test]
fn a_report_agrees_with_itself_and_a_changed_figure_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    assert!(report(&first, &[]).status.success());
    let earlier = first.join("report.json");
    let against = ["--against", earlier.to_str().unwrap()];
    // Times of a machine move; a test does not assert them.
    let exact = [&against[..], &["--only", "m-aes"]].concat();
    let same = Command::new(env!("CARGO_BIN_EXE_bodywire"))
        .args(["report", "--quick", "--out", second.to_str().unwrap()])
        .args(&exact)
        .output()
        .unwrap();
    assert_eq!(same.status.code(), Some(0), "{}", said(&same));

    let full = Command::new(env!("CARGO_BIN_EXE_bodywire"))
        .args(["report", "--out", second.to_str().unwrap()])
        .args(&exact)
        .output()
        .unwrap();
    assert_eq!(full.status.code(), Some(6), "{}", said(&full));
    assert!(said(&full).contains("give --quick, too"), "{}", said(&full));

    let mut record = json(&earlier);
    let figures = record["figures"].as_array_mut().unwrap();
    let rounds = figures.iter_mut().find(|f| f["row"] == "AES-192" && f["column"] == "rounds").unwrap();
    rounds["ours"] = 13.0.into();
    std::fs::write(&earlier, record.to_string()).unwrap();
    let moved = Command::new(env!("CARGO_BIN_EXE_bodywire"))
        .args(["report", "--quick", "--out", second.to_str().unwrap(), "--output", "json"])
        .args(&exact)
        .output()
        .unwrap();
    assert_eq!(moved.status.code(), Some(7), "{}", said(&moved));
    assert!(said(&moved).contains("m-aes/rounds/AES-192/rounds: 13 became 12"), "{}", said(&moved));
    let summary: Value = serde_json::from_slice(&moved.stdout).unwrap();
    let outside: Vec<&Value> =
        summary["moved"].as_array().unwrap().iter().filter(|m| m["outside"] == true).collect();
    assert_eq!(outside.len(), 1, "{summary}");
}

#[test]
fn what_cannot_be_used_is_said_before_anything_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = folder.path().join("nothing");
    for (arguments, part) in [
        (["--against", nothing.to_str().unwrap()], "name the report.json of an earlier bodywire report"),
        (["--data", nothing.to_str().unwrap()], "holds none of mitdb, vfdb and cudb"),
    ] {
        let output = report(&folder.path().join("out"), &arguments);
        assert_eq!(output.status.code(), Some(6), "{}", said(&output));
        assert!(said(&output).contains(part), "{}", said(&output));
    }
    let output = report(folder.path(), &["--only", "m-nothing"]);
    assert_eq!(output.status.code(), Some(2));
    let scale = folder.path().join("scale.json");
    std::fs::write(&scale, r#"[{"hubs": 2, "sensors": 100, "simulated_s": 60, "cpu_s": 3, "wall_s": 2, "memory_bytes": 5000000, "events": 4000}]"#)
        .unwrap();
    let output = report(folder.path(), &["--only", "scale", "--scale", scale.to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    let record = json(&folder.path().join("report.json"));
    let speed =
        record["figures"].as_array().unwrap().iter().find(|f| f["column"] == "faster than life").unwrap();
    assert_eq!(speed["ours"].as_f64(), Some(30.0));
}
