//! Simulated arbiter PUFs and their metrics against pypuf, another group's simulation, on the same weights and
//! challenges: bit for bit without noise, within sampling error with noise.
//!
//! pypuf comes from PyPI into the build directory. Where it cannot be had the test says by name that it was left out;
//! with `CI=true` that is a failure.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use bodywire_proto::puf::{Challenge, Response};
use bodywire_sim::puf::{ArbiterPuf, STAGES, SubChallenge, metrics, sub_challenges, xor_error_rate};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is installed. pypuf asks for a TensorFlow that no Python of today has; only its learning attacks need it.
const PYPUF: &str = "pypuf==3.2.1";
const NEEDS: [&str; 2] = ["numpy", "scipy"];

const CHALLENGES: usize = 4096;
/// As many readings as the peer takes.
const READINGS: usize = 15;

/// A directory with pypuf in it, or why there is none.
fn pypuf() -> Result<PathBuf, String> {
    let tools = std::env::var_os("BODYWIRE_TOOLS")
        .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("../tools"), PathBuf::from);
    let at = tools.join("pypuf-3.2.1");
    let works = || python(&at).args(["-c", "import pypuf.simulation, pypuf.metrics"]).output();
    if works().is_ok_and(|output| output.status.success()) {
        return Ok(at);
    }
    let install = |arguments: &[&str]| -> Result<(), String> {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", "--target"]);
        let output = pip.arg(&at).args(arguments).output().map_err(|error| format!("python3: {error}"))?;
        let why = String::from_utf8_lossy(&output.stderr);
        let last = why.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no reason given");
        if output.status.success() { Ok(()) } else { Err(format!("pip install {arguments:?}: {last}")) }
    };
    install(&["--no-deps", PYPUF])?;
    install(&NEEDS)?;
    match works() {
        Ok(output) if output.status.success() => Ok(at),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn python(packages: &Path) -> Command {
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", packages);
    command
}

struct Chip {
    puf: ArbiterPuf,
    chains: usize,
    noise: f64,
    subs: Vec<SubChallenge>,
}

fn chip(seed: u8, chains: usize, noise: f64) -> Chip {
    let puf = ArbiterPuf::new([seed; 32], chains, noise, u64::from(seed)).unwrap();
    let subs = sub_challenges(&Challenge::from([0x70; 8]), STAGES).unwrap().take(CHALLENGES).collect();
    Chip { puf, chains, noise, subs }
}

fn question(chip: &Chip) -> String {
    let sigma = chip.noise * (STAGES as f64).sqrt();
    let mut text = format!("chip {} {STAGES} {sigma:?}\n", chip.chains);
    for weights in chip.puf.weights() {
        let words: Vec<String> = weights.iter().map(|w| format!("{w:?}")).collect();
        writeln!(text, "weights {}", words.join(" ")).unwrap();
    }
    text.push_str("challenges");
    for sub in &chip.subs {
        text.push(' ');
        for byte in 0..STAGES / 8 {
            let value = (0..8).fold(0u8, |value, bit| value | u8::from(sub.crosses(8 * byte + bit)) << bit);
            write!(text, "{value:02x}").unwrap();
        }
    }
    text + "\nend\n"
}

/// What pypuf says of one chip.
struct Answer {
    values: HashMap<String, f64>,
    bits: Vec<bool>,
}

fn answer(line: &str) -> Answer {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (pairs, bits) = words.split_at(words.len() - 2);
    assert_eq!(bits[0], "bits");
    let values = pairs.chunks(2).map(|pair| (pair[0].to_owned(), pair[1].parse().unwrap())).collect();
    Answer { values, bits: bits[1].chars().map(|c| c == '1').collect() }
}

/// One bit for each challenge, as responses so that the metrics take them.
fn pack(bits: &[bool]) -> Vec<Response> {
    let byte = |chunk: &[bool]| chunk.iter().rev().fold(0u8, |byte, bit| byte << 1 | u8::from(*bit));
    let bytes: Vec<u8> = bits.chunks(8).map(byte).collect();
    bytes.chunks(64).map(|chunk| Response::new(chunk).unwrap()).collect()
}

fn ideal(chip: &Chip) -> Vec<bool> {
    chip.subs.iter().map(|sub| chip.puf.ideal_bit(sub)).collect()
}

/// Shares of wrong bits and of agreeing pairs of readings, as [`metrics`] has them.
fn noisy(chip: &mut Chip, ideal: &[bool]) -> (f64, f64) {
    let subs = chip.subs.clone();
    let readings: Vec<Vec<Response>> = (0..READINGS)
        .map(|_| pack(&subs.iter().map(|sub| chip.puf.read_bit(sub)).collect::<Vec<_>>()))
        .collect();
    let reference = pack(ideal);
    let (mut wrong, mut agreeing) = (0.0, 0.0);
    for (i, reference) in reference.iter().enumerate() {
        let same: Vec<Response> = readings.iter().map(|reading| reading[i].clone()).collect();
        wrong += 1.0 - metrics::reliability(reference, &same).unwrap();
        agreeing += metrics::agreement(&same).unwrap();
    }
    (wrong / reference.len() as f64, agreeing / reference.len() as f64)
}

fn near(what: &str, ours: f64, theirs: f64, tolerance: f64) {
    assert!((ours - theirs).abs() <= tolerance, "{what}: ours {ours}, pypuf's {theirs}");
}

#[test]
fn arbiter_pufs_answer_and_measure_like_pypufs() {
    let packages = match pypuf() {
        Ok(packages) => packages,
        Err(why) if std::env::var("CI").as_deref() == Ok("true") => panic!("pypuf is not to be had: {why}"),
        Err(why) => {
            eprintln!("left out: arbiter_pufs_answer_and_measure_like_pypufs ({why})");
            return;
        }
    };
    let kinds = [(1, 0.0945), (1, 0.325), (2, 0.0945), (4, 0.0945), (8, 0.05)];
    let mut chips: Vec<Chip> = kinds
        .iter()
        .flat_map(|(chains, noise)| [chip(1, *chains, *noise), chip(2, *chains, *noise)])
        .collect();
    let directory = tempfile::tempdir().unwrap();
    let questions = directory.path().join("questions");
    std::fs::write(&questions, chips.iter().map(question).collect::<String>()).unwrap();
    let peer = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/pypuf_metrics.py");
    let output = python(&packages).arg(peer).arg(&questions).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Answer> = text.lines().map(answer).collect();
    assert_eq!(answers.len(), chips.len());

    let mut previous: Vec<bool> = Vec::new();
    for (number, (chip, theirs)) in chips.iter_mut().zip(&answers).enumerate() {
        let ours = ideal(chip);
        assert_eq!(ours, theirs.bits, "chip {number}: noiseless responses, bit for bit");
        // pypuf counts a bit as +1 or -1, and its product of signs is our bit or the opposite of it.
        let bias = 2.0 * metrics::uniformity(&pack(&ours)).unwrap() - 1.0;
        near("bias", bias.abs(), theirs.values["bias"].abs(), 1e-12);
        if number % 2 == 1 {
            let pairs: Vec<f64> = pack(&previous)
                .into_iter()
                .zip(pack(&ours))
                .map(|(a, b)| metrics::uniqueness(&[a, b]).unwrap())
                .collect();
            let inter = pairs.iter().sum::<f64>() / pairs.len() as f64;
            near("uniqueness", 1.0 - inter, theirs.values["similarity"], 1e-12);
            near("uniqueness, pypuf's", 1.0 - (1.0 - 2.0 * inter).abs(), theirs.values["uniqueness"], 1e-12);
        }
        // Noise: 61,440 readings each of which errs with the same law; 4,096 challenges decide how hard they are.
        let (wrong, agreeing) = noisy(chip, &ours);
        near("error rate", wrong, theirs.values["error"], 0.006);
        near("agreement", agreeing, theirs.values["reliability"], 0.008);
        // One chip's delays spread more or less than the average chip's, by some 9 % for 64 stages.
        let law = xor_error_rate(bodywire_sim::puf::error_rate(chip.noise), chip.chains);
        assert!((wrong / law - 1.0).abs() < 0.2, "chip {number}: {wrong} against the law's {law}");
        previous = ours;
    }
}
