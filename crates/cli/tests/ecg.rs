//! `bodywire ecg` on public recordings, on recordings made here, and on what is none.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops at a surprise and says what it left out"
)]

use bodywire_ecg::SampleRate;
use bodywire_ecg::synthetic::{EcgModel, Rhythm};
use bodywire_ecg::wfdb::{Format, encode, encoded_len};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn bodywire(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bodywire")).arg("ecg").args(arguments).output().unwrap()
}

fn text(arguments: &[&str]) -> String {
    let output = bodywire(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&text(&[arguments, &["--output", "json"]].concat())).unwrap()
}

/// A public database, or nothing (said by name) where the recordings are absent.
fn database(name: &str) -> Option<String> {
    let root = std::env::var_os("BODYWIRE_ECG_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/ecg")),
        PathBuf::from,
    );
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder.display().to_string());
    }
    assert!(std::env::var("CI").is_err(), "recordings {name} are missing at {}", folder.display());
    eprintln!("left out: recordings {name} are not at {}; set BODYWIRE_ECG_DATA", folder.display());
    None
}

/// A recording of two minutes in which the heart fibrillates for the second one.
fn recording(folder: &Path) -> String {
    let rate = SampleRate::new(360.0).unwrap();
    let mut state = 7u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u32
    };
    let mut model = EcgModel::new(rate, 200.0, 0, 0.02, Rhythm::Sinus { bpm: 70.0 }).unwrap();
    let mut samples: Vec<i16> = (0..60 * 360).map(|_| model.next_sample(&mut random)).collect();
    model.switch(Rhythm::VentricularFibrillation).unwrap();
    samples.extend((0..60 * 360).map(|_| model.next_sample(&mut random)));
    let mut bytes = vec![0; encoded_len(Format::Pcm16, samples.len())];
    encode(Format::Pcm16, &samples, &mut bytes).unwrap();
    std::fs::write(folder.join("made.dat"), bytes).unwrap();
    std::fs::write(folder.join("made.hea"), "made 1 360 43200\nmade.dat 16 200(0)/mV 16 0 0 0 0 <b>II</b>\n")
        .unwrap();
    folder.join("made").display().to_string()
}

#[test]
fn a_recording_gives_beats_verdicts_and_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let made = recording(folder.path());
    let plot = |ending: &str| folder.path().join(format!("made.{ending}")).display().to_string();
    let table = text(&[&made, "--plot", &plot("svg")]);
    assert!(table.contains("EMERGENCY: ventricular fibrillation or flutter"), "{table}");
    let said = json(&[&made, "--plot", &plot("html")]);
    let emergencies = said["emergencies"].as_array().unwrap();
    assert!(emergencies.iter().all(|e| e["from_s"].as_f64().unwrap() > 60.0), "{emergencies:?}");
    assert!(emergencies[0]["from_s"].as_f64().unwrap() < 70.0, "{emergencies:?}");
    let beats = said["beats"].as_array().unwrap().len();
    assert!(beats >= 68, "{beats}");
    for ending in ["svg", "html"] {
        let drawn = std::fs::read_to_string(plot(ending)).unwrap();
        assert!(drawn.contains("<svg") && drawn.contains("polyline"));
        assert!(!drawn.contains("<b>II</b>"), "a header's words are no markup");
        let fetched = drawn.replace("http://www.w3.org/2000/svg", "");
        assert!(!fetched.contains("http://") && !fetched.contains("https://"), "the picture is whole");
    }
    // The page names the signal that was looked at.
    let lines = "made.dat 16 200(0)/mV 16 0 0 0 0 II\nmade.dat 16 200(0)/mV 16 0 0 0 0 V5\n";
    std::fs::write(folder.path().join("two.hea"), format!("two 2 360 21600\n{lines}")).unwrap();
    let two = folder.path().join("two").display().to_string();
    text(&[&two, "--signal", "1", "--plot", &plot("html")]);
    assert!(std::fs::read_to_string(plot("html")).unwrap().contains("two, signal 1 (V5)"));
}

#[test]
fn what_cannot_be_used_is_named_with_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    let made = recording(folder.path());
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let empty = empty.display().to_string();
    let missing = folder.path().join("missing").display().to_string();
    let png = folder.path().join("x.png").display().to_string();
    for (arguments, why) in [
        (vec![missing.as_str()], "name a complete WFDB recording"),
        (vec![&made, "--signal", "3"], "there is no signal 3"),
        (vec![&made, "--annotations", "atr"], "leave --annotations out"),
        (vec![&made, "--plot", &png], "ends in .svg or .html"),
        (vec!["evaluate", &empty], "holds no annotated recording"),
        (vec!["evaluate", &missing], "No such file"),
        (vec!["correlate", &made, "--weights", "0,0,0"], "as in --weights"),
        (vec!["correlate", &made, "--plot", &png], "ends in .svg"),
    ] {
        let output = bodywire(&arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(6), "{arguments:?}: {said}");
        assert!(said.contains(why), "{arguments:?}: {said}");
    }
    std::fs::write(folder.path().join("made.dat"), [0; 10]).unwrap();
    let output = bodywire(&[&made]);
    assert_eq!(output.status.code(), Some(6));
    assert!(String::from_utf8(output.stderr).unwrap().contains("cut short"));
    assert_eq!(bodywire(&[]).status.code(), Some(2));
}

#[test]
fn public_recordings_are_scored() {
    let Some(mitdb) = database("mitdb") else { return };
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("mitdb.html").display().to_string();
    let all = json(&["evaluate", &mitdb, "--plot", &page]);
    let total = &all["total"];
    let number = |name: &str| total[name].as_f64().unwrap();
    assert_eq!(all["recordings"].as_array().unwrap().len(), 23);
    assert!(total["beats"]["f1"].as_f64().unwrap() >= 0.998, "{total}");
    assert!(number("false_emergencies_per_hour") <= 0.5, "{total}");
    assert_eq!(number("fibrillation_episodes"), number("fibrillation_within_10_s"));
    let first = &all["recordings"][0];
    assert_eq!(first["recording"], "100");
    assert_eq!(first["score"]["emergencies"], 0);
    assert!(std::fs::read_to_string(page).unwrap().contains("<td>203</td>"));
    let one = text(&[&format!("{mitdb}/100"), "--annotations", "atr"]);
    assert!(one.contains("0 of 0 false"), "{one}");
}

/// Figures 12 to 14 of paper B: 100 with itself, its normal beats against the abnormal one, and 100 against 105.
#[test]
fn the_papers_figures_come_out_again() {
    let Some(mitdb) = database("mitdb") else { return };
    let folder = tempfile::tempdir().unwrap();
    let plot = folder.path().join("13.svg").display().to_string();
    let (own, other) = (format!("{mitdb}/100"), format!("{mitdb}/105"));
    let same = json(&["correlate", &own, "--plot", &plot]);
    let different = json(&["correlate", &own, &other]);
    let median = |of: &Value, equation: &str, beats: &str| {
        let rows = of["coefficients"].as_array().unwrap();
        let row = rows
            .iter()
            .find(|r| r["equation"].as_str().unwrap().starts_with(equation) && r["beats"] == beats);
        row.unwrap()["median"].as_f64().unwrap()
    };
    let (plain, printed) = ("without weights", "(4) to (9)");
    // Weights bring the coefficient nearer to 1 (Fig. 12), by the form that is bounded.
    assert!(median(&same, "version A", "class N") > median(&same, plain, "class N"));
    assert!(median(&same, printed, "class N") > 1.5, "as printed it is no coefficient");
    for equation in [plain, "version A", "version B"] {
        let normal = median(&same, equation, "class N");
        assert!(normal > 0.95, "{equation}: {normal}");
        // The abnormal beat of 100 is one ventricular ectopic (Fig. 13), and 105 is somebody else (Fig. 14).
        assert!(median(&same, equation, "class V") < 0.3, "{equation}");
        assert!(median(&different, equation, "class N") < 0.9, "{equation}");
    }
    assert!(std::fs::read_to_string(plot).unwrap().contains("version B"));
}
