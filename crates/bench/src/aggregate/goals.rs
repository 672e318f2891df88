//! The goals of the design beside what was measured: ratios of one run, with two numbers in one coefficient.

use super::bandwidth::Bandwidth;
use super::peers::Peer;
use crate::figure::Figure;
use bodywire_aggregate::vector::STORED_BYTES;
use bodywire_sim::measure::sums::Costs;

const PAILLIER: &str = "python-paillier 3072";
const SEAL: &str = "SEAL, N = 4096";
/// How many times as fast as python-paillier: encryption, addition, decryption; and how many times smaller.
const TIMES_PAILLIER: [f64; 4] = [300_000.0, 30_000.0, 200_000.0, 90.0];
/// The same against SEAL, in each.
const TIMES_SEAL: [f64; 4] = [3.0; 4];
/// Part of the bandwidth that the fastest plain sum of the same bytes reaches.
const BANDWIDTH: f64 = 0.8;
/// Milliseconds of a thousand batches from end to end.
const RUN_MS: f64 = 50.0;

/// Whether a goal names this peer.
pub(crate) fn names(peer: &Peer) -> bool {
    [PAILLIER, SEAL].contains(&peer.name.as_str())
}

/// Each goal: what was reached, and in the peer's place what was to be reached.
pub(crate) fn figures(ours: &Costs, peers: &[Peer], memory: &Bandwidth, run_seconds: f64) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (name, goals) in [(PAILLIER, TIMES_PAILLIER), (SEAL, TIMES_SEAL)] {
        let peer = peers.iter().find(|peer| peer.name == name);
        figures.extend(peer.iter().flat_map(|peer| against(ours, peer, goals)));
    }
    figures.push(at_least("plain sum's bandwidth reached".to_owned(), "part", memory.to_fastest, BANDWIDTH));
    let name = "goal: 1,000 x 8,192 from end to end".to_owned();
    let reached = run_seconds * 1e3;
    let verdict = format!("goal, at most: {}", verdict(reached < RUN_MS));
    figures.push(Figure::new(name, "ms", reached, verdict, RUN_MS));
    figures
}

fn against(ours: &Costs, peer: &Peer, goals: [f64; 4]) -> Vec<Figure> {
    let places = ours.places as f64;
    let rows = [
        ("encrypt", peer.encrypt, ours.encrypt),
        ("add", peer.add, ours.add),
        ("decrypt", peer.decrypt, ours.decrypt),
        ("smaller", peer.bytes, STORED_BYTES as f64),
    ];
    let row = |((what, theirs, ours), goal): ((&str, Option<f64>, f64), f64)| {
        Some(at_least(format!("{what}, of {}", peer.name), "times", theirs? / (ours / places), goal))
    };
    rows.into_iter().zip(goals).filter_map(row).collect()
}

fn at_least(name: String, unit: &'static str, reached: f64, goal: f64) -> Figure {
    let verdict = format!("goal, at least: {}", verdict(reached >= goal));
    Figure::new(format!("goal: {name}"), unit, reached, verdict, goal)
}

const fn verdict(reached: bool) -> &'static str {
    if reached { "ok" } else { "missed" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(name: &str, seconds: f64) -> Peer {
        let one = Some(seconds);
        let name = name.to_owned();
        Peer {
            name,
            missing: None,
            encrypt: one,
            add: one,
            scale: one,
            decrypt: one,
            rotate: None,
            bytes: one,
        }
    }

    #[test]
    fn a_goal_is_met_or_said_to_be_missed_and_a_missing_peer_has_none() {
        let ours = Costs {
            places: 8192,
            encrypt: 8192e-9,
            tag: 1.0,
            add: 8192e-9,
            read_and_add: 1.0,
            scale: 1.0,
            verify: 1.0,
            decrypt: 8192e-9,
        };
        let memory = Bandwidth { ours: 1.0, plain: [("", 1.0, 1.0); 3], to_fastest: 0.81 };
        let said = |peers: &[Peer], run| -> Vec<(f64, bool)> {
            let figures = figures(&ours, peers, &memory, run);
            figures.iter().map(|figure| (figure.ours, figure.peer.ends_with("ok"))).collect()
        };
        assert_eq!(said(&[], 0.049), [(0.81, true), (49.0, true)]);
        let paillier = said(&[peer(PAILLIER, 40_000e-9)], 0.051);
        let met: Vec<bool> = paillier.iter().map(|(_, met)| *met).collect();
        assert_eq!(met, [false, true, false, false, true, false]);
        assert!((paillier[1].0 - 40_000.0).abs() < 1e-6);
        assert!(names(&peer(SEAL, 1.0)) && !names(&peer("python-paillier 2048", 1.0)));
    }
}
