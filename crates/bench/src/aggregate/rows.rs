//! What was measured as figures: ours, and what it stands beside.

use super::bandwidth::Bandwidth;
use super::peers::Peer;
use super::ward::{Day, HOURS, THRESHOLD};
use crate::figure::Figure;
use bodywire_aggregate::vector::STORED_BYTES;
use bodywire_sim::measure::sums::Costs;

/// Nothing stands beside it.
const NONE: &str = "none";
const NANO: f64 = 1e9;
const MICRO: f64 = 1e6;
const MILLI: f64 = 1e3;

fn lone(name: String, unit: &'static str, value: f64) -> Figure {
    Figure::new(name, unit, value, NONE.to_owned(), 0.0)
}

/// Each operation for each value beside those of the peers.
pub(crate) fn beside(encoding: &str, ours: &Costs, peers: &[Peer]) -> Vec<Figure> {
    let places = ours.places as f64;
    let operations = [
        ("encrypt", ours.encrypt, (|peer| peer.encrypt) as fn(&Peer) -> Option<f64>),
        ("add", ours.add, |peer| peer.add),
        ("scale", ours.scale, |peer| peer.scale),
        ("decrypt", ours.decrypt, |peer| peer.decrypt),
    ];
    let mut figures = Vec::new();
    for (operation, seconds, of) in operations {
        figures.extend(peers.iter().filter_map(|peer| {
            let name = format!("{encoding}, {operation} a value");
            Some(Figure::new(name, "ns", seconds / places * NANO, peer.name.clone(), of(peer)? * NANO))
        }));
    }
    figures.extend(peers.iter().filter_map(|peer| {
        let name = format!("{encoding}, bytes a value");
        Some(Figure::new(name, "B", STORED_BYTES as f64 / places, peer.name.clone(), peer.bytes?))
    }));
    figures
}

/// Each operation for a whole ciphertext, and what no peer has.
pub(crate) fn alone(encoding: &str, ours: &Costs, vectors: usize) -> Vec<Figure> {
    let verified = format!("verify a sum of {vectors}");
    let rows = [
        ("encrypt", ours.encrypt),
        ("make a tag", ours.tag),
        ("add", ours.add),
        ("read and add", ours.read_and_add),
        ("scale", ours.scale),
        (&verified, ours.verify),
        ("decrypt with the guard", ours.decrypt),
    ];
    let whole = rows.map(|(row, seconds)| lone(format!("{encoding}, {row}"), "us/vector", seconds * MICRO));
    let each = |row: &str, seconds: f64, values: usize| {
        lone(format!("{encoding}, {row}"), "ns", seconds / values as f64 * NANO)
    };
    let each = [
        each("make a tag a value", ours.tag, ours.places),
        each("read and add a value", ours.read_and_add, ours.places),
        each("verify a value that was summed", ours.verify, ours.places * vectors),
    ];
    whole.into_iter().chain(each).collect()
}

/// We rotate nothing: the owner adds slots up after decryption.
pub(crate) fn rotation(peers: &[Peer]) -> Vec<Figure> {
    let of = |peer: &Peer| {
        let name = "rotate a value (ours: not needed)".to_owned();
        Some(Figure::new(name, "ns", 0.0, peer.name.clone(), peer.rotate? * NANO))
    };
    peers.iter().filter_map(of).collect()
}

/// Additions beside plain ones of the same bytes.
pub(crate) fn of_memory(memory: &Bandwidth) -> [Figure; 3] {
    let name = || "series, add from memory".to_owned();
    memory.plain.map(|(plain, bandwidth, ratio)| Figure {
        ratio: Some(ratio),
        ..Figure::new(name(), "GB/s", memory.ours / 1e9, plain.to_owned(), bandwidth / 1e9)
    })
}

/// A thousand batches from end to end.
pub(crate) fn of_run(run: &[(&'static str, f64)]) -> Vec<Figure> {
    let total: f64 = run.iter().map(|(_, seconds)| seconds).sum();
    let part = |(part, seconds): &(&str, f64)| {
        let name = format!("1,000 x 8,192 values {part}");
        Figure::new(name, "ms", seconds * MILLI, "all of it".to_owned(), total * MILLI)
    };
    run.iter().map(part).collect()
}

/// The ward.
pub(crate) fn of_day(day: &Day) -> Vec<Figure> {
    let row = |name: &str, unit, ours: f64, peer: &str, value: f64| {
        Figure::new(format!("ward, {name}"), unit, ours, peer.to_owned(), value)
    };
    let plain = "the readings in the clear";
    let (ours, clear) = (&day.ours, &day.plain);
    let bytes = (day.vectors * STORED_BYTES) as f64;
    let mut figures = vec![
        row(&format!("patients for {HOURS} h"), "patients", (day.vectors / HOURS) as f64, NONE, 0.0),
        row("encrypted, tagged and written", "ms", day.encrypt * MILLI, NONE, 0.0),
        row(
            "replica, processor",
            "ms",
            day.replica * MILLI,
            "the file read and hashed only",
            day.hashing * MILLI,
        ),
        row("replica, clock", "ms", day.replica_clock * MILLI, NONE, 0.0),
        row(
            "of it vectors read and added",
            "ms",
            day.additions * MILLI,
            "all of the replica",
            day.replica * MILLI,
        ),
        row("owner, verified and decrypted", "ms", day.owner * MILLI, NONE, 0.0),
        row(&format!("exact: {}", day.exact), "readings", ours.readings as f64, plain, clear.readings as f64),
        row("mean heart rate", "/min", ours.mean, plain, clear.mean),
        row("variance of it", "/min^2", ours.variance, plain, clear.variance),
        row(&format!("readings above {THRESHOLD}"), "readings", ours.above as f64, plain, clear.above as f64),
    ];
    let peak = day
        .peak_bytes
        .map(|peak| row("replica, peak memory", "MB", peak as f64 / 1e6, "all vectors", bytes / 1e6));
    figures.extend(peak);
    figures
}
