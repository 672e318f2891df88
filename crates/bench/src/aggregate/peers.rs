//! Schemes of others: those that a Python script measures in a process of its own, and Paillier's in Rust.

use super::ours::LARGEST;
use crate::paillier::Paillier;
use crate::processor::seconds_each;
use bodywire_aggregate::AdditiveHe;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use serde::Deserialize;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};

/// What the script is; it says itself which packages it needs.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/aggregate-peers");
/// Distinct ciphertexts that are added.
const DISTINCT: usize = 32;
const WEIGHT: u32 = 7;

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
pub(crate) fn of_rust(bits: u32, seconds: f64) -> [Peer; 2] {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let keys = Paillier { bits, packed: false }.keygen(&mut rng).expect("two primes");
    [false, true].map(|packed| of_scheme(Paillier { bits, packed }, &keys, seconds, &mut rng))
}

type Keys = (<Paillier as AdditiveHe>::Public, <Paillier as AdditiveHe>::Secret);

fn of_scheme(scheme: Paillier, (public, secret): &Keys, seconds: f64, rng: &mut ChaCha20Rng) -> Peer {
    let lanes = scheme.lanes();
    let each = 1.0 / lanes as f64;
    let values: Vec<u32> = (0..lanes).map(|_| rng.next_u32() % (LARGEST + 1)).collect();
    let encrypt = seconds_each(seconds, || {
        black_box(scheme.encrypt(public, &values, LARGEST, rng).expect("readings within their bound"));
    });
    let sealed: Vec<_> = (0..DISTINCT)
        .map(|_| scheme.encrypt(public, &values, LARGEST, rng).expect("readings within their bound"))
        .collect();
    let terms: Vec<_> = sealed.iter().map(|one| (one, 1)).collect();
    let add = seconds_each(seconds, || {
        black_box(scheme.weighted_sum(public, &terms).expect("within a lane"));
    });
    let scale = seconds_each(seconds, || {
        let term = sealed.first().map(|one| (one, WEIGHT));
        black_box(scheme.weighted_sum(public, term.as_slice()).expect("within a lane"));
    });
    let sum = scheme.weighted_sum(public, &terms).expect("within a lane");
    let plain: Vec<u64> = values.iter().map(|value| u64::from(*value) * DISTINCT as u64).collect();
    let decrypt = seconds_each(seconds, || {
        assert_eq!(scheme.decrypt(public, secret, &sum).expect("an honest sum"), plain);
    });
    Peer {
        name: format!("fast-paillier {}{}", scheme.bits, if scheme.packed { ", packed" } else { "" }),
        missing: None,
        encrypt: Some(encrypt * each),
        add: Some(add * each / (DISTINCT - 1) as f64),
        scale: Some(scale * each),
        decrypt: Some(decrypt * each),
        rotate: None,
        bytes: Some(scheme.ciphertext_bytes() as f64 * each),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paillier_is_measured_and_packing_makes_it_cheaper() {
        let [one, packed] = of_rust(256, 0.0);
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
