//! Paper M, 3.2, (1) to (4): what a value costs under homomorphic encryption, ours beside Paillier's scheme.

use super::Asked;
use super::chart::{Axis, Chart, Mark, Series, point};
use super::clock::Watch;
use super::figure::{Figure, Spread, TIMING};
use super::section::{Layout, Section};
use crate::exit::Failure;
use bodywire_aggregate::Encoding;
use bodywire_aggregate::vector::STORED_BYTES;
use bodywire_sim::measure::paillier;
use bodywire_sim::measure::sums::{Costs, Encrypted, costs};
use serde::Deserialize;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Measures python-paillier and SEAL, in a Python that has them.
const SCRIPT: &str = include_str!("../../../../scripts/aggregate-peers");
const NANO: f64 = 1e9;
/// What a value costs, in the order of the columns.
const OPERATIONS: [&str; 4] = ["encrypt", "add", "scale", "decrypt"];

/// Seconds of each operation in some rounds, and bytes, for one value.
struct Row {
    name: String,
    seconds: [Vec<f64>; 4],
    bytes: f64,
}

/// A scheme of the script; what it lacks stays out.
#[derive(Deserialize)]
struct Peer {
    name: String,
    missing: Option<String>,
    encrypt: Option<f64>,
    add: Option<f64>,
    scale: Option<f64>,
    decrypt: Option<f64>,
    bytes: Option<f64>,
}

/// Measures both encodings, Paillier in Rust, and the peers in Python where one is given.
pub(crate) fn section(asked: &Asked) -> Result<Section, Failure> {
    let watch = Watch { seconds: asked.of(0.02, 0.4) };
    let (rounds, vectors) = (asked.of(2, 5), asked.of(24, 240));
    let mut rows = Vec::new();
    for (encoding, name) in
        [(Encoding::Series, "BodyWire, BFV, series"), (Encoding::Wide, "BodyWire, BFV, wide")]
    {
        let mut encrypted = Encrypted::new(encoding, vectors, asked.seed)?;
        let mut row = Row { name: name.to_owned(), seconds: Default::default(), bytes: 0.0 };
        for _ in 0..rounds {
            let Costs { places, encrypt, add, scale, decrypt, .. } = costs(&mut encrypted, &watch)?;
            let each = 1.0 / places as f64;
            row.note([encrypt * each, add * each, scale * each, decrypt * each]);
            row.bytes = STORED_BYTES as f64 * each;
        }
        rows.push(row);
    }
    for bits in asked.of(&[2048u32][..], &[2048, 3072]) {
        let [one, packed] = paillier::costs(*bits, &watch)?;
        let mut both = [Row::of(&one), Row::of(&packed)];
        for _ in 1..rounds {
            for (row, again) in both.iter_mut().zip(paillier::costs(*bits, &watch)?) {
                row.note([again.encrypt, again.add, again.scale, again.decrypt]);
            }
        }
        rows.extend(both);
    }
    let (peers, missing) = peers(asked.peers.as_deref())?;
    rows.extend(peers);
    let mut figures: Vec<Figure> = rows.iter().flat_map(Row::figures).collect();
    figures.extend(missing);
    Ok(Section::new("m-homomorphic", "Homomorphic encryption, the cost of a value", "paper M, 3.2, equations (1) to (4)")
        .about(
            "Paper M names no scheme and measures none. Its plaintext ring points to Paillier, which encrypts one number at a time as it is \
             commonly used, or several packed. BodyWire uses additive BFV, which packs thousands of numbers. Here everything is divided \
             by the numbers in a ciphertext, and every sum is decrypted and compared with that of the plain integers. Keys of Paillier \
             are of 2048 bits, and 3072 in the full report; of BFV, 128 bits of security against a quantum computer as far as is known.",
        )
        .table("cost", Layout::Matrix, "Time and bytes for one value on this machine", figures)
        .chart(chart(&rows)))
}

impl Row {
    fn of(costs: &paillier::Costs) -> Self {
        let seconds = [costs.encrypt, costs.add, costs.scale, costs.decrypt].map(|s| vec![s]);
        Self { name: format!("Paillier, {}", costs.name), seconds, bytes: costs.bytes }
    }

    fn note(&mut self, seconds: [f64; 4]) {
        self.seconds.iter_mut().zip(seconds).for_each(|(list, s)| list.push(s));
    }

    /// The middle of the rounds.
    fn middle(seconds: &[f64]) -> (f64, f64, f64) {
        let mut sorted = seconds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
        (at(0), at(sorted.len() / 2), at(sorted.len().saturating_sub(1)))
    }

    fn figures(&self) -> Vec<Figure> {
        let timed = OPERATIONS.iter().zip(&self.seconds).filter(|(_, seconds)| !seconds.is_empty());
        let mut figures: Vec<Figure> = timed
            .map(|(operation, seconds)| {
                let (low, middle, high) = Self::middle(seconds);
                let figure = Figure::new(self.name.as_str(), *operation, "ns", NANO * middle).class(TIMING);
                // Of a peer only the median is known.
                let spread = seconds.len() > 1;
                if spread { figure.between(NANO * low, NANO * high, Spread::Rounds) } else { figure }
            })
            .collect();
        figures.push(Figure::new(self.name.as_str(), "ciphertext", "byte", self.bytes));
        figures
    }
}

fn chart(rows: &[Row]) -> Chart {
    let names = OPERATIONS.map(str::to_owned).to_vec();
    let series = rows.iter().map(|row| {
        let points = row.seconds.iter().enumerate().filter(|(_, seconds)| !seconds.is_empty());
        let points = points.map(|(i, seconds)| point((i as f64, NANO * Row::middle(seconds).1)));
        Series { name: row.name.clone(), points: points.collect(), mark: Mark::Markers }
    });
    Chart {
        id: "cost",
        caption: "Time for one value, by powers of ten.".to_owned(),
        x: Axis::named("operation", names),
        y: Axis::log("ns for a value"),
        series: series.collect(),
    }
}

/// What the script measures, and what it could not.
fn peers(python: Option<&Path>) -> Result<(Vec<Row>, Vec<Figure>), Failure> {
    let Some(python) = python else {
        let why = "a Python with it was not given: --peers PYTHON, with the packages of scripts/aggregate-peers.requirements.txt";
        let missing = ["python-paillier", "SEAL"].map(|name| Figure::missing(name, "encrypt", "ns", why));
        return Ok((Vec::new(), missing.to_vec()));
    };
    let unusable = |why: &dyn std::fmt::Display| {
        Failure::path(
            python,
            why,
            "name a Python with the packages of scripts/aggregate-peers.requirements.txt",
        )
    };
    let mut child = Command::new(python)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| unusable(&error))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(SCRIPT.as_bytes()).map_err(|error| unusable(&error))?;
    }
    let done = child.wait_with_output().map_err(|error| unusable(&error))?;
    if !done.status.success() {
        return Err(unusable(&format!("scripts/aggregate-peers ended with {}", done.status)));
    }
    let all: Vec<Peer> = serde_json::from_slice(&done.stdout).map_err(|error| unusable(&error))?;
    let (mut rows, mut missing) = (Vec::new(), Vec::new());
    for peer in all {
        if let Some(why) = &peer.missing {
            missing.push(Figure::missing(peer.name, "encrypt", "ns", why.as_str()));
            continue;
        }
        let seconds = [peer.encrypt, peer.add, peer.scale, peer.decrypt].map(|s| s.into_iter().collect());
        rows.push(Row { name: peer.name, seconds, bytes: peer.bytes.unwrap_or(f64::NAN) });
    }
    Ok((rows, missing))
}
