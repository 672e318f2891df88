//! One measured number beside its peer's.

use serde::Serialize;

/// A figure.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) name: String,
    /// In which unit.
    pub(crate) unit: &'static str,
    /// Our value.
    pub(crate) ours: f64,
    /// What it stands beside.
    pub(crate) peer: String,
    /// The peer's value.
    pub(crate) peer_value: f64,
    /// Ours divided by the peer's; `None` when the peer's is zero.
    pub(crate) ratio: Option<f64>,
}

impl Figure {
    pub(crate) fn new(name: String, unit: &'static str, ours: f64, peer: String, peer_value: f64) -> Self {
        let ratio = (peer_value != 0.0).then(|| ours / peer_value);
        Self { name, unit, ours, peer, peer_value, ratio }
    }
}

/// All figures for people.
pub(crate) fn table(figures: &[Figure]) -> String {
    let line = |f: &Figure| {
        let ratio = f.ratio.map_or_else(String::new, |ratio| {
            if ratio > 0.0 && ratio < 0.001 { format!("{ratio:.1e}") } else { format!("{ratio:.3}") }
        });
        format!(
            "{:<44} {:>14} {:<14} {:<44} {:>14} {ratio:>10}",
            f.name,
            short(f.ours),
            f.unit,
            f.peer,
            short(f.peer_value)
        )
    };
    let heading =
        format!("{:<44} {:>14} {:<14} {:<44} {:>14} {:>10}", "name", "ours", "unit", "peer", "peer", "ratio");
    std::iter::once(heading).chain(figures.iter().map(line)).collect::<Vec<_>>().join("\n")
}

fn short(value: f64) -> String {
    if (0.01..10.0).contains(&value.abs()) {
        format!("{value:.4}")
    } else if value == 0.0 || (10.0..1e7).contains(&value.abs()) {
        format!("{value:.3}")
    } else {
        format!("{value:.2e}")
    }
}
