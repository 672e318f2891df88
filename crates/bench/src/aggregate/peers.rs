//! Schemes of others: those that a Python script measures in a process of its own, and Paillier's in Rust.

use crate::processor::Processor;
use bodywire_sim::measure::paillier::costs;
use serde::Deserialize;
use std::path::Path;
use std::process::{Command, Stdio};

/// What the script is; it says itself which packages it needs.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/aggregate-peers");
/// A peer: seconds on a processor for each value, and its bytes.
#[derive(Debug, Deserialize)]
pub(crate) struct Peer {
    pub(crate) name: String,
    /// Why it was not measured.
    pub(crate) missing: Option<String>,
    pub(crate) encrypt: Option<f64>,
    pub(crate) add: Option<f64>,
    pub(crate) scale: Option<f64>,
    pub(crate) decrypt: Option<f64>,
    pub(crate) rotate: Option<f64>,
    pub(crate) bytes: Option<f64>,
}

/// What the script measures.
///
/// # Errors
/// A sentence, when it cannot be run or does not end well.
pub(crate) fn of_python(python: &Path) -> Result<Vec<Peer>, String> {
    let done = Command::new(python).arg(SCRIPT).stderr(Stdio::inherit()).output();
    let done = done.map_err(|error| format!("{} does not run: {error}", python.display()))?;
    if !done.status.success() {
        return Err(format!("{SCRIPT} failed with {}: run it alone to see why", done.status));
    }
    serde_json::from_slice(&done.stdout).map_err(|error| format!("{SCRIPT} printed no figures: {error}"))
}

/// Paillier's scheme in Rust, one value for each ciphertext and packed, with one key of so many bits.
pub(crate) fn of_rust(bits: u32, watch: &Processor) -> [Peer; 2] {
    costs(bits, watch).expect("honest sums").map(|costs| Peer {
        name: costs.name,
        missing: None,
        encrypt: Some(costs.encrypt),
        add: Some(costs.add),
        scale: Some(costs.scale),
        decrypt: Some(costs.decrypt),
        rotate: None,
        bytes: Some(costs.bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paillier_is_measured_and_packing_makes_it_cheaper() {
        let [one, packed] = of_rust(256, &Processor { seconds: 0.0 });
        assert!(one.encrypt.unwrap() > packed.encrypt.unwrap());
        assert_eq!(one.bytes, Some(64.0));
        assert_eq!(packed.name, "fast-paillier 256, packed");
    }

    #[test]
    fn what_the_script_prints_is_read() {
        let text = r#"[{"name": "a", "encrypt": 1e-7, "encode": 2e-8, "bytes": 21.6}, {"name": "b", "missing": "no module"}]"#;
        let peers: Vec<Peer> = serde_json::from_str(text).unwrap();
        assert_eq!((peers[0].encrypt, peers[0].rotate), (Some(1e-7), None));
        assert_eq!(peers[1].missing.as_deref(), Some("no module"));
        assert!(of_python(Path::new("/no/such/python")).unwrap_err().contains("does not run"));
    }
}
