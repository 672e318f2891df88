//! Replays the fuzzer's corpus through the bodies of its targets, and feeds each body bytes that nobody chose.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::cell::Cell;
use std::path::{Path, PathBuf};

#[path = "../../../fuzz/src/lib.rs"]
pub mod targets;

use targets::{TARGETS, Target};

/// Random inputs for each target. The fuzzer does more; these are for a build without one.
const RANDOM_INPUTS: u32 = 200;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The inputs of a target by their names, in order.
fn inputs(target: &str) -> Vec<(String, Vec<u8>)> {
    let place = folder().join("corpus").join(target);
    let listed = std::fs::read_dir(&place).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
    let mut found: Vec<(String, Vec<u8>)> = listed
        .flatten()
        .map(|entry| {
            let bytes = std::fs::read(entry.path()).unwrap_or_else(|error| panic!("{entry:?}: {error}"));
            (entry.file_name().to_string_lossy().into_owned(), bytes)
        })
        .collect();
    found.sort();
    found
}

#[test]
fn every_input_of_the_corpus_is_survived_and_valid_ones_are_accepted() {
    for Target { name, run } in TARGETS {
        let mut accepted = 0;
        for (input, bytes) in inputs(name) {
            // Shown when the body panics.
            eprintln!("{name}/{input}");
            let ok = run(&bytes);
            assert!(
                ok || !input.starts_with("valid-"),
                "{name}/{input} is refused: if the format has changed on purpose, make the seeds again (fuzz/README.md)"
            );
            accepted += u32::from(ok);
        }
        assert!(accepted > 0, "{name} has no valid seed: add one to fuzz/examples/seeds.rs");
    }
}

#[test]
fn every_target_has_its_shim() {
    let manifest = std::fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    for Target { name, .. } in TARGETS {
        let shim = format!("fuzz_targets/{name}.rs");
        assert!(folder().join(&shim).exists(), "there is no {shim}");
        assert!(
            manifest.contains(&format!("path = \"{shim}\"")),
            "fuzz/Cargo.toml has no [[bin]] for {shim}"
        );
    }
    let shims = std::fs::read_dir(folder().join("fuzz_targets")).unwrap().count();
    assert_eq!(shims, TARGETS.len(), "a shim has no target in fuzz/src/lib.rs");
}

#[test]
fn random_bytes_and_damaged_seeds_are_survived() {
    for Target { name, run } in TARGETS {
        // A runner counts its cases over all of its runs.
        let config = Config { cases: RANDOM_INPUTS, failure_persistence: None, ..Config::default() };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
        let mut runner = TestRunner::new_with_rng(config, rng);
        let runs = Cell::new(0);
        let seeds: Vec<Vec<u8>> = inputs(name).into_iter().map(|(_, bytes)| bytes).collect();
        let damaged = (prop::sample::select(seeds), any::<prop::sample::Index>(), any::<u8>(), any::<bool>())
            .prop_map(|(mut bytes, place, value, cut)| {
                let at = place.index(bytes.len().max(1));
                if cut {
                    bytes.truncate(at);
                } else if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
                bytes
            });
        let anything = prop::collection::vec(any::<u8>(), 0..300);
        let result = runner.run(&prop_oneof![damaged, anything], |bytes| {
            runs.set(runs.get() + 1);
            let _ = run(&bytes);
            Ok(())
        });
        result.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(runs.get(), RANDOM_INPUTS, "{name}");
    }
}
